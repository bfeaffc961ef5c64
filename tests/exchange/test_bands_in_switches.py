"""Goal: an account that changes its mode lives event for event as before where safe bands decide
which pools to recompute.

Method: random lives through both modes, with positions of every product, loans and prices that
jump, with bands from the first pool on and without.
"""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from simulator.exchange import upkeep
from simulator.market.tape import Kind
from tests.exchange.products import UM, opened
from tests.exchange.test_switching import RULEBOOKS
from tests.exchange.world import World

EASY = {
    "kyc": "none",
    "net_assets": 0,
    "account_age_days": 0,
    "futures_trades": 0,
    "futures_volume": 0,
    "questions": 0,
    "open_positions": True,
    "isolated_positions": True,
    "open_orders": "cancel",
    "switch_ns": 5 * 10**9,
    "return_ns": 5 * 10**9,
}
SIZES = {"um": (900, 1000), "cm": (300, 1), "option": (80, 100)}
"""Largest order in lots, and lots in a unit of quantity."""

HOME = {"um": ("USDT", 20_000.0), "options": ("USDT", 20_000.0), "cm:BTC": ("BTC", 0.5)}


def order(world: World, draw: Random, hedge: bool) -> None:
    one = draw.choice([one for one in world.instruments if one.market != "spot"])
    most, unit = SIZES[one.market]
    side = {"position_side": draw.choice(("LONG", "SHORT"))} if hedge else {}
    quantity = draw.randint(1, most) / unit
    world.ctx.submit(world.market(one.name), draw.choice((-1, 1)), quantity, **side)


def move(world: World, price: int) -> None:
    for one in world.instruments:
        if one.market != "option":
            world.book(one.name, price, price + 1, after=0)
        if one.market in ("um", "cm"):
            world.mark(one.name, str(Decimal(price) / 10), after=0)
    world.row(Kind.INDEX, UM, 0, price * 10**7)


def leave(world: World) -> None:
    """Close everything, repay, ask for the way back."""
    count, ctx = len(world.instruments), world.ctx
    for slot in range(len(world.partition.margin)):
        lots, one = world.core.ledger.position_of(1, slot)[0], world.instruments[slot % count]
        side = {"position_side": "SHORT" if slot >= count else "LONG"} if world.core.hedge else {}
        if lots:
            quantity = float(abs(lots) * one.lot)
            ctx.submit(world.market(one.name), -1 if lots > 0 else 1, quantity, **side)
    ctx.repay("USDT")
    ctx.repay("BTC")
    ctx.account.request_separated()


def life(rulebook: str, hedge: bool, seed: int) -> tuple[str, set[str]]:
    """Return the digest of a random life and the states that it came through."""
    draw, price = Random(seed), 1_000_000
    world = opened(
        "separated",
        rulebook,
        both=True,
        members=RULEBOOKS[rulebook],
        hedge=hedge,
        modes=EASY,
        volatility={"BTC": 2.0},
        deposits={"USDT": "60000", "BTC": "1"},
    )
    for wallet, (asset, quantity) in HOME.items():
        world.ctx.transfer(asset, quantity, "spot", wallet)
        world.step()
    account = world.ctx.account
    for _ in range(160):
        what = draw.random()
        if what < 0.35:
            order(world, draw, hedge)
        elif what < 0.7:
            price = int(price * (1 + draw.gauss(0, 0.012)))
            move(world, price)
        elif what < 0.78:
            account.apply_unified()
            account.accept_agreement()
            account.answer()
        elif what < 0.86:
            leave(world)
        elif what < 0.9:
            world.ctx.borrow(draw.choice(("USDT", "BTC")), 0.01)
        else:
            world.step(6_000)
        world.step()
    return world.core.records.digest(), {event.after.name for event in account.events}


@pytest.mark.parametrize("hedge", [False, True])
@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_bands_change_nothing_in_a_life_through_both_modes(
    rulebook: str, hedge: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = []
    for bands_from in (10**6, 0):
        monkeypatch.setattr(upkeep, "BANDS_FROM", bands_from)
        lives.append(life(rulebook, hedge, 3))
    assert lives[0] == lives[1]
    assert {"SWITCHING_TO_UNIFIED", "UNIFIED"} <= lives[0][1]
    assert {"SWITCHING_TO_SEPARATED", "SEPARATED"} <= lives[0][1]
