"""Merge time-ordered frames from many sources into one order, in one pass and bounded memory.

The order is ``(time_ns, position of the source, order within the source)``.  A source is opened
only when the merge reaches its first row, so many files that follow each other cost no more than
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(slots=True)
class Stream:
    """Frames with a column ``time_ns`` that never decreases; ``first_ns`` is its first value."""

    first_ns: int
    open: Callable[[], Iterator[pl.DataFrame]]


@dataclass(slots=True)
class _Buffer:
    """The part of a stream that is in memory."""

    frames: Iterator[pl.DataFrame]
    frame: pl.DataFrame = field(default_factory=pl.DataFrame)
    times: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    ended: bool = False

    def fill(self) -> None:
        """Append the next frame that has rows."""
        for frame in self.frames:
            if frame.height:
                self.frame = pl.concat([self.frame, frame]) if self.frame.height else frame
                self.times = self.frame["time_ns"].to_numpy()
                return
        self.ended = True

    def take(self, before: int | None) -> pl.DataFrame:
        """Remove and return the rows earlier than ``before``, all of them if ``None``."""
        rows = self.times.size if before is None else int(np.searchsorted(self.times, before))
        taken = self.frame[:rows]
        self.frame, self.times = self.frame[rows:], self.times[rows:]
        return taken


def merge(streams: list[Stream]) -> Iterator[pl.DataFrame]:
    """Yield frames of all streams' rows in order; each is as large as what could be decided."""
    if len(streams) == 1:
        yield from (frame for frame in streams[0].open() if frame.height)
        return
    waiting = sorted(range(len(streams)), key=lambda i: streams[i].first_ns, reverse=True)
    active: dict[int, _Buffer] = {}
    while waiting or active:
        if not active:
            _open(streams, waiting.pop(), active)
        edge = _edge(active)
        while waiting and (edge is None or streams[waiting[-1]].first_ns <= edge):
            if edge is None and streams[waiting[-1]].first_ns > _latest(active):
                break
            _open(streams, waiting.pop(), active)
            edge = _edge(active)
        yield from _step(active, edge)


def _open(streams: list[Stream], i: int, active: dict[int, _Buffer]) -> None:
    buffer = _Buffer(streams[i].open())
    buffer.fill()
    if not buffer.ended:
        active[i] = buffer


def _edge(active: dict[int, _Buffer]) -> int | None:
    """Return the time up to which, not included, all rows are in memory; ``None`` is no limit."""
    return min((int(b.times[-1]) for b in active.values() if not b.ended), default=None)


def _latest(active: dict[int, _Buffer]) -> int:
    return max((int(b.times[-1]) for b in active.values() if b.times.size), default=-(2**63))


def _step(active: dict[int, _Buffer], edge: int | None) -> Iterator[pl.DataFrame]:
    parts = [active[i].take(edge) for i in sorted(active)]
    parts = [part for part in parts if part.height]
    if len(parts) == 1:
        yield parts[0]
    elif parts:
        joined = pl.concat(parts)
        yield joined[np.argsort(joined["time_ns"].to_numpy(), kind="stable")]
    for i, buffer in list(active.items()):
        if not buffer.ended and (not buffer.times.size or int(buffer.times[-1]) == edge):
            buffer.fill()
        if buffer.ended and not buffer.times.size:
            del active[i]
