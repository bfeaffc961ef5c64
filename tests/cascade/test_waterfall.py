"""Goal: who bears a loss, in which order, to the last unit.

Method: prices jump over a bankruptcy price, the fund has much, little or nothing, somebody stands
opposite or nobody does; every balance is worked out by hand.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from simulator.liquidation.rules import InsuranceRules
from tests.cascade.auditor import Auditor
from tests.cascade.kit import BRACKETS, E8, Cascade, Holder, even_book, falling, impact_of, market

PERP = "um:BTCUSDT"
FIRST = 100_000.0
LOT = 0.001
UNIT = 10_000
"""Units of USDT that a lot of 0.001 is worth a tick of 0.1."""


def long(number: int, lots: int, margin: float, spare: float = 0.0) -> Holder:
    """An isolated long from 100,000 on, with plain spot beside it."""
    return Holder(
        number,
        {PERP: lots},
        {PERP: FIRST},
        {PERP: margin},
        {"um": {"USDT": spare}, "spot": {"USDT": 777.0}},
    )


def short(number: int, lots: int, wallet: float, entry: float = FIRST) -> Holder:
    """A cross short."""
    return Holder(number, {PERP: -lots}, {PERP: entry}, balance={"um": {"USDT": wallet}})


def fund(balance: str | None, unwind: float = 0.0, capacity: float = 1.0) -> InsuranceRules:
    """A fund that has so much, None: as much as it needs; it keeps what it took unless told."""
    start = {} if balance is None else {"USDT": Decimal(balance)}
    return InsuranceRules(start, capacity, unwind, 0.05)


def jump(
    holders: list[Holder],
    to: float,
    insurance: InsuranceRules,
    depth: float = 1e8,
    seconds: int = 8,
) -> Cascade:
    """A price that falls to a share of itself within a second, and stays."""
    made = market(
        seconds, {"BTC": falling(FIRST, (3, 1.0), (4, to), (seconds, to))}, instruments=(PERP,)
    )
    impact = impact_of(even_book(depth, levels=100))
    cascade = Cascade(made, holders, rulebook=BRACKETS, impact=impact, insurance=insurance)
    auditor = Auditor(cascade)
    cascade.run(auditor.look)
    auditor.close()
    return cascade


def stages(cascade: Cascade) -> list[tuple[int, str, int]]:
    return [(one.account, one.stage, one.lots) for one in cascade.closings()]


def test_what_nobody_buys_in_time_is_the_funds_at_the_bankruptcy_price() -> None:
    cascade = jump([long(7, 100, 500.0, spare=25.5)], 0.94, fund(None))
    (one,) = cascade.closings()
    assert (one.account, one.stage, one.side, one.lots, one.fee, one.against) == (
        7,
        "takeover",
        -1,
        100,
        0,
        -1,
    )
    # 100 lots at 100,000 cost 10,000 USDT, the margin was 500: bankrupt at 95,000.
    assert one.amount == 9_500 * E8
    assert cascade.amounts(7) == {"USDT": units_of("802.5")}, "margin lost, nothing else"
    assert cascade.lots(-1, PERP) == 100
    assert cascade.fund() == 0


def units_of(text: str) -> int:
    return int(Decimal(text) * E8)


def test_the_fund_bears_what_the_market_pays_less() -> None:
    cascade = jump([long(7, 100, 500.0)], 0.94, fund("5000", unwind=1.0, capacity=10))
    taken, *sold = cascade.closings()
    assert taken.stage == "takeover"
    assert {one.stage for one in sold} == {"unwind"}
    assert sum(one.lots for one in sold) == 100
    got = sum(one.amount for one in sold)
    assert cascade.fund() == 5_000 * E8 + got - taken.amount
    assert got / E8 == pytest.approx(9_400, rel=1e-3)


def test_below_zero_already_the_fund_pays_more_than_the_mark() -> None:
    """Equity of -100 when it is looked at: taken over for 100 more than the position is worth."""
    cascade = jump([long(7, 100, 500.0)], 0.94, fund("100000"))
    (one,) = cascade.closings()
    at_mark = Fraction(cascade.mark(PERP)) * 100 * Fraction("0.001") * E8
    assert one.amount - at_mark == pytest.approx(100 * E8, rel=1e-2)


def test_without_a_fund_others_in_profit_are_closed_at_the_same_price() -> None:
    """The higher rank first: profit by wallet, times margin ratio; orders of size do not matter."""
    holders = [
        long(1, 100, 500.0),
        short(2, 60, 50_000.0),
        short(3, 60, 700.0),
        short(4, 500, 90_000.0, entry=90_000.0),  # loses: never deleveraged
        long(5, 400, 20_000.0),  # on the same side
    ]
    cascade = jump(holders, 0.94, fund("0"))
    assert stages(cascade) == [
        (1, "deleverage", 60),
        (3, "counterparty", 60),
        (1, "deleverage", 40),
        (2, "counterparty", 40),
    ]
    assert cascade.lots(2, PERP) == -20
    # Sold at 100,000, closed at the bankruptcy price 95,000, no fee: 5 USDT a lot.
    assert cascade.amounts(3) == {"USDT": units_of("1000")}
    assert cascade.amounts(2) == {"USDT": units_of("50200")}
    assert cascade.amounts(1) == {"USDT": units_of("777")}
    assert cascade.fund() == 0
    assert {one.fee for one in cascade.closings()} == {0}


def test_a_fund_with_room_for_some_takes_these_and_others_are_closed_by_the_rest() -> None:
    """Of 100 lots worth 94 each the fund's 3,000 cover 31."""
    holders = [long(1, 100, 500.0), short(2, 50, 2_000.0)]
    cascade = jump(holders, 0.94, fund("3000"))
    assert stages(cascade) == [
        (1, "takeover", 31),
        (1, "deleverage", 50),
        (2, "counterparty", 50),
        (1, "takeover", 19),
    ]
    assert sum(x.amount for x in cascade.closings() if x.account == 1) == 9_500 * E8
    assert cascade.amounts(2) == {"USDT": units_of("2250")}
    assert cascade.lots(-1, PERP) == 50


