"""Goal: liquidation and bankruptcy prices equal published figures, and their definition everywhere.

Method: published examples as literals with quote and source; random pools of linear, inverse and
hedged positions under both models, where the price found is put in and the definition checked, and
the way to it is searched for an earlier root.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulator.risk.brackets import derive_brackets, maintenance_margin
from simulator.risk.reference import (
    PoolState,
    Position,
    bankruptcy_price,
    liquidation_price,
    pool_margin,
)
from simulator.risk.rules import CollateralRules, MarginRules
from simulator.risk.state import YEAR_NS
from simulator.rulebook.load import load
from tests.risk.building import bracket_rules, one_bracket
from tests.risk.portfolios import EVERYTHING, pools

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


def coin(contracts: Decimal, entry: Decimal, mark: Decimal) -> Position:
    return Position(
        "BTCUSD_PERP", "BTC", "BTC", contracts, entry, mark, product="inverse", contract_size=D(100)
    )


COIN_TABLE = derive_brackets(
    [
        (D(0), D(5), D("0.004"), D(125)),
        (D(5), D(10), D("0.01"), D(50)),
        (D(10), D(50), D("0.05"), D(10)),
    ]
)


def test_coin_margined_price_by_the_venues_formula() -> None:
    """LP = (B MMR + side B) / ((WB - TMM + UPNL + cum) / CM + side B / EP), CM the contract size.

    Source: docs/rules.md, COIN-M; a short of 3,000 contracts, one bracket.
    """
    rules = bracket_rules({"BTCUSD_PERP": one_bracket("0.01", "0.05")})
    position = coin(D(-3_000), D(60_000), D(60_000))
    state = PoolState({"BTC": D(2)}, {"BTC": D(60_000)}, (position,), kind="cm", currency="BTC")
    price = liquidation_price(state, rules, "BTCUSD_PERP")
    expected = (3_000 * D("0.01") - 3_000) / ((D(2) + D("0.05")) / 100 - D(3_000) / 60_000)
    assert price is not None
    assert abs(price - expected) < D("1e-20")
    # A short covered by as much coin as it owes is never liquidated, a fully paid long likewise.
    covered = replace(state, assets={"BTC": D(6)})
    assert liquidation_price(covered, rules, "BTCUSD_PERP") is None


@settings(max_examples=60)
@given(
    st.integers(-20_000, 20_000).filter(bool),
    st.integers(-20_000, 20_000).filter(bool),
    st.integers(20_000, 90_000),
    st.decimals("0.001", 40, places=3),
)
def test_coin_margined_legs_across_brackets(
    one: int, other: int, entry: int, wallet: Decimal
) -> None:
    rules = bracket_rules({"BTCUSD_PERP": COIN_TABLE}, at="1.05")
    mark = D(50_000)
    legs = (coin(D(one), D(entry), mark), coin(D(other), D(50_000), mark))
    state = PoolState({"BTC": wallet}, {"BTC": mark}, legs, kind="cm", currency="BTC")
    check(state, rules, "BTCUSD_PERP", mark)


@settings(max_examples=60)
@given(pools(most=4), st.integers(0, 3), st.sampled_from(("1", "1.05")))
def test_a_pool_of_everything_under_the_scenario_model(
    state: PoolState, number: int, at: str
) -> None:
    """Spot, loans, futures, coin-margined futures and options, with every component."""
    assume(number < len(state.positions))
    position = state.positions[number]
    assume(position.quantity != 0)
    # Two legs of a symbol share the mark.
    legs = (replace(p, mark_price=position.mark_price) if p.symbol == position.symbol else p
            for p in state.positions)  # fmt: skip
    state = replace(state, positions=tuple(legs))
    check(state, EVERYTHING, position.symbol, position.mark_price)


def test_collateral_that_turns_into_debt_loses_its_haircut() -> None:
    """Gains in coin count 90 %, losses in full: the price lies beyond where the coin runs out."""
    rules = bracket_rules(
        {"BTCUSD_PERP": one_bracket("0.01")},
        collateral=CollateralRules(True, D(0), {"BTC": D("0.9"), "USDT": D(1)}),
    )
    state = PoolState(
        {"BTC": D("0.5"), "USDT": D(10_000)},
        {"BTC": D(50_000), "USDT": D(1)},
        (coin(D(1_000), D(50_000), D(50_000)),),
    )
    price = check(state, rules, "BTCUSD_PERP", D(50_000))
    # Past 40,000 coin is owed: 10,000 + 50,000 (0.5 + 2 - x) = 50,000 x 0.01 x, x = 100,000 / p.
    assert price is not None
    assert abs(price - D(100_000) * D("1.01") * 50_000 / 135_000) < D("1e-18")


def short_call(mark: Decimal) -> Position:
    return Position(
        "BTC-1-50000-C", "BTC", "USDT", D(-1), mark, mark, product="option",
        strike=D(50_000), right="C", expiry_ns=YEAR_NS // 4,
    )  # fmt: skip


def test_an_options_mark_moves_its_value_and_not_its_scenarios() -> None:
    state = PoolState(
        {"USDT": D(15_000)}, {"BTC": D(50_000), "USDT": D(1)}, (short_call(D(3_000)),)
    )
    price = liquidation_price(state, TEXTBOOK, "BTC-1-50000-C")
    needed = pool_margin(state, TEXTBOOK).maintenance_margin
    assert needed > 1_000
    assert price is not None
    assert abs(price - (15_000 - needed)) < D("1e-18")
    assert bankruptcy_price(state, TEXTBOOK, "BTC-1-50000-C") == 15_000


def test_already_there_and_nowhere() -> None:
    long = linear("BTCUSDT", D(1), D(50_000), D(50_000))
    rich = wallet_of(D(60_000), long)
    assert liquidation_price(rich, TEXTBOOK, "BTCUSDT") is None
    assert bankruptcy_price(rich, TEXTBOOK, "BTCUSDT") is None
    poor = wallet_of(D(3_000), long)
    assert liquidation_price(poor, TEXTBOOK, "BTCUSDT") == 50_000
    assert bankruptcy_price(poor, TEXTBOOK, "BTCUSDT") == 47_000
    with pytest.raises(KeyError):
        liquidation_price(rich, TEXTBOOK, "ETHUSDT")


def test_of_two_roots_the_nearer_counts() -> None:
    """BTC long against a short of the same coin through another symbol: both ways hurt."""
    up = linear("BTCUSDT", D(2), D(50_000), D(50_000))
    hedge = replace(linear("BTCUSDT_261225", D(-1), D(50_000), D(50_000)), expiry_ns=YEAR_NS)
    state = wallet_of(D(4_000), up, hedge)
    price = check(state, TEXTBOOK, "BTCUSDT", D(50_000))
    assert price is not None
    assert price < 50_000


@settings(max_examples=30)
@given(pools(most=4), st.integers(0, 3))
def test_bankruptcy_is_where_equity_is_gone(state: PoolState, number: int) -> None:
    assume(number < len(state.positions))
    symbol, mark = state.positions[number].symbol, state.positions[number].mark_price
    legs = (replace(p, mark_price=mark) if p.symbol == symbol else p for p in state.positions)
    state = replace(state, positions=tuple(legs))
    price = bankruptcy_price(state, EVERYTHING, symbol)
    equity = pool_margin(state, EVERYTHING).equity
    if equity <= 0:
        assert price == mark
    elif price is not None:
        legs = (replace(p, mark_price=price) if p.symbol == symbol else p for p in state.positions)
        moved = pool_margin(replace(state, positions=tuple(legs)), EVERYTHING)
        assert abs(moved.equity) <= D("1e-18") * equity
