"""Goal: what is acknowledged is durable, once, whole, and in order, whatever goes away meanwhile.

Method: hand made-up batches to a real writing process and kill it, its run, or its database; then
read everything back and compare it to the bit.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.store.database import Database
from simulator.store.writer import WINDOW
from simulator.store.writing_process import Inbox, RunWriter
from tests.store.made import batches_of
from tests.store.postgres import Server
from tests.store.writing import LIMIT_SECONDS, check, put_each, wait_for_writer, writing

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(ready: str) -> str:
    """A database with its tables, of each kind in turn."""
    return ready


# Without faults


def test_everything_comes_back(place: str) -> None:
    batches = batches_of(30)
    with writing(place) as writer:
        assert writer.acknowledged == -1
        for batch in batches:
            writer.put(batch)
        writer.flush()
        assert writer.acknowledged == 29
        writer.put_snapshot(29, "image", b"\x00\x01" * 1000, '{"held": 1.5}')
        writer.close("done", digest="ab", rows=3000)
    check(place, 1, batches)
    database = Database.open(place)
    row = database.run_row(1)
    assert (row["status"], row["digest"], row["rows"]) == ("done", "ab", 3000)
    snapshot = database.last_snapshot(1)
    assert snapshot is not None
    assert snapshot["image"] == b"\x00\x01" * 1000
    whole = database.rows(1, "fills")
    part = database.rows(1, "fills", 17, 120)
    assert all(list(part[name]) == list(whole[name][17:120]) for name in whole)


def test_two_runs_in_one_database(place: str) -> None:
    first, second = batches_of(6, seed=1), batches_of(6, seed=2)
    with writing(place) as one, writing(place) as other:
        for a, b in zip(first, second, strict=True):
            one.put(a)
            other.put(b)
        one.close()
        other.close()
    check(place, 1, first)
    check(place, 2, second)


def test_a_stopped_run_goes_on(place: str) -> None:
    batches = batches_of(12)
    with writing(place) as writer:
        for batch in batches[:7]:
            writer.put(batch)
    assert Database.open(place).run_row(1)["status"] == "running"
    check(place, 1, batches[:7])
    with writing(place, 1) as writer:
        writer.wait_ready()
        assert writer.acknowledged == 6
        with pytest.raises(ValueError, match="batch 9 does not follow 6"):
            writer.put(batches[9])
        for batch in batches[7:]:
            writer.put(batch)
        writer.close()
    check(place, 1, batches)


def test_a_run_waits_for_its_acknowledgements(place: str) -> None:
    with writing(place) as writer:
        for batch in batches_of(2 * WINDOW, rows=2):
            writer.put(batch)
            assert writer.sent - writer.acknowledged < WINDOW
        writer.close()


def test_only_the_last_snapshots_are_kept(place: str) -> None:
    batches = batches_of(4, rows=3)
    with writing(place) as writer:
        for batch in batches:
            writer.put(batch)
            writer.put_snapshot(batch.number, "image", bytes([batch.number]), None)
        writer.close()
    database = Database.open(place)
    for at_most, found in ((None, 3), (2, 2), (1, None)):
        snapshot = database.last_snapshot(1, at_most)
        assert (None if snapshot is None else snapshot["image"]) == (
            None if found is None else bytes([found])
        )


def test_reading_ahead_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.store.writing_process.AHEAD_BYTES", 5000)
    out, into = os.pipe()
    with os.fdopen(out, "rb", buffering=0) as pipe, os.fdopen(into, "wb", buffering=0) as end:
        from simulator.store.pipe import write_frame

        inbox = Inbox(pipe)
        writer = threading.Thread(
            target=lambda: [write_frame(end, {"batch": n}, bytes(1000)) for n in range(200)]
        )
        writer.start()
        found = 0
        while found < 200:
            time.sleep(0.001)
            assert inbox.bytes <= 6000
            found += len(inbox.take() or ())
        writer.join()
        end.close()
        assert inbox.take() is None


# Two writers of one run


def test_a_second_writer_is_refused(place: str) -> None:
    with writing(place) as writer:
        writer.wait_ready()
        database = Database.open(place)
        with pytest.raises(InputError, match="run 1 is being written by another process"):
            RunWriter(database, 1, 0.3, lambda _answer: None, wait=0.3)
        for batch in batches_of(3):
            writer.put(batch)
        writer.close()
    check(place, 1, batches_of(3))


# Kills


def test_a_killed_writer_leaves_whole_batches(place: str) -> None:
    batches = batches_of(120, rows=30)
    with writing(place) as writer:
        with pytest.raises(InputError, match=r"ended \(exit code -9\).*`unimargin resume .* 1`"):
            put_each(writer, batches, kill_at=20)
        durable = writer.acknowledged
    assert durable >= 20
    reader = Database.open(place).reader(1)
    found = len(reader.batches)
    assert found > durable
    check(place, 1, batches[:found], spread=False)
    wait_for_writer(place)
    with writing(place, 1) as writer:
        writer.wait_ready()
        assert writer.acknowledged == found - 1
        for batch in batches[found : found + 5]:
            writer.put(batch)
        writer.close()
    check(place, 1, batches[: found + 5])


RUN = """
import os, signal, sys
from simulator.store.database import Database
from simulator.store.writer import Writer
from tests.store.made import batches_of

