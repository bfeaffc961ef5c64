"""Goal: whatever is wrong with a database, or what a run was made from, is one clear line.

Method: a real process is killed; then its database is damaged, moved, filled up or locked, or data,
rulebook and strategies are changed, and the command line is called.  It says one line and no
traceback, gives no wrong result, and goes on once the cause is mended.  What is damaged is written
into a new folder each time: over a file that something has open it would be two damages at once.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from simulator.store import image
from simulator.store.database import Database
from simulator.store.journal import Journal
from simulator.store.schema import VERSION as SCHEMA
from simulator.store.writer import Writer
from tests.store.kill_driver import Course, unkilled
from tests.store.kill_points import Death
from tests.store.kill_strategy import SCENARIO
from tests.store.told import Call, Told
from tests.store.writing import LIMIT_SECONDS

ROOT = Path(__file__).resolve().parents[2]
STRATEGY = f"{ROOT / 'tests/store/kill_strategy.py'}:Lively"
PAGE = 4096

FILES = ("runs.db", "runs.db-wal", "runs.db-shm")
BACKFILLED = slice(96, 100)
"""Where the index of the log says how much of it was written back: SQLite, WAL-mode File Format,
2.1, ``nBackfill``."""

LOG_HEAD, FRAME_HEAD = 32, 24
"""Bytes before the frames of a log, and before the page in each: the same, 1."""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run that was killed, with its writer, when its twelfth cut was durable.

    All of it stands in SQLite's log: nothing of that was written back.
    """
    folder = tmp_path_factory.mktemp("killed")
    course = Course(str(folder / "runs.db"), folder, "cli", snapshots=0.0)
    death = Death("durable cut", "both", 12)
    assert course.launch(course.arguments(False), death) == -signal.SIGKILL
    assert course.acknowledged == 10  # what the run could still report
    assert int.from_bytes((folder / "runs.db-shm").read_bytes()[BACKFILLED], sys.byteorder) == 0
    return folder


@pytest.fixture
def place(killed: Path, tmp_path: Path) -> Path:
    """A copy of its database."""
    return copied(killed, tmp_path)


@pytest.fixture
def settled(place: Path) -> Path:
    """The copy with its log written back, so that the file alone is all there is: no page of it
    is free, as which ones are hangs on how far the writer was with its rows."""
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("VACUUM")
    return place


def copied(killed: Path, folder: Path) -> Path:
    """Return a copy of the killed run's database in a folder."""
    for name in FILES:
        shutil.copy(killed / name, folder / name)
    return folder / "runs.db"


def written(content: bytes, folder: Path) -> Path:
    """Return a database with these bytes, in a new folder."""
    place = folder / f"{sum(1 for _ in folder.iterdir())}" / "runs.db"
    place.parent.mkdir()
    place.write_bytes(content)
    return place


def goes_on(call: Call, place: object, *more: str) -> None:
    """Assert that the run goes on to the end of one that was never killed."""
    told = call("resume", place, 1, "--strategy", STRATEGY, "--json", *more)
    assert told.code == 0, told
    assert json.loads(told.out)["runs"][0]["digest"] == unkilled("Lively")[0].digest


def test_the_command_goes_on_from_a_snapshot_of_another_build(
    call: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "_code_digest", lambda: "another")
    told = call("resume", place, 1, "--strategy", STRATEGY, "--json")
    assert json.loads(told.out)["runs"][0]["digest"] == unkilled("Lively")[0].digest
    assert "image: taken by other code than this: the commands up to it" in told.err
    assert "played again from the snapshot at row" in told.err


# The file


