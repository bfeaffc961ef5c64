"""Black-76 and the volatilities of a scenario (hot module).

With forward *F*, strike *K*, annual volatility *v*, *T* years and annual rate *r*::

    call = exp(-rT) * (F * N(d1) - K * N(d2))      d1 = ln(F / K) / (v * sqrt(T)) + v * sqrt(T) / 2
    put  = exp(-rT) * (K * N(-d2) - F * N(-d1))    d2 = d1 - v * sqrt(T)

``N`` is the standard normal distribution function.  At or past expiry, and without volatility, the
value is the discounted intrinsic one.  Functions are those of ``simulator.units.functions``, which
give the same bits everywhere.  Source: F. Black, "The pricing of commodity contracts", 1976.
Readable twin: ``simulator.risk.reference``.
"""

from __future__ import annotations

import cython

if cython.compiled:
    from cython.cimports.libc.math import sqrt
    from cython.cimports.simulator.units.functions import exponential, logarithm, normal_cdf, power
else:
    from math import sqrt

    from simulator.units.functions import exponential, logarithm, normal_cdf, power

_NOTHING = 1e-12  # v * sqrt(T) below this: the value is the intrinsic one


def black76(
    forward: cython.double,
    strike: cython.double,
    volatility: cython.double,
    years: cython.double,
    rate: cython.double,
    call: cython.bint,
) -> cython.double:
    """Return the value of a European option, in the unit of ``forward``.

    >>> round(black76(100.0, 100.0, 0.2, 1.0, 0.0, True), 6)
    7.965567
    """
    discount: cython.double = exponential(-rate * years) if years > 0.0 and rate != 0.0 else 1.0
    spread: cython.double = volatility * sqrt(years) if years > 0.0 and volatility > 0.0 else 0.0
    if spread < _NOTHING or forward <= 0.0 or strike <= 0.0:
        gain: cython.double = forward - strike if call else strike - forward
        return discount * gain if gain > 0.0 else 0.0
    d1: cython.double = logarithm(forward / strike) / spread + 0.5 * spread
    d2: cython.double = d1 - spread
    if call:
        return discount * (forward * normal_cdf(d1) - strike * normal_cdf(d2))
    return discount * (strike * normal_cdf(-d2) - forward * normal_cdf(-d1))


def black76_delta(
    forward: cython.double,
    strike: cython.double,
    volatility: cython.double,
    years: cython.double,
    call: cython.bint,
) -> cython.double:
    """Return the change of value per change of the index: N(d1) for a call, N(d1) - 1 for a put.

    With ``forward = index * exp(rate * T)`` the discount and the forward's slope cancel.  Where
    the value is the intrinsic one: 1 or -1 in the money, 0 out of it, half at the strike.
    """
    spread: cython.double = volatility * sqrt(years) if years > 0.0 and volatility > 0.0 else 0.0
    if spread < _NOTHING or forward <= 0.0 or strike <= 0.0:
        share: cython.double = 0.5 if forward == strike else (1.0 if forward > strike else 0.0)
        return share if call else share - 1.0
    d1: cython.double = logarithm(forward / strike) / spread + 0.5 * spread
    return normal_cdf(d1) if call else -normal_cdf(-d1)


def term_factor(
    years: cython.double,
    reference_days: cython.double,
    short_exponent: cython.double,
    long_exponent: cython.double,
    minimum_days: cython.double,
) -> cython.double:
    """Return ``(reference_days / days to expiry) ** exponent``: how near expiries move more."""
    days: cython.double = years * 365.0
    if days < minimum_days:
        days = minimum_days
    exponent: cython.double = short_exponent if days < reference_days else long_exponent
    if exponent == 0.0 or days <= 0.0:
        return 1.0
    return power(reference_days / days, exponent)


def moved_volatility(
    volatility: cython.double,
    amount: cython.double,
    up: cython.bint,
    relative: cython.bint,
    floor_up: cython.double,
) -> cython.double:
    """Return a scenario's volatility; ``amount`` carries its term factor already.

    An up move ends at ``floor_up`` or above, a down move at 0 or above.
    """
    change: cython.double = volatility * amount if relative else amount
    if up:
        return volatility + change if volatility + change > floor_up else floor_up
    return volatility - change if volatility > change else 0.0


def implied_volatility(
    price: cython.double,
    forward: cython.double,
    strike: cython.double,
    years: cython.double,
    rate: cython.double,
    call: cython.bint,
) -> cython.double:
    """Return the annual volatility at which `black76` gives ``price``, at most 100.

    0 at or below the intrinsic value and at expiry.  By halving: the value rises with volatility.
    """
    low: cython.double = 0.0
    high: cython.double = 1.0
    middle: cython.double = 0.0
    turn: cython.int
    if years <= 0.0 or price <= black76(forward, strike, 0.0, years, rate, call):
        return 0.0
    while high < 100.0 and black76(forward, strike, high, years, rate, call) < price:
        low = high
        high = 2.0 * high
    for turn in range(100):  # noqa: B007
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        if black76(forward, strike, middle, years, rate, call) < price:
            low = middle
        else:
            high = middle
    return middle
