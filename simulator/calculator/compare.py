"""One document under several modes and rulebooks, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.calculator.document import Document
from simulator.calculator.figures import Figures
from simulator.calculator.report import margin
from simulator.errors import InputError
from simulator.rulebook.load import load


def compare(document: Document, modes: Sequence[str], rulebooks: Sequence[str]) -> list[Figures]:
    """Return a column for each mode and rulebook: ``mode``, ``rulebook`` and ``report``.

    A regime that cannot compute the document (no brackets for an instrument, say) has ``error``
    with the reason in place of ``report``.  Raises InputError for an unknown mode or rulebook, and
    if no regime can compute it.
    """
    for mode in modes:
        if mode not in ("separated", "unified"):
            raise InputError(f"--compare {mode!r:.40}: must be separated or unified")
    for rulebook in rulebooks:
        load(rulebook)
    columns: list[Figures] = []
    errors: list[InputError] = []
    for rulebook in rulebooks:
        for mode in modes:
            column = Figures(mode=mode, rulebook=rulebook, report=None, error=None)
            try:
                column["report"] = margin(document, mode, rulebook)
                column["rulebook"] = column["report"]["rulebook"]
            except InputError as error:
                column["error"] = str(error)
                errors.append(error)
            columns.append(column)
    if len(errors) == len(columns) and errors:
        raise errors[0]
    return columns
