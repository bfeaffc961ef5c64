"""Goal: a pool's level follows the venue's ladder, and the worse level owns the edge.

Method: one table a ladder, each edge from both sides; the Decimal ladder and the kernel read the
same rows.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.risk import kernels
from simulator.risk.levels import Ladder, RiskLevel, Rung
from simulator.rulebook.load import load

LADDERS = {
    "textbook unified": load("textbook").margin_rules("unified").ladder,
    "textbook separated": load("textbook").margin_rules("separated").ladder,
    "binance unified": load("binance").margin_rules("unified").ladder,
    "binance separated": load("binance").margin_rules("separated").ladder,
    "exclusive": Ladder(
        "uniMMR",
        Rung(Decimal("1.05"), inclusive=False),
        Decimal("1.05"),
        Rung(Decimal("1.5"), inclusive=False),
    ),
}

# Equity and maintenance margin in whole USD, so that both implementations read them exactly.
TABLE = """
    ladder              equity  maintenance  level
    textbook_unified    151     100          NORMAL
    textbook_unified    150     100          MARGIN_CALL
    textbook_unified    101     100          MARGIN_CALL
    textbook_unified    100     100          LIQUIDATION
    textbook_unified    1       100          LIQUIDATION
    textbook_unified    0       100          BANKRUPT
    textbook_unified    -1      100          BANKRUPT
    textbook_unified    1       0            NORMAL
    textbook_unified    0       0            NORMAL
    textbook_unified    -1      0            BANKRUPT
    textbook_separated  151     100          NORMAL
    textbook_separated  150     100          MARGIN_CALL
    textbook_separated  100     100          LIQUIDATION
    binance_unified     151     100          NORMAL
    binance_unified     150     100          MARGIN_CALL
    binance_unified     121     100          MARGIN_CALL
    binance_unified     120     100          REDUCE_ONLY
    binance_unified     106     100          REDUCE_ONLY
    binance_unified     105     100          LIQUIDATION
    binance_unified     0       100          BANKRUPT
    binance_separated   101     100          NORMAL
    binance_separated   100     100          LIQUIDATION
    binance_separated   0       100          BANKRUPT
    exclusive           151     100          NORMAL
    exclusive           150     100          NORMAL
    exclusive           149     100          MARGIN_CALL
    exclusive           105     100          MARGIN_CALL
    exclusive           104     100          LIQUIDATION
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()[1:]]


@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_ladder_row(row: list[str]) -> None:
    name, equity, maintenance, level = row
    ladder = LADDERS[name.replace("_", " ")]
    assert ladder.level(Decimal(equity), Decimal(maintenance)).name == level
    code = kernels.risk_level(float(equity), float(maintenance), ladder.to_array())
    assert RiskLevel(code).name == level


@given(
    st.sampled_from(sorted(LADDERS)),
    st.integers(-(10**9), 10**9),
    st.integers(0, 10**9),
)
def test_kernel_equals_ladder(name: str, equity: int, maintenance: int) -> None:
    ladder = LADDERS[name]
    expected = ladder.level(Decimal(equity), Decimal(maintenance))
    edges = [r.at for r in (ladder.margin_call, ladder.reduce_only, ladder.liquidation) if r]
    if any(abs(equity - at * maintenance) < Decimal("0.01") for at in edges):
        return  # the table above holds the edges
    assert kernels.risk_level(equity, maintenance, ladder.to_array()) == expected


@given(st.sampled_from(sorted(LADDERS)), st.integers(1, 10**6), st.integers(0, 3 * 10**6))
def test_less_equity_is_never_better(name: str, maintenance: int, equity: int) -> None:
    ladder = LADDERS[name]
    richer = ladder.level(Decimal(equity + 1), Decimal(maintenance))
    assert ladder.level(Decimal(equity), Decimal(maintenance)) >= richer


def test_ratio_is_shown_the_venues_way() -> None:
    equity, maintenance = Decimal(200), Decimal(100)
    assert LADDERS["binance separated"].ratio(equity, maintenance) == 2
    assert LADDERS["binance separated"].ratio_shown(equity, maintenance) == Decimal("0.5")
    assert LADDERS["binance unified"].ratio_shown(equity, maintenance) == 2
    assert LADDERS["binance unified"].ratio(equity, Decimal(0)) is None
    assert LADDERS["binance separated"].ratio_shown(Decimal(0), maintenance) is None


def test_thresholds_by_level_name() -> None:
    assert LADDERS["textbook unified"].thresholds() == {"MARGIN_CALL": 1.5, "LIQUIDATION": 1.0}
    assert LADDERS["binance unified"].thresholds() == {
        "MARGIN_CALL": 1.5,
        "REDUCE_ONLY": 1.2,
        "LIQUIDATION": 1.05,
    }


def test_a_ladder_that_rises_or_a_target_below_liquidation_is_refused() -> None:
    with pytest.raises(ValueError, match="must fall"):
        Ladder("r", Rung(Decimal(2)), Decimal(2), Rung(Decimal(1)))
    with pytest.raises(ValueError, match="target"):
        Ladder("r", Rung(Decimal(2)), Decimal(1))
    with pytest.raises(ValueError, match="above 0"):
        Rung(Decimal(0))
