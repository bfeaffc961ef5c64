"""Goal: every figure of a cascade is what its definition says, at every edge of it.

Method: frames of a few rows whose sums are done by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simulator.report.cascade_figures import (
    MINUTE_NS,
    Figures,
    as_document,
    by_minute,
    figures,
    figures_of,
)
from simulator.report.cascade_result import Cascade

sys.path.insert(0, str(Path(__file__).parent))
import crowds
import made

START = crowds.START
END = START + 3 * MINUTE_NS


def cascade(**frames: list[dict[str, Any]]) -> Cascade:
    values: dict[str, Any] = {name: crowds.frame(name, rows) for name, rows in frames.items()}
    return Cascade(accounts=100, open_interest=1000.0, feedback=True, **values)


def found(quiet: Cascade | None = None, **frames: list[dict[str, Any]]) -> Figures:
    return figures_of(cascade(**frames), quiet, START, END)


def path(*marks: float | None, index: float | None = None, name: str = "a") -> list[dict[str, Any]]:
    return [
        {"time_ns": START + i, "instrument": name, "mark": mark, "index": index}
        for i, mark in enumerate(marks)
    ]


def test_closed_notional_by_side_and_stage() -> None:
    closing = crowds.closing
    one = found(closings=[
        closing(0, 10.0, fee=1.0), closing(0, 20.0, side=1), closing(1, 30.0, stage="takeover"),
        closing(1, 40.0, stage="deleverage", side=1),
        closing(1, 40.0, stage="counterparty", account=7), closing(1, 5.0, stage="spot", fee=0.5),
        closing(1, 6.0, stage="spot", side=1), closing(2, 50.0, stage="unwind", account=-1),
    ])  # fmt: skip
    assert one.closed == 100.0 == one.closed_long + one.closed_short
    assert (one.closed_long, one.closed_short) == (40.0, 60.0)
    assert (one.on_book, one.taken_over, one.deleveraged) == (30.0, 30.0, 40.0)
    assert one.closed == one.on_book + one.taken_over + one.deleveraged
    assert (one.spot_sold, one.spot_bought, one.fees) == (5.0, 6.0, 1.5)
    assert one.deleveraged_accounts == 1


def test_accounts_count_once_and_the_trader_not() -> None:
    call = crowds.call
    one = found(
        calls=[call(0, 1), call(1, 1, bankrupt=True), call(1, 2), call(1, 0, bankrupt=True)],
        closings=[crowds.closing(0, 9.0, account=0)],
    )
    assert (one.liquidated, one.liquidations, one.bankruptcies, one.closed) == (2, 3, 1, 0.0)


def test_a_position_handed_over_is_a_bankruptcy() -> None:
    rows = [
        crowds.closing(0, 1.0, account=account, stage=stage)
        for account, stage in ((1, "takeover"), (1, "deleverage"), (2, "order"), (3, "deleverage"))
    ]
    calls = [crowds.call(0, account, bankrupt=account == 4) for account in (1, 2, 3, 4)]
    one = found(closings=rows, calls=calls)
    assert (one.bankruptcies, one.beyond) == (3, 1)
    assert one.minutes["bankrupt"].to_list() == [3, 0, 0, 0]


def test_a_minute_begins_with_its_first_instant() -> None:
    rows = [
        crowds.closing(0, 1.0, time_ns=START + MINUTE_NS - 1),
        crowds.closing(0, 2.0, time_ns=START + MINUTE_NS),
        crowds.closing(0, 4.0, time_ns=END),
    ]
    calls = [crowds.call(1.0, 1), crowds.call(1.5, 1), crowds.call(1.5, 2, bankrupt=True)]
    minutes = by_minute(cascade(closings=rows, calls=calls), START, END)
    assert minutes["minute_ns"].to_list() == [START + i * MINUTE_NS for i in range(4)]
    assert minutes["notional"].to_list() == [1.0, 2.0, 0.0, 4.0]
    assert minutes["liquidations"].to_list() == [0, 3, 0, 0]
    assert minutes["accounts"].to_list() == [0, 2, 0, 0]
    assert minutes["bankrupt"].to_list() == [0, 1, 0, 0]


def test_minutes_are_of_utc_not_of_the_run() -> None:
    late = START + 59 * 10**9
    minutes = by_minute(cascade(closings=[crowds.closing(1, 3.0)]), late, late + 2 * 10**9)
    assert minutes["minute_ns"].to_list() == [START, START + MINUTE_NS]
    assert minutes["notional"].to_list() == [0.0, 3.0]


def test_minutes_add_up() -> None:
    run = crowds.run()
    one = figures(run)
    assert one is not None
    for whole, column in (
        (one.closed, "notional"), (one.closed_long, "long"), (one.closed_short, "short"),
        (one.on_book, "order"), (one.taken_over, "takeover"), (one.deleveraged, "deleverage"),
        (one.liquidations, "liquidations"),
    ):  # fmt: skip
        assert one.minutes[column].sum() == pytest.approx(whole)


def test_peak_is_the_first_of_equal_minutes() -> None:
    one = found(closings=[crowds.closing(minute, 5.0) for minute in (2, 1)])
    assert one.peak is not None
    assert one.peak["minute_ns"] == START + MINUTE_NS
    assert found().peak is None


def test_fall_and_amplification() -> None:
    quiet = cascade(paths=path(100.0, 90.0, 95.0))
    one = found(quiet, paths=path(100.0, 85.0, 97.0)).headline
    assert one is not None
    assert (one.first, one.low, one.low_ns) == (100.0, 85.0, START + 1)
    assert one.fall == pytest.approx(0.15)
    assert one.quiet_fall == pytest.approx(0.10)
    assert one.amplification == pytest.approx(1.5)


@pytest.mark.parametrize("calm", [[100.0, 101.0], [100.0, 99.995], None])
def test_no_amplification_of_no_fall(calm: list[float] | None) -> None:
    quiet = None if calm is None else cascade(paths=path(*calm))
    one = found(quiet, paths=path(100.0, 85.0)).headline
    assert one is not None
    assert one.fall == pytest.approx(0.15)
    assert one.amplification is None


def test_a_price_without_mark_is_its_index() -> None:
    one = found(paths=path(None, None, index=50.0))
    assert one.headline is not None
    assert one.headline.first == 50.0
    assert found(paths=path(None)).headline is None


def test_headline_is_what_was_closed_most() -> None:
    paths = path(100.0, 50.0, name="deep") + path(100.0, 99.0, name="sold")
    rows = [crowds.closing(0, 1.0, instrument="sold")]
    assert [one.instrument for one in found(paths=paths, closings=rows).falls] == ["sold", "deep"]
    assert [one.instrument for one in found(paths=paths).falls] == ["deep", "sold"]


def test_drawdown_of_the_fund_is_from_its_highest() -> None:
    rows = [
        {
            "time_ns": START + i,
            "asset": "BTC",
            "balance": balance,
            "price": price,
            "inventory": -3.0,
        }
        for i, (balance, price) in enumerate([(10.0, 1.0), (14.0, 2.0), (5.0, 3.0), (12.0, 4.0)])
    ]
    (one,) = found(fund=rows).fund
    assert (one.start, one.low, one.end, one.drawdown) == (10.0, 5.0, 12.0, 9.0)
    assert one.drawdown_usdt == 27.0
    assert one.inventory_peak == 3.0
    assert not one.unlimited


def test_fund_of_several_assets_adds_up_in_usdt() -> None:
    rows = [
        {"time_ns": START + i, "asset": asset, "balance": balance, "price": price, "inventory": 0.0}
        for i, (asset, balance, price) in enumerate(
            [("BTC", 2.0, 100.0), ("USDT", 50.0, 1.0), ("BTC", 1.0, 80.0), ("USDT", 45.0, 1.0)]
        )
    ]
    assert found(fund=rows).fund_drawdown == 85.0
    assert found().fund_drawdown == 0.0


def test_coins_that_come_with_a_debt_make_up_for_it() -> None:
    """A bankrupt wallet of 10 BTC at 79 that owes 800: the fund is 10 worse off, not 800; a price
    that falls afterwards is no loss of its.
    """
    rows = [
        {"time_ns": START + i, "asset": asset, "balance": balance, "price": price, "inventory": 0.0}
        for i, asset, balance, price in [
            (0, "USDT", 1000.0, 1.0),
            (0, "BTC", 0.0, 100.0),
            (1, "USDT", 200.0, 1.0),
            (1, "BTC", 10.0, 79.0),
            (2, "BTC", 11.0, 50.0),
        ]
    ]
    assert found(fund=rows).fund_drawdown == 10.0


def test_losses_by_type_with_and_without_feedback() -> None:
    row = {
        "group": "g", "mode": "unified", "accounts": 2, "liquidated": 1, "bankrupt": 0,
        "deleveraged": 0, "wealth_start": 200.0, "wealth_end": 150.0, "fees": 1.0,
    }  # fmt: skip
    poor = row | {"group": "poor", "wealth_start": 0.0, "wealth_end": 0.0}
    quiet = cascade(groups=[row | {"wealth_end": 190.0}])
    one = found(quiet, groups=[row, poor])
    assert one.groups[0].lost == 0.25
    assert one.groups[0].quiet_lost == pytest.approx(0.05)
    assert one.groups[1].lost is None
    assert one.groups[1].quiet_lost is None
    assert one.lost == 0.25


def test_first_deleveraging_counts_from_the_first_liquidation() -> None:
    calls = [crowds.call(0.5, 1)]
    assert found(calls=calls).first_deleveraging_ns is None
    rows = [
        crowds.closing(1.5, 1.0, stage="deleverage"),
        crowds.closing(2, 1.0, stage="deleverage"),
    ]
    assert found(calls=calls, closings=rows).first_deleveraging_ns == MINUTE_NS


def test_document_is_json_and_has_the_twin() -> None:
    one = figures(crowds.run())
    assert one is not None
    again = json.loads(json.dumps(as_document(one), allow_nan=False))
    assert again["without_feedback"]["without_feedback"] is None
    assert again["falls"][0]["amplification"] == pytest.approx(
        again["falls"][0]["fall"] / again["without_feedback"]["falls"][0]["fall"]
    )
    assert len(again["by_minute"]) == crowds.MINUTES + 1
    assert again["closed_share"] == pytest.approx(again["closed"] / again["open_interest"])


def test_document_of_a_run_in_which_nothing_happened() -> None:
    again = as_document(found())
    assert json.loads(json.dumps(again, allow_nan=False))["peak_minute_ns"] is None
    assert again["lost_share"] is None
    assert again["liquidated_accounts_share"] == 0.0


def test_no_population_no_figures() -> None:
    assert figures(made.made()) is None
    assert isinstance(crowds.run().cascade.closings, pl.DataFrame)  # type: ignore[union-attr]


def test_equal_falls_are_the_contracts_first() -> None:
    rows = [
        {"time_ns": START + i, "instrument": name, "mark": None if "spot" in name else price,
         "index": price, "reference": price, "displacement": 0.0}
        for name, fallen in (("spot:BTCUSDT", 91.9999), ("um:BTCUSDT", 92.0), ("um:ETHUSDT", 95.0))
        for i, price in enumerate((100.0, fallen))
    ]  # fmt: skip
    one = found(paths=rows)
    assert [item.instrument for item in one.falls] == ["um:BTCUSDT", "spot:BTCUSDT", "um:ETHUSDT"]


def test_a_fall_is_told_of_what_was_sold_not_of_what_was_bought_back() -> None:
    closing = crowds.closing
    rows = [closing(0, 5.0, instrument="fell"), closing(0, 9.0, instrument="rose", side=1)]
    one = found(closings=rows, paths=[*path(100, 99, name="rose"), *path(100, 90, name="fell")])
    assert [item.instrument for item in one.falls] == ["fell", "rose"]


def test_a_rise_counts_where_short_positions_were_closed() -> None:
    closing = crowds.closing
    paths = [*path(100.0, 120.0, 110.0, name="shorts"), *path(100.0, 130.0, name="longs")]
    quiet = cascade(paths=path(100.0, 110.0, name="shorts"))
    rows = [closing(0, 5.0, instrument="shorts", side=1), closing(0, 2.0, instrument="longs")]
    one = found(quiet, paths=paths, closings=rows)
    (rise,) = one.rises
    assert (rise.instrument, rise.high, rise.high_ns) == ("shorts", 120.0, START + 1)
    assert rise.rise == pytest.approx(0.2)
    assert rise.amplification == pytest.approx(2.0)
    assert one.squeeze == rise == one.spoken
    more_longs = [*rows, closing(0, 9.0, instrument="longs")]
    assert found(quiet, paths=paths, closings=more_longs).squeeze is None
    assert as_document(one)["rises"][0]["amplification"] == pytest.approx(2.0)
