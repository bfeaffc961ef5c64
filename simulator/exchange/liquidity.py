"""Books composed around a moved reference: what large orders do to a market (hot module).

In a run with impact the tape's depth goes to *shadow* books that nobody trades on.  At each step of
the mark clock every book that orders meet is composed anew::

    quote = reference x exp(displacement)          displacement = transient + lasting

with the shadow book's mid (else the last print) as the reference.  What was taken from the composed
levels since the last step is measured as the log distance that was walked, interpolated within a
level, and added to the displacement: ``permanent`` of it to the lasting part, the rest to the
transient one, which comes back by the instrument's resilience.

A side's depth up to the log distance *y* from its quote is ``|F(d +- y) - F(d)|``, with *d* the
transient displacement and ``F(u) = c u`` for the constant profile, ``F(u) = c u |u|`` for the
linear one: the density belongs to the place in the market, not to the order that meets it, so that
impact depends on how much was taken, and not on how it was sliced.  docs/concepts/impact.md tells
where this is from.

Sides are 0 for bids and 1 for asks in the columns here; functions are those of
``simulator.units.functions``, which give the same bits everywhere.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.libc.math import sqrt
    from cython.cimports.simulator.book.columns import Book
    from cython.cimports.simulator.exchange.venue import Venue
    from cython.cimports.simulator.units.functions import exponential, logarithm
else:
    from math import sqrt

    from simulator.book.columns import Book
    from simulator.exchange.venue import Venue
    from simulator.units.functions import exponential, logarithm

TAPE = cython.declare(cython.int, 0)
CONSTANT = cython.declare(cython.int, 1)
LINEAR = cython.declare(cython.int, 2)

INSTANT = cython.declare(cython.int, 0)
EXPONENTIAL = cython.declare(cython.int, 1)
STRAIGHT = cython.declare(cython.int, 2)

INVERSE = cython.declare(cython.int, 2)
UNIT = cython.declare(cython.double, 1e-8)
PERCENT = cython.declare(cython.double, 0.01)
LN_2 = cython.declare(cython.double, 0.6931471805599453)
MINUTE_NS = cython.declare(cython.double, 6e10)
TICKS_MAX = cython.declare(cython.double, 1e12)
HIGHEST = cython.declare(cython.longlong, 4_600_000_000_000_000_000)
"""The highest last price that conditional orders watch, in 1e-8."""
LOTS_MAX = cython.declare(cython.double, 9e15)
ROUNDING = cython.declare(cython.double, 1e-6)  # of a lot: what sums of floats may lack


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _down(x: cython.double) -> cython.longlong:
    return cython.cast(cython.longlong, x) if cython.compiled else int(x)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _up(x: cython.double) -> cython.longlong:
    whole: cython.longlong = _down(x)
    return whole + 1 if whole < x else whole


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _cumulative(profile: cython.int, u: cython.double) -> cython.double:
    """F of the module's head with c = 1; odd and growing."""
    if profile != LINEAR:
        return u
    return u * u if u > 0.0 else -u * u