def test_a_log_that_is_gone_or_torn(call: Call, killed: Path, tmp_path: Path) -> None:
    """What was in SQLite's log only is lost with it; what is left is whole, and goes on.

    SQLite goes back to the last transaction that is whole before the cut, and to the file alone
    without one.  That is a state in which the database was once, as long as nothing behind the cut
    has been written back into the file, and here nothing has (`killed`).  So what follows hangs on
    that transaction alone: from the one on that stored the run's row the run goes on, from its
    start where no batch is there; before it there is no run.
    """
    ends = transactions((killed / "runs.db-wal").read_bytes())
    middle, last = ends[len(ends) // 2], ends[-1]
    goes = 0
    for number, left in enumerate((None, 0, 31, ends[0], ends[1], middle + 99, last - 1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        place = copied(killed, folder)
        (folder / "runs.db-shm").unlink()
        if left is None:
            (folder / "runs.db-wal").unlink()
        else:
            os.truncate(folder / "runs.db-wal", left)
        if left is None or left < ends[1]:
            for command in (("resume", "--strategy", STRATEGY), ("verify",)):
                said = call(command[0], place, 1, *command[1:]).line
                assert "holds no runs" in said or "no run 1" in said
            continue
        told = call("verify", place, 1)
        assert told.code == 0 or "nothing of it is durable" in told.line, number
        goes_on(call, place)
        goes += 1
    assert goes == 3


def transactions(log: bytes) -> list[int]:
    """Return where each transaction of a log of SQLite's ends, in bytes.

    The frame that ends one says how many pages the database has then, the others 0; frames of
    another salt are of an earlier log.
    """
    frame = FRAME_HEAD + PAGE
    heads = [log[at : at + FRAME_HEAD] for at in range(LOG_HEAD, len(log) - frame + 1, frame)]
    assert all(head[8:16] == log[16:24] for head in heads)
    return [LOG_HEAD + frame * n for n, head in enumerate(heads, 1) if any(head[4:8])]


def test_a_log_that_is_gone_is_told(call: Call, killed: Path, place: Path) -> None:
    """With the note of what was acknowledged beside it, as a killed run leaves it."""
    note = "runs.db-run1.lock"
    shutil.copy(killed / note, place.with_name(note))
    place.with_name("runs.db-wal").unlink()
    for command in (("resume", "--strategy", STRATEGY), ("verify",)):
        said = call(command[0], place, 1, *command[1:]).line
        assert "was acknowledged and is gone" in said
        assert f"remove {note} to go on with what is there" in said


def test_an_index_of_the_log_that_is_gone(call: Call, place: Path) -> None:
    place.with_name("runs.db-shm").unlink()
    goes_on(call, place)
    assert call("verify", place, 1).code == 0


def test_a_file_that_is_cut(call: Call, settled: Path, tmp_path: Path) -> None:
    size = settled.stat().st_size
    whole = settled.read_bytes()
    draw = random.Random(5)
    lengths = [0, 1, 99, 100, PAGE, size // 2, size - PAGE, size - 1]
    for left in [*lengths, *(draw.randrange(size) for _ in range(4))]:
        place = written(whole[:left], tmp_path)
        for command in (("verify", place, 1), ("resume", place, 1), ("db", "runs", place)):
            assert call(*command).line.startswith(f"unimargin: {place}: "), left
    goes_on(call, written(whole, tmp_path))


def test_pages_of_zeros(call: Call, settled: Path, tmp_path: Path) -> None:
    """Every page is of use, and verifying reads it."""
    whole = settled.read_bytes()
    pages = len(whole) // PAGE
    for page in sorted(random.Random(7).sample(range(pages), 8)):
        first = page * PAGE
        place = written(whole[:first] + bytes(PAGE) + whole[first + PAGE :], tmp_path)
        assert call("verify", place, 1).line, page
    goes_on(call, written(whole, tmp_path))


def test_a_byte_that_turned(call: Call, settled: Path, tmp_path: Path) -> None:
    """A byte of what a batch holds is found by verifying, wherever it is."""
    whole = settled.read_bytes()
    with closing(sqlite3.connect(settled)) as connection:
        body = connection.execute("SELECT body FROM packs WHERE n = 3").fetchone()[0]
    assert whole.count(body[:200]) == 1
    at = whole.index(body[:200])
    for byte in (0, 60, 140, 199):
        turned = bytes([whole[at + byte] ^ 4])
        place = written(whole[: at + byte] + turned + whole[at + byte + 1 :], tmp_path)
        told = call("verify", place, 1)
        assert told.code == 1, (byte, told)
        assert told.line


# Its place


def test_a_database_of_another_schema(call: Call, settled: Path) -> None:
    with closing(sqlite3.connect(settled)) as connection, connection:
        (revision,) = connection.execute(f"SELECT version_num FROM {SCHEMA.name}").fetchone()
        connection.execute(f"UPDATE {SCHEMA.name} SET version_num = '9999'")
    for command in ("verify", "resume"):
        assert "has schema 9999, of a newer version" in call(command, settled, 1).line
    with closing(sqlite3.connect(settled)) as connection, connection:
        connection.execute(f"UPDATE {SCHEMA.name} SET version_num = ?", (revision,))
    goes_on(call, settled)


def test_a_run_that_is_not_there_and_one_that_is_done(call: Call, place: Path) -> None:
    for command in ("verify", "resume"):
        assert "no run 7; there are: 1" in call(command, place, 7).line
        assert "no such file" in call(command, place.with_name("other.db"), 1).line
    found = call("verify", place, 1)
    assert found.code == 0
    assert "not done" in found.out
    goes_on(call, place)
    assert "run 1 is done" in call("resume", place, 1, "--strategy", STRATEGY).line


def test_a_run_that_is_being_written(call: Call, place: Path, tmp_path: Path) -> None:
    """Of two that go on with a run at once one waits, and both end as the run does."""
    command = [sys.executable, "-m", "simulator.cli.main", "resume", str(place), "1"]
    command += ["--strategy", STRATEGY, "--json"]
    both = []
    for number in range(2):
        out, err = tmp_path / f"out{number}", tmp_path / f"err{number}"
        with out.open("w") as stdout, err.open("w") as stderr:
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            both.append(subprocess.Popen(command, stdout=stdout, stderr=stderr, env=environment))
    codes = [one.wait(LIMIT_SECONDS) for one in both]
    assert 0 in codes, [(tmp_path / f"err{number}").read_text() for number in range(2)]
    for number, code in enumerate(codes):
        said, out = ((tmp_path / f"{name}{number}").read_text() for name in ("err", "out"))
        assert "Traceback" not in said
        if code:
            assert Told(code, out, said).line
        else:
            assert json.loads(out)["runs"][0]["digest"] == unkilled("Lively")[0].digest
    assert call("verify", place, 1).code == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes of its own; skips where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def run_on(place: Path, folder: Path) -> tuple[str, ...]:
    """Return the command that runs anew into a database."""
    scenario = folder / "cut.toml"
    scenario.write_text(SCENARIO)
    return ("run", str(scenario), "--strategy", STRATEGY, "--db", str(place), "--json")


@pytest.fixture
def short_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut often, and wait for a database half a second only."""
    made = Journal.__init__

    def init(self: Journal, *given: Any, **named: Any) -> None:
        made(self, *given, **{"cut_rows": 8000, **named, "snapshot_seconds": 0.2})

    monkeypatch.setattr(Journal, "__init__", init)
    monkeypatch.setitem(Writer.__init__.__kwdefaults__, "retry_seconds", 0.5)


@pytest.mark.usefixtures("short_cuts")
def test_a_full_disk(call: Call, disk: Path, tmp_path: Path) -> None:
    filler = disk / "filler"
    place = disk / "runs.db"
    database = Database.open(place, create=True)
    database.close()
    filler.write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize - 300_000))
    assert "the disk is full; make room" in call(*run_on(place, tmp_path)).line
    assert call("db", "runs", place).code == 0
    filler.unlink()
    goes_on(call, place)
    assert call("verify", place, 1).code == 0


@pytest.mark.usefixtures("short_cuts")
def test_a_disk_that_is_full_at_once(call: Call, disk: Path, tmp_path: Path) -> None:
    (disk / "filler").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize))
    place = disk / "runs.db"
    assert "the disk is full; make room" in call(*run_on(place, tmp_path)).line
    (disk / "filler").unlink()
    told = call(*run_on(place, tmp_path))
    assert told.code == 0, told


@pytest.mark.usefixtures("short_cuts")
def test_a_folder_that_cannot_be_written(call: Call, disk: Path, killed: Path) -> None:
    copied(killed, disk)
    remount = ["mount", "-o", "remount,ro", str(disk)]
    subprocess.run(remount, check=True)
    new = disk / "new.db"
    for command in (
        ("resume", disk / "runs.db", 1, "--strategy", STRATEGY),
        ("run", "calm", "--db", new),
    ):
        assert call(*command).line.startswith(f"unimargin: {command[1 if len(command) > 4 else 3]}")
    subprocess.run([*remount[:2], "remount,rw", str(disk)], check=True)
    goes_on(call, disk / "runs.db")
