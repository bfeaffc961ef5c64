"""Goal: money enters, leaves and moves as the rules say, on both sides of every one of them.

Method: a venue driven by hand; figures are literals worked out beside them.  What may leave is
asked for in full, and with one unit more.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.messages import FundEvent, FundOperation
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from simulator.strategy.funds import UNIVERSAL_TRANSFERS, Funds
from tests.exchange.world import INSTRUMENTS, Watcher, World, listed

E8 = 10**8
PLAIN = InterestRules()
UNIT = Decimal("0.00000001")


class Listener(Watcher):
    """Keep fund events with the clock at which they are heard."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[int, FundEvent]] = []

    def on_funds(self, ctx: Any, event: FundEvent) -> None:
        self.heard.append((ctx.now_ns, event))


def opened(mode: str = "separated", rulebook: str = "textbook", **words: Any) -> World:
    world = World(mode, rulebook, fees=False, **words)
    world.open_markets()
    for asset, price in (("BTC", 100_000), ("ETH", 10_000)):
        world.row(Kind.INDEX, f"um:{asset}USDT", 0, price * E8)
    return world


def ask(world: World, what: str, *of: Any, **words: Any) -> FundEvent:
    """Ask for an operation, let it arrive, return the last event."""
    getattr(world.ctx.account, what)(*of, **words)
    world.step()
    event: FundEvent = world.desk.funds.events[-1]
    return event


def worth(world: World) -> int:
    """What the outside has given, in smallest units of USDT."""
    return -world.balance("outside")


def refused(world: World) -> list[str]:
    """Reasons of refused operations of this part, in order."""
    return [RejectReason(row[6]).name for row in world.records(Outcome.FUNDS_REJECTED)]


def most_and_no_more(world: World, asset: str, wallet: str, reason: str) -> Decimal:
    """Withdraw one unit more than may leave, then all of it; return how much that was."""
    most = world.desk.funds.most(world.partition.wallet(wallet), world.assets.index(asset))
    more = ask(world, "withdraw", asset, Decimal(most + 1) * UNIT, wallet)
    assert more.refusal == reason
    assert float(Decimal(most) * UNIT) == world.ctx.account.max_withdrawable(asset, wallet)
    if most:
        done = ask(world, "withdraw", asset, Decimal(most) * UNIT, wallet)
        assert done.refusal == ""
    return Decimal(most) * UNIT


# In and out


def test_a_deposit_arrives_and_is_told() -> None:
    world = opened(strategies=[Listener()], latency="5/7/11")
    before = worth(world)
    sent = world.ctx.now_ns
    world.ctx.account.deposit("USDT", "250.5")
    world.step(100)
    assert worth(world) - before == 25_050_000_000
    assert world.balance("spot") == 100_250 * E8 + 50_000_000
    assert world.records(Outcome.DEPOSITED)[-1][4:] == (
        5,
        0,
        world.assets.index("USDT"),
        25_050_000_000,
    )
    ((heard, event),) = world.seen.heard  # type: ignore[attr-defined]
    assert heard - sent == (7 + 11) * 10**6
    assert event == FundEvent(
        time_ns=sent + 7 * 10**6,
        account=1,
        actor="Listener",
        operation=FundOperation.DEPOSIT,
        asset="USDT",
        quantity=Decimal("250.5"),
        source="",
        target="spot",
    )


def test_what_the_account_begins_with_is_listed_and_nobody_is_told() -> None:
    world = opened(strategies=[Listener()], deposits={"USDT": "1000", "BTC": "2"})
    events = world.ctx.account.funds
    assert [(e.actor, e.operation.name, e.asset, e.quantity, e.target) for e in events] == [
        ("venue", "DEPOSIT", "USDT", Decimal(1000), "spot"),
        ("venue", "DEPOSIT", "BTC", Decimal(2), "spot"),
    ]
    assert world.seen.heard == []  # type: ignore[attr-defined]


