"""Read raw WebSocket recordings of Binance into sampled books and trades.

A line is ``<local stamp> <json>``: a combined-stream message or the REST depth body.  The local
stamp is in ns (2024 files) or microseconds (2023 ``.dat``).  Only what the calibration measures is
kept.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

STEP_MS = 250
RAW = 5
"""Levels 1 to 5 of a thinned book are the five best as they are."""

REACH_BP = (2, 4, 8, 16, 32)
"""Levels 6 to 10 each collect what stands up to this distance from the best."""

LEVELS = RAW + len(REACH_BP)


def reaches(price: float, tick: float) -> list[tuple[int, int]]:
    """Return distance and grid, in ticks, of the collected levels around ``price``.

    A collected level stands on a grid of its distance, so that it does not move with every best
    price.
    """
    ticks = [round(price / tick * bp / 10_000) for bp in REACH_BP]
    return [(max(2, distance), max(2, distance)) for distance in ticks]


def collected(best: int, last: int, reach: list[tuple[int, int]]) -> list[int]:
    """Return the keys of the collected levels of a side, best first.

    A *key* is the price of a bid and minus the price of an ask: the greater key is the better
    price. ``last`` is the key of the fifth level.  Prices are rounded outward, so what is
    collected never looks better than it was.

    >>> collected(100_000, 99_995, [(20, 10), (40, 20)])
    [99980, 99960]
    """
    keys: list[int] = []
    for distance, grid in reach:
        last = min(best - distance, last - 1) // grid * grid
        keys.append(last)
    return keys


def thin(book: dict[int, int], reach: list[tuple[int, int]], o: int) -> list[tuple[int, int]]:
    """Thin one side to ten levels ``(price, quantity)``; ``o`` is +1 for bids, -1 for asks."""
    best = max(book) if o > 0 else -min(book)
    bound = 2 * best - collected(best, best, reach)[-1]
    wide = best - 2 * (bound - best)
    near = [o * p for p in book if o * p >= wide]
    near.sort(reverse=True)
    raw = [(key, book[o * key]) for key in near[:RAW]]
    keys = collected(best, raw[-1][0], reach)
    sums = [0] * len(keys)
    place = 0
    for key in near[RAW:]:
        while place < len(keys) and key < keys[place]:
            place += 1
        if place == len(keys):
            break
        sums[place] += book[o * key]
    return [(o * key, quantity) for key, quantity in [*raw, *zip(keys, sums, strict=True)]]


@dataclass(frozen=True, slots=True)
class Sampled:
    """One instrument: its book every 250 ms and its trades, in ticks and lots.

    ``price`` and ``quantity`` are ``[step, side, level]``, thinned, with side 0 the bids;
    ``trade_*`` are ``[trade]``; ``latency_ns`` is receive stamp less event time as recorded, one
    for each message.
    """

    tick: float
    lot: float
    face: float  # USD for each contract; 0 for linear instruments
    time_ms: Ints
    price: Ints
    quantity: Ints
    trade_ms: Ints
    trade_side: Ints
    trade_price: Ints
    trade_quantity: Ints
    latency_ns: Ints
    messages: dict[str, int] = field(default_factory=dict)
    marks: tuple[tuple[int, float, float, float], ...] = ()  # ms, mark, index, funding rate


def lines(paths: list[Path]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield receive stamp in ns and message of each line, file after file."""
    for path in paths:
        scale = 1000 if path.name.endswith(".dat.gz") else 1
        with gzip.open(path, "rt") as file:
            for line in file:
                stamp, _, body = line.partition(" ")
                yield int(stamp) * scale, json.loads(body)


class _Reader:
    """State while a recording is read; ``finish`` gives the columns."""

    def __init__(self, tick: float, lot: float, face: float) -> None:
        self.tick, self.lot, self.face = tick, lot, face
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.waiting: list[dict[str, Any]] = []
        self.snapshot = 0
        self.next_ms = 0
        self.reach: list[tuple[int, int]] = []
        self.books: list[tuple[int, list[tuple[int, int]], list[tuple[int, int]]]] = []
        self.trades: list[tuple[int, int, int, int]] = []
        self.latency: list[int] = []
        self.messages: Counter[str] = Counter()
        self.marks: list[tuple[int, float, float, float]] = []

    def levels(self, rows: list[list[str]]) -> Iterator[tuple[int, int]]:
        for price, quantity in rows:
            yield round(float(price) / self.tick), round(float(quantity) / self.lot)

    def depth(self, data: dict[str, Any]) -> None:
        if not self.snapshot:
            self.waiting.append(data)
            return
        if data["u"] <= self.snapshot:
            return
        if not self.next_ms:
            self.next_ms = data["E"] - data["E"] % STEP_MS + STEP_MS
        while data["E"] > self.next_ms:
            bids, asks = (
                thin(book, self.reach, o) for book, o in zip(self.sides, (1, -1), strict=True)
            )
            self.books.append((self.next_ms, bids, asks))
            self.next_ms += STEP_MS
        for book, rows in zip(self.sides, (data["b"], data["a"]), strict=True):
            for price, quantity in self.levels(rows):
                if quantity:
                    book[price] = quantity
                else:
                    book.pop(price, None)

    def message(self, stamp: int, body: dict[str, Any]) -> None:
        if "lastUpdateId" in body:
            if not self.snapshot:
                self.snapshot = body["lastUpdateId"]
                for book, key in zip(self.sides, ("bids", "asks"), strict=True):
                    book.update(self.levels(body[key]))
                best = float(body["bids"][0][0])
                self.reach = reaches(best, self.tick)
                for data in self.waiting:
                    self.depth(data)
            return
        data = body["data"]
        kind = data.get("e", "bookTicker")
        self.messages[kind] += 1
        if "E" in data:
            self.latency.append(stamp - data["E"] * 1_000_000)
        if kind == "depthUpdate":
            self.depth(data)
        elif kind == "trade" and self.next_ms:
            price = round(float(data["p"]) / self.tick)
            quantity = round(float(data["q"]) / self.lot)
            self.trades.append((data["T"], -1 if data["m"] else 1, price, quantity))
        elif kind == "markPriceUpdate":
            row = (data["E"], float(data["p"]), float(data["i"]), float(data["r"]))
            self.marks.append(row)

    def finish(self) -> Sampled:
        books = np.array([[bids, asks] for _, bids, asks in self.books], np.int64)
        trades = np.array(self.trades, np.int64).T
        return Sampled(
            tick=self.tick,
            lot=self.lot,
            face=self.face,
            time_ms=np.array([time for time, _, _ in self.books], np.int64),
            price=books[..., 0],
            quantity=books[..., 1],
            trade_ms=trades[0],
            trade_side=trades[1],
            trade_price=trades[2],
            trade_quantity=trades[3],
            latency_ns=np.array(self.latency, np.int64),
            messages=dict(self.messages),
            marks=tuple(self.marks),
        )


def read(paths: list[Path], tick: float, lot: float, face: float = 0.0) -> Sampled:
    """Read the files of one instrument, in order of time."""
    reader = _Reader(tick, lot, face)
    for stamp, body in lines(paths):
        reader.message(stamp, body)
    return reader.finish()
