"""Goal: isolated margin is added and taken off exactly as far as the rules allow.

Method: a position of 1 BTC at 100,000 whose initial margin by the textbook is 10,000; a table of
requests with both sides of every edge.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.events.outcomes import Outcome, RejectReason
from tests.exchange.world import World

E8 = 10**8

# The position's wallet holds 10,000 and the shared one 20,000 at the start.
REQUESTS = """
    amounts            own               shared            reason
    5000               15000             15000             -
    20000              30000             0                 -
    20000.00000001     10000             20000             INSUFFICIENT_BALANCE
    -0.00000001        10000             20000             INSUFFICIENT_MARGIN
    5000,-5000         10000             20000             -
    5000,-4999.999999  10000.000001      19999.999999      -
    5000,-5000.000001  15000             15000             INSUFFICIENT_MARGIN
    -10000.00000001    10000             20000             INSUFFICIENT_BALANCE
    0                  10000             20000             INSUFFICIENT_BALANCE
"""


def opened(**words: Any) -> World:
    world = World("separated", "textbook", deposits={"USDT": "100000"}, fees=False, **words)
    world.open_markets()
    world.book("um:BTCUSDT", 999_999, 1_000_000)
    world.transfer(30_000)
    world.ctx.buy(world.market("um:BTCUSDT"), 1.0, 100_000.0)
    world.step(10)
    assert world.balance("um:BTCUSDT") == 10_000 * E8
    return world


def refusals(world: World) -> list[str]:
    return [RejectReason(record[6]).name for record in world.records(Outcome.MARGIN_REJECTED)]


def adjust(world: World, amount: float, market: str = "um:BTCUSDT") -> None:
    world.ctx.adjust_isolated_margin(world.market(market), amount)
    world.step()


@pytest.mark.parametrize("row", [line.split() for line in REQUESTS.strip().splitlines()[1:]])
def test_adding_and_taking_off(row: list[str]) -> None:
    amounts, own, shared, reason = row
    world = opened()
    for amount in amounts.split(","):
        adjust(world, float(amount))
    assert refusals(world) == ([] if reason == "-" else [reason])
    assert world.balance("um:BTCUSDT") == int(Decimal(own) * E8)
    assert world.balance("um") == int(Decimal(shared) * E8)


def test_unrealized_profit_cannot_be_taken_off() -> None:
    world = opened()
    adjust(world, 5_000)
    world.mark("um:BTCUSDT", "110000")
    # Initial margin is 11,000 now; of the wallet's 15,000 no more than 4,000 is free.
    adjust(world, -4_000.000001)
    assert refusals(world) == ["INSUFFICIENT_MARGIN"]
    adjust(world, -4_000)
    assert world.balance("um:BTCUSDT") == 11_000 * E8


def test_an_unrealized_loss_stays_covered() -> None:
    world = opened()
    adjust(world, 5_000)
    world.mark("um:BTCUSDT", "98000")
    # 15,000 less the loss of 2,000 less the initial margin of 9,800.
    adjust(world, -3_200.000001)
    assert refusals(world) == ["INSUFFICIENT_MARGIN"]
    adjust(world, -3_200)
    assert world.balance("um:BTCUSDT") == 11_800 * E8


def test_what_the_shared_wallet_needs_itself_is_not_given() -> None:
    """An open order of 1.5 BTC would take 15,000: 5,000 are free."""
    world = opened()
    world.ctx.buy(world.market("um:BTCUSDT"), 1.5, 99_999.0)
    world.step(10)
    adjust(world, 5_000.000001)
    assert refusals(world) == ["INSUFFICIENT_MARGIN"]
    adjust(world, 5_000)
    assert world.balance("um:BTCUSDT") == 15_000 * E8


def test_without_an_isolated_position() -> None:
    world = opened()
    adjust(world, 1, "um:ETHUSDT")
    adjust(world, 1, "spot:BTCUSDT")
    world.ctx.adjust_isolated_margin(world.market("um:BTCUSDT"), 1, "SHORT")
    world.step()
    assert refusals(world) == ["NO_POSITION", "NOT_ISOLATED", "NOT_ISOLATED"]


def test_a_quantity_is_a_number() -> None:
    world = opened()
    with pytest.raises(ValueError, match="adjust_isolated_margin: quantity is not a number"):
        adjust(world, float("nan"))
