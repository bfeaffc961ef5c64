"""The account's way between the modes: steps in, events out, one switch at a time.

`simulator.accounts.states` says which step leads where and `simulator.accounts.conditions` what it
needs; here they meet the venue.  A step that is taken is one event and one record; so is one that
is refused, with every condition that was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from simulator.accounts.agreement import current
from simulator.accounts.conditions import (
    Condition,
    after_merge,
    agreement_condition,
    eligibility,
    questionnaire_conditions,
    way_back,
)
from simulator.accounts.questionnaire import Grade, Mistake, Question, draw, grade
from simulator.accounts.rules import ModeRules
from simulator.accounts.states import NEXT, AccountMode, AccountState, ModeRefusal, Step, refusal
from simulator.events.outcomes import Outcome
from simulator.exchange.core import Core
from simulator.exchange.facts import Facts
from simulator.exchange.messages import AccountEvent, Balances, StepRequest
from simulator.units.text import counted

if TYPE_CHECKING:
    from simulator.exchange.switching import Switching
    from simulator.exchange.upkeep import Upkeep

NEVER = 1 << 62
VENUE = "venue"
"""Actor of what the venue's clock does."""


class Modes:
    """State of an account that trades and the steps that change it.

    ``events`` are the steps so far, ``suspended_until_ns`` the instant at which a switch is
    complete (0: none is under way), ``mistakes`` those of the latest attempt at the questionnaire.
    ``ratio_needed`` is what equity / maintenance margin of the merged pool must be above; ``seed``
    draws the questions; ``tick_ns`` is the step of the venue's clock, by which switches end.
    """

    def __init__(
        self,
        core: Core,
        upkeep: Upkeep,
        facts: Facts,
        switching: Switching | None,
        announce: Callable[[AccountEvent], None],
        *,
        mode: AccountMode,
        rules: ModeRules,
        ratio_needed: Decimal,
        seed: int,
        tick_ns: int,
        account: int = 1,
    ) -> None:
        self.core = core
        self.account = account
        self.upkeep = upkeep
        self.facts = facts
        self.switching = switching
        self.announce = announce
        self.rules = rules
        self.ratio_needed = ratio_needed
        self.seed = seed
        self.tick_ns = tick_ns
        unified = mode == "unified"
        self.state = AccountState.UNIFIED if unified else AccountState.SEPARATED
        self.suspended_until_ns = 0
        self.events: list[AccountEvent] = []
        self.mistakes: tuple[Mistake, ...] = ()
        self._score: Decimal | None = None
        self._attempt = 1
        self._cool_until_ns = 0

    # What strategies ask

    def questionnaire(self) -> tuple[Question, ...]:
        """Return the questions of the present attempt."""
        return draw(self.seed, self.account, self._attempt, self.rules.questions)

    def conditions(self) -> tuple[Condition, ...]:
        """Return the conditions of the next step as they stand; none during a switch."""
        if self.state is AccountState.SEPARATED:
            return eligibility(self.rules, self.facts.take(), at_switch=False)
        if self.state is AccountState.APPLIED:
            return (agreement_condition("", current().version),)
        if self.state is AccountState.AGREED:
            return self._of_the_switch(self._score)
        if self.state is AccountState.UNIFIED:
            return way_back(self.facts.take())
        return ()

    # Commands

    def execute(self, asked: StepRequest) -> None:
        """A step reaches the venue: it is taken, or refused."""
        actor = type(self.core.strategies[asked.strategy]).__name__
        refused = refusal(self.state, asked.step)
        if refused is None and self.switching is None:
            refused = ModeRefusal.ONE_MODE_ONLY
        if refused is not None:
            self._refuse(actor, asked.step, refused)
            return
        take: dict[Step, Callable[[str, StepRequest], None]] = {
            Step.APPLY_FOR_UNIFIED: self._apply,
            Step.ACCEPT_AGREEMENT: self._accept,
            Step.ANSWER_QUESTIONNAIRE: self._answer,
            Step.WITHDRAW_APPLICATION: self._withdraw,
            Step.REQUEST_SEPARATED: self._back,
        }
        take[asked.step](actor, asked)

    def due(self, now: int) -> int:
        """Complete a switch whose time is over; return the next instant to look again."""
        if self.suspended_until_ns and now >= self.suspended_until_ns:
            self._complete()
        return self.suspended_until_ns or NEVER

    # Steps

    def _apply(self, actor: str, asked: StepRequest) -> None:
        conditions = eligibility(self.rules, self.facts.take(), at_switch=False)
        self._decide(actor, asked.step, conditions)

    def _accept(self, actor: str, asked: StepRequest) -> None:
        conditions = (agreement_condition(asked.version, current().version),)
        self._decide(actor, asked.step, conditions)

    def _answer(self, actor: str, asked: StepRequest) -> None:
        """Grade an attempt, or remember the one that was passed; then switch if nothing hinders."""
        note = ""
        score = self._score
        if score is None and self._cooling_ns() == 0:
            found = self._grade(asked.answers or {})
            score, self.mistakes = found.score, found.mistakes
            if self.rules.questions:
                note = f"{found.correct} of {self.rules.questions} questions right"
        conditions = self._of_the_switch(score)
        if score is not None and self._score is None:
            if score >= self.rules.pass_mark:
                self._score = score
            else:
                self._attempt += 1
                self._cool_until_ns = int(self.core.now) + self.rules.cool_down_ns
        if not self._met(conditions):
            self._refuse(actor, asked.step, ModeRefusal.CONDITIONS_NOT_MET, conditions, note)
            return
        if self.rules.open_orders == "cancel":
            canceled = self._switch.cancel_orders()
            many = f"{counted(canceled, 'order')} canceled"
            note = "; ".join([note] * bool(note) + [many] * bool(canceled))
        self._start("unified", self.rules.switch_ns, actor, asked.step, conditions, note)
        self._forget()

    def _withdraw(self, actor: str, asked: StepRequest) -> None:
        self._take(actor, asked.step, ())
        self._forget()

    def _back(self, actor: str, asked: StepRequest) -> None:
        conditions = way_back(self.facts.take())
        if self._met(conditions):
            self._start("separated", self.rules.return_ns, actor, asked.step, conditions)
        else:
            self._refuse(actor, asked.step, ModeRefusal.CONDITIONS_NOT_MET, conditions)

    def _complete(self) -> None:
        self.suspended_until_ns = 0
        self.core.suspend(self.account, False)
        self._take(VENUE, Step.COMPLETE_SWITCH, ())

    # Parts of steps

    @property
    def _switch(self) -> Switching:
        assert self.switching is not None, "a run of one mode has no switch"
        return self.switching

    def _grade(self, answers: Mapping[str, str]) -> Grade:
        """Grade what answers the questions of the present attempt; others are of an earlier one."""
        asked = self.questionnaire()
        return grade(asked, {one.id: answers[one.id] for one in asked if one.id in answers})

    def _cooling_ns(self) -> int:
        """How long the account must still wait after an attempt that failed."""
        return max(0, self._cool_until_ns - int(self.core.now))

    def _of_the_switch(self, score: Decimal | None) -> tuple[Condition, ...]:
        """Everything that must hold for the switch: questionnaire, eligibility, the merged pool."""
        found = questionnaire_conditions(self.rules, score, self._cooling_ns())
        found += eligibility(self.rules, self.facts.take(), at_switch=True)
        equity, maintenance, _ = self._switch.preview("unified")
        merged = after_merge(_exact(equity), _exact(maintenance), self.ratio_needed)
        return (*found, merged)

    @staticmethod
    def _met(conditions: Sequence[Condition]) -> bool:
        return all(one.met for one in conditions)

    def _forget(self) -> None:
        """A passed questionnaire counts for one switch, and the next one is another; a cool-down
        goes on.
        """
        self._attempt += self._score is not None
        self._score = None

    def _decide(self, actor: str, step: Step, conditions: tuple[Condition, ...]) -> None:
        if self._met(conditions):
            self._take(actor, step, conditions)
        else:
            self._refuse(actor, step, ModeRefusal.CONDITIONS_NOT_MET, conditions)

    def _start(
        self,
        mode: AccountMode,
        duration_ns: int,
        actor: str,
        step: Step,
        conditions: tuple[Condition, ...],
        note: str = "",
    ) -> None:
        """Move everything to a mode's wallets; trading rests until a tick of the clock ends it."""
        now = int(self.core.now)
        balances = self._switch.execute(mode)
        if duration_ns > 0:
            self.suspended_until_ns = -(-(now + duration_ns) // self.tick_ns) * self.tick_ns
            self.core.suspend(self.account, True)
            self.core.call_duty(self.suspended_until_ns)
        self._take(actor, step, conditions, note, balances)
        self.upkeep.check()
        if duration_ns <= 0:
            self._complete()

    def _take(
        self,
        actor: str,
        step: Step,
        conditions: tuple[Condition, ...],
        note: str = "",
        balances: tuple[Balances, Balances] | None = None,
    ) -> None:
        core, before = self.core, self.state
        self.state = NEXT[before, step]
        until = self.suspended_until_ns
        core.records.add(
            core.now,
            Outcome.MODE_STEP,
            self.account,
            -1,
            int(step),
            int(before),
            int(self.state),
            until,
        )
        self._tell(actor, step, before, None, conditions, note, balances)

    def _refuse(
        self,
        actor: str,
        step: Step,
        reason: ModeRefusal,
        conditions: tuple[Condition, ...] = (),
        note: str = "",
    ) -> None:
        core = self.core
        unmet = sum(not one.met for one in conditions)
        core.records.add(
            core.now,
            Outcome.MODE_REFUSED,
            self.account,
            -1,
            int(step),
            int(self.state),
            int(reason),
            unmet,
        )
        self._tell(actor, step, self.state, reason, conditions, note, None)

    def _tell(
        self,
        actor: str,
        step: Step,
        before: AccountState,
        reason: ModeRefusal | None,
        conditions: tuple[Condition, ...],
        note: str,
        balances: tuple[Balances, Balances] | None,
    ) -> None:
        if balances is None:
            now: Balances = self.switching.balances() if self.switching else {}
            balances = now, now
        event = AccountEvent(
            time_ns=int(self.core.now),
            account=self.account,
            actor=actor,
            step=step,
            before=before,
            after=self.state,
            refusal=reason,
            conditions=conditions,
            balances_before=balances[0],
            balances_after=balances[1],
            suspended_until_ns=self.suspended_until_ns,
            note=note,
        )
        self.events.append(event)
        self.announce(event)


def _exact(figure: float) -> Decimal:
    """Return a figure of the risk model without what its binary fraction adds below 1e-8."""
    return Decimal(repr(round(figure, 8)))
