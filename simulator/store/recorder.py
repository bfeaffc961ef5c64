"""What a run tells of itself while it goes on: batches, at fixed numbers of rows, to a sink."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from simulator.store.batch import Batch
from simulator.store.harvest import Harvest

CUT_ROWS = 16_384
"""Rows of the tape between two cuts."""


class Sink(Protocol):
    """Takes the batches of a run in order."""

    def put(self, batch: Batch) -> None:
        """Take the next batch."""


class Recorder:
    """Cuts a run into batches; ``Simulation.run`` calls it.

    ``cut_rows`` rows of the tape lie between two cuts; ``step``, at most that, is how many rows the
    engine may be given at once.
    """

    def __init__(self, sink: Sink, cut_rows: int = CUT_ROWS, step: int | None = None) -> None:
        self.sink = sink
        self.cut_rows = cut_rows
        self.step = cut_rows if step is None else step
        self.run_id: int | None = None

    def open(self, run: Any) -> int:
        """Open a run that is about to begin, and make its first cut; return the rows to skip."""
        run.core.keep_log()
        run._open()
        self.harvest = Harvest(run)
        self.cut(0)
        return 0

    def cut(self, rows: int, last: bool = False) -> None:
        """Give on what is new after ``rows`` rows; ``last``: the run has ended."""
        self.sink.put(self.harvest.take(rows, last))

    def close(self, status: str) -> None:
        """The run is over: ``done``, ``failed`` or ``interrupted``."""


@contextmanager
def closed_well(recorder: Recorder | None) -> Iterator[None]:
    """Close a recorder with what became of the run within."""
    try:
        yield
    except KeyboardInterrupt:
        if recorder is not None:
            recorder.close("interrupted")
        raise
    except BaseException:
        if recorder is not None:
            recorder.close("failed")
        raise
    if recorder is not None:
        recorder.close("done")
