"""Composed books, indices and marks of a cascade, in plain Python.

A second writing of docs/concepts/impact.md and of the mark price in docs/rules.md, for what the
tests of cascades use: spot pairs and linear perpetuals, constant or linear depth.  A side of a book
is a list of levels, nothing is compiled, nothing is kept between two steps but what was taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from simulator.market.liquidity import Liquidity

SECOND = 10**9
POINTS = 30
"""Points of the moving average of a mark price, one a second."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What the plain model knows of an instrument; ``tick`` and ``lot`` in quote and base."""

    name: str
    base: str
    tick: float
    lot: float
    spot: bool


@dataclass(slots=True)
class Level:
    """One price of a composed side: lots composed and left, and how far from the quote it ends."""

    price: int
    lots: int
    left: int
    edge: float


@dataclass(slots=True)
class PlainBook:
    """A book around a moved reference.

    ``tape`` is what the tape displays [side, price] -> lots, ``last`` its last print; ``transient``
    and ``lasting`` are the two parts of the displacement, as log distances, ``composed`` the first
    one when the levels were composed.  Side +1 are bids.
    """

    contract: Contract
    rules: Liquidity
    feedback: bool = True
    tape: dict[tuple[int, int], int] = field(default_factory=dict)
    last: int = 0
    transient: float = 0.0
    lasting: float = 0.0
    composed: float = 0.0
    sides: dict[int, list[Level]] = field(default_factory=lambda: {1: [], -1: []})

    # The tape

    def show(self, side: int, price: int, lots: int) -> None:
        """A DEPTH row."""
        if lots:
            self.tape[side, price] = lots
        else:
            self.tape.pop((side, price), None)

    @property
    def reference(self) -> float:
        """The undisturbed mid in ticks, the last print without one, 0 without anything."""
        bids = [price for side, price in self.tape if side > 0]
        asks = [price for side, price in self.tape if side < 0]
        return (max(bids) + min(asks)) / 2 if bids and asks else float(self.last)

    # A step of the clock

    def recover(self, seconds: float) -> None:
        """What is not permanent comes back."""
        way = self.rules.resilience
        if way == "instant":
            self.transient = 0.0
        elif way == "exponential":
            self.transient *= math.exp(-math.log(2) * seconds * SECOND / self.rules.half_life_ns)
            if abs(self.transient) < 1e-12:
                self.transient = 0.0
        elif way == "linear":
            back = min(abs(self.transient), self.rules.recovery * seconds / 60)
            self.transient -= math.copysign(back, self.transient)

    def measure(self) -> None:
        """What was taken since the last step moves the book by the distance it was walked."""
        moved = 0.0
        for side, sign in ((1, -1), (-1, 1)):
            inner = 0.0
            for level in self.sides[side]:
                if level.left == level.lots:
                    break
                share = 1 - level.left / level.lots
                moved += sign * (self._walked(sign, inner, level.edge, share) - inner)
                inner = level.edge
        if self.feedback:
            self.lasting += self.rules.permanent * moved
            if self.rules.resilience != "instant":
                self.transient += (1 - self.rules.permanent) * moved

    def _walked(self, sign: int, inner: float, outer: float, share: float) -> float:
        """Distance from the quote when a share of the depth between two distances is gone."""
        if share >= 1:
            return outer
        if self.rules.profile == "constant":
            return inner + share * (outer - inner)
        first = _signed_square(self.composed + sign * inner)
        at = first + share * (_signed_square(self.composed + sign * outer) - first)
        return sign * (math.copysign(math.sqrt(abs(at)), at) - self.composed)

    def compose(self) -> None:
        """Both sides anew around the moved reference."""
        if self.reference <= 0:
            return
        self.composed = self.transient
        self.sides[1] = list(self._levels(1))
        self.sides[-1] = list(self._levels(-1))

    def _levels(self, side: int) -> Iterator[Level]:
        """Levels of a side, best first.

        The first stands at the quote, the others in the middle of their interval, on the tick
        that is worse for who takes them; lots are whole, and what a level has less of a lot
        is the next one's.
        """
        rules, sign = self.rules, -side
        middle = self.reference * math.exp(self.transient + self.lasting)
        depth = rules.depth
        if rules.flight and self.transient:
            depth *= math.exp(-math.log(2) * abs(self.transient) / rules.flight)
        found: list[Level] = []
        inner = whole = 0.0
        given = 0
        for k in range(rules.levels):
            outer = rules.reach * ((k + 1) / rules.levels) ** 2
            away = rules.spread / 2 + ((inner + outer) / 2 if k else 0.0)
            exact = middle * math.exp(sign * away)
            price = math.floor(exact) if side > 0 else math.ceil(exact)
            if side < 0 and self.sides[1] and price <= self.sides[1][0].price:
                price = self.sides[1][0].price + 1
            if price < 1:
                break
            notional = depth * self._share(sign, inner, outer)
            here = notional / (price * self.contract.tick * self.contract.lot)
            lots = math.floor(whole + here) - given
            # A level ends where its whole lots do.
            edge = outer if given + lots == whole + here else 0.0
            edge = edge or inner + (outer - inner) * ((given + lots - whole) / here)
            given, whole, inner = given + lots, whole + here, outer
            if found and (price - found[-1].price) * sign <= 0 and lots:
                found[-1].lots += lots
                found[-1].left += lots
                found[-1].edge = edge
            elif lots:
                found.append(Level(price, lots, lots, edge))
        yield from found

    def _share(self, sign: int, inner: float, outer: float) -> float:
        """Depth between two distances, as a multiple of the depth within a percent."""
        if self.rules.profile == "constant":
            return (outer - inner) / 0.01
        ends = [_signed_square(self.transient + sign * edge) for edge in (inner, outer)]
        return abs(ends[1] - ends[0]) / 0.01**2

    # Orders

    def take(self, side: int, lots: int, limit: int) -> list[tuple[int, int]]:
        """Fill an immediate-or-cancel order: buys from the asks (``side`` +1) up to ``limit``, or
        sells to the bids down to it; 0 is no limit.  Returns (price, lots), best first.
        """
        fills = []
        for level in self.sides[-side]:
            if lots == 0 or (limit and (level.price - limit) * side > 0):
                break
            some = min(lots, level.left)
            if some:
                fills.append((level.price, some))
                lots -= some
                if self.feedback:
                    level.left -= some
        return fills

    def restore(self) -> None:
        """Without feedback: whatever was taken is there again."""
        for side in self.sides.values():
            for level in side:
                level.left = level.lots

    def best(self, side: int) -> int:
        """Best price of a side with something left, 0 without."""
        return next((level.price for level in self.sides[side] if level.left), 0)

    @property
    def mid(self) -> float:
        """Mid of what is left, in quote units; the moved last print if a side is empty."""
        bid, ask = self.best(1), self.best(-1)
        ticks = (bid + ask) / 2 if bid and ask else float(self.moved_last)
        return ticks * self.contract.tick

    @property
    def moved_last(self) -> int:
        """The last print, moved as far as the book is."""
        if not self.last:
            return 0
        return max(1, math.floor(self.last * math.exp(self.transient + self.lasting) + 0.5))


