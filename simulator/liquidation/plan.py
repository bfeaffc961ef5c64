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
    """Close ``lots`` (> 0) of a position at the market, reduce-only.

    ``instrument`` is the position's slot: in hedge mode a contract has two.
    """

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

    def after(i: int, lots: int) -> dict[int, int]:
        return {**held, i: held[i] - lots if held[i] > 0 else held[i] + lots}

    def most_useful(i: int) -> int:
        """Return the lots to close where the requirement is least: no leg of a hedge."""
        low, high = 0, abs(held[i])
        if equity <= 0:
            return high
        while low < high:  # the requirement falls, then rises
            middle = (low + high) // 2
            if maintenance(after(i, middle)) > maintenance(after(i, middle + 1)):
                low = middle + 1
            else:
                high = middle
        return low

    while any(held.values()) and not safe(held):
        useful = {i: most_useful(i) for i in held if held[i]}
        best = min(useful, key=lambda i: (maintenance(after(i, useful[i])), i))
        # Where no single position helps, such as two that only hedge each other, all of one goes.
        lots = useful[best] or abs(held[best])
        if safe(after(best, lots)):
            low, high = 0, lots  # closing `low` is not enough, closing `high` is
            while high - low > 1:
                middle = (low + high) // 2
                if safe(after(best, middle)):
                    high = middle
                else:
                    low = middle
            lots = high
        closes[best] = closes.get(best, 0) + lots
        held = after(best, lots)
    return [Close(i, lots) for i, lots in closes.items()]
