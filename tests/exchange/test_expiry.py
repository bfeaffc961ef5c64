"""Goal: contracts end at their instant, at the right price, and nothing is left of them.

Method: rule tables with payoffs worked out by hand in, at and out of the money; the mean of the
index from an index that steps; what is refused and cancelled a millisecond to either side.
"""

from __future__ import annotations

import pytest

from simulator.events.outcomes import Outcome
from simulator.market.tape import Kind
from tests.exchange.products import (
    CALL,
    COIN_DATED,
    DATED,
    EXPIRY,
    PUT,
    SPOT,
    UM,
    opened,
    trade,
    until,
)
from tests.exchange.world import World

COIN = 10**8
SECOND = 10**9


def settled(name: str, side: int, quantity: float, price: str, **options: object) -> World:
    """A venue where a position was opened at 100,000 (options: 2,000) and settled at ``price``."""
    world = opened(fees=False, **options)
    at = 2_000 if name.startswith("option") else 1_000_000
    trade(world, name, side, quantity, at)
    world.row(Kind.SETTLEMENT, name, 0, round(float(price) * COIN))
    until(world, EXPIRY + SECOND)
    return world


# What a position brings in all, premium and payoff together, in 1e-8 of its asset.
PAYOFFS = [
    (DATED, 1, 0.5, "103000", 1_500 * COIN),
    (DATED, -1, 0.5, "103000", -1_500 * COIN),
    (DATED, 1, 0.001, "100000.00000001", 0),  # a fraction of a unit: rounded towards zero
    # 1,000 contracts of 100 USD: a coin at 100,000, 0.8 at 125,000, two at 50,000
    (COIN_DATED, 1, 1000, "125000", 20_000_000),
    (COIN_DATED, -1, 1000, "125000", -20_000_000),
    (COIN_DATED, 1, 1000, "50000", -COIN),
    # calls and puts struck at 100,000, two contracts, 4,000 of premium
    (CALL, 1, 2.0, "103000", (6_000 - 4_000) * COIN),
    (CALL, -1, 2.0, "103000", (4_000 - 6_000) * COIN),
    (CALL, 1, 2.0, "100000.01", -4_000 * COIN + 2_000_000),
    (CALL, 1, 2.0, "100000", -4_000 * COIN),
    (CALL, 1, 2.0, "97000", -4_000 * COIN),
    (CALL, -1, 2.0, "97000", 4_000 * COIN),
    (PUT, 1, 2.0, "97000", (6_000 - 4_000) * COIN),
    (PUT, -1, 2.0, "97000", (4_000 - 6_000) * COIN),
    (PUT, 1, 2.0, "99999.99", -4_000 * COIN + 2_000_000),
    (PUT, 1, 2.0, "100000", -4_000 * COIN),
    (PUT, -1, 2.0, "103000", 4_000 * COIN),
]


@pytest.mark.parametrize(("name", "side", "quantity", "price", "gain"), PAYOFFS)
def test_payoffs(name: str, side: int, quantity: float, price: str, gain: int) -> None:
    world = settled(name, side, quantity, price)
    asset, had = ("BTC", 10 * COIN) if name == COIN_DATED else ("USDT", 1_000_000 * COIN)
    assert world.balance("unified", asset) == had + gain
    assert world.balance("market", asset) == -gain
    assert world.balance("clearing", asset) == 0
    assert world.core.ledger.position_of(1, world.number(name)) == (0, 0)
    assert world.core.ledger.position_of(0, world.number(name)) == (0, 0)
    (record,) = world.records(Outcome.SETTLED)
    assert record[0] == EXPIRY
    assert record[5] == side
    assert record[6] == round(float(price) * COIN)
    assert world.market(name).position == 0
    world.desk.verify()


@pytest.mark.parametrize(
    ("name", "side", "price", "fee"),
    [
        (CALL, 1, 103_000, 1_545_000_000),  # 0.015 % of 103,000 = 15.45
        (CALL, 1, 100_150, 1_500_000_000),  # a tenth of a payoff of 150 is less than 15.0225
        (CALL, 1, 100_151, 1_502_265_000),  # and of 151 more
        (CALL, 1, 100_000, 0),
        (CALL, -1, 103_000, 0),  # who wrote it pays none
        (DATED, 1, 103_000, 0),
    ],
)
def test_settlement_fees(name: str, side: int, price: int, fee: int) -> None:
    world = opened()
    trade(world, name, side, 1.0)
    before = world.balance("fees")
    world.row(Kind.SETTLEMENT, name, 0, price * COIN)
    until(world, EXPIRY + SECOND)
    assert world.balance("fees") - before == fee


