"""Exponential weights: what measured correlation and volatility follow from (hot module).

The readable side, with the formulas, is `simulator.risk.measured`; price ranges and credit here are
bit for bit those of ``widened_ranges`` and ``scenario_columns`` with what is measured.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.libc.math import sqrt
    from cython.cimports.simulator.risk.pools import Pools
    from cython.cimports.simulator.units.functions import logarithm
else:
    from math import sqrt

    from simulator.risk.pools import Pools
    from simulator.units.functions import logarithm

YEAR_SECONDS = cython.declare(cython.double, 31_536_000.0)
"""A year of 365 days."""

HALVES = cython.declare(cython.double, 134_217_729.0)
"""2**27 + 1: splits a double into two of 26 bits (T. J. Dekker, 1971)."""

NOTHING = cython.declare(cython.double, float("nan"))


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def lost(a: cython.double, b: cython.double, product: cython.double) -> cython.double:
    """What rounding took from ``a * b``, exactly."""
    c: cython.double = HALVES * a
    high_a: cython.double = c - (c - a)
    low_a: cython.double = a - high_a
    c = HALVES * b
    high_b: cython.double = c - (c - b)
    low_b: cython.double = b - high_b
    return ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b


@cython.ccall
@cython.exceptval(check=False)
def share_of(
    x: cython.double, numerator: cython.double, denominator: cython.double
) -> cython.double:
    """Return ``x * numerator / denominator`` rounded once, as ``float(Fraction)`` rounds.

    Exact for whole numbers below 2**40 and an ``x`` that is not vanishingly small (1e-200).

    >>> share_of(0.1, 5, 12), 0.1 * 5 / 12  # the second is rounded twice
    (0.04166666666666667, 0.041666666666666664)
    """
    product: cython.double = x * numerator
    quotient: cython.double = product / denominator
    back: cython.double = quotient * denominator
    left: cython.double = (product - back) - lost(quotient, denominator, back)
    return quotient + (left + lost(x, numerator, product)) / denominator


@cython.cclass
class Ewma:
    """Weighted sums over the steps of a run, by pair of underlyings.

    - ``decay``: weight of a step beside the next one
    - ``needed``: steps from which a figure counts as measured
    - ``step_seconds``: length of a step

    `aim` says to which pools what is measured is given, `step` takes one and gives.
    """

    def __init__(self, count: int, decay: float, needed: int, step_seconds: float) -> None:
        self.count = count
        self.decay = decay
        self.needed = needed
        self.step_seconds = step_seconds
        size = max(1, count)
        self.last = memoryview(np.zeros(size))
        self.gain = memoryview(np.zeros(size))
        self.moved = memoryview(np.zeros(size, dtype="i4"))
        self.products = memoryview(np.zeros((size, size)))
        self.weights = memoryview(np.zeros((size, size)))
        self.seen = memoryview(np.zeros((size, size), dtype="i8"))
        self.feed = memoryview(np.full(size, -1, dtype="i4"))
        self.of = None
        self.given = False
        self.measure([], [])

    def measure(
        self,
        source,
        ranges,
        reference: float = 0.0,
        widest: float = 1.0,
        rate: float = 0.0,
        share: tuple[int, int] = (0, 1),
        full_from: float = 1.0,
    ) -> None:
        """Say what follows from the measured figures, by underlying of some rules.

        - ``source``: number of an underlying here, -1 = not measured
        - ``ranges``: its price range as it stands, which volatility above ``reference`` (0: none)
          widens, up to ``widest`` times
        - ``rate``: credit where a correlation is not measured or is ``full_from`` or higher; below
          that it is the correlation times ``share``, numerator and denominator
        """
        self.targets = len(source)
        size = max(1, self.targets)
        self.source = memoryview(np.array(source if len(source) else [-1], dtype="i4"))
        self.base = memoryview(np.array(ranges if len(ranges) else [0.0], dtype="f8"))
        self.reference, self.widest = reference, widest
        self.rate, self.full_from = rate, full_from
        self.numerator, self.denominator = share
        self.price_range = memoryview(np.zeros(size))
        self.credit = memoryview(np.zeros((size, size)))
        self.given = False

    def aim(self, columns, feed) -> None:
        """Take prices from pools with these columns from now on: asset numbers, -1 = no price."""
        self.of = columns
        self.feed = memoryview(np.array(feed if len(feed) else [-1], dtype="i4"))
        self.given = False

    # Steps

    def take(self, prices) -> None:
        """Take a step on index prices by underlying; 0 = not known, its returns begin later."""
        for number in range(self.count):
            self._price(number, float(prices[number]))
        self._step()

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def step(self, pools: Pools) -> cython.int:
        """Take a step on the pools' index prices, and give them what follows if it is new."""
        number: cython.int
        for number in range(self.count):
            self._price(number, pools.index[self.feed[number]] if self.feed[number] >= 0 else 0.0)
        self._step()
        return self.give(pools)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _price(self, number: cython.int, price: cython.double) -> cython.void:
        before: cython.double = self.last[number]
        self.moved[number] = price > 0.0 and before > 0.0
        if self.moved[number]:
            self.gain[number] = logarithm(price / before)
        self.last[number] = price

    @cython.cfunc
    @cython.exceptval(check=False)
    def _step(self) -> cython.void:
        """Add the returns; a pair without one keeps its figures: they do not fade into nothing."""
        one: cython.int
        other: cython.int
        for one in range(self.count):
            if not self.moved[one]:
                continue
            for other in range(self.count):
                if self.moved[other]:
                    self.products[one, other] = (
                        self.products[one, other] * self.decay + self.gain[one] * self.gain[other]
                    )
                    self.weights[one, other] = self.weights[one, other] * self.decay + 1.0
                    self.seen[one, other] += 1

    # Figures, not a number while not measured

    @cython.ccall
    @cython.exceptval(check=False)
    def covariance(self, one: cython.int, other: cython.int) -> cython.double:
        """Return the covariance a step."""
        if self.seen[one, other] < self.needed:
            return NOTHING
        return self.products[one, other] / self.weights[one, other]

    @cython.ccall
    @cython.exceptval(check=False)
    def volatility(self, one: cython.int) -> cython.double:
        """Return the annual volatility of an underlying."""
        if self.seen[one, one] < self.needed:
            return NOTHING
        return sqrt(self.covariance(one, one) * YEAR_SECONDS / self.step_seconds)

    @cython.ccall
    @cython.exceptval(check=False)
    def correlation(self, one: cython.int, other: cython.int) -> cython.double:
        """Return the correlation of two underlyings in -1 to 1; one that stands still has none."""
        if self.seen[one, other] < self.needed:
            return NOTHING
        size: cython.double = sqrt(
            self.products[one, one]
            / self.weights[one, one]
            * (self.products[other, other] / self.weights[other, other])
        )
        if not size > 0.0:
            return NOTHING
        found: cython.double = self.covariance(one, other) / size
        if not found > -1.0:
            return -1.0
        return found if found < 1.0 else 1.0

    # What follows

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def give(self, pools: Pools) -> cython.int:
        """Give pools what is measured so far; return whether it is new to them.

        New figures void every pool's safe band; the same ones to the same pools must not.
        """
        if self.targets == 0 or not (self._ranges() | self._credits()):
            return 0
        pools.set_measured(np.asarray(self.price_range), np.asarray(self.credit))
        self.given = True
        return 1

    def figures(self):
        """Return price ranges [underlying] and credit [underlying, underlying] as they now are."""
        self._ranges()
        self._credits()
        found = np.array(self.price_range), np.array(self.credit)
        return found[0][: self.targets], found[1][: self.targets, : self.targets]

    @cython.cfunc
    @cython.exceptval(check=False)
    def _ranges(self) -> cython.bint:
        """Write the price ranges; return whether one is another than was given."""
        new: cython.bint = not self.given
        u: cython.int
        at: cython.int
        share: cython.double
        ratio: cython.double
        for u in range(self.targets):
            at = self.source[u]
            share = self.base[u]
            if self.reference > 0.0 and at >= 0 and self.seen[at, at] >= self.needed:
                ratio = self.volatility(at) / self.reference
                if ratio < 1.0:
                    ratio = 1.0
                if ratio > self.widest:
                    ratio = self.widest
                share *= ratio
            if share != self.price_range[u]:
                self.price_range[u] = share
                new = True
        return new

    @cython.cfunc
    @cython.exceptval(check=False)
    def _credits(self) -> cython.bint:
        """Write the credit of every pair; return whether one is another than was given."""
        new: cython.bint = not self.given
        u: cython.int
        v: cython.int
        credit: cython.double
        known: cython.double
        for u in range(self.targets):
            for v in range(u + 1, self.targets):
                credit = self.rate
                if self.source[u] >= 0 and self.source[v] >= 0:
                    known = self.correlation(self.source[u], self.source[v])
                    if known <= 0.0:
                        credit = 0.0
                    elif known < self.full_from:
                        credit = share_of(known, self.numerator, self.denominator)
                if credit != self.credit[u, v]:
                    self.credit[u, v] = self.credit[v, u] = credit
                    new = True
        return new
