"""Goal: no price that a tape displays makes an order worth more than the ledger holds: such an
order is refused, LOT_SIZE, and the run goes on; what an account has already counts.

Method: a bid or an ask at 10**12 ticks, where 400 lots are worth 4e18 units, the most; both sides
of each edge.  Every row is checked by the venue's own invariants.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulator.events.outcomes import Outcome
from simulator.market.tape import Kind
from tests.exchange import impact_kit
from tests.exchange.products import CALL, CM, PRODUCTS, opened, trade
from tests.exchange.world import World, listed

SPOT, UM = "spot:BTCUSDT", "um:BTCUSDT"
WILD = 10**12
"""Ticks; a lot is worth 1e16 units there."""

NEAR, FAR = 1_000_000, 130_000_000
"""As far apart as one book can show."""


def wild(name: str, **options: str) -> World:
    """An account with coins and a bid that is out of this world."""
    world = World(deposits=options or {"BTC": "10"})
    world.open_markets()
    world.book(name, WILD, WILD + 1)
    return world


def sold(world: World, name: str, lots: int, price: float | None) -> int:
    """Lots sold by one order."""
    before = len(world.seen.fills)
    world.ctx.sell(world.market(name), lots / 1000, price)
    world.step()
    return sum(round(one.quantity * 1000) for one in world.seen.fills[before:])


@pytest.mark.parametrize("limit", [None, 99_000.0], ids=["market", "limit"])
@pytest.mark.parametrize(("lots", "filled"), [(399, 399), (400, 400), (401, 0), (5000, 0)])
def test_a_sell_gets_the_bid_and_is_judged_at_it(
    lots: int, filled: int, limit: float | None
) -> None:
    world = wild(SPOT)
    assert sold(world, SPOT, lots, limit) == filled
    assert world.said() == (["FILLED"] if filled else ["REJECTED LOT_SIZE"])


@pytest.mark.parametrize(("lots", "filled"), [(1, 1), (10, 10), (11, 0), (400, 0)])
def test_what_the_wallet_has_counts_but_for_small_orders(lots: int, filled: int) -> None:
    world = wild(SPOT)
    assert sold(world, SPOT, 400, None) == 400
    assert sold(world, SPOT, lots, None) == filled


def deep(side: int, **deposits: str) -> World:
    """A lot at one price, many at another; an order may be of more lots than usual."""
    many = [listed(market, "BTC", max_quantity=Decimal(10**4)) for market in ("spot", "um")]
    world = World(instruments=many, deposits=deposits)
    for name, best, worse in ((SPOT, FAR, NEAR), (UM, NEAR, FAR)):
        world.row(Kind.CLEAR, name, 0, flags=0)
        world.row(Kind.DEPTH, name, side, best, 1, flags=0)
        world.row(Kind.DEPTH, name, side, worse, 10**9)
    world.mark(UM, "100000")
    world.step(2000)
    return world


def test_a_level_counts_for_the_lots_that_reach_it() -> None:
    """4,000 BTC at the far bid were 5.2e18; but one lot is wanted there, the rest below."""
    world = deep(1, BTC="5000")
    assert sold(world, SPOT, 4_000_000, 99_000.0) == 4_000_000


@pytest.mark.parametrize(
    ("lots", "reason"), [(3_076_924, "INSUFFICIENT_MARGIN"), (3_076_925, "LOT_SIZE")]
)
def test_a_market_order_walks_as_far_as_it_needs(lots: int, reason: str) -> None:
    """All but one lot at the far ask: (4e18 - 1e10) / 1.3e12 of them are what the ledger holds."""
    world = deep(-1, USDT="1000")
    world.transfer(1000)
    world.ctx.buy(world.market(UM), lots / 1000)
    world.step()
    assert world.said() == [f"REJECTED {reason}"]


def test_a_future_sold_at_a_wild_bid_can_be_bought_back() -> None:
    world = wild(UM, USDT="100000")
    world.transfer(90_000)
    assert sold(world, UM, 400, None) == 400
    assert sold(world, UM, 11, None) == 0
    assert world.said()[-1] == "REJECTED LOT_SIZE"
    world.book(UM, 1_000_000, 1_000_001)
    world.ctx.buy(world.market(UM), 0.4)
    world.step()
    assert world.lots(UM) == 0
    world.book(UM, WILD, WILD + 1)
    assert sold(world, UM, 400, None) == 0


# Index and mark are any number too.


@pytest.mark.parametrize(
    ("index", "fee"),
    [
        (100_000, 300_000_000),  # 0.03 % of a tenth of a coin
        (1_000_000, 2_000_000_000),  # a tenth of the premium of 200 is less than 30
        (10**10, 2_000_000_000),
        (4 * 10**10, 2_000_000_000),
        (10**11 - 1, 2_000_000_000),
    ],
)
def test_an_options_fee_is_capped_at_any_index(index: int, fee: int) -> None:
    world = opened()
    before = world.balance("fees")
    world.row(Kind.INDEX, "um:BTCUSDT", 0, min(index * 10**8, (1 << 63) - 1))
    trade(world, CALL, 1, 0.1, 2_000)
    assert world.balance("fees") - before == fee


def test_a_forced_order_on_an_option_pays_no_trading_fee_at_any_index() -> None:
    world = opened(fees=True)
    trade(world, CALL, 1, 0.1, 2_000)
    world.row(Kind.INDEX, "um:BTCUSDT", 0, 10**19 // 2)
    before = world.balance("fees")
    filled = world.core.force(1, world.number(CALL), -1, 10, 4)
    assert (filled, world.balance("fees") - before) == (10, 0)


@pytest.mark.parametrize(("bnb", "asset"), [(600.0, "BNB"), (1e-8, "USDT"), (1e9, "BNB")])
def test_a_fee_in_bnb_that_is_no_number_is_paid_in_the_asset(bnb: float, asset: str) -> None:
    world = World(
        "unified",
        "binance",
        deposits={"USDT": "1000000", "BNB": "10"},
        instruments=[*PRODUCTS[:2], listed("spot", "BNB"), listed("um", "BNB")],
        bnb_fees=True,
        members=("spot", "margin", "um", "cm"),
    )
    world.open_markets()
    world.row(Kind.INDEX, "um:BNBUSDT", 0, round(bnb * 10**8))
    world.ctx.buy(world.market(UM), 1.0)
    world.step()
    paid = {one: world.balance("fees", one) for one in ("USDT", "BNB")}
    assert paid.pop(asset) > 0
    assert not any(paid.values())


@pytest.mark.parametrize(
    ("mark", "paid"), [(10**10, True), (39 * 10**9, True), (4 * 10**10, False), (9 * 10**10, False)]
)
def test_funding_that_does_not_fit_is_not_paid(mark: int, paid: bool) -> None:
    world = opened(fees=False)
    trade(world, UM, 1, 1.0, 1_000_000)
    world.mark(UM, str(mark))
    world.row(Kind.FUNDING, UM, 0, 10**8)
    told = world.records(Outcome.FUNDING)
    assert [row[7] for row in told] == ([mark * 10**8] if paid else [])


def test_a_position_that_cost_less_than_a_unit_has_an_entry_price() -> None:
    world = opened(fees=False)
    trade(world, CM, 1, 1, WILD)
    world.book(CM, 1_000_000, 1_000_001)
    world.step(5_000)
    kept = world.desk.snapshots.take()
    (slot,) = kept.positions
    entry = world.desk.snapshots.position(slot, *kept.positions[slot], kept).entry_price
    assert 0 < entry == 100 * 10**8


@pytest.mark.parametrize("price", [900_000_000_000, WILD, 2**40 - 1])
def test_a_wild_print_is_a_price_and_does_not_wrap(price: int) -> None:
    """At 922,337,203,686 ticks of 0.1 the price in 1e-8 passes 2**63."""
    world = World(deposits={"BTC": "10"})
    world.open_markets()
    low = world.ctx.submit(world.market(SPOT), -1, 0.001, kind="stop", trigger=90_000.0)
    high = world.ctx.submit(world.market(SPOT), 1, 0.001, kind="stop", trigger=4e10)
    world.step()
    world.row(Kind.CLEAR, SPOT, 0)
    world.row(Kind.TRADE, SPOT, 1, price, 1, number=7)
    world.step(1000)
    assert float(world.core.pools.mark_price(world.number(SPOT))) == pytest.approx(price * 0.1)
    told = [row[4] for row in world.records(Outcome.TRIGGERED)]
    assert told == [high >> 24]
    assert low in world.ctx.orders(world.market(SPOT))


@pytest.mark.parametrize("price", [WILD, 2**40 - 1])
def test_a_wild_mark_that_is_worked_out_starts_no_stop_below(price: int) -> None:
    world = World(deposits={"USDT": "100000"})
    world.open_markets()
    below = world.ctx.submit(world.market(UM), -1, 0.1, kind="stop", trigger=90_000.0, watch="mark")
    above = world.ctx.submit(world.market(UM), 1, 0.1, kind="stop", trigger=1e9, watch="mark")
    world.step()
    world.row(Kind.CLEAR, UM, 0)
    world.row(Kind.TRADE, UM, 1, price, 1, number=7)
    for _ in range(600):  # until the average basis is as wild
        world.step(1000)
    assert float(world.core.pools.mark_price(world.number(UM))) == pytest.approx(price * 0.1)
    assert [row[4] for row in world.records(Outcome.TRIGGERED)] == [above >> 24]
    assert below in world.ctx.orders(world.market(UM))


def test_a_wild_print_that_impact_moves_starts_no_stop_below() -> None:
    world = impact_kit.venue(impact_kit.book())
    below = world.ctx.submit(world.market(SPOT), -1, 0.001, kind="stop", trigger=90_000.0)
    above = world.ctx.submit(world.market(SPOT), 1, 0.001, kind="stop", trigger=4e10)
    world.step()
    world.row(Kind.TRADE, SPOT, 1, WILD, 1, number=7)
    world.step(1000)
    assert [row[4] for row in world.records(Outcome.TRIGGERED)] == [above >> 24]
    assert below in world.ctx.orders(world.market(SPOT))
