"""Goal: the ledger never loses a unit, and its positions are those of exact arithmetic.

Method: an oracle in ``Fraction`` and random trades; broken entries must be seen.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.ledger.columns import Ledger

CLEARING, OWN, OTHER = 0, 1, 2
TRADES = st.lists(
    st.tuples(st.integers(-(10**6), 10**6).filter(bool), st.integers(1, 10**7)), max_size=30
)


@given(trades=TRADES, unit=st.integers(1, 1000))
def test_positions_and_clearing(trades: list[tuple[int, int]], unit: int) -> None:
    ledger = Ledger(2, [unit], 3, 1)
    lots, cost, realized = 0, Fraction(0), Fraction(0)
    for size, price in trades:
        for account, wallet, signed in ((1, OWN, size), (0, OTHER, -size)):
            profit = ledger.fill_position(account, 0, signed, price)
            ledger.post(wallet, 0, profit)
            ledger.post(CLEARING, 0, -profit)
        assert ledger.close_entry()
        closed = min(abs(size), abs(lots)) if lots * size < 0 else 0
        if closed:
            sign = 1 if size > 0 else -1
            released = cost * closed / abs(lots)
            realized += -sign * closed * price * unit - released
            cost -= released
            cost += sign * (abs(size) - closed) * price * unit
        else:
            cost += size * price * unit
        lots += size
        assert ledger.position_of(1, 0)[0] == lots
        assert abs(ledger.balance_of(OWN, 0) - realized) <= len(trades)
        assert abs(ledger.position_of(1, 0)[1] - cost) <= len(trades)
        assert lots or ledger.position_of(1, 0)[1] == 0
        ledger.check(CLEARING, [0], [0])


@given(trades=TRADES)
def test_one_order_or_two_halves_is_the_same(trades: list[tuple[int, int]]) -> None:
    whole, halves = Ledger(1, [1], 1, 1), Ledger(1, [1], 1, 1)
    sums = [0, 0]
    for size, price in trades:
        sums[0] += whole.fill_position(0, 0, size, price)
        first = size // 2
        for part in (first, size - first):
            if part:
                sums[1] += halves.fill_position(0, 0, part, price)
    assert whole.position_of(0, 0)[0] == halves.position_of(0, 0)[0]
    # Each split may round once more; together with the cost nothing is lost.
    assert whole.position_of(0, 0)[1] - sums[0] == halves.position_of(0, 0)[1] - sums[1]
    assert abs(sums[0] - sums[1]) <= 2 * len(trades)


def test_an_entry_that_does_not_balance_is_seen() -> None:
    ledger = Ledger(1, [1], 2, 2)
    ledger.post(0, 0, 5)
    ledger.post(1, 0, -5)
    assert ledger.close_entry()
    ledger.post(0, 1, 5)
    ledger.post(1, 0, -5)
    assert not ledger.close_entry()
    with pytest.raises(AssertionError, match="did not balance"):
        ledger.check(0, [0], [0])


@pytest.mark.parametrize(("amount", "good"), [(1 << 62, True), ((1 << 62) + 1, False)])
def test_amounts_beyond_62_bits_stop_the_run(amount: int, good: bool) -> None:
    for sign in (1, -1):
        ledger = Ledger(1, [1], 2, 1)
        ledger.post(0, 0, sign * amount)
        ledger.post(1, 0, -sign * amount)
        assert bool(ledger.close_entry()) == good


def test_held_is_not_available() -> None:
    ledger = Ledger(1, [1], 2, 1)
    ledger.move(0, 1, 0, 70)
    assert ledger.available(1, 0) == 70
    ledger.held[1, 0] = 30
    assert ledger.available(1, 0) == 40
    assert ledger.balance_of(1, 0) == 70


LENDER, BORROWER = 0, 1
"""Wallets of the loan tests."""


def test_a_loan_with_its_interest_leaves_every_column_at_zero() -> None:
    ledger = Ledger(1, [1], 3, 2)
    ledger.lend(LENDER, BORROWER, 1, 1000)
    ledger.accrue(LENDER, BORROWER, 1, 7)
    assert ledger.loan_of(BORROWER, 1) == (1000, 7)
    assert ledger.loan_of(LENDER, 1) == (-1000, -7)
    assert ledger.owed(BORROWER, 1) == 1007
    ledger.pay_interest(LENDER, BORROWER, 1, 5)
    ledger.lend(LENDER, BORROWER, 1, -400)
    assert ledger.loan_of(BORROWER, 1) == (600, 2)
    assert ledger.balance_of(BORROWER, 1) == 1000 - 5 - 400
    assert ledger.balance_of(LENDER, 1) == -1000 + 5 + 400
    ledger.check(2, [], [])
    ledger.check_loans(LENDER)


@pytest.mark.parametrize(
    ("borrowed", "interest", "said"),
    [(-1, 0, "negative loan"), (0, -1, "negative interest")],
)
def test_nobody_owes_less_than_nothing(borrowed: int, interest: int, said: str) -> None:
    ledger = Ledger(1, [1], 3, 1)
    ledger.lend(LENDER, BORROWER, 0, borrowed)
    ledger.accrue(LENDER, BORROWER, 0, interest)
    with pytest.raises(AssertionError, match=said):
        ledger.check_loans(LENDER)


def test_what_is_owed_to_nobody_is_seen() -> None:
    ledger = Ledger(1, [1], 3, 1)
    ledger.loan[BORROWER, 0] += 5
    with pytest.raises(AssertionError, match="loan columns do not sum to zero"):
        ledger.check_loans(LENDER)
