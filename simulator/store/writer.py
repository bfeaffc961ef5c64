"""The run's end of its journal: batches go to the writing process, acknowledgements come back."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from weakref import finalize

from simulator.errors import InputError
from simulator.store import behind
from simulator.store.batch import PACKED, TABLES, Batch
from simulator.store.database import Database
from simulator.store.pack import pack
from simulator.store.pipe import write_frame

WINDOW: Final = 32
"""Batches that may wait for their acknowledgement; then the run waits."""

RETRY_SECONDS: Final = 30.0
"""How long the writer waits for a database that went away."""

PIPE_BYTES: Final = 1 << 20
PACKAGES: Final = Path(__file__).resolve().parents[2]


class Process:
    """The writing process, before it knows what to write: starting takes it half a second.

    It ends when its pipe is closed, or it is dropped, at the latest with this object.
    """

    def __init__(self) -> None:
        # -P: a folder's own numpy.py or simulator/ must not stand in for ours.
        path = os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH"))))
        # Ctrl-C goes to all processes of a terminal: held off until the child ignores it.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.child = subprocess.Popen(  # nosec B603 # no shell; this program
                [sys.executable, "-P", "-m", "simulator.store.writing_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env={**os.environ, "PYTHONPATH": path},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.pipe, self.lines = self.child.stdin, self.child.stdout
        with suppress(OSError, AttributeError):  # what the system allows is enough
            fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.reap = finalize(self, _reap, self.child)

    def drop(self) -> None:
        """End a process that was given nothing, and so has nothing to write."""
        self.child.kill()
        self.reap()


def _reap(child: subprocess.Popen[bytes]) -> int:
    """Close both pipes and wait for the process; return its exit code."""
    for pipe in (child.stdin, child.stdout):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
    return child.wait()


class Writer:
    """Appends batches to a run, from the one after the last durable one on.

    ``acknowledged`` is the last batch that is durable, -1 without any (known after
    ``wait_ready``): what happened up to it can be lost no more.  ``put`` returns at once unless
    ``WINDOW`` batches wait.  Every method raises ``InputError`` where the writer says that it
    cannot go on, and where it was killed; all that is acknowledged stays.

    ``process`` is one that was started before; a ``fresh`` run has no batches and no other
    writer, so the first ``put`` need not wait until the process is ready.
    """

    def __init__(
        self,
        database: Database,
        run: int,
        *,
        process: Process | None = None,
        fresh: bool = False,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self.database, self.run = database, run
        self.acknowledged = self.sent = -1
        self.counts = dict.fromkeys(TABLES, 0)
        self.notes: list[str] = []
        self._fresh = fresh
        self._amid_frame = False
        self._ready = self._closed = self._told_closed = self._told_ended = False
        self._answers = b""
        self._behind: InputError | None = None
        self._process = process or Process()
        self._pipe, self._lines = self._process.pipe, self._process.lines
        self._write({"open": {"database": database.place(), "run": run, "retry": retry_seconds}})

    @property
    def pid(self) -> int:
        """Process number of the writer."""
        return self._process.child.pid

    def wait_ready(self) -> None:
        """Return when the writer holds the run; ``InputError`` if another one does.

        From then on ``acknowledged`` is right: what a killed run's writer had still to write
        stands in the database too.
        """
        while not self._ready:
            self._listen(wait=True)

    def put(self, batch: Batch) -> None:
        """Hand a batch over; it is durable when ``acknowledged`` has reached its number."""
        if not self._fresh:
            self.wait_ready()
        if batch.number != self.sent + 1:
            raise ValueError(f"batch {batch.number} does not follow {self.sent}")
        for name, count in batch.counts().items():
            self.counts[name] += count
        kept = pack({name: batch.tables[name] for name in batch.tables if name in PACKED})
        rest = pack({name: batch.tables[name] for name in batch.tables if name not in PACKED})
        head = {
            "batch": batch.number,
            "tape_rows": batch.tape_rows,
            "time_ns": batch.time_ns,
            "digest": batch.digest,
            "asked": batch.asked,
            "counts": self.counts,
            "kept": len(kept),
        }
        self._write(head, kept + rest)
        self.sent = batch.number
        self._listen(wait=False)
        while self.sent - self.acknowledged >= WINDOW:
            self._listen(wait=True)

    def put_snapshot(self, batch: int, kind: str, image: bytes, state: str | None) -> None:
        """Hand over a snapshot of the engine after ``batch``, which was put before."""
        self._write({"snapshot": batch, "kind": kind, "state": state}, image)

    def flush(self) -> None:
        """Return when all that was put is durable."""
        while self.acknowledged < self.sent:
            self._listen(wait=True)

    def close(self, status: str = "done", digest: str | None = None, rows: int = 0) -> None:
        """Return when everything is durable, also that the run is over.

        ``status`` is ``done`` or ``failed``, ``digest`` the run's, ``rows`` those of its tape.
        What does not stand in its tables yet is put there behind the run; `wait` returns then.
        """
        self._write({"close": {"status": status, "digest": digest, "rows": rows}})
        self._closed = True
        self._pipe.close()
        while not self._told_closed:
            try:
                self._listen(wait=True)
            except InputError as error:
                if not self._told_closed:
                    raise
                self._behind = error  # of the rows, heard with the end: `wait` raises it
        behind.leave(self.database.key(), self)

    def wait(self) -> None:
        """Return when all rows stand in their tables and the writing process has ended."""
        error, self._behind = self._behind, None
        if error is not None:
            raise error
        if self._process.reap.alive:
            self._end()

    def ended(self, seconds: float = 0.0) -> bool:
        """Return whether the writing process has ended, or does within ``seconds``."""
        with suppress(subprocess.TimeoutExpired):
            self._process.child.wait(seconds)
            return True
        return False

    def stop(self) -> None:
        """Let the writer write what it was given and end; the run can be resumed."""
        with suppress(OSError, InputError):
            self.wait()

    def _end(self) -> None:
        """Close the pipe, then take in answers until the writer has ended."""
        self._pipe.close()
        try:
            while self._listen(wait=True):
                pass
        finally:
            self._reap()

    def _reap(self) -> int:
        """Wait for the end of the process; return its exit code."""
        self._closed = True
        code = self._process.reap()
        return 0 if code is None else code

    def _write(self, head: dict[str, Any], body: bytes = b"") -> None:
        if self._closed:
            raise InputError(
                f"{self.database.where}: the process that writes the journal has ended"
                f"{self._hint()}"
            )
        if self._amid_frame:  # Ctrl-C: what is written now would be read as the rest of it
            raise InputError(f"{self.database.where}: the journal ends amid a batch{self._hint()}")
        self._amid_frame = True
        try:
            write_frame(self._pipe, head, body)
            self._amid_frame = False
        except BrokenPipeError:
            while self._listen(wait=True):  # it raises what the writer said, or that it ended
                pass

    def _listen(self, wait: bool) -> bool:
        """Take in the answers that are there; with ``wait`` at least one, False at the end."""
        while wait or select.select([self._lines], [], [], 0)[0]:
            data = os.read(self._lines.fileno(), 1 << 16)
            if not data:
                self._ended()
                return False
            *lines, self._answers = (self._answers + data).split(b"\n")
            for line in lines:
                self._hear(json.loads(line))
            wait = wait and not lines
        return True

    def _hear(self, answer: dict[str, Any]) -> None:
        if "ready" in answer:
            self._ready = True
            last = None if self._fresh else self.database.last_batch(self.run)
            if last is not None:
                self.acknowledged = self.sent = int(last["n"])
                self.counts = dict(last["counts"])
        self.acknowledged = max(self.acknowledged, answer.get("ack", -1))
        if "note" in answer:
            self.notes.append(answer["note"])
        self._told_closed = self._told_closed or "closed" in answer
        self._told_ended = self._told_ended or "ended" in answer
        if "failed" in answer:
            self._reap()
            raise InputError(f"{answer['failed']}{self._hint()}")

    def _ended(self) -> None:
        """The answers are at their end: raise ``InputError`` unless the writer said so."""
        if not self._told_ended:
            code = self._reap()
            raise InputError(
                f"{self.database.where}: the process that writes the journal ended "
                f"(exit code {code}){self._hint()}"
            )

    def _hint(self) -> str:
        place = shlex.quote(self.database.where)
        if self._told_closed:
            return (
                f"; run {self.run} is durable, and `unimargin db runs {place}` puts the rest of "
                "its rows into their tables"
            )
        if self.acknowledged < 0:
            return ""
        return f"; `unimargin resume {place} {self.run}` goes on from what is durable"
