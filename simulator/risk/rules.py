"""The rules that a margin computation needs, as plain types; ``simulator.rulebook`` builds them
from files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from simulator.errors import InputError
from simulator.risk.brackets import Bracket, bracket_of
from simulator.risk.components import OptionMarginRules
from simulator.risk.levels import Ladder
from simulator.risk.scenario import ScenarioRules

Wallet = Literal["spot", "margin", "um", "cm", "options"]
MarginModel = Literal["scenario", "brackets"]
MarginType = Literal["isolated", "cross"]


@dataclass(frozen=True, slots=True)
class CollateralRules:
    """What share of an asset's value counts as equity; ``applied`` False: all of it.

    ``tiers`` by asset: rows ``(floor in USD, ratio)``, each slice of value above a floor counting
    at that row's ratio; they take the place of the asset's ``ratio``.
    """

    applied: bool = False
    default: Decimal = Decimal(1)
    ratio: Mapping[str, Decimal] = field(default_factory=dict)
    tiers: Mapping[str, tuple[tuple[Decimal, Decimal], ...]] = field(default_factory=dict)

    def ratio_of(self, asset: str) -> Decimal:
        """Return the collateral ratio of one asset, 0 to 1."""
        return self.ratio.get(asset, self.default) if self.applied else Decimal(1)


@dataclass(frozen=True, slots=True)
class LoanRules:
    """Cross-margin loans in the bracket model: maintenance rate by the account's margin leverage.

    The rate is of loan and interest.  ``default_leverage`` must be one of ``maintenance_rate``'s
    keys.  Initial margin = (loan + interest) / (leverage - 1).
    """

    default_leverage: int
    maintenance_rate: Mapping[int, Decimal]


@dataclass(frozen=True, slots=True)
class MarginRules:
    """Everything that turns a pool's state into equity, requirement and level, in one mode.

    ``members`` are the wallets of the unified pool (empty in the separated mode).
    ``default_leverage`` None means 1 / price range of the underlying.  ``brackets`` holds USD-M
    tables by symbol (notional in the settlement asset) and COIN-M tables by symbol (notional in
    coin).  ``ladders`` has the ladder of pools that differ from ``ladder``, by kind (``margin``:
    assets / liabilities restated as equity / maintenance; ``options``).  ``models`` and
    ``collaterals`` likewise (a ``um`` pool in multi-assets mode has haircuts).
    """

    mode: Literal["separated", "unified"]
    model: MarginModel
    members: tuple[Wallet, ...]
    ladder: Ladder
    collateral: CollateralRules
    scenario: ScenarioRules
    brackets: Mapping[str, tuple[Bracket, ...]]
    loans: LoanRules | None
    margin_type: MarginType
    default_leverage: int | None
    ladders: Mapping[str, Ladder] = field(default_factory=dict)
    models: Mapping[str, MarginModel] = field(default_factory=dict)
    options: OptionMarginRules | None = None
    collaterals: Mapping[str, CollateralRules] = field(default_factory=dict)

    def collateral_of(self, kind: str) -> CollateralRules:
        """Return the collateral rules of a kind of pool."""
        return self.collaterals.get(kind, self.collateral)

    def ladder_of(self, kind: str, margin_leverage: int | None = None) -> Ladder:
        """Return the ladder of a kind of pool (``um``, ``cm``, ``margin``, ``options``,
        ``unified``).

        Thresholds of a cross-margin pool may depend on its leverage (``margin:10``).
        """
        if margin_leverage is not None and f"{kind}:{margin_leverage}" in self.ladders:
            return self.ladders[f"{kind}:{margin_leverage}"]
        return self.ladders.get(kind, self.ladder)

    def model_of(self, kind: str) -> MarginModel:
        """Return the margin model of a kind of pool."""
        return self.models.get(kind, self.model)

    def leverage_of(self, symbol: str, underlying: str, notional: Decimal) -> Fraction:
        """Return the leverage of a position that names none.

        By brackets it is the default, but no more than the notional's bracket allows.
        Raises ``InputError`` where the underlying has no price range.
        """
        if self.default_leverage is None:
            reach = self.scenario.range_of(underlying)
            if not reach:
                raise InputError(f"{symbol}: the rulebook's price range for {underlying} is 0")
            return 1 / reach
        leverage = Fraction(self.default_leverage)
        if symbol in self.brackets:
            allowed = bracket_of(notional, self.brackets[symbol]).max_leverage
            leverage = min(leverage, Fraction(allowed))
        return leverage
