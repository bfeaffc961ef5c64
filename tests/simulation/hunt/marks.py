"""Index and marks at every tick of the venue's clock, by the venue's formula in plain Python.

What they follow from is told by the tape (marks, indices, prints, volatilities, estimates of
funding); of the venue only the best displayed prices are read, before each tick.  Rules:
docs/rules.md; an index or mark of the tape that has not come for ten minutes is none.  Ticks that
the venue's clock sleeps through must have found what the last one did, and count as that.

Not in a run with impact, whose books and prices move each other.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import erfc, log, sqrt
from statistics import fmean, median
from typing import Any

import pytest

from simulator.exchange import desk
from simulator.exchange.upkeep import Upkeep
from simulator.market.tape import Kind
from simulator.simulation import Simulation
from tests.simulation.hunt.case import Case
from tests.simulation.hunt.faults import INSTRUMENT, KIND, PRICE, QUANTITY, TIME

E8 = 10**8
STALE_NS = 600 * 10**9
HOUR_NS = 3600 * 10**9
YEAR_NS = 365 * 24 * HOUR_NS
CASH = ("USDT", "USD")
EVERY = 4
"""One seed in so many is listened to: a call of Python for each tick takes its time."""

SOURCES = (("spot", False), ("um", False), ("cm", False), ("um", True), ("cm", True))
"""Whose mid is an asset's index where the tape tells none: market, and whether it expires."""

KINDS = [
    int(kind)
    for kind in (
        Kind.MARK,
        Kind.INDEX,
        Kind.FUNDING_ESTIMATE,
        Kind.VOLATILITY,
        Kind.TRADE,
        Kind.AGG_TRADE,
    )
]


class Heard(Upkeep):
    """An upkeep that tells before and after each tick, and of rates that are set."""

    model: Marks | None = None

    def mark(self) -> int:
        if self.model is None:
            return int(super().mark())
        expected = self.model.before()
        found = int(super().mark())
        self.model.after(expected)
        return found

    def set_funding(self, instrument: int, rate: float) -> None:
        super().set_funding(instrument, rate)
        if self.model is not None:
            self.model.future[instrument].rate = rate

    def restart_premium(self, instrument: int, start_ns: int, end_ns: int) -> None:
        super().restart_premium(instrument, start_ns, end_ns)
        if self.model is not None:
            self.model.future[instrument].paid_ns = end_ns


@contextmanager
def listening(case: Case) -> Iterator[None]:
    """Build what a case needs so that `Marks` can hear it."""
    with pytest.MonkeyPatch.context() as patch:
        if case.seed % EVERY == 1 % EVERY and case.world["impact"] is None:
            patch.setattr(desk, "Upkeep", Heard)
        yield


@dataclass
class Told:
    """A price of the tape and its instant."""

    price: float = 0.0
    time: int = -(1 << 62)

    def stands(self, now: int) -> bool:
        """Whether it has come within ten minutes."""
        return self.price > 0.0 and now - self.time <= STALE_NS


@dataclass
class Future:
    """What the mark of a future remembers: distances of mid and index, running rate, its end."""

    points: deque[float]
    counted: int = -1
    """The tick at which the last point was taken."""

    rate: float = 0.0
    paid_ns: int = 0
    doubt: int = 0
    """Ticks for which its average is not known."""


@dataclass
class Prices:
    """What a tick must find; 0 where it must leave what was."""

    index: dict[int, float] = field(default_factory=dict)
    mark: dict[int, float] = field(default_factory=dict)
    fills: int = 0


