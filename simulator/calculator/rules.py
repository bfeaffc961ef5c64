"""The rules a document is computed under: a rulebook's, with the document's overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from simulator.calculator.document import BracketRow, Document, Mode, Overrides
from simulator.calculator.read import first_error
from simulator.errors import InputError
from simulator.risk.brackets import Bracket, derive_brackets
from simulator.risk.rules import MarginRules
from simulator.rulebook.load import load
from simulator.rulebook.schema import Figure, Rulebook


@dataclass(frozen=True, slots=True)
class Rules:
    """Plain rules of both modes; ``separated`` also serves wallets outside the unified pool."""

    rulebook: Rulebook
    mode: Mode
    unified: MarginRules
    separated: MarginRules
    overridden: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the rulebook."""
        return self.rulebook.name

    def figures(self) -> dict[str, Figure]:
        """Return the rulebook's values with their sources, by path."""
        return {figure.path: figure for figure in self.rulebook.figures()}

    def margin_leverage(self, document: Document) -> int | None:
        """Return the document's margin leverage; InputError where the rulebook has no such one."""
        wanted = document.margin_leverage
        loans = self.unified.loans or self.separated.loans
        if wanted is not None and loans and wanted not in loans.maintenance_rate:
            known = ", ".join(str(leverage) for leverage in sorted(loans.maintenance_rate))
            raise InputError(f"margin_leverage: rulebook {self.name} has {known}, not {wanted}")
        return wanted


def rules_of(document: Document, mode: str | None = None, rulebook: str | None = None) -> Rules:
    """Return the rules of a document; ``mode`` and ``rulebook`` stand above its own.

    Raises InputError for an unknown mode or rulebook, and for overrides that cannot be.
    """
    wanted = mode or document.mode
    if wanted not in ("separated", "unified"):
        raise InputError(f"mode {wanted!r:.40}: must be separated or unified")
    book = load(rulebook or document.rulebook)
    try:
        given = Overrides.model_validate(document.overrides)
    except ValidationError as error:
        raise InputError(f"overrides: {first_error(error)}") from None
    tables = {
        symbol: described.brackets
        for symbol, described in document.instruments.items()
        if described.brackets
    }
    brackets = {
        symbol: table(symbol, rows) for symbol, rows in {**tables, **given.brackets}.items()
    }

    def changed(rules: MarginRules) -> MarginRules:
        ratio = {**rules.collateral.ratio, **given.collateral_ratio}
        return replace(
            rules,
            brackets={**rules.brackets, **brackets},
            collateral=replace(rules.collateral, ratio=ratio),
        )

    return Rules(
        rulebook=book,
        mode="unified" if wanted == "unified" else "separated",
        unified=changed(book.margin_rules("unified")),
        separated=changed(book.margin_rules("separated")),
        overridden={**brackets, **given.collateral_ratio},
    )


def table(symbol: str, rows: tuple[BracketRow, ...]) -> tuple[Bracket, ...]:
    """Return a bracket table with ``cum`` derived; InputError naming the row that is wrong."""
    try:
        made = derive_brackets(
            [(r.floor, r.cap, r.mmr, r.max_leverage or Decimal(1) / r.mmr) for r in rows]
        )
    except ValueError as error:
        raise InputError(f"overrides.brackets.{symbol}: {error}") from None
    for number, (row, bracket) in enumerate(zip(rows, made, strict=True), start=1):
        if row.cum is not None and row.cum != bracket.cum:
            raise InputError(
                f"overrides.brackets.{symbol}: bracket {number}: cum must be {bracket.cum:f} by "
                f"the rows before, not {row.cum:f}"
            )
    return made
