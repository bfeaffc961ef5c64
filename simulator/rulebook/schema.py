"""What a rulebook holds: pydantic models of the TOML files beside this module.

A file is made of sections.  Every section names the ``source`` of its values, and ``sources``
names another one for single values (``sources = {fee = "faq"}``; a table's entry is named
``"ratio.BTC"``).  ``[sources.ID]`` says what the source is and how sure the value is.  Unknown
keys are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from simulator.accounts.rules import ModeRules
from simulator.errors import InputError
from simulator.risk.brackets import Bracket
from simulator.risk.levels import Ladder
from simulator.risk.rules import CollateralRules, LoanRules, MarginModel, MarginRules
from simulator.rulebook.charges import (
    Delivery,
    Fees,
    Funding,
    InsuranceFund,
    Interest,
    Liquidation,
    Mark,
    NegativeBalance,
)
from simulator.rulebook.messages import first_error
from simulator.rulebook.modes import AccountModes, FundOperations
from simulator.rulebook.overlay import join, nested, overlay
from simulator.rulebook.scenario import Scenario
from simulator.rulebook.sections import Section, Separated, Unified
from simulator.rulebook.tables import (
    INVERSE,
    Brackets,
    Collateral,
    CrossMargin,
    Loans,
    MultiAssets,
    OptionMargin,
)

PoolName = Literal["margin", "um", "cm", "options"]

POOLS: tuple[PoolName, ...] = ("margin", "um", "cm", "options")

Mode = Literal["separated", "unified"]

Sure = Literal["verified", "read", "secondary", "inferred", "memory", "chosen"]
"""How sure a value is: read and recomputed; read in the primary source; read at second hand;
follows from what was read; remembered, not checked; no venue's figure but this project's choice.
"""


class Source(BaseModel):
    """Where values come from and how sure they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    sure: Sure


UNSAID = Source(text="Not in the file: what holds where a rulebook says nothing", sure="chosen")
"""Source of a value that stands at its default, so that it borrows no other value's."""


class Figure(BaseModel):
    """One value of a rulebook with its path, source and how sure it is."""

    model_config = ConfigDict(frozen=True)

    path: str
    value: Any
    source: str
    sure: Sure


