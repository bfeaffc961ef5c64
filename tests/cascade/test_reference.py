"""Goal: the engine's cascades are those of an independent, readable model.

Method: random small crowds on random falling markets, both played to the end, and compared event
for event (who, when, at which stage, lots, worth, fee, against whom), and by every account's
balance to the last unit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from simulator.liquidation.rules import InsuranceRules, LiquidationRules
from simulator.market.liquidity import Impact, Liquidity
from simulator.rulebook.load import load
from simulator.rulebook.venue import venue_rules
from tests.cascade.crowds import (
    BTC,
    ETH,
    SPOT,
    falling_market,
    separated_crowd,
    unified_crowd,
)
from tests.cascade.kit import BRACKETS, SCENARIO, SHARED, Cascade, impact_of, units
from tests.cascade.plain_run import plain_run

THIN = Liquidity(depth=150_000.0, spread=2e-4, reach=0.2, levels=40, half_life_ns=20 * 10**9)
FUND = InsuranceRules({"USDT": Decimal(20_000)}, capacity=1.0, unwind=0.1, unwind_reach=0.01)
POOR = replace(FUND, balance={"USDT": Decimal(0)})


def rules_in(rulebook: str, insurance: InsuranceRules) -> LiquidationRules:
    """What a rulebook says of liquidation, with a fund of its own."""
    book = load(rulebook)
    found = venue_rules(book, book.margin_rules("separated"), True).liquidation
    return replace(found, insurance=insurance)


def compare(cascade: Cascade, impact: Impact, rulebook: str, insurance: InsuranceRules) -> Counter:
    """Run both; return how many events there were of each stage."""
    cascade.run()
    plain = plain_run(cascade, impact, rulebook, rules_in(rulebook, insurance))
    engine = cascade.closings()
    for number, (mine, theirs) in enumerate(zip(plain.events, engine, strict=False)):
        assert theirs == mine, f"event {number}"
    assert len(engine) == len(plain.events)
    for name, mark in plain.market.mark.items():
        assert cascade.mark(name) == pytest.approx(mark, rel=1e-12)
    assert cascade.fund() == plain.fund["USDT"]
    ends: dict[int, Counter[str]] = {one.id: Counter() for one in cascade.holders}
    for pool in plain.pools:
        ends[pool.account].update(pool.wallet)
        for name, one in pool.positions.items():
            assert cascade.lots(pool.account, name) == one.lots
    for one in cascade.holders:
        if not one.unified or rulebook != SCENARIO:  # there plain spot is no member of the pool
            ends[one.id].update({a: units(x) for a, x in one.balance.get("spot", {}).items()})
        assert cascade.amounts(one.id) == {a: x for a, x in ends[one.id].items() if x}, one
    return Counter(one.stage for one in engine)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("insurance", [FUND, POOR], ids=["fund", "no fund"])
def test_wallets_and_isolated_positions_under_brackets(
    seed: int, insurance: InsuranceRules
) -> None:
    impact = impact_of(THIN)
    cascade = Cascade(
        falling_market(seed),
        separated_crowd(seed, 30),
        rulebook=BRACKETS,
        impact=impact,
        insurance=insurance,
    )
    stages = compare(cascade, impact, BRACKETS, insurance)
    assert stages["order"] > 5


@pytest.mark.parametrize("seed", range(2))
def test_one_underlying_under_the_scenario_model(seed: int) -> None:
    impact = impact_of(replace(THIN, profile="linear", permanent=0.2, flight=0.02))
    cascade = Cascade(
        falling_market(seed, (BTC,), 40),
        separated_crowd(seed, 20, (BTC,)),
        rulebook=SCENARIO,
        impact=impact,
        insurance=POOR,
    )
    compare(cascade, impact, SCENARIO, POOR)


@pytest.mark.parametrize("seed", [2, 5])
def test_everybody_in_profit_gives_his_share(seed: int) -> None:
    impact = impact_of(THIN)
    cascade = Cascade(
        falling_market(seed),
        separated_crowd(seed, 40),
        rulebook=SHARED,
        impact=impact,
        insurance=POOR,
    )
    stages = compare(cascade, impact, SHARED, POOR)
    assert stages["counterparty"] > stages["takeover"]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_many_crowds_under_brackets(seed: int) -> None:
    impact = impact_of(THIN if seed % 2 else replace(THIN, profile="linear", flight=0.02))
    for rulebook, insurance in ((BRACKETS, FUND), (BRACKETS, POOR), (SHARED, POOR)):
        made, crowd = falling_market(seed), separated_crowd(seed, 40)
        cascade = Cascade(made, crowd, rulebook=rulebook, impact=impact, insurance=insurance)
        compare(cascade, impact, rulebook, insurance)


@pytest.mark.parametrize("seed", range(4))
def test_unified_pools_sell_coins_for_what_they_owe(seed: int) -> None:
    impact = impact_of(THIN)
    cascade = Cascade(
        falling_market(seed, (SPOT, BTC, ETH)),
        unified_crowd(seed, 30),
        mode="unified",
        rulebook=BRACKETS,
        impact=impact,
        insurance=POOR,
    )
    stages = compare(cascade, impact, BRACKETS, POOR)
    assert stages["order"] > 5


def test_without_feedback_each_order_meets_the_whole_book() -> None:
    impact = impact_of(THIN, feedback=False)
    cascade = Cascade(
        falling_market(4), separated_crowd(4, 30), rulebook=BRACKETS, impact=impact, insurance=FUND
    )
    compare(cascade, impact, BRACKETS, FUND)
