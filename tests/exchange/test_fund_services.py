"""Goal: collection, BNB transfers and automatic repayment do what they say and rest when they must.

Method: a venue driven by hand; figures are literals worked out beside them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.events.outcomes import Outcome
from simulator.exchange.messages import FundOperation
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from tests.exchange.fund_world import (
    E8,
    PLAIN,
    ask,
    bnb_world,
    cross,
    opened,
    refused,
)
from tests.exchange.world import INSTRUMENTS, World

# Collection


def test_collection_brings_what_can_be_spared() -> None:
    world = bnb_world(margin=cross(), deposits={"BTC": "1"})
    world.transfer(30_000, "spot", "um")
    world.transfer(20_000, "spot", "margin")
    ask(world, "transfer", "BTC", 0.25, "spot", "um")
    ask(world, "transfer", "BNB", 3, "spot", "um")
    ask(world, "transfer", "BNB", 4, "spot", "margin")
    world.ctx.buy(world.market("um:BTCUSDT"), 0.5)
    world.borrow("USDT", 24_000)
    before = len(world.desk.funds.events)
    world.ctx.account.collect()
    world.step()
    moved = {(e.source, e.asset): float(e.quantity) for e in world.desk.funds.events[before:]}
    assert {e.target for e in world.desk.funds.events[before:]} == {"spot"}
    assert {e.operation for e in world.desk.funds.events[before:]} == {FundOperation.COLLECT}
    # Of 30,000 USDT and 0.25 BTC (25,000) USD-M needs 5,000: all BTC goes, 30,000 less of USDT.
    # Cross margin owes 24,000, which asks for 12,000 of 20,000 + 2,400: 10,400 go, BNB or USDT.
    assert ("um", "BNB") not in moved
    assert world.balance("um", "BNB") == 3 * E8
    worth = sum(
        q * {"USDT": 1, "BTC": 100_000, "BNB": 600}[asset]
        for (wallet, asset), q in moved.items()
        if wallet == "margin"
    )
    assert worth == pytest.approx(10_400, rel=1e-4)
    for pool in ("um", "margin"):
        assert world.ctx.account.max_withdrawable("USDT", pool) == pytest.approx(0, abs=0.2)


def test_collection_of_one_asset_leaves_the_others() -> None:
    world = bnb_world(deposits={"BTC": "1"})
    world.transfer(30_000, "spot", "um")
    ask(world, "transfer", "BTC", 0.25, "spot", "um")
    ask(world, "transfer", "BNB", 3, "spot", "um")
    event = ask(world, "collect", "BTC")
    assert (event.source, event.target, event.quantity) == ("um", "spot", Decimal("0.25"))
    assert world.balance("um") == 30_000 * E8
    assert ask(world, "collect", "BNB").refusal == "NOTHING_TO_COLLECT"
    assert ask(world, "collect", "BTC").refusal == "NOTHING_TO_COLLECT"
    assert refused(world) == ["NOTHING_TO_COLLECT"] * 2


def test_margin_of_isolated_positions_is_not_collected() -> None:
    world = bnb_world()
    world.transfer(6_000, "spot", "um")
    world.ctx.buy(world.market("um:BTCUSDT"), 0.05)
    world.step()
    own = world.balance("um:BTCUSDT")
    assert own > 0
    world.ctx.account.collect()
    world.step()
    assert world.balance("um:BTCUSDT") == own
    assert world.balance("um") == 0


def test_there_is_nothing_to_collect_in_one_wallet() -> None:
    assert ask(opened("unified"), "collect").refusal == "ONE_WALLET"
    assert ask(bnb_world("unified"), "transfer_bnb", 1).refusal == "ONE_WALLET"


# BNB


def test_bnb_goes_both_ways() -> None:
    world = bnb_world()
    there = ask(world, "transfer_bnb", 2)
    assert (there.source, there.target, there.refusal) == ("spot", "um", "")
    back = ask(world, "transfer_bnb", 0.5, "FROM_UM", "margin")
    assert (back.source, back.target, back.refusal) == ("um", "margin", "")
    assert world.balance("um", "BNB") == 150_000_000
    assert ask(world, "transfer_bnb", 2, "FROM_UM").refusal == "INSUFFICIENT_BALANCE"
    assert ask(world, "transfer_bnb", 0).refusal == "INSUFFICIENT_BALANCE"


def test_a_rulebook_without_limits_counts_no_transfers_and_collects_bnb() -> None:
    world = bnb_world(rulebook="bybit")
    for _ in range(12):
        assert ask(world, "transfer_bnb", 0.1).refusal == ""
    event = ask(world, "collect", "BNB")
    assert (event.source, event.quantity) == ("um", Decimal("1.2"))


def test_ten_transfers_of_bnb_in_ten_minutes() -> None:
    world = bnb_world()
    first = world.core.now
    for _ in range(10):
        assert ask(world, "transfer_bnb", 0.1).refusal == ""
        world.step(30_000)
    times = [e.time_ns for e in world.desk.funds.events if e.operation.name == "TRANSFER_BNB"]
    assert times[0] >= first
    # A nanosecond before the first is ten minutes old, and at that instant.
    world.now = times[0] + 600 * 10**9 - 1
    world.row(Kind.QUOTE, "spot:BNBUSDT", after=0)
    world.ctx.account.transfer_bnb(0.1)
    world.row(Kind.QUOTE, "spot:BNBUSDT", after=0)
    world.now += 1
    world.row(Kind.QUOTE, "spot:BNBUSDT", after=0)
    world.ctx.account.transfer_bnb(0.1)
    world.step()
    late = world.desk.funds.events[-2:]
    assert [(e.time_ns - times[0], e.refusal) for e in late] == [
        (600 * 10**9 - 1, "TOO_MANY_REQUESTS"),
        (600 * 10**9, ""),
    ]


def test_refused_transfers_of_bnb_do_not_count() -> None:
    world = bnb_world()
    for _ in range(20):
        assert ask(world, "transfer_bnb", 51).refusal == "INSUFFICIENT_BALANCE"
    assert ask(world, "transfer_bnb", 50).refusal == ""


# Repayment by itself


def indebted(**words: Any) -> World:
    """10,000 of its own in a unified wallet, and 1,000 owed but spent on a withdrawal."""
    world = opened(
        "unified", "binance", deposits={"USDT": "0", "BTC": "1"}, interest=PLAIN, **words
    )
    world.borrow("USDT", 1_000)
    assert ask(world, "withdraw", "USDT", 1_000).refusal == ""
    return world


def test_a_deposit_repays() -> None:
    world = indebted()
    assert ask(world, "auto_repay").operation is FundOperation.AUTO_REPAY
    assert world.records(Outcome.SETTING_CHANGED)[-1][4:] == (6, 0, 0, 1)
    event = ask(world, "deposit", "USDT", 400)
    assert (event.actor, event.operation.name, event.quantity) == ("venue", "REPAY", Decimal(400))
    assert world.owed() == (600 * E8, 0)
    ask(world, "deposit", "USDT", 700)
    assert (world.owed(), world.balance("unified")) == ((0, 0), 100 * E8)


def test_it_repays_at_once_what_is_free() -> None:
    world = indebted()
    ask(world, "deposit", "USDT", 250)
    assert world.owed() == (1_000 * E8, 0)
    ask(world, "auto_repay")
    assert world.owed() == (750 * E8, 0)


def test_switched_off_nothing_repays() -> None:
    world = indebted()
    ask(world, "auto_repay")
    assert ask(world, "auto_repay", False).quantity == 0
    assert world.records(Outcome.SETTING_CHANGED)[-1][4:] == (6, 0, 0, 0)
    ask(world, "deposit", "USDT", 400)
    assert world.owed() == (1_000 * E8, 0)


@pytest.mark.parametrize("market", ["spot:BTCUSDT", "um:BTCUSDT"])
def test_a_fill_repays_with_what_it_brings(market: str) -> None:
    world = indebted()
    ask(world, "auto_repay")
    if market == "um:BTCUSDT":
        world.ctx.buy(world.market(market), 0.005)
        world.step()
        assert world.owed() == (1_000 * E8, 0)
        world.book(market, 1_100_000, 1_100_001)
        world.ctx.sell(world.market(market), 0.005)  # 0.005 x 9,999.9 of profit
        world.step()
        assert world.owed() == (1_000 * E8 - 4_999_950_000, 0)
    else:
        world.ctx.sell(world.market(market), 0.004)
        world.step()
        assert world.owed() == (600 * E8, 0)
    assert world.desk.funds.events[-1].operation is FundOperation.REPAY


def test_what_an_order_holds_does_not_repay() -> None:
    world = indebted()
    ask(world, "deposit", "USDT", 900)
    world.ctx.submit(world.market("spot:BTCUSDT"), 1, 0.005, price=90_000)
    world.step()
    ask(world, "auto_repay")
    assert world.owed() == (550 * E8, 0)
    assert (world.balance("unified"), world.held("unified")) == (450 * E8, 450 * E8)


def test_a_transfer_in_repays_and_interest_falls_due_on_the_rest() -> None:
    costly = InterestRules(default_daily=Decimal("0.0024"), on_borrow=False)
    world = opened(deposits={"USDT": "20000"}, interest=costly)
    world.transfer(10_000, "spot", "margin")
    world.borrow("USDT", 5_000)
    ask(world, "withdraw", "USDT", 7_000, "margin")
    world.ctx.submit(world.market("spot:BTCUSDT"), 1, 0.06, wallet="margin")
    world.step()
    assert world.balance("margin") == 8_000 * E8 - 600_000_600_000
    ask(world, "auto_repay")
    # 1,999.994 of the wallet's own pay at once, what comes in pays too: 500 are left.
    assert world.owed() == (3_000 * E8 + 600_000, 0)
    world.transfer(2_500.006, "spot", "margin")
    assert world.owed() == (500 * E8, 0)
    world.step(3_600_000)
    assert world.owed() == (500 * E8, 5_000_000)  # an hour of 500 at 0.0001


def liquidated(on: bool) -> list[tuple[int, ...]]:
    """Records of the liquidation of 1 BTC that owes 50,000, from 100,000 to 53,000 a coin."""
    world = opened("unified", "binance", deposits={"USDT": "0", "BTC": "1"}, interest=PLAIN)
    ask(world, "auto_repay", on)
    world.borrow("USDT", 50_000)
    assert ask(world, "withdraw", "USDT", 50_000).refusal == ""
    from_here = len(world.records())
    for name in ("spot:BTCUSDT", "um:BTCUSDT"):
        world.book(name, 530_000, 530_001)
    world.row(Kind.INDEX, "um:BTCUSDT", 0, 53_000 * E8)
    world.step(2000)
    assert 0 < world.owed()[0] < 50_000 * E8, "as far as the target asks"
    return world.records()[from_here:]


def test_a_liquidation_goes_the_same_way_with_the_switch_on() -> None:
    off = liquidated(False)
    assert {row[1] for row in off} >= {Outcome.LIQUIDATED, Outcome.FILLED, Outcome.REPAID}
    assert liquidated(True) == off


def test_an_account_without_loans_has_no_such_switch() -> None:
    futures = tuple(one for one in INSTRUMENTS if one.market == "um")
    world = World(instruments=futures, fees=False)
    world.open_markets()
    assert ask(world, "auto_repay").refusal == "NOT_BORROWABLE"
    assert not world.core.auto_repay
