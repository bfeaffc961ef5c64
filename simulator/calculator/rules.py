"""The rules a document is computed under: a rulebook's, with the document's overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulator.calculator.document import Document, Mode
from simulator.calculator.values import number
from simulator.errors import InputError
from simulator.risk.rules import MarginRules
from simulator.rulebook.load import load
from simulator.rulebook.schema import Figure, Rulebook

MARGIN_LEVERAGES = (3, 5, 10)
"""Leverages of a cross-margin account where the rulebook lists none."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Plain rules of both modes; ``separated`` also serves wallets outside the unified pool."""

    rulebook: Rulebook
    mode: Mode
    unified: MarginRules
    separated: MarginRules
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the rulebook."""
        return self.rulebook.name

    def figures(self) -> dict[str, Figure]:
        """Return the rulebook's values with their sources, by path."""
        return {figure.path: figure for figure in self.rulebook.figures()}


def rules_of(document: Document, mode: str | None = None, rulebook: str | None = None) -> Rules:
    """Return the rules of a document; ``mode`` and ``rulebook`` stand above its own.

    Raises InputError for an unknown mode or rulebook, for overrides that cannot be, and for a
    margin leverage that the rulebook does not have.
    """
    wanted = mode or document.mode
    if wanted not in ("separated", "unified"):
        raise InputError(f"mode {wanted!r:.40}: must be separated or unified")
    book = load(rulebook or document.rulebook)
    notes: list[str] = []
    values = _overrides(document, notes)
    if values:
        book = book.with_overrides(values)
    rules = Rules(
        rulebook=book,
        mode="unified" if wanted == "unified" else "separated",
        unified=book.margin_rules("unified"),
        separated=book.margin_rules("separated", multi_assets=document.multi_assets),
        notes=tuple(notes),
    )
    leverage = document.margin_leverage
    for side in (rules.unified, rules.separated):
        listed = sorted(side.loans.maintenance_rate) if side.loans else MARGIN_LEVERAGES
        if leverage is not None and leverage not in listed:
            known = ", ".join(str(one) for one in listed)
            raise InputError(f"margin_leverage: rulebook {book.name} has {known}, not {leverage}")
    return rules


def _overrides(document: Document, notes: list[str]) -> dict[str, Any]:
    """Return what the document lays over the rulebook, brackets of its instruments included."""
    values = dict(document.overrides)
    given = values.get("brackets", {})
    if not isinstance(given, Mapping):
        raise InputError("overrides.brackets: must be a table of bracket lists by instrument")
    tables = {
        symbol: [row.model_dump(exclude_none=True) for row in described.brackets]
        for symbol, described in document.instruments.items()
        if described.brackets
    }
    if tables or given:
        values["brackets"] = {
            symbol: _rows(rows, f"brackets of {symbol}", notes)
            for symbol, rows in {**tables, **given}.items()
        }
    return values


def _rows(rows: Any, where: str, notes: list[str]) -> Any:
    """Return bracket rows with the largest leverage that ``mmr`` allows where none is given."""
    if not isinstance(rows, list | tuple):
        return rows
    return [_row(row, f"{where}, row {number}", notes) for number, row in enumerate(rows, 1)]


def _row(row: Any, where: str, notes: list[str]) -> Any:
    if not isinstance(row, Mapping) or "mmr" not in row:
        return row
    try:
        mmr = number(row["mmr"])
        given = number(row["max_leverage"]) if row.get("max_leverage") else None
    except ValueError:
        return row
    if not Decimal(0) < mmr < 1 or (given is not None and given * mmr <= 1):
        return row
    if given is not None:
        notes.append(f"{where}: max_leverage {given} taken as {float(1 / mmr):g}, which is 1 / mmr")
    return {**row, "max_leverage": 1 / mmr}
