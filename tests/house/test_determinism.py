"""Goal: nothing inside the engine depends on the wall clock, global randomness, hash or set order.

Method: look for the names and for loops over sets in the syntax tree of the engine's packages.  A
set that reaches a loop through a variable is not seen here; the digest tests are there for that.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import imported_modules, name_of, python_files, syntax

ENGINE = (
    "units",
    "instruments",
    "events",
    "book",
    "ledger",
    "market",
    "risk",
    "liquidation",
    "accounts",
    "exchange",
    "population",
    "strategy",
)
FILES = python_files(*(f"simulator/{package}" for package in ENGINE))

BANNED_MODULES = {"random", "secrets", "time", "uuid", "threading", "asyncio"}
BANNED_CALLS = {"hash", "id"}
SEEDED = {"Generator", "PCG64", "Philox"}
"""What of numpy.random makes a generator that needs its seed said or is a type."""

FIGURES = [
    *FILES,
    *python_files("simulator/calculator", "strategies", "simulator/simulation.py"),
    *python_files("simulator/replay/made.py", "simulator/replay/making.py"),
]
"""What computes figures of a run or of a document."""

LIBRARY = {
    "acos", "arccos", "arcsin", "arctan", "asin", "atan", "atan2", "cbrt", "cos", "cosh", "erf",
    "erfc", "exp", "exp2", "expm1", "gamma", "hypot", "lgamma", "log", "log10", "log1p", "log2",
    "pow", "power", "sin", "sinh", "tan", "tanh",
}  # fmt: skip
"""Functions whose last bit is the C library's or the processor's: see simulator.units.functions."""

IN_ANY_ORDER = {"dot", "einsum", "inner", "linalg", "matmul", "tensordot", "vdot"}
"""What of numpy adds in an order that is the processor's."""

DRAWN_ON = {
    "simulator/calculator/surface.py": "places ticks of a picture's axis",
    "strategies/btc_eth_pair.py": "compares a z-score; strategies import public names only",
}
"""Files that use functions of the C library, and why no figure rests on their last bit."""

WHOLE_SUMS = {
    "simulator/book/reference.py": 1,
    "simulator/exchange/desk_views.py": 2,
    "simulator/exchange/enrolment.py": 2,
    "simulator/exchange/facts.py": 2,
    "simulator/exchange/modes.py": 1,
    "simulator/exchange/traders.py": 1,
    "simulator/liquidation/ranking.py": 2,
    "simulator/population/laws.py": 1,
    "simulator/population/place.py": 1,
    "simulator/population/spec.py": 3,
    "simulator/risk/bands.py": 1,
    "simulator/strategy/context.py": 1,
}
"""How often a file sums whole numbers; ``sum`` of floats has other bits from Python 3.12 on."""

WITHOUT = {"simulator/strategy/state.py": {"id()", "random"}}
"""Files that name something banned and why it is harmless: states of strategies are written with
what occurs twice told by ``id``, and may hold a ``random.Random`` of the strategy's own."""

STREAMS = {"PCG64", "Philox"}
BANNED_ATTRIBUTES = {"now", "utcnow", "today", "urandom", "getrandbits"}


def banned(tree: ast.AST) -> Iterator[str]:
    """Yield what in a syntax tree makes two runs differ."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in BANNED_CALLS:
                yield f"line {line}: {node.func.id}()"
            if isinstance(node.func, ast.Attribute) and node.func.attr in BANNED_ATTRIBUTES:
                yield f"line {line}: .{node.func.attr}()"
            seeded = bool(node.args or node.keywords)
            if isinstance(node.func, ast.Attribute) and node.func.attr in STREAMS and not seeded:
                yield f"line {line}: {node.func.attr} without a seed"
        if isinstance(node, ast.Attribute) and node.attr not in SEEDED and is_random(node.value):
            yield f"line {line}: numpy.random.{node.attr}"
        if isinstance(node, ast.For | ast.comprehension) and is_set(node.iter):
            yield f"line {getattr(node.iter, 'lineno', 0)}: loop over a set"


def is_random(node: ast.expr) -> bool:
    """Return whether an expression is the module ``numpy.random``."""
    return ast.unparse(node) in ("np.random", "numpy.random")


def is_set(node: ast.expr) -> bool:
    """Return whether an expression is a set by its own syntax."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in ("set", "frozenset"):
            return True
        if node.func.id in ("list", "tuple", "enumerate", "iter", "reversed") and node.args:
            return is_set(node.args[0])
    return False


def of_library(tree: ast.AST) -> Iterator[str]:
    """Yield functions and products whose last bit is not the same everywhere."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if owner in ("math", "np", "numpy") and node.attr in LIBRARY | IN_ANY_ORDER:
                yield f"line {line}: {owner}.{node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module in (
            "math",
            "cython.cimports.libc.math",
        ):
            yield from (f"line {line}: {n.name}" for n in node.names if n.name in LIBRARY)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            yield f"line {line}: a product of matrices"


def sums(tree: ast.AST) -> int:
    """Count calls of ``sum`` that do not say by their start what they add."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "sum"]
    return len([call for call in named if len(call.args) < 2])


@pytest.mark.parametrize("path", FIGURES, ids=name_of)
def test_figures_have_the_same_bits_everywhere(path: Path) -> None:
    found = list(of_library(syntax(path)))
    assert bool(found) == (name_of(path) in DRAWN_ON), found
    assert sums(syntax(path)) == WHOLE_SUMS.get(name_of(path), 0), "of floats: math.fsum"


@pytest.mark.parametrize(
    "code",
    [
        "math.exp(x)",
        "np.log(x)",
        "from math import floor, pow",
        "from cython.cimports.libc.math import exp",
        "a @ b",
        "np.linalg.norm(x)",
    ],
)
def test_functions_of_libraries_are_seen(code: str) -> None:
    assert list(of_library(ast.parse(code)))
    assert not list(of_library(ast.parse("math.sqrt(x) + np.abs(y) + exponential(z)")))
    assert sums(ast.parse("sum(x for x in y)")) == 1
    assert sums(ast.parse("sum(values, Decimal(0)) + math.fsum(other)")) == 0


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_engine_is_deterministic(path: Path) -> None:
    harmless = WITHOUT.get(name_of(path), set())
    found = [what for what in banned(syntax(path)) if what.split(": ")[1] not in harmless]
    assert found == []
    tops = {name.split(".")[0] for name in imported_modules(path)}
    assert not tops & (BANNED_MODULES - harmless)


@pytest.mark.parametrize(
    "code",
    [
        "for x in {1, 2}: pass",
        "[x for x in set(y)]",
        "for i, x in enumerate(frozenset(y)): pass",
        "datetime.now()",
        "hash(order)",
        "np.random.default_rng()",
        "numpy.random.normal(0, 1)",
        "np.random.PCG64()",
        "np.random.Philox()",
    ],
)
def test_bans_are_seen(code: str) -> None:
    assert list(banned(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["for x in sorted({1, 2}): pass", "x in {1, 2}", "order.id", "np.random.PCG64(seed)"]
)
def test_harmless_code_passes(code: str) -> None:
    assert not list(banned(ast.parse(code)))
