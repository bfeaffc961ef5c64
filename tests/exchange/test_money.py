"""Goal: every unit of money is where it must be, after every event.

Method: rule tables with amounts in 1e-8 worked out by hand, and an oracle in ``Fraction`` that
knows nothing of the ledger.  ``World`` asserts the ledger's invariants after every row.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.events.outcomes import Outcome
from simulator.market.tape import Kind
from tests.exchange.world import INSTRUMENTS, World, listed

SPOT, UM, ETH = "spot:BTCUSDT", "um:BTCUSDT", "um:ETHUSDT"
UNIT = 10_000
"""Quote units that one lot is worth per tick: 0.1 x 0.001 in 1e-8."""


# Spot


def test_spot_buy_and_sell_pay_their_fee_from_what_is_received() -> None:
    world = World()
    world.open_markets()
    world.ctx.buy(world.market(SPOT), 0.123)
    world.step()
    assert world.balance("spot") == 100_000 * 10**8 - 123 * 1_000_001 * UNIT
    assert world.balance("spot", "BTC") == 12_300_000 - 12_300  # 0.1 % of 0.123 BTC
    assert world.balance("fees", "BTC") == 12_300
    world.ctx.sell(world.market(SPOT), 0.122)
    world.step()
    received = 122 * 1_000_000 * UNIT
    kept = received * 999 // 1000
    assert world.balance("spot") == 100_000 * 10**8 - 123 * 1_000_001 * UNIT + kept
    assert world.balance("market") == 123 * 1_000_001 * UNIT - received
    assert world.balance("fees") == received // 1000


@pytest.mark.parametrize("side", [1, -1])
def test_a_resting_spot_order_holds_what_it_would_pay(side: int) -> None:
    world = World(deposits={"USDT": "100000", "BTC": "1"})
    world.open_markets()
    asset = "USDT" if side > 0 else "BTC"
    price = 99_000.0 if side > 0 else 101_000.0
    one = 990_000 * UNIT if side > 0 else 100_000
    order = world.ctx.submit(world.market(SPOT), side, 0.3, price=price)
    world.step()
    assert world.held("spot", asset) == 300 * one
    world.row(Kind.TRADE, SPOT, -side, round(price * 10), 100)  # a third of it fills
    assert world.held("spot", asset) == 200 * one
    world.ctx.cancel(order)
    world.step()
    assert world.held("spot", asset) == 0
    assert world.said()[-1] == "CANCELED"


def test_a_hold_is_released_by_a_full_fill_and_never_made_by_a_taker() -> None:
    world = World()
    world.open_markets()
    world.ctx.buy(world.market(SPOT), 0.3, 99_000.0)
    world.step()
    world.row(Kind.TRADE, SPOT, -1, 989_999, 10**6)
    assert world.held("spot") == 0
    world.ctx.buy(world.market(SPOT), 0.1, 100_500.0, "IOC")
    world.step()
    assert world.held("spot") == 0
    assert world.seen.fills[-1].price == pytest.approx(100_000.1)


# Fees


@pytest.mark.parametrize(
    ("lots", "price", "maker"),
    [(1, 1_000_001, False), (7, 1_000_003, False), (123, 999_999, True), (1, 500_001, True)],
)
def test_futures_fees_are_rounded_up_to_the_unit(lots: int, price: int, maker: bool) -> None:
    world = World("unified")
    world.open_markets()
    if maker:
        world.ctx.buy(world.market(UM), lots / 1000, price / 10)
        world.step()
        world.row(Kind.TRADE, UM, -1, price, 10**7)
    else:
        world.book(UM, price - 1, price)
        world.ctx.buy(world.market(UM), lots / 1000)
        world.step()
    rate = Fraction(2, 10_000) if maker else Fraction(5, 10_000)
    assert world.lots(UM) == lots
    assert world.balance("fees") == ceil(lots * price * UNIT * rate)


def test_fees_are_paid_in_bnb_at_the_discount_as_far_as_it_lasts() -> None:
    instruments = [*INSTRUMENTS, listed("spot", "BNB")]
    for bnb, paid_in in (("10", "BNB"), ("0.00001", "USDT"), ("0", "USDT")):
        world = World(
            "unified",
            "binance",
            deposits={"USDT": "1000000", "BNB": bnb},
            instruments=instruments,
            bnb_fees=True,
        )
        world.open_markets()
        world.book("spot:BNBUSDT", 4_999, 5_001)
        world.step(2000)
        world.ctx.buy(world.market(UM), 1.0)
        world.step()
        fee = Fraction(1000 * 1_000_001 * UNIT * 5, 10_000)
        if paid_in == "BNB":
            # 10 % off, at 500 USDT a BNB, rounded down and one unit more.
            expected = fee * Fraction(9, 10) / 500
            assert world.balance("fees", "BNB") == int(expected) + 1
            assert world.balance("fees") == 0
            assert world.desk.fees_paid() == pytest.approx(float(fee) * 0.9e-8, abs=1e-5)
        else:
            assert world.balance("fees", "BNB") == 0
            assert world.balance("fees") == ceil(fee)
            assert world.desk.fees_paid() == pytest.approx(float(fee) * 1e-8, rel=1e-9)


# Profit


TRADES = st.lists(
    st.tuples(st.sampled_from([1, -1]), st.integers(1, 400), st.integers(950_000, 1_050_000)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60)
@given(trades=TRADES)
def test_realized_profit_is_that_of_average_cost(trades: list[tuple[int, int, int]]) -> None:
    world = World("unified", deposits={"USDT": "1000000"})
    world.open_markets()
    lots, cost, realized, fees, flow = 0, Fraction(0), Fraction(0), 0, 0
    for side, size, price in trades:
        world.book(UM, price - (side > 0), price + (side < 0))
        world.ctx.submit(world.market(UM), side, size / 1000)
        world.step()
        if lots * side < 0:
            closed = min(size, abs(lots))
            released = cost * closed / abs(lots)
            realized += -side * closed * price * UNIT - released
            cost -= released
            cost += side * (size - closed) * price * UNIT
        else:
            cost += side * size * price * UNIT
        lots += side * size
        flow -= side * size * price * UNIT
        fees += ceil(Fraction(size * price * UNIT * 5, 10_000))
        booked = world.balance("unified") - 1_000_000 * 10**8 + fees
        assert world.lots(UM) == lots
        assert abs(booked - realized) <= len(trades), "one unit of rounding a trade"
        held_cost = world.core.ledger.position_of(1, world.number(UM))[1]
        assert booked - held_cost == flow, "what rounding leaves stays in the cost"
        assert lots or booked == flow, "flat: nothing is left"
    assert sum(int(row[9]) for row in world.core.fills()) == booked


# Isolated margin


def test_isolated_margin_moves_with_the_position() -> None:
    world = World(fees=False)
    world.open_markets()
    world.transfer(30_000)
    world.ctx.buy(world.market(UM), 1.0)
    world.step()
    margin = 1_000_001 * 1000 * UNIT // 10
    assert world.balance("um:BTCUSDT") == margin
    assert world.balance("um") == 30_000 * 10**8 - margin
    world.book(UM, 1_000_001, 1_000_002)
    world.ctx.sell(world.market(UM), 0.25)
    world.step()
    assert world.balance("um:BTCUSDT") == margin * 3 // 4
    world.ctx.sell(world.market(UM), 1.75)  # turns round: short 1
    world.step()
    assert world.lots(UM) == -1000
    assert world.balance("um:BTCUSDT") == margin
    world.ctx.buy(world.market(UM), 1.0, 100_000.1)
    world.row(Kind.DEPTH, UM, -1, 1_000_001, 5000, after=5)
    assert world.lots(UM) == 0
    assert world.balance("um:BTCUSDT") == 0
    assert world.balance("um") == 30_000 * 10**8


# Funding


@pytest.mark.parametrize("mode", ["separated", "unified"])
@pytest.mark.parametrize(("side", "rate"), [(1, 10_000), (1, -7_501), (-1, 10_000), (-1, -7_501)])
def test_funding_to_the_unit(mode: str, side: int, rate: int) -> None:
    world = World(mode, fees=False)
    world.open_markets()
    if mode == "separated":
        world.transfer(30_000)
    world.ctx.submit(world.market(UM), side, 0.123)
    world.step()
    world.mark(UM, "98765.43219876")
    wallet = "um:BTCUSDT" if mode == "separated" else "unified"
    before = world.balance(wallet)
    world.row(Kind.FUNDING, UM, 0, rate)
    exact = Fraction(123 * 10**5 * 9_876_543_219_876 * abs(rate), 10**16)
    paid = int(exact) * (1 if side * rate > 0 else -1)  # positive: longs pay shorts
    assert world.balance(wallet) == before - paid
    assert world.desk.funding.paid == pytest.approx(paid * 1e-8)
    assert [row[7] for row in world.records(Outcome.FUNDING)] == [paid]


def test_no_funding_without_a_position() -> None:
    world = World("unified")
    world.open_markets()
    world.row(Kind.FUNDING, UM, 0, 10_000)
    assert world.records(Outcome.FUNDING) == []
    assert world.desk.funding.rows == 1


# Transfers


def test_transfers_move_what_is_free_and_no_more() -> None:
    world = World(fees=False)
    world.open_markets()
    world.ctx.buy(world.market(SPOT), 0.5, 90_000.0)  # holds 45,000
    world.step()
    world.transfer(55_000.00000001)
    assert world.desk.transfers.count == 0
    world.transfer(55_000)
    assert world.desk.transfers.count == 1
    world.transfer(-1)
    world.transfer(0)
    assert world.desk.transfers.count == 1
    assert world.balance("um") == 55_000 * 10**8
    rejected = [row[6] for row in world.records(Outcome.TRANSFER_REJECTED)]
    assert rejected == [9, 9, 9]
    assert world.ctx.transfer("USDT", 1, "spot", "nowhere") is False


def test_transfers_leave_what_margins_need() -> None:
    for back, accepted in ((20_000, 1), (20_000.00000001, 0)):
        world = World(fees=False)
        world.open_markets()
        world.transfer(30_000)
        world.ctx.buy(world.market(UM), 1.0, 99_000.0)  # an open order that needs 10,000
        world.step()
        world.transfer(back, "um", "spot")
        assert world.desk.transfers.count == 1 + accepted
    assert [row[6] for row in world.records(Outcome.TRANSFER_REJECTED)] == [10]


def test_parts_of_the_profit_sum_to_what_prices_made() -> None:
    """Price profit from fills and marks alone, by hand, is what is left of the account's change."""
    world = World("unified")
    world.open_markets()
    world.ctx.buy(world.market(UM), 0.5)
    world.ctx.sell(world.market(ETH), 2.0)
    world.step()
    world.row(Kind.FUNDING, UM, 0, 12_345)
    world.mark(UM, "101000")
    world.mark(ETH, "10100")
    change = Decimal(world.balance("unified") - 100_000 * 10**8) / 10**8
    fees = Decimal(world.balance("fees")) / 10**8
    assert float(change) == pytest.approx(-float(fees) - world.desk.funding.paid)
    price = 0.5 * (101_000 - 100_000.1) - 2.0 * (10_100 - 10_000)
    assert world.desk.account_equity() - 100_000 == pytest.approx(float(change) + price)


def test_the_verifier_sees_a_broken_ledger() -> None:
    world: Any = World()
    world.open_markets()
    world.core.ledger.post(5, 0, 1)
    with pytest.raises(AssertionError, match="sum to zero"):
        world.desk.verify()
