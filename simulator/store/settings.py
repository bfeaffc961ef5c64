"""What a run was made from, as the row of a journal has it: settings, rulebook, data, versions.

The row holds enough to run again: the rulebook's text, so that another version of the file does not
matter; hashes of all data, so that other data are noticed; and for runs of the command line the
scenario's own text and the options given.  A seal over all of it tells where a value was changed.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, Field, model_validator

from simulator.build_info import HOT_MODULES, compiled_modules, distribution_version
from simulator.errors import InputError
from simulator.market.manifest import sha256_of
from simulator.rulebook.schema import Rulebook
from simulator.store.difference import Difference
from simulator.store.recorded import told_of
from simulator.strategy.base import Strategy

FIXED = (
    "scenario",
    "mode",
    "rulebook",
    "rulebook_sha256",
    "seed",
    "version",
    "compiled",
    "cut_rows",
    "created",
)
"""Columns of a run's row that stand in its settings too, so that a change of one is seen."""


class _File(BaseModel):
    path: str
    sha256: str


class _Strategy(BaseModel):
    fills: bool
    orders: bool
    class_: str = Field(alias="class")


class _Settings(BaseModel):
    """What settings hold, so far as this version reads it: they come from a file."""

    row: dict[str, Any]
    strategies: list[_Strategy]
    data: list[_File]
    files: list[_File]
    liquidation_at: float
    told: dict[str, Any]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if missing := [name for name in FIXED if name not in self.row]:
            raise ValueError(f"row: has no {missing[0]}")
        return self


class Made(Protocol):
    """What the row tells of ``simulator.simulation.Simulation``."""

    scenario: str
    mode: str
    seed: int
    rules: Rulebook
    strategies: list[Strategy]
    tapes: list[Path]
    rows: int
    margins: Mapping[Any, Any]


def row_of(run: Made, cut_rows: int, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a run's row; ``told`` says how to make the run again, as JSON.

    ``told["files"]`` names documents besides the data whose hashes the row keeps.
    """
    text = rulebook_text(run.rules)
    row: dict[str, Any] = {
        "scenario": run.scenario or None,
        "mode": run.mode,
        "rulebook": run.rules.name,
        "rulebook_text": text,
        "rulebook_sha256": _hash(text),
        "seed": run.seed,
        "version": distribution_version(),
        "compiled": int(len(compiled_modules()) == len(HOT_MODULES)),
        "cut_rows": cut_rows,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": "running",
    }
    settings: dict[str, Any] = {
        "row": {name: row[name] for name in FIXED},
        "strategies": [told_of(one) for one in run.strategies],
        "data": [
            {"path": str(Path(path).resolve()), "sha256": sha256_of(path)} for path in run.tapes
        ],
        "files": [_file(Path(name)) for name in told.get("files", ())],
        "tape_rows": run.rows,
        "liquidation_at": liquidation_at(run.margins),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "told": dict(told),
    }
    row["settings"] = json.dumps(settings | {"seal": _seal(settings)}, ensure_ascii=False)
    return row


def settings_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run's row, checked; ``Difference`` names what was changed."""
    number = int(row["run"])
    try:
        settings = json.loads(row["settings"])
        seal = settings.pop("seal")
        kept = settings["row"]
        right = _Settings.model_validate(settings, strict=True)
    except (TypeError, KeyError, ValueError, AttributeError, RecursionError) as error:
        raise Difference("runs", number, "settings", row["settings"], "what was written") from error
    assert right.row == kept
    if seal != _seal(settings):
        raise Difference("runs", number, "settings", "other values", "what its seal is of")
    for name in FIXED:
        if row[name] != kept[name]:
            raise Difference("runs", number, name, row[name], kept[name])
    if _hash(row["rulebook_text"] or "") != kept["rulebook_sha256"]:
        raise Difference("runs", number, "rulebook_text", "another text", "that of its sha256")
    checked: dict[str, Any] = settings
    return checked


def rulebook_text(rules: Rulebook) -> str:
    """Return a rulebook as JSON, which `stored_rulebook` reads."""
    return str(rules.model_dump_json())


def stored_rulebook(row: Mapping[str, Any]) -> Rulebook:
    """Return the rulebook that a run was made with."""
    try:
        return Rulebook.model_validate_json(row["rulebook_text"])
    except ValueError as error:
        raise InputError(
            f"run {row['run']}: the stored rulebook does not fit this version of unimargin "
            f"({row['version']} wrote it)"
        ) from error


def changed_files(settings: Mapping[str, Any], tapes: Sequence[Path]) -> list[str]:
    """Return a line for each file of a run that is not what it was; ``tapes`` are those of now."""
    said = []
    then = [one["sha256"] for one in settings["data"]]
    now = [sha256_of(path) for path in tapes]
    for at, path in enumerate(tapes):
        if at >= len(then) or then[at] != now[at]:
            said.append(f"data {path}: not the bytes that the run had (sha256 {now[at][:12]}...)")
    if len(now) < len(then):
        said.append(f"data: {len(now)} tapes, the run had {len(then)}")
    for one in settings["files"]:
        if not Path(one["path"]).is_file() or sha256_of(Path(one["path"])) != one["sha256"]:
            said.append(f"{one['path']}: not the bytes that the run had")
    return said


def liquidation_at(margins: Mapping[Any, Any]) -> float:
    """Return the highest equity / maintenance margin at which any pool is liquidated."""
    ladders = [one for rules in margins.values() for one in (rules.ladder, *rules.ladders.values())]
    return max(float(one.liquidation.at) for one in ladders)


def _file(path: Path) -> dict[str, str]:
    return {"path": str(path.resolve()), "sha256": sha256_of(path)}


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _seal(settings: Mapping[str, Any]) -> str:
    return _hash(json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
