"""Goal: bugs that tests found in the engine stay mended.

Method: the smallest world that shows each of them; the name of a test says what must hold.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.events.outcomes import Outcome
from simulator.market.tape import LAST, Kind
from tests.exchange.world import MILLISECOND, START, Watcher, World, listed

SPOT, UM = "spot:BTCUSDT", "um:BTCUSDT"


def isolated_long(margin: float, quantity: float) -> World:
    world = World()
    world.open_markets()
    world.transfer(margin)
    world.book(UM, 999_999, 1_000_000)
    world.ctx.buy(world.market(UM), quantity)
    world.step()
    return world


def test_the_fund_does_not_pay_the_fee_of_who_uses_all_margin() -> None:
    world = isolated_long(10_000, 1.0)
    world.step(3000)
    assert world.desk.liquidator.events == []
    assert world.balance("um") >= 0
    assert world.balance("insurance") == 0
    assert world.lots(UM) == 1000


def test_turning_round_an_isolated_loser_needs_new_margin() -> None:
    world = isolated_long(10_000, 0.9)
    world.book(UM, 965_000, 965_001)
    world.mark(UM, "96500")
    world.ctx.sell(world.market(UM), 1.8)
    world.step(3000)
    assert world.balance("insurance") == 0
    assert world.said()[-1] == "REJECTED INSUFFICIENT_MARGIN"


@pytest.mark.parametrize("price", [967_000, 1_010_000])
def test_closing_a_part_leaves_the_rest_as_safe_as_it_was(price: int) -> None:
    world = isolated_long(10_000, 0.9)
    world.book(UM, price, price + 1)
    world.mark(UM, str(price / 10))
    before = world.pool(UM).ratio
    world.ctx.sell(world.market(UM), 0.45)
    world.step()
    assert world.pool(UM).ratio == pytest.approx(before)


def test_looking_at_the_margin_swallows_no_margin_call() -> None:
    heard = []
    for look in (False, True):
        world = World("unified")
        world.open_markets()
        world.ctx.buy(world.market(UM), 9.99)
        world.step()
        if look:
            world.ctx.margin()
        world.step(3000)
        heard.append((len(world.seen.calls), world.records(Outcome.LEVEL_CHANGED)))
    assert heard[0] == heard[1]
    assert heard[0][0] == 1


def test_the_level_after_a_liquidation_is_recorded() -> None:
    world = World("unified", fees=False)
    world.open_markets()
    world.ctx.buy(world.market(UM), 9.0)
    world.step()
    world.book(UM, 952_000, 952_001)
    world.mark(UM, "95200")
    world.step(3000)
    levels = [(row[6], row[5]) for row in world.records(Outcome.LEVEL_CHANGED)]
    assert levels == [(0, 3), (3, 0)]


def test_positions_above_the_largest_order_are_liquidated_and_closed() -> None:
    for close in (False, True):
        world = World("unified", instruments=[listed("um", "BTC", max_quantity=Decimal(1))])
        world.open_markets()
        for _ in range(9):
            world.ctx.buy(world.market(UM), 1.0)
            world.step()
        if close:
            world.ctx.submit(world.market(UM), -1, close_position=True)
            world.step()
            assert world.lots(UM) == 0
        else:
            world.book(UM, 930_000, 930_001)
            world.mark(UM, "93000")
            world.step(2000)
            assert world.lots(UM) < 9000


@pytest.mark.parametrize("first_reduces", [True, False])
def test_reduce_only_orders_never_turn_a_position(first_reduces: bool) -> None:
    """One level of the tape reaches two resting orders at once."""
    world = World("unified")
    world.open_markets()
    world.ctx.buy(world.market(UM), 1.0)
    world.step()
    world.ctx.sell(world.market(UM), 1.0, 100_010.0, None, first_reduces)
    world.ctx.sell(world.market(UM), 1.0, 100_020.0, None, True)
    world.step()
    world.row(Kind.DEPTH, UM, 1, 1_000_300, 10**6)
    assert world.lots(UM) == 0
    world.step()
    assert world.ctx.orders(world.market(UM)) == []


@pytest.mark.parametrize("latency", ["100/1/1", "sampled:3:1.0"])
def test_a_strategys_clock_never_runs_backwards(latency: str) -> None:
    class Ticking(Watcher):
        def on_start(self, ctx: Any) -> None:
            ctx.schedule(every=0.001)

        def on_timer(self, ctx: Any, name: str) -> None:
            self.clock.append(ctx.now_ns)
            if len(self.clock) % 20 == 0:
                ctx.buy(ctx.market(UM), 0.01)

    watcher = Ticking()
    world = World("unified", latency=latency, strategies=[watcher])
    world.open_markets()
    for _ in range(300):
        world.step(7)
    assert len(watcher.fills) > 20
    assert all(a <= b for a, b in zip(watcher.clock, watcher.clock[1:], strict=False))


def test_a_timer_in_the_past_fires_now() -> None:
    world = World("unified")
    world.open_markets()
    world.ctx.schedule(at_ns=START - 10**12)
    now = world.ctx.now_ns
    world.step()
    assert world.seen.clock == [now]
    with pytest.raises(ValueError, match="below 0"):
        world.ctx.schedule(every=-1, after=1)


def test_recorded_latency_is_that_of_the_newest_row() -> None:
    class Reacting(Watcher):
        def on_start(self, ctx: Any) -> None:
            self.sent = 0
            ctx.subscribe(ctx.market(UM), "book")

        def on_book(self, ctx: Any, market: Any) -> None:
            if market.bid and not self.sent:
                self.sent = ctx.now_ns
                ctx.buy(market, 0.1)

    watcher = Reacting()
    world = World("unified", strategies=[watcher], latency="recorded")
    rows = [(Kind.MARK, 0, 10**13, 0), (Kind.DEPTH, -1, 1_000_001, 10**6)]
    rows += [(Kind.DEPTH, 1, 1_000_000, 5)] + [(Kind.QUOTE, 0, 0, 0)] * 200
    world.play(
        [
            (START + at * MILLISECOND, START + (at + 50) * MILLISECOND, 1, kind, LAST, *row, 0)
            for at, (kind, *row) in enumerate(rows, 1)
        ]
    )
    (record,) = world.records(Outcome.FILLED)
    assert record[0] == watcher.sent + 50 * MILLISECOND


def test_what_happens_at_a_bars_end_belongs_to_the_next_bar() -> None:
    class Bars(Watcher):
        def on_start(self, ctx: Any) -> None:
            self.bars: list[tuple[Any, ...]] = []
            ctx.subscribe(ctx.market(UM), "bars", every=60)

        def on_bar(self, ctx: Any, bar: Any) -> None:
            prices = [round(p * 10) for p in (bar.open, bar.high, bar.low, bar.close)]
            self.bars.append((bar.time_ns, *prices, round(bar.volume * 1000)))
            assert ctx.now_ns == bar.time_ns

    watcher = Bars()
    world = World("unified", strategies=[watcher])
    minute = 60 * 10**9
    start = (START // minute + 1) * minute
    for number in range(3):
        path = [(0, Kind.BAR_OPEN, 1000, 0), (20_000, Kind.BAR_LOW, 990, 0)]
        path += [(40_000, Kind.BAR_HIGH, 1020, 0), (59_999, Kind.BAR_CLOSE, 1005, 7)]
        for offset, kind, price, lots in path:
            world.now = start + number * minute + (offset - 1) * MILLISECOND
            world.row(kind, UM, 0, price + 10 * number, lots)
    world.step(2000)
    assert watcher.bars == [
        (start + (n + 1) * minute, 1000 + 10 * n, 1020 + 10 * n, 990 + 10 * n, 1005 + 10 * n, 7)
        for n in range(3)
    ]


def test_bars_reach_conditional_orders() -> None:
    world = World("unified")
    world.open_markets()
    world.ctx.buy(world.market(UM), 0.1)
    world.step()
    world.row(Kind.BAR_CLOSE, UM, 0, 1_000_000, 5)
    world.ctx.submit(world.market(UM), -1, 0.1, kind="stop", trigger=99_000.0)
    world.step()
    world.row(Kind.BAR_LOW, UM, 0, 980_000, 0)
    world.step()
    assert world.lots(UM) == 0


def test_an_order_that_raises_is_not_sent() -> None:
    world = World("unified")
    world.open_markets()
    with pytest.raises(ValueError, match="trigger price"):
        world.ctx.submit(world.market(UM), 1, 0.1, kind="stop")
    world.step()
    assert world.lots(UM) == 0
    assert world.said() == []


def test_values_beyond_64_bits_are_refused() -> None:
    """2**40 + 1 lots at 2**20 ticks wrap to 105 USDT."""
    world = World(instruments=[listed("spot", "BTC", max_quantity=Decimal(0))])
    world.book(SPOT, 1_048_575, 1_048_576)
    world.core.submit(0, 0, 1, 1 << 20, (1 << 40) + 1, 0, 0, 0)
    world.step()
    assert world.said() == ["REJECTED LOT_SIZE"]
    assert world.balance("spot") == 100_000 * 10**8


@pytest.mark.parametrize(
    ("bid", "short"), [(900_000, 0), (899_999, 10_000_000), (850_000, 500_000_000_000)]
)
def test_a_loss_beyond_the_margin_at_a_fill_is_told(bid: int, short: int) -> None:
    """A tenth of 100,000 as margin; its owner sells where the book is, not where the mark is."""
    world = isolated_long(20_000, 1.0)
    assert world.balance(UM) == 1_000_000_000_000
    world.book(UM, bid, bid + 1)
    world.ctx.sell(world.market(UM), 1.0)
    world.step()
    assert (world.lots(UM), world.balance(UM), world.balance("insurance")) == (0, 0, -short)
    pool = world.partition.pool_of[world.number(UM)]
    told = [row[2:] for row in world.records(Outcome.SHORTFALL)]
    assert told == ([(1, -1, pool, 0, world.assets.index("USDT"), short)] if short else [])
