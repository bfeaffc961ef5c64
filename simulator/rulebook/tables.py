"""Sections that price one thing by itself: brackets, options, loans, collateral."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from simulator.risk.brackets import Bracket, derive_brackets
from simulator.risk.components import OptionMarginRules
from simulator.risk.levels import Ladder, Rung
from simulator.risk.rules import CollateralRules
from simulator.rulebook.sections import Section
from simulator.rulebook.values import Number, Positive, Share, plain

INVERSE = re.compile(r"USD_(PERP|\d{6}|\*)$")
"""Symbols of coin-margined contracts: ``BTCUSD_PERP``, ``BTCUSD_261225``, ``BTCUSD_*``."""

DELIVERY = re.compile(r"_\d{6}$")


class CollateralTier(BaseModel):
    """From ``floor`` USD of an asset on, each further dollar counts at ``ratio``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    floor: Annotated[Number, Field(ge=0)]
    ratio: Share


class Collateral(Section):
    """Share of an asset's value that counts as equity; ``tiers`` stand above ``ratio``."""

    default: Share
    ratio: dict[str, Share] = Field(default_factory=dict)
    tiers: dict[str, tuple[CollateralTier, ...]] = Field(default_factory=dict)

    @field_validator("tiers")
    @classmethod
    def _rising(
        cls, tiers: dict[str, tuple[CollateralTier, ...]]
    ) -> dict[str, tuple[CollateralTier, ...]]:
        for asset, rows in tiers.items():
            floors = [row.floor for row in rows]
            if not rows or floors[0] != 0 or floors != sorted(set(floors)):
                raise ValueError(f"{asset}: floors must start at 0 and rise")
        return tiers

    def plain(self) -> CollateralRules:
        """Return the rules that risk computes with."""
        tiers = {a: tuple((t.floor, t.ratio) for t in rows) for a, rows in self.tiers.items()}
        return CollateralRules(True, self.default, self.ratio, tiers)


class MultiAssets(Collateral):
    """Multi-assets mode of the separated USD-M wallet: other assets back its positions.

    A balance below minus ``exchange_at`` (by asset, in it), or a loan-to-value of ``exchange_ltv``
    without positions, is exchanged from the other assets at their ratio.
    """

    exchange_at: dict[str, Positive] = Field(default_factory=dict)
    exchange_ltv: Share | None = None


class Loans(Section):
    """Cross-margin loans in a unified pool: maintenance rate by margin leverage."""

    default_leverage: int
    maintenance_rate: dict[int, Share]

    @model_validator(mode="after")
    def _listed(self) -> Self:
        if self.default_leverage not in self.maintenance_rate:
            raise ValueError(
                f"default_leverage {self.default_leverage} is not a key of maintenance_rate"
            )
        if min(self.maintenance_rate) <= 1:
            raise ValueError("maintenance_rate: margin leverage must be above 1")
        return self


