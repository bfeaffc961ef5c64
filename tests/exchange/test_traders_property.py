"""Goal: several accounts live in one venue, in both modes and between them, and nothing of one is
another's.

Method: random lives of accounts that trade every product, with each other too, borrow, transfer and
change their modes while prices jump.  After every row the venue's invariants are asserted, for all
accounts.  Afterwards: what each was told is its own; positions are the sums of fills; safe bands
change nothing; an account that does nothing changes nothing.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from simulator.events import fills
from simulator.events.outcomes import Outcome
from simulator.exchange import upkeep
from simulator.exchange.messages import AccountEvent, FundEvent
from simulator.market.tape import Kind
from simulator.strategy.context import Context
from simulator.strategy.trader import Trader
from tests.exchange.products import UM, opened
from tests.exchange.switching_kit import RULEBOOKS
from tests.exchange.test_bands_in_switches import EASY, HOME
from tests.exchange.world import Watcher, World

SIZES = {"um": (4000, 1000), "cm": (1500, 1), "option": (200, 100)}
"""Largest order in lots, and lots in a unit of quantity."""

SELF_TRADE = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")
MODES = ("separated", "unified", "separated", "unified", "separated")


class Hearing(Watcher):
    """Also keeps which accounts the events are of that it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.accounts: Counter[int] = Counter()

    def on_account(self, ctx: Context, event: AccountEvent) -> None:
        self.accounts[event.account] += 1

    def on_funds(self, ctx: Context, event: FundEvent) -> None:
        self.accounts[event.account] += 1


def venue(rulebook: str, traders: int, hedge: bool = False) -> World:
    """Return a venue with so many accounts, in both modes, 5 % of depth displayed."""
    further = [
        Trader(f"trader {n}", MODES[n], [Hearing()], {"USDT": "60000", "BTC": "1"})
        for n in range(1, traders)
    ]
    return opened(
        MODES[0],
        rulebook,
        both=True,
        members=RULEBOOKS[rulebook],
        hedge=hedge,
        modes=EASY,
        volatility={"BTC": 2.0},
        deposits={"USDT": "60000", "BTC": "1"},
        strategies=[Hearing()],
        traders=further,
    )


def move(world: World, price: int, lots: int) -> None:
    """Move all prices; few lots are displayed, so that accounts meet each other."""
    for one in world.instruments:
        if one.market != "option":
            world.book(one.name, price - 20, price + 20, lots, after=0)
        if one.market in ("um", "cm"):
            world.mark(one.name, str(Decimal(price) / 10), after=0)
    world.row(Kind.INDEX, UM, 0, price * 10**7)


def order(world: World, ctx: Any, draw: Random, hedge: bool, price: int) -> None:
    """Send an order near the price: most rest, where others meet them."""
    one = draw.choice(world.instruments)
    most, unit = SIZES.get(one.market, (400, 1000))
    side = draw.choice((-1, 1))
    options: dict[str, Any] = {"self_trade": draw.choice(SELF_TRADE)}
    if one.market == "spot":
        options["wallet"] = draw.choice(("", "margin"))
    elif hedge:
        options["position_side"] = draw.choice(("LONG", "SHORT"))
    elif draw.random() < 0.3:
        options["reduce_only"] = True
    if one.market != "option" and draw.random() < 0.7:
        options["price"] = (price + draw.randint(-12, 12)) / 10
    ctx.submit(ctx.market(one.name), side, draw.randint(1, most) / unit, **options)


def leave(world: World, ctx: Any) -> None:
    """Close everything, repay, ask for the way back."""
    count = len(world.instruments)
    ctx.cancel_all()
    for slot in range(world.core.ledger.slots):
        lots = world.core.ledger.position_of(ctx.account_number, slot)[0]
        one = world.instruments[slot % count]
        side = {"position_side": "SHORT" if slot >= count else "LONG"} if world.core.hedge else {}
        if lots:
            quantity = float(abs(lots) * one.lot)
            ctx.submit(ctx.market(one.name), -1 if lots > 0 else 1, quantity, **side)
    ctx.repay("USDT")
    ctx.repay("BTC")
    ctx.account.request_separated()


