"""Cash-and-carry: long spot, short perpetual; why unified mode exists, in figures.

The perpetual pays funding to its shorts while it stands above spot.  Holding the coin and shorting
the contract earns that without a view on the price: ``delta = coins + contracts = 0``.  There is
next to no risk, and yet margin to pay, unless the venue sees both legs::

    separated: margin = rate * |contracts| * mark            (the coins are in another wallet)
    unified:   margin = rate * |contracts + coins| * mark    (about 0)

The same source runs in both modes.  ``ctx.transfer`` says whether futures have wallets of their
own: if so the strategy funds the short, tops its margin up when the short loses, takes back what
it does not need, and brings everything home when it is flat; else there is nothing to move.

``unimargin run crash --least-capital`` (0.5 BTC, 100,000 USDT; ``calm`` in brackets):

=============================  ====================  ==================
figure                         separated             unified
=============================  ====================  ==================
PnL, of it funding             -97.26, -19.36        the same
                               (-22.69, +9.20)
peak initial margin, USDT      5,831.60 (3,093.91)   3.07 (5.02)
worst equity / maintenance     1.725 (1.725)         48,832 (29,893)
transfers                      4 (5)                 0 (0)
least capital, USDT            66,260 (34,985)       58,496 (30,908)
largest size, BTC              0.7549 (1.4287)       0.8550 (1.6182)
=============================  ====================  ==================

The same trades cost the same; unified does them with 12 % less capital, or 13 % more of them, and
without a transfer that could come too late.  The taker fees of spot are more than one funding
payment: a carry is held for days, an hour only shows the margin.
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

BUFFER = 1.02
"""Funds sent ahead, as a multiple of the margin wanted: fees, and a price that moves meanwhile."""

SMALLEST = {"spot": 10.0, "um": 100.0}
"""Smallest order, USDT: the largest minimum notional of Binance's pairs (BTCUSDT has it on UM)."""