@cython.cclass
class Liquidities:
    """Books of a venue that are composed; ``rules`` are `simulator.exchange.impact`'s columns."""

    def __init__(self, venue: Venue, rules) -> None:
        n = len(venue.books)
        self.venue = venue
        self.instruments = n
        self.feedback = rules["feedback"]
        self.composed = memoryview(np.array(rules["composed"], dtype="i4"))
        self.profile = memoryview(np.array(rules["profile"], dtype="i4"))
        self.resilience = memoryview(np.array(rules["resilience"], dtype="i4"))
        self.n_grid = memoryview(np.array(rules["levels"], dtype="i4"))
        self.pair = memoryview(np.array(rules["pair"], dtype="i4"))
        self.first_knot = memoryview(np.array(rules["first_knot"], dtype="i4"))
        self.depth = memoryview(np.array(rules["depth"], dtype="f8"))
        self.half_spread = memoryview(np.array(rules["half_spread"], dtype="f8"))
        self.reach = memoryview(np.array(rules["reach"], dtype="f8"))
        self.half_life = memoryview(np.array(rules["half_life"], dtype="f8"))
        self.recovery = memoryview(np.array(rules["recovery"], dtype="f8"))
        self.permanent = memoryview(np.array(rules["permanent"], dtype="f8"))
        self.flight = memoryview(np.array(rules["flight"], dtype="f8"))
        self.arbitrage = memoryview(np.array(rules["arbitrage"], dtype="f8"))
        self.knot_time = memoryview(np.array(rules["knot_time"], dtype="f8"))
        self.knot_factor = memoryview(np.array(rules["knot_factor"], dtype="f8"))
        self.grid = memoryview(np.array(rules["grid"], dtype="f8"))
        self.bid_ratio = memoryview(np.array(rules["bid_ratio"], dtype="f8"))
        self.ask_ratio = memoryview(np.array(rules["ask_ratio"], dtype="f8"))
        self.transient = memoryview(np.zeros(n))
        self.lasting = memoryview(np.zeros(n))
        self.seen_reference = memoryview(np.zeros(n))
        self.seen_transient = memoryview(np.zeros(n))
        self.seen_lasting = memoryview(np.zeros(n))
        self.seen_density = memoryview(np.zeros(n))
        self.effective = memoryview(np.zeros(n))
        self.taken = memoryview(np.zeros(n, dtype="i8"))
        self.touched = memoryview(np.zeros(n, dtype="i4"))
        self.empty = memoryview(np.zeros(n, dtype="i4"))
        most = 2 * self.grid.shape[1]  # the tape's levels, and the grid behind them
        self.n_levels = memoryview(np.zeros(2 * n, dtype="i4"))
        self.price = memoryview(np.zeros((2 * n, most), dtype="i8"))
        self.lots = memoryview(np.zeros((2 * n, most), dtype="i8"))
        self.edge = memoryview(np.zeros((2 * n, most)))
        self.new_price = memoryview(np.zeros(most, dtype="i8"))
        self.new_lots = memoryview(np.zeros(most, dtype="i8"))
        self.new_edge = memoryview(np.zeros(most))
        self.n_new = 0
        self.whole = 0.0
        self.given = 0
        self.start = self.time = 0
        self.n_kept = 0
        self._room(256)

    # A step of the mark clock

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def step(self) -> cython.bint:
        """Let displacements come back, measure what was taken, compose every book anew.

        Return whether the next step would change something, though nothing happens before it.
        """
        i: cython.int
        book: Book
        moving: cython.bint = False
        passed: cython.double = self.venue.now - self.time if self.time else 0
        if self.start == 0:
            self.start = self.venue.now
        if passed > 0.0:
            self.relax(passed)
            self.arbitrate(passed)
        # What was taken since then counts from now on.
        for i in range(self.instruments):
            if self.composed[i]:
                self.measure(i)
        for i in range(self.instruments):
            self.effective[i] = self.depth_now(i)
        self.time = self.venue.now
        for i in range(self.instruments):
            if self.composed[i] and self.compose(i):
                moving = True
            if self.transient[i] != 0.0:
                moving = True
        # All books stand before an order that a price set off may meet one.
        for i in range(self.instruments):
            if self.composed[i]:
                book = self.venue.books[i]
                if book.n_rows:
                    self.venue.settle(i)
                self.shift_last(i)
        return moving

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def after_force(self, instrument: cython.int) -> cython.int:
        """The venue's own order is done: without feedback what it took is there again."""
        if self.feedback or not self.composed[instrument]:
            return 0
        book: Book = self.venue.books[instrument]
        side: cython.int
        sign: cython.int
        row: cython.int
        k: cython.int
        for side in range(2):
            sign = 1 if side == 0 else -1
            row = 2 * instrument + side
            for k in range(self.n_levels[row]):
                if book.shown(sign, self.price[row, k]) >= self.lots[row, k]:
                    break
                book.set_level(sign, self.price[row, k], self.lots[row, k])
        if book.n_rows:
            self.venue.settle(instrument)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def reference(self, instrument: cython.int) -> cython.double:
        """The undisturbed mid in ticks: of the tape's book, else its last print, 0 without."""
        book: Book = self.venue.tape_books[instrument]
        if book.bid and book.ask:
            return (book.bid + book.ask) * 0.5
        return self.venue.tape_last[instrument]

    @cython.cfunc
    @cython.exceptval(check=False)
    def tape_mid(self, instrument: cython.int) -> cython.double:
        """The undisturbed mid in quote units, 0 without."""
        return self.reference(instrument) * self.venue.tick_e8[instrument] * UNIT

    # Displacement

    @cython.cfunc
    @cython.exceptval(check=False)
    def measure(self, instrument: cython.int) -> cython.void:
        """Turn what was taken since the last step into displacement, both sides netted."""
        book: Book = self.venue.books[instrument]
        side: cython.int
        row: cython.int
        k: cython.int
        left: cython.longlong
        inner: cython.double
        moved: cython.double = 0.0
        distance: cython.double
        for side in range(2):
            row = 2 * instrument + side
            inner = distance = 0.0
            for k in range(self.n_levels[row]):
                left = book.shown(1 if side == 0 else -1, self.price[row, k])
                if left >= self.lots[row, k]:
                    break  # the best are taken first
                self.touched[instrument] = 1
                self.taken[instrument] += (self.lots[row, k] - left) * (-1 if side == 0 else 1)
                distance += (
                    self.walked(
                        instrument,
                        side,
                        inner,
                        self.edge[row, k],
                        cython.cast(cython.double, self.lots[row, k] - left) / self.lots[row, k],
                    )
                    - inner
                )
                inner = self.edge[row, k]
            moved += distance if side else -distance
        if moved == 0.0 or not self.feedback:
            return
        self.lasting[instrument] += self.permanent[instrument] * moved
        if self.resilience[instrument] != INSTANT:
            self.transient[instrument] += (1.0 - self.permanent[instrument]) * moved

    @cython.cfunc
    @cython.exceptval(check=False)
    def walked(
        self,
        instrument: cython.int,
        side: cython.int,
        inner: cython.double,
        outer: cython.double,
        share: cython.double,
    ) -> cython.double:
        """Distance from the quote after ``share`` of the depth between two distances is gone."""
        if share >= 1.0:
            return outer
        if self.profile[instrument] != LINEAR:
            return inner + share * (outer - inner)
        from_: cython.double = self.seen_transient[instrument]
        sign: cython.double = 1.0 if side else -1.0
        first: cython.double = _cumulative(LINEAR, from_ + sign * inner)
        at: cython.double = first + share * (_cumulative(LINEAR, from_ + sign * outer) - first)
        return sign * ((sqrt(at) if at > 0.0 else -sqrt(-at)) - from_)

    @cython.cfunc
    @cython.exceptval(check=False)
    def relax(self, passed: cython.double) -> cython.void:
        """Let transient displacements come back over ``passed`` ns."""
        i: cython.int
        back: cython.double
        for i in range(self.instruments):
            if self.transient[i] == 0.0:
                continue
            if self.resilience[i] == INSTANT:
                self.transient[i] = 0.0
            elif self.resilience[i] == EXPONENTIAL:
                self.transient[i] *= exponential(-LN_2 * passed / self.half_life[i])
                if -1e-12 < self.transient[i] < 1e-12:
                    self.transient[i] = 0.0  # no price moves by it; ticks may be skipped again
            elif self.resilience[i] == STRAIGHT:
                back = self.recovery[i] * passed / MINUTE_NS
                if self.transient[i] > back:
                    self.transient[i] -= back
                elif self.transient[i] < -back:
                    self.transient[i] += back
                else:
                    self.transient[i] = 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def arbitrate(self, passed: cython.double) -> cython.void:
        """Bring futures and their spot pairs together, at their mean by depth."""
        i: cython.int
        spot: cython.int
        share: cython.double
        weight: cython.double
        gap: cython.double
        for i in range(self.instruments):
            spot = self.pair[i]
            if spot < 0 or self.effective[i] + self.effective[spot] <= 0.0:
                continue
            share = 1.0 - exponential(-LN_2 * passed / self.arbitrage[i])
            weight = self.effective[i] / (self.effective[i] + self.effective[spot])
            gap = share * (self.transient[spot] - self.transient[i])
            self.transient[i] += (1.0 - weight) * gap
            self.transient[spot] -= weight * gap
            gap = share * (self.lasting[spot] - self.lasting[i])
            self.lasting[i] += (1.0 - weight) * gap
            self.lasting[spot] -= weight * gap

    @cython.cfunc
    @cython.exceptval(check=False)
    def depth_now(self, instrument: cython.int) -> cython.double:
        """Notional within a percent: by its knots, and less what has fled from a moved price."""
        depth: cython.double = self.depth[instrument] * self.scale(instrument)
        gone: cython.double = self.transient[instrument]
        if self.flight[instrument] > 0.0 and gone != 0.0:
            depth = depth * exponential(
                -LN_2 * (gone if gone > 0.0 else -gone) / self.flight[instrument]
            )
        return depth

    @cython.cfunc
    @cython.exceptval(check=False)
    def scale(self, instrument: cython.int) -> cython.double:
        """Factor on the depth at this instant, linear between knots and flat outside."""
        k: cython.int = self.first_knot[instrument]
        after: cython.int = self.first_knot[instrument + 1]
        if k == after:
            return 1.0
        at: cython.double = self.venue.now - self.start
        if at <= self.knot_time[k]:
            return self.knot_factor[k]
        while k + 1 < after and self.knot_time[k + 1] <= at:
            k += 1
        if k + 1 == after:
            return self.knot_factor[k]
        return self.knot_factor[k] + (self.knot_factor[k + 1] - self.knot_factor[k]) * (
            (at - self.knot_time[k]) / (self.knot_time[k + 1] - self.knot_time[k])
        )

    # Composing

    @cython.cfunc
    @cython.exceptval(check=False)
    def compose(self, instrument: cython.int) -> cython.bint:
        """Show the levels of this instant; return whether any is another than before."""
        middle: cython.double = self.reference(instrument)
        worth: cython.double = self.venue.pools.index[self.venue.quote[instrument]]
        changed: cython.bint = False
        if self.venue.expired[instrument]:
            self.n_new = 0
            changed = self.show(instrument, 0)
            return self.show(instrument, 1) or changed
        if middle <= 0.0 or worth <= 0.0:
            return False
        density: cython.double = self.effective[instrument] / worth
        if (
            self.profile[instrument] != TAPE
            and not self.touched[instrument]
            and middle == self.seen_reference[instrument]
            and self.transient[instrument] == self.seen_transient[instrument]
            and self.lasting[instrument] == self.seen_lasting[instrument]
            and density == self.seen_density[instrument]
        ):
            return False
        self.touched[instrument] = 0
        self.seen_reference[instrument] = middle
        self.seen_transient[instrument] = self.transient[instrument]
        self.seen_lasting[instrument] = self.lasting[instrument]
        self.seen_density[instrument] = density
        moved: cython.double = self.transient[instrument] + self.lasting[instrument]
        self.venue.move[instrument] = exponential(moved) if moved != 0.0 else 1.0
        middle = middle * self.venue.move[instrument]
        self.make(instrument, 0, middle, density)
        changed = self.show(instrument, 0)
        self.make(instrument, 1, middle, density)
        return self.show(instrument, 1) or changed

    @cython.cfunc
    @cython.exceptval(check=False)
    def make(
        self,
        instrument: cython.int,
        side: cython.int,
        middle: cython.double,
        density: cython.double,
    ) -> cython.void:
        """Work the levels of a side out, best first, into ``new_price`` and its like.

        Lots are whole; what a level has too little of a lot is carried to the next, so that the
        depth up to any of them is exact to a lot.  Levels that fall on one tick are one.
        """
        book: Book = self.venue.books[instrument]
        sign: cython.int = 1 if side == 0 else -1
        tick: cython.double = self.venue.tick_e8[instrument] * UNIT
        inverse: cython.bint = self.venue.product[instrument] == INVERSE
        size: cython.double = self.venue.lot_size[instrument]
        inner: cython.double = 0.0
        at: cython.double
        notional: cython.double
        price: cython.longlong
        k: cython.int
        shadow: Book
        best: cython.double = 0.0
        self.n_new = 0
        self.whole = 0.0
        self.given = 0
        if self.profile[instrument] == TAPE:
            shadow = self.venue.tape_books[instrument]
            best = shadow.best(sign) * self.venue.move[instrument]
            if best > 0.0 and self.depth[instrument] > 0.0:
                inner = self.tape_levels(
                    shadow, instrument, side, self.effective[instrument] / self.depth[instrument]
                )
        for k in range(self.n_grid[instrument]):
            if self.grid[instrument, k] <= inner:
                continue
            if best > 0.0:
                at = 0.5 * (inner + self.grid[instrument, k])
                at = best * exponential(-at if side == 0 else at)
            elif side == 0:
                at = middle * self.bid_ratio[instrument, k]
            else:
                at = middle * self.ask_ratio[instrument, k]
            if at >= TICKS_MAX:
                break
            price = _down(at) if side == 0 else _up(at)
            if side == 1 and price <= book.bid:
                price = book.bid + 1
            if price < 1:
                break
            notional = self.notional(instrument, side, inner, self.grid[instrument, k], density) / (
                size if inverse else price * tick * size
            )
            if not self.put(book, sign, price, notional, inner, self.grid[instrument, k]):
                break
            inner = self.grid[instrument, k]

    @cython.cfunc
    @cython.exceptval(check=False)
    def tape_levels(
        self, book: Book, instrument: cython.int, side: cython.int, factor: cython.double
    ) -> cython.double:
        """Put the tape's own levels, moved; return the distance of the last of them."""
        own: Book = self.venue.books[instrument]
        sign: cython.int = 1 if side == 0 else -1
        best: cython.longlong = book.best(sign)
        at: cython.longlong = best
        away: cython.double = 0.0
        k: cython.int = 0
        price: cython.longlong
        while at and k < self.n_grid[instrument]:
            away = logarithm(cython.cast(cython.double, at) / best) if at != best else 0.0
            if away < 0.0:
                away = -away
            if away > self.reach[instrument]:
                break
            if self.n_new:
                self.new_edge[self.n_new - 1] = away
            price = (
                _down(at * self.venue.move[instrument])
                if side == 0
                else _up(at * self.venue.move[instrument])
            )
            if side == 1 and price <= own.bid:
                price = own.bid + 1
            if price < 1 or not self.put(
                own, sign, price, book.shown(sign, at) * factor, away, away
            ):
                break
            k += 1
            at = book.next_level(sign, at)
        return self.new_edge[self.n_new - 1] if self.n_new else 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def notional(
        self,
        instrument: cython.int,
        side: cython.int,
        inner: cython.double,
        outer: cython.double,
        density: cython.double,
    ) -> cython.double:
        """Notional that a side shows between two distances from its quote."""
        from_: cython.double
        sign: cython.double
        amount: cython.double
        if self.profile[instrument] != LINEAR:
            return density * (outer - inner) / PERCENT
        from_ = self.transient[instrument]
        sign = 1.0 if side else -1.0
        amount = _cumulative(LINEAR, from_ + sign * outer) - _cumulative(
            LINEAR, from_ + sign * inner
        )
        return density * (amount if amount > 0.0 else -amount) / (PERCENT * PERCENT)

    @cython.cfunc
    @cython.exceptval(check=False)
    def put(
        self,
        book: Book,
        side: cython.int,
        price: cython.longlong,
        lots: cython.double,
        inner: cython.double,
        outer: cython.double,
    ) -> cython.bint:
        """Add lots at a price, which is not better than the last; False where it cannot stand.

        They are of the way between two distances.  A level's edge is where its whole lots end, so
        that the way of n lots is the same whatever the lots of a level are.
        """
        before: cython.double = self.whole
        self.whole += lots
        if self.whole > LOTS_MAX or not book.reach(price):
            return False
        here: cython.longlong = _down(self.whole + ROUNDING) - self.given
        n: cython.int = self.n_new
        self.given += here
        if here == 0:
            return True
        edge: cython.double = outer
        if self.given < self.whole:
            edge = inner + (outer - inner) * ((self.given - before) / lots)
        # Rounding may bring a level to the tick of the one before, or beyond it.
        if n and (price >= self.new_price[n - 1] if side > 0 else price <= self.new_price[n - 1]):
            self.new_lots[n - 1] += here
            self.new_edge[n - 1] = edge
            return True
        self.new_price[n] = price
        self.new_lots[n] = here
        self.new_edge[n] = edge
        self.n_new = n + 1
        return True

    @cython.cfunc
    @cython.exceptval(check=False)
    def show(self, instrument: cython.int, side: cython.int) -> cython.bint:
        """Make the book display the new levels; return whether it was another.

        Each level goes from what it was to what it is in one step, as a tape would restate it, so
        that orders resting there keep their place.  New ones are set before old ones go, from the
        outside in: the search for the next best is short then.
        """
        book: Book = self.venue.books[instrument]
        sign: cython.int = 1 if side == 0 else -1
        row: cython.int = 2 * instrument + side
        k: cython.int
        kept: cython.int = self.n_new - 1
        changed: cython.bint = self.n_new != self.n_levels[row]
        for k in range(self.n_new):
            if book.shown(sign, self.new_price[k]) != self.new_lots[k]:
                book.set_level(sign, self.new_price[k], self.new_lots[k])
                changed = True
        for k in range(self.n_levels[row] - 1, -1, -1):
            while kept >= 0 and (
                self.new_price[kept] < self.price[row, k]
                if side == 0
                else self.new_price[kept] > self.price[row, k]
            ):
                kept -= 1
            if kept < 0 or self.new_price[kept] != self.price[row, k]:
                book.set_level(sign, self.price[row, k], 0)
                changed = True
        for k in range(self.n_new):
            self.price[row, k] = self.new_price[k]
            self.lots[row, k] = self.new_lots[k]
            self.edge[row, k] = self.new_edge[k]
        self.n_levels[row] = self.n_new
        return changed

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def shift_last(self, instrument: cython.int) -> cython.int:
        """The last price stands where its print would be now; conditional orders may watch it."""
        told: cython.longlong = self.venue.tape_last[instrument]
        if told == 0:
            return 0
        at: cython.longlong = self.venue.shifted(instrument, told)
        if at != self.venue.last[instrument]:
            self.venue.last[instrument] = at
            tick: cython.longlong = self.venue.tick_e8[instrument]
            watched: cython.longlong = at * tick if at < HIGHEST // tick else HIGHEST
            self.venue.price_seen(instrument, 0, watched)
        return 0

    # For reports

    def state(self, instrument: int) -> tuple[float, float, int]:
        """Undisturbed mid (quote units, 0 if none), displacement as a share of price, net lots
        taken from the displayed levels since the start (above 0: bought).
        """
        moved = float(self.transient[instrument]) + float(self.lasting[instrument])
        return (
            float(self.tape_mid(instrument)),
            exponential(moved) - 1.0,
            int(self.taken[instrument]),
        )

    def keep(self) -> None:
        """Keep a row of the path for the report."""
        if self.n_kept == self.kept_time.shape[0]:
            self._room(2 * int(self.n_kept))
        at = int(self.n_kept)
        self.kept_time[at] = self.venue.now
        for i in range(self.instruments):
            self.kept_reference[at, i], self.kept_displacement[at, i], _ = self.state(i)
        self.n_kept += 1

    def path(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return times ``[row]``, undisturbed mids and displacements ``[row, instrument]``."""
        n = int(self.n_kept)
        return (
            np.array(np.asarray(self.kept_time)[:n]),
            np.array(np.asarray(self.kept_reference)[:n]),
            np.array(np.asarray(self.kept_displacement)[:n]),
        )

    def _room(self, size: int) -> None:
        """Make room for ``size`` rows of the path, keeping those there are."""
        kept = int(self.n_kept)
        times = np.zeros(size, "i8")
        mids, moves = np.zeros((size, self.instruments)), np.zeros((size, self.instruments))
        if kept:
            times[:kept] = np.asarray(self.kept_time)[:kept]
            mids[:kept] = np.asarray(self.kept_reference)[:kept]
            moves[:kept] = np.asarray(self.kept_displacement)[:kept]
        self.kept_time = memoryview(times)
        self.kept_reference = memoryview(mids)
        self.kept_displacement = memoryview(moves)
