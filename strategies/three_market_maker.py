"""Three-market maker: one inventory in three books; spot, USDT- and coin-margined perpetual.

The three are one coin, so what counts is what all of them hold together.  With the position ``q_i``
in coins (contracts of ``c`` USD are ``contracts * c / price``), the limit ``Q`` and ``v``, the mean
absolute move of the mid between two timers::

    q           = q_spot + q_um + q_cm              the coins brought along do not count
    half_i      = max(spread_i, width * v)          basis points; spread_i is above the maker fee
    reservation = m_i * (1 - skew * half_i * q / Q)
    bid_i       = min(best bid_i, reservation * (1 - half_i))     ask_i likewise

A fill in one book moves the quotes of all three, so inventory leaves by whichever book is asked
first; where two of them fill against each other the difference of their prices is earned, or lost.
Beyond the limit what is too much is traded away at once on UM, which costs the taker's fee.

It loses as every maker does, to those who know where the price goes; three books give them three
chances before the quotes are back.  To an account it is the question of how often it has to hold
the same coin::

    separated: coins and USDT in ``spot``, USDT in ``um``, coins in ``cm:BTC``; long in one and
               short in another is margined twice
    unified:   one pool holds all of it, and the positions offset

``unimargin run three_market_maker`` (``--data bundled:crash`` in brackets): 165 (1,520) fills,
-58.59 (-5,081.61) USDT in both modes, in the crash mostly what the coin brought along loses;
transfers 26 (33) separated, none unified.
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

BASIS_POINT = 1e-4

MEMORY = 0.01
"""Weight of the newest move: a memory of about 100 timers."""

REFUSED_NS = 10_000_000_000
"""How long a side of a book stays empty after a refusal: so it would be again a moment later."""


class ThreeMarketMaker(Strategy):
    """Quote ``size`` coins on both sides of each book, holding at most ``limit`` times that in all.

    ``spot_spread`` and ``spread`` (futures) are half spreads in basis points, ``width`` and
    ``skew`` as in the formulas; ``funds`` is the share of USDT and of coins that goes to futures in
    separated mode.
    """

    resumable = True

    underlying: str = "BTC"
    size: float = 0.02
    limit: float = 10.0
    spread: float = 3.0
    spot_spread: float = 12.0
    width: float = 5.0
    skew: float = 1.0
    every: float = 0.5
    funds: float = 0.5

    def on_start(self, ctx: Context) -> None:
        """Find the books; ``LookupError`` if the data lack one."""
        if self.limit < 1 or self.size <= 0:
            raise InputError("ThreeMarketMaker: size must be above 0, and limit at least 1")
        coin = self.underlying
        self.spot = ctx.market(f"spot:{coin}USDT")
        self.um = ctx.market(f"um:{coin}USDT")
        self.cm = ctx.market(f"cm:{coin}USD_PERP")
        self.books: list[Market] = [self.spot, self.um, self.cm]
        self.held = {market.name: 0.0 for market in self.books}  # coins; contracts on CM
        self.orders: dict[tuple[str, int], int] = {}  # book and side → order that stands
        self.prices: dict[tuple[str, int], float] = {}
        self.silent: dict[tuple[str, int], int] = {}  # book and side → until when
        self.middle = 0.0
        self.move = 0.0
        self.shedding = False
        ctx.transfer("USDT", self.funds * ctx.balance("USDT"), "spot", "um")
        ctx.transfer(coin, self.funds * ctx.balance(coin), "spot", f"cm:{coin}")
        ctx.schedule(every=self.every)

    def coins(self, market: Market) -> float:
        """Own position of a book in coins."""
        held = self.held[market.name]
        return held * market.contract_size / market.mid if market.kind == "cm" else held

    def inventory(self) -> float:
        """Coins of all three books together."""
        return math.fsum(self.coins(market) for market in self.books)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Compute all six quotes and put them where they differ from what stands."""
        if not all(market.bid and market.ask and market.mark for market in self.books):
            return
        middle = self.um.mid
        if self.middle:
            self.move += MEMORY * (abs(middle / self.middle - 1) - self.move)
        self.middle = middle
        inventory, most = self.inventory(), self.limit * self.size
        if abs(inventory) > most + self.size:
            self._shed(ctx, inventory, most)
        for market in self.books:
            least = self.spot_spread if market.kind == "spot" else self.spread
            half = max(least * BASIS_POINT, self.width * self.move)
            fair = market.mid * (1 - self.skew * half * inventory / most)
            tick = market.tick
            # Whole ticks, so that a price which only rounds elsewhere does not cost the place.
            bid = min(market.bid, fair * (1 - half) // tick * tick)
            ask = max(market.ask, -(-fair * (1 + half) // tick) * tick)
            self._quote(ctx, market, 1, bid, inventory < most)
            self._quote(ctx, market, -1, ask, inventory > -most)

    def _shed(self, ctx: Context, inventory: float, most: float) -> None:
        """Trade what is beyond the limit away on UM, at the market."""
        if self.shedding:
            return
        self.shedding = True
        excess = abs(inventory) - most + self.um.lot / 2
        (ctx.sell if inventory > 0 else ctx.buy)(self.um, excess)

    def _quote(self, ctx: Context, market: Market, side: int, price: float, wanted: bool) -> None:
        """Make the quote of a side stand at ``price``, or not at all."""
        key = (market.name, side)
        order = self.orders.get(key, 0)
        wanted = wanted and ctx.now_ns >= self.silent.get(key, 0)
        if order and wanted and abs(price - self.prices[key]) < market.tick / 2:
            return
        if order:
            ctx.cancel(order)
            self.orders[key] = 0
        quantity = self.size
        if market.kind == "cm":
            quantity = max(1.0, self.size * market.mid // market.contract_size)
        if wanted:
            send = ctx.buy if side > 0 else ctx.sell
            self.orders[key] = send(market, quantity, price, "GTX")
            self.prices[key] = price

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """A filled quote is gone; the next timer makes new ones in all three books."""
        name = fill.market.name
        self.held[name] += fill.side * fill.quantity
        if fill.done:
            self._over(name, fill.order)

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """Forget quotes that ended; where one was refused keep silent for a while."""
        if update.what in ("CANCELED", "EXPIRED", "REJECTED"):
            side = self._over(update.market.name, update.order)
            if update.what == "REJECTED" and side:
                self.silent[update.market.name, side] = ctx.now_ns + REFUSED_NS

    def _over(self, name: str, order: int) -> int:
        """Forget an order; return the side that it quoted, 0 if it was no quote."""
        for side in (1, -1):
            if self.orders.get((name, side)) == order:
                self.orders[name, side] = 0
                return side
        if name == self.um.name:
            self.shedding = False
        return 0

    def on_margin_call(self, ctx: Context, call: LevelChange) -> None:
        """Separated: bring the isolated UM position back to twice what it must keep."""
        if call.pool == self.um.name:
            wanted = 2 * call.maintenance_margin - call.equity
            amount = min(wanted, ctx.available("USDT", "um"))
            if amount > 0:
                ctx.transfer("USDT", amount, "um", call.pool)

    def on_liquidation(self, ctx: Context, liquidation: LiquidationEvent) -> None:
        """Start again from what the venue has left."""
        for market in (self.um, self.cm):
            self.held[market.name] = market.position
