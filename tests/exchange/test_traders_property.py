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

# Columns of an order's row, see simulator.exchange.venue.
SIDE, STATE, FLAGS, HELD = 4, 8, 11, 12
WORKING, MARGIN, SLOT_MASK = 3, 8, (1 << 24) - 1

SELF_TRADE = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")
MODES = ("separated", "unified", "separated", "unified", "separated")

# The uncompiled suite makes do with one rulebook of each margin model.
BOTH_MODELS = [
    name if name in ("textbook", "binance") else pytest.param(name, marks=pytest.mark.hours)
    for name in RULEBOOKS
]


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


def check_held(world: World) -> None:
    """Assert that what wallets hold is what their accounts' open orders hold."""
    held = np.zeros_like(np.asarray(world.core.ledger.held))
    for strategy, ctx in enumerate(world.core.contexts):
        partition = world.desk.accounts[ctx.account_number].partition
        for at, one in enumerate(world.instruments):
            for order in world.core.orders_of(strategy, at):
                row = world.core.order_row(order & SLOT_MASK)
                assert row[1] == ctx.account_number
                if row[STATE] != WORKING or not row[HELD]:
                    continue
                asset = one.quote if row[SIDE] > 0 else one.base
                wallet = partition.lending[at] if row[FLAGS] & MARGIN else partition.cash[at]
                held[wallet, world.assets.index(asset)] += row[HELD]
    assert (held == np.asarray(world.core.ledger.held)).all(), "what is held is what orders hold"


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
        check_held(world)
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


def told(world: World, ctx: Any) -> dict[str, Any]:
    """Return all that an account has and has heard, by names: numbers differ with its own."""
    desk, ledger = world.desk.accounts[ctx.account_number], world.core.ledger
    partition = desk.partition
    return {
        "mode": partition.mode,
        "equity": desk.account_equity() if ctx.account_number > 1 else None,
        "held": {
            (partition.name_of(wallet), asset): (
                ledger.balance_of(wallet, asset),
                *ledger.loan_of(wallet, asset),
            )
            for wallet in partition.own
            for asset in range(ledger.assets)
        },
        "lots": [ledger.position_of(ctx.account_number, slot) for slot in range(ledger.slots)],
        "pools": {
            name: world.core.pools.figures(number) for number, name, _, _ in partition.live_pools
        },
        "steps": [(e.time_ns, e.step, e.refusal, e.conditions) for e in desk.modes.events],
        "funds": [(e.time_ns, e.operation, e.quantity, e.refusal) for e in desk.funds.events],
        "fees": world.core.fees_of(ctx.account_number),
        "calls": [(when, repr(call)) for when, call in desk.core.strategies[ctx.strategy].calls],
        "leverage": desk.leverage.present(),
    }


def alone(rulebook: str, mode: str, seat: str, seed: int, hedge: bool) -> dict[str, Any]:
    """Return what becomes of a life of one account: the ``only`` one of a venue, the ``first`` one
    beside an idle one, or a ``further`` one.
    """
    funds = {"USDT": "60000", "BTC": "1"}
    own = {"deposits": funds if seat != "further" else {}, "strategies": [Hearing()]}
    beside = [] if seat == "only" else [Trader("other", mode, [Hearing()], {})]
    if seat == "further":
        beside = [Trader("other", mode, [Hearing()], funds)]
    world = opened(
        mode,
        rulebook,
        both=True,
        members=RULEBOOKS[rulebook],
        hedge=hedge,
        modes=EASY,
        volatility={"BTC": 2.0},
        traders=beside,
        **own,
    )
    draw, price = Random(seed), 1_000_000
    ctx = world.core.contexts[1 if seat == "further" else 0]
    for wallet, (asset, quantity) in HOME.items():
        ctx.transfer(asset, quantity, "spot", wallet)
    world.step()
    for _ in range(140):
        if draw.random() < 0.3:
            price = int(price * (1 + draw.gauss(0, 0.02)))
            move(world, price, draw.choice((50, 5_000)))
        elif draw.random() < 0.1:
            world.step(6_000)
        act(world, ctx, draw, price)
        world.step()
    world.step(6_000)
    return told(world, ctx)


@pytest.mark.parametrize("hedge", [False, True])
@pytest.mark.parametrize("mode", ["separated", "unified"])
@pytest.mark.parametrize("rulebook", BOTH_MODELS)
def test_a_life_is_the_same_whatever_number_the_account_has(
    rulebook: str, mode: str, hedge: bool
) -> None:
    for seed in (3, 4):
        only, first, further = (
            alone(rulebook, mode, seat, seed, hedge) for seat in ("only", "first", "further")
        )
        further["equity"] = None
        assert only == first, seed
        assert first == further, seed
