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
from simulator.risk.state import YEAR_NS

VOLATILITY_MAX = 20.0


def years_between(start_ns: int, end_ns: int) -> float:
    """Return years of 365 days."""
    return (end_ns - start_ns) / YEAR_NS


def black_76(forward: float, strike: float, years: float, volatility: float, call: bool) -> float:
    """Return the undiscounted premium per unit.

    >>> round(black_76(100.0, 100.0, 1.0, 0.2, True), 4)
    7.9656
    """
    spread = volatility * math.sqrt(years)
    if spread < 1e-12:
        return max(0.0, forward - strike if call else strike - forward)
    d1 = math.log(forward / strike) / spread + spread / 2
    d2 = d1 - spread
    if call:
        return forward * _normal(d1) - strike * _normal(d2)
    return strike * _normal(-d2) - forward * _normal(-d1)


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def premium(
    contract: Contract,
    index: Mapping[str, Decimal],
    volatility: Decimal,
    rate: Decimal,
    time_ns: int,
) -> Decimal:
    """Return the premium of one unit of underlying in USD, to 12 significant digits."""
    years = years_between(time_ns, contract.expiry_ns)
    growth = math.exp(float(rate) * years)
    forward = float(index[contract.underlying]) * growth
    value = black_76(
        forward, float(contract.strike), years, float(volatility), contract.right == "C"
    )
    return Decimal(f"{value / growth:.12g}")


def implied_volatility(
    contract: Contract,
    index: Mapping[str, Decimal],
    usd: Decimal,
    rate: Decimal,
    time_ns: int,
) -> Decimal | None:
    """Return the volatility at which Black-76 gives a premium of ``usd``.

    0 where the premium is no more than the intrinsic value; None where no volatility gives it.
    """
    years = years_between(time_ns, contract.expiry_ns)
    growth = math.exp(float(rate) * years)
    forward, strike = float(index[contract.underlying]) * growth, float(contract.strike)
    call = contract.right == "C"
    wanted = float(usd) * growth
    low, high = 0.0, VOLATILITY_MAX
    if wanted <= black_76(forward, strike, years, low, call):
        return Decimal(0)
    if wanted > black_76(forward, strike, years, high, call):
        return None
    for _ in range(100):
        middle = (low + high) / 2
        if black_76(forward, strike, years, middle, call) < wanted:
            low = middle
        else:
            high = middle
    return Decimal(repr(high))
