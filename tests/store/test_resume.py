"""Goal: a run that was cut off goes on and ends as one that never was; another run is refused.

Method: runs of the busy strategies are stopped at some row, or fail, and are gone on with: from the
start, from a snapshot, again and again.  Rows and digest must be those of an uncut run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import simulator
from simulator.errors import InputError
from simulator.simulation import Simulation
from simulator.store.batch import TABLES
from simulator.store.database import Database
from simulator.store.journal import Journal
from simulator.store.verify import Verification
from tests.simulation.busy import Busy
from tests.simulation.test_whole_venue import MODES, busy_run
from tests.store.keeping import Kept, recorded, same

CUT_ROWS = 2000
DIGESTS: dict[str, tuple[str, Kept]] = {}


def make(mode: str, strategies: Any = None, **options: Any) -> Simulation:
    given = {} if strategies is None else {"strategies": strategies}
    return busy_run(mode, seed=5, start=1500, **given, **options)


def uncut(mode: str) -> tuple[str, Kept]:
    if mode not in DIGESTS:
        DIGESTS[mode] = recorded(make(mode), CUT_ROWS)
    return DIGESTS[mode]


class Stopped(Journal):
    """A journal of a run that is stopped when it has got so far."""

    stop_at = 0

    def cut(self, rows: int, last: bool = False) -> None:
        super().cut(rows, last)
        if self.stop_at and rows >= self.stop_at:
            raise KeyboardInterrupt


def stopped(place: str | Path, run: Simulation, rows: int, snapshots: float = 1e9) -> int:
    """Run up to a row and stop as Ctrl-C does; return the run's number."""
    journal = Stopped.open(place, cut_rows=CUT_ROWS, snapshot_seconds=snapshots)
    journal.stop_at = rows
    with pytest.raises(KeyboardInterrupt):
        run.run(journal=journal)
    assert journal.run_id is not None
    return journal.run_id


def stored_as(place: str | Path, run: int, kept: Kept) -> None:
    """Assert that a database has the batches of a run."""
    database = Database.open(place)
    row = database.run_row(run)
    assert (row["status"], row["digest"]) == ("done", kept.batches[-1].digest)
    reader = database.reader(run)
    same(kept.batches, [reader.batch(number) for number in range(len(reader.batches))])
    database.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("snapshots", [1e9, 0.0])
@pytest.mark.parametrize("rows", [1, 9000])
def test_a_run_goes_on(tmp_path: Path, mode: str, snapshots: float, rows: int) -> None:
    place = tmp_path / "runs.db"
    run = stopped(place, make(mode), rows, snapshots)
    assert Database.open(place).run_row(run)["status"] == "interrupted"
    digest, kept = uncut(mode)
    result = simulator.resume(place, run, make=lambda chosen: make(mode, chosen))
    assert (result.digest, result.run_id) == (digest, run)
    stored_as(place, run, kept)
    again = simulator.verify(place, run, make=lambda chosen: make(mode, chosen))
    assert isinstance(again, Verification)
    assert again.done


def test_nothing_differs_in_the_result(tmp_path: Path) -> None:
    whole = make("unified").run()
    run = stopped(tmp_path / "runs.db", make("unified"), 9000, 0.0)
    result = simulator.resume(
        tmp_path / "runs.db", run, make=lambda chosen: make("unified", chosen)
    )
    assert result.summary == whole.summary
    for name in ("fills", "history", "prices", "inventory", "liquidations", "alerts"):
        assert getattr(result, name).equals(getattr(whole, name)), name


def test_on_both_databases(place: str) -> None:
    digest, kept = uncut("separated")
    run = stopped(place, make("separated"), 9000, 0.0)
    result = simulator.resume(place, run, make=lambda chosen: make("separated", chosen))
    assert result.digest == digest
    stored_as(place, run, kept)
    simulator.verify(place, run, make=lambda chosen: make("separated", chosen))


