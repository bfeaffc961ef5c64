"""A venue whose account has the wallets of both modes, and the steps that tests take with it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from simulator.accounts.questionnaire import right_answers
from simulator.accounts.rules import AccountProfile
from simulator.exchange.messages import AccountEvent
from simulator.strategy.context import Context
from tests.exchange.world import Watcher, World

EXPERIENCED = AccountProfile("advanced", 365, 20, Decimal(50_000))
SWITCH_MS = 302_000
"""The pause of the textbook rulebook, both ways, and the ticks of the clock that end it."""

BTC, ETH, SPOT = "um:BTCUSDT", "um:ETHUSDT", "spot:BTCUSDT"


class Listener(Watcher):
    """Also keeps what is said of the account, with the clock at which it is heard."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[int, AccountEvent]] = []

    def on_account(self, ctx: Context, event: AccountEvent) -> None:
        self.steps.append((ctx.now_ns, event))


def made(mode: str = "separated", rulebook: str = "textbook", **options: Any) -> World:
    """Return a venue with open markets and an account that may change its mode."""
    chosen: dict[str, Any] = {
        "deposits": {"USDT": "200000", "BTC": "1"},
        "profile": EXPERIENCED,
        "strategies": [Listener()],
        **options,
    }
    world = World(mode, rulebook, both=True, **chosen)
    world.open_markets()
    return world


def last(world: World, milliseconds: int = 1) -> AccountEvent:
    """Let what was asked arrive; return the newest event."""
    world.step(milliseconds)
    event: AccountEvent = world.ctx.account.events[-1]
    return event


def agree(world: World) -> None:
    """Take the steps up to the questionnaire."""
    world.ctx.account.apply_unified()
    assert last(world).taken
    world.ctx.account.accept_agreement()
    assert last(world).taken


def answer(world: World) -> AccountEvent:
    """Answer every question rightly."""
    world.ctx.account.answer(right_answers(world.ctx.account.questionnaire()))
    return last(world)


def unify(world: World, wait: bool = True) -> AccountEvent:
    """Go the whole way; return the event of the switch."""
    agree(world)
    event = answer(world)
    assert event.taken, [str(one) for one in event.unmet]
    if wait:
        world.step(SWITCH_MS)
        assert world.ctx.account.state == "UNIFIED"
    return event


def sums(balances: Mapping[str, Mapping[str, tuple[Decimal, ...]]]) -> dict[str, list[Decimal]]:
    """Balance, loan and interest by asset, over all wallets."""
    found: dict[str, list[Decimal]] = {}
    for assets in balances.values():
        for asset, three in assets.items():
            of = found.setdefault(asset, [Decimal(0)] * 3)
            found[asset] = [a + b for a, b in zip(of, three, strict=True)]
    return found


def unmet(event: AccountEvent) -> list[str]:
    return [one.name for one in event.unmet]


def positions(world: World) -> dict[str, tuple[int, int]]:
    """Lots and costs by instrument."""
    return {
        one.name: world.core.ledger.position_of(1, n) for n, one in enumerate(world.instruments)
    }