class MarginLevels(BaseModel):
    """Margin levels (assets / liabilities) at which a cross-margin account is warned and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    margin_call: Annotated[Positive, Field(gt=1)]
    liquidation: Annotated[Positive, Field(gt=1)]


class CrossMargin(Section):
    """The separated cross-margin wallet: thresholds on assets / liabilities by margin leverage.

    Closing stops above the margin call.  ``borrow_above``, ``withdraw_above``: levels that allow
    new loans and transfers out.
    """

    ratio_name: str = "margin level"
    default_leverage: int
    borrow_above: Positive | None = None
    withdraw_above: Positive | None = None
    levels: dict[int, MarginLevels]

    @model_validator(mode="after")
    def _listed(self) -> Self:
        if self.default_leverage not in self.levels:
            raise ValueError(f"default_leverage {self.default_leverage} is not a key of levels")
        for leverage in self.levels:
            if leverage <= 1:
                raise ValueError("levels: margin leverage must be above 1")
            try:
                self.ladder(leverage)
            except ValueError as error:
                raise ValueError(f"levels.{leverage}: {error}") from None
        return self

    def maintenance_rate(self) -> dict[int, Decimal]:
        """Return what share of a loan must stand above it: liquidation level - 1, by leverage."""
        return {leverage: level.liquidation - 1 for leverage, level in self.levels.items()}

    def ladder(self, leverage: int) -> Ladder:
        """Return the ladder on equity / maintenance margin that the levels of a leverage mean.

        Level *m* = assets / liabilities, maintenance = liabilities * (liquidation - 1), so equity /
        maintenance = (m - 1) / (liquidation - 1).
        """
        levels = self.levels[leverage]
        share = levels.liquidation - 1
        warned = (levels.margin_call - 1) / share
        return Ladder(
            ratio_name=self.ratio_name,
            liquidation=Rung(Decimal(1)),
            target=warned,
            margin_call=Rung(warned),
            shown="assets / liabilities",
            loan_rate=share,
        )


class OptionMargin(Section):
    """Margin of short options by themselves; formulas in ``components.OptionMarginRules``."""

    initial: Share
    initial_minimum: Share
    maintenance: Share
    liquidation_fee: Share = Decimal(0)

    def plain(self) -> OptionMarginRules:
        """Return the rules that risk computes with."""
        return OptionMarginRules(
            self.initial, self.initial_minimum, self.maintenance, self.liquidation_fee
        )


class BracketRow(BaseModel):
    """One bracket; ``cum`` is derived, and checked where it is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    floor: Number
    cap: Positive
    mmr: Positive
    max_leverage: Positive
    cum: Number | None = None

    @staticmethod
    def derive(rows: tuple[BracketRow, ...]) -> tuple[Bracket, ...]:
        """Return the table with every ``cum``; ``ValueError`` naming the row that is wrong."""
        brackets = derive_brackets([(r.floor, r.cap, r.mmr, r.max_leverage) for r in rows])
        for number, (row, bracket) in enumerate(zip(rows, brackets, strict=True), start=1):
            if row.cum is not None and row.cum != bracket.cum:
                raise ValueError(
                    f"bracket {number}: cum must be {plain(bracket.cum)} by the rows before, "
                    f"not {plain(row.cum)}"
                )
        return brackets


class BracketTables(Mapping[str, tuple[Bracket, ...]]):
    """Brackets by symbol; a delivery contract without a table of its own has its pair's.

    ``BTCUSDT_270326`` is looked up as ``BTCUSDT_*`` where it is not listed itself.
    """

    def __init__(self, tables: Mapping[str, tuple[Bracket, ...]]) -> None:
        self._tables = dict(tables)

    def __getitem__(self, symbol: str) -> tuple[Bracket, ...]:
        if symbol not in self._tables and DELIVERY.search(symbol):
            return self._tables[DELIVERY.sub("_*", symbol)]
        return self._tables[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


class Brackets(Section):
    """Leverage brackets by symbol: USD-M notional in the settlement asset, COIN-M in coin.

    A table may be the name of another one of its kind, which it repeats; ``PAIR_*`` is the table
    of the pair's delivery contracts that have none of their own.
    """

    um: dict[str, tuple[BracketRow, ...]] = Field(default_factory=dict)
    cm: dict[str, tuple[BracketRow, ...]] = Field(default_factory=dict)

    @field_validator("um", "cm", mode="before")
    @classmethod
    def _repeated(cls, tables: Any) -> Any:
        if not isinstance(tables, dict):
            return tables
        resolved = dict(tables)
        for symbol, rows in tables.items():
            if isinstance(rows, str):
                if not isinstance(tables.get(rows), list | tuple):
                    raise ValueError(f"{symbol}: no table {rows!r} to repeat")
                resolved[symbol] = tables[rows]
        return resolved

    @field_validator("um", "cm")
    @classmethod
    def _derivable(
        cls, tables: dict[str, tuple[BracketRow, ...]]
    ) -> dict[str, tuple[BracketRow, ...]]:
        for symbol, rows in tables.items():
            try:
                BracketRow.derive(rows)
            except ValueError as error:
                raise ValueError(f"{symbol}: {error}") from None
        return tables

    @model_validator(mode="after")
    def _named(self) -> Self:
        for symbol in self.um:
            if INVERSE.search(symbol):
                raise ValueError(f"um.{symbol}: a coin-margined contract belongs to cm")
        for symbol in self.cm:
            if not INVERSE.search(symbol):
                raise ValueError(f"cm.{symbol}: not a coin-margined contract; such as BTCUSD_PERP")
        return self

    def plain(self) -> BracketTables:
        """Return the tables that risk computes with."""
        return BracketTables(
            {symbol: BracketRow.derive(rows) for symbol, rows in (self.um | self.cm).items()}
        )
