"""What to close when a pool has reached its liquidation threshold, in plain Python.

The readable twin of `simulator.exchange.closing.Closing.choose`: which position is closed next and
how far.  Nothing is carried out here.  Where even closing everything does not reach the target,
everything is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Close:
    """Close ``lots`` (> 0) of a position by an order that trades at once, reduce-only.

    ``instrument`` is the position's slot: in hedge mode a contract has two.
    """

    instrument: int
    lots: int


Held = Mapping[int, int]
Maintenance = Callable[[Held], float]
Cost = Callable[[int, int], float]


def plan(
    positions: Held,
    equity: float,
    maintenance: Maintenance,
    target: float,
    cost: Cost | None = None,
    short_options: Collection[int] = (),
) -> list[Close]:
    """Return what to close so that ``equity / maintenance`` rises above ``target``.

    ``positions`` are signed lots by slot; ``maintenance`` is the pool's requirement if it held
    given positions, ``cost`` what closing lots of a slot costs.  What closing costs does not lower
    ``equity`` here: the venue chooses anew after each order.

    >>> plan({0: 10}, 10.0, lambda held: abs(held[0]) * 1.0, 1.5)
    [Close(instrument=0, lots=4)]
    >>> plan({0: 10}, -1.0, lambda held: abs(held[0]) * 1.0, 1.5)
    [Close(instrument=0, lots=10)]
    """
    held = {i: lots for i, lots in positions.items() if lots}
    closes: dict[int, int] = {}
    while close := choose(held, equity, maintenance, target, cost, short_options):
        held = _after(held, close.instrument, close.lots)
        closes[close.instrument] = closes.get(close.instrument, 0) + close.lots
    return [Close(i, lots) for i, lots in closes.items()]


def choose(
    held: Held,
    equity: float,
    maintenance: Maintenance,
    target: float,
    cost: Cost | None = None,
    short_options: Collection[int] = (),
    fee: Cost | None = None,
) -> Close | None:
    """Return what to close next, None where the pool is above its target or holds nothing.

    Short options come first.  Of the rest the position whose closing lowers the requirement most
    per unit of cost, ties by slot; it is closed as far as the target asks with the clearance
    ``fee`` of closing lots of a slot paid, and no further than the requirement falls: where no
    position by itself lowers it, such as two that only hedge each other, all of the first goes.
    Where no part of it reaches the target it goes at once: part by part a fee above the maintenance
    that it frees would eat the equity.

    >>> cheap, dear = 0, 1
    >>> choose(
    ...     {cheap: 5, dear: 5},
    ...     0.5,
    ...     lambda held: sum(held.values()) * 1.0,
    ...     1.5,
    ...     lambda slot, lots: (1.0, 2.0)[slot] * lots,
    ... )
    Close(instrument=0, lots=5)
    """

    open_now = [i for i in sorted(held) if held[i]]
    if _safe(equity, maintenance(held), target) or not open_now:
        return None
    first = [i for i in open_now if i in short_options] or open_now
    useful = {i: _most_useful(held, i, equity, maintenance) for i in first}

    def gain(i: int) -> float:
        if useful[i] == 0:
            return 0.0
        relief = maintenance(held) - maintenance(_after(held, i, useful[i]))
        return relief / (cost(i, useful[i]) if cost else useful[i])

    best = max(first, key=lambda i: (gain(i), -i)) if len(first) > 1 else first[0]
    lots = useful[best] or abs(held[best])

    def enough(some: int) -> bool:
        left = equity - (fee(best, some) if fee else 0.0)
        return _safe(left, maintenance(_after(held, best, some)), target)

    def pays(some: int) -> bool:
        freed = maintenance(_after(held, best, some)) - maintenance(_after(held, best, some + 1))
        return target * freed > (fee(best, 1) if fee else 0.0)

    high = lots if enough(lots) else _first(lots, lambda some: not pays(some))
    if not enough(high):
        return Close(best, lots)
    return Close(best, _first(high, enough))


def _safe(equity: float, required: float, target: float) -> bool:
    return equity > 0 and (required == 0 or equity > target * required)


def _first(most: int, found: Callable[[int], bool]) -> int:
    """Return the least number for which ``found`` holds, ``most`` if for none below it."""
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if found(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _after(held: Held, i: int, lots: int) -> dict[int, int]:
    return {**held, i: held[i] - lots if held[i] > 0 else held[i] + lots}


def _most_useful(held: Held, i: int, equity: float, maintenance: Maintenance) -> int:
    """Return the lots to close where the requirement is least: no leg of a hedge."""
    low, high = 0, abs(held[i])
    if equity <= 0:
        return high
    while low < high:  # the requirement falls, then rises
        middle = (low + high) // 2
        if maintenance(_after(held, i, middle)) > maintenance(_after(held, i, middle + 1)):
            low = middle + 1
        else:
            high = middle
    return low
