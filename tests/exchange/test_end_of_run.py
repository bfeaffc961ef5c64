"""Goal: what happens in the venue's last tick is heard before a run ends, and changes nothing more.

Method: a venue driven by hand whose last row moves the books so far that the last mark liquidates
one account; its orders take what another has resting.  Nothing else would tell their strategies.
"""

from __future__ import annotations

from typing import Any

import pytest

from simulator.exchange.messages import LiquidationEvent
from simulator.strategy.context import Context
from simulator.strategy.trader import Trader
from tests.exchange.world import MILLISECOND, Watcher, World

UM = "um:BTCUSDT"
BTC = ("spot:BTCUSDT", UM)


class Answering(Watcher):
    """Answers every fill with an order and a timer, as if the run went on."""

    def on_fill(self, ctx: Context, fill: Any) -> None:
        super().on_fill(ctx, fill)
        ctx.buy(ctx.market(UM), 0.1)
        ctx.schedule(every=0.001, name="again")


def near_the_end(latency: str, second: Watcher) -> World:
    """Nine coins on 100,000 of margin, books that have just fallen by 9 %, another's best bid."""
    world = World(
        "unified",
        latency=latency,
        traders=[Trader("second", "unified", [second], {"USDT": 100_000})],
    )
    for name in BTC:
        world.book(name, 1_000_000, 1_000_001)
    world.step(2000)
    world.ctx.buy(world.market(UM), 9.0)
    other = world.core.contexts[1]
    other.buy(other.market(UM), 0.5, 91_000.1)
    world.step(500)
    world.book(BTC[0], 910_000, 910_001, after=0)
    world.book(UM, 910_000, 910_003, after=0)
    return world


@pytest.mark.parametrize("latency", ["0", "7"])
def test_the_last_mark_is_heard_after_the_response_latency(latency: str) -> None:
    second = Watcher()
    world = near_the_end(latency, second)
    first: Any = world.seen
    at = int(world.core.now)
    assert not second.fills
    assert not first.calls
    world.core.finish()
    assert world.lots(UM) < 9000
    (fill,) = second.fills
    assert (fill.quantity, fill.price) == (0.5, 91_000.1)
    assert second.clock[-1] == at + int(latency) * MILLISECOND
    assert world.core.contexts[1].market(UM).position == 0.5
    times = [time for time, event in first.calls if isinstance(event, LiquidationEvent)]
    assert set(times) == {at + int(latency) * MILLISECOND}


def test_what_it_is_answered_with_never_arrives() -> None:
    silent, second = Watcher(), Answering()
    plain, world = near_the_end("3", silent), near_the_end("3", second)
    for one in (plain, world):
        one.core.finish()
        one.desk.verify()
    assert len(second.fills) == len(silent.fills) == 1
    assert len(second.clock) == len(silent.clock), "timers stop"
    assert world.core.n_orders == plain.core.n_orders
    assert world.core.records.digest() == plain.core.records.digest()
    assert len(world.core.contexts[1].orders(world.market(UM))) == 1, "on its way for ever"