class Rulebook(BaseModel):
    """The rules of one venue, or of the lesson, in both modes.  Build with
    ``simulator.rulebook.load.load``.

    ``gaps`` says what of the venue's rules is not known, or not modelled.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    gaps: tuple[str, ...] = ()
    sources: dict[str, Source]
    separated: Separated
    unified: Unified
    account_modes: AccountModes | None = None
    fund_operations: FundOperations | None = None
    scenario: Scenario
    fees: Fees
    liquidation: Liquidation
    insurance_fund: InsuranceFund | None = None
    funding: Funding
    mark: Mark
    delivery: Delivery
    interest: Interest
    negative_balance: NegativeBalance | None = None
    collateral: Collateral | None = None
    multi_assets: MultiAssets | None = None
    loans: Loans | None = None
    cross_margin: CrossMargin | None = None
    option_margin: OptionMargin | None = None
    brackets: Brackets | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for mode in (self.separated, self.unified):
            if mode.haircut and not self.collateral:
                raise ValueError("haircut = true needs a table [collateral]")
        for kind in POOLS:
            if self._model(kind) == "brackets":
                self._check_brackets(kind)
        if self.unified.margin_model == "brackets":
            for member in self.unified.members:
                self._check_brackets(member)
        return self

    def _check_brackets(self, kind: str) -> None:
        brackets = self.brackets
        missing = {
            "um": not (brackets and brackets.um) and "[brackets.um]",
            "cm": not (brackets and brackets.cm) and "[brackets.cm]",
            "options": not self.option_margin and "[option_margin]",
            "margin": not (self.loans or self.cross_margin) and "[loans] or [cross_margin]",
        }.get(kind)
        if missing:
            raise ValueError(f'margin_model = "brackets" needs a table {missing}')

    @model_validator(mode="after")
    def _sourced(self) -> Self:
        for path, section in self._sections():
            for field in section.sources:
                if field.split(".")[0] not in type(section).model_fields:
                    raise ValueError(f"{path}.sources names {field!r}, which {path} does not hold")
            for source in (section.source, *section.sources.values()):
                if source not in self.sources:
                    raise ValueError(f"{path} names the source {source!r}, not in [sources]")
        return self

    def _model(self, kind: PoolName) -> MarginModel:
        """Return the margin model of a separated pool."""
        pool = self.separated.pools.get(kind)
        return (pool and pool.margin_model) or self.separated.margin_model

    def _ladder(self, kind: PoolName) -> Ladder:
        """Return the ladder of a separated pool."""
        pool = self.separated.pools.get(kind)
        if pool and pool.ladder:
            return pool.ladder.plain()
        if kind == "margin" and self.cross_margin and self._model(kind) == "brackets":
            return self.cross_margin.ladder(self.cross_margin.default_leverage)
        return self.separated.ladder.plain()

    def margin_rules(self, mode: Mode, multi_assets: bool = False) -> MarginRules:
        """Return the plain rules of one mode, which ``simulator.risk`` computes with.

        ``multi_assets``: the separated USD-M wallet counts other assets too, by their ratios.
        """
        rules = self.separated if mode == "separated" else self.unified
        members = self.unified.members if mode == "unified" else ()
        haircut = self.collateral.plain() if rules.haircut and self.collateral else None
        apart = [kind for kind in POOLS if kind not in members]
        return MarginRules(
            mode=mode,
            model=rules.margin_model,
            members=members,
            ladder=rules.ladder.plain(),
            collateral=haircut or CollateralRules(),
            scenario=self.scenario.plain(),
            brackets=self.brackets.plain() if self.brackets else {},
            loans=self._loans("margin" in apart),
            margin_type=self.separated.margin_type if mode == "separated" else "cross",
            default_leverage=rules.default_leverage,
            ladders=self._ladders(apart, rules.ladder.plain()),
            models={k: self._model(k) for k in apart if self._model(k) != rules.margin_model},
            options=self.option_margin.plain() if self.option_margin else None,
            collaterals=self._collaterals(apart, multi_assets),
        )

    def _collaterals(self, kinds: list[PoolName], multi_assets: bool) -> dict[str, CollateralRules]:
        """Return the haircuts of pools that stand by themselves."""
        separated = self.separated.haircut and self.collateral
        usual = separated.plain() if separated else CollateralRules()
        collaterals: dict[str, CollateralRules] = dict.fromkeys(kinds, usual)
        if multi_assets and self.multi_assets and "um" in kinds:
            collaterals["um"] = self.multi_assets.plain()
        return collaterals

    def _ladders(self, kinds: list[PoolName], usual: Ladder) -> dict[str, Ladder]:
        """Return the ladders of pools that stand by themselves, where they differ."""
        ladders: dict[str, Ladder] = {k: self._ladder(k) for k in kinds if self._ladder(k) != usual}
        if "margin" in kinds and self.cross_margin and self._model("margin") == "brackets":
            for leverage in self.cross_margin.levels:
                ladders[f"margin:{leverage}"] = self.cross_margin.ladder(leverage)
        return ladders

    def _loans(self, apart: bool) -> LoanRules | None:
        """Return the rules of loans: of a margin pool by itself, or inside the unified pool."""
        cross, loans = self.cross_margin, self.loans
        if cross and (apart or not loans):
            return LoanRules(cross.default_leverage, cross.maintenance_rate())
        return LoanRules(loans.default_leverage, loans.maintenance_rate) if loans else None

    def mode_rules(self) -> ModeRules:
        """Return what is asked of an account that changes its mode; nothing where the rulebook
        has no section ``account_modes``.
        """
        return self.account_modes.plain() if self.account_modes else ModeRules(questions=0)

    def brackets_of(self, symbol: str) -> tuple[Bracket, ...]:
        """Return the brackets of a UM or CM contract; InputError where the rulebook lists none."""
        tables = self.brackets.plain() if self.brackets else {}
        if symbol not in tables:
            raise InputError(
                f"rulebook {self.name}: no brackets for {symbol}; it lists "
                f"{', '.join(sorted(tables)) or 'none'}"
            )
        return tables[symbol]

    def with_overrides(self, values: Mapping[str, Any]) -> Rulebook:
        """Return this rulebook with values replaced, each given by its path: tables or dots.

        ``{"scenario": {"credit_rate": "1/4"}}`` or ``{"scenario.credit_rate": "1/4"}``.  Two short
        forms: ``brackets`` by symbol, without ``um`` or ``cm`` (``cum`` is derived), and
        ``collateral_ratio`` by asset, which a rulebook without haircut then applies to those.
        Raises InputError naming the path of a wrong value.
        """
        base = nested(self.model_dump(exclude_none=True, exclude_unset=True))
        over = nested(values)
        brackets = over.get("brackets")
        if isinstance(brackets, dict):
            by_symbol = {key: brackets.pop(key) for key in list(brackets) if key.isupper()}
            for symbol, rows in by_symbol.items():
                kind = "cm" if INVERSE.search(symbol) else "um"
                join(over, {"brackets": {kind: {symbol: rows}}})
        if "collateral_ratio" in over:
            self._put_ratio(over.pop("collateral_ratio"), base, over)
        try:
            data = overlay(base, over, "Given beside the rulebook, by overrides")
            return Rulebook.model_validate(data)
        except ValidationError as error:
            raise InputError(f"overrides: {first_error(error, Rulebook)}") from None

    def _put_ratio(self, ratio: Any, base: dict[str, Any], over: dict[str, Any]) -> None:
        """Write the short form ``collateral_ratio`` out; it stands above an asset's tiers."""
        join(over, {"collateral": {"ratio": ratio}})
        if self.collateral is None:
            join(over, {"collateral": {"default": Decimal(1)}})
            join(over, {mode: {"haircut": True} for mode in ("separated", "unified")})
        tiers = base.get("collateral", {}).get("tiers", {})
        for asset in ratio if isinstance(ratio, dict) else ():
            tiers.pop(asset, None)

    def figures(self) -> Iterator[Figure]:
        """Yield every value with its path, source and how sure it is, in the file's order."""
        for path, section in self._sections():
            values = section.model_dump(mode="json", exclude={"source", "sources"})
            for field, value in values.items():
                if not _sections_in(getattr(section, field)):
                    yield from self._leaves(section, path, field, value)

    def _leaves(self, section: Section, path: str, field: str, value: Any) -> Iterator[Figure]:
        if value is None:
            return
        # A rung is one value; a table (ratios, brackets by symbol) is one value an entry.
        if isinstance(value, dict) and "at" not in value:
            for key in value:
                yield from self._leaves(section, path, f"{field}.{key}", value[key])
            return
        source = self.sources[section.source_of(field)]
        if field.split(".")[0] not in section.model_fields_set:
            source = UNSAID
        yield Figure(path=f"{path}.{field}", value=value, source=source.text, sure=source.sure)

    def _sections(self) -> Iterator[tuple[str, Section]]:
        for field in type(self).model_fields:
            value = getattr(self, field)
            if isinstance(value, Section):
                yield from _walk(field, value)


def _walk(path: str, section: Section) -> Iterator[tuple[str, Section]]:
    yield path, section
    for field in type(section).model_fields:
        for key, below in _sections_in(getattr(section, field)).items():
            yield from _walk(f"{path}.{field}{key}", below)


def _sections_in(value: Any) -> dict[str, Section]:
    """Return the section that a field holds, or its table of them, by what to add to its path."""
    if isinstance(value, Section):
        return {"": value}
    if isinstance(value, dict):
        return {f".{key}": below for key, below in value.items() if isinstance(below, Section)}
    return {}
