"""Goal: what was acknowledged and is gone is told, and nothing else is called gone.

Method: a writer is killed with batches in SQLite's log only; then the log, the database or the note
of what was acknowledged is removed, cut or replaced.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.store import acknowledged
from simulator.store.database import Database
from tests.store.made import batches_of
from tests.store.told import Call
from tests.store.writing import put_each, writing

LAST, WRITTEN_BACK = 6, 3
NAMES = ("runs.db", "runs.db-wal", "runs.db-run1.lock")
GONE = f"batch {LAST} was acknowledged and is gone"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, file_of_tables: Path) -> Path:
    """A folder of a run whose writer was killed; the first batches stand in the file itself."""
    folder, copy = tmp_path_factory.mktemp("killed"), tmp_path_factory.mktemp("copy")
    place = shutil.copy(file_of_tables, folder / "runs.db")
    batches = batches_of(LAST + 1, rows=5)
    with writing(str(place)) as writer:
        put_each(writer, batches[: WRITTEN_BACK + 1])
    assert not (folder / NAMES[2]).exists(), "no log is needed after an orderly end"
    with writing(str(place), 1) as writer:
        writer.wait_ready()
        put_each(writer, batches[WRITTEN_BACK + 1 :], kill_at=LAST)
        for name in NAMES:
            shutil.copy(folder / name, copy / name)
    return copy


@pytest.fixture
def place(killed: Path, tmp_path: Path) -> Path:
    for name in NAMES:
        shutil.copy(killed / name, tmp_path / name)
    return tmp_path / "runs.db"


def log_of(place: Path) -> Path:
    return place.with_name(NAMES[1])


def note_of(place: Path) -> Path:
    return place.with_name(NAMES[2])


def last(place: Path) -> int:
    """Return the last batch that is there, of a database that says nothing."""
    database = Database.open(place)
    assert database.lost == {}
    found = database.last_batch(1)
    database.close()
    assert found is not None
    return int(found["n"])


def test_all_is_there(place: Path) -> None:
    assert last(place) == LAST
    assert not log_of(place).exists(), "who closes it last writes it back"
    assert last(place) == LAST
    assert not note_of(place).exists(), "and then the note has no more use"


@pytest.mark.parametrize("left", [None, 0, 31, 8_000])
def test_a_log_that_is_gone_or_cut_is_told(place: Path, call: Call, left: int | None) -> None:
    if left is None:
        log_of(place).unlink()
    else:
        os.truncate(log_of(place), left)
    for command in ("resume", "verify"):
        assert f"run 1: {GONE} (the last one there is " in call(command, place, 1).line
    told = call("db", "runs", place)
    assert told.code == 0
    assert GONE in told.err
    assert "remove runs.db-run1.lock to go on" in told.err
    note_of(place).unlink()
    assert WRITTEN_BACK <= last(place) < LAST
    with writing(str(place), 1) as writer:
        writer.wait_ready()
        assert WRITTEN_BACK <= writer.acknowledged < LAST


def test_an_older_copy_in_its_place_is_told(place: Path, file_of_tables: Path, call: Call) -> None:
    log_of(place).unlink()
    place.unlink()
    shutil.copy(file_of_tables, place)
    assert f"run 1: {GONE} (nothing of it is)" in call("verify", place, 1).line
    place.unlink()
    place.write_bytes(b"")
    assert GONE in call("verify", place, 1).line
    assert GONE in call("db", "runs", place).line


def test_a_copy_of_the_database_alone_is_one(place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(place, copy)
    assert last(copy) == WRITTEN_BACK


def test_a_note_of_another_database_is_not_of_this_one(place: Path, tmp_path: Path) -> None:
    other = acknowledged.Note("0" * 32, 99)
    with note_of(place).open("r+b") as file:
        acknowledged.write(file.fileno(), other.identity, other.batch)
    assert acknowledged.read(note_of(place)) == other
    assert last(place) == LAST
    new = tmp_path / "new.db"
    shutil.copy(note_of(place), acknowledged.path_of(new, 1))
    Database.open(new, create=True).close()
    assert not acknowledged.path_of(new, 1).exists()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"identity": 1, "batch": 9}', "x" * 500])
def test_what_is_no_note(place: Path, text: str) -> None:
    note_of(place).write_text(text)
    assert acknowledged.read(note_of(place)) is None
    assert last(place) == LAST


def test_a_note_that_a_writer_holds_stays(place: Path) -> None:
    log_of(place).touch()
    with writing(str(place), 1) as writer:
        writer.wait_ready()
        acknowledged.remove(note_of(place))
        assert note_of(place).exists()


def test_a_run_that_lost_its_row(place: Path, file_of_tables: Path) -> None:
    log_of(place).unlink()
    place.unlink()
    shutil.copy(file_of_tables, place)
    with pytest.raises(InputError, match="run 2; there are: none"):
        Database.open(place).run_row(2)
