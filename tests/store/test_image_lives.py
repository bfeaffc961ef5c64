"""Goal: an image holds an account wherever it stands between the modes, its loans and its crowd.

Method: bundled scenarios of lives and cascades; an image in every state that the account goes
through, between liquidations, and put into a fresh simulation, which ends as the run did.
"""

from __future__ import annotations

from typing import Any

import pytest

from simulator.cli.engine import make_engine
from simulator.cli.scenario import load_scenario
from tests.store.image_kit import Cut, assert_same, go_on, run_with_cuts


def engine(name: str, mode: str, accounts: int = 0) -> Any:
    setting = load_scenario(name)
    if accounts:
        setting = setting.model_copy(update={"accounts": accounts})
    return make_engine(setting, mode, [], {})


def cuts_by_state(run: Any, rows: int, every: int) -> tuple[Any, dict[str, list[Cut]]]:
    """Run to the end with an image when the account's state changes, and every so many cuts."""
    seen: list[str] = []

    def wanted(number: int) -> bool:
        state = run.desk.modes.state.name
        new = not seen or state != seen[-1]
        if new:
            seen.append(state)
        return new or number % every == every - 1

    found: dict[str, list[Cut]] = {}
    result, cuts = run_with_cuts(run, rows, wanted, lambda one: one.desk.modes.state.name)
    for cut in cuts:
        found.setdefault(cut.what, []).append(cut)
    return result, found


@pytest.mark.hours
def test_a_whole_life() -> None:
    rows = engine("lifecycle", "separated").rows // 400
    result, found = cuts_by_state(engine("lifecycle", "separated"), rows, 70)
    assert {
        "SEPARATED",
        "APPLIED",
        "AGREED",
        "SWITCHING_TO_UNIFIED",
        "UNIFIED",
        "SWITCHING_TO_SEPARATED",
    } <= set(found)
    for cuts in found.values():
        for cut in cuts:
            assert_same(go_on(engine("lifecycle", "separated"), cut, rows), result)


@pytest.mark.hours
@pytest.mark.parametrize(
    ("name", "mode", "accounts", "parts"),
    [
        ("flash_crash", "separated", 400, 60),
        pytest.param("cascade_seed", "separated", 300, 30, marks=pytest.mark.slow),
        pytest.param("collateral_loop", "unified", 300, 30, marks=pytest.mark.slow),
        pytest.param("fund_runs_dry", "separated", 300, 30, marks=pytest.mark.slow),
    ],
)
def test_a_cascade(name: str, mode: str, accounts: int, parts: int) -> None:
    """Among accounts that are liquidated, with orders that move the books and a fund that pays."""
    rows = engine(name, mode, accounts).rows // parts
    result, cuts = run_with_cuts(
        engine(name, mode, accounts), rows, lambda n: n % 5 == 3, lambda one: one.now_ns
    )
    closed = result.cascade.closings["time_ns"]
    between = [cut for cut in cuts if closed.min() <= cut.what < closed.max()]
    assert between, "a cut in the middle of the liquidations"
    for cut in between:
        assert_same(go_on(engine(name, mode, accounts), cut, rows), result)
