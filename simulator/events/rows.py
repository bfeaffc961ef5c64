"""Rows of int64 that somebody collects now and then: what a journal is fed with (hot module)."""

import cython
import numpy as np


@cython.cclass
class Rows:
    """Rows of ``width`` int64 in a column store that grows; `take` empties it.

    >>> rows = Rows(3)
    >>> rows.extend(np.array([[1, 2, 3], [4, 5, 6]], dtype="i8"))
    >>> rows.take().tolist(), rows.take().tolist(), rows.count
    ([[1, 2, 3], [4, 5, 6]], [], 2)
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.count = 0
        self.used = 0
        self.row = memoryview(np.zeros((256, width), dtype="<i8"))

    @cython.cfunc
    @cython.exceptval(-1)
    def next(self) -> cython.int:
        """Return the place in ``row`` of a new row, all zero."""
        if self.used == self.row.shape[0]:
            self._grow(self.used + 1)
        self.used += 1
        self.count += 1
        return self.used - 1

    def _grow(self, needed: int) -> None:
        size = int(self.row.shape[0])
        while size < needed:
            size *= 2
        grown = np.zeros((size, self.width), dtype="<i8")
        grown[: self.used] = np.asarray(self.row)[: self.used]
        self.row = memoryview(grown)

    def extend(self, rows: np.ndarray) -> None:
        """Append int64 rows [rows, width]."""
        if self.used + len(rows) > self.row.shape[0]:
            self._grow(self.used + len(rows))
        np.asarray(self.row)[self.used : self.used + len(rows)] = rows
        self.used += len(rows)
        self.count += len(rows)

    def take(self) -> np.ndarray:
        """Return the rows since the last call, [rows, width] int64, and forget them."""
        whole = np.asarray(self.row)[: self.used]
        taken = whole.copy()
        whole[:] = 0
        self.used = 0
        return taken
