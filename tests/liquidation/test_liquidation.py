"""Goal: a pool at its threshold is liquidated and one above never; what is lost is accounted for.

Method: hand-made markets and marks on both sides of the edge; plans by Hypothesis.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.events.outcomes import Outcome
from simulator.exchange.messages import LevelChange, LiquidationEvent
from simulator.liquidation.plan import plan
from simulator.market.tape import Kind
from simulator.risk.levels import RiskLevel
from tests.exchange.world import MILLISECOND, World

SPOT, UM, ETH = "spot:BTCUSDT", "um:BTCUSDT", "um:ETHUSDT"


def long_of(quantity: float, mode: str = "unified", **options: Any) -> World:
    """Long at 100,000 exactly, fees only where asked for."""
    world = World(mode, **{"fees": False, **options})
    world.open_markets()
    world.book(UM, 999_999, 1_000_000, lots=10**6)
    if mode == "separated":
        world.transfer(100_000 - 1 if options.get("rulebook") == "binance" else 90_000)
    world.ctx.buy(world.market(UM), quantity)
    world.step()
    assert world.lots(UM) == round(quantity * 1000)
    return world


@pytest.mark.parametrize(
    ("mark", "level", "liquidations"),
    [
        # Equity 9 p - 800,000 over a maintenance margin of 0.6 p: 1.5 at 98,765.4, 1.0 at 95,238.
        ("98765.43209877", RiskLevel.NORMAL, 0),
        ("98765.43209876", RiskLevel.MARGIN_CALL, 0),
        ("95238.09523810", RiskLevel.MARGIN_CALL, 0),
        ("95238.09523809", RiskLevel.NORMAL, 1),
    ],
)
def test_both_sides_of_the_thresholds(mark: str, level: RiskLevel, liquidations: int) -> None:
    world = long_of(9.0)
    world.book(UM, 952_380, 952_381, lots=10**6)
    world.mark(UM, mark)
    world.step(3000)
    assert len(world.desk.liquidator.events) == liquidations
    assert len(world.records(Outcome.LIQUIDATED)) == liquidations
    pool = world.pool("unified")
    if liquidations:
        assert 0 < world.lots(UM) < 9000
        assert pool.ratio > 1.5, "closing goes on until the pool is above its target"
    else:
        assert pool.level is level
        assert world.lots(UM) == 9000


def test_closing_stops_as_soon_as_the_target_is_passed() -> None:
    world = long_of(9.0)
    world.book(UM, 952_000, 952_001, lots=10**6)
    world.mark(UM, "95200")
    left = world.lots(UM)
    fee = (9000 - left) * 95_200 / 1000 * 0.005
    one_lot = 95_200 / 15 / 1000
    assert 1.5 < world.pool("unified").ratio < 1.5 * (left + 1) / left + 1e-9
    assert world.pool("unified").maintenance_margin == pytest.approx(left * one_lot)
    assert world.balance("insurance") == pytest.approx(fee * 1e8, abs=20)
    assert world.desk.liquidator.fees == pytest.approx(fee)


def test_messages_of_levels_and_liquidations_take_the_response_latency() -> None:
    world = World("unified", latency="0/0/20", fees=False)
    world.open_markets()
    world.ctx.buy(world.market(UM), 9.0)
    world.step(100)
    world.book(UM, 952_000, 952_001, lots=10**6)
    for mark in ("98000", "97000", "95200"):
        world.mark(UM, mark, after=100)
    world.step(100)
    heard = [(now - call.time_ns, type(call)) for now, call in world.seen.calls]
    assert heard[0] == (20 * MILLISECOND, LevelChange)
    assert {delay for delay, _ in heard} == {20 * MILLISECOND}
    assert [kind for _, kind in heard if kind is LiquidationEvent] == [LiquidationEvent]
    assert world.seen.calls[0][1].level is RiskLevel.MARGIN_CALL
    margin_calls = [row for row in world.records(Outcome.LEVEL_CHANGED) if row[5] == 1]
    assert len(margin_calls) == 1, "a level is recorded when it changes, not while it lasts"


def test_an_isolated_position_loses_its_margin_and_nothing_else() -> None:
    world = long_of(3.0, "separated", deposits={"USDT": "100000"})
    assert world.balance("um:BTCUSDT") == 30_000 * 10**8
    world.book(UM, 880_000, 880_001, lots=10**6)  # a gap: 36,000 lost on 30,000
    world.mark(UM, "88000")
    world.step(2000)
    assert world.lots(UM) == 0
    assert world.balance("um:BTCUSDT") == 0
    assert world.balance("um") == 60_000 * 10**8
    assert world.balance("spot") == 10_000 * 10**8
    assert world.balance("insurance") == -6_000 * 10**8
    assert world.desk.liquidator.shortfall == pytest.approx(6_000)
    (event,) = world.desk.liquidator.events
    assert (event.pool, event.lost) == ("um:BTCUSDT", -6_000)


def test_an_isolated_liquidation_leaves_the_other_position_alone() -> None:
    world = long_of(3.0, "separated")
    world.ctx.buy(world.market(ETH), 10.0)
    world.ctx.buy(world.market(ETH), 1.0, 9_000.0)
    world.step()
    world.book(UM, 950_000, 950_001, lots=10**6)
    world.mark(UM, "92000")
    world.step(2000)
    assert [e.pool for e in world.desk.liquidator.events] == ["um:BTCUSDT"]
    assert world.lots(ETH) == 10_000
    assert len(world.ctx.orders(world.market(ETH))) == 1


def test_a_liquidation_cancels_the_orders_of_its_pool_first() -> None:
    world = long_of(9.0)
    world.ctx.buy(world.market(SPOT), 0.1, 90_000.0)
    world.ctx.sell(world.market(UM), 0.1, 110_000.0)
    world.step()
    world.book(UM, 952_000, 952_001, lots=10**6)
    world.mark(UM, "95200")
    rows = world.records(Outcome.CANCELED, Outcome.LIQUIDATED, Outcome.FILLED)
    kinds = [row[1] for row in rows if row[0] == world.core.now]
    assert kinds[:4] == [Outcome.CANCELED, Outcome.CANCELED, Outcome.LIQUIDATED, Outcome.FILLED]
    assert world.held("unified") == 0


def test_unified_closes_futures_then_sells_spot_for_the_debt() -> None:
    world = World("unified", deposits={"BTC": "1"}, fees=False)
    world.open_markets()
    world.ctx.buy(world.market(ETH), 90.0)
    world.step()
    world.book(SPOT, 1_000_000, 1_000_001, lots=400)
    world.row(Kind.DEPTH, SPOT, 1, 999_000, 10**6)  # worse bids must be taken too
    world.book(ETH, 90_000, 90_001, lots=10**6)
    world.mark(ETH, "8880")  # bankrupt by the mark, but what is on offer leaves a little
    world.step(2000)
    assert world.lots(ETH) == 0
    assert world.balance("unified") >= 0
    assert 0 < world.balance("unified", "BTC") < 10**7
    fee = 90 * 9_000 * 0.005
    assert world.balance("insurance") == pytest.approx(fee * 1e8)
    sold = [row for row in world.core.fills() if row[1] == world.number(SPOT)]
    assert len(sold) >= 2
    assert all(row[10] for row in sold), "their reason is the liquidation"


def test_unified_the_fund_pays_what_spot_does_not() -> None:
    world = World("unified", deposits={"BTC": "1"}, fees=False)
    world.open_markets()
    world.ctx.buy(world.market(ETH), 90.0)
    world.step()
    world.book(ETH, 87_000, 87_001, lots=10**6)  # 117,000.9 lost on 100,000
    world.mark(ETH, "8700")
    world.step(2000)
    assert world.lots(ETH) == 0
    assert world.balance("unified") == 0
    assert world.balance("unified", "BTC") == 0
    paid = -world.balance("insurance") * 1e-8
    assert paid == pytest.approx(90 * (10_000.1 - 8_700) - 100_000)
    # Most is lost with the position, 0.05 by the bid under the index that valued the coin.
    assert sum(row[7] for row in world.records(Outcome.SHORTFALL)) == round(paid * 1e8)
    assert world.desk.liquidator.shortfall == pytest.approx(paid)


def test_nothing_on_offer_is_one_liquidation_that_waits() -> None:
    world = long_of(9.0)
    world.row(Kind.CLEAR, UM, 0)
    world.mark(UM, "95000")
    for _ in range(5):
        world.step(1000)
    assert world.lots(UM) == 9000
    assert len(world.records(Outcome.LIQUIDATED)) == 1
    assert world.desk.liquidator.events == []
    world.book(UM, 950_000, 950_001, lots=10**6)
    world.step(2000)
    assert len(world.desk.liquidator.events) == 1
    assert len(world.records(Outcome.LIQUIDATED)) == 1
    assert world.lots(UM) < 9000


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_binance_ladders(mode: str) -> None:
    """Cross at 20x: 10 coins at 100,000 keep 0.5 % less the maintenance amount."""
    world = World(mode, "binance", fees=False)
    world.open_markets()
    if mode == "separated":
        world.transfer(100_000)
    world.ctx.buy(world.market(UM), 10.0)
    world.step()
    pool = "um" if mode == "separated" else "unified"
    for price in range(99_000, 89_000, -10):
        figures = world.pool(pool)
        at_stake = figures.ratio is not None and figures.ratio <= (1.0 if pool == "um" else 1.05)
        assert not at_stake or world.desk.liquidator.events
        if world.desk.liquidator.events:
            break
        world.book(UM, price * 10, price * 10 + 1)
        world.mark(UM, str(price))
        world.step(1000)
    levels = [row[5] for row in world.records(Outcome.LEVEL_CHANGED)]
    assert levels[: levels.index(3) + 1] == ([3] if mode == "separated" else [1, 2, 3])


# Plans


@given(
    lots=st.dictionaries(st.integers(0, 4), st.integers(-500, 500), max_size=4),
    weights=st.lists(st.floats(0.01, 10), min_size=5, max_size=5),
    equity=st.floats(-100, 5000),
    target=st.floats(1.0, 2.0),
)
def test_plans_reach_the_target_with_no_lot_too_many(
    lots: dict[int, int], weights: list[float], equity: float, target: float
) -> None:
    def needed(held: Mapping[int, int]) -> float:
        return sum(abs(size) * weights[i] for i, size in held.items())

    closes = plan(lots, equity, needed, target)
    left = dict(lots)
    for close in closes:
        assert 0 < close.lots <= abs(lots[close.instrument])
        left[close.instrument] -= close.lots * (1 if lots[close.instrument] > 0 else -1)
    safe = equity > 0 and (needed(left) == 0 or equity > target * needed(left))
    assert safe or not any(left.values())
    if closes and safe:
        last = closes[-1]
        one_less = dict(left)
        one_less[last.instrument] += 1 if lots[last.instrument] > 0 else -1
        assert equity <= target * needed(one_less)
