"""Goal: cascades whose end can be worked out by hand end there.

Method: books of even or growing depth that nothing refills, one future whose own book is its index,
accounts chosen so that the sum is known: the fixed point of a crowd spread over prices, all or
nothing for identical accounts, a single large order against the depth.
"""

from __future__ import annotations

from math import exp, expm1, log, sqrt

import pytest

from tests.cascade.kit import E8, WHOLE, Cascade, Holder, even_book, falling, impact_of, market

PERP = "um:BTCUSDT"
FIRST = 100_000.0
LOT = 0.001
MMR = 0.05
DEPTH = 1e7
"""Notional within a percent; a log distance of y holds 100 x DEPTH x y."""


def long_until(number: int, threshold: float, notional: float) -> Holder:
    """A long position of ``notional`` that is liquidated at ``threshold`` and bankrupt 5 % below.

    margin + lots x (p - first) = mmr x lots x p there.
    """
    lots = round(notional / threshold / LOT)
    margin = lots * LOT * (FIRST - threshold * (1 - MMR))
    return Holder(
        number,
        lots={PERP: lots},
        entry={PERP: FIRST},
        isolated={PERP: margin},
    )


def shock(log_fall: float, seconds: int = 50) -> dict[str, object]:
    """A path that falls at once, and stays."""
    return falling(FIRST, (2, 1.0), (3, exp(-log_fall)), (seconds, exp(-log_fall)))


def ended(holders: list[Holder], log_fall: float, feedback: bool = True, **book: object) -> float:
    """How far the mark has fallen at the end, as a log distance."""
    made = market(50, {"BTC": shock(log_fall)})
    impact = impact_of(even_book(DEPTH, **book), feedback)
    done = Cascade(made, holders, rulebook=WHOLE, impact=impact).run()
    return -log(done.mark(PERP) / FIRST)


@pytest.mark.parametrize("due_by_depth", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("fall", [0.002, 0.004])
def test_a_spread_crowd_amplifies_a_shock_by_its_share_of_the_depth(
    due_by_depth: float, fall: float
) -> None:
    """n of notional falls due by unit of fall, the book holds q: x = s + (n / q) x."""
    apart = 1e-4
    each = due_by_depth * 100 * DEPTH * apart
    crowd = [long_until(k, FIRST * exp(-(k - 0.5) * apart), each) for k in range(1, 250)]
    expected = fall / (1 - due_by_depth)
    assert expected < 240 * apart, "the crowd must reach beyond the fixed point"
    assert ended(crowd, fall, feedback=False) == pytest.approx(fall, abs=2e-6)
    # A crowd of grains stops within a grain of the limit; lots sold below their threshold are
    # worth a little less than there.
    grain = apart * due_by_depth / (1 - due_by_depth)
    assert ended(crowd, fall) == pytest.approx(expected, rel=0.02, abs=2 * grain)


def test_identical_accounts_go_all_or_none() -> None:
    """x = s while s stays above their threshold, s + N L / q from there on."""
    count, each, threshold = 40, 250_000.0, 0.01
    crowd = [long_until(k, FIRST * exp(-threshold), each) for k in range(1, count + 1)]
    sold = count * each / (100 * DEPTH)
    assert ended(crowd, threshold - 2e-5) == pytest.approx(threshold - 2e-5, abs=2e-6)
    assert ended(crowd, threshold + 2e-5) == pytest.approx(threshold + sold, rel=0.01)


def test_identical_accounts_that_need_each_other_go_all_or_none() -> None:
    """Two steps of accounts: the first alone brings the price to the second."""
    first = [long_until(1, FIRST * exp(-0.01), 5e6)]
    second = [long_until(k, FIRST * exp(-0.0140), 500_000.0) for k in range(2, 12)]
    assert ended(first, 0.0101) == pytest.approx(0.0151, rel=0.01)
    assert ended(second, 0.0101) == pytest.approx(0.0101, abs=2e-6)
    assert ended(first + second, 0.0101) == pytest.approx(0.0201, rel=0.01)


@pytest.mark.parametrize("notional", [2e6, 8e6, 2e7])
def test_an_order_moves_an_even_book_in_proportion(notional: float) -> None:
    """Selling Q walks y = Q / q at an average of p y / (e^y - 1)."""
    fall = 0.02
    (holder,) = [long_until(1, FIRST * exp(-fall + 1e-5), notional)]
    made = market(60, {"BTC": shock(fall, 60)})
    impact = impact_of(even_book(DEPTH))
    done = Cascade(made, [holder], rulebook=WHOLE, impact=impact).run()
    lots = holder.lots[PERP]
    quote = FIRST * exp(-fall)
    walked = log(1 + lots * LOT * quote / (100 * DEPTH))
    assert -log(done.mark(PERP) / quote) == pytest.approx(walked, rel=2e-3)
    (order,) = done.closings()
    average = order.amount / E8 / (lots * LOT)
    assert average == pytest.approx(quote * walked / expm1(walked), rel=2e-5)
    assert done.lots(1, PERP) == 0


@pytest.mark.parametrize("notional", [1e6, 4e6, 1.6e7])
def test_an_order_moves_a_growing_book_by_its_square_root(notional: float) -> None:
    """Where the density grows with the distance, Q walks 1 % x sqrt(Q / depth)."""
    fall = 0.02
    crowd = [long_until(1, FIRST * exp(-fall + 1e-5), notional)]
    assert ended(crowd, fall, profile="linear") - fall == pytest.approx(
        0.01 * sqrt(notional / DEPTH), rel=0.02
    )


def test_what_is_taken_comes_back_by_half_in_a_half_life() -> None:
    fall, crowd = 0.02, [long_until(1, FIRST * exp(-0.02 + 1e-5), 1e7)]
    gone = 1e7 / (100 * DEPTH)
    left = ended(crowd, fall, resilience="exponential", half_life_ns=15 * 10**9) - fall
    # Taken at the step of second 3 and measured a step later, the last step is that of second 50.
    assert left == pytest.approx(gone * 0.5 ** (46 / 15), rel=0.01)
    half = ended(crowd, fall, resilience="instant", permanent=0.5) - fall
    assert half == pytest.approx(gone / 2, rel=0.01)
