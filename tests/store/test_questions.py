"""Goal: who looks with SQL, or with files, finds the figures that the run itself gives.

Method: an account that is long into a crash is liquidated, on SQLite and on PostgreSQL; every
statement of the manual runs through the database's own driver, and its rows are held to the
frames of the result; every table and view is exported and held to what a reader gives.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest

from simulator import Bar, Context, Journal, RunResult, Simulation, Strategy
from simulator.cli.main import run_command
from simulator.store.batch import TABLES
from simulator.store.database import Database
from simulator.store.schema import VIEWS

PAGE = Path(__file__).parents[2] / "docs/how-to/questions.md"
STATEMENTS = re.findall(r"```sql\n(.*?);\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


class Long(Strategy):
    """Too much of one contract, and one order that nobody could pay."""

    def on_start(self, ctx: Context) -> None:
        self.market = ctx.market("um:BTCUSDT")
        ctx.subscribe(self.market, "bars", every=60)
        self.bought = 0

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        if self.bought < 5:
            ctx.buy(self.market, 0.1)
            self.bought += 1
        elif self.bought == 5:
            ctx.buy(self.market, 100.0, 90_000.0)
            self.bought += 1


def ran(place: str) -> RunResult:
    return Simulation(
        data="bundled:crash", mode="unified", deposits={"USDT": 5500}, strategies=[Long()]
    ).run(journal=Journal.open(place))


def rows_of(place: str, statement: str) -> list[tuple[Any, ...]]:
    """Return rows as the database's own driver has them."""
    if "://" not in place:
        with closing(sqlite3.connect(place)) as connection, connection:
            return connection.execute(statement).fetchall()
    import psycopg

    with psycopg.connect(place) as connection:
        return connection.execute(statement.encode()).fetchall()


def near(value: Any) -> Any:
    """Compare a driver's number, a decimal or a float, to the digits that amounts have."""
    return pytest.approx(value, abs=2e-8)


def test_statements_of_the_manual(ready: str) -> None:
    result = ran(ready)
    assert len(STATEMENTS) == 8
    fills, held, called, closed, lowest, fees, refused, entry = (
        [tuple(float(v) if isinstance(v, Decimal) else v for v in row) for row in rows]
        for rows in (rows_of(ready, statement) for statement in STATEMENTS)
    )
    frame = result.fills
    assert [row[0] for row in fills] == times(frame["time_ns"])
    assert [row[1] == "buy" for row in fills] == [side > 0 for side in frame["side"]]
    assert [row[2] for row in fills] == near(frame["price"].to_list())
    assert [row[4] for row in fills] == near(frame["quantity"].to_list())
    assert [row[5] for row in fills] == near(frame["fee"].to_list())
    assert [row[7] for row in fills] == frame["reason"].to_list()
    assert {row[7] for row in fills} == {"order", "liquidation"}
    assert {(row[3], row[6]) for row in fills} == {("USDT", "USDT")}

    before = frame.filter(pl.col("time_ns") <= 1760283900 * 10**9)
    ((asset, balance),) = held
    assert asset == "USDT"
    assert balance == near(5500 - before["fee"].sum())

    calls = result.liquidations
    assert [row[0] for row in called] == times(calls["time_ns"])
    assert [row[3] for row in called] == near(calls["equity"].to_list())
    assert [row[4] for row in called] == near(calls["maintenance_margin"].to_list())
    assert all(row[5] == row[3] / row[4] <= 1 for row in called)
    ((stage, instrument, side, quantity, notional, charged),) = closed
    assert (stage, instrument, side) == ("order", "um:BTCUSDT", "sell")
    forced = frame.filter(pl.col("reason") == "liquidation")
    assert quantity == near(forced["quantity"].sum())
    assert notional == near((forced["quantity"] * forced["price"]).sum())
    assert charged == near(-result.summary.pnl["clearance fees"])

    assert {row[0]: row[1] for row in lowest}["unified"] == near(result.history["ratio"].min())
    assert fees == [("um:BTCUSDT", "USDT", len(fills), near(frame["fee"].sum()))]
    assert [row[1:] for row in refused] == [
        ("um:BTCUSDT", "buy", 0.1, "REJECTED", "INSUFFICIENT_MARGIN"),
        ("um:BTCUSDT", "buy", 100.0, "REJECTED", "INSUFFICIENT_MARGIN"),
    ]
    assert entry == [
        ("outside", "balance", "USDT", -5500.0),
        ("unified", "balance", "USDT", 5500.0),
    ]
    exported(ready)


def times(column: pl.Series) -> list[str]:
    return [
        datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")
        + f".{ns // 10**6 % 1000:03d}"
        for ns in column
    ]


def exported(place: str) -> None:
    """Every table and view of run 1 as a file, held to the reader and the view."""
    reader = Database.open(place).reader(1)
    with TemporaryDirectory() as folder:
        for name in (*TABLES, *VIEWS):
            out = Path(folder) / f"{name}.parquet"
            assert (
                run_command(["db", "export", place, "1", "--table", name, "--out", str(out)]) == 0
            )
            frame = pl.read_parquet(out)
            if name in VIEWS:
                ((count,),) = rows_of(place, f"SELECT COUNT(*) FROM {name} WHERE run = 1")
                assert frame.height == count, name
                continue
            assert frame["n"].to_list() == list(range(reader.count(name))), name
            for column, values in reader.rows(name).items():
                assert frame[column].to_list() == list(values), (name, column)
        fills = pl.read_parquet(Path(folder) / "fills.parquet")
        assert set(fills["instrument_name"]) == {"um:BTCUSDT"}
        kinds = pl.read_parquet(Path(folder) / "outcomes.parquet")["kind_name"]
        assert {"FILLED", "REJECTED", "LIQUIDATED"} <= set(kinds)
        out = Path(folder) / "fills.csv"
        rows = ["--table", "readable_fills", "--out", str(out)]
        assert run_command(["db", "export", place, "1", *rows]) == 0
        assert pl.read_csv(out)["price"].to_list()[0] == pytest.approx(116756.8)


@pytest.mark.parametrize(
    ("run", "table", "out", "line"),
    [
        ("1", "nothing", "a.csv", "no table 'nothing'; there are: commands, outcomes"),
        ("1", "fills", "a.xls", "a.xls: ends in neither of .parquet, .csv"),
        ("1", "fills", "no/a.csv", "cannot be written: "),
        ("7", "fills", "a.csv", "no run 7; there are: 1"),
        (str(2**64), "fills", "a.csv", f"no run {2**64}; there are: 1"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    run: str,
    table: str,
    out: str,
    line: str,
    file_of_tables: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / "runs.db"
    shutil.copy(file_of_tables, place)
    Database.open(place).new_run({"scenario": "calm"})
    told = ["db", "export", str(place), run, "--table", table, "--out", str(tmp_path / out)]
    assert run_command(told) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1


def test_the_table_of_runs_fits_a_terminal(
    file_of_tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "runs.db"
    shutil.copy(file_of_tables, place)
    database = Database.open(place)
    database.new_run({"scenario": "correlation_break", "mode": "separated", "digest": "ab" * 32})
    assert run_command(["db", "runs", str(place)]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert max(len(head), len(row)) <= 80
    assert "correlation_break separated running" in row
    assert f" {'ab' * 8} 20" in row
