"""Markets of every product on BTC at 100,000, for tests by hand: round numbers throughout."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator.instruments.instrument import Instrument
from simulator.market.tape import Kind
from tests.exchange.world import START, World, listed

HOUR = 3_600 * 10**9
EXPIRY = START + HOUR
"""Expiry of the dated contracts: an hour after the start."""

TICK = Decimal("0.1")
SPOT, UM, CM = "spot:BTCUSDT", "um:BTCUSDT", "cm:BTCUSD_PERP"
DATED, COIN_DATED = "um:BTCUSDT_231114", "cm:BTCUSD_231114"
CALL, PUT = "option:BTC-231114-100000-C", "option:BTC-231114-100000-P"

PRODUCTS = (
    listed("spot", "BTC"),
    listed("um", "BTC"),
    Instrument("cm", "BTCUSD_PERP", "BTC", "USD", TICK, Decimal(1), Decimal(100)),
    Instrument("um", "BTCUSDT_231114", "BTC", "USDT", TICK, Decimal("0.001"), expiry_ns=EXPIRY),
    Instrument(
        "cm", "BTCUSD_231114", "BTC", "USD", TICK, Decimal(1), Decimal(100), expiry_ns=EXPIRY
    ),
    *(
        Instrument(
            "option",
            f"BTC-231114-100000-{right}",
            "BTC",
            "USDT",
            Decimal(1),
            Decimal("0.01"),
            expiry_ns=EXPIRY,
            strike=Decimal(100_000),
            right=right,  # type: ignore[arg-type]
        )
        for right in "CP"
    ),
)


def opened(mode: str = "unified", rulebook: str = "textbook", **options: Any) -> World:
    """A venue with a book a tick wide in every product; options trade at 2,000 and 2,001."""
    chosen = {"deposits": {"USDT": "1000000", "BTC": "10"}, "instruments": PRODUCTS, **options}
    world = World(mode, rulebook, **chosen)
    for one in world.instruments:
        price = 2_000 if one.market == "option" else 1_000_000
        world.book(one.name, price, price + 1)
        if one.market != "spot":
            world.mark(one.name, "2000" if one.market == "option" else "100000")
    world.row(Kind.INDEX, UM, 0, 100_000 * 10**8)
    world.step(2000)
    return world


def trade(world: World, name: str, side: int, quantity: float, price: int = 0, **more: Any) -> None:
    """Trade at the market against one level at ``price`` ticks, or what is displayed."""
    if price:
        world.book(name, price - (side > 0), price + (side < 0))
    world.ctx.submit(world.market(name), side, quantity, **more)
    world.step()


def until(world: World, time_ns: int) -> None:
    """Let time pass up to an instant."""
    world.step((time_ns - world.now) // 10**6)
