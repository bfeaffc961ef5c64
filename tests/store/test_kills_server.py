"""Goal: a run in PostgreSQL that is killed at any instant loses nothing acknowledged.

Method: that of `tests.store.test_kills`, on a server of the tests' own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.kill_driver import Course, Moment
from tests.store.kill_points import Death


def test_killed_in_commits_and_in_a_liquidation(server_url: str, tmp_path: Path) -> None:
    course = Course(server_url, tmp_path, snapshots=0.0)
    course.step(Death("snapshot inserted", "writer", 2))
    course.step(Death("liquidation told", "engine"))
    course.step(Death("committed, not acknowledged", "both"))
    course.end()
    assert len(course.kills) == 3


def test_the_command_line_killed_in_a_switch(
    server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    course = Course(server_url, tmp_path, "cli", "Forgetful")
    course.step(Death("switch, money moved", "both"))
    course.step(Moment("engine", 9, 0.5, held=True))
    course.end(lambda: capsys.readouterr().out)
    assert len(course.kills) == 2
