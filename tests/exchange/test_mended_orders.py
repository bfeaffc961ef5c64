"""Goal: bugs that tests found in the engine stay mended.

Method: the smallest world that shows each of them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.errors import InputError
from simulator.events.outcomes import Outcome
from simulator.market.tape import Kind
from tests.exchange.products import CALL, opened, trade
from tests.exchange.world import Watcher, World, listed

SPOT, UM = "spot:BTCUSDT", "um:BTCUSDT"
LOT = {UM: Decimal("0.001"), CALL: Decimal("0.01")}
PREMIUM_UNIT = 10**6
"""What a lot of the call costs a tick, in smallest units: 0.01 BTC at 1 USDT."""


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


# Lots of an older reduce-only order, then those of a newer one that rest (0: it ends) and are
# trimmed: of 20 lots of a position 15 are closed, so that the older and 5 of the newer are open.
TRIMMED = [(0, 5, 0), (1, 4, 1), (2, 3, 2), (4, 1, 4), (5, 0, 5), (9, 0, 5)]


@pytest.mark.parametrize(("older", "rests", "trimmed"), TRIMMED)
@pytest.mark.parametrize("name", [UM, CALL])
def test_an_order_trimmed_by_its_own_fills_is_accepted_for_what_is_left(
    name: str, older: int, rests: int, trimmed: int
) -> None:
    """ACCEPTED told, and a bought option held, the lots of before the trim."""
    world = opened(fees=False)
    trade(world, name, -1, 20 * float(LOT[name]))
    best = 1_000_000 if name == UM else 2_000
    tick = float(world.market(name).tick)
    if older:
        lots = older * float(LOT[name])
        world.ctx.buy(world.market(name), lots, (best - 9) * tick, None, True)
        world.step()
    world.book(name, best - 1, best, lots=15)
    told = len(world.records(Outcome.ACCEPTED, Outcome.CANCELED))
    world.ctx.buy(world.market(name), 20 * float(LOT[name]), best * tick, None, True)
    world.step()
    assert world.lots(name) == -5
    ends = [(Outcome.ACCEPTED, rests)] if rests else [(Outcome.CANCELED, 0)]
    heard = world.records(Outcome.ACCEPTED, Outcome.CANCELED)[told:]
    assert [(one[1], one[7]) for one in heard] == ends
    newer = heard[0][4]
    reduced = [one[7] for one in world.records(Outcome.REDUCED) if one[4] == newer]
    assert reduced == ([trimmed] if trimmed and rests else [])
    left = {world.core.order_row(slot)[0]: slot for slot in world.core.orders_at_venue(1)}
    open_lots = sum(world.core.books[world.number(name)].remaining(slot) for slot in left.values())
    assert open_lots == 5
    assert (newer in left) == (rests > 0)
    if name == CALL:
        value = rests * best * PREMIUM_UNIT + min(older, 5) * (best - 9) * PREMIUM_UNIT
        assert world.held("unified") == value
