"""Goal: the coverage-guided harness runs, so that `make fuzz` finds what it can.

Method: two seconds of it on one target, in a process of its own, as libFuzzer ends the process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_harness_reads_inputs_and_sees_what_they_reach() -> None:
    pytest.importorskip("atheris", reason="atheris has wheels for Linux on x86-64 only")
    command = [sys.executable, "-m", "tests.fuzz.atheris_readers", "2", "what-ifs"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "stat::number_of_executed_units" in done.stderr
    assert "Instrumenting simulator.calculator.what_if" in done.stderr
