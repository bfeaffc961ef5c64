"""Blocks of a tape in parts that end at fixed numbers of rows, with when a strategy sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.replay.player import Block

Ints = NDArray[np.int64]
Arrival = Callable[[Ints, Ints, int], Ints]
"""Of times, receive stamps and the earliest arrival: see `simulator.exchange.latency`."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows ``rows`` of a block, which arrive at ``arrival``; ``after`` rows of the tape so far."""

    block: Block
    arrival: Ints
    rows: slice
    after: int

    def columns(self) -> tuple[Any, ...]:
        """Return the columns as the core takes them, in its order."""
        block = self.block
        columns: tuple[Any, ...] = (
            block.time_ns,
            self.arrival,
            block.instrument,
            block.kind,
            block.flags,
            block.side,
            block.price,
            block.quantity,
            block.id,
        )
        # Items of a memoryview are Python's integers: uncompiled, numpy's would wrap at 64 bits.
        return tuple(memoryview(column[self.rows]) for column in columns)


def parts(blocks: Iterable[Block], arrival: Arrival, size: int, skip: int = 0) -> Iterator[Part]:
    """Yield the rows of blocks in parts that end where ``size`` divides the rows so far, and where
    a block ends; without the first ``skip`` rows.
    """
    done = earliest = 0
    for block in blocks:
        seen = arrival(block.time_ns, block.receive_ns, earliest)
        earliest = int(seen[-1]) if block.size else earliest
        first = max(0, skip - done)
        while first < block.size:
            end = min(block.size, first + size - (done + first) % size)
            yield Part(block, seen, slice(first, end), done + end)
            first = end
        done += block.size
