"""Goal: the mix that the book is measured on is the one that is printed, and all books agree on it.

Method: a small mix through the compiled book both ways, the readable book and the baseline.
"""

from __future__ import annotations

import numpy as np

from simulator.book.reference import Book as ReadableBook
from simulator.cli.bench_own import (
    CANCEL,
    FILL,
    PLACE,
    book_lines,
    book_operations,
    measure_book,
)

COUNT = 20_000


def test_mix_is_sixty_thirty_five_five() -> None:
    commands = book_operations(COUNT)
    placed = commands[:, 0] == PLACE
    market = placed & (commands[:, 4] == 0)
    assert abs((placed & ~market).mean() - 0.60) < 0.02
    assert abs((commands[:, 0] == CANCEL).mean() - 0.35) < 0.02
    assert abs(market.mean() - 0.05) < 0.01
    assert (book_operations(COUNT) == commands).all()
    assert (book_operations(COUNT, seed=1) != commands).any()


def test_every_cancel_names_an_order_that_rests() -> None:
    book = ReadableBook()
    for row in book_operations(COUNT).tolist():
        if row[0] == CANCEL:
            assert book.cancel(row[1]) > 0
        else:
            assert book.remaining(row[1]) == 0, "a slot is used again only when it is free"
            book.place(*row[1:])


def test_all_books_fill_the_same() -> None:
    speed = measure_book(COUNT, runs=2)
    assert speed.agrees
    book = ReadableBook()
    for row in book_operations(COUNT).tolist():
        if row[0] == PLACE:
            book.place(*row[1:])
        else:
            book.cancel(row[1])
    assert speed.fills == sum(row[0] == FILL for row in book.take_rows()) > 0
    assert len(speed.batch) == len(speed.single) == len(speed.baseline) == 2


def test_lines_name_a_disagreement() -> None:
    speed = measure_book(1_000, runs=1)
    assert "DISAGREE" not in book_lines(speed)[0].note
    broken = type(speed)(*[getattr(speed, name) for name in speed.__slots__[:-1]], False)
    assert "DISAGREE" in book_lines(broken)[0].note
    assert np.isfinite([line.value or 0.0 for line in book_lines(speed)]).all()
