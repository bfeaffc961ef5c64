"""Goal: measured correlation and volatility are the formula's, and they move the requirement.

Method: weights written out by hand; a pair that moves together, then apart; what the compiled sums
give pools against the same in exact fractions, bit for bit.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulator.risk.ewma import share_of
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


WHOLE = st.integers(1, 2**39)


@given(st.floats(1e-200, 1), WHOLE, WHOLE)
@example(0.5, 2**39 - 1, 2**39 - 1)
@example(math.ldexp(2**52 + 1, -53), 1, 2)
def test_a_share_is_rounded_once(x: float, numerator: int, denominator: int) -> None:
    expected = float(Fraction(x) * Fraction(numerator, denominator))
    assert share_of(x, numerator, denominator) == expected


def test_a_tie_goes_to_the_even_neighbour() -> None:
    """Thrice an odd number of 53 bits, by two: the exact value lies between two floats."""
    for odd in (2**52 + 1, 2**52 + 3, 2**53 - 1):
        expected = float(Fraction(odd) * Fraction(3, 2))
        assert share_of(float(odd), 3, 2) == expected


@pytest.mark.parametrize("reference", ["0.8", "0.3", "1"])
@pytest.mark.parametrize("wide", [None, D("0.5")])
def test_steps_give_pools_what_fractions_say(reference: str, wide: Decimal | None) -> None:
    """Three coins whose returns share a part that comes and goes; one begins late, one pauses."""
    rules = load("textbook").margin_rules("unified")
    scenario = replace(
        rules.scenario,
        half_life_seconds=180,
        correlation_reference=D(reference),
        reference_volatility=wide,
        widest_range=D("1.7"),
    )
    rules = replace(rules, scenario=scenario)
    assets = {"USDT": D(1), "BTC": D(50_000), "ETH": D(3_000), "SOL": D(150)}
    held = tuple(
        Position(f"{name}USDT", name, "USDT", D(1), price, price)
        for name, price in assets.items()
        if name != "USDT"
    )
    pools = PoolEvaluator(PoolState({"USDT": D(6_000)}, assets, held), rules).pools
    columns = pools.columns
    measured = Measured(rules.scenario, columns.underlyings)
    measured.aim(columns, True)
    draw = random.Random(7)
    prices = {name: float(price) for name, price in assets.items() if name != "USDT"}
    changes = 0
    for step in range(120):
        common = draw.gauss(0, 0.001 if step % 40 < 25 else 0.0)
        for name in prices:
            prices[name] *= 1 + common + draw.gauss(0, 0.0005)
            known = not (name == "SOL" and (step < 10 or 60 <= step < 65))
            at = columns.assets.index(name)
            pools.set_index(at, prices[name] if known else 0.0)
        before = pools.rules_changed
        changed = measured.ewma.step(pools)
        assert pools.rules_changed - before == changed
        changes += changed
        ranges, credit = measured.columns(rules.scenario, columns.underlyings)
        given_ranges, given_credit = measured.ewma.figures()
        assert ranges.tobytes() == given_ranges.tobytes()
        assert credit.tobytes() == given_credit.tobytes()
    assert changes > 20


def test_the_same_figures_are_not_given_again() -> None:
    rules = load("textbook").margin_rules("unified")
    index = {"USDT": D(1), "BTC": D(50_000)}
    btc = Position("BTCUSDT", "BTC", "USDT", D(1), D(50_000), D(50_000))
    pools = PoolEvaluator(PoolState({"USDT": D(6_000)}, index, (btc,)), rules).pools
    measured = Measured(rules.scenario, pools.columns.underlyings)
    measured.aim(pools.columns, True)
    assert [measured.ewma.step(pools) for _ in range(100)] == [1] + 99 * [0]
    measured.aim(pools.columns, False)
    assert measured.ewma.step(pools) == 0
    measured.aim(pools.columns, True)
    assert np.isfinite(measured.ewma.figures()[0]).all()
    assert measured.ewma.step(pools) == 1
