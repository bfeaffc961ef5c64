"""Goal: the compiled modules are few, named in one place, and lean on nothing but each other.

Method: compare the list with the tree, and read the modules' imports from their syntax trees.
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from simulator.build_info import HOT_MODULES
from tests.house.tree import ROOT, imported_modules, name_of, python_files, syntax

CONSTANTS = {"simulator.book.codes", "simulator.events.outcomes"}
"""Plain modules of numbers and nothing else, which a hot module may read when imported."""

PLAIN = {
    "simulator.strategy.context": {"simulator.exchange.messages", "simulator.strategy.account"},
}
"""The context sends the desk what is rare, such as a transfer, and hands the account out."""

ALLOWED = {"__future__", "cython", "hashlib", "math", "numpy", "typing"}


def source(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


def test_build_reads_the_list() -> None:
    """setup.py must not import the package it builds, so it runs that one file."""
    assigned = [
        ast.unparse(node.value)
        for node in syntax(ROOT / "setup.py").body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "HOT_MODULES"
    ]
    assert assigned == ["BUILD_INFO['HOT_MODULES']"]
    assert "BUILD_INFO = runpy.run_path('simulator/build_info.py')" in ast.unparse(
        syntax(ROOT / "setup.py")
    )


@pytest.mark.parametrize("module", HOT_MODULES)
def test_hot_module_exists(module: str) -> None:
    """The build skips a name without a file, so a slip in the list shows only here."""
    assert source(module).is_file()


def test_nothing_else_is_compiled() -> None:
    """A module that is hot no more would run as it was compiled last, and go with the wheel."""
    compiled = {
        f"{path.parent.relative_to(ROOT).as_posix().replace('/', '.')}.{path.name.split('.')[0]}"
        for path in (ROOT / "simulator").rglob("*.so")
    }
    stale = compiled - {*HOT_MODULES, "simulator._memoryviews"}
    assert not stale, "make clean, then make build"


@pytest.mark.parametrize("module", HOT_MODULES)
def test_hot_module_leans_on_nothing_else(module: str) -> None:
    if not source(module).is_file():
        pytest.skip("not in the tree")
    for name in imported_modules(source(module)):
        known = name.split(".")[0] in ALLOWED or name in CONSTANTS or name in PLAIN.get(module, ())
        assert known or name in HOT_MODULES, f"{module} imports {name}"


def test_only_hot_modules_use_cython() -> None:
    hot = {source(module) for module in HOT_MODULES}
    for path in python_files("simulator", "strategies"):
        uses = any(name.split(".")[0] == "cython" for name in imported_modules(path))
        assert not uses or path in hot, f"{name_of(path)} is not in setup.py"


def test_types_are_relaxed_for_hot_modules_alone() -> None:
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    relaxed = [
        names for entry in overrides if "disable_error_code" in entry for names in entry["module"]
    ]
    assert relaxed == sorted(HOT_MODULES)
