"""Accounts and questions that the tests of funds share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.messages import FundEvent
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from simulator.rulebook.account import account_rules
from simulator.rulebook.load import load
from tests.exchange.world import INSTRUMENTS, World, listed

E8 = 10**8
PLAIN = InterestRules()
UNIT = Decimal("0.00000001")


def opened(mode: str = "separated", rulebook: str = "textbook", **words: Any) -> World:
    world = World(mode, rulebook, fees=False, **words)
    world.open_markets()
    for asset, price in (("BTC", 100_000), ("ETH", 10_000)):
        world.row(Kind.INDEX, f"um:{asset}USDT", 0, price * E8)
    return world


def bnb_world(mode: str = "separated", **words: Any) -> World:
    """A venue with BNB at 600, and some of it in spot."""
    world = World(
        mode,
        deposits={"USDT": "100000", "BNB": "50", **words.pop("deposits", {})},
        instruments=(*INSTRUMENTS, listed("spot", "BNB")),
        fees=False,
        interest=PLAIN,
        **words,
    )
    world.open_markets()
    world.book("spot:BNBUSDT", 6_000, 6_001)
    world.step(2000)
    return world


def cross() -> Any:
    """Margin of the textbook's separated accounts with positions that share their wallet."""
    return account_rules(load("textbook"), "separated", margin_type="cross")


def ask(world: World, what: str, *of: Any, **words: Any) -> FundEvent:
    """Ask for an operation, let it arrive, return the last event."""
    getattr(world.ctx.account, what)(*of, **words)
    world.step()
    event: FundEvent = world.desk.funds.events[-1]
    return event


def worth(world: World) -> int:
    """What the outside has given, in smallest units of USDT."""
    return -world.balance("outside")


def refused(world: World) -> list[str]:
    """Reasons of refused operations of this part, in order."""
    return [RejectReason(row[6]).name for row in world.records(Outcome.FUNDS_REJECTED)]
