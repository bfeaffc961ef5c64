"""Images at cuts of runs, and runs that go on from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from simulator.simulation import Simulation
from simulator.store import image
from simulator.store.recorder import Recorder


@dataclass(frozen=True)
class Cut:
    """A cut after ``rows`` rows: image, strategies' states, and the outcomes so far."""

    rows: int
    image: bytes
    states: str | None
    outcomes: list[np.ndarray]
    what: Any = None


class Cutter(Recorder):
    """Takes images of a run where they are wanted; ``what`` is noted of the run beside each."""

    def __init__(
        self,
        rows: int,
        wanted: Callable[[int], bool],
        what: Callable[[Simulation], Any] = lambda _run: None,
    ) -> None:
        super().__init__(None, rows)
        self.wanted = wanted
        self.what = what
        self.outcomes: list[np.ndarray] = []
        self.cuts: list[Cut] = []
        self.number = 0

    def begin(self, run: Simulation) -> int:
        run.core.records.keep = True
        run._ran = True
        run._open()
        self.run = run
        self.cut(0)
        return 0

    def cut(self, rows: int, last: bool = False) -> None:
        run = self.run
        assert rows == run.core.events
        self.outcomes.append(run.core.records.take())
        if self.wanted(self.number) and not last:
            taken, told = image.take(run), image.states(run)
            self.cuts.append(Cut(rows, taken, told, list(self.outcomes), self.what(run)))
        self.number += 1


class Later(Recorder):
    """Lets a run begin where an image was taken."""

    def __init__(self, cut: Cut, rows: int) -> None:
        super().__init__(None, rows)
        self.at = cut

    def begin(self, run: Simulation) -> int:
        image.put(run, self.at.image, self.at.outcomes)
        assert image.take(run) == self.at.image, "the image of what was restored is the image"
        if self.at.states is not None:
            image.restore_states(run, self.at.states)
        return self.at.rows

    def cut(self, rows: int, last: bool = False) -> None:
        pass


def run_with_cuts(
    run: Simulation,
    rows: int,
    wanted: Callable[[int], bool],
    what: Callable[[Simulation], Any] = lambda _run: None,
) -> tuple[Any, list[Cut]]:
    """Run to the end; return the result and the cuts whose number is wanted, from 0 on.

    There is a cut every ``rows`` rows; ``what`` is noted of the run at each of them.
    """
    cutter = Cutter(rows, wanted, what)
    return run.run(journal=cutter), cutter.cuts


def chosen(cuts: list[Cut]) -> list[Cut]:
    """Return the cuts to go on from: all in the soak, one early and one late in the suite."""
    if os.environ.get("HYPOTHESIS_PROFILE") == "soak":
        return cuts
    third = len(cuts) // 3
    return [cuts[third], cuts[-1 - third]] if len(cuts) > 2 else cuts


def go_on(run: Simulation, cut: Cut, rows: int) -> Any:
    """Put a cut into a fresh simulation, run it to the end, and return the result."""
    return run.run(journal=Later(cut, rows))


def assert_same(found: Any, expected: Any) -> None:
    """Assert that two results are the same but for the time that they took."""
    assert found.digest == expected.digest
    for one in fields(expected):
        if one.name not in ("wall_seconds", "digest"):
            _assert_equal(one.name, getattr(found, one.name), getattr(expected, one.name))


def _assert_equal(name: str, found: Any, expected: Any) -> None:
    if isinstance(expected, pl.DataFrame):
        assert_frame_equal(found, expected)
    elif isinstance(expected, np.ndarray):
        assert np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f"), name
    elif is_dataclass(expected) and any(
        isinstance(getattr(expected, one.name), (pl.DataFrame, np.ndarray))
        for one in fields(expected)
    ):
        for one in fields(expected):
            _assert_equal(one.name, getattr(found, one.name), getattr(expected, one.name))
    else:
        assert repr(found) == repr(expected), name
