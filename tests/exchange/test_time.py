"""Goal: everything happens when it should, and in the documented order at equal times.

Method: a scripted strategy on a few rows; when the venue acts and when the strategy hears.
"""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np
import pytest

from simulator.events.outcomes import Outcome
from simulator.exchange.latency import recorded, sampled
from simulator.market.tape import Kind
from simulator.strategy.context import Context
from tests.exchange.world import MILLISECOND, START, Watcher, World

SPOT, UM = "spot:BTCUSDT", "um:BTCUSDT"


@pytest.mark.parametrize(
    ("latency", "entry", "response"), [(None, 0, 0), ("5", 5, 5), ("3/7/11", 7, 11)]
)
def test_commands_and_answers_take_their_latency(
    latency: str | None, entry: int, response: int
) -> None:
    world = World("unified", latency=latency)
    world.open_markets()
    sent = world.ctx.now_ns
    world.ctx.buy(world.market(UM), 0.1)
    for _ in range(40):
        world.step()
    (fill,) = world.seen.fills
    (record,) = world.records(Outcome.FILLED)
    assert record[0] == sent + entry * MILLISECOND
    assert fill.time_ns == record[0] + response * MILLISECOND


def test_a_cancel_that_arrives_too_late_is_no_cancel() -> None:
    for after, filled in ((4, True), (6, False)):
        world = World("unified", latency="0/5/5")
        world.open_markets()
        order = world.ctx.buy(world.market(UM), 0.1, 99_999.0)
        for _ in range(20):
            world.step()
        world.ctx.cancel(order)
        for _ in range(after - 1):
            world.step()
        world.row(Kind.TRADE, UM, -1, 999_980, 10**6)
        for _ in range(20):
            world.step()
        assert (world.lots(UM) == 100) == filled
        assert ("CANCELED" in world.said()) == (not filled)


class Early(Watcher):
    """Note what the book shows at each tick of a timer."""

    def __init__(self) -> None:
        super().__init__()
        self.asks: list[tuple[int, int]] = []

    def on_start(self, ctx: Context) -> None:
        ctx.schedule(every=0.001)

    def on_timer(self, ctx: Any, name: str) -> None:
        self.asks.append((ctx.now_ns, ctx.market(UM).ask_ticks))


@pytest.mark.parametrize("feed", [0, 4])
def test_a_strategy_sees_the_market_as_late_as_its_feed(feed: int) -> None:
    watcher = Early()
    world = World("unified", latency=f"{feed}/0/0", strategies=[watcher])
    for at in range(1, 15):
        world.row(Kind.DEPTH, UM, -1, 1_000_000 - at, 5)
    for now, ask in watcher.asks:
        passed = (now - START) // MILLISECOND
        # At equal times the tape comes before timers.
        assert ask == (1_000_000 - (passed - feed) if passed > feed else 0)


def test_recorded_arrivals_never_fall_back() -> None:
    model = recorded()
    time = np.array([10, 20, 30, 40], dtype=np.int64)
    receive = np.array([15, 50, 0, 45], dtype=np.int64)
    assert model.arrival(time, receive).tolist() == [15, 50, 50, 50]
    whole = model.arrival(time, receive).tolist()
    first = model.arrival(time[:2], receive[:2])
    second = model.arrival(time[2:], receive[2:], int(first[-1]))
    assert [*first.tolist(), *second.tolist()] == whole


def test_sampled_latencies_follow_their_seed() -> None:
    one, same, other = sampled(10**6, 0.4, 1), sampled(10**6, 0.4, 1), sampled(10**6, 0.4, 2)
    assert one.entry.tolist() == same.entry.tolist() != other.entry.tolist()
    assert 0.98e6 < float(np.median(one.entry)) < 1.02e6
    assert (one.response > 0).all()


