"""Goal: what is taken moves a book, and comes back, by the closed forms of the model.

Method: a tape that stands still; orders of known size; figures from pencil and paper
(docs/concepts/impact.md).  Books are fine enough that the grid of levels is out of the way.
"""

from __future__ import annotations

from math import exp, log, sqrt

import pytest

from tests.exchange.impact_kit import MID, SPOT, UM, book, middle, moved, trade, venue

SECOND = 1000
MINUTE = 60_000
DEPTH = 10_000_000.0


def btc(notional: float) -> float:
    """Coins of a notional at the mid, whole lots."""
    return round(notional / MID, 3)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("side", [-1, 1])
def test_constant_profile_walks_in_proportion(share: float, side: int) -> None:
    """Notional q walks x = 1 % x q / depth; the average is half of it away from the quote."""
    world = venue(book())
    price = trade(world, SPOT, side * btc(share * DEPTH))
    world.step(SECOND)
    x = 0.01 * share
    assert moved(world, SPOT) == pytest.approx(side * x, rel=0.01)
    assert price == pytest.approx(MID * exp(side * x / 2), abs=0.01 * x * MID + 0.1)
    assert middle(world, SPOT) * 0.1 == pytest.approx(MID * exp(side * x), abs=0.01 * x * MID + 0.1)


@pytest.mark.parametrize("side", [-1, 1])
def test_linear_profile_walks_the_square_root(side: int) -> None:
    """Depth grows with the square of the distance: x = 1 % x sqrt(q / depth), average 2/3 x."""
    world = venue(book(profile="linear"))
    price = trade(world, SPOT, side * btc(0.25 * DEPTH))
    world.step(SECOND)
    x = 0.01 * sqrt(0.25)
    assert moved(world, SPOT) == pytest.approx(side * x, rel=0.01)
    assert log(price / MID) == pytest.approx(side * x * 2 / 3, rel=0.01)


@pytest.mark.parametrize(("profile", "exponent"), [("constant", 1.0), ("linear", 0.5)])
@pytest.mark.parametrize("slices", [1, 8])
def test_exponent_of_impact_is_the_profiles_however_the_order_is_sliced(
    profile: str, exponent: float, slices: int
) -> None:
    ends = []
    for share in (0.04, 0.64):
        world = venue(book(profile=profile))
        for _ in range(slices):
            trade(world, SPOT, -btc(share * DEPTH / slices))
            world.step(SECOND)
        ends.append(-moved(world, SPOT))
    assert log(ends[1] / ends[0]) / log(16) == pytest.approx(exponent, abs=0.01)
    assert ends[1] == pytest.approx(0.01 * 0.64**exponent, rel=0.01)


@pytest.mark.parametrize("profile", ["constant", "linear"])
def test_a_round_trip_leaves_nothing(profile: str) -> None:
    """The density belongs to the place: buying back what was sold comes back to the reference."""
    world = venue(book(profile=profile))
    for quantity in (-20, -30, 10, 40):
        trade(world, SPOT, quantity)
        world.step(SECOND)
    # Lots are of notional at their own level's price: second order in the distance.
    assert moved(world, SPOT) == pytest.approx(0.0, abs=0.02 * 0.005)
    assert world.core.liquidities.state(world.number(SPOT))[2] == 0


def test_both_sides_are_netted() -> None:
    world = venue(book())
    trade(world, SPOT, -20)
    trade(world, SPOT, 20)
    world.step(SECOND)
    assert moved(world, SPOT) == pytest.approx(0.0, abs=2 * 0.002**2)


# Resilience


def test_exponential_resilience_halves_in_each_half_life() -> None:
    world = venue(book(resilience="exponential", half_life_ns=60 * 10**9))
    trade(world, SPOT, -50)
    world.step(SECOND)
    first = moved(world, SPOT)
    for halves in (1, 2, 3):
        world.step(MINUTE)
        assert moved(world, SPOT) == pytest.approx(first * 0.5**halves, rel=1e-9)


