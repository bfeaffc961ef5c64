"""Going on with a run: what is durable is played again and compared, what follows is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from simulator.errors import InputError
from simulator.store import own
from simulator.store.batch import TABLES
from simulator.store.checker import Checker
from simulator.store.checks import rows_of
from simulator.store.database import Database
from simulator.store.difference import Difference
from simulator.store.journal import IMAGE, SNAPSHOT_SECONDS, Journal
from simulator.store.reading import Reader
from simulator.store.rebuilt import Make, rebuilt
from simulator.store.recorded import told_of
from simulator.store.settings import changed_files, settings_of
from simulator.store.writer import Writer

BLOCK_ROWS = 1 << 18

Way = Literal["image", "commands", "start"]
"""How to come to where a run goes on."""

Result = TypeVar("Result")


class Resumption(Journal):
    """The journal of a run that is gone on with, for a simulation made as the run's was.

    The simulation begins at the last snapshot, if there is one, else at the start; its batches are
    compared as far as they are durable, and written from there on.  ``way`` says how: by the
    snapshot's ``image``, where it fits this build, else by the ``commands`` up to it, which
    ``stand_ins`` makes a simulation for (`simulator.store.rebuilt`), or from the ``start``.
    ``begun_at`` is the number of rows that were skipped; ``note`` hears of it in a line.
    Raises ``InputError`` for a run that is done, is being written, or has other data or strategies
    than the simulation; ``Difference`` where the simulation does something else than the run did.
    """

    def __init__(
        self,
        database: Database,
        run_id: int,
        *,
        way: Way = "image",
        stand_ins: Make | None = None,
        snapshot_seconds: float = SNAPSHOT_SECONDS,
        note: Callable[[str], None] = lambda _line: None,
        rows_behind: bool = False,
    ) -> None:
        self.row = database.run_row(run_id)
        if self.row["status"] == "done":
            raise InputError(
                f"{database.where}: run {run_id} is done; `unimargin verify` checks it"
            )
        if run_id in database.lost:
            raise InputError(f"{database.where}: run {run_id}: {database.lost[run_id]}")
        self.settings = sealed(self.row)
        super().__init__(
            database,
            self.settings["told"],
            cut_rows=int(self.row["cut_rows"]),
            snapshot_seconds=snapshot_seconds,
            note=note,
            rows_behind=rows_behind,
        )
        self.run_id = run_id
        self._going = True
        self.way: Way = way
        self.stand_ins = stand_ins
        self.begun_at = 0

    def begin(self, run: Any) -> int:
        """Open the run where it can go on; return the rows of the tape that it has behind it."""
        fits(self.settings, run, f"{self.database.where}: run {self.run_id}")
        assert self.run_id is not None
        self.writer = Writer(self.database, self.run_id, process=self._started())
        self.writer.wait_ready()  # who wrote the run before may have been at work still
        reader = self.database.reader(self.run_id)
        shot = self._last_shot(reader)
        durable = reader.batches[-1]["tape_rows"] if reader.batches else 0
        if shot is not None:
            self.begun_at = self._put(run, shot, reader)
        self._note(
            f"run {self.run_id}: {durable:,} of {run.rows:,} rows are durable; played again from "
            + (f"the snapshot at row {self.begun_at:,}" if shot else "the start and compared")
        )
        if shot is None:
            self.open_run(run)
            self.sink = Checker(reader, self.writer)
            self.cut(0)
        return self.begun_at

    def _last_shot(self, reader: Reader) -> dict[str, Any] | None:
        """Return the snapshot to begin at, None without one; ``way`` becomes what can be done."""
        from simulator.store import image

        if self.way == "start":
            return None
        try:
            shot = self.database.last_snapshot(reader.run, len(reader.batches) - 1)
            if shot is None or shot["kind"] != IMAGE:
                return None
            if not own.is_own(own.key(), int(shot["n"]), shot["image"], shot["state"]):
                self._note("the snapshot was not signed with this user's key: from the start")
                return None
        except InputError:
            return None  # damaged: from the start it is the same, only later
        try:
            if self.way == "image":
                image.check(shot["image"])
        except InputError as error:  # of another build
            self.way = "commands"
            self._note(f"{error}: the commands up to it are played again")
        return None if self.way == "commands" and self.stand_ins is None else shot

    def _put(self, run: Any, shot: dict[str, Any], reader: Reader) -> int:
        """Open the run as it was at a snapshot; return its rows."""
        from simulator.store import image

        assert self.writer is not None
        told = json.loads(shot["state"])
        number = int(shot["n"])
        taken, harvested = shot["image"], told["harvest"]
        if self.way == "commands":
            assert self.stand_ins is not None
            taken, harvested = rebuilt(run, self.stand_ins, reader, number, self.cut_rows)
        image.put(run, taken, outcomes(reader, reader.batches[number]["counts"]))
        self.take_up(run)
        self.harvest.restore(harvested)
        image.restore_states(run, told["strategies"])
        self.sink = Checker(reader, self.writer, number + 1)
        return int(told["rows"])

    def close(self, status: str) -> None:
        """Say what became of the run; nothing where it did not begin, or was another one."""
        if not isinstance(self.sink, Checker) or self.sink.differs:
            writer, self.writer = self.writer, None
            if writer is not None:
                writer.stop()
        super().close(status)


def played(
    attempt: Callable[[Way], Result],
    from_start: bool,
    note: Callable[[str], None] = lambda _line: None,
) -> Result:
    """Return what ``attempt`` returns of the first way that can be gone.

    An image that fails leaves a simulation of no use, so each attempt makes its own.
    """
    from simulator.store.image_kinds import ImageError

    ways: list[Way] = ["start"] if from_start else ["image", "commands", "start"]
    for way in ways[:-1]:
        try:
            return attempt(way)
        except ImageError as error:
            note(str(error))
    return attempt(ways[-1])


def sealed(row: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a run's row; ``InputError`` where something changed them."""
    try:
        return settings_of(row)
    except Difference as error:
        raise InputError(f"run {row['run']}: its row was changed: {error}") from error


def differs(which: str, error: Difference) -> InputError:
    """Return what to tell the user where a run that is played again is another one."""
    return InputError(
        f"{which}: played again it is another run: {error}; is a strategy not deterministic, or "
        "is it, or unimargin, another version?"
    )


def fits(settings: dict[str, Any], run: Any, which: str) -> None:
    """Raise ``InputError`` unless a simulation has the data and the strategies of a run."""
    changed = changed_files(settings, run.tapes)
    if changed:
        raise InputError(f"{which}: {'; '.join(changed)}")
    before, now = settings["strategies"], [told_of(one) for one in run.strategies]
    if before != now:
        names = (", ".join(one["class"] for one in told) or "none" for told in (before, now))
        raise InputError("{}: has the strategies {}, not {}".format(which, *names))


def outcomes(reader: Reader, counts: dict[str, int]) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the outcomes of a run up to a batch, int64 [rows, 8], in blocks."""
    names, rows = list(TABLES["outcomes"]), counts["outcomes"]
    for first in range(0, rows, BLOCK_ROWS):
        part = reader.rows("outcomes", first, min(rows, first + BLOCK_ROWS))
        yield rows_of(part, names)