def test_capacity_is_a_multiple_of_what_the_fund_has() -> None:
    for capacity, expected in ((0.5, 15), (1.0, 31), (2.0, 63), (100.0, 100)):
        cascade = jump(
            [long(1, 100, 500.0), short(2, 200, 2e4)], 0.94, fund("3000", capacity=capacity)
        )
        taken = [one.lots for one in cascade.closings() if one.stage == "takeover"]
        assert sum(taken) == expected


@pytest.mark.parametrize("margin", [500.0, 500.00000001, 512.34567891])
@pytest.mark.parametrize("lots", [97, 100, 3])
def test_a_bankrupt_pool_ends_at_exactly_nothing(lots: int, margin: float) -> None:
    """However odd the figures and whoever takes the parts."""
    margin = round(margin * lots / 100, 8)
    holders = [long(1, lots, margin), short(2, 1 + lots // 3, 900.0), short(3, 1, 33.3)]
    cascade = jump(holders, 0.94, fund("1000"))
    assert cascade.amounts(1) == {"USDT": units_of("777")}
    mine = [one for one in cascade.closings() if one.account == 1]
    cost = lots * 1_000_000 * UNIT
    assert sum(one.amount for one in mine) == cost - round(margin * E8)
    taken = {one.against: one.amount for one in mine}
    for other in (2, 3):
        if other in taken:
            gone = sum(x.lots for x in mine if x.against == other)
            start = {2: 900.0, 3: 33.3}[other]
            profit = gone * 1_000_000 * UNIT - taken[other]
            assert cascade.amounts(other) == {"USDT": round(start * E8) + profit}


def test_an_order_pays_the_clearance_fee_to_the_fund() -> None:
    """Slowly down to the threshold: one order above the bankruptcy price, a fee of 1 %."""
    made = market(60, {"BTC": falling(FIRST, (60, 0.93))})
    # Bankrupt at 94,850, called at mark x 0.99 < that: 95,808; the fee takes what is left.
    holder = long(9, 100, 515.0)
    cascade = Cascade(
        made,
        [holder],
        rulebook=BRACKETS,
        impact=impact_of(even_book(1e9, levels=100)),
        insurance=fund("0"),
    )
    auditor = Auditor(cascade)
    cascade.run(auditor.look)
    (one,) = cascade.closings()
    assert (one.stage, one.lots) == ("order", 100)
    left = 515 * E8 - (100 * 1_000_000 * UNIT - one.amount)
    assert one.fee == min(one.amount // 100, left)
    assert cascade.fund() == one.fee
    assert cascade.amounts(9) == {"USDT": units_of("777") + left - one.fee}


def test_what_a_book_takes_above_bankruptcy_is_closed_first() -> None:
    """Part by orders, the rest by the fund; together the pool gives its margin, all of it."""
    cascade = jump([long(1, 19_000, 95_000.0)], 0.965, fund(None), depth=2e5, seconds=6)
    rows = cascade.closings()
    assert {"order", "takeover"} <= {one.stage for one in rows}
    assert [one.stage for one in rows].index("takeover") > 0
    cost, fees = 19_000 * 1_000_000 * UNIT, sum(one.fee for one in rows)
    assert sum(one.amount for one in rows) == cost - 95_000 * E8 + fees
    assert cascade.fund() == fees
    assert cascade.amounts(1) == {"USDT": units_of("777")}


def test_a_cross_wallet_hands_all_its_positions_over_and_ends_at_nothing() -> None:
    eth = "um:ETHUSDT"
    made = market(
        8,
        {
            "BTC": falling(FIRST, (3, 1.0), (4, 0.9), (8, 0.9)),
            "ETH": falling(4000.0, (3, 1.0), (4, 0.9), (8, 0.9)),
        },
        instruments=(PERP, eth),
    )
    holder = Holder(
        5,
        {PERP: 100, eth: 2000},
        {PERP: FIRST, eth: 4000.0},
        balance={"um": {"USDT": 900.12345678}, "spot": {"BTC": 1.0}},
    )
    cascade = Cascade(
        made,
        [holder],
        rulebook=BRACKETS,
        impact=impact_of(even_book(1e8, levels=100)),
        insurance=fund(None),
    )
    auditor = Auditor(cascade)
    cascade.run(auditor.look)
    taken = {one.instrument: one for one in cascade.closings()}
    assert [one.stage for one in taken.values()] == ["takeover", "takeover"]
    assert cascade.amounts(5) == {"BTC": E8}, "plain spot is nobody's but the owner's"
    by_notional = [
        (100 * 1_000_000 * UNIT - taken[PERP].amount) / (100 * 1_000_000 * UNIT),
    ]
    cost = 100 * 1_000_000 * UNIT + round(2000 * 0.001 * 4000 * E8)
    assert sum(one.amount for one in taken.values()) == cost - round(900.12345678 * E8)
    assert by_notional[0] == pytest.approx(0.05, rel=0.02)
