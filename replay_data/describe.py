"""Manifest and digest of a generated tape."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from replay_data import FOLDER
from replay_data.settings import Hour
from simulator.market.manifest import Latency, Listed, Manifest, Source, sha256_of
from simulator.market.tape import SCHEMA, Kind

INPUTS = ("hours.toml", "measured.json")


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


def instruments(rows: pl.DataFrame, hour: Hour) -> list[Listed]:
    """The tape's instruments with the rows of each kind."""
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
            filters_from="replay_data/hours.toml",
            book="depth",
            rows={kind.name: counts[i, kind] for kind in Kind if (i, kind) in counts},
        )
        for i, listed in enumerate(hour.listed)
    ]


def manifest(rows: pl.DataFrame, hour: Hour, file: Path) -> Manifest:
    """Describe the tape in ``file``; its sources are the generator's inputs."""
    return Manifest(
        tape=file.name,
        sha256=sha256_of(file),
        rows=rows.height,
        first_ns=int(rows["time_ns"][0]),
        last_ns=int(rows["time_ns"][-1]),
        instruments=instruments(rows, hour),
        sources=[
            Source(
                name=f"synthetic, made by replay_data.generate from {name}",
                sha256=sha256_of(FOLDER / name),
                size=(FOLDER / name).stat().st_size,
            )
            for name in INPUTS
        ],
        on_gap="none: synthetic",
        latency=latency(rows),
    )
