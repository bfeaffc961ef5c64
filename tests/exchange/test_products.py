"""Goal: every product is booked as its rule says, to the unit, on both sides of the venue.

Method: rule tables with numbers worked out by hand; then random orders on all products at once,
after which the venue sums to zero and every position is the sum of its fills.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.events.outcomes import Outcome
from simulator.instruments.instrument import Instrument
from simulator.market.tape import Kind
from tests.exchange.products import (
    CALL,
    CM,
    COIN_DATED,
    DATED,
    PRODUCTS,
    PUT,
    SPOT,
    UM,
    opened,
    trade,
)
from tests.exchange.world import World

COIN = 10**8

# Inverse: n contracts of 100 USD at p are worth n x 100 / p coins, rounded towards zero.
# Steps are (side, contracts, price in ticks of 0.1); then lots, cost and realized profit in 1e-8.
INVERSE = [
    # open: 500 contracts at 100,000 are worth half a coin
    ([(1, 500, 1_000_000)], 500, -50_000_000, 0),
    ([(-1, 500, 1_000_000)], -500, 50_000_000, 0),
    # add at 50,000: one coin more
    ([(1, 500, 1_000_000), (1, 500, 500_000)], 1000, -150_000_000, 0),
    # reduce by 200 at 125,000: 0.2 coins in, 0.16 out
    ([(1, 500, 1_000_000), (-1, 200, 1_250_000)], 300, -30_000_000, 4_000_000),
    ([(-1, 500, 1_000_000), (1, 200, 1_250_000)], -300, 30_000_000, -4_000_000),
    # close at half the price: a coin was bought for half of one
    ([(1, 500, 1_000_000), (-1, 500, 500_000)], 0, 0, -50_000_000),
    # turn round: 500 close at no profit, 300 open
    ([(1, 500, 1_000_000), (-1, 800, 1_000_000)], -300, 30_000_000, 0),
    # a third of a contract's coin: 100 / 99,999.9 = 0.00100000(1), the fraction is cut
    ([(1, 1, 999_999)], 1, -100_000, 0),
    # bought and sold at one price: what was cut comes back
    ([(1, 7, 777_777), (-1, 7, 777_777)], 0, 0, 0),
]


@pytest.mark.parametrize(("steps", "lots", "cost", "profit"), INVERSE)
def test_inverse_positions(
    steps: list[tuple[int, int, int]], lots: int, cost: int, profit: int
) -> None:
    world = opened(fees=False)
    for side, contracts, price in steps:
        trade(world, CM, side, contracts, price)
    assert world.core.ledger.position_of(1, world.number(CM)) == (lots, cost)
    assert world.balance("unified", "BTC") == 10 * COIN + profit
    assert world.core.ledger.position_of(0, world.number(CM)) == (-lots, -cost)
    assert world.balance("market", "BTC") == -profit


# Fees: textbook 0.02 % and 0.05 % of the notional; options 0.03 % of the index, at most a tenth of
# the premium.  All rounded up.
FEES = [
    (CM, 1000, 1_000_000, "BTC", 50_000),  # a coin x 0.05 %
    (CM, 1, 1_000_000, "BTC", 50),
    (CM, 1, 777_777, "BTC", 65),  # 128,571 x 0.05 % = 64.3
    (DATED, 1.0, 1_000_000, "USDT", 50 * COIN),
    (CALL, 1.0, 2_000, "USDT", 30 * COIN),  # 100,000 x 0.03 %
    (CALL, 0.5, 300, "USDT", 15 * COIN),  # at the cap: 150 x 10 %
    (CALL, 0.5, 299, "USDT", 1_495_000_000),  # under it: 149.5 x 10 %
    (PUT, 0.01, 1, "USDT", 100_000),  # 0.01 x 10 %
]


@pytest.mark.parametrize(("name", "quantity", "price", "asset", "fee"), FEES)
@pytest.mark.parametrize("side", [1, -1])
def test_fees(name: str, quantity: float, price: int, asset: str, fee: int, side: int) -> None:
    world = opened()
    trade(world, name, side, quantity, price)
    assert world.lots(name) != 0
    assert world.balance("fees", asset) == fee


def test_a_maker_pays_the_maker_rate() -> None:
    world = opened()
    world.ctx.buy(world.market(CM), 1000, 99_000.0)
    world.step()
    world.row(Kind.TRADE, CM, -1, 989_999, 10**6)
    assert world.lots(CM) == 1000
    assert world.balance("fees", "BTC") == ceil(1000 * 10**11 // 990_000 * 2 / 10_000)


# Options: the premium is paid when it is traded, equity counts what they are worth at mark.
def test_premiums_are_paid_at_once() -> None:
    world = opened(fees=False)
    trade(world, CALL, 1, 2.0)  # at 2,001
    assert world.balance("unified") == (1_000_000 - 2 * 2_001) * COIN
    assert world.balance("market") == 2 * 2_001 * COIN
    assert world.core.ledger.position_of(1, world.number(CALL)) == (200, 2 * 2_001 * COIN)
    assert world.ctx.equity() == pytest.approx(2_000_000 - 2)
    trade(world, CALL, -1, 3.0)  # two are sold again at 2,000, one is written
    assert world.balance("unified") == (1_000_000 - 4_002 + 6_000) * COIN
    assert world.core.ledger.position_of(1, world.number(CALL)) == (-100, -2_000 * COIN)
    world.mark(CALL, "2500")
    assert world.ctx.equity() == pytest.approx(2_000_000 - 2 - 500)


PREMIUM = [
    # cash in the options wallet, quantity, price, heard
    (4_000.0, 2.0, 2_000.0, "ACCEPTED"),
    (3_999.99, 2.0, 2_000.0, "REJECTED INSUFFICIENT_BALANCE"),
    (4_002.0, 2.0, None, "FILLED"),
    (4_001.99, 2.0, None, "REJECTED INSUFFICIENT_BALANCE"),
]


@pytest.mark.parametrize(("cash", "quantity", "price", "heard"), PREMIUM)
def test_a_bought_option_needs_its_premium(
    cash: float, quantity: float, price: float | None, heard: str
) -> None:
    world = opened("separated", fees=False)
    world.transfer(cash, "spot", "options")
    world.ctx.buy(world.market(CALL), quantity, price)
    world.step()
    assert world.said()[-1] == heard


def test_a_resting_bid_holds_its_premium() -> None:
    world = opened("separated", fees=False)
    world.transfer(4_000, "spot", "options")
    order = world.ctx.buy(world.market(CALL), 1.0, 1_900.0)
    world.step()
    assert world.held("options") == 1_900 * COIN
    world.ctx.buy(world.market(CALL), 1.2, 1_900.0)
    world.step()
    assert world.said()[-1] == "REJECTED INSUFFICIENT_BALANCE"
    world.ctx.cancel(order)
    world.step()
    assert world.held("options") == 0


# Wallets: each line settles in its own, in its own asset.
WALLETS = [
    (UM, "um:BTCUSDT", "USDT"),
    (DATED, "um:BTCUSDT_231114", "USDT"),
    (CM, "cm:BTC", "BTC"),
    (COIN_DATED, "cm:BTC", "BTC"),
    (CALL, "options", "USDT"),
]


@pytest.mark.parametrize(("name", "wallet", "asset"), WALLETS)
def test_separated_lines_settle_in_their_wallets(name: str, wallet: str, asset: str) -> None:
    world = opened("separated", fees=False)
    world.transfer(500_000, "spot", "um")
    world.transfer(100_000, "spot", "options")
    world.ctx.transfer("BTC", 5, "spot", "cm:BTC")
    world.step()
    before = world.balance(wallet, asset)
    spot = (world.balance("spot"), world.balance("spot", "BTC"))
    trade(world, name, 1, 100 if name.startswith("cm") else 1.0)
    assert world.lots(name) > 0
    assert world.balance(wallet, asset) != before or asset == "BTC"  # a coin position costs nothing
    assert (world.balance("spot"), world.balance("spot", "BTC")) == spot


def test_a_unified_account_shares_what_the_rulebook_lists() -> None:
    world = opened("unified", "binance", members=("margin", "um", "cm"), fees=False)
    assert world.balance("spot") == 1_000_000 * COIN  # deposits stay outside until they are moved
    assert world.ctx.transfer("USDT", 100_000, "spot", "um")
    assert world.ctx.transfer("BTC", 1, "spot", "cm:BTC")
    assert not world.ctx.transfer("USDT", 1, "um", "margin")  # one and the same
    world.step()
    assert world.balance("unified") == 100_000 * COIN
    assert world.balance("unified", "BTC") == COIN
    trade(world, UM, 1, 0.5)
    world.ctx.submit(world.market(SPOT), 1, 0.1, wallet="margin")
    world.step()
    assert world.balance("unified", "BTC") == COIN + COIN // 10
    assert [name for name, _, _ in world.partition.pools] == ["unified", "options"]


def test_orders_of_a_margin_wallet_that_is_not_there() -> None:
    world = opened()
    world.ctx.submit(world.market(UM), 1, 0.1, wallet="margin")
    world.step()
    assert world.said()[-1] == "REJECTED NO_SUCH_WALLET"


# All products at once, at random.
ORDERS = st.lists(
    st.tuples(
        st.sampled_from([one.name for one in PRODUCTS]),
        st.sampled_from([1, -1]),
        st.integers(1, 300),
        st.integers(-60, 60),
        st.sampled_from([None, "LONG", "SHORT"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40)
@given(orders=ORDERS, mode=st.sampled_from(["separated", "unified"]), hedge=st.booleans())
def test_the_venue_sums_to_zero_whatever_is_traded(
    orders: list[tuple[Any, ...]], mode: str, hedge: bool
) -> None:
    world = opened(mode, hedge=hedge)
    if mode == "separated":
        world.transfer(400_000, "spot", "um")
        world.transfer(200_000, "spot", "options")
        world.ctx.transfer("BTC", 5, "spot", "cm:BTC")
        world.step()
    for name, side, size, away, position_side, resting in orders:
        one = next(one for one in PRODUCTS if one.name == name)
        middle = 2_000 if one.market == "option" else 1_000_000
        at = middle + away * (1 if one.market == "option" else 1_000)
        world.book(name, at, at + 1)
        options = {"position_side": position_side} if hedge and one.market != "spot" else {}
        price = {"price": at * float(one.tick)} if resting else {}
        if options.get("position_side", "") is not None:
            world.ctx.submit(world.market(name), side, size * float(one.lot), **price, **options)
        world.step()
        world.row(Kind.TRADE, name, -side, at - side * 5, 10**5)
    check_positions(world)


def check_positions(world: World) -> None:
    """Assert that positions are the sum of fills and settlements, and assets sum to zero."""
    world.desk.verify()
    fills = world.core.fills()
    for slot in range(len(world.partition.margin)):
        one = world.instruments[slot % len(PRODUCTS)]
        if one.market == "spot":
            continue
        own = fills[fills[:, 12] == slot]
        settled = sum(event.lots for event in world.desk.expiry.events if event.slot == slot)
        lots = world.core.ledger.position_of(1, slot)[0]
        assert lots == int((own[:, 3] * own[:, 5]).sum()) - settled
        if world.partition.hedge:
            assert lots >= 0 if slot < len(PRODUCTS) else lots <= 0


def test_unused_wallets_never_move() -> None:
    """An instrument of each product is listed; trading one touches no other's wallet."""
    world = opened("separated", fees=False)
    world.transfer(100_000, "spot", "um")
    trade(world, UM, 1, 0.1)
    assert world.balance("options") == 0
    assert world.balance("cm:BTC", "BTC") == 0
    assert world.records(Outcome.FILLED)
    assert all(isinstance(one, Instrument) for one in world.instruments)
