"""Goal: inside its box a pool keeps its level, at every point and at the corners most of all; and
the box is as wide as the pool's distance to its thresholds allows.

Method: random pools of both margin models; corners and random points of their boxes evaluated by
the pools' own arithmetic; pools that stand exactly at a threshold, owe, or hold nothing.
"""

from __future__ import annotations

from itertools import islice, product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.ledger.columns import Ledger
from simulator.risk.bands import Bands
from simulator.risk.pools import Pools
from tests.risk.crowd import (
    ASSETS,
    BASE,
    FIRST_INDEX,
    LISTINGS,
    PRICES,
    TIME,
    VOLATILITY_AT,
    columns_of,
    crash_moves,
    crowd,
    open_at,
)

RULEBOOKS = ("textbook", "binance")
MODES = ("isolated", "separated", "unified")
FAR = 10.0
"""A side without an edge is tried as far as this times the present value."""

WRITTEN = np.array(
    [*range(PRICES), *(VOLATILITY_AT + i for i in range(len(LISTINGS))), TIME], dtype="i4"
)
"""Factors that are written; bases follow from them, forwards from marks."""


def priced(bands: Bands, point: dict[int, float]) -> npt.NDArray[np.float64]:
    """Return what to write so that the factors of ``point`` have these values, others as now."""
    at = bands.values()
    for factor, value in point.items():
        if factor < PRICES or factor >= VOLATILITY_AT:
            at[factor] = value
    for factor, value in point.items():
        if PRICES <= factor < VOLATILITY_AT:
            at[factor - PRICES] = value * at[FIRST_INDEX + BASE[factor - PRICES]]
    return at


def write(bands: Bands, at: npt.NDArray[np.float64]) -> None:
    """Set all prices at once, and recompute everything."""
    bands.marks_all(WRITTEN, np.ascontiguousarray(at[WRITTEN]), np.zeros(len(WRITTEN), "i4"))
    bands.settle()


def ends(box: dict[int, tuple[float, float]], bands: Bands) -> dict[int, tuple[float, float]]:
    """Return a box's sides as finite prices above 0."""
    now = bands.values()
    return {
        factor: (max(low, now[factor] / FAR), min(high, now[factor] * FAR))
        for factor, (low, high) in box.items()
    }


@pytest.mark.hours
@pytest.mark.parametrize("rulebook", RULEBOOKS)
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=100)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([0.001, 0.05, 0.3]))
def test_the_level_is_the_same_all_over_the_box(
    rulebook: str, mode: str, seed: int, size: float
) -> None:
    prices = crash_moves()[1]
    draw = np.random.default_rng(seed)
    products = str(draw.choice(["linear", "futures", "all"]))
    made = crowd(rulebook, mode, 1, seed, prices, products)
    bands = Bands(made.pools)
    at = prices.copy()
    at[FIRST_INDEX + 1 : PRICES] *= np.exp(size * draw.standard_normal(2))
    for i, base in enumerate(BASE):
        at[i] *= at[FIRST_INDEX + base] / prices[FIRST_INDEX + base]
        at[i] *= np.exp(0.01 * draw.standard_normal())
    write(bands, at)
    other = Bands(made.pools)
    for pool in range(made.pools.count):
        box = bands.box_of(pool)
        level = made.pools.figures(pool)[3]
        sides = ends(box, bands)
        corners = list(islice(product(*sides.values()), 4096))
        draw.shuffle(corners)
        points = [dict(zip(sides, corner, strict=True)) for corner in corners[:48]]
        points += [
            {factor: float(draw.uniform(*side)) for factor, side in sides.items()}
            for _ in range(16)
        ]
        for point in points:
            write(other, priced(bands, point))
            assert other.levels()[pool] == level, (box, point)
        write(other, at)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_evaluations_does_not_matter(seed: int) -> None:
    # What one pool's options gain in the scenarios must not be found by the next pool.
    pools = crowd("textbook", "separated", 3, seed, crash_moves()[1]).pools
    write(Bands(pools), crash_moves()[1])
    order = np.random.default_rng(seed).permutation(pools.count).tolist()
    found = []
    for turn in (range(pools.count), order):
        for pool in turn:
            pools.evaluate(pool)
        found.append([pools.figures(pool) for pool in range(pools.count)])
    assert found[0] == found[1]


