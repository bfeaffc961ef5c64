"""Writes a run's journal: the process ``python -m simulator.store.writing_process``, fed by a pipe.

The run and its writer are two processes, so that a run goes on while the disk is waited for, and
what a killed run handed over is still written.  In come frames (`simulator.store.pipe`): ``open``
with the database and the run, then batches and snapshots in order, at last ``close``.  Out go
lines of JSON: ``ready``, ``ack`` with the last batch that is durable, ``failed`` with what to say
to the user, ``closed`` when it is durable how the run ended, ``ended`` when all rows stand in their
tables.

Group commit: whatever waits is committed in one transaction, as packed columns, which is little
work; then it is acknowledged.  Where nothing comes for a moment, packed batches become rows of
their tables, which is most of the work, and would slow down a run that shares a processor with it;
a transaction moves whole batches, so that a row is there once, wherever the process ends.  What is
left of that when the run ends is done behind it: the run need not wait.  When the pipe ends without
``close`` the run was killed or has given up: everything is written that came whole, and the run
stays ``running``, to be resumed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Thread
from typing import IO, Any, Final

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from simulator.errors import InputError
from simulator.store.bulk import insert, joined
from simulator.store.claim import WAIT_SECONDS, Claim
from simulator.store.database import Database, snapshot_digest, url_of
from simulator.store.failures import explain, is_gone
from simulator.store.pack import unpack
from simulator.store.pipe import read_frame
from simulator.store.schema import BATCHES, PACKS, PENDING, RUNS, SNAPSHOTS

Frame = tuple[dict[str, Any], bytes]
Answer = Callable[[dict[str, Any]], None]

AHEAD_BYTES: Final = 64 << 20
"""What is read ahead of the commits; beyond it the run waits at the pipe."""

SPREAD_BATCHES: Final = 2
"""Batches that become rows in one transaction; a commit waits for as long as that takes."""

IDLE_SECONDS: Final = 0.05
"""How long nothing has come before batches become rows: a run that is busy keeps its processor."""

MOST_PACKED: Final = 256
"""Batches that wait to become rows; beyond it they do while the run is busy."""

SPREAD_AT_END: Final = 8
"""The same when nothing is left to commit."""

RETRY_STEP_SECONDS: Final = 0.2
SNAPSHOTS_KEPT: Final = 2
CHECKPOINT_PAGES: Final = 16_384
CACHE_KIB: Final = 65_536


class Inbox:
    """Frames that a thread reads ahead, ``AHEAD_BYTES`` of them at most."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.pipe = pipe
        self.frames: list[Frame] = []
        self.bytes = 0
        self.ended = False
        self.changed = Condition()
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            frame = read_frame(self.pipe)
            with self.changed:
                if frame is None:
                    self.ended = True
                else:
                    self.frames.append(frame)
                    self.bytes += len(frame[1])
                self.changed.notify_all()
                if frame is None:
                    return
                self.changed.wait_for(lambda: self.bytes < AHEAD_BYTES)

    def take(self, seconds: float | None = None) -> list[Frame] | None:
        """Return what has come since the last call, after waiting for it, ``seconds`` at most;
        ``None`` at the end."""
        with self.changed:
            self.changed.wait_for(lambda: self.frames or self.ended, seconds)
            frames, self.frames, self.bytes = self.frames, [], 0
            self.changed.notify_all()
            return None if self.ended and not frames else frames


