"""Market maker: quote a perpetual ten times a second and lean against the inventory.

Quotes stand around a reservation price that moves away from the inventory, so that the side which
brings it back is the likelier one to trade.  With the mid ``m``, the position ``q``, its limit
``Q`` and ``v``, the mean absolute move of the mid between two timers (exponential, about 10 s)::

    half        = max(spread, width * v)                  basis points
    reservation = m * (1 - skew * half * q / Q)
    bid         = min(best bid, reservation * (1 - half))
    ask         = max(best ask, reservation * (1 + half))

Both are post-only.  ``width`` is the lesson of the crash: who quotes a fixed spread there is picked
off.  An order is cancelled and replaced only when its price changed: to stay is to keep one's
place in the queue, and the queue decides whether a passive order trades at all.

``unimargin run calm --strategy market_maker`` (``crash`` in brackets): 23,268 (54,832) orders, 58
(1,388) fills, -18.00 (-1,028.93) USDT of which -14.10 (-537.89) fees, in both modes alike.  One
position has nothing to offset, so the peak initial margin is the same, 371.81 (1,509.69); only the
20 (256) transfers of separated mode differ, which follow the isolated position in and out.
"""

from __future__ import annotations

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

BASIS_POINT = 1e-4

MEMORY = 0.01
"""Weight of the newest move: a memory of about 100 timers."""

REFUSED_NS = 10_000_000_000
"""How long to stay away after a refusal: what was refused will be so again a moment later."""


class MarketMaker(Strategy):
    """Quote ``size`` on both sides every ``every`` seconds, holding at most ``limit`` times that.

    ``size`` is in base asset, ``spread`` in basis points, ``width`` and ``skew`` as
    in the formulas; ``funds`` is the share of the deposit that goes to futures in separated mode.
    """

    resumable = True

    instrument: str = "um:BTCUSDT"
    size: float = 0.02
    limit: float = 10.0
    spread: float = 3.0
    width: float = 20.0
    skew: float = 2.0
    every: float = 0.1
    funds: float = 0.1

    def on_start(self, ctx: Context) -> None:
        """Find the market; ``LookupError`` if the data lack it."""
        if self.limit < 1 or self.size <= 0:
            raise InputError("MarketMaker: size must be above 0, and limit at least 1")
        self.market: Market = ctx.market(self.instrument)
        self.held = 0.0  # its own position; the account's may hold others' as well
        self.silent_until_ns = 0
        self.middle = 0.0
        self.move = 0.0
        self.quotes = {1: 0, -1: 0}  # order by side, 0 if none
        self.prices = {1: 0.0, -1: 0.0}
        ctx.transfer("USDT", self.funds * ctx.balance("USDT"), "spot", "um")
        ctx.schedule(every=self.every)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Compute both quotes and put them where they differ from what stands."""
        market = self.market
        bid, ask, tick = market.bid, market.ask, market.tick
        if not (bid and ask and market.mark) or ctx.now_ns < self.silent_until_ns:
            return
        position = self.held
        middle = (bid + ask) / 2
        if self.middle:
            self.move += MEMORY * (abs(middle / self.middle - 1) - self.move)
        self.middle = middle
        half = max(self.spread * BASIS_POINT, self.width * self.move)
        fair = middle * (1 - self.skew * half * position / (self.limit * self.size))
        # Whole ticks, so that a price which only rounds elsewhere does not cost the place.
        self._quote(ctx, 1, min(bid, fair * (1 - half) // tick * tick), position)
        self._quote(ctx, -1, max(ask, -(-fair * (1 + half) // tick) * tick), position)

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """A filled quote is gone; the next timer makes a new one."""
        self.held += fill.side * fill.quantity
        if fill.done and self.quotes[fill.side] == fill.order:
            self.quotes[fill.side] = 0

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """Forget quotes that ended without a fill; after a refusal keep silent for a while."""
        if update.what == "REJECTED":
            self.silent_until_ns = ctx.now_ns + REFUSED_NS
            ctx.cancel_all(self.market)
        if update.what in ("CANCELED", "EXPIRED", "REJECTED"):
            for side, order in self.quotes.items():
                if order == update.order:
                    self.quotes[side] = 0

    def on_liquidation(self, ctx: Context, liquidation: LiquidationEvent) -> None:
        """Start again from what the venue has left."""
        self.held = self.market.position

    def on_margin_call(self, ctx: Context, call: LevelChange) -> None:
        """Separated: bring the isolated position back to twice what it must keep."""
        if call.pool == self.market.name:
            wanted = 2 * call.maintenance_margin - call.equity
            amount = min(wanted, ctx.available("USDT", "um"))
            if amount > 0:
                ctx.transfer("USDT", amount, "um", call.pool)

    def _quote(self, ctx: Context, side: int, price: float, position: float) -> None:
        """Make the quote of a side stand at ``price``, or not at all where the limit is reached."""
        order = self.quotes[side]
        room = self.limit * self.size - side * position
        wanted = room > 0.999 * self.size
        if order and wanted and abs(price - self.prices[side]) < self.market.tick / 2:
            return
        if order:
            ctx.cancel(order)
            self.quotes[side] = 0
        if wanted:
            send = ctx.buy if side > 0 else ctx.sell
            self.quotes[side] = send(self.market, self.size, price, "GTX")
            self.prices[side] = price