def act(world: World, ctx: Any, draw: Random, price: int) -> None:
    """One thing that an account does."""
    what = draw.random()
    if what < 0.6:
        order(world, ctx, draw, world.core.hedge, price)
    elif what < 0.66:
        ctx.cancel_all()
    elif what < 0.69:
        ctx.account.apply_unified()
        ctx.account.accept_agreement()
        ctx.account.answer()
    elif what < 0.71:
        leave(world, ctx)
    elif what < 0.8:
        home, (asset, quantity) = draw.choice(list(HOME.items()))
        ends = (home, "spot") if draw.random() < 0.5 else ("spot", home)
        ctx.transfer(asset, quantity / 4, *ends)
    elif what < 0.86:
        ctx.borrow(draw.choice(("USDT", "BTC")), 0.01)
    elif what < 0.9:
        ctx.account.auto_repay(draw.random() < 0.5)
    elif what < 0.94:
        ctx.set_leverage(ctx.market(UM), draw.randint(1, 30))
    elif what < 0.97:
        ctx.account.withdraw("USDT", draw.randint(1, 5_000))
    else:
        ctx.adjust_isolated_margin(ctx.market(UM), draw.randint(-500, 500))


def lived(
    rulebook: str, seed: int, *, traders: int, hedge: bool = False, turns: int = 160
) -> World:
    """Return a venue after random lives of its accounts."""
    draw, price = Random(seed), 1_000_000
    world = venue(rulebook, traders, hedge)
    for ctx in world.core.contexts:
        for wallet, (asset, quantity) in HOME.items():
            ctx.transfer(asset, quantity, "spot", wallet)
    world.step()
    for _ in range(turns):
        if draw.random() < 0.25:
            price = int(price * (1 + draw.gauss(0, 0.02)))
            move(world, price, draw.choice((5, 50, 5_000)))
        elif draw.random() < 0.1:
            world.step(6_000)
        for ctx in draw.sample(list(world.core.contexts), 1 + traders // 2):
            act(world, ctx, draw, price)
        world.step()
    return world


@pytest.mark.parametrize("hedge", [False, True])
@pytest.mark.parametrize("rulebook", RULEBOOKS)
@pytest.mark.parametrize("seed", [1, 2])
def test_lives_of_several_accounts(rulebook: str, hedge: bool, seed: int) -> None:
    world = lived(rulebook, seed, traders=4, hedge=hedge)
    rows, ledger = world.core.fills(), world.core.ledger
    for account, desk in world.desk.accounts.items():
        own = rows[rows[:, fills.ACCOUNT] == account]
        settled = [row for row in world.records(Outcome.SETTLED) if row[2] == account]
        for slot in range(ledger.slots):
            if settled or world.instruments[slot % len(world.instruments)].market == "spot":
                continue
            there = own[own[:, 12] == slot]
            traded = int((there[:, fills.SIDE] * there[:, fills.LOTS]).sum())
            assert ledger.position_of(account, slot)[0] == traded
        assert {event.account for event in desk.modes.events} <= {account}
        assert {event.account for event in desk.funds.events} <= {account}
        heard = world.core.strategies[account - 1].accounts
        assert set(heard) == {account}
    met = [
        (int(first[fills.ACCOUNT]), int(then[fills.ACCOUNT]))
        for first, then in pairwise(rows)
        if first[fills.MAKER] and not then[fills.MAKER] and first[fills.TIME] == then[fills.TIME]
    ]
    assert any(one != other for one, other in met), "accounts met each other"
    modes = {
        event.after.name for desk in world.desk.accounts.values() for event in desk.modes.events
    }
    assert {"SEPARATED", "UNIFIED"} <= modes
    for slot in range(ledger.slots):
        lots = [ledger.position_of(a, slot)[0] for a in range(world.roster.accounts)]
        if slot < len(world.instruments) and not hedge:
            assert sum(lots) == 0
    sums = np.asarray(ledger.columns()[0]).sum(axis=0)
    assert (sums == 0).all()


@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_bands_change_nothing_for_several_accounts(
    rulebook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = []
    for bands_from in (10**6, 0):
        monkeypatch.setattr(upkeep, "BANDS_FROM", bands_from)
        digests.append(lived(rulebook, 5, traders=3, turns=120).core.records.digest())
    assert digests[0] == digests[1]
