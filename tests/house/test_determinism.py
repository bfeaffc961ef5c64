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
)
FILES = python_files(*(f"simulator/{package}" for package in ENGINE))

BANNED_MODULES = {"random", "secrets", "time", "uuid", "threading", "asyncio"}
BANNED_CALLS = {"hash", "id"}
SEEDED = {"Generator", "PCG64"}
"""What of numpy.random makes a generator that needs its seed said or is a type."""

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
            if isinstance(node.func, ast.Attribute) and node.func.attr == "PCG64" and not node.args:
                yield f"line {line}: PCG64 without a seed"
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


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_engine_is_deterministic(path: Path) -> None:
    assert list(banned(syntax(path))) == []
    tops = {name.split(".")[0] for name in imported_modules(path)}
    assert not tops & BANNED_MODULES


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
    ],
)
def test_bans_are_seen(code: str) -> None:
    assert list(banned(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["for x in sorted({1, 2}): pass", "x in {1, 2}", "order.id", "np.random.PCG64(seed)"]
)
def test_harmless_code_passes(code: str) -> None:
    assert not list(banned(ast.parse(code)))
