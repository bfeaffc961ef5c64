"""``unimargin data``: exit codes, what goes to stdout, and one JSON document where asked for."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from simulator.cli.data import app
from simulator.errors import InputError
from simulator.market.manifest import manifest_path, sha256_of
from tests.replay.streams_kit import depth, quote, record, snapshot, trade

RUNNER = CliRunner()

LINES = [
    snapshot(0, 100, [("99.9", "1.000")], [("100.1", "1.000")]),
    depth(10, 95, 110, 80, [("99.9", "2.000")]),
    quote(11, 110, ("99.9", "2.000"), ("100.1", "1.000")),
    trade(12, 1),
]


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    out = tmp_path / "tape.parquet"
    done = RUNNER.invoke(app, ["import", str(record(tmp_path, LINES)), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "1 of 1" in done.stdout
    return out


def test_import_prints_the_manifest_as_json(tmp_path: Path) -> None:
    out = tmp_path / "tape.parquet"
    arguments = ["import", str(record(tmp_path, LINES)), "--out", str(out), "--json"]
    done = RUNNER.invoke(app, arguments)
    assert json.loads(done.stdout) == json.loads(manifest_path(out).read_text())


@pytest.mark.parametrize("on_gap", ["stop", "resync"])
def test_a_gap_stops_with_exit_1_or_is_reported(tmp_path: Path, on_gap: str) -> None:
    path = record(tmp_path, [*LINES, depth(20, 121, 130, 120)])
    out = tmp_path / "tape.parquet"
    done = RUNNER.invoke(app, ["import", str(path), "--out", str(out), "--on-gap", on_gap])
    if on_gap == "stop":
        assert done.exit_code == 1
        assert f"{path}: line 5: um:BTCUSDT: gap" in done.stderr
        assert not out.exists()
    else:
        assert done.exit_code == 0
        assert "found: depth_gap 1" in done.stdout


def test_bad_input_is_the_callers_to_print(tmp_path: Path) -> None:
    path = record(tmp_path, [*LINES, "nonsense"])
    done = RUNNER.invoke(app, ["import", str(path), "--out", str(tmp_path / "tape.parquet")])
    assert isinstance(done.exception, InputError)
    done = RUNNER.invoke(app, ["import", str(path), "--out", str(tmp_path / "tape.csv")])
    assert "must end in .parquet" in str(done.exception)


def test_info_and_sample(tape: Path) -> None:
    assert "um:BTCUSDT" in RUNNER.invoke(app, ["info", str(tape)]).stdout
    rows = json.loads(RUNNER.invoke(app, ["sample", str(tape), "-n", "2", "--json"]).stdout)
    assert [row["kind"] for row in rows] == ["CLEAR", "DEPTH"]
    assert (rows[1]["price"], rows[1]["quantity"], rows[1]["side"]) == ("99.9", "1", "buy")
    assert "TRADE" in RUNNER.invoke(app, ["sample", str(tape)]).stdout


def test_verify_holds(tape: Path) -> None:
    done = RUNNER.invoke(app, ["verify", str(tape), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["holds"] is True
    assert RUNNER.invoke(app, ["verify", str(tape)]).exit_code == 0


def tampered(tape: Path, change: pl.Expr, seal: bool = True) -> list[str]:
    """Rewrite the tape with a change; return the names of the checks that fail."""
    pl.read_parquet(tape).with_columns(change).write_parquet(tape)
    if seal:
        path = manifest_path(tape)
        document = json.loads(path.read_text())
        document["sha256"] = sha256_of(tape)
        path.write_text(json.dumps(document))
    done = RUNNER.invoke(app, ["verify", str(tape), "--json"])
    assert done.exit_code == 1
    return [one["name"] for one in json.loads(done.stdout)["checks"] if not one["holds"]]


def last(name: str, value: int) -> pl.Expr:
    """Set a column of the last row."""
    at_end = pl.int_range(pl.len()) == pl.len() - 1
    return pl.when(at_end).then(pl.lit(value)).otherwise(name).cast(pl.Int64).alias(name)


def test_verify_finds_other_bytes(tape: Path) -> None:
    assert tampered(tape, pl.col("receive_ns") + 1, seal=False) == ["sha256"]


def test_verify_finds_time_that_runs_backwards(tape: Path) -> None:
    assert tampered(tape, last("time_ns", 5)) == ["time", "span"]


def test_verify_finds_other_counts_and_kinds(tape: Path) -> None:
    kind = last("kind", 99).cast(pl.UInt8)
    assert tampered(tape, kind) == ["kinds", "um:BTCUSDT counts"]


def test_verify_finds_a_wrong_top_and_a_crossed_book(tape: Path) -> None:
    event = (pl.col("kind") == 1) & (pl.col("id") == 110)
    price = pl.when(event).then(pl.lit(1001)).otherwise("price").alias("price")
    assert tampered(tape, price) == ["um:BTCUSDT crossed book", "um:BTCUSDT tops"]


@pytest.mark.parametrize("command", ["info", "verify", "sample"])
def test_what_is_no_tape_is_refused(tmp_path: Path, command: str) -> None:
    done = RUNNER.invoke(app, [command, str(tmp_path / "none.parquet")])
    assert "no such tape" in str(done.exception)
    (tmp_path / "x.parquet").write_text("x")
    done = RUNNER.invoke(app, [command, str(tmp_path / "x.parquet")])
    assert "no manifest" in str(done.exception)


def test_verify_finds_a_damaged_file(tape: Path) -> None:
    data = tape.read_bytes()
    tape.write_bytes(data[:200])
    done = RUNNER.invoke(app, ["verify", str(tape), "--json"])
    assert done.exit_code == 1
    names = [one["name"] for one in json.loads(done.stdout)["checks"] if not one["holds"]]
    assert names == ["sha256", "readable"]


def test_a_tape_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path, LINES)
    done = RUNNER.invoke(app, ["import", str(path), "--out", str(path / "sub" / "x.parquet")])
    assert "cannot be written there" in str(done.exception)
