"""Goal: ``unimargin rulebook`` lists rulebooks and prints every value with its source.

Method: the sub-application run in process; JSON read back.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulator.cli.rulebook import app
from simulator.errors import InputError
from simulator.rulebook.load import FOLDER, load, names

RUNNER = CliRunner()
PAGES = Path(__file__).parents[2] / "docs" / "rules"


def test_list() -> None:
    result = RUNNER.invoke(app, ["list"])
    assert result.exit_code == 0
    assert result.stdout.split()[0] == "textbook"
    rows = json.loads(RUNNER.invoke(app, ["list", "--json"]).stdout)
    assert [row["name"] for row in rows] == names()


@pytest.mark.parametrize("name", names())
def test_show_prints_every_figure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = RUNNER.invoke(app, ["show", name])
    assert result.exit_code == 0
    rulebook = load(name)
    assert all(figure.path in result.stdout for figure in rulebook.figures())
    assert all(f"{key} ({s.sure})" in result.stdout for key, s in rulebook.sources.items())


@pytest.mark.parametrize("name", names())
def test_show_as_json(name: str) -> None:
    document = json.loads(RUNNER.invoke(app, ["show", name, "--json"]).stdout)
    assert document["name"] == name
    by_path = {figure["path"]: figure for figure in document["figures"]}
    liquidation = by_path["unified.ladder.liquidation"]
    assert set(liquidation) == {"path", "value", "source", "sure"}
    expected = {"textbook": "1", "binance": "1.05"}
    assert name not in expected or liquidation["value"]["at"] == expected[name]


def test_an_unknown_name_is_the_users_error() -> None:
    result = RUNNER.invoke(app, ["show", "binanse"])
    assert isinstance(result.exception, InputError)


@pytest.mark.parametrize("name", names())
def test_show_says_what_is_not_known(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    shown = RUNNER.invoke(app, ["show", name]).stdout
    document = json.loads(RUNNER.invoke(app, ["show", name, "--json"]).stdout)
    assert document["gaps"] == list(load(name).gaps)
    assert all(gap in shown for gap in load(name).gaps)
    assert name == "textbook" or load(name).gaps


@pytest.mark.parametrize("name", names())
def test_the_page_of_a_rulebook_is_as_its_file(name: str) -> None:
    """Written anew by: unimargin rulebook show NAME --markdown > docs/rules/NAME.md"""
    made = RUNNER.invoke(app, ["show", name, "--markdown"]).stdout
    assert (PAGES / f"{name}.md").read_text("utf-8") == made


def test_nothing_is_cut_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    shown = RUNNER.invoke(app, ["diff", "textbook", "okx_pm"]).stdout
    assert "separated.ladder.ratio_name" in shown
    assert "…" not in shown + RUNNER.invoke(app, ["show", "binance"]).stdout


def test_diff_prints_both_values_and_how_sure_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    text = RUNNER.invoke(app, ["diff", "textbook", "binance"]).stdout
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert lines["unified.ladder.liquidation"][1:] == ["<=", "1", "read", "<=", "1.05", "read"]
    assert lines["loans.default_leverage"][1:] == ["3", "inferred"]
    assert "funding.interval_hours" not in lines
    assert "brackets.um.BTCUSDT.12" in lines


def test_diff_as_json() -> None:
    document = json.loads(RUNNER.invoke(app, ["diff", "textbook", "binance", "--json"]).stdout)
    assert (document["a"], document["b"]) == ("textbook", "binance")
    by_path = {row["path"]: row for row in document["differences"]}
    target = by_path["unified.ladder.target"]
    assert (target["a"]["value"], target["a"]["sure"]) == ("1.5", "chosen")
    assert (target["b"]["value"], target["b"]["sure"]) == ("1.05", "read")
    assert by_path["loans.default_leverage"]["a"] is None


def test_diff_of_a_rulebook_with_itself_is_empty() -> None:
    path = str(FOLDER / "binance.toml")
    assert (
        json.loads(RUNNER.invoke(app, ["diff", path, "binance", "--json"]).stdout)["differences"]
        == []
    )
    assert (
        "binance and binance have the same values"
        in RUNNER.invoke(app, ["diff", "binance", path]).stdout
    )


def test_diff_leaves_equal_rows_of_a_table_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    text = (FOLDER / "okx_pm.toml").read_text("utf-8").replace("factor = 12", "factor = 13")
    mine = tmp_path / "mine.toml"
    mine.write_text(text, "utf-8")
    shown = RUNNER.invoke(app, ["diff", "okx_pm", str(mine)]).stdout
    assert re.findall(r"^scenario\S+", shown, re.MULTILINE) == ["scenario.components.MR7.tiers.7"]