def _signed_square(u: float) -> float:
    return math.copysign(u * u, u)


@dataclass(slots=True)
class PlainMarket:
    """All books of a run with their prices; ``mark`` by instrument, ``index`` by asset."""

    books: dict[str, PlainBook]
    mark: dict[str, float] = field(default_factory=dict)
    index: dict[str, float] = field(default_factory=lambda: {"USDT": 1.0})
    points: dict[str, list[float]] = field(default_factory=dict)
    time: int = 0

    def step(self, now: int) -> None:
        """A step of the mark clock: books, then indices, then marks."""
        for book in self.books.values():
            if self.time:
                book.recover((now - self.time) / SECOND)
            book.measure()
        self.time = now
        for book in self.books.values():
            book.compose()
        self._indices()
        for name, book in self.books.items():
            if book.contract.spot:
                self.mark[name] = book.mid
            elif book.mid > 0:
                self._mark(name, book)

    def _indices(self) -> None:
        """An asset's own spot book, or its perpetual's where it has none."""
        for spot in (False, True):
            for book in self.books.values():
                if book.contract.spot == spot and book.mid > 0:
                    self.index[book.contract.base] = book.mid

    def _mark(self, name: str, book: PlainBook) -> None:
        """Median of the index, the index and its average basis, and the last price."""
        index = self.index[book.contract.base]
        basis = self.points.setdefault(name, [])
        basis.append(book.mid - index)
        del basis[:-POINTS]
        average = basis[-1] if len(set(basis)) == 1 else sum(basis) / len(basis)
        last = book.moved_last * book.contract.tick or book.mid
        self.mark[name] = median([index, index + average, last])
