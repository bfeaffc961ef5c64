"""Goal: hedge mode keeps two positions apart, leverage and levels bound what may be opened.

Method: tables of an order just inside and just outside each edge, by what the strategy hears.
"""

from __future__ import annotations

from typing import Any

import pytest

from simulator.errors import InputError
from simulator.events.outcomes import Outcome
from tests.exchange.products import CM, SPOT, UM, opened, trade
from tests.exchange.world import World

COIN = 10**8


def hedged(**options: Any) -> World:
    """A hedged account: long 1, short 0.4."""
    world = opened(fees=False, hedge=True, **options)
    trade(world, UM, 1, 1.0, 1_000_000, position_side="LONG")
    trade(world, UM, -1, 0.4, 1_000_000, position_side="SHORT")
    return world


def slots(world: World) -> tuple[int, int]:
    number, count = world.number(UM), len(world.instruments)
    ledger = world.core.ledger
    return ledger.position_of(1, number)[0], ledger.position_of(1, number + count)[0]


# side, quantity, position side, reduce only; heard, then long and short lots
HEDGE = [
    (1, 0.1, "LONG", False, "FILLED", (1100, -400)),
    (-1, 0.1, "LONG", False, "FILLED", (900, -400)),
    (-1, 1.0, "LONG", False, "FILLED", (0, -400)),
    (-1, 1.001, "LONG", False, "REJECTED REDUCE_BEYOND", (1000, -400)),
    (-1, 0.1, "SHORT", False, "FILLED", (1000, -500)),
    (1, 0.4, "SHORT", False, "FILLED", (1000, 0)),
    (1, 0.401, "SHORT", False, "REJECTED REDUCE_BEYOND", (1000, -400)),
    (1, 0.1, "", False, "REJECTED POSITION_SIDE", (1000, -400)),
    (1, 0.1, "LONG", True, "REJECTED REDUCE_ONLY", (1000, -400)),
]


@pytest.mark.parametrize(("side", "quantity", "to", "reduce", "heard", "left"), HEDGE)
def test_hedge_mode(
    side: int, quantity: float, to: str, reduce: bool, heard: str, left: tuple[int, int]
) -> None:
    world = hedged()
    trade(world, UM, side, quantity, 1_000_000, position_side=to, reduce_only=reduce)
    assert world.said()[-1] == heard
    assert slots(world) == left
    market = world.market(UM)
    assert (market.long, market.short) == (left[0] / 1000, left[1] / 1000)
    assert market.position == pytest.approx((left[0] + left[1]) / 1000)


@pytest.mark.parametrize("to", ["LONG", "SHORT"])
def test_one_way_mode_knows_no_sides(to: str) -> None:
    world = opened()
    for name in (UM, CM, SPOT):
        trade(world, name, 1, 1, position_side=to)
        assert world.said()[-1] == "REJECTED POSITION_SIDE"


def test_an_order_that_would_reduce_an_empty_side() -> None:
    world = opened(hedge=True)
    trade(world, UM, -1, 0.1, position_side="LONG")
    assert world.said()[-1] == "REJECTED REDUCE_ONLY"


def test_two_resting_closes_are_trimmed_to_the_position() -> None:
    world = hedged()
    for price in (101_000.0, 102_000.0):
        world.ctx.sell(world.market(UM), 0.8, price, position_side="LONG")
        world.step()
    trade(world, UM, -1, 0.5, 1_000_000, position_side="LONG")
    resting = [record for record in world.records(Outcome.REDUCED)]
    assert sum(record[7] for record in resting) + 500 >= 1100 - 500
    world.book(UM, 1_030_000, 1_030_001)
    world.step(2000)
    assert slots(world)[0] >= 0


def test_profit_of_each_side_is_its_own() -> None:
    world = hedged()
    trade(world, UM, -1, 1.0, 1_100_000, position_side="LONG")
    assert world.balance("unified") == (1_000_000 + 10_000) * COIN
    trade(world, UM, 1, 0.4, 1_100_000, position_side="SHORT")
    assert world.balance("unified") == (1_000_000 + 10_000 - 4_000) * COIN
    assert slots(world) == (0, 0)


def test_liquidation_closes_both_sides() -> None:
    world = opened(fees=False, hedge=True, deposits={"USDT": "20000"})
    trade(world, UM, 1, 1.9, 1_000_000, position_side="LONG")
    trade(world, UM, -1, 0.1, 1_000_000, position_side="SHORT")
    world.book(UM, 880_000, 880_001, lots=10**7)
    world.mark(UM, "88000")
    world.step(2000)
    assert world.desk.liquidator.events
    assert slots(world)[0] < 1900
    world.desk.verify()


