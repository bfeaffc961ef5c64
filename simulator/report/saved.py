"""A run as the files under its output folder tell it; what `simulator.report.files` wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from simulator.errors import InputError


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
        document = json.loads(path.read_text(encoding="utf-8"))
        parts = {_place(part): part for part in document["runs"]}
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: no run here (no run.json); write one with --out") from None
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: not written by this program: no {error}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    if not parts:
        raise InputError(f"{path}: not written by this program: no run in it")
    return SavedRun(folder, document, parts)


def _place(part: Mapping[str, Any]) -> str:
    """Folder of a run's own files, below that of its variant if it has one."""
    return str(part.get("place") or part["mode"])


def saved_frame(folder: Path, name: str) -> pl.DataFrame:
    """Return a frame of a run, such as ``fills``; ``folder`` is that of its mode.

    Raises InputError in one line for a file that is missing or none of Parquet.
    """
    path = folder / f"{name}.parquet"
    try:
        return pl.read_parquet(path)
    except FileNotFoundError:
        raise InputError(f"{path}: missing; run again with --out") from None
    except (OSError, pl.exceptions.PolarsError):
        raise InputError(f"{path}: cannot be read; run again with --out") from None
