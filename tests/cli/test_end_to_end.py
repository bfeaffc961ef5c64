"""Goal: `unimargin run` is right from the command to the figures, whatever a strategy does.

Method: the bundled hour is replayed with small strategies written into a folder; figures are
reckoned again from the fills.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simulator.cli.compiled import compiler
from simulator.cli.main import run_command

STRATEGIES = """
import sys
import time
from simulator import Strategy


class Long(Strategy):
    quantity: float = 0.5

    def on_start(self, ctx):
        self.perp = ctx.market("um:BTCUSDT")
        ctx.transfer("USDT", 90000, "spot", "um")  # nothing where one wallet holds both
        ctx.schedule(after=1.0)

    def on_timer(self, ctx, name):
        ctx.buy(self.perp, self.quantity)


class Fails(Strategy):
    def on_start(self, ctx):
        ctx.schedule(after=60)

    def on_timer(self, ctx, name):
        self.look({})

    def look(self, seen):
        return seen["nothing"]


class FailsAtStart(Strategy):
    def on_start(self, ctx):
        {}["nothing"]


class WrongMarket(Strategy):
    def on_start(self, ctx):
        ctx.market("um:XYZUSDT")


class Waits(Strategy):
    def on_start(self, ctx):
        ctx.schedule(after=60)

    def on_timer(self, ctx, name):
        print("waiting", file=sys.stderr, flush=True)
        time.sleep(3600)


class CannotBeMade(Strategy):
    def __init__(self):
        raise RuntimeError("no way")
