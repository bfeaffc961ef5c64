"""Goal: the elementary functions are right to the last place or so, at every size of argument.

Method: `decimal` with 50 digits for exp, ln and powers, the readable model's normal distribution,
and closed properties; that the bits are the same everywhere is held by tests/determinism.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.risk.reference_black76 import normal_cdf as exact_cdf
from simulator.units.functions import (
    exponential,
    exponentials,
    logarithm,
    normal_cdf,
    normal_quantile,
    normal_quantiles,
    power,
    powers,
)


def apart(found: float, exact: Decimal) -> float:
    """Return the distance in units of the last place."""
    with localcontext() as context:
        context.prec = 50
        return float(abs(Decimal(found) - exact) / Decimal(math.ulp(float(exact))))


def exactly(name: str, x: float) -> Decimal:
    with localcontext() as context:
        context.prec = 50
        found: Decimal = getattr(Decimal(x), name)()
        return found


@given(st.floats(-700, 700) | st.floats(-1, 1))
def test_exponential_is_right_to_one_place(x: float) -> None:
    assert apart(exponential(x), exactly("exp", x)) <= 1.0


@given(st.floats(1e-300, 1e300) | st.floats(0.5, 2) | st.floats(1 - 1e-6, 1 + 1e-6))
def test_logarithm_is_right_to_one_place(x: float) -> None:
    assert apart(logarithm(x), exactly("ln", x)) <= 1.0


@given(st.floats(1e-6, 1e6), st.floats(-3, 3))
def test_power_is_right(x: float, y: float) -> None:
    with localcontext() as context:
        context.prec = 50
        exact = float(Decimal(x) ** Decimal(y))
    assert power(x, y) == pytest.approx(exact, rel=2e-16 * (2 + abs(y * math.log(x))))


@given(st.floats(-38, 38))
def test_normal_cdf_is_right(x: float) -> None:
    assert normal_cdf(x) == pytest.approx(float(exact_cdf(Decimal(x))), abs=4e-16, rel=1e-9)
    assert normal_cdf(x) + normal_cdf(-x) == 1.0


@given(st.floats(1e-300, 1, exclude_max=True))
def test_normal_quantile_is_the_inverse(p: float) -> None:
    assert normal_quantile(p) == pytest.approx(NormalDist().inv_cdf(p), rel=1e-13, abs=1e-15)


@given(st.floats(-50, 50), st.floats(1e-9, 1e-3))
def test_they_rise(x: float, step: float) -> None:
    assert exponential(x) <= exponential(x + step)
    assert logarithm(exponential(x)) <= logarithm(exponential(x + step))
    assert normal_cdf(x) <= normal_cdf(x + step) + 1e-16


def test_ends() -> None:
    infinity, nothing = math.inf, math.nan
    assert [exponential(x) for x in (0.0, -0.0, -infinity, infinity, 710.0, -746.0)] == [
        1.0, 1.0, 0.0, infinity, infinity, 0.0,
    ]  # fmt: skip
    assert [logarithm(x) for x in (1.0, 0.0, infinity)] == [0.0, -infinity, infinity]
    assert math.exp(709.7) == pytest.approx(exponential(709.7), rel=1e-15)
    assert exponential(-745.1) > 0.0
    assert logarithm(5e-324) == pytest.approx(math.log(5e-324), rel=1e-15)
    for function in (exponential, logarithm, normal_cdf):
        assert math.isnan(function(nothing))
    assert math.isnan(logarithm(-1.0))
    assert [power(0.0, y) for y in (0.0, 2.0, -1.0)] == [1.0, 0.0, infinity]
    assert [normal_cdf(x) for x in (-40.0, 0.0, 40.0)] == [0.0, 0.5, 1.0]
    assert normal_quantile(0.5) == 0.0


def test_arrays_are_the_single_values() -> None:
    given_values = np.linspace(0.01, 0.99, 99).reshape(9, 11)
    for many, one in (
        (exponentials, exponential),
        (normal_quantiles, normal_quantile),
        (lambda values: powers(values, 0.3), lambda value: power(value, 0.3)),
    ):
        found = many(given_values)
        assert found.shape == given_values.shape
        assert found.reshape(-1).tolist() == [one(x) for x in given_values.reshape(-1).tolist()]