def test_exponential_resilience_does_not_depend_on_how_often_it_is_looked_at() -> None:
    ends = []
    for rows in (1, 60):
        world = venue(book(resilience="exponential"))
        trade(world, SPOT, -50)
        world.step(SECOND)
        for _ in range(rows):
            world.step(MINUTE // rows)
        ends.append(moved(world, SPOT))
    assert ends[0] == pytest.approx(ends[1], rel=1e-12)


def test_linear_resilience_takes_a_share_of_price_a_minute() -> None:
    world = venue(book(resilience="linear", recovery=0.002))
    trade(world, SPOT, -50)
    world.step(SECOND)
    first = moved(world, SPOT)
    world.step(MINUTE)
    assert moved(world, SPOT) == pytest.approx(first + 0.002, rel=1e-9)
    world.step(10 * MINUTE)
    assert moved(world, SPOT) == 0.0


def test_instant_resilience_is_over_at_the_next_step_and_none_never() -> None:
    world = venue({SPOT: book(resilience="instant"), UM: book()})
    trade(world, SPOT, -50)
    trade(world, UM, -50)
    assert middle(world, SPOT) < 999_900
    world.step(SECOND)
    assert moved(world, SPOT) == 0.0
    assert middle(world, SPOT) == 1_000_000.5
    first = moved(world, UM)
    assert first == pytest.approx(-0.005, rel=0.01)
    world.step(60 * MINUTE)
    assert moved(world, UM) == first


@pytest.mark.parametrize("resilience", ["instant", "exponential", "linear", "none"])
def test_the_permanent_share_stays(resilience: str) -> None:
    world = venue(book(resilience=resilience, permanent=0.4, half_life_ns=10**9))
    trade(world, SPOT, -50)
    world.step(SECOND)
    at = world.number(SPOT)
    lasting = float(world.core.liquidities.lasting[at])
    assert lasting == pytest.approx(-0.4 * 0.005, rel=0.01)
    world.step(120 * MINUTE)
    rest = -0.6 * 0.005 if resilience == "none" else 0.0
    assert moved(world, SPOT) == pytest.approx(lasting + rest, rel=0.01)


# Depth over time


def test_flight_withdraws_half_of_the_depth_at_its_displacement() -> None:
    """A second order, at a displacement of f, walks twice as far; at 2 f four times."""
    world = venue(book(flight=0.005))
    walked = []
    for _ in range(2):
        before = moved(world, SPOT)
        trade(world, SPOT, -btc(0.5 * DEPTH * exp(-before)))
        world.step(SECOND)
        walked.append(moved(world, SPOT) - before)
    assert walked[0] == pytest.approx(-0.005, rel=0.01)
    assert walked[1] == pytest.approx(-0.010, rel=0.01)


def test_depth_follows_its_knots() -> None:
    """Half of it after a minute, a tenth from the second minute on."""
    knots = ((0, 1.0), (60 * 10**9, 0.5), (120 * 10**9, 0.1))
    for seconds, factor in ((30, 0.75), (60, 0.5), (90, 0.3), (600, 0.1)):
        world = venue(book(scale=knots))
        started = 2002  # milliseconds that opening took
        world.step(seconds * SECOND - started % SECOND - 2 * SECOND)
        world.step(SECOND)
        trade(world, SPOT, -btc(0.01 * DEPTH))
        world.step(SECOND)
        assert moved(world, SPOT) == pytest.approx(-0.0001 / factor, rel=0.04)


# Arbitrage


@pytest.mark.hours
def test_arbitrage_meets_at_the_mean_by_depth() -> None:
    """Spot with three times the depth moves a quarter of the gap, the future three quarters."""
    world = venue({SPOT: book(depth=3 * DEPTH), UM: book(arbitrage_ns=20 * 10**9)})
    trade(world, UM, -50)
    world.step(SECOND)
    start = moved(world, UM)
    assert start == pytest.approx(-0.005, rel=0.01)
    assert moved(world, SPOT) == 0.0
    world.step(20 * SECOND)
    gap = moved(world, UM) - moved(world, SPOT)
    assert gap == pytest.approx(start / 2, rel=1e-9)
    world.step(60 * MINUTE)
    assert moved(world, UM) == pytest.approx(start / 4, rel=1e-9)
    assert moved(world, SPOT) == pytest.approx(start / 4, rel=1e-9)


def test_without_arbitrage_books_move_on_their_own() -> None:
    world = venue(book())
    trade(world, UM, -50)
    world.step(60 * MINUTE)
    assert moved(world, SPOT) == 0.0


# Feedback


def test_without_feedback_every_forced_order_meets_the_undisturbed_book() -> None:
    world = venue(book(), feedback=False)
    at = world.number(SPOT)
    for _ in range(3):
        world.core.force(1, at, -1, 50_000, 4)
        assert middle(world, SPOT) == 1_000_000.5
    world.step(SECOND)
    prices = {}
    for fill in world.seen.fills:
        prices.setdefault(fill.price, []).append(fill.quantity)
    assert all(len(set(found)) == 1 and len(found) == 3 for found in prices.values())
    assert moved(world, SPOT) == 0.0
    assert world.core.pools.mark_price(at) == pytest.approx(MID)


def test_without_feedback_an_own_order_leaves_no_trace_at_the_next_step() -> None:
    world = venue(book(), feedback=False)
    trade(world, SPOT, -50)
    assert middle(world, SPOT) < 999_900
    world.step(SECOND)
    assert middle(world, SPOT) == 1_000_000.5


# A forced seller


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.5, 0.8])
def test_a_seller_of_n_lots_a_tick_of_fall_ends_at_the_fixed_point(strength: float) -> None:
    """With q lots a tick in the book, n sold a tick of fall and a first fall of s ticks: the fall
    ends at x = s / (1 - n / q), because x = s + x n / q.
    """
    world = venue(book(depth=100 * DEPTH))
    q = 100 * DEPTH / 0.01 / MID**2 * 0.1 / 0.001  # lots a tick: per percent, per price, per lot
    n = strength * q
    shock = 0.0001
    trade(world, SPOT, -btc(100 * DEPTH * shock / 0.01))
    sold = 0
    for _ in range(200):
        world.step(SECOND)
        fall = (1.0 - exp(moved(world, SPOT))) * MID / 0.1
        due = int(n * fall) - sold
        if due <= 0:
            break
        world.core.force(1, world.number(SPOT), -1, due, 4)
        sold += due
    else:
        pytest.fail("the sales do not end")
    assert fall == pytest.approx(shock * MID / 0.1 / (1 - strength), rel=0.01)


def test_a_break_between_recordings_is_time_for_a_book_to_come_back() -> None:
    world = venue(book(resilience="exponential"))
    trade(world, SPOT, -50)
    world.step(SECOND)
    assert moved(world, SPOT) < -0.004
    world.step(2 * 24 * 60 * MINUTE)
    world.book(SPOT, 900_000, 900_001)
    world.step(SECOND)
    assert moved(world, SPOT) == 0.0
    assert middle(world, SPOT) == 900_000.5
