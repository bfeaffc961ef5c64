"""Edges of safe bands, kept sorted per risk factor (hot module).

A ``Heap`` holds one side of one factor: entries of a key, a pool and the pool's version when the
entry was made.  A pool that gets a new box raises its version, and all its old entries are stale at
once; they leave when they reach the top, or when the heap is full and is swept.  So a new edge
costs a write at the end of the columns and mostly no more, whatever the number of pools, and a
price that crosses nothing costs one comparison with ``top``.

Upper edges are kept as they are, lower edges with the sign turned, so that the first edge that a
move meets is always the smallest key.
"""

import cython
import numpy as np

NO_EDGE = cython.declare(cython.double, 1e300)


@cython.cclass
class Heap:
    """A binary heap by key in columns, with lazy deletion by version.

    >>> versions = memoryview(np.zeros(3, dtype="i4"))
    >>> heap = Heap()
    >>> for key, pool in ((3.0, 0), (1.0, 1), (2.0, 2)):
    ...     _ = heap.push(key, pool, 0, versions)
    >>> heap.pop(), heap.pop(), heap.top
    (1, 2, 3.0)
    """

    def __init__(self) -> None:
        self.size = 0
        self.top = NO_EDGE
        self._room(16)

    def _room(self, size: int) -> None:
        """Make room for ``size`` entries, keeping those there are."""
        key, pool, version = np.zeros(size), np.zeros(size, "i4"), np.zeros(size, "i4")
        if self.size:
            key[: self.size] = np.asarray(self.key)[: self.size]
            pool[: self.size] = np.asarray(self.pool)[: self.size]
            version[: self.size] = np.asarray(self.version)[: self.size]
        self.key = memoryview(key)
        self.pool = memoryview(pool)
        self.version = memoryview(version)

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def push(
        self,
        key: cython.double,
        pool: cython.int,
        version: cython.int,
        versions: cython.int[::1],
    ) -> cython.int:
        """Add an edge of a pool at its present version; a full heap is swept, or grows."""
        if self.size == self.key.shape[0]:
            self.sweep(versions)
            if 2 * self.size > self.key.shape[0]:
                self._room(2 * self.key.shape[0])
        at: cython.int = self.size
        above: cython.int
        self.size += 1
        while at > 0:
            above = (at - 1) >> 1
            if self.key[above] <= key:
                break
            self.key[at] = self.key[above]
            self.pool[at] = self.pool[above]
            self.version[at] = self.version[above]
            at = above
        self.key[at] = key
        self.pool[at] = pool
        self.version[at] = version
        self.top = self.key[0]
        return 0

    @cython.ccall
    @cython.exceptval(check=False)
    def pop(self) -> cython.int:
        """Remove the smallest edge and return its pool; ``popped`` is the edge's version, stale
        unless it is the pool's.
        """
        pool: cython.int = self.pool[0]
        self.popped = self.version[0]
        self.size -= 1
        if self.size == 0:
            self.top = NO_EDGE
            return pool
        self._down(0, self.key[self.size], self.pool[self.size], self.version[self.size])
        self.top = self.key[0]
        return pool

    @cython.cfunc
    @cython.exceptval(check=False)
    def _down(
        self, at: cython.int, key: cython.double, pool: cython.int, version: cython.int
    ) -> cython.void:
        """Put an entry where it belongs at or below ``at``."""
        below: cython.int = 2 * at + 1
        while below < self.size:
            if below + 1 < self.size and self.key[below + 1] < self.key[below]:
                below += 1
            if key <= self.key[below]:
                break
            self.key[at] = self.key[below]
            self.pool[at] = self.pool[below]
            self.version[at] = self.version[below]
            at = below
            below = 2 * at + 1
        self.key[at] = key
        self.pool[at] = pool
        self.version[at] = version

    @cython.ccall
    @cython.exceptval(check=False)
    def sweep(self, versions: cython.int[::1]) -> cython.void:
        """Drop all stale entries and put the rest in order, O(entries)."""
        kept: cython.int = 0
        at: cython.int
        for at in range(self.size):
            if versions[self.pool[at]] == self.version[at]:
                self.key[kept] = self.key[at]
                self.pool[kept] = self.pool[at]
                self.version[kept] = self.version[at]
                kept += 1
        self.size = kept
        at = (kept >> 1) - 1
        while at >= 0:
            self._down(at, self.key[at], self.pool[at], self.version[at])
            at -= 1
        self.top = self.key[0] if kept else NO_EDGE

    def bytes(self) -> int:
        """Memory of the columns."""
        return 16 * int(self.key.shape[0])


@cython.cclass
class Due:
    """Pools that wait to be recomputed, taken in ascending order, each once.

    Full recomputing goes through the pools in order, and what a pool's liquidation changes is seen
    by the pools behind it in the same pass, by those before it in the next.  So a pool added
    during a pass waits for the next one unless it lies ahead.

    >>> due = Due(5)
    >>> for pool in (3, 1):
    ...     due.add(pool)
    >>> due.take(), due.add(4), due.add(0), due.take(), due.take(), due.take()
    (1, None, None, 3, 4, -1)
    >>> due.take()
    0
    """

    def __init__(self, pools: int) -> None:
        size = max(1, pools)
        self.waits = memoryview(np.zeros(size, dtype="i1"))
        self.heap = memoryview(np.zeros(size, dtype="i4"))
        self.later = memoryview(np.zeros(size, dtype="i4"))
        self.size = self.n_later = 0
        self.current = -1

    @cython.ccall
    @cython.exceptval(check=False)
    def add(self, pool: cython.int) -> cython.void:
        """Let a pool wait; nothing happens if it does already."""
        if self.waits[pool]:
            return
        self.waits[pool] = 1
        if pool <= self.current:
            self.later[self.n_later] = pool
            self.n_later += 1
        else:
            self._push(pool)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _push(self, pool: cython.int) -> cython.void:
        at: cython.int = self.size
        above: cython.int
        self.size += 1
        while at > 0:
            above = (at - 1) >> 1
            if self.heap[above] <= pool:
                break
            self.heap[at] = self.heap[above]
            at = above
        self.heap[at] = pool

    @cython.ccall
    @cython.exceptval(check=False)
    def take(self) -> cython.int:
        """Return the next pool of this pass, -1 at its end (the next call begins another)."""
        if self.size == 0:
            self.current = -1
            while self.n_later:
                self.n_later -= 1
                self._push(self.later[self.n_later])
            return -1
        pool: cython.int = self.heap[0]
        self.size -= 1
        last: cython.int = self.heap[self.size]
        at: cython.int = 0
        below: cython.int = 1
        while below < self.size:
            if below + 1 < self.size and self.heap[below + 1] < self.heap[below]:
                below += 1
            if last <= self.heap[below]:
                break
            self.heap[at] = self.heap[below]
            at = below
            below = 2 * at + 1
        self.heap[at] = last
        self.waits[pool] = 0
        self.current = pool
        return pool
