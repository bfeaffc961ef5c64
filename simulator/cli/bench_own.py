"""The part of ``unimargin bench`` that needs nothing but the package: the compiled book alone.

The mix is 60 % limit orders, 35 % cancellations, 5 % market orders.  Limit orders rest 1 to 100
ticks from a mid price that walks, the near ones more often; market orders take as much as comes
in net, so the book keeps its size.  Cancellations name an order that still rests; a slot is used
again after its order ended.

The baseline is the plainest price-time book on ``SortedDict`` that does the same: no self-trade
prevention, no displayed liquidity, no rows.  It also draws the mix, because only a book knows
what still rests.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from sortedcontainers import SortedDict

from simulator.book.columns import Book

OPERATIONS = 1_000_000
QUICK_OPERATIONS = 100_000
BATCH = 10_000
BATCH_TARGET, SINGLE_TARGET = 20.0, 3.0
"""Millions of operations a second that we want."""

SEED = 20_261_122
ADD_SHARE, CANCEL_SHARE = 0.60, 0.35

PLACE, CANCEL = 1, 2
"""Operations of ``Book.run``."""

GTC = 0
FILL = 1


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table of figures.

    ``value`` is a ratio (``unit`` "x"), a rate in millions a second ("M/s"), seconds of one core
    ("s") or memory ("MB"); ``None`` where it could not be measured, and ``note`` says why.
    ``target`` 0 means that there is none; of seconds and memory it is the most.
    """

    what: str
    value: float | None
    unit: str
    target: float = 0.0
    ours: float | None = None
    peer: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; ``None`` without a value or a target."""
        if self.value is None or not self.target:
            return None
        if self.unit in ("s", "MB"):
            return self.value <= self.target
        return self.value >= self.target

    def as_dict(self) -> dict[str, Any]:
        """Return the line as JSON wants it."""
        return {
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "target": self.target or None,
            "met": self.met,
            "ours_millions_per_second": self.ours,
            "peer_millions_per_second": self.peer,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class BookSpeed:
    """Operations per second of the book, by how it is called, and what it did."""

    batch: list[float]
    single: list[float]
    baseline: list[float]
    operations: int
    fills: int
    resting: int
    agrees: bool


class SortedDictBook:
    """The baseline: a ``SortedDict`` of prices, each a dict of slots in time order."""

    def __init__(self) -> None:
        # Keys rank prices so that the best one is always first: -price for bids.
        self.sides: dict[int, SortedDict] = {1: SortedDict(), -1: SortedDict()}
        self.where: dict[int, tuple[int, int]] = {}
        self.fills = 0
        self.lots = 0

    def place(self, slot: int, side: int, price: int, quantity: int) -> None:
        """Take what is marketable (price 0: any price), rest what is left of a limit order."""
        levels = self.sides[-side]
        while quantity and levels:
            rank, queue = levels.peekitem(0)
            if price and (rank > price if side > 0 else -rank < price):
                break
            for maker, left in list(queue.items()):
                taken = min(left, quantity)
                quantity -= taken
                self.fills += 1
                self.lots += taken
                if taken == left:
                    del queue[maker], self.where[maker]
                else:
                    queue[maker] = left - taken
                if not quantity:
                    break
            if not queue:
                del levels[rank]
        if quantity and price:
            rank = -price if side > 0 else price
            queue = self.sides[side].get(rank)
            if queue is None:
                queue = self.sides[side][rank] = {}
            queue[slot] = quantity
            self.where[slot] = (side, rank)

    def cancel(self, slot: int) -> None:
        """Take a resting order out."""
        side, rank = self.where.pop(slot)
        queue = self.sides[side][rank]
        del queue[slot]
        if not queue:
            del self.sides[side][rank]


def book_operations(count: int, seed: int = SEED) -> npt.NDArray[np.int64]:
    """Return ``count`` commands in the columns of ``Book.run``, drawn as the module says."""
    draw = np.random.default_rng(seed)
    kinds = draw.random(count).tolist()
    sides = (draw.integers(0, 2, count) * 2 - 1).tolist()
    distances = draw.integers(1, 101, (count, 2)).min(axis=1).tolist()
    steps = draw.integers(0, 100, count)
    mids = (100_000 + np.cumsum((steps == 0).astype(np.int64) - (steps == 1))).tolist()
    quantities = draw.integers(1, 21, count).tolist()
    market_quantities = draw.integers(1, 101, count).tolist()
    picks = draw.random(count).tolist()
    book = SortedDictBook()
    candidates: list[int] = []
    free: list[int] = []
    commands = np.zeros((count, 8), np.int64)
    for i in range(count):
        side = sides[i]
        if ADD_SHARE <= kinds[i] < ADD_SHARE + CANCEL_SHARE and book.where:
            slot = _pick(candidates, book, free, picks[i])
            book.cancel(slot)
            free.append(slot)
            commands[i, :2] = CANCEL, slot
            continue
        slot = free.pop() if free else i + 1
        if kinds[i] < ADD_SHARE + CANCEL_SHARE:
            price, quantity = mids[i] - side * distances[i], quantities[i]
        else:
            price, quantity = 0, market_quantities[i]
        book.place(slot, side, price, quantity)
        if slot in book.where:
            candidates.append(slot)
        else:
            free.append(slot)
        commands[i] = PLACE, slot, 1 + i % 50, side, price, quantity, GTC, 0
    return commands


def _pick(candidates: list[int], book: SortedDictBook, free: list[int], pick: float) -> int:
    """Take a resting order out of ``candidates``; those found to be filled free their slots."""
    while True:
        at = int(pick * len(candidates))
        candidates[at], candidates[-1] = candidates[-1], candidates[at]
        slot = candidates.pop()
        if slot in book.where:
            return slot
        free.append(slot)


def measure_book(count: int, runs: int) -> BookSpeed:
    """Run the three ways in turn, ``runs`` times, and compare what they filled.

    Only the calls are timed: after each ``BATCH`` operations the rows are read out, untimed,
    because inside the engine compiled code reads them in place.
    """
    commands = book_operations(count)
    batches = [commands[i : i + BATCH] for i in range(0, count, BATCH)]
    calls = [[tuple(row) for row in batch.tolist()] for batch in batches]
    speeds: tuple[list[float], list[float], list[float]] = ([], [], [])
    outcomes = set()
    baseline = SortedDictBook()
    for _ in range(runs):
        batch, single, baseline = Book(), Book(), SortedDictBook()
        seconds, filled = _timed(batch.run, batches, batch)
        speeds[0].append(count / seconds)
        outcomes.add(filled)
        seconds, filled = _timed(partial(_call_each, single), calls, single)
        speeds[1].append(count / seconds)
        outcomes.add(filled)
        seconds, _ = _timed(partial(_call_baseline, baseline), calls, None)
        speeds[2].append(count / seconds)
        outcomes.add((baseline.fills, baseline.lots))
    return BookSpeed(*speeds, count, baseline.fills, len(baseline.where), len(outcomes) == 1)


def _timed(
    run: Callable[[Any], None], batches: Sequence[Any], book: Book | None
) -> tuple[float, tuple[int, int]]:
    """Return the seconds of ``run`` over the batches, and the book's fills and lots."""
    seconds = 0.0
    fills = lots = 0
    gc.collect()
    gc.disable()
    for batch in batches:
        began = time.process_time()
        run(batch)
        seconds += time.process_time() - began
        if book is not None:
            rows = book.take_columns()
            filled = rows[:, 0] == FILL
            fills += int(filled.sum())
            lots += int(rows[filled, 4].sum())
    gc.enable()
    return seconds, (fills, lots)


