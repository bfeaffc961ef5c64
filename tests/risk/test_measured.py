"""Goal: measured correlation and volatility are the formula's, and they move the requirement.

Method: weights written out by hand; a pair that moves together, then apart.
"""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from simulator.risk.figures import PoolEvaluator
from simulator.risk.measured import Measured
from simulator.risk.scenario import ScenarioRules
from simulator.risk.state import PoolState, Position
from simulator.rulebook.load import load

D = Decimal
RULES = ScenarioRules(
    Fraction(1, 10), Fraction(1, 3), D("0.8"), D("1.5"), half_life_seconds=120, step_seconds=60
)


def test_weights_written_out() -> None:
    """Half life of two steps: each step weighs sqrt(1/2) of the next."""
    prices = [(100.0, 50.0), (110.0, 49.0), (105.0, 52.0), (120.0, 51.0)]
    measured = Measured(RULES, ["A", "B"])
    for pair in prices:
        measured.step(pair)
    d = math.sqrt(0.5)
    a = [math.log(prices[k + 1][0] / prices[k][0]) for k in range(3)]
    b = [math.log(prices[k + 1][1] / prices[k][1]) for k in range(3)]
    weights = [d * d, d, 1.0]

    def mean(x: list[float], y: list[float]) -> float:
        top = sum(w * p * q for w, p, q in zip(weights, x, y, strict=True))
        return top / sum(weights)

    expected = mean(a, b) / math.sqrt(mean(a, a) * mean(b, b))
    assert measured.correlation(0, 1) == pytest.approx(expected, rel=1e-12)
    yearly = math.sqrt(mean(a, a) * 365 * 24 * 60)
    assert measured.volatility(0) == pytest.approx(yearly, rel=1e-12)


def test_nothing_is_measured_too_early_or_without_a_price() -> None:
    measured = Measured(RULES, ["A", "B"])
    measured.step([100, 0])
    measured.step([101, 0])
    assert measured.volatility(0) is None
    measured.step([102, 10])
    assert measured.volatility(0) is not None
    assert measured.volatility(1) is None
    assert measured.correlations() == {}


def test_an_underlying_that_stands_still_correlates_with_nothing() -> None:
    measured = Measured(RULES, ["A", "B"])
    for price in (100, 101, 100, 102):
        measured.step([price, 10])
    assert measured.correlation(0, 1) is None
    assert measured.volatility(1) == 0.0


def test_correlation_breakdown_raises_the_requirement() -> None:
    """The lesson's pool: 6,000 while BTC and ETH move together, 8,000 once they do not."""
    rules = load("textbook").margin_rules("unified")
    scenario = replace(rules.scenario, half_life_seconds=120, step_seconds=60)
    rules = replace(rules, scenario=scenario)
    index = {"USDT": D(1), "BTC": D(50_000), "ETH": D(3_000)}
    btc = Position("BTCUSDT", "BTC", "USDT", D(1), D(50_000), D(50_000))
    eth = Position("ETHUSDT", "ETH", "USDT", D(-10), D(3_000), D(3_000))
    pool = PoolEvaluator(PoolState({"USDT": D(6_000)}, index, (btc, eth)), rules)
    names = pool.pools.columns.underlyings
    measured = Measured(rules.scenario, names)

    def steps(moves: list[tuple[float, float]]) -> float:
        prices = {name: 100.0 for name in names}
        for move in moves:
            prices["BTC"] *= 1 + move[0]
            prices["ETH"] *= 1 + move[1]
            measured.step([prices[name] for name in names])
        pool.pools.set_measured(*measured.columns())
        return pool.present().initial_margin

    together = [(0.0001, 0.00011), (-0.0001, -0.00011)] * 5  # so small that no range widens
    apart = [(0.0001, -0.00011), (-0.0001, 0.00011)] * 20
    assert steps(together) == pytest.approx(6_000)
    assert steps(apart) == pytest.approx(8_000)
