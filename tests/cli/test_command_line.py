"""Goal: a user's mistake is one line on stderr and exit 2; the output is where it was asked for.

Method: the command line is called in process; the engine is replaced by a made result.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.cli import run as run_module
from simulator.cli.main import run_command
from simulator.cli.scenario import load_scenario, scenario_names
from simulator.cli.strategies import build, strategy_class
from simulator.report.result import RunResult

sys.path.insert(0, str(Path(__file__).parent.parent / "report"))
import made

STRATEGY = """
class Strategy: pass
class Mine(Strategy):
    def __init__(self, size: float = 1.0, name: str = "a") -> None:
        self.size, self.name = size, name
"""


class MadeEngine:
    rows = 10
    now_ns = 0

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def run(self, progress: Callable[[int, int], None] | None) -> RunResult:
        return made.made(self.mode)


def replace_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "make_engine", lambda _s, mode, _k, _p: MadeEngine(mode))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "chrash"], "did you mean crash or flash_crash?"),
        (["run", "nowhere.toml"], "no such file"),
        (["run", "--mode", "unfied"], "separated, unified, both"),
        (["run", "--deposit", "USDT"], "must be key=value"),
        (["run", "--deposit", "USDT=many"], "not a number"),
        (["run", "--deposit", "USDT=-1"], "must be above 0"),
        (["run", "--data", "nowhere.parquet"], "no such file"),
        (["run", "--data", ".", "--strategy", "no_such_thing"], "unknown strategy"),
        (["run", "--data", ".", "--start", "yesterday"], "--start yesterday"),
        (["run", "--data", ".", "--start", "2025-01-02", "--end", "2025-01-01"], "before"),
        (["run", "--png"], "--out"),
        (["run", "--no-such-option"], "No such option"),
        (["walk"], "No such command"),
    ],
)
def test_mistake_is_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(arguments) == 2
    captured = capsys.readouterr()
    last = captured.err.strip().splitlines()[-1]
    assert says in last
    assert last.startswith("unimargin: ")
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_json_is_all_of_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    replace_engine(monkeypatch)
    assert run_command(["run", "--json", "--out", str(tmp_path), "--no-report"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [run["mode"] for run in shown["runs"]] == ["separated", "unified"]
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8")) == shown


def test_table_of_one_mode(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace_engine(monkeypatch)
    assert run_command(["run", "--mode", "unified"]) == 0
    shown = capsys.readouterr().out
    assert "unified" in shown
    assert "separated" not in shown
    assert "note: no data for funding" in shown


def test_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "make_engine", interrupted)
    assert run_command(["run"]) == 130


def test_named_scenarios_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"calm", "crash"} <= set(scenario_names())
    assert all(load_scenario(name).title for name in scenario_names())
    assert run_command(["scenarios"]) == 0
    assert "crash" in capsys.readouterr().out


def test_instruments_of_a_scenario_are_of_its_own_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other data on the command line bring their own; a name that is not there is the user's."""
    path = tmp_path / "mine.toml"
    text = 'data = ["bundled:calm"]\nmode = "unified"\nstrategies = ["market_maker"]\n'
    path.write_text(f'{text}instruments = ["um:BTCUSDT", "um:NONE"]\n', encoding="utf-8")
    assert run_command(["run", str(path)]) == 2
    assert "instrument um:NONE: not on the tapes" in capsys.readouterr().err
    options = ["--end", "2025-06-11T07:31:00Z", "--json"]
    path.write_text(f'{text}instruments = ["spot:BTCUSDT", "um:BTCUSDT"]\n', encoding="utf-8")
    assert run_command(["run", str(path), *options]) == 0
    shown = json.loads(capsys.readouterr().out)["runs"][0]["events"]
    assert run_command(["run", str(path), "--data", "bundled:calm", *options]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["events"] > 2 * shown


def test_wrong_field_of_a_scenario_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('data = ["a"]\nmode = "neither"\n', encoding="utf-8")
    assert run_command(["run", str(path)]) == 2
    assert "mine.toml: mode" in capsys.readouterr().err


def test_parameters_take_the_kind_of_their_default(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(STRATEGY, encoding="utf-8")
    kind = strategy_class(f"{path}:Mine")
    assert build([kind], {"size": "2.5"})[0].size == 2.5
    with pytest.raises(ValueError, match="not a value of kind float"):
        build([kind], {"size": "big"})
    with pytest.raises(ValueError, match="--param size=nan: not a value of kind float"):
        build([kind], {"size": "nan"})
    with pytest.raises(ValueError, match="did you mean size"):
        build([kind], {"siz": "1"})
