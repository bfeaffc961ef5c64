"""Goal: the root package's ``__all__`` is the public surface, no more and no less.

Method: every name in it is there and says so itself; no other public name is there; and what type
checkers read of the compiled context agrees with its source.
"""

from __future__ import annotations

import ast
from types import ModuleType

import pytest

import simulator
from tests.house.tree import ROOT, syntax

FOR_TYPES = {"Any", "TYPE_CHECKING", "annotations"}

CONTEXT = ROOT / "simulator" / "strategy" / "context.py"

Function = ast.FunctionDef


def public_names(module: ModuleType) -> set[str]:
    """Return the names of a package that are neither private nor its submodules."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not (isinstance(value, ModuleType) and value.__name__.startswith(module.__name__))
        and name not in FOR_TYPES
    }


def signatures(tree: ast.Module) -> dict[str, list[str]]:
    """Return the parameter names of the public methods by ``Class.method``; properties have one."""
    found = {}
    for kind in tree.body:
        if not isinstance(kind, ast.ClassDef):
            continue
        for method in kind.body:
            if not isinstance(method, Function) or method.name.startswith("_"):
                continue
            parameters = method.args.posonlyargs + method.args.args + method.args.kwonlyargs
            found[f"{kind.name}.{method.name}"] = [one.arg for one in parameters]
    return found


def compiled_only(tree: ast.Module) -> set[str]:
    """Return ``Class.method`` of what only compiled code can call, or only the loop does."""
    found = set()
    for kind in tree.body:
        if isinstance(kind, ast.ClassDef):
            for method in kind.body:
                if isinstance(method, Function):
                    marks = {ast.unparse(one) for one in method.decorator_list}
                    if "cython.cfunc" in marks:
                        found.add(f"{kind.name}.{method.name}")
    return found


LOOP_CALLS = {"Context.bar_due", "Context.filled", "Context.trade", "Context.updated"}
"""What the event loop calls on a context; not for strategies."""


def test_all_is_sorted() -> None:
    assert list(simulator.__all__) == sorted(simulator.__all__)


@pytest.mark.parametrize("name", simulator.__all__)
def test_public_name_is_there(name: str) -> None:
    assert getattr(simulator, name).__name__ == name


def test_nothing_else_is_public() -> None:
    assert public_names(simulator) <= set(simulator.__all__)


def test_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Exchange'"):
        simulator.Exchange  # noqa: B018


def test_stub_agrees_with_the_context() -> None:
    source, stub = syntax(CONTEXT), syntax(CONTEXT.with_suffix(".pyi"))
    hidden = compiled_only(source) | LOOP_CALLS
    expected = {name: names for name, names in signatures(source).items() if name not in hidden}
    assert signatures(stub) == expected


def test_stub_names_the_fields() -> None:
    """Fields of compiled classes are declared in the .pxd, which type checkers cannot read."""
    declared: dict[str, set[str]] = {}
    for line in CONTEXT.with_suffix(".pxd").read_text(encoding="utf-8").splitlines():
        words = line.replace(":", "").split()
        if words[:2] == ["cdef", "class"]:
            kind = declared.setdefault(words[2], set())
        elif words[:2] == ["cdef", "readonly"]:
            kind.add(words[-1])
    stub = {
        kind.name: {
            ast.unparse(node.target) for node in kind.body if isinstance(node, ast.AnnAssign)
        }
        for kind in syntax(CONTEXT.with_suffix(".pyi")).body
        if isinstance(kind, ast.ClassDef)
    }
    assert stub == declared
