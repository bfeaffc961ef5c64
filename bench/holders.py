"""Positions and marks of the cascade benchmark: one isolated position an account, one contract.

A folder ``bench/.data/cascade-N`` holds, for every engine alike,

- ``holders.npz``: ``lots`` [account] of BTCUSDT, all long, and margins in 1e-8 USDT: ``near``
  liquidated one after the other as the price falls, ``far`` never;
- ``fall.npy``, ``walk.npy``: marks, ticks of ``TICK``; a fall of ``FALL`` in equal steps, and a
  random walk around the entry price of half a basis point a step;
- ``fall/tape.parquet``, ``walk/tape.parquet``: the same marks a second apart on our tape.  During
  the fall there is a bid at each mark that takes everything, so that all engines close at the mark.

Positions are of 1,000 to 100,000 USDT, which is within the lowest of Binance's brackets: there our
maintenance margin and that of a plain table of rates are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from bench.tape import DATA
from simulator.market.manifest import Listed, Manifest, sha256_of, write_manifest
from simulator.market.tape import LAST, SCHEMA, Kind
from simulator.market.write import write_tape

SEED = 20_261_123
VERSION = 1
"""Raised when what a seed gives changes, so that old folders are not taken for new ones."""

TICK, LOT, UNIT = 0.1, 0.001, 1e-8
ENTRY = 100_000.0
MAINTENANCE = 0.004
"""Rate of the lowest bracket of BTCUSDT in the rulebook ``binance``."""

STEPS, FALL = 200, 0.2
NEAREST, FURTHEST = 0.02, 0.185
"""Least and most margin of those near, as a share of their notional."""

WALK, MOVE = 20_000, 0.5e-4
FAR = 0.5
"""Margin of those far, as a share of their notional."""

START_NS = 1_760_054_400_000_000_000
"""Midnight UTC; the next funding is eight hours later, after the last mark."""

SECOND_NS = 1_000_000_000
FIRST_NS = START_NS + 2 * SECOND_NS
"""Instant of the first mark; a second before it the entry price is told."""

OFFERED_LOTS = 1_000_000_000

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Holders:
    """Lots and margins [account], the latter in 1e-8 USDT."""

    lots: Ints
    near: Ints
    far: Ints


def drawn(accounts: int) -> Holders:
    """Return the accounts; those near are spread evenly over the fall."""
    draw = np.random.default_rng(SEED)
    lots = (10 ** draw.uniform(3, 5, accounts) / (ENTRY * LOT)).astype(np.int64) + 1
    notional = lots * LOT * ENTRY / UNIT
    near = notional * draw.uniform(NEAREST, FURTHEST, accounts)
    return Holders(lots, near.astype(np.int64), (notional * FAR).astype(np.int64))


def falling() -> Ints:
    """Return the marks of the fall, in ticks.

    >>> falling()[[0, -1]].tolist()
    [999000, 800000]
    """
    return np.rint(ENTRY / TICK * (1 - FALL * np.arange(1, STEPS + 1) / STEPS)).astype(np.int64)


def walking() -> Ints:
    """Return the marks of the random walk, in ticks."""
    steps = MOVE * np.random.default_rng(SEED + 1).standard_normal(WALK)
    return np.rint(ENTRY / TICK * np.exp(np.cumsum(steps))).astype(np.int64)


def make_folder(accounts: int) -> Path:
    """Return the folder of a number of accounts, written now if it is not there yet."""
    folder = DATA / f"cascade-{accounts}-v{VERSION}"
    if (folder / "holders.npz").exists():
        return folder
    people = drawn(accounts)
    for name, marks in (("fall", falling()), ("walk", walking())):
        (folder / name).mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", marks)
        _write(folder / name / "tape.parquet", marks, restated=name == "fall")
    np.savez(folder / "holders.npz", lots=people.lots, near=people.near, far=people.far)
    return folder


def read(folder: Path) -> Holders:
    """Return the accounts of a folder."""
    with np.load(folder / "holders.npz") as columns:
        return Holders(columns["lots"], columns["near"], columns["far"])


def rows_of(marks: Ints, restated: bool) -> pl.DataFrame:
    """Return the tape: at the start the entry price, then a mark a second.

    The book is stated before the first mark, and before each if ``restated``: everything that comes
    is taken at the mark.
    """
    prices = np.concatenate([[round(ENTRY / TICK)], marks])
    unit = round(TICK / UNIT)
    columns: dict[str, list[int]] = {name: [] for name in ("at", "kind", "side", "price", "lots")}
    for at, price in enumerate(prices.tolist()):
        rows = [(Kind.MARK, 0, price * unit, 0)]
        if restated or at == 0:
            rows[:0] = [
                (Kind.CLEAR, 0, 0, 0),
                (Kind.DEPTH, 1, price, OFFERED_LOTS),
                (Kind.DEPTH, -1, price + 1, OFFERED_LOTS),
            ]
        for row in rows:
            for name, value in zip(columns, (at, *row), strict=True):
                columns[name].append(int(value))
    at_second = np.array(columns["at"], np.int64)
    zeros = np.zeros(len(at_second), np.int64)
    return pl.DataFrame(
        {
            "time_ns": FIRST_NS + SECOND_NS * (at_second - 1),
            "receive_ns": zeros,
            "instrument": zeros.astype(np.uint16),
            "kind": np.array(columns["kind"], np.uint8),
            "flags": np.full(len(zeros), LAST, np.uint8),
            "side": np.array(columns["side"], np.int8),
            "price": np.array(columns["price"], np.int64),
            "quantity": np.array(columns["lots"], np.int64),
            "id": zeros,
        },
        schema=SCHEMA,
    )


def _write(path: Path, marks: Ints, restated: bool) -> None:
    frame = rows_of(marks, restated)
    write_tape(iter([frame]), path)
    counts = frame.group_by("kind").len().iter_rows()
    listed = Listed(
        market="um",
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        tick=Decimal(str(TICK)),
        lot=Decimal(str(LOT)),
        contract_size=Decimal(1),
        min_quantity=Decimal(str(LOT)),
        min_notional=Decimal(0),
        max_quantity=Decimal(0),
        filters_from="made for the benchmark",
        book="depth",
        rows={Kind(kind).name: count for kind, count in sorted(counts)},
    )
    manifest = Manifest(
        tape=path.name,
        sha256=sha256_of(path),
        rows=len(frame),
        first_ns=int(frame["time_ns"][0]),
        last_ns=int(frame["time_ns"][-1]),
        instruments=[listed],
        sources=[],
        on_gap="stop",
    )
    write_manifest(path, manifest)
