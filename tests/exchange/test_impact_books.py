"""Goal: composed books are books: whole lots, strict ticks, the depth asked for, on any instrument.

Method: compose around standing tapes of several instruments and compare with the cumulative depth
worked out by hand; orders that rest while levels move.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from math import exp

import pytest

from simulator.errors import InputError
from simulator.exchange.impact import impact_columns
from simulator.instruments.instrument import Instrument
from simulator.market.liquidity import Impact, Liquidity
from simulator.market.tape import Kind
from tests.exchange.impact_kit import (
    CM,
    HUGE,
    INSTRUMENTS,
    INVERSE,
    MID,
    SPOT,
    UM,
    book,
    levels,
    middle,
    moved,
    trade,
    venue,
)
from tests.exchange.world import World, listed

USDE = Instrument("spot", "USDEUSDT", "USDE", "USDT", Decimal("0.0001"), Decimal("0.01"), **HUGE)
PEG = "spot:USDEUSDT"


def sound(world: World, name: str) -> None:
    """Assert that a displayed book is one: strict prices above 0, lots, no crossing."""
    bids, asks = levels(world, name, 1), levels(world, name, -1)
    assert bids
    assert asks
    assert all(b < a for a, b in pairwise(price for price, _ in bids))
    assert all(b > a for a, b in pairwise(price for price, _ in asks))
    assert asks[0][0] > bids[0][0]
    assert bids[-1][0] >= 1
    assert all(lots > 0 for _, lots in bids + asks)


@pytest.mark.parametrize("profile", ["constant", "linear", "tape"])
@pytest.mark.parametrize("count", [1, 7, 60, 4000])
def test_books_are_sound(profile: str, count: int) -> None:
    world = venue(Liquidity(profile=profile, levels=count), instruments=(*INSTRUMENTS, INVERSE))  # type: ignore[arg-type]
    for name in (SPOT, UM, CM):
        sound(world, name)
    if count > 1:
        world.core.force(1, world.number(SPOT), -1, 1_100_000, 4)
        world.step(1000)
        assert moved(world, SPOT) < 0
        sound(world, SPOT)


@pytest.mark.parametrize("name", [SPOT, CM])
def test_depth_up_to_any_level_is_exact_to_a_lot(name: str) -> None:
    """Constant profile: a hundredth of reach holds depth / 100 x reach / 1 %, level by level."""
    reach, count, depth = 0.04, 40, 3_000_000.0
    world = venue(
        Liquidity(depth=depth, reach=reach, levels=count, spread=0.0002),
        instruments=(*INSTRUMENTS, INVERSE),
    )
    size = 100.0 if name == CM else 0.001
    for side in (1, -1):
        shown = levels(world, name, side)
        assert len(shown) == count
        wanted, cumulative = 0.0, 0
        for k, (price, lots) in enumerate(shown):
            part = depth * reach / 0.01 * ((k + 1) ** 2 - k**2) / count**2
            wanted += part / (size if name == CM else price * 0.1 * size)
            cumulative += lots
            assert cumulative == int(wanted + 1e-9)
            inner, outer = reach * k**2 / count**2, reach * (k + 1) ** 2 / count**2
            away = 0.0001 + (0.0 if k == 0 else (inner + outer) / 2)
            at = MID * exp(-side * away) / 0.1
            assert (price <= at < price + 1) if side > 0 else (price - 1 < at <= price)


def test_the_quote_has_the_spread_asked_for() -> None:
    world = venue(Liquidity(spread=0.001))
    bid, ask = levels(world, UM, 1)[0][0], levels(world, UM, -1)[0][0]
    assert (ask - bid) * 0.1 == pytest.approx(0.001 * MID, abs=0.2)


def test_a_book_of_tiny_prices() -> None:
    """A tick of a basis point: levels that fall on one tick are one, and none is lost."""
    world = venue(Liquidity(depth=1e6), instruments=(USDE, *INSTRUMENTS), price=10_000)
    sound(world, PEG)
    bids = levels(world, PEG, 1)
    notional = sum(lots * 0.01 * price * 1e-4 for price, lots in bids)
    assert notional == pytest.approx(1e6 * 25, rel=0.001)


def test_a_book_at_a_price_of_three_ticks() -> None:
    world = venue(Liquidity(), instruments=(USDE, *INSTRUMENTS), price=3)
    sound(world, PEG)
    assert [price for price, _ in levels(world, PEG, 1)] == [3, 2]


@pytest.mark.parametrize("profile", ["constant", "tape"])
def test_a_fall_of_four_fifths_and_back_keeps_all_levels(profile: str) -> None:
    world = venue(Liquidity(profile=profile))  # type: ignore[arg-type]
    before = [levels(world, SPOT, side) for side in (1, -1)]
    for price in (800_000, 500_000, 200_000, 20_000, 1_000_000):
        world.book(SPOT, price, price + 1)
        world.step(1000)
        sound(world, SPOT)
        assert middle(world, SPOT) == pytest.approx(price + 0.5, abs=1)
        assert world.core.books[0].out_of_range == 0
    assert [levels(world, SPOT, side) for side in (1, -1)] == before


def test_the_tapes_own_levels_are_moved_and_the_rest_stands_behind_them() -> None:
    world = venue(book(profile="tape", levels=50, resilience="none"))
    for k in range(1, 4):
        world.row(Kind.DEPTH, SPOT, 1, 1_000_000 - 100 * k, 500 * k)
    world.step(1000)
    assert levels(world, SPOT, 1)[:4] == [
        (1_000_000, 10**6),
        (999_900, 500),
        (999_800, 1000),
        (999_700, 1500),
    ]
    behind = levels(world, SPOT, 1)[4:]
    assert behind[0][0] < 999_700
    trade(world, SPOT, -1000.25)  # the best, and half of the second
    world.step(1000)
    assert moved(world, SPOT) == pytest.approx(-0.00015, rel=0.01)
    at = exp(moved(world, SPOT))
    assert [price for price, _ in levels(world, SPOT, 1)[:4]] == [
        int(price * at) for price in (1_000_000, 999_900, 999_800, 999_700)
    ]
    assert [lots for _, lots in levels(world, SPOT, 1)[:4]] == [10**6, 500, 1000, 1500]


def test_no_book_without_a_reference() -> None:
    world = World("unified", impact=Impact())
    world.step(3000)
    assert world.core.best_bid(0) == world.core.best_ask(0) == 0
    assert world.core.liquidities.state(0) == (0.0, 0.0, 0)


@pytest.mark.parametrize("kind", [Kind.TRADE, Kind.BAR_CLOSE, Kind.AGG_TRADE])
def test_prices_without_depth_are_a_reference(kind: Kind) -> None:
    world = World("unified", impact=Impact(other=book()))
    world.row(kind, SPOT, 1, 1_000_000, 5)
    world.step(2000)
    assert middle(world, SPOT) == pytest.approx(1_000_000, abs=1)
    sound(world, SPOT)


def test_prints_stand_where_the_moved_book_is() -> None:
    world = venue(book())
    trade(world, SPOT, -50)
    world.step(1000)
    world.row(Kind.TRADE, SPOT, 1, 1_000_000, 5)
    at = round(1_000_000 * exp(moved(world, SPOT)))
    assert world.market(SPOT).last == pytest.approx(at * 0.1)
    # The last price goes with the book, and back with it.
    trade(world, SPOT, 50)
    world.step(1000)
    assert world.market(SPOT).last == pytest.approx(MID, abs=2)


def test_a_stop_order_on_the_last_price_is_set_off_by_the_moved_book() -> None:
    world = venue(book())
    world.row(Kind.TRADE, UM, 1, 1_000_000, 5)
    world.ctx.submit(world.market(UM), -1, 1, kind="stop", trigger=99_600.0, watch="last")
    trade(world, UM, -30)
    world.step(1000)
    assert "TRIGGERED" not in world.said()
    trade(world, UM, -30)
    world.step(1000)
    assert "TRIGGERED" in world.said()
    assert world.lots(UM) == -61_000


# Orders that rest


def test_a_resting_bid_fills_when_the_composed_asks_come_to_it() -> None:
    world = venue(book())
    world.ctx.buy(world.market(SPOT), 3, 99_700.0)
    world.step(1)
    for price in (999_000, 996_000):
        world.book(SPOT, price, price + 1)
        world.step(1000)
        filled = sum(fill.quantity for fill in world.seen.fills)
        assert filled == pytest.approx(0 if price == 999_000 else 3)
    assert {fill.price for fill in world.seen.fills} == {99_700.0}
    assert all(fill.maker for fill in world.seen.fills)
    world.step(1000)
    # What it bought is taken from the asks: the price has moved up by it.
    assert moved(world, SPOT) == pytest.approx(3 * 99_600 / 1e7 * 0.01, rel=0.02)


def test_a_wall_of_bids_holds_the_price_until_it_is_eaten() -> None:
    world = venue(book())
    world.ctx.buy(world.market(SPOT), 2000, 99_700.0)
    world.step(1)
    for price in (998_000, 990_000, 980_000):
        world.book(SPOT, price, price + 1)
        world.step(1000)
        assert levels(world, SPOT, -1)[0][0] >= 997_000


def test_an_order_keeps_its_place_while_its_level_is_composed_again() -> None:
    """Its level is restated in one step: what stands before it shrinks with the level only."""
    world = venue(Liquidity(resilience="none", levels=20))
    price, lots = levels(world, SPOT, 1)[3]
    world.ctx.buy(world.market(SPOT), 1, price * 0.1)
    world.step(1)
    slot = world.core.orders_at_venue(1)[0]
    assert world.core.books[0].ahead(slot) == lots
    world.step(5000)
    assert world.core.books[0].ahead(slot) == lots
    world.book(SPOT, 999_000, 999_001)
    world.step(1000)
    assert world.core.books[0].remaining(slot) == 1000
    assert world.core.books[0].ahead(slot) <= lots


def test_what_expired_shows_no_book() -> None:
    world = venue(book())
    world.core.close_market(world.number(UM))
    world.step(1000)
    assert levels(world, UM, 1) == levels(world, UM, -1) == []


def test_options_keep_the_tapes_book() -> None:
    option = Instrument(
        "option", "BTC-251226-100000-C", "BTC", "USDT", Decimal(5), Decimal("0.01"),
        expiry_ns=1_766_736_000_000_000_000, strike=Decimal(100_000), right="C", **HUGE,
    )  # fmt: skip
    world = World("unified", instruments=(*INSTRUMENTS, option), impact=Impact())
    world.book(option.name, 100, 102, 7)
    world.step(2000)
    assert levels(world, option.name, 1) == [(100, 7)]
    assert levels(world, option.name, -1) == [(102, 7)]


# Rules that describe no book


@pytest.mark.parametrize(
    ("impact", "said"),
    [
        (Impact(books={"um:XYZUSDT": Liquidity()}), "no book um:XYZUSDT in this run; it has spot:"),
        (Impact(own_weight={"XYZ": 1.0}), "no asset XYZ in this run; it has USDT"),
        (Impact(own_weight={"BTC": 1.5}), "own_weight of BTC must be in 0..1"),
        (Impact(other=Liquidity(depth=0)), "other books: depth and half_life_ns must be above 0"),
        (Impact(other=Liquidity(depth=float("nan"))), "depth must not be below 0"),
        (Impact(other=Liquidity(spread=-0.1)), "spread must not be below 0"),
        (Impact(other=Liquidity(reach=9)), "reach must be in 0..3"),
        (Impact(other=Liquidity(levels=0)), "levels in 1..10000"),
        (Impact(other=Liquidity(permanent=2)), "permanent are shares"),
        (Impact(other=Liquidity(profile="steep")), "profile steep; there are tape"),  # type: ignore[arg-type]
        (Impact(other=Liquidity(resilience="slow")), "resilience slow; there are"),  # type: ignore[arg-type]
        (Impact(other=Liquidity(scale=((5, 1.0), (5, 2.0)))), "in order of time"),
        (Impact(books={UM: Liquidity(scale=((0, -1.0),))}), "um:BTCUSDT: scale must be"),
        (Liquidity(), r"impact: must be simulator.market.liquidity.Impact, .* not Liquidity"),
    ],
)
def test_rules_that_describe_no_book_are_refused(impact: Impact, said: str) -> None:
    with pytest.raises(InputError, match=said):
        impact_columns(impact, [listed("spot", "BTC"), listed("um", "BTC")], ["USDT", "BTC"])
