"""Goal: after a switch every part of the venue works by the mode that the account is in.

Method: a venue driven by hand is switched or suspended; then orders, requests, loans and samples
are compared with what the mode says.
"""

from __future__ import annotations

from typing import Any

import pytest

from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.messages import (
    BorrowRequest,
    FundOperation,
    FundRequest,
    LeverageRequest,
    MarginRequest,
    RepayRequest,
    TransferRequest,
)
from simulator.market.tape import Kind
from tests.accounts.test_wallets import PM
from tests.exchange.products import PRODUCTS, SPOT, UM, opened, trade
from tests.exchange.switching_kit import account
from tests.exchange.world import World

E8 = 10**8


# Orders and requests


def test_all_orders_are_canceled_conditional_ones_too() -> None:
    world = opened("separated", both=True)
    world.transfer(100_000.0)
    spot, um = world.market(SPOT), world.market(UM)
    world.ctx.submit(spot, 1, 0.1, price=90_000.0)
    world.ctx.submit(um, 1, 0.1, price=90_000.0)
    world.ctx.submit(um, -1, 0.1, kind="stop", trigger=80_000.0)
    world.step()
    assert world.core.open_orders(1) == 3
    with pytest.raises(ValueError, match="orders are open"):
        world.desk.switching.execute("unified")
    assert world.desk.switching.cancel_orders() == 3
    assert world.core.open_orders(1) == 0
    assert world.held("spot") == 0
    assert len(world.records(Outcome.CANCELED)) == 3
    world.desk.switching.execute("unified")


def test_a_suspended_account_trades_nothing_and_the_venue_goes_on() -> None:
    world = opened("unified", both=True, deposits={"USDT": "20000"})
    trade(world, UM, 1, 1.0)
    world.core.suspend(1, True)
    trade(world, UM, -1, 0.5)
    world.ctx.submit(world.market(UM), -1, 0.1, kind="stop", trigger=80_000.0)
    world.ctx.submit(world.market(SPOT), 1, 0.1, price=90_000.0)
    world.step()
    assert world.said()[-3:] == ["REJECTED ACCOUNT_SUSPENDED"] * 3
    assert world.lots(UM) == 1_000
    for name in (SPOT, UM):
        world.book(name, 850_000, 850_001)
    world.mark(UM, "85000")
    world.row(Kind.INDEX, UM, 0, 85_000 * E8)
    world.step(2000)
    assert world.records(Outcome.LIQUIDATED), "liquidation goes on"
    assert abs(world.lots(UM)) < 1_000
    world.core.suspend(1, False)
    assert not world.core.is_suspended(1)
    trade(world, SPOT, 1, 0.001)
    assert "ACCOUNT_SUSPENDED" not in world.said()[-1]


REFUSED = [
    (TransferRequest(0, 5, 6, 0, E8), Outcome.TRANSFER_REJECTED),
    (MarginRequest(0, 1, E8), Outcome.MARGIN_REJECTED),
    (LeverageRequest(0, 1, 5), Outcome.LEVERAGE_REJECTED),
    (BorrowRequest(0, 0, E8), Outcome.LOAN_REJECTED),
    (RepayRequest(0, 0, None), Outcome.LOAN_REJECTED),
    (FundRequest(0, FundOperation.WITHDRAW, 0, E8), Outcome.FUNDS_REJECTED),
    (FundRequest(0, FundOperation.COLLECT), Outcome.FUNDS_REJECTED),
]


@pytest.mark.parametrize(("asked", "outcome"), REFUSED, ids=[type(a).__name__ for a, _ in REFUSED])
def test_requests_of_a_suspended_account_are_refused(asked: Any, outcome: Outcome) -> None:
    world = opened("separated", "binance", both=True, members=PM)
    world.core.suspend(1, True)
    entries = world.core.ledger.entries
    world.desk.request(asked)
    world.step()
    (record,) = world.records(outcome)
    assert record[6] == RejectReason.ACCOUNT_SUSPENDED
    assert world.core.ledger.entries == entries
    assert world.core.rejected()[RejectReason.ACCOUNT_SUSPENDED] == 1
    world.core.suspend(1, False)
    world.desk.request(asked)
    world.step()
    assert world.core.rejected()[RejectReason.ACCOUNT_SUSPENDED] == 1


def test_a_suspended_account_still_takes_deposits() -> None:
    world = opened("separated", both=True)
    world.core.suspend(1, True)
    world.desk.request(FundRequest(0, FundOperation.DEPOSIT, 0, E8, target=-1))
    world.step()
    assert world.balance("spot") == 1_000_001 * E8


