"""The common tape: one recording, written once in the form of each engine.

A folder ``bench/.data/NAME`` holds the same rows as

- ``tape.parquet`` and ``tape.manifest.json``: ours, docs/data-formats.md;
- ``hftbacktest.npz``: hftbacktest's event array; each row is an exchange and a local event at
  the same instant (constant feed latency of 0);
- ``trades.npy``: ``time_ns, side, price, quantity`` of the trades, for nautilus_trader;
- ``bars.npy``: ``time_ns, open, high, low, close, volume`` for backtesting.py;
- ``about.json``: what it is, its counts and its scale, read by every driver.

Prices are ticks of ``TICK`` and quantities lots of ``LOT`` in ours, floats of whole units in the
others.
"""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bench.recording import recorded_rows
from bench.synthetic import TRADE, Rows, synthetic_rows
from simulator.market.manifest import Listed, Manifest, sha256_of, write_manifest
from simulator.market.tape import LAST, SCHEMA
from simulator.market.write import write_tape

DATA = Path(__file__).parent / ".data"
FULL_EVENTS = 5_450_000
QUICK_EVENTS = 545_000
SEED = 20_261_122
VERSION = 2
"""Raised when the rows of a given seed change, so that old folders are not taken for new ones."""

TICK = 0.1
LOT = 0.001
BARS = 50_000
BAR_NS = 60_000_000_000

# hftbacktest's event flags (its documentation, "Data", section "Event flags").
HFT_DEPTH = 1
HFT_TRADE = 2
HFT_EXCHANGE = 1 << 31
HFT_LOCAL = 1 << 30
HFT_BUY = 1 << 29
HFT_SELL = 1 << 28
HFT_EVENT = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ],
    align=True,
)


def make_tape(quick: bool = False, recording: Path | None = None, seed: int = SEED) -> Path:
    """Return the folder of the common tape, written now if it is not there yet.

    ``recording`` is a raw recording (see ``bench/recording.py``) to be repeated up to the wanted
    number of events instead of the synthetic market.
    """
    events = QUICK_EVENTS if quick else FULL_EVENTS
    source = f"synthetic-{seed}"
    if recording:
        source = f"{recording.resolve().parent.name}-{recording.name.split('.')[0]}"
    folder = DATA / f"{source}-{events}-v{VERSION}"
    if (folder / "about.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = recorded_rows(recording, events) if recording else synthetic_rows(events, seed)
    write_forms(rows, folder, source)
    return folder


def write_forms(rows: Rows, folder: Path, source: str) -> None:
    """Write every form of ``rows``; ``about.json`` comes last and marks the folder as complete."""
    _write_ours(rows, folder, source)
    np.savez(folder / "hftbacktest.npz", data=hftbacktest_events(rows))
    np.save(folder / "trades.npy", _trades(rows))
    np.save(folder / "bars.npy", random_bars(SEED))
    about = {
        "source": source,
        "events": len(rows),
        "trades": int((rows.kind == TRADE).sum()),
        "messages": int(rows.last.sum()),
        "bars": BARS,
        "first_ns": int(rows.time_ns[0]),
        "last_ns": int(rows.time_ns[-1]),
        "lowest_tick": int(rows.price.min()),
        "highest_tick": int(rows.price.max()),
        "tick": TICK,
        "lot": LOT,
        "sha256": digest(rows),
    }
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n")


def read_about(folder: Path) -> dict[str, Any]:
    """Return what ``about.json`` says."""
    about: dict[str, Any] = json.loads((folder / "about.json").read_text())
    return about


def digest(rows: Rows) -> str:
    """Return the SHA-256 of the rows: two machines can tell whether they ran the same tape."""
    total = hashlib.sha256()
    for column in (rows.time_ns, rows.kind, rows.side, rows.price, rows.quantity, rows.last):
        total.update(np.ascontiguousarray(column).tobytes())
    return total.hexdigest()


def hftbacktest_events(rows: Rows) -> npt.NDArray[Any]:
    """Return the rows as hftbacktest's event array."""
    events = np.zeros(len(rows), HFT_EVENT)
    kind = np.where(rows.kind == TRADE, HFT_TRADE, HFT_DEPTH).astype(np.uint64)
    side = np.where(rows.side > 0, HFT_BUY, HFT_SELL).astype(np.uint64)
    events["ev"] = kind | side | np.uint64(HFT_EXCHANGE | HFT_LOCAL)
    events["exch_ts"] = rows.time_ns
    events["local_ts"] = rows.time_ns
    events["px"] = rows.price * TICK
    events["qty"] = rows.quantity * LOT
    return events


def random_bars(seed: int) -> npt.NDArray[np.float64]:
    """Return ``BARS`` one-minute bars of a random walk: time_ns, open, high, low, close, volume."""
    draw = np.random.default_rng(seed)
    steps = draw.integers(-40, 41, BARS)
    close = (600_000 + np.cumsum(steps)) * TICK
    first = np.concatenate([[600_000 * TICK], close[:-1]])
    high = np.maximum(first, close) + draw.integers(0, 20, BARS) * TICK
    low = np.minimum(first, close) - draw.integers(0, 20, BARS) * TICK
    time_ns = 1_700_000_000_000_000_000 + BAR_NS * np.arange(BARS)
    volume = draw.integers(1, 10_000, BARS) * LOT
    return np.column_stack([time_ns.astype(np.float64), first, high, low, close, volume])


def _trades(rows: Rows) -> npt.NDArray[np.int64]:
    at = rows.kind == TRADE
    columns = (rows.time_ns[at], rows.side[at], rows.price[at], rows.quantity[at])
    return np.column_stack([column.astype(np.int64) for column in columns])


def _write_ours(rows: Rows, folder: Path, source: str) -> None:
    """Write the tape and its manifest."""
    count = len(rows)
    zeros = np.zeros(count, np.int64)
    frame = pl.DataFrame(
        {
            "time_ns": rows.time_ns,
            "receive_ns": zeros,
            "instrument": np.zeros(count, np.uint16),
            "kind": rows.kind,
            "flags": np.where(rows.last, LAST, 0).astype(np.uint8),
            "side": rows.side,
            "price": rows.price,
            "quantity": rows.quantity,
            "id": zeros,
        },
        schema=SCHEMA,
    )
    path = folder / "tape.parquet"
    write_tape(iter([frame]), path)
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
        filters_from=source,
        book="depth",
        rows={"DEPTH": int((rows.kind != TRADE).sum()), "TRADE": int((rows.kind == TRADE).sum())},
    )
    manifest = Manifest(
        tape=path.name,
        sha256=sha256_of(path),
        rows=count,
        first_ns=int(rows.time_ns[0]),
        last_ns=int(rows.time_ns[-1]),
        instruments=[listed],
        sources=[],
        on_gap="stop",
    )
    write_manifest(path, manifest)