def test_the_mean_is_of_a_point_a_second_over_the_last_half_hour() -> None:
    """The index is 100,000, then 103,000 for the last 600 of 1,800 points: 101,000 on average."""
    world = opened(fees=False)
    world.book(SPOT, 999_995, 1_000_005)  # the index, once its rows have stopped for ten minutes
    trade(world, DATED, 1, 1.0, 1_000_000)
    world.now = EXPIRY - 600 * SECOND
    world.row(Kind.INDEX, UM, 0, 103_000 * COIN, after=0)
    until(world, EXPIRY + SECOND)
    event = world.desk.expiry.events[0]
    # The row at 23:03:20 is seen by the point of that very second: 601 points of 1,800.
    assert event.price == pytest.approx((1199 * 100_000 + 601 * 103_000) / 1800, abs=1e-7)
    assert event.profit == pytest.approx(event.price - 100_000, abs=1e-7)
    assert event.instrument == DATED


def test_a_recording_that_begins_late_gives_the_mean_of_what_there_is() -> None:
    world = opened(fees=False, start=EXPIRY - 60 * SECOND)
    trade(world, DATED, 1, 1.0, 1_000_000)
    world.now = EXPIRY - 20 * SECOND
    world.row(Kind.INDEX, UM, 0, 100_600 * COIN, after=0)
    until(world, EXPIRY + SECOND)
    mean = world.desk.expiry.prices[world.number(DATED)] / COIN
    assert 100_150 < mean < 100_250  # 21 of about 58 points are 600 higher


def test_orders_end_with_their_contract() -> None:
    world = opened()
    market = world.market(DATED)
    world.ctx.buy(market, 1.0, 99_000.0)
    world.ctx.submit(market, 1, 1.0, kind="stop", trigger=120_000.0)
    until(world, EXPIRY - SECOND)
    world.ctx.buy(market, 0.001)
    world.step()
    assert world.said()[-1] == "FILLED"
    until(world, EXPIRY + SECOND)
    assert world.said()[-2:] == ["EXPIRED CONTRACT", "EXPIRED CONTRACT"]
    assert len(world.records(Outcome.EXPIRED)) == 2
    for order in (
        lambda: world.ctx.buy(market, 0.001),
        lambda: world.ctx.submit(market, 1, 1.0, kind="stop", trigger=120_000.0),
    ):
        order()
        world.step()
        assert world.said()[-1] == "REJECTED CONTRACT_EXPIRED"
    world.ctx.buy(world.market(UM), 0.001)
    world.step()
    assert world.said()[-1] == "FILLED"


def test_contracts_that_were_over_before_the_run_are_not_traded() -> None:
    world = opened(start=EXPIRY + SECOND)
    world.ctx.buy(world.market(CALL), 0.1)
    world.step()
    assert world.said()[-1] == "REJECTED CONTRACT_EXPIRED"
    assert world.desk.expiry.events == []


def test_an_isolated_delivery_future_gives_its_margin_back() -> None:
    world = opened("separated", fees=False)
    world.transfer(50_000, "spot", "um")
    trade(world, DATED, 1, 1.0, 1_000_000)
    assert world.balance("um:BTCUSDT_231114") == 10_000 * COIN
    world.row(Kind.SETTLEMENT, DATED, 0, 101_000 * COIN)
    until(world, EXPIRY + SECOND)
    assert world.balance("um:BTCUSDT_231114") == 0
    assert world.balance("um") == 51_000 * COIN


