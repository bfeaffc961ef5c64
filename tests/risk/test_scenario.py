"""Goal: the scenario requirement is right, optimal in its matching, and obeys the laws it claims.

Method: the lesson's example; the kernel against exact Decimal with exhaustive matching; laws
(scaling, order, spot, merging) on random pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.risk import kernels
from simulator.risk.levels import RiskLevel
from simulator.risk.reference import (
    PoolState,
    Position,
    by_scenarios,
    net_delta,
    pool_margin,
)
from simulator.risk.reference_credit import Match, matching_by_paths, matching_by_trial
from simulator.risk.scenario import Correlations, ScenarioRules, scenario_columns
from simulator.rulebook.load import load
from tests.risk.building import scenario_rules

TEXTBOOK = load("textbook").margin_rules("unified")
D = Decimal
NAMES = ["A", "B", "C", "E", "F", "G"]


def perpetual(underlying: str, value: Decimal) -> Position:
    """Return a position of this signed USD value, at its entry price."""
    return Position(f"{underlying}USDT", underlying, "USDT", value, D(1), D(1))


def state(
    derivatives: Sequence[Decimal],
    spot: Sequence[Decimal] = (),
    correlation: Correlations | None = None,
) -> PoolState:
    held = dict(zip(NAMES, spot, strict=False))
    return PoolState(
        assets={a: x for a, x in held.items() if x > 0},
        loans={a: -x for a, x in held.items() if x < 0},
        index={"USDT": D(1), **dict.fromkeys(NAMES, D(1))},
        positions=tuple(perpetual(u, v) for u, v in zip(NAMES, derivatives, strict=False)),
        correlation=correlation or {},
    )


def by_kernel(
    derivatives: Sequence[Decimal],
    spot: Sequence[Decimal],
    rules: ScenarioRules,
    correlation: Correlations | None = None,
) -> float:
    n = len(derivatives)
    columns = scenario_columns(rules, NAMES[:n], correlation)
    return kernels.scenario_initial_margin(
        np.array(derivatives, dtype=np.float64),
        np.array(spot, dtype=np.float64),
        columns.price_range,
        columns.credit,
        np.zeros(n),
        n,
    )


def initial(pool: PoolState) -> Decimal:
    return by_scenarios(pool, TEXTBOOK)[0]


amounts = st.decimals(-(10**6), 10**6, places=2)
held = st.decimals(0, 10**6, places=2)
correlations = st.dictionaries(
    st.sampled_from([(a, b) for i, a in enumerate(NAMES) for b in NAMES[:i]]),
    st.decimals(-1, 1, places=2),
)


def test_the_lessons_example() -> None:
    """BTC long 50,000 needs 5,000, ETH short 30,000 needs 3,000, together 6,000; uniMMR 1.5."""
    index = {"USDT": D(1), "BTC": D(50_000), "ETH": D(3_000)}
    btc = Position("BTCUSDT", "BTC", "USDT", D(1), D(50_000), D(50_000))
    eth = Position("ETHUSDT", "ETH", "USDT", D(-10), D(3_000), D(3_000))

    def margin(*positions: Position) -> Decimal:
        pool = PoolState({"USDT": D(6_000)}, index, positions)
        return pool_margin(pool, TEXTBOOK).initial_margin

    assert margin(btc) == 5_000
    assert margin(eth) == 3_000
    assert margin(btc, eth) == 6_000
    both = pool_margin(PoolState({"USDT": D(6_000)}, index, (btc, eth)), TEXTBOOK)
    assert both.maintenance_margin == 4_000
    assert both.ratio == D("1.5")
    assert both.level is RiskLevel.MARGIN_CALL
    nothing = ("calendar_charge", "short_option_minimum", "concentration", "loans")
    assert both.components == {
        "scan_risk": D(8_000),
        "inter_credit": D(-2_000),
        **dict.fromkeys(nothing, D(0)),
    }
    assert by_kernel([D(50_000), D(-30_000)], [D(0), D(0)], TEXTBOOK.scenario) == 6_000.0


# The credit follows the correlation: full from the reference 0.8 on, none at zero or below.
CREDIT = [
    ("0.80", "6000"),
    ("1.00", "6000"),
    ("0.40", "7000"),
    ("0.79", "6025"),
    ("0.00", "8000"),
    ("-0.5", "8000"),
]


@pytest.mark.parametrize(("correlation", "expected"), CREDIT)
def test_credit_follows_the_correlation(correlation: str, expected: str) -> None:
    given_ = {("B", "A"): D(correlation)}
    assert initial(state([D(50_000), D(-30_000)], correlation=given_)) == D(expected)
    got = by_kernel([D(50_000), D(-30_000)], [D(0), D(0)], TEXTBOOK.scenario, given_)
    assert got == pytest.approx(float(expected), rel=1e-12)


# Net delta value: spot counts only as far as it offsets a short; a net loan counts in full.
NETS = """
    derivatives  spot  net
    10           0     10
    10           5     10
    -10          5     -5
    -10          10    0
    -10          15    0
    0            15    0
    0            -5    -5
    10           -5    5
    -10          -5    -15
