"""Goal: the venue's clock skips only ticks that would have found the same.

Method: the same tape twice, once with a strategy that is woken every second, so that no tick is
skipped.  Prices, margins and what is measured must be the same at every sample, and so must fills.
"""

from __future__ import annotations

import numpy as np
import pytest

from simulator.market.tape import Kind
from simulator.strategy.context import Context
from tests.exchange.world import START, Watcher, World, listed

SECOND = 10**9
UM = "um:BTCUSDT"
FUNDING = START // (28_800 * SECOND) * 28_800 * SECOND + 28_800 * SECOND
MINUTES = 90


class EverySecond(Watcher):
    """Be woken every second, and do nothing."""

    def on_start(self, ctx: Context) -> None:
        ctx.schedule(every=1.0)


def run(awake: bool, rate: int, hours_left: float) -> World:
    """A price that moves twice a minute, held long, from ``hours_left`` before the funding on.

    The funding basis is 10 USDT at a rate of 0.01 % with eight hours left, a step of the price
    under one; the last print stands half a tick beside the mid, so the basis decides for a while.
    """
    world = World(
        "unified",
        instruments=[listed("um", "BTC")],
        start=FUNDING - round(hours_left * 3600) * SECOND,
        strategies=[EverySecond() if awake else Watcher()],
        sample_step_ns=60 * SECOND,
        check=False,
    )
    world.turns = 0  # type: ignore[attr-defined]
    world.core.strict = True

    def verify() -> None:
        world.turns += 1  # type: ignore[attr-defined]

    world.desk.verify = verify  # type: ignore[method-assign]
    price = 1_000_000
    world.book(UM, price - 1, price)
    world.row(Kind.FUNDING_ESTIMATE, UM, 0, rate, FUNDING)
    world.step(2000)
    world.ctx.buy(world.market(UM), 1.0)
    for step in range(2 * MINUTES):
        price += (-7, 4, 9, -5, 0, 2)[step % 6]
        # The print lies a little away from the book, so that the basis passes between them.
        world.row(Kind.TRADE, UM, 1, price + (step % 5 - 2) * 3, 1, after=29_000)
        world.book(UM, price - 1, price)
    world.step(90_000)
    return world


@pytest.mark.parametrize("rate", [10_000, -10_000, 300, 0])
@pytest.mark.parametrize("hours_left", [7.5, 1.0])
def test_a_skipped_tick_would_have_found_the_same(rate: int, hours_left: float) -> None:
    every, few = run(True, rate, hours_left), run(False, rate, hours_left)
    expected, found = every.desk.samples(), few.desk.samples()
    # Without a basis a sample waits for the next tick, so that few are at times that both have.
    common, at, of = np.intersect1d(expected["time"], found["time"], return_indices=True)
    assert len(common) > (MINUTES - 2 if rate else 1)
    for name, column in expected.items():
        assert np.array_equal(column[at], found[name][of]), name
    assert every.records() == few.records()
    measured = [world.desk.measuring.present for world in (every, few)]
    assert measured[0].volatility(0) is not None
    assert measured[0].volatility(0) == measured[1].volatility(0)
    assert few.turns * 3 < every.turns  # type: ignore[attr-defined]
    assert every.desk.upkeep.worst_ratio == few.desk.upkeep.worst_ratio
