"""Goal: Ctrl-C at any instant is one line and exit code 130, and a journal keeps what it has.

Method: a program sends the signal to itself at counted points: amid an import, by a finder that
swallows whatever Ctrl-C raises; in a strategy's callbacks, once and twice; in an import during a
run.  Nothing depends on time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import InputError
from simulator.store.database import Database
from simulator.store.writer import Process
from tests.store.made import batches_of
from tests.store.writing import check, wait_for_writer, writing

FINDER = """
import signal, sys

class Swallows:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            try:
                signal.raise_signal(signal.SIGINT)
            except BaseException:
                pass

sys.meta_path.insert(0, Swallows())
from simulator.cli.main import main
main()
"""
STRATEGY = """
import signal
from simulator import Strategy

class Stops(Strategy):
    at: str = "on_start"
    times: int = 1

    def on_start(self, ctx):
        ctx.schedule(after=60)
        self.reach("on_start")

    def on_timer(self, ctx, name):
        self.reach("on_timer")

    def on_stop(self, ctx):
        self.reach("on_stop")

    def reach(self, here):
        if here != self.at:
            return
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            if self.times == 2:
                signal.raise_signal(signal.SIGINT)
"""
SHORT = ["run", "crash", "--mode", "unified", "--end", "2025-10-12T15:33:00Z"]
LINE = "unimargin: interrupted"


def program(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program by itself, started by some code."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def stops(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(STRATEGY)
    return f"{tmp_path / 'mine.py'}:Stops"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("simulator.cli.frame", 0),  # before anything is there
        ("numpy", 0),
        ("simulator.report.collect", 1),  # the first run is over: the second must not begin
    ],
)
def test_no_import_loses_it(name: str, said: int) -> None:
    """A third party's import that takes any exception for a missing module goes on without."""
    done = program(FINDER.format(name=name), *SHORT[:2], *SHORT[4:])
    assert done.returncode == 130
    assert (done.stdout, done.stderr.splitlines()[said:]) == ("", [LINE])


@pytest.mark.parametrize(
    ("at", "times"), [("on_start", 1), ("on_timer", 1), ("on_timer", 2), ("on_stop", 1)]
)
def test_at_each_point_of_a_journalled_run(tmp_path: Path, stops: str, at: str, times: int) -> None:
    """A second Ctrl-C does not wait for the journal; what it has stays in either case."""
    place = str(tmp_path / "runs.db")
    call = "from simulator.cli.main import main; main()"
    options = ["--strategy", stops, "--param", f"at={at}", "--param", f"times={times}"]
    done = program(call, *SHORT, *options, "--db", place)
    assert done.returncode == 130
    assert done.stdout == ""
    begun = at != "on_start"  # strategies start before a run has a number
    resume = f"run 1 interrupted; `unimargin resume {place} 1` goes on with it"
    assert done.stderr.splitlines()[1 + begun :] == [*[resume] * begun, LINE]
    if begun:
        wait_for_writer(place)
        with Database.open(place) as database:
            assert database.run_row(1)["status"] == ("interrupted", "running")[times - 1]
            assert database.last_batch(1) is not None


def test_an_import_amid_a_run_names_how_to_go_on(tmp_path: Path) -> None:
    text = STRATEGY.replace('self.reach("on_timer")', "import wave")
    (tmp_path / "mine.py").write_text(text)
    place = str(tmp_path / "runs.db")
    done = program(
        FINDER.format(name="wave"),
        *SHORT, "--strategy", f"{tmp_path / 'mine.py'}:Stops", "--param", "at=no", "--db", place,
    )  # fmt: skip
    assert done.returncode == 130
    assert done.stderr.splitlines()[2:] == [
        f"run 1 interrupted; `unimargin resume {place} 1` goes on with it", LINE
    ]  # fmt: skip
    wait_for_writer(place)


def test_ignored_from_outside_it_stays_ignored() -> None:
    """As under nohup, or behind a shell's ``&``."""
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    done = program(code + FINDER.format(name="typer"), "--version")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_writing_process_does_not_hear_it() -> None:
    """Not even before it runs a line of its own."""
    process = Process()
    os.kill(process.child.pid, signal.SIGINT)
    process.pipe.close()
    assert process.child.wait() == 0
    process.reap()


def test_a_batch_that_is_cut_is_not_filled_with_what_follows(tmp_path: Path) -> None:
    place = str(tmp_path / "runs.db")
    batches = batches_of(3)

    class Cut:
        """A pipe on which Ctrl-C meets the second write, the body of a frame."""

        def __init__(self, pipe: Any) -> None:
            self.pipe, self.writes = pipe, 0

        def write(self, data: memoryview) -> Any:
            self.writes += 1
            if self.writes == 2:
                self.pipe.write(data[:10])
                raise KeyboardInterrupt
            return self.pipe.write(data)

        def close(self) -> None:
            self.pipe.close()

    with writing(place) as writer:
        writer.put(batches[0])
        writer.put(batches[1])
        cut: Any = Cut(writer._pipe)
        writer._pipe = cut
        with pytest.raises(KeyboardInterrupt):
            writer.put(batches[2])
        with pytest.raises(InputError, match="the journal ends amid a batch"):
            writer.close("interrupted")
    check(place, 1, batches[:2])
