"""Goal: a command leaves no file of a database open and no process behind, however it ended.

Method: with Python's garbage collection off, so that nothing is closed by chance, commands and
calls end well and are refused; then the open files of this process are listed, and every writing
process that was started must have been waited for.
"""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from simulator import Journal, Simulation, Strategy, resume, verify
from simulator.cli.main import run_command
from simulator.errors import InputError
from simulator.store import database as databases
from simulator.store.database import Database
from simulator.store.schema import VERSION
from simulator.store.writer import Process, Writer
from simulator.store.writing_process import RunWriter, put_rows
from tests.fuzz.command import short_scenario
from tests.store.made import batches_of
from tests.store.told import Call
from tests.store.writing import put_each

FILES = Path("/proc/self/fd")

FAILS = """
from simulator import Strategy

class Fails(Strategy):
    def on_start(self, ctx):
        raise RuntimeError("a mistake")
"""


class Connection(sqlite3.Connection):
    """Knows whether it was closed: Python 3.13 and newer warn of one that was only dropped."""

    closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


class Left:
    """What the test has left behind in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Process] = []
        self.connections: list[Connection] = []

    def nothing(self) -> None:
        """Assert that no file of a database is open and no writing process is at work."""
        assert all(one.closed for one in self.connections)
        still = [one.child.pid for one in self.started if one.child.returncode is None]
        assert not still
        if not FILES.is_dir():
            return  # a system that does not list them
        found = []
        for number in os.listdir(FILES):
            with suppress(OSError):  # the listing's own
                found.append(os.readlink(FILES / number))
        # Names of what was removed end in " (deleted)".
        assert [name for name in found if name.startswith(f"{self.folder}{os.sep}")] == []


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Left]:
    found = Left(tmp_path)
    start = Process.__init__

    def started(self: Process) -> None:
        start(self)
        found.started.append(self)

    connect = sqlite3.connect

    def connected(*given: Any, **named: Any) -> sqlite3.Connection:
        made = connect(*given, **named, factory=Connection)
        found.connections.append(made)
        return made

    monkeypatch.setattr(Process, "__init__", started)
    monkeypatch.setattr(sqlite3, "connect", connected)
    gc.collect()
    gc.disable()
    try:
        yield found
    finally:
        gc.enable()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a database with a run that is done and one that was cut, and their scenario."""
    folder = tmp_path_factory.mktemp("stored")
    (folder / "mine.toml").write_text(short_scenario())
    (folder / "fails.py").write_text(FAILS)
    place = folder / "runs.db"
    for _ in range(2):
        assert run_command(["run", str(folder / "mine.toml"), "--db", str(place), "--json"]) == 0
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE runs SET status = 'running', digest = NULL WHERE run = 2")
    return folder


def changed(place: Path, statement: str) -> None:
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute(statement)


COMMANDS = (
    (0, "run mine.toml --db runs.db"),
    (0, "run mine.toml --db new.db"),
    (0, "resume runs.db 2"),
    (0, "resume runs.db 2 --from-start"),
    (0, "verify runs.db 1"),
    (0, "verify runs.db 2 --strict"),
    (0, "db runs runs.db"),
    (0, "db export runs.db 1 --table fills --out fills.csv"),
    (0, "db version runs.db"),
    (0, "db upgrade runs.db"),
    (1, "run mine.toml --db runs.db --strategy fails.py:Fails"),
    (2, "run mine.toml --db runs.db --param nothing=1"),
    (2, "run mine.toml --db mine.toml"),
    (2, "resume runs.db 1"),
    (2, "resume runs.db 7"),
    (2, "resume runs.db 2 --strategy fails.py:Fails"),
    (2, "verify runs.db 7"),
    (2, "verify mine.toml 1"),
    (2, "db export runs.db 1 --table nothing --out fills.csv"),
)
"""Exit codes and commands, in a folder of its own each."""


@pytest.mark.parametrize(("code", "line"), COMMANDS, ids=[line for _, line in COMMANDS])
def test_a_command(call: Call, stored: Path, left: Left, code: int, line: str) -> None:
    shutil.copytree(stored, left.folder, dirs_exist_ok=True)
    words = [str(left.folder / one) if "." in one else one for one in line.split()]
    told = call(*words)
    assert told.code == code, told
    left.nothing()


