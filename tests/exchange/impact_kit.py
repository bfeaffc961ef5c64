"""A venue with composed books: constant tapes, so that whatever moves was moved by orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from simulator.instruments.instrument import Instrument
from simulator.market.liquidity import Impact, Liquidity
from tests.exchange.world import World, listed

SPOT, UM, CM = "spot:BTCUSDT", "um:BTCUSDT", "cm:BTCUSD_PERP"
MID = 100_000.05
"""Middle of the tape's books a tick wide around 100,000.0 and 100,000.1."""

HUGE = {"max_quantity": Decimal(10**9)}
INSTRUMENTS = (listed("spot", "BTC", **HUGE), listed("um", "BTC", **HUGE))
INVERSE = Instrument(
    "cm",
    "BTCUSD_PERP",
    "BTC",
    "USD",
    Decimal("0.1"),
    Decimal(1),
    Decimal(100),
    min_quantity=Decimal(1),
    min_notional=Decimal(0),
    max_quantity=Decimal(10**9),
)
FINE = 1000
"""Levels of books whose grid is to be out of the way."""


def book(**rules: Any) -> Liquidity:
    """A fine book of 10 million a percent without a spread, whose displacements stay."""
    known: dict[str, Any] = {"levels": FINE, "spread": 0.0, "resilience": "none"}
    return Liquidity(**{**known, **rules})


def venue(
    rules: Liquidity | Mapping[str, Liquidity],
    *,
    instruments: Sequence[Instrument] = INSTRUMENTS,
    own_weight: Mapping[str, float] | None = None,
    feedback: bool = True,
    price: int = 1_000_000,
    **options: Any,
) -> World:
    """A world whose tape shows one level a side around a price, and then stands still."""
    books = rules if isinstance(rules, Mapping) else {one.name: rules for one in instruments}
    world = World(
        "unified",
        deposits={"USDT": "5000000000", "BTC": "20000"},
        instruments=instruments,
        fees=False,
        impact=Impact(books=books, own_weight=own_weight or {}, feedback=feedback),
        **options,
    )
    for one in instruments:
        world.book(one.name, price, price + 1)
    world.step(2000)
    return world


def trade(world: World, name: str, quantity: float) -> float:
    """Buy, or sell below 0, at the market; return the average price."""
    known = len(world.seen.fills)
    order = world.ctx.buy if quantity > 0 else world.ctx.sell
    order(world.market(name), abs(quantity))
    world.step(1)
    fills = world.seen.fills[known:]
    filled = sum(fill.quantity for fill in fills)
    assert abs(filled - abs(quantity)) < 1e-6, f"{filled} of {quantity}: {world.said()}"
    return float(sum(fill.price * fill.quantity for fill in fills) / filled)


def moved(world: World, name: str) -> float:
    """Displacement of a book, log price."""
    at = world.number(name)
    impact = world.core.liquidities
    return float(impact.transient[at]) + float(impact.lasting[at])


def levels(world: World, name: str, side: int) -> list[tuple[int, int]]:
    """Displayed levels, best first: ticks and lots."""
    shown = world.core.books[world.number(name)]
    found = []
    price = int(shown.best(side))
    while price:
        found.append((price, int(shown.shown(side, price))))
        price = int(shown.next_level(side, price))
    return found


def middle(world: World, name: str) -> float:
    """Mid of the displayed book in ticks."""
    at = world.number(name)
    return (world.core.best_bid(at) + world.core.best_ask(at)) / 2
