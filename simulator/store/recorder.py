"""What a run tells of itself while it goes on: batches, at fixed numbers of rows, to a sink."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from simulator.ledger.columns import Ledger
from simulator.store.batch import Batch
from simulator.store.harvest import Harvest

CUT_ROWS = 65_536
"""Rows of the tape between two cuts.  A cut costs about 2 ms whatever is in it; with a quarter
of the rows a market maker on a dense tape would take half as long again (docs/benchmarks.md)."""


class Sink(Protocol):
    """Takes the batches of a run in order."""

    def put(self, batch: Batch) -> None:
        """Take the next batch."""


class Recorder:
    """Cuts a run into batches; ``Simulation.run`` calls it.

    ``cut_rows`` rows of the tape lie between two cuts; ``step``, at most that, is how many rows the
    engine is given at once.  ``latest`` is the last batch, ``run_id`` the number of the run in its
    database, if it has one.
    """

    run: Any
    harvest: Harvest
    latest: Batch | None = None
    run_id: int | None = None

    def __init__(self, sink: Sink | None, cut_rows: int = CUT_ROWS, step: int = 0) -> None:
        self.sink = sink
        self.cut_rows = cut_rows
        self.step = min(cut_rows, step or cut_rows)

    def begin(self, run: Any) -> int:
        """Open a run, and make its first cut; return how many rows of the tape it has behind it."""
        self.open_run(run)
        self.cut(0)
        return 0

    def open_run(self, run: Any) -> None:
        """Let the engine keep its logs, then book what accounts begin with and start strategies."""
        run.core.keep_log()
        begin_with(run.core.ledger, int(run.span[0]))
        run._ran = True
        run._open()
        self.take_up(run)

    def take_up(self, run: Any) -> None:
        """Harvest a run that is open."""
        self.run = run
        self.harvest = Harvest(run)

    def cut(self, rows: int, last: bool = False) -> None:
        """Give on what is new after ``rows`` rows; ``last``: the run has ended."""
        assert self.sink is not None, "a run is cut after it has begun"
        self.latest = self.harvest.take(rows, last)
        self.sink.put(self.latest)

    def close(self, status: str) -> None:
        """The run is over: ``done``, ``failed`` or ``interrupted``."""

    def unfinished(self) -> str:
        """Return the line that says how to go on with the run, empty where nobody can."""
        return ""

    def returning(self) -> None:
        """The run is done, and its result is made."""


def begin_with(ledger: Ledger, now: int) -> None:
    """Put into a ledger's log what stands in it already, as its last entry: a population."""
    balance, owed, _, _ = ledger.columns()
    parts = []
    for what, column in enumerate((balance, owed)):
        wallet, asset = np.nonzero(column)
        rows = np.zeros((len(wallet), 6), dtype=np.int64)
        rows[:, 0], rows[:, 1], rows[:, 2] = ledger.entries, now, what
        rows[:, 3], rows[:, 4], rows[:, 5] = wallet, asset, column[wallet, asset]
        parts.append(rows)
    log: Any = ledger.log
    log.extend(np.concatenate(parts))


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
