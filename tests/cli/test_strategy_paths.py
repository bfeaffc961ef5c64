"""Goal: code runs only when the command line names its file; data files and folders run nothing.

Method: a strategy that leaves a mark when it is imported, named by scenario files in every way;
files with the names of our libraries in the folder that a command is called from.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import replay_data
from simulator.cli.main import run_command
from simulator.cli.strategies import check_named
from simulator.errors import InputError
from simulator.replay.player import Player
from tests.conftest import ROOT

SECOND = 10**9
CODE = """
from pathlib import Path
from simulator import Strategy

Path({mark!r}).touch()


class Mine(Strategy):
    def on_start(self, ctx):
        pass
"""
SCENARIO = """
data = ["bundled:calm"]
instruments = ["spot:BTCUSDT", "um:BTCUSDT"]
start = "{start}"
end = "{end}"
mode = "separated"
"""


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Return a file that appears when ``tmp_path/mine.py`` is imported."""
    found = tmp_path / "imported"
    (tmp_path / "mine.py").write_text(CODE.format(mark=str(found)), encoding="utf-8")
    return found


def scenario(folder: Path, more: str) -> Path:
    first = Player([replay_data.path("calm")]).span[0]
    path = folder / "given.toml"
    text = SCENARIO.format(start=first, end=first + 10 * SECOND) + more
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "more",
    [
        'strategies = ["mine.py:Mine"]',
        'strategies = ["mine.py"]',
        'strategies = ["cash_and_carry", "{folder}/mine.py:Mine"]',
        '[[variants]]\nname = "a"\n[[variants]]\nname = "b"\nstrategies = ["mine.py:Mine"]',
    ],
)
def test_a_scenario_cannot_have_code_loaded(
    more: str, mark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario(tmp_path, more.replace("{folder}", str(tmp_path)))
    assert run_command(["run", str(path), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (last,) = [line for line in captured.err.splitlines() if line.startswith("unimargin: ")]
    assert f"{tmp_path}/mine.py" in last
    assert "--strategy" in last
    assert not mark.exists()


def test_the_line_says_what_to_add_and_that_runs(
    mark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario(tmp_path, 'strategies = ["cash_and_carry", "mine.py:Mine"]')
    assert run_command(["run", str(path), "--json"]) == 2
    said = capsys.readouterr().err
    added = said[said.index("--strategy") :].split()
    assert added == ["--strategy", "cash_and_carry", "--strategy", f"{tmp_path}/mine.py:Mine"]
    assert run_command(["run", str(path), "--json", *added]) == 0
    assert mark.exists()


def test_what_a_scenario_names_is_no_leave_for_another_file(mark: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is code"):
        check_named(["mine.py:Mine"], ["yours.py:Mine", "mine.py:Other"], "run 3")
    check_named(["mine.py:Mine", "grid"], ["mine.py:Mine"], "run 3")


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """Return a folder with files named as our libraries, which leave a mark."""
    folder = tmp_path / "traps"
    folder.mkdir()
    for name in ("polars", "numpy", "cython", "Cython", "json", "simulator", "strategies", "typer"):
        mark = f"import pathlib\npathlib.Path({str(folder / 'sprung')!r}).touch()\n"
        (folder / f"{name}.py").write_text(mark, encoding="utf-8")
    return folder


def command(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Call the command line from a folder as the installed script does: the folder on no path."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import simulator.cli.main as m; m.main()"
    )
    environment = {**os.environ, "UNIMARGIN_CACHE": str(folder.parent / "cache")}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_folder_of_the_data_runs_nothing(traps: Path) -> None:
    """Parquet tables are read in a process of their own, which must not look into the folder."""
    times = [1_700_000_000_000_000_000 + number * SECOND for number in range(5)]
    frame = pl.DataFrame({"when": times, "cost": [1.0] * 5, "amount": [2.0] * 5})
    frame.write_parquet(traps / "trades.parquet")
    columns = "time=when,price=cost,quantity=amount"
    options = ["--columns", columns, "--instrument", "um:BTCUSDT", "--kind", "trades"]
    done = command(["data", "import", "trades.parquet", "--out", "tape.parquet", *options], traps)
    assert done.returncode == 0, done.stderr
    assert (traps / "tape.parquet").is_file()
    assert not (traps / "sprung").exists()


@pytest.mark.slow
def test_the_folder_of_a_strategy_runs_nothing_else(traps: Path) -> None:
    (traps / "plain.py").write_text(CODE.format(mark=str(traps / "plain")), encoding="utf-8")
    path = scenario(traps, "")
    mine = ["--strategy", "plain.py:Mine", "--compile", "--json"]
    done = command(["run", path.name, *mine], traps)
    assert done.returncode == 0, done.stderr
    assert (traps / "plain").exists()
    assert not (traps / "sprung").exists()
