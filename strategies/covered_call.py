"""Covered call: hold the coin, sell the right to its rise; income against a cap.

With the coin at ``S0``, a call of strike ``K`` sold for the premium ``c``, settled at ``S``::

    S <= K:  (S - S0) + c          the call expires, the premium is kept
    S >  K:  (K - S0) + c          what the coin gains above K the call pays away

so the profit is ``c + min(S, K) - S0``: a little more than the coin's as long as it stays below the
strike, and never more than ``c + K - S0``.  It loses almost as much as the coin when the price
falls, and misses the rise when it rises: it earns where little happens.

The coin covers the call, but only an account that sees both knows::

    separated: the coins lie in ``spot``, the call in ``options``, which wants USDT as margin
    unified:   coins count as far as they offset the call, until a fall is as bad as a rise

``unimargin run covered_call``: one call of 61,750 sold at 60, settled at 20.23; +8.34 USDT in both
modes, as the coin falls by 27.24 meanwhile; peak initial margin is 6,186.74 separated and 3,081.00
unified.
"""

from __future__ import annotations

from simulator import Context, Fill, InputError, LevelChange, Market, OrderUpdate, Strategy

DAY_NS = 86_400 * 10**9


class CoveredCall(Strategy):
    """Sell calls against ``size`` coins, once, and hold both until the calls are settled.

    Coins that the account lacks are bought first.  The expiry is the one nearest to ``days`` from
    the start (0: the next), the strike the one nearest to ``above`` of the price above it.
    ``funds`` is the share of the USDT that goes to options in separated mode.
    """

    resumable = True

    underlying: str = "BTC"
    size: float = 1.0
    days: float = 0.0
    above: float = 0.0
    every: float = 1.0
    funds: float = 0.9

    def on_start(self, ctx: Context) -> None:
        """Find the coin and the calls on it; ``LookupError`` if the data lack them."""
        if self.size <= 0:
            raise InputError("CoveredCall: size must be above 0")
        self.spot: Market = ctx.market(f"spot:{self.underlying}USDT")
        self.calls = [m for m in ctx.markets if m.right == "C" and m.base == self.underlying]
        if not self.calls:
            raise LookupError(f"no calls on {self.underlying}; add a tape that has options")
        self.call: Market | None = None
        self.missing = max(0.0, self.size - ctx.balance(self.underlying))
        self.sold = 0.0
        self.premium = 0.0  # before fees
        self.waiting = False  # whether an order is under way
        self.refused = False
        ctx.schedule(every=self.every)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Buy the coins that are missing, then sell calls on what is there, at the bid."""
        if self.waiting or self.refused or not self.spot.mid:
            return
        if self.missing > self.spot.lot:
            self._send(ctx, self.spot, 1, self.missing)
        elif self.call is None:
            self.call = self._chosen(ctx)
            if self.call is not None:
                ctx.transfer("USDT", self.funds * ctx.balance("USDT"), "spot", "options")
        elif self.sold < self.size - self.call.lot / 2 and ctx.now_ns < self.call.expiry_ns:
            # A call is worth what is bid for it: no market order into an empty book.
            quantity = min(self.size - self.sold, self.call.bid_quantity)
            if self.call.bid and quantity >= self.call.lot:
                self._send(ctx, self.call, -1, quantity)

    def _chosen(self, ctx: Context) -> Market | None:
        """The call to sell, as soon as there are prices; its bid may come later."""
        then = ctx.now_ns + self.days * DAY_NS
        alive = [m for m in self.calls if m.expiry_ns > ctx.now_ns and m.mark]
        if not alive:
            return None
        expiry = min((m.expiry_ns for m in alive), key=lambda at: abs(at - then))
        wanted = self.spot.mid * (1 + self.above)
        series = [m for m in alive if m.expiry_ns == expiry]
        return min(series, key=lambda m: abs(m.strike - wanted))

    def _send(self, ctx: Context, market: Market, side: int, quantity: float) -> None:
        self.waiting = True
        if side > 0:
            ctx.buy(market, quantity)
        else:
            ctx.sell(market, quantity + market.lot / 2, market.bid, "IOC")

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """Count coins and calls."""
        if fill.market.name == self.spot.name:
            self.missing -= fill.quantity
        else:
            self.sold += fill.quantity
            self.premium += fill.quantity * fill.price
        if fill.done:
            self.waiting = False

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """An order that took what there was comes back with the rest."""
        if update.what in ("REJECTED", "EXPIRED", "CANCELED"):
            self.waiting = False
        self.refused = self.refused or update.what == "REJECTED"

    def on_margin_call(self, ctx: Context, call: LevelChange) -> None:
        """Separated: what is left in ``spot`` goes to the options."""
        if call.pool == "options":
            ctx.transfer("USDT", ctx.available("USDT", "spot"), "spot", "options")
