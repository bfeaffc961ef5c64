"""A run's journal: where it begins, cuts, snapshots, and what is said of it at the end."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from simulator.errors import InputError
from simulator.store import behind, own
from simulator.store.database import Database
from simulator.store.recorder import CUT_ROWS, Recorder
from simulator.store.settings import row_of
from simulator.store.writer import Process, Writer

SNAPSHOT_SECONDS = 10.0
"""Seconds of work between two snapshots."""

DEAR = 30
"""Times what the last snapshot took lie at least between two, so that they cost little of a run."""

IMAGE = "image"
"""Kind of a snapshot that has an image of the engine, see `simulator.store.image`."""


class Journal(Recorder):
    """A database that runs are written to: ``run(journal=Journal.open("runs.db"))``.

    ``run_id`` is the number of the latest run, None before one has begun; ``told`` says how to make
    a run again (`simulator.store.settings.row_of`), ``note`` is told the number of each run and
    its ``label`` in a line.  A snapshot is taken every ``snapshot_seconds`` at most, if all
    strategies give a state.  A run returns when its rows stand in their tables; with
    ``rows_behind`` as soon as all is durable, and `wait` returns when they do.

    The database's connections are closed with each run.  ``with Journal.open(...) as journal``
    also ends the writing process where no run has begun.
    """

    def __init__(
        self,
        database: Database,
        told: Mapping[str, Any] | None = None,
        *,
        cut_rows: int = CUT_ROWS,
        snapshot_seconds: float = SNAPSHOT_SECONDS,
        note: Callable[[str], None] = lambda _line: None,
        label: str = "",
        rows_behind: bool = False,
    ) -> None:
        super().__init__(None, cut_rows)
        self.rows_behind = rows_behind
        self.database = database
        self.told = dict(told or {})
        self.snapshot_seconds = snapshot_seconds
        self._note = note
        self._label = f": {label}" if label else ""
        self.writer: Writer | None = None
        self._last: Writer | None = None
        self._going = False
        self._shot = self._took = 0.0
        self._process: Process | None = Process()  # starts while the data are loaded

    @classmethod
    def open(cls, place: str | Path, **options: Any) -> Journal:
        """Return the journal in a database: a path, or a URL; made where there is none.

        Raises ``InputError`` for a place that cannot hold one.
        """
        return cls(Database.open(place, create=True), **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._leave()

    @property
    def acknowledged(self) -> int:
        """Number of the last batch that can be lost no more, -1 without any."""
        return -1 if self.writer is None else self.writer.acknowledged

    def begin(self, run: Any) -> int:
        """Open a run, store its row and make its first cut."""
        behind.wait_for(self.database.key())  # two at once would wait for each other all the time
        self.open_run(run)
        self.run_id = self.database.new_run(row_of(run, self.cut_rows, self.told))
        self.writer = Writer(self.database, self.run_id, process=self._started(), fresh=True)
        self._going = True
        self._note(f"run {self.run_id} in {self.database.where}{self._label}")
        self.sink = self.writer
        self._shot = time.monotonic()
        self.cut(0)
        return 0

    def cut(self, rows: int, last: bool = False) -> None:
        """Hand over what is new, and a snapshot where it is time for one."""
        super().cut(rows, last)
        wait = max(self.snapshot_seconds, DEAR * self._took if self.snapshot_seconds else 0.0)
        if not last and time.monotonic() - self._shot >= wait:
            self.snapshot(rows)

    def snapshot(self, rows: int) -> None:
        """Hand over an image of the engine and the strategies' states, if all give one."""
        from simulator.store import image

        assert self.writer is not None
        began = time.monotonic()
        try:
            states = image.states(self.run)
            taken = None if states is None else image.take(self.run)
        except InputError as error:
            self._no_snapshots(str(error))
            return
        if taken is not None:
            told = {"rows": rows, "harvest": self.harvest.state(), "strategies": states}
            number, key = self.harvest.number - 1, own.key()
            if key is None:
                self._no_snapshots("the cache folder (UNIMARGIN_CACHE) cannot keep a key of yours")
                return
            self.writer.put_snapshot(number, IMAGE, taken, own.signed(key, number, taken, told))
        self._shot = time.monotonic()
        self._took = self._shot - began

    def _no_snapshots(self, why: str) -> None:
        """Take none any more: the run goes on without."""
        self.snapshot_seconds = math.inf
        self._note(f"no snapshots: {why}")

    def close(self, status: str) -> None:
        """Say what became of the run, when all of it is durable."""
        try:
            if self.writer is not None:
                self._say(status)
        finally:
            self._leave()

    def _say(self, status: str) -> None:
        """Tell the writer what became of the run."""
        assert self.writer is not None
        writer, self.writer, latest = self.writer, None, self.latest
        self._last = writer
        if status == "done" and latest is not None:
            writer.close(status, digest=latest.digest, rows=latest.tape_rows)
            self._going = False
            return
        # What failed may be the writer itself: then what it was given is all there is to do.
        with suppress(InputError):
            writer.close(status, rows=latest.tape_rows if latest else 0)
        writer.stop()
        self._note(self._how_to_go_on(status))
        self._going = False

    def unfinished(self) -> str:
        """Return the line that says how to go on with the run that is being written, or ""."""
        return self._how_to_go_on("interrupted") if self._going else ""

    def _how_to_go_on(self, status: str) -> str:
        place = f"{shlex.quote(self.database.where)} {self.run_id}"
        return f"run {self.run_id} {status}; `unimargin resume {place}` goes on with it"

    def _started(self) -> Process:
        """Return the writing process of the next run."""
        process, self._process = self._process, None
        return process or Process()

    def _leave(self) -> None:
        """End the writing process that no run has taken, and close the database."""
        process, self._process = self._process, None
        if process is not None:
            process.drop()
        self.database.close()

    def returning(self) -> None:
        """Wait for the rows, unless they may come behind the run."""
        if not self.rows_behind:
            self.wait()

    def wait(self) -> None:
        """Return when all rows of the run stand in their tables, for those who look with SQL.

        Raises ``InputError`` where they cannot be put there; they are durable all the same.
        """
        if self._last is not None:
            self._last.wait()
