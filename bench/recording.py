"""A real recording, repeated: the raw Binance streams that hftbacktest publishes as its examples.

A line of the file is ``<local time> <json>``: a combined-stream message or the REST depth
snapshot, from which the book starts.  Depth and trades are ordered by the exchange's transaction
time ``T``.  To reach the wanted length the recording is repeated end to end; before each repeat
the levels that differ from the starting book are restated, in rows of their own, so that no
engine needs a reset.

Known limit: an update whose level lies beyond the snapshot's 1000 levels is taken as it comes.
"""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.synthetic import DEPTH, TRADE, Rows
from simulator.errors import InputError

TICK = Decimal("0.1")
LOT = Decimal("0.001")

Row = tuple[int, int, int, int, int, int]
"""time_ns, kind, side, price, quantity, last."""


def recorded_rows(path: Path, events: int) -> Rows:
    """Return the recording at ``path``, repeated until there are at least ``events`` rows."""
    start, body = _read(path)
    first_ns, last_ns = body[0][0], body[-1][0]
    opening = [(first_ns, DEPTH, side, price, lots, 0) for (side, price), lots in start.items()]
    closing = dict(start)
    for _, kind, side, price, lots, _ in body:
        if kind == DEPTH:
            closing[side, price] = lots
    # Removals first: a restored bid must not meet a stale ask.
    restated = [(side, price) for side, price in closing if not start.get((side, price))]
    reset = [(first_ns, DEPTH, *level, 0, 0) for level in restated if closing[level]]
    reset += [
        (first_ns, DEPTH, *level, lots, 0)
        for level, lots in start.items()
        if closing[level] != lots
    ]
    once = np.array(body, np.int64)
    again = np.concatenate([np.array(_ended(reset), np.int64), once])
    blocks = [np.array(_ended(opening), np.int64), once]
    shift = last_ns - first_ns + 1_000_000
    while sum(map(len, blocks)) < events:
        block = again.copy()
        block[:, 0] += shift * (len(blocks) - 1)
        blocks.append(block)
    return _as_rows(np.concatenate(blocks)[:events])


def _ended(rows: list[Row]) -> list[Row]:
    """Mark the last row as the end of its message."""
    return [*rows[:-1], (*rows[-1][:5], 1)]


def _read(path: Path) -> tuple[dict[tuple[int, int], int], list[Row]]:
    """Return the starting book and the rows after it, by exchange time."""
    snapshot: dict[str, Any] | None = None
    updates: list[tuple[int, dict[str, Any]]] = []
    with gzip.open(path) as lines:
        for line in lines:
            message = json.loads(line.split(b" ", 1)[1])
            data = message.get("data")
            if data is None:
                snapshot = snapshot or message
            elif data["e"] in ("depthUpdate", "trade"):
                updates.append((data.get("T", data["E"]), data))
    if snapshot is None:
        raise InputError(f"{path.name}: no depth snapshot, so no book to start from")
    start = {(1, _ticks(p)): _lots(q) for p, q in snapshot["bids"]}
    start |= {(-1, _ticks(p)): _lots(q) for p, q in snapshot["asks"]}
    updates.sort(key=lambda update: update[0])
    began = False
    rows: list[Row] = []
    for time_ms, data in updates:
        if data["e"] == "depthUpdate" and data["u"] >= snapshot["lastUpdateId"]:
            began = True
            rows += _depth(time_ms * 1_000_000, data)
        elif data["e"] == "trade" and began:
            side = -1 if data["m"] else 1
            rows.append((time_ms * 1_000_000, TRADE, side, _ticks(data["p"]), _lots(data["q"]), 1))
    return start, rows


def _depth(time_ns: int, data: dict[str, Any]) -> list[Row]:
    """Return the rows of one depth message, removals first so that it never crosses the book."""
    levels = [(1, p, q) for p, q in data["b"]] + [(-1, p, q) for p, q in data["a"]]
    rows = [(time_ns, DEPTH, side, _ticks(p), _lots(q), 0) for side, p, q in levels]
    rows.sort(key=lambda row: row[4] != 0)
    return _ended(rows) if rows else []


def _ticks(price: str) -> int:
    return _whole(price, TICK)


def _lots(quantity: str) -> int:
    return _whole(quantity, LOT)


def _whole(value: str, step: Decimal) -> int:
    """Return how many steps a value is."""
    whole, rest = divmod(Decimal(value), step)
    if rest:
        raise InputError(f"recording: {value} is not a multiple of {step}; give one of um:BTCUSDT")
    return int(whole)


def _as_rows(block: npt.NDArray[np.int64]) -> Rows:
    return Rows(
        np.ascontiguousarray(block[:, 0]),
        block[:, 1].astype(np.uint8),
        block[:, 2].astype(np.int8),
        np.ascontiguousarray(block[:, 3]),
        np.ascontiguousarray(block[:, 4]),
        block[:, 5].astype(np.bool_),
    )
