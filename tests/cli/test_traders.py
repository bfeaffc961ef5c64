"""Goal: accounts that trade side by side are named in a scenario file and on the command line, and
each is told of apart; every mistake is one line.

Method: the command itself, on a stretch of the bundled crash.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.cli.main import run_command
from simulator.cli.scenario import load_scenario
from simulator.cli.traders import parsed

SHORT = ("--end", "1760283300000000000")
"""Five minutes of the bundled crash."""

BASE = 'data = ["bundled:crash"]\nmode = "separated"\nstrategies = ["cash_and_carry"]\n'
BOB = BASE + '[[traders]]\nname = "bob"\n'
MINE = "from simulator import Strategy\n\n\nclass Mine(Strategy):\n    pass\n"


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run_command(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out, err = output(capsys, "run", *arguments, *SHORT, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_scenario_that_is_shipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = told(capsys, "side_by_side", "--out", str(tmp_path), "--no-report")
    (run,) = document["runs"]
    first, pooled = run["accounts"]
    assert [(one["number"], one["name"], one["mode"]) for one in (first, pooled)] == [
        (1, "first", "separated"),
        (2, "pooled", "unified"),
    ]
    assert first["start_equity"] == pooled["start_equity"] == 100_000
    assert {name: run[name] for name in first if name in run} == {
        name: value for name, value in first.items() if name in run
    }
    assert first["rejections"] == {"INSUFFICIENT_BALANCE": 1}
    assert pooled["rejections"] == {}
    assert pooled["peak_initial_margin"] < first["peak_initial_margin"] / 1000
    for one in (first, pooled):
        assert one["pnl_total"] == pytest.approx(one["end_equity"] - one["start_equity"])
        assert (tmp_path / one["place"] / "fills.parquet").is_file()
    assert json.loads((tmp_path / "run.json").read_text()) == document


def test_options_are_the_file_in_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "both.toml"
    path.write_text(BOB + 'mode = "unified"\nstrategies = ["grid"]\n')
    of_file = told(capsys, str(path))["runs"][0]
    path.write_text(BASE)
    of_option = told(capsys, str(path), "--trader", "bob=grid@unified")["runs"][0]
    assert of_file["digest"] == of_option["digest"]
    assert of_file["accounts"][1]["fills"] == of_option["accounts"][1]["fills"] > 0
    alone = told(capsys, str(path))["runs"][0]
    assert alone["accounts"] == []
    assert alone["digest"] != of_file["digest"]


def test_the_tables_have_a_line_and_a_column(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = output(
        capsys, "run", "side_by_side", "--trader", "idle=grid@separated", *SHORT
    )
    assert code == 0
    assert "3 accounts side by side" in err
    lines = [line.split()[:3] for line in out.splitlines() if line.split()]
    assert ["pooled", "unified", "CashAndCarry"] in lines
    assert ["idle", "separated", "Grid"] in lines
    assert "first separated" in out
    assert "pooled unified" in out


def test_two_runs_of_two_accounts_are_told_without_a_figure_cut(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = output(capsys, "run", "crash", "--trader", "maker=grid@unified", *SHORT)
    assert code == 0
    assert "\N{HORIZONTAL ELLIPSIS}" not in out
    (digests,) = (line.split()[1:] for line in out.splitlines() if line.split()[:1] == ["Digest"])
    assert [len(digest) for digest in digests] == [16] * 4


@pytest.mark.hours
def test_an_account_with_parameters_of_its_own_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, place = tmp_path / "run.toml", str(tmp_path / "runs.db")
    path.write_text(BOB + 'strategies = ["market_maker"]\n[traders.parameters]\nsize = "0.01"\n')
    assert output(capsys, "run", str(path), *SHORT, "--no-report", "--db", place)[0] == 0
    code, out, err = output(capsys, "verify", place, "1")
    assert code == 0, err
    assert "played again every row is the same" in out


def test_what_is_left_out_is_the_scenarios() -> None:
    setting = load_scenario("side_by_side")
    (pooled,) = setting.traders
    assert (pooled.strategies, pooled.deposits, pooled.parameters) == ((), {}, {})
    assert (parsed("a=grid").mode, parsed("a=grid@unified").mode) == ("", "unified")
    assert parsed("a=b@c/my.py:Mine@separated").strategies == ("b@c/my.py:Mine",)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("bob", "--trader bob: must be NAME=STRATEGY[,STRATEGY][@MODE]"),
        ("bob=", "--trader bob=: must be NAME=STRATEGY"),
        ("bob=grid@both", "MODE separated or unified"),
        ("first=grid", "name 'first': is what the run's own account is called"),
        ("../x=grid", "name '../x': must be at most 40 letters"),
        ("bob=gird", "unknown strategy 'gird'; did you mean grid?"),
        ("bob=none.py:Mine", "strategy none.py: no such file"),
    ],
)
def test_mistakes_in_the_option(capsys: pytest.CaptureFixture[str], option: str, said: str) -> None:
    code, out, err = output(capsys, "run", "calm", "--trader", option)
    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]
    assert err.count("unimargin: ") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOB + '[[traders]]\nname = "bob"\n', "name 'bob' comes twice"),
        (BASE + "[[traders]]\n", "name"),
        (BASE + '[traders]\nname = "bob"\n', "accounts are tables in two pairs of brackets, [[tra"),
        (BOB + 'mode = "both"\n', "mode: Input should be 'separated' or 'unified'"),
        (BOB + 'strategies = "grid"\n', "strategies: must be a list"),
        (
            BOB + 'strategies = ["grid"]\n[traders.parameters]\nlevels = "x"\n',
            "trader bob: parameter levels=x: not a value of kind int",
        ),
        (BOB + "size = 1\n", "size"),
        (BOB + "[traders.deposits]\nUSDT = -1\n", "deposits"),
        (BOB + '[traders.parameters]\nsiez = "1"\n', "trader bob: parameter siez: no strategy"),
        (
            BOB + '[[people]]\nname = "a"\nshare = 1.0\nwealth = {law = "fixed", value = 1}\n',
            "peopl",
        ),
        (BOB + 'strategies = ["mine.py:Mine"]\n', "is code, and is loaded only when"),
        (BOB + "strategies = []\n", "traders 1 (bob): strategies: name at least one, or leave"),
        (
            BOB.replace('["cash_and_carry"]', "[]")
            + '[[life]]\nat = "00:01:00"\ndo = "deposit"\nasset = "USDT"\nquantity = 1\n',
            "traders: bob: name its strategies, the scenario has none",
        ),
    ],
)
def test_mistakes_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    (tmp_path / "mine.py").write_text(MINE)
    code, out, err = output(capsys, "run", str(path), *SHORT)
    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]


def test_a_path_of_the_file_is_loaded_where_the_option_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.toml"
    path.write_text(BOB + 'strategies = ["mine.py:Mine"]\n[traders.deposits]\nUSDT = 7\n')
    (tmp_path / "mine.py").write_text(MINE)
    own = f"bob={tmp_path}/mine.py:Mine"
    bob = told(capsys, str(path), "--trader", own)["runs"][0]["accounts"][1]
    assert (bob["strategies"], bob["start_equity"], bob["mode"]) == (["Mine"], 7.0, "separated")


def test_not_beside_a_population_nor_with_least_capital(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for arguments, said in (
        (
            ("flash_crash", "--trader", "bob=grid"),
            "--trader: beside a population one account trades: --strategy NAME",
        ),
        (("side_by_side", "--least-capital"), "without population, traders and variants"),
    ):
        code, _, err = output(capsys, "run", *arguments)
        assert (code, err.count("\n")) == (2, 1)
        assert said in err
