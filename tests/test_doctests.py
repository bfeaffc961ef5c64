"""Goal: every example in a docstring is true, compiled or not.

Method: import each module by its name, so that a compiled one is tested as it runs, and run its
doctests.
"""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def modules() -> list[str]:
    """Return the names of the modules whose source holds an example."""
    paths = sorted(
        path
        for top in ("simulator", "strategies", "replay_data")
        for path in (ROOT / top).rglob("*.py")
    )
    relative = [
        path.relative_to(ROOT).with_suffix("")
        for path in paths
        if ">>> " in path.read_text("utf-8")
    ]
    return [".".join(path.parts).removesuffix(".__init__") for path in relative]


@pytest.mark.parametrize("name", modules())
def test_examples(name: str) -> None:
    results = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.attempted > 0, "examples that doctest does not find"
    assert results.failed == 0, "see the printed examples"
