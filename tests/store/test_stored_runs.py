"""Goal: runs of the command line are kept, gone on with and checked as the manual says.

Method: the commands themselves, on small runs; some are killed by a strategy that ends the process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import replay_data
from simulator.cli.main import run_command
from simulator.cli.stored import scenario_again
from simulator.market.manifest import manifest_path
from simulator.store.database import Database
from tests.house.tree import ROOT
from tests.store.writing import wait_for_writer

SHORT = ("--end", "1760283600000000000")
"""A stretch of the bundled crash that takes a second or two."""

KILLED = '''
import os, signal
from simulator import Strategy

class Grid(Strategy):
    """Trades on a timer, and ends its process where a file says so."""

    def on_start(self, ctx):
        self.times = 0
        ctx.schedule(every=1.0)

    def on_timer(self, ctx, name):
        self.times += 1
        market = ctx.market("um:BTCUSDT")
        if market.mid:
            ctx.buy(market, 0.01) if self.times % 2 else ctx.sell(market, 0.01)
        if self.times == 450 and os.path.exists("end.txt"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.times == 450 and os.path.exists("raise.txt"):
            raise RuntimeError("a mistake")
'''


def ran(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "simulator.cli.main", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run_command(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_every_run_of_a_command_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "runs.db")
    code, out, err = output(capsys, "run", "crash", *SHORT, "--db", place, "--json")
    assert code == 0, err
    runs = json.loads(out)["runs"]
    assert [(one["mode"], one["run_id"]) for one in runs] == [("separated", 1), ("unified", 2)]
    assert "run 1 in " in err
    rows = Database.open(place).runs()
    assert [row["digest"] for row in rows] == [one["digest"] for one in runs]
    assert [row["scenario"] for row in rows] == ["crash", "crash"]
    for one in runs:
        code, out, err = output(capsys, "verify", place, str(one["run_id"]), "--json")
        assert code == 0, err
        found = json.loads(out)
        assert (found["verified"], found["digest"]) == (True, one["digest"])
    code, out, _ = output(capsys, "verify", place, "2")
    assert code == 0
    assert "played again every row is the same" in out


def test_a_run_without_database_has_no_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = output(capsys, "run", "crash", *SHORT, "--mode", "unified", "--json")
    assert code == 0
    assert json.loads(out)["runs"][0]["run_id"] is None


def own(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "mine.py").write_text(KILLED)
    chosen = ("--strategy", "mine.py:Grid", "--mode", "unified", "--deposit", "USDT=20000")
    return ran(folder, "run", "crash", *chosen, *SHORT, "--json", *arguments)


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    whole = own(tmp_path)
    assert whole.returncode == 0, whole.stderr
    (tmp_path / "end.txt").touch()
    killed = own(tmp_path, "--db", "runs.db")
    assert killed.returncode == -9
    (tmp_path / "end.txt").unlink()
    wait_for_writer(str(tmp_path / "runs.db"))
    code = ran(tmp_path, "resume", "runs.db", "1")
    assert (code.returncode, code.stdout) == (2, "")
    assert f"add --strategy {tmp_path / 'mine.py'}:Grid" in code.stderr
    batches = Database.open(tmp_path / "runs.db").batches(1)
    assert batches[-1]["tape_rows"] > 0, "it was killed after something was durable"
    again = ran(tmp_path, "resume", "runs.db", "1", "--strategy", "mine.py:Grid", "--json")
    assert again.returncode == 0, again.stderr
    assert f"{batches[-1]['tape_rows']:,} of " in again.stderr
    documents = [json.loads(one.stdout)["runs"][0] for one in (whole, again)]
    differ = {name for name in documents[0] if documents[0][name] != documents[1][name]}
    assert differ <= {"wall_seconds", "events_per_second", "run_id"}
    assert documents[1]["run_id"] == 1
    assert ran(tmp_path, "verify", "runs.db", "1").returncode == 0


def test_a_killed_run_of_two_accounts_goes_on(tmp_path: Path) -> None:
    two = ("side_by_side", "--trader", "mine=mine.py:Grid@separated", *SHORT)
    (tmp_path / "mine.py").write_text(KILLED)
    whole = json.loads(ran(tmp_path, "run", *two, "--json").stdout)["runs"][0]
    (tmp_path / "end.txt").touch()
    assert ran(tmp_path, "run", *two, "--db", "runs.db").returncode < 0
    (tmp_path / "end.txt").unlink()
    wait_for_writer(str(tmp_path / "runs.db"))
    again = ran(tmp_path, "resume", "runs.db", "1", "--strategy", "mine.py:Grid", "--json")
    assert again.returncode == 0, again.stderr
    found = json.loads(again.stdout)["runs"][0]
    assert found["digest"] == whole["digest"]
    assert [one["name"] for one in found["accounts"]] == ["first", "pooled", "mine"]
    figures = [[one[name] for name in ("mode", "fills", "pnl", "worst_ratio")]
               for run in (found, whole) for one in run["accounts"]]  # fmt: skip
    assert figures[:3] == figures[3:]
    checked = ran(tmp_path, "verify", "runs.db", "1")
    assert checked.returncode == 0, checked.stderr
    database = Database.open(tmp_path / "runs.db")
    with database.reading() as connection:
        pools = connection.exec_driver_sql(
            "select distinct name from margin_history join names on number = pool"
            " and kind = 'pool' where pool < 0"
        )
        assert {name for (name,) in pools} == {"account", "pooled", "mine"}
    database.close()


def test_a_strategy_that_fails_leaves_a_run_that_goes_on(tmp_path: Path) -> None:
    (tmp_path / "raise.txt").touch()
    failed = own(tmp_path, "--db", "runs.db")
    assert failed.returncode == 1
    assert "a mistake" in failed.stderr
    database = Database.open(tmp_path / "runs.db")
    assert database.run_row(1)["status"] == "failed"
    (tmp_path / "raise.txt").unlink()
    again = ran(tmp_path, "resume", "runs.db", "1", "--strategy", "mine.py:Grid", "--json")
    assert again.returncode == 0, again.stderr
    assert database.run_row(1)["status"] == "done"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("resume", "none.db", "1"), "none.db: no such file"),
        (("verify", "none.db", "1"), "none.db: no such file"),
        (("run", "--db", "no/such/runs.db"), "no such folder"),
        (("run", "--db", "mysql://me@host/runs"), "no kind of database that is known"),
        (("verify", "{place}", "7"), "no run 7; there are: 1"),
        (("resume", "{place}", "1"), "run 1 is done; `unimargin verify` checks it"),
    ],
)
def test_mistakes_are_one_line(
    done: str, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = output(capsys, *(one.format(place=done) for one in arguments))
    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = str(tmp_path_factory.mktemp("done") / "runs.db")
    assert run_command(["run", "crash", *SHORT, "--mode", "separated", "--db", place]) == 0
    return place


def test_populations_and_made_markets_are_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "runs.db")
    assert run_command(["run", "fund_runs_dry", "--accounts", "200", "--db", place]) == 0
    assert len(Database.open(place).runs()) >= 2
    capsys.readouterr()
    code, out, err = output(capsys, "verify", place, "2")
    assert code == 0, err
    assert "balances of" in out


def test_other_data_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same rows in other bytes: it cannot be known that they are the same."""
    tape = replay_data.path("calm")
    mine, place = tmp_path / "mine.parquet", str(tmp_path / "runs.db")
    shutil.copy(tape, mine)
    shutil.copy(manifest_path(tape), manifest_path(mine))
    command = ["run", "--data", str(mine), "--mode", "unified", "--end", "1749627060000000000"]
    assert run_command([*command, "--db", place]) == 0
    capsys.readouterr()
    other = tmp_path / "other.parquet"  # not into a file that is being read
    pl.read_parquet(mine).write_parquet(other, compression_level=2)
    other.replace(mine)
    code, _, err = output(capsys, "verify", place, "1")
    assert code == 1
    assert "mine.parquet: not the bytes that the run had" in err


def test_a_journal_of_before_told_no_strategies_as_an_empty_list() -> None:
    """Those are the scenario's, as they are where the journal leaves them out."""
    kept = {"path": "mine.toml", "text": 'data = ["bundled:calm"]\n'}
    found = []
    own: tuple[dict[str, list[str]], ...] = ({}, {"strategies": []})
    for strategies in own:
        traders = [{"name": "bob", "mode": "unified", **strategies}]
        scenario = {**kept, "changes": {"traders": traders}}
        told = {"scenario": scenario, "variant": "", "quiet": False}
        found.append(scenario_again(told).traders)
    assert found[0] == found[1]
    assert found[0][0].strategies == ()
