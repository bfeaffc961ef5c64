"""Goal: a loan is granted up to the limit and no unit further; interest is what the rules say.

Method: a unified account by brackets, or in the textbook's model, driven by hand; every figure is a
literal worked out beside it.  After every row the columns of the ledger sum to zero.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.events.outcomes import Outcome, RejectReason
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from simulator.rulebook.account import account_rules
from simulator.rulebook.load import load
from tests.exchange.world import MILLISECOND, World

E8 = 10**8
HOUR_MS = 3_600_000
PLAIN = InterestRules()
COSTLY = InterestRules(default_daily=Decimal("0.0024"))
"""An hour costs exactly 0.0001 of the principal."""


def opened(**words: Any) -> World:
    world = World("unified", words.pop("rulebook", "binance"), fees=False, **words)
    world.open_markets()
    for asset, price in (("BTC", 100_000), ("ETH", 10_000)):
        world.row(Kind.INDEX, f"um:{asset}USDT", 0, price * E8)
    return world


# 10,000 USDT at 3x: at most 20,000 may be owed.
LIMIT = """
    asset  first    second          reason
    USDT   20000    0.00000001      BORROW_LIMIT
    USDT   0        20000.00000001  BORROW_LIMIT
    BTC    0.2      0.00000001      BORROW_LIMIT
    BTC    0.1      0.1             -
    USDT   19999    1               -
"""


@pytest.mark.parametrize("rulebook", ["binance", "textbook"])
@pytest.mark.parametrize("row", [line.split() for line in LIMIT.strip().splitlines()[1:]])
def test_limit(row: list[str], rulebook: str) -> None:
    asset, first, second, reason = row
    world = opened(deposits={"USDT": "10000"}, interest=PLAIN, rulebook=rulebook)
    if float(first):
        world.borrow(asset, float(first))
        assert world.records(Outcome.BORROWED)[-1][7] == int(Decimal(first) * E8)
    world.borrow(asset, float(second))
    refused = [RejectReason(record[6]).name for record in world.records(Outcome.LOAN_REJECTED)]
    assert refused == ([] if reason == "-" else [reason])
    granted = Decimal(first) + (Decimal(second) if reason == "-" else 0)
    assert world.owed(asset) == (int(granted * E8), 0)
    assert world.ctx.loan(asset) == pytest.approx(float(granted))


def test_what_can_be_borrowed_is_said() -> None:
    world = opened(deposits={"USDT": "10000"}, interest=PLAIN)
    price = world.core.pools.index_price(world.assets.index("BTC"))
    assert world.ctx.max_borrowable("USDT") == pytest.approx(20_000)
    assert world.ctx.max_borrowable("BTC") == pytest.approx(20_000 / price)
    world.borrow("USDT", 15_000)
    assert world.ctx.max_borrowable("USDT") == pytest.approx(5_000)


def test_a_loan_moves_money_and_leaves_equity() -> None:
    world = opened(deposits={"USDT": "10000"}, interest=PLAIN)
    world.borrow("BTC", 0.1)
    assert world.balance("unified", "BTC") == 10_000_000
    assert world.pool("unified").equity == pytest.approx(10_000)
    assert world.ctx.equity() == pytest.approx(10_000)


# Loan of 1,000 USDT at 0.1 a full hour and 0.1 for the first.


@pytest.mark.parametrize("ahead", range(0, 23, 5))
def test_interest_over_hours(ahead: int) -> None:
    """The mark tick at a full hour charges it; a millisecond before it is not due."""
    world = opened(deposits={"USDT": "10000"}, interest=COSTLY)
    world.borrow("USDT", 1_000)
    assert world.owed() == (1_000 * E8, E8 // 10)
    due = (world.now // (HOUR_MS * MILLISECOND) + 1 + ahead) * HOUR_MS * MILLISECOND
    world.step((due - world.now) // MILLISECOND - 1)
    assert world.owed()[1] == (1 + ahead) * E8 // 10
    world.step(1)  # the row at the hour itself comes before the tick of that instant
    world.step(1)
    assert world.owed()[1] == (2 + ahead) * E8 // 10
    assert world.desk.loans.charged == pytest.approx(0.1 * (2 + ahead))
    assert world.ctx.interest("USDT") == pytest.approx(0.1 * (2 + ahead))
    assert world.ctx.equity() == pytest.approx(10_000 - 0.1 * (2 + ahead))


def test_interest_is_simple_and_rounded_up() -> None:
    world = opened(
        deposits={"USDT": "10000"}, interest=InterestRules(default_daily=Decimal("0.00013233"))
    )
    world.borrow("USDT", 0.00000001)
    assert world.owed() == (1, 1)
    world.borrow("USDT", 100)
    # 100 x 0.00013233 / 24 = 0.000551375
    assert world.owed() == (100 * E8 + 1, 1 + 55_138)


def test_no_first_hour_where_the_rules_charge_none() -> None:
    world = opened(
        deposits={"USDT": "10000"},
        interest=InterestRules(default_daily=Decimal("0.0024"), on_borrow=False),
    )
    world.borrow("USDT", 1_000)
    assert world.owed() == (1_000 * E8, 0)


# 1,000 USDT borrowed, 0.1 of interest due, 11,000 at hand.
REPAY = """
    quantity       loan_left      interest_left  reason
    0.04           1000           0.06           -
    0.1            1000           0              -
    0.10000001     999.99999999   0              -
    500            500.1          0              -
    1000           0.1            0              -
    1000.1         0              0              -
    5000           0              0              -
    all            0              0              -
    0              1000           0.1            INSUFFICIENT_BALANCE
    -1             1000           0.1            INSUFFICIENT_BALANCE
