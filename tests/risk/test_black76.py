"""Goal: premiums, deltas and implied volatilities are right to 28 digits, edges included.

Method: values from textbooks and tables; parity and monotony on random options; the limits from
both sides; the implied volatility put back in.
"""

from __future__ import annotations

from decimal import Decimal
from math import erf, exp, log, sqrt

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simulator.risk.reference_black76 import (
    delta,
    forward_price,
    implied_volatility,
    normal_cdf,
    premium,
)

D = Decimal
ONE = D(1)

# Normal distribution, 25 digits.  Source: A. Abramowitz, I. Stegun, table 26.1 (to its 15 digits).
NORMAL = [
    ("0", "0.5"),
    ("0.5", "0.691462461274013"),
    ("1", "0.841344746068543"),
    ("2", "0.977249868051821"),
    ("3", "0.998650101968370"),
    ("-1", "0.158655253931457"),
]


@pytest.mark.parametrize(("x", "expected"), NORMAL)
def test_normal_distribution_by_the_table(x: str, expected: str) -> None:
    assert abs(normal_cdf(D(x)) - D(expected)) <= D("6e-16")


@given(st.decimals(-14, 14, places=6))
def test_normal_distribution_is_symmetric_and_agrees_with_erf(x: Decimal) -> None:
    assert abs(normal_cdf(x) + normal_cdf(-x) - 1) <= D("1e-45")
    assert abs(float(normal_cdf(x)) - (1 + erf(float(x) / sqrt(2))) / 2) <= 1e-15


# Forward, strike, years, volatility, rate, right, premium.  Sources: Haug, "The Complete Guide to
# Option Pricing Formulas", 1.1.3: 'F = 19, X = 19, r = 0.10, T = 0.75, v = 0.28 ... 1.7011'; Hull,
# "Options, Futures, and Other Derivatives", Black's model: put on a crude oil future, '1.12'.
PUBLISHED = [
    ("19", "19", "0.75", "0.28", "0.10", "C", "1.7011", "0.00005"),
    ("19", "19", "0.75", "0.28", "0.10", "P", "1.7011", "0.00005"),
    ("20", "20", "4/12", "0.25", "0.09", "P", "1.12", "0.005"),
]


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row[5]} {row[0]}")
def test_published_premiums(row: tuple[str, ...]) -> None:
    forward, strike, years, volatility, rate, right, expected, within = row
    t = D(4) / 12 if years == "4/12" else D(years)
    got = premium(D(forward), D(strike), t, D(volatility), "C" if right == "C" else "P", D(rate))
    assert abs(got - D(expected)) <= D(within)


prices = st.decimals(1, 10**5, places=2)
times = st.decimals("0.001", 3, places=4)
volatilities = st.decimals("0.05", 3, places=3)
rates = st.decimals("-0.1", "0.2", places=3)


@given(prices, prices, times, volatilities, rates)
def test_put_call_parity(
    forward: Decimal, strike: Decimal, years: Decimal, volatility: Decimal, rate: Decimal
) -> None:
    call = premium(forward, strike, years, volatility, "C", rate)
    put = premium(forward, strike, years, volatility, "P", rate)
    parity = (-rate * years).exp() * (forward - strike)
    assert abs(call - put - parity) <= D("1e-22")
    assert call >= max(parity, D(0)) - D("1e-22")
    long, short = (delta(forward, strike, years, volatility, right) for right in ("C", "P"))
    assert abs(long - short - 1) <= D("1e-27")


@given(prices, st.decimals("0.2", 5, places=2), times, volatilities, rates)
def test_premium_agrees_with_the_formula_in_floats(
    forward: Decimal, moneyness: Decimal, years: Decimal, volatility: Decimal, rate: Decimal
) -> None:
    strike = (forward * moneyness).quantize(D("0.01"))
    assume(strike > 0)
    f, k, t, v = (float(x) for x in (forward, strike, years, volatility))
    d1 = (log(f / k) + v * v * t / 2) / (v * sqrt(t))

    def n(x: float) -> float:
        return (1 + erf(x / sqrt(2))) / 2

    expected = exp(-float(rate) * t) * (f * n(d1) - k * n(d1 - v * sqrt(t)))
    got = premium(forward, strike, years, volatility, "C", rate)
    assert abs(float(got) - expected) <= 1e-12 * (f + k)
    assert abs(float(delta(forward, strike, years, volatility, "C")) - n(d1)) <= 1e-14


def test_at_expiry_and_without_volatility_the_intrinsic_value_is_left() -> None:
    for years, volatility in (("0", "0.5"), ("0.5", "0"), ("0", "0")):
        t, v = D(years), D(volatility)
        assert premium(D(120), D(100), t, v, "C") == 20
        assert premium(D(80), D(100), t, v, "C") == 0
        assert premium(D(80), D(100), t, v, "P") == 20
        assert delta(D(120), D(100), t, v, "C") == 1
        assert delta(D(120), D(100), t, v, "P") == 0
        assert delta(D(80), D(100), t, v, "P") == -1
        assert delta(D(100), D(100), t, v, "C") == D("0.5")
    discounted = premium(D(120), D(100), ONE, D(0), "C", D("0.1"))
    assert abs(discounted - 20 * D("-0.1").exp()) < D("1e-25")


def test_both_sides_of_the_edges_meet() -> None:
    tiny = D("1e-14")
    for forward in (D(80), D(100), D(120)):
        at_expiry = premium(forward, D(100), D(0), D("0.5"), "C")
        assert abs(premium(forward, D(100), tiny, D("0.5"), "C") - at_expiry) < D("1e-5")
        still = premium(forward, D(100), ONE, D(0), "C")
        assert abs(premium(forward, D(100), ONE, tiny, "C") - still) < D("1e-11")
    assert abs(delta(D(100), D(100), tiny, D("0.5"), "C") - D("0.5")) < D("1e-7")
    assert abs(delta(D(120), D(100), tiny, D("0.5"), "C") - 1) < D("1e-20")


@given(prices, st.decimals("0.5", 2, places=2), st.decimals("0.02", 2, places=3), volatilities)
def test_implied_volatility_gives_the_premium_back(
    forward: Decimal, moneyness: Decimal, years: Decimal, volatility: Decimal
) -> None:
    strike = (forward * moneyness).quantize(D("0.01"))
    assume(strike > 0)
    for right in ("C", "P"):
        price = premium(forward, strike, years, volatility, right)
        found = implied_volatility(price, forward, strike, years, right)
        back = premium(forward, strike, years, found, right)
        assert abs(back - price) <= D("1e-24") * forward


def test_implied_volatility_at_its_ends() -> None:
    assert implied_volatility(D(20), D(120), D(100), ONE, "C") == 0
    assert implied_volatility(D(5), D(120), D(100), ONE, "C") == 0
    assert implied_volatility(D(21), D(120), D(100), D(0), "C") == 0
    with pytest.raises(ValueError, match="no volatility"):
        implied_volatility(D(121), D(120), D(100), ONE, "C")


def test_forward_price_grows_with_the_rate() -> None:
    assert forward_price(D(100), D(0), ONE) == 100
    assert abs(forward_price(D(100), D("0.05"), D(2)) - 100 * D("0.1").exp()) < D("1e-24")
