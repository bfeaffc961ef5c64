"""Targets that read tapes: odd rows, odd manifests, damaged files."""

from __future__ import annotations

import io
import json
import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from simulator import Simulation
from simulator.market.manifest import manifest_path
from simulator.market.tape import SCHEMA
from simulator.replay.importer import import_paths
from simulator.replay.lines import Limits
from simulator.replay.player import Player
from simulator.replay.verify import verify
from strategies.market_maker import MarketMaker
from tests.fuzz import mutate
from tests.fuzz.samples import recordings
from tests.fuzz.target import Target
from tests.fuzz.written import as_json, changed_bytes

LIMITS = Limits(max_bytes=64 * 2**20)


def imported(path: Path, folder: Path, **options: Any) -> None:
    """Import a file into the folder's tape."""
    import_paths([path], folder / "out.parquet", limits=LIMITS, **options)


@cache
def tape() -> tuple[dict[str, list[int]], dict[str, Any]]:
    """Return the columns and the manifest of a small tape with depth, marks, trades and funding."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "recording.txt"
        path.write_bytes(recordings()[3])
        imported(path, folder, on_gap="resync", instrument="um:BTCUSDT")
        out = folder / "out.parquet"
        columns = pl.read_parquet(out).to_dict(as_series=False)
        return columns, json.loads(manifest_path(out).read_text())


@cache
def tapes() -> tuple[bytes, ...]:
    columns, manifest = tape()
    return (json.dumps({"columns": columns, "manifest": manifest}).encode(),)


def _changed_tape(data: bytes, random: Random) -> bytes:
    made = json.loads(data)
    if random.random() < 0.4:
        made["manifest"] = mutate.mutated(made["manifest"], random)
        return as_json(made).encode()
    for _ in range(random.choice((1, 1, 2, 5))):
        name = random.choice(list(made["columns"]))
        column = made["columns"][name]
        at = random.randrange(len(column))
        low, high = _range(SCHEMA[name])
        column[at] = random.choice(
            (
                0,
                1,
                -1,
                2,
                5,
                7,
                15,
                17,
                19,
                20,
                21,
                22,
                100,
                255,
                65535,
                low,
                high,
                low + 1,
                high - 1,
                2**31,
                2**62,
                column[at] + 1,
                -column[at],
                random.choice(column),
            )
        )
        column[at] = min(max(column[at], low), high)
    return json.dumps(made).encode()


def _range(kind: pl.DataType) -> tuple[int, int]:
    bits = int("".join(filter(str.isdigit, str(kind))))
    return (
        (0, 2**bits - 1) if str(kind).startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    )


def written_tape(data: bytes, folder: Path) -> Path | None:
    """Write a tape; None where no tape can be written so."""
    path = folder / "tape.parquet"
    try:
        made = json.loads(data)
        pl.DataFrame(made["columns"], schema=SCHEMA).write_parquet(path)
        text = as_json(made["manifest"])
    except (
        ValueError,
        TypeError,
        KeyError,
        OverflowError,
        RecursionError,
        pl.exceptions.PolarsError,
    ):
        return None
    manifest_path(path).write_text(text, errors="replace")
    return path


def _verify_tape(data: bytes, folder: Path) -> None:
    path = written_tape(data, folder)
    if path is not None:
        verify(path)


def _run_tape(data: bytes, folder: Path) -> None:
    path = written_tape(data, folder)
    if path is not None:
        mode = ("unified", "separated")[len(data) % 2]
        Simulation(
            data=path, mode=mode, strategies=[MarketMaker()], deposits={"USDT": 10_000}
        ).run()


@cache
def tape_bytes() -> tuple[bytes, ...]:
    buffer = io.BytesIO()
    pl.DataFrame(tape()[0], schema=SCHEMA).write_parquet(buffer)
    return (buffer.getvalue(),)


def _read_tape_bytes(data: bytes, folder: Path) -> None:
    path = folder / "bytes.parquet"
    path.write_bytes(data)
    manifest_path(path).write_text(json.dumps(tape()[1]))
    verify(path)
    for _ in Player([path]).blocks():
        pass


TARGETS = (
    Target("tapes", tapes, _changed_tape, _verify_tape, 60, raw=0.0),
    Target("played tapes", tapes, _changed_tape, _run_tape, 5, raw=0.0),
    Target("tape bytes", tape_bytes, changed_bytes, _read_tape_bytes, 20, raw=0.0),
)
