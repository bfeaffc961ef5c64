"""Goal: every step in every state either moves the account or is refused with a named reason.

Method: all pairs, against a table written out by hand; walks through the one way there and back.
"""

from __future__ import annotations

from itertools import product

import pytest

from simulator.accounts.states import NEXT, AccountState, ModeRefusal, Step, refusal

# What each step leads to in each state; a name in lower case is the reason of a refusal.
TABLE = """
    state                   apply           accept          answer          withdraw        request         complete
    SEPARATED               APPLIED         not_applied     not_applied     not_applied     already_separated  no_switch
    APPLIED                 already_applied AGREED          not_agreed      SEPARATED       already_separated  no_switch
    AGREED                  already_applied already_agreed  TO_UNIFIED      SEPARATED       already_separated  no_switch
    SWITCHING_TO_UNIFIED    switching       switching       switching       switching       switching       UNIFIED
    UNIFIED                 already_unified already_unified already_unified already_unified TO_SEPARATED    no_switch
    SWITCHING_TO_SEPARATED  switching       switching       switching       switching       switching       SEPARATED
"""  # noqa: E501

SHORT = {
    "TO_UNIFIED": "SWITCHING_TO_UNIFIED",
    "TO_SEPARATED": "SWITCHING_TO_SEPARATED",
    "no_switch": "NO_SWITCH_IN_PROGRESS",
    "switching": "SWITCH_IN_PROGRESS",
}

ROWS = {
    (AccountState[state], step): cell
    for state, *cells in (line.split() for line in TABLE.strip().splitlines()[1:])
    for step, cell in zip(Step, cells, strict=True)
}


def test_the_table_has_every_pair() -> None:
    assert set(ROWS) == set(product(AccountState, Step))


@pytest.mark.parametrize(("state", "step"), ROWS, ids=lambda one: one.name)
def test_pair(state: AccountState, step: Step) -> None:
    cell = ROWS[state, step]
    name = SHORT.get(cell, cell.upper())
    if cell.isupper():
        assert NEXT[state, step] is AccountState[name]
        assert refusal(state, step) is None
    else:
        assert (state, step) not in NEXT
        assert refusal(state, step) is ModeRefusal[name]


def test_the_mode_changes_at_the_start_of_a_switch_only() -> None:
    """Wallets are merged or split before the pause, so completing one changes no wallet."""
    changes = {(s, step) for (s, step), to in NEXT.items() if s.mode != to.mode}
    assert changes == {
        (AccountState.AGREED, Step.ANSWER_QUESTIONNAIRE),
        (AccountState.UNIFIED, Step.REQUEST_SEPARATED),
    }
    assert all(NEXT[pair].switching for pair in changes)


def test_every_state_is_reached_and_left() -> None:
    assert {state for state, _ in NEXT} == set(AccountState) == set(NEXT.values())


def test_only_the_clock_ends_a_switch() -> None:
    for state in AccountState:
        steps = {step for step in Step if (state, step) in NEXT}
        assert (steps == {Step.COMPLETE_SWITCH}) == state.switching
