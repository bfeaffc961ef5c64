"""Goal: dropped runs are freed when they are worth a collection, and small ones wait together.

Method: runs of nothing but a cycle, which say how many events they had, while Python itself does
not collect.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from simulator.exchange import dropped


class Desk:
    def __init__(self, events: int, accounts: int) -> None:
        self.core = SimpleNamespace(events=events, ledger=SimpleNamespace(accounts=accounts))
        self.itself = self
        self.strategy: Run | None = None


class Run:
    """What `Simulation` is here: it holds a desk, which is a cycle of its own."""

    def __init__(self, events: int, accounts: int = 1) -> None:
        self.desk = Desk(events, accounts)
        dropped.watch(self, self.desk)


def left_by(events: int, accounts: int = 1) -> weakref.ref[Desk]:
    """Make a run, drop it, and return its desk, should it still live."""
    return weakref.ref(Run(events, accounts).desk)


@pytest.fixture(autouse=True)
def _nothing_else_collects(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(dropped._Dropped, "bytes", 0)
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(("events", "accounts"), [(10_000_000, 1), (0, 100_000)])
def test_a_long_run_or_a_crowd_is_freed_before_the_next(events: int, accounts: int) -> None:
    desk = left_by(events, accounts)
    assert desk() is not None
    dropped.collect()
    assert desk() is None


def test_small_runs_wait_together() -> None:
    left = []
    for _ in range(dropped.ENOUGH // dropped.EACH - 1):
        left.append(left_by(0))
        dropped.collect()
    assert all(desk() is not None for desk in left)
    left.append(left_by(1_000_000))
    dropped.collect()
    assert all(desk() is None for desk in left)
    assert dropped._Dropped.bytes == 0


def test_what_is_held_counts_for_nothing() -> None:
    run = Run(10_000_000)
    dropped.collect()
    assert dropped._Dropped.bytes == 0
    assert run.desk.core.events == 10_000_000


def test_a_strategy_that_holds_its_run_keeps_nothing_alive() -> None:
    run = Run(0)
    run.desk.strategy = run
    itself = weakref.ref(run)
    del run
    gc.collect()
    assert itself() is None
    assert dropped._Dropped.bytes == 0
