"""Goal: the venue sees the people that were drawn: its own pools agree with the readable model, and
nobody in the whole crowd begins at or below a margin call.

Method: the bundled crash's first moment; every pool of the crowd as the engine evaluates it, under
both modes and every rulebook.
"""

from __future__ import annotations

from typing import Any

import pytest

from simulator.accounts.crowd import FIRST, Crowd, Setting
from simulator.errors import InputError
from simulator.population.check import check
from simulator.population.draw import draw
from simulator.risk.levels import RiskLevel
from simulator.simulation import Simulation
from tests.population import worlds

pytestmark = pytest.mark.hours


def opened(mode: str, rulebook: str, accounts: int) -> tuple[Any, Crowd, Setting]:
    """Return a run before its first event, its crowd, and what that was drawn for."""
    kept: list[Any] = []

    def people(first: Setting) -> Crowd:
        kept.extend((draw(worlds.groups(), accounts, first), first))
        return kept[0]

    run: Any = Simulation(data="bundled:crash", mode=mode, rulebook=rulebook, population=people)
    run._open()
    return run, kept[0], kept[1]


@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_pools_of_the_engine_begin_above_the_margin_call(mode: str, rulebook: str) -> None:
    run, crowd, first = opened(mode, rulebook, 1100)
    run.core.pools.evaluate_all()
    own = run.roster.own_pools
    figures = [run.core.pools.figures(own + pool) for pool in range(len(run.roster.pools))]
    assert len(figures) >= crowd.size
    assert {RiskLevel(level) for *_, level in figures} == {RiskLevel.NORMAL}
    ratios = [equity / kept for equity, _, kept, _ in figures if kept > 0]
    sample = check(crowd, first, sample=crowd.size)
    assert sample.accounts == crowd.size
    assert sample.lowest is not None
    assert min(ratios) == pytest.approx(float(sample.lowest), rel=1e-9)
    if mode == "unified" and rulebook == "textbook":
        # Everything that a unified account is worth is in its pool.
        wealth = worlds.worth(crowd, first)
        for (account, *_), (equity, *_) in zip(run.roster.pools.tolist(), figures, strict=True):
            if crowd.unified[account - FIRST]:
                assert equity == pytest.approx(wealth[account - FIRST], abs=0.01)
    run.check()


@pytest.mark.parametrize(
    ("population", "said"),
    [
        ("crowd.parquet", r"population must be a Crowd, not str; .*parquet\.population\(FILE\)"),
        (lambda first: 5, "what its function returns must be a Crowd, not int"),
    ],
    ids=["path", "function"],
)
def test_what_is_no_population_is_told(population: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Simulation(data="bundled:crash", mode="separated", population=population)
