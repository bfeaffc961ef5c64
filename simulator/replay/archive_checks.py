"""What is watched over a whole file: times that run backwards, ids that repeat or are missing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from simulator.replay.archive_values import Fields
from simulator.replay.source import RAW_SCHEMA, Issues

GAPS_KEPT = 1_000_000
"""Holes in the ids that are remembered, to tell late trades from duplicates."""

Array = np.ndarray[Any, np.dtype[Any]]


def raw_frame(columns: dict[str, pl.Series | pl.Expr | int]) -> pl.DataFrame:
    """Return a raw frame of the columns given as Series or constants; the others are 0.

    ``time_ns`` must be a Series; it gives the height.
    """
    time = columns["time_ns"]
    assert isinstance(time, pl.Series)
    frame = pl.DataFrame({"time_ns": time})
    values = [
        value.alias(name) if isinstance(value, (pl.Series, pl.Expr)) else pl.lit(value).alias(name)
        for name, value in ({name: 0 for name in RAW_SCHEMA if name != "time_ns"} | columns).items()
        if name != "time_ns"
    ]
    return frame.with_columns(values).select(
        [pl.col(name).cast(kind) for name, kind in RAW_SCHEMA.items()]
    )


class Clock:
    """Keeps the times of a file from running backwards, and counts where they did."""

    def __init__(self, issues: Issues) -> None:
        self._issues = issues
        self._latest = 0

    def rising(self, fields: Fields, times: pl.Series) -> pl.Series:
        """Return ``times`` raised to the latest seen so far."""
        if times.is_empty():
            return times
        raised = pl.Series(np.maximum(times.cum_max().to_numpy(), self._latest))
        late = times < raised
        if late.any():
            first = late.arg_max()
            assert first is not None
            self._issues.add("time_backwards", int(late.sum()), fields.line(first))
        self._latest = int(raised[-1])
        return raised


class Ids:
    """Finds duplicate trade ids, holes and steps backwards over a whole file.

    The ids seen are ``first .. latest`` less the holes found, so a late duplicate is told from a
    late trade without keeping every id.  Exchanges other than Binance do not number without holes
    (``consecutive`` false): there an id is a duplicate if it equals the one before it.
    """

    def __init__(self, issues: Issues, consecutive: bool = True) -> None:
        self._issues = issues
        self._consecutive = consecutive
        self._first: int | None = None
        self._latest = 0
        self._holes: list[tuple[int, int]] = []
        self._before: Ids | None = None

    def follow(self, other: Ids) -> None:
        """Go on from another file's ids, unless the own ones turn out to begin before them."""
        self._before = other

    def _begin(self, first: int) -> None:
        before = self._before
        go_on = before is not None and self._consecutive and before._first is not None
        if before is not None and before._first is not None and go_on and first >= before._first:
            self._first, self._latest, self._holes = before._first, before._latest, before._holes
        else:
            self._first, self._latest = first, first - 1

    def fresh(self, fields: Fields, ids: pl.Series) -> pl.Series | None:
        """Return which rows to keep, ``None`` for all; holes and steps backwards are counted."""
        if ids.is_empty():
            return None
        values = ids.to_numpy()
        if self._first is None:
            self._begin(int(values[0]))
        if not self._consecutive:
            return self._not_repeated(fields, values)
        before = np.maximum.accumulate(np.concatenate(([self._latest], values)))
        rising = values > before[:-1]
        self._note_holes(fields, values[rising], before[:-1][rising])
        self._latest = int(before[-1])
        return None if rising.all() else self._judge(fields, values, rising)

    def _not_repeated(self, fields: Fields, values: Array) -> pl.Series | None:
        before = np.concatenate(([self._latest], values[:-1]))
        self._latest = int(values[-1])
        repeated = values == before
        if not repeated.any():
            return None
        where = fields.line(int(repeated.argmax()))
        self._issues.add("duplicate_ids", int(repeated.sum()), where)
        return pl.Series(~repeated)

    def _note_holes(self, fields: Fields, values: Array, before: Array) -> None:
        holes = np.flatnonzero(values > before + 1)
        if not holes.size:
            return
        pairs = [(int(before[at]) + 1, int(values[at]) - 1) for at in holes]
        first, last = pairs[0]
        self._issues.add("id_gaps", len(pairs), f"{fields.name}: ids {first} to {last}")
        self._issues.add("missing_ids", sum(last - first + 1 for first, last in pairs))
        self._holes += pairs[: max(0, GAPS_KEPT - len(self._holes))]

    def _judge(self, fields: Fields, values: Array, rising: Array) -> pl.Series:
        """Tell late trades (kept) from duplicates (dropped) among ids that do not rise."""
        assert self._first is not None
        starts = np.array([0] + [hole[0] for hole in self._holes], dtype=np.int64)
        ends = np.array([-1] + [hole[1] for hole in self._holes], dtype=np.int64)
        rows = np.flatnonzero(~rising)
        low = values[rows]
        in_hole = low <= ends[np.maximum(np.searchsorted(starts, low, side="right") - 1, 0)]
        late = np.flatnonzero(in_hole | (low < self._first))
        # of a late id that comes several times the first counts
        late = late[np.unique(low[late], return_index=True)[1]]
        keep = rising.copy()
        keep[rows[late]] = True
        for key, found in (("ids_backwards", rows[late]), ("duplicate_ids", np.flatnonzero(~keep))):
            if found.size:
                self._issues.add(key, int(found.size), fields.line(int(found.min())))
        return pl.Series(keep)


def utc(time_ns: int) -> str:
    """Return a time as text, to the second."""
    return datetime.fromtimestamp(time_ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")
