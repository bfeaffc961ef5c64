"""Goal: what must not matter does not, and what must scale does.

Method: the same run told differently: later, with a market more, an order in two halves, at ten
times the price.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulator.market.tape import Kind
from tests.exchange.world import INSTRUMENTS, World, listed
from tests.simulation.busy import pieces
from tests.simulation.test_whole_venue import MODES, busy_run

DAY = 86_400 * 10**9
UM = "um:BTCUSDT"


@pytest.mark.parametrize("mode", MODES)
def test_a_day_later_everything_happens_a_day_later(mode: str) -> None:
    now, later = busy_run(mode, seconds=60), busy_run(mode, seconds=60)
    later.span = (later.span[0] + DAY, later.span[1] + DAY)
    moved = (
        replace(
            block,
            time_ns=block.time_ns + DAY,
            receive_ns=np.where(block.receive_ns > 0, block.receive_ns + DAY, 0),
            # The next funding time of an estimate is an instant too.
            quantity=np.where(
                block.kind == Kind.FUNDING_ESTIMATE, block.quantity + DAY, block.quantity
            ),
        )
        for block in pieces(later, 1000)
    )
    first, second = now.run(), later.run(blocks=moved)
    assert first.fills.height > 20
    assert (first.fills["time_ns"] + DAY).to_list() == second.fills["time_ns"].to_list()
    assert first.fills.drop("time_ns").equals(second.fills.drop("time_ns"))
    assert first.summary == second.summary


def traded(world: World) -> World:
    rows = np.random.Generator(np.random.PCG64(9))
    for _ in range(40):
        side = 1 if rows.random() < 0.5 else -1
        price = 1_000_000 + int(rows.integers(-3000, 3000))
        world.book(UM, price, price + 3)
        world.mark(UM, str(price // 10))
        world.ctx.submit(world.market(UM), side, int(rows.integers(1, 300)) / 1000)
        world.step()
    return world


@pytest.mark.parametrize("mode", MODES)
def test_a_market_that_nobody_trades_changes_nothing(mode: str) -> None:
    balances = []
    for more in ([], [listed("spot", "XRP"), listed("um", "XRP")]):
        world = World(mode, instruments=[*INSTRUMENTS, *more])
        world.open_markets(eth=100_000)
        if mode == "separated":
            world.transfer(90_000)
        traded(world)
        wallets = [w for w in world.partition.wallets if "XRP" not in w]
        balances.append([world.balance(w) for w in wallets])
    assert balances[0] == balances[1]


def test_one_order_or_two_halves_cost_the_same_but_for_rounding() -> None:
    balances = []
    for parts in (1, 2):
        world = World("unified")
        world.open_markets()
        for side in (1, -1):
            world.book(UM, 1_000_007, 1_000_007 + 1)
            for _ in range(parts):
                world.ctx.submit(world.market(UM), side, 0.246 / parts)
                world.step()
        balances.append(world.balance("unified"))
    assert abs(balances[0] - balances[1]) <= 2


def test_ten_times_the_prices_make_ten_times_the_money() -> None:
    changes: list[Any] = []
    for scale in (1, 10):
        world = World("unified", deposits={"USDT": str(10_000_000)})
        for number, price in enumerate((100_000, 101_237, 99_000)):
            world.book(UM, price * scale, price * scale + 1 * scale)
            world.mark(UM, str(price * scale / 10))
            world.step(2000)
            world.ctx.submit(world.market(UM), 1 if number < 2 else -1, 0.5)
            world.step()
        world.row(Kind.FUNDING, UM, 0, 10_000)
        changes.append(
            (world.balance("unified") - 10**15, world.pool("unified").maintenance_margin)
        )
    assert changes[1][0] == 10 * changes[0][0]
    assert changes[1][1] == pytest.approx(10 * changes[0][1])
