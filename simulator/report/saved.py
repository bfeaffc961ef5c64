"""A run as the files under its output folder tell it; what `simulator.report.files` wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from simulator.errors import InputError
from simulator.files import TOO_DEEP, text_of
from simulator.market.parquet import whole

RUN_BYTES = 256 * 2**20
"""Largest run.json; a run without many alerts writes less than a thousandth of it."""

MOST = 2**63
"""Above any figure of a run."""

MOST_OF_A_ROW = 1e50
"""Above any price or quantity of a frame; two of them multiplied, and their sums, are finite."""


@dataclass(frozen=True, slots=True)
class SavedRun:
    """run.json of a folder, and its parts by where their files are under it: ``VARIANT/MODE``."""

    folder: Path
    document: Mapping[str, Any]
    parts: Mapping[str, Mapping[str, Any]]


def saved_run(folder: Path) -> SavedRun:
    """Return the run in a folder; InputError in one line for a folder that has none."""
    path = folder / "run.json"
    try:
        there = path.exists()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not there:
        raise InputError(f"{folder}: no run here (no run.json); write one with --out")
    text = text_of(path, RUN_BYTES)
    try:
        document = json.loads(text)
        parts = {_place(part, path): part for part in document["runs"]}
    except RecursionError:
        raise InputError(f"{path}: {TOO_DEEP}") from None
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: not written by this program: no {error}") from None
    except ValueError as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    if not parts:
        raise InputError(f"{path}: not written by this program: no run in it")
    return SavedRun(folder, document, parts)


def _place(part: Any, path: Path) -> str:
    """Folder of a run's own files, below that of its variant if it has one."""
    if not isinstance(part, Mapping):
        raise InputError(f"{path}: not written by this program: runs must be tables")
    place = part.get("place") or part["mode"]
    if not isinstance(place, str) or not place.isprintable() or _leads_away(place):
        raise InputError(f"{path}: place {place!r:.60}: must be a folder beside run.json")
    return place


def _leads_away(place: str) -> bool:
    return Path(place).is_absolute() or ".." in Path(place).parts or len(place) > 200


def saved_frame(
    folder: Path,
    name: str,
    columns: Mapping[str, pl.DataType | type[pl.DataType]],
    may_be_empty: tuple[str, ...] = (),
) -> pl.DataFrame:
    """Return a frame of a run, such as ``fills``; ``folder`` is that of its mode.

    ``columns`` are those that are needed, with their types; only those that ``may_be_empty`` may
    hold nothing in a row, NaN or an infinity.  Raises InputError in one line for a file that is
    missing or none of Parquet.
    """
    path = folder / f"{name}.parquet"
    if not path.exists():
        raise InputError(f"{path}: missing; run again with --out")
    try:
        frame = whole(path)
    except InputError:
        raise InputError(f"{path}: cannot be read; run again with --out") from None
    for column, kind in columns.items():
        has = frame.schema.get(column)
        if has is None:
            raise InputError(f"{folder}: {name}: column {column} is missing; run again with --out")
        if has != kind:
            raise InputError(
                f"{folder}: {name}: column {column} holds {has}, not {kind}; run again with --out"
            )
        bad = frame[column].is_null()
        if frame.schema[column].is_float():
            bad |= ~frame[column].is_finite().fill_null(True)
            large = (frame[column].abs() > MOST_OF_A_ROW).fill_null(False) & ~bad
            if large.any():
                row = (large.arg_max() or 0) + 1
                raise InputError(f"{path}: row {row}, column {column}: larger than any run has")
        if bad.any() and column not in may_be_empty:
            row = (bad.arg_max() or 0) + 1
            raise InputError(f"{path}: row {row}, column {column}: holds no value")
    return frame


def number(part: Mapping[str, Any], key: str, where: str) -> float:
    """Return a figure of run.json; ``KeyError`` without it, ``InputError`` if it is no number."""
    value = part[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MOST:
        raise InputError(f"{where}: {key}: must be a number, not {value!r:.60}")
    return value
