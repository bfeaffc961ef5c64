"""Goal: levels, clears and prints of the tape move and fill orders as docs/matching.md says.

Method: one line a rule, both sides of each edge; then what the rows do not show.
"""

from __future__ import annotations

import pytest

from simulator.book.codes import BUY, SELL, QueueModel
from tests.book.script import Case, check_case, run
from tests.book.streams import AnyBook, BookMaker

LEVELS: list[Case] = [
    # The market comes to us: one tick short, touching, crossing.
    ("sell 1 A 101 3", "bid 100 5", ""),
    ("sell 1 A 101 3", "bid 101 5", "FILL 1 0 101 3"),
    ("sell 1 A 101 3", "bid 102 5", "FILL 1 0 101 3"),
    ("buy 1 A 100 3", "ask 101 5", ""),
    ("buy 1 A 100 3", "ask 100 5", "FILL 1 0 100 3"),
    ("buy 1 A 100 3", "ask 99 5", "FILL 1 0 100 3"),
    # Best price first, first come first served, at their own price, no more than the level.
    (
        "sell 1 A 103 2; sell 2 B 101 2; sell 3 C 101 2; sell 4 A 104 2",
        "bid 103 5",
        "FILL 2 0 101 2; FILL 3 0 101 2; FILL 1 0 103 1",
    ),
    # A level on our own side fills nobody; removing one fills nobody.
    ("sell 1 A 101 3", "ask 101 5; ask 100 5", ""),
    ("sell 1 A 101 3", "bid 102 0", ""),
]

PRINTS: list[Case] = [
    # Behind 4 displayed lots: the print must pass them.
    ("bid 100 4; buy 1 A 100 3", "print sell 100 4", ""),
    ("bid 100 4; buy 1 A 100 3", "print sell 100 5", "FILL 1 0 100 1"),
    ("bid 100 4; buy 1 A 100 3", "print sell 100 7", "FILL 1 0 100 3"),
    ("bid 100 4; buy 1 A 100 3", "print sell 100 9", "FILL 1 0 100 3"),
    ("ask 101 4; sell 1 A 101 3", "print buy 101 5", "FILL 1 0 101 1"),
    # Two prints add up.
    ("bid 100 4; buy 1 A 100 3", "print sell 100 3; print sell 100 2", "FILL 1 0 100 1"),
    # The other side's aggressor and a better price than ours pass by.
    ("bid 100 4; buy 1 A 100 3", "print buy 100 9", ""),
    ("bid 100 4; buy 1 A 100 3", "print sell 101 9", ""),
    # A print through our price fills us whatever stands displayed there.
    ("bid 100 4; buy 1 A 100 3", "print sell 99 2", "FILL 1 0 100 2"),
    ("ask 101 4; sell 1 A 101 3", "print buy 102 2", "FILL 1 0 101 2"),
    # Better prices first; what they took is missing at the print's own price.
    (
        "buy 1 A 99 5; buy 2 B 101 2; buy 3 C 100 2; buy 4 A 101 2",
        "print sell 99 7",
        "FILL 2 0 101 2; FILL 4 0 101 2; FILL 3 0 100 2; FILL 1 0 99 1",
    ),
    # Lots between two orders count once.
    (
        "bid 100 4; buy 1 A 100 3; bid 100 9; buy 2 B 100 3",
        "print sell 100 12",
        "FILL 1 0 100 3",
    ),
    (
        "bid 100 4; buy 1 A 100 3; bid 100 9; buy 2 B 100 3",
        "print sell 100 13",
        "FILL 1 0 100 3; FILL 2 0 100 1",
    ),
]


@pytest.mark.parametrize(("before", "then", "rows"), LEVELS + PRINTS)
def test_tape_row(book: AnyBook, before: str, then: str, rows: str) -> None:
    check_case(book, before, then, rows)


def test_level_loses_what_resting_orders_took(book: AnyBook) -> None:
    run(book, "sell 1 A 101 3; bid 100 4; bid 102 5")
    assert (book.shown(BUY, 102), book.shown(BUY, 100), book.best(BUY)) == (2, 4, 102)
    run(book, "sell 2 A 103 9; bid 103 5")
    assert (book.shown(BUY, 103), book.remaining(2), book.best(BUY)) == (0, 4, 102)


def test_print_moves_the_queue_and_leaves_the_level(book: AnyBook) -> None:
    run(book, "bid 100 4; buy 1 A 100 3; bid 100 9; buy 2 B 100 3; print sell 100 3")
    assert (book.ahead(1), book.ahead(2), book.shown(BUY, 100)) == (1.0, 6.0, 9)


def test_half_a_lot_left_fills_one(make: BookMaker) -> None:
    """POWER(1), 3 of 4 ahead, 2 cancelled: 3 - 2 * 3/4 = 1.5; a print of 2 leaves 0.5."""
    book = make(QueueModel.POWER, 1.0)
    run(book, "bid 100 3; buy 1 A 100 3; bid 100 4; bid 100 2")
    assert book.ahead(1) == 1.5
    assert run(book, "print sell 100 2") == "FILL 1 0 100 1"
    assert (book.ahead(1), book.remaining(1)) == (0.0, 2)


def test_less_than_half_a_lot_fills_nobody(make: BookMaker) -> None:
    """POWER(1), 5 of 8 ahead, 2 cancelled: 5 - 2 * 5/8 = 3.75; a print of 4 leaves 0.25."""
    book = make(QueueModel.POWER, 1.0)
    run(book, "bid 100 5; buy 1 A 100 3; bid 100 8; bid 100 6")
    assert book.ahead(1) == 3.75
    assert run(book, "print sell 100 4") == ""
    assert book.ahead(1) == 0.0


@pytest.mark.parametrize(("side", "bids", "asks"), [("bid", 0, 5), ("ask", 4, 0), ("both", 0, 0)])
def test_clear_removes_levels_and_keeps_the_queue(
    book: AnyBook, side: str, bids: int, asks: int
) -> None:
    run(book, f"bid 100 4; ask 101 5; buy 1 A 100 3; sell 2 A 101 3; clear {side}")
    assert (book.shown(BUY, 100), book.shown(SELL, 101)) == (bids, asks)
    assert (book.best(BUY), book.best(SELL)) == (100 * (bids > 0), 101 * (asks > 0))
    assert (book.ahead(1), book.ahead(2)) == (4.0, 5.0)


def test_snapshot_after_clear_keeps_the_place_but_an_empty_level_does_not(book: AnyBook) -> None:
    run(book, "bid 100 4; buy 1 A 100 3; clear bid; bid 100 9")
    assert book.ahead(1) == 4.0
    run(book, "clear bid; bid 100 0; bid 100 9")
    assert book.ahead(1) == 0.0
