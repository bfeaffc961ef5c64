"""Targets that read databases of runs: bytes changed, rows changed, odd JSON in them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from functools import cache
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
    with sqlite3.connect(folder / "runs.db") as connection:
        connection.execute("UPDATE runs SET status = 'running' WHERE run = 2")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
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
    """Return changes that leave everything as it is: which command, and no edits."""
    return tuple(
        json.dumps({"command": name, "edits": []}).encode() for name in ("verify", "resume")
    )


def _changed_edits(data: bytes, random: Random) -> bytes:
    made = json.loads(data)
    for _ in range(random.choice((1, 1, 2))):
        own = [cell for cell in _cells() if cell[0] in ("runs", "batches")]
        table, column, count = random.choice(own if random.random() < 0.7 else _cells())
        value = random.choice(
            ("json", "json", "delete", random.choice(mutate.TEXTS), mutate.odd(random))
        )
        made["edits"].append(
            [table, column, random.randrange(count), value, random.randrange(2**32)]
        )
    return written.as_json(made).encode()


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
    if value == "json" and isinstance(old, str):
        try:
            tree = mutate.mutated(json.loads(old), random)
            text = json.dumps(tree).replace("cash_and_carry", str(folder / "evil.py") + ":X")
            value = text.replace("market_maker", str(folder / "evil.py") + ":X")
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


def _look(words: list[str], folder: Path) -> None:
    """Run a command on a database; it is done, finds a problem, or refuses in one line."""
    (folder / "evil.py").write_text(HOSTILE)
    before = set(sys.modules)
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
    for name in ("runs.db-wal", "runs.db-shm"):
        (folder / name).unlink(missing_ok=True)
    place = folder / "runs.db"
    place.write_bytes(data)
    _look(["db", "runs", str(place), "--json"], folder)
    _look(["verify", str(place), "1"], folder)


def _rows(data: bytes, folder: Path) -> None:
    made = json.loads(data)
    place = folder / "runs.db"
    for name in ("runs.db-wal", "runs.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copyfile(database(), place)
    connection = sqlite3.connect(place)
    for edit in made["edits"]:
        try:
            with connection:
                _edit(connection, edit, folder)
        except (sqlite3.Error, OverflowError):
            continue  # a value that the schema does not take
    connection.close()
    _look(["db", "runs", str(place)], folder)
    run = "2" if made["command"] == "resume" else "1"
    _look([made["command"], str(place), run], folder)


TARGETS = (
    Target("database files", files, written.changed_bytes, _bytes, 4, seconds=30.0, raw=0.0),
    Target("database rows", edits, _changed_edits, _rows, 6, seconds=60.0, raw=0.0),
)
