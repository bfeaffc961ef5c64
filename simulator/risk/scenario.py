"""Parameters of the scenario margin model, and the arrays its kernel wants.

The model itself stands in ``reference.py`` (readable) and ``kernels.scenario_initial_margin``
(compiled).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from simulator.risk.components import Component, VolatilityShift
from simulator.risk.kernels import MAX_UNDERLYINGS


@dataclass(frozen=True, slots=True)
class ScenarioRules:
    """What the scenario model is calibrated with.

    - ``price_range``: share of the price by underlying, else ``default_price_range``; 0 for cash
    - ``credit_rate``: share of the matched scan risk that is credited on each leg at the reference
      correlation; at most 1/2, so that no hedge ever earns more than both legs cost
    - ``correlation_reference``: correlation from which the credit is full
    - ``initial_over_maintenance``: initial margin / maintenance margin
    - ``factor_scope``: whether that factor is of the total, or of the worst losses (and the credit
      between them) alone, beside charges, floors and add-ons that are the same in both margins
    - ``grid_steps``: price points between the middle and either end of the range, for products
      that bend
    - ``components``: the parts of the requirement in the order they are printed; empty = the
      linear scan alone
    - ``total_is``: whether the parts add up to initial or to maintenance margin
    - ``moved_price``: what a scenario's move is a share of: a contract's mark or the index
    - ``floor_scope``: floors hold on the pool's sum, or on each underlying's before summing
    - ``reference_volatility``: measured annual volatility up to which the price range stands;
      above it the range grows in proportion, up to ``widest_range`` times; None = it stands
    - ``half_life_seconds``, ``step_seconds``: of the measured correlation and volatility (EWMA of
      log returns of index prices, one each step)
    """

    default_price_range: Fraction
    credit_rate: Fraction
    correlation_reference: Decimal
    initial_over_maintenance: Decimal
    price_range: Mapping[str, Fraction] = field(default_factory=dict)
    grid_steps: int = 3
    components: tuple[Component, ...] = ()
    volatility: VolatilityShift = field(default_factory=VolatilityShift)
    total_is: Literal["initial", "maintenance"] = "initial"
    moved_price: Literal["mark", "index"] = "mark"
    floor_scope: Literal["pool", "unit"] = "pool"
    factor_scope: Literal["total", "worst"] = "total"
    credit_name: str = "inter_credit"
    reference_volatility: Decimal | None = None
    widest_range: Decimal = Decimal(1)
    half_life_seconds: int = 3600
    step_seconds: int = 60

    def range_of(self, underlying: str) -> Fraction:
        """Return the price range of one underlying, as a share of its price."""
        return self.price_range.get(underlying, self.default_price_range)

    def credit_share(self, correlation: Decimal | None) -> Fraction:
        """Return ``credit_rate * clip(correlation / reference, 0, 1)``; None = the reference
        correlation.
        """
        if correlation is None:
            return self.credit_rate
        share = Fraction(correlation) / Fraction(self.correlation_reference)
        return self.credit_rate * min(max(share, Fraction(0)), Fraction(1))


Correlations = Mapping[tuple[str, str], Decimal]
"""Correlation by pair of underlyings, either order; a missing pair stands at the reference."""


def pair_correlation(correlation: Correlations, one: str, other: str) -> Decimal | None:
    """Return the correlation given for a pair, in either order; None where there is none."""
    found = correlation.get((one, other))
    return found if found is not None else correlation.get((other, one))


@dataclass(frozen=True, slots=True)
class ScenarioColumns:
    """``price_range`` [underlying] and ``credit`` [underlying, underlying], as the kernel wants
    them.

    ``credit_rate`` and ``correlation_reference`` are for updating ``credit`` from a measured
    correlation.
    """

    price_range: npt.NDArray[np.float64]
    credit: npt.NDArray[np.float64]
    credit_rate: float
    correlation_reference: float
    initial_over_maintenance: float


def scenario_columns(
    rules: ScenarioRules, underlyings: Sequence[str], correlation: Correlations | None = None
) -> ScenarioColumns:
    """Return the arrays of ``underlyings``, in that order; the diagonal of ``credit`` is 0.

    Raises ``ValueError`` for more than MAX_UNDERLYINGS: the kernel could not match them.
    """
    if len(underlyings) > MAX_UNDERLYINGS:
        raise ValueError(
            f"at most {MAX_UNDERLYINGS} underlyings can be margined together, "
            f"not {len(underlyings)}"
        )
    given = correlation or {}
    credit = np.zeros((len(underlyings), len(underlyings)), dtype=np.float64)
    for i, one in enumerate(underlyings):
        for j, other in enumerate(underlyings):
            if i != j:
                credit[i, j] = float(rules.credit_share(pair_correlation(given, one, other)))
    return ScenarioColumns(
        price_range=np.array([float(rules.range_of(u)) for u in underlyings], dtype=np.float64),
        credit=credit,
        credit_rate=float(rules.credit_rate),
        correlation_reference=float(rules.correlation_reference),
        initial_over_maintenance=float(rules.initial_over_maintenance),
    )
