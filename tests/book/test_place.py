"""Goal: a new order matches, rests or expires as docs/matching.md says under *place*.

Method: one line a rule, both sides of each edge: what stands, what comes, which rows follow.
"""

from __future__ import annotations

import pytest

from simulator.book.codes import BUY, SELL
from tests.book.script import Case, check_case, run
from tests.book.streams import AnyBook

CASES: list[Case] = [
    # A limit order that reaches nothing rests; at the best opposite price it takes.
    ("ask 101 5", "buy 1 A 100 3", "RESTED 1 100 3"),
    ("ask 101 5", "buy 1 A 101 3", "FILL 0 1 101 3"),
    ("bid 100 5", "sell 1 A 101 3", "RESTED 1 101 3"),
    ("bid 100 5", "sell 1 A 100 3", "FILL 0 1 100 3"),
    ("sell 1 B 101 5", "buy 2 A 100 3", "RESTED 2 100 3"),
    ("sell 1 B 101 5", "buy 2 A 101 3", "FILL 1 2 101 3"),
    # Exactly the level's lots leave no row beyond the fill; one more rests at its limit.
    ("ask 101 5", "buy 1 A 101 5", "FILL 0 1 101 5"),
    ("ask 101 5", "buy 1 A 102 6", "FILL 0 1 101 5; RESTED 1 102 1"),
    # Best price first, and no further than the limit.
    (
        "ask 103 5; ask 101 5; ask 102 5",
        "buy 1 A 102 12",
        "FILL 0 1 101 5; FILL 0 1 102 5; RESTED 1 102 2",
    ),
    (
        "bid 97 5; bid 99 5; bid 98 5",
        "sell 1 A 98 12",
        "FILL 0 1 99 5; FILL 0 1 98 5; RESTED 1 98 2",
    ),
    # The best of displayed lots and orders, whichever is better.
    ("ask 102 5; sell 1 B 101 2", "buy 2 A 102 4", "FILL 1 2 101 2; FILL 0 2 102 2"),
    ("sell 1 B 102 2; ask 101 5", "buy 2 A 102 6", "FILL 0 2 101 5; FILL 1 2 102 1"),
    # What was taken is gone until the tape restates the level.
    ("ask 101 5; buy 1 A 101 5 IOC", "buy 2 A 101 1 IOC", "EXPIRED 2 IOC 101 1"),
    ("ask 101 5; buy 1 A 101 5 IOC; ask 101 5", "buy 2 A 101 1 IOC", "FILL 0 2 101 1"),
    # At one price: displayed lots before an order, the order, then the rest of the displayed lots.
    ("ask 101 5; sell 1 B 101 2; ask 101 9", "buy 2 A 101 5", "FILL 0 2 101 5"),
    ("ask 101 5; sell 1 B 101 2; ask 101 9", "buy 2 A 101 6", "FILL 0 2 101 5; FILL 1 2 101 1"),
    (
        "ask 101 5; sell 1 B 101 2; ask 101 9",
        "buy 2 A 101 11",
        "FILL 0 2 101 5; FILL 1 2 101 2; FILL 0 2 101 4",
    ),
    (  # two orders with lots between them
        "ask 101 5; sell 1 B 101 2; ask 101 8; sell 2 C 101 1; ask 101 9",
        "buy 3 A 101 12",
        "FILL 0 3 101 5; FILL 1 3 101 2; FILL 0 3 101 3; FILL 2 3 101 1; FILL 0 3 101 1",
    ),
    (  # first come, first served, with nothing between
        "sell 1 B 101 2; sell 2 C 101 2",
        "buy 3 A 101 3",
        "FILL 1 3 101 2; FILL 2 3 101 1",
    ),
    # Post-only rests, or expires where it would take, own account's orders included.
    ("ask 101 5", "buy 1 A 100 3 GTX", "RESTED 1 100 3"),
    ("ask 101 5", "buy 1 A 101 3 GTX", "EXPIRED 1 POST_ONLY 101 3"),
    ("bid 100 5", "sell 1 A 100 3 GTX", "EXPIRED 1 POST_ONLY 100 3"),
    ("sell 1 A 101 5", "buy 2 A 101 3 GTX", "EXPIRED 2 POST_ONLY 101 3"),
    ("", "buy 1 A - 3 GTX", "EXPIRED 1 POST_ONLY 0 3"),
    # Immediate or cancel.
    ("ask 101 5", "buy 1 A 100 3 IOC", "EXPIRED 1 IOC 100 3"),
    ("ask 101 5", "buy 1 A 101 5 IOC", "FILL 0 1 101 5"),
    ("ask 101 5", "buy 1 A 101 6 IOC", "FILL 0 1 101 5; EXPIRED 1 IOC 101 1"),
    # Fill or kill: exactly enough, one too many; levels behind the limit do not count.
    ("ask 101 5; ask 102 5", "buy 1 A 102 10 FOK", "FILL 0 1 101 5; FILL 0 1 102 5"),
    ("ask 101 5; ask 102 5", "buy 1 A 102 11 FOK", "EXPIRED 1 FOK 102 11"),
    ("ask 101 5; ask 102 5", "buy 1 A 101 6 FOK", "EXPIRED 1 FOK 101 6"),
    ("ask 101 5; sell 1 B 101 2", "buy 2 A 101 7 FOK", "FILL 0 2 101 5; FILL 1 2 101 2"),
    ("ask 101 5; sell 1 B 101 2", "buy 2 A 101 8 FOK", "EXPIRED 2 FOK 101 8"),
    ("", "buy 1 A 101 1 FOK", "EXPIRED 1 FOK 101 1"),
    ("bid 100 5; bid 99 5", "sell 1 A - 10 FOK", "FILL 0 1 100 5; FILL 0 1 99 5"),
    ("bid 100 5; bid 99 5", "sell 1 A - 11 FOK", "EXPIRED 1 FOK 0 11"),
    # Market orders walk every level; what is left has no liquidity, whatever its time in force.
    ("ask 101 5; ask 900 5", "buy 1 A - 10", "FILL 0 1 101 5; FILL 0 1 900 5"),
    ("ask 101 5", "buy 1 A - 6", "FILL 0 1 101 5; EXPIRED 1 NO_LIQUIDITY 0 1"),
    ("ask 101 5", "buy 1 A - 6 IOC", "FILL 0 1 101 5; EXPIRED 1 NO_LIQUIDITY 0 1"),
    ("", "sell 1 A - 6", "EXPIRED 1 NO_LIQUIDITY 0 6"),
]