def test_isolated_sides_have_wallets_of_their_own() -> None:
    world = opened("separated", fees=False, hedge=True)
    world.transfer(50_000, "spot", "um")
    trade(world, UM, 1, 1.0, 1_000_000, position_side="LONG")
    trade(world, UM, -1, 0.5, 1_000_000, position_side="SHORT")
    assert world.balance("um:BTCUSDT") == 10_000 * COIN
    assert world.balance("um:BTCUSDT:SHORT") == 5_000 * COIN
    trade(world, UM, 1, 0.5, 1_000_000, position_side="SHORT")
    assert world.balance("um:BTCUSDT:SHORT") == 0
    assert world.balance("um") == 40_000 * COIN


# Leverage: binance's brackets; BTCUSDT to 300,000 at 150x, to 3,000,000 at 75x, 12,000,000 at 50x.
# BTCUSD_PERP in coin: to 5 at 125x, 10 at 100x, 20 at 50x, 50 at 20x.
LIMITS = [
    (UM, 75, 29.0, "FILLED"),  # 2.9 M USDT
    (UM, 75, 30.1, "REJECTED MAX_POSITION"),
    (UM, 50, 30.1, "FILLED"),
    (CM, 125, 4_999, "FILLED"),  # just under 5 coins
    (CM, 125, 5_001, "REJECTED MAX_POSITION"),
    (CM, 100, 5_001, "FILLED"),
]


@pytest.mark.parametrize(("name", "leverage", "quantity", "heard"), LIMITS)
def test_the_largest_position_by_leverage(
    name: str, leverage: int, quantity: float, heard: str
) -> None:
    world = opened("unified", "binance", leverage={name: leverage}, fees=False)
    trade(world, name, 1, quantity)
    assert world.said()[-1] == heard
    assert world.market(name).leverage == leverage


@pytest.mark.parametrize(
    ("name", "leverage", "outcome"),
    [
        (UM, 150, "LEVERAGE_SET"),
        (UM, 151, "LEVERAGE"),
        (CM, 125, "LEVERAGE_SET"),
        (CM, 126, "LEVERAGE"),
        (SPOT, 2, "LEVERAGE"),
    ],
)
def test_leverage_is_set_up_to_the_cap(name: str, leverage: int, outcome: str) -> None:
    world = opened("unified", "binance")
    world.ctx.set_leverage(world.market(name), leverage)
    world.step()
    if outcome == "LEVERAGE_SET":
        assert [record[7] for record in world.records(Outcome.LEVERAGE_SET)] == [leverage]
        assert world.market(name).leverage == leverage
    else:
        (record,) = world.records(Outcome.LEVERAGE_REJECTED)
        assert record[6] == 16
        assert world.market(name).leverage in (1, 20)


def test_leverage_that_the_position_is_too_large_for() -> None:
    world = opened("unified", "binance", leverage=50, fees=False)
    trade(world, UM, 1, 30.1)
    world.ctx.set_leverage(world.market(UM), 75)
    world.step()
    assert world.records(Outcome.LEVERAGE_REJECTED)[0][6] == 11
    assert world.market(UM).leverage == 50
    trade(world, UM, -1, 1.0)
    world.ctx.set_leverage(world.market(UM), 75)
    world.step()
    assert world.market(UM).leverage == 75


def test_leverage_that_the_margin_is_too_small_for() -> None:
    world = opened("unified", "binance", leverage=50, fees=False, deposits={"USDT": "10000"})
    trade(world, UM, 1, 2.0)  # 4,000 of margin at 50x, 20,000 at 10x
    world.ctx.set_leverage(world.market(UM), 10)
    world.step()
    assert world.records(Outcome.LEVERAGE_REJECTED)[0][6] == 10
    assert world.market(UM).leverage == 50


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"um:NOPE": 5}, "no such contract"),
        ({UM: 151}, "allows 1 to 150"),
        ({SPOT: 5}, "no such contract"),
    ],
)
def test_leverage_that_cannot_be_asked_for(asked: dict[str, int], says: str) -> None:
    with pytest.raises(InputError, match=says):
        opened("unified", "binance", leverage=asked)


def test_scenario_rules_have_no_leverage() -> None:
    with pytest.raises(InputError, match="price ranges"):
        opened(leverage=5)
