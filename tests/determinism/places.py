"""What a run must not depend on: environments, and copies of the tree without compiled modules."""

from __future__ import annotations

import json
import locale
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.plain import plain_copy

SCRIPT = ROOT / "tests" / "determinism" / "digests.py"

NO_VECTORS = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"
"""Instruction sets that numpy 2.4 and newer chooses code by; older ones have names of features."""

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "hash seed 0": {"PYTHONHASHSEED": "0"},
    "hash seed 4321": {"PYTHONHASHSEED": "4321"},
    "one thread": {
        "POLARS_MAX_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TZ": "America/New_York",
    },
    "many threads": {
        "POLARS_MAX_THREADS": "3",
        "OMP_NUM_THREADS": "3",
        "OPENBLAS_NUM_THREADS": "3",
        "TZ": "Asia/Kathmandu",
    },
    # A processor without fused multiply-add: the C library takes other code for exp, log, pow.
    "no fused multiply-add": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX512F"},
    "no vectors": {"NPY_DISABLE_CPU_FEATURES": NO_VECTORS, "OPENBLAS_CORETYPE": "Prescott"},
    "sum of 3.11": {"UNIMARGIN_SUM": "3.11"},
    "sum of 3.12": {"UNIMARGIN_SUM": "3.12"},
    "optimised": {"PYTHONOPTIMIZE": "1"},
}
"""Variables that another machine, day or Python would have otherwise."""


def locales() -> dict[str, dict[str, str]]:
    """Return environments of the locales that this machine has and that write numbers otherwise."""
    found = {}
    before = locale.setlocale(locale.LC_ALL)  # what the environment asks for may not be there
    for name in ("de_DE.UTF-8", "tr_TR.UTF-8", "C"):
        try:
            locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            continue
        found[f"locale {name}"] = {"LC_ALL": name}
    locale.setlocale(locale.LC_ALL, before)
    return found


def start(
    cases: Sequence[str],
    more: Mapping[str, str] | None = None,
    *,
    python: str | Path = sys.executable,
    tree: Path = ROOT,
    folder: Path | None = None,
) -> subprocess.Popen[str]:
    """Start the script on cases in an environment, from a folder."""
    known = ("GLIBC_TUNABLES", "NPY_DISABLE_CPU_FEATURES", "UNIMARGIN_SUM", "PYTHONHASHSEED")
    environment = {name: value for name, value in os.environ.items() if name not in known}
    environment |= {"PYTHONPATH": str(tree), "PYTHONWARNINGS": "ignore", **(more or {})}
    script = tree / SCRIPT.relative_to(ROOT)
    return subprocess.Popen(
        [str(python), str(script), *cases],
        cwd=folder or tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what the script printed."""
    out, error = process.communicate()
    assert process.returncode == 0, error[-2000:]
    found: dict[str, Any] = json.loads(out)
    return found


def plain_tree(target: Path) -> Path:
    """Return a copy of the tree without compiled modules."""
    plain_copy(target, "simulation", "determinism")
    shutil.copytree(ROOT / "docs" / "examples", target / "docs" / "examples")
    return target
