"""Goal: what stands in the way of a change of mode is said with its figures, and changes nothing.

Method: the venue of `tests.exchange.test_modes`; every refusal that market and account can bring
about, then what lets it through.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulator.accounts.questionnaire import right_answers, wrong_answers
from simulator.accounts.rules import AccountProfile
from simulator.accounts.states import ModeRefusal
from simulator.errors import InputError
from simulator.events.outcomes import Outcome, RejectReason
from simulator.risk.interest import InterestRules
from tests.exchange.modes_kit import (
    BTC,
    ETH,
    SPOT,
    SWITCH_MS,
    agree,
    answer,
    last,
    made,
    unify,
    unmet,
)


def test_an_application_is_refused_with_figures() -> None:
    world = made(deposits={"USDT": "42000"}, profile=AccountProfile("basic", 3, 1, Decimal(99)))
    world.ctx.account.apply_unified()
    event = last(world)
    assert event.refusal is ModeRefusal.CONDITIONS_NOT_MET
    assert unmet(event) == ["KYC", "NET_ASSETS", "ACCOUNT_AGE", "FUTURES_TRADES", "FUTURES_VOLUME"]
    assert (event.unmet[1].have, event.unmet[1].need) == ("42,000.00 USDT", "100,000.00 USDT")
    assert world.ctx.account.state == "SEPARATED"
    assert [one.name for one in world.ctx.account.conditions() if not one.met] == unmet(event)


def test_experience_is_what_the_account_traded() -> None:
    world = made(profile=AccountProfile())
    world.transfer(80_000)
    for _ in range(9):
        world.ctx.buy(world.market(BTC), 0.02)
        world.step()
    world.ctx.account.apply_unified()
    assert unmet(last(world)) == ["FUTURES_TRADES"]
    world.ctx.sell(world.market(BTC), 0.02)
    world.step()
    world.ctx.account.apply_unified()
    assert last(world).taken


def test_a_failed_questionnaire_cools_down() -> None:
    world = made()
    agree(world)
    account = world.ctx.account
    account.answer(wrong_answers(account.questionnaire()))
    failed = last(world)
    assert unmet(failed) == ["PASS_MARK"]
    assert len(account.mistakes()) == 10
    assert all(one.why for one in account.mistakes())
    assert unmet(answer(world)) == ["COOL_DOWN", "PASS_MARK"]
    world.step(2 * SWITCH_MS)
    assert answer(world).taken


def test_a_passed_questionnaire_is_not_asked_again() -> None:
    world = made()
    asked = world.ctx.account.questionnaire()
    unify(world)
    world.ctx.account.request_separated()
    assert last(world).taken
    world.step(SWITCH_MS)
    assert world.ctx.account.questionnaire() != asked


def test_without_questions_there_is_nothing_to_say_of_them() -> None:
    world = made(modes={"questions": 0})
    assert unify(world).note == ""


def test_what_does_not_hold_any_more_at_the_switch_is_refused_and_can_be_tried_again() -> None:
    world = made(deposits={"USDT": "50000", "BTC": "1"})
    agree(world)
    world.book(SPOT, 490_000, 490_001)
    world.step(2000)
    refused = answer(world)
    assert unmet(refused) == ["NET_ASSETS"]
    assert refused.unmet[0].have == "99,000.05 USDT"
    assert world.ctx.account.state == "AGREED"
    assert set(refused.balances_after) == {"spot"}
    world.book(SPOT, 510_000, 510_001)
    world.step(2000)
    world.ctx.account.answer()
    assert last(world).taken


def test_a_merged_pool_near_its_warning_is_refused_beforehand() -> None:
    world = made(deposits={"USDT": "145000"}, fees=False)
    world.transfer(145_000)
    world.ctx.buy(world.market(BTC), 14, 100_000.1)
    world.step()
    agree(world)
    world.mark(BTC, "99000")
    world.step(2000)
    before = world.records()
    refused = answer(world)
    assert unmet(refused) == ["UNIMMR_AFTER"]
    loss = Decimal("1000.1") * 14
    kept = Decimal(99_000) * 14 * Decimal("0.1") / Decimal("1.5")
    assert (145_000 - loss, kept) == (Decimal("130998.6"), 92_400)
    assert refused.unmet[0].have.startswith("1.4177 ")
    assert "equity 130,998.60 USDT / maintenance 92,400.00" in refused.unmet[0].have
    assert refused.unmet[0].need == "above 1.5"
    assert len(world.records()) == len(before) + 1
    world.mark(BTC, "100000")
    world.step(2000)
    equity, maintenance, _ = world.desk.switching.preview("unified")
    world.ctx.account.answer()
    assert last(world).taken
    figures = world.ctx.margin("unified")
    assert (figures.equity, figures.maintenance_margin) == (equity, maintenance)


def test_orders_are_cancelled_and_those_in_flight_refused() -> None:
    world = made(latency="5")
    world.step(20)
    world.ctx.transfer("USDT", 80_000, "spot", "um")
    world.step(20)
    world.ctx.buy(world.market(BTC), 0.1, 90_000)
    world.ctx.buy(world.market(SPOT), 0.1, 90_000)
    world.ctx.submit(world.market(BTC), 1, 0.1, kind="stop", trigger=120_000)
    for call in (world.ctx.account.apply_unified, world.ctx.account.accept_agreement):
        call()
        world.step(20)
    assert world.said() == ["ACCEPTED"] * 3
    world.ctx.account.answer(right_answers(world.ctx.account.questionnaire()))
    world.ctx.buy(world.market(BTC), 0.1)
    world.ctx.cancel_all()
    world.step(20)
    event = world.ctx.account.events[-1]
    assert event.taken
    assert event.note == "10 of 10 questions right; 3 orders canceled"
    assert sorted(world.said()[3:]) == ["CANCELED"] * 3 + ["REJECTED ACCOUNT_SUSPENDED"]
    assert world.core.open_orders(1) == 0
    assert len(world.records(Outcome.CANCEL_REJECTED)) == 4
    assert world.lots(BTC) == 0


def test_open_orders_hinder_the_switch_where_the_rulebook_refuses_them() -> None:
    world = made(modes={"open_orders": "refuse"})
    order = world.ctx.buy(world.market(SPOT), 0.1, 90_000)
    agree(world)
    assert unmet(answer(world)) == ["NO_OPEN_ORDERS"]
    assert world.core.open_orders(1) == 1
    world.ctx.cancel(order)
    world.ctx.account.answer()
    assert last(world).taken


@pytest.mark.parametrize("ask", ["transfer", "leverage", "margin", "borrow", "repay"])
def test_nothing_else_is_done_during_a_switch(ask: str) -> None:
    world = made("unified", "binance", members=("margin", "um", "cm"))
    world.ctx.account.request_separated()
    assert last(world).taken
    known = world.desk.switching.balances()
    ctx, future = world.ctx, world.market(BTC)
    if ask == "transfer":
        ctx.transfer("USDT", 10, "spot", "um")
    elif ask == "leverage":
        ctx.set_leverage(future, 3)
    elif ask == "margin":
        ctx.adjust_isolated_margin(future, 10)
    elif ask == "borrow":
        ctx.borrow("USDT", 10)
    else:
        ctx.repay("USDT")
    world.step()
    assert world.core.rejected()[RejectReason.ACCOUNT_SUSPENDED] == 1
    assert world.desk.switching.balances() == known
    assert world.ctx.max_borrowable("USDT") == 0


def test_an_answer_that_cannot_be_is_the_strategys_mistake() -> None:
    world = made()
    agree(world)
    with pytest.raises(InputError, match="no question 'nonsense'"):
        world.ctx.account.answer({"nonsense": "a"})
    with pytest.raises(InputError, match="11 choices for 10 questions"):
        world.ctx.account.answer(["a"] * 11)
    assert world.ctx.account.state == "AGREED"


def test_an_account_in_liquidation_cannot_apply() -> None:
    world = made()
    world.transfer(11_000)
    world.ctx.buy(world.market(BTC), 1, 100_000.1)
    world.step()
    world.book(BTC, 0, 907_000)  # nobody buys, and something of the margin is left
    world.mark(BTC, "90700")
    world.step(2000)
    world.ctx.account.apply_unified()
    refused = last(world)
    assert unmet(refused) == ["NO_LIQUIDATION"]
    assert refused.unmet[0].items == (BTC,)


def test_isolated_positions_hinder_where_the_rulebook_says_so() -> None:
    world = made(modes={"isolated_positions": False})
    world.transfer(50_000)
    world.ctx.buy(world.market(BTC), 0.1)
    world.step()
    world.ctx.account.apply_unified()
    refused = last(world)
    assert unmet(refused) == ["NO_ISOLATED_POSITIONS"]
    assert refused.unmet[0].items == (f"{BTC} +0.1",)


def test_interest_and_negative_balances_hinder_the_way_back() -> None:
    hourly = InterestRules(default_daily=Decimal("0.24"))
    world = made("unified", deposits={"BTC": "2"}, interest=hourly, fees=False)
    world.ctx.buy(world.market(ETH), 1)
    world.borrow("ETH", 0.5)
    world.mark(ETH, "9000")
    world.book(ETH, 90_000, 90_001)
    world.ctx.sell(world.market(ETH), 1)
    world.step(3_600_000)
    world.ctx.account.request_separated()
    refused = last(world)
    assert unmet(refused) == ["NO_LOANS", "NO_INTEREST", "NO_NEGATIVE_BALANCES"]
    assert refused.unmet[0].items == ("ETH 0.5",)
    assert refused.unmet[1].items == ("ETH 0.01",)  # when it was borrowed, and at the full hour
    assert refused.unmet[2].items == ("unified USDT -1000.1",)
    world.repay("ETH")
    world.ctx.account.deposit("USDT", "1000.1")
    world.ctx.account.deposit("ETH", 1)
    world.step()
    world.repay("ETH")
    world.ctx.account.request_separated()
    assert last(world).taken
