"""Generate the thin book of a contract that few quote: some levels a side around a fair price.

At each look (every ``every_ms``), with the fair price ``f`` and the half spread ``h``, in ticks::

    prints      orders since the last look take the best level, at most what it displays
    stay        while |mid - f| <= keep * h and the spread is within 0.6 and 1.6 of 2 * h
    else        best bid = floor(f - h), best ask = ceil(f + h)
    further     behind the best at fixed distances, rounded outward to a grid as wide

A price below one tick is not quoted: what is worth nothing has no bid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor

from replay_data.draws import coarse

Row = tuple[int, int, int, int]
"""Instant in ms, side, price in ticks, lots."""

GROWTH = (1.0, 2.0, 4.0, 8.0)
"""Quantity of each level over that of the best."""


@dataclass(frozen=True, slots=True)
class Fair:
    """A contract as its market makers see it, ``[look]``; prices and spreads in ticks."""

    ms: Sequence[int]
    price: Sequence[float]
    half: Sequence[float]
    scale: Sequence[float]  # of displayed quantities
    sell: Sequence[float]  # how much likelier than half a sale is
    orders: Sequence[float]  # expected since the look before


@dataclass(frozen=True, slots=True)
class Habits:
    """What stays the same over the hour: ``gaps`` in ticks, quantities in lots."""

    gaps: Sequence[int]
    keep: float
    redraw: float
    quantity: float
    order: float


@dataclass(slots=True)
class Quoted:
    """What was displayed and traded: DEPTH and TRADE rows, the touch at each look."""

    depth: list[Row] = field(default_factory=list)
    trades: list[Row] = field(default_factory=list)
    touch: list[tuple[int, int]] = field(default_factory=list)


class Quoter:
    """Runs one contract through the hour; keys are prices of bids and minus prices of asks."""

    def __init__(self, habits: Habits, uniform: Callable[[], float]) -> None:
        self.habits, self.uniform = habits, uniform
        self.sides: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.best = {1: 0, -1: 0}
        self.made = Quoted()

    def draw(self, mean: float) -> int:
        """Draw lots around a mean: mostly less, sometimes three times that; at least one."""
        u = self.uniform()
        return max(1, coarse(mean * (0.25 + 0.75 * u / (1.05 - u) * 0.6)))

    def levels(self, o: int, best: int, scale: float) -> dict[int, int]:
        """Return a side's levels for a best key; a level that stays keeps its quantity."""
        held, habits, out = self.sides[o], self.habits, {}
        key = best
        for level, growth in enumerate(GROWTH[: len(habits.gaps) + 1]):
            if level:
                gap = habits.gaps[level - 1]
                key = min((best - gap) // gap * gap, key - 1)
            if o > 0 and key < 1:
                break
            kept = held.get(key, 0)
            if not kept or self.uniform() < habits.redraw:
                kept = self.draw(habits.quantity * growth * scale)
            out[key] = kept
        return out

    def show(self, ms: int, best: dict[int, int], scale: float) -> None:
        """Display new levels; removals are told first, so that no row crosses the book."""
        now = {o: self.levels(o, best[o], scale) for o in (1, -1)}
        depth = self.made.depth
        for o in (1, -1):
            depth.extend((ms, o, o * key, 0) for key in self.sides[o] if key not in now[o])
        for o in (1, -1):
            held = self.sides[o]
            depth.extend((ms, o, o * k, q) for k, q in now[o].items() if held.get(k) != q)
        self.sides, self.best = now, best

    def order(self, ms: int, sell: float) -> None:
        """Let an order take from the best level; what it took is gone from the next book."""
        o = -1 if self.uniform() < 0.5 + sell else 1
        lots = self.draw(self.habits.order)
        levels = self.sides[-o]
        if not levels:
            return
        key = max(levels)
        lots = min(lots, levels[key])
        self.made.trades.append((ms, o, -o * key, lots))
        if lots < levels[key]:
            levels[key] -= lots
            self.made.depth.append((ms, -o, -o * key, levels[key]))
        else:
            del levels[key]
            self.made.depth.append((ms, -o, -o * key, 0))

    def look(self, fair: Fair, at: int) -> None:
        """Bring the quotes to the fair price where they left it."""
        price, half = fair.price[at], max(fair.half[at], 0.5)
        wanted = {1: floor(price - half), -1: -max(ceil(price + half), 1)}
        bid, ask = self.best[1], -self.best[-1]
        bids = self.best[1] < 1 or self.best[1] in self.sides[1]
        there = bids and self.best[-1] in self.sides[-1]
        near = abs((bid + ask) / 2 - price) <= self.habits.keep * half
        if there and near and ask and 0.6 <= (ask - bid) / (2.0 * half) <= 1.6:
            wanted = self.best
        self.show(fair.ms[at], wanted, fair.scale[at])

    def run(self, fair: Fair) -> Quoted:
        """Generate the hour, up to the last look of ``fair``."""
        self.look(fair, 0)
        for at in range(1, len(fair.ms)):
            self.made.touch.append((max(self.best[1], 0), -self.best[-1]))
            if self.uniform() < fair.orders[at]:
                before = fair.ms[at - 1]
                room = fair.ms[at] - before - 2
                self.order(before + 1 + int(self.uniform() * room), fair.sell[at])
            self.look(fair, at)
        self.made.touch.append((max(self.best[1], 0), -self.best[-1]))
        return self.made
