"""Goal: orders of every kind go through the whole engine as docs/matching.md says.

Method: small scripts; what the strategy hears and what the venue holds.
"""

from __future__ import annotations

from typing import Any

import pytest

from simulator.events.outcomes import Outcome
from simulator.market.tape import Kind
from tests.exchange.world import Watcher, World

SPOT, UM = "spot:BTCUSDT", "um:BTCUSDT"


def opened(**options: Any) -> World:
    world = World("unified", **options)
    world.open_markets(lots=500)
    return world


@pytest.mark.parametrize("name", [SPOT, UM])
@pytest.mark.parametrize(
    ("time_in_force", "quantity", "price", "said"),
    [
        ("IOC", 0.2, 100_000.1, ["FILLED"]),
        ("IOC", 0.6, 100_000.1, ["PARTIALLY_FILLED", "EXPIRED IOC"]),
        ("IOC", 0.2, 100_000.0, ["EXPIRED IOC"]),
        ("FOK", 0.5, 100_000.1, ["FILLED"]),
        ("FOK", 0.501, 100_000.1, ["EXPIRED FOK"]),
        ("GTX", 0.2, 100_000.0, ["ACCEPTED"]),
        ("GTX", 0.2, 100_000.1, ["EXPIRED POST_ONLY"]),
        ("GTC", 0.6, 100_000.1, ["PARTIALLY_FILLED", "ACCEPTED"]),
        ("GTC", 0.6, None, ["PARTIALLY_FILLED", "EXPIRED NO_LIQUIDITY"]),
    ],
)
def test_time_in_force(
    name: str, time_in_force: str, quantity: float, price: float | None, said: list[str]
) -> None:
    world = opened()
    world.ctx.buy(world.market(name), quantity, price, time_in_force)
    world.step()
    assert world.said() == said
    resting = said[-1] == "ACCEPTED"
    number = world.number(name)
    bought = sum(fill.quantity for fill in world.seen.fills)
    if name == SPOT:
        assert (world.held("unified") > 0) == resting
    else:
        assert world.lots(UM) == round(bought * 1000)
    assert len(world.ctx.orders(world.market(name))) == resting
    assert number == world.market(name).number


@pytest.mark.parametrize(
    ("self_trade", "first", "second"),
    [
        ("NONE", ["ACCEPTED", "FILLED"], ["FILLED"]),
        ("EXPIRE_TAKER", ["ACCEPTED"], ["EXPIRED SELF_TRADE"]),
        ("EXPIRE_MAKER", ["ACCEPTED", "EXPIRED SELF_TRADE"], ["FILLED"]),
        ("EXPIRE_BOTH", ["ACCEPTED", "EXPIRED SELF_TRADE"], ["EXPIRED SELF_TRADE"]),
        ("DECREMENT", ["ACCEPTED", "EXPIRED SELF_TRADE"], ["EXPIRED SELF_TRADE"]),
    ],
)
def test_self_trade_prevention_between_strategies_of_one_account(
    self_trade: str, first: list[str], second: list[str]
) -> None:
    world = World("unified", strategies=[Watcher(), Watcher()])
    world.open_markets()
    world.book(UM, 999_999, 1_000_002)
    maker, taker = world.core.contexts
    maker.sell(world.market(UM), 0.1, 100_000.1)
    world.step()
    taker.submit(world.market(UM), 1, 0.1, price=100_000.2, self_trade=self_trade)
    world.step()
    other: Any = world.strategies[1]
    assert world.said() == first
    assert [f"{u.what} {u.reason}".strip() for u in other.updates] == second
    assert world.lots(UM) == (100 if self_trade == "EXPIRE_MAKER" else 0)
    assert world.pool("unified").initial_margin == (10_000 * 0.1 if world.lots(UM) else 0)


# Reduce-only


def test_a_reduce_only_order_is_clipped_to_the_position() -> None:
    world = opened()
    world.ctx.buy(world.market(UM), 0.2)
    world.step()
    world.ctx.sell(world.market(UM), 0.5, None, None, True)
    world.step()
    assert world.lots(UM) == 0
    assert world.said() == ["FILLED", "FILLED"]


def test_resting_reduce_only_orders_shrink_with_the_position() -> None:
    world = opened()
    world.ctx.buy(world.market(UM), 0.4)
    world.step()
    first = world.ctx.sell(world.market(UM), 0.3, 101_000.0, None, True)
    world.ctx.sell(world.market(UM), 0.1, 102_000.0, None, True)
    world.step()
    world.ctx.sell(world.market(UM), 0.2)
    world.step()
    book = world.core.books[world.number(UM)]
    assert book.remaining(first & 0xFFFFFF) == 200, "the older order is kept longest"
    assert len(world.ctx.orders(world.market(UM))) == 1
    world.ctx.sell(world.market(UM), 0.2)
    world.step()
    assert world.ctx.orders(world.market(UM)) == []
    assert world.lots(UM) == 0


def test_close_position_closes_all_there_is_then() -> None:
    world = opened()
    world.row(Kind.TRADE, UM, 1, 1_000_000, 1)
    world.ctx.buy(world.market(UM), 0.2)
    world.step()
    world.ctx.submit(world.market(UM), -1, kind="stop", trigger=99_000.0, close_position=True)
    world.step()
    world.ctx.buy(world.market(UM), 0.1)
    world.step()
    world.book(UM, 989_990, 989_991, lots=10**4)
    world.row(Kind.TRADE, UM, -1, 990_000, 1)
    world.step()
    assert world.lots(UM) == 0
    assert world.said()[-2:] == ["TRIGGERED", "FILLED"]