DEPOSITS = """
    asset  quantity         wallet        reason
    USDT   0.00000001       -             -
    USDT   0                -             LOT_SIZE
    USDT   -5               -             LOT_SIZE
    USDT   999900000        -             -
    USDT   999900000.00000001  -          LOT_SIZE
    USDT   inf              -             LOT_SIZE
    BTC    1                um            -
    USDT   1                um:BTCUSDT    -
    BTC    1                um:BTCUSDT    WRONG_ASSET
    USDT   1                margin        -
    USDT   1                options       NO_SUCH_WALLET
    USDT   1                cm:BTC        NO_SUCH_WALLET
"""


@pytest.mark.parametrize("row", [line.split() for line in DEPOSITS.strip().splitlines()[1:]])
def test_deposits(row: list[str]) -> None:
    asset, quantity, wallet, reason = row
    world = opened()
    event = ask(world, "deposit", asset, quantity, "" if wallet == "-" else wallet)
    assert event.refusal == ("" if reason == "-" else reason)
    assert refused(world) == ([] if reason == "-" else [reason])
    kept = -world.balance("outside", asset) - (100_000 * E8 if asset == "USDT" else 0)
    assert kept == (int(Decimal(quantity) * E8) if reason == "-" else 0)


def test_profit_is_not_what_was_paid_in_or_out() -> None:
    world = opened(deposits={"USDT": "1000"})
    ask(world, "deposit", "BTC", 0.5)
    ask(world, "withdraw", "USDT", 300)
    assert world.desk.start_equity() == 1000.0
    assert world.desk.added() == pytest.approx(50_000 - 300)
    assert world.desk.account_equity() == pytest.approx(50_700)


def test_unknown_words_are_the_strategy_s_own_mistakes() -> None:
    account = opened().ctx.account
    with pytest.raises(LookupError, match="no asset DOGE; the run has"):
        account.deposit("DOGE", 1)
    with pytest.raises(LookupError, match="no wallet savings; there are spot, um"):
        account.withdraw("USDT", 1, "savings")
    with pytest.raises(ValueError, match="deposit: quantity 'much' is not a number"):
        account.deposit("USDT", "much")
    with pytest.raises(ValueError, match="withdraw: quantity is not a number"):
        account.withdraw("USDT", float("nan"))
    with pytest.raises(ValueError, match="side must be TO_UM or FROM_UM"):
        account.transfer_bnb(1, "UP")
    with pytest.raises(ValueError, match="wallet must be spot or margin"):
        account.transfer_bnb(1, "TO_UM", "options")


# What may leave


def test_plain_spot_gives_what_no_order_holds() -> None:
    world = opened()
    world.ctx.submit(world.market("spot:BTCUSDT"), 1, 0.5, price=90_000)
    world.step()
    most = most_and_no_more(world, "USDT", "spot", "INSUFFICIENT_BALANCE")
    assert most == 55_000


def test_a_separated_futures_wallet_keeps_its_initial_margin() -> None:
    # By the textbook 0.5 BTC at 100,000 needs 5,000, and an order for as much again 5,000 more.
    world = opened(margin=cross())
    world.transfer(15_000)
    world.ctx.buy(world.market("um:BTCUSDT"), 0.5)
    world.step()
    free = world.ctx.account.max_withdrawable("USDT", "um")
    figures = world.pool("um")
    assert free == pytest.approx(figures.equity - figures.initial_margin, abs=1e-6)
    assert free == pytest.approx(10_000, abs=1)
    world.ctx.submit(world.market("um:BTCUSDT"), 1, 0.5, price=99_000)
    world.step()
    assert float(most_and_no_more(world, "USDT", "um", "INSUFFICIENT_MARGIN")) == pytest.approx(
        5_000, abs=1
    )


def cross() -> Any:
    from simulator.rulebook.account import account_rules
    from simulator.rulebook.load import load

    return account_rules(load("textbook"), "separated", margin_type="cross")


@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
def test_what_a_loan_brought_stays_in_the_margin_wallet(rulebook: str) -> None:
    # At 3x 20,000 of debt needs 10,000 of equity: of 15,000 + 20,000 only 5,000 may leave.
    world = opened(rulebook=rulebook, deposits={"USDT": "15000"}, interest=PLAIN)
    world.transfer(15_000, "spot", "margin")
    world.borrow("USDT", 20_000)
    assert most_and_no_more(world, "USDT", "margin", "INSUFFICIENT_MARGIN") == 5_000
    assert world.owed() == (20_000 * E8, 0)


