"""What to close when a pool has reached its liquidation threshold.

A plan is a list of commands and nothing else: the exchange carries them out.  Positions are closed
one after the other, the one whose closing lowers the requirement most first, each only as far as
the target asks.  Where even closing everything does not reach the target, everything is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Close:
    """Close ``lots`` (> 0) of a position at the market, reduce-only."""

    instrument: int
    lots: int


def plan(
    positions: Mapping[int, int],
    equity: float,
    maintenance: Callable[[Mapping[int, int]], float],
    target: float,
) -> list[Close]:
    """Return what to close so that ``equity / maintenance`` rises above ``target``.

    ``positions`` are signed lots by instrument; ``maintenance`` is the pool's requirement if it
    held given positions.  Closing costs (spread, fees) are not foreseen: where they matter
    the exchange plans again.

    >>> plan({0: 10}, 10.0, lambda held: abs(held[0]) * 1.0, 1.5)
    [Close(instrument=0, lots=4)]
    >>> plan({0: 10}, -1.0, lambda held: abs(held[0]) * 1.0, 1.5)
    [Close(instrument=0, lots=10)]
    """
    held = {i: lots for i, lots in positions.items() if lots}
    closes: dict[int, int] = {}

    def safe(candidate: Mapping[int, int]) -> bool:
        required = maintenance(candidate)
        return equity > 0 and (required == 0 or equity > target * required)

    while any(held.values()) and not safe(held):
        best = min((i for i in held if held[i]), key=lambda i: (maintenance({**held, i: 0}), i))
        size = abs(held[best])
        sign = 1 if held[best] > 0 else -1
        lots = size
        if safe({**held, best: 0}):
            low, high = 0, size  # closing `low` is not enough, closing `high` is
            while high - low > 1:
                middle = (low + high) // 2
                if safe({**held, best: sign * (size - middle)}):
                    high = middle
                else:
                    low = middle
            lots = high
        closes[best] = closes.get(best, 0) + lots
        held[best] -= sign * lots
    return [Close(i, lots) for i, lots in closes.items()]