"""


@pytest.mark.parametrize("row", [line.split() for line in REPAY.strip().splitlines()[1:]])
def test_repaying_pays_interest_first(row: list[str]) -> None:
    quantity, loan, interest, reason = row
    world = opened(deposits={"USDT": "10000"}, interest=COSTLY)
    world.borrow("USDT", 1_000)
    world.repay("USDT", quantity if quantity == "all" else float(quantity))
    assert world.owed() == (int(Decimal(loan) * E8), int(Decimal(interest) * E8))
    refused = [RejectReason(record[6]).name for record in world.records(Outcome.LOAN_REJECTED)]
    assert refused == ([] if reason == "-" else [reason])
    paid = Decimal("1000.1") - Decimal(loan) - Decimal(interest)
    assert world.balance("unified") == int((11_000 - paid) * E8)
    rows = world.records(Outcome.REPAID, Outcome.INTEREST_PAID)
    assert sum(record[7] for record in rows) == int(paid * E8)


def test_more_than_the_balance_is_refused_and_all_pays_what_there_is() -> None:
    world = opened(deposits={"USDT": "100"}, interest=COSTLY)
    world.borrow("BTC", 0.001)
    sold = world.ctx.sell(world.market("spot:BTCUSDT"), 0.001, 90_000.0)
    world.step(10)
    assert world.balance("unified", "BTC") == 0
    assert sold
    world.repay("BTC", 0.0005)
    world.repay("BTC", "all")
    refused = [RejectReason(record[6]).name for record in world.records(Outcome.LOAN_REJECTED)]
    assert refused == ["INSUFFICIENT_BALANCE"] * 2


def test_nothing_owed_is_said() -> None:
    world = opened()
    world.repay("USDT")
    assert [record[6] for record in world.records(Outcome.LOAN_REJECTED)] == [
        RejectReason.NOTHING_OWED
    ]


def test_an_account_that_cannot_borrow_is_told() -> None:
    world = World("separated", instruments=[])
    world.desk.loans.wallet = world.desk.loans.pool = -1
    world.ctx.borrow("USDT", 1)
    world.ctx.repay("USDT")
    world.core.finish()
    assert [record[6] for record in world.records(Outcome.LOAN_REJECTED)] == [
        RejectReason.NOT_BORROWABLE,
        RejectReason.NOTHING_OWED,
    ]


# Orders with side effects


def test_auto_borrow_borrows_what_the_order_lacks() -> None:
    world = opened(deposits={"USDT": "10000"}, interest=COSTLY)
    spot = world.market("spot:BTCUSDT")
    world.ctx.submit(spot, 1, 0.2, price=100_000.1, side_effect="auto_borrow")
    world.step(10)
    # 20,000.02 at the limit price less the 10,000 at hand; the first hour on it.
    assert world.owed() == (1_000_002_000_000, 100_000_200)
    assert world.balance("unified", "BTC") == 20_000_000
    assert world.balance("unified") == 0


def test_auto_borrow_to_sell_short_and_auto_repay_to_cover() -> None:
    world = opened(deposits={"USDT": "10000"}, interest=COSTLY)
    spot = world.market("spot:BTCUSDT")
    world.ctx.submit(spot, -1, 0.1, side_effect="auto_borrow")
    world.step(10)
    assert world.owed("BTC") == (10_000_000, 1_000)
    assert world.balance("unified") == 20_000 * E8
    world.ctx.submit(spot, 1, 0.101, side_effect="auto_repay")
    world.step(10)
    assert world.owed("BTC") == (0, 0)
    assert world.balance("unified", "BTC") == 100_000 - 1_000


def test_a_plain_order_borrows_nothing() -> None:
    world = opened(deposits={"USDT": "10000"})
    world.ctx.submit(world.market("spot:BTCUSDT"), 1, 0.2, price=100_000.1)
    world.step(10)
    assert world.said() == ["REJECTED INSUFFICIENT_BALANCE"]
    assert world.owed() == (0, 0)


def test_an_order_over_the_limit_is_refused_and_leaves_no_loan() -> None:
    world = opened(deposits={"USDT": "10000"}, interest=PLAIN)
    world.ctx.submit(world.market("spot:BTCUSDT"), 1, 0.4, side_effect="auto_borrow")
    world.step(10)
    assert world.said() == ["REJECTED BORROW_LIMIT"]
    assert world.owed() == (0, 0)
    assert world.balance("unified") == 10_000 * E8


def test_a_cancelled_order_pays_back_what_it_held() -> None:
    world = opened(deposits={"USDT": "10000"}, interest=COSTLY)
    spot = world.market("spot:BTCUSDT")
    order = world.ctx.submit(spot, 1, 0.2, price=90_000.0, side_effect="auto_borrow_repay")
    world.step(10)
    assert world.owed()[0] == 8_000 * E8
    world.ctx.cancel(order)
    world.step(10)
    assert world.owed() == (0, 0)
    assert world.balance("unified") == 10_000 * E8 - 80_000_000


def test_side_effects_are_words_we_know() -> None:
    world = opened()
    with pytest.raises(ValueError, match="'margin_buy' is none of"):
        world.ctx.submit(world.market("spot:BTCUSDT"), 1, 0.1, side_effect="margin_buy")


@pytest.mark.parametrize("quantity", [float("nan")])
def test_a_quantity_is_a_number(quantity: float) -> None:
    world = opened()
    with pytest.raises(ValueError, match="borrow: quantity is not a number"):
        world.ctx.borrow("USDT", quantity)


def test_a_lower_level_borrows_nothing_more() -> None:
    """REDUCE_ONLY allows repaying alone."""
    world = opened(deposits={"USDT": "10000"}, interest=PLAIN)
    world.borrow("BTC", 0.15)
    world.ctx.sell(world.market("spot:BTCUSDT"), 0.15)
    world.step(10)
    # At 150,150 equity is 25,000 - 22,522.5 and maintenance 2,252.25: uniMMR 1.1.
    world.row(Kind.INDEX, "um:BTCUSDT", 0, 150_150 * E8)
    assert world.pool("unified").level.name == "REDUCE_ONLY"
    world.borrow("USDT", 1)
    assert [record[6] for record in world.records(Outcome.LOAN_REJECTED)] == [
        RejectReason.REDUCE_ONLY_LEVEL
    ]


# The cross-margin wallet of a separated account


def separated_margin(rulebook: str = "binance") -> World:
    world = World("separated", rulebook, deposits={"USDT": "20000"}, fees=False, interest=PLAIN)
    world.open_markets()
    for asset, price in (("BTC", 100_000), ("ETH", 10_000)):
        world.row(Kind.INDEX, f"um:{asset}USDT", 0, price * E8)
    world.transfer(10_000, "spot", "margin")
    return world


def test_a_margin_order_names_its_wallet_and_borrows_there() -> None:
    world = separated_margin()
    world.ctx.submit(
        world.market("spot:BTCUSDT"),
        1,
        0.2,
        price=100_000.1,
        wallet="margin",
        side_effect="auto_borrow",
    )
    world.step(10)
    assert world.balance("margin", "BTC") == 20_000_000
    assert world.owed() == (1_000_002_000_000, 0)
    assert world.balance("spot") == 10_000 * E8


def test_plain_spot_borrows_nothing() -> None:
    world = separated_margin()
    world.ctx.submit(
        world.market("spot:BTCUSDT"), 1, 0.2, price=100_000.1, side_effect="auto_borrow"
    )
    world.step(10)
    assert world.said() == ["REJECTED NOT_BORROWABLE"]


def test_borrowed_money_leaves_only_as_far_as_what_stays_covers_it() -> None:
    """With 8,000 owed a margin level of 2 must stay: 16,000 of the 18,000 there are."""
    world = separated_margin()
    world.borrow("USDT", 8_000)
    world.ctx.transfer("USDT", 2_000.000001, "margin", "spot")
    world.step()
    assert len(world.records(Outcome.TRANSFER_REJECTED)) == 1
    world.ctx.transfer("USDT", 2_000, "margin", "spot")
    world.step()
    assert world.balance("margin") == 16_000 * E8


@pytest.mark.parametrize("short", [False, True])
def test_a_called_loan_is_traded_for_and_repaid(short: bool) -> None:
    """A long on borrowed USDT and a short of borrowed BTC, each called by the price: as far as the
    target asks, no lot further.
    """
    world = separated_margin()
    spot = world.market("spot:BTCUSDT")
    world.ctx.submit(spot, -1 if short else 1, 0.15, wallet="margin", side_effect="auto_borrow")
    world.step(10)
    plain = world.ctx.buy(spot, 0.001, 30_000.0)
    price = 1_560_000 if short else 360_000
    world.book("spot:BTCUSDT", price, price + 1)
    world.row(Kind.INDEX, "um:BTCUSDT", 0, price * 10**7)
    world.step(2000)
    assert [event.pool for event in world.desk.liquidator.events] == ["margin"]
    owed = 0.15 * E8 if short else 0.15 * 100_000.1 * E8
    assert 0 < world.owed("BTC" if short else "USDT")[0] < owed
    one_lot = price / 10 * 0.001
    pool = world.pool("margin")
    target = float(world.margin.ladder_of("margin").target)
    assert target < pool.ratio
    # A lot less would have left that much more owed, with a maintenance margin of a tenth of it.
    assert pool.equity <= target * (pool.maintenance_margin + one_lot * 0.1) + 0.2
    assert world.balance("margin", "BTC") >= 0
    assert world.ctx.orders(spot) == [plain]
    assert world.desk.liquidator.shortfall == 0


def test_the_fund_pays_what_a_called_loan_leaves() -> None:
    world = separated_margin()
    world.ctx.submit(
        world.market("spot:BTCUSDT"), 1, 0.2, wallet="margin", side_effect="auto_borrow"
    )
    world.step(10)
    world.book("spot:BTCUSDT", 400_000, 400_001)
    world.row(Kind.INDEX, "um:BTCUSDT", 0, 40_000 * E8)
    world.step(2000)
    # 10,000.02 was borrowed for 0.2 BTC, which bring 8,000.
    assert world.owed("USDT") == (0, 0)
    assert world.balance("margin") == 0
    assert world.desk.liquidator.shortfall == pytest.approx(2_000.02)


# Which assets of a USD-M wallet count


@pytest.mark.parametrize(("multi_assets", "equity"), [(False, 1_000), (True, 1_000 + 97_500)])
def test_assets_of_a_futures_wallet(multi_assets: bool, equity: float) -> None:
    """1,000 USDT and 1 BTC at 100,000, the latter at 97.5 %; USDT counts 99.99 % there."""
    world = World(
        "separated",
        "binance",
        deposits={"USDT": "1000", "BTC": "1"},
        margin=account_rules(load("binance"), "separated", multi_assets=multi_assets),
    )
    world.open_markets()
    world.row(Kind.INDEX, "um:BTCUSDT", 0, 100_000 * E8)
    for asset, amount in (("USDT", 1_000), ("BTC", 1)):
        world.ctx.transfer(asset, amount, "spot", "um")
        world.step()
    assert world.pool("um").equity == pytest.approx(equity - 0.1 * multi_assets)


def test_a_line_of_the_unified_pool_answers_to_its_own_name() -> None:
    world = opened()
    assert world.ctx.margin("um").pool == world.ctx.margin("margin").pool == "unified"
    assert world.ctx.balance("USDT", "um") == world.ctx.balance("USDT", "unified") > 0
    with pytest.raises(LookupError, match="no wallet gold; there are unified"):
        world.ctx.balance("USDT", "gold")
    with pytest.raises(LookupError, match="no margin pool gold; there are unified"):
        world.ctx.margin("gold")
