"""Black-76 premium of an option and the volatility that a premium implies, in float.

With F = index * exp(rate * T), s = volatility * sqrt(T), d1 = ln(F / K) / s + s / 2, d2 = d1 - s::

    call = exp(-rate * T) * (F * N(d1) - K * N(d2))
    put = exp(-rate * T) * (K * N(-d2) - F * N(-d1))

Strike and premium are taken in USD.  Source: Black, The pricing of commodity contracts, 1976.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from simulator.calculator.contracts import Contract
from simulator.errors import InputError
from simulator.risk.state import YEAR_NS
from simulator.units.functions import exponential, logarithm, normal_cdf

VOLATILITY_MAX = 20.0

Forwards = Mapping[tuple[str, int], Decimal]
"""Marks of delivery futures, in their settlement asset, by underlying and expiry."""


def years_between(start_ns: int, end_ns: int) -> float:
    """Return years of 365 days."""
    return (end_ns - start_ns) / YEAR_NS


def black_76(forward: float, strike: float, years: float, volatility: float, call: bool) -> float:
    """Return the undiscounted premium per unit.

    >>> round(black_76(100.0, 100.0, 1.0, 0.2, True), 4)
    7.9656
    """
    spread = volatility * math.sqrt(max(years, 0.0))
    if spread < 1e-12:
        return max(0.0, forward - strike if call else strike - forward)
    d1 = logarithm(forward / strike) / spread + spread / 2
    d2 = d1 - spread
    if call:
        return float(forward * normal_cdf(d1) - strike * normal_cdf(d2))
    return float(strike * normal_cdf(-d2) - forward * normal_cdf(-d1))


def growth(rate: Decimal, years: float) -> float:
    """Return exp(rate * years); InputError where it leaves a float."""
    grown = float(exponential(float(rate) * years))
    if not math.isfinite(grown):
        raise InputError(f"rate: {rate} over {years:.0f} years leaves no price")
    return grown


def forward(
    contract: Contract,
    index: Mapping[str, Decimal],
    forwards: Forwards,
    rate: Decimal,
    time_ns: int,
) -> float:
    """Return the forward of an option's underlying in USD: the mark of the delivery future of the
    same expiry, without one index * exp(rate * T).
    """
    listed = forwards.get((contract.underlying, contract.expiry_ns))
    if listed is not None:
        return float(listed * index.get(contract.settle, Decimal(1)))
    years = years_between(time_ns, contract.expiry_ns)
    return float(index[contract.underlying]) * growth(rate, years)


def premium(
    contract: Contract, ahead: float, volatility: Decimal, rate: Decimal, time_ns: int
) -> Decimal:
    """Return the premium of one unit in USD, to 12 digits; ``ahead`` is the forward."""
    years = years_between(time_ns, contract.expiry_ns)
    value = black_76(ahead, float(contract.strike), years, float(volatility), contract.right == "C")
    return Decimal(f"{value * growth(-rate, years):.12g}")


def implied_volatility(
    contract: Contract, ahead: float, usd: Decimal, rate: Decimal, time_ns: int
) -> Decimal | None:
    """Return the volatility at which Black-76 gives a premium of ``usd``.

    0 where the premium is no more than the intrinsic value; None where no volatility gives it.
    """
    years = years_between(time_ns, contract.expiry_ns)
    strike, call = float(contract.strike), contract.right == "C"
    wanted = float(usd) * growth(rate, years)
    low, high = 0.0, VOLATILITY_MAX
    if wanted <= black_76(ahead, strike, years, low, call):
        return Decimal(0)
    if wanted > black_76(ahead, strike, years, high, call):
        return None
    for _ in range(100):
        middle = (low + high) / 2
        if black_76(ahead, strike, years, middle, call) < wanted:
            low = middle
        else:
            high = middle
    return Decimal(repr(high))