class Marks:
    """The model of one run; ``counts`` say how much was compared."""

    def __init__(self, run: Simulation, case: Case) -> None:
        self.run, self.core, self.pools = run, run.core, run.core.pools
        self.listed, self.assets = run.player.instruments, run.assets
        rules = run.rules.mark
        self.points, self.step = rules.points, rules.step_ns
        self.hours = rules.basis_hours
        self.ticks = [float(one.tick) for one in self.listed]
        rows = case.rows
        self.rows = rows[_of_prices(rows)].tolist()
        self.next = 0
        self.tick = 0
        self.index_told: dict[str, Told] = {}
        self.mark_told = [Told() for _ in self.listed]
        self.last = [0.0] * len(self.listed)
        self.volatility = [0.0] * len(self.listed)
        self.future = [Future(deque(maxlen=self.points)) for _ in self.listed]
        self.source = {asset: self._source(asset) for asset in self.assets}
        self.forward = [self._forward(one) for one in self.listed]
        self.counts: Counter[str] = Counter()
        upkeep: Any = run.desk.upkeep
        upkeep.model = self
        self.upkeep = upkeep

    def _source(self, asset: str) -> int:
        if asset in CASH:
            return -1
        for market, dated in SOURCES:
            for number, one in enumerate(self.listed):
                same = (one.market, one.expiry_ns > 0) == (market, dated)
                if same and one.base == asset and one.quote in CASH:
                    return number
        return -1

    def _forward(self, option: Any) -> int:
        """The delivery future of an option's expiry."""
        for number, one in enumerate(self.listed):
            ends = one.base, one.quote, one.expiry_ns
            if one.market == "um" and ends == (option.base, option.quote, option.expiry_ns):
                return number
        return -1

    # What the tape tells

    def _take(self, now: int) -> None:
        """Take the rows that came before a tick."""
        while self.next < len(self.rows) and self.rows[self.next][TIME] <= now:
            row = self.rows[self.next]
            number, kind, price = row[INSTRUMENT], row[KIND], row[PRICE]
            self.next += 1
            if kind == Kind.MARK:
                self.mark_told[number] = Told(price / E8, row[TIME])
            elif kind == Kind.INDEX:
                self.index_told[self.listed[number].base] = Told(price / E8, row[TIME])
            elif kind == Kind.FUNDING_ESTIMATE:
                self.future[number].rate = price / E8
                self.future[number].paid_ns = row[QUANTITY]
            elif kind == Kind.VOLATILITY:
                self.volatility[number] = price / E8
            else:
                self.last[number] = price * self.ticks[number]

    # A tick

    def before(self) -> Prices:
        """What the tick that comes now must find."""
        now = int(self.core.now)
        self._take(now)
        found = Prices(fills=int(self.core.n_fills))
        slept = (now - self.tick) // self.step - 1 if self.tick else 0
        if slept * self.step > HOUR_NS:
            slept = 0  # a break between recordings: no clock ran
        for number, asset in enumerate(self.assets):
            found.index[number] = self._index(asset, now)
        for number, one in enumerate(self.listed):
            if one.market == "spot":
                found.mark[number] = self._mid(number)
            elif one.market != "option" and not 0 < one.expiry_ns <= now:
                found.mark[number] = self._mark(number, one, now, found, slept)
        for number, one in enumerate(self.listed):
            if one.market == "option" and now < one.expiry_ns:
                found.mark[number] = self._option(number, one, now, found)
        self.tick = now
        return found

    def _mid(self, number: int) -> float:
        book = self.core.books[number]
        bid, ask = int(book.best(1)), int(book.best(-1))
        if bid and ask:
            return (bid + ask) / 2 * self.ticks[number]
        return self.last[number]

    def _index(self, asset: str, now: int) -> float:
        told = self.index_told.get(asset, Told())
        source = self.source[asset]
        if told.stands(now) or source < 0:
            return told.price
        return self._mid(source)

    def _known(self, asset: str, found: Prices) -> float:
        number = self.assets.index(asset)
        if asset in CASH:
            return 1.0
        return found.index[number] or float(self.pools.index_price(number))

    def _mark(self, number: int, one: Any, now: int, found: Prices, slept: int) -> float:
        """Of a future: the tape's, else the median of three prices; index + average of one that
        expires.
        """
        told = self.mark_told[number]
        if told.stands(now):
            return told.price
        index, mid = self._known(one.base, found), self._mid(number)
        if index <= 0.0 or mid <= 0.0:
            return 0.0
        future = self.future[number]
        if slept and future.counted == self.tick:
            future.points.extend([future.points[-1]] * min(slept, self.points))
        future.points.append(mid - index)
        future.counted = now
        average = index + fmean(future.points)
        if one.expiry_ns:
            return average
        hours = max(0, future.paid_ns - now) / HOUR_NS
        basis = index * (1.0 + future.rate * hours / self.hours)
        return median((basis, average, self.last[number] or mid))

    def _option(self, number: int, one: Any, now: int, found: Prices) -> float:
        """Black-76 on the future of its expiry, else on the index."""
        told, volatility = self.mark_told[number], self.volatility[number]
        if told.stands(now):
            return told.price
        forward, future = self._known(one.base, found), self.forward[number]
        if future >= 0:
            ahead = found.mark.get(future, 0.0) or float(self.pools.mark_price(future))
            forward = ahead or forward
        if volatility <= 0.0 or forward <= 0.0:
            return 0.0
        return black76(
            forward, float(one.strike), volatility, (one.expiry_ns - now) / YEAR_NS, one.right
        )

    def after(self, found: Prices) -> None:
        """The tick is over: its prices must be those."""
        wrong = [
            f"index of {self.assets[number]} is {have}, must be {price}"
            for number, price in found.index.items()
            if price > 0.0 and not _near(have := float(self.pools.index_price(number)), price, 0.0)
        ]
        for number, price in found.mark.items():
            one, future = self.listed[number], self.future[number]
            have = float(self.pools.mark_price(number))
            beside = float(one.strike) + price if one.market == "option" else 0.0
            if future.doubt:
                future.doubt -= 1
            elif price > 0.0 and not _near(have, price, beside):
                wrong.append(f"mark of {one.name} is {have}, must be {price}")
        if wrong and int(self.core.n_fills) != found.fills:
            # An order that a mark set off took what was displayed, between two of the marks.
            self.counts["ticks with fills in them"] += 1
            for future in self.future:
                future.doubt = self.points
            return
        assert not wrong, f"tick at {int(self.core.now)}: {'; '.join(wrong)}"
        self.counts["ticks worked out"] += 1


def black76(forward: float, strike: float, volatility: float, years: float, right: str) -> float:
    """Worth of an option on a future without interest."""
    sign = 1.0 if right == "C" else -1.0
    spread = volatility * sqrt(years)
    if spread <= 0.0:
        return max(0.0, sign * (forward - strike))
    first = log(forward / strike) / spread + spread / 2
    below = [0.5 * erfc(-sign * d / sqrt(2)) for d in (first, first - spread)]
    return sign * (forward * below[0] - strike * below[1])


def _near(have: float, price: float, beside: float) -> bool:
    return abs(have - price) <= 1e-9 * (price + beside)


def _of_prices(rows: Any) -> Any:
    """Rows that bring a price which is not of a book."""
    found = rows[:, KIND] == KINDS[0]
    for kind in KINDS[1:]:
        found |= rows[:, KIND] == kind
    return found
