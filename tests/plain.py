"""The tree without compiled modules, which win over .py files: a copy, and programs run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

PACKAGES = ("simulator", "strategies", "replay_data")
COMPILED = shutil.ignore_patterns("*.so", "*.pyd", "*.c", "__pycache__")


def plain_copy(target: Path, *tests: str) -> Path:
    """Copy the packages and these folders of tests without compiled modules; return ``target``."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=COMPILED)
    for part in tests:
        shutil.copytree(ROOT / "tests" / part, target / "tests" / part, ignore=COMPILED)
    for file in ("conftest.py", "plain.py"):
        shutil.copy(ROOT / "tests" / file, target / "tests")
    return target


def printed(script: str, tree: Path, *arguments: str) -> list[str]:
    """Run a script in a process that imports from ``tree``; return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