CHANGES = (
    (1, "verify", "UPDATE runs SET digest = 'ab' WHERE run = 1"),
    (1, "verify", "UPDATE batches SET digest = 'ab' WHERE run = 1"),
    (2, "resume", "UPDATE runs SET settings = '{}' WHERE run = 2"),
    (2, "resume", "UPDATE batches SET digest = 'ab' WHERE run = 2"),
    (2, "db", f"UPDATE {VERSION.name} SET version_num = '9999'"),
    (2, "db upgrade", f"UPDATE {VERSION.name} SET version_num = '9999'"),
    (2, "db", f"DROP TABLE {VERSION.name}"),
)
"""Exit codes, commands, and what was changed before."""


@pytest.mark.parametrize(("code", "name", "statement"), CHANGES)
def test_a_command_on_a_changed_database(
    call: Call, stored: Path, left: Left, code: int, name: str, statement: str
) -> None:
    place = left.folder / "runs.db"
    shutil.copy(stored / "runs.db", place)
    changed(place, statement)
    words = {
        "verify": ("verify", place, 1),
        "resume": ("resume", place, 2),
        "db": ("db", "runs", place),
        "db upgrade": ("db", "upgrade", place),
    }
    told = call(*words[name])
    assert told.code == code, told
    left.nothing()


def test_a_damaged_file(call: Call, stored: Path, left: Left) -> None:
    whole = bytearray((stored / "runs.db").read_bytes())
    size = int.from_bytes(whole[16:18], "big")
    for at in range(size, len(whole), size):
        whole[at : at + 8] = b"\xff" * 8
    (left.folder / "runs.db").write_bytes(whole)
    for command in (("verify", 1), ("resume", 2)):
        assert "is damaged" in call(command[0], left.folder / "runs.db", command[1]).line
    left.nothing()


class Buys(Strategy):
    def on_start(self, ctx: object) -> None:
        ctx.buy(ctx.market("um:BTCUSDT"), 0.01)  # type: ignore[attr-defined]


class Stops(Strategy):
    def on_start(self, ctx: object) -> None:
        ctx.schedule(after=1.0)  # type: ignore[attr-defined]

    def on_timer(self, ctx: object, name: str) -> None:
        raise RuntimeError("a mistake")


def simulation(strategies: list[Strategy] | None = None) -> Simulation:
    end = 1749627060 * 10**9
    return Simulation(data="bundled:calm", mode="unified", end_ns=end, strategies=strategies or ())


def test_a_journal_in_python(left: Left) -> None:
    place = left.folder / "runs.db"
    done = simulation([Buys()]).run(journal=Journal.open(place))
    left.nothing()
    verify(place, done.run_id or 0, make=simulation)
    left.nothing()
    with Journal.open(place) as kept:  # one for several runs
        simulation([Buys()]).run(journal=kept)
        simulation([Buys()]).run(journal=kept)
    left.nothing()
    journal = Journal.open(place)
    with pytest.raises(RuntimeError, match="a mistake"):
        simulation([Stops()]).run(journal=journal)
    left.nothing()
    with pytest.raises(InputError, match="is done"):
        resume(place, 1, make=simulation)
    with pytest.raises(InputError, match="has the strategies"):
        resume(place, 4, make=lambda _kinds: simulation([Buys()]))
    left.nothing()


def test_a_journal_that_no_run_came_to(left: Left) -> None:
    with Journal.open(left.folder / "runs.db") as journal:
        pass
    left.nothing()
    assert journal.run_id is None


def test_rows_that_another_one_writes(left: Left, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens the database leaves them to the writer, and keeps nothing of the attempt."""
    monkeypatch.setattr(databases, "WRITER_SECONDS", 0.0)
    place = left.folder / "runs.db"
    with Database.open(place, create=True) as database:
        writer = Writer(database, database.new_run({}))
        put_each(writer, batches_of(1))
        writer.close(digest="ab", rows=1)
        writer.wait()
    left.nothing()
    with Database(database.url) as first:
        holder = RunWriter(first, 1, 0.0, lambda _answer: None)
        with Database(database.url) as second, pytest.raises(InputError, match="being written"):
            put_rows(second, 1, 0.0)
        holder.close()
    left.nothing()
