"""Short strangle with delta hedge: sell a put and a call, keep the price out of it.

A put below and a call above the price are sold.  What they lose when the price moves a little, the
delta, is hedged with the perpetual; what is left, over a time ``dt`` in which the price moves by
``dS`` and the volatility by ``dv``, is for each option sold::

    profit = -theta * dt - gamma / 2 * dS**2 - vega * dv        theta < 0 < gamma, vega

It earns the passing of time as long as prices move less than the volatility sold says, and it
loses twice when they do not: by ``gamma``, quadratically, and by ``vega``, because a market that
moves fears more.  Hedging more often does not change that; it only pays more fees.

The hedge is the point for an account: the perpetual's loss is the options' gain::

    separated: ``options`` and ``um`` are two pools; each is called on its own
    unified:   one pool margins what is left of both

``unimargin run short_strangle`` (the crash): -2,053.93 USDT in both modes, from a premium of 4,159;
unhedged it would have been less here, because the price came back, and nobody knew.  The worst
equity / maintenance is 1.469 separated and 22.0 unified, transfers 9 against none; the margin
differs little, for most of it is the options' own.
"""

from __future__ import annotations

import math

from simulator import (
    Context,
    Fill,
    InputError,
    LevelChange,
    LiquidationEvent,
    Market,
    OrderUpdate,
    Strategy,
)

DAY_NS = 86_400 * 10**9


class ShortStrangle(Strategy):
    """Sell ``size`` of a put and of a call with deltas of about ``delta``; hedge beyond ``band``.

    ``size`` and ``band`` are in base asset.  The expiry is the one nearest to ``days`` from the
    start.  ``options_funds`` and ``futures_funds`` are the shares of the deposit that go to each in
    separated mode.
    """

    resumable = True

    underlying: str = "BTC"
    size: float = 0.5
    days: float = 60.0
    delta: float = 0.25
    band: float = 0.02
    every: float = 5.0
    options_funds: float = 0.5
    futures_funds: float = 0.3

    def on_start(self, ctx: Context) -> None:
        """Find options and hedge; ``LookupError`` if the data lack them."""
        if self.size <= 0 or self.band <= 0 or not 0 < self.delta < 0.5:
            raise InputError("ShortStrangle: size and band must be above 0, delta below a half")
        self.hedge: Market = ctx.market(f"um:{self.underlying}USDT")
        self.series = [m for m in ctx.markets if m.right and m.base == self.underlying]
        if not self.series:
            raise LookupError(f"no options on {self.underlying}; add a tape that has some")
        self.legs: list[Market] = []
        self.held: dict[str, float] = {}
        self.waiting: set[str] = set()  # markets with an order under way
        self.premium = 0.0  # before fees
        self.refused = False
        deposit = ctx.balance("USDT")
        ctx.transfer("USDT", self.options_funds * deposit, "spot", "options")
        ctx.transfer("USDT", self.futures_funds * deposit, "spot", "um")
        ctx.schedule(every=self.every)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Choose the legs, sell them as far as they are bid, hedge."""
        if not (self.hedge.mid and self.hedge.mark):
            return
        if not self.legs:
            self._choose(ctx)
        for leg in self.legs:
            self._sell(ctx, leg)
        self._hedge(ctx)

    def _choose(self, ctx: Context) -> None:
        """Take the put and the call out of the money whose deltas are nearest to the one wanted."""
        wanted = ctx.now_ns + self.days * DAY_NS
        alive = [m for m in self.series if m.expiry_ns > ctx.now_ns and m.mark]
        if not alive:
            return
        expiry = min((m.expiry_ns for m in alive), key=lambda at: abs(at - wanted))
        price = self.hedge.mid
        legs = []
        for right, side in (("P", -1.0), ("C", 1.0)):
            outside = [
                m
                for m in alive
                if m.expiry_ns == expiry and m.right == right and side * (m.strike - price) > 0
            ]
            if not outside:
                return
            legs.append(min(outside, key=lambda m: abs(abs(m.delta) - self.delta)))
        self.legs = legs

    def _sell(self, ctx: Context, leg: Market) -> None:
        """Sell what is missing of a leg at its bid."""
        missing = self.size + self.held.get(leg.name, 0.0)
        quantity = min(missing, leg.bid_quantity)
        if self.refused or leg.name in self.waiting or ctx.now_ns >= leg.expiry_ns:
            return
        if leg.bid and quantity > leg.lot / 2:
            self.waiting.add(leg.name)
            ctx.sell(leg, quantity + leg.lot / 2, leg.bid, "IOC")

    def net_delta(self, ctx: Context) -> float:
        """Coins that the own positions are worth being long of; expired legs count no more."""
        legs = math.fsum(
            self.held.get(leg.name, 0.0) * leg.delta
            for leg in self.legs
            if ctx.now_ns < leg.expiry_ns
        )
        return legs + self.held.get(self.hedge.name, 0.0)

    def _hedge(self, ctx: Context) -> None:
        """Trade the perpetual back to no delta once it is out of the band."""
        gap = self.net_delta(ctx)
        hedge = self.hedge
        if hedge.name in self.waiting or abs(gap) <= self.band:
            return
        self.waiting.add(hedge.name)
        (ctx.sell if gap > 0 else ctx.buy)(hedge, abs(gap) + hedge.lot / 2)

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """Keep count of the own positions; hedge what was sold at once."""
        name = fill.market.name
        self.held[name] = self.held.get(name, 0.0) + fill.side * fill.quantity
        if fill.done:
            self.waiting.discard(name)
        if name != self.hedge.name:
            self.premium += fill.quantity * fill.price
            self._hedge(ctx)

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """What the displayed depth could not fill comes back; after a refusal sell no more."""
        if update.what in ("REJECTED", "EXPIRED", "CANCELED"):
            self.waiting.discard(update.market.name)
        self.refused = self.refused or update.what == "REJECTED"

    def on_margin_call(self, ctx: Context, call: LevelChange) -> None:
        """Separated: bring the pool that is called back to twice what it must keep."""
        source = {"options": "spot", self.hedge.name: "um"}.get(call.pool)
        if source:
            wanted = 2 * call.maintenance_margin - call.equity
            amount = min(wanted, ctx.available("USDT", source))
            if amount > 0:
                ctx.transfer("USDT", amount, source, call.pool)

    def on_liquidation(self, ctx: Context, liquidation: LiquidationEvent) -> None:
        """Start again from what the venue has left, and sell no more."""
        self.refused = True
        for market in (self.hedge, *self.legs):
            self.held[market.name] = market.position
