"""Goal: the audit says who was where when, and finds the first step that made or lost something.

Method: the files of a made life, right and then with one figure or state changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl
import pytest

from simulator.cli.main import run_command
from simulator.report.document import document
from simulator.report.files import write_files

sys.path.insert(0, str(Path(__file__).parent.parent / "report"))
import lives
import made


@pytest.fixture
def run(tmp_path: Path) -> Path:
    results = [lives.life()]
    write_files(results, document(results), tmp_path, report=False)
    return tmp_path


def change(run: Path, step: int, column: str, old: str, new: str) -> None:
    """Change text in one step of the file, counted from 1."""
    path = run / "separated" / "account_events.parquet"
    events = pl.read_parquet(path)
    values = events[column].to_list()
    assert old in values[step - 1]
    values[step - 1] = values[step - 1].replace(old, new)
    events.with_columns(pl.Series(column, values, dtype=pl.String)).write_parquet(path)


def test_right_life_agrees(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["audit", str(run)]) == 0
    text = capsys.readouterr().out
    assert "1. 2025-10-09 09:23:20.000000 UTC  Owner  APPLY_FOR_UNIFIED  refused" in text
    assert "✗ NET_ASSETS: have 60,000.00 USDT, need 100,000.00 USDT" in text
    assert "6 steps: the sums of every asset agree before and after each" in text


def test_json_has_exact_sums(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["audit", str(run), "--account", "1", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)["accounts"][0]
    assert one["agree"]
    assert one["events"][3]["sums"]["BTC"]["interest"] == {
        "before": "0.00000002", "after": "0.00000002",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "old", "new", "said"),
    [
        ("balances_after", "120000.5", "120000.49999999",
         "USDT balance: 120000.5 before, 120000.49999999 after"),
        ("balances_after", '"0.5"', '"0.4"', "BTC loan: 0.5 before, 0.4 after"),
        ("balances_before", "0.00000002", "0.00000003", "BTC interest: 0.00000003 before"),
        ("before", "AGREED", "APPLIED", "state: AGREED after the step before, APPLIED here"),
        ("after", "SWITCHING_TO_UNIFIED", "UNIFIED",
         "state: ANSWER_QUESTIONNAIRE does not lead from AGREED to UNIFIED"),
    ],
)  # fmt: skip
def test_first_disagreement_is_named(
    run: Path,
    capsys: pytest.CaptureFixture[str],
    column: str,
    old: str,
    new: str,
    said: str,
) -> None:
    change(run, 4, column, old, new)
    assert run_command(["audit", str(run)]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("step 4 is the first that does not agree:")
    assert said in last
    assert run_command(["audit", str(run), "--json"]) == 1
    assert not json.loads(capsys.readouterr().out)["accounts"][0]["agree"]


def test_refused_step_may_change_nothing(run: Path) -> None:
    change(run, 6, "after", "UNIFIED", "SWITCHING_TO_SEPARATED")
    assert run_command(["audit", str(run)]) == 1


def test_outcomes_follow_from_conditions_and_clock(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run / "separated" / "account_events.parquet"
    right = pl.read_parquet(path)

    def told(step: int, column: str, value: object) -> str:
        values = right[column].to_list()
        values[step - 1] = value
        made = pl.Series(column, values, dtype=right[column].dtype)
        right.with_columns(made).write_parquet(path)
        assert run_command(["audit", str(run)]) == 1
        return capsys.readouterr().out.splitlines()[-1]

    met = right["conditions"][1]
    unmet = right["conditions"][0]
    until = right["suspended_until_ns"][3]
    assert "all are met" in told(1, "conditions", met)
    assert "taken, yet not met: NET_ASSETS" in told(2, "conditions", unmet)
    assert "refuses this with CONDITIONS_NOT_MET" in told(1, "refusal", "NOT_APPLIED")
    assert "before its minutes have passed" in told(5, "time_ns", until - 1)
    assert "before its minutes have passed" in told(4, "suspended_until_ns", until + 1)
    assert "actor: Owner" in told(5, "actor", "Owner")
    moved = right["balances_after"][1].replace('"um"', '"options"')
    assert "moves nothing" in told(2, "balances_after", moved)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("before", "RICH"), ("after", ""), ("step", "FLY"), ("refusal", "BECAUSE"),
        ("conditions", "{"), ("conditions", '[{"name": "KYC"}]'),
        ("balances_before", '{"spot": {"USDT": ["many", "0", "0"]}}'),
        ("balances_after", '{"spot": {"USDT": ["1"]}}'), ("balances_after", "[]"),
    ],
)  # fmt: skip
def test_values_that_no_run_writes_are_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], column: str, value: str
) -> None:
    path = run / "separated" / "account_events.parquet"
    events = pl.read_parquet(path)
    values = events[column].to_list()
    values[2] = value
    events.with_columns(pl.Series(column, values, dtype=pl.String)).write_parquet(path)
    assert run_command(["audit", str(run)]) == 2
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 1
    assert f"step 3, {column}:" in err[0]


def test_run_without_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = made.both()
    write_files(results, document(results), tmp_path, report=False)
    assert run_command(["audit", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("no step between the modes was asked for") == 2


def test_an_account_that_there_is_not(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["audit", str(run), "--account", "2"]) == 2
    assert "has no such account; it has 1" in capsys.readouterr().err
