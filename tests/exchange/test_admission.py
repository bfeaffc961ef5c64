"""Goal: every reason to refuse an order is tested just inside and just outside its edge.

Method: two orders that differ by the smallest step, each on a fresh venue; what the strategy hears.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from simulator.events.outcomes import RejectReason
from simulator.market.tape import Kind
from tests.exchange.world import Watcher, World, listed

SPOT, UM, ETH = "spot:BTCUSDT", "um:BTCUSDT", "um:ETHUSDT"
Order = Callable[[World], Any]


def opened(
    mode: str = "separated", rulebook: str = "textbook", um: float = 0, **deposits: str
) -> World:
    """A venue with quiet markets around 100,000 and 10,000, and money in the futures wallet."""
    world = World(mode, rulebook, deposits=deposits or None, fees=False)
    world.open_markets()
    if um:
        world.transfer(um)
    return world


def buy(name: str, quantity: float, price: float | None = None, **options: Any) -> Order:
    return lambda world: world.ctx.buy(world.market(name), quantity, price, **options)


def sell(name: str, quantity: float, price: float | None = None, **options: Any) -> Order:
    return lambda world: world.ctx.sell(world.market(name), quantity, price, **options)


def submit(name: str, side: int, quantity: float, **options: Any) -> Order:
    return lambda world: world.ctx.submit(world.market(name), side, quantity, **options)


def both(*orders: Order) -> Order:
    """Send several orders, each after the last has arrived."""

    def send(world: World) -> None:
        for order in orders[:-1]:
            order(world)
            world.step()
        orders[-1](world)

    return send


def with_filters() -> World:
    instruments = [
        listed("spot", "BTC", min_quantity=Decimal("0.002"), max_quantity=Decimal("0.5")),
        listed("um", "BTC", min_quantity=Decimal("0.002"), max_quantity=Decimal("0.5")),
    ]
    world = World(instruments=instruments, fees=False)
    world.open_markets()
    world.transfer(49_000)
    return world


def printed() -> World:
    world = opened(um=50_000)
    world.row(Kind.TRADE, UM, 1, 1_000_000, 1)
    return world


def unmarked() -> World:
    """A book, but no mark price yet: the venue's clock has not ticked."""
    world = World("unified")
    world.book(UM, 1_000_000, 1_000_001)
    return world


def marked() -> World:
    world = unmarked()
    world.mark(UM, "100000")
    return world


def risky() -> World:
    """A pool at REDUCE_ONLY of Binance's ladder, long 10."""
    world = opened("unified", "binance", USDT="60000")
    both(buy(UM, 10))(world)
    world.step()
    world.book(UM, 945_000, 945_001)
    world.mark(UM, "94500")
    assert world.pool("unified").level.name == "REDUCE_ONLY"
    return world


PLAIN = opened
LIMIT_LONG = buy(UM, 1.0, 99_999.9)
HALF_AND_HALF = both(buy(UM, 0.5, 99_999.0), buy(UM, 0.5, 99_998.0))

