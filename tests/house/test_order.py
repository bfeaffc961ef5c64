"""Goal: the files that take long are still those that tests/conftest.py puts first."""

from __future__ import annotations

from tests.conftest import LONG
from tests.house.tree import ROOT


def test_long_files_exist_and_are_named_once() -> None:
    names = LONG.split()
    missing = [name for name in names if not (ROOT / "tests" / f"{name}.py").is_file()]
    assert not missing
    assert len(set(names)) == len(names)