class Orderly(Watcher):
    """Write down what happens at one instant."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def on_start(self, ctx: Any) -> None:
        ctx.subscribe(ctx.market(UM), "trades")
        ctx.schedule(at_ns=START + 999 * MILLISECOND, name="before")
        ctx.schedule(at_ns=START + 1000 * MILLISECOND, name="at")

    def on_timer(self, ctx: Any, name: str) -> None:
        self.heard.append(f"timer {name}")
        if name == "before":
            ctx.buy(ctx.market(UM), 0.1, 99_999.0)

    def on_order(self, ctx: Any, update: Any) -> None:
        self.heard.append(update.what)

    def on_trade(self, ctx: Any, trade: Any) -> None:
        self.heard.append("trade")

    def on_margin_call(self, ctx: Any, call: Any) -> None:
        self.heard.append(call.level.name)


def test_order_at_one_instant() -> None:
    """Tape, then the mark with its messages under way, commands, messages, timers."""
    strategy = Orderly()
    world = World("unified", latency="0/1/0", strategies=[strategy])
    world.book(UM, 999_999, 1_000_000)
    world.mark(UM, "100000")
    world.row(Kind.TRADE, UM, 1, 1_000_000, 1, after=998)
    assert world.now == START + 1000 * MILLISECOND
    world.step()
    assert strategy.heard == ["timer before", "trade", "ACCEPTED", "timer at"]


class Ticker(Watcher):
    def on_start(self, ctx: Any) -> None:
        ctx.schedule(every=0.25, name="quarter")
        ctx.schedule(after=0.1, name="once")
        ctx.schedule(at_ns=START + 777_777_777, name="then")


def test_timers_are_exact_whatever_the_tape_does() -> None:
    for gap in (1, 130, 999):
        watcher = Ticker()
        world = World(strategies=[watcher])
        while world.now <= START + 1100 * MILLISECOND:
            world.step(gap)
        passed = [t - START for t in watcher.clock if t - START <= 10**9]
        assert passed == [10**8, 25 * 10**7, 5 * 10**8, 75 * 10**7, 777_777_777, 10**9]


def test_a_session_break_skips_timers_and_marks() -> None:
    watcher = Ticker()
    world = World(strategies=[watcher])
    for _ in range(10):
        world.step(100)
    before = len(watcher.clock)
    world.step(48 * 3_600_000)
    world.step(1000)
    assert len(watcher.clock) - before <= 8
    assert all(a <= b for a, b in zip(watcher.clock, watcher.clock[1:], strict=False))
    assert watcher.clock[-1] > START + 48 * 3_600 * 10**9


# Bars


class Bars(Watcher):
    def __init__(self) -> None:
        super().__init__()
        self.bars: list[tuple[Any, ...]] = []

    def on_start(self, ctx: Any) -> None:
        ctx.subscribe(ctx.market(UM), "bars", every=1)

    def on_bar(self, ctx: Any, bar: Any) -> None:
        lots = round(bar.volume * 1000)
        prices = [round(p * 10) for p in (bar.open, bar.high, bar.low, bar.close)]
        self.bars.append(((bar.time_ns - START) // 10**9, *prices, lots))


def test_bars_from_trades_are_those_of_a_plain_loop() -> None:
    watcher = Bars()
    world = World(strategies=[watcher])
    generator = np.random.Generator(np.random.PCG64(3))
    expected: dict[int, list[int]] = {}
    for _ in range(300):
        price, lots = int(generator.integers(900, 1100)), int(generator.integers(1, 9))
        after = int(generator.integers(1, 60))
        after += (world.now + after * MILLISECOND) % 10**9 == 0
        world.row(Kind.TRADE, UM, 1, price, lots, after=after)
        bar = expected.setdefault((world.now - START) // 10**9 + 1, [price, price, price, price, 0])
        bar[1], bar[2], bar[3] = max(bar[1], price), min(bar[2], price), price
        bar[4] += lots
    world.step(1001)
    assert watcher.bars == [(second, *bar) for second, bar in sorted(expected.items())]


# Prices


def test_computed_marks_are_the_documented_median() -> None:
    world = World("unified")
    generator = np.random.Generator(np.random.PCG64(5))
    basis: list[float] = []
    world.row(Kind.FUNDING_ESTIMATE, UM, 0, 25_000, START + 3_600 * 10**9)
    compared = 0
    for second in range(1, 80):
        spot, um = (int(generator.integers(990_000, 1_010_000)) for _ in range(2))
        last = int(generator.integers(990_000, 1_010_000))
        world.now = START + second * 10**9 - 10 * MILLISECOND
        world.book(SPOT, spot, spot + 3)
        world.book(UM, um, um + 5)
        world.row(Kind.TRADE, UM, 1, last, 1)
        world.now = START + second * 10**9
        world.step()
        index, mid = (spot + 1.5) / 10, (um + 2.5) / 10
        basis.append(mid - index)
        hours = 1 - second / 3600
        expected = median(
            [
                index * (1 + 0.00025 * hours / 8),
                index + sum(basis[-30:]) / len(basis[-30:]),
                last / 10,
            ]
        )
        assert world.market(UM).index == pytest.approx(index, rel=1e-12)
        assert world.market(UM).mark == pytest.approx(expected, rel=1e-12)
        compared += 1
    assert compared == 79


def test_an_index_of_the_tape_replaces_the_mid() -> None:
    world = World("unified")
    world.open_markets()
    assert world.market(UM).index == pytest.approx(100_000.05)
    world.row(Kind.INDEX, UM, 0, 99_000 * 10**8)
    world.step(2000)
    assert world.market(UM).index == 99_000.0
