"""Make a failing case small: fewer faults, commands, rows, accounts, markets; same finding.

A smaller case counts if it fails in the same line of the same code.  Parts are left out by halves,
then quarters and so on, until nothing more can go or the time is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from tests.simulation.hunt import case as cases
from tests.simulation.hunt.case import Case
from tests.simulation.hunt.hunt import Finding, run

T = TypeVar("T")
Test = Callable[[Case], Finding]

PLAIN: tuple[tuple[str, Any], ...] = (
    ("crowd", None),
    ("others", []),
    ("impact", None),
    ("insurance", None),
    ("bnb_fees", False),
    ("multi_assets", False),
    ("latency", None),
    ("queue_model", "risk_averse"),
    ("position_mode", "one_way"),
    ("leverage", None),
    ("margin_type", None),
    ("rulebook", "textbook"),
    ("mode", "separated"),
)
"""What a world is like where nothing special is chosen."""


def shrink(case: Case, found: Finding, seconds: float, test: Test = run) -> tuple[Case, Finding]:
    """Return the smallest case found in some seconds that fails as ``found`` does."""
    search = _Search(found, time.monotonic() + seconds, test)
    case = search.redrawn(case)
    case = search.cut(case, found.row)
    while True:
        size = (len(case.rows), len(case.commands))
        case = search.fewer_commands(case)
        case = search.fewer_rows(case)
        case = search.plainer(case)
        if search.over or (len(case.rows), len(case.commands)) == size:
            return case.without(said=search.found.said), search.found


class _Search:
    def __init__(self, found: Finding, until: float, test: Test) -> None:
        self.found, self.until, self.test = found, until, test

    @property
    def over(self) -> bool:
        return time.monotonic() > self.until

    def fails(self, case: Case) -> bool:
        """Whether a case still fails in the same way."""
        if self.over or len(case.rows) == 0:
            return False
        try:
            found = self.test(case)
        except Exception:  # no case at all, such as a world without its market
            return False
        if found.kind != self.found.kind:
            return False
        self.found = found
        return True

    def redrawn(self, case: Case) -> Case:
        """The same seed with fewer faults, where the case is of a seed."""
        kept = list(range(len(case.faults)))
        for number in list(kept):
            left = [one for one in kept if one != number]
            tried = cases.draw(case.seed, left)
            if self.fails(tried):
                kept, case = left, tried
        return case

    def cut(self, case: Case, row: int) -> Case:
        """Nothing after the row at which it failed."""
        tried = case.without(rows=case.rows[: row + 1])
        return tried if row and self.fails(tried) else case

    def fewer_commands(self, case: Case) -> Case:
        left = _parts(case.commands, lambda part: self.fails(case.without(commands=tuple(part))))
        return case.without(commands=tuple(left))

    def fewer_rows(self, case: Case) -> Case:
        def test(part: Sequence[int]) -> bool:
            return self.fails(case.without(rows=case.rows[np.array(part, dtype=np.int64)]))

        left = _parts(range(len(case.rows)), test)
        return case.without(rows=case.rows[np.array(left, dtype=np.int64)])

    def plainer(self, case: Case) -> Case:
        """Choices of the world that do not matter are the plain ones."""
        for name, plain in PLAIN:
            if case.world[name] != plain:
                tried = case.without(world={**case.world, name: plain})
                if self.fails(tried):
                    case = tried
        return case


def _parts(items: Sequence[T], test: Callable[[Sequence[T]], bool], most: int = 12) -> Sequence[T]:
    """Return a part of items that still fails, and as small as leaving out parts makes it."""
    left: list[T] = list(items)
    size = len(left)
    for _ in range(most):
        size = max(1, size // 2)
        at = 0
        while at < len(left):
            tried = left[:at] + left[at + size :]
            if test(tried):
                left = tried
            else:
                at += size
        if size == 1:
            break
    return left
