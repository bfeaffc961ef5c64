"""Goal: every figure of a pool is derived: each line's arithmetic gives its result, and every
figure of the margin is the result of some line.

Method: on random pools under a rulebook with every component, and on bracket pools, the numbers of
each line are computed as they are printed; figures are looked up among the results.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from simulator.risk import reference_black76
from simulator.risk.components import OptionMarginRules
from simulator.risk.reference import (
    PoolState,
    Position,
    Step,
    bankruptcy_price,
    liquidation_price,
    pool_margin,
)
from simulator.risk.rules import CollateralRules, LoanRules, MarginRules
from simulator.risk.state import YEAR_NS
from tests.risk.building import bracket_rules, one_bracket
from tests.risk.portfolios import EVERYTHING, FAR, pools

D = Decimal


def premium(*given_: Any) -> float:
    forward, strike, years, volatility, right, rate = given_
    numbers = (D(repr(x)) for x in (forward, strike, years, volatility))
    return float(reference_black76.premium(*numbers, right, D(repr(rate))))


WORDS = {"max": max, "min": min, "abs": abs, "premium": premium, "__builtins__": {}}


def computed(step: Step) -> float:
    """Return what a line's numbers come to, typed as they are printed."""
    return float(eval(step.numbers, WORDS))


def wrong(steps: list[Step]) -> list[Step]:
    """Return the lines whose numbers do not give their result."""
    found = []
    for step in steps:
        if step.result is None:
            assert step.numbers == ""
            continue
        sizes = [abs(float(x)) for x in re.findall(r"[0-9.]+", step.numbers)]
        if abs(computed(step) - float(step.result)) > 1e-9 * max((1.0, *sizes)):
            found.append(step)
    return found


def figures_without_a_line(state: PoolState, rules: MarginRules, steps: list[Step]) -> list[str]:
    margin = pool_margin(state, rules)
    results = [float(s.result) for s in steps if s.result is not None]
    figures = {
        "equity": margin.equity,
        "account equity": margin.account_equity,
        "adjusted equity": margin.adjusted_equity,
        "initial margin": margin.initial_margin,
        "maintenance margin": margin.maintenance_margin,
        **margin.components,
    }
    if margin.ratio is not None:
        figures["ratio"] = margin.ratio
    for number, (position, alone) in enumerate(zip(state.positions, margin.positions, strict=True)):
        usd = state.index[position.settle]
        figures[f"{number} notional"] = position.notional
        figures[f"{number} value"] = position.value
        figures[f"{number} initial"] = alone.initial_margin
        figures[f"{number} maintenance"] = alone.maintenance_margin
        assert usd
    return [
        name
        for name, figure in figures.items()
        if figure and not any(abs(r - float(figure)) <= 1e-9 * abs(r) for r in results)
    ]


@pytest.mark.parametrize("rules", [EVERYTHING, FAR], ids=["everything", "far"])
@settings(max_examples=40)
@given(state=pools())
def test_every_figure_of_a_scenario_pool_is_derived(rules: MarginRules, state: PoolState) -> None:
    steps: list[Step] = []
    pool_margin(state, rules, steps)
    assert wrong(steps) == []
    assert figures_without_a_line(state, rules, steps) == []


OPTIONS = ((26_000, "C", "-0.1"), (20_000, "P", "-3"), (30_000, "C", "1"))


def test_every_figure_of_a_bracket_pool_is_derived() -> None:
    rules = bracket_rules(
        {"BTCUSDT": one_bracket("0.05", "20"), "BTCUSD_PERP": one_bracket("0.01", "0.001")},
        loans=LoanRules(3, {3: D("0.1"), 5: D("0.08")}),
        collateral=CollateralRules(
            True, D(0), {"USDT": D(1)}, tiers={"BTC": ((D(0), D(1)), (D(9000), D("0.5")))}
        ),
        options=OptionMarginRules(D("0.15"), D("0.1"), D("0.075"), D("0.002")),
    )
    mark = D("24999.9")
    positions = (
        Position("BTCUSDT", "BTC", "USDT", D("-0.31"), D(26_000), mark),
        Position("BTCUSDT", "BTC", "USDT", D("0.02"), D(26_000), mark, leverage=D(7)),
        Position(
            "BTCUSD_PERP", "BTC", "BTC", D(70), D(24_000), mark, product="inverse",
            contract_size=D(100),
        ),
        *(
            Position(
                f"BTC-{strike}-{right}", "BTC", "USDT", D(quantity), D(900), D("901.5"),
                product="option", expiry_ns=YEAR_NS, strike=D(strike), right=right,
            )
            for strike, right, quantity in OPTIONS
        ),
    )  # fmt: skip
    state = PoolState(
        {"BTC": D("0.9"), "USDT": D(40_000), "ETH": D(1)},
        {"BTC": D(25_000), "USDT": D("0.9995"), "ETH": D(2_000)},
        positions,
        loans={"ETH": D("1.5")},
        interest={"ETH": D("0.01"), "USDT": D(3)},
        open_loss=D(12),
        order_margin=D(5),
    )
    steps: list[Step] = []
    margin = pool_margin(state, rules, steps)
    assert wrong(steps) == []
    assert figures_without_a_line(state, rules, steps) == []
    for symbol in dict.fromkeys(p.symbol for p in positions):
        line: list[Step] = []
        price = liquidation_price(state, rules, symbol, line)
        zero = bankruptcy_price(state, rules, symbol, line)
        assert wrong(line) == []
        assert [s.result for s in line] == [price, zero]
    assert margin.level.name in ("NORMAL", "MARGIN_CALL")


def test_rules_are_named_by_their_path_in_the_rulebook() -> None:
    steps: list[Step] = []
    position = Position("BTCUSDT", "BTC", "USDT", D(1), D(1), D(1))
    state = PoolState({"USDT": D(9)}, {"BTC": D(1), "USDT": D(1)}, (position,))
    pool_margin(state, EVERYTHING, steps)
    named = {s.rule for s in steps if s.rule}
    assert {"scenario.default_price_range", "scenario.initial_over_maintenance"} <= named
