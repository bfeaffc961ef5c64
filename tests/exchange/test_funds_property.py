"""Goal: whatever an account asks for, no unit is lost, owed to nobody, or promised twice.

Method: random requests, orders and prices on both modes and models; after every step the sums of
every column, and that nothing available is below zero where no position could take it there.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from tests.exchange.world import World

E8 = 10**8
RULES = InterestRules(
    default_daily=Decimal("0.05"),
    negative_pools=("unified",),
    default_negative_daily=Decimal("0.01"),
    convert={"unified": {"USDT": Decimal(100)}},
)
ASSETS = st.sampled_from(["USDT", "BTC"])
AMOUNTS = st.floats(0.0001, 30_000).map(lambda x: round(x, 6))
WALLETS = st.sampled_from(["spot", "margin", "um", "um:BTCUSDT"])
EFFECTS = st.sampled_from(["", "auto_borrow", "auto_repay", "auto_borrow_repay"])
SIDES = st.sampled_from([-1, 1])
STEPS = st.one_of(
    st.tuples(st.just("borrow"), ASSETS, AMOUNTS),
    st.tuples(st.just("repay"), ASSETS, st.one_of(st.just("all"), AMOUNTS)),
    st.tuples(st.just("transfer"), ASSETS, AMOUNTS, WALLETS, WALLETS),
    st.tuples(st.just("spot"), SIDES, st.floats(0.001, 0.5), st.booleans(), EFFECTS, st.booleans()),
    st.tuples(st.just("future"), SIDES, st.floats(0.001, 2.0)),
    st.tuples(st.just("adjust"), st.floats(-5_000, 5_000)),
    st.tuples(st.just("price"), st.integers(600_000, 1_500_000)),
    st.tuples(st.just("hour"), st.integers(1, 30)),
    st.tuples(st.just("cancel")),
)


def act(world: World, step: tuple) -> None:  # type: ignore[type-arg]
    ctx, spot, future = world.ctx, world.market("spot:BTCUSDT"), world.market("um:BTCUSDT")
    what, *of = step
    if what == "borrow":
        ctx.borrow(*of)
    elif what == "repay":
        ctx.repay(*of)
    elif what == "transfer":
        ctx.transfer(*of)
    elif what == "spot":
        side, quantity, margin, effect, resting = of
        ctx.submit(
            spot,
            side,
            quantity,
            price=spot.mid * (1 - 0.01 * side) if resting else None,
            wallet="margin" if margin else "",
            side_effect=effect,
        )
    elif what == "future":
        ctx.submit(future, of[0], of[1])
    elif what == "adjust":
        ctx.adjust_isolated_margin(future, of[0])
    elif what == "price":
        for name in ("spot:BTCUSDT", "um:BTCUSDT"):
            world.book(name, of[0], of[0] + 1)
        world.mark("um:BTCUSDT", str(Decimal(of[0]) / 10))
        world.row(Kind.INDEX, "um:BTCUSDT", 0, of[0] * 10**7)
    elif what == "hour":
        world.step(of[0] * 1_200_000)
    else:
        ctx.cancel_all()
    world.step(1500)


def look(world: World) -> None:
    """The laws; ``World`` has asserted those of the ledger after every row."""
    ledger = world.core.ledger
    loan, interest = np.asarray(ledger.loan), np.asarray(ledger.interest)
    first = 5
    assert not loan.sum(axis=0).any()
    assert not interest.sum(axis=0).any()
    assert (loan[first : world.desk.lender] >= 0).all()
    assert (interest[first : world.desk.lender] >= 0).all()
    assert not loan[:first].any()
    for wallet in range(first, world.desk.lender):
        name = world.partition.wallets[wallet]
        for asset in range(len(world.assets)):
            if name in ("spot", "margin"):
                assert ledger.available(wallet, asset) >= 0, (name, world.assets[asset])
            if wallet != world.desk.loans.wallet:
                assert ledger.loan_of(wallet, asset) == (0, 0)


@pytest.mark.parametrize("mode", ["separated", "unified"])
@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
@settings(max_examples=40, deadline=None)
@given(steps=st.lists(STEPS, min_size=5, max_size=25))
def test_no_unit_is_lost(mode: str, rulebook: str, steps: list[tuple]) -> None:  # type: ignore[type-arg]
    world = World(mode, rulebook, deposits={"USDT": "50000", "BTC": "0.3"}, interest=RULES)
    world.open_markets()
    act(world, ("price", 1_000_000))
    act(world, ("transfer", "USDT", 15_000, "spot", "margin"))
    act(world, ("transfer", "USDT", 15_000, "spot", "um"))
    for step in steps:
        act(world, step)
        look(world)
    world.desk.verify()
