"""Goal: a run goes on from a snapshot of another build too, whatever its strategies do.

Method: runs are stopped after a snapshot; then the code counts as other code than took it.  The
commands are played again up to its cut: the image must be that of the snapshot, and a strategy that
draws at random without a seed goes on from what it remembers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator
from simulator.errors import InputError
from simulator.simulation import Simulation
from simulator.store import image
from simulator.store.database import Database
from simulator.store.difference import Difference
from simulator.store.rebuilt import rebuilt
from simulator.store.resume import Resumption
from tests.simulation.busy import Busy
from tests.simulation.test_whole_venue import MODES
from tests.store.test_resume import CUT_ROWS, make, stopped, stored_as, uncut

ROWS = 9000


class Unsteady(Busy):
    """Trades at random, each time otherwise, and remembers where it is.

    Which times they are is the same in every test run: 1, 2 and so on.
    """

    times = itertools.count(1)

    def on_start(self, ctx: Any) -> None:
        super().on_start(ctx)
        self.draws = np.random.Generator(np.random.PCG64(next(Unsteady.times)))


def unsteady(chosen: Any = None) -> Simulation:
    return make("unified", [Unsteady()] if chosen is None else chosen)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Ways in which resumptions began, and at which rows."""
    found: list[tuple[str, int]] = []
    begin = Resumption.begin

    def noted(one: Resumption, run: Any) -> int:
        rows = begin(one, run)
        found.append((one.way, rows))
        return rows

    monkeypatch.setattr(Resumption, "begin", noted)
    return found


@pytest.fixture
def other_build(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have images that were taken before count as those of other code."""
    return lambda: monkeypatch.setattr(image, "_code_digest", lambda: "another")


def test_a_strategy_that_does_not_repeat_itself_goes_on(
    tmp_path: Path,
    begun: list[tuple[str, int]],
    other_build: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Unsteady, "times", itertools.count(1))
    place = tmp_path / "runs.db"
    run = stopped(place, unsteady(), ROWS, 0.0)
    durable = Database.open(place).batches(run)
    other_build()
    with pytest.raises(InputError, match="played again it is another run"):
        simulator.resume(place, run, make=unsteady, from_start=True)
    result = simulator.resume(place, run, make=unsteady)
    assert begun[-1] == ("commands", durable[-1]["tape_rows"])
    found = simulator.verify(place, run, make=unsteady)
    assert (found.done, found.digest) == (True, result.digest)
    assert Database.open(place).batches(run)[: len(durable)] == durable


@pytest.mark.parametrize("mode", MODES)
def test_it_ends_as_an_uncut_run(
    tmp_path: Path, begun: list[tuple[str, int]], other_build: Callable[[], None], mode: str
) -> None:
    place = tmp_path / "runs.db"
    run = stopped(place, make(mode), ROWS, 0.0)
    other_build()
    digest, kept = uncut(mode)
    assert simulator.resume(place, run, make=lambda chosen: make(mode, chosen)).digest == digest
    assert begun[0][0] == "commands"
    assert begun[0][1] >= ROWS - CUT_ROWS
    stored_as(place, run, kept)


def test_the_image_is_that_of_the_snapshot(tmp_path: Path) -> None:
    run = stopped(tmp_path / "runs.db", make("unified"), ROWS, 0.0)
    database = Database.open(tmp_path / "runs.db")
    shot = database.last_snapshot(run)
    assert shot is not None

    def stand_ins(kinds: Any) -> Simulation:
        return make("unified", [kind() for kind in kinds])

    number = int(shot["n"])
    again, _ = rebuilt(make("unified"), stand_ins, database.reader(run), number, CUT_ROWS)
    assert again == shot["image"]


def test_a_build_that_does_something_else_is_told(
    tmp_path: Path, other_build: Callable[[], None]
) -> None:
    place = tmp_path / "runs.db"
    run = stopped(place, make("unified"), ROWS, 0.0)
    other_build()

    def other(chosen: Any) -> Simulation:
        return make("unified", chosen, latency="9")

    with pytest.raises(InputError, match="played again it is another run") as caught:
        simulator.resume(place, run, make=other)
    assert isinstance(caught.value.__cause__, Difference)
    assert Database.open(place).run_row(run)["status"] == "interrupted"
