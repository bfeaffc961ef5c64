"""Scan risk: the worst loss of one underlying's positions over a grid of scenarios (hot module).

Linear positions are one number (their delta value), because they move in proportion; contracts
settled in their coin, in a pool kept in that coin, another.  Options bend: what one option gains
in each scenario depends on the option alone, not on who holds it, so it is computed once per
change of its inputs and kept in ``gain``; revaluing a pool is multiply and add.

An amount *h* of the underlying that the pool holds offsets a loss.  The worst loss as a function
of *h* is convex and made of straight lines; `Scan.worst` walks along its upper edge to the
smallest *h* where it is least, exactly.
"""

from __future__ import annotations

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.risk.options import (
        black76,
        black76_delta,
        implied_volatility,
        moved_volatility,
        term_factor,
    )
    from cython.cimports.simulator.units.functions import exponential
else:
    from simulator.risk.options import (
        black76,
        black76_delta,
        implied_volatility,
        moved_volatility,
        term_factor,
    )
    from simulator.units.functions import exponential

YEAR_DAYS = cython.declare(cython.double, 365.0)


@cython.cclass
class Scan:
    """Scenario rows by underlying and grid, and what each option gains in them.

    Rows ``bound[u, g]`` to ``bound[u, g + 1]`` are grid *g* of underlying *u*; the rows of one
    underlying follow each other.  ``move`` is the price move as it now is: rows of grids whose
    moves are shares of the price range follow ``set_ranges``.  In an extended table options move
    by ``price_move`` and count by ``counted``, all else by ``move``, the range's edge; ``relief``
    comes off the loss (``components.Grid``).
    """

    def __init__(self, columns, instruments: int) -> None:
        self.grids = columns.bound.shape[1] - 1
        self.bound = memoryview(np.ascontiguousarray(columns.bound, dtype=np.intp))
        self.share = memoryview(np.array(columns.share, dtype="f8"))
        self.of_range = memoryview(np.array(columns.of_range, dtype="i4"))
        self.extended = memoryview(np.array(columns.extended, dtype="i4"))
        self.dampener = memoryview(np.array(columns.dampener, dtype="f8"))
        self.weight = memoryview(np.array(columns.weight, dtype="f8"))
        self.direction = memoryview(np.array(columns.direction, dtype="i4"))
        self.shift = memoryview(np.array(columns.shift, dtype="f8"))
        self.own_shift = memoryview(np.array(columns.own_shift, dtype="i4"))
        self.days = memoryview(np.array(columns.days, dtype="f8"))
        rows = max(1, len(columns.share))
        self.move = memoryview(np.zeros(rows))
        self.coin_move = memoryview(np.zeros(rows))
        self.price_move = memoryview(np.zeros(rows))
        self.counted = memoryview(np.ones(rows))
        self.relief = memoryview(np.zeros(rows))
        self.value = memoryview(np.zeros(rows))
        self.option_gain = memoryview(np.zeros(rows))
        wide = max(1, self.grids)
        self.rise = memoryview(np.zeros((columns.bound.shape[0], wide)))
        self.fall = memoryview(np.zeros((columns.bound.shape[0], wide)))
        self.relieved = memoryview(np.zeros((columns.bound.shape[0], wide), dtype="i4"))
        self.up = columns.shift_up
        self.down = columns.shift_down
        self.relative = columns.shift_relative
        self.reference_days = columns.reference_days
        self.short_exponent = columns.short_exponent
        self.long_exponent = columns.long_exponent
        self.minimum_days = columns.minimum_days
        self.floor_up = columns.floor_up
        spans = columns.bound[:, -1] - columns.bound[:, 0]
        width = int(spans.max()) if len(spans) else 1
        options = instruments if columns.any_options else 0
        self.gain = memoryview(np.zeros((max(1, options), max(1, width))))
        self.delta = memoryview(np.zeros(max(1, options)))
        # What an option was last valued with: forward, volatility, years, strike.
        self.used = memoryview(np.full((max(1, options), 4), -1.0))
        # What an implied volatility was worked out from: price, forward, years; and itself.
        self.implying = memoryview(np.full((max(1, options), 4), -1.0))
        self.offset = 0.0
        self.valued = 0
        self.set_ranges(memoryview(np.array(columns.price_range, dtype="f8")))

    @cython.ccall
    @cython.exceptval(check=False)
    def set_ranges(self, price_range: cython.double[::1]) -> cython.void:
        """Take the underlyings' price ranges as they now are; options are valued anew."""
        u: cython.Py_ssize_t
        g: cython.Py_ssize_t
        k: cython.Py_ssize_t
        loss: cython.double
        reach: cython.double
        changed: cython.bint = False
        for u in range(self.bound.shape[0]):
            for k in range(self.bound[u, 0], self.bound[u, self.grids]):
                loss = self.share[k] * (price_range[u] if self.of_range[k] else 1.0)
                reach = 1.0
                if self.extended[k]:
                    if price_range[u] <= 0.0:
                        loss = 0.0
                    elif (loss if loss > 0.0 else -loss) > price_range[u]:
                        reach = (loss if loss > 0.0 else -loss) / price_range[u]
                if loss != self.price_move[k] or self.counted[k] != 1.0 / reach:
                    changed = True
                self.price_move[k] = loss
                self.counted[k] = 1.0 / reach
                self.relief[k] = self.dampener[k] * (reach - 1.0)
                loss = loss / reach
                self.move[k] = loss
                # A coin that lost everything would make an inverse long's loss endless.
                self.coin_move[k] = 1.0 - 1.0 / (1.0 + loss) if loss > -1.0 else -1e9
            for g in range(self.grids):
                self.rise[u, g] = self.fall[u, g] = 0.0
                self.relieved[u, g] = 0
                for k in range(self.bound[u, g], self.bound[u, g + 1]):
                    if self.relief[k] != 0.0:
                        self.relieved[u, g] = 1
                    loss = self.weight[k] * self.move[k]
                    if loss > self.rise[u, g]:
                        self.rise[u, g] = loss
                    if -loss > self.fall[u, g]:
                        self.fall[u, g] = -loss
        if changed:
            for k in range(self.used.shape[0]):
                self.used[k, 0] = -1.0

    @cython.ccall
    @cython.exceptval(check=False)
    def value_option(
        self,
        instrument: cython.int,
        u: cython.int,
        forward: cython.double,
        strike: cython.double,
        volatility: cython.double,
        years: cython.double,
        rate: cython.double,
        call: cython.bint,
    ) -> cython.void:
        """Value an option in every scenario of its underlying, unless nothing has changed.

        Writes ``gain[instrument, row]``, per unit and in the unit of ``forward``, and ``delta``.
        The rate is the pool's, fixed for a run.
        """
        if (
            self.used[instrument, 0] == forward
            and self.used[instrument, 1] == volatility
            and self.used[instrument, 2] == years
            and self.used[instrument, 3] == strike
        ):
            return
        self.used[instrument, 0] = forward
        self.used[instrument, 1] = volatility
        self.used[instrument, 2] = years
        self.used[instrument, 3] = strike
        self.valued += 1
        factor: cython.double = term_factor(
            years, self.reference_days, self.short_exponent, self.long_exponent, self.minimum_days
        )
        now: cython.double = black76(forward, strike, volatility, years, rate, call)
        first: cython.Py_ssize_t = self.bound[u, 0]
        k: cython.Py_ssize_t
        amount: cython.double
        up: cython.bint
        moved: cython.double
        left: cython.double
        price: cython.double
        for k in range(first, self.bound[u, self.grids]):
            moved = volatility
            if self.direction[k] != 0:
                up = self.direction[k] > 0
                amount = self.up if up else self.down
                if self.own_shift[k]:
                    amount = self.shift[k]
                moved = moved_volatility(
                    volatility,
                    amount * factor,
                    up,
                    self.relative or self.own_shift[k] != 0,
                    self.floor_up,
                )
            left = years - self.days[k] / YEAR_DAYS
            if left < 0.0:
                left = 0.0
            price = forward * (1.0 + self.price_move[k])
            price = black76(price, strike, moved, left, rate, call)
            self.gain[instrument, k - first] = (price - now) * self.counted[k]
        self.delta[instrument] = black76_delta(forward, strike, volatility, years, call)

    @cython.ccall
    @cython.exceptval(check=False)
    def implied(
        self,
        instrument: cython.int,
        price: cython.double,
        forward: cython.double,
        strike: cython.double,
        years: cython.double,
        rate: cython.double,
        call: cython.bint,
    ) -> cython.double:
        """Return the volatility that an option's price implies; kept until an input changes."""
        if (
            self.implying[instrument, 0] != price
            or self.implying[instrument, 1] != forward
            or self.implying[instrument, 2] != years
        ):
            self.implying[instrument, 0] = price
            self.implying[instrument, 1] = forward
            self.implying[instrument, 2] = years
            self.implying[instrument, 3] = implied_volatility(
                price, forward, strike, years, rate, call
            )
        return self.implying[instrument, 3]

    @cython.ccall
    @cython.exceptval(check=False)
    def clear_options(self, u: cython.int) -> cython.void:
        """Forget the options of one underlying that ``add_option`` collected."""
        k: cython.Py_ssize_t
        for k in range(self.bound[u, 0], self.bound[u, self.grids]):
            self.option_gain[k] = 0.0

    @cython.ccall
    @cython.exceptval(check=False)
    def add_option(
        self, instrument: cython.int, u: cython.int, quantity: cython.double
    ) -> cython.void:
        """Add ``quantity`` units (times the settlement asset's index price) of an option."""
        first: cython.Py_ssize_t = self.bound[u, 0]
        k: cython.Py_ssize_t
        for k in range(self.bound[u, self.grids] - first):
            self.option_gain[first + k] += quantity * self.gain[instrument, k]

    @cython.ccall
    @cython.exceptval(check=False)
    def worst(
        self,
        u: cython.int,
        g: cython.int,
        linear: cython.double,
        coin: cython.double,
        held: cython.double,
        options: cython.bint,
    ) -> cython.double:
        """Return the worst loss of underlying ``u`` over grid ``g``, >= 0; write ``offset``.

        - ``linear``: delta value of what moves in proportion, USD, net of loans
        - ``coin``: delta value of inverse contracts whose profit counts in coin, USD
        - ``held``: value of the underlying held, USD, >= 0, of which ``offset`` is used
        - ``options``: whether ``add_option`` collected any
        """
        net: cython.double = linear
        self.offset = 0.0
        if not options and coin == 0.0 and not self.relieved[u, g]:
            if net >= 0.0:
                return net * self.fall[u, g]
            if held > 0.0:
                self.offset = held if held < -net else -net
                net = net + self.offset
            return -net * self.rise[u, g]
        first: cython.Py_ssize_t = self.bound[u, g]
        end: cython.Py_ssize_t = self.bound[u, g + 1]
        k: cython.Py_ssize_t
        at: cython.Py_ssize_t = -1
        top: cython.double = 0.0
        if not options:
            # What options of another pool left behind is not this pool's.
            self.clear_options(u)
        for k in range(first, end):
            self.value[k] = -self.relief[k] - self.weight[k] * (
                linear * self.move[k] + coin * self.coin_move[k] + self.option_gain[k]
            )
            if self.value[k] > top:
                top = self.value[k]
                at = k
        if at < 0 or held <= 0.0:
            return top
        return self.offset_loss(first, end, at, held)

    @cython.cfunc
    @cython.exceptval(check=False)
    def offset_loss(
        self,
        first: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        held: cython.double,
    ) -> cython.double:
        """Walk the upper edge of the loss lines ``value - weight * move * h`` to its lowest point.

        It starts on line ``at``, the highest at h = 0, and changes to the steeper-rising line that
        it meets first; it ends where the edge no longer falls, meets 0, or all is used.
        """
        h: cython.double = 0.0
        slope: cython.double
        other: cython.double
        step: cython.double
        cross: cython.double
        top: cython.double = self.value[at]
        next_slope: cython.double
        k: cython.Py_ssize_t
        following: cython.Py_ssize_t
        turn: cython.Py_ssize_t
        for turn in range(end - first + 1):  # noqa: B007
            slope = -self.weight[at] * self.move[at]
            if slope >= 0.0:
                break
            step = held - h
            following = -1
            next_slope = slope
            cross = top / -slope
            if cross < step:
                step = cross
            for k in range(first, end):
                other = -self.weight[k] * self.move[k]
                if other <= slope:
                    continue
                cross = (top - (self.value[k] + other * h)) / (other - slope)
                if cross < 0.0:
                    cross = 0.0
                if cross < step or (cross == step and following >= 0 and other > next_slope):
                    step = cross
                    following = k
                    next_slope = other
            h += step
            top = self.value[at] + slope * h
            if following < 0:
                break
            at = following
            top = self.value[at] - self.weight[at] * self.move[at] * h
        self.offset = h
        return top if top > 0.0 else 0.0

    @cython.ccall
    @cython.exceptval(check=False)
    def forward_of(
        self, index: cython.double, rate: cython.double, years: cython.double
    ) -> cython.double:
        """Return ``index * exp(rate * years)``."""
        return index * exponential(rate * years) if rate != 0.0 else index

    def gains(self):
        """Return what each option gains in each scenario row, per unit: [instrument, row]."""
        return np.asarray(self.gain)