def test_strict_asserts_everything_after_every_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(chosen: Any = None) -> Simulation:
        return busy_run("unified", seconds=4, **({} if chosen is None else {"strategies": chosen}))

    run = short().run(journal=Journal.open(tmp_path / "runs.db"))
    assert run.run_id is not None
    looks: list[int] = []
    own = Simulation.check

    def check(one: Simulation) -> None:
        looks.append(one.core.events)
        own(one)

    monkeypatch.setattr(Simulation, "check", check)
    found = simulator.verify(tmp_path / "runs.db", run.run_id, make=short, strict=True)
    assert len(looks) > found.tape_rows > 500


def test_part_of_a_run_can_be_checked(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    run = stopped(place, make("unified"), 9000)
    found = simulator.verify(place, run, make=lambda chosen: make("unified", chosen))
    assert not found.done
    assert found.tape_rows == 10_000


class Fails(Busy):
    """Raises an error at some instant, as a strategy with a mistake in it."""

    fails: bool = True

    def on_timer(self, ctx: Any, name: str) -> None:
        if self.fails and len(self.clock) > 150:
            raise RuntimeError("a mistake")
        super().on_timer(ctx, name)


def test_a_run_that_failed_goes_on_when_the_strategy_is_mended(tmp_path: Path) -> None:
    def of(fails: bool) -> Simulation:
        return make("separated", [Fails(seed=5, fails=fails)])

    place = tmp_path / "runs.db"
    journal = Journal.open(place, cut_rows=CUT_ROWS)
    with pytest.raises(RuntimeError, match="a mistake"):
        of(fails=True).run(journal=journal)
    assert journal.run_id is not None
    assert Database.open(place).run_row(journal.run_id)["status"] == "failed"
    digest, kept = recorded(of(fails=False), CUT_ROWS)
    result = simulator.resume(place, journal.run_id, make=lambda _chosen: of(fails=False))
    assert result.digest == digest
    stored_as(place, journal.run_id, kept)


def test_a_strategy_that_does_something_else_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    run = stopped(place, make("unified"), 9000)
    with pytest.raises(InputError, match=r"played again it is another run: \w+, row \d+, \w+: has"):
        simulator.resume(
            place, run, make=lambda _: make("unified", [Busy(seed=6), Busy(seed=1005, every=0.3)])
        )
    row = Database.open(place).run_row(run)
    assert row["status"] == "interrupted", "what is there stays as it was"


def test_other_strategies_and_other_data_are_refused(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    run = stopped(place, make("unified"), 5000)
    with pytest.raises(InputError, match="has the strategies Busy, Busy, not Busy"):
        simulator.resume(place, run, make=lambda _: make("unified", [Busy(seed=5)]))


class Secretive(Busy):
    """Remembers something that cannot be written down."""

    resumable = True

    def on_timer(self, ctx: Any, name: str) -> None:
        self.secret = object()
        super().on_timer(ctx, name)


def test_a_state_that_cannot_be_written_ends_the_snapshots_and_not_the_run(tmp_path: Path) -> None:
    said: list[str] = []
    place = tmp_path / "runs.db"
    journal = Journal.open(place, cut_rows=CUT_ROWS, snapshot_seconds=0.0, note=said.append)
    run = make("unified", [Secretive(seed=5)]).run(journal=journal)
    assert run.run_id == 1
    assert said[0].startswith("run 1 in ")
    assert [line.partition(":")[0] for line in said[1:]] == ["no snapshots"]
    assert "secret" in said[1]


def test_a_run_that_is_done_is_not_gone_on_with(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    result = make("unified").run(journal=Journal.open(place))
    assert result.run_id == 1
    with pytest.raises(InputError, match="run 1 is done"):
        simulator.resume(place, 1, make=lambda chosen: make("unified", chosen))
    with pytest.raises(InputError, match="no run 2; there are: 1"):
        simulator.resume(place, 2, make=lambda chosen: make("unified", chosen))
    with pytest.raises(InputError, match="made by Python code"):
        simulator.verify(place, 1)


def test_every_table_is_counted(tmp_path: Path) -> None:
    result = make("unified").run(journal=Journal.open(tmp_path / "runs.db"))
    assert result.run_id is not None
    found = simulator.verify(
        tmp_path / "runs.db", result.run_id, make=lambda chosen: make("unified", chosen)
    )
    assert found.rows.keys() == TABLES.keys()
    assert found.rows["fills"] == result.summary.fills
