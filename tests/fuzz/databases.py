"""Targets that read databases of runs: bytes changed, rows changed, odd JSON in them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz import mutate, written
from tests.fuzz.answer import WrongAnswerError, one_line
from tests.fuzz.command import quietly, short_scenario
from tests.fuzz.target import Target

HOSTILE = """
import pathlib
pathlib.Path(__file__).with_name("loaded").touch()
"""
"""A strategy's file that says when it is loaded: what a database names must never be."""


@cache
def database() -> Path:
    """Return a database with a short run that was done, and one that was cut."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-database-"))
    (folder / "mine.toml").write_text(short_scenario())
    for _ in range(2):
        place = str(folder / "runs.db")
        code, said = quietly(["run", str(folder / "mine.toml"), "--db", place, "--no-report"])
        assert code == 0, said
    with closing(sqlite3.connect(folder / "runs.db")) as connection:
        with connection:
            connection.execute("UPDATE runs SET status = 'running' WHERE run = 2")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "runs.db"


@cache
def files() -> tuple[bytes, ...]:
    return (database().read_bytes(),)


@cache
def _cells() -> list[tuple[str, str, int]]:
    """Return every table and column with its number of rows."""
    connection = sqlite3.connect(database())
    names = [
        row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
    ]
    found = []
    for table in names:
        count = connection.execute(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0]
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        found += [(table, column, count) for column in columns if count]
    connection.close()
    return found


@cache
def edits() -> tuple[bytes, ...]:
    """Return changes that leave everything as it is: which command, and no edits.

    To resume takes a process more, so fewer do.
    """
    names = ("verify", "verify", "verify", "resume")
    return tuple(json.dumps({"command": name, "edits": []}).encode() for name in names)


def _changed_edits(data: bytes, random: Random) -> bytes:
    made = json.loads(data)
    for _ in range(random.choice((1, 1, 2))):
        own = [cell for cell in _cells() if cell[0] in ("runs", "batches")]
        if random.random() < 0.4:
            own = [("runs", "settings", 2)]
        table, column, count = random.choice(own if random.random() < 0.7 else _cells())
        value = random.choice(
            ("json", "json", "delete", random.choice(mutate.TEXTS), mutate.odd(random))
        )
        made["edits"].append(
            [table, column, random.randrange(count), value, random.randrange(2**32)]
        )
    return written.as_json(made).encode()


def _sealed(tree: Any, random: Random, folder: Path) -> str:
    """Return changed settings with the seal that is theirs, as somebody would who knows how."""
    if not isinstance(tree, dict):
        return json.dumps(mutate.odd(random))
    tree.pop("seal", None)
    made = mutated_names(mutate.mutated(tree, random), folder)
    try:
        text = json.dumps(made, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        seal = sha256(text.encode("utf-8", "replace")).hexdigest()
        return json.dumps(made | {"seal": seal} if isinstance(made, dict) else made)
    except RecursionError:
        return '{"seal": ' * mutate.DEEP


def mutated_names(tree: Any, folder: Path) -> Any:
    """Return settings in which every bundled strategy is a hostile file."""
    try:
        text = json.dumps(tree)
        for name in ("cash_and_carry", "market_maker"):
            text = text.replace(name, str(folder / "evil.py") + ":X")
        return json.loads(text)
    except (ValueError, RecursionError):
        return tree


def _edit(connection: sqlite3.Connection, edit: list[Any], folder: Path) -> None:
    table, column, row, value, seed = edit
    random = Random(seed)
    key = connection.execute(
        f'SELECT run, {"n" if table != "runs" else "0"}, "{column}" FROM "{table}" '
        "ORDER BY 1, 2 LIMIT 1 OFFSET ?",
        (row,),
    ).fetchone()
    if key is None:
        return
    run, n, old = key
    which = "run = ?" if table == "runs" else f"run = ? AND n = {int(n)}"
    if value == "delete":
        connection.execute(f'DELETE FROM "{table}" WHERE {which}', (run,))
        return
    if column == "settings" and value == "json":
        with suppress(ValueError):
            value = _sealed(json.loads(old), random, folder)
    elif value == "json" and isinstance(old, str):
        try:
            value = json.dumps(mutated_names(mutate.mutated(json.loads(old), random), folder))
        except (ValueError, RecursionError):
            value = mutate.changed_text(old, random)
    elif isinstance(old, bytes):
        value = written.changed_bytes(old, random)
    elif isinstance(value, bool | list | dict) or value != value:
        value = str(value)
    if isinstance(value, int) and abs(value) >= 2**63:
        value = float(min(value, 10**300))
    if isinstance(value, str):
        value = value.encode("utf-8", "replace").decode()
    connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE {which}', (value, run))


def _look(lines: list[list[str]], folder: Path) -> None:
    """Run commands on a database; each is done, finds a problem, or refuses in one line."""
    (folder / "evil.py").write_text(HOSTILE)
    before = set(sys.modules)
    for words in lines:
        code, said = quietly(words)
        if code not in (0, 1, 2):
            raise WrongAnswerError(f"exit code {code}: {said[-300:]}")
        if "Traceback" in said:
            raise WrongAnswerError(f"a traceback: {said[-300:]}")
        if code == 2:
            one_line(said.strip().split("\n")[-1])
    loaded = [name for name in set(sys.modules) - before if "evil" in name]
    if loaded or (folder / "loaded").exists():
        raise WrongAnswerError("loaded a file that only the database names")


def _bytes(data: bytes, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name) / "runs.db"
        place.write_bytes(data)
        _look([["db", "runs", str(place), "--json"], ["verify", str(place), "1"]], Path(name))


def _rows(data: bytes, folder: Path) -> None:
    made = json.loads(data)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name) / "runs.db"
        shutil.copyfile(database(), place)
        with closing(sqlite3.connect(place)) as connection:
            for edit in made["edits"]:
                with suppress(sqlite3.Error, OverflowError), connection:  # not all is taken
                    _edit(connection, edit, Path(name))
        run = "2" if made["command"] == "resume" else "1"
        _look([["db", "runs", str(place)], [made["command"], str(place), run]], Path(name))


TARGETS = (
    Target("database files", files, written.changed_bytes, _bytes, 4, seconds=30.0, raw=0.0),
    Target("database rows", edits, _changed_edits, _rows, 4, seconds=60.0, raw=0.0),
)
