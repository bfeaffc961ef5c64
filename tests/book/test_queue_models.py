"""Goal: queue models estimate a place as their formulas say, within bounds, the same everywhere.

Method: literal cases worked by hand from the formulas that hftbacktest documents for its
RiskAverse, PowerProb and LogProb queue models; exact fractions as a second implementation; bounds.
"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.book.codes import QueueModel
from simulator.book.queue import advance, natural_log
from tests.book.script import run
from tests.book.streams import BookMaker

RISK_AVERSE, POWER, LOG, FIFO = QueueModel


# f = front, b = back = previous - front, p = f(b) / (f(b) + f(f)), c = previous - new - traded
@pytest.mark.parametrize(
    ("model", "power", "ahead", "previous", "new", "traded", "expected"),
    [
        # Risk averse: only a level smaller than our estimate moves us.
        (RISK_AVERSE, 0, 10, 20, 30, 0, 10),
        (RISK_AVERSE, 0, 10, 20, 11, 0, 10),
        (RISK_AVERSE, 0, 10, 20, 10, 0, 10),
        (RISK_AVERSE, 0, 10, 20, 9, 0, 9),
        (RISK_AVERSE, 0, 10, 20, 0, 0, 0),
        (FIFO, 0, 10, 20, 10, 0, 10),
        (FIFO, 0, 10, 20, 9, 0, 9),
        # Power 1: p = 2/8, 6 - 6/8 * 4
        (POWER, 1, 6, 8, 4, 0, 3.0),
        # Power 3: p = 1/9, 2 - 8/9
        (POWER, 3, 2, 3, 2, 0, 10 / 9),
        # Power 2: p = 9/13, 2 - 4/13
        (POWER, 2, 2, 5, 4, 0, 22 / 13),
        # At the front nothing before us can go; at the back everything that goes was before us.
        (POWER, 3, 0, 5, 2, 0, 0.0),
        (POWER, 3, 5, 5, 2, 0, 2.0),
        # More would go behind us than is there: p = 27/35, c = 4, 2 - 32/35 + (3 - 108/35)
        (POWER, 3, 2, 5, 1, 0, 1.0),
        # What was printed is not counted again: c = 1, b = 5, p = 5/8, 3 - 3/8
        (POWER, 1, 3, 8, 4, 3, 2.625),
        (POWER, 1, 3, 8, 5, 3, 3.0),  # c = 0
        (POWER, 1, 3, 8, 6, 3, 3.0),  # c < 0: the level refilled
        (POWER, 1, 3, 8, 12, 0, 3.0),
        (POWER, 1, 3, 4, 2, 3, 2.0),  # c < 0 and a level smaller than our estimate
        # Log: f(3) = 2 ln 2, f(1) = ln 2, p = 2/3, 1 - 1/3
        (LOG, 0, 1, 4, 3, 0, 2 / 3),
        (LOG, 0, 3, 4, 3, 0, 3 - 2 / 3),
        (LOG, 0, 0, 4, 1, 0, 0.0),
        # Nothing there at all: 0 / 0 counts as 1.
        (POWER, 3, 0, 0, 0, 0, 0.0),
        (LOG, 0, 0, 0, 7, 0, 0.0),
        # An estimate beyond the level, as after a clear, comes back to the level.
        (POWER, 3, 4, 3, 3, 0, 3.0),
    ],
)
def test_case_by_hand(
    model: int, power: float, ahead: int, previous: int, new: int, traded: int, expected: float
) -> None:
    result = advance(model, float(power), ahead, previous, new, traded)
    assert result == pytest.approx(expected, rel=1e-14, abs=1e-14)


def test_one_order_through_a_session(make: BookMaker) -> None:
    """Behind 10; 4 join; 4 print; the level goes to 8, so 2 left unseen: p = 512/728."""
    book = make(POWER, 3.0)
    run(book, "bid 100 10; buy 1 A 100 5; bid 100 14")
    assert book.ahead(1) == 10.0
    run(book, "print sell 100 4")
    assert book.ahead(1) == 6.0
    run(book, "bid 100 8")
    assert book.ahead(1) == pytest.approx(492 / 91, rel=1e-15)
    run(book, "bid 100 8")  # the print was used up, nothing changed
    assert book.ahead(1) == pytest.approx(492 / 91, rel=1e-15)


@pytest.mark.parametrize("model", [RISK_AVERSE, POWER, LOG])
def test_repeated_prints_explain_the_decrease(make: BookMaker, model: QueueModel) -> None:
    """Under every model 3 + 2 lots printed and 5 gone is no cancellation."""
    book = make(model, 3.0)
    run(book, "ask 101 9; sell 1 A 101 5; ask 101 12; print buy 101 3; print buy 101 2; ask 101 7")
    assert book.ahead(1) == 4.0


lots = st.integers(0, 10**6)


@given(st.integers(1, 8), lots, lots, lots)
def test_power_is_the_formula_in_fractions(power: int, front: int, back: int, gone: int) -> None:
    previous = front + back
    change = min(gone, previous)
    weights = Fraction(back) ** power, Fraction(front) ** power
    p = weights[0] / sum(weights) if any(weights) else Fraction(1)
    exact = front - (1 - p) * change + min(Fraction(0), back - p * change)
    exact = max(Fraction(0), min(exact, Fraction(previous - change)))
    result = advance(POWER, float(power), front, previous, previous - change, 0)
    assert result == pytest.approx(float(exact), rel=1e-9, abs=1e-9)


@given(st.sampled_from(QueueModel), st.sampled_from([1.0, 2.0, 3.0, 2.5]), lots, lots, lots, lots)
def test_place_stays_within_the_level(
    model: int, power: float, ahead: int, previous: int, new: int, traded: int
) -> None:
    assert 0.0 <= advance(model, power, ahead, previous, new, traded) <= new


@given(lots, lots, lots)
def test_place_never_falls_back(front: int, back: int, new: int) -> None:
    for model in QueueModel:
        assert advance(model, 3.0, front, front + back, new, 0) <= front


@given(st.floats(1.0, 1e15))
def test_own_logarithm_is_a_logarithm(x: float) -> None:
    assert natural_log(x) == pytest.approx(math.log(x), rel=4e-15, abs=4e-16)
