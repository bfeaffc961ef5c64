"""BTC/ETH pair: two perpetuals against each other; what an inter-underlying credit is worth.

BTC and ETH mostly move together, so their ratio moves less than either.  When it is low, BTC is
bought and ETH sold, and the other way round when it is high; both legs are closed when it is back.
With the mids ``B`` and ``E``, sampled every ``every`` seconds, over the last ``window`` samples::

    r = ln(B / E)
    z = (newest r - mean(r)) / s        s = sqrt(mean((r - mean(r)) ** 2))

    z <= -enter: long BTC, short ETH      z >= enter: short BTC, long ETH      |z| <= leave: flat

A long of one and a short of the other offset each other in part, which only a pool that holds both
can see.  Rulebook ``textbook``, for legs worth 50,000 and 30,000 USDT::

    separated: 10 % of each leg, in two isolated pools            5,000 + 3,000         = 8,000
    unified:   less 1/3 of the matched scan risk, on both legs    8,000 - 1/3 * 6,000   = 6,000

``unimargin run crash --strategy btc_eth_pair`` (``calm`` in brackets): both modes make the same
fills and +368.24 (-87.24) USDT; peak initial margin is 8,044.62 (8,013.00) separated and 6,029.29
(6,009.46) unified, the worst equity / maintenance 1.465 (1.493) against 24.8 (24.9), transfers 13
(7) against none: two isolated legs are at their margin call as soon as they are opened.
"""

from __future__ import annotations

import math
from collections import deque

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


class BtcEthPair(Strategy):
    """Trade the ratio of BTC to ETH by its z-score, both ways.

    ``notional`` is the BTC leg in USDT, the ETH leg is ``hedge`` times that: less, because ETH
    moves more.  ``funds`` is the share of the deposit that goes to futures in separated mode.
    """

    resumable = True

    notional: float = 50_000.0
    hedge: float = 0.6
    every: float = 10.0
    window: int = 60
    enter: float = 2.5
    leave: float = 0.5
    funds: float = 0.2

    def on_start(self, ctx: Context) -> None:
        """Find both legs; ``LookupError`` if the data lack one."""
        if not (0 <= self.leave < self.enter and self.window >= 3):
            raise InputError("BtcEthPair: enter must be above leave, and window at least 3")
        self.btc: Market = ctx.market("um:BTCUSDT")
        self.eth: Market = ctx.market("um:ETHUSDT")
        self.ratios: deque[float] = deque(maxlen=self.window)
        self.side = 0
        self.held = {self.btc.name: 0.0, self.eth.name: 0.0}  # its own share of the positions
        ctx.transfer("USDT", self.funds * ctx.balance("USDT"), "spot", "um")
        ctx.schedule(every=self.every)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Sample the ratio and follow its z-score."""
        btc, eth = self.btc.mid, self.eth.mid
        if not (btc and eth and self.btc.mark and self.eth.mark):
            return
        self.ratios.append(math.log(btc / eth))
        if len(self.ratios) < self.window:
            return
        z = self.z_score()
        side = self.side
        if abs(z) >= self.enter:
            side = -1 if z > 0 else 1
        elif abs(z) <= self.leave:
            side = 0
        if side != self.side:
            self.side = side
            self._go_to(ctx, self.btc, side * self.notional / btc)
            self._go_to(ctx, self.eth, -side * self.hedge * self.notional / eth)

    def z_score(self) -> float:
        """Distance of the newest log ratio from the window's mean, in standard deviations."""
        mean = math.fsum(self.ratios) / len(self.ratios)
        variance = math.fsum((ratio - mean) ** 2 for ratio in self.ratios) / len(self.ratios)
        return (self.ratios[-1] - mean) / math.sqrt(variance) if variance > 0 else 0.0

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """Keep count of the own position; the account's may hold others' as well."""
        self.held[fill.market.name] += fill.side * fill.quantity

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """One leg alone is a bet on the market: if one is refused, leave both."""
        if update.what == "REJECTED" and self.side:
            self.side = 0
            for market in (self.btc, self.eth):
                self._go_to(ctx, market, 0.0)

    def on_margin_call(self, ctx: Context, call: LevelChange) -> None:
        """Separated: bring the isolated leg back to twice what it must keep."""
        if call.pool in (self.btc.name, self.eth.name):
            wanted = 2 * call.maintenance_margin - call.equity
            amount = min(wanted, ctx.available("USDT", "um"))
            if amount > 0:
                ctx.transfer("USDT", amount, "um", call.pool)

    def on_liquidation(self, ctx: Context, liquidation: LiquidationEvent) -> None:
        """A leg is gone: leave the other too."""
        for market in (self.btc, self.eth):
            self.held[market.name] = market.position
        self.side = 0
        for market in (self.btc, self.eth):
            self._go_to(ctx, market, 0.0)

    def _go_to(self, ctx: Context, market: Market, position: float) -> None:
        """Trade from the own position to another."""
        change = position - self.held[market.name]
        if change > market.lot / 2:
            ctx.buy(market, change + market.lot / 2)
        elif change < -market.lot / 2:
            ctx.sell(market, -change + market.lot / 2)
