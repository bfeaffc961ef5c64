"""Calendar spread: a delivery future against the perpetual; what a calendar charge is worth.

A future that expires in ``T`` years stands above the perpetual by the basis of the time between::

    b = (F / P - 1) / T        per year

When ``b`` is high the future is sold and the perpetual bought, when it is low the other way round.
Both legs are the same coin, so the price hardly matters: what is left is the *difference* of two
prices, and funding on the perpetual.  The spread loses where the basis goes further the same way,
and where funding costs more than the basis pays.

No risk in the price, and yet margin to pay, unless the venue sees both legs at once.  For legs of
``N`` USDT under rulebook ``textbook``::

    separated: 10 % of each leg, in two isolated pools                             0.2 * N
    unified:   the legs cancel, and the calendar charge is what the basis may do   far less

and in separated mode a leg can be liquidated while the other wins.

``unimargin run calendar_spread`` (the crash): +214.96 USDT in both modes after 112.71 of fees; peak
initial margin is 11,748.62 separated and 648.90 unified, the worst equity / maintenance 1.492
against 230.9, transfers 5 against none.
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

YEAR_NS = 365 * 86_400 * 10**9


class CalendarSpread(Strategy):
    """Hold the spread while its basis is beyond ``enter`` a year, until it is back at ``leave``.

    ``size`` is in base asset; ``future`` names the contract to trade, else the last to expire is
    taken.  ``funds`` is the share of the deposit that goes to futures in separated mode.
    """

    resumable = True

    instrument: str = "BTCUSDT"
    future: str = ""
    size: float = 0.5
    every: float = 5.0
    enter: float = 0.04
    leave: float = 0.01
    funds: float = 0.5

    def on_start(self, ctx: Context) -> None:
        """Find both legs; ``LookupError`` if the data lack one."""
        if not 0 <= self.leave < self.enter or self.size <= 0:
            raise InputError("CalendarSpread: enter must be above leave, and size above 0")
        self.near: Market = ctx.market(f"um:{self.instrument}")
        self.far: Market = ctx.market(self.future) if self.future else self._last(ctx)
        self.side = 0  # +1: long the perpetual, short the future
        self.held = {self.near.name: 0.0, self.far.name: 0.0}  # its own share of the positions
        self.refused = False
        ctx.transfer("USDT", self.funds * ctx.balance("USDT"), "spot", "um")
        ctx.schedule(every=self.every)

    def _last(self, ctx: Context) -> Market:
        dated = [
            m for m in ctx.markets if m.kind == "um" and m.expiry_ns and m.base == self.near.base
        ]
        if not dated:
            raise LookupError(f"no delivery future of {self.near.base}; add a tape that has one")
        return max(dated, key=lambda market: market.expiry_ns)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Follow the basis."""
        if not (self.near.mid and self.near.mark and self.far.mark):
            return
        if ctx.now_ns >= self.far.expiry_ns:
            # Settled: what is left is a bet on the price.
            self.held[self.far.name] = 0.0
            self._go_to(ctx, self.near, 0.0)
            return
        if self.refused:
            return
        if not self.far.mid:
            return
        basis = self.basis(ctx)
        side = self.side
        if abs(basis) >= self.enter:
            side = 1 if basis > 0 else -1
        elif abs(basis) <= self.leave or basis * side < 0:
            side = 0
        if side != self.side:
            self.side = side
            self._go_to(ctx, self.far, -side * self.size)
            self._go_to(ctx, self.near, side * self.size)

    def basis(self, ctx: Context) -> float:
        """Distance of the future from the perpetual, a year."""
        years = max(self.far.expiry_ns - ctx.now_ns, 1) / YEAR_NS
        return (self.far.mid / self.near.mid - 1.0) / years

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """Keep count of the own position; the account's may hold others' as well."""
        self.held[fill.market.name] += fill.side * fill.quantity

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """One leg alone is a bet on the price: if one is refused, leave both."""
        if update.what == "REJECTED" and not self.refused:
            self._leave(ctx)
        elif update.what == "EXPIRED":
            # The displayed depth was not enough: send the rest.
            target = self.side * self.size if update.market.name == self.near.name else 0.0
            if update.market.name == self.far.name:
                target = -self.side * self.size
            self._go_to(ctx, update.market, target)

    def on_margin_call(self, ctx: Context, call: LevelChange) -> None:
        """Separated: bring the isolated leg back to twice what it must keep."""
        if call.pool in self.held:
            wanted = 2 * call.maintenance_margin - call.equity
            amount = min(wanted, ctx.available("USDT", "um"))
            if amount > 0:
                ctx.transfer("USDT", amount, "um", call.pool)

    def on_liquidation(self, ctx: Context, liquidation: LiquidationEvent) -> None:
        """A leg is gone: leave the other too."""
        for market in (self.near, self.far):
            self.held[market.name] = market.position
        self._leave(ctx)

    def _leave(self, ctx: Context) -> None:
        self.refused = True
        self.side = 0
        for market in (self.near, self.far):
            self._go_to(ctx, market, 0.0)

    def _go_to(self, ctx: Context, market: Market, position: float) -> None:
        """Trade from the own position to another."""
        change = position - self.held[market.name]
        if change > market.lot / 2:
            ctx.buy(market, change + market.lot / 2)
        elif change < -market.lot / 2:
            ctx.sell(market, -change + market.lot / 2)
