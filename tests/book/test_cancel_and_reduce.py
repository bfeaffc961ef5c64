"""Goal: cancelling and reducing change what rests and nothing else.

Method: the smallest books that show each rule.
"""

from __future__ import annotations

from simulator.book.codes import BUY
from tests.book.script import run
from tests.book.streams import AnyBook


def test_cancel_returns_what_was_left(book: AnyBook) -> None:
    run(book, "buy 1 A 100 5; print sell 100 2")
    assert book.cancel(1) == 3
    assert run(book, "print sell 100 9") == "CANCELED 1 100 3"
    assert (book.remaining(1), book.ahead(1), book.best_order(BUY)) == (0, 0.0, 0)


def test_cancel_of_what_does_not_rest(book: AnyBook) -> None:
    run(book, "buy 1 A 100 5; print sell 100 5; buy 2 A 100 1 IOC")
    assert [book.cancel(slot) for slot in (1, 2, 77)] == [-1, -1, -1]
    assert book.take_rows() == []


def test_cancel_in_the_middle_keeps_the_order_of_the_others(book: AnyBook) -> None:
    run(book, "buy 1 A 100 1; buy 2 B 100 1; buy 3 C 100 1; cancel 2")
    assert run(book, "sell 9 Z 100 2") == "FILL 1 9 100 1; FILL 3 9 100 1"


def test_best_order_falls_back(book: AnyBook) -> None:
    run(book, "buy 1 A 100 1; buy 2 A 90 1; cancel 1")
    assert book.best_order(BUY) == 90


def test_reduce_keeps_the_place(book: AnyBook) -> None:
    run(book, "bid 100 4; buy 1 A 100 5; buy 2 B 100 5")
    assert book.reduce(1, 3) == 3
    assert (book.remaining(1), book.ahead(1)) == (2, 4.0)
    assert run(book, "print sell 100 7") == "FILL 1 0 100 2; FILL 2 0 100 1"


def test_reduce_to_nothing_cancels(book: AnyBook) -> None:
    """Exactly all, and more than all, is all."""
    run(book, "buy 1 A 100 5; buy 2 A 100 5")
    assert (book.reduce(1, 5), book.reduce(2, 6)) == (5, 5)
    assert run(book, "sell 9 Z 100 1 IOC") == (
        "CANCELED 1 100 0; CANCELED 2 100 0; EXPIRED 9 IOC 100 1"
    )


def test_reduce_of_what_does_not_rest(book: AnyBook) -> None:
    assert book.reduce(1, 5) == -1
    assert book.take_rows() == []
