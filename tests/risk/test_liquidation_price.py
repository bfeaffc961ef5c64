"""Goal: liquidation and bankruptcy prices equal published figures, and their definition everywhere.

Method: published examples as literals with quote and source; random pools of linear, inverse and
hedged positions under both models, where the price found is put in and the definition checked, and
the way to it is searched for an earlier root.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simulator.risk.brackets import maintenance_margin
from simulator.risk.reference import (
    PoolState,
    Position,
    bankruptcy_price,
    liquidation_price,
    pool_margin,
)
from simulator.risk.rules import MarginRules
from simulator.rulebook.load import load
from tests.risk.building import bracket_rules, one_bracket

D = Decimal
CENT = D("0.01")
BINANCE = load("binance").margin_rules("separated")
TEXTBOOK = load("textbook").margin_rules("unified")


def linear(symbol: str, quantity: Decimal, entry: Decimal, mark: Decimal) -> Position:
    return Position(symbol, symbol[:3], "USDT", quantity, entry, mark)


def wallet_of(wallet: Decimal, *positions: Position) -> PoolState:
    index = {"USDT": D(1), **{p.underlying: p.mark_price for p in positions}}
    return PoolState({"USDT": wallet}, index, positions, kind="um")


def test_cross_short_with_another_position_in_the_wallet() -> None:
    """The first example of Binance's FAQ.

    Quote: "=[10.72 - 1.3 + 0.47 + 0 -(-1*0.005*9,451.53)]/[(0.005*0.004) - (-1*0.005)] =
    11,383.99 USDT (difference due to rounding off)".

    Source: Binance FAQ 'Liquidation' 360033525271, 2020.
    """
    rules = bracket_rules({"BTCUSDT": one_bracket("0.004"), "ETHUSDT": one_bracket("0.0065")})
    btc = linear("BTCUSDT", D("-0.005"), D("9451.53"), D(9400))
    eth = linear("ETHUSDT", D(1), D("199.53"), D(200))
    assert eth.unrealized_pnl == D("0.47")
    assert maintenance_margin(D(200), one_bracket("0.0065")) == D("1.3")
    price = liquidation_price(wallet_of(D("10.72"), btc, eth), rules, "BTCUSDT")
    assert price is not None
    assert abs(price - D("11383.99")) <= CENT


# Source: freqtrade tests/exchange/test_binance.py::test_liquidation_price_binance, isolated longs:
# '1535443.01, 135365.00, 3683.979, 1456.84, [], 0.10, 1114.78' and
# '1535443.01, 16300.000, 109.488, 32481.980, [], 0.025, 18778.73'.
ISOLATED = [
    ("1535443.01", "135365", "3683.979", "1456.84", "0.10", "1114.78"),
    ("1535443.01", "16300", "109.488", "32481.98", "0.025", "18778.73"),
]


@pytest.mark.parametrize(("wallet", "cum", "quantity", "entry", "mmr", "expected"), ISOLATED)
def test_isolated_long(
    wallet: str, cum: str, quantity: str, entry: str, mmr: str, expected: str
) -> None:
    rules = bracket_rules({"BTCUSDT": one_bracket(mmr, cum)})
    position = linear("BTCUSDT", D(quantity), D(entry), D(entry))
    price = liquidation_price(wallet_of(D(wallet), position), rules, "BTCUSDT")
    assert price is not None
    assert abs(price - D(expected)) <= CENT


def test_price_that_lies_in_another_bracket() -> None:
    """At 60,000 a short of 4.9 BTC stands below 300,000 of notional, at its end above it."""
    short = linear("BTCUSDT", D("-4.9"), D(60_000), D(60_000))
    price = liquidation_price(wallet_of(D(10_000), short), BINANCE, "BTCUSDT")
    # By the second bracket: (10,000 + 300 + 294,000) / (4.9 * 1.005).
    assert price is not None
    assert price == D(304_300) / (D("4.9") * D("1.005"))
    assert price * D("4.9") > 300_000


def cushion(state: PoolState, rules: MarginRules, symbol: str, price: Decimal) -> Decimal:
    """Return adjusted equity less threshold x maintenance with the mark of a symbol at a price."""
    positions = tuple(
        replace(p, mark_price=price) if p.symbol == symbol else p for p in state.positions
    )
    margin = pool_margin(replace(state, positions=positions), rules)
    at = rules.ladder_of(state.kind).liquidation.at
    return margin.adjusted_equity - at * margin.maintenance_margin


def check(state: PoolState, rules: MarginRules, symbol: str, mark: Decimal) -> Decimal | None:
    """Assert the definition of the liquidation price and that no root lies nearer."""
    price = liquidation_price(state, rules, symbol)
    now = cushion(state, rules, symbol, mark)
    if now <= 0:
        assert price == mark
        return price
    scale = max(abs(now), mark, D(1))
    reach = 3 * mark if price is None else abs(price - mark)
    for step in range(1, 40):
        for side in (-1, 1):
            nearer = mark + side * reach * step / 40
            if nearer > 0:
                assert cushion(state, rules, symbol, nearer) > -D("1e-18") * scale
    if price is not None:
        assert abs(cushion(state, rules, symbol, price)) <= D("1e-18") * scale
    return price


quantities = st.decimals("-5000", "5000", places=3).filter(lambda q: abs(q) >= D("0.001"))
wallets = st.decimals("1", "10000000", places=2)


@given(quantities, st.integers(10_000, 100_000), wallets)
def test_one_linear_position(quantity: Decimal, entry: int, wallet: Decimal) -> None:
    state = wallet_of(wallet, linear("BTCUSDT", quantity, D(entry), D(entry)))
    price = check(state, BINANCE, "BTCUSDT", D(entry))
    if price is None:
        # Only a long whose wallet covers the fall to zero cannot be liquidated.
        assert quantity > 0


@given(quantities, quantities, wallets)
def test_hedged_legs_share_one_price(one: Decimal, other: Decimal, wallet: Decimal) -> None:
    mark = D(49_000)
    legs = (
        linear("BTCUSDT", one, D(50_000), mark),
        linear("BTCUSDT", other, D(48_000), mark),
    )
    state = wallet_of(wallet, *legs)
    assume(cushion(state, BINANCE, "BTCUSDT", mark) > 0)
    check(state, BINANCE, "BTCUSDT", mark)


def test_textbook_isolated_position_alone() -> None:
    """A long of 1 BTC at 50,000 with 5,000: equity meets its margin of 10 % / 1.5 at 48,214.29."""
    rules = load("textbook").margin_rules("separated")
    state = wallet_of(D(5_000), linear("BTCUSDT", D(1), D(50_000), D(50_000)))
    price = liquidation_price(state, rules, "BTCUSDT")
    assert price is not None
    assert abs(price - D(45_000) * 15 / 14) < D("1e-20")
    assert bankruptcy_price(state, rules, "BTCUSDT") == 45_000
