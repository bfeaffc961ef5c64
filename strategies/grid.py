"""Grid: resting orders at fixed distances around a centre; each fill is replaced on the other side.

Buys stand below the centre and sells above, ``step`` basis points apart.  When the order of rung
``k`` fills, the opposite order goes one rung back, so each there-and-back earns a step less fees::

    price(k) = centre * (1 + step / 10,000) ** k          k = -levels ... -1, 1 ... levels
    buy filled at k -> sell at k + 1          sell filled at k -> buy at k - 1
    gain of a round trip = size * (price(k + 1) - price(k)) - fees

A grid earns while the price swings and collects a position against every trend: at most
``levels * size``, which is all that bounds its loss.

``unimargin run calm --strategy grid`` (``crash`` in brackets): 64 (18) fills and +20.07 (-540.49)
USDT in both modes: the calm hour swings across the rungs, in the crash all buys fill and are held.
Peak initial margin is 372.01 (2,313.88) in both; separated makes 18 (6) transfers and comes down to
equity / maintenance 1.49 (1.49), unified never below 403 (64).
"""

from __future__ import annotations

from simulator import Context, Fill, InputError, LevelChange, Market, OrderUpdate, Strategy


class Grid(Strategy):
    """Keep ``levels`` buys and sells of ``size`` base asset, ``step`` basis points apart.

    ``funds`` is the share of the deposit that goes to futures in separated mode.
    """

    resumable = True

    instrument: str = "um:BTCUSDT"
    size: float = 0.02
    levels: int = 10
    step: float = 10.0
    funds: float = 0.1

    def on_start(self, ctx: Context) -> None:
        """Find the market; ``LookupError`` if the data lack it."""
        if self.size <= 0 or self.levels < 1 or self.step <= 0:
            raise InputError("Grid: size, levels and step must be above 0")
        self.market: Market = ctx.market(self.instrument)
        self.centre = 0.0
        self.rungs: dict[int, int] = {}  # rung by order
        ctx.transfer("USDT", self.funds * ctx.balance("USDT"), "spot", "um")
        ctx.schedule(every=1.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Set up the grid once, when there is a price; afterwards only fills act."""
        if self.centre or not (self.market.mid and self.market.mark):
            return
        self.centre = self.market.mid
        for rung in range(1, self.levels + 1):
            self._place(ctx, 1, -rung)
            self._place(ctx, -1, rung)

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """Answer a filled order with the opposite one, a rung back."""
        if fill.done and fill.order in self.rungs:
            rung = self.rungs.pop(fill.order)
            self._place(ctx, -fill.side, rung + fill.side)

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """Forget what was refused or cancelled."""
        if update.what in ("CANCELED", "EXPIRED", "REJECTED"):
            self.rungs.pop(update.order, None)

    def on_margin_call(self, ctx: Context, call: LevelChange) -> None:
        """Separated: bring the isolated position back to twice what it must keep."""
        if call.pool == self.market.name:
            wanted = 2 * call.maintenance_margin - call.equity
            amount = min(wanted, ctx.available("USDT", "um"))
            if amount > 0:
                ctx.transfer("USDT", amount, "um", call.pool)

    def price(self, rung: int) -> float:
        """Price of a rung; a limit off the tick is rounded to the passive side by the engine."""
        return float(self.centre * (1 + self.step / 10_000) ** rung)

    def _place(self, ctx: Context, side: int, rung: int) -> None:
        send = ctx.buy if side > 0 else ctx.sell
        self.rungs[send(self.market, self.size, self.price(rung))] = rung
