"""Goal: ``unimargin rulebook`` lists rulebooks and prints every value with its source.

Method: the sub-application run in process; JSON read back.
"""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from simulator.cli.rulebook import app
from simulator.errors import InputError
from simulator.rulebook.load import load, names

RUNNER = CliRunner()


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
