"""Sorted batches put aside during an import, and what can be known only from all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.market.tape import DERIVED, Kind
from simulator.replay.steps import KINDS, Steps

Progress = Callable[[str, int, int], None]
"""Told ``(stage, done, total)`` in bytes or rows."""


@dataclass(frozen=True, slots=True)
class Run:
    """A sorted batch put aside; ``derived_book`` as in ``simulator.replay.source.Source``."""

    path: Path
    first_ns: int
    derived_book: bool


@dataclass(slots=True)
class Census:
    """Rows by instrument and kind, and which instruments have recorded depth."""

    kinds: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, KINDS), dtype=np.int64))
    depth: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def see(self, frame: pl.DataFrame) -> None:
        """Count a frame's rows."""
        number = frame["instrument"].to_numpy().astype(np.int64)
        kind, flags = frame["kind"].to_numpy(), frame["flags"].to_numpy()
        self._grow(int(number.max()) + 1)
        self.kinds += np.bincount(number * KINDS + kind, minlength=self.kinds.size).reshape(
            self.kinds.shape
        )
        recorded = (kind == Kind.DEPTH) & (flags & DERIVED == 0)
        self.depth[np.unique(number[recorded])] = True

    def _grow(self, instruments: int) -> None:
        missing = instruments - len(self.depth)
        if missing > 0:
            self.kinds = np.vstack([self.kinds, np.zeros((missing, KINDS), dtype=np.int64)])
            self.depth = np.r_[self.depth, np.zeros(missing, dtype=bool)]

    def of(self, number: int) -> dict[str, int]:
        """Return the rows of an instrument by the names of their kinds."""
        if number >= len(self.depth):
            return {}
        return {kind.name: int(n) for kind in Kind if (n := self.kinds[number, kind])}

    def has_depth(self, number: int) -> bool:
        """Whether an instrument has depth that was recorded."""
        return number < len(self.depth) and bool(self.depth[number])


@dataclass(slots=True)
class Runs:
    """All batches of an import."""

    folder: Path
    runs: list[Run] = field(default_factory=list)
    steps: Steps = field(default_factory=Steps)
    census: Census = field(default_factory=Census)
    rows: int = 0

    def add(self, batch: pl.DataFrame, derived_book: bool = False) -> None:
        """Put a batch aside; it must be sorted by time."""
        if not batch.height:
            return
        self.steps.see(batch)
        self.census.see(batch)
        path = self.folder / f"{len(self.runs)}.arrow"
        batch.write_ipc(path)
        self.runs.append(Run(path, int(batch["time_ns"][0]), derived_book))
        self.rows += batch.height
