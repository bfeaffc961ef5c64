"""What the venue does by itself: prices, margin checks, samples for the report (hot module).

Every ``mark_step`` of venue time, and whenever the tape brings a mark or an index, prices are
brought up to date and every pool is recomputed; margin depends on nothing else between fills.
Where the tape has no mark price it is Binance's formula (docs/rules.md): the median of index +
funding basis, index + moving average of (mid - index), and the last price; where it has no index,
the index of an asset is the mid price of its spot book, or of its perpetual's where there is no
spot book either.  A tape's mark or index that has not come for ten minutes has stopped, and is
computed from then on.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.book.columns import Book
    from cython.cimports.simulator.exchange.venue import Venue
else:
    from simulator.book.columns import Book
    from simulator.exchange.venue import Venue

MARK = cython.declare(cython.int, 5)
INDEX = cython.declare(cython.int, 6)
FUNDING = cython.declare(cython.int, 7)
FUNDING_ESTIMATE = cython.declare(cython.int, 8)
ORDER_ADD = cython.declare(cython.int, 16)
ORDER_FILL = cython.declare(cython.int, 18)
AGG_TRADE = cython.declare(cython.int, 19)

SPOT = cython.declare(cython.int, 0)
MARK_SOURCE = cython.declare(cython.int, 1)
LIQUIDATION = cython.declare(cython.int, 3)
LEVEL_CHANGED = cython.declare(cython.int, 13)
UNIT = cython.declare(cython.double, 1e-8)
HOUR_NS = cython.declare(cython.double, 3.6e12)
FULL_HOUR_NS = cython.declare(cython.longlong, 3_600_000_000_000)
STALE_NS = cython.declare(cython.longlong, 600_000_000_000)
FAR = cython.declare(cython.longlong, 1 << 62)
NO_RATIO = cython.declare(cython.double, 1e300)


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
class Upkeep:
    """Prices, margin checks and samples; what is rare is asked of ``cold``, the venue's desk."""

    def __init__(self, venue: Venue, columns, cold) -> None:
        n = len(columns["product"])
        self.venue = venue
        self.cold = cold
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
        self.index_from = memoryview(np.array(columns["index_from"], dtype="i4"))
        self.worst_ratio = NO_RATIO
        self.peak_initial = self.peak_maintenance = 0.0
        self.sample_step = columns["sample_step"]
        self.next_sample = 0
        self.n_samples = 0
        self.account = columns["sampled_account"]
        self.first_wallet = columns["first_wallet"]
        self.lender = columns["lender"]
        self.unpriced = False
        self.next_hour = 0
        self.convert_below = memoryview(np.array(columns["convert_below"], dtype="i8"))
        self.converts = bool((np.asarray(self.convert_below) > -FAR).any())
        self.watched = False
        self._room(1024)

    def _room(self, size: int) -> None:
        """Make room for ``size`` samples, keeping those there are."""
        kept = int(self.n_samples)
        shapes = ((size,), (size, 4 * self.venue.pools.count), (size, self.instruments))
        times, pools = np.zeros(shapes[0], "i8"), np.zeros(shapes[1])
        prices, lots = np.zeros(shapes[2]), np.zeros(shapes[2], "i8")
        whole = np.zeros(size)
        if kept:
            times[:kept] = np.asarray(self.sample_time)[:kept]
            pools[:kept] = np.asarray(self.sample_pools)[:kept]
            prices[:kept] = np.asarray(self.sample_prices)[:kept]
            lots[:kept] = np.asarray(self.sample_lots)[:kept]
            whole[:kept] = np.asarray(self.sample_equity)[:kept]
        self.sample_time = memoryview(times)
        self.sample_pools = memoryview(pools) if pools.size else memoryview(np.zeros((1, 1)))
        self.sample_prices = memoryview(prices)
        self.sample_lots = memoryview(lots)
        self.sample_equity = memoryview(whole)

    # Prices

    @cython.cfunc
    @cython.exceptval(check=False)
    def mid(self, instrument: cython.int) -> cython.double:
        """Mid price of the displayed book, the last price if one side is empty, else 0."""
        book: Book = self.venue.books[instrument]
        if book.bid and book.ask:
            return (book.bid + book.ask) * 0.5 * self.venue.tick_e8[instrument] * UNIT
        return self.venue.last[instrument] * self.venue.tick_e8[instrument] * UNIT

    @cython.cfunc
    @cython.exceptval(check=False)
    def index_by_mids(self) -> cython.void:
        asset: cython.int
        i: cython.int
        price: cython.double
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
    def computed_mark(self, instrument: cython.int) -> cython.double:
        """Mark price by the venue's formula, 0 until there is an index and a book."""
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
        if self.basis_run[instrument] < self.points or self.funding_rate[instrument] != 0.0:
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
        hours: cython.double = 0.0
        if self.next_funding[instrument] > self.venue.now:
            hours = (self.next_funding[instrument] - self.venue.now) / HOUR_NS
        last: cython.double = self.venue.last[instrument] * self.venue.tick_e8[instrument] * UNIT
        if last <= 0.0:
            last = mid
        return _median(
            index * (1.0 + self.funding_rate[instrument] * hours / self.basis_hours),
            index + average,
            last,
        )

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def mark(self) -> cython.int:
        """The venue's clock: bring index and mark prices up to date, then check margins.

        Return whether the next tick would find the same unless something happens before it.
        """
        i: cython.int
        asset: cython.int
        price: cython.double
        self.steady = True
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
            elif not self.mark_on_tape[i] or self.venue.now - self.mark_time[i] > STALE_NS:
                self.mark_on_tape[i] = 0
                price = self.computed_mark(i)
                if price > 0.0:
                    self.venue.pools.mark[i] = price
                    self.venue.price_seen(
                        i,
                        MARK_SOURCE,
                        cython.cast(cython.longlong, price / UNIT + 0.5)
                        if cython.compiled
                        else int(price / UNIT + 0.5),
                    )
        if self.unpriced:
            self.cold.price_deposits()
        if self.venue.now >= self.next_hour:
            self._full_hours()
        self.check()
        if self.venue.now >= self.next_sample:
            self.sample()
            self.cold.sampled()
        return self.steady

    def _full_hours(self) -> None:
        """Every full hour that has passed, once; the hours before the first tick are nobody's."""
        if self.next_hour == 0:
            self.next_hour = self.venue.now // FULL_HOUR_NS * FULL_HOUR_NS + FULL_HOUR_NS
        while self.next_hour <= self.venue.now:
            self.next_hour += FULL_HOUR_NS
            self.cold.full_hour(self.next_hour - FULL_HOUR_NS)

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def row(
        self,
        instrument: cython.int,
        kind: cython.int,
        side: cython.int,
        price: cython.longlong,
        quantity: cython.longlong,
        number: cython.longlong,
    ) -> cython.int:
        """A tape row other than depth, trades and quotes."""
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
        elif kind == FUNDING:
            self.cold.settle_funding(instrument, price)
        elif kind == AGG_TRADE:
            # A second report of trades that are on the tape too, or of fills of displayed orders.
            self.venue.last[instrument] = price
        elif ORDER_ADD <= kind <= ORDER_FILL:
            self.cold.order_row(instrument, kind, side, price, quantity, number)
        return 0

    # Margin

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def check(self) -> cython.int:
        """Recompute every pool; a change of level is recorded, LIQUIDATION acted upon.

        Balances too far below zero are converted before: what is judged is what they become.
        """
        if self.converts:
            self._convert()
        pool: cython.int
        old: cython.int
        initial: cython.double = 0.0
        maintenance: cython.double = 0.0
        ratio: cython.double
        for pool in range(self.venue.pools.count):
            old = self.venue.pools.checked[pool]
            self.venue.pools.evaluate(pool)
            initial += self.venue.pools.initial[pool]
            maintenance += self.venue.pools.maintenance[pool]
            if self.venue.pools.maintenance[pool] > 0.0:
                ratio = self.venue.pools.equity[pool] / self.venue.pools.maintenance[pool]
                if ratio < self.worst_ratio:
                    self.worst_ratio = ratio
            if self.venue.pools.level[pool] != old:
                self.venue.pools.checked[pool] = self.venue.pools.level[pool]
                self.cold.level_changed(pool, old, self.venue.pools.level[pool])
            if self.watched:
                self.cold.watch(pool)
            if self.venue.pools.level[pool] >= LIQUIDATION:
                self.cold.liquidate(pool)
        if initial > self.peak_initial:
            self.peak_initial = initial
        if maintenance > self.peak_maintenance:
            self.peak_maintenance = maintenance
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _convert(self) -> cython.int:
        wallet: cython.int
        asset: cython.int
        for wallet in range(self.first_wallet, self.lender):
            for asset in range(self.venue.ledger.assets):
                if self.venue.ledger.balance[wallet, asset] < self.convert_below[wallet, asset]:
                    self.cold.convert(wallet, asset)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def sample(self) -> cython.void:
        """Keep a row of figures for the report."""
        if self.n_samples == self.sample_time.shape[0]:
            self._room(2 * self.n_samples)
        at: cython.longlong = self.n_samples
        pool: cython.int
        i: cython.int
        self.sample_time[at] = self.venue.now
        self.sample_equity[at] = self.account_value()
        for pool in range(self.venue.pools.count):
            self.sample_pools[at, 4 * pool] = self.venue.pools.equity[pool]
            self.sample_pools[at, 4 * pool + 1] = self.venue.pools.initial[pool]
            self.sample_pools[at, 4 * pool + 2] = self.venue.pools.maintenance[pool]
            self.sample_pools[at, 4 * pool + 3] = self.venue.pools.level[pool]
        for i in range(self.instruments):
            self.sample_prices[at, i] = self.venue.pools.mark[i]
            if self.venue.product[i] == SPOT:
                self.sample_lots[at, i] = self.venue.ledger.balance[
                    self.venue.cash_wallet[self.account, i], self.venue.base[i]
                ]
            else:
                self.sample_lots[at, i] = self.venue.ledger.quantity[self.account, i]
                if self.venue.ledger.slots > self.instruments:
                    self.sample_lots[at, i] += self.venue.ledger.quantity[
                        self.account, self.instruments + i
                    ]
        self.n_samples += 1
        self.next_sample = self.venue.now + self.sample_step

    @cython.ccall
    @cython.exceptval(check=False)
    def account_value(self) -> cython.double:
        """Value of all wallets at index prices, less what they owe, plus unrealized profit at mark,
        USDT.
        """
        total: cython.double = 0.0
        wallet: cython.int
        asset: cython.int
        slot: cython.int
        for wallet in range(self.first_wallet, self.lender):
            for asset in range(self.venue.ledger.assets):
                total += (
                    (
                        self.venue.ledger.balance[wallet, asset]
                        - self.venue.ledger.owed(wallet, asset)
                    )
                    * UNIT
                    * self.venue.pools.index[asset]
                )
        for slot in range(self.venue.ledger.slots):
            if self.venue.ledger.quantity[self.account, slot]:
                total += self.venue.pools.position_value(self.account, slot)
        return total
