"""A venue with several accounts that is driven by hand."""

from __future__ import annotations

from typing import Any

from simulator.exchange.messages import AccountEvent, DeleveragingEvent, FundEvent, SettlementEvent
from simulator.strategy.context import Context
from simulator.strategy.trader import Trader
from tests.exchange.modes_kit import EXPERIENCED
from tests.exchange.world import Watcher, World

UM, SPOT = "um:BTCUSDT", "spot:BTCUSDT"
ONE = 100_000.0
"""Price that markets open at."""


class Hearing(Watcher):
    """Keeps all that is heard beside orders."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def on_account(self, ctx: Context, event: AccountEvent) -> None:
        self.events.append(event)

    def on_funds(self, ctx: Context, event: FundEvent) -> None:
        self.events.append(event)

    def on_settlement(self, ctx: Context, event: SettlementEvent) -> None:
        self.events.append(event)

    def on_deleveraging(self, ctx: Context, event: DeleveragingEvent) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list[Any]:
        """Return the events of a kind."""
        return [one for one in self.events if isinstance(one, kind)]


def seats(*modes: str, **options: Any) -> list[Trader]:
    """Return further accounts in these modes, each with one strategy."""
    chosen = {"deposits": {"USDT": "100000"}, **options}
    return [Trader(f"{n}", mode, [Hearing()], **chosen) for n, mode in enumerate(modes, 2)]


def made(mode: str, *others: str, rulebook: str = "textbook", **options: Any) -> World:
    """Return a venue with open markets and accounts in these modes, USD-M wallets filled."""
    given = {"profile": EXPERIENCED, "deposits": {"USDT": "100000"}}
    world = World(
        mode,
        rulebook,
        both=True,
        strategies=[Hearing()],
        **{**given, "traders": seats(*others, profile=EXPERIENCED), **options},
    )
    world.open_markets()
    for ctx in contexts(world):
        ctx.transfer("USDT", 50_000, "spot", "um")
    world.step()
    return world


def contexts(world: World) -> list[Any]:
    return list(world.core.contexts)


def deal(world: World, buyer: int, seller: int, quantity: float, price: float = ONE) -> None:
    """Let two accounts trade a future with each other: the seller rests, inside the spread."""
    ticks = round(price * 10)
    world.book(UM, ticks - 10, ticks + 10)
    ctxs = contexts(world)
    ctxs[seller].sell(ctxs[seller].market(UM), quantity, price)
    world.step()
    ctxs[buyer].buy(ctxs[buyer].market(UM), quantity, price)
    world.step()


def position(world: World, strategy: int, name: str = UM) -> int:
    """Lots of the account of a strategy at the venue."""
    account = contexts(world)[strategy].account_number
    return int(world.core.ledger.position_of(account, world.number(name))[0])
