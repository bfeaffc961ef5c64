"""Goal: ``unimargin advise`` prints one JSON document or tables of 80 columns; errors are one line.

Method: run the command in this process on documents of docs/examples.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from simulator import advise
from simulator.cli.main import run_command
from tests.house.tree import ROOT

EXAMPLES = ROOT / "docs" / "examples"
PAIR = str(EXAMPLES / "lesson-cm.yaml")

Capture = pytest.CaptureFixture[str]


def printed(capsys: Capture, *arguments: str) -> Any:
    assert run_command(["advise", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_advice_as_json(capsys: Capture) -> None:
    assert printed(capsys, PAIR) == advise(PAIR)
    assert printed(capsys, PAIR, "--rulebook", "binance")["rulebook"] == "binance"
    new = printed(capsys, PAIR, "--profile", "kyc=basic, age_days=3")
    assert new["verdict"]["code"] == "practise_separated"
    assert new == advise(PAIR, profile={"kyc": "basic", "age_days": 3})


def test_standard_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(Path(PAIR).read_text(encoding="utf-8")))
    assert printed(capsys, "-") == advise(PAIR)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_tables_fit_80_columns_and_say_all(path: Path, capsys: Capture) -> None:
    assert run_command(["advise", str(path)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    flat = " ".join(text.split())
    advice = advise(path)
    assert " ".join(advice.verdict.says.split()) in flat
    for reason in advice.verdict.reasons:
        assert " ".join(reason.says.split()) in flat
    for shock in advice.shocks:
        assert shock.shock in text
    for condition in advice.eligibility.conditions:
        assert condition.name in text


def test_a_large_account_fits_too(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text(
        "prices: {index: {USDT: 1, BTC: 50000}}\n"
        "balances: {spot: {BTC: 2000}, um: {USDT: 30000000}}\n"
        "positions: [{instrument: BTCUSDT, quantity: -1500}]\n"
    )
    assert run_command(["advise", str(path)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text


WRONG = [
    (["nothing.yaml"], "nothing.yaml: no such file"),
    ([PAIR, "--rulebook", "binanze"], "did you mean 'binance'?"),
    ([PAIR, "--profile", "age_days"], "write it as kyc=advanced,age_days=400"),
    ([PAIR, "--profile", "age_days=3,age_days=4"], "stands twice"),
    ([PAIR, "--profile", "age_days=soon"], "must be a whole number"),
    ([PAIR, "--profile", "height=2"], "unknown; there are kyc, age_days"),
    ([], "Missing argument 'DOCUMENT|RUN'"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[text for _, text in WRONG])
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: Capture) -> None:
    assert run_command(["advise", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_a_folder_without_a_run_is_said_so(tmp_path: Path, capsys: Capture) -> None:
    assert run_command(["advise", str(tmp_path)]) == 2
    assert "no run here (no run.json)" in capsys.readouterr().err
