"""Goal: a journal is the same to an engine that is compiled and to one that is not.

Method: compiled runs are stored, whole and cut off; a copy of the packages without extension
modules checks the one and goes on with the other, in a process of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.build_info import compiled_modules
from simulator.store.database import Database
from simulator.store.keeping import Journal
from tests.conftest import ROOT
from tests.simulation.test_whole_venue import busy_run
from tests.store.test_resume import stopped

SCRIPT = """
import sys
import simulator
import simulator.exchange.core
from tests.simulation.test_whole_venue import busy_run

assert simulator.exchange.core.__file__.endswith(".py")
def make(chosen=None):
    return busy_run("unified", seconds=10, **({} if chosen is None else {"strategies": chosen}))
print(simulator.verify(sys.argv[1], 1, make=make).digest)
print(simulator.resume(sys.argv[1], 2, make=make).digest)
"""


@pytest.mark.hours
@pytest.mark.skipif(
    not compiled_modules(), reason="nothing is compiled here: all tests are of that"
)
def test_another_build_checks_a_run_and_goes_on_with_one(tmp_path: Path) -> None:
    target, place = tmp_path / "plain", tmp_path / "runs.db"
    compiled = shutil.ignore_patterns("*.so", "*.pyd", "*.c", "__pycache__")
    for package in ("simulator", "replay_data", "strategies"):
        shutil.copytree(ROOT / package, target / package, ignore=compiled)
    for part in ("simulation", "store"):
        shutil.copytree(ROOT / "tests" / part, target / "tests" / part, ignore=compiled)
    whole = busy_run("unified", seconds=10).run(journal=Journal.open(place, cut_rows=500))
    assert stopped(place, busy_run("unified", seconds=10), 2000, 0.0) == 2
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(place)],
        cwd=target,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [whole.digest, whole.digest]
    assert [row["status"] for row in Database.open(place).runs()] == ["done", "done"]
