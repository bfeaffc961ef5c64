"""Goal: index and marks follow the moved books by the venue's formula, and nothing else does.

Method: standing tapes; one order moves one book; index and mark second by second against the
formula worked out by hand: the median of index, index + mean of the last 30 of (mid - index), and
the last price or else the mid.
"""

from __future__ import annotations

from decimal import Decimal
from math import exp

import pytest

from simulator.instruments.instrument import Instrument
from simulator.market.liquidity import Impact
from simulator.market.tape import Kind
from tests.exchange.impact_kit import (
    HUGE,
    INSTRUMENTS,
    MID,
    SPOT,
    UM,
    book,
    middle,
    moved,
    trade,
    venue,
)
from tests.exchange.world import World, listed

POINTS = 30


def index(world: World, asset: str = "BTC") -> float:
    return float(world.core.pools.index_price(world.assets.index(asset)))


def mark(world: World, name: str = UM) -> float:
    return float(world.core.pools.mark_price(world.number(name)))


def told(world: World, price: str, name: str = UM) -> None:
    world.row(Kind.INDEX, name, 0, int(Decimal(price) * 10**8))


def test_a_moved_perpetual_pulls_its_mark_by_the_average_of_thirty_seconds() -> None:
    world = venue(book())
    world.step(60_000)  # thirty equal points
    assert mark(world) == pytest.approx(MID)
    assert index(world) == pytest.approx(MID)
    trade(world, UM, -100)
    for seconds in range(1, 40):
        world.step(1000)
        fall = middle(world, UM) * 0.1 - MID
        assert fall == pytest.approx(MID * (exp(-0.01) - 1), rel=0.02)
        assert index(world) == pytest.approx(MID)
        assert mark(world) == pytest.approx(MID + fall * min(seconds, POINTS) / POINTS, abs=1e-6)


def test_a_moved_spot_book_moves_the_index_at_once_and_every_mark() -> None:
    """index + mean of basis: the basis jumps up by what the index falls, a thirtieth a second."""
    world = venue(book())
    world.step(60_000)
    trade(world, SPOT, -100)
    world.step(1000)
    spot = middle(world, SPOT) * 0.1
    assert index(world) == pytest.approx(spot)
    fall = spot - MID
    assert mark(world) == pytest.approx(spot - fall / POINTS, abs=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_own_book_counts_by_its_weight_beside_what_the_tape_tells(weight: float) -> None:
    world = venue(book(), own_weight={"BTC": weight})
    told(world, "101000")
    trade(world, SPOT, -100)
    world.step(1000)
    own = middle(world, SPOT) * 0.1
    assert index(world) == pytest.approx(weight * own + (1 - weight) * 101_000)


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_the_own_book_counts_beside_the_undisturbed_mid(weight: float) -> None:
    world = venue(book(), own_weight={"BTC": weight})
    trade(world, SPOT, -100)
    world.step(1000)
    own = middle(world, SPOT) * 0.1
    assert index(world) == pytest.approx(weight * own + (1 - weight) * MID)


def test_an_index_that_the_tape_stopped_telling_is_the_undisturbed_mid() -> None:
    world = venue(book(), own_weight={"BTC": 0.0})
    told(world, "101000")
    world.step(1000)
    assert index(world) == pytest.approx(101_000)
    world.step(660_000)
    world.step(1000)
    assert index(world) == pytest.approx(MID)


def test_a_perpetuals_book_is_no_index_where_the_tape_tells_one() -> None:
    """Without a spot book the index is the perpetual's mid, or what the tape tells."""
    world = venue(book(), instruments=(INSTRUMENTS[1],))
    trade(world, UM, -100)
    world.step(1000)
    assert index(world) == pytest.approx(middle(world, UM) * 0.1)
    told(world, "100000")
    world.step(1000)
    assert index(world) == pytest.approx(100_000)


def test_an_asset_without_any_book_has_the_index_of_the_tape() -> None:
    world = venue(book(), instruments=(*INSTRUMENTS, listed("um", "ETH", **HUGE)))
    told(world, "4000", "um:ETHUSDT")
    world.step(1000)
    assert index(world, "ETH") == pytest.approx(4000)


def test_collateral_marked_by_its_own_book_or_by_what_it_can_be_redeemed_for() -> None:
    """The same sale of a pegged asset: with the book's weight its index falls, without it stays."""
    usde = Instrument(
        "spot", "USDEUSDT", "USDE", "USDT", Decimal("0.0001"), Decimal("0.01"), **HUGE
    )
    ends = []
    for weight in (1.0, 0.0):
        world = venue(
            book(depth=1e6), instruments=(usde, *INSTRUMENTS), own_weight={"USDE": weight},
            price=10_000,
        )  # fmt: skip
        told(world, "1", usde.name)
        world.core.force(1, world.number(usde.name), -1, 1_500_000 * 100, 4)
        world.step(1000)
        ends.append(index(world, "USDE"))
    assert ends == [pytest.approx(exp(-0.015), rel=0.01), 1.0]


def test_the_tapes_marks_of_futures_are_not_used() -> None:
    world = venue(book())
    world.mark(UM, "90000")
    world.step(1000)
    assert mark(world) == pytest.approx(MID)


def test_the_tapes_mark_of_an_option_is_used_until_there_is_a_volatility() -> None:
    option = Instrument(
        "option", "BTC-231229-100000-C", "BTC", "USDT", Decimal(5), Decimal("0.01"),
        expiry_ns=1_703_836_800_000_000_000, strike=Decimal(100_000), right="C", **HUGE,
    )  # fmt: skip
    world = World("unified", instruments=(*INSTRUMENTS, option), impact=Impact(other=book()))
    for one in INSTRUMENTS:
        world.book(one.name, 1_000_000, 1_000_001)
    world.mark(option.name, "4321")
    world.step(1000)
    assert mark(world, option.name) == 4321.0
    world.row(Kind.VOLATILITY, option.name, 0, int(0.5 * 10**8))
    world.step(1000)
    modelled = mark(world, option.name)
    world.mark(option.name, "4321")
    assert mark(world, option.name) == modelled != 4321.0


def test_the_clock_ticks_while_anything_is_displaced_and_rests_otherwise() -> None:
    """A displacement is nearly over an hour later, whether or not the tape says anything."""
    world = venue(book(resilience="exponential", half_life_ns=60 * 10**9))
    world.step(120_000)
    first = int(world.desk.upkeep.n_samples)
    world.step(60_000)
    resting = int(world.desk.upkeep.n_samples) - first
    trade(world, UM, -100)
    world.step(60_000)
    assert int(world.desk.upkeep.n_samples) - first - resting == 60
    assert resting < 5
    assert moved(world, UM) == pytest.approx(-0.01 / 2, rel=0.05)


def test_the_path_is_kept_with_the_samples() -> None:
    world = venue(book())
    trade(world, UM, -100)
    world.step(5000)
    times, mids, moves = world.core.liquidities.path()
    assert list(times) == list(world.desk.upkeep.sample_time[: len(times)])
    assert mids[-1].tolist() == pytest.approx([MID, MID])
    assert moves[-1].tolist() == pytest.approx([0.0, exp(moved(world, UM)) - 1])
    assert moves[0].tolist() == [0.0, 0.0]
