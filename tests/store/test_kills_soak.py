"""Goal: two hundred kills at random, and nothing acknowledged is lost.

Method: that of `tests.store.test_kills`; who is killed, when and where is drawn from a seed.  A run
is killed again and again until it is over, then compared and verified, and the next one begins.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.kill_driver import Course, drawn
from tests.store.postgres import Server

KILLS = 10


@pytest.fixture(params=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], str]:
    """Return what makes the n-th empty database."""
    if request.param == "sqlite":
        return lambda number: str(tmp_path / f"runs-{number}.db")
    server: Server = request.getfixturevalue("server")
    return lambda number: server.create(f"{tmp_path.name}_{number}")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_killed_again_and_again(
    seed: int,
    new_place: Callable[[int], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    draw = random.Random(seed)
    kills: list[str] = []
    number = 0
    while len(kills) < KILLS:
        number += 1
        way, kind = draw.choice(("api", "cli")), draw.choice(("Lively", "Lively", "Forgetful"))
        course = Course(
            new_place(number), tmp_path, way, kind, snapshots=draw.choice((0.0, 0.2, 10.0))
        )
        while len(kills) + len(course.kills) < KILLS:
            how = drawn(draw)
            print(f"seed {seed}, run {number} ({way}, {kind}): {how}")
            if course.step(how) == 0 or "is done" in course.said:
                break
        print(f"seed {seed}, run {number}: {len(course.kills)} kills")
        kills += course.kills
        course.end()
