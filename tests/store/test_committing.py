"""Goal: transactions of the writing process are whole, and nothing in them is done twice.

Method: write in the test's own process, break off in the middle, lose an answer, fill the disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from simulator.errors import InputError
from simulator.store.database import Database, url_of
from simulator.store.schema import PACKS
from simulator.store.writing_process import RunWriter
from tests.store.made import batches_of, same
from tests.store.writing import check, frames_of


@pytest.fixture
def place(ready: str) -> str:
    """A database with its tables, of each kind in turn."""
    return ready


class HalfError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def inside(place: str) -> Iterator[RunWriter]:
    """A writer in this process, whose transactions a test can break."""
    database = Database.open(place, create=True)
    database.new_run({})
    writer = RunWriter(database, 1, 0.2, lambda _answer: None)
    yield writer
    writer.close()


def test_rows_move_once_and_whole(inside: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = batches_of(40)
    inside.commit(frames_of(batches))
    inside.spread_some()

    def insert_and_end(*arguments: Any) -> None:
        insert(*arguments)
        raise HalfError

    from simulator.store.writing_process import insert

    monkeypatch.setattr("simulator.store.writing_process.insert", insert_and_end)
    with pytest.raises(HalfError):
        inside.spread_some()
    monkeypatch.undo()
    reader = inside.database.reader(1)
    assert all(same(reader.batch(batch.number), batch) for batch in batches)
    part = reader.rows("postings", 3, reader.count("postings") - 2)
    assert len(part["amount"]) == reader.count("postings") - 5
    while inside.spread <= inside.last:
        inside.spread_some()
    place = inside.database.place()
    inside.close()
    check(place, 1, batches)


def test_a_commit_whose_answer_was_lost(inside: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = batches_of(6)
    lost = [True]

    def look() -> None:
        if lost.pop() if lost else False:
            raise OSError("server closed the connection unexpectedly")

    monkeypatch.setattr(inside, "_look_for_file", look)
    inside.commit(frames_of(batches))
    assert inside.last == 5
    assert not lost
    reader = inside.database.reader(1)
    assert all(same(reader.batch(batch.number), batch) for batch in batches)


def test_a_batch_that_another_wrote(inside: RunWriter) -> None:
    frames = frames_of(batches_of(2))
    inside.commit(frames[:1])
    inside.last = -1
    with pytest.raises(InputError, match="run 1 is being written by another process"):
        inside.commit(frames)


def test_a_full_disk(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "runs.db", create=True)
    database.new_run({})
    writer = RunWriter(database, 1, 0.2, lambda _answer: None)
    assert writer.connection is not None
    frames = frames_of(batches_of(200))
    writer.commit(frames[:5])
    raw: Any = writer.connection.connection.driver_connection
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count={pages + 5}")
    with pytest.raises(InputError, match="the disk is full; make room, then resume the run"):
        writer.commit(frames[5:])
    assert writer.last == 4
    writer.close()
    check(str(tmp_path / "runs.db"), 1, batches_of(5), spread=False)


def test_damaged_rows_are_named(inside: RunWriter) -> None:
    batches = batches_of(3)
    inside.commit(frames_of(batches))
    inside.spread_some()
    database = inside.database
    with database.writing() as connection:
        connection.execute(text("DELETE FROM postings WHERE run = 1 AND n = 2"))
    with pytest.raises(InputError, match="run 1, postings row"):
        database.rows(1, "postings")
    with database.writing() as connection:
        connection.execute(PACKS.update().where(PACKS.c.n == 1).values(body=b"\x05"))
    with pytest.raises(InputError, match="packs row 1: not a packed batch"):
        database.batch(1, 1)
    if database.kind == "sqlite":
        with database.writing() as connection:
            connection.execute(text("UPDATE fills SET price = 'much' WHERE run = 1 AND n = 1"))
        with pytest.raises(InputError, match="fills row 1: price: 'much' is no int"):
            database.rows(1, "fills")


def test_a_bare_url_names_the_driver() -> None:
    assert url_of("postgres://me@host/db").drivername == "postgresql+psycopg"