def test_unified_keeps_its_initial_margin_and_the_withdrawal_ratio() -> None:
    # 0.5 BTC at 100,000 by the textbook: initial 5,000, maintenance 5,000 / 1.5.
    world = opened("unified", deposits={"USDT": "20000"})
    world.ctx.buy(world.market("um:BTCUSDT"), 0.5)
    world.step()
    figures = world.pool("unified")
    assert world.ctx.account.max_withdrawable("USDT") == pytest.approx(15_000, abs=1)
    world.desk.transfers.outflow.withdrawal_ratio = 3.0
    most = most_and_no_more(world, "USDT", "unified", "INSUFFICIENT_MARGIN")
    assert float(most) == pytest.approx(figures.equity - 3 * figures.maintenance_margin, abs=1e-6)
    assert float(most) == pytest.approx(10_000, abs=1)


def test_an_asset_that_counts_by_a_ratio_leaves_at_its_full_value() -> None:
    # 1 BTC counts 95,000; 1 BTC of a future at the mark 100,000 has a maintenance margin of 400:
    # 95,000 - 1.2 x 400 = 94,520 of value may go, where the ratio alone would let 94,737 go.
    world = opened("unified", "binance", deposits={"BTC": "1"})
    world.ctx.buy(world.market("um:BTCUSDT"), 1)
    world.step()
    world.book("um:BTCUSDT", 1_000_000, 1_000_001)
    figures = world.pool("unified")
    expected = (figures.equity - 1.2 * figures.maintenance_margin) / 100_000
    most = most_and_no_more(world, "BTC", "unified", "INSUFFICIENT_MARGIN")
    assert float(most) == pytest.approx(expected, abs=2e-8)
    assert float(most) == pytest.approx(0.9452, abs=1e-5)


def test_an_asset_that_is_no_collateral_may_always_leave() -> None:
    # Binance counts SHIB for nothing, so nothing rests on it, though the account has no room left.
    instruments = (*INSTRUMENTS, listed("spot", "SHIB"))
    world = World(
        "unified",
        "binance",
        deposits={"USDT": "5000", "SHIB": "700"},
        instruments=instruments,
        fees=False,
    )
    world.open_markets()
    for asset, price in (("BTC", 100_000), ("ETH", 10_000)):
        world.row(Kind.INDEX, f"um:{asset}USDT", 0, price * E8)
    world.book("spot:SHIBUSDT", 100, 101)
    world.ctx.buy(world.market("um:BTCUSDT"), 0.99)
    world.step(2000)
    assert world.lots("um:BTCUSDT") == 990
    assert float(most_and_no_more(world, "USDT", "unified", "INSUFFICIENT_MARGIN")) < 60
    assert most_and_no_more(world, "SHIB", "unified", "INSUFFICIENT_BALANCE") == 700


def test_spot_that_hedges_may_leave_only_as_far_as_the_rest_carries_the_short() -> None:
    # Covered by 1 BTC the short needs nothing for its price; without it 10,000 are needed.
    world = opened("unified", deposits={"USDT": "4000", "BTC": "1"})
    world.ctx.sell(world.market("um:BTCUSDT"), 1)
    world.step()
    most = float(most_and_no_more(world, "BTC", "unified", "INSUFFICIENT_MARGIN"))
    figures = world.pool("unified")
    assert 0 < most < 1
    assert figures.equity == pytest.approx(figures.initial_margin, abs=0.01)


def test_nothing_leaves_a_pool_that_is_short() -> None:
    world = opened("unified", deposits={"USDT": "6000"})
    world.ctx.buy(world.market("um:BTCUSDT"), 0.5)
    world.step()
    world.mark("um:BTCUSDT", "97000")
    assert world.ctx.account.max_withdrawable("USDT") == 0
    assert ask(world, "withdraw", "USDT", UNIT).refusal == "INSUFFICIENT_MARGIN"
    assert ask(world, "withdraw", "USDT", "all").refusal == "INSUFFICIENT_MARGIN"


