"""Goal: a run with a population tells what the engine did: frames agree with each other, with the
ledger and with what is printed, with feedback and without.

Method: a made market of ten minutes that falls by a quarter within seconds into thin books, so that
the fund is not enough; two types of account, both modes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from simulator.cli.frame import app
from simulator.report.cascade_result import (
    CALLS,
    CLOSINGS,
    CORRELATIONS,
    FAN,
    FUND,
    GROUPS,
    HEAT,
    HEDGES,
    LEGS,
    PATHS,
    STAGES,
)

pytestmark = pytest.mark.hours

TEXT = """
seed = 4
mode = "both"
accounts = 300

[market]
start = 2025-10-10T20:50:00Z
length = 00:10:00
instruments = ["spot:BTCUSDT", "um:BTCUSDT"]
source = "chosen for this test"

[market.paths.BTC]
first = 100_000
knots = [["00:00:00", 1.0], ["00:05:57", 0.97], ["00:06:00", 0.75], ["00:10:00", 0.8]]

[[people]]
name = "longs"
share = 0.7
wealth = {law = "pareto", least = 1_000, alpha = 1.3, most = 100_000}
collateral = {USDT = 0.6, BTC = 0.4}
instruments = ["um:BTCUSDT"]
leverage = {law = "uniform", least = 2, most = 9}

[[people]]
name = "shorts"
share = 0.3
side = "short"
wealth = {law = "pareto", least = 1_000, alpha = 1.3, most = 100_000}
instruments = ["um:BTCUSDT"]
leverage = {law = "uniform", least = 2, most = 9}

[impact]
depth = 500_000

[insurance_fund]
balance = {USDT = 5_000}
"""
SCHEMAS: dict[str, Any] = {
    "closings": CLOSINGS, "calls": CALLS, "groups": GROUPS, "fund": FUND, "fan": FAN,
    "heat": HEAT, "paths": PATHS, "legs": LEGS, "hedges": HEDGES, "correlations": CORRELATIONS,
}  # fmt: skip
OF_HEDGES = ("legs", "hedges", "correlations")
"""Frames that hold nothing where nobody is hedged."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the scenario once, with all its files."""
    made = tmp_path_factory.mktemp("cascade")
    path = made / "made.toml"
    path.write_text(TEXT)
    found = CliRunner().invoke(
        app, ["run", str(path), "--out", str(made / "out"), "--no-report"],
        env={"UNIMARGIN_CACHE": str(made / "cache"), "COLUMNS": "80"},
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    (made / "out" / "said.txt").write_text(found.output)
    return made / "out"


def frames(folder: Path, mode: str, twin: str = "cascade") -> dict[str, pl.DataFrame]:
    return {name: pl.read_parquet(folder / mode / twin / f"{name}.parquet") for name in SCHEMAS}


def cascade(folder: Path, mode: str) -> dict[str, Any]:
    runs = json.loads((folder / "run.json").read_text())["runs"]
    found: dict[str, Any] = next(run for run in runs if run["mode"] == mode)["cascade"]
    return found


def test_every_frame_has_its_columns(folder: Path) -> None:
    """Without feedback there is what some picture or figure shows: no fan, no map."""
    spared: dict[str, set[str]] = {"cascade": set(), "without_feedback": {"fan", "heat"}}
    for twin, without in spared.items():
        for name, frame in frames(folder, "separated", twin).items():
            assert dict(frame.schema) == SCHEMAS[name], name
            if name not in OF_HEDGES:
                assert (frame.height == 0) == (name in without), name


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_somebody_was_liquidated_and_it_is_said(folder: Path, mode: str) -> None:
    found = cascade(folder, mode)
    assert 0 < found["liquidated_accounts"] < 300
    assert found["closed_long"] > 0
    assert f"{found['liquidated_accounts']:,} of 300 accounts" in " ".join(
        (folder / "said.txt").read_text().split()
    )


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_liquidations_make_the_fall_deeper(folder: Path, mode: str) -> None:
    fall = next(one for one in cascade(folder, mode)["falls"] if one["instrument"][:2] == "um")
    assert fall["quiet_fall"] == pytest.approx(0.25, abs=0.01)
    assert fall["amplification"] > 1.01


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_frames_agree(folder: Path, mode: str) -> None:
    parts = frames(folder, mode)
    closings, calls, groups = parts["closings"], parts["calls"], parts["groups"]
    closed = closings.filter(pl.col("stage").is_in(STAGES))
    assert groups["notional_closed"].sum() == pytest.approx(closed["notional"].sum())
    assert groups["liquidated"].sum() == calls["account"].n_unique()
    assert groups["accounts"].sum() == 300
    assert set(groups["mode"]) == {mode}
    assert set(closed["account"]) <= set(calls["account"])
    assert (closed["quantity"] * closed["price"] - closed["notional"]).abs().max() < 1e-3  # type: ignore[operator]
    below = calls.filter(pl.col("ratio").is_not_null())
    assert below.height
    assert (below["equity"] / below["maintenance_margin"] - below["ratio"]).abs().max() == 0


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_deleveraging_has_two_sides(folder: Path, mode: str) -> None:
    closings = frames(folder, mode)["closings"]
    one, other = (
        closings.filter(pl.col("stage") == stage) for stage in ("deleverage", "counterparty")
    )
    assert one.height
    assert one["quantity"].sum() == pytest.approx(other["quantity"].sum())
    assert one["account"].to_list() == other["against"].to_list()


def test_without_feedback_no_book_is_moved(folder: Path) -> None:
    still = frames(folder, "separated", "without_feedback")["paths"]["displacement"]
    assert still.abs().max() == 0.0
    moved = frames(folder, "separated")["paths"]["displacement"]
    assert moved.min() < -0.001  # type: ignore[operator]


def test_both_modes_begin_with_the_same_people_and_wealth(folder: Path) -> None:
    starts = [
        frames(folder, mode)["groups"].select("group", "accounts", "wealth_start")
        for mode in ("separated", "unified")
    ]
    assert starts[0]["wealth_start"].to_list() == pytest.approx(starts[1]["wealth_start"].to_list())


def test_fund_begins_with_what_the_scenario_says(folder: Path) -> None:
    fund = frames(folder, "separated")["fund"].filter(pl.col("asset") == "USDT")
    assert fund["balance"][0] == 5_000
    assert fund["price"][0] == 1.0


def test_heat_is_no_more_than_there_is(folder: Path) -> None:
    parts = frames(folder, "separated")
    first = parts["heat"].filter(pl.col("time_ns") == parts["heat"]["time_ns"].min())
    total = cascade(folder, "separated")["open_interest"]
    down = first.filter((pl.col("move") < 0) & (pl.col("side") == 1))["notional"].sum()
    assert 0 < down <= total
    assert 0 <= first["notional"].sum() <= 1.4 * 1.4 * total
