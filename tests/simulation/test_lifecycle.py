"""Goal: `unimargin run lifecycle` tells the whole story in files, on the terminal, to the audit.

Method: one run of the bundled scenario through the command line; its frames are read back.
"""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simulator.cli.main import run_command
from simulator.report.account import balances_of, conditions_of

MINUTE = 60 * 10**9

STORY = [
    ("APPLY_FOR_UNIFIED", "CONDITIONS_NOT_MET", "SEPARATED"),
    ("ACCEPT_AGREEMENT", "NOT_APPLIED", "SEPARATED"),
    ("APPLY_FOR_UNIFIED", "CONDITIONS_NOT_MET", "SEPARATED"),
    ("APPLY_FOR_UNIFIED", "", "APPLIED"),
    ("ACCEPT_AGREEMENT", "", "AGREED"),
    ("ANSWER_QUESTIONNAIRE", "CONDITIONS_NOT_MET", "AGREED"),
    ("ANSWER_QUESTIONNAIRE", "CONDITIONS_NOT_MET", "AGREED"),
    ("ANSWER_QUESTIONNAIRE", "", "SWITCHING_TO_UNIFIED"),
    ("COMPLETE_SWITCH", "", "UNIFIED"),
    ("REQUEST_SEPARATED", "CONDITIONS_NOT_MET", "UNIFIED"),
    ("REQUEST_SEPARATED", "CONDITIONS_NOT_MET", "UNIFIED"),
    ("REQUEST_SEPARATED", "", "SWITCHING_TO_SEPARATED"),
    ("COMPLETE_SWITCH", "", "SEPARATED"),
]


@dataclass(frozen=True)
class Told:
    """What a run of the scenario left."""

    folder: Path
    text: str
    start_ns: int
    events: list[dict[str, Any]]
    funds: list[dict[str, Any]]
    fills: list[dict[str, Any]]

    def unmet(self, number: int) -> dict[str, tuple[str, str]]:
        """Return have and need of the conditions of a step that are not met."""
        found = conditions_of(self.events[number]["conditions"])
        return {one["name"]: (one["have"], one["need"]) for one in found if not one["met"]}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("life")
    out = io.StringIO()
    with redirect_stdout(out):
        assert run_command(["run", "lifecycle", "--out", str(folder)]) == 0
    made = folder / "separated"
    start = json.loads((folder / "run.json").read_text())["runs"][0]["start_ns"]
    frames = [
        pl.read_parquet(made / f"{name}.parquet").to_dicts()
        for name in ("account_events", "funds", "fills")
    ]
    return Told(folder, out.getvalue(), start, *frames)


@pytest.mark.hours
def test_story_is_the_whole_life(told: Told) -> None:
    steps = [(one["step"], one["refusal"], one["after"]) for one in told.events]
    assert steps == STORY


@pytest.mark.hours
def test_refusals_say_what_there_is_and_what_is_needed(told: Told) -> None:
    first = told.unmet(0)
    assert first["NET_ASSETS"] == ("60,000.00 USDT", "100,000.00 USDT")
    assert set(first) == {"NET_ASSETS", "FUTURES_TRADES"}
    assert set(told.unmet(2)) == {"NET_ASSETS"}
    assert set(told.unmet(5)) == {"PASS_MARK"}
    assert "COOL_DOWN" in told.unmet(6)
    assert {"NO_OPEN_POSITIONS", "NO_LOANS"} <= set(told.unmet(9))
    assert {"NO_LOANS"} <= set(told.unmet(10)) <= {"NO_LOANS", "NO_INTEREST"}


@pytest.mark.hours
def test_nothing_but_deposits_between_the_modes(told: Told) -> None:
    asked = {(one["operation"], one["refusal"]) for one in told.funds}
    assert ("WITHDRAW", "ACCOUNT_SUSPENDED") in asked
    assert ("TRANSFER", "ONE_WALLET") in asked
    for begun, done in ((7, 8), (11, 12)):
        first, last = told.events[begun], told.events[done]
        assert last["time_ns"] == first["suspended_until_ns"]
        assert last["time_ns"] - first["time_ns"] >= 5 * MINUTE
        between = (first["time_ns"], last["time_ns"])
        assert not [one for one in told.fills if between[0] <= one["time_ns"] < between[1]]
        moved = [
            one["operation"]
            for one in told.funds
            if between[0] <= one["time_ns"] < between[1] and not one["refusal"]
        ]
        assert set(moved) <= {"DEPOSIT"}
    assert told.text.count("REFUSED: ACCOUNT_SUSPENDED") == 3


@pytest.mark.hours
def test_wallets_become_one_and_the_pool_is_split_to_spot(told: Told) -> None:
    merged, split = told.events[7], told.events[11]
    assert {"spot", "um"} <= set(balances_of(merged["balances_before"]))
    assert set(balances_of(merged["balances_after"])) == {"unified"}
    assert set(balances_of(split["balances_before"])) == {"unified"}
    assert set(balances_of(split["balances_after"])) == {"spot"}


@pytest.mark.hours
def test_hedge_needs_in_one_pool_what_the_script_says(told: Told) -> None:
    """Apart each leg needs a tenth of its notional, as it had to be paid for."""
    history = pl.read_parquet(told.folder / "separated" / "history.parquet")
    pool = history.filter(pl.col("pool") == "unified")
    assert 39_850 < pool["initial_margin"].max() < 39_950
    legs = [
        one for one in told.fills if 27 * MINUTE <= one["time_ns"] - told.start_ns < 28 * MINUTE
    ]
    notional = sum(one["quantity"] * one["price"] for one in legs)
    assert notional / 10 == pytest.approx(57_700, abs=50)


@pytest.mark.hours
def test_audit_agrees(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["audit", str(told.folder)]) == 0
    assert f"{len(STORY)} steps: the sums of every asset agree" in capsys.readouterr().out


@pytest.mark.hours
def test_terminal_and_page_tell_it(told: Told) -> None:
    for said in ("applies for the unified mode", "✗ NET_ASSETS: have 60,000.00 USDT, need 100,000"):
        assert said in told.text
        assert said in (told.folder / "report.html").read_text(encoding="utf-8")
    assert max(len(line) for line in told.text.splitlines()) <= 120
