"""Goal: bugs that tests found in the engine stay mended.

Method: the smallest world that shows each of them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.errors import InputError
from simulator.market.tape import Kind
from tests.exchange.world import Watcher, World, listed

SPOT, UM = "spot:BTCUSDT", "um:BTCUSDT"


def isolated_long(margin: float, quantity: float) -> World:
    world = World()
    world.open_markets()
    world.transfer(margin)
    world.book(UM, 999_999, 1_000_000)
    world.ctx.buy(world.market(UM), quantity)
    world.step()
    return world


@pytest.mark.parametrize(
    ("kind", "trigger", "refused"),
    [
        ("stop", 100_000.1, False),
        ("stop", 100_000.0, True),
        ("take_profit", 99_999.9, False),
        ("take_profit", 100_000.0, True),
    ],
)
def test_a_first_conditional_order_knows_the_last_price(
    kind: str, trigger: float, refused: bool
) -> None:
    world = World("unified")
    world.open_markets()
    world.row(Kind.TRADE, UM, 1, 1_000_000, 1)
    world.ctx.submit(world.market(UM), 1, 0.1, kind=kind, trigger=trigger)
    world.step()
    expected = "REJECTED WOULD_TRIGGER_IMMEDIATELY" if refused else "ACCEPTED"
    assert world.said() == [expected]


def test_the_reason_of_lowest_number_is_given() -> None:
    """Too large for the brackets and for the money: INSUFFICIENT_MARGIN comes first."""
    instruments = [listed("um", "BTC", max_quantity=Decimal(0))]
    world = World("unified", "binance", instruments=instruments)
    world.open_markets()
    world.ctx.buy(world.market(UM), 1001.0, 100_000.0)
    world.step()
    assert world.said() == ["REJECTED INSUFFICIENT_MARGIN"]


def test_looking_at_the_margin_changes_no_refusal() -> None:
    said = []
    for look in (False, True):
        world = World("unified", "binance", deposits={"BTC": "1"}, fees=False)
        world.open_markets()
        world.row(Kind.INDEX, UM, 0, 100_000 * 10**8)
        world.ctx.buy(world.market(UM), 15.0)
        world.step(2000)
        world.row(Kind.INDEX, UM, 0, 9_200 * 10**8)
        if look:
            world.ctx.margin()
        world.ctx.buy(world.market("um:ETHUSDT"), 1.0, 9_000.0)
        world.step()
        said.append(world.said()[-1])
    assert said == ["REJECTED REDUCE_ONLY_LEVEL"] * 2


def test_timers_run_between_the_prices_of_long_bars() -> None:
    class Ticking(Watcher):
        def on_start(self, ctx: Any) -> None:
            ctx.schedule(every=60)

    world = World("unified", strategies=[Ticking()])
    for kind in (Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE) * 3:
        world.row(kind, UM, 0, 1000, after=20 * 60 * 1000)
    world.step()
    assert len(world.seen.clock) == 240


def test_a_strategy_that_never_gives_up_cannot_hold_the_end() -> None:
    class Stubborn(Watcher):
        def on_order(self, ctx: Any, update: Any) -> None:
            self.updates.append(update)
            assert len(self.updates) < 1000, "the run does not end"
            ctx.buy(update.market, 100.0)

    world = World("unified", latency="5", strategies=[Stubborn()])
    world.open_markets()
    world.ctx.buy(world.market(UM), 100.0)
    world.core.finish()
    assert world.said() == ["REJECTED INSUFFICIENT_MARGIN"]


@pytest.mark.parametrize("time_in_force", [None, "IOC"])
def test_an_order_ends_once(time_in_force: str | None) -> None:
    """A reduce-only taker beside an older reduce-only order: trimmed while its match is settled."""
    world = World("unified")
    world.open_markets()
    world.ctx.buy(world.market(UM), 1.0)
    world.step()
    world.ctx.sell(world.market(UM), 1.0, 101_000.0, None, True)
    world.step()
    world.book(UM, 1_000_000, 1_000_001, lots=200)
    world.row(Kind.DEPTH, UM, 1, 999_990, 200)
    world.ctx.sell(world.market(UM), 1.0, 99_999.0, time_in_force, True)
    world.step()
    ends = [u for u in world.seen.updates if u.what in ("CANCELED", "EXPIRED", "ACCEPTED")]
    assert len(ends) <= 2
    for _ in range(3):
        world.ctx.submit(world.market(UM), -1, 0.1, kind="stop", trigger=90_000.0)
        world.step()
    assert len(set(world.ctx.orders(world.market(UM)))) == len(world.ctx.orders(world.market(UM)))
    assert world.lots(UM) >= 0


def test_a_strategy_that_answers_itself_without_end_is_told() -> None:
    class Stubborn(Watcher):
        def on_order(self, ctx: Any, update: Any) -> None:
            if update.what == "REJECTED":
                ctx.buy(update.market, 1e9, 100_000.0)

    world = World("unified", strategies=[Stubborn()])
    world.open_markets()
    world.ctx.buy(world.market(UM), 1e9, 100_000.0)
    with pytest.raises(InputError, match="without end"):
        world.step()


def test_a_pool_past_its_threshold_takes_no_orders() -> None:
    """Nothing is on offer, so the liquidation waits; meanwhile even reducing orders are refused."""
    world = World("unified", "binance", fees=False)
    world.open_markets()
    world.ctx.buy(world.market(UM), 5.0)
    world.step(2000)
    world.row(Kind.CLEAR, UM, 0)
    world.row(Kind.MARK, UM, 0, 80_100 * 10**8)
    world.step(2000)
    world.ctx.sell(world.market(UM), 0.5, 80_000.0)
    world.step()
    assert world.said()[-1] == "REJECTED ACCOUNT_IN_LIQUIDATION"
