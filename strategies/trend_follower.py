"""Trend follower with leverage: hold the side of a moving-average cross, a trailing stop behind it.

At the end of each bar of ``bar`` seconds, with the simple means of the last closes::

    trend = mean(last fast closes) - mean(last slow closes)        long above 0, short below
    quantity = leverage * equity / price

The position is reversed when the trend changes sign.  A trailing stop follows the best price since
entry at a distance of ``stop``; it waits at the venue, so it also works between two bars.  After a
stop the strategy stays out until the next cross.  The stop closes the whole position, others' as
well: on a shared account give this strategy an instrument of its own.

``unimargin run crash --strategy trend_follower`` (``calm`` in brackets): +15,075.40 (-1,415.19)
USDT in 19 (17) fills, in both modes alike, with a peak initial margin of 32,635.07 (30,033.73):
leverage on one position is dear in either mode.  The worst equity / maintenance is 1.487 (1.495)
separated, where only the isolated margin stands behind it, and 4.98 (4.92) unified, where the whole
account does, and is at stake.  Two hours show how it works, not that it does.
"""

from __future__ import annotations

import math
from collections import deque

from simulator import Bar, Context, InputError, LevelChange, Market, OrderUpdate, Strategy


class TrendFollower(Strategy):
    """Follow the cross of two moving averages with ``leverage`` times the equity.

    ``fast`` and ``slow`` count bars; ``stop`` is a share of the price; ``funds`` is the share of
    the deposit that goes to futures in separated mode.
    """

    resumable = True

    instrument: str = "um:BTCUSDT"
    leverage: float = 3.0
    bar: float = 60.0
    fast: int = 8
    slow: int = 21
    stop: float = 0.02
    funds: float = 0.8

    def on_start(self, ctx: Context) -> None:
        """Find the market and ask for its bars; ``LookupError`` if the data lack it."""
        if not (0 < self.fast < self.slow and self.leverage > 0 and 0.0001 <= self.stop < 1):
            raise InputError(
                "TrendFollower: fast must be below slow, leverage above 0, stop within 0.0001 and 1"
            )
        self.market: Market = ctx.market(self.instrument)
        self.closes: deque[float] = deque(maxlen=self.slow)
        self.trend = 0
        self.guard = 0
        ctx.transfer("USDT", self.funds * ctx.balance("USDT"), "spot", "um")
        ctx.subscribe(self.market, "bars", self.bar)

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        """Reverse on a cross of the averages."""
        self.closes.append(bar.close)
        if len(self.closes) < self.slow or not (self.market.mid and self.market.mark):
            return
        closes = list(self.closes)
        gap = math.fsum(closes[-self.fast :]) / self.fast - math.fsum(closes) / self.slow
        trend = (gap > 0) - (gap < 0)
        if trend and trend != self.trend:
            self.trend = trend
            self._reverse(ctx, trend)

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """The stop has done its work: forget it."""
        if update.order == self.guard and update.what not in ("ACCEPTED", "TRIGGERED"):
            self.guard = 0

    def on_margin_call(self, ctx: Context, call: LevelChange) -> None:
        """Separated: bring the isolated position back to twice what it must keep."""
        if call.pool == self.market.name:
            wanted = 2 * call.maintenance_margin - call.equity
            amount = min(wanted, ctx.available("USDT", "um"))
            if amount > 0:
                ctx.transfer("USDT", amount, "um", call.pool)

    def _reverse(self, ctx: Context, side: int) -> None:
        """Close what there is, open the other side, and put the stop behind it."""
        held = self.market.position
        if self.guard:
            ctx.cancel(self.guard)
        if held:
            close = ctx.sell if held > 0 else ctx.buy
            close(self.market, abs(held), reduce_only=True)
        quantity = self.leverage * ctx.equity() / self.market.mid
        ctx.submit(self.market, side, quantity)
        self.guard = ctx.submit(
            self.market,
            -side,
            kind="trailing_stop",
            callback_rate=self.stop,
            close_position=True,
        )