WITHDRAWALS = """
    asset  quantity            wallet        reason
    USDT   100000              -             -
    USDT   100000.00000001     -             INSUFFICIENT_BALANCE
    USDT   0                   -             LOT_SIZE
    USDT   -1                  -             LOT_SIZE
    BTC    0.00000001          -             INSUFFICIENT_BALANCE
    BTC    all                 -             INSUFFICIENT_BALANCE
    USDT   all                 -             -
    USDT   all                 um            INSUFFICIENT_BALANCE
    USDT   1                   options       NO_SUCH_WALLET
"""


@pytest.mark.parametrize("row", [line.split() for line in WITHDRAWALS.strip().splitlines()[1:]])
def test_withdrawals(row: list[str]) -> None:
    asset, quantity, wallet, reason = row
    world = opened()
    event = ask(world, "withdraw", asset, quantity, "" if wallet == "-" else wallet)
    assert event.refusal == ("" if reason == "-" else reason)
    assert refused(world) == ([] if reason == "-" else [reason])
    assert worth(world) == (0 if reason == "-" else 100_000 * E8)
    assert len(world.records(Outcome.WITHDRAWN)) == (reason == "-")


# Between wallets


def test_a_transfer_within_one_wallet_is_refused_by_name() -> None:
    world = opened("unified")
    event = ask(world, "transfer", "USDT", 10, "spot", "um")
    assert (event.operation.name, event.refusal) == ("TRANSFER", "ONE_WALLET")
    assert (event.source, event.target) == ("unified", "unified")
    assert not world.ctx.transfer("USDT", 10, "spot", "um")
    either = opened("unified", both=True)
    event = ask(either, "transfer", "USDT", 10, "spot", "um")
    assert (event.source, event.target, event.refusal) == ("spot", "um", "ONE_WALLET")


def test_transfers_and_loans_of_the_context_are_listed_too() -> None:
    world = opened(interest=PLAIN)
    world.transfer(5_000, "spot", "margin")
    world.transfer(900_000, "spot", "um")
    world.borrow("USDT", 2_000)
    world.borrow("USDT", 200_000)
    world.repay("USDT", 500)
    world.repay("USDT")
    world.repay("USDT")
    found = [
        (e.operation.name, int(e.quantity), e.source, e.target, e.refusal)
        for e in world.desk.funds.events[1:]
    ]
    assert found == [
        ("TRANSFER", 5_000, "spot", "margin", ""),
        ("TRANSFER", 900_000, "spot", "um", "INSUFFICIENT_BALANCE"),
        ("BORROW", 2_000, "", "margin", ""),
        ("BORROW", 200_000, "", "margin", "BORROW_LIMIT"),
        ("REPAY", 500, "margin", "", ""),
        ("REPAY", 1_500, "margin", "", ""),
        ("REPAY", 0, "margin", "", "NOTHING_OWED"),
    ]


SEPARATED = {
    "MAIN_UMFUTURE": "",
    "MAIN_CMFUTURE": "NO_SUCH_WALLET",
    "MAIN_MARGIN": "",
    "MAIN_OPTION": "NO_SUCH_WALLET",
    "MAIN_PORTFOLIO_MARGIN": "NO_SUCH_WALLET",
    "UMFUTURE_MAIN": "",
    "UMFUTURE_MARGIN": "",
    "UMFUTURE_OPTION": "NO_SUCH_WALLET",
    "CMFUTURE_MAIN": "NO_SUCH_WALLET",
    "CMFUTURE_MARGIN": "NO_SUCH_WALLET",
    "MARGIN_MAIN": "",
    "MARGIN_UMFUTURE": "",
    "MARGIN_CMFUTURE": "NO_SUCH_WALLET",
    "MARGIN_OPTION": "NO_SUCH_WALLET",
    "OPTION_MAIN": "NO_SUCH_WALLET",
    "OPTION_UMFUTURE": "NO_SUCH_WALLET",
    "OPTION_MARGIN": "NO_SUCH_WALLET",
    "PORTFOLIO_MARGIN_MAIN": "NO_SUCH_WALLET",
}
"""Of an account that trades spot and USD-M."""

