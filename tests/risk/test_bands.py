"""Goal: bands change nothing but the work: the levels of all pools change at the same moves as by
recomputing everything on every move.

Method: crowds of random accounts through the bundled crash, both ways, changes compared one by
one; random steps (moves, deposits, fills) on a few accounts against a twin that recomputes all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.risk.bands import Bands
from tests.risk.crowd import (
    ASSETS,
    FIRST_INDEX,
    LISTINGS,
    OPTIONS,
    PRODUCTS,
    TIME,
    VOLATILITY_AT,
    Moves,
    crash_moves,
    crowd,
    open_at,
)

RULEBOOKS = ("textbook", "binance")
MODES = ("isolated", "separated", "unified")
TICKS = 10_000


def compared(
    rulebook: str, mode: str, accounts: int, seed: int, moves: Moves, products: str = "all"
) -> dict[str, Any]:
    """Run both ways, assert that they agree, return what happened."""
    prices = crash_moves()[1]
    lazy = Bands(crowd(rulebook, mode, accounts, seed, prices, products).pools)
    full = Bands(crowd(rulebook, mode, accounts, seed, prices, products).pools)
    lazy.marks(moves.factor, moves.value, moves.instant)
    full.marks_all(moves.factor, moves.value, moves.instant)
    found, expected = lazy.changes_found(), full.changes_found()
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(lazy.levels(), full.levels())
    return {"changes": found, "recomputed": lazy.recomputed, "pools": lazy.pools.count}


OTHERS = [
    (rulebook, mode, products)
    for rulebook in RULEBOOKS
    for mode in MODES
    for products in PRODUCTS
    if products != "all" or (rulebook == "textbook" and mode == "isolated")
]


@pytest.mark.hours
@pytest.mark.parametrize(
    ("rulebook", "mode", "products", "ticks"),
    [
        ("textbook", "isolated", "linear", TICKS),
        ("textbook", "separated", "all", TICKS),
        ("textbook", "unified", "all", TICKS),
        ("binance", "isolated", "all", TICKS),
        ("binance", "separated", "all", TICKS),
        ("binance", "unified", "all", TICKS),
        *(pytest.param(*other, TICKS // 2, marks=pytest.mark.slow) for other in OTHERS[1:]),
    ],
)
def test_three_hundred_accounts_through_the_crash(
    rulebook: str, mode: str, products: str, ticks: int
) -> None:
    moves = crash_moves()[0].head(ticks).each_alone()
    happened = compared(rulebook, mode, 300, 1, moves, products)
    changes = happened["changes"]
    # Not only the first prices: levels go down and up all along the crash.
    assert len(changes) > ticks // 10
    assert (changes[:, 0] > ticks // 2).sum() > 50
    assert (changes[:, 3] < changes[:, 2]).sum() > 100
    assert {0, 3, 4} <= set(changes[:, 3].tolist())
    if products == "futures" or rulebook == "binance":
        assert happened["recomputed"] < 0.02 * ticks * happened["pools"]


DERIVE = str(Path(__file__).parents[1] / "rulebook" / "derive_pmrm.toml")


@pytest.mark.hours
@pytest.mark.parametrize("mode", ["separated", "unified"])
@pytest.mark.parametrize("rulebook", ["deribit_pm", DERIVE], ids=["deribit_pm", "derive_pmrm"])
def test_venues_with_extended_tables_and_basis_charges(rulebook: str, mode: str) -> None:
    moves = crash_moves()[0].head(TICKS // 5).each_alone()
    assert len(compared(rulebook, mode, 40, 2, moves)["changes"]) > 50


@pytest.mark.hours
@pytest.mark.parametrize("mode", MODES)
def test_moves_of_one_instant_are_seen_together(mode: str) -> None:
    moves = crash_moves()[0].head(TICKS)
    together = compared("textbook", mode, 100, 2, moves)["changes"]
    assert set(together[:, 0].tolist()) <= set(
        np.flatnonzero(np.diff(moves.instant, append=moves.instant[-1] + 1)).tolist()
    )


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rulebook", RULEBOOKS)
@pytest.mark.parametrize("mode", MODES)
def test_thousands_of_accounts_through_the_crash(rulebook: str, mode: str, seed: int) -> None:
    compared(rulebook, mode, 1000, 100 + seed, crash_moves()[0].each_alone())


FUTURES = [i for i, one in enumerate(LISTINGS) if one.product in (1, 2)]
FACTORS = [
    *FUTURES,
    *OPTIONS,
    *(FIRST_INDEX + asset for asset in range(1, len(ASSETS))),
    *(VOLATILITY_AT + i for i in OPTIONS),
    TIME,
]
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("move"), st.sampled_from(FACTORS), st.sampled_from([1e-5, 1e-3, 0.02, 0.3])
        ),
        st.tuples(st.just("post"), st.integers(0, 2), st.integers(-(10**13), 10**13)),
        st.tuples(st.just("fill"), st.sampled_from([*FUTURES, *OPTIONS]), st.integers(-3000, 3000)),
    ),
    max_size=60,
)


def recompute_all(bands: Bands, factor: int, value: float) -> None:
    bands.marks_all(np.array([factor], "i4"), np.array([value]), np.zeros(1, "i4"))


@pytest.mark.parametrize("rulebook", RULEBOOKS)
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=40)
@given(steps=STEPS, seed=st.integers(0, 2**32 - 1))
def test_moves_postings_and_fills_in_any_order(
    rulebook: str, mode: str, steps: list[tuple[str, int, Any]], seed: int
) -> None:
    prices = crash_moves()[1]
    one, twin = (crowd(rulebook, mode, 3, seed, prices) for _ in range(2))
    lazy, full = Bands(one.pools), Bands(twin.pools)
    draw = np.random.default_rng(seed)
    value = np.array(prices)
    for factor in FACTORS:
        lazy.mark(factor, value[factor])
        recompute_all(full, factor, value[factor])
    for kind, number, size in steps:
        if kind == "move":
            if number == TIME:
                value[number] += size * 0.01
            else:
                value[number] *= np.exp(size * draw.standard_normal())
            lazy.mark(number, value[number])
        else:
            for world in (one, twin):
                if kind == "post":
                    world.ledger.move(0, 2, number, size // 10 ** (5 * (number > 0)))
                else:
                    if size:
                        open_at(world.ledger, 1, number, int(size), value[number])
            lazy.void_account(1)
            lazy.settle()
        recompute_all(full, FACTORS[0], value[FACTORS[0]])
        if kind == "move":
            recompute_all(full, number, value[number])
        assert lazy.levels().tolist() == full.levels().tolist()
