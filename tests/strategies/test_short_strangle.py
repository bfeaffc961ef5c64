"""Goal: the strangle sells what it says, stays hedged, and loses to gamma and vega in the crash.

Method: recompute delta with Black-76 from the tape's volatilities; profit from fills and marks;
attribute the loss; compare hedged with unhedged and one pool with two.
"""

from __future__ import annotations

import math

import polars as pl
import pytest

from simulator import InputError
from simulator.market.tape import Kind
from strategies.short_strangle import ShortStrangle
from tests.strategies.products import Run, at, scenario, start, stated
from tests.strategies.runs import HOURS, MODES

HEDGE = "um:BTCUSDT"
FUTURE = {"calm": "um:BTCUSDT_250627", "crash": "um:BTCUSDT_251226"}
YEAR_NS = 365 * 86_400 * 10**9

every_run = pytest.mark.parametrize(("hour", "mode"), [(h, m) for h in HOURS for m in MODES])


def delta(run: Run, hour: str, name: str, time_ns: int) -> float:
    """Black-76 delta of an option on the mark of the future of its expiry."""
    leg = next(one for one in run.strategy.legs if one.name == name)
    forward = at(stated(f"{hour}_dated", Kind.MARK)[FUTURE[hour]], time_ns)
    volatility = at(stated(f"{hour}_dated", Kind.VOLATILITY)[name], time_ns)
    deviation = volatility * math.sqrt((leg.expiry_ns - time_ns) / YEAR_NS)
    d1 = math.log(forward / leg.strike) / deviation + deviation / 2
    share = math.erfc(-d1 / math.sqrt(2)) / 2
    return share if leg.right == "C" else share - 1.0


def worth(run: Run, hour: str) -> float:
    """Cash of all fills and positions at their last marks, less fees."""
    fills = run.result.fills
    total = -float((fills["side"] * fills["price"] * fills["quantity"]).sum())
    total += run.result.summary.pnl["fees"]
    for name in fills["instrument"].unique():
        own = run.fills(name)
        tape = hour if name == HEDGE else f"{hour}_dated"
        position = float((own["side"] * own["quantity"]).sum())
        total += position * at(stated(tape, Kind.MARK)[name], run.result.end_ns)
    return total


@every_run
def test_a_put_below_and_a_call_above_are_sold_once(hour: str, mode: str) -> None:
    run = scenario("short_strangle", mode, hour)
    assert run.result.summary.rejections == {}
    assert run.result.summary.liquidations == 0
    put, call = run.strategy.legs
    assert (put.right, call.right) == ("P", "C")
    price = at(stated(hour, Kind.MARK)[HEDGE], run.result.start_ns)
    assert put.strike < price < call.strike
    for leg in (put, call):
        sold = run.fills(leg.name)
        assert set(sold["side"].unique()) == {-1}
        assert sold["quantity"].sum() == pytest.approx(ShortStrangle.size)


@every_run
def test_delta_is_kept_within_the_band(hour: str, mode: str) -> None:
    """Each half minute, recomputed: the band, and what five seconds of the market may add."""
    run = scenario("short_strangle", mode, hour)
    fills = run.result.fills
    sold = int(fills.filter(pl.col("instrument") != HEDGE)["time_ns"].max())  # type: ignore[arg-type]
    worst = 0.0
    for time in range(sold + 10**10, run.result.end_ns, 30 * 10**9):
        before = fills.filter(pl.col("time_ns") <= time)
        net = 0.0
        for name, quantity in (
            before.group_by("instrument")
            .agg((pl.col("side") * pl.col("quantity")).sum())
            .iter_rows()
        ):
            net += quantity * (1.0 if name == HEDGE else delta(run, hour, name, time))
        worst = max(worst, abs(net))
    assert worst < ShortStrangle.band + (0.002 if hour == "calm" else 0.04)


@every_run
def test_profit_is_what_fills_and_marks_say(hour: str, mode: str) -> None:
    run = scenario("short_strangle", mode, hour)
    summary = run.result.summary
    gained = summary.end_equity - summary.start_equity
    assert gained == pytest.approx(worth(run, hour) + summary.pnl["funding"], abs=0.01)


def test_vega_and_the_spread_are_what_the_crash_costs() -> None:
    """Volatility ends above where it began: an option sold is dearer than by the price alone."""
    run = scenario("short_strangle", "unified", "crash")
    summary = run.result.summary
    assert summary.pnl["price"] < 0
    for leg in run.strategy.legs:
        volatility = stated("crash_dated", Kind.VOLATILITY)[leg.name][1]
        assert volatility[-1] > volatility[0] + 0.05
    calm = scenario("short_strangle", "unified", "calm").result.summary
    assert abs(calm.pnl["price"]) < 0.25 * abs(summary.pnl["price"])


def test_hedges_follow_the_price_which_is_what_gamma_costs() -> None:
    """Short gamma: bought after a rise, sold after a fall, so each turn of the price is paid."""
    run = scenario("short_strangle", "unified", "crash")
    hedges = (
        run.fills(HEDGE)
        .group_by("order", maintain_order=True)
        .agg(pl.col("side").first(), pl.col("price").mean())
    )
    moves = hedges["price"].diff().drop_nulls().sign()
    assert (moves == hedges["side"][1:]).mean() > 0.8  # type: ignore[operator]
    bare = start("short_strangle", "unified", "crash", band=1e6)
    assert bare.fills(HEDGE).is_empty()
    low = int(run.result.start_ns + 26 * 60 * 10**9)
    exposed = -ShortStrangle.size * sum(
        delta(bare, "crash", leg.name, low) for leg in bare.strategy.legs
    )
    assert exposed > 4 * ShortStrangle.band, "long where the price has fallen"


@pytest.mark.parametrize("hour", HOURS)
def test_one_pool_nets_options_and_hedge(hour: str) -> None:
    """Not at the peak, which is one leg before its hedge, but from then on."""
    runs = [scenario("short_strangle", mode, hour).result for mode in MODES]
    apart, one = (
        run.history.filter(pl.col("pool") == "account")["initial_margin"].median() for run in runs
    )
    assert one < 0.97 * apart  # type: ignore[operator]
    assert runs[1].summary.transfers == 0
    assert runs[0].summary.transfers >= 2


def test_wrong_parameters_and_missing_options_are_named() -> None:
    with pytest.raises(InputError, match="delta below a half"):
        start("short_strangle", "unified", delta=0.5)
    with pytest.raises(InputError, match="no options on BTC"):
        start("short_strangle", "unified", instruments=["spot:BTCUSDT", "um:BTCUSDT"])
