"""Goal: what expires beside the bundled hours is priced, quoted and settled without contradiction.

Method: generate it again; recompute marks, settlement and the surface from the tape's own rows with
the C library's functions; walk the books.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import polars as pl
import pytest

from replay_data import DATED, black76, describe, generate, path
from replay_data.series import YEAR_MS, Contract, Dated, load_dated
from simulator.market.manifest import read_manifest, sha256_of
from simulator.market.tape import LAST, SCHEMA, Kind

Rows = Callable[[str], pl.DataFrame]

HALF_HOUR = 1800
every_tape = pytest.mark.parametrize("name", DATED)


def normal(x: float) -> float:
    return math.erfc(-x / math.sqrt(2.0)) / 2.0


def black(right: str, forward: float, strike: float, deviation: float) -> float:
    d1 = math.log(forward / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    o = 1 if right == "C" else -1
    return o * (forward * normal(o * d1) - strike * normal(o * d2))


@cache
def columns(name: str) -> dict[tuple[str, Kind], tuple[np.ndarray, np.ndarray]]:
    """Seconds and prices (1e-8 undone) of what has no ticks, by contract and kind."""
    rows, dated = pl.read_parquet(path(name)), load_dated(name)
    found = {}
    for kind in (Kind.MARK, Kind.INDEX, Kind.VOLATILITY, Kind.SETTLEMENT):
        of_kind = rows.filter(pl.col("kind") == kind)
        for number, contract in enumerate(dated.contracts):
            own = of_kind.filter(pl.col("instrument") == number)
            seconds = own["time_ns"].to_numpy() // 10**9 - dated.hour.start_ms // 1000
            found[contract.name, kind] = (seconds, own["price"].to_numpy() / 1e8)
    return found


def options(dated: Dated) -> list[Contract]:
    return [c for c in dated.contracts if c.market == "option"]


def life(contract: Contract) -> int:
    """Seconds of the tape on which a contract lives."""
    return min(3600, contract.expiry_ms // 1000)


@every_tape
def test_tape_is_what_the_generator_makes(name: str) -> None:
    assert generate.main([name, "--check"]) == 0


@every_tape
def test_manifest_describes_the_tape(name: str, rows_of: Rows) -> None:
    rows, manifest, dated = rows_of(name), read_manifest(path(name)), load_dated(name)
    assert dict(rows.schema) == SCHEMA
    assert manifest == describe.dated_manifest(rows, dated, path(name))
    assert manifest.sha256 == sha256_of(path(name))
    assert sum(sum(listed.rows.values()) for listed in manifest.instruments) == rows.height
    assert "SYNTHETIC" in manifest.notes[0]
    for listed, contract in zip(manifest.instruments, dated.contracts, strict=True):
        one = listed.instrument()
        assert one.expiry_ns == (dated.hour.start_ms + contract.expiry_ms) * 10**6
        assert (int(one.strike), one.right) == (contract.strike, contract.right)
        assert one.settle == ("BTC" if contract.market == "cm" else "USDT")


@every_tape
def test_near_series_expires_half_way_and_only_the_crash_needs_the_description(
    name: str, rows_of: Rows
) -> None:
    dated, rows = load_dated(name), rows_of(name)
    eight = {c.term: (dated.hour.start_ms + c.expiry_ms) // 3_600_000 % 24 for c in dated.contracts}
    assert eight == {"near": 16 if dated.hour.name == "crash" else 8, "far": 8}
    for number, contract in enumerate(dated.contracts):
        own = rows.filter(pl.col("instrument") == number)
        end = (dated.hour.start_ms + contract.expiry_ms) * 10**6
        settled = own.filter(pl.col("kind") == Kind.SETTLEMENT)
        assert settled["time_ns"].to_list() == ([end] if contract.term == "near" else [])
        if contract.term == "near":
            assert contract.expiry_ms == HALF_HOUR * 1000
            assert own["time_ns"].max() == end
            assert own["kind"].to_list()[-1] == Kind.SETTLEMENT


@every_tape
def test_times_and_stamps(name: str, rows_of: Rows) -> None:
    rows, start = rows_of(name), load_dated(name).hour.start_ms * 10**6
    assert rows["time_ns"].is_sorted()
    assert rows["time_ns"].is_between(start, start + 3600 * 10**9, closed="left").all()
    assert (rows["receive_ns"] >= rows["time_ns"]).all()
    assert rows["receive_ns"].is_sorted()


@every_tape
def test_index_is_the_hours_and_settlement_its_mean(name: str, rows_of: Rows) -> None:
    dated, found = load_dated(name), columns(name)
    hour = rows_of(dated.hour.name).filter(
        (pl.col("kind") == Kind.INDEX) & (pl.col("instrument") == 2)
    )
    index = hour["price"].to_numpy()
    for contract in dated.contracts:
        if contract.market != "option":
            seconds, values = found[contract.name, Kind.INDEX]
            assert seconds.tolist() == list(range(life(contract)))
            assert (values == index[: life(contract)] / 1e8).all()
        if contract.term == "near":
            mean = sum(index[:HALF_HOUR].tolist()) // HALF_HOUR
            assert found[contract.name, Kind.SETTLEMENT][1].tolist() == [mean / 1e8]


@every_tape
def test_option_marks_are_black_76_on_the_future_of_their_expiry(name: str) -> None:
    dated, found = load_dated(name), columns(name)
    for option in options(dated):
        forward = found[dated.future("um", option.term).name, Kind.MARK][1]
        at, volatility = found[option.name, Kind.VOLATILITY]
        assert at.tolist() == list(range(0, life(option), 5))
        seconds, mark = found[option.name, Kind.MARK]
        assert seconds.tolist() == list(range(life(option)))
        for second in (0, 1, 7, 599, 1200, 1500, 1560, 1799, 2400, 3599):
            if second >= life(option):
                continue
            years = (option.expiry_ms - second * 1000) / YEAR_MS
            deviation = volatility[second // 5] * math.sqrt(years)
            value = black(option.right, float(forward[second]), option.strike, deviation)
            assert mark[second] == pytest.approx(max(value, 0.01), abs=0.0051), option.name


@every_tape
def test_marks_leave_no_arbitrage(name: str) -> None:
    """Parity; a call loses with the strike, at most the strikes' distance, ever more slowly."""
    dated, found = load_dated(name), columns(name)
    marks = {c.name: found[c.name, Kind.MARK][1] for c in dated.contracts}
    for term in ("near", "far"):
        forward = marks[dated.future("um", term).name]
        series = [o for o in options(dated) if o.term == term]
        calls, puts = ([o for o in series if o.right == right] for right in ("C", "P"))
        for call, put in zip(calls, puts, strict=True):
            gap = marks[call.name] - marks[put.name] - (forward - call.strike)
            assert np.abs(gap).max() < 0.025, call.name
        value = np.stack([marks[call.name] for call in calls])
        strikes = np.array([call.strike for call in calls], float)
        slope = np.diff(value, axis=0) / np.diff(strikes)[:, None]
        assert slope.max() <= 1e-4
        assert slope.min() >= -1.0 - 1e-4
        assert np.diff(slope, axis=0).min() >= -1e-4, "a butterfly costs nothing or more"


