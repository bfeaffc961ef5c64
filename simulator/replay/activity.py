"""How long tapes really last: recordings of different days lie far apart, with nothing between."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

SHORT_NS = 3_600_000_000_000
"""A span up to this (one hour) is taken as it is."""

BREAK_NS = 600_000_000_000
"""Shortest break: ten minutes without a row."""

BREAK_SHARE = 0.01
"""And it must be this share of the span; quiet hours of bars are no break."""

LOOKED_AT = 100_000
"""Rows of a tape whose times are compared."""

CHUNK_ROWS = 1 << 22


def active_ns(tapes: Sequence[Path], span: tuple[int, int]) -> int:
    """Return the length of ``span`` (first and last time, ns) less its breaks, roughly."""
    length = span[1] - span[0]
    if length <= SHORT_NS:
        return length
    times = np.concatenate([np.array(span), *(_times(tape) for tape in tapes)])
    times = np.sort(times[(times >= span[0]) & (times <= span[1])])
    steps = np.diff(times)
    return int(steps[steps < max(BREAK_NS, BREAK_SHARE * length)].sum())


def _times(tape: Path) -> np.ndarray:
    """Return evenly chosen times of a tape, a bounded part of which is in memory at once."""
    scan = pl.scan_parquet(tape).select("time_ns")
    rows = int(scan.select(pl.len()).collect().item())
    every = max(1, rows // LOOKED_AT)
    parts = [
        scan.slice(at, CHUNK_ROWS).collect()["time_ns"].gather_every(every).to_numpy()
        for at in range(0, rows, CHUNK_ROWS)
    ]
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])
