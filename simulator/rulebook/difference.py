"""What two rulebooks say differently."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from simulator.rulebook.schema import Figure, Rulebook


@dataclass(frozen=True, slots=True)
class Difference:
    """One path at which two rulebooks differ; None where one of them has no such value."""

    path: str
    one: Figure | None
    other: Figure | None


def differences(one: Rulebook, other: Rulebook) -> list[Difference]:
    """Return the paths whose values differ, in the order of ``one``, then those of ``other``
    alone.

    Values are compared, not how they are written (1.50 equals 1.5), nor their sources.
    """
    ours = {figure.path: figure for figure in one.figures()}
    theirs = {figure.path: figure for figure in other.figures()}
    found = []
    for path in dict.fromkeys((*ours, *theirs)):
        a, b = ours.get(path), theirs.get(path)
        if a is None or b is None or _canonical(a.value) != _canonical(b.value):
            found.append(Difference(path, a, b))
    return found


def _canonical(value: Any) -> Any:
    """Return a value such that equal numbers are equal, however they are written."""
    if isinstance(value, dict):
        return {key: _canonical(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_canonical(entry) for entry in value]
    if isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    return value
