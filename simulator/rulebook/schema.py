"""What a rulebook holds: pydantic models of the TOML files beside this module.

A file is made of sections.  Every section names the ``source`` of its values, and ``sources``
names another one for single values (``sources = {fee = "faq"}``; a table's entry is named
``"ratio.BTC"``).  ``[sources.ID]`` says what the source is and how sure the value is.  Unknown
keys are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from simulator.errors import InputError
from simulator.risk.brackets import Bracket
from simulator.risk.rules import CollateralRules, LoanRules, MarginRules
from simulator.rulebook.sections import (
    BracketRow,
    Brackets,
    Collateral,
    Fees,
    Funding,
    Liquidation,
    Loans,
    Mark,
    Scenario,
    Section,
    Separated,
    Unified,
)

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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    sources: dict[str, Source]
    separated: Separated
    unified: Unified
    scenario: Scenario
    fees: Fees
    liquidation: Liquidation
    funding: Funding
    mark: Mark
    collateral: Collateral | None = None
    loans: Loans | None = None
    brackets: Brackets | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for mode in (self.separated, self.unified):
            if mode.margin_model == "brackets" and not (self.brackets and self.brackets.um):
                raise ValueError('margin_model = "brackets" needs a table [brackets.um]')
            if mode.haircut and not self.collateral:
                raise ValueError("haircut = true needs a table [collateral]")
        for path, section in self._sections():
            for field in section.sources:
                if field.split(".")[0] not in type(section).model_fields:
                    raise ValueError(f"{path}.sources names {field!r}, which {path} does not hold")
            for source in (section.source, *section.sources.values()):
                if source not in self.sources:
                    raise ValueError(f"{path} names the source {source!r}, not in [sources]")
        return self

    def margin_rules(self, mode: Mode) -> MarginRules:
        """Return the plain rules of one mode, which ``simulator.risk`` computes with."""
        rules = self.separated if mode == "separated" else self.unified
        collateral, loans = self.collateral, self.loans
        return MarginRules(
            mode=mode,
            model=rules.margin_model,
            members=self.unified.members if mode == "unified" else (),
            ladder=rules.ladder.plain(),
            collateral=CollateralRules(rules.haircut, collateral.default, collateral.ratio)
            if collateral
            else CollateralRules(),
            scenario=self.scenario.plain(),
            brackets=self.brackets.plain() if self.brackets else {},
            loans=LoanRules(loans.default_leverage, loans.maintenance_rate) if loans else None,
            margin_type=self.separated.margin_type if mode == "separated" else "cross",
            default_leverage=rules.default_leverage,
        )

    def brackets_of(self, symbol: str) -> tuple[Bracket, ...]:
        """Return the brackets of a UM contract; InputError where the rulebook does not list it."""
        tables = self.brackets.um if self.brackets else {}
        if symbol not in tables:
            raise InputError(
                f"rulebook {self.name}: no brackets for {symbol}; it lists "
                f"{', '.join(sorted(tables)) or 'none'}"
            )
        return BracketRow.derive(tables[symbol])

    def figures(self) -> Iterator[Figure]:
        """Yield every value with its path, source and how sure it is, in the file's order."""
        for path, section in self._sections():
            values = section.model_dump(mode="json", exclude={"source", "sources"})
            for field in values:
                if not isinstance(getattr(section, field), Section):
                    yield from self._leaves(section, path, field, values[field])

    def _leaves(self, section: Section, path: str, field: str, value: Any) -> Iterator[Figure]:
        if value is None:
            return
        # A rung is one value; a table (ratios, brackets by symbol) is one value an entry.
        if isinstance(value, dict) and "at" not in value:
            for key in value:
                yield from self._leaves(section, path, f"{field}.{key}", value[key])
            return
        source = self.sources[section.source_of(field)]
        yield Figure(path=f"{path}.{field}", value=value, source=source.text, sure=source.sure)

    def _sections(self) -> Iterator[tuple[str, Section]]:
        for field in type(self).model_fields:
            value = getattr(self, field)
            if isinstance(value, Section):
                yield from _walk(field, value)


def _walk(path: str, section: Section) -> Iterator[tuple[str, Section]]:
    yield path, section
    for field in type(section).model_fields:
        value = getattr(section, field)
        if isinstance(value, Section):
            yield from _walk(f"{path}.{field}", value)
