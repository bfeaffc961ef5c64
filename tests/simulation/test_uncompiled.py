"""Goal: the compiled engine and the same files as plain Python give the same run.

Method: a copy of the packages without extension modules, run in a process of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.simulation.test_impact_runs import IMPACT
from tests.simulation.test_whole_venue import MODES, busy_run

SECONDS = 15
SCRIPT = f"""
from tests.simulation.test_impact_runs import IMPACT
from tests.simulation.test_whole_venue import MODES, busy_run
import simulator.exchange.core
assert simulator.exchange.core.__file__.endswith(".py")
for mode in MODES:
    run = busy_run(mode, seconds={SECONDS})
    print(run.run().digest)
    print(len(run.strategies[0].heard))
print(busy_run("unified", seconds={SECONDS}, impact=IMPACT).run().digest)
"""


@pytest.fixture(scope="module")
def plain_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("plain")
    compiled = shutil.ignore_patterns("*.so", "*.pyd", "*.c", "__pycache__")
    for package in ("simulator", "replay_data", "strategies"):
        shutil.copytree(ROOT / package, target / package, ignore=compiled)
    (target / "tests").mkdir()
    shutil.copytree(ROOT / "tests" / "simulation", target / "tests" / "simulation", ignore=compiled)
    return target


def test_both_forms_give_the_same_digests(plain_copy: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=plain_copy,
        env={**os.environ, "PYTHONPATH": str(plain_copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = []
    for mode in MODES:
        run = busy_run(mode, seconds=SECONDS)
        expected += [run.run().digest, str(len(run.strategies[0].heard))]  # type: ignore[attr-defined]
    expected.append(busy_run("unified", seconds=SECONDS, impact=IMPACT).run().digest)
    assert done.stdout.split() == expected
