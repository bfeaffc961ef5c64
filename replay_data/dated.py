"""Generate the tapes of what expires beside an hour: delivery futures and options on BTC."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from replay_data import black76, draws
from replay_data.draws import Floats, Ints
from replay_data.forwards import (
    CENT,
    Underlying,
    fair_future,
    future_mark,
    level_noise,
    settlement,
    stated_volatility,
    surface,
    underlying,
)
from replay_data.quotes import Fair, Habits, Quoted, Quoter, Row
from replay_data.recordings import STEP_MS
from replay_data.rows import receive_ns
from replay_data.series import Contract, Dated, Term, second_ms, step_ms
from replay_data.settings import HOUR_STEPS
from simulator.market.tape import LAST, SCHEMA, Kind

SHALLOWEST = 0.1
"""Least share of the displayed quantities, however little the hour's own books hold."""


class Maker:
    """Makes the rows of one dated tape; rows are ``(ms, kind, flags, side, price, lots, id)``."""

    def __init__(self, dated: Dated) -> None:
        self.dated = dated
        self.under: Underlying = underlying(dated)
        self.noise = level_noise(dated, self.generator(1))
        self.fair: dict[Term, Floats] = {}
        self.marks: dict[Term, Ints] = {}

    def generator(self, *stream: int) -> np.random.Generator:
        """Return a random stream of its own for each purpose and contract."""
        seeds = np.random.SeedSequence([self.dated.values["seed"], *stream])
        return np.random.Generator(np.random.PCG64(seeds))

    def looks(self, contract: Contract, every_ms: int, offset: int) -> Ints:
        """Steps at which a contract's quotes are looked at, before it expires."""
        steps = np.arange(offset, HOUR_STEPS, every_ms // STEP_MS)
        return steps[steps * STEP_MS + self.dated.model["phase"] < contract.expiry_ms]

    def quoted(
        self,
        number: int,
        steps: Ints,
        fair: tuple[Floats, Floats],
        habits: Habits,
        orders_per_s: float,
    ) -> Quoted:
        """Run a contract's market makers; ``fair`` is price and half spread, ``[step]``."""
        hour, every_s = self.dated.hour, float(steps[1] - steps[0]) * STEP_MS / 1000
        busy = np.sqrt(hour.over_time("activity"))[steps]
        given = Fair(
            ms=(steps * STEP_MS + int(self.dated.model["phase"])).tolist(),
            price=fair[0][steps].tolist(),
            half=fair[1][steps].tolist(),
            scale=np.maximum(hour.over_time("depth")[steps], SHALLOWEST).tolist(),
            sell=hour.over_time("sell")[steps].tolist(),
            orders=(busy * (orders_per_s * every_s)).tolist(),
        )
        return Quoter(habits, draws.stream(self.generator(2, number))).run(given)

    def future(self, number: int, contract: Contract) -> list[list[int]]:
        """Rows of a delivery future; the UM one gives the options their forward."""
        dated, style = self.dated, self.dated.quotes["future"]
        fair = fair_future(dated, contract, self.under, self.generator(3, number))
        wide = dated.over_time("wide", step_ms())
        ticks = fair * contract.ticks_per_unit
        half = ticks * (style["half_bp"][contract.term] * 1e-4) * wide
        unit = contract.face or float(fair[0]) * float(contract.lot)
        habits = Habits(
            gaps=[max(1, round(float(ticks[0]) * gap * 1e-4)) for gap in style["gaps_bp"]],
            keep=style["keep"],
            redraw=style["redraw"],
            quantity=style["quantity_usd"] / unit,
            order=style["order_usd"] / unit,
        )
        steps = self.looks(contract, style["every_ms"], 0)
        market = self.quoted(number, steps, (ticks, half), habits, style["orders_per_s"])
        mark = future_mark(dated, contract, self.under.index, middles(contract, market, steps))
        if contract.market == "um":
            self.fair[contract.term], self.marks[contract.term] = fair, mark
        rows = []
        for second in range(min(3600, contract.expiry_ms // 1000)):
            ms = second * 1000
            rows.append([ms, Kind.INDEX, 0, 0, int(self.under.index[second]), 0, 0])
            rows.append([ms, Kind.MARK, LAST, 0, int(mark[second]), 0, 0])
        return self.with_market(contract, rows, market)

    def option(self, number: int, contract: Contract) -> list[list[int]]:
        """Rows of an option: its volatility and mark, then its book."""
        dated, style = self.dated, self.dated.quotes["option"]
        forward = self.marks[contract.term] / 1e8
        raw = surface(dated, contract, forward, self.noise)
        stated = stated_volatility(dated, contract, self.under.index, forward, raw)
        every = int(dated.model["volatility_every_s"])
        stated = stated[np.arange(3600) // every * every]
        years = contract.years(second_ms())
        strike, right = float(contract.strike), contract.right
        value = black76.price(right, forward, strike, stated / 1e8 * np.sqrt(years))
        mark = np.maximum(np.rint(value * 100.0).astype(np.int64), 1) * CENT

        second = np.arange(HOUR_STEPS) * STEP_MS // 1000
        fair, volatility = self.fair[contract.term], stated[second] / 1e8
        left, wide = contract.years(step_ms()), dated.over_time("wide", step_ms())
        deviation = volatility * np.sqrt(left)
        vega = black76.vega(fair, strike, left, volatility) * volatility / raw[second]
        delta = np.abs(black76.delta(right, fair, strike, deviation))
        half = vega * style["half_volatility"][contract.term]
        half = (half + delta * fair * (style["half_delta_bp"] * 1e-4)) * wide
        first = max(float(half[0]) * contract.ticks_per_unit, 1.0)
        habits = Habits(
            gaps=[max(1, round(first * gap)) for gap in style["gaps_half"]],
            keep=style["keep"],
            redraw=style["redraw"],
            quantity=style["quantity"] / float(contract.lot),
            order=style["order"] / float(contract.lot),
        )
        steps = self.looks(contract, style["every_ms"], number % (style["every_ms"] // STEP_MS))
        ticks = (
            black76.price(right, fair, strike, deviation) * contract.ticks_per_unit,
            half * contract.ticks_per_unit,
        )
        market = self.quoted(number, steps, ticks, habits, style["orders_per_s"])
        rows = []
        for at in range(min(3600, contract.expiry_ms // 1000)):
            if at % every == 0:
                rows.append([at * 1000, Kind.VOLATILITY, 0, 0, int(stated[at]), 0, 0])
            rows.append([at * 1000, Kind.MARK, LAST, 0, int(mark[at]), 0, 0])
        return self.with_market(contract, rows, market)

    def with_market(
        self, contract: Contract, rows: list[list[int]], market: Quoted
    ) -> list[list[int]]:
        """Add book, prints and, where it expires, the settlement; all in order of time."""
        rows = [*rows, *depth_rows(market.depth), *trade_rows(market.trades)]
        if contract.expiry_ms < HOUR_STEPS * STEP_MS:
            price = settlement(self.dated, contract, self.under.index)
            rows.append([contract.expiry_ms, Kind.SETTLEMENT, LAST, 0, price, 0, 0])
        # A print comes before the change that it makes.
        rows.sort(key=lambda row: (row[0], row[1] == Kind.DEPTH))
        return rows


def middles(contract: Contract, market: Quoted, steps: Ints) -> Floats:
    """Middle of the displayed touch in quote asset, ``[step]``; between looks the one before."""
    touch = np.array(market.touch, np.float64).sum(axis=1) / (2.0 * contract.ticks_per_unit)
    at = np.searchsorted(steps, np.arange(HOUR_STEPS), side="right") - 1
    found: Floats = touch[np.maximum(at, 0)]
    return found


def depth_rows(depth: list[Row]) -> list[list[int]]:
    """CLEAR, then the rows of each message; rows of one instant are one message."""
    rows: list[list[int]] = [[depth[0][0], Kind.CLEAR, 0, 0, 0, 0, 1]]
    message = 1
    for at, (ms, side, price, lots) in enumerate(depth):
        last = at + 1 == len(depth) or depth[at + 1][0] != ms
        rows.append([ms, Kind.DEPTH, LAST if last else 0, side, price, lots, message])
        message += last
    return rows


def trade_rows(trades: list[Row]) -> list[list[int]]:
    """Prints, each a message, numbered from 1."""
    return [
        [ms, Kind.TRADE, LAST, side, price, lots, number]
        for number, (ms, side, price, lots) in enumerate(trades, start=1)
    ]


def generate(dated: Dated) -> pl.DataFrame:
    """Generate the tape: by time, equal times by instrument order."""
    maker = Maker(dated)
    made = [
        (maker.future if contract.market != "option" else maker.option)(number, contract)
        for number, contract in enumerate(dated.contracts)
    ]
    table = np.array([row for rows in made for row in rows], np.int64)
    number = np.repeat(np.arange(len(made)), [len(rows) for rows in made])
    order = np.lexsort((number, table[:, 0]))
    table, number = table[order], number[order]
    # One connection carries them all, so what is of one instant arrives together.
    listed = next(one for one in dated.hour.listed if one.name == "um:BTCUSDT")
    columns: dict[str, Any] = {
        "time_ns": (table[:, 0] + dated.hour.start_ms) * 1_000_000,
        "receive_ns": receive_ns(dated.hour, listed, table[:, 0], maker.generator(4)),
        "instrument": number,
    }
    for at, name in enumerate(("kind", "flags", "side", "price", "quantity", "id"), start=1):
        columns[name] = table[:, at]
    return pl.DataFrame(columns).cast(pl.Schema(SCHEMA)).select(*SCHEMA)