writer = Writer(Database.open(sys.argv[1], create=True), 1)
for batch in batches_of(42, rows=60):
    writer.put(batch)
    if batch.number == 30:
        writer.flush()
        print(writer.acknowledged, flush=True)
    if batch.number == 40:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_leaves_what_it_handed_over(place: str) -> None:
    Database.open(place, create=True).new_run({})
    ended = subprocess.run(
        [sys.executable, "-c", RUN, place],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert int(ended.stdout) == 30
    wait_for_writer(place)
    with writing(place, 1) as writer:
        writer.wait_ready()
        assert writer.acknowledged == 40
        writer.put(batches_of(42, rows=60)[41])
        writer.close()
    check(place, 1, batches_of(42, rows=60))


# The database goes away


def test_a_server_that_comes_back(server_of_its_own: Server) -> None:
    place = server_of_its_own.create("runs")
    batches = batches_of(60)
    with writing(place) as writer:
        for batch in batches:
            writer.put(batch)
            if batch.number == 20:
                writer.flush()
                server_of_its_own.stop(signal.SIGQUIT)
            if batch.number == 30:
                server_of_its_own.start()
        writer.close()
        assert any("trying for 90 s" in note for note in writer.notes)
    check(place, 1, batches)


def test_a_server_that_does_not(server_of_its_own: Server) -> None:
    place = server_of_its_own.create("runs")
    batches = batches_of(10)
    with writing(place, retry=0.5) as writer:
        for batch in batches[:5]:
            writer.put(batch)
        writer.flush()
        server_of_its_own.stop(signal.SIGQUIT)
        with pytest.raises(
            InputError, match=r"no server answers there, for 0 s; `unimargin resume"
        ):
            put_each(writer, batches[5:])
    server_of_its_own.start()
    check(place, 1, batches[:5], spread=False)


def test_a_file_that_comes_back(tmp_path: Path) -> None:
    place, aside = tmp_path / "runs.db", tmp_path / "aside"
    batches = batches_of(30)
    with writing(str(place)) as writer:
        for batch in batches:
            writer.put(batch)
            if batch.number == 10:
                writer.flush()
                place.rename(aside)
            if batch.number == 20:
                time.sleep(0.5)
                assert writer.acknowledged == 10
                aside.rename(place)
        writer.close()
    check(str(place), 1, batches)


def test_a_file_that_does_not(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    with writing(str(place), retry=0.5) as writer:
        for batch in batches_of(5):
            writer.put(batch)
        writer.flush()
        place.unlink()
        with pytest.raises(InputError, match=r"runs\.db: .*for 0 s; `unimargin resume"):
            put_each(writer, batches_of(5, first=5))
    assert not place.exists()


def test_another_file_in_its_place(tmp_path: Path) -> None:
    place, copy = tmp_path / "runs.db", tmp_path / "copy.db"
    with writing(str(place), retry=2.0) as writer:
        other = Database.open(copy, create=True)
        other.new_run({})
        other.close()
        for batch in batches_of(5):
            writer.put(batch)
        writer.flush()
        copy.rename(place)
        place.with_name("runs.db-wal").unlink()  # with it SQLite would put things right
        with pytest.raises(InputError, match=r"another database stands|disk I/O error"):
            put_each(writer, batches_of(5, first=5))
