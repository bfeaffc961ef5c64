"""Margin rules and pools put together by tests from the numbers of an example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from simulator.risk.brackets import Bracket
from simulator.risk.components import OptionMarginRules
from simulator.risk.levels import Ladder, Rung
from simulator.risk.rules import CollateralRules, LoanRules, MarginRules
from simulator.risk.scenario import ScenarioRules
from simulator.risk.state import Position

D = Decimal


def one_bracket(mmr: str, cum: str = "0") -> tuple[Bracket, ...]:
    """Return a table of a single bracket with this rate and maintenance amount."""
    return (Bracket(D(0), D(10) ** 12, D(mmr), D(1), D(cum)),)


def ladder(at: str = "1") -> Ladder:
    """Return a ladder that liquidates where equity / maintenance is at or below ``at``."""
    return Ladder("ratio", Rung(D(at)), D(at))


def bracket_rules(
    tables: Mapping[str, Sequence[Bracket]],
    *,
    at: str = "1",
    collateral: CollateralRules | None = None,
    loans: LoanRules | None = None,
    options: OptionMarginRules | None = None,
    leverage: int = 10,
) -> MarginRules:
    """Return bracket rules with these tables and this liquidation threshold."""
    return MarginRules(
        mode="separated",
        model="brackets",
        members=(),
        ladder=ladder(at),
        collateral=collateral or CollateralRules(),
        scenario=scenario(),
        brackets={symbol: tuple(table) for symbol, table in tables.items()},
        loans=loans,
        margin_type="cross",
        default_leverage=leverage,
        options=options,
    )


def scenario(**parameters: Any) -> ScenarioRules:
    """Return scenario rules: range 10 %, no credit, initial = 1.5 x maintenance, unless given."""
    given = {
        "default_price_range": Fraction(1, 10),
        "credit_rate": Fraction(0),
        "correlation_reference": D("0.8"),
        "initial_over_maintenance": D("1.5"),
        "price_range": {"USDT": Fraction(0), "USD": Fraction(0)},
    }
    return ScenarioRules(**(given | parameters))


def scenario_rules(*, at: str = "1", **parameters: Any) -> MarginRules:
    """Return the rules of a unified pool under a scenario model with these parameters."""
    return MarginRules(
        mode="unified",
        model="scenario",
        members=("spot", "margin", "um", "cm", "options"),
        ladder=ladder(at),
        collateral=CollateralRules(),
        scenario=scenario(**parameters),
        brackets={},
        loans=None,
        margin_type="cross",
        default_leverage=None,
    )


def inverse(
    symbol: str, contracts: Decimal, size: Decimal, entry: Decimal, mark: Decimal
) -> Position:
    """Return a coin-margined position."""
    coin = symbol[:3]
    return Position(
        symbol, coin, coin, contracts, entry, mark, product="inverse", contract_size=size
    )
