"""Goal: a journal is the same to an engine that is compiled and to one that is not.

Method: compiled runs are stored, whole and cut off; a copy of the packages without extension
modules checks the one and goes on with the other, in a process of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.build_info import compiled_modules
from simulator.store.database import Database
from simulator.store.journal import Journal
from tests.plain import plain_copy, printed
from tests.simulation.test_whole_venue import busy_run
from tests.store.test_resume import stopped

SCRIPT = """
import sys
import simulator
import simulator.exchange.core
from tests.simulation.test_whole_venue import busy_run

assert simulator.exchange.core.__file__.endswith(".py")
def make(chosen=None):
    return busy_run("unified", seconds=15, **({} if chosen is None else {"strategies": chosen}))
print(simulator.verify(sys.argv[1], 1, make=make).digest)
print(simulator.resume(sys.argv[1], 2, make=make).digest)
"""


@pytest.mark.hours
@pytest.mark.skipif(
    not compiled_modules(), reason="nothing is compiled here: all tests are of that"
)
def test_another_build_checks_a_run_and_goes_on_with_one(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    whole = busy_run("unified", seconds=15).run(journal=Journal.open(place, cut_rows=500))
    assert stopped(place, busy_run("unified", seconds=15), 2000, 0.0) == 2
    tree = plain_copy(tmp_path / "plain", "simulation", "store")
    assert printed(SCRIPT, tree, str(place)) == [whole.digest, whole.digest]
    assert [row["status"] for row in Database.open(place).runs()] == ["done", "done"]
