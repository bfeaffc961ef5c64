"""Runs real processes, kills them, and asserts after each that nothing acknowledged is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import simulator
from simulator.errors import InputError
from simulator.report.result import RunResult
from simulator.store.database import Database
from simulator.store.image import check as check_image
from simulator.store.recorder import Recorder
from tests.store import kill_strategy
from tests.store.image_kit import assert_same
from tests.store.keeping import Kept, same
from tests.store.kill_points import ENGINE, HELD, VARIABLE, WRITER, Death
from tests.store.writing import LIMIT_SECONDS, wait_for_writer

ROOT = Path(__file__).resolve().parents[2]
CUT_ROWS = 8000
WRITTEN = "is being written by another process"

TIMES = ("seconds", "events_per_second", "wall_seconds", "run_id", "version")
"""Fields of a result in JSON that two runs may differ in."""


@dataclass(frozen=True)
class Moment:
    """Kill from outside ``share`` of a usual cut's time after the run has reported cut ``cut``.

    A run that is ``held`` does not end before that, however late the kill comes on a machine with
    much other work; it must have that many cuts.
    """

    who: str
    cut: int
    share: float
    held: bool = False


@cache
def unkilled(kind: str) -> tuple[RunResult, Kept]:
    """Return what a run that is never killed ends as: its result and its batches."""
    kept = Kept()
    run = kill_strategy.make(kind=getattr(kill_strategy, kind))
    return run.run(journal=Recorder(kept, CUT_ROWS)), kept


@dataclass
class Course:
    """One run in a database, through any number of kills, to its end.

    ``way``: ``cli`` is the command line, ``api`` Python code; ``kind`` the strategy.
    """

    place: str
    folder: Path
    way: str = "api"
    kind: str = "Lively"
    snapshots: float = 0.2
    kills: list[str] = field(default_factory=list)
    launches: int = 0
    acknowledged: int = -1
    said: str = ""

    def __post_init__(self) -> None:
        self.scenario = self.folder / "cut.toml"
        self.scenario.write_text(kill_strategy.SCENARIO)
        self.strategy = f"{ROOT / 'tests/store/kill_strategy.py'}:{self.kind}"

    # Processes

    def step(self, how: Death | Moment | None) -> int:
        """Run, or go on with the run, in a process that is killed; check what is left.

        Return its exit code: 0 where it came to its end before the kill, 2 where the writer alone
        was killed, or the run had been done before.
        """
        begun = self.begun()
        code = self.launch(self.arguments(begun), how)
        if WRITTEN in self.said:  # a slow machine: what a killed run left is not written yet
            wait_for_writer(self.place)
            code = self.launch(self.arguments(begun), how)
        if how is not None:
            assert code in (-signal.SIGKILL, 0, 1, 2), self.said
            if code == -signal.SIGKILL or "the process that writes the journal" in self.said:
                self.kills.append(f"{how}")
        self.examine()
        return code

    def begun(self) -> bool:
        """Return whether the run's row is there."""
        try:
            database = Database.open(self.place)
        except InputError:  # killed before there was a database
            if self.acknowledged >= 0:
                raise
            return False
        try:
            return bool(database.runs())
        finally:
            database.close()

    def arguments(self, begun: bool) -> list[str]:
        if self.way == "api":
            rest = ["resume", self.place, "1"] if begun else ["run", self.place]
            return ["api", *rest, self.kind]
        if begun:
            return ["cli", "resume", self.place, "1", "--strategy", self.strategy, "--json"]
        run = ["run", str(self.scenario), "--strategy", self.strategy]
        return ["cli", *run, "--db", self.place, "--json"]

    def launch(self, arguments: list[str], how: Death | Moment | None) -> int:
        """Start the process, see that it is killed as asked, and return its exit code."""
        self.launches += 1
        reports = self.folder / f"reports-{self.launches}"
        reports.write_text("")  # another course may have had its folder
        _killed(reports).unlink(missing_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop(VARIABLE, None)
        if isinstance(how, Death):
            environment[VARIABLE] = how.text()
        if isinstance(how, Moment) and how.held:
            environment[HELD] = str(_killed(reports))
        program = ["-m", "tests.store.kill_child", str(reports), str(CUT_ROWS), str(self.snapshots)]
        with (
            (self.folder / "stdout").open("w") as out,
            (self.folder / "stderr").open("w") as err,
            subprocess.Popen(
                [sys.executable, *program, *arguments],
                stdout=out,
                stderr=err,
                env=environment,
                cwd=ROOT,
                start_new_session=True,
            ) as child,
        ):
            if isinstance(how, Moment):
                self._kill_at(child, reports, how)
            try:
                code = child.wait(LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                raise
        self.said = (self.folder / "stderr").read_text()
        if code != -signal.SIGKILL:
            assert "Traceback" not in self.said, self.said
        told = [line.split() for line in _lines(reports)]
        acknowledged = [int(line[1]) for line in told if line[0] == "acknowledged"]
        self.acknowledged = max([self.acknowledged, *acknowledged])
        return code

    def _kill_at(self, child: subprocess.Popen[bytes], reports: Path, how: Moment) -> None:
        until = time.monotonic() + LIMIT_SECONDS
        began = last = time.monotonic()
        cuts = -1
        while child.poll() is None and time.monotonic() < until:
            lines = _lines(reports)
            now = sum(line.startswith("acknowledged") for line in lines)
            if now != cuts:
                cuts, last = now, time.monotonic()
            if cuts >= how.cut:
                break
            time.sleep(0.001)
        usual = (last - began) / max(cuts, 1) if cuts else 1.0
        time.sleep(how.share * min(usual, 1.0))
        writers = [int(line.split()[1]) for line in _lines(reports) if line.startswith("writer")]
        with suppress(ProcessLookupError):
            if how.who == "both":
                os.killpg(child.pid, signal.SIGKILL)
            elif how.who == "engine" or not writers:
                child.kill()
            else:
                os.kill(writers[-1], signal.SIGKILL)
        _killed(reports).touch()

    # What is left

    def examine(self) -> int:
        """Assert that what is durable is the unkilled run's, and all that was acknowledged."""
        if not self.begun():
            return 0
        database = Database.open(self.place)
        database.check()
        shot = database.last_snapshot(1)  # first: an engine's writer may still be at work
        reader = database.reader(1)
        durable = [reader.batch(number) for number in range(len(reader.batches))]
        assert len(durable) > self.acknowledged, "lost"
        _, kept = unkilled(self.kind)
        same(kept.batches[: len(durable)], durable)
        if shot is not None:
            assert shot["n"] < len(durable)
            check_image(shot["image"])
        database.close()
        return len(durable)

    def end(self, capture: Callable[[], str] | None = None) -> None:
        """Go on to the end, unless it is done; then everything is as if there had been no kill.

        By the command line, in this process; ``capture`` returns what it has printed.
        """
        result, kept = unkilled(self.kind)
        if not self.begun():
            assert self.step(None) == 0, self.said
        elif Database.open(self.place).run_row(1)["status"] == "done":
            assert self.step(None) == 2
            assert "run 1 is done" in self.said
        elif self.way == "cli" and capture is not None:
            self._end_by_command(capture)
        else:
            wait_for_writer(self.place)
            again = simulator.resume(self.place, 1, **self._maker())
            assert again.digest == result.digest
            assert_same(_plain(again), _plain(result))
        assert self.examine() == len(kept.batches)
        row = Database.open(self.place).run_row(1)
        assert (row["status"], row["digest"]) == ("done", result.digest)
        found = simulator.verify(self.place, 1, **self._maker(verify=True))
        assert (found.done, found.digest) == (True, result.digest)

    def _maker(self, verify: bool = False) -> dict[str, Any]:
        if self.way == "cli":
            return {} if verify else {"strategies": [self.strategy]}
        kind = getattr(kill_strategy, self.kind)
        return {"make": lambda strategies: kill_strategy.make(strategies, kind)}

    def _end_by_command(self, capture: Callable[[], str]) -> None:
        from simulator.cli.main import run_command

        named = ["--strategy", self.strategy]
        wait_for_writer(self.place)
        capture()
        assert run_command(["resume", self.place, "1", *named, "--json"]) == 0
        resumed = json.loads(capture())
        scenario = str(self.scenario)
        assert run_command(["run", scenario, *named, "--json"]) == 0
        assert timeless(resumed) == timeless(json.loads(capture()))


def _plain(result: RunResult) -> RunResult:
    """Return a result without its number, and the name that only the command line gives it."""
    return replace(result, run_id=None, scenario="")


def _killed(reports: Path) -> Path:
    """Return the file that says that a kill from outside was sent."""
    return reports.with_name(f"{reports.name}-killed")


def _lines(reports: Path) -> list[str]:
    """Return the whole lines of a report; a kill may have cut the last one."""
    return reports.read_text().split("\n")[:-1]


def timeless(value: Any) -> Any:
    """Return a document in JSON without what two runs of the same may differ in."""
    if isinstance(value, dict):
        return {key: timeless(one) for key, one in value.items() if key not in TIMES}
    return [timeless(one) for one in value] if isinstance(value, list) else value


def drawn(draw: random.Random) -> Death | Moment:
    """Return a kill, at random: from outside at any instant, or at a point from inside."""
    who = draw.choice(("engine", "writer", "both"))
    if draw.random() < 0.5:
        return Moment(who, draw.randrange(-1, 20), draw.random())
    point = draw.choice((*ENGINE, *WRITER))
    often = point in ("trading", "frame", "cut", "before the commit", "in the commit") or (
        point in ("committed, not acknowledged", "snapshot inserted", "snapshot")
    )
    return Death(point, who, draw.randrange(1, 12) if often else 1, draw.randrange(1 << 30))