@pytest.mark.parametrize(("price", "short"), [(85_000, 5_000), (89_999, 1), (90_000, 0)])
def test_an_isolated_delivery_future_loses_its_margin_and_no_more(price: int, short: int) -> None:
    """10,000 of margin; what is lost beyond them is the fund's, and told."""
    world = opened("separated", fees=False)
    world.transfer(50_000, "spot", "um")
    trade(world, DATED, 1, 1.0, 1_000_000)
    world.row(Kind.SETTLEMENT, DATED, 0, price * COIN)
    until(world, EXPIRY + SECOND)
    assert world.balance("um") == 40_000 * COIN
    assert world.balance("insurance") == -short * COIN
    told = world.records(Outcome.SHORTFALL)
    pool = world.partition.pool_of[world.number(DATED)]
    asset = world.assets.index("USDT")
    assert [row[2:] for row in told] == ([(1, -1, pool, 0, asset, short * COIN)] if short else [])


# Marks of options: Black-76 with 0.5 a year; an hour before expiry an option at the money is worth
# 100,000 x 0.5 x sqrt(1 / 8760) x 0.39894 = 213.125.  The forward is the mark of the future of that
# expiry, 100,000.05: half of 0.05 more for the call, less for the put.
def test_marks_of_options_from_volatility() -> None:
    world = opened(volatility={"BTC": 0.5}, start=EXPIRY - 3_600 * SECOND - 700 * SECOND)
    world.book(SPOT, 999_995, 1_000_005)
    until(world, EXPIRY - 3_600 * SECOND)  # the marks of the tape have stopped 11 minutes ago
    world.step(1)
    assert world.market(CALL).mark == pytest.approx(213.150, abs=0.01)
    assert world.market(PUT).mark == pytest.approx(213.100, abs=0.01)
    world.row(Kind.VOLATILITY, CALL, 0, 1 * COIN, after=0)
    world.step(1000)
    assert world.market(CALL).mark == pytest.approx(426.2, abs=0.1)
    assert world.market(PUT).mark == pytest.approx(213.1, abs=0.1)


# A price at which what is open is worth more than the ledger holds is none.

MOST = 4 * 10**18
"""Units that a balance may come to; 1,000,000 USDT, 1e14, are in a wallet."""

MEAN = 10_000_005_000_000
"""Mean of the index, half a tick above 100,000: the middle of the spot book."""


@pytest.mark.parametrize(
    ("name", "quantity", "price", "settled_at"),
    [
        (DATED, 10, (MOST - 10**14) // 10, None),  # 3.9999e18 and 1e14: all of 4e18
        (DATED, 10, (MOST - 10**14) // 10 + 1, MEAN),
        (DATED, 1, MOST - 10**14, None),
        (DATED, 1, MOST - 10**14 + 1, MEAN),
        (DATED, 0.001, MOST, None),  # 4e15 units are no matter, but a price is an amount too
        (DATED, 0.001, MOST + 1, MEAN),
        (COIN_DATED, 1000, 1, MEAN),  # 1e21 units of a coin
        (CALL, 2, MOST, MEAN),
        (PUT, 2, MOST, None),  # worth nothing there
    ],
)
def test_a_price_that_the_ledger_cannot_settle_at_is_none(
    name: str, quantity: float, price: int, settled_at: int | None
) -> None:
    """The mean of the index is taken instead."""
    world = opened(fees=False)
    trade(world, name, 1, quantity, 2_000 if name.startswith("option") else 1_000_000)
    world.row(Kind.SETTLEMENT, name, 0, price)
    until(world, EXPIRY + SECOND)
    (record,) = world.records(Outcome.SETTLED)
    assert record[6] == (price if settled_at is None else settled_at)
    world.desk.verify()


def test_a_contract_waits_for_an_index_that_the_ledger_can_settle_at() -> None:
    """The mean holds wild points for good, the index comes back."""
    world = opened(fees=False, start=EXPIRY - 60 * SECOND)
    trade(world, DATED, 1, 1.0, 1_000_000)
    world.now = EXPIRY - 50 * SECOND
    world.row(Kind.INDEX, UM, 0, MOST * 2, after=0)
    until(world, EXPIRY + SECOND)
    assert world.records(Outcome.SETTLED) == []
    assert world.desk.expiry.prices == {}
    world.row(Kind.INDEX, UM, 0, 100_500 * COIN)
    world.step(3000)
    (record,) = world.records(Outcome.SETTLED)
    assert record[6] == 100_500 * COIN
    world.desk.verify()
