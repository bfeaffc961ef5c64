"""The compiled book by itself on the common tape: no exchange, no ledger, no accounts.

``book-feed`` sends the tape's rows through ``Book.run`` in one call; ``book-maker`` lets the
market maker of bench/market_maker.md trade on the book directly.  Both bound from above what the
engine can reach, and ``book-maker`` compares the matching rules with hftbacktest's without
anything else between.

``book-restated`` is ``book-maker`` with one rule undone: a level that comes to meet our order
loses what the order took (docs/matching.md, set_level 3); hftbacktest leaves the level as the
tape has it.  It goes row by row and is not a measurement of speed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bench.market_maker import INTERVAL_NS, MAX_POSITION_LOTS, QUANTITY_LOTS
from bench.worker import Figures, timed
from simulator.book.columns import Book
from simulator.market.tape import Kind

SET_LEVEL, TRADE = 3, 4
"""Operations of ``Book.run``."""

FILL = 1
GTX = 3
BID, ASK = 1, 2
"""Slots of the two quotes."""


def book_feed(folder: Path) -> Callable[[], Figures]:
    """Prepare the replay of the tape through the book."""
    commands, _ = _commands(folder)

    def run() -> Figures:
        book = Book()
        _, times = timed(lambda: book.run(commands))
        return {"events": len(commands), **times, "best": [book.best(1), book.best(-1)]}

    return run


def book_maker(folder: Path, restate: bool = False) -> Callable[[], Figures]:
    """Prepare the market maker on the book; each run writes its log for ``bench.agreement``.

    ``restate`` undoes what crossing levels lose to our orders.
    """
    commands, times_ns = _commands(folder)
    first, last = int(times_ns[0]), int(times_ns[-1])
    timers = np.arange(first + INTERVAL_NS, last, INTERVAL_NS)
    # A row at the timer's own instant comes before it.
    ends = np.searchsorted(times_ns, timers, "right").tolist()
    batches = [commands[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    name = "fills-book-restated.npy" if restate else "fills-book.npy"

    def run() -> Figures:
        log: list[tuple[int, int, int]] = []
        orders, times = timed(lambda: _play(batches, log, restate))
        np.save(folder / name, np.column_stack([timers, np.array(log, np.int64)]))
        fills, position, volume = log[-1]
        return {
            "events": len(commands),
            **times,
            "requotes": len(batches),
            "orders": orders,
            "fills": fills,
            "position_lots": position,
            "volume_lots": volume,
            "log": name,
        }

    return run


def _play(
    batches: list[npt.NDArray[np.int64]], log: list[tuple[int, int, int]], restate: bool
) -> int:
    """Play up to each timer, log the state and requote; return the number of orders."""
    book = Book()
    orders = fills = position = volume = 0
    for batch in batches:
        if restate:
            _run_restating(book, batch)
        else:
            book.run(batch)
        for code, maker, _, _, lots in book.take_rows():
            if code == FILL:
                fills += 1
                volume += lots
                position += lots if maker == BID else -lots
        log.append((fills, position, volume))
        book.cancel(BID)
        book.cancel(ASK)
        bid, ask = book.best(1), book.best(-1)
        if position < MAX_POSITION_LOTS:
            book.place(BID, 1, 1, bid, QUANTITY_LOTS, GTX, 0)
            orders += 1
        if position > -MAX_POSITION_LOTS:
            book.place(ASK, 1, -1, ask, QUANTITY_LOTS, GTX, 0)
            orders += 1
    return orders


def _run_restating(book: Book, batch: npt.NDArray[np.int64]) -> None:
    """Run commands one by one, restating every level that our orders took from."""
    for operation, side, price, quantity in batch[:, :4].tolist():
        if operation == TRADE:
            book.trade(side, price, quantity)
            continue
        book.set_level(side, price, quantity)
        if book.shown(side, price) != quantity:
            book.set_level(side, price, quantity)


def _commands(folder: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Return the tape's depth and trades as commands of ``Book.run``, and their times."""
    tape = pl.read_parquet(folder / "tape.parquet")
    kind = tape["kind"].to_numpy()
    commands = np.zeros((len(tape), 8), np.int64)
    commands[:, 0] = np.where(kind == Kind.TRADE, TRADE, SET_LEVEL)
    for column, name in enumerate(("side", "price", "quantity"), start=1):
        commands[:, column] = tape[name].to_numpy()
    return commands, tape["time_ns"].to_numpy()


BOOK_CASES: dict[str, Callable[[Path], Callable[[], Figures]]] = {
    "book-feed": book_feed,
    "book-maker": book_maker,
    "book-restated": partial(book_maker, restate=True),
}
"""Cases of the driver that need no engine."""
