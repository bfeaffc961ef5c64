"""Goal: an account changes its mode whole, and nothing but its partition changes.

Method: a venue driven by hand whose account has the wallets of both modes; it trades, borrows and
switches.  Balances, positions and events are compared with figures by hand.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulator.accounts.questionnaire import right_answers
from simulator.accounts.states import AccountState, ModeRefusal, Step
from simulator.events.outcomes import Outcome
from simulator.exchange.messages import AccountEvent
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from simulator.strategy.base import Strategy
from simulator.strategy.context import Context
from tests.exchange.modes_kit import (
    BTC,
    ETH,
    EXPERIENCED,
    SPOT,
    SWITCH_MS,
    Listener,
    agree,
    last,
    made,
    positions,
    sums,
    unify,
    unmet,
)
from tests.exchange.products import CALL, CM, opened


def test_wallets_merge_and_positions_stay() -> None:
    world = made()
    world.transfer(80_000)
    world.transfer(20_000, "spot", "margin")
    world.borrow("USDT", 3000)
    world.ctx.buy(world.market(BTC), 0.5)
    world.ctx.sell(world.market(ETH), 2)
    world.step()
    held, equity = positions(world), world.ctx.equity()
    assert set(world.ctx.margin(BTC).pool.split()) == {BTC}

    event = unify(world, wait=False)
    assert (event.before, event.after) == (
        AccountState.AGREED,
        AccountState.SWITCHING_TO_UNIFIED,
    )
    assert set(event.balances_before) == {"spot", "um", "margin", BTC, ETH}
    assert set(event.balances_after) == {"unified"}
    assert sums(event.balances_before) == sums(event.balances_after)
    assert event.balances_after["unified"]["USDT"][1] == 3000
    assert world.ctx.mode == "unified"
    assert world.ctx.account.state == "SWITCHING_TO_UNIFIED"
    assert positions(world) == held
    assert world.ctx.equity() == pytest.approx(equity, abs=1e-6)
    assert world.ctx.margin().pool == "unified"
    assert world.ctx.margin().equity == pytest.approx(equity, abs=1e-6)

    until = world.ctx.account.suspended_until_ns
    assert until == event.suspended_until_ns
    world.ctx.buy(world.market(BTC), 0.1)
    world.step()
    assert world.said()[-1] == "REJECTED ACCOUNT_SUSPENDED"
    world.step(SWITCH_MS)
    done = world.ctx.account.events[-1]
    assert (done.step, done.actor, done.time_ns) == (Step.COMPLETE_SWITCH, "venue", until)
    assert world.ctx.account.state == "UNIFIED"
    world.ctx.buy(world.market(BTC), 0.1)
    world.step()
    assert world.said()[-1] == "FILLED"


def test_the_way_back() -> None:
    world = made()
    world.transfer(80_000)
    world.transfer(20_000, "spot", "margin")
    world.borrow("USDT", 3000)
    world.ctx.buy(world.market(BTC), 0.6)
    world.ctx.sell(world.market(ETH), 2)
    world.step()
    unify(world)
    account = world.ctx.account
    account.request_separated()
    refused = last(world)
    assert unmet(refused) == ["NO_OPEN_POSITIONS", "NO_LOANS"]
    assert refused.unmet[0].items == (f"{BTC} +0.6", f"{ETH} -2")
    assert refused.unmet[1].items == ("USDT 3000",)
    world.ctx.sell(world.market(BTC), 0.6)
    world.ctx.buy(world.market(ETH), 2)
    world.step()
    world.repay("USDT")
    equity = world.ctx.equity()
    account.request_separated()
    back = last(world)
    assert back.taken
    assert set(back.balances_before) == {"unified"}
    assert set(back.balances_after) == {"spot"}
    assert sums(back.balances_before) == sums(back.balances_after)
    assert world.ctx.mode == "separated"
    assert world.ctx.equity() == pytest.approx(equity, abs=1e-6)
    world.ctx.transfer("USDT", 100, "spot", "um")
    world.ctx.buy(world.market(SPOT), 0.1)
    world.step()
    assert world.said()[-1] == "REJECTED ACCOUNT_SUSPENDED"
    assert world.balance("um") == 0
    world.step(SWITCH_MS)
    assert account.state == "SEPARATED"
    world.transfer(100)
    assert world.balance("um") == 100 * 10**8
    world.ctx.buy(world.market(SPOT), 0.1)
    world.step()
    assert world.said()[-1] == "FILLED"
    taken = [one for one in account.events if one.taken]
    assert [one.after for one in taken] == [
        AccountState.APPLIED,
        AccountState.AGREED,
        AccountState.SWITCHING_TO_UNIFIED,
        AccountState.UNIFIED,
        AccountState.SWITCHING_TO_SEPARATED,
        AccountState.SEPARATED,
    ]


def test_every_product_goes_along() -> None:
    world = opened("separated", both=True, profile=EXPERIENCED)
    for target, asset, quantity in (
        ("um", "USDT", 100_000),
        ("cm:BTC", "BTC", 3),
        ("options", "USDT", 50_000),
        ("margin", "USDT", 50_000),
    ):
        world.ctx.transfer(asset, quantity, "spot", target)
    world.step()
    world.borrow("BTC", 0.1)
    for name, quantity in ((BTC, 0.5), (CM, 100), (CALL, 0.1)):
        world.ctx.buy(world.market(name), quantity)
    world.step()
    held, equity = positions(world), world.ctx.equity()
    assert {name for name, (lots, _) in held.items() if lots} == {BTC, CM, CALL}
    event = unify(world)
    assert set(event.balances_after) == {"unified"}
    assert sums(event.balances_before) == sums(event.balances_after)
    assert positions(world) == held
    assert world.ctx.equity() == pytest.approx(equity, rel=1e-9)
    for name, quantity in ((BTC, 0.5), (CM, 100), (CALL, 0.1)):
        world.ctx.sell(world.market(name), quantity)
    world.step()
    world.repay("BTC")
    world.ctx.account.request_separated()
    assert last(world).taken
    world.step(SWITCH_MS)
    assert world.ctx.account.state == "SEPARATED"
    assert set(world.desk.switching.balances()) == {"spot"}


def test_only_member_wallets_merge() -> None:
    members = ("margin", "um", "cm")
    world = made("separated", "binance", members=members)
    world.transfer(50_000)
    world.ctx.buy(world.market(BTC), 0.1)
    world.step()
    world.ctx.account.apply_unified()
    refused = last(world)
    assert unmet(refused) == ["NET_ASSETS", "NO_OPEN_POSITIONS"]
    assert refused.unmet[0].need == "100,000.00 USDT in margin, um, cm"
    world.ctx.sell(world.market(BTC), 0.1)
    world.transfer(60_000)
    event = unify(world)
    assert set(event.balances_after) == {"spot", "unified"}
    assert event.balances_after["spot"] == event.balances_before["spot"]
    assert event.balances_after["unified"] == event.balances_before["um"]
    world.ctx.account.request_separated()
    assert last(world).taken
    world.step(SWITCH_MS * 12)
    assert world.ctx.account.state == "SEPARATED"


def test_both_sides_of_a_hedge_go_along() -> None:
    world = made(hedge=True)
    world.transfer(80_000)
    world.ctx.buy(world.market(BTC), 0.5, position_side="LONG")
    world.ctx.sell(world.market(BTC), 0.3, position_side="SHORT")
    world.step()
    event = unify(world)
    assert set(event.balances_before) == {"spot", "um", BTC, f"{BTC}:SHORT"}
    assert (world.market(BTC).long, world.market(BTC).short) == (0.5, -0.3)
    world.ctx.account.request_separated()
    assert last(world).unmet[0].items == (f"{BTC} +0.5", f"{BTC} -0.3")


def test_merged_positions_are_isolated_no_more() -> None:
    world = made()
    world.transfer(80_000)
    world.ctx.buy(world.market(BTC), 0.5)
    world.step()
    facts = world.desk.modes.facts
    assert facts.take().isolated == (f"{BTC} +0.5",)
    unify(world)
    assert facts.take().isolated == facts.take().liquidating == ()
    assert facts.take().positions == (f"{BTC} +0.5",)


def test_funding_and_interest_go_on_during_a_switch() -> None:
    hourly = InterestRules(default_daily=Decimal("0.24"))
    world = made(interest=hourly, modes={"switch_ns": 2 * 3600 * 10**9})
    world.transfer(50_000)
    world.transfer(20_000, "spot", "margin")
    world.borrow("USDT", 1000)
    world.ctx.buy(world.market(BTC), 1)
    world.step()
    unify(world, wait=False)
    known = world.balance("unified")
    world.row(Kind.FUNDING, BTC, 0, 10_000)
    assert world.balance("unified") == known - 10 * 10**8
    assert len(world.records(Outcome.FUNDING)) == 1
    assert world.ctx.account.state == "SWITCHING_TO_UNIFIED"
    owed = world.owed()
    world.step(3_600_000)
    assert world.ctx.account.state == "SWITCHING_TO_UNIFIED"
    assert world.owed()[1] > owed[1]


def test_a_pool_is_liquidated_during_a_switch() -> None:
    world = made(deposits={"USDT": "120000"}, fees=False)
    world.transfer(120_000)
    world.ctx.buy(world.market(BTC), 7, 100_000.1)
    world.step()
    unify(world, wait=False)
    world.book(BTC, 880_000, 880_001)
    world.mark(BTC, "88000")
    world.step(2000)
    assert world.ctx.account.state == "SWITCHING_TO_UNIFIED"
    (event,) = world.desk.liquidator.events
    assert event.pool == "unified"
    assert 0 < world.lots(BTC) < 7000
    closed = [row for row in world.core.fills().tolist() if row[10]]
    assert sum(row[5] for row in closed) == 7000 - world.lots(BTC)
    world.step(SWITCH_MS)
    assert world.ctx.account.state == "UNIFIED"


def test_an_isolated_position_that_would_have_gone_alone_takes_the_pool_along() -> None:
    """The cascade risk: the same fall costs a separated account one position's margin."""
    lost = {}
    for unified in (False, True):
        world = made(deposits={"USDT": "110000", "BTC": "1"}, fees=False)
        world.transfer(110_000)
        world.ctx.buy(world.market(BTC), 10, 100_000.1)
        world.step()
        if unified:
            unify(world)
        for name in (BTC, SPOT):
            world.book(name, 800_000, 800_001)
        world.mark(BTC, "80000")
        world.step(2000)
        lost[unified] = 210_000 - world.ctx.equity()
        assert world.desk.liquidator.events
    assert lost[False] == pytest.approx(120_000, abs=20)
    assert lost[True] > 200_000


