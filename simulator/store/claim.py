"""Only one process writes a run: a lock that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Connection, func, select

from simulator.errors import InputError
from simulator.store import acknowledged
from simulator.store.database import Database

WAIT_SECONDS: Final = 10.0
"""How long to wait for the writer of a run that was killed: it still writes what it has."""

STEP_SECONDS: Final = 0.1
KEY: Final = 0x756E696D
"""First half of PostgreSQL's lock; the run is the other."""


class Claim:
    """The right to write a run, held until closed.

    SQLite: a lock on a file beside the database.  PostgreSQL: an advisory lock of a connection's
    session, taken again after the connection was lost.

    The file also holds what was acknowledged last (`simulator.store.acknowledged`), and stays
    where the log may still be needed.
    """

    def __init__(self, database: Database, run: int, wait: float = WAIT_SECONDS) -> None:
        self.database, self.run, self.wait = database, run, wait
        self.file: IO[Any] | None = None
        self.path: Path | None = None
        self.identity: str | None = None
        if database.path is not None:
            self.path = acknowledged.path_of(database.path, run)
            until = time.monotonic() + wait
            while not self._locks_file():
                self._wait(until)

    def _wait(self, until: float) -> None:
        if time.monotonic() > until:
            raise InputError(
                f"{self.database.where}: run {self.run} is being written by another process"
            )
        time.sleep(STEP_SECONDS)

    def _locks_file(self) -> bool:
        assert self.path is not None
        try:
            file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        except OSError:
            raise InputError(f"{self.path}: no permission to make a lock file there") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who held it may have removed the file meanwhile: then this lock is of nothing.
            held = self.path.exists() and self.path.stat().st_ino == _inode(file)
        except OSError:
            held = False
        if not held:
            file.close()
            return False
        self.file = file
        return True

    def take(self, connection: Connection) -> None:
        """Take the lock for the session of a new connection, on a server."""
        if self.file is not None:
            with connection.begin():
                self.identity = acknowledged.identity_of(connection, self.run)
        else:
            until = time.monotonic() + self.wait
            while not connection.execute(select(func.pg_try_advisory_lock(KEY, self.run))).scalar():
                connection.rollback()
                self._wait(until)
            connection.commit()

    def note(self, batch: int) -> None:
        """Note beside an SQLite database that a batch is durable, before that is answered."""
        if self.file is not None and self.identity is not None:
            acknowledged.write(self.file.fileno(), self.identity, batch)

    def close(self, settled: bool) -> None:
        """Give the right back; a session's lock ends with its connection.

        ``settled``: the log of SQLite is not needed any more.
        """
        if self.file is not None and self.path is not None:
            if settled:
                self.path.unlink(missing_ok=True)
            self.file.close()
            self.file = None


def _inode(file: IO[Any]) -> int:
    return os.fstat(file.fileno()).st_ino