# Conditional orders


@pytest.mark.parametrize(
    ("side", "kind", "trigger", "calm", "reached"),
    [
        (1, "stop", 101_000.0, 1_009_999, 1_010_000),
        (-1, "stop", 99_000.0, 990_001, 990_000),
        (1, "take_profit", 99_000.0, 990_001, 990_000),
        (-1, "take_profit", 101_000.0, 1_009_999, 1_010_000),
    ],
)
@pytest.mark.parametrize("watch", ["last", "mark"])
def test_conditional_orders_start_at_their_trigger(
    side: int, kind: str, trigger: float, calm: int, reached: int, watch: str
) -> None:
    world = opened()
    world.ctx.submit(world.market(UM), side, 0.1, kind=kind, trigger=trigger, watch=watch)
    world.step()

    def price(ticks: int) -> None:
        if watch == "mark":
            world.mark(UM, str(ticks / 10))
        else:
            world.row(Kind.TRADE, UM, 1, ticks, 1)
        world.step()

    price(calm)
    assert world.said() == ["ACCEPTED"]
    price(reached)
    assert world.said() == ["ACCEPTED", "TRIGGERED", "FILLED"]
    assert world.lots(UM) == 100 * side
    assert [row[6] for row in world.records(Outcome.TRIGGERED)] == [reached * 10**7]


def test_a_trailing_stop_follows_the_price() -> None:
    world = opened()
    world.ctx.buy(world.market(UM), 0.1)
    world.step()
    world.ctx.submit(
        world.market(UM), -1, 0.1, kind="trailing_stop", callback_rate=0.01, reduce_only=True
    )
    world.step()
    for ticks in (1_000_000, 1_020_000, 1_009_801):
        world.row(Kind.TRADE, UM, 1, ticks, 1)
    world.step()
    assert world.lots(UM) == 100
    world.row(Kind.TRADE, UM, 1, 1_009_800, 1)  # one percent below the highest
    world.step()
    assert world.lots(UM) == 0


def test_a_stop_limit_rests_and_can_be_cancelled_before_and_after() -> None:
    for start in (False, True):
        world = opened()
        order = world.ctx.submit(
            world.market(UM), 1, 0.1, kind="stop", trigger=101_000.0, price=99_000.0
        )
        world.step()
        if start:
            world.row(Kind.TRADE, UM, 1, 1_010_000, 1)
            world.step()
        assert len(world.ctx.orders(world.market(UM))) == 1
        assert world.ctx.cancel(order) is True
        assert world.ctx.cancel(order) is False
        world.step()
        assert world.said()[-1] == "CANCELED"
        world.row(Kind.TRADE, UM, 1, 1_010_000, 1)
        world.row(Kind.TRADE, UM, -1, 980_000, 10**6)
        world.step()
        assert world.lots(UM) == 0


def test_a_started_order_is_admitted_then() -> None:
    world = opened(deposits={"USDT": "10000"})
    world.ctx.submit(world.market(UM), 1, 0.6, kind="stop", trigger=101_000.0)
    world.ctx.submit(world.market(UM), 1, 0.6, kind="stop", trigger=101_000.0)
    world.step()
    world.row(Kind.TRADE, UM, 1, 1_010_000, 1)
    world.step()
    assert world.said()[-1] == "REJECTED INSUFFICIENT_MARGIN"
    assert world.lots(UM) in (500, 600)


def test_cancel_all_touches_one_market_or_all() -> None:
    world = opened()
    for name in (SPOT, UM):
        for price in (98_000.0, 99_000.0):
            world.ctx.buy(world.market(name), 0.1, price)
    world.step()
    assert world.ctx.cancel_all(world.market(UM)) == 2
    world.step()
    assert len(world.ctx.orders(world.market(SPOT))) == 2
    assert world.ctx.cancel_all() == 2
    world.step()
    assert world.held("unified") == 0


def test_a_limit_price_off_the_tick_goes_to_the_passive_side() -> None:
    world = opened()
    world.ctx.buy(world.market(UM), 0.1, 99_000.07)
    world.ctx.sell(world.market(UM), 0.1, 101_000.03)
    world.ctx.buy(world.market(UM), 0.1, 0.1 * 3 / 0.1 * 1000)  # 3000 but for a float's last bits
    world.step()
    assert [row[6] for row in world.records(Outcome.ACCEPTED)] == [990_000, 1_010_001, 30_000]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"side": 0}, "side must be"),
        ({"side": 1, "kind": "oco"}, "none of stop"),
        ({"side": 1, "time_in_force": "DAY"}, "none of GTC"),
        ({"side": 1, "self_trade": "MAYBE"}, "none of NONE"),
        ({"side": 1, "watch": "index"}, "last or mark"),
        ({"side": 1, "kind": "stop"}, "trigger price above 0"),
        ({"side": 1, "kind": "trailing_stop"}, "callback_rate"),
    ],
)
def test_words_that_submit_does_not_know(options: dict[str, Any], match: str) -> None:
    world = opened()
    with pytest.raises(ValueError, match=match):
        world.ctx.submit(world.market(UM), quantity=0.1, **options)
