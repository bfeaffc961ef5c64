"""Columns of a batch as bytes: integers as narrow as their range allows, nothing else.

A packed batch is a JSON header, its length before it in four bytes, and the columns one after the
other, little-endian.  The header says of each table the number of rows and of each column its
type and the number that was taken off: the widths are found for a table at once, because a batch
of a busy run has dozens of columns of only some hundred rows.  Texts are a JSON list.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from simulator.store.batch import TABLES, Column, Columns, rows_of

WIDTHS = ((1 << 8, "u1"), (1 << 16, "u2"), (1 << 32, "u4"))
NARROW = {kind: np.dtype("<" + kind) for _, kind in WIDTHS}
CONSTANT, FLOATS, TEXTS, WHOLE = "=", "f8", "t", "i8"
"""Types of a column beside the narrow ones: one value, float64, a JSON list, int64."""

WHOLES = (CONSTANT, WHOLE, *(kind for _, kind in WIDTHS))

MOST_ROWS = 1 << 27
"""Rows of a table in one batch, at most: a damaged header shall not ask for all memory."""


def pack(tables: Mapping[str, Columns]) -> bytes:
    """Return tables as bytes; tables without rows are left out.

    Raises ``ValueError`` for a table or columns that are not those of ``TABLES``, or of unequal
    lengths.

    >>> columns = {"kind": ["asset"], "number": np.array([7]), "name": ["BTC"]}
    >>> unpack(pack({"names": columns}))["names"]
    {'kind': ['asset'], 'number': array([7]), 'name': ['BTC']}
    """
    header = []
    body: list[bytes] = []
    for name, columns in tables.items():
        kinds = TABLES.get(name, {})
        if columns.keys() != kinds.keys():
            raise ValueError(f"columns of {name}: {sorted(columns)} are not {sorted(kinds)}")
        rows = rows_of(columns)
        if set(map(len, columns.values())) - {rows}:
            raise ValueError(f"columns of {name} are of unequal lengths")
        if rows:
            header.append([name, rows, _pack_table(kinds, columns, body)])
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join((struct.pack("<I", len(text)), text, *body))


def _pack_table(
    kinds: Mapping[str, str], columns: Columns, body: list[bytes]
) -> list[tuple[str, str, int]]:
    """Append the columns to ``body``; return name, type and what was taken off of each."""
    packed: list[tuple[str, str, int]] = []
    whole = [name for name, kind in kinds.items() if kind == "int"]
    if whole:
        table = np.array([columns[name] for name in whole], dtype="<i8")
        ends = zip(
            whole, table, table.min(axis=1).tolist(), table.max(axis=1).tolist(), strict=True
        )
        for name, column, low, high in ends:
            kind = CONSTANT if low == high else _narrow(high - low)
            packed.append((name, kind, low))
            if kind == WHOLE:
                # As unsigned numbers the differences wrap round to the right ones.
                body.append((column - low).tobytes())
            elif kind != CONSTANT:
                narrow = np.empty(len(column), NARROW[kind])
                body.append(np.subtract(column, low, out=narrow, casting="unsafe").tobytes())
    for name, kind in kinds.items():
        column = columns[name]
        if kind == "float":
            packed.append((name, FLOATS, 0))
            body.append(np.asarray(column, dtype="<f8").tobytes())
        elif kind != "int":
            texts = cast("list[str | None]", column)
            data = b"" if texts.count(None) == len(texts) else json.dumps(texts).encode()
            packed.append((name, TEXTS, len(data)))
            body.append(data)
    return packed


def _narrow(width: int) -> str:
    for bound, kind in WIDTHS:
        if width < bound:
            return kind
    return WHOLE


def unpack(data: bytes, wanted: Iterable[str] | None = None) -> dict[str, Columns]:
    """Return the tables of a packed batch, or of them those ``wanted``.

    Raises ``ValueError`` where the bytes are not a packed batch.
    """
    try:
        (length,) = struct.unpack_from("<I", data)
        header: list[Any] = json.loads(data[4 : 4 + length])
        names = None if wanted is None else frozenset(wanted)
        tables: dict[str, Columns] = {}
        at = 4 + length
        for name, rows, columns in header:
            found: Columns = {}
            _check(name, rows, columns)
            for column, kind, low in columns:
                size = _size(kind, low, rows)
                if at + size > len(data):
                    raise ValueError("it ends in the middle of a column")
                if names is None or name in names:
                    found[column] = _column(data[at : at + size], kind, low, rows)
                at += size
            if names is None or name in names:
                order = TABLES.get(name, found)
                tables[name] = {column: found[column] for column in order if column in found}
    except (
        struct.error,
        TypeError,
        KeyError,
        OverflowError,
        UnicodeDecodeError,
        json.JSONDecodeError,
    ) as error:
        raise ValueError(f"not a packed batch: {error}") from None
    if at != len(data):
        raise ValueError(f"not a packed batch: {len(data)} bytes where it has {at}")
    return tables


def _check(name: str, rows: int, columns: list[Any]) -> None:
    """Raise ``ValueError`` for what no table is packed as: a byte of the header has turned."""
    kinds = TABLES[name]
    if {column for column, _, _ in columns} != kinds.keys() or not 0 < rows <= MOST_ROWS:
        raise ValueError(f"not a packed batch: {name} has not {rows} rows of these columns")
    for column, kind, low in columns:
        known = {"int": WHOLES, "float": (FLOATS,)}.get(kinds[column], (TEXTS,))
        if kind not in known or (kind == TEXTS and low < 0):
            raise ValueError(f"not a packed batch: {name}, {column}: type {kind!r}")


def _size(kind: str, low: int, rows: int) -> int:
    if kind == CONSTANT:
        return 0
    if kind == TEXTS:
        return low
    return rows * np.dtype(kind).itemsize


def _column(data: bytes, kind: str, low: int, rows: int) -> Column:
    if kind == CONSTANT:
        return np.full(rows, low, dtype="i8")
    if kind == TEXTS:
        texts: list[str | None] = json.loads(data) if data else [None] * rows
        if not isinstance(texts, list) or len(texts) != rows:
            raise ValueError(f"not a packed batch: not {rows} texts")
        return texts
    if kind == FLOATS:
        return np.frombuffer(data, dtype="<f8").astype("f8")
    # The sum wraps round as the difference did; of whole arrays numpy says nothing of it.
    offsets: npt.NDArray[Any] = np.frombuffer(data, dtype="<" + kind)
    whole: npt.NDArray[np.int64] = np.add(offsets, low, dtype="i8", casting="unsafe")
    return whole
