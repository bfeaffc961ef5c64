"""Batches made up for tests: every table, every kind of column, numbers of all sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.store.batch import TABLES, Batch, Columns, rows_of

TEXTS = (None, "BTC", '{"a": "é\'\\""}', "", "line\nline\ttab \\N \\.")


def columns_of(table: str, rows: int, draw: np.random.Generator) -> Columns:
    """Return rows of a table, drawn."""
    columns: Columns = {}
    for name, kind in TABLES[table].items():
        if kind == "int":
            width = int(draw.integers(0, 64))
            bound = (1 << width) - 1
            columns[name] = draw.integers(-bound - 1 if width else 0, bound, rows, endpoint=True)
        elif kind == "float":
            columns[name] = draw.normal(size=rows) * 10.0 ** draw.integers(-9, 9)
        else:
            columns[name] = [TEXTS[at] for at in draw.integers(0, len(TEXTS), rows)]
    return columns


def batches_of(count: int, rows: int = 40, seed: int = 1, first: int = 0) -> list[Batch]:
    """Return batches that follow each other from ``first`` on, up to ``rows`` rows a table."""
    made = []
    for number in range(first, first + count):
        draw = np.random.default_rng([seed, number])
        sizes = {name: int(draw.integers(0, rows, endpoint=True)) for name in TABLES}
        tables = {name: columns_of(name, size, draw) for name, size in sizes.items() if size}
        made.append(Batch(number, 100 * (number + 1), 10**9 * number, f"{number:064x}", "", tables))
    return made


def same(one: Batch, other: Batch) -> bool:
    """Return whether two batches are equal to the bit."""
    return _plain(one) == _plain(other)


def _plain(batch: Batch) -> tuple[Any, ...]:
    tables = {
        name: {
            column: values if isinstance(values, list) else (values.dtype.str, values.tobytes())
            for column, values in columns.items()
        }
        for name, columns in batch.tables.items()
        if rows_of(columns)
    }
    return batch.number, batch.tape_rows, batch.time_ns, batch.digest, batch.asked, tables