@pytest.mark.parametrize(("before", "then", "rows"), CASES)
def test_place_row(book: AnyBook, before: str, then: str, rows: str) -> None:
    check_case(book, before, then, rows)


def test_refused_fill_or_kill_leaves_the_book_as_it_was(book: AnyBook) -> None:
    run(book, "ask 101 5; sell 1 B 101 2; buy 2 A 101 8 FOK")
    assert (book.shown(SELL, 101), book.remaining(1), book.remaining(2)) == (5, 2, 0)


def test_order_rests_behind_the_displayed_lots_of_its_side(book: AnyBook) -> None:
    run(book, "bid 100 7; ask 101 9; buy 1 A 100 3; buy 2 A 99 3; sell 3 A 101 2")
    assert [book.ahead(slot) for slot in (1, 2, 3)] == [7.0, 0.0, 9.0]
    assert (book.best(BUY), book.best_order(BUY)) == (100, 100)
    assert (book.best(SELL), book.best_order(SELL)) == (101, 101)


def test_taker_moves_the_orders_it_passed(book: AnyBook) -> None:
    run(book, "ask 101 5; sell 1 B 101 2; ask 101 8; sell 2 B 101 2; buy 3 A 101 3")
    assert [book.ahead(1), book.ahead(2)] == [2.0, 5.0]
    assert book.shown(SELL, 101) == 5


def test_maker_that_filled_in_part_is_at_the_front(book: AnyBook) -> None:
    """After a clear the estimate says 5 ahead, but nothing is displayed and it is filled."""
    run(book, "ask 101 5; sell 1 B 101 4; clear ask; buy 2 A 101 1")
    assert (book.remaining(1), book.ahead(1)) == (3, 0.0)


def test_slot_can_be_used_again(book: AnyBook) -> None:
    run(book, "buy 1 A 100 3; cancel 1")
    assert run(book, "sell 1 B 105 2; buy 2 A 105 1") == "RESTED 1 105 2; FILL 1 2 105 1"


def test_empty_book_has_no_prices(book: AnyBook) -> None:
    assert [book.best(BUY), book.best(SELL), book.best_order(BUY), book.best_order(SELL)] == [0] * 4
    assert book.take_rows() == []
