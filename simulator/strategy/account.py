"""The account as a strategy drives it between the modes: ``ctx.account``.

Every step is a command: it reaches the venue after the entry latency and comes back to
``on_account`` as an ``AccountEvent``, taken or refused.  What is asked here (state, conditions) is
answered from the venue's present state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from simulator.accounts.agreement import Agreement, current
from simulator.accounts.conditions import Condition
from simulator.accounts.questionnaire import (
    Mistake,
    Question,
    answers_in_order,
    check_answers,
)
from simulator.accounts.states import AccountMode, Step
from simulator.errors import InputError
from simulator.exchange.messages import AccountEvent, StepRequest
from simulator.strategy.funds import Funds

if TYPE_CHECKING:
    from simulator.exchange.desk import Desk


class Account(Funds):
    """The trading account of a run, for the strategy with number ``strategy``.

    Its funds are moved by the methods of `simulator.strategy.funds.Funds`.
    """

    _desk: Desk

    # Looking

    @property
    def state(self) -> str:
        """Name of the account's state, such as ``SEPARATED`` or ``SWITCHING_TO_UNIFIED``."""
        return self._desk.modes.state.name

    @property
    def mode(self) -> AccountMode:
        """Mode whose wallets and pools the account has now."""
        return self._desk.modes.state.mode

    @property
    def suspended_until_ns(self) -> int:
        """When trading goes on after a switch, ns of the venue's clock; 0: it is not suspended."""
        return self._desk.modes.suspended_until_ns

    @property
    def events(self) -> tuple[AccountEvent, ...]:
        """Steps of the run so far, taken and refused, in order."""
        return tuple(self._desk.modes.events)

    def conditions(self) -> tuple[Condition, ...]:
        """Return every condition of the next step as it stands now, met or not.

        Of the step that leads on to the other mode; during a switch there are none.
        """
        return self._desk.modes.conditions()

    def agreement(self) -> Agreement:
        """Return the agreement and the risk disclosure in force, and their version."""
        return current()

    def questionnaire(self) -> tuple[Question, ...]:
        """Return the questions of the present attempt; after a failed one there are others."""
        return self._desk.modes.questionnaire()

    def mistakes(self) -> tuple[Mistake, ...]:
        """Return what was wrong in the latest attempt at the questionnaire, with the reasons."""
        return self._desk.modes.mistakes

    # Acting

    def apply_unified(self) -> None:
        """Apply for the unified mode; the eligibility is checked."""
        self._step(Step.APPLY_FOR_UNIFIED)

    def accept_agreement(self, version: str = "") -> None:
        """Accept agreement and disclosure: the version that was read, without one that in force."""
        self._desk.request(
            StepRequest(self._strategy, Step.ACCEPT_AGREEMENT, version or current().version)
        )

    def answer(self, answers: Mapping[str, str] | Sequence[str] = ()) -> None:
        """Answer the questionnaire; passing starts the switch.

        Answers are choices by the question's id, or in the questions' order; what is missing counts
        as wrong.  Once the questionnaire is passed, answering with nothing tries the switch again.
        Raises ``InputError`` for a question or a choice that there is not.
        """
        if isinstance(answers, Mapping):
            given = dict(answers)
            check_answers(given)
        elif isinstance(answers, Sequence):
            given = answers_in_order(self.questionnaire(), list(answers))
        else:
            raise InputError(
                f"answers: {answers!r} is neither a mapping of choices by question id nor choices "
                "in the questions' order"
            )
        self._desk.request(StepRequest(self._strategy, Step.ANSWER_QUESTIONNAIRE, answers=given))

    def withdraw_application(self) -> None:
        """Take an application back; a cool-down goes on."""
        self._step(Step.WITHDRAW_APPLICATION)

    def request_separated(self) -> None:
        """Ask for the way back: nothing may be open or owed."""
        self._step(Step.REQUEST_SEPARATED)

    def _step(self, step: Step) -> None:
        self._desk.request(StepRequest(self._strategy, step))