"""

SHORT = ("calm", "--start", "2025-06-11T07:50:00Z", "--end", "2025-06-11T08:05:00Z")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(STRATEGIES, encoding="utf-8")
    return path


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run_command(["run", *SHORT, "--json", *arguments]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
def test_figures_follow_from_the_fills(
    mine: Path, rulebook: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ("--strategy", f"{mine}:Long", "--rulebook", rulebook, "--out", str(out))
    document = run_json(capsys, *arguments, "--no-report")
    for run in document["runs"]:
        frames = {
            name: pl.read_parquet(out / run["mode"] / f"{name}.parquet")
            for name in ("fills", "prices", "history")
        }
        fills = frames["fills"]
        assert fills.height == run["fills"] > 0
        last = frames["prices"].filter(pl.col("instrument") == "um:BTCUSDT")["price"][-1]
        signed = fills["side"] * fills["quantity"]
        price = signed.sum() * last - (signed * fills["price"]).sum()
        assert run["pnl"]["price"] == pytest.approx(price, abs=1e-6)
        assert run["pnl"]["fees"] == pytest.approx(-fills["fee"].sum(), abs=1e-6)
        assert run["pnl"]["funding"] != 0
        gained = run["end_equity"] - run["start_equity"]
        assert run["pnl_total"] == pytest.approx(gained, abs=1e-6)
        account = frames["history"].filter(pl.col("pool") == "account")["equity"]
        assert account[0] == run["start_equity"]
        assert account[-1] == pytest.approx(run["end_equity"], abs=1e-6)
        assert frames["history"]["time_ns"][-1] == run["end_ns"]


@pytest.mark.hours
def test_same_command_same_digest(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = [run_json(capsys, "--strategy", f"{mine}:Long") for _ in range(2)]
    first, second = ([run["digest"] for run in document["runs"]] for document in found)
    assert first == second
    assert len(set(first)) == 2


def test_parameter_of_the_class_changes_the_run(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--strategy", f"{mine}:Long", "--mode", "unified")
    whole = run_json(capsys, *arguments)["runs"][0]
    half = run_json(capsys, *arguments, "--param", "quantity=0.25")["runs"][0]
    assert 0 < half["peak_initial_margin"] < whole["peak_initial_margin"]


def test_name_of_the_users_own_data(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", "bundled:calm", "--strategy", f"{mine}:Long", "--mode", "unified"]
    assert run_command(["run", "--json", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["scenario"] == "calm"


@pytest.mark.parametrize("kind", ["Fails", "FailsAtStart"])
@pytest.mark.parametrize("option", [(), ("--compile",)])
def test_fault_of_a_strategy_is_shown_in_its_own_lines(
    mine: Path, kind: str, option: tuple[str, ...], capsys: pytest.CaptureFixture[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("UNIMARGIN_CACHE", str(tmp_path / "cache"))
    assert run_command(["run", *SHORT, "--strategy", f"{mine}:{kind}", *option]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f'File "{mine}"' in captured.err
    assert captured.err.rstrip().endswith("KeyError: 'nothing'")
    assert "simulator" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--strategy", "{mine}:WrongMarket"), "no market um:XYZUSDT; the data have"),
        (("--strategy", "{mine}:CannotBeMade"), "CannotBeMade: cannot be made: RuntimeError"),
        (("--strategy", "{mine}"), "say which class"),
        (("--deposit", "XYZ=5"), "deposit XYZ=5: the data know only"),
        (("--deposit", "USDT=0.000000001"), "at least 0.00000001"),
        (("--deposit", "USDT=1e30"), "at most"),
        (("--latency", "soon"), "latency 'soon'"),
        (("--queue-model", "none"), "queue model 'none'"),
        (("--rulebook", "none"), "rulebook 'none'"),
        (
            ("--start", "2030-01-01"),
            "no rows in the span asked for; the data go from 2025-06-11 07:30:00",
        ),
        (("--param", "nothing=1"), "no strategy has it"),
        (("--out", "{mine}"), "cannot write: is a file, not a folder"),
    ],
)
def test_mistakes_that_only_a_run_finds(
    mine: Path, arguments: tuple[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    option, value = arguments
    given = [option, value.format(mine=mine)]
    if option != "--strategy":
        given += ["--strategy", f"{mine}:Long"]
    assert run_command(["run", "calm", *given]) == 2
    captured = capsys.readouterr()
    assert says in captured.err.splitlines()[-1]
    assert "Traceback" not in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def (:", "line 1"),
        ("1 / 0", "ZeroDivisionError"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
    ],
)
def test_file_that_cannot_be_imported(
    tmp_path: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text, encoding="utf-8")
    assert run_command(["run", "calm", "--strategy", f"{path}:Mine"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"unimargin: strategy {path}: ")
    assert says in last


def test_parquet_without_manifest_is_no_tape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    assert run_command(["run", "--data", str(path)]) == 2
    assert "mine.manifest.json must lie beside it" in capsys.readouterr().err


def test_what_an_import_needs_is_said_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNIMARGIN_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "mine.csv"
    path.write_text("1,100.5,2,3\n", encoding="utf-8")
    assert run_command(["run", "--data", str(path)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "--columns" in last
    assert "data import" in last


@pytest.mark.hours
@pytest.mark.skipif(compiler() is None, reason="no C compiler here")
def test_compiled_strategy_gives_the_same_result_and_is_kept(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNIMARGIN_CACHE", str(tmp_path / "cache"))
    plain = run_json(capsys, "--strategy", f"{mine}:Long")
    digests = []
    said = []
    for _ in range(2):
        assert run_command(
            ["run", *SHORT, "--json", "--strategy", f"{mine}:Long", "--compile"]
        ) == 0  # fmt: skip
        captured = capsys.readouterr()
        digests.append([run["digest"] for run in json.loads(captured.out)["runs"]])
        said.append("compiling mine.py" in captured.err)
    assert digests == [[run["digest"] for run in plain["runs"]]] * 2
    assert said == [True, False]
    assert len(list((tmp_path / "cache" / "compiled").rglob("user_strategy_mine_*"))) == 1


def test_without_a_compiler_the_source_runs(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNIMARGIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("simulator.cli.compiled.compiler", lambda: None)
    arguments = ["--json", "--mode", "unified", "--strategy", f"{mine}:Long", "--compile"]
    assert run_command(["run", *SHORT, *arguments]) == 0
    assert "no C compiler found" in capsys.readouterr().err


def test_ctrl_c_ends_a_run_in_one_line(mine: Path) -> None:
    """In the middle of the run, where a strategy waits: it cannot be over before, nor miss it."""
    command = [sys.executable, "-m", "simulator.cli.main", "run", "crash"]
    with subprocess.Popen(
        [*command, "--strategy", f"{mine}:Waits"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        first = process.stderr.readline()
        assert process.stderr.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert first.startswith("crash: separated and unified")
    assert rest.strip() == "unimargin: interrupted"
