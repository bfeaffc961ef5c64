"""Goal: coins with a short against them are dollars; the ledger counts coins to the last unit.

Method: recompute contracts, fees, funding and profit in coins from the fills and the tape alone.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from simulator import InputError
from simulator.market.tape import Kind
from strategies.coin_carry import CoinCarry
from tests.strategies.products import Run, at, scenario, start, stated
from tests.strategies.runs import HOURS, MODES, last

PERP = "cm:BTCUSD_PERP"
FACE = 100

every_run = pytest.mark.parametrize(("hour", "mode"), [(h, m) for h in HOURS for m in MODES])
every_mode = pytest.mark.parametrize("mode", MODES)


def funding(run: Run, hour: str) -> float:
    """Coins that the position is paid: contracts * face / mark * rate, to shorts if above 0."""
    times, rates = stated(hour, Kind.FUNDING)[PERP]
    total = 0.0
    for time, rate in zip(times, rates, strict=True):
        before = run.fills(PERP).filter(run.fills(PERP)["time_ns"] < time)
        contracts = float((before["side"] * before["quantity"]).sum())
        total -= contracts * FACE / at(stated(hour, Kind.MARK)[PERP], time) * rate
    return total


@every_run
def test_coins_are_conserved_but_for_fees_and_funding(hour: str, mode: str) -> None:
    """Nothing is closed, so no profit is booked: deposit - fees + funding, to a unit a posting."""
    run = scenario("coin_carry", mode, hour)
    expected = 1.0 - run.fees("BTC") + funding(run, hour)
    assert float(run.balance("BTC")) == pytest.approx(expected, abs=3e-8)
    assert funding(run, hour) * (1 if hour == "calm" else -1) > 0
    assert run.balance("USDT") == 0


@every_run
def test_contracts_are_worth_the_coins(hour: str, mode: str) -> None:
    run = scenario("coin_carry", mode, hour)
    first = run.fills(PERP)["price"][0]
    short = -last(run.held(PERP), "quantity")
    assert run.strategy.intact
    assert 0 <= first / FACE - short <= 1.01
    assert set(run.fills(PERP)["side"].unique()) == {-1}


@every_run
def test_dollars_stay_while_the_price_moves(hour: str, mode: str) -> None:
    """C * p + n * c * (1 - p / p0) is n * c: in the crash the coin loses an eighth."""
    run = scenario("coin_carry", mode, hour)
    account = run.result.history.filter(run.result.history["pool"] == "account")
    began = run.fills(PERP)["time_ns"].to_list()[-1]
    equity = account.filter(account["time_ns"] > began)["equity"]
    moved = max(equity) / min(equity) - 1.0
    prices = run.result.prices.filter(run.result.prices["instrument"] == PERP)["price"]
    fell = 1.0 - min(prices) / max(prices)
    # What is left is the basis: the mark leaves the index, by up to 1.2 % in the crash.
    assert moved < (0.0015 if hour == "calm" else 0.018)
    assert fell > (0.004 if hour == "calm" else 0.12)


@pytest.mark.parametrize("hour", HOURS)
def test_only_a_pool_that_counts_dollars_sees_the_hedge(hour: str) -> None:
    """Separated 1 - 1 / 1.1 of the coins; unified what the basis leaves, in the crash 1.4 %."""
    apart, one = (scenario("coin_carry", mode, hour).result.summary for mode in MODES)
    assert 0.085 < apart.peak_initial_margin / apart.start_equity < 0.105
    share = one.peak_initial_margin / apart.peak_initial_margin
    assert share < (0.02 if hour == "calm" else 0.15)
    assert apart.liquidations == one.liquidations == 0
    assert apart.transfers == 1
    assert one.transfers == 0


def test_modes_make_the_same_fills() -> None:
    apart, one = (scenario("coin_carry", mode) for mode in MODES)
    assert apart.result.fills.equals(one.result.fills)


@every_mode
def test_unwinding_books_the_inverse_profit(mode: str) -> None:
    """Each contract bought back at p pays face * (1 / p - 1 / entry), in coins, exactly."""
    run = start("coin_carry", mode, "crash", unwind_after=1500.0)
    fills = run.fills(PERP)
    worth = Fraction(0)
    for side, price, quantity in fills.select("side", "price", "quantity").iter_rows():
        worth += side * Fraction(round(quantity)) * FACE / Fraction(Decimal(str(price)))
    assert last(run.held(PERP), "quantity") == 0
    assert run.result.summary.used_margin == pytest.approx(0, abs=1e-9)
    expected = 1.0 + float(worth) + funding(run, "crash") - run.fees("BTC")
    assert float(run.balance("BTC")) == pytest.approx(expected, abs=len(fills) * 2e-8)


@every_mode
def test_part_of_the_coins_leaves_the_rest_exposed(mode: str) -> None:
    run = start("coin_carry", mode, "crash", share=0.5)
    moved = run.result.summary.end_equity / run.result.summary.start_equity - 1.0
    prices = run.result.prices.filter(run.result.prices["instrument"] == PERP)["price"]
    assert moved == pytest.approx(0.5 * (prices[-1] / prices[0] - 1.0), abs=0.002)


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InputError, match="share must be above 0"):
        start("coin_carry", "unified", share=0.0)
    with pytest.raises(InputError, match="needs BTC to begin with"):
        start("coin_carry", "unified", deposits={"USDT": Decimal(100)})
    with pytest.raises(ValueError, match="no parameter 'size'"):
        CoinCarry(size=1.0)