CASES: list[tuple[str, Callable[[], World], Order, Callable[[], World], Order]] = [
    ("PRICE_FILTER", PLAIN, buy(SPOT, 100, 0.1), PLAIN, buy(SPOT, 100, 0.0)),
    ("PRICE_FILTER", PLAIN, buy(SPOT, 100, 0.1), PLAIN, buy(SPOT, 100, -5.0)),
    ("PRICE_FILTER", PLAIN, buy(SPOT, 100, 0.1), PLAIN, buy(SPOT, 100, float("nan"))),
    ("LOT_SIZE", with_filters, buy(SPOT, 0.002), with_filters, buy(SPOT, 0.0019)),
    ("LOT_SIZE", with_filters, buy(SPOT, 0.5), with_filters, buy(SPOT, 0.501)),
    ("LOT_SIZE", with_filters, buy(UM, 0.5), with_filters, buy(UM, 0.501)),
    ("LOT_SIZE", PLAIN, buy(SPOT, 0.001), PLAIN, buy(SPOT, 0.0)),
    ("LOT_SIZE", PLAIN, buy(SPOT, 0.001), PLAIN, buy(SPOT, -1.0)),
    ("MIN_NOTIONAL", PLAIN, buy(SPOT, 0.001, 5000.0), PLAIN, buy(SPOT, 0.001, 4999.9)),
    ("REDUCE_ONLY", printed, both(buy(UM, 0.1), sell(UM, 0.1, reduce_only=True)),
     printed, sell(UM, 0.1, reduce_only=True)),
    ("REDUCE_ONLY", printed, both(buy(UM, 0.1), sell(UM, 0.1, reduce_only=True)),
     printed, both(buy(UM, 0.1), buy(UM, 0.1, reduce_only=True))),
    ("REDUCE_ONLY", PLAIN, buy(SPOT, 0.1), PLAIN, buy(SPOT, 0.1, reduce_only=True)),
    ("WOULD_TRIGGER_IMMEDIATELY",
     printed, submit(UM, -1, 0.1, kind="stop", trigger=99_999.9, watch="mark"),
     printed, submit(UM, -1, 0.1, kind="stop", trigger=100_000.0, watch="mark")),
    # Spot: what pays must be there; a market buy is priced by walking the asks.
    ("INSUFFICIENT_BALANCE", PLAIN, buy(SPOT, 1.0, 100_000.0), PLAIN, buy(SPOT, 1.001, 100_000.0)),
    ("INSUFFICIENT_BALANCE", lambda: opened(USDT="100000.1"), buy(SPOT, 1.0),
     lambda: opened(USDT="100000.09999999"), buy(SPOT, 1.0)),
    ("INSUFFICIENT_BALANCE", lambda: opened(BTC="1"), sell(SPOT, 1.0),
     lambda: opened(BTC="0.99999999"), sell(SPOT, 1.0)),
    ("INSUFFICIENT_BALANCE", PLAIN, both(buy(SPOT, 0.4, 99_999.0), buy(SPOT, 0.6, 99_999.0)),
     PLAIN, both(buy(SPOT, 0.5, 99_999.0), buy(SPOT, 0.501, 99_999.0))),
    # Separated, isolated: 10 % of the notional from the futures wallet, open orders included.
    ("INSUFFICIENT_MARGIN", lambda: opened(um=10_000), LIMIT_LONG,
     lambda: opened(um=10_000), buy(UM, 1.001, 99_999.9)),
    ("INSUFFICIENT_MARGIN", lambda: opened(um=10_000), HALF_AND_HALF,
     lambda: opened(um=10_000), both(buy(UM, 0.5, 99_999.0), buy(UM, 0.501, 99_998.0))),
    ("INSUFFICIENT_MARGIN", lambda: opened(um=10_000), 
     both(buy(UM, 0.5, 99_999.0), buy(ETH, 5, 9_999.0)),
     lambda: opened(um=10_000), both(buy(UM, 0.5, 99_999.0), buy(ETH, 5.001, 9_999.0))),
    # Buys and sells of one market do not add up: the larger side counts.
    ("INSUFFICIENT_MARGIN", lambda: opened(um=10_000), 
     both(buy(UM, 1, 99_999.0), sell(UM, 1, 100_001.0)),
     lambda: opened(um=10_000), both(buy(UM, 1, 99_999.0), sell(UM, 1.001, 100_001.0))),
    # A price through the mark loses at once: 100 a coin here.
    ("INSUFFICIENT_MARGIN", lambda: opened(um=10_100), buy(UM, 1.0, 100_100.0),
     lambda: opened(um=10_099.99), buy(UM, 1.0, 100_100.0)),
    ("INSUFFICIENT_MARGIN", lambda: opened("unified", USDT="10000"), LIMIT_LONG,
     lambda: opened("unified", USDT="9999.99"), LIMIT_LONG),
    # Spot offsets a short: none needed up to what is held, then 10 % of the rest.
    ("INSUFFICIENT_MARGIN", lambda: opened("unified", BTC="0.1"), sell(UM, 1.1, 100_000.1),
     lambda: opened("unified", BTC="0.1"), sell(UM, 1.101, 100_000.1)),
    ("INSUFFICIENT_MARGIN", lambda: opened("separated", "binance", um=5_000), LIMIT_LONG,
     lambda: opened("separated", "binance", um=4_999.99), LIMIT_LONG),
    # Collateral counts 95 %: 9,500 at 20x carry 1.9 coins.
    ("INSUFFICIENT_MARGIN", lambda: opened("unified", "binance", BTC="0.1"), buy(UM, 1.9, 99_999.0),
     lambda: opened("unified", "binance", BTC="0.1"), buy(UM, 1.901, 99_999.0)),
    ("NO_PRICE", marked, buy(UM, 0.1, 99_999.0), unmarked, buy(UM, 0.1, 99_999.0)),
    ("REDUCE_ONLY_LEVEL", risky, sell(UM, 1), risky, buy(UM, 0.001)),
    ("REDUCE_ONLY_LEVEL", risky, sell(UM, 10), risky, sell(UM, 10.001)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "good", "inside", "bad", "outside"),
    CASES,
    ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)],
)
def test_both_sides_of_an_edge(
    reason: str,
    good: Callable[[], World],
    inside: Order,
    bad: Callable[[], World],
    outside: Order,
) -> None:
    world = good()
    inside(world)
    world.step()
    assert "REJECTED" not in world.said()[-1]
    world = bad()
    outside(world)
    world.step()
    assert world.said()[-1] == f"REJECTED {reason}"
    assert world.core.rejected()[RejectReason[reason]] == 1


