"""Goal: the lesson's numbers are what the shipped documents come to.

Method: compute each document of docs/examples; break the correlation, forbid the hedge.
"""

from __future__ import annotations

import pytest

from simulator import margin
from simulator.calculator.figures import Figures
from simulator.calculator.read import read
from simulator.calculator.what_if import moved, parse
from tests.house.tree import ROOT

EXAMPLES = ROOT / "docs" / "examples"


def unified(name: str) -> Figures:
    (pool,) = margin(EXAMPLES / f"{name}.yaml").pools
    return Figures(pool)


def test_hedge_of_two_um_positions() -> None:
    pool = unified("lesson-um")
    assert [row.initial_margin for row in pool.positions] == [5000, 3000]
    assert pool.components["scan_risk"] == 8000
    assert pool.components["inter_credit"] == -2000
    assert (pool.initial_margin, pool.maintenance_margin) == (6000, 4000)
    assert (pool.ratio_name, pool.ratio, pool.level) == ("uniMMR", 1.5, "MARGIN_CALL")


def test_the_short_as_cm_on_eth_collateral() -> None:
    """2 of the 10 ETH short are covered by the collateral, so 24,000 is at risk: 2,400."""
    pool = unified("lesson-cm")
    assert pool.components["scan_risk"] == 5000 + 2400
    assert pool.components["inter_credit"] == pytest.approx(-1600)
    assert pool.initial_margin == pytest.approx(5800)


def test_the_short_as_a_loan() -> None:
    """10 ETH owed are a short of 30,000 like any other: the same 6,000."""
    pool = unified("lesson-borrowed")
    assert pool.equity == 6000
    assert pool.components["scan_risk"] == 8000
    assert pool.initial_margin == 6000


def test_calendar_spread_needs_far_less_than_its_legs() -> None:
    pool = unified("calendar-spread")
    alone = sum(row.initial_margin for row in pool.positions)
    assert alone == 5000 + 5040
    assert pool.components["calendar_charge"] == 500
    assert pool.initial_margin == 540


@pytest.mark.parametrize(
    ("correlation", "needed"), [("0.8", 6000), ("0.4", 7000), ("0", 8000), ("-1", 8000)]
)
def test_correlation_breakdown_raises_the_requirement(correlation: str, needed: int) -> None:
    document = read(EXAMPLES / "lesson-um.yaml")
    broken = moved(document, parse(f"corr={correlation}"))
    assert margin(broken).total.initial_margin == pytest.approx(needed)


def test_apart_the_same_positions_need_the_sum() -> None:
    """Isolated positions are pools of their own: 5,000 + 3,000."""
    document = read(EXAMPLES / "lesson-um.yaml").model_dump()
    for held, wallet in zip(document["positions"], (5000, 3000), strict=True):
        held["isolated_wallet"] = wallet
    report = margin(document, mode="separated")
    assert [pool.initial_margin for pool in report.pools[1:]] == [5000, 3000]
    assert report.total.initial_margin == 8000


def test_every_product_in_both_modes() -> None:
    path = EXAMPLES / "all-products.yaml"
    apart, together = margin(path), margin(path, mode="unified")
    assert [pool.pool for pool in apart.pools] == [
        "um",
        "cm:BTC",
        "um:ETHUSDT",
        "margin",
        "options",
    ]
    assert [pool.pool for pool in together.pools] == ["unified", "options"]
    assert apart.total.equity == pytest.approx(together.total.equity, rel=1e-12)
