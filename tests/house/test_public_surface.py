"""Goal: the root package's ``__all__`` is the public surface, no more and no less.

Method: compare it with the names the module really holds.
"""

from __future__ import annotations

from types import ModuleType

import simulator


def public_names(module: ModuleType) -> list[str]:
    """Return the names of a package that are neither private nor its submodules."""
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not (isinstance(value, ModuleType) and value.__name__.startswith(module.__name__))
        and name != "annotations"
    )


def test_all_is_sorted() -> None:
    assert list(simulator.__all__) == sorted(simulator.__all__)


def test_all_equals_the_public_names() -> None:
    assert list(simulator.__all__) == public_names(simulator)