def test_a_duty_is_called_at_its_instant() -> None:
    world = opened("separated", both=True, instruments=PRODUCTS[:2])
    told: list[int] = []
    desk, known = world.desk, world.desk.duty
    desk.duty = lambda now: (told.append(now), known(now))[1]  # type: ignore[method-assign]
    at = world.now // 10**9 * 10**9 + 30 * 10**9
    world.core.call_duty(at)
    world.core.call_duty(at + 10**12)
    world.step(60_000)
    assert told
    assert told[0] == at


# What the parts of the desk took from the mode


def test_leverage_is_kept_by_mode_and_shared_where_both_follow_from_brackets() -> None:
    world = opened("separated", "binance", both=True, members=PM)
    world.desk.request(LeverageRequest(0, world.number(UM), 7))
    world.step()
    world.desk.switching.execute("unified")
    assert world.ctx.market(UM).leverage == 7
    world.transfer(1000.0, "spot", "um")
    trade(world, UM, 1, 0.01)
    found = world.desk.pool_figures("unified")
    assert found.initial_margin == pytest.approx(0.01 * 100_000 / 7)


def test_loans_move_to_the_wallet_that_borrows() -> None:
    world = opened("separated", "binance", both=True, members=PM)
    world.ctx.transfer("USDT", 100_000.0, "spot", "margin")
    world.step()
    world.borrow("BTC", 0.5)
    margin = world.desk.loans.wallet
    world.desk.switching.execute("unified")
    assert world.desk.loans.wallet == world.partition.wallet("unified") != margin
    assert world.owed("BTC")[0] == E8 // 2
    world.borrow("BTC", 0.25)
    assert world.owed("BTC")[0] == 3 * E8 // 4
    world.repay("BTC")
    assert world.owed("BTC") == (0, 0)


def test_negative_balances_are_of_the_mode() -> None:
    world = opened("separated", "binance", both=True, members=PM)
    assert set(world.desk.negative._ratio) == {
        wallet for _, _, wallet, isolated in world.partition.live_pools if isolated < 0
    }
    world.desk.switching.execute("unified")
    unified = world.partition.wallet("unified")
    assert unified in world.desk.negative._ratio
    assert world.desk.negative._ratio[unified][world.assets.index("BTC")] < 1


def test_what_is_measured_goes_on() -> None:
    world = opened("separated", both=True)
    for minute in range(1, 200):
        world.mark(UM, str(100_000 + 500 * (minute % 7)), after=60_000)
        world.row(Kind.INDEX, UM, 0, (100_000 + 500 * (minute % 7)) * E8)
    measured = world.desk.measuring.present
    assert measured is not None
    assert measured.volatilities()["BTC"] > 1
    preview = world.desk.switching.preview("unified")
    world.desk.switching.execute("unified")
    assert world.desk.measuring.present is measured
    assert world.desk.pool_figures().equity == preview[0]


def test_samples_and_snapshots_know_their_mode() -> None:
    world = account()
    for _ in range(10):
        world.step(1_000)
    world.desk.switching.execute("unified")
    for _ in range(10):
        world.step(1_000)
    samples = world.desk.samples()
    unified = samples["unified"].astype(bool)
    assert unified.any()
    assert not unified.all()
    names = [name for name, _, _ in world.partition.pools]
    pool = 4 * names.index("unified")
    assert (samples["pools"][~unified, pool] == 0).all()
    assert (samples["pools"][unified, pool] > 0).all()
    assert (samples["pools"][unified, 4 * names.index("um")] == 0).all()
    kept = world.desk.snapshots.kept
    assert {one.mode for one in kept} == {"separated", "unified"}
    first = world.desk.snapshots.state(kept[-1], names.index("unified"))
    assert len(first.positions) == 5
    last = [one for one in kept if one.mode == "separated"][-1]
    assert not world.desk.snapshots.state(last, names.index("unified")).positions
    assert world.desk.snapshots.state(last, names.index("cm:BTC")).positions


def test_requests_sent_before_the_switch_find_the_wallets_of_after() -> None:
    world = opened("separated", both=True, latency="50")
    um = world.partition.wallet("um")
    world.ctx.transfer("USDT", 10.0, "spot", "um")
    world.desk.switching.execute("unified")
    world.step(1_000)
    assert world.core.ledger.balance_of(um, 0) == 0, "nothing goes to a wallet that is not there"
    assert world.records(Outcome.TRANSFER_REJECTED)[-1][6] == RejectReason.ONE_WALLET


def test_a_run_whose_other_mode_cannot_margin_its_contracts_stays_in_its_own() -> None:
    world = World("unified", "textbook")
    assert list(world.desk.switching.layouts) == ["unified"]
    assert world.desk.modes.switching is None
