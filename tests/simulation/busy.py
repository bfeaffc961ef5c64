"""A strategy that does everything at random, from a seed, and checks of the venue that it meets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from simulator.replay.player import Block
from simulator.simulation import Simulation
from simulator.strategy.base import Strategy

# Columns of an order's row, see simulator.exchange.venue.
SIDE, LOTS, FILLED, STATE, FLAGS, HELD, COUNTED = 4, 6, 7, 8, 11, 12, 13
WORKING, REDUCE_ONLY, SLOT_MASK = 3, 1, (1 << 24) - 1

MARKETS = ("spot:BTCUSDT", "um:BTCUSDT", "spot:ETHUSDT", "um:ETHUSDT")


class Busy(Strategy):
    """Place, cancel and transfer at random every ``every`` seconds."""

    seed: int = 0
    every: float = 0.2
    size: float = 3000.0
    bias: float = 0.5
    resumable = True

    def on_start(self, ctx: Any) -> None:
        self.draws = np.random.Generator(np.random.PCG64(self.seed))
        self.markets = [ctx.market(name) for name in MARKETS if ctx.has(name)]
        self.heard: list[str] = []
        self.clock: list[int] = []
        ctx.schedule(every=self.every)
        for market in self.markets:
            ctx.subscribe(market, "bars", every=5)
        ctx.transfer("USDT", 40_000, "spot", "um")

    def on_timer(self, ctx: Any, name: str) -> None:
        self.clock.append(ctx.now_ns)
        pick = self.draws.random()
        market = self.markets[int(self.draws.integers(len(self.markets)))]
        if market.bid == 0 or market.ask == 0:
            return
        if pick < 0.1:
            ctx.cancel_all(market)
        elif pick < 0.25:
            for order in ctx.orders(market)[:3]:
                ctx.cancel(order)
        elif pick < 0.3:
            source, target = ("um", "spot") if self.draws.random() < 0.5 else ("spot", "um")
            ctx.transfer("USDT", float(self.draws.integers(1, 30_000)), source, target)
        else:
            self.send(ctx, market)

    def send(self, ctx: Any, market: Any) -> None:
        side = 1 if self.draws.random() < self.bias else -1
        quantity = self.size * float(self.draws.random()) ** 2 * 10 / market.mid
        away = float(self.draws.normal(0, 5e-4))
        price = market.mid * (1 - side * abs(away)) if self.draws.random() < 0.8 else None
        options: dict[str, Any] = {
            "time_in_force": ("GTC", "IOC", "FOK", "GTX")[int(self.draws.integers(4))],
            "reduce_only": bool(self.draws.random() < 0.25),
            "self_trade": ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")[
                int(self.draws.integers(5))
            ],
        }
        kind = ("", "", "", "stop", "take_profit", "trailing_stop")[int(self.draws.integers(6))]
        if kind == "trailing_stop":
            options["callback_rate"] = 0.0005
        elif kind:
            options["trigger"] = market.mid * (1 + float(self.draws.normal(0, 5e-4)))
        if kind:
            options["kind"] = kind
            options["watch"] = "mark" if self.draws.random() < 0.5 else "last"
            options["close_position"] = bool(self.draws.random() < 0.2)
        ctx.submit(market, side, quantity, price=price, **options)

    def on_fill(self, ctx: Any, fill: Any) -> None:
        self.clock.append(ctx.now_ns)
        self.heard.append(f"{fill.time_ns} {fill.market.name} {fill.side * fill.quantity:.6f}")

    def on_order(self, ctx: Any, update: Any) -> None:
        self.clock.append(ctx.now_ns)
        self.heard.append(f"{update.time_ns} {update.order} {update.what} {update.reason}")

    def on_bar(self, ctx: Any, bar: Any) -> None:
        self.heard.append(f"{bar.time_ns} {bar!r}")


def pieces(run: Simulation, rows: int, checked: bool = False) -> Iterator[Block]:
    """Yield the run's blocks in pieces of ``rows`` rows; check the venue after each if asked."""
    for block in run.player.blocks():
        for first in range(0, block.size, rows):
            part = slice(first, first + rows)
            yield Block(**{name: getattr(block, name)[part] for name in Block.__dataclass_fields__})
            if checked:
                check_venue(run)


def open_orders(run: Simulation, instrument: int) -> list[tuple[int, tuple[int, ...]]]:
    """Slots and rows of all orders that rest or wait at the venue."""
    found = []
    for strategy in range(len(run.strategies)):
        for order in run.core.orders_of(strategy, instrument):
            slot = order & SLOT_MASK
            row = run.core.order_row(slot)
            if row[STATE] == WORKING:
                found.append((slot, row))
    return found


def check_venue(run: Simulation) -> None:
    """Assert what must hold between any two events, from public views alone."""
    run.desk.verify()
    ledger = run.core.ledger
    held = np.zeros_like(np.asarray(ledger.held))
    fills = run.core.fills()
    for instrument, listed in enumerate(run.player.instruments):
        own = fills[fills[:, 1] == instrument]
        buying = selling = 0
        for slot, row in open_orders(run, instrument):
            left = row[LOTS] - row[FILLED]
            assert run.core.books[instrument].remaining(slot) == left
            assert left > 0
            wallet = run.partition.cash[instrument]
            asset = listed.quote if row[SIDE] > 0 else listed.base
            if listed.market == "spot":
                held[wallet, run.assets.index(asset)] += row[HELD]
            else:
                assert row[HELD] == 0
                assert row[COUNTED] == (0 if row[FLAGS] & REDUCE_ONLY else left)
                buying += row[COUNTED] if row[SIDE] > 0 else 0
                selling += row[COUNTED] if row[SIDE] < 0 else 0
        if listed.market == "spot":
            continue
        lots = int(ledger.position_of(1, instrument)[0])
        assert lots == int((own[:, 3] * own[:, 5]).sum()), "a position is the sum of its fills"
        more = max(0, max(lots + buying, selling - lots) - abs(lots))
        mark = run.core.pools.mark_price(instrument)
        rate = run.core.pools.margin_rate(instrument)
        needed = more * float(listed.lot) * mark * rate
        margin = run.core.pools.order_margin(1, instrument)
        assert abs(margin - needed) <= 1e-9 * (1 + needed), "open orders' margin"
    assert (held == np.asarray(ledger.held)).all(), "what is held is what open orders hold"
    if "spot" in run.partition.wallets:  # no other wallet's losses reach it
        spot = run.partition.wallets.index("spot")
        for asset in range(len(run.assets)):
            assert ledger.available(spot, asset) >= 0, "nothing is promised twice"
