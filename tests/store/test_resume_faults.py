"""Goal: whatever is wrong with a database, or what a run was made from, is one clear line.

Method: a real process is killed; then its database is damaged, moved, filled up or locked, or data,
rulebook and strategies are changed, and the command line is called.  It says one line and no
traceback, gives no wrong result, and goes on once the cause is mended.
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

ROOT = Path(__file__).resolve().parents[2]
STRATEGY = f"{ROOT / 'tests/store/kill_strategy.py'}:Lively"
PAGE = 4096


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run that was killed, with its writer, after its twelfth cut."""
    folder = tmp_path_factory.mktemp("killed")
    course = Course(str(folder / "runs.db"), folder, "cli", snapshots=0.0)
    assert course.launch(course.arguments(False), Death("cut", "both", 12)) == -signal.SIGKILL
    assert course.acknowledged > 3
    for name in ("runs.db-wal", "runs.db-shm"):
        (folder / name).touch()
    return folder


@pytest.fixture
def place(killed: Path, tmp_path: Path) -> Path:
    """A copy of its database."""
    for name in ("runs.db", "runs.db-wal", "runs.db-shm"):
        shutil.copy(killed / name, tmp_path / name)
    return tmp_path / "runs.db"


@pytest.fixture
def settled(place: Path) -> Path:
    """The copy with its log written back, so that the file alone is all there is."""
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
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
    """What was in SQLite's log only is lost with it; what is left is whole, and goes on."""
    size = (killed / "runs.db-wal").stat().st_size
    draw = random.Random(3)
    for number, left in enumerate((None, 0, 31, draw.randrange(size), size - 1)):
        for name in ("runs.db", "runs.db-wal", "runs.db-shm"):
            shutil.copy(killed / name, tmp_path / name)
        (tmp_path / "runs.db-shm").unlink()
        log = tmp_path / "runs.db-wal"
        if left is None:
            log.unlink()
        else:
            os.truncate(log, left)
        told = call("verify", tmp_path / "runs.db", 1)
        assert told.code == 0 or told.line, number
        if number >= 3:
            goes_on(call, tmp_path / "runs.db")


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


def test_a_file_that_is_cut(call: Call, settled: Path) -> None:
    size = settled.stat().st_size
    whole = settled.read_bytes()
    draw = random.Random(5)
    lengths = [0, 1, 99, 100, PAGE, size // 2, size - PAGE, size - 1]
    for left in [*lengths, *(draw.randrange(size) for _ in range(4))]:
        settled.write_bytes(whole[:left])
        for command in (("verify", settled, 1), ("resume", settled, 1), ("db", "runs", settled)):
            assert call(*command).line.startswith(f"unimargin: {settled}: "), left
    settled.write_bytes(whole)
    goes_on(call, settled)


def test_pages_of_zeros(call: Call, settled: Path) -> None:
    """Nothing wrong comes of them: a line, or the page held nothing."""
    whole = settled.read_bytes()
    pages = len(whole) // PAGE
    found = 0
    for page in sorted(random.Random(7).sample(range(pages), 8)):
        first = page * PAGE
        settled.write_bytes(whole[:first] + bytes(PAGE) + whole[first + PAGE :])
        told = call("verify", settled, 1)
        if whole[first : first + PAGE].strip(b"\0"):
            assert told.line, page
            found += 1
    assert found > 4
    settled.write_bytes(whole)
    goes_on(call, settled)


def test_a_byte_that_turned(call: Call, settled: Path) -> None:
    """A byte of what a batch holds is found by verifying, wherever it is."""
    whole = settled.read_bytes()
    with closing(sqlite3.connect(settled)) as connection, connection:
        body = connection.execute("SELECT body FROM packs WHERE n = 3").fetchone()[0]
    connection.close()
    at = whole.index(body[:200])
    for byte in (0, 60, 140, 199):
        turned = bytes([whole[at + byte] ^ 4])
        settled.write_bytes(whole[: at + byte] + turned + whole[at + byte + 1 :])
        told = call("verify", settled, 1)
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
    connection.close()
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
    codes = [one.wait(120) for one in both]
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
    for name in ("runs.db", "runs.db-wal", "runs.db-shm"):
        shutil.copy(killed / name, disk / name)
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
