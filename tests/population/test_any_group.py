"""Goal: whatever a group asks for, its accounts are possible: nobody owes what was not lent, nobody
begins at a margin call, wealth is what was drawn, and both modes have the same people.

Method: random groups of every kind, under each rulebook.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.population.check import check
from simulator.population.draw import draw
from simulator.population.spec import Group
from tests.population import worlds

pytestmark = pytest.mark.hours

SHARES = st.sampled_from([0.0, 0.25, 0.5, 1.0])
LEVERAGE = st.sampled_from(
    [0.5, 3, 40, {"2": 0.5, "125": 0.5}, {"law": "lognormal", "median": 9, "sigma": 1, "most": 900}]
)
WEALTH = st.sampled_from([30, 1e4, 3e7, {"law": "pareto", "least": 100, "alpha": 0.9, "most": 5e7}])
ENTRY = st.sampled_from([0, -0.4, 0.6, {"law": "normal", "sigma": 0.2, "least": -0.6, "most": 0.9}])
MIX = st.sampled_from(
    [{"USDT": 1}, {"BTC": 1}, {"USDT": 0.4, "BTC": 0.6}, {"ETH": 0.5, "BTC": 0.5, "USDT": 0}]
)
CONTRACTS = ["um:BTCUSDT", "um:ETHUSDT", "cm:BTCUSD_PERP"]
HEDGE = st.none() | st.fixed_dictionaries(
    {
        "by": st.sampled_from(["spot", *CONTRACTS]),
        "share": SHARES,
        "ratio": st.sampled_from([0.5, 1, 2]),
    }
)
LOAN = st.none() | st.fixed_dictionaries(
    {
        "asset": st.sampled_from(["USDT", "BTC"]),
        "into": st.sampled_from(["ETH", "USDT"]),
        "amount": st.sampled_from([0.2, 5]),
        "share": SHARES,
    }
)
GROUPS = st.fixed_dictionaries(
    {
        "name": st.just("any"),
        "count": st.integers(1, 12),
        "wealth": WEALTH,
        "collateral": MIX,
        "collateral_jitter": st.sampled_from([0, 0.5]),
        "side": st.fixed_dictionaries({"long": SHARES}),
        "instruments": st.lists(st.sampled_from(CONTRACTS), min_size=1, max_size=3, unique=True),
        "holds": st.sampled_from(["one", "all"]),
        "futures": st.sampled_from([0.05, 0.5, 0.9, 1]),
        "leverage": LEVERAGE,
        "margin_type": st.sampled_from(["", "isolated", "cross"]),
        "entry": ENTRY,
        "hedge": HEDGE,
        "loan": LOAN,
        "mode": st.sampled_from(["run", "separated", "unified"]),
    }
)


def group_of(table: dict[str, Any]) -> Group | None:
    """Return the group, None for one that the schema refuses."""
    try:
        return Group(**table)
    except ValidationError:
        return None


@pytest.mark.parametrize("rulebook", ["textbook", "binance", "deribit_pm"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=GROUPS, seed=st.integers(0, 2**32))
def test_any_group_is_possible(rulebook: str, table: dict[str, Any], seed: int) -> None:
    group = group_of(table)
    if group is None:
        return
    first = dataclasses.replace(MOMENTS[rulebook], seed=seed)
    apart = draw([group], 0, first)
    pooled = draw([group], 0, worlds.in_mode(first, "unified"))
    assert np.array_equal(apart.lots, pooled.lots)
    assert np.array_equal(apart.entry, pooled.entry)
    wealth = worlds.worth(apart, first)
    # Amounts are rounded down to 1e-8 of an asset, and nothing else is lost.
    assert worlds.worth(pooled, first) == pytest.approx(wealth, abs=0.01, rel=1e-9)
    for crowd in (apart, pooled):
        for amounts in (*crowd.balance.values(), *crowd.loan.values(), crowd.isolated):
            assert (amounts >= 0).all()
        assert not crowd.isolated[crowd.lots == 0].any()
        assert not crowd.isolated[crowd.unified].any()
        assert check(crowd, first).called == 0
    if table["wealth"] == 1e4:
        assert wealth == pytest.approx(np.full(apart.size, 1e4), abs=0.02)


MOMENTS = {name: worlds.first_moment("separated", name) for name in worlds.RULEBOOKS}
