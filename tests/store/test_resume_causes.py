"""Goal: what a run was made from has changed, or its database goes away: a line, nothing lost.

Method: runs of the command line are stopped as Ctrl-C does; then data, rulebook or strategy change.
Others lose their database in the middle: the file is moved away, the server is killed.  Where the
cause is mended the run ends as one that nothing happened to.
"""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import replay_data
from simulator.cli.main import run_command
from simulator.market.manifest import sha256_of
from simulator.store.database import Database
from simulator.store.journal import Journal
from simulator.store.writer import Writer
from tests.store.kill_driver import ROOT, unkilled
from tests.store.kill_strategy import SCENARIO
from tests.store.postgres import Server
from tests.store.told import Call, Told
from tests.store.writing import LIMIT_SECONDS

LIVELY = f"{ROOT / 'tests/store/kill_strategy.py'}:Lively"
STOP = 6

Act = Callable[[int], None]


@pytest.fixture
def at_cut(monkeypatch: pytest.MonkeyPatch) -> list[Act]:
    """Have the functions in this list called with the number of each cut; cut often."""
    acts: list[Act] = []
    made, cut = Journal.__init__, Journal.cut

    def init(self: Journal, *given: Any, **named: Any) -> None:
        made(self, *given, **{"cut_rows": 8000, **named, "snapshot_seconds": 0.2})

    def cut_and_act(self: Journal, rows: int, last: bool = False) -> None:
        cut(self, rows, last)
        assert self.writer is not None
        if acts and self.harvest.number >= STOP:
            self.writer.flush()
        for act in acts:
            act(self.harvest.number)

    monkeypatch.setattr(Journal, "__init__", init)
    monkeypatch.setattr(Journal, "cut", cut_and_act)
    return acts


def stop(number: int) -> None:
    if number == STOP:
        raise KeyboardInterrupt


