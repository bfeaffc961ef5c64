"""Goal: ``unimargin margin`` prints one JSON document or tables, and fails in one line.

Method: run the command in this process on documents of docs/examples.
"""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest

from simulator import margin
from simulator.cli.main import run_command
from tests.house.tree import ROOT

EXAMPLES = ROOT / "docs" / "examples"
LESSON = str(EXAMPLES / "lesson-um.yaml")

Capture = pytest.CaptureFixture[str]


def printed(capsys: Capture, *arguments: str) -> Any:
    assert run_command(["margin", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_report_as_json(capsys: Capture) -> None:
    assert printed(capsys, LESSON) == margin(LESSON)
    assert printed(capsys, LESSON, "--mode", "separated")["mode"] == "separated"
    assert printed(capsys, LESSON, "--rulebook", "binance")["rulebook"] == "binance"
    explained = printed(capsys, LESSON, "--explain")["explain"]
    assert [pool["pool"] for pool in explained] == ["unified"]


def test_standard_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path(LESSON).read_text(encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert printed(capsys, "-") == margin(LESSON)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_tables_show_every_pool(path: Path, capsys: Capture) -> None:
    assert run_command(["margin", str(path), "--explain"]) == 0
    text = capsys.readouterr().out
    report = margin(path)
    for pool in report.pools:
        assert f"Pool {pool.pool}" in text
        assert pool.level in text
    assert "Sources" in text


def test_compare(capsys: Capture) -> None:
    made = printed(
        capsys, LESSON, "--compare", "separated,unified", "--rulebook", "textbook,binance"
    )
    assert len(made["comparison"]) == 4
    assert printed(capsys, LESSON, "--rulebook", "textbook,binance")["comparison"][0]["mode"] == (
        "unified"
    )
    assert run_command(["margin", LESSON, "--compare", "separated,unified"]) == 0
    assert "Pool unified" in capsys.readouterr().out


def test_what_if(capsys: Capture) -> None:
    made = printed(capsys, LESSON, "--what-if", "BTC=-3%,corr=0")
    assert made["before"] == margin(LESSON)
    assert made["after"]["pools"][0]["level"] == "LIQUIDATION"
    assert run_command(["margin", LESSON, "--what-if", "BTC=-3%"]) == 0
    assert "-1,500.00" in capsys.readouterr().out


def test_surface(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "ratio.png"
    made = printed(capsys, LESSON, "--surface", "BTC", "--out", str(path), "--span", "10%")
    assert made["file"] == str(path)
    assert path.stat().st_size > 10_000


WRONG = [
    (["nothing.yaml"], "nothing.yaml: no such file"),
    ([LESSON, "--mode", "both"], "mode 'both': must be separated or unified"),
    ([LESSON, "--rulebook", "binanze"], "did you mean 'binance'?"),
    ([LESSON, "--compare", "unified", "--explain"], "--compare and --explain: give one of them"),
    ([LESSON, "--what-if", "BTC"], "write it as BTC=-10%"),
    ([LESSON, "--surface", "XRP"], "no such asset"),
    ([LESSON, "--rulebook", "textbook,binance", "--explain"], "several only with --compare"),
    ([], "Missing argument 'document'"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[text for _, text in WRONG])
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: Capture) -> None:
    assert run_command(["margin", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def reference_second() -> float:
    """Return the processor time, s, of what takes about a second where the promise was made."""
    started = time.process_time()
    sum(n * n for n in range(2_000_000))
    return 8 * (time.process_time() - started)


def test_ten_positions_with_options_take_less_than_a_second() -> None:
    index = {"USDT": 1, "BTC": 50000, "ETH": 3000, "SOL": 150}
    quantities = {
        "BTCUSDT": 2,
        "BTCUSDT_261225": -1.5,
        "ETHUSDT": -20,
        "SOLUSDT": 100,
        "BTCUSD_PERP": -300,
        "ETHUSD_PERP": 500,
        "BTC-261225-50000-C": -1,
        "BTC-261225-45000-P": -2,
        "ETH-261225-3500-C": -10,
        "ETH-261225-2500-P": 5,
    }
    document = {
        "time": "2026-11-22T00:00:00Z",
        "prices": {"index": index},
        "volatility": {"BTC": 0.55, "ETH": 0.7},
        "balances": {"um": {"USDT": 100000}, "cm": {"BTC": 1, "ETH": 5}, "spot": {"BTC": 0.5}},
        "positions": [{"instrument": name, "quantity": q} for name, q in quantities.items()],
    }
    margin(document)  # reads the rulebook
    second = reference_second()
    started = time.process_time()
    report = margin(document)
    assert time.process_time() - started < second
    assert len(report.pools[0].positions) == 10
