"""Goal: whatever operations on funds are asked for, the outside balances them to the unit, nothing
leaves a pool beyond its rule, and what may leave is exactly what the venue then lets go.

Method: random operations, orders and prices in both modes and by both models; a separated account
may become unified on the way.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.accounts.wallets import LINES, OUTSIDE
from simulator.exchange.messages import FundEvent, FundOperation
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from simulator.strategy.funds import UNIVERSAL_TRANSFERS
from tests.exchange.world import World

E8 = 10**8
ASSETS = st.sampled_from(["USDT", "BTC"])
AMOUNTS = st.one_of(
    st.decimals(Decimal("0.00000001"), 30_000, places=8),
    st.decimals(Decimal("0.00000001"), 1, places=8),
)
WALLETS = st.sampled_from(["", "spot", "margin", "um", "um:BTCUSDT"])
STEPS = st.one_of(
    st.tuples(st.just("deposit"), ASSETS, AMOUNTS, WALLETS),
    st.tuples(st.just("withdraw"), ASSETS, st.one_of(st.just("all"), AMOUNTS), WALLETS),
    st.tuples(st.just("universal_transfer"), st.sampled_from(UNIVERSAL_TRANSFERS), ASSETS, AMOUNTS),
    st.tuples(st.just("collect"), st.sampled_from(["", "USDT", "BTC"])),
    st.tuples(st.just("borrow"), ASSETS, AMOUNTS),
    st.tuples(st.just("repay"), ASSETS, st.one_of(st.just("all"), AMOUNTS)),
    st.tuples(st.just("auto_repay"), st.booleans()),
    st.tuples(st.just("future"), st.sampled_from([-1, 1]), st.floats(0.001, 2.0)),
    st.tuples(st.just("rest"), st.sampled_from([-1, 1]), st.floats(0.001, 2.0)),
    st.tuples(st.just("spot"), st.sampled_from([-1, 1]), st.floats(0.001, 0.5), st.booleans()),
    st.tuples(st.just("price"), st.integers(800_000, 1_250_000)),
    st.tuples(st.just("hour"), st.just(0)),
    st.tuples(st.just("merge"), st.just(0)),
)
LEAVE = {FundOperation.WITHDRAW, FundOperation.TRANSFER, FundOperation.COLLECT}


def act(world: World, step: tuple[Any, ...]) -> None:
    ctx, spot, future = world.ctx, world.market("spot:BTCUSDT"), world.market("um:BTCUSDT")
    what, *of = step
    if what == "future":
        ctx.submit(future, of[0], of[1])
    elif what == "rest":
        ctx.submit(future, of[0], of[1], price=future.mid * (1 - 0.05 * of[0]))
    elif what == "spot":
        ctx.submit(spot, of[0], of[1], wallet="margin" if of[2] else "")
    elif what == "price":
        for name in ("spot:BTCUSDT", "um:BTCUSDT"):
            world.book(name, of[0], of[0] + 1)
        world.mark("um:BTCUSDT", str(Decimal(of[0]) / 10))
        world.row(Kind.INDEX, "um:BTCUSDT", 0, of[0] * 10**7)
        world.step(1500)
    elif what == "hour":
        world.step(3_600_000)
    elif what == "merge":
        if world.partition.mode == "separated":
            world.desk.switching.cancel_orders()
            world.desk.switching.execute("unified")
    else:
        getattr(ctx.account, what)(*of)
    world.step()


def outside(world: World) -> dict[str, int]:
    """What the outside must have by the events: withdrawals less deposits."""
    found: Counter[str] = Counter()
    sign = {FundOperation.DEPOSIT: -1, FundOperation.WITHDRAW: 1}
    for event in world.desk.funds.events:
        if not event.refusal and event.operation in sign:
            found[event.asset] += sign[event.operation] * int(event.quantity * E8)
    return found


def margined(world: World, event: FundEvent) -> None:
    """The pool that money has just left still has what it must keep."""
    partition, pools = world.partition, world.core.pools
    for number, (name, _, _) in enumerate(partition.pools):
        if name == event.source:
            pools.evaluate(number)
            equity, _, maintenance, _ = pools.figures(number)
            assert equity >= world.core.free_margin_needed(1, number), event
            ratio = world.desk.transfers.outflow.ratio.get(name, 0.0)
            assert equity >= ratio * maintenance, event


def exact(world: World) -> None:
    """What may leave is let go, one unit more is not; to ask changes nothing."""
    outflow, ledger, pools = world.desk.transfers.outflow, world.core.ledger, world.core.pools
    for number in range(len(world.partition.pools)):
        pools.evaluate(number)
    figures = [pools.figures(number) for number in range(len(world.partition.pools))]
    for wallet in range(5, world.desk.lender):
        for asset in range(len(world.assets)):
            before = [int(ledger.balance_of(w, asset)) for w in range(world.desk.lender)]
            most = outflow.most(wallet, asset)
            assert 0 <= most <= max(0, ledger.available(wallet, asset))
            assert outflow.refusal(wallet, asset, most + 1) is not None
            assert most == 0 or outflow.refusal(wallet, asset, most) is None
            assert before == [int(ledger.balance_of(w, asset)) for w in range(world.desk.lender)]
    assert figures == [pools.figures(number) for number in range(len(world.partition.pools))]


@pytest.mark.parametrize(
    ("mode", "rulebook", "members"),
    [
        ("separated", "textbook", LINES),
        ("separated", "binance", ("margin", "um", "cm")),
        ("unified", "textbook", LINES),
        ("unified", "binance", ("margin", "um", "cm")),
    ],
)
@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEPS, min_size=5, max_size=20))
def test_funds_are_kept(
    mode: str, rulebook: str, members: tuple[str, ...], steps: list[tuple[Any, ...]]
) -> None:
    world = World(
        mode,
        rulebook,
        deposits={"USDT": "60000", "BTC": "0.3"},
        interest=InterestRules(default_daily=Decimal("0.05")),
        members=members,
        both=True,
    )
    world.open_markets()
    act(world, ("price", 1_000_000))
    act(world, ("universal_transfer", "MAIN_MARGIN", "USDT", 15_000))
    act(world, ("universal_transfer", "MAIN_UMFUTURE", "USDT", 15_000))
    for step in steps:
        told = len(world.desk.funds.events)
        act(world, step)
        asked = step[0] not in ("future", "rest", "spot", "price", "hour", "merge")
        new = world.desk.funds.events[told:]
        assert len(new) >= asked
        for event in new:
            if event.operation in LEAVE and not event.refusal:
                margined(world, event)
        for asset, units in outside(world).items():
            assert world.core.ledger.balance_of(OUTSIDE, world.assets.index(asset)) == units
        exact(world)
    world.desk.verify()
    assert not np.asarray(world.core.ledger.loan).sum(axis=0).any()
