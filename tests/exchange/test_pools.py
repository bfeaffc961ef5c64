"""Goal: the compiled pools and the exact model agree on every portfolio, product and rulebook.

Method: random pools of all products under every rulebook and under one with every component;
figures within 1e-9 of gross notional, components by name, levels except within that of an edge.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.risk.columns import KINDS
from simulator.risk.figures import PoolEvaluator
from simulator.risk.reference import pool_margin
from simulator.risk.rules import MarginRules
from simulator.risk.state import PoolState, Position
from simulator.rulebook.load import load
from tests.risk.portfolios import EVERYTHING, FAR, LINEAR_SCAN, pools

D, F = Decimal, Fraction
BOOKS = ("textbook", "binance", "okx_pm", "deribit_pm", "bybit")
TOLERANCE = 1e-9


def gross(state: PoolState) -> float:
    """Gross value of all that a pool holds, owes and trades, USD."""
    total = 1.0
    for amounts in (state.assets, state.loans, state.interest):
        total += sum(abs(float(x * state.index[a])) for a, x in amounts.items())
    for one in state.positions:
        size = abs(float(one.quantity * one.contract_size))
        price = 1.0 if one.product == "inverse" else float(state.index[one.underlying])
        total += size * max(price, float(one.mark_price) if one.product != "inverse" else 1.0)
    return total


def agree(state: PoolState, rules: MarginRules) -> None:
    exact = pool_margin(state, rules)
    pool = PoolEvaluator(state, rules)
    fast = pool.figures()
    close = TOLERANCE * gross(state)
    assert fast.equity == pytest.approx(float(exact.adjusted_equity), abs=close, rel=0)
    assert fast.initial_margin == pytest.approx(float(exact.initial_margin), abs=close, rel=0)
    needed = float(exact.maintenance_margin)
    assert fast.maintenance_margin == pytest.approx(needed, abs=close, rel=0)
    found = pool.components()
    for name, value in exact.components.items():
        assert found[name] == pytest.approx(float(value), abs=close, rel=0), name
    ladder = rules.ladder_of(state.kind, state.margin_leverage)
    edges = [0.0, *(at * needed for at in ladder.thresholds().values())]
    equity = float(exact.adjusted_equity)
    if min(abs(equity - edge) for edge in edges) > 10 * close and (needed == 0 or needed > close):
        assert fast.level == exact.level


@given(pools())
def test_every_component(state: PoolState) -> None:
    agree(state, EVERYTHING)


@given(pools())
def test_extended_table_and_basis(state: PoolState) -> None:
    agree(state, FAR)


@given(pools())
def test_linear_scan_alone(state: PoolState) -> None:
    agree(state, LINEAR_SCAN)


@given(
    pools(),
    st.sampled_from(("initial", "maintenance")),
    st.sampled_from(("mark", "index")),
    st.sampled_from(("pool", "unit")),
    st.sampled_from(("USD", "BTC")),
    st.sampled_from((None, D("0.5"))),
    st.sampled_from((EVERYTHING, FAR)),
)
def test_every_choice_of_the_model(
    state: PoolState,
    total_is: str,
    moved: str,
    scope: str,
    currency: str,
    wide: Decimal | None,
    rules: MarginRules,
) -> None:
    scenario = replace(
        rules.scenario,
        total_is=total_is,  # type: ignore[arg-type]
        moved_price=moved,  # type: ignore[arg-type]
        floor_scope=scope,  # type: ignore[arg-type]
        reference_volatility=wide,
        widest_range=D(2),
    )
    state = replace(state, currency=currency, measured_volatility={"BTC": D("0.8"), "ETH": D(9)})
    agree(state, replace(rules, scenario=scenario))


@settings(max_examples=40)  # times ten: every rulebook in both modes
@pytest.mark.parametrize("mode", ["separated", "unified"])
@pytest.mark.parametrize("name", BOOKS)
@given(state=pools(most=4), kind=st.sampled_from(("um", "cm", "margin", "options", "unified")))
def test_rulebooks(name: str, mode: str, state: PoolState, kind: str) -> None:
    rules = load(name).margin_rules(mode)  # type: ignore[arg-type]
    if mode == "unified":
        kind = "unified"
    if rules.model_of(kind) == "brackets":
        state = by_symbols(state, rules)
    agree(replace(state, kind=kind), rules)  # type: ignore[arg-type]


def test_a_pool_does_not_see_options_of_the_one_before() -> None:
    """A COIN-M pool without options, evaluated after an options pool of the same underlying."""
    year = 365 * 86_400 * 10**9
    state = PoolState(
        {"USDT": D(10_000), "BTC": D(1)},
        {"USDT": D(1), "BTC": D(40_000)},
        (
            Position("C", "BTC", "USDT", D(-3), D(900), D(900), product="option", expiry_ns=year,
                     strike=D(40_000), right="C", volatility=D("0.6")),
            Position("BTCUSD_PERP", "BTC", "BTC", D(100), D(40_000), D(40_000), product="inverse",
                     contract_size=D(100)),
        ),
    )  # fmt: skip
    found = PoolEvaluator(state, EVERYTHING)
    coin = found.assets.index("BTC")
    rows = [(0, 0, -1, KINDS.index("options"), -1), (0, 0, -1, KINDS.index("cm"), coin)]
    found.pools.set_partition(rows, np.array([[0, 1]], dtype=np.int32))
    found.pools.evaluate(1)
    alone = found.pools.figures(1)
    found.pools.evaluate(0)
    found.pools.evaluate(1)
    assert found.pools.figures(1) == alone


def by_symbols(state: PoolState, rules: MarginRules) -> PoolState:
    """Return the state with contracts that the bracket tables know."""
    kept = []
    for one in state.positions:
        linear = f"{one.underlying}USDT"
        coin = f"{one.underlying}USD_PERP"
        symbol = {"linear": linear, "inverse": coin}.get(one.product, one.symbol)
        if one.product == "option":
            if rules.options is not None:
                kept.append(one)
        elif symbol in rules.brackets:
            kept.append(replace(one, symbol=symbol))
    return replace(state, positions=tuple(kept))