"""


@pytest.mark.parametrize("row", [line.split() for line in NETS.strip().splitlines()[1:]])
def test_net_delta(row: list[str]) -> None:
    derivatives, spot, net = row
    assert net_delta(D(derivatives), D(spot)) == D(net)
    assert kernels.net_delta_value(float(derivatives), float(spot)) == float(net)


@given(amounts, st.fractions(0, 1), st.integers(1, 8))
def test_grid_equals_the_range_for_linear_products(
    net: Decimal, price_range: Fraction, steps: int
) -> None:
    expected = abs(net) * D(price_range.numerator) / D(price_range.denominator)
    rules = scenario_rules(default_price_range=price_range, grid_steps=steps)
    got = pool_margin(state([net]), rules).components["scan_risk"]
    assert abs(got - expected) <= D("1e-18")


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=5), correlations)
def test_kernel_equals_decimal(
    pairs: list[tuple[Decimal, Decimal]], correlation: Correlations
) -> None:
    derivatives, spot = [d for d, _ in pairs], [s for _, s in pairs]
    expected = initial(state(derivatives, spot, correlation))
    got = by_kernel(derivatives, spot, TEXTBOOK.scenario, correlation)
    gross = float(sum(abs(d) + abs(s) for d, s in pairs))
    assert abs(got - float(expected)) <= 1e-9 * max(gross, 1.0)


@given(
    st.lists(st.integers(1, 20), min_size=3, max_size=3),
    st.lists(st.integers(1, 20), min_size=3, max_size=3),
    st.lists(st.integers(0, 6), min_size=9, max_size=9),
)
def test_paths_earn_what_the_best_of_all_matchings_does(
    longs: list[int], shorts: list[int], rates: list[int]
) -> None:
    left = {f"L{n}": D(x) for n, x in enumerate(longs)}
    right = {f"S{n}": D(x) for n, x in enumerate(shorts)}
    share = {pair: Fraction(r, 12) for pair, r in zip(product(left, right), rates, strict=True)}

    def earned(matches: tuple[Match, ...]) -> Fraction:
        for side, risks in ((0, left), (1, right)):
            for name, risk in risks.items():
                assert sum(m[2] for m in matches if m[side] == name) <= risk
        return sum((m * share[a, b] for a, b, m in matches), Fraction(0))

    best = earned(matching_by_trial(left, right, share))
    assert earned(matching_by_paths(left, right, share)) == best


@given(
    st.lists(st.integers(1, 20), min_size=3, max_size=3),
    st.lists(st.integers(1, 20), min_size=3, max_size=3),
    correlations,
)
def test_three_by_three_is_matched_optimally(
    longs: list[int], shorts: list[int], correlation: Correlations
) -> None:
    derivatives = [D(1000 * x) for x in longs] + [D(-1000 * x) for x in shorts]
    spot = [D(0)] * 6
    expected = initial(state(derivatives, spot, correlation))
    got = by_kernel(derivatives, spot, TEXTBOOK.scenario, correlation)
    assert got == pytest.approx(float(expected), rel=1e-9)


def test_best_pair_first_would_not_be_optimal() -> None:
    rules = ScenarioRules(Fraction(1, 10), Fraction(1, 2), D(1), D("1.5"))
    correlation = {("A", "C"): D(1), ("A", "E"): D("0.8"), ("B", "C"): D("0.8"), ("B", "E"): D(0)}
    derivatives = [D(10), D(10), D(-10), D(-10)]
    # Scan risks are 1 each; A with C first leaves B with E: credit 1.0.  Crosswise: 4 x 0.4.
    got = by_kernel(derivatives, [D(0)] * 4, rules, correlation)
    assert got == pytest.approx(4 - 1.6, rel=1e-12)


def test_scan_risk_is_matched_once_and_may_be_split() -> None:
    # One long of 9,000 against shorts of 3,000 and 4,000: 7,000 matched; 2,000 stays bare.
    assert initial(state([D(9_000), D(-3_000), D(-4_000)])) == (16_000 - D(14_000) / 3) / 10
    # A long of 5,000 cannot serve 7,000 of shorts.
    margin = initial(state([D(5_000), D(-3_000), D(-4_000)]))
    assert abs(margin - (12_000 - D(10_000) / 3) / 10) < D("1e-18")


@pytest.mark.parametrize(("n", "matched"), [(64, True), (66, False)])
def test_many_underlyings(n: int, matched: bool) -> None:
    value = np.array([1000.0 if i % 2 else -1000.0 for i in range(n)])
    scan = np.zeros(n)
    credit = np.full((n, n), 0.25)
    credit[0, 1] = credit[1, 0] = 0.2  # not all equal, so that the search runs
    margin = kernels.scenario_initial_margin(value, np.zeros(n), np.full(n, 0.1), credit, scan, n)
    assert scan.sum() == pytest.approx(100.0 * n)
    assert margin == pytest.approx(75.0 * n if matched else 100.0 * n)
    if not matched:
        with pytest.raises(ValueError, match="at most 64"):
            scenario_columns(TEXTBOOK.scenario, [f"U{i}" for i in range(n)])


@given(st.lists(st.tuples(amounts, held), min_size=1, max_size=4), correlations, st.integers(2, 9))
def test_scaling_all_values_scales_the_requirement(
    pairs: list[tuple[Decimal, Decimal]], correlation: Correlations, k: int
) -> None:
    once = initial(state([d for d, _ in pairs], [s for _, s in pairs], correlation))
    more = initial(state([k * d for d, _ in pairs], [k * s for _, s in pairs], correlation))
    assert abs(more - k * once) <= D("1e-15")


@given(st.lists(amounts, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_order_of_underlyings_does_not_matter(values: list[Decimal], random: object) -> None:
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    n = len(values)
    credit = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) / (2.0 * n)
    value = np.array(values, dtype=np.float64)
    flat, range_ = np.zeros(n), np.linspace(0.05, 0.3, n)
    first = kernels.scenario_initial_margin(value, flat, range_, credit, np.zeros(n), n)
    permuted = np.ascontiguousarray(credit[np.ix_(order, order)])
    second = kernels.scenario_initial_margin(
        value[order], flat, range_[order], permuted, np.zeros(n), n
    )
    assert abs(first - second) <= 1e-9 * max(float(np.abs(value).sum()), 1.0)


@given(
    st.lists(st.tuples(amounts, held, held), min_size=1, max_size=4),
    correlations,
)
def test_adding_spot_never_raises_the_requirement(
    rows: list[tuple[Decimal, Decimal, Decimal]], correlation: Correlations
) -> None:
    derivatives = [d for d, _, _ in rows]
    before = initial(state(derivatives, [s for _, s, _ in rows], correlation))
    after = initial(state(derivatives, [s + more for _, s, more in rows], correlation))
    assert after <= before + D("1e-15")


@given(
    st.lists(st.tuples(amounts, held, amounts, held), min_size=1, max_size=4),
    correlations,
)
def test_merging_pools_never_raises_the_requirement(
    rows: list[tuple[Decimal, Decimal, Decimal, Decimal]], correlation: Correlations
) -> None:
    one = state([r[0] for r in rows], [r[1] for r in rows], correlation)
    other = state([r[2] for r in rows], [r[3] for r in rows], correlation)
    merged = state([r[0] + r[2] for r in rows], [r[1] + r[3] for r in rows], correlation)
    assert initial(merged) <= initial(one) + initial(other) + D("1e-15")


def test_a_hedging_loan_is_the_exception_to_the_merging_law() -> None:
    """The other pool's asset repays the loan that hedged a long, and the long stands bare."""
    hedged, holder = state([D(10)], [D(-10)]), state([D(0)], [D(10)])
    assert initial(hedged) == 0
    assert initial(holder) == 0
    assert initial(state([D(10)], [D(0)])) == 1


def test_cash_carries_no_price_risk() -> None:
    pool = PoolState({"USDT": D(-500)}, {"USDT": D(1)})
    assert pool_margin(pool, TEXTBOOK).initial_margin == 0
    assert pool_margin(pool, TEXTBOOK).level is RiskLevel.BANKRUPT