def test_position_over_the_brackets_of_the_leverage() -> None:
    world = opened("unified", "binance", USDT="100000000")
    table = world.margin.brackets["BTCUSDT"]
    most = max(b.cap for b in table if b.max_leverage >= 20)
    buy(UM, float(most / 100_000) - 0.001, 99_999.0)(world)
    world.step()
    buy(UM, 0.002, 99_000.0)(world)
    world.step()
    assert world.said() == ["ACCEPTED", "REJECTED MAX_POSITION"]


PRECEDENCE: list[tuple[str, Callable[[], World], Order]] = [
    ("PRICE_FILTER", with_filters, buy(SPOT, 0.001, 0.0)),
    ("LOT_SIZE", with_filters, buy(SPOT, 0.001, 0.1)),
    ("MIN_NOTIONAL", lambda: opened(USDT="1"), buy(SPOT, 0.001, 4999.0)),
    ("REDUCE_ONLY_LEVEL", risky, buy(UM, 1, reduce_only=True)),
    ("REDUCE_ONLY", unmarked, buy(UM, 100, reduce_only=True)),
]


@pytest.mark.parametrize(("reason", "make", "order"), PRECEDENCE)
def test_the_first_failing_check_is_the_reason(
    reason: str, make: Callable[[], World], order: Order
) -> None:
    world = make()
    order(world)
    world.step()
    assert world.said()[-1] == f"REJECTED {reason}"


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_reducing_needs_no_margin(mode: str) -> None:
    shared = mode == "unified"
    world = opened(mode, um=0 if shared else 20_000, USDT="16000" if shared else "20000")
    buy(UM, 1.5)(world)
    world.step()
    world.mark(UM, "97000")
    pool = world.pool("unified" if shared else "um:BTCUSDT")
    assert pool.equity < pool.initial_margin
    buy(UM, 0.5, 90_000.0)(world)
    world.step()
    assert world.said()[-1] == ("REJECTED INSUFFICIENT_MARGIN" if shared else "ACCEPTED")
    sell(UM, 1.5)(world)
    world.step()
    assert world.said()[-1].startswith("FILLED")
    assert world.lots(UM) == 0


def test_two_strategies_share_the_account_and_its_margin() -> None:
    world = World("unified", deposits={"USDT": "10000"}, strategies=[Watcher(), Watcher()])
    world.open_markets()
    first, second = world.core.contexts
    first.buy(world.market(UM), 0.6, 99_999.0)
    second.buy(world.market(UM), 0.5, 99_999.0)
    world.step()
    assert world.said() == ["ACCEPTED"]
    other: Any = world.strategies[1]
    assert [update.reason for update in other.updates] == ["INSUFFICIENT_MARGIN"]
