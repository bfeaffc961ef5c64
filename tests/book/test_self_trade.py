"""Goal: under a prevention mode an account never trades with itself, as docs/matching.md says.

Method: one line a mode and an edge.  Account A owns taker 9 and some of the makers.
"""

from __future__ import annotations

import pytest

from tests.book.script import Case, check_case, run
from tests.book.streams import AnyBook

OWN_BETWEEN = "sell 1 B 101 2; sell 2 A 101 3; sell 3 C 101 4"

CASES: list[Case] = [
    # NONE: like anybody else's.
    (OWN_BETWEEN, "buy 9 A 101 9", "FILL 1 9 101 2; FILL 2 9 101 3; FILL 3 9 101 4"),
    # EXPIRE_TAKER stops at the own order, which stays.
    (
        OWN_BETWEEN,
        "buy 9 A 101 9 GTC EXPIRE_TAKER; buy 8 B 101 1",
        "FILL 1 9 101 2; EXPIRED 9 SELF_TRADE 101 7; FILL 2 8 101 1",
    ),
    # A taker that is done before it meets the own order is not touched.
    (OWN_BETWEEN, "buy 9 A 101 2 GTC EXPIRE_TAKER", "FILL 1 9 101 2"),
    (
        OWN_BETWEEN,
        "buy 9 A 101 3 GTC EXPIRE_TAKER",
        "FILL 1 9 101 2; EXPIRED 9 SELF_TRADE 101 1",
    ),
    # EXPIRE_MAKER takes the own order out and goes on.
    (
        OWN_BETWEEN,
        "buy 9 A 101 7 GTC EXPIRE_MAKER",
        "FILL 1 9 101 2; EXPIRED 2 SELF_TRADE 101 3; FILL 3 9 101 4; RESTED 9 101 1",
    ),
    # EXPIRE_BOTH: first the maker, then the taker.
    (
        OWN_BETWEEN,
        "buy 9 A 101 7 GTC EXPIRE_BOTH; buy 8 B 101 1",
        "FILL 1 9 101 2; EXPIRED 2 SELF_TRADE 101 3; EXPIRED 9 SELF_TRADE 101 5; FILL 3 8 101 1",
    ),
    # DECREMENT: off both by the smaller; who is at 0 expires, maker first.
    (
        "sell 2 A 101 3",
        "buy 9 A 101 2 GTC DECREMENT; buy 8 B 101 2",
        "DECREMENTED 2 9 101 2; EXPIRED 9 SELF_TRADE 101 0; FILL 2 8 101 1; RESTED 8 101 1",
    ),
    (
        "sell 2 A 101 3",
        "buy 9 A 101 3 GTC DECREMENT",
        "DECREMENTED 2 9 101 3; EXPIRED 2 SELF_TRADE 101 0; EXPIRED 9 SELF_TRADE 101 0",
    ),
    (
        "sell 2 A 101 3",
        "buy 9 A 101 4 GTC DECREMENT",
        "DECREMENTED 2 9 101 3; EXPIRED 2 SELF_TRADE 101 0; RESTED 9 101 1",
    ),
    # A market order expires at price 0.
    ("sell 2 A 101 3", "buy 9 A - 4 GTC EXPIRE_TAKER", "EXPIRED 9 SELF_TRADE 0 4"),
    (
        "sell 2 A 101 3",
        "buy 9 A - 3 GTC DECREMENT",
        "DECREMENTED 2 9 101 3; EXPIRED 2 SELF_TRADE 101 0; EXPIRED 9 SELF_TRADE 0 0",
    ),
    # Other accounts' orders fill under every mode.
    ("sell 1 B 101 3", "buy 9 A 101 3 GTC EXPIRE_BOTH", "FILL 1 9 101 3"),
    # Displayed lots before the own order fill first, lots behind it wait for the mode.
    (
        "ask 101 2; sell 2 A 101 3; ask 101 6",
        "buy 9 A 101 9 GTC EXPIRE_TAKER",
        "FILL 0 9 101 2; EXPIRED 9 SELF_TRADE 101 7",
    ),
    (
        "ask 101 2; sell 2 A 101 3; ask 101 6",
        "buy 9 A 101 5 GTC EXPIRE_MAKER",
        "FILL 0 9 101 2; EXPIRED 2 SELF_TRADE 101 3; FILL 0 9 101 3",
    ),
    # Fill or kill counts own orders only without prevention.
    (OWN_BETWEEN, "buy 9 A 101 9 FOK", "FILL 1 9 101 2; FILL 2 9 101 3; FILL 3 9 101 4"),
    (OWN_BETWEEN, "buy 9 A 101 7 FOK EXPIRE_MAKER", "EXPIRED 9 FOK 101 7"),
    (
        OWN_BETWEEN,
        "buy 9 A 101 6 FOK EXPIRE_MAKER",
        "FILL 1 9 101 2; EXPIRED 2 SELF_TRADE 101 3; FILL 3 9 101 4",
    ),
    (
        OWN_BETWEEN,
        "buy 9 A 101 6 FOK EXPIRE_TAKER",
        "FILL 1 9 101 2; EXPIRED 9 SELF_TRADE 101 4",
    ),
]


@pytest.mark.parametrize(("before", "then", "rows"), CASES)
def test_self_trade_row(book: AnyBook, before: str, then: str, rows: str) -> None:
    check_case(book, before, then, rows)


def test_expired_taker_does_not_rest(book: AnyBook) -> None:
    run(book, OWN_BETWEEN + "; buy 9 A 101 9 GTC EXPIRE_TAKER")
    assert [book.remaining(slot) for slot in (1, 2, 3, 9)] == [0, 3, 4, 0]
