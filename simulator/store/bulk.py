"""Many rows into a table at once: as SQLite and PostgreSQL take them fastest.

SQLite: one prepared statement of many rows, fed whole numbers of one flat list; a statement of one
row costs half as much again.  PostgreSQL: ``COPY`` in binary form, which numpy lays out: a row of
whole numbers is a record of fixed length.  Both go through the driver's own connection, within the
transaction that SQLAlchemy began on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from simulator.store.batch import TABLES, Column, Columns, rows_of

TOGETHER: Final = 400
"""About how many values go into a statement of SQLite's; more gain nothing."""

COPY_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END: Final = b"\xff\xff"
"""PostgreSQL's manual, COPY, "Binary Format"."""


def insert(
    connection: Connection, run: int, firsts: Mapping[str, int], tables: Mapping[str, Columns]
) -> None:
    """Insert rows of ``tables``, numbered from ``firsts`` on, within the connection's transaction.

    Raises the driver's own errors.
    """
    cursor: Any = connection.connection.cursor()
    try:
        for name, columns in tables.items():
            if not rows_of(columns):
                continue
            if connection.dialect.name == "sqlite":
                _insert(cursor, name, run, firsts[name], columns)
            else:
                _copy(cursor, name, run, firsts[name], columns)
    finally:
        cursor.close()


def joined(parts: list[dict[str, Columns]]) -> dict[str, Columns]:
    """Return the tables of batches that follow each other as one."""
    tables: dict[str, list[Columns]] = {}
    for part in parts:
        for name, columns in part.items():
            tables.setdefault(name, []).append(columns)
    return {
        name: found[0] if len(found) == 1 else {one: _end_to_end(found, one) for one in found[0]}
        for name, found in tables.items()
    }


def _end_to_end(parts: list[Columns], name: str) -> Column:
    found: list[Any] = [part[name] for part in parts]
    if isinstance(found[0], list):
        return [text for part in found for text in part]
    whole: npt.NDArray[np.int64] = np.concatenate(found)
    return whole


def _filled(columns: Columns) -> dict[str, Column]:
    """Return the columns that hold anything but nothing."""
    return {
        name: column
        for name, column in columns.items()
        if not isinstance(column, list) or column.count(None) < len(column)
    }


def _numbered(run: int, first: int, columns: dict[str, Column]) -> npt.NDArray[np.int64]:
    """Return whole numbers [row, column] with run and row number before them."""
    rows = rows_of(columns)
    table = np.empty((rows, len(columns) + 2), dtype="i8")
    table[:, 0] = run
    table[:, 1] = np.arange(first, first + rows)
    for at, column in enumerate(columns.values(), start=2):
        table[:, at] = column
    return table


def _insert(cursor: Any, name: str, run: int, first: int, columns: Columns) -> None:
    filled = _filled(columns)
    width = len(filled) + 2
    names = ",".join(f'"{column}"' for column in ("run", "n", *filled))
    row = "(" + ",".join("?" * width) + ")"
    statement = f'INSERT INTO "{name}" ({names}) VALUES '  # nosec B608 # names of TABLES
    if any(kind != "int" for kind in _kinds(name, filled)):
        rows = rows_of(filled)
        values = [
            column if isinstance(column, list) else column.tolist() for column in filled.values()
        ]
        numbers = range(first, first + rows)
        cursor.executemany(statement + row, zip([run] * rows, numbers, *values, strict=True))
        return
    table = _numbered(run, first, filled)
    together = max(1, TOGETHER // width)
    whole = len(table) // together * together
    if whole:
        cursor.executemany(
            statement + ",".join([row] * together),
            table[:whole].reshape(-1, width * together).tolist(),
        )
    if whole < len(table):
        cursor.executemany(statement + row, table[whole:].tolist())


def _kinds(name: str, filled: Mapping[str, Column]) -> list[str]:
    return [TABLES[name][column] for column in filled]


def _copy(cursor: Any, name: str, run: int, first: int, columns: Columns) -> None:
    filled = _filled(columns)
    names = ",".join(f'"{column}"' for column in ("run", "n", *filled))
    texts = {one: column for one, column in filled.items() if isinstance(column, list)}
    statement = f'COPY "{name}" ({names}) FROM STDIN (FORMAT BINARY)'
    with cursor.copy(statement) as copy:
        if not texts:
            copy.write(COPY_HEAD + _records(run, first, filled) + COPY_END)
            return
        copy.set_types(["int8", "int8", *(POSTGRES[kind] for kind in _kinds(name, filled))])
        values = [
            column if isinstance(column, list) else column.tolist() for column in filled.values()
        ]
        for number, row in enumerate(zip(*values, strict=True), start=first):
            copy.write_row((run, number, *row))


POSTGRES: Final = {"int": "int8", "float": "float8", "text": "text", "json": "text"}


def _records(run: int, first: int, columns: dict[str, Column]) -> bytes:
    """Return rows of numbers in the binary form: a count of values, then length and value."""
    rows = rows_of(columns)
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for at, column in enumerate((0, 0, *columns.values())):
        real = isinstance(column, np.ndarray) and column.dtype.kind == "f"
        fields += [(f"length{at}", ">i4"), (f"value{at}", ">f8" if real else ">i8")]
    records = np.empty(rows, dtype=fields)
    records["count"] = len(columns) + 2
    numbers = np.arange(first, first + rows)
    for at, column in enumerate((run, numbers, *columns.values())):
        records[f"length{at}"] = 8
        records[f"value{at}"] = column
    return records.tobytes()
