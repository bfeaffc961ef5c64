"""Goal: the lesson's numbers, in every way to be short, and what each part of the model is for.

Method: the lesson's pool with one thing changed at a time; figures worked out by hand.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from simulator.risk import reference_black76 as black76
from simulator.risk.components import CalendarCharge, Grid, Scenario, SizeCharge
from simulator.risk.reference import PoolState, Position, pool_margin
from simulator.risk.state import YEAR_NS
from tests.risk.building import inverse, scenario_rules

D, F = Decimal, Fraction


def lesson(
    eth: Position | None, assets: dict[str, Decimal], loans: dict[str, Decimal] | None = None
) -> PoolState:
    """Return the lesson's BTC long of 50,000 beside an ETH short of some kind."""
    btc = Position("BTCUSDT", "BTC", "USDT", D(1), D(50_000), D(50_000))
    index = {"USDT": D(1), "BTC": D(50_000), "ETH": D(3_000)}
    positions = (btc,) if eth is None else (btc, eth)
    return PoolState(assets, index, positions, loans or {})


LESSON = scenario_rules(credit_rate=F(1, 3))


def test_lesson_with_a_linear_short() -> None:
    eth = Position("ETHUSDT", "ETH", "USDT", D(-10), D(3_000), D(3_000))
    margin = pool_margin(lesson(eth, {"USDT": D(6_000)}), LESSON)
    assert margin.components == {"scan_risk": D(8_000), "inter_credit": D(-2_000)}
    assert margin.initial_margin == 6_000
    assert margin.ratio == D("1.5")
    assert [p.initial_margin for p in margin.positions] == [5_000, 3_000]


def test_lesson_with_a_coin_margined_short() -> None:
    """3,000 contracts of 10 USD short.  On USDT alone the same 6,000; on 10 ETH of collateral the
    short is the collateral's hedge, needs nothing, and leaves nothing to offset BTC with.
    """
    eth = inverse("ETHUSD_PERP", D(-3_000), D(10), D(3_000), D(3_000))
    assert pool_margin(lesson(eth, {"USDT": D(6_000)}), LESSON).initial_margin == 6_000
    hedged = pool_margin(lesson(eth, {"USDT": D(6_000), "ETH": D(10)}), LESSON)
    assert hedged.components == {"scan_risk": D(5_000), "inter_credit": D(0)}
    half = pool_margin(lesson(eth, {"USDT": D(6_000), "ETH": D(5)}), LESSON)
    # 1,500 of the short's risk is left; matched with 1,500 of BTC's it earns a third of both.
    assert half.components == {"scan_risk": D(6_500), "inter_credit": D(-1_000)}


def test_lesson_with_a_borrowed_short() -> None:
    """10 ETH borrowed and sold for 30,000 USDT: a short like the others, 6,000 again."""
    state = lesson(None, {"USDT": D(36_000)}, {"ETH": D(10)})
    margin = pool_margin(state, LESSON)
    assert margin.equity == 6_000
    assert margin.initial_margin == 6_000


def test_a_calendar_spread_needs_far_less_than_its_legs() -> None:
    rules = scenario_rules(
        components=(
            Grid("scan_risk", {"": (Scenario(F(-1)), Scenario(F(1)))}, of_range=True),
            CalendarCharge("calendar_charge", {"": F(1, 100)}),
        )
    )
    near_leg = Position("BTCUSDT", "BTC", "USDT", D(1), D(50_000), D(50_000))
    far_leg = Position(
        "BTCUSDT_261225", "BTC", "USDT", D(-1), D(50_000), D(50_000), expiry_ns=YEAR_NS
    )
    state = PoolState({"USDT": D(1)}, {"USDT": D(1), "BTC": D(50_000)}, (near_leg, far_leg))
    margin = pool_margin(state, rules)
    assert margin.components == {"scan_risk": D(0), "calendar_charge": D(500)}
    assert sum(p.initial_margin for p in margin.positions) == 10_000


@pytest.mark.parametrize("right", ["C", "P"])
def test_short_options_count_net_by_index_or_delta(right: str) -> None:
    """Three short and one long of one strike, two long of another: two short count."""
    options = [
        Position(
            f"BTC-1-{strike}-{right}", "BTC", "USDT", D(quantity), D(900), D(900),
            product="option", strike=D(strike), right="C" if right == "C" else "P",
            expiry_ns=YEAR_NS // 4, volatility=D("0.6"),
        )
        for strike, quantity in ((50_000, -3), (50_000, 1), (60_000, 2))
    ]  # fmt: skip
    state = PoolState({"USDT": D(1)}, {"USDT": D(1), "BTC": D(50_000)}, tuple(options))
    rules = scenario_rules(
        components=(
            SizeCharge("by_index", "short_options", {"": F(1, 100)}),
            SizeCharge("by_delta", "short_options", {"": F(1, 100)}, measure="delta"),
        )
    )
    figures = pool_margin(state, rules).components
    assert figures["by_index"] == 1_000
    one = black76.delta(D(50_000), D(50_000), D("0.25"), D("0.6"), options[0].right)
    assert abs(figures["by_delta"] - 1_000 * abs(one)) < D("1e-18")


def test_measured_volatility_widens_the_range_up_to_a_limit() -> None:
    rules = scenario_rules(reference_volatility=D("0.6"), widest_range=D(2))
    state = lesson(None, {"USDT": D(6_000)})
    expected = {"0.3": 5_000, "0.6": 5_000, "0.9": 7_500, "1.2": 10_000, "3": 10_000}
    for measured, needed in expected.items():
        moved = replace(state, measured_volatility={"BTC": D(measured)})
        assert pool_margin(moved, rules).initial_margin == needed
