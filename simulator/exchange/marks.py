"""Index and mark prices, and the premium that funding follows from (hot module).

Where the tape has no mark price of a future it is Binance's formula (docs/rules.md): the median of
index + funding basis, index + moving average of (mid - index), and the last price; that of a
delivery future is index + moving average.  An option's is Black-76 at its latest implied volatility
from the tape, or at the one given for its underlying, on the mark of the delivery future of the
same expiry, else on the index.  Where the tape has no index, the index of an asset is the mid price
of its spot book, or of its perpetual's where there is no spot book either.  A tape's mark or index
that has not come for ten minutes has stopped, and is computed from then on.

In a run with impact (`simulator.exchange.liquidity`) marks follow from the moved books: the tape's
marks of futures are not used, and its index of an asset is the reference beside the venue's own
spot book, by the weight of either.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.book.columns import Book
    from cython.cimports.simulator.exchange.liquidity import Liquidities
    from cython.cimports.simulator.exchange.venue import Venue
    from cython.cimports.simulator.risk.options import black76
else:
    from simulator.book.columns import Book
    from simulator.exchange.liquidity import Liquidities
    from simulator.exchange.venue import Venue
    from simulator.risk.options import black76

MARK = cython.declare(cython.int, 5)
INDEX = cython.declare(cython.int, 6)
FUNDING_ESTIMATE = cython.declare(cython.int, 8)
VOLATILITY = cython.declare(cython.int, 20)

SPOT = cython.declare(cython.int, 0)
INVERSE = cython.declare(cython.int, 2)
OPTION = cython.declare(cython.int, 3)
MARK_SOURCE = cython.declare(cython.int, 1)
UNIT = cython.declare(cython.double, 1e-8)
HOUR_NS = cython.declare(cython.double, 3.6e12)
YEAR_NS = cython.declare(cython.double, 3.1536e16)
NOTHING = cython.declare(cython.double, float("nan"))
STALE_NS = cython.declare(cython.longlong, 600_000_000_000)
MOMENT_NS = cython.declare(cython.longlong, 1_000_000)
FAR = cython.declare(cython.longlong, 1 << 62)
HIGHEST = cython.declare(cython.double, 4.6e18)
"""The highest mark that conditional orders watch, in 1e-8."""


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _median(a: cython.double, b: cython.double, c: cython.double) -> cython.double:
    if a > b:
        a, b = b, a
    if c <= a:
        return a
    return c if c < b else b


@cython.cclass
class Marks:
    """Prices of one venue; ``simulator.exchange.upkeep`` adds margin checks and samples."""

    def __init__(self, venue: Venue, columns) -> None:
        n = len(columns["product"])
        self.venue = venue
        self.instruments = n
        self.points = columns["mark_points"]
        self.basis_hours = columns["mark_basis_hours"]
        self.mark_on_tape = memoryview(np.zeros(n, dtype="i4"))
        self.mark_time = memoryview(np.zeros(n, dtype="i8"))
        self.index_time = memoryview(np.zeros(len(columns["index_from"]), dtype="i8"))
        self.index_otherwise = memoryview(np.array(columns["index_from"], dtype="i4"))
        self.funding_rate = memoryview(np.zeros(n))
        self.next_funding = memoryview(np.zeros(n, dtype="i8"))
        self.basis = memoryview(np.zeros((n, self.points)))
        self.basis_count = memoryview(np.zeros(n, dtype="i4"))
        self.basis_run = memoryview(np.zeros(n, dtype="i4"))
        self.steady = False
        self.steady_until = 0
        self.index_from = memoryview(np.array(columns["index_from"], dtype="i4"))
        self.expiry = memoryview(np.array(columns["expiry_ns"], dtype="i8"))
        self.strike = memoryview(np.array(columns["strike"], dtype="f8"))
        self.call = memoryview(np.array(columns["call"], dtype="i4"))
        self.forward_from = memoryview(np.array(columns["forward_from"], dtype="i4"))
        self.volatility = memoryview(np.array(columns["volatility"], dtype="f8"))
        self.impact = memoryview(np.array(columns["impact_notional"], dtype="f8"))
        self.premium_step = columns["premium_step"]
        self.premium_start = memoryview(np.zeros(n, dtype="i8"))
        self.premium_point = memoryview(np.zeros(n, dtype="i8"))
        self.premium_last = memoryview(np.full(n, np.nan))
        self.premium_sum = memoryview(np.zeros(n))
        self.premium_weight = memoryview(np.zeros(n))
        impact = columns["impact"]
        self.liquidities = None if impact is None else Liquidities(venue, impact)
        self.told = memoryview(np.zeros(len(columns["index_from"])))
        self.own_weight = memoryview(
            np.ones(len(columns["index_from"])) if impact is None else impact["own_weight"]
        )
        venue.set_liquidities(self.liquidities)

    @cython.cfunc
    @cython.exceptval(check=False)
    def mid(self, instrument: cython.int) -> cython.double:
        """Mid price of the displayed book, the last price if one side is empty, else 0."""
        book: Book = self.venue.books[instrument]
        if book.bid and book.ask:
            return (book.bid + book.ask) * 0.5 * self.venue.tick_e8[instrument] * UNIT
        # As floats: the product of a wild print would wrap.
        last: cython.double = self.venue.last[instrument]
        return last * self.venue.tick_e8[instrument] * UNIT

    @cython.cfunc
    @cython.exceptval(check=False)
    def index_by_mids(self) -> cython.void:
        """Bring the index of assets that no tape row tells up to date."""
        asset: cython.int
        i: cython.int
        price: cython.double
        if self.liquidities is not None:
            self.index_by_weights()
            return
        for asset in range(self.index_from.shape[0]):
            i = self.index_from[asset]
            if i >= 0:
                price = self.mid(i)
                if price > 0.0:
                    self.venue.pools.index[asset] = (
                        price * self.venue.pools.index[self.venue.quote[i]]
                    )

    @cython.cfunc
    @cython.exceptval(check=False)
    def index_by_weights(self) -> cython.void:
        """The index of assets in a run with impact.

        The venue's own book, by its weight, beside what the tape tells of the asset, or the
        undisturbed mid.  A book that is not of spot has no weight where the tape tells an index.
        """
        asset: cython.int
        i: cython.int
        told: cython.double
        own: cython.double
        worth: cython.double
        weight: cython.double
        liquidities: Liquidities = self.liquidities
        for asset in range(self.index_from.shape[0]):
            i = self.index_from[asset]
            told = self.told[asset]
            if told > 0.0 and self.venue.now - self.index_time[asset] > STALE_NS:
                told = 0.0
            if i < 0:
                if told > 0.0:
                    self.venue.pools.index[asset] = told
                continue
            weight = self.own_weight[asset]
            if told > 0.0 and self.venue.product[i] != SPOT:
                weight = 0.0
            worth = self.venue.pools.index[self.venue.quote[i]]
            own = self.mid(i) * worth
            if told <= 0.0:
                told = liquidities.tape_mid(i) * worth
            if own <= 0.0:
                own = told
            if weight >= 1.0:
                told = own
            elif weight > 0.0:
                told = weight * own + (1.0 - weight) * told
            if told > 0.0:
                self.venue.pools.index[asset] = told

    @cython.cfunc
    @cython.exceptval(check=False)
    def computed_mark(self, instrument: cython.int) -> cython.double:
        """Mark price of a future by the venue's formula, 0 until there is an index and a book.

        A delivery future's is index + average alone.
        """
        index: cython.double = self.venue.pools.index[self.venue.base[instrument]]
        quote: cython.double = self.venue.pools.index[self.venue.quote[instrument]]
        mid: cython.double = self.mid(instrument)
        if index <= 0.0 or quote <= 0.0 or mid <= 0.0:
            return 0.0
        index = index / quote
        k: cython.int
        n: cython.int = self.basis_count[instrument]
        if n and self.basis[instrument, (n - 1) % self.points] == mid - index:
            self.basis_run[instrument] += 1
        else:
            self.basis_run[instrument] = 1
        if self.basis_run[instrument] < self.points:
            self.steady = False
        self.basis[instrument, n % self.points] = mid - index
        n += 1
        self.basis_count[instrument] = n
        if n > self.points:
            n = self.points
        average: cython.double = mid - index
        if self.basis_run[instrument] < n:
            average = 0.0
            for k in range(n):
                average += self.basis[instrument, k]
            average = average / n
        if self.expiry[instrument]:
            return index + average
        last: cython.double = self.venue.last[instrument]
        last = last * self.venue.tick_e8[instrument] * UNIT
        if last <= 0.0:
            last = mid
        funding: cython.double = self.with_funding(instrument, index, self.venue.now)
        average = index + average
        if self.funding_rate[instrument] != 0.0 and average != last:
            self.hold_until(instrument, index, funding, average, last)
        return _median(funding, average, last)

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def with_funding(
        self, instrument: cython.int, index: cython.double, at: cython.longlong
    ) -> cython.double:
        """The index with the funding basis that is left at an instant; at funding it is gone."""
        hours: cython.double = 0.0
        if self.next_funding[instrument] > at:
            hours = (self.next_funding[instrument] - at) / HOUR_NS
        return index * (1.0 + self.funding_rate[instrument] * hours / self.basis_hours)

    @cython.cfunc
    @cython.exceptval(check=False)
    def hold_until(
        self,
        instrument: cython.int,
        index: cython.double,
        funding: cython.double,
        one: cython.double,
        other: cython.double,
    ) -> cython.void:
        """How long the median stays what it is while the funding basis alone goes on.

        That price moves one way, to the index: as long as it is beyond both others the nearer of
        them is the median.  So the other end of a time says it for all of it.
        """
        low: cython.double = one if one < other else other
        high: cython.double = other if one < other else one
        above: cython.bint = funding >= high
        edge: cython.double = high if above else low
        now: cython.longlong = self.venue.now
        until: cython.longlong = self.next_funding[instrument]
        hours: cython.double
        if not above and funding > low:
            self.steady = False
            return
        if (index >= high) if above else (index <= low):
            return
        # Where it meets the edge, less a moment for rounding.
        hours = (edge / index - 1.0) * self.basis_hours / self.funding_rate[instrument]
        hours = (until - now) / HOUR_NS - hours
        if hours <= 0.0:
            self.steady = False
            return
        until = now + (
            cython.cast(cython.longlong, hours * HOUR_NS)
            if cython.compiled
            else int(hours * HOUR_NS)
        )
        until -= MOMENT_NS
        funding = self.with_funding(instrument, index, until)
        if until <= now or not ((funding >= high) if above else (funding <= low)):
            self.steady = False
        elif until < self.steady_until:
            self.steady_until = until

    @cython.cfunc
    @cython.exceptval(check=False)
    def option_mark(self, instrument: cython.int) -> cython.double:
        """Black-76 at the latest implied volatility, 0 without an index or a volatility."""
        volatility: cython.double = self.volatility[instrument]
        quote: cython.double = self.venue.pools.index[self.venue.quote[instrument]]
        if volatility <= 0.0 or quote <= 0.0:
            return 0.0
        forward: cython.double = self.venue.pools.index[self.venue.base[instrument]] / quote
        future: cython.int = self.forward_from[instrument]
        if future >= 0 and self.venue.pools.mark[future] > 0.0:
            forward = self.venue.pools.mark[future]
        left: cython.double = self.expiry[instrument] - self.venue.now
        if forward <= 0.0:
            return 0.0
        self.steady = False
        return black76(
            forward,
            self.strike[instrument],
            volatility,
            left / YEAR_NS if left > 0.0 else 0.0,
            0.0,
            self.call[instrument] != 0,
        )

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def refresh(self) -> cython.int:
        """Bring index and mark prices up to date; futures before the options on them."""
        i: cython.int
        asset: cython.int
        price: cython.double
        self.steady = True
        self.steady_until = FAR
        if self.liquidities is not None and self.liquidities.step():
            self.steady = False
        self.venue.pools.advance(self.venue.now)
        for asset in range(self.index_from.shape[0]):
            if (
                self.index_from[asset] == -1
                and self.venue.now - self.index_time[asset] > STALE_NS
                and self.index_otherwise[asset] >= 0
            ):
                self.index_from[asset] = self.index_otherwise[asset]
        self.index_by_mids()
        for i in range(self.instruments):
            if self.venue.product[i] == SPOT:
                price = self.mid(i)
                if price > 0.0:
                    self.venue.pools.mark[i] = price
            elif self.venue.product[i] != OPTION and not self.venue.expired[i]:
                if not self.mark_on_tape[i] or self.venue.now - self.mark_time[i] > STALE_NS:
                    self.mark_on_tape[i] = 0
                    self.set_mark(i, self.computed_mark(i))
                if self.impact[i] > 0.0:
                    self.take_premium(i)
        for i in range(self.instruments):
            if self.venue.product[i] != OPTION or self.venue.expired[i]:
                continue
            if not self.mark_on_tape[i] or self.venue.now - self.mark_time[i] > STALE_NS:
                self.mark_on_tape[i] = 0
                self.set_mark(i, self.option_mark(i))
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def set_mark(self, instrument: cython.int, price: cython.double) -> cython.int:
        """A computed mark price, if there is one; conditional orders may watch it."""
        if price <= 0.0:
            return 0
        self.venue.pools.mark[instrument] = price
        watched: cython.double = price / UNIT + 0.5
        if watched > HIGHEST:  # a wild mark does not fit
            watched = HIGHEST
        self.venue.price_seen(
            instrument,
            MARK_SOURCE,
            cython.cast(cython.longlong, watched) if cython.compiled else int(watched),
        )
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def price_row(
        self,
        instrument: cython.int,
        kind: cython.int,
        price: cython.longlong,
        quantity: cython.longlong,
    ) -> cython.bint:
        """A tape row that brings a price; False if it is of another kind."""
        if self.liquidities is not None and (kind == INDEX or kind == MARK):
            if kind == INDEX:
                self.told[self.venue.base[instrument]] = (
                    price * UNIT * self.venue.pools.index[self.venue.quote[instrument]]
                )
                self.index_time[self.venue.base[instrument]] = self.venue.now
                return True
            if self.venue.product[instrument] != OPTION or self.volatility[instrument] > 0.0:
                return True
        if kind == MARK:
            self.mark_on_tape[instrument] = 1
            self.mark_time[instrument] = self.venue.now
            self.venue.pools.mark[instrument] = price * UNIT
            # A hedge's other leg is valued at the same instant, else the pool stands half moved.
            self.index_by_mids()
            self.venue.price_seen(instrument, MARK_SOURCE, price)
        elif kind == INDEX:
            self.index_from[self.venue.base[instrument]] = -1
            self.index_time[self.venue.base[instrument]] = self.venue.now
            self.venue.pools.index[self.venue.base[instrument]] = (
                price * UNIT * self.venue.pools.index[self.venue.quote[instrument]]
            )
        elif kind == FUNDING_ESTIMATE:
            self.funding_rate[instrument] = price * UNIT
            self.next_funding[instrument] = quantity
        elif kind == VOLATILITY:
            self.volatility[instrument] = price * UNIT
            if self.liquidities is not None:
                self.mark_on_tape[instrument] = 0  # it can follow the moved underlying now
            self.venue.pools.volatility[instrument] = price * UNIT
        else:
            return False
        return True

    # The premium index

    @cython.cfunc
    @cython.exceptval(check=False)
    def impact_price(self, instrument: cython.int, side: cython.int) -> cython.double:
        """Average price of a market order of the impact notional that meets ``side``; 0 if none.

        Where less is displayed, that of all there is.
        """
        book: Book = self.venue.books[instrument]
        tick: cython.double = self.venue.tick_e8[instrument] * UNIT
        left: cython.double = self.impact[instrument]
        coins: cython.double = 0.0
        worth: cython.double
        price: cython.longlong = book.bid if side > 0 else book.ask
        at: cython.double
        while price and left > 0.0:
            at = price * tick
            worth = book.shown(side, price) * self.venue.lot_size[instrument]
            if self.venue.product[instrument] != INVERSE:
                worth = worth * at
            if worth > left:
                worth = left
            coins += worth / at
            left -= worth
            if left > 0.0:
                price = book.next_level(side, price)
        return (self.impact[instrument] - left) / coins if coins > 0.0 else 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def premium(self, instrument: cython.int) -> cython.double:
        """Premium index now: how far the impact prices leave the index behind, as a share of it."""
        quote: cython.double = self.venue.pools.index[self.venue.quote[instrument]]
        bid: cython.double = self.impact_price(instrument, 1)
        ask: cython.double = self.impact_price(instrument, -1)
        index: cython.double = self.venue.pools.index[self.venue.base[instrument]]
        if quote <= 0.0 or index <= 0.0 or bid <= 0.0 or ask <= 0.0:
            return NOTHING
        index = index / quote
        above: cython.double = bid - index if bid > index else 0.0
        below: cython.double = index - ask if index > ask else 0.0
        return (above - below) / index

    @cython.cfunc
    @cython.exceptval(check=False)
    def take_premium(self, instrument: cython.int) -> cython.void:
        """Add the points of the interval that have come, the k-th with weight k.

        The venue's clock skips ticks while nothing happens; points it skipped had the last value.
        """
        now: cython.longlong = self.venue.now
        start: cython.longlong = self.premium_start[instrument]
        point: cython.longlong = (now - start) // self.premium_step
        done: cython.longlong = self.premium_point[instrument]
        if start == 0 or point <= done:
            return
        last: cython.double = self.premium_last[instrument]
        same: cython.longlong = point
        if start + point * self.premium_step == now or last != last:
            same = point - 1
        weight: cython.double
        if same > done and last == last:
            weight = 0.5 * (same * (same + 1.0) - done * (done + 1.0))
            self.premium_sum[instrument] += weight * last
            self.premium_weight[instrument] += weight
        if same < point:
            last = self.premium(instrument)
            if last == last:
                self.premium_sum[instrument] += point * last
                self.premium_weight[instrument] += point
            self.premium_last[instrument] = last
        self.premium_point[instrument] = point

    def restart_premium(self, instrument: int, start_ns: int, end_ns: int) -> None:
        """Begin a funding interval: its points count from ``start_ns``, paid at ``end_ns``."""
        self.premium_start[instrument] = start_ns
        self.premium_point[instrument] = max(
            0, (int(self.venue.now) - start_ns) // self.premium_step
        )
        self.premium_sum[instrument] = 0.0
        self.premium_weight[instrument] = 0.0
        self.next_funding[instrument] = end_ns

    def mean_premium(self, instrument: int) -> float | None:
        """Mean premium of the interval so far, None without a point."""
        weight = float(self.premium_weight[instrument])
        return float(self.premium_sum[instrument]) / weight if weight else None

    def set_funding(self, instrument: int, rate: float) -> None:
        """Note a rate that was settled: the mark price's basis follows it."""
        self.funding_rate[instrument] = rate
