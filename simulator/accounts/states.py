"""The life of an account between the two modes: one table of states and steps.

::

    SEPARATED --apply--> APPLIED --accept--> AGREED --answer--> SWITCHING_TO_UNIFIED --> UNIFIED
        ^                   |                  |                                            |
        +----- withdraw ----+------------------+                                            |
        +------------------------------- SWITCHING_TO_SEPARATED <---- request separated ----+

A step that the table has is taken if its conditions hold (`simulator.accounts.conditions`); every
other pair of state and step is refused with the reason that `refusal` names.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

AccountMode = Literal["separated", "unified"]


class AccountState(IntEnum):
    """Where an account stands; values are part of the digest."""

    SEPARATED = 0
    APPLIED = 1
    """Met the eligibility; the agreement and the risk disclosure are to be accepted."""
    AGREED = 2
    """Accepted them; the questionnaire is to be answered."""
    SWITCHING_TO_UNIFIED = 3
    """Wallets are merged; nothing can be traded until the switch is complete."""
    UNIFIED = 4
    SWITCHING_TO_SEPARATED = 5
    """The pool is split; nothing can be traded until the switch is complete."""

    @property
    def mode(self) -> AccountMode:
        """Mode whose wallets and pools the account has."""
        merged = (AccountState.SWITCHING_TO_UNIFIED, AccountState.UNIFIED)
        return "unified" if self in merged else "separated"

    @property
    def switching(self) -> bool:
        """Whether a switch is under way, so that trading, transfers and withdrawals rest."""
        return self in (AccountState.SWITCHING_TO_UNIFIED, AccountState.SWITCHING_TO_SEPARATED)


class Step(IntEnum):
    """What can be asked of an account, or happen to it; values are part of the digest."""

    APPLY_FOR_UNIFIED = 1
    ACCEPT_AGREEMENT = 2
    ANSWER_QUESTIONNAIRE = 3
    WITHDRAW_APPLICATION = 4
    REQUEST_SEPARATED = 5
    COMPLETE_SWITCH = 6
    """Of the venue's clock alone: the rulebook's minutes have passed."""


NEXT: dict[tuple[AccountState, Step], AccountState] = {
    (AccountState.SEPARATED, Step.APPLY_FOR_UNIFIED): AccountState.APPLIED,
    (AccountState.APPLIED, Step.ACCEPT_AGREEMENT): AccountState.AGREED,
    (AccountState.APPLIED, Step.WITHDRAW_APPLICATION): AccountState.SEPARATED,
    (AccountState.AGREED, Step.ANSWER_QUESTIONNAIRE): AccountState.SWITCHING_TO_UNIFIED,
    (AccountState.AGREED, Step.WITHDRAW_APPLICATION): AccountState.SEPARATED,
    (AccountState.SWITCHING_TO_UNIFIED, Step.COMPLETE_SWITCH): AccountState.UNIFIED,
    (AccountState.UNIFIED, Step.REQUEST_SEPARATED): AccountState.SWITCHING_TO_SEPARATED,
    (AccountState.SWITCHING_TO_SEPARATED, Step.COMPLETE_SWITCH): AccountState.SEPARATED,
}
"""The one transition table."""


class ModeRefusal(IntEnum):
    """Why a step was not taken; values are part of the digest."""

    SWITCH_IN_PROGRESS = 1
    NO_SWITCH_IN_PROGRESS = 2
    ALREADY_SEPARATED = 3
    ALREADY_UNIFIED = 4
    ALREADY_APPLIED = 5
    NOT_APPLIED = 6
    ALREADY_AGREED = 7
    NOT_AGREED = 8
    CONDITIONS_NOT_MET = 9
    """The table has the step; the event lists every condition with what there is and is needed."""
    ONE_MODE_ONLY = 10
    """The run was made with one mode's wallets only."""


def refusal(state: AccountState, step: Step) -> ModeRefusal | None:
    """Return why a step cannot be taken in a state at all, None where the table has it.

    >>> refusal(AccountState.UNIFIED, Step.APPLY_FOR_UNIFIED).name
    'ALREADY_UNIFIED'
    """
    if (state, step) in NEXT:
        return None
    if step is Step.COMPLETE_SWITCH:
        return ModeRefusal.NO_SWITCH_IN_PROGRESS
    if state.switching:
        return ModeRefusal.SWITCH_IN_PROGRESS
    if step is Step.REQUEST_SEPARATED:
        return ModeRefusal.ALREADY_SEPARATED
    if state is AccountState.UNIFIED:
        return ModeRefusal.ALREADY_UNIFIED
    if state is AccountState.SEPARATED:
        return ModeRefusal.NOT_APPLIED
    if step is Step.APPLY_FOR_UNIFIED:
        return ModeRefusal.ALREADY_APPLIED
    return ModeRefusal.NOT_AGREED if state is AccountState.APPLIED else ModeRefusal.ALREADY_AGREED