def _call_each(book: Book, calls: list[tuple[int, ...]]) -> None:
    place, cancel = book.place, book.cancel
    for kind, slot, account, side, price, quantity, time_in_force, stp in calls:
        if kind == PLACE:
            place(slot, account, side, price, quantity, time_in_force, stp)
        else:
            cancel(slot)


def _call_baseline(book: SortedDictBook, calls: list[tuple[int, ...]]) -> None:
    place, cancel = book.place, book.cancel
    for kind, slot, _, side, price, quantity, _, _ in calls:
        if kind == PLACE:
            place(slot, side, price, quantity)
        else:
            cancel(slot)


def book_lines(speed: BookSpeed) -> list[Line]:
    """Return the book's lines of the table, by medians."""
    batch, single, baseline = (
        median(rates) / 1e6 for rates in (speed.batch, speed.single, speed.baseline)
    )
    note = f"{speed.operations:,} operations, {speed.fills:,} fills"
    if not speed.agrees:
        note += "; THE BOOKS DISAGREE"
    return [
        Line("book alone, in batches", batch, "M/s", BATCH_TARGET, batch, None, note),
        Line("book alone, called one by one", single, "M/s", SINGLE_TARGET, single),
        Line("one by one against a SortedDict book", single / baseline, "x", 0, single, baseline),
    ]
