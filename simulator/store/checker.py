"""Compares the batches of a run that is played again with those that the database has."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from simulator.store.batch import TABLES, Batch, Column, Columns, rows_of
from simulator.store.difference import Difference
from simulator.store.reading import Reader
from simulator.store.recorder import Sink


class Enough(Exception):  # noqa: N818  (nothing is wrong)
    """All that the database has of a run has been compared, and the run is not over."""


class Checker:
    """A sink that compares, batch by batch, and raises ``Difference`` at the first one.

    After the last batch that ``reader`` has, batches go to ``then``; without it ``Enough`` is
    raised.  ``number`` is the last batch that was compared, ``differs`` whether one did.
    """

    def __init__(self, reader: Reader, then: Sink | None = None, first: int = 0) -> None:
        self.reader = reader
        self.then = then
        self.number = first - 1
        self.differs = False
        self._counts = dict.fromkeys(TABLES, 0)
        if first:
            self._counts = dict(reader.batches[first - 1]["counts"])

    def put(self, batch: Batch) -> None:
        """Compare the next batch with the one that is stored, or hand it on."""
        if batch.number >= len(self.reader.batches):
            if self.then is None:
                raise Enough
            self.then.put(batch)
            return
        try:
            self._check(batch)
        except Difference:
            self.differs = True
            raise
        self.number = batch.number

    def _check(self, batch: Batch) -> None:
        row = self.reader.batches[batch.number]
        for table in TABLES:
            self._compare(table, batch.tables.get(table, {}), row["counts"][table])
        for name in ("tape_rows", "time_ns", "digest", "asked"):
            should = getattr(batch, name)
            if row[name] != should:
                raise Difference("batches", batch.number, name, row[name], should)

    def _compare(self, table: str, columns: Columns, counted: int) -> None:
        first = self._counts[table]
        end = first + rows_of(columns)
        self._counts[table] = end
        both = min(end, counted)
        if both > first:
            found = self.reader.rows(table, first, both)
            places = {
                name: first_difference(found[name], columns[name][: both - first])
                for name in TABLES[table]
            }
            differ = {name: at for name, at in places.items() if at is not None}
            if differ:
                name, at = min(differ.items(), key=lambda one: one[1])
                has, should = _value(found[name], at), _value(columns[name], at)
                raise Difference(table, first + at, name, has, should)
        if counted != end:
            stored = json.dumps({table: counted})
            raise Difference("batches", self.number + 1, "counts", stored, json.dumps({table: end}))


def first_difference(one: Column, other: Column) -> int | None:
    """Return the place of the first value that differs, bit for bit; None where all are the same.

    >>> first_difference(np.array([1, 2]), np.array([1, 3])), first_difference(["a"], ["a"])
    (1, None)
    """
    if isinstance(one, list) or isinstance(other, list):
        pairs = enumerate(zip(one, other, strict=True))
        return next((at for at, (mine, yours) in pairs if mine != yours), None)
    mine, yours = (np.ascontiguousarray(part).view(np.int64) for part in (one, other))
    places = np.flatnonzero(mine != yours)
    return int(places[0]) if len(places) else None


def _value(column: Column, at: int) -> Any:
    value = column[at]
    return value if value is None or isinstance(value, str) else value.item()
