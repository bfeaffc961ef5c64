"""What is durable of a run, read back: rows of its tables, whether they stand there yet or not.

A batch is durable once its packed columns are; its rows go to their tables after that
(`simulator.store.writing_process`).  A reader gives both alike.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Table, select

from simulator.errors import InputError
from simulator.store.batch import PACKED, TABLES, Batch, Column, Columns, rows_of
from simulator.store.pack import unpack
from simulator.store.schema import BATCHES, PACKS, PENDING, ROWS

if TYPE_CHECKING:
    from simulator.store.database import Database

NUMBERS = {"int": "i8", "float": "f8"}

MOST_ROWS = 2**63 - 1
"""Most rows of a table, whose numbers are int64."""


class Reader:
    """Reads a run as it was durable when the reader was made.

    ``batches`` are its batches by number: n, tape_rows, time_ns, digest, asked, and counts, the
    rows of each table up to its end.  Raises ``InputError`` where the database holds something
    else than a writer leaves.
    """

    def __init__(self, database: Database, run: int) -> None:
        self.database, self.run = database, run
        with database.reading() as connection:
            query = select(BATCHES).where(BATCHES.c.run == run).order_by(BATCHES.c.n)
            found = [dict(row) for row in connection.execute(query).mappings()]
        for at, row in enumerate(found):
            if row["n"] != at:
                raise self._damaged("batches", at, "is missing")
            # SQLite keeps what it is given, whatever the type of the column.
            for name, kind in (
                ("tape_rows", int),
                ("time_ns", int),
                ("digest", str),
                ("asked", str),
            ):
                if not isinstance(row[name], kind):
                    raise self._damaged("batches", at, f"{name} {row[name]!r} is damaged")
            row["counts"] = self._counts(row)
        self.batches: list[dict[str, Any]] = found

    def _damaged(self, table: str, row: int, what: str) -> InputError:
        return InputError(f"{self.database.where}: run {self.run}, {table} row {row}: {what}")

    def _counts(self, row: dict[str, Any]) -> dict[str, int]:
        try:
            found = json.loads(row["counts"])
            counts = {name: found.get(name, 0) for name in TABLES}
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise self._damaged("batches", row["n"], "counts are not a JSON object") from None
        for name, count in counts.items():
            if type(count) is not int or not 0 <= count <= MOST_ROWS:  # a bool is none either
                what = f"counts: {name}: must be a number of rows, not {count!r:.60}"
                raise self._damaged("batches", row["n"], what)
        return counts

    def count(self, table: str) -> int:
        """Return the number of rows of a table that are durable."""
        return int(self.batches[-1]["counts"][table]) if self.batches else 0

    def batch(self, number: int) -> Batch:
        """Return a batch as it was put."""
        row = self.batches[number]
        before = self.batches[number - 1]["counts"] if number else dict.fromkeys(TABLES, 0)
        tables = {}
        kept, rest = self._kept(number), self._packed(PENDING, number)
        for name in TABLES:
            start, stop = before[name], row["counts"][name]
            if start == stop:
                continue
            packed = kept if name in PACKED else rest
            found = self._stored(name, start, stop) if packed is None else packed.get(name, {})
            if rows_of(found) != stop - start:
                what = f"{stop - start} rows are counted, {rows_of(found)} are there"
                raise self._damaged(name, start, f"of batch {number} {what}")
            tables[name] = found
        return Batch(number, row["tape_rows"], row["time_ns"], row["digest"], row["asked"], tables)

    def rows(self, table: str, start: int = 0, stop: int | None = None) -> Columns:
        """Return rows of a table, from number ``start`` up to ``stop`` (``None``: to the end)."""
        if table not in TABLES:
            raise InputError(f"no table {table!r}; there are: {', '.join(TABLES)}")
        stop = self.count(table) if stop is None else min(stop, self.count(table))
        ends = [row["counts"][table] for row in self.batches]
        parts: list[Columns] = []
        # Rows stand in their table up to some batch, and packed from it on.
        at = start
        while at < stop:
            number = bisect_right(ends, at)
            packed = self._kept(number) if table in PACKED else self._packed(PENDING, number)
            if packed is None:
                after = self._first_pending(number)
                end = min(stop, ends[after - 1]) if after > number else ends[number]
                part = self._stored(table, at, end)
                if rows_of(part) != end - at:
                    raise self._damaged(table, at, f"{rows_of(part)} of {end - at} rows are there")
            else:
                begin = ends[number - 1] if number else 0
                end = min(stop, ends[number])
                part = {
                    name: column[at - begin : end - begin]
                    for name, column in packed.get(table, {}).items()
                }
                if rows_of(part) != end - at:
                    raise self._damaged(
                        table, at, f"of batch {number}: not as many rows as counted"
                    )
            parts.append(part)
            at = end
        return _joined(table, parts)

    def _first_pending(self, number: int) -> int:
        """Return the first batch after ``number`` whose rows are packed, or the end."""
        query = select(PENDING.c.n).where(PENDING.c.run == self.run, PENDING.c.n > number)
        with self.database.reading() as connection:
            found = connection.execute(query.order_by(PENDING.c.n).limit(1)).scalar()
        if found is not None and not isinstance(found, int):
            raise self._damaged("pending", number + 1, f"n {found!r} is damaged")
        return len(self.batches) if found is None else min(found, len(self.batches))

    def _kept(self, number: int) -> dict[str, Columns]:
        """Return the tables of a batch that are kept packed."""
        found = self._packed(PACKS, number)
        if found is None:
            raise self._damaged("packs", number, "is missing")
        return found

    def _packed(self, table: Table, number: int) -> dict[str, Columns] | None:
        """Return the tables that a batch has in ``PACKS`` or ``PENDING``."""
        query = select(table.c.body).where(table.c.run == self.run, table.c.n == number)
        with self.database.reading() as connection:
            found = connection.execute(query).scalar()
        try:
            return None if found is None else unpack(found)
        except ValueError as error:
            raise self._damaged(table.name, number, str(error)) from None

    def _stored(self, name: str, start: int, stop: int) -> Columns:
        table = ROWS[name]
        kinds = TABLES[name]
        query = select(*(table.c[column] for column in kinds))
        query = query.where(table.c.run == self.run, table.c.n >= start, table.c.n < stop)
        with self.database.reading() as connection:
            # The driver's own rows: SQLAlchemy's cost as much again.
            cursor = connection.execute(query.order_by(table.c.n))
            values = list(zip(*cursor.cursor.fetchall(), strict=True)) or [()] * len(kinds)
        columns: Columns = {}
        for (column, kind), found in zip(kinds.items(), values, strict=True):
            if kind not in NUMBERS:
                columns[column] = list(found)
                continue
            whole = _numbers(found, kind)
            if whole is None:
                at = next(i for i in range(len(found)) if _numbers(found[i : i + 1], kind) is None)
                raise self._damaged(name, start + at, f"{column}: {found[at]!r} is no {kind}")
            columns[column] = whole
        return columns


def _numbers(found: Sequence[Any], kind: str) -> npt.NDArray[Any] | None:
    """Return values as an array, ``None`` unless they are numbers of that kind.

    SQLite stores any type in any column, and no number for one that is none (NaN).
    """
    if kind == "float" and None in found:
        found = [float("nan") if one is None else one for one in found]
    whole = np.array(found) if found else np.zeros(0, dtype=NUMBERS[kind])
    return whole if whole.dtype == NUMBERS[kind] else None


def _joined(table: str, parts: list[Columns]) -> Columns:
    columns: Columns = {}
    for name, kind in TABLES[table].items():
        found: list[Any] = [part[name] for part in parts]
        joined: Column
        if kind not in NUMBERS:
            joined = [value for part in found for value in part]
        else:
            joined = np.concatenate(found) if found else np.zeros(0, dtype=NUMBERS[kind])
        columns[name] = joined
    return columns
