"""Goal: conditions are met exactly where the rules say, and say what there is and what is needed.

Method: one account that meets everything; each figure moved to both sides of its edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.accounts.conditions import (
    AccountFacts,
    Condition,
    ConditionName,
    after_merge,
    agreement_condition,
    eligibility,
    questionnaire_conditions,
    ratio_needed,
    way_back,
)
from simulator.accounts.rules import ModeRules
from simulator.risk.levels import Ladder, Rung

D = Decimal
MINUTE_NS = 60 * 10**9

RULES = ModeRules(
    kyc="basic",
    net_assets=D(100_000),
    account_age_days=30,
    futures_trades=10,
    futures_volume=D(10_000),
    experience_days=30,
    isolated_positions=False,
    open_positions=False,
    open_orders="refuse",
    cool_down_ns=10 * MINUTE_NS,
)
GOOD = AccountFacts(
    time_ns=0,
    kyc="basic",
    age_days=30,
    net_assets=D(100_000),
    futures_trades=10,
    futures_volume=D(10_000),
)
ORDER = get_args(ConditionName)


def by_name(conditions: tuple[Condition, ...]) -> Mapping[str, Condition]:
    found = {one.name: one for one in conditions}
    assert list(found) == sorted(found, key=ORDER.index)
    assert len(found) == len(conditions)
    return found


def test_an_account_exactly_at_every_threshold_is_eligible() -> None:
    found = by_name(eligibility(RULES, GOOD, at_switch=True))
    assert list(found) == [
        "KYC", "NET_ASSETS", "ACCOUNT_AGE", "FUTURES_TRADES", "FUTURES_VOLUME", "NO_LIQUIDATION",
        "NO_ISOLATED_POSITIONS", "NO_OPEN_POSITIONS", "NO_OPEN_ORDERS",
    ]  # fmt: skip
    assert all(one.met for one in found.values())


# One fact just on the wrong side of its edge, and how the condition then reads.
JUST_BELOW: list[tuple[dict[str, Any], str]] = [
    ({"kyc": "none"}, "KYC: none, needs basic"),
    (
        {"net_assets": D("99999.99999999")},
        "NET_ASSETS: 99,999.99 USDT, needs 100,000.00 USDT",
    ),
    ({"age_days": 29}, "ACCOUNT_AGE: 29 days, needs 30 days"),
    ({"futures_trades": 9}, "FUTURES_TRADES: 9 in 30 days, needs 10 in 30 days"),
    (
        {"futures_volume": D("9999.999")},
        "FUTURES_VOLUME: 9,999.99 USDT in 30 days, needs 10,000.00 USDT in 30 days",
    ),
    ({"liquidating": ("um",)}, "NO_LIQUIDATION: 1 pool, needs none (um)"),
    (
        {"isolated": ("um:BTCUSDT +0.5",)},
        "NO_ISOLATED_POSITIONS: 1 isolated position, needs none (um:BTCUSDT +0.5)",
    ),
    (
        {"positions": ("um:BTCUSDT +0.5", "um:ETHUSDT -3")},
        "NO_OPEN_POSITIONS: 2 open positions, needs none (um:BTCUSDT +0.5, um:ETHUSDT -3)",
    ),
    ({"open_orders": 1}, "NO_OPEN_ORDERS: 1 open order, needs none"),
]


@pytest.mark.parametrize(("fact", "text"), JUST_BELOW, ids=lambda one: next(iter(one)))
def test_one_unmet_condition(fact: dict[str, Any], text: str) -> None:
    found = eligibility(RULES, replace(GOOD, **fact), at_switch=True)
    assert [str(one) for one in found if not one.met] == [text]
    assert len(found) == 9


def test_all_unmet_conditions_are_listed_at_once() -> None:
    worst = {key: value for fact, _ in JUST_BELOW for key, value in fact.items()}
    found = eligibility(RULES, replace(GOOD, **worst), at_switch=True)
    assert [str(one) for one in found] == [text for _, text in JUST_BELOW]
    assert not any(one.met for one in found)


def test_more_than_is_asked_is_met() -> None:
    rich = replace(
        GOOD,
        kyc="advanced",
        net_assets=D(10**9),
        age_days=31,
        futures_trades=11,
        futures_volume=D(10**9),
    )
    assert all(one.met for one in eligibility(RULES, rich, at_switch=True))


@pytest.mark.parametrize(("needed", "met"), [("none", 3), ("basic", 2), ("advanced", 1)])
def test_identity_levels_rise(needed: Any, met: int) -> None:
    rules = replace(RULES, kyc=needed)
    levels: list[Any] = ["none", "basic", "advanced"]
    found = [eligibility(rules, replace(GOOD, kyc=kyc), at_switch=False) for kyc in levels]
    assert sum(all(one.met for one in each) for each in found) == met


def test_open_orders_matter_at_the_switch_only() -> None:
    busy = replace(GOOD, open_orders=3)
    assert "NO_OPEN_ORDERS" not in by_name(eligibility(RULES, busy, at_switch=False))
    assert not by_name(eligibility(RULES, busy, at_switch=True))["NO_OPEN_ORDERS"].met


def test_rules_that_ask_for_nothing_still_want_no_liquidation() -> None:
    busy = replace(
        GOOD, kyc="none", net_assets=D(-5), isolated=("um:A +1",), positions=("um:A +1",),
        open_orders=2, liquidating=("um", "margin"),
    )  # fmt: skip
    (only,) = eligibility(ModeRules(), busy, at_switch=True)
    assert str(only) == "NO_LIQUIDATION: 2 pools, needs none (um, margin)"


def test_net_assets_of_some_lines_say_so() -> None:
    rules = replace(RULES, net_assets_lines=("margin", "um"))
    found = by_name(eligibility(rules, GOOD, at_switch=False))
    assert found["NET_ASSETS"].need == "100,000.00 USDT in margin, um"


def test_agreement_is_of_one_version() -> None:
    assert agreement_condition("2026-11", "2026-11").met
    assert str(agreement_condition("2025-01", "2026-11")) == (
        "AGREEMENT_VERSION: 2025-01, needs 2026-11"
    )
    assert str(agreement_condition("", "2026-11")) == (
        "AGREEMENT_VERSION: none given, needs 2026-11"
    )


@pytest.mark.parametrize(
    ("score", "met", "have"),
    [
        (D("0.8"), True, "80 % right"),
        (D(1), True, "100 % right"),
        (D("0.79999999"), False, "79.99 % right"),
        (D(7) / 10, False, "70 % right"),
        (D(2) / 3, False, "66.66 % right"),
        (D(0), False, "0 % right"),
        (None, False, "not answered"),
    ],
)
def test_pass_mark(score: Decimal | None, met: bool, have: str) -> None:
    found = by_name(questionnaire_conditions(RULES, score, 0))["PASS_MARK"]
    assert (found.met, found.have, found.need) == (met, have, "80 %")


@pytest.mark.parametrize(
    ("left_ns", "met", "have"),
    [
        (0, True, "none"),
        (-1, True, "none"),
        (1, False, "1 s left"),
        (10**9, False, "1 s left"),
        (MINUTE_NS, False, "1 min left"),
        (MINUTE_NS + 1, False, "1 min 1 s left"),
        (10 * MINUTE_NS - 19 * 10**9, False, "9 min 41 s left"),
    ],
)
def test_cool_down(left_ns: int, met: bool, have: str) -> None:
    found = by_name(questionnaire_conditions(RULES, D(1), left_ns))["COOL_DOWN"]
    assert (found.met, found.have, found.need) == (met, have, "none")


def test_no_questions_and_no_cool_down_ask_for_nothing() -> None:
    assert questionnaire_conditions(ModeRules(questions=0), None, 0) == ()


@pytest.mark.parametrize(
    ("equity", "maintenance", "met", "have"),
    [
        # Exactly at what is needed is where the margin call begins: not met.
        (D(6000), D(4000), False, "1.5000 (equity 6,000.00 USDT / maintenance 4,000.00 USDT)"),
        (D("6000.01"), D(4000), True, "1.5000 (equity 6,000.01 USDT / maintenance 4,000.00 USDT)"),
        (D("5999.99"), D(4000), False, "1.4999 (equity 5,999.99 USDT / maintenance 4,000.00 USDT)"),
        (5500.0, 4000.0, False, "1.3750 (equity 5,500.00 USDT / maintenance 4,000.00 USDT)"),
        (-1.0, 4000.0, False, "-0.0003 (equity -1.00 USDT / maintenance 4,000.00 USDT)"),
        (0.0, 0.0, True, "no requirement"),
        (D(5), D(0), True, "no requirement"),
        (D("-0.01"), D(0), False, "no requirement, equity -0.01 USDT"),
    ],
)
def test_after_the_merge(
    equity: Decimal | float, maintenance: Decimal | float, met: bool, have: str
) -> None:
    found = after_merge(equity, maintenance, D("1.5"))
    assert (found.name, found.met, found.have, found.need) == (
        "UNIMMR_AFTER", met, have, "above 1.5",
    )  # fmt: skip


def test_the_ratio_needed_is_the_rulebooks_or_the_first_rung() -> None:
    rungs = {"margin_call": Rung(D("1.5")), "reduce_only": Rung(D("1.2"))}
    bare = Ladder("uniMMR", Rung(D("1.05")), D("1.05"))
    assert ratio_needed(RULES, bare) == D("1.05")
    assert ratio_needed(RULES, replace(bare, reduce_only=rungs["reduce_only"])) == D("1.2")
    assert ratio_needed(RULES, replace(bare, **rungs)) == D("1.5")
    assert ratio_needed(replace(RULES, ratio_after=D(2)), replace(bare, **rungs)) == 2


def test_the_way_back_of_a_flat_account() -> None:
    found = by_name(way_back(GOOD))
    assert list(found) == [
        "NO_LIQUIDATION", "NO_OPEN_POSITIONS", "NO_OPEN_ORDERS", "NO_LOANS", "NO_INTEREST",
        "NO_NEGATIVE_BALANCES",
    ]  # fmt: skip
    assert all(one.met and one.have == "none" for one in found.values())


IN_THE_WAY: list[tuple[dict[str, Any], str]] = [
    ({"liquidating": ("unified",)}, "NO_LIQUIDATION: 1 pool, needs none (unified)"),
    ({"positions": ("cm:X -1",)}, "NO_OPEN_POSITIONS: 1 open position, needs none (cm:X -1)"),
    ({"open_orders": 1_200}, "NO_OPEN_ORDERS: 1,200 open orders, needs none"),
    (
        {"loans": {"USDT": D("5000.00"), "BTC": D("0.10000000"), "ETH": D(0)}},
        "NO_LOANS: 2 loans, needs none (USDT 5000, BTC 0.1)",
    ),
    (
        {"interest": {"USDT": D("0.00000001")}},
        "NO_INTEREST: 1 asset, needs none (USDT 0.00000001)",
    ),
    (
        {"negative": {"unified USDT": D("-3.5")}},
        "NO_NEGATIVE_BALANCES: 1 negative balance, needs none (unified USDT -3.5)",
    ),
]


@pytest.mark.parametrize(("fact", "text"), IN_THE_WAY, ids=lambda one: next(iter(one)))
def test_one_thing_in_the_way_back(fact: dict[str, Any], text: str) -> None:
    found = way_back(replace(GOOD, **fact))
    assert [str(one) for one in found if not one.met] == [text]


def test_everything_in_the_way_back_is_listed() -> None:
    worst = {key: value for fact, _ in IN_THE_WAY for key, value in fact.items()}
    found = way_back(replace(GOOD, **worst))
    assert [str(one) for one in found] == [text for _, text in IN_THE_WAY]


AMOUNTS = st.decimals(D("-1e9"), D("1e9"), places=8)


@given(have=AMOUNTS, need=st.decimals(D("0.00000001"), D("1e9"), places=8))
def test_what_is_shown_agrees_with_what_is_met(have: Decimal, need: Decimal) -> None:
    """An unmet figure is never shown as one that meets what is shown as needed."""
    rules = ModeRules(net_assets=need)
    found = by_name(eligibility(rules, replace(GOOD, net_assets=have), at_switch=False))
    one = found["NET_ASSETS"]
    assert one.met == (have >= need)
    shown = [D(text.removesuffix(" USDT").replace(",", "")) for text in (one.have, one.need)]
    assert shown[0] <= have
    assert one.met or shown[0] < shown[1]
