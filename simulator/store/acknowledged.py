"""What was acknowledged of a run, told beside an SQLite database.

A batch is durable once it stands in SQLite's write-ahead log (``FILE-wal``).  If that file is
removed or cut before it is written back, SQLite goes back to an earlier whole state, and says
nothing.  So the writing process notes its last acknowledged batch in the file that is its lock
(`simulator.store.claim`), and whoever opens the database compares.

A note never says more than is durable: it is written after the commit.  It is not forced to the
disk, so after a power cut it may say less.  Where there is none, nothing is compared: a copy of the
database alone is a database.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, func, select

from simulator.store.schema import BATCHES, RUNS

if TYPE_CHECKING:
    from simulator.store.database import Database

WIDTH: Final = 128
"""Bytes of a note; always as many, so that it is written at once, over the one before."""


@dataclass(frozen=True, slots=True)
class Note:
    """Batch ``batch`` of the run with this ``identity`` was acknowledged."""

    identity: str
    batch: int


def path_of(database: Path, run: int) -> Path:
    """Return the file of a run beside its database: lock and note."""
    return database.with_name(f"{database.name}-run{run}.lock")


def identity_of(connection: Connection, run: int) -> str | None:
    """Return what tells a run from those of the same number in other databases."""
    query = select(RUNS.c.created, RUNS.c.settings).where(RUNS.c.run == run)
    row = connection.execute(query).first()
    return None if row is None else sha256(f"{row[0]}\n{row[1]}".encode()).hexdigest()[:32]


def write(file: int, identity: str, batch: int) -> None:
    """Note a batch in an open file; where that cannot be (a full disk), nothing is noted."""
    told = json.dumps({"identity": identity, "batch": batch})
    with suppress(OSError):
        os.pwrite(file, told.ljust(WIDTH - 1).encode() + b"\n", 0)


def read(path: Path) -> Note | None:
    """Return what a file notes, None where that is nothing."""
    try:
        told: Any = json.loads(path.read_bytes()[:WIDTH])
        identity, batch = told["identity"], told["batch"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    whole = isinstance(identity, str) and type(batch) is int
    return Note(identity, batch) if whole else None


def remove(path: Path) -> None:
    """Remove a file that no writer holds."""
    with suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            path.unlink()


def beside(database: Path) -> dict[int, Path]:
    """Return the files of runs beside a database, by run."""
    kind = re.compile(re.escape(database.name) + r"-run(\d{1,18})\.lock")
    try:
        found = [kind.fullmatch(name) for name in os.listdir(database.parent)]
    except OSError:
        return {}
    numbers = sorted(int(one[1]) for one in found if one)
    return {number: path_of(database, number) for number in numbers}


def is_settled(database: Path) -> bool:
    """Return whether all of a database stands in its file: its log is empty, or there is none."""
    try:
        return database.with_name(f"{database.name}-wal").stat().st_size == 0
    except OSError:
        return True


def lost(database: Database) -> dict[int, str]:
    """Return for each run that has lost what was acknowledged a line that says so.

    Notes that are of no use any more are removed.
    """
    assert database.path is not None
    told = dict[int, str]()
    # Read before the database is: a writer at work commits first, and notes then.
    notes = {run: (path, read(path)) for run, path in beside(database.path).items()}
    for run, (path, noted) in notes.items():
        if noted is None:
            continue
        with database.reading() as connection:
            identity = identity_of(connection, run)
            last = connection.execute(
                select(func.max(BATCHES.c.n)).where(BATCHES.c.run == run)
            ).scalar()
        if identity not in (None, noted.identity):
            continue  # of another database that was here
        if last is not None and noted.batch <= int(last):
            if is_settled(database.path):
                remove(path)
            continue
        told[run] = line_of(database.path, path, noted, last)
    return told


def hint(database: Path) -> str:
    """Return what else to say of a file that is no database of runs: of which it was one."""
    for run, path in beside(database).items():
        noted = read(path)
        if noted is not None:
            return f"; run {run}: {line_of(database, path, noted, None)}"
    return ""


def line_of(database: Path, path: Path, noted: Note, last: int | None) -> str:
    """Return what to say of a run whose last batch is not the noted one."""
    there = "nothing of it is" if last is None else f"the last one there is {last}"
    return (
        f"batch {noted.batch} was acknowledged and is gone ({there}): the log {database.name}-wal "
        f"was removed or cut, or the file is an older copy; put the log back, or remove "
        f"{path.name} to go on with what is there"
    )