def scenario(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write the scenario, with texts replaced, and return its path."""
    text = SCENARIO
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = folder / "cut.toml"
    path.write_text(text)
    return path


def digest_of(told: Told) -> str:
    assert told.code == 0, told
    return str(json.loads(told.out)["runs"][0]["digest"])


def stopped(call: Call, at_cut: list[Act], place: object, path: Path, strategy: str) -> None:
    """Run up to the sixth cut, then stop as Ctrl-C does."""
    at_cut.append(stop)
    told = call("run", path, "--strategy", strategy, "--db", place)
    assert told.code == 130, told
    at_cut.clear()


# What a run was made from


def test_changed_data(call: Call, at_cut: list[Act], tmp_path: Path) -> None:
    for name in ("crash.parquet", "crash.manifest.json"):
        shutil.copy(Path(replay_data.path("crash")).with_name(name), tmp_path / name)
    tape, place = tmp_path / "crash.parquet", tmp_path / "runs.db"
    path = scenario(tmp_path, ("bundled:crash", str(tape)))
    stopped(call, at_cut, place, path, LIVELY)
    rows = pl.read_parquet(tape)
    one_more = pl.when(pl.int_range(pl.len()) == 400_000).then(1).otherwise(0)
    other = tmp_path / "other.parquet"  # not into a file that is being read
    rows.with_columns((pl.col("quantity") + one_more).alias("quantity")).write_parquet(other)
    other.replace(tape)
    manifest = tmp_path / "crash.manifest.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "sha256": sha256_of(tape)}))
    resume = ("resume", place, 1, "--strategy", LIVELY, "--json")
    for command in (resume, ("verify", place, 1)):
        assert f"data {tape}: not the bytes that the run had" in call(*command).line
    tape.unlink()
    for command in (resume, ("verify", place, 1)):
        assert str(tape) in call(*command).line
    for name in ("crash.parquet", "crash.manifest.json"):
        shutil.copy(Path(replay_data.path("crash")).with_name(name), tmp_path / name)
    assert digest_of(call(*resume)) == unkilled("Lively")[0].digest


def test_a_changed_rulebook_and_scenario(call: Call, at_cut: list[Act], tmp_path: Path) -> None:
    """The run has the text of both: what their files say now is of no matter."""
    rulebook = tmp_path / "mine.toml"
    shutil.copy(ROOT / "simulator/rulebook/textbook.toml", rulebook)
    place = tmp_path / "runs.db"
    path = scenario(tmp_path, ('rulebook = "textbook"', f'rulebook = "{rulebook}"'))
    stopped(call, at_cut, place, path, LIVELY)
    rulebook.write_text(rulebook.read_text().replace("switch_minutes = 5", "switch_minutes = 1"))
    path.write_text("no scenario")
    assert digest_of(call("resume", place, 1, "--strategy", LIVELY, "--json")) == (
        unkilled("Lively")[0].digest
    )
    rulebook.unlink()
    assert call("verify", place, 1).code == 0


STRATEGY = """
import os
from tests.store.kill_strategy import Lively

class Wild(Lively):
    resumable = False

    def on_start(self, ctx):
        super().on_start(ctx)
        self.draws = {draws}
"""


def test_a_strategy_that_is_not_deterministic(
    call: Call, at_cut: list[Act], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, place = tmp_path / "wild.py", tmp_path / "runs.db"
    file.write_text(
        STRATEGY.format(
            draws="__import__('numpy').random.Generator("
            "__import__('numpy').random.PCG64(int(os.environ['WILD'])))"
        )
    )
    monkeypatch.setenv("WILD", "1")
    stopped(call, at_cut, place, scenario(tmp_path), f"{file}:Wild")
    monkeypatch.setenv("WILD", "2")
    resume = ("resume", place, 1, "--strategy", f"{file}:Wild")
    said = call(*resume).line
    assert "played again it is another run: " in said
    assert "is a strategy not deterministic" in said
    assert Database.open(place).run_row(1)["status"] == "interrupted"
    assert call("verify", place, 1).code == 0


def test_a_strategy_that_is_missing(call: Call, at_cut: list[Act], tmp_path: Path) -> None:
    file, place = tmp_path / "mine.py", tmp_path / "runs.db"
    file.write_text(STRATEGY.format(draws="self.draws"))
    stopped(call, at_cut, place, scenario(tmp_path), f"{file}:Wild")
    assert f"add --strategy {file}:Wild" in call("resume", place, 1).line
    both = ("--strategy", f"{file}:Wild", "--strategy", f"{file}:Wild")
    assert f"add --strategy {file}:Wild" in call("resume", place, 1, *both).line
    assert (
        "has the strategies Wild, not Lively" in call("resume", place, 1, "--strategy", LIVELY).line
    )
    file.rename(tmp_path / "other.py")
    assert str(file) in call("resume", place, 1, "--strategy", f"{file}:Wild").line
    assert call("verify", place, 1).code == 0, "verifying needs no strategy"
    moved = f"{tmp_path / 'other.py'}:Wild"
    assert digest_of(call("resume", place, 1, "--strategy", moved, "--json")) == (
        unkilled("Lively")[0].digest
    )


# The database goes away


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set how long a writer waits for its database to come back."""
    named = Writer.__init__.__kwdefaults__
    return lambda seconds: monkeypatch.setitem(named, "retry_seconds", seconds)


def run_with(place: object, folder: Path) -> tuple[object, ...]:
    return ("run", scenario(folder), "--strategy", LIVELY, "--db", place, "--json")


def test_a_file_that_is_moved_away(
    call: Call, at_cut: list[Act], patience: Callable[[float], None], tmp_path: Path
) -> None:
    patience(0.3)
    place, aside = tmp_path / "runs.db", tmp_path / "aside.db"
    at_cut.append(lambda number: shutil.move(place, aside) if number == STOP else None)
    assert f"`unimargin resume {place} 1`" in call(*run_with(place, tmp_path)).line
    at_cut.clear()
    aside.rename(place)
    resumed = call("resume", place, 1, "--strategy", LIVELY, "--json")
    assert digest_of(resumed) == unkilled("Lively")[0].digest
    assert call("verify", place, 1).code == 0


def killed_server(server: Server, back: bool) -> Act:
    """Kill all processes of a server at a cut; start it again, or do not."""

    def act(number: int) -> None:
        if number == STOP:
            crash(server)
            if back:
                time.sleep(0.5)
                restart(server)

    return act


def crash(server: Server) -> None:
    """SIGKILL to the server's first process: the others end when they see that it has gone."""
    server.stop(signal.SIGKILL)


def restart(server: Server) -> None:
    """Start it again, when the killed one's processes have let go of its memory."""
    until = time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            server.start()
            return
        except RuntimeError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def test_a_server_that_crashes_and_comes_back(
    call: Call,
    at_cut: list[Act],
    patience: Callable[[float], None],
    server_of_its_own: Server,
    tmp_path: Path,
) -> None:
    patience(LIMIT_SECONDS)
    place = server_of_its_own.create("runs")
    at_cut.append(killed_server(server_of_its_own, back=True))
    assert digest_of(call(*run_with(place, tmp_path))) == unkilled("Lively")[0].digest
    at_cut.clear()
    assert call("verify", place, 1).code == 0


def test_a_server_that_crashes_for_good(
    call: Call,
    at_cut: list[Act],
    patience: Callable[[float], None],
    server_of_its_own: Server,
    tmp_path: Path,
) -> None:
    patience(0.3)
    place = server_of_its_own.create("runs")
    at_cut.append(killed_server(server_of_its_own, back=False))
    said = call(*run_with(place, tmp_path)).line
    assert "no server answers there" in said
    assert "`unimargin resume 'postgresql" in said  # a shell would look for files: %, ?
    at_cut.clear()
    assert "no server answers there" in call("verify", place, 1).line
    restart(server_of_its_own)
    resumed = call("resume", place, 1, "--strategy", LIVELY, "--json")
    assert digest_of(resumed) == unkilled("Lively")[0].digest
    assert call("verify", place, 1).code == 0


def test_verifying_a_run_that_is_being_written(
    call: Call, at_cut: list[Act], tmp_path: Path
) -> None:
    place = tmp_path / "runs.db"
    seen: list[Told] = []
    at_cut.append(lambda number: seen.append(call("verify", place, 1)) if number == STOP else None)
    run_command([str(one) for one in run_with(place, tmp_path)])
    (told,) = seen
    assert told.code == 0, told
    assert "not done" in told.out
