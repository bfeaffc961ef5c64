"""The best levels of a book of displayed levels, for checks while a recording is read.

Prices and quantities may be in any unit.  A level is a dictionary entry and a heap finds the best
one: a price that left the book stays in the heap until it comes up.  This is on purpose not the
engine's book (``simulator.book``), which checks the finished tape once more in ``data verify``.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from itertools import islice

import numpy as np
from numpy.typing import NDArray

SLACK = 4096

Tops = NDArray[np.int64]
"""``[event, (bid, bid quantity, ask, ask quantity)]``, 0 where a side is empty."""

NO_TOPS: Tops = np.empty((0, 5), dtype=np.int64)
"""No tops with their update ids: columns u, bid, quantity, ask, quantity."""


class TopBook:
    """Levels of one instrument.

    >>> book = TopBook()
    >>> tops, crossed = book.apply([1, -1, 1], [99, 101, 100], [5, 7, 6], [2, 3])
    >>> tops.tolist(), crossed
    ([[99, 5, 101, 7], [100, 6, 101, 7]], -1)
    """

    def __init__(self) -> None:
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._bid_heap: list[int] = []
        self._ask_heap: list[int] = []

    def clear(self) -> None:
        """Empty both sides."""
        for part in (self._bids, self._asks, self._bid_heap, self._ask_heap):
            part.clear()

    def apply(
        self,
        sides: Sequence[int],
        prices: Sequence[int],
        quantities: Sequence[int],
        ends: Sequence[int],
    ) -> tuple[Tops, int]:
        """Apply events, event *i* being the rows up to ``ends[i]``.

        Returns the tops after each event, and the first event after which the best bid is at or
        above the best ask, -1 if there is none.  Applying stops after that event.
        """
        bids, asks, bid_heap, ask_heap = self._bids, self._asks, self._bid_heap, self._ask_heap
        tops: list[tuple[int, int, int, int]] = []
        rows = zip(sides, prices, quantities, strict=True)
        start = 0
        for end in ends:
            for side, price, quantity in islice(rows, end - start):
                if side > 0:
                    if not quantity:
                        bids.pop(price, None)
                    else:
                        if price not in bids:
                            heappush(bid_heap, -price)
                        bids[price] = quantity
                elif not quantity:
                    asks.pop(price, None)
                else:
                    if price not in asks:
                        heappush(ask_heap, price)
                    asks[price] = quantity
            start = end
            while bid_heap and -bid_heap[0] not in bids:
                heappop(bid_heap)
            while ask_heap and ask_heap[0] not in asks:
                heappop(ask_heap)
            bid = -bid_heap[0] if bid_heap else 0
            ask = ask_heap[0] if ask_heap else 0
            tops.append((bid, bids[bid] if bid else 0, ask, asks[ask] if ask else 0))
            if bid and ask and bid >= ask:
                return _array(tops), len(tops) - 1
        self._trim()
        return _array(tops), -1

    def _trim(self) -> None:
        """Forget prices in the heaps that left the book or are there twice."""
        if len(self._bid_heap) > 4 * len(self._bids) + SLACK:
            self._bid_heap[:] = [-price for price in self._bids]
            heapify(self._bid_heap)
        if len(self._ask_heap) > 4 * len(self._asks) + SLACK:
            self._ask_heap[:] = list(self._asks)
            heapify(self._ask_heap)


def _array(tops: list[tuple[int, int, int, int]]) -> Tops:
    return np.array(tops, dtype=np.int64).reshape(-1, 4)


def compare_tops(tops: NDArray[np.int64], quotes: NDArray[np.int64]) -> tuple[int, int, list[int]]:
    """Compare rows ``u, bid, quantity, ask, quantity`` of equal ``u``.

    Returns how many were compared, how many agree, and the ids of those that do not.
    """
    if not len(tops) or not len(quotes):
        return 0, 0, []
    order = np.argsort(tops[:, 0], kind="stable")
    ids = tops[order, 0]
    at = np.searchsorted(ids, quotes[:, 0])
    found = (at < ids.size) & (ids[np.minimum(at, ids.size - 1)] == quotes[:, 0])
    same = (tops[order[at[found]]] == quotes[found]).all(axis=1)
    return int(found.sum()), int(same.sum()), quotes[found][~same][:, 0].tolist()