@every_tape
def test_near_series_knows_its_settlement_at_the_end(name: str) -> None:
    """Marks run into the settlement: averaging leaves no jump, though the index is elsewhere."""
    dated, found = load_dated(name), columns(name)
    settled = found[dated.future("um", "near").name, Kind.SETTLEMENT][1][0]
    for contract in dated.contracts:
        if contract.term == "far":
            continue
        last = found[contract.name, Kind.MARK][1][-1]
        o = {"C": 1, "P": -1}.get(contract.right, 0)
        worth = max(0.0, o * (settled - contract.strike)) if o else settled
        assert abs(last - worth) < 0.0005 * settled, contract.name
    index = found[dated.future("um", "near").name, Kind.INDEX][1][-1]
    assert (abs(index / settled - 1) > 0.01) == (dated.hour.name == "crash")


def test_volatility_rises_in_the_crash_and_most_where_it_is_short() -> None:
    """Level, skew and term structure, each at the low (minute 26) against the start."""
    dated, found = load_dated("crash_dated"), columns("crash_dated")

    def surface(second: int) -> list[float]:
        return [
            float(found[option.name, Kind.VOLATILITY][1][second // 5])
            for option in options(dated)
            if option.term == "far" and option.right == "C"
        ]

    before, low, after = surface(0), surface(26 * 60), surface(3595)
    assert all(b + 0.1 < x for b, x in zip(before, low, strict=True))
    assert all(b < a < x for b, a, x in zip(before, after, low, strict=True))
    assert before[0] - before[-1] < low[0] - low[-1], "puts become the dearer ones"
    short = dated.values["short_volatility"]
    assert max(v for _, v in short) > 2 * low[1], "the short end rises far above"
    calm = columns("calm_dated")
    quiet = [calm[o.name, Kind.VOLATILITY][1] for o in options(load_dated("calm_dated"))[8:]]
    assert max(float(v.max() - v.min()) for v in quiet) < 0.03


class Walk:
    """A plain book that one contract's rows go through."""

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self.sides: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.prints = self.messages = 0
        self.spreads: list[float] = []

    def row(self, kind: int, flags: int, side: int, price: int, quantity: int) -> None:
        if kind == Kind.TRADE:
            self.prints += 1
            shown = self.sides[-side]
            assert price == (min(shown) if side > 0 else max(shown)), "prints at the best price"
            assert quantity <= shown[price]
        elif kind == Kind.DEPTH:
            book = self.sides[side]
            assert book.get(price, 0) != quantity, "a DEPTH row is a change"
            assert price > 0
            if quantity:
                book[price] = quantity
            else:
                del book[price]
            if flags & LAST:
                self.message()

    def message(self) -> None:
        self.messages += 1
        bids, asks = self.sides[1], self.sides[-1]
        assert len(bids) <= self.levels
        assert len(asks) <= self.levels
        if bids and asks:
            assert max(bids) < min(asks), "crossed"
            self.spreads.append((min(asks) - max(bids)) / max(bids))


@every_tape
def test_books_are_thin_and_never_cross(name: str, rows_of: Rows) -> None:
    dated, rows = load_dated(name), rows_of(name)
    for number, contract in enumerate(dated.contracts):
        own = rows.filter(pl.col("instrument") == number)
        walk = Walk(3 if contract.market == "option" else 4)
        named = ("kind", "flags", "side", "price", "quantity")
        for row in zip(*(own[c].to_list() for c in named), strict=True):
            walk.row(*row)
        assert walk.messages > 30, contract.name
        assert walk.prints > 0, contract.name
        if contract.market != "option":
            assert np.median(walk.spreads) < 0.0015, contract.name
        elif contract.term == "far":
            assert 0.005 < np.median(walk.spreads) < 0.25, contract.name
        for kind in (Kind.TRADE, Kind.DEPTH):
            step = own.filter(pl.col("kind") == kind)["id"].diff().drop_nulls()
            assert step.is_between(kind == Kind.TRADE, 1).all()


def test_functions_of_black_76_are_the_c_librarys() -> None:
    x = np.linspace(-600, 600, 4001)
    assert black76.exponential(x) == pytest.approx([math.exp(v) for v in x], rel=1e-15)
    y = black76.exponential(np.linspace(-40, 40, 4001))
    assert black76.logarithm(y) == pytest.approx([math.log(v) for v in y], rel=1e-15, abs=1e-15)
    z = np.linspace(-40, 10, 5001)
    assert black76.normal(z) == pytest.approx([normal(v) for v in z], rel=1e-15, abs=2e-15)


@pytest.mark.parametrize("right", ["C", "P"])
def test_delta_and_vega_are_the_slopes_of_the_price(right: str) -> None:
    forward, years = np.array([90.0, 100.0, 120.0]), np.array([0.01, 0.25, 1.0])
    volatility, strike, h = np.array([0.3, 0.6, 0.9]), 105.0, 1e-5

    def value(f: np.ndarray, v: np.ndarray) -> np.ndarray:
        return black76.price(right, f, strike, v * np.sqrt(years))

    slope = (value(forward + h, volatility) - value(forward - h, volatility)) / (2 * h)
    assert black76.delta(right, forward, strike, volatility * np.sqrt(years)) == pytest.approx(
        slope, abs=1e-8
    )
    slope = (value(forward, volatility + h) - value(forward, volatility - h)) / (2 * h)
    assert black76.vega(forward, strike, years, volatility) == pytest.approx(slope, abs=1e-6)
