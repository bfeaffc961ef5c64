"""Goal: a run is over when all is durable; its rows come behind it, whoever is killed meanwhile.

Method: leave a run as a writing process that was killed then leaves it, and open it; let real ones
work on behind their runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, func, select

from simulator.errors import InputError
from simulator.store import behind, checks
from simulator.store.batch import Batch
from simulator.store.claim import WAIT_SECONDS
from simulator.store.database import WRITER_SECONDS, Database
from simulator.store.difference import Difference
from simulator.store.schema import PENDING, ROWS
from simulator.store.writing_process import RunWriter, put_rows
from tests.store.made import batches_of, same
from tests.store.writing import check, frames_of, writing


@pytest.fixture
def place(ready: str) -> str:
    """A database with its tables, of each kind in turn."""
    return ready


def left_packed(place: str, batches: list[Batch], status: str = "done") -> None:
    """Write a run whose process was killed after its end, before any row stood in a table."""
    database = Database.open(place, create=True)
    run = database.new_run({})
    writer = RunWriter(database, run, 0.2, lambda _answer: None)
    writer.commit(frames_of(batches))
    writer.finish({"status": status, "digest": "ab", "rows": 1})
    writer.close()


def packed(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(PENDING)).scalar() or 0)


def test_who_opens_it_next_puts_the_rows(place: str) -> None:
    batches = batches_of(20)
    left_packed(place, batches)
    check(place, 1, batches)


def test_rows_of_a_run_that_goes_on_are_its_writers(place: str) -> None:
    batches = batches_of(3)
    left_packed(place, batches, status="running")
    assert packed(Database.open(place)) == 3


def test_it_opens_where_nobody_can_put_them(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = batches_of(3)
    left_packed(place, batches)

    def refused(*_arguments: object) -> None:
        raise InputError("attempt to write a readonly database")

    monkeypatch.setattr("simulator.store.writing_process.put_rows", refused)
    database = Database.open(place)
    assert packed(database) == 3
    reader = database.reader(1)
    assert all(same(reader.batch(batch.number), batch) for batch in batches)


def test_damaged_ones_stay_for_verify_to_name(place: str) -> None:
    left_packed(place, batches_of(3))
    writing_to = Database.open(place)  # has put them
    with writing_to.writing() as connection:
        connection.execute(PENDING.insert().values(run=1, n=1, body=b"\x05"))
    database = Database.open(place)
    assert packed(database) == 1
    with pytest.raises(InputError, match="pending row 1: not a packed batch"):
        database.batch(1, 1)


def test_a_closed_run_is_done_at_once_and_its_rows_follow(place: str) -> None:
    batches = batches_of(60, rows=100)
    with writing(place) as writer:
        for batch in batches:
            writer.put(batch)
        writer.close("done", digest="ab", rows=6000)
        database = Database(writer.database.url)  # does not wait, as other programs do not
        assert database.run_row(1)["status"] == "done"
        assert database.reader(1).count("fills") == sum(one.counts()["fills"] for one in batches)
        with pytest.raises(InputError, match="the process that writes the journal has ended"):
            writer.put_snapshot(59, "image", b"", None)
        check(place, 1, batches)
        writer.wait()
        assert writer.ended()


def test_rows_that_fail_at_once_do_not_undo_the_end(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both answers may come in one read: the run is over all the same, and `wait` says the rest."""

    def both(wait: bool) -> bool:
        writer._hear({"closed": True})
        writer._hear({"failed": "the disk is full"})
        return True

    with writing(place) as writer:
        writer.put(batches_of(1)[0])
        writer.flush()
        with monkeypatch.context() as patched:
            patched.setattr(writer, "_listen", both)
            writer.close()
        with pytest.raises(InputError, match="the disk is full; run 1 is durable"):
            writer.wait()
        writer.wait()


def test_another_program_opens_and_checks_it_meanwhile(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer still holds the run: no reason to wait for it, nor to call the run damaged."""
    patience: list[float] = []

    def refused(database: Database, run: int, wait: float) -> None:
        patience.append(wait)
        put_rows(database, run, 0.0)

    monkeypatch.setattr("simulator.store.writing_process.put_rows", refused)
    batches = batches_of(20)
    database = Database.open(place, create=True)
    run = database.new_run({})
    writer = RunWriter(database, run, 0.2, lambda _answer: None)
    writer.commit(frames_of(batches))
    writer.finish({"status": "done", "digest": "ab", "rows": 1})
    for _ in range(3):
        other = Database.open(place)
        checks.stored(other, other.reader(run), done=True)
        writer.spread_some(4)
    assert patience == [WRITER_SECONDS] * 3
    assert WRITER_SECONDS < WAIT_SECONDS
    with database.writing() as connection:
        connection.execute(delete(ROWS["fills"]).where(ROWS["fills"].c.n == 3))
    with pytest.raises(Difference, match="fills"):
        checks.stored(other, other.reader(run), done=True)
    writer.close()


class Slow:
    """A writer that is at work for some time, and may fail."""

    def __init__(self, run: int, ended: list[bool], error: str = "") -> None:
        self.run, self._ended, self.error = run, ended, error
        self.waited = 0

    def ended(self, seconds: float = 0.0) -> bool:
        return self._ended.pop(0)

    def wait(self) -> None:
        self.waited += 1
        if self.error:
            raise InputError(self.error)


@pytest.fixture
def nobody() -> Iterator[None]:
    """No writers of other tests."""
    behind.wait_for_all(lambda _line: None)
    yield
    behind.wait_for_all(lambda _line: None)


@pytest.mark.usefixtures("nobody")
def test_a_program_waits_for_what_it_left_behind() -> None:
    quick, slow = Slow(1, [False, False, True]), Slow(2, [False, False])
    failed = Slow(3, [True], "the disk is full")
    for place, one in (("a", quick), ("b", slow), ("c", failed)):
        behind.leave(place, one)
    behind.wait_for("nothing of it")
    assert (quick.waited, slow.waited, failed.waited) == (0, 0, 0)
    said: list[str] = []
    behind.wait_for_all(said.append)
    assert sorted(said) == [
        "run 2 is durable; its rows are being put into their tables",
        "the disk is full",
    ]


@pytest.mark.usefixtures("nobody")
def test_who_has_ended_is_forgotten() -> None:
    ended, other = Slow(1, [True]), Slow(2, [True])
    behind.leave("a", ended)
    behind.leave("b", other)
    behind.wait_for("a")
    assert ended.waited == 0
    behind.wait_for("b")
    assert other.waited == 1
