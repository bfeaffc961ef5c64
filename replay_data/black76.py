"""Black-76 from IEEE 754 operations alone, so that prices have the same bits on every machine.

A European option on a forward ``F`` with volatility ``v`` and ``T`` years to go, undiscounted::

    s  = v * sqrt(T)          d1 = ln(F / K) / s + s / 2          d2 = d1 - s
    C  = F * N(d1) - K * N(d2)                                    P  = C - F + K

``exp``, ``ln`` and ``N`` of a library differ in the last bit from one C library to another; these
use ``+ - * /`` and powers of two in a fixed order.  ``exp`` and ``ln`` are right to 1e-15 of the
value, ``N`` to 1e-15 (a test holds them to ``math``).  Source: Black, The pricing of commodity
contracts, 1976; ``N`` after Hart's rational approximation in West, Better approximations to
cumulative normal functions, 2005.
"""

from __future__ import annotations

import numpy as np

from replay_data.draws import Floats

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""``ln 2`` in two parts: multiples of the first below 2**20 are exact (Cody and Waite)."""

ROOT_OF_TWO = 1.4142135623730951
ROOT_OF_TWO_PI = 2.5066282746310002

UPPER = (
    3.52624965998911e-02, 0.700383064443688, 6.37396220353165, 33.912866078383,
    112.079291497871, 221.213596169931, 220.206867912376,
)  # fmt: skip
LOWER = (
    8.83883476483184e-02, 1.75566716318264, 16.064177579207, 86.7807322029461,
    296.564248779674, 637.333633378831, 793.826512519948, 440.413735824752,
)  # fmt: skip


TERMS = 24
"""Of the continued fraction beyond seven deviations."""


def horner(x: Floats, coefficients: tuple[float, ...]) -> Floats:
    """Return a polynomial, highest power first."""
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def exponential(x: Floats) -> Floats:
    """Return ``e ** x`` for |x| below 700."""
    power = np.rint(x / (LN2_HIGH + LN2_LOW))
    rest = (x - power * LN2_HIGH) - power * LN2_LOW
    value = np.ones_like(rest)
    for term in range(14, 0, -1):
        value = 1.0 + rest / term * value
    return np.ldexp(value, power.astype(np.int64))


def logarithm(x: Floats) -> Floats:
    """Return ``ln x`` of values above 0: ``2 * artanh((m - 1) / (m + 1))`` of the mantissa."""
    mantissa, power = np.frexp(x)
    low = mantissa * ROOT_OF_TWO < 1.0
    mantissa = np.where(low, mantissa * 2.0, mantissa)
    power = np.where(low, power - 1, power).astype(np.float64)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square = ratio * ratio
    total = np.zeros_like(ratio)
    for odd in range(27, 0, -2):
        total = total * square + 1.0 / odd
    return power * LN2_HIGH + (2.0 * ratio * total + power * LN2_LOW)


def normal(x: Floats) -> Floats:
    """Return the standard normal distribution function."""
    size = np.minimum(np.abs(x), 37.0)
    bell = exponential(-size * size / 2.0)
    near = bell * horner(size, UPPER) / horner(size, LOWER)
    far = np.maximum(size, 1.0)
    fraction = far
    for step in range(TERMS, 0, -1):
        fraction = far + step / fraction
    upper = np.where(size < 7.07106781186547, near, bell / (fraction * ROOT_OF_TWO_PI))
    return np.where(x > 0.0, 1.0 - upper, upper)


def price(right: str, forward: Floats, strike: float, deviation: Floats) -> Floats:
    """Return the price of a call (``right`` C) or put; ``deviation`` is ``v * sqrt(T)``."""
    d1 = logarithm(forward / strike) / deviation + deviation / 2.0
    # The side out of the money is computed: no cancellation.
    call = forward * normal(d1) - strike * normal(d1 - deviation)
    put = strike * normal(deviation - d1) - forward * normal(-d1)
    inside = forward - strike
    exact: Floats = np.where(forward < strike, call, put + inside)
    return np.maximum(exact if right == "C" else exact - inside, 0.0)


def delta(right: str, forward: Floats, strike: float, deviation: Floats) -> Floats:
    """Return how much the price moves with the forward."""
    d1 = logarithm(forward / strike) / deviation + deviation / 2.0
    return normal(d1) if right == "C" else normal(d1) - 1.0


def vega(forward: Floats, strike: float, years: Floats, volatility: Floats) -> Floats:
    """Return how much the price moves with the volatility, for a whole 1.0 of it."""
    root = np.sqrt(years)
    d1 = logarithm(forward / strike) / (volatility * root) + volatility * root / 2.0
    bell = exponential(-np.minimum(d1 * d1, 1000.0) / 2.0)
    return forward * bell / ROOT_OF_TWO_PI * root
