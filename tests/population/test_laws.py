"""Goal: what is drawn has the law that its table names, and shares are exact.

Method: the distance of Kolmogorov and Smirnov between a fixed draw and the law's own distribution
function, written here from the textbook; means against closed forms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from simulator.population.draw import uniform
from simulator.population.laws import Law, assigned, counts

COUNT = 20_000
CRITICAL = 1.95 / math.sqrt(COUNT)
"""Of the distance at a significance of 0.1 %; the draw is fixed, so it never flickers."""

ADAPTER: TypeAdapter[Any] = TypeAdapter(Law)
PHI = NormalDist().cdf


def law(table: Any) -> Any:
    return ADAPTER.validate_python(table)


def drawn(table: Any, name: str = "a") -> Any:
    return law(table).quantile(uniform(7, name, "test", COUNT))


def truncated(cdf: Callable[[float], float], least: float, most: float) -> Callable[[float], float]:
    low, high = cdf(least), cdf(most)
    return lambda x: (cdf(x) - low) / (high - low)


CASES: list[tuple[dict[str, Any], Callable[[float], float]]] = [
    ({"law": "uniform", "least": 2, "most": 20}, lambda x: (x - 2) / 18),
    ({"law": "pareto", "least": 500, "alpha": 1.2}, lambda x: 1 - (500 / x) ** 1.2),
    (
        {"law": "pareto", "least": 500, "alpha": 1.2, "most": 10_000},
        truncated(lambda x: 1 - (500 / x) ** 1.2, 500, 10_000),
    ),
    ({"law": "normal", "mean": 1, "sigma": 2}, lambda x: PHI((x - 1) / 2)),
    (
        {"law": "normal", "sigma": 0.02, "least": -0.01, "most": 0.05},
        truncated(lambda x: PHI(x / 0.02), -0.01, 0.05),
    ),
    ({"law": "lognormal", "median": 8, "sigma": 0.7}, lambda x: PHI(math.log(x / 8) / 0.7)),
    (
        {"law": "lognormal", "median": 8, "sigma": 0.7, "least": 1, "most": 10},
        truncated(lambda x: PHI(math.log(x / 8) / 0.7), 1, 10),
    ),
]


@pytest.mark.parametrize(
    ("table", "cdf"), CASES, ids=lambda one: str(one)[:60] if isinstance(one, dict) else ""
)
def test_draw_has_its_law(table: dict[str, Any], cdf: Callable[[float], float]) -> None:
    found = np.sort(drawn(table))
    below = np.array([cdf(float(x)) for x in found])
    steps = np.arange(COUNT + 1) / COUNT
    distance = max(np.abs(below - steps[1:]).max(), np.abs(below - steps[:-1]).max())
    assert distance < CRITICAL
    low, high = law(table).span
    assert low <= found[0]
    assert found[-1] <= high


def test_another_law_is_told_apart() -> None:
    # The distance is no rubber stamp: a neighbouring alpha is beyond the critical value.
    found = np.sort(drawn({"law": "pareto", "least": 500, "alpha": 1.2}))
    below = np.array([1 - (500 / float(x)) ** 1.3 for x in found])
    assert np.abs(below - np.arange(1, COUNT + 1) / COUNT).max() > CRITICAL


@pytest.mark.parametrize(
    ("table", "mean", "deviation"),
    [
        ({"law": "uniform", "least": 2, "most": 20}, 11.0, 18 / math.sqrt(12)),
        ({"law": "normal", "mean": 1, "sigma": 2}, 1.0, 2.0),
        (
            {"law": "lognormal", "median": 8, "sigma": 0.5},
            8 * math.exp(0.125),
            8 * math.exp(0.125) * math.sqrt(math.exp(0.25) - 1),
        ),
        ({"law": "pareto", "least": 100, "alpha": 3}, 150.0, math.sqrt(0.75) * 100),
    ],
    ids=lambda one: str(one)[:40],
)
def test_mean_is_that_of_the_law(table: dict[str, Any], mean: float, deviation: float) -> None:
    assert drawn(table).mean() == pytest.approx(mean, abs=4 * deviation / math.sqrt(COUNT))


def test_shares_by_value_are_exact() -> None:
    values, numbers = np.unique(drawn({"5": 0.3, "10": 0.5, "20": 0.2}), return_counts=True)
    assert dict(zip(values.tolist(), numbers.tolist(), strict=True)) == {
        5.0: 0.3 * COUNT,
        10.0: 0.5 * COUNT,
        20.0: 0.2 * COUNT,
    }


def test_a_number_is_everybodys() -> None:
    assert set(drawn(7).tolist()) == {7.0}


@given(
    st.integers(0, 10**7),
    st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=8),
)
def test_counts_are_those_of_the_largest_remainders(total: int, weights: list[float]) -> None:
    found = counts(total, weights)
    assert sum(found) == total
    whole = math.fsum(weights)
    for number, weight in zip(found, weights, strict=True):
        assert abs(number - total * weight / whole) < 1 + 1e-6


def test_remainders_decide_and_ties_go_to_the_first() -> None:
    assert counts(10, [0.55, 0.45]) == [6, 4]
    assert counts(7, [0.5, 0.25, 0.25]) == [3, 2, 2]
    assert counts(4, [0.25, 0.25, 0.5]) == [1, 1, 2]
    assert counts(3, [0.1, 0.2, 0.7]) == [0, 1, 2]


def test_who_has_what_follows_the_numbers() -> None:
    assert assigned(np.array([0.9, 0.1, 0.5, 0.3]), [0.5, 0.5]).tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("ten", "'ten' is not a number"),
        (True, "True is not a number"),
        ({"law": "pareot"}, "no such law 'pareot' (did you mean 'pareto'?); known: uniform"),
        ({"law": "uniform", "least": 5, "most": 2}, "least must not be above most"),
        ({"law": "pareto", "least": 5, "alpha": 1, "most": 2}, "least must not be above most"),
        ({"law": "normal", "sgima": 1}, "no such key 'sgima' (did you mean 'sigma'?)"),
        ({"law": "normal", "sigma": 1, "least": 50, "most": 60}, "next to nothing of the law"),
        ({"law": "lognormal", "median": 5, "sigma": 0, "most": 4}, "with sigma 0 the middle"),
        ({"5": 0.4, "10": 0.5}, "shares must add up to 1, not 0.9"),
        ({"5": 1.4, "10": -0.4}, "share of 5 must lie between 0 and 1, not 1.4"),
        ({"five": 1}, "a table is shares by value, or says its law"),
        ({"5": "1"}, "share of 5 must be a number, not '1'"),
        ({}, "needs values with their shares"),
    ],
    ids=str,
)
def test_wrong_law_is_told(table: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        law(table)
    assert said in caught.value.errors()[0]["msg"]
