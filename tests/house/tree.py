"""The tree as the house rules see it: Python files, syntax trees, tracked files."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

HIDDEN = re.compile(r"(^|/)[.]")
"""Folders such as virtual environments."""


@cache
def syntax(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def python_files(*folders: str) -> list[Path]:
    """Return the Python files below folders of the root, sorted; none in environments and the like.

    What version control ignores is no part of the tree: the environments of other simulators under
    ``bench/.venvs`` hold ten thousand modules.
    """
    known = files("--cached", "--others", "--exclude-standard", "--", *folders)
    walked = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    found = known or [path for path in walked if not HIDDEN.search(name_of(path))]
    return sorted(path for path in found if path.suffix == ".py")


def name_of(path: Path) -> str:
    """Return a path as a test id: relative to the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


def tracked_files() -> list[Path]:
    """Return the files under version control, sorted; none where this is not a clone."""
    return files("--cached")


def files(*arguments: str) -> list[Path]:
    """Return the files that ``git ls-files`` lists, sorted; none where this is not a clone."""
    command = ["git", "ls-files", "-z", *arguments]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    found = {ROOT / name for name in listing.split("\0") if name}
    return sorted(path for path in found if path.is_file())


def imported_modules(path: Path) -> set[str]:
    """Return the full names of what a file imports, ``a.b`` for ``import a.b`` and ``from a.b``.

    ``from a import b`` counts as ``a.b`` too where ``a/b.py`` or ``a/b/`` exists in the tree.
    """
    names: set[str] = set()
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = {name for name in inner if is_module(name)}
            names.update(modules)
            if len(modules) < len(inner):
                names.add(node.module)
    return names


def is_module(name: str) -> bool:
    """Return whether a dotted name is a module or package of this tree."""
    base = ROOT / name.replace(".", "/")
    return base.with_suffix(".py").is_file() or base.is_dir()
