"""Goal: funding is paid in the right asset, by the right side, at the right rate.

Method: literal amounts; the rate from the premium index against the formula, point by point.
"""

from __future__ import annotations

import pytest

from simulator.events.outcomes import Outcome
from simulator.market.tape import Kind
from tests.exchange.products import CM, COIN_DATED, UM, opened, trade, until
from tests.exchange.world import START

COIN = 10**8
SECOND = 10**9
MIDNIGHT = START // (28_800 * SECOND) * 28_800 * SECOND + 28_800 * SECOND
"""The first funding instant after the start, 00:00 UTC."""

PAID = [
    # 1,000 contracts are a coin at 100,000, 0.8 coins at 125,000
    (CM, 1, 1000, "100000", 10_000, 10_000),
    (CM, -1, 1000, "100000", 10_000, -10_000),
    (CM, 1, 1000, "125000", 10_000, 8_000),
    (CM, 1, 1000, "100000", -10_000, -10_000),
    (CM, 1, 1, "99999.9", 10_001, 10),  # 10.001, rounded down
    (UM, 1, 1.0, "100000", 10_000, 10 * COIN),
    (UM, -1, 0.001, "100000", 10_000, -1_000_000),
    (COIN_DATED, 1, 1000, "100000", 10_000, 0),  # what expires pays none
]


@pytest.mark.parametrize(("name", "side", "quantity", "mark", "rate", "paid"), PAID)
def test_funding(name: str, side: int, quantity: float, mark: str, rate: int, paid: int) -> None:
    world = opened(fees=False)
    trade(world, name, side, quantity, 1_000_000)
    asset = "USDT" if name == UM else "BTC"
    before = world.balance("unified", asset), world.balance("market", asset)
    world.mark(name, mark)
    world.row(Kind.FUNDING, name, 0, rate)
    assert world.balance("unified", asset) - before[0] == -paid
    assert world.balance("market", asset) - before[1] == paid
    assert world.desk.funding.paid == pytest.approx(paid / COIN * (1 if asset == "USDT" else 1e5))


def test_both_sides_of_a_hedged_account_pay_by_themselves() -> None:
    world = opened(fees=False, hedge=True)
    trade(world, UM, 1, 1.0, 1_000_000, position_side="LONG")
    trade(world, UM, -1, 0.4, 1_000_000, position_side="SHORT")
    before = world.balance("unified")
    world.row(Kind.FUNDING, UM, 0, 10_000)
    assert world.balance("unified") - before == -6 * COIN
    assert [record[7] for record in world.records(Outcome.FUNDING)] == [10 * COIN, -4 * COIN]


# Impact prices: 4,000 USDT at 20x fit the first level.  The index is 100,000.
RATES = [
    # bid and ask in ticks, premium, rate = premium + clamp(0.0001 - premium, -0.0005, 0.0005)
    (999_990, 1_000_010, 0.0, 10_000),
    (1_002_000, 1_002_010, 0.002, 150_000),
    (1_000_400, 1_000_410, 0.0004, 10_000),
    (997_990, 998_000, -0.002, -150_000),
]


@pytest.mark.parametrize(("bid", "ask", "premium", "rate"), RATES)
def test_the_rate_of_the_premium_index(bid: int, ask: int, premium: float, rate: int) -> None:
    world = opened(funding_on_tape=[CM], fees=False, start=MIDNIGHT - 100 * SECOND)
    trade(world, UM, 1, 1.0, 1_000_000)
    world.book(UM, bid, ask)
    until(world, MIDNIGHT - SECOND)
    assert world.desk.upkeep.mean_premium(world.number(UM)) == pytest.approx(premium, abs=2e-5)
    assert world.records(Outcome.FUNDING) == []
    until(world, MIDNIGHT + SECOND)
    (record,) = world.records(Outcome.FUNDING)
    assert record[0] == MIDNIGHT
    assert record[6] == pytest.approx(rate, abs=3_000 if premium else 0)
    assert world.desk.funding.computed == 1


def test_the_mean_weighs_later_points_more() -> None:
    """Points 5,741 to 5,750 of a premium of 0, then ten of 0.001: 57,555 / 115,010 of it."""
    world = opened(funding_on_tape=[CM], start=MIDNIGHT - 102 * SECOND)
    until(world, MIDNIGHT - 50 * SECOND)
    world.book(UM, 1_001_000, 1_001_010)
    until(world, MIDNIGHT - 4 * SECOND)
    number = world.number(UM)
    low, high = sum(range(5740, 5751)), sum(range(5751, 5760))
    expected = 0.001 * high / (low + high)
    assert world.desk.upkeep.mean_premium(number) == pytest.approx(expected, rel=1e-9)


def test_a_tape_with_funding_is_believed() -> None:
    world = opened(start=MIDNIGHT - 10 * SECOND)
    trade(world, UM, 1, 1.0)
    until(world, MIDNIGHT + SECOND)
    assert world.records(Outcome.FUNDING) == []
