"""The tape of a case: books, prints, marks, indices and funding around prices that wander.

Rows are made a message at a time; before faults, all is as an exchange would send it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.market.tape import LAST, Kind
from tests.simulation.hunt.draws import Draws

SECOND = 10**9
FIRST = {"BTC": 100_000.0, "ETH": 4_000.0, "BNB": 600.0}
WANDER = (2e-5, 1e-4, 4e-4, 2e-3)
LEVELS = 4
"""Levels that a side of a book has at most."""

FUNDING_HOURS = 8
RATES = [int(kind) for kind in (Kind.FUNDING, Kind.FUNDING_ESTIMATE, Kind.VOLATILITY)]
"""Kinds of rows whose price is no price."""


def draw_tape(draws: Draws, world: dict[str, Any]) -> NDArray[np.int64]:
    """Return rows in the columns of a tape's file, in order of time."""
    made = _Market(draws, world)
    made.begin()
    while len(made.rows) < world["rows"]:
        made.message()
    return np.array(made.rows, dtype=np.int64).reshape(len(made.rows), 9)


def lapped(draws: Draws, world: dict[str, Any], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a tape so many times, one after the other, each time at other prices and sizes.

    To draw a row takes longer than to play it; what accounts and faults do differs from lap to lap.
    The instant of the world lies in one of the laps.
    """
    laps = world["laps"]
    if laps == 1:
        return rows
    period = int(rows[-1, 0] - rows[0, 0]) + draws.wait(world["mean_ns"]) + 1
    here = draws.whole(0, laps - 1)
    # An option's price follows from its underlying's otherwise than by a factor.
    fixed = any(one["market"] == "option" for one in world["listed"])
    parts = []
    for lap in range(laps):
        part = rows.copy()
        part[:, 0] += (lap - here) * period
        part[:, 1] += np.where(part[:, 1] > 0, (lap - here) * period, 0)
        part[:, 8] += np.where(part[:, 8] > 0, lap * int(rows[:, 8].max()), 0)
        factors = {base: 1.0 if fixed else 1.0 + 0.02 * draws.bell() for base in FIRST}
        factor = np.array([factors[one["base"]] for one in world["listed"]])[part[:, 2]]
        priced = (part[:, 6] > 1) & ~np.isin(part[:, 3], RATES)
        part[:, 6] = np.where(priced, np.maximum(1, part[:, 6] * factor), part[:, 6])
        size = draws.scale(0.2, 5.0)
        part[:, 7] = np.where(part[:, 7] > 0, np.maximum(1, part[:, 7] * size), part[:, 7])
        parts.append(part)
    return np.concatenate(parts)


class _Market:
    """Prices by asset and what the books display."""

    def __init__(self, draws: Draws, world: dict[str, Any]) -> None:
        self.draws, self.listed = draws, world["listed"]
        self.rows: list[list[int]] = []
        self.price = dict(FIRST)
        self.wander = draws.pick(WANDER)
        self.jumps = draws.pick((0.0, 0.002, 0.01))
        self.mean = world["mean_ns"]
        # The instant lies somewhere in the run: a row takes about a third of the mean wait.
        length = int(world["rows"] * self.mean * 0.3)
        self.now = world["instant"] - int(length * draws.span(0.05, 0.9))
        self.next_funding = (self.now // (FUNDING_HOURS * 3600 * SECOND) + 1) * (
            FUNDING_HOURS * 3600 * SECOND
        )
        self.tells_funding = draws.chance(0.6)
        self.tells_index = draws.chance(0.8)
        self.snapshots = draws.chance(0.5)
        self.stamps = world["latency"] == "recorded"
        self.shown: list[tuple[dict[int, int], dict[int, int]]] = [({}, {}) for _ in self.listed]
        self.trades = 0
        self.perpetuals = [
            number
            for number, one in enumerate(self.listed)
            if one["market"] in ("um", "cm") and not one["expiry_ns"]
        ]

    def row(
        self,
        instrument: int,
        kind: Kind,
        side: int = 0,
        price: int = 0,
        quantity: int = 0,
        *,
        last: bool = True,
        number: int = 0,
    ) -> None:
        seen = 0
        if self.stamps:
            seen = self.now + 2_000_000 + int(self.draws.share() ** 4 * 80_000_000)
        flags = LAST if last else 0
        self.rows.append(
            [self.now, seen, instrument, int(kind), flags, side, price, quantity, number]
        )

    def begin(self) -> None:
        """Every market has a book, a print, a mark; the assets have an index."""
        for number in range(len(self.listed)):
            self.book(number, whole=True)
            self.trade(number)
        self.marks()

    def message(self) -> None:
        """Some time passes; something is said."""
        draws = self.draws
        before = self.now
        self.now += draws.wait(self.mean)
        self._wander()
        if before < self.next_funding <= self.now:
            self._fund()
        what, number = draws.share(), draws.whole(0, len(self.listed) - 1)
        if what < 0.55:
            self.book(number, whole=self.snapshots or draws.chance(0.05))
        elif what < 0.78:
            self.trade(number)
        elif what < 0.96:
            self.marks()
        else:
            self._rare(number)

    def _wander(self) -> None:
        draws = self.draws
        for asset, first in FIRST.items():
            step = 1.0 + self.wander * draws.bell()
            if draws.chance(self.jumps):
                step *= draws.pick((0.97, 0.93, 1.03, 1.08, 0.88))
            # Back towards where it came from, so that prices stay of the same order.
            step *= 1.0 + 1e-4 * (first / self.price[asset] - 1.0)
            self.price[asset] = min(max(self.price[asset] * step, first * 0.2), first * 4.0)

    def worth(self, number: int) -> float:
        """Price of an instrument in quote units."""
        one = self.listed[number]
        price = self.price[one["base"]]
        if one["market"] != "option":
            return price * (1.001 if one["expiry_ns"] else 1.0)
        strike, right = float(one["symbol"].split("-")[2]), one["symbol"][-1]
        inner = max(0.0, price - strike if right == "C" else strike - price)
        return inner + 40.0 + price * 0.01 / (1.0 + abs(price - strike) / 2_000.0)

    def ticks(self, number: int) -> int:
        """Price of an instrument in ticks, at least 3."""
        return max(3, round(self.worth(number) / float(self.listed[number]["amounts"][0])))

    def _quantity(self, number: int) -> int:
        """Lots that a level or a print has: some thousands of USDT, seldom very few or many."""
        lot, size = (float(amount) for amount in self.listed[number]["amounts"][1:3])
        each = size if self.listed[number]["market"] == "cm" else self.worth(number)
        notional = self.draws.scale(50, 3e6) if self.draws.chance(0.9) else 1.0
        return max(1, int(notional / (each * lot)))

    # What is said

    def book(self, number: int, whole: bool) -> None:
        """Levels around the price; ``whole``: all are restated, else what changed."""
        draws, middle = self.draws, self.ticks(number)
        half = draws.pick((0, 0, 1, 3))
        ends = middle - half, middle + half + 1
        said: list[tuple[Kind, int, int, int]] = []
        shown = self.shown[number]
        if whole:
            said.append((Kind.CLEAR, 0, 0, 0))
            shown[0].clear()
            shown[1].clear()
        for levels, side, best in zip(shown, (1, -1), ends, strict=True):
            for price in [one for one in levels if (one - best) * side > 0]:
                del levels[price]
                said.append((Kind.DEPTH, side, price, 0))
            wanted = draws.whole(1, LEVELS if whole else 2)
            for _ in range(wanted):
                price = best - side * int(draws.share() ** 2 * 12)
                if price > 0:
                    levels[price] = self._quantity(number)
                    said.append((Kind.DEPTH, side, price, levels[price]))
            while len(levels) > 2 * LEVELS:
                far = (min if side > 0 else max)(levels)
                del levels[far]
                said.append((Kind.DEPTH, side, far, 0))
        for at, (kind, side, price, quantity) in enumerate(said):
            self.row(number, kind, side, price, quantity, last=at == len(said) - 1)

    def trade(self, number: int) -> None:
        side = self.draws.pick((1, -1))
        reach = self.draws.pick((0, 1, 1, 2, 6, 40))
        price = max(1, self.ticks(number) + side * reach)
        self.trades += 1
        self.row(number, Kind.TRADE, side, price, self._quantity(number), number=self.trades)

    def marks(self) -> None:
        """Marks of some contracts and the index behind them, one message."""
        asset = self.draws.pick(tuple(dict.fromkeys(one["base"] for one in self.listed)))
        if len(self.rows) < 200:
            asset = ""  # at the beginning all of them
        said = []
        for number, one in enumerate(self.listed):
            if one["market"] != "spot" and one["base"] in (asset or one["base"]):
                worth = self.worth(number) * (1.0 + 1e-5 * self.draws.bell())
                said.append((number, Kind.MARK, round(worth * 1e8)))
        told: set[str] = set()
        for number, one in enumerate(self.listed):
            base = one["base"]
            if base in told or (asset and base != asset) or not self.tells_index:
                continue
            told.add(base)
            said.append((number, Kind.INDEX, round(self.price[base] * 1e8)))
        for at, (number, kind, price) in enumerate(said):
            self.row(number, kind, 0, price, last=at == len(said) - 1)

    def _fund(self) -> None:
        """Funding at its instant, and rows of that very instant beside it."""
        later, self.now = self.now, self.next_funding
        for number in self.perpetuals:
            if self.tells_funding:
                self.row(number, Kind.FUNDING, 0, self.draws.pick((10_000, -25_000, 75_000, 1)))
        self.marks()
        self.now = later
        self.next_funding += FUNDING_HOURS * 3600 * SECOND

    def _rare(self, number: int) -> None:
        draws, one = self.draws, self.listed[number]
        which = draws.whole(0, 6)
        if which == 0 and self.tells_funding and number in self.perpetuals:
            self.row(number, Kind.FUNDING, 0, draws.pick((10_000, -50_000, 300_000)))
        elif which == 1 and self.tells_funding and number in self.perpetuals:
            self.row(number, Kind.FUNDING_ESTIMATE, 0, draws.whole(-50_000, 50_000))
        elif which == 2 and one["market"] == "option":
            self.row(number, Kind.VOLATILITY, 0, round(draws.span(0.2, 1.5) * 1e8))
        elif which == 3 and one["expiry_ns"]:
            self.row(number, Kind.SETTLEMENT, 0, round(self.price[one["base"]] * 1e8))
        elif which == 4:
            self.row(number, Kind.AGG_TRADE, 1, self.ticks(number), self._quantity(number))
        elif which == 5:
            self.row(number, Kind.LIQUIDATION, -1, self.ticks(number), self._quantity(number))
        else:
            self.row(number, Kind.QUOTE, 1, self.ticks(number), self._quantity(number))