class RunWriter:
    """Writes one run to a database, which may go away and come back meanwhile.

    ``last`` is the last durable batch, -1 without any; ``spread`` the first one whose rows may
    not stand in their tables yet.
    """

    def __init__(
        self,
        database: Database,
        run: int,
        retry: float,
        answer: Answer,
        wait: float = WAIT_SECONDS,
    ) -> None:
        self.database, self.run, self.retry, self.answer = database, run, retry, answer
        self.claim = Claim(database, run, wait)
        self.connection: Connection | None = None
        self.inode = 0
        self.last = self.spread = -1
        try:
            self.attempt(lambda _connection: None)
        except BaseException:
            self._disconnect()
            self.claim.close(settled=False)
            raise

    # A transaction, again when the database was gone

    def attempt(self, work: Callable[[Connection], None], forced: bool = True) -> None:
        """Do ``work`` in a transaction and commit it; not ``forced``: to the disk later is enough.

        ``work`` is done again from the start where the database went away, so it asks what is
        there.  Raises ``InputError`` for what does not mend itself within ``retry`` seconds.
        """
        until = 0.0
        while True:
            try:
                connection = self._connected()
                if self.database.kind == "sqlite":
                    # Commits go to the log in order: a later forced one takes this one along.
                    raw: Any = connection.connection.driver_connection
                    raw.execute(f"PRAGMA synchronous={'FULL' if forced else 'NORMAL'}")
                with connection.begin():
                    if not forced and self.database.kind == "postgresql":
                        connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")
                    work(connection)
                self._look_for_file()
                return
            except IntegrityError:
                raise InputError(
                    f"{self.database.where}: run {self.run} is being written by another process"
                ) from None
            except self.database.errors as error:
                self._disconnect()
                line = explain(error, self.database.where)
                if not is_gone(error):
                    raise InputError(line) from None
                if not until:
                    until = time.monotonic() + self.retry
                    self.answer({"note": f"{line}; trying for {self.retry:.0f} s"})
                if time.monotonic() > until:
                    raise InputError(f"{line}, for {self.retry:.0f} s") from None
                time.sleep(RETRY_STEP_SECONDS)

    def _connected(self) -> Connection:
        if self.connection is None:
            self.connection = self.database.engine.connect().execution_options(writes=True)
            self.claim.take(self.connection)
            if self.database.path is not None:
                self.inode = os.stat(self.database.path).st_ino
                raw: Any = self.connection.connection.driver_connection
                raw.execute("PRAGMA journal_mode=WAL")
                raw.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
                raw.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            self._find_place(self.connection)
        return self.connection

    def _find_place(self, connection: Connection) -> None:
        """Ask the database what it has of the run: a commit's answer may have been lost."""
        with connection.begin():
            batches = select(func.max(BATCHES.c.n)).where(BATCHES.c.run == self.run)
            pending = select(func.min(PENDING.c.n)).where(PENDING.c.run == self.run)
            last = connection.execute(batches).scalar()
            first = connection.execute(pending).scalar()
        found = -1 if last is None else int(last)
        if found < self.last:
            raise InputError(
                f"{self.database.where}: batch {self.last} of run {self.run} was durable and is "
                "gone: another database stands in its place"
            )
        self.last = found
        self.spread = found + 1 if first is None else int(first)

    def _look_for_file(self) -> None:
        """Raise ``OSError`` where the file that was written is not at its place any more."""
        if self.database.path is not None and os.stat(self.database.path).st_ino != self.inode:
            raise OSError(f"{self.database.path}: unable to open database file: it was replaced")

    def _disconnect(self) -> None:
        if self.connection is not None:
            with suppress(*self.database.errors):
                self.connection.invalidate()
                self.connection.close()
            self.connection = None

    # What is written

    def commit(self, frames: list[Frame]) -> None:
        """Make batches and snapshots durable, in one transaction, and acknowledge them."""
        self.attempt(lambda connection: self._store(connection, frames))
        numbers = [head["batch"] for head, _ in frames if "batch" in head]
        if numbers:
            self.last = max(self.last, numbers[-1])
            self.claim.note(self.last)
        self.answer({"ack": self.last})

    def _store(self, connection: Connection, frames: list[Frame]) -> None:
        batches: list[dict[str, Any]] = []
        packs: list[dict[str, Any]] = []
        pending: list[dict[str, Any]] = []
        for head, body in frames:
            if "snapshot" in head:
                self._store_snapshot(connection, head, body)
                continue
            number = head["batch"]
            if number <= self.last:  # it was committed, but the connection ended before it said so
                continue
            key = {"run": self.run, "n": number}
            packs.append({**key, "body": body[: head["kept"]]})
            pending.append({**key, "body": body[head["kept"] :]})
            fields = {name: head[name] for name in ("tape_rows", "time_ns", "digest", "asked")}
            batches.append({**key, **fields, "counts": json.dumps(head["counts"])})
        if batches:
            connection.execute(BATCHES.insert(), batches)
            connection.execute(PACKS.insert(), packs)
            connection.execute(PENDING.insert(), pending)

    def _store_snapshot(self, connection: Connection, head: dict[str, Any], image: bytes) -> None:
        number, kind, state = head["snapshot"], head["kind"], head["state"]
        here = SNAPSHOTS.c.run == self.run
        connection.execute(delete(SNAPSHOTS).where(here, SNAPSHOTS.c.n == number))
        digest = snapshot_digest(number, kind, image, state)
        row = {"run": self.run, "n": number, "kind": kind, "image": image, "state": state}
        connection.execute(SNAPSHOTS.insert().values(**row, sha256=digest))
        newest = select(SNAPSHOTS.c.n).where(here).order_by(SNAPSHOTS.c.n.desc())
        kept = connection.execute(newest.limit(SNAPSHOTS_KEPT)).scalars().all()
        connection.execute(delete(SNAPSHOTS).where(here, SNAPSHOTS.c.n < min(kept)))

    def spread_some(self, batches: int = SPREAD_BATCHES) -> None:
        """Turn the next packed batches into rows of their tables."""
        end = min(self.spread + batches, self.last + 1)
        self.attempt(lambda connection: self._spread(connection, end), forced=False)
        self.spread = end

    def spread_all(self) -> None:
        """Turn all packed batches into rows of their tables."""
        while self.spread <= self.last:
            self.spread_some(SPREAD_AT_END)

    def _spread(self, connection: Connection, end: int) -> None:
        first = self.spread
        these = (PENDING.c.run == self.run, PENDING.c.n >= first, PENDING.c.n < end)
        query = select(PENDING.c.body).where(*these).order_by(PENDING.c.n)
        bodies = connection.execute(query).scalars().all()
        before = select(BATCHES.c.counts).where(BATCHES.c.run == self.run, BATCHES.c.n == first - 1)
        counts = connection.execute(before).scalar() if first else None
        tables = joined([unpack(body) for body in bodies])
        firsts = json.loads(counts) if counts else {}
        insert(connection, self.run, {name: firsts.get(name, 0) for name in tables}, tables)
        connection.execute(delete(PENDING).where(*these))

    def finish(self, head: dict[str, Any]) -> None:
        """Say how the run ended, in its row."""
        values = {name: head[name] for name in ("status", "digest", "rows") if name in head}
        if values:
            change = update(RUNS).where(RUNS.c.run == self.run).values(**values)
            self.attempt(lambda connection: _execute(connection, change))

    def close(self) -> None:
        """Write SQLite's log back and close the database."""
        settled = self.connection is not None and self._written_back(self.connection)
        if self.connection is not None:
            self.connection.close()
        self.database.close()
        self.claim.close(settled)

    def _written_back(self, connection: Connection) -> bool:
        """Return whether all of the log stands in SQLite's file now, whoever reads meanwhile."""
        if self.database.kind != "sqlite":
            return True
        with suppress(*self.database.errors):
            raw: Any = connection.connection.driver_connection
            busy, logged, written = raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            return not busy and logged == written
        return False

    def _patience(self, idle: bool) -> float | None:
        """Return how long to wait for frames before packed batches become rows; None: for ever."""
        packed = self.last + 1 - self.spread
        if not packed:
            return None
        return 0.0 if idle or packed > MOST_PACKED else IDLE_SECONDS

    def serve(self, inbox: Inbox) -> None:
        """Write what comes until the pipe ends; then say how the run ended, if it did."""
        closing: dict[str, Any] | None = None
        ended, idle = False, True
        while not ended:
            frames = inbox.take(self._patience(idle))
            idle = not frames
            stored = []
            for frame in frames or ():
                closing = frame[0].get("close", closing)
                if "close" not in frame[0]:
                    stored.append(frame)
            ended = frames is None or closing is not None
            if stored:
                self.commit(stored)
            elif not ended:
                self.spread_some()
        if closing is not None:
            self.finish(closing)
            self.answer({"closed": True})
        self.spread_all()


