"""A queue of messages on their way, in order of arrival (hot module).

A connection keeps order: a message never overtakes an earlier one, so arrival times never decrease
and a ring of rows is enough.  Row fields: 0 time, 1 code, 2 slot, 3 sequence number, 4 price, 5
lots, 6 extra.
"""

import cython
import numpy as np

NEVER = cython.declare(cython.longlong, 1 << 62)


@cython.cclass
class Ring:
    """First in, first out; ``next_time`` is the earliest arrival, ``1 << 62`` when empty."""

    def __init__(self) -> None:
        self.row = memoryview(np.zeros((64, 8), dtype="i8"))
        self.mask = 63
        self.first = self.after = 0
        self.next_time = NEVER

    def _grow(self) -> None:
        size = int(self.mask) + 1
        old = np.asarray(self.row)
        grown = np.zeros((2 * size, 8), dtype="i8")
        places = np.arange(self.first, self.after)
        grown[places & (2 * size - 1)] = old[places & (size - 1)]
        self.row = memoryview(grown)
        self.mask = 2 * size - 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def push(
        self,
        time: cython.longlong,
        code: cython.longlong,
        slot: cython.longlong,
        seq: cython.longlong,
        price: cython.longlong,
        lots: cython.longlong,
        extra: cython.longlong,
    ) -> cython.void:
        """Append a message; one that would overtake its predecessor arrives together with it."""
        if self.after - self.first > self.mask:
            self._grow()
        if self.after == self.first:
            self.next_time = time
        elif self.row[(self.after - 1) & self.mask, 0] > time:
            time = self.row[(self.after - 1) & self.mask, 0]
        at: cython.longlong = self.after & self.mask
        self.row[at, 0] = time
        self.row[at, 1] = code
        self.row[at, 2] = slot
        self.row[at, 3] = seq
        self.row[at, 4] = price
        self.row[at, 5] = lots
        self.row[at, 6] = extra
        self.after += 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def pop(self) -> cython.longlong:
        """Remove the first message; return its place in ``row``, good until the next push."""
        at: cython.longlong = self.first & self.mask
        self.first += 1
        if self.first == self.after:
            self.next_time = NEVER
        else:
            self.next_time = self.row[self.first & self.mask, 0]
        return at
