"""Goal: a covered call pays its premium plus the lesser of price and strike, and no more.

Method: the formula from fills, the tape's settlement and index; both modes, and prices far above.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulator import InputError
from simulator.market.tape import Kind
from strategies.covered_call import CoveredCall
from tests.strategies.products import Run, at, scenario, start, stated
from tests.strategies.runs import HOURS, MODES, last

every_run = pytest.mark.parametrize(("hour", "mode"), [(h, m) for h in HOURS for m in MODES])
every_mode = pytest.mark.parametrize("mode", MODES)


def payoff(run: Run, hour: str) -> float:
    """Profit by the formula: coins at the index, premium, what the call pays away, fees."""
    call = run.strategy.call
    fills = run.fills(call.name)
    assert fills.height
    premium = float((fills["price"] * fills["quantity"]).sum())
    sold = float(fills["quantity"].sum())
    settled = stated(f"{hour}_dated", Kind.SETTLEMENT)[call.name][1][0]
    index = stated(hour, Kind.INDEX)["um:BTCUSDT"]
    # Before the first index the coins were counted at the first price there was.
    coins = run.result.summary.start_equity - 20_000
    moved = float(run.balance("BTC")) * at(index, run.result.end_ns) - coins
    fees = run.result.summary.pnl["fees"]
    return moved + premium - sold * max(0.0, settled - call.strike) + fees


@every_run
def test_profit_is_premium_and_the_lesser_of_price_and_strike(hour: str, mode: str) -> None:
    run = scenario("covered_call", mode, hour)
    summary = run.result.summary
    gained = summary.end_equity - summary.start_equity
    assert gained == pytest.approx(payoff(run, hour), abs=0.01)
    assert summary.rejections == {}
    assert summary.liquidations == 0


@every_run
def test_as_many_calls_as_coins_and_none_after_settlement(hour: str, mode: str) -> None:
    run = scenario("covered_call", mode, hour)
    call = run.strategy.call
    held = run.held(call.name)["quantity"]
    assert min(held) == pytest.approx(-CoveredCall.size)
    assert max(held) == 0
    assert last(run.held(call.name), "quantity") == 0
    assert run.balance("BTC") == 1
    first = run.fills(call.name)["time_ns"][0]
    price = at(stated(hour, Kind.INDEX)["um:BTCUSDT"], first)
    series = [m.strike for m in run.strategy.calls if m.expiry_ns == call.expiry_ns]
    assert abs(call.strike - price) == min(abs(strike - price) for strike in series)


@every_mode
def test_cap_is_the_strike(mode: str) -> None:
    """A call of the lowest strike is deep in the money: the profit is known when it is sold."""
    run = start("covered_call", mode, "crash", above=-0.06)
    call = run.strategy.call
    settled = stated("crash_dated", Kind.SETTLEMENT)[call.name][1][0]
    assert settled > call.strike
    fills = run.fills(call.name)
    premium = float((fills["price"] * fills["quantity"]).sum())
    index = stated("crash", Kind.INDEX)["um:BTCUSDT"]
    cash = float(run.balance("USDT")) - 20_000 - run.result.summary.pnl["fees"]
    assert cash == pytest.approx(premium - (settled - call.strike), abs=1e-5)
    # Coins and cash together, had the coins been sold at the settlement price: c + K - S0.
    started = at(index, run.result.start_ns)
    capped = cash + settled - started
    assert capped == pytest.approx(premium + call.strike - started, abs=1e-5)


@pytest.mark.parametrize("hour", HOURS)
def test_coins_cover_the_call_only_in_one_pool(hour: str) -> None:
    """Separated the whole range counts; unified coins offset the call until a fall is as bad."""
    apart, one = (scenario("covered_call", mode, hour).result.summary for mode in MODES)
    assert one.peak_initial_margin < 0.6 * apart.peak_initial_margin
    assert apart.transfers >= 1
    assert one.transfers == 0


@every_mode
def test_missing_coins_are_bought_first(mode: str) -> None:
    run = start("covered_call", mode, deposits={"USDT": Decimal(100_000)}, funds=0.9)
    assert run.fills("spot:BTCUSDT")["side"].to_list()[0] == 1
    assert float(run.balance("BTC")) == pytest.approx(1.0, abs=0.002)
    assert run.result.summary.rejections == {}


@every_mode
def test_longer_call_keeps_its_time_value(mode: str) -> None:
    """With ``days`` 30 the far series is sold; at the end of the tape it is still there."""
    run = start("covered_call", mode, days=30.0, above=0.05)
    assert run.strategy.call.name == "option:BTC-250627-66000-C"
    assert last(run.held(run.strategy.call.name), "quantity") == pytest.approx(-1.0)
    assert run.result.summary.pnl["price"] < run.strategy.premium


def test_wrong_parameters_and_missing_options_are_named() -> None:
    with pytest.raises(InputError, match="size must be above 0"):
        start("covered_call", "unified", size=0.0)
    with pytest.raises(InputError, match="no calls on BTC"):
        start("covered_call", "unified", instruments=["spot:BTCUSDT", "um:BTCUSDT"])