BINANCE = {
    "MAIN_PORTFOLIO_MARGIN": "",
    "PORTFOLIO_MARGIN_MAIN": "",
    "MAIN_UMFUTURE": "",
    "MAIN_CMFUTURE": "",
    "MAIN_MARGIN": "",
    "UMFUTURE_MAIN": "",
    "CMFUTURE_MAIN": "",
    "MARGIN_MAIN": "",
    "UMFUTURE_MARGIN": "ONE_WALLET",
    "CMFUTURE_MARGIN": "ONE_WALLET",
    "MARGIN_UMFUTURE": "ONE_WALLET",
    "MARGIN_CMFUTURE": "ONE_WALLET",
}
"""Unified with margin, USD-M and COIN-M as members: spot stays apart, and there are no options."""


@pytest.mark.parametrize("kind", UNIVERSAL_TRANSFERS)
def test_universal_transfers(kind: str) -> None:
    plain = opened()
    plain.transfer(10_000, "spot", "um")
    plain.transfer(10_000, "spot", "margin")
    assert ask(plain, "universal_transfer", kind, "USDT", 25).refusal == SEPARATED[kind]
    merged = opened("unified", "binance", members=("margin", "um", "cm"))
    ask(merged, "transfer", "USDT", 10_000, "spot", "unified")
    known = BINANCE.get(kind, "NO_SUCH_WALLET")
    assert ask(merged, "universal_transfer", kind, "USDT", 25).refusal == known
    alone = opened("unified")
    assert ask(alone, "universal_transfer", kind, "USDT", 25).refusal == "ONE_WALLET"


def test_a_universal_transfer_moves_what_its_name_says() -> None:
    world = opened()
    event = ask(world, "universal_transfer", "MAIN_UMFUTURE", "USDT", "12.5")
    assert (event.source, event.target, event.quantity) == ("spot", "um", Decimal("12.5"))
    assert world.balance("um") == 1_250_000_000
    with pytest.raises(ValueError, match="'MAIN_FUNDING' is none of MAIN_UMFUTURE"):
        world.ctx.account.universal_transfer("MAIN_FUNDING", "USDT", 1)


def test_what_leaves_a_unified_pool_by_transfer_keeps_the_withdrawal_ratio_too() -> None:
    world = opened("unified", "binance", members=("margin", "um", "cm"))
    ask(world, "universal_transfer", "MAIN_PORTFOLIO_MARGIN", "USDT", 20_000)
    world.ctx.buy(world.market("um:BTCUSDT"), 1)
    world.step()
    world.desk.transfers.outflow.withdrawal_ratio = 30.0  # 12,000 of 400 maintenance margin
    most = world.ctx.account.max_withdrawable("USDT", "unified")
    assert most == pytest.approx(8_000, abs=10)
    more = Decimal(str(most)) + UNIT
    assert (
        ask(world, "universal_transfer", "PORTFOLIO_MARGIN_MAIN", "USDT", more).refusal
        == "INSUFFICIENT_MARGIN"
    )
    assert ask(world, "universal_transfer", "PORTFOLIO_MARGIN_MAIN", "USDT", most).refusal == ""


# Collection


def bnb_world(mode: str = "separated", **words: Any) -> World:
    """A venue with BNB at 600, and some of it in spot."""
    world = World(
        mode,
        deposits={"USDT": "100000", "BNB": "50", **words.pop("deposits", {})},
        instruments=(*INSTRUMENTS, listed("spot", "BNB")),
        fees=False,
        interest=PLAIN,
        **words,
    )
    world.open_markets()
    world.book("spot:BNBUSDT", 6_000, 6_001)
    world.step(2000)
    return world


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
    assert world.owed() == (0, 0)
    return world.records()[from_here:]


def test_a_liquidation_goes_the_same_way_with_the_switch_on() -> None:
    off = liquidated(False)
    assert {row[1] for row in off} >= {Outcome.LIQUIDATED, Outcome.FILLED, Outcome.REPAID}
    assert liquidated(True) == off


