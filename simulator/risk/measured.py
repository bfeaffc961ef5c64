"""Correlation and volatility measured on a run's own index prices, by exponential weights (EWMA).

At every step of ``step_seconds`` of market time the log return of each underlying's index price
enters; a return that is *k* steps old weighs ``d ** k`` with ``d = 0.5 ** (step / half life)``::

    C_ij        = sum of d^k r_i r_j / sum of d^k        over steps in which both had a price
    correlation = C_ij / sqrt(C_ii C_jj)
    volatility  = sqrt(C_ii * steps a year)              annual, year of 365 days

Returns count as they are: over such short steps their mean is noise beside their size.  Until a
half life of steps is seen a figure is not measured, and the rulebook's reference stands; so it does
where an underlying has not moved.  Source: J. P. Morgan/Reuters, RiskMetrics Technical Document,
4th ed. 1996, section 5.2.

Between steps nothing changes, so what margin needs from here moves on a timer and not by the tick.
``log`` and ``sqrt`` are the C library's; sums run in a fixed order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from simulator.risk.columns import widened_ranges
from simulator.risk.pools import Pools
from simulator.risk.scenario import Correlations, ScenarioRules, scenario_columns
from simulator.units.functions import logarithm, power

YEAR_SECONDS = 365 * 86_400


class Measured:
    """Measured correlation and volatility of ``underlyings``, one `step` each ``step_seconds``.

    >>> from fractions import Fraction
    >>> rules = ScenarioRules(
    ...     Fraction(1, 10), Fraction(1, 3), Decimal("0.8"), Decimal("1.5"), half_life_seconds=120
    ... )
    >>> measured = Measured(rules, ["BTC", "ETH"])
    >>> for btc, eth in [(100, 10), (101, 10.1), (100, 10), (102, 10.2)]:
    ...     measured.step([btc, eth])
    >>> round(measured.correlation(0, 1), 6)
    1.0
    """

    def __init__(self, rules: ScenarioRules, underlyings: Sequence[str]) -> None:
        self.rules = rules
        self.underlyings = tuple(underlyings)
        count = len(self.underlyings)
        self.decay = power(0.5, rules.step_seconds / rules.half_life_seconds)
        self.needed = max(2, math.ceil(rules.half_life_seconds / rules.step_seconds))
        self._last = [0.0] * count
        # Plain lists: for a handful of underlyings numpy's calls cost more than the sums.
        self._products = [[0.0] * count for _ in range(count)]
        self._weights = [[0.0] * count for _ in range(count)]
        self._seen = [[0] * count for _ in range(count)]
        self._numbers: tuple[object, list[int]] = (None, [])
        self._plain: tuple[object, tuple[str, ...], npt.NDArray[np.float64]]
        self._plain = (None, (), np.zeros((0, 0)))

    def step(self, prices: Sequence[float]) -> None:
        """Take the index prices of this step; 0 = not known, its returns begin later."""
        returns: list[tuple[int, float]] = []
        for number, price in enumerate(prices):
            before = self._last[number]
            if price > 0 and before > 0:
                returns.append((number, logarithm(price / before)))
            self._last[number] = float(price)
        # A pair without a return keeps its figures: they do not fade into nothing.
        decay = self.decay
        for one, first in returns:
            products, weights, seen = self._products[one], self._weights[one], self._seen[one]
            for other, second in returns:
                products[other] = products[other] * decay + first * second
                weights[other] = weights[other] * decay + 1
                seen[other] += 1

    def covariance(self, one: int, other: int) -> float | None:
        """Return the covariance a step, None while too few steps are seen."""
        if self._seen[one][other] < self.needed:
            return None
        return self._products[one][other] / self._weights[one][other]

    def volatility(self, one: int) -> float | None:
        """Return the annual volatility of an underlying, None while not measured."""
        variance = self.covariance(one, one)
        if variance is None:
            return None
        return math.sqrt(variance * YEAR_SECONDS / self.rules.step_seconds)

    def correlation(self, one: int, other: int) -> float | None:
        """Return the correlation of two underlyings in -1 to 1, None while not measured."""
        common = self.covariance(one, other)
        if common is None:
            return None
        size = math.sqrt(
            self._products[one][one]
            / self._weights[one][one]
            * (self._products[other][other] / self._weights[other][other])
        )
        return min(1.0, max(-1.0, common / size)) if size > 0 else None

    def correlations(self) -> Correlations:
        """Return the measured correlations by pair, as a `PoolState` has them."""
        count = len(self.underlyings)
        found: dict[tuple[str, str], Decimal] = {}
        for one in range(count):
            for other in range(one + 1, count):
                value = self.correlation(one, other)
                if value is not None:
                    found[self.underlyings[one], self.underlyings[other]] = Decimal(value)
        return found

    def volatilities(self) -> dict[str, Decimal]:
        """Return the measured annual volatilities by underlying."""
        values = {name: self.volatility(one) for one, name in enumerate(self.underlyings)}
        return {name: Decimal(value) for name, value in values.items() if value is not None}

    def columns(
        self, rules: ScenarioRules | None = None, underlyings: Sequence[str] | None = None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return price ranges and credit as they now are, for `Pools.set_measured`.

        By other rules of scenarios and for their underlyings, where given.
        """
        rules = rules or self.rules
        underlyings = underlyings or self.underlyings
        ranges = widened_ranges(rules, underlyings, self.volatilities())
        correlations = self.correlations()
        if correlations:
            return ranges, scenario_columns(rules, underlyings, correlations).credit
        # The reference's, which every step would find the same.
        known, names, credit = self._plain
        if known is not rules or names != tuple(underlyings):
            credit = scenario_columns(rules, underlyings).credit
            self._plain = (rules, tuple(underlyings), credit)
        return ranges, credit.copy()

    def step_on(self, pools: Pools) -> None:
        """Take a step on the pools' own index prices."""
        columns = pools.columns
        known, numbers = self._numbers
        if known is not columns:
            asset = dict(zip(columns.underlyings, columns.asset_of.tolist(), strict=True))
            numbers = [asset.get(name, -1) for name in self.underlyings]
            self._numbers = (columns, numbers)
        self.step([pools.index_price(n) if n >= 0 else 0.0 for n in numbers])
