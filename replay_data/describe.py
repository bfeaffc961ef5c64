"""Manifest and digest of a generated tape."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from replay_data import FOLDER
from replay_data import path as tape_path
from replay_data.series import Contract, Dated
from replay_data.settings import Hour
from replay_data.settings import Listed as Chosen
from simulator.market.manifest import Latency, Listed, Manifest, Source, sha256_of
from simulator.market.tape import SCHEMA, Kind

INPUTS = ("hours.toml", "measured.json")

NOTE = "SYNTHETIC: no row was ever traded. Licence: MIT, as the project."


def digest(rows: pl.DataFrame) -> str:
    """SHA-256 over the columns, little-endian: free of the machine and of the file format."""
    total = hashlib.sha256()
    for name in SCHEMA:
        values = rows[name].to_numpy()
        total.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
    return total.hexdigest()


def latency(rows: pl.DataFrame) -> Latency:
    """Receive stamp less event time: smallest, and mean and median above it, in ns."""
    found = (rows["receive_ns"] - rows["time_ns"]).to_numpy()
    offset = int(found.min())
    after = found - offset
    return Latency(offset=offset, mean=int(after.sum()) // len(after), median=int(np.median(after)))


def instruments(
    rows: pl.DataFrame, chosen: Sequence[Chosen | Contract], start_ms: int, file: str
) -> list[Listed]:
    """The tape's instruments with the rows of each kind; ``file`` gave their filters."""
    counts = dict(
        (((i, kind), n) for i, kind, n in rows.group_by("instrument", "kind").len().iter_rows())
    )
    return [
        Listed(
            market=listed.market,
            symbol=listed.symbol,
            base=listed.base,
            quote=listed.quote,
            tick=Decimal(listed.tick),
            lot=Decimal(listed.lot),
            contract_size=Decimal(listed.face or 1),
            min_quantity=Decimal(listed.lot),
            min_notional=Decimal(listed.min_notional),
            max_quantity=Decimal(0),
            filters_from=f"replay_data/{file}",
            book="depth",
            rows={kind.name: counts[i, kind] for kind in Kind if (i, kind) in counts},
            expiry_ns=(start_ms + listed.expiry_ms) * 1_000_000
            if isinstance(listed, Contract)
            else 0,
        )
        for i, listed in enumerate(chosen)
    ]


def manifest(rows: pl.DataFrame, hour: Hour, file: Path) -> Manifest:
    """Describe the tape in ``file``; its sources are the generator's inputs."""
    return Manifest(
        tape=file.name,
        sha256=sha256_of(file),
        rows=rows.height,
        first_ns=int(rows["time_ns"][0]),
        last_ns=int(rows["time_ns"][-1]),
        instruments=instruments(rows, hour.listed, hour.start_ms, INPUTS[0]),
        sources=[source(FOLDER / name) for name in INPUTS],
        on_gap="none: synthetic",
        latency=latency(rows),
    )


def dated_manifest(rows: pl.DataFrame, dated: Dated, file: Path) -> Manifest:
    """Describe a tape of what expires; its sources are the generator's input and the hour's."""
    hour = tape_path(dated.hour.name)
    return Manifest(
        tape=file.name,
        sha256=sha256_of(file),
        rows=rows.height,
        first_ns=int(rows["time_ns"][0]),
        last_ns=int(rows["time_ns"][-1]),
        instruments=instruments(rows, dated.contracts, dated.hour.start_ms, "dated.toml"),
        sources=[source(FOLDER / "dated.toml"), source(hour)],
        on_gap="none: synthetic",
        latency=latency(rows),
        notes=[NOTE, *dated.values["notes"]],
    )


def source(file: Path) -> Source:
    """Describe an input of the generator."""
    return Source(
        name=f"synthetic, made by replay_data.generate from {file.name}",
        sha256=sha256_of(file),
        size=file.stat().st_size,
    )
