"""The order table: every order that is not over yet, by slot (hot module).

An order's number is ``seq << 24 | slot``: the slot finds it at once and is used again when it is
over, the sequence number tells the new order from the old.  Orders of one strategy on one
instrument are linked, so that ``cancel_all`` visits only those.
"""

import cython
import numpy as np

# Columns of a row.  State is the venue's, LOCAL_STATE what the strategy knows after latency.
SEQ = cython.declare(cython.int, 0)
ACCOUNT = cython.declare(cython.int, 1)
STRATEGY = cython.declare(cython.int, 2)
INSTRUMENT = cython.declare(cython.int, 3)
STATE = cython.declare(cython.int, 8)
NEXT = cython.declare(cython.int, 21)
PREV = cython.declare(cython.int, 22)
COLUMNS = cython.declare(cython.int, 24)

OVER = cython.declare(cython.int, 4)
"""State of an order that the venue has ended, while its last message is under way."""

SLOT_BITS = cython.declare(cython.int, 24)
SLOT_MASK = cython.declare(cython.longlong, (1 << 24) - 1)


@cython.cclass
class Orders:
    """Rows of orders; fields are named in ``simulator.exchange.venue``."""

    def __init__(self, strategies: int, instruments: int) -> None:
        self.size = 0
        self.n_free = 0
        self.count = 0
        self.free = memoryview(np.zeros(1, dtype="i4"))
        self.head = memoryview(np.zeros((max(1, strategies), max(1, instruments)), dtype="i4"))
        self._grow()

    def _grow(self) -> None:
        size = max(64, 2 * int(self.size))
        if size > 1 << 24:
            raise MemoryError("more than 16,777,216 orders open at once")
        rows = np.zeros((size, COLUMNS), dtype="i8")
        if self.size:
            rows[: self.size] = np.asarray(self.row)
        self.row = memoryview(rows)
        free = np.zeros(size, dtype="i4")
        fresh = np.arange(size - 1, max(0, int(self.size) - 1), -1, dtype="i4")
        free[: self.n_free] = np.asarray(self.free)[: self.n_free]
        free[self.n_free : self.n_free + len(fresh)] = fresh
        self.free = memoryview(free)
        self.n_free += len(fresh)
        self.size = size

    @cython.cfunc
    @cython.exceptval(check=False)
    def open(self, strategy: cython.int, instrument: cython.int) -> cython.int:
        """Take a slot for a new order and link it; its other fields hold what they held."""
        if self.n_free == 0:
            self._grow()
        self.n_free -= 1
        slot: cython.int = self.free[self.n_free]
        self.count += 1
        self.row[slot, SEQ] = self.count
        self.row[slot, STRATEGY] = strategy
        self.row[slot, INSTRUMENT] = instrument
        first: cython.int = self.head[strategy, instrument]
        self.row[slot, NEXT] = first
        self.row[slot, PREV] = 0
        if first:
            self.row[first, PREV] = slot
        self.head[strategy, instrument] = slot
        return slot

    @cython.cfunc
    @cython.exceptval(check=False)
    def close(self, slot: cython.int) -> cython.void:
        """Give a slot back."""
        before: cython.longlong = self.row[slot, PREV]
        after: cython.longlong = self.row[slot, NEXT]
        if before:
            self.row[before, NEXT] = after
        else:
            self.head[self.row[slot, STRATEGY], self.row[slot, INSTRUMENT]] = after
        if after:
            self.row[after, PREV] = before
        self.row[slot, SEQ] = 0
        self.free[self.n_free] = slot
        self.n_free += 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def find(self, order: cython.longlong) -> cython.int:
        """Return the slot of an order number, 0 if that order is over."""
        slot: cython.longlong = order & SLOT_MASK
        if slot <= 0 or slot >= self.size or self.row[slot, SEQ] != order >> SLOT_BITS:
            return 0
        return slot

    def over(self, numbers: np.ndarray) -> np.ndarray:
        """Return of each order number, int64, whether that order is over at the venue.

        Of orders that have reached it: before, a row holds the state of the order before.
        """
        found = np.asarray(self.row)[numbers & SLOT_MASK]
        return (found[:, SEQ] != numbers >> SLOT_BITS) | (found[:, STATE] == OVER)
