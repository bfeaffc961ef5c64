"""Goal: the spread holds both legs or none, earns what the basis does, and one pool sees it.

Method: recompute positions and profit from fills and marks; compare margins of both modes.
"""

from __future__ import annotations

import pytest

from simulator import InputError
from simulator.market.tape import Kind
from strategies.calendar_spread import CalendarSpread
from tests.strategies.products import Run, at, scenario, start, stated
from tests.strategies.runs import HOURS, MODES, last

NEAR = "um:BTCUSDT"
FAR = {"calm": "um:BTCUSDT_250627", "crash": "um:BTCUSDT_251226"}

every_run = pytest.mark.parametrize(("hour", "mode"), [(h, m) for h in HOURS for m in MODES])
every_mode = pytest.mark.parametrize("mode", MODES)


def profit(run: Run, hour: str) -> float:
    """Cash of the fills and the legs at their last marks, less fees; funding apart."""
    fills = run.result.fills
    total = -float((fills["side"] * fills["price"] * fills["quantity"]).sum())
    total -= float(fills["fee"].sum())
    for name, tape in ((NEAR, hour), (FAR[hour], f"{hour}_dated")):
        own = run.fills(name)
        position = float((own["side"] * own["quantity"]).sum())
        total += position * at(stated(tape, Kind.MARK)[name], run.result.end_ns)
    return total


@every_run
def test_both_legs_or_none(hour: str, mode: str) -> None:
    """Outside the moment of trading the two legs are the same size, opposite in sign."""
    run = scenario("calendar_spread", mode, hour)
    assert run.result.summary.rejections == {}
    assert run.result.summary.liquidations == 0
    legs = run.held(NEAR).join(run.held(FAR[hour]), on="time_ns", suffix="_far")
    assert (legs["quantity"] + legs["quantity_far"]).abs().max() < 0.0015
    assert legs["quantity"].abs().max() == pytest.approx(CalendarSpread.size, abs=0.0015)
    assert set(run.result.fills["instrument"].unique()) == {NEAR, FAR[hour]}


@every_run
def test_profit_is_the_basis_less_fees_and_funding(hour: str, mode: str) -> None:
    run = scenario("calendar_spread", mode, hour)
    summary = run.result.summary
    gained = summary.end_equity - summary.start_equity
    assert gained == pytest.approx(profit(run, hour) + summary.pnl["funding"], abs=0.01)
    if hour == "calm":
        # Long the perpetual where the rate is positive: the spread pays it, and fees.
        assert last(run.held(NEAR), "quantity") > 0
        assert summary.pnl["funding"] < 0


def test_falling_basis_pays_the_one_who_sold_it() -> None:
    """In the crash the future falls from above the perpetual to below: that is the profit."""
    run = scenario("calendar_spread", "unified", "crash")
    assert run.result.summary.pnl["price"] > 0
    first = run.fills(FAR["crash"])
    assert first["side"][0] == -1


@pytest.mark.parametrize("hour", HOURS)
def test_one_pool_needs_far_less_than_two(hour: str) -> None:
    """Separated 10 % of both legs; unified the calendar charge on what is matched."""
    apart, one = (scenario("calendar_spread", mode, hour).result.summary for mode in MODES)
    notional = CalendarSpread.size * stated(hour, Kind.MARK)[NEAR][1][0]
    assert apart.peak_initial_margin == pytest.approx(0.2 * notional, rel=0.05)
    assert one.peak_initial_margin < 0.25 * apart.peak_initial_margin
    assert apart.worst_ratio is not None
    assert one.worst_ratio is not None
    assert one.worst_ratio > 3 * apart.worst_ratio


@every_mode
def test_settled_future_takes_the_perpetual_with_it(mode: str) -> None:
    """The near future settles half way; the perpetual alone would be a bet on the price."""
    run = start(
        "calendar_spread", mode, instruments=["spot:BTCUSDT", NEAR, "um:BTCUSDT_251012"],
        future="um:BTCUSDT_251012", enter=0.5, leave=0.0,
    )  # fmt: skip
    assert run.held("um:BTCUSDT_251012")["quantity"].abs().max() > 0.4
    assert last(run.held("um:BTCUSDT_251012"), "quantity") == 0
    assert last(run.held(NEAR), "quantity") == 0
    assert run.result.summary.used_margin == pytest.approx(0, abs=1e-9)


def test_wrong_parameters_and_missing_futures_are_named() -> None:
    with pytest.raises(InputError, match="enter must be above leave"):
        start("calendar_spread", "unified", enter=0.01, leave=0.02)
    with pytest.raises(InputError, match="no delivery future of BTC"):
        start("calendar_spread", "unified", instruments=["spot:BTCUSDT", NEAR])