# While the account switches its mode

SUSPENDED = (
    ("withdraw", ("USDT", 10)),
    ("transfer", ("USDT", 10, "spot", "um")),
    ("universal_transfer", ("MAIN_UMFUTURE", "USDT", 10)),
    ("borrow", ("USDT", 10)),
    ("repay", ("USDT",)),
    ("auto_repay", (False,)),
    ("collect", ()),
    ("transfer_bnb", (1,)),
)


def switching(to: str) -> World:
    """An account that owes 1,000 of 1,000 and is on its way, with automatic repayment."""
    world = bnb_world("separated" if to == "unified" else "unified", both=True)
    if to == "unified":
        world.transfer(10_000, "spot", "margin")
        world.borrow("USDT", 1_000)
        world.ctx.submit(world.market("spot:BTCUSDT"), 1, 0.1, wallet="margin")
        world.step()
        ask(world, "withdraw", "USDT", "all", "margin")
    ask(world, "auto_repay")
    world.desk.switching.execute(to)
    world.core.suspend(1, True)
    return world


@pytest.mark.parametrize("to", ["unified", "separated"])
@pytest.mark.parametrize(("what", "of"), SUSPENDED, ids=[what for what, _ in SUSPENDED])
def test_nothing_moves_during_a_switch(what: str, of: tuple[Any, ...], to: str) -> None:
    world = switching(to)
    before = np.asarray(world.core.ledger.held).copy(), worth(world), world.owed()
    event = ask(world, what, *of)
    assert event.refusal == "ACCOUNT_SUSPENDED"
    assert before[1:] == (worth(world), world.owed())
    assert world.core.rejected()[RejectReason.ACCOUNT_SUSPENDED] == 1
    world.core.suspend(1, False)
    assert ask(world, what, *of).refusal != "ACCOUNT_SUSPENDED"


def test_a_deposit_comes_in_during_a_switch_and_repays_after_it() -> None:
    world = switching("unified")
    owed = world.owed()
    assert owed[0] > 0
    world.core.ledger.move(world.partition.wallet("unified"), 2, 0, world.balance("unified"))
    assert world.ctx.account.max_withdrawable("BTC") == 0
    assert ask(world, "deposit", "USDT", 50).refusal == ""
    assert world.owed() == owed
    assert world.balance("unified") == 50 * E8
    world.core.suspend(1, False)
    ask(world, "deposit", "USDT", 10)
    assert world.owed()[0] == owed[0] - 60 * E8
    assert world.ctx.account.max_withdrawable("BTC") > 0


def test_what_was_asked_for_in_the_other_mode_means_its_wallets() -> None:
    world = bnb_world(both=True, latency="0/50/0")
    world.ctx.account.transfer("USDT", 10, "spot", "um")
    world.ctx.account.withdraw("USDT", 10, "um")
    world.desk.switching.execute("unified")
    world.step(100)
    late = world.desk.funds.events[-2:]
    assert [(e.refusal, e.source) for e in late] == [("ONE_WALLET", "spot"), ("", "unified")]
    world.ctx.account.transfer("USDT", 10, "spot", "unified")
    world.ctx.account.withdraw("USDT", 10, "unified")
    world.desk.switching.execute("separated")
    world.step(100)
    assert [e.refusal for e in world.desk.funds.events[-2:]] == ["NO_SUCH_WALLET"] * 2


def test_an_account_without_loans_has_no_such_switch() -> None:
    futures = tuple(one for one in INSTRUMENTS if one.market == "um")
    world = World(instruments=futures, fees=False)
    world.open_markets()
    assert ask(world, "auto_repay").refusal == "NOT_BORROWABLE"
    assert not world.core.auto_repay


def test_the_requests_stand_alone() -> None:
    world = opened()
    funds = Funds(world.desk, 0)
    funds.borrow("USDT", "10")
    world.step()
    assert world.desk.funds.events[-1].refusal == "BORROW_LIMIT"
    funds.repay("USDT", 5)
    world.step()
    assert world.desk.funds.events[-1].refusal == "NOTHING_OWED"