def lone(
    rulebook: str, lots: int, entry: float, usdt: float, coins: float = 0.0, mark: float = 100_000.0
) -> Bands:
    """Return bands of one unified pool with a BTC perpetual, all prices at ``mark``."""
    ledger = Ledger(2, [1] * len(LISTINGS), 2, len(ASSETS), [one.product for one in LISTINGS])
    pool_of = [[-1] * len(LISTINGS), [-1, -1] + [0] * (len(LISTINGS) - 2)]
    pools = Pools(ledger, [(1, 1, -1, 0, -1)], pool_of, columns_of(rulebook, "unified"))
    ledger.move(0, 1, 0, round(usdt * 1e8))
    ledger.move(0, 1, 1, round(coins * 1e8))
    if lots:
        open_at(ledger, 1, 2, lots, entry)
    bands = Bands(pools)
    at = np.full(TIME + 1, mark)
    at[FIRST_INDEX] = 1.0
    write(bands, at)
    return bands


def test_the_edge_of_a_lone_long_is_its_threshold() -> None:
    # Textbook: initial 10 %, maintenance 10 / 1.5 %; MARGIN_CALL where equity = 1.5 maintenance.
    bands = lone("textbook", 1000, 100_000.0, 20_000.0)
    low, high = bands.box_of(0)[2]
    # 20,000 + (P - 100,000) = 0.1 P
    assert low == pytest.approx(80_000 / 0.9, rel=1e-6)
    assert high == float("inf")


def test_the_edge_of_a_lone_short_is_its_threshold() -> None:
    bands = lone("textbook", -1000, 100_000.0, 20_000.0)
    low, high = bands.box_of(0)[2]
    assert low == 0.0
    assert high == pytest.approx(120_000 / 1.1, rel=1e-6)


def test_a_hedge_has_wide_edges_on_the_index() -> None:
    # One coin and one sold: equity hardly moves with the price.
    bands = lone("binance", -1000, 100_000.0, 0.0, 1.0)
    box = bands.box_of(0)
    low, high = box[FIRST_INDEX + 1]
    assert low < 75_000 < 125_000 < high
    assert 2 not in box


@pytest.mark.parametrize("rulebook", RULEBOOKS)
@pytest.mark.parametrize(
    ("lots", "usdt", "coins"),
    [(0, 0.0, 0.0), (0, -5.0, 0.0), (0, 1.0, 0.0), (0, 0.0, 1.0)],
)
def test_a_pool_without_positions_and_debt_in_coins_needs_no_edge(
    rulebook: str, lots: int, usdt: float, coins: float
) -> None:
    for low, high in lone(rulebook, lots, 1.0, usdt, coins).box_of(0).values():
        assert low < 1.0
        assert high == float("inf")


@pytest.mark.parametrize("usdt", [10_000.0, 0.0])
def test_a_pool_exactly_at_a_threshold_is_recomputed_on_every_move(usdt: float) -> None:
    # 10,000 = 1.5 x maintenance: MARGIN_CALL exactly; 0: BANKRUPT exactly.
    bands = lone("textbook", 1000, 100_000.0, usdt)
    box = bands.box_of(0)
    assert box[2] == (100_000.0, 100_000.0)
    assert all(low == high for low, high in box.values())
    before = bands.recomputed
    bands.mark(2, np.nextafter(100_000.0, 2e5))
    assert bands.recomputed == before + 1


@settings(max_examples=300)
@given(
    rulebook=st.sampled_from(RULEBOOKS),
    lots=st.integers(-5000, 5000).filter(bool),
    margin=st.floats(-0.01, 0.5),
    coins=st.sampled_from([0.0, 0.5, -0.5]),
    upwards=st.booleans(),
)
def test_stepping_on_an_edge_and_just_past_it(
    rulebook: str, lots: int, margin: float, coins: float, upwards: bool
) -> None:
    def made() -> Bands:
        return lone(rulebook, lots, 100_000.0, abs(lots) * 100 * margin, coins)

    bands = made()
    level = bands.levels().tolist()
    bands.void(0)
    bands.settle()
    for factor, sides in bands.box_of(0).items():
        edge = sides[upwards]
        if factor >= PRICES or not 0.0 < edge < float("inf"):
            continue
        stepping, beyond = made(), float(np.nextafter(edge, np.inf if upwards else 0.0))
        stepping.void(0)
        stepping.settle()
        before = stepping.recomputed
        stepping.mark(factor, edge)
        if not coins:  # with coins the edge is the index's at an unmoved basis
            assert stepping.levels().tolist() == level
            assert stepping.recomputed == before
        stepping.mark(factor, beyond)
        assert stepping.recomputed > before
        full = made()
        full.marks_all(np.array([factor], "i4"), np.array([beyond]), np.zeros(1, "i4"))
        assert stepping.levels().tolist() == full.levels().tolist()
