"""Goal: a run that is killed at any instant loses nothing acknowledged, and ends as others do.

Method: real processes run a strategy that switches its account's mode and is liquidated.  SIGKILL
goes to the engine, its writer or both: from outside at some instant, and from inside amid a switch,
a liquidation, a commit, a snapshot.  After each kill everything acknowledged must be durable, to
the bit; after the last one the run goes on to its end and is that of an unkilled run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.kill_driver import Course, Moment
from tests.store.kill_points import Death


def test_killed_in_a_switch_and_in_commits(tmp_path: Path) -> None:
    course = Course(str(tmp_path / "runs.db"), tmp_path)
    # The switch first: a slow machine's first commit may already hold what comes after it.
    course.step(Death("switch, columns changed", "engine"))
    course.step(Death("in the commit", "writer", 1, seed=1))
    course.step(Death("rows inserted", "both"))
    course.end()
    assert len(course.kills) == 3


def test_the_command_line_killed_in_a_liquidation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    course = Course(str(tmp_path / "runs.db"), tmp_path, "cli", "Forgetful")
    course.step(Death("liquidation told", "both"))
    course.step(Moment("engine", 9, 0.5, held=True))
    course.end(lambda: capsys.readouterr().out)
    assert len(course.kills) == 2
