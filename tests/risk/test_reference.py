"""Goal: equity and plain-sum margin equal the venue's published figures.

Method: published examples as literals with quote and source; edges and laws on random amounts.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.risk import kernels
from simulator.risk.levels import RiskLevel
from simulator.risk.reference import (
    PoolState,
    Position,
    collateral_value,
    net_amounts,
    pool_margin,
)
from simulator.rulebook.load import load
from tests.risk.building import scenario_rules

D = Decimal
UNIFIED = load("binance").margin_rules("unified")
SEPARATED = load("binance").margin_rules("separated")

quantities = st.decimals("-5000", "5000", places=3).filter(lambda q: abs(q) >= D("0.001"))


# The worked example of Portfolio Margin Pro's FAQ, its USD-M and cross-margin parts.  Quote:
# 'USDT | 1,000 | 0 | 1,000 | 0 ; BTC | 0.1 | 0.04 | 0.06 | 0.004 ; ETH | 20 | 15 | 5 | 1.5 ...
# Wallet balance | 5,000 USDT ... Unrealized PnL | 600 USDT | -414'.  Source: Binance FAQ
# 5e33af8e6ac04d57a1d0a3398e0a0752.  What follows from it but was not readable is computed by hand.
EXAMPLE = PoolState(
    assets={"USDT": D(1_000) + D(5_000), "BTC": D("0.1"), "ETH": D(20)},
    loans={"BTC": D("0.04"), "ETH": D(15)},
    index={"USDT": D(1), "BTC": D(40_000), "ETH": D(3_000)},
    positions=(
        Position("BTCUSDT", "BTC", "USDT", D("-0.05"), D(52_000), D(40_000)),
        Position("BTCUSDT_261225", "BTC", "USDT", D("0.04"), D(52_350), D(42_000)),
    ),
)


def test_portfolio_margin_example() -> None:
    short, long = EXAMPLE.positions
    assert short.unrealized_pnl == 600
    assert long.unrealized_pnl == -414
    amounts = net_amounts(EXAMPLE)
    assert amounts == {"USDT": 6_000 + 600 - 414, "BTC": D("0.06"), "ETH": 5}
    margin = pool_margin(EXAMPLE, UNIFIED)
    assert margin.components["loans"] == D("0.004") * 40_000 + D("1.5") * 3_000
    # 2,000 of notional at 0.4 %, 1,680 at the delivery contract's 1 %.
    assert margin.components["positions"] == D("8") + D("16.8")
    assert margin.maintenance_margin == D("4684.8")
    assert margin.equity == 6_186 + 2_400 + 15_000
    assert margin.account_equity == 6_186 + D("0.95") * (2_400 + 15_000)
    # Positions at 20x, loans at 3x: half of what is borrowed.
    assert margin.initial_margin == (2_000 + 1_680) / D(20) + (1_600 + 45_000) / D(2)
    assert margin.ratio == margin.account_equity / margin.maintenance_margin
    assert margin.level is RiskLevel.NORMAL


def test_plain_sum_gives_no_credit_for_opposite_positions() -> None:
    index = {"USDT": D(1)}
    btc = Position("BTCUSDT", "BTC", "USDT", D(1), D(50_000), D(50_000))
    eth = Position("ETHUSDT", "ETH", "USDT", D(-10), D(3_000), D(3_000))
    apart = [pool_margin(PoolState({"USDT": D(9_000)}, index, (p,)), SEPARATED) for p in (btc, eth)]
    together = pool_margin(PoolState({"USDT": D(9_000)}, index, (btc, eth)), SEPARATED)
    assert together.maintenance_margin == sum(p.maintenance_margin for p in apart) == 320
    assert together.initial_margin == 4_000


def test_default_leverage_stops_at_what_the_bracket_allows() -> None:
    index = {"USDT": D(1)}
    large = Position("BTCUSDT", "BTC", "USDT", D(4_000), D(50_000), D(50_000))
    asked = Position("BTCUSDT", "BTC", "USDT", D(4_000), D(50_000), D(50_000), leverage=D(5))
    at_default = pool_margin(PoolState({"USDT": D(10) ** 9}, index, (large,)), SEPARATED)
    assert at_default.initial_margin == D(200_000_000) / 10
    at_five = pool_margin(PoolState({"USDT": D(10) ** 9}, index, (asked,)), SEPARATED)
    assert at_five.initial_margin == D(200_000_000) / 5


def test_open_loss_lowers_the_ratio_but_not_the_account_equity() -> None:
    pool = PoolState(EXAMPLE.assets, EXAMPLE.index, EXAMPLE.positions, open_loss=D(100))
    margin = pool_margin(pool, UNIFIED)
    assert margin.adjusted_equity == margin.account_equity - 100
    assert margin.ratio == margin.adjusted_equity / margin.maintenance_margin


# Haircut: min(x * index * ratio, x * index); a debt counts in full.
HAIRCUT = [("2", "100", "0.95", "190"), ("-2", "100", "0.95", "-200"), ("2", "100", "0", "0")]


@pytest.mark.parametrize(("amount", "index", "ratio", "expected"), HAIRCUT)
def test_collateral_value(amount: str, index: str, ratio: str, expected: str) -> None:
    assert collateral_value(D(amount), D(index), D(ratio)) == D(expected)
    assert kernels.collateral_value(float(amount), float(index), float(ratio)) == float(expected)


@given(st.decimals(-(10**6), 10**6, places=6), st.decimals(0, 10**5, places=2), st.integers(0, 100))
def test_collateral_kernel_equals_decimal(amount: Decimal, index: Decimal, percent: int) -> None:
    expected = float(collateral_value(amount, index, D(percent) / 100))
    got = kernels.collateral_value(float(amount), float(index), percent / 100)
    assert abs(got - expected) <= 1e-9 * max(abs(float(amount * index)), 1.0)


@given(quantities, st.integers(2, 50))
def test_scaling_all_prices_scales_the_margins_of_the_scenario_model(
    quantity: Decimal, k: int
) -> None:
    rules = scenario_rules()

    def margin(scale: int) -> tuple[Decimal, Decimal | None]:
        mark = D(40_000) * scale
        position = Position("BTCUSDT", "BTC", "USDT", quantity, mark, mark)
        index = {"USDT": D(1), "BTC": mark}
        figures = pool_margin(PoolState({"BTC": D(100)}, index, (position,)), rules)
        return figures.maintenance_margin, figures.ratio

    (once, ratio), (scaled, same) = margin(1), margin(k)
    assert abs(scaled - k * once) <= D("1e-12")
    assert ratio is None if same is None else abs(ratio - same) <= D("1e-12") * abs(same)
