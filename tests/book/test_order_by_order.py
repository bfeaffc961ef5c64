"""Goal: on an order-by-order tape the place in the queue is exact, as docs/matching.md says (FIFO).

Method: the smallest tapes that show each rule; what came before ours and what came after.
"""

from __future__ import annotations

import pytest

from simulator.book.codes import BUY, SELL, QueueModel
from tests.book.script import run
from tests.book.streams import AnyBook, BookMaker


@pytest.fixture
def queue(make: BookMaker) -> AnyBook:
    """5 lots of id 91, then our 3 at slot 1, then 4 lots of id 92; all bids at 100."""
    book = make(QueueModel.FIFO)
    run(book, "add bid 100 5 91; buy 1 A 100 3; add bid 100 4 92")
    return book


def test_level_is_the_sum_of_its_orders(queue: AnyBook) -> None:
    assert (queue.shown(BUY, 100), queue.best(BUY), queue.ahead(1)) == (9, 100, 5.0)


@pytest.mark.parametrize(
    ("command", "ahead", "shown"),
    [
        ("off 91 2", 3.0, 7),
        ("off 91 5", 0.0, 4),
        ("off 91 6", 0.0, 4),  # no more than it has
        ("off 92 1", 5.0, 8),
        ("off 92 4", 5.0, 5),
        ("fill 91 2", 3.0, 7),
        ("off 77 5", 5.0, 9),  # unknown
        ("fill 77 5", 5.0, 9),
        ("off 91 5; off 91 5", 0.0, 4),  # gone
        ("bid 100 4", 4.0, 4),  # a restated level is risk averse
        ("add bid 100 2 93", 5.0, 11),
        ("add bid 100 2 91", 0.0, 6),  # an id again: cancelled, then behind us
        ("add bid 99 2 93; off 93 1", 5.0, 9),  # another price
    ],
)
def test_place_in_the_queue(queue: AnyBook, command: str, ahead: float, shown: int) -> None:
    assert run(queue, command) == ""
    assert (queue.ahead(1), queue.shown(BUY, 100)) == (ahead, shown)


@pytest.mark.parametrize(
    ("command", "rows", "left"),
    [
        ("fill 91 5", "", 3),  # it stood before us
        ("fill 92 2", "FILL 1 0 100 2", 1),
        ("fill 92 3", "FILL 1 0 100 3", 0),
        ("fill 92 4", "FILL 1 0 100 3", 0),
        ("add bid 99 7 93; fill 93 2", "FILL 1 0 100 2", 1),  # a worse price was filled
        ("add bid 101 7 93; fill 93 2", "", 3),
        ("add ask 105 7 93; fill 93 2", "", 3),
    ],
)
def test_fill_of_a_displayed_order_is_a_print(
    queue: AnyBook, command: str, rows: str, left: int
) -> None:
    assert run(queue, command) == rows
    assert queue.remaining(1) == left


def test_better_prices_fill_before_earlier_arrivals(make: BookMaker) -> None:
    book = make(QueueModel.FIFO)
    run(book, "buy 1 A 100 2; buy 2 B 101 2; buy 3 C 100 2; add bid 100 9 91; buy 4 D 100 2")
    assert run(book, "fill 91 5") == "FILL 2 0 101 2; FILL 1 0 100 2; FILL 3 0 100 1"
    assert (book.remaining(4), book.ahead(4), book.shown(BUY, 100)) == (2, 4.0, 4)


def test_order_that_filled_in_part_is_at_the_front(queue: AnyBook) -> None:
    """5 stand before us by the tape, yet somebody behind us was filled."""
    run(queue, "fill 92 1")
    assert (queue.remaining(1), queue.ahead(1)) == (2, 0.0)


def test_added_order_that_reaches_ours_fills_it(make: BookMaker) -> None:
    book = make(QueueModel.FIFO)
    run(book, "sell 1 A 101 3; sell 2 B 102 3")
    assert run(book, "add bid 101 5 91") == "FILL 1 0 101 3"
    assert book.shown(BUY, 101) == 2
    assert run(book, "add bid 102 2 92") == "FILL 2 0 102 2"
    assert (book.shown(BUY, 102), book.remaining(2)) == (0, 1)
    run(book, "off 92 2; off 91 1")  # 92 never stood there
    assert (book.shown(BUY, 102), book.shown(BUY, 101)) == (0, 1)


def test_added_order_leaves_the_place_after_a_clear(queue: AnyBook) -> None:
    """A snapshot adds its orders one by one: the first does not tell how many stand there."""
    run(queue, "clear bid; add bid 100 2 93")
    assert (queue.ahead(1), queue.shown(BUY, 100)) == (5.0, 2)
    run(queue, "off 91 5")  # forgotten with the clear
    assert (queue.ahead(1), queue.shown(BUY, 100)) == (5.0, 2)


def test_lots_that_our_taker_took_are_not_taken_off_again(make: BookMaker) -> None:
    book = make(QueueModel.FIFO)
    run(book, "add ask 101 5 91; add ask 101 4 92; buy 1 A 101 6")
    assert book.shown(SELL, 101) == 3
    run(book, "off 91 5")
    assert book.shown(SELL, 101) == 0
    run(book, "off 92 4")
    assert (book.shown(SELL, 101), book.best(SELL)) == (0, 0)
