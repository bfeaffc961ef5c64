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
The sums are `simulator.risk.ewma`'s, in a fixed order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from simulator.risk.columns import MarginColumns, widened_ranges
from simulator.risk.ewma import Ewma
from simulator.risk.scenario import Correlations, ScenarioRules, scenario_columns
from simulator.units.functions import power


class Measured:
    """Measured correlation and volatility of ``underlyings``, one `step` each ``step_seconds``.

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
        self.ewma = Ewma(
            len(self.underlyings),
            power(0.5, rules.step_seconds / rules.half_life_seconds),
            max(2, math.ceil(rules.half_life_seconds / rules.step_seconds)),
            rules.step_seconds,
        )

    def step(self, prices: Sequence[float]) -> None:
        """Take the index prices of this step; 0 = not known, its returns begin later."""
        self.ewma.take(prices)

    def covariance(self, one: int, other: int) -> float | None:
        """Return the covariance a step, None while too few steps are seen."""
        return _known(self.ewma.covariance(one, other))

    def volatility(self, one: int) -> float | None:
        """Return the annual volatility of an underlying, None while not measured."""
        return _known(self.ewma.volatility(one))

    def correlation(self, one: int, other: int) -> float | None:
        """Return the correlation of two underlyings in -1 to 1, None while not measured."""
        return _known(self.ewma.correlation(one, other))

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

        By other rules of scenarios and for their underlyings, where given.  In exact fractions,
        rounded once: what `aim` makes the compiled sums follow is the same to the bit.
        """
        rules = rules or self.rules
        underlyings = underlyings or self.underlyings
        ranges = widened_ranges(rules, underlyings, self.volatilities())
        return ranges, scenario_columns(rules, underlyings, self.correlations()).credit

    def aim(self, columns: MarginColumns, follows: bool) -> None:
        """Have steps taken on the index prices of pools with these columns from now on.

        ``follows``: their margin depends on what is measured, so they are given it.
        """
        asset = dict(zip(columns.underlyings, columns.asset_of.tolist(), strict=True))
        self.ewma.aim(columns, [asset.get(name, -1) for name in self.underlyings])
        if not follows:
            self.ewma.measure([], [])
            return
        rules = columns.rules.scenario
        number = {name: at for at, name in enumerate(self.underlyings)}
        share = rules.credit_rate / Fraction(rules.correlation_reference)
        self.ewma.measure(
            [number.get(name, -1) for name in columns.underlyings],
            [float(rules.range_of(name)) for name in columns.underlyings],
            float(rules.reference_volatility or 0),
            float(rules.widest_range),
            float(rules.credit_rate),
            (share.numerator, share.denominator),
            _not_below(rules.correlation_reference),
        )


def _known(figure: float) -> float | None:
    return None if math.isnan(figure) else figure


def _not_below(limit: Decimal) -> float:
    """Return the least float that is not below a limit.

    >>> _not_below(Decimal("0.8")), _not_below(Decimal("0.3")) > 0.3, _not_below(Decimal(1))
    (0.8, True, 1.0)
    """
    nearest = float(limit)
    return nearest if Fraction(nearest) >= Fraction(limit) else math.nextafter(nearest, math.inf)
