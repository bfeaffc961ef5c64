"""Outcome records and the digest of a run (hot module).

What happened is written as rows of eight int64: time in ns, kind
(``simulator.events.outcomes.Outcome``), account, instrument, order, side, price in ticks, quantity
in lots; kinds that are not about orders say in ``Outcome`` what the last fields hold.  The digest
is SHA-256 over the rows in order, little-endian, taken block by block.
"""

import hashlib

import cython
import numpy as np

BLOCK = cython.declare(cython.int, 4096)


@cython.cclass
class Records:
    """The outcomes of a run, hashed as they come; ``keep`` also keeps every block.

    >>> records = Records()
    >>> records.add(1, 2, 3, 4, 5, 6, 7, 8)
    >>> records.count, records.digest()[:8]
    (1, '808ae425')
    """

    def __init__(self, keep: bool = False) -> None:
        self.block = memoryview(np.zeros((BLOCK, 8), dtype="<i8"))
        self.used = 0
        self.count = 0
        self.hash = hashlib.sha256()
        self.keep = keep
        self.kept = []

    @cython.ccall
    @cython.exceptval(check=False)
    def add(
        self,
        time: cython.longlong,
        kind: cython.longlong,
        account: cython.longlong,
        instrument: cython.longlong,
        order: cython.longlong,
        side: cython.longlong,
        price: cython.longlong,
        quantity: cython.longlong,
    ) -> cython.void:
        """Append one outcome."""
        at: cython.int = self.used
        self.block[at, 0] = time
        self.block[at, 1] = kind
        self.block[at, 2] = account
        self.block[at, 3] = instrument
        self.block[at, 4] = order
        self.block[at, 5] = side
        self.block[at, 6] = price
        self.block[at, 7] = quantity
        self.used = at + 1
        self.count += 1
        if self.used == BLOCK:
            self._flush()

    def _flush(self) -> None:
        rows = np.asarray(self.block)[: self.used]
        self.hash.update(rows.tobytes())
        if self.keep:
            self.kept.append(rows.copy())
        self.used = 0

    def take(self) -> np.ndarray:
        """Return the outcomes since the last call, [rows, 8] int64; with ``keep`` only."""
        self._flush()
        rows = np.concatenate(self.kept) if self.kept else np.zeros((0, 8), dtype="<i8")
        self.kept.clear()
        return rows

    def digest(self) -> str:
        """Hex digest of all outcomes so far; equal digests mean equal runs."""
        self._flush()
        return str(self.hash.hexdigest())