class CashAndCarry(Strategy):
    """Buy spot in slices, short the perpetual against each, hold, keep the margin up.

    ``size`` is in base asset; ``share`` above 0 takes that share of the starting equity instead.
    ``margin`` is what the short is given in separated mode, ``refill`` where it is topped up, both
    as shares of its notional.  ``unwind_after`` seconds (0: hold to the end) both legs are closed.
    """

    resumable = True

    instrument: str = "BTCUSDT"
    size: float = 0.5
    share: float = 0.0
    slices: int = 10
    maker: bool = False
    every: float = 1.0
    margin: float = 0.13
    refill: float = 0.115
    unwind_after: float = 0.0

    def on_start(self, ctx: Context) -> None:
        """Find both legs; ``LookupError`` if the data lack one."""
        if self.size <= 0 or self.slices < 1 or not 0 <= self.share <= 1:
            raise InputError(
                "CashAndCarry: size must be above 0, slices at least 1 and share within 0 and 1"
            )
        self.spot: Market = ctx.market(f"spot:{self.instrument}")
        self.perp: Market = ctx.market(f"um:{self.instrument}")
        self.pool = ""
        self.own_coins = ctx.balance(self.spot.base)
        self.target = 0.0
        self.bought = 0.0
        self.quoted = 0.0
        self.slice = 0.0
        self.short = 0  # lots; its own count, for others may trade the same contract
        self.hedging = 0  # signed lots of perpetual orders under way
        self.apart = False  # whether futures have wallets of their own
        self.building = True
        self.refused = False
        self.intact = True
        """Whether the hedge was put on as intended and kept: what ``--least-capital`` asks for."""
        ctx.schedule(every=self.every)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Begin when there are prices; then a slice and a look at the margin each time."""
        if name == "unwind":
            self.building = False
            ctx.cancel_all(self.spot)
        if not self.target:
            self._begin(ctx)
            return
        self._trade_slice(ctx)
        self._hedge(ctx)
        self._keep_margin(ctx)

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """Every spot fill is hedged at once, every new short gets its margin."""
        if fill.market.name == self.spot.name:
            self.bought += fill.side * fill.quantity
            self._hedge(ctx)
            return
        self.short -= fill.side * round(fill.quantity / self.perp.lot)
        if fill.done:
            self._keep_margin(ctx)

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """Keep count of hedges under way; after a refusal grow no more."""
        if update.market.name == self.perp.name:
            if update.what in ("PARTIALLY_FILLED", "FILLED"):
                lots = round(update.quantity / self.perp.lot)
                self.hedging -= lots if self.hedging > 0 else -lots
            elif update.what in ("REJECTED", "EXPIRED", "CANCELED"):
                self.hedging = 0
        if update.what == "REJECTED":
            self.refused = True

    def on_margin_call(self, ctx: Context, call: LevelChange) -> None:
        """Do not wait for the timer."""
        self._keep_margin(ctx)

    def on_liquidation(self, ctx: Context, liquidation: LiquidationEvent) -> None:
        """The short is gone and the coins stand alone: sell them."""
        self.refused = True
        self.building = False
        self.short = min(self.short, max(0, -round(self.perp.position / self.perp.lot)))

    def on_stop(self, ctx: Context) -> None:
        """Judge the run: target reached (or all sold again), and the legs in balance."""
        left = self.target - self.bought if self.building else self._coins(ctx)
        done = self.target > 0 and abs(left) * self.spot.mid <= SMALLEST["spot"]
        tolerance = self.perp.lot + SMALLEST["um"] / max(self.perp.mid, 1e-9)
        balanced = abs(self.delta(ctx)) <= tolerance
        self.intact = done and balanced and not self.refused

    def delta(self, ctx: Context) -> float:
        """Coins less contracts, in base asset: what a move of the price still changes."""
        return self._coins(ctx) - self.short * self.perp.lot

    def _coins(self, ctx: Context) -> float:
        """Base asset bought, after the fee that spot takes from it."""
        return ctx.balance(self.spot.base) - self.own_coins

    def _begin(self, ctx: Context) -> None:
        price = self.spot.mid
        if not (price and self.perp.mid and self.perp.mark):
            return
        size = self.share * ctx.equity() / price if self.share else self.size
        self.target = max(size, self.spot.lot)
        # No slice below one lot of the perpetual: it could not be hedged.
        self.slice = max(size / self.slices, self.perp.lot)
        self.apart = ctx.transfer("USDT", BUFFER * self.margin * size * price, "spot", "um")
        if self.apart:
            self.pool = _pool(ctx, self.perp.name)
        if self.unwind_after:
            ctx.schedule(after=self.unwind_after, name="unwind")

    def _trade_slice(self, ctx: Context) -> None:
        """Send the next spot order, or put a resting one back to the best price."""
        left = self._left(ctx)
        buying = left > 0
        if ctx.orders(self.spot):
            best = self.spot.bid if buying else self.spot.ask
            if self.maker and best != self.quoted:
                ctx.cancel_all(self.spot)
            return
        quantity = min(self.slice, abs(left))
        if quantity * self.spot.mid < SMALLEST["spot"]:
            if not self.building:
                self._bring_home(ctx)
            return
        if not (self.spot.bid and self.spot.ask and self.perp.mid):
            return
        send = ctx.buy if buying else ctx.sell
        if self.maker:
            self.quoted = self.spot.bid if buying else self.spot.ask
            send(self.spot, quantity, self.quoted, "GTX")
        else:
            send(self.spot, quantity)

    def _left(self, ctx: Context) -> float:
        """Coins to buy (above 0) or to sell; after a refusal only what has no hedge is sold."""
        coins = self._coins(ctx)
        if not self.building:
            return -coins
        if self.refused:
            return min(0.0, -self.delta(ctx))
        return self.target - self.bought

    def _hedge(self, ctx: Context) -> None:
        """Bring the perpetual to the nearest lot of minus the coins; wait for orders under way."""
        if self.hedging:
            return
        gap = -self.delta(ctx)
        # A gap of just half a lot stays: else rounding would trade to and fro.
        if abs(gap) < 0.6 * self.perp.lot:
            return
        lots = round(gap / self.perp.lot)
        quantity = abs(lots) * self.perp.lot
        if lots > 0:
            self.hedging = lots
            ctx.buy(self.perp, quantity)
        elif not self.refused and quantity * self.perp.mid >= SMALLEST["um"]:
            self.hedging = lots
            ctx.sell(self.perp, quantity)

    def _keep_margin(self, ctx: Context) -> None:
        """Separated mode: move money so that the short keeps ``margin`` of its notional."""
        notional = abs(self.perp.position) * self.perp.mark  # the account's: its margin is shared
        if not self.apart or not notional:
            return
        figures = ctx.margin(self.pool)
        equity = figures.equity
        wanted = self.margin * notional
        shared = self.pool != self.perp.name
        if shared:  # slices to come are margined in the same wallet
            to_come = max(0.0, self.target - self.short * self.perp.lot)
            wanted += self.margin * to_come * self.perp.mark
        if equity < self.refill * notional:
            for wallet in ("spot",) if shared else ("um", "spot"):
                moved = min(wanted - equity, ctx.available("USDT", wallet))
                if moved > 0:
                    ctx.transfer("USDT", moved, wallet, self.pool)
                    equity += moved
            return
        # What an isolated position has won stays with it until it is realized.
        spare = equity if shared else min(equity, ctx.balance("USDT", self.pool))
        if spare > wanted + (self.margin - self.refill) * 2 * notional:
            moved = min(spare - wanted, figures.available, ctx.available("USDT", self.pool))
            if moved > 0:
                ctx.transfer("USDT", moved, self.pool, "spot")

    def _bring_home(self, ctx: Context) -> None:
        """Flat: the futures wallet is not needed any more."""
        if self.apart and not self.perp.position and not self.hedging:
            idle = min(ctx.available("USDT", "um"), ctx.margin("um").available)
            if idle > 0:
                ctx.transfer("USDT", idle, "um", "spot")


def _pool(ctx: Context, isolated: str) -> str:
    """Name of the pool that margins the short: its own, or the shared ``um`` wallet's."""
    try:
        return ctx.margin(isolated).pool
    except LookupError:
        return "um"
