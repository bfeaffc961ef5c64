"""European options on a forward in Decimal: premium, delta and implied volatility (Black 1976).

With ``F`` the forward, ``K`` the strike, ``T`` the years to expiry, ``v`` the annual volatility and
``r`` the annual rate::

    d1   = (ln(F / K) + v^2 T / 2) / (v sqrt(T)),   d2 = d1 - v sqrt(T)
    call = exp(-r T) (F N(d1) - K N(d2)),           put = exp(-r T) (K N(-d2) - F N(-d1))

The premium is in the unit of ``F`` and ``K``.  At expiry, or without volatility, it is the
(discounted) intrinsic value and the delta is 0 or 1, at the money 1/2: the limits of the formula.
Results have 28 digits: everything runs at `_DIGITS` and is rounded at the end.  Source: Fischer
Black, "The pricing of commodity contracts", 1976.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import lru_cache
from typing import Literal

ZERO = Decimal(0)
HALF = Decimal("0.5")

_DIGITS = 50
_FAR = 15
"""Beyond this many standard deviations the normal tail (< 1e-50) is below the digits kept."""

MAX_VOLATILITY = Decimal(100)
"""Largest annual volatility that `implied_volatility` looks for: 10,000 %."""

Right = Literal["", "C", "P"]


def _pi() -> Decimal:
    """Return pi by Machin's formula, ``16 atan(1/5) - 4 atan(1/239)``, at the context's digits."""

    def atan(inverse: int) -> Decimal:
        power = term = total = 1 / Decimal(inverse)
        n = 1
        while term != 0 and abs(term) > Decimal(10) ** -(_DIGITS + 5):
            power /= -inverse * inverse
            n += 2
            term = power / n
            total += term
        return total

    return 16 * atan(5) - 4 * atan(239)


with localcontext(Context(prec=_DIGITS + 10, rounding=ROUND_HALF_EVEN)):
    _ROOT_TWO_PI = (2 * _pi()).sqrt()


def normal_density(x: Decimal) -> Decimal:
    """Return the standard normal density at ``x``."""
    return (-x * x / 2).exp() / _ROOT_TWO_PI


def normal_cdf(x: Decimal) -> Decimal:
    """Return the probability that a standard normal variable is at most ``x``.

    By the series ``N(x) = 1/2 + n(x) (x + x^3 / 3 + x^5 / (3 * 5) + ...)``, all of one sign.

    >>> print(f"{normal_cdf(Decimal('1.96')):.20f}")
    0.97500210485177956586
    """
    if abs(x) > _FAR:
        return Decimal(1) if x > 0 else ZERO
    with localcontext() as context:
        context.prec = _DIGITS
        square, term, series, n = x * x, x, x, 1
        smallest = Decimal(10) ** -(_DIGITS + 5)
        while abs(term) > smallest * abs(series):
            n += 2
            term = term * square / n
            series += term
        return HALF + normal_density(x) * series


@lru_cache(maxsize=65_536)
def premium(
    forward: Decimal,
    strike: Decimal,
    years: Decimal,
    volatility: Decimal,
    right: Right,
    rate: Decimal = ZERO,
) -> Decimal:
    """Return the premium per unit; ``right`` is ``C`` or ``P``.

    >>> print(f"{premium(Decimal(100), Decimal(100), Decimal(1), Decimal('0.2'), 'C'):.8f}")
    7.96556746
    """
    with localcontext() as context:
        context.prec = _DIGITS
        value = _premium(forward, strike, years, volatility, right, rate)
    return +value


def _premium(
    forward: Decimal,
    strike: Decimal,
    years: Decimal,
    volatility: Decimal,
    right: Right,
    rate: Decimal,
) -> Decimal:
    # The put by parity: C - P = exp(-rT) (F - K).
    discount = (-rate * years).exp() if rate and years > 0 else Decimal(1)
    parity = forward - strike
    if years <= 0 or volatility <= 0:
        call = max(parity, ZERO)
    else:
        d1, d2 = _d1_d2(forward, strike, years, volatility)
        call = forward * normal_cdf(d1) - strike * normal_cdf(d2)
    return discount * (call if right == "C" else call - parity)


def _d1_d2(
    forward: Decimal, strike: Decimal, years: Decimal, volatility: Decimal
) -> tuple[Decimal, Decimal]:
    deviation = volatility * years.sqrt()
    d1 = (forward / strike).ln() / deviation + deviation / 2
    return d1, d1 - deviation


@lru_cache(maxsize=16_384)
def delta(
    forward: Decimal, strike: Decimal, years: Decimal, volatility: Decimal, right: Right
) -> Decimal:
    """Return what the premium gains per unit of the underlying's price: ``N(d1)``, of a put ``N(d1)
    - 1``.
    """
    with localcontext() as context:
        context.prec = _DIGITS
        if years <= 0 or volatility <= 0:
            share = HALF if forward == strike else Decimal(int(forward > strike))
        else:
            share = normal_cdf(_d1_d2(forward, strike, years, volatility)[0])
        value = share if right == "C" else share - 1
    return +value


@lru_cache(maxsize=4_096)
def implied_volatility(
    price: Decimal,
    forward: Decimal,
    strike: Decimal,
    years: Decimal,
    right: Right,
    rate: Decimal = ZERO,
) -> Decimal:
    """Return the volatility at which the premium is ``price``; 0 at or below the intrinsic value
    (no volatility gives less) and at expiry.

    The premium rises with volatility, so halving an interval finds the root; Newton's step is
    taken where it stays inside.  Raises ``ValueError`` where ``MAX_VOLATILITY`` gives less.
    """
    with localcontext() as context:
        context.prec = _DIGITS
        low, high = ZERO, Decimal(1)
        if years <= 0 or price <= _premium(forward, strike, years, ZERO, right, rate):
            return ZERO
        while _premium(forward, strike, years, high, right, rate) < price:
            low, high = high, high * 2
            if low > MAX_VOLATILITY:
                raise ValueError(
                    f"no volatility up to {MAX_VOLATILITY} gives the premium {price} on a forward "
                    f"of {forward} with strike {strike}"
                )
        volatility = (low + high) / 2
        for _ in range(400):
            excess = _premium(forward, strike, years, volatility, right, rate) - price
            low, high = (low, volatility) if excess > 0 else (volatility, high)
            slope = _vega(forward, strike, years, volatility, rate)
            newton = volatility - excess / slope if slope > 0 else low
            following = newton if low < newton < high else (low + high) / 2
            if abs(following - volatility) <= Decimal("1e-32"):
                break
            volatility = following
    return +volatility


def _vega(
    forward: Decimal, strike: Decimal, years: Decimal, volatility: Decimal, rate: Decimal
) -> Decimal:
    d1, _ = _d1_d2(forward, strike, years, volatility)
    return (-rate * years).exp() * forward * normal_density(d1) * years.sqrt()


def forward_price(index: Decimal, rate: Decimal, years: Decimal) -> Decimal:
    """Return ``index * exp(rate * years)``."""
    return index * (rate * years).exp() if rate and years > 0 else index
