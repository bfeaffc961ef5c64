"""Goal: mark, index and funding of the bundled tapes follow Binance's formulas and are complete.

Method: recompute them from the tape's own books and trades, and check where they stand.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import numpy as np
import polars as pl
import pytest

from replay_data import NAMES, rates
from replay_data.recordings import Sampled
from replay_data.settings import Listed, load
from simulator.market.tape import Kind

Rows = Callable[[str], pl.DataFrame]
Books = Callable[[str], dict[str, Sampled]]

HALF_HOUR = 1800
EIGHT_HOURS = 8 * 3600

CONTRACTS = [(i, listed) for i, listed in enumerate(load("calm").listed) if listed.market != "spot"]


def kind_of(rows: pl.DataFrame, instrument: int, kind: Kind) -> pl.DataFrame:
    return rows.filter((pl.col("instrument") == instrument) & (pl.col("kind") == kind))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("instrument", "listed"), CONTRACTS, ids=[c[1].name for c in CONTRACTS])
def test_each_second_each_minute_and_once(
    name: str, instrument: int, listed: Listed, rows_of: Rows
) -> None:
    rows, start = rows_of(name), load(name).start_ms * 10**6
    for kind in (Kind.MARK, Kind.INDEX):
        seconds = kind_of(rows, instrument, kind)["time_ns"].to_list()
        assert seconds == [start + s * 10**9 for s in range(3600)]
    estimates = kind_of(rows, instrument, Kind.FUNDING_ESTIMATE)
    assert estimates["time_ns"].to_list() == [start + m * 60 * 10**9 for m in range(60)]
    due = start + HALF_HOUR * 10**9
    assert estimates["quantity"].to_list() == [due] * 30 + [due + EIGHT_HOURS * 10**9] * 30
    paid = kind_of(rows, instrument, Kind.FUNDING)
    assert paid["time_ns"].to_list() == [due]
    assert due % (EIGHT_HOURS * 10**9) == 0, "paid at 00:00, 08:00 or 16:00 UTC"
    # The last estimate before is at most a minute of premiums away from what is paid.
    assert abs(paid["price"][0] - estimates["price"][29]) < 3_000


@pytest.mark.parametrize("name", NAMES)
def test_funding_has_the_sign_of_the_premium(name: str, rows_of: Rows) -> None:
    for instrument, _ in CONTRACTS:
        rate = kind_of(rows_of(name), instrument, Kind.FUNDING)["price"][0]
        assert (20_000 < rate < 40_000) if name == "calm" else (-60_000 < rate < -10_000)


@pytest.mark.parametrize(
    ("premium_e8", "rate_e8"),
    # Interest 0.01 %, clamp 0.05 %: the rate is the interest as long as the premium is near it.
    [(60_000, 10_000), (-40_000, 10_000), (80_000, 30_000), (-60_000, -10_000), (0, 10_000)],
)
def test_funding_rate(premium_e8: int, rate_e8: int) -> None:
    assert rates.funding_rate(premium_e8 * 1e-8, load("calm")) == rate_e8


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("instrument", "listed"), CONTRACTS, ids=[c[1].name for c in CONTRACTS])
def test_mark_is_the_median_of_its_formula(
    name: str, instrument: int, listed: Listed, rows_of: Rows, books_of: Books
) -> None:
    hour, rows, s = load(name), rows_of(name), books_of(name)[listed.name]
    spot = books_of(name)[f"spot:{listed.base}USDT"]
    mark = kind_of(rows, instrument, Kind.MARK)["price"].to_numpy() / 1e8
    index = kind_of(rows, instrument, Kind.INDEX)["price"].to_numpy() / 1e8
    paid = kind_of(rows, instrument, Kind.FUNDING)["price"][0] / 1e8
    spot_mid, mid = ((x.price[:, :, 0].sum(axis=1) / 2 * x.tick) for x in (spot, s))
    for second in (31, 500, HALF_HOUR - 1, HALF_HOUR, 2222, 3599):
        # At a whole second that step's book is not told yet: the one before is displayed.
        shown = second * 4 - 1
        assert index[second] == pytest.approx(spot_mid[shown - 3 : shown + 1].mean(), abs=1e-6)
        gaps = [mid[4 * at - 1] - index[at] for at in range(second - 29, second + 1)]
        after = second >= HALF_HOUR
        rate = paid if after else hour.values["last_funding_e8"] / 1e8
        hours = (HALF_HOUR + (EIGHT_HOURS if after else 0) - second) / 3600
        before = s.trade_ms < s.time_ms[0] + shown * 250 + listed.phase
        last = s.trade_price[before][-1] * s.tick
        price1 = index[second] * (1 + rate * hours / 8)
        price2 = index[second] + float(np.mean(gaps))
        assert mark[second] == pytest.approx(median([price1, price2, last]), abs=1e-5)


def test_liquidations_only_in_the_crash(rows_of: Rows) -> None:
    assert rows_of("calm").filter(pl.col("kind") == Kind.LIQUIDATION).is_empty()
    forced = rows_of("crash").filter(pl.col("kind") == Kind.LIQUIDATION)
    assert set(forced["instrument"].unique()) == {2, 3, 4, 5}
    assert (forced["side"] == -1).mean() > 0.75  # type: ignore[operator]
    # At most one a second and contract, as the stream shows them.
    seconds = forced.select("instrument", pl.col("time_ns") // 10**9)
    assert seconds.n_unique() == seconds.height


def test_carry_earns_in_the_calm_hour(rows_of: Rows, books_of: Books) -> None:
    """Bought spot, sold the contract at the first touch, closed at the last: earns before fees."""
    books = books_of("calm")
    for base, instrument in (("BTC", 2), ("ETH", 3)):
        spot, um = books[f"spot:{base}USDT"], books[f"um:{base}USDT"]
        mark = kind_of(rows_of("calm"), instrument, Kind.MARK)["price"][HALF_HOUR] / 1e8
        rate = kind_of(rows_of("calm"), instrument, Kind.FUNDING)["price"][0] / 1e8
        held = (spot.price[-1, 0, 0] - spot.price[0, 1, 0]) * spot.tick
        sold = (um.price[0, 0, 0] - um.price[-1, 1, 0]) * um.tick
        earned = (held + sold + mark * rate) / mark * 1e4
        assert mark * rate > 0
        assert 4 < earned < 10, f"{base}: {earned:.2f} bp"


def test_crash_ruins_leverage_and_spares_the_hedged(books_of: Books) -> None:
    books = books_of("crash")
    for base, worst in (("BTC", -0.115), ("ETH", -0.125)):
        um, spot = books[f"um:{base}USDT"], books[f"spot:{base}USDT"]
        marks = np.array([row[1] for row in um.marks])
        assert (marks / marks[0]).min() - 1 < worst, "10x long is bankrupt"
        mids = spot.price[::4, :, 0].sum(axis=1) / 2 * spot.tick
        hedged = (mids - mids[0] - (marks - marks[0])) / marks[0]
        assert hedged.min() > -0.005, "long spot, short contract"
        assert hedged.max() < 0.02
