"""Goal: every step in every state is taken or refused for the reason that the table names, and the
questionnaire, its cool-down and the retry after it go as they should.

Method: the steps on a venue that only keeps time and what it was told; wallets do not move here
(tests/exchange/test_modes.py switches real ones).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest

from simulator.accounts.agreement import VERSION
from simulator.accounts.conditions import AccountFacts
from simulator.accounts.questionnaire import right_answers, wrong_answers
from simulator.accounts.rules import ModeRules
from simulator.accounts.states import NEXT, AccountState, ModeRefusal, Step, refusal
from simulator.events.outcomes import Outcome
from simulator.exchange.messages import AccountEvent, StepRequest
from simulator.exchange.modes import Modes

SECOND = 10**9
MINUTE = 60 * SECOND
START = 1_700_000_000 * SECOND
BEFORE = {"spot": {"USDT": (Decimal(5), Decimal(0), Decimal(0))}}
AFTER = {"unified": {"USDT": (Decimal(5), Decimal(0), Decimal(0))}}
FLAT = AccountFacts(START, "advanced", 100, Decimal(200_000), 50, Decimal(10**6))
ASKED = [step for step in Step if step is not Step.COMPLETE_SWITCH]


class Core:
    """Keeps the time, and what the venue was told."""

    def __init__(self) -> None:
        self.now = START
        self.rows: list[tuple[int, ...]] = []
        self.records = SimpleNamespace(add=lambda *row: self.rows.append(row))
        self.strategies = ["a strategy"]
        self.suspended = False
        self.called_at = 0

    def suspend(self, account: int, on: bool) -> None:
        assert account == 1
        self.suspended = on

    def call_duty(self, at_ns: int) -> None:
        self.called_at = at_ns


class Wallets:
    """Says where the money would be; ``figures`` is what the merged pool would have."""

    def __init__(self) -> None:
        self.mode = "separated"
        self.figures: tuple[float, float, float | None] = (200_000.0, 0.0, None)
        self.orders = 0

    def preview(self, mode: str) -> tuple[float, float, float | None]:
        assert mode == "unified"
        return self.figures

    def cancel_orders(self) -> int:
        canceled, self.orders = self.orders, 0
        return canceled

    def balances(self) -> Any:
        return BEFORE if self.mode == "separated" else AFTER

    def execute(self, mode: str) -> tuple[Any, Any]:
        assert mode != self.mode
        before, self.mode = self.balances(), mode
        return before, self.balances()


class Desk:
    """Modes of an account with everything that its rules ask for, unless told otherwise."""

    def __init__(self, mode: Any = "separated", **rules: Any) -> None:
        self.core, self.wallets = Core(), Wallets()
        self.wallets.mode = mode
        self.facts = SimpleNamespace(now=FLAT, take=lambda: self.facts.now)
        known = {
            "kyc": "advanced",
            "net_assets": Decimal(100_000),
            "cool_down_ns": 10 * MINUTE,
            "switch_ns": 5 * MINUTE,
            "return_ns": 3 * MINUTE,
        }
        self.heard: list[AccountEvent] = []
        self.checks: list[int] = []
        self.modes = Modes(
            self.core,  # type: ignore[arg-type]
            SimpleNamespace(check=lambda: self.checks.append(self.core.now)),  # type: ignore[arg-type]
            self.facts,  # type: ignore[arg-type]
            self.wallets,  # type: ignore[arg-type]
            self.heard.append,
            mode=mode,
            rules=ModeRules(**{**known, **rules}),
            ratio_needed=Decimal("1.5"),
            seed=3,
            tick_ns=SECOND,
        )

    def take(self, step: Step, version: str = VERSION, **answers: Any) -> AccountEvent:
        """Ask for a step; return what came of it."""
        given: Mapping[str, str] = answers.get("answers", self.right)
        self.modes.execute(StepRequest(0, step, version, given))
        return self.heard[-1]

    @property
    def right(self) -> dict[str, str]:
        return right_answers(self.modes.questionnaire())

    @property
    def wrong(self) -> dict[str, str]:
        return wrong_answers(self.modes.questionnaire())

    def pass_time(self, span_ns: int) -> None:
        self.core.now += span_ns
        self.modes.due(self.core.now)


PATH = (Step.APPLY_FOR_UNIFIED, Step.ACCEPT_AGREEMENT, Step.ANSWER_QUESTIONNAIRE)


def desk_in(state: AccountState) -> Desk:
    """Return a desk whose account got to a state by steps alone."""
    desk = Desk()
    for step in PATH:
        if desk.modes.state < min(state, AccountState.SWITCHING_TO_UNIFIED):
            assert desk.take(step).taken
    if state >= AccountState.UNIFIED:
        desk.pass_time(5 * MINUTE)
    if state is AccountState.SWITCHING_TO_SEPARATED:
        desk.take(Step.REQUEST_SEPARATED)
    assert desk.modes.state is state
    return desk


@pytest.mark.parametrize(("state", "step"), list(product(AccountState, ASKED)))
def test_every_step_in_every_state(state: AccountState, step: Step) -> None:
    desk = desk_in(state)
    until = desk.modes.suspended_until_ns
    event = desk.take(step)
    assert event.refusal is refusal(state, step)
    assert (event.before, event.after) == (state, NEXT.get((state, step), state))
    assert desk.modes.state is event.after
    assert event.taken == ((state, step) in NEXT)
    if not event.taken:
        assert event.conditions == ()
        assert desk.modes.suspended_until_ns == until
        assert event.balances_before == event.balances_after
    kind = Outcome.MODE_STEP if event.taken else Outcome.MODE_REFUSED
    reason = event.after if event.taken else event.refusal
    assert desk.core.rows[-1][1:7] == (kind, 1, -1, step, state, reason)


def test_whole_way_there_and_back() -> None:
    desk = Desk()
    assert desk.take(Step.APPLY_FOR_UNIFIED).taken
    assert desk.take(Step.ACCEPT_AGREEMENT).taken
    switch = desk.take(Step.ANSWER_QUESTIONNAIRE)
    assert (switch.balances_before, switch.balances_after) == (BEFORE, AFTER)
    assert switch.suspended_until_ns == desk.core.called_at == START + 5 * MINUTE
    assert switch.note == "10 of 10 questions right"
    assert switch.actor == "str"
    assert desk.core.suspended
    assert desk.checks == [START]
    desk.pass_time(5 * MINUTE - 1)
    assert desk.core.suspended
    desk.pass_time(1)
    done = desk.heard[-1]
    assert (done.actor, done.step) == ("venue", Step.COMPLETE_SWITCH)
    assert (done.before, done.after) == (
        AccountState.SWITCHING_TO_UNIFIED,
        AccountState.UNIFIED,
    )
    assert done.balances_before == done.balances_after == AFTER
    assert not desk.core.suspended
    assert desk.modes.suspended_until_ns == 0
    back = desk.take(Step.REQUEST_SEPARATED)
    assert back.suspended_until_ns == START + 8 * MINUTE
    assert (back.balances_before, back.balances_after) == (AFTER, BEFORE)
    desk.pass_time(3 * MINUTE)
    assert desk.modes.state is AccountState.SEPARATED
    assert [event.time_ns for event in desk.modes.events] == [
        *[START] * 3,
        *[START + 5 * MINUTE] * 2,
        START + 8 * MINUTE,
    ]


def test_a_switch_ends_at_a_tick_of_the_clock() -> None:
    desk = desk_in(AccountState.AGREED)
    desk.core.now += 1
    assert desk.take(Step.ANSWER_QUESTIONNAIRE).suspended_until_ns == START + 5 * MINUTE + SECOND


def test_a_switch_without_a_pause_is_complete_at_once() -> None:
    desk = Desk(switch_ns=0)
    for step in PATH:
        desk.take(step)
    assert desk.modes.state is AccountState.UNIFIED
    assert not desk.core.suspended
    assert [event.step for event in desk.heard[-2:]] == [
        Step.ANSWER_QUESTIONNAIRE,
        Step.COMPLETE_SWITCH,
    ]
    assert desk.heard[-2].after is AccountState.SWITCHING_TO_UNIFIED


def names(event: AccountEvent) -> list[str]:
    return [one.name for one in event.unmet]


def test_an_application_lists_everything_that_is_missing() -> None:
    desk = Desk()
    desk.facts.now = replace(FLAT, kyc="basic", net_assets=Decimal(42_000), liquidating=("um",))
    event = desk.take(Step.APPLY_FOR_UNIFIED)
    assert event.refusal is ModeRefusal.CONDITIONS_NOT_MET
    assert names(event) == ["KYC", "NET_ASSETS", "NO_LIQUIDATION"]
    assert event.unmet[1].have == "42,000.00 USDT"
    assert event.unmet[1].need == "100,000.00 USDT"
    assert desk.core.rows[-1] == (
        START,
        Outcome.MODE_REFUSED,
        1,
        -1,
        Step.APPLY_FOR_UNIFIED,
        AccountState.SEPARATED,
        ModeRefusal.CONDITIONS_NOT_MET,
        3,
    )


def test_only_the_agreement_in_force_can_be_accepted() -> None:
    desk = desk_in(AccountState.APPLIED)
    event = desk.take(Step.ACCEPT_AGREEMENT, version="2019-01")
    assert names(event) == ["AGREEMENT_VERSION"]
    assert (event.unmet[0].have, event.unmet[0].need) == ("2019-01", VERSION)
    assert desk.modes.state is AccountState.APPLIED


def test_a_failed_questionnaire_must_cool_down_and_then_asks_anew() -> None:
    desk = desk_in(AccountState.AGREED)
    first = desk.modes.questionnaire()
    event = desk.take(Step.ANSWER_QUESTIONNAIRE, answers=desk.wrong)
    assert names(event) == ["PASS_MARK"]
    assert event.note == "0 of 10 questions right"
    assert [one.question for one in desk.modes.mistakes] == list(first)
    assert desk.modes.questionnaire() != first
    assert desk.modes.state is AccountState.AGREED
    desk.core.now += 10 * MINUTE - SECOND
    event = desk.take(Step.ANSWER_QUESTIONNAIRE)
    assert names(event) == ["COOL_DOWN", "PASS_MARK"]
    assert event.unmet[0].have == "1 s left"
    assert [one.have for one in event.unmet] == ["1 s left", "not answered"]
    assert event.note == ""
    desk.core.now += SECOND
    assert desk.take(Step.ANSWER_QUESTIONNAIRE).taken
    assert desk.modes.mistakes == ()


def test_an_attempt_in_the_cool_down_is_none() -> None:
    desk = desk_in(AccountState.AGREED)
    desk.take(Step.ANSWER_QUESTIONNAIRE, answers=desk.wrong)
    drawn = desk.modes.questionnaire()
    desk.take(Step.ANSWER_QUESTIONNAIRE, answers=desk.wrong)
    assert desk.modes.questionnaire() == drawn


def test_withdrawing_does_not_end_the_cool_down() -> None:
    desk = desk_in(AccountState.AGREED)
    desk.take(Step.ANSWER_QUESTIONNAIRE, answers=desk.wrong)
    for step in (Step.WITHDRAW_APPLICATION, Step.APPLY_FOR_UNIFIED, Step.ACCEPT_AGREEMENT):
        assert desk.take(step).taken
    assert names(desk.take(Step.ANSWER_QUESTIONNAIRE))[0] == "COOL_DOWN"


def test_answers_to_questions_of_an_earlier_attempt_count_as_missing() -> None:
    desk = desk_in(AccountState.AGREED)
    stale = desk.right
    desk.take(Step.ANSWER_QUESTIONNAIRE, answers=desk.wrong)
    desk.core.now += 10 * MINUTE
    fresh = {one.id for one in desk.modes.questionnaire()}
    assert fresh - set(stale)
    event = desk.take(Step.ANSWER_QUESTIONNAIRE, answers=stale)
    assert event.note == f"{len(fresh & set(stale))} of 10 questions right"


def test_a_passed_questionnaire_is_remembered_when_the_switch_fails() -> None:
    desk = desk_in(AccountState.AGREED)
    desk.wallets.figures = (150.0, 100.0, 1.5)
    event = desk.take(Step.ANSWER_QUESTIONNAIRE)
    assert names(event) == ["UNIMMR_AFTER"]
    assert event.unmet[0].need == "above 1.5"
    assert desk.wallets.mode == "separated"
    assert desk.modes.state is AccountState.AGREED
    desk.facts.now = replace(FLAT, net_assets=Decimal(99_999))
    event = desk.take(Step.ANSWER_QUESTIONNAIRE, answers={})
    assert names(event) == ["NET_ASSETS", "UNIMMR_AFTER"]
    assert event.note == ""
    assert {one.name: one.met for one in desk.modes.conditions()}["PASS_MARK"]
    desk.facts.now, desk.wallets.figures = FLAT, (151.0, 100.0, 1.51)
    assert desk.take(Step.ANSWER_QUESTIONNAIRE, answers={}).taken


def test_a_withdrawn_application_forgets_a_passed_questionnaire() -> None:
    desk = desk_in(AccountState.AGREED)
    desk.wallets.figures = (150.0, 100.0, 1.5)
    desk.take(Step.ANSWER_QUESTIONNAIRE)
    for step in (Step.WITHDRAW_APPLICATION, Step.APPLY_FOR_UNIFIED, Step.ACCEPT_AGREEMENT):
        desk.take(step)
    desk.wallets.figures = (200.0, 100.0, 2.0)
    event = desk.take(Step.ANSWER_QUESTIONNAIRE, answers={})
    assert names(event) == ["PASS_MARK"]


def test_open_orders_are_cancelled_at_the_switch() -> None:
    desk = desk_in(AccountState.AGREED)
    desk.wallets.orders = 2
    desk.facts.now = replace(FLAT, open_orders=2)
    event = desk.take(Step.ANSWER_QUESTIONNAIRE)
    assert event.note == "10 of 10 questions right; 2 orders canceled"
    assert desk.wallets.orders == 0


def test_open_orders_hinder_where_the_rulebook_says_so() -> None:
    desk = Desk(open_orders="refuse")
    desk.facts.now = replace(FLAT, open_orders=2)
    desk.wallets.orders = 2
    for step in PATH:
        event = desk.take(step)
    assert names(event) == ["NO_OPEN_ORDERS"]
    assert desk.wallets.orders == 2
    desk.facts.now = FLAT
    assert desk.take(Step.ANSWER_QUESTIONNAIRE, answers={}).taken


def test_the_way_back_lists_everything_that_is_open_or_owed() -> None:
    desk = Desk("unified")
    desk.facts.now = replace(
        FLAT,
        liquidating=("unified",),
        positions=("um:BTCUSDT +0.5",),
        open_orders=1,
        loans={"USDT": Decimal(5)},
        interest={"USDT": Decimal("0.1")},
        negative={"unified BTC": Decimal(-1)},
    )
    event = desk.take(Step.REQUEST_SEPARATED)
    assert names(event) == [
        "NO_LIQUIDATION",
        "NO_OPEN_POSITIONS",
        "NO_OPEN_ORDERS",
        "NO_LOANS",
        "NO_INTEREST",
        "NO_NEGATIVE_BALANCES",
    ]
    assert event.unmet[1].items == ("um:BTCUSDT +0.5",)
    assert desk.wallets.mode == "unified"


def test_conditions_are_those_of_the_next_step() -> None:
    shown = {
        state: [one.name for one in desk_in(state).modes.conditions()] for state in AccountState
    }
    eligible = ["KYC", "NET_ASSETS", "NO_LIQUIDATION"]
    assert shown[AccountState.SEPARATED] == eligible
    assert shown[AccountState.APPLIED] == ["AGREEMENT_VERSION"]
    assert shown[AccountState.AGREED] == ["COOL_DOWN", "PASS_MARK", *eligible, "UNIMMR_AFTER"]
    assert shown[AccountState.SWITCHING_TO_UNIFIED] == []
    assert len(shown[AccountState.UNIFIED]) == 6
    assert shown[AccountState.SWITCHING_TO_SEPARATED] == []


def test_a_run_of_one_mode_takes_no_step() -> None:
    desk = Desk()
    desk.modes.switching = None
    assert desk.take(Step.APPLY_FOR_UNIFIED).refusal is ModeRefusal.ONE_MODE_ONLY
    assert desk.take(Step.REQUEST_SEPARATED).refusal is ModeRefusal.ALREADY_SEPARATED
