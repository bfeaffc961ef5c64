"""Goal: a module fits a few screens, a function one, and a name says what the thing is.

Method: count lines and read names from the syntax tree of every file.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.tree import name_of, python_files, syntax

MODULE_LINES_MAX = 400
HOT_LINES_MAX = 950
FUNCTION_LINES_MAX = 60

LONGER_MODULES: dict[str, str] = {
    "simulator/book/columns.py": "one compiled unit: calls into another are not inlined",
    "simulator/exchange/closing.py": "one compiled unit",
    "simulator/exchange/core.py": "one compiled unit",
    "simulator/exchange/liquidity.py": "one compiled unit",
    "simulator/exchange/marks.py": "one compiled unit",
    "simulator/exchange/settlement.py": "one compiled unit",
    "simulator/exchange/upkeep.py": "one compiled unit",
    "simulator/exchange/venue.py": "one compiled unit",
    "simulator/exchange/waterfall.py": "one compiled unit",
    "simulator/ledger/columns.py": "one compiled unit",
    "simulator/risk/bands.py": "one compiled unit",
    "simulator/risk/bands_box.py": "one compiled unit",
    "simulator/risk/pools.py": "one compiled unit",
    "simulator/risk/requirement.py": "one compiled unit",
    "simulator/strategy/context.py": "one compiled unit",
}
"""Path of a module that may be longer, and the reason.

Cython calls a function of another module through a table of pointers, which the C compiler cannot
inline; so what a tick passes through stands in one file.  Even those end at ``HOT_LINES_MAX``.
"""

LONGER_FUNCTIONS: dict[str, str] = {
    "simulator/exchange/core.py::run_rows": "the one loop: what each row is asked for",
    "simulator/risk/population.py::as_rows": "one loop, and the C variables that it needs",
}
"""``path::function`` that may be longer, and the reason."""

EMPTY_NAMES = {"common", "helper", "helpers", "manager", "misc", "tools", "util", "utils"}
"""Names that say nothing about what is inside."""

CODE = python_files("simulator", "strategies", "replay_data")
EVERYTHING = python_files("simulator", "strategies", "replay_data", "tests", "bench")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> list[Function]:
    return [node for node in ast.walk(syntax(path)) if isinstance(node, Function)]


def lines_of(function: Function) -> int:
    """Count the lines of a function's body without its docstring.

    A signature of one parameter a line is a table, not something to follow.
    """
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    assert body[-1].end_lineno is not None
    return body[-1].end_lineno - body[0].lineno + 1


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_module_fits_a_few_screens(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    most = HOT_LINES_MAX if name_of(path) in LONGER_MODULES else MODULE_LINES_MAX
    assert lines <= most, f"{name_of(path)} has {lines} lines"


def test_exceptions_are_needed() -> None:
    longer = {
        name_of(path)
        for path in EVERYTHING
        if len(path.read_text().splitlines()) > MODULE_LINES_MAX
    }
    assert set(LONGER_MODULES) == longer


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_functions_fit_a_screen(path: Path) -> None:
    for function in functions(path):
        lines = lines_of(function)
        where = f"{name_of(path)}::{function.name}"
        longer = where in LONGER_FUNCTIONS
        assert longer == (lines > FUNCTION_LINES_MAX), f"{where} has {lines} lines"


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_file_is_named_as_its_noun(path: Path) -> None:
    words = {word for part in Path(name_of(path)).with_suffix("").parts for word in part.split("_")}
    assert not words & EMPTY_NAMES


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_package_marker_is_empty(path: Path) -> None:
    """Only the root package says something: its names are the public surface."""
    if path.name == "__init__.py" and path.parent.name not in (
        "simulator",
        "strategies",
        "replay_data",
    ):
        statements = syntax(path).body
        assert all(isinstance(node, ast.Expr) for node in statements), "a docstring at most"


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_imports_are_absolute_and_named(path: Path) -> None:
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            assert all(alias.name != "*" for alias in node.names), f"line {node.lineno}: import *"
