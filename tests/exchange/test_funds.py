"""Goal: money enters, leaves and moves between wallets as the rules say, on both sides of each.

Method: a venue driven by hand; figures are literals worked out beside them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.events.outcomes import Outcome
from simulator.exchange.messages import FundEvent, FundOperation
from simulator.strategy.funds import UNIVERSAL_TRANSFERS, Funds
from tests.exchange.fund_world import (
    E8,
    PLAIN,
    UNIT,
    ask,
    opened,
    refused,
    worth,
)
from tests.exchange.world import Watcher


class Listener(Watcher):
    """Keep fund events with the clock at which they are heard."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[int, FundEvent]] = []

    def on_funds(self, ctx: Any, event: FundEvent) -> None:
        self.heard.append((ctx.now_ns, event))


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
    world.desk.transfers.outflow.ratio["unified"] = 30.0  # 12,000 of 400 maintenance margin
    most = world.ctx.account.max_withdrawable("USDT", "unified")
    assert most == pytest.approx(8_000, abs=10)
    more = Decimal(str(most)) + UNIT
    assert (
        ask(world, "universal_transfer", "PORTFOLIO_MARGIN_MAIN", "USDT", more).refusal
        == "INSUFFICIENT_MARGIN"
    )
    assert ask(world, "universal_transfer", "PORTFOLIO_MARGIN_MAIN", "USDT", most).refusal == ""


def test_the_requests_stand_alone() -> None:
    world = opened()
    funds = Funds(world.desk, 0)
    funds.borrow("USDT", "10")
    world.step()
    assert world.desk.funds.events[-1].refusal == "BORROW_LIMIT"
    funds.repay("USDT", 5)
    world.step()
    assert world.desk.funds.events[-1].refusal == "NOTHING_OWED"
