"""Attribution: parts add up to the whole change exactly, and name the factor that moved."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from simulator.risk.attribution import INTEREST, OWN, Attribution, attribute
from simulator.risk.state import PoolState, Position
from simulator.rulebook.load import load

D = Decimal
RULES = load("textbook").margin_rules("unified")
PM = load("binance").margin_rules("unified")


def position(symbol: str, coin: str, quantity: str, entry: str, mark: str) -> Position:
    return Position(symbol, coin, "USDT", D(quantity), D(entry), D(mark))


def lesson() -> PoolState:
    """BTC long of 50,000 against an ETH short of 30,000 on 6,000 USDT."""
    return PoolState(
        assets={"USDT": D(6000)},
        index={"USDT": D(1), "BTC": D(50000), "ETH": D(3000)},
        positions=(
            position("BTCUSDT", "BTC", "1", "50000", "50000"),
            position("ETHUSDT", "ETH", "-10", "3000", "3000"),
        ),
    )


def move(state: PoolState, **marks: str) -> PoolState:
    """Set prices of coins, index and marks alike."""
    positions = tuple(
        replace(p, mark_price=D(marks[p.underlying])) if p.underlying in marks else p
        for p in state.positions
    )
    return replace(
        state,
        index={**state.index, **{coin: D(price) for coin, price in marks.items()}},
        positions=positions,
    )


def sums(found: Attribution) -> None:
    for name in ("initial_margin", "maintenance_margin"):
        total = sum((getattr(p, name) for p in found.parts), D(0))
        near(total, getattr(found.after, name) - getattr(found.before, name))
    total = sum((p.equity for p in found.parts), D(0))
    near(total, found.after.adjusted_equity - found.before.adjusted_equity)


def near(one: Decimal, other: Decimal) -> None:
    """Equal but for the last of Decimal's 28 digits, which divisions round."""
    assert abs(one - other) <= D("1e-15")


def test_a_price_move_is_its_underlyings_and_its_positions() -> None:
    found = attribute(lesson(), move(lesson(), BTC="49000", ETH="3060"), RULES)
    parts = {p.factor: p for p in found.parts}
    assert set(parts) == {"price BTC", "price ETH"}
    assert (parts["price BTC"].equity, parts["price ETH"].equity) == (D(-1000), D(-600))
    assert parts["price BTC"].positions == {"BTCUSDT": D(-1000)}
    sums(found)


def test_interest_and_trades_are_told_from_prices() -> None:
    before = replace(lesson(), loans={"ETH": D(1)}, interest={"ETH": D("0.001")})
    after = move(replace(before, interest={"ETH": D("0.002")}), BTC="50500")
    after = replace(after, assets={"USDT": D(5900)}, positions=after.positions[:1])
    found = attribute(before, after, RULES)
    parts = {p.factor: p.equity for p in found.parts}
    assert parts["price BTC"] == 500
    assert parts[INTEREST] == D("-3.000")
    assert parts[OWN] == -100
    sums(found)


def test_a_correlation_break_moves_margin_and_not_equity() -> None:
    after = replace(lesson(), correlation={("BTC", "ETH"): D(0)})
    (part,) = attribute(lesson(), after, RULES).parts
    assert (part.equity, part.initial_margin) == (0, 2000)


def test_nothing_moved_has_no_parts() -> None:
    assert attribute(lesson(), lesson(), RULES).parts == ()


coins = st.sampled_from(["BTC", "ETH"])
amounts = st.integers(-5, 5).map(D)
prices = st.integers(1, 100).map(lambda n: D(n) * 1000)


@st.composite
def states(draw: st.DrawFn) -> PoolState:
    index = {"USDT": D(1), "BTC": draw(prices), "ETH": draw(prices)}
    positions = tuple(
        position(f"{coin}USDT", coin, str(quantity), "20000", str(index[coin]))
        for coin in ("BTC", "ETH")
        if (quantity := draw(amounts))
    )
    return PoolState(
        assets={"USDT": draw(amounts) * 1000, "BTC": draw(amounts)},
        index=index,
        positions=positions,
        loans={"ETH": abs(draw(amounts))},
        interest={"ETH": abs(draw(amounts)) / 1000},
    )


@given(states(), states())
def test_parts_add_up(before: PoolState, after: PoolState) -> None:
    sums(attribute(before, after, RULES))
    sums(attribute(before, after, PM))