def test_a_run_that_starts_unified_goes_back_and_may_come_again() -> None:
    world = made("unified")
    account = world.ctx.account
    assert (account.state, account.mode) == ("UNIFIED", "unified")
    account.apply_unified()
    assert last(world).refusal is ModeRefusal.ALREADY_UNIFIED
    account.request_separated()
    event = last(world)
    assert set(event.balances_after) == {"spot"}
    account.request_separated()
    assert last(world).refusal is ModeRefusal.SWITCH_IN_PROGRESS
    world.step(SWITCH_MS)
    assert account.state == "SEPARATED"
    unify(world)


def test_a_run_may_end_within_a_switch() -> None:
    world = made()
    event = unify(world, wait=False)
    world.core.finish()
    world.desk.verify()
    assert world.ctx.account.state == "SWITCHING_TO_UNIFIED"
    assert world.ctx.account.events[-1] is event


def test_answers_may_come_in_order() -> None:
    world = made()
    agree(world)
    world.ctx.account.answer([one.answer for one in world.ctx.account.questionnaire()])
    assert last(world).taken


def test_a_strategy_can_be_a_script_of_its_own_events() -> None:
    class Applies(Strategy):
        def on_account(self, ctx: Context, event: AccountEvent) -> None:
            account = ctx.account
            if event.after is AccountState.APPLIED:
                account.accept_agreement(account.agreement().version)
            elif event.after is AccountState.AGREED:
                account.answer(right_answers(account.questionnaire()))

    world = made(strategies=[Applies()])
    world.ctx.account.apply_unified()
    world.step(2 * SWITCH_MS)
    assert world.ctx.account.state == "UNIFIED"


def test_strategies_hear_after_the_response_latency() -> None:
    second = Listener()
    world = made(latency="5", strategies=[Listener(), second])
    world.step(20)
    world.ctx.account.apply_unified()
    world.step(20)
    (heard,) = world.seen.steps
    clock, event = heard
    assert clock == event.time_ns + 5_000_000
    assert event.actor == "Listener"
    assert second.steps == [heard]


def test_who_watched_a_merged_pool_watches_the_one_it_is_in() -> None:
    world = made()
    for pool in (BTC, "margin", "um", ""):
        world.ctx.alert(ratio=5.5, pool=pool)
    world.transfer(100_000)
    unify(world)
    world.ctx.buy(world.market(BTC), 9)
    world.step(2000)
    figures = world.pool("unified")
    assert figures.ratio is not None
    assert 1.5 < figures.ratio < 5.5
    said = [(alert.pool, alert.condition) for _, alert in world.desk.watcher.said]
    names = (f"{BTC} ", "margin ", "um ", "")
    assert said == [("unified", f"{name}ratio <= 5.5") for name in names]
