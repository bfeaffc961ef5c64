"""Goal: a million inputs, and none that ends in anything but yes or one line.

Method: the campaign of numbered inputs with numbers that the suite does not have, spread over the
targets by what an input costs; it says how many it read.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INPUTS = 1_000_000
FIRST = 1_000_000
MINUTES = 120


@pytest.mark.soak
def test_a_million_inputs_are_answered(capsys: pytest.CaptureFixture[str]) -> None:
    # A process of its own, since it forks others and this one may have threads.
    command = [sys.executable, "-m", "tests.fuzz.campaign", "--inputs", str(INPUTS)]
    command += ["--first", str(FIRST), "--minutes", str(MINUTES)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    with capsys.disabled():
        print(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert " inputs " in done.stdout
