"""Targets that read what a run or another program wrote: populations, folders of runs, Parquet."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from simulator.calculator.advice import advise
from simulator.population.check import check
from simulator.population.parquet import read
from tests.fuzz import mutate, written
from tests.fuzz.command import quietly
from tests.fuzz.documents import ALONE
from tests.fuzz.target import Target
from tests.population import worlds

COLUMNS: dict[str, list[Any]] = {
    "id": [7, 3, 9],
    "group": ["a", "b", "a"],
    "mode": ["run", "unified", "separated"],
    "spot.USDT": [1.5, None, 3.0],
    "um.USDT": [0, 100, 5],
    "cm.BTC": [0.5, 0.0, 0.0],
    "loan.USDT": [0.25, 0.0, 0.0],
    "um:BTCUSDT.quantity": [0.003, -2, 0],
    "um:BTCUSDT.entry": [99_000.5, 101_000.0, 0],
    "um:BTCUSDT.margin": [40.0, None, None],
}
"""A right population."""

RENAMED = (
    "um:BTCUSDT.lots",
    "spot.",
    ".USDT",
    "um:.quantity",
    ":.entry",
    "loan.BTC",
    "cm:BTCUSD_PERP.quantity",
    "spot:BTCUSDT.quantity",
    "um.XRP",
    "id",
    "margin.USDT",
    "a.b.c",
    "um:ETHUSDT.margin",
)


def _changed_columns(data: bytes, random: Random) -> bytes:
    columns = json.loads(data)
    for _ in range(random.choice((1, 1, 2))):
        if not columns:
            break
        name = random.choice(list(columns))
        kind = random.randrange(8)
        if kind < 4:
            columns[name][random.randrange(len(columns[name]))] = mutate.odd(random)
        elif kind == 4:
            columns[name] = [mutate.odd(random)] * 3
        elif kind == 5:
            del columns[name]
        elif kind == 6:
            columns[random.choice(RENAMED)] = columns[name]
        else:
            columns[str(mutate.odd(random, text=True))] = columns.pop(name)
        if columns and not all(columns.values()):
            break
    return written.as_json(columns).encode()


def frame_of(columns: Any) -> pl.DataFrame | None:
    """Return columns as a frame; None where no file could hold them."""
    try:
        return pl.DataFrame(columns, strict=False)
    except (
        TypeError,
        ValueError,
        OverflowError,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
    ):
        return None


_first_moment = cache(worlds.first_moment)


def _accounts(path: Path, mode: worlds.Mode) -> None:
    first = _first_moment(mode)
    crowd = read(path).crowd(first)
    check(crowd, first)


def _population(data: bytes, folder: Path) -> None:
    path = folder / "crowd.parquet"
    frame = frame_of(json.loads(data))
    if frame is None:
        return
    try:
        frame.write_parquet(path)
    except pl.exceptions.PolarsError:
        return
    _accounts(path, ("separated", "unified")[len(data) % 2])


@cache
def population_bytes() -> tuple[bytes, ...]:
    """Return right populations as files of each compression."""
    found = []
    for compression in ("zstd", "uncompressed", "snappy", "gzip"):
        buffer = io.BytesIO()
        pl.DataFrame(COLUMNS, strict=False).write_parquet(buffer, compression=compression)
        found.append(buffer.getvalue())
    return tuple(found)


def _population_bytes(data: bytes, folder: Path) -> None:
    path = folder / "crowd.parquet"
    path.write_bytes(data)
    _accounts(path, "separated")


# --- folders of runs ------------------------------------------------------------------------------


@cache
def run_folder() -> Path:
    """Return the folder of a short run."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-run-"))
    text = ALONE.replace('volatility = {BTC = "0.5"}\n', "").replace("bnb_fees = true\n", "")
    text = (
        text.replace("multi_assets = true\n", "")
        .replace('position_mode = "hedge"\n', "")
        .replace('BTC = "1.5"\n', "")
        + LIFE
    )
    (folder / "mine.toml").write_text(text)
    code, said = quietly(
        ["run", str(folder / "mine.toml"), "--out", str(folder / "out"), "--no-report"]
    )
    assert code == 0, said
    return folder / "out"


LIFE = """
[profile]
kyc = "advanced"
[[life]]
at = "00:00:04"
do = "buy"
market = "um:BTCUSDT"
quantity = "0.01"
[[life]]
at = "00:00:05"
do = "apply_unified"
"""


@cache
def runs() -> tuple[bytes, ...]:
    """Return what the folder holds: its JSON files, and the frames that are read."""
    folder = run_folder()
    document = json.loads((folder / "run.json").read_text())
    portfolio = json.loads((folder / "separated" / "portfolio.json").read_text())
    frames = {
        name: pl.read_parquet(folder / "separated" / f"{name}.parquet").to_dict(as_series=False)
        for name in ("account_events", "fills")
    }
    return (json.dumps({"run": document, "portfolio": portfolio, **frames}).encode(),)


def _changed_run(data: bytes, random: Random) -> bytes:
    made = json.loads(data)
    part = random.choice(("run", "run", "portfolio", "account_events", "account_events", "fills"))
    if part in ("run", "portfolio"):
        made[part] = mutate.mutated(made[part], random)
        return written.as_json(made).encode()
    columns = made[part]
    name = random.choice(list(columns))
    if columns[name] and random.random() < 0.8:
        at = random.randrange(len(columns[name]))
        value = columns[name][at]
        text = isinstance(value, str)
        if text and value.startswith(("[", "{")) and random.random() < 0.7:
            value = written.as_json(mutate.mutated(json.loads(value), random))
        elif text and random.random() < 0.5:
            value = mutate.changed_text(value, random)
        else:
            value = mutate.odd(random)
        columns[name][at] = value
    else:
        del columns[name]
    return written.as_json(made).encode()


def _run_folder(data: bytes, folder: Path) -> None:
    out = folder / "out"
    if not out.exists():
        shutil.copytree(run_folder(), out)
    try:
        made = json.loads(data)
    except (ValueError, RecursionError):
        (out / "run.json").write_bytes(data)
        made = {}
    for name, path in (("run", "run.json"), ("portfolio", "separated/portfolio.json")):
        if name in made:
            (out / path).write_text(written.as_json(made[name]))
    for name in ("account_events", "fills"):
        frame = frame_of(made.get(name))
        if frame is not None and name in made:
            try:
                frame.write_parquet(out / "separated" / f"{name}.parquet")
            except pl.exceptions.PolarsError:
                return
    code, said = quietly(["audit", str(out), *(["--json"] if len(data) % 2 else [])])
    if code not in (0, 1, 2):
        raise AssertionError(f"exit code {code}: {said}")
    if len(data) % 3 == 0:  # takes ten times as long as an audit
        json.dumps(advise(out), allow_nan=False)


TARGETS = (
    Target(
        "populations",
        lambda: (json.dumps(COLUMNS).encode(),),
        _changed_columns,
        _population,
        40,
        raw=0.0,
    ),
    Target(
        "population bytes",
        population_bytes,
        lambda d, r: written.changed_bytes(d, r),
        _population_bytes,
        20,
        raw=0.0,
    ),
    Target("folders of runs", runs, _changed_run, _run_folder, 12, raw=0.0),
)
