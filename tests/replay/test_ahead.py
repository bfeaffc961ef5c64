"""Goal: blocks made ahead are the same, and a run that is given up leaves nothing behind.

Method: items with and without an error; a reader that the garbage collector closes, in the thread
that makes its items.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from simulator.market.ahead import ahead


def test_the_same_items_in_the_same_order() -> None:
    assert list(ahead(iter([3, 1, None, 2]))) == [3, 1, None, 2]


def test_an_error_comes_where_its_item_would() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("bad row")

    reader = ahead(items())
    assert next(reader) == 1
    with pytest.raises(ValueError, match="bad row"):
        next(reader)


def test_garbage_collected_in_its_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a run that ended with an exception, whose traceback is a cycle."""
    said: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    left, collected = Event(), Event()

    def items() -> Iterator[int]:
        yield 1
        assert left.wait(600)
        gc.collect()
        collected.set()
        yield 2

    def leave() -> None:
        cycle: dict[str, Any] = {"reader": ahead(items())}
        cycle["itself"] = cycle
        assert next(cycle["reader"]) == 1

    leave()
    left.set()
    assert collected.wait(600)
    assert said == []