def put_rows(database: Database, run: int, wait: float = WAIT_SECONDS) -> None:
    """Put into its tables what is left packed of a run that nobody writes any more.

    Raises ``InputError`` where somebody still does after ``wait`` seconds, and for what went wrong
    in the database; ``ValueError`` for packed batches that are damaged.
    """
    writer = RunWriter(database, run, 0.0, lambda _answer: None, wait)
    try:
        writer.spread_all()
    finally:
        writer.close()


def _execute(connection: Connection, statement: Any) -> None:
    connection.execute(statement)


def main() -> int:
    """Write one run; return the exit code: 0, or 1 where it said ``failed``."""
    # Ctrl-C goes to all processes of a terminal; the run ends by itself and closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.dup(1)
    os.dup2(2, 1)  # nobody else may write between the answers

    def answer(what: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):  # the run was killed: what came is written all the same
            os.write(answers, json.dumps(what).encode() + b"\n")

    opened = read_frame(sys.stdin.buffer)
    if opened is None:
        return 0
    head = opened[0]["open"]
    try:
        writer = RunWriter(Database(url_of(head["database"])), head["run"], head["retry"], answer)
        answer({"ready": writer.last})
        writer.serve(Inbox(sys.stdin.buffer))
        writer.close()
    except InputError as error:
        answer({"failed": str(error)})
        return 1
    answer({"ended": True})
    return 0


if __name__ == "__main__":
    # The thread that reads ahead may stand in its read, which Python would wait for, or abort.
    os._exit(main())
