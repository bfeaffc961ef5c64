"""Check a finished tape: file, order, counts, and its depth against its own quotes.

Depth rows are played through the engine's book (``simulator.book.columns``); the importer checked
the same with a book of its own, in other units, so the two hold each other to account.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.book.columns import Book
from simulator.errors import InputError
from simulator.market.manifest import Manifest, read_manifest, sha256_of
from simulator.market.read import TapeReader
from simulator.market.tape import DERIVED, LAST, Kind
from simulator.replay.runs import Census
from simulator.replay.tops import NO_TOPS, compare_tops

Tops = NDArray[np.int64]

BY_ORDER = [int(Kind.ORDER_ADD), int(Kind.ORDER_CANCEL), int(Kind.ORDER_FILL)]

CROSSED_NS = 5 * 10**9
"""An order-by-order book may be crossed this long: feeds tell a trade's two sides one by one."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing checked: whether it holds, and the figures."""

    name: str
    holds: bool
    detail: str


@dataclass(slots=True)
class _Replay:
    """One instrument's book while the tape is played."""

    book: Book = field(default_factory=Book)
    crossed: int = 0
    first_crossed: int = 0
    crossed_since: int = 0
    longest_crossed: int = 0
    messages: int = 0
    compared: int = 0
    agreed: int = 0
    in_snapshot: bool = False
    tops: Tops = field(default_factory=lambda: NO_TOPS)
    quotes: Tops = field(default_factory=lambda: NO_TOPS)

    def play(self, frame: pl.DataFrame) -> None:
        """Play the instrument's rows of a slice."""
        depth = frame.filter(pl.col("kind").is_in([int(Kind.DEPTH), int(Kind.CLEAR)]))
        by_order = frame.filter(pl.col("kind").is_in(BY_ORDER))
        if by_order.height:
            self.orders(by_order)
        tops = self._depth(depth)
        quotes = _quotes(frame)
        # A quote and its depth update are close together, at most a slice apart.
        for mine, theirs in ((tops, quotes), (self.tops, quotes), (tops, self.quotes)):
            compared, agreed, _ = compare_tops(mine, theirs)
            self.compared += compared
            self.agreed += agreed
        self.tops, self.quotes = tops, quotes

    def orders(self, frame: pl.DataFrame) -> None:
        """Play the instrument's order-by-order rows, and time how long the book is crossed."""
        book = self.book
        best = book.best
        names = ("time_ns", "kind", "flags", "side", "price", "quantity", "id")
        columns = (frame[name].to_list() for name in names)
        for time, kind, flags, side, price, quantity, id_ in zip(*columns, strict=True):
            if self.crossed_since:
                self.longest_crossed = max(self.longest_crossed, time - self.crossed_since)
            if kind == Kind.ORDER_ADD:
                book.add_order(side, price, quantity, id_)
            elif kind == Kind.ORDER_CANCEL:
                book.cancel_order(id_, quantity)
            else:
                book.fill_order(id_, quantity)
            if not flags & LAST:
                continue
            self.messages += 1
            bid, ask = best(1), best(-1)
            if bid and bid >= ask > 0:
                self.crossed += 1
                self.first_crossed = self.first_crossed or time
                self.crossed_since = self.crossed_since or time
            else:
                self.crossed_since = 0

    def _depth(self, frame: pl.DataFrame) -> Tops:
        book = self.book
        set_level, best, shown = book.set_level, book.best, book.shown
        tops: list[tuple[int, int, int, int, int]] = []
        names = ("time_ns", "kind", "flags", "side", "price", "quantity", "id")
        columns = (frame[name].to_list() for name in names)
        for time, kind, flags, side, price, quantity, id_ in zip(*columns, strict=True):
            if kind == Kind.CLEAR:
                book.clear(side)
                self.in_snapshot = True
            else:
                set_level(side, price, quantity)
            if not flags & LAST:
                continue
            self.messages += 1
            bid, ask = best(1), best(-1)
            if bid and bid >= ask > 0:
                self.crossed += 1
                self.first_crossed = self.first_crossed or time
            if not flags & DERIVED and not self.in_snapshot:
                bid_lots = shown(1, bid) if bid else 0
                tops.append((id_, bid, bid_lots, ask, shown(-1, ask) if ask else 0))
            self.in_snapshot = False
        return np.array(tops, dtype=np.int64).reshape(-1, 5)


def _quotes(frame: pl.DataFrame) -> Tops:
    quotes = frame.filter(pl.col("kind") == int(Kind.QUOTE))
    sides = [quotes.filter(pl.col("side") == side) for side in (1, -1)]
    if sides[0].height != sides[1].height:  # a message may be cut by the slice: pair by id
        sides[0] = sides[0].filter(pl.col("id").is_in(sides[1]["id"].implode()))
        sides[1] = sides[1].filter(pl.col("id").is_in(sides[0]["id"].implode()))
        if sides[0].height != sides[1].height:
            return NO_TOPS
    columns = [sides[0]["id"]]
    columns += [one[name] for one in sides for name in ("price", "quantity")]
    return np.column_stack([column.to_numpy() for column in columns]).astype(np.int64)


def verify(
    tape: Path, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> list[Check]:
    """Return all checks of a tape; raises ``InputError`` if it has no manifest."""
    manifest = read_manifest(tape)
    digest = sha256_of(tape)
    same = Check("sha256", digest == manifest.sha256, digest)
    try:
        return [same, *_replayed(TapeReader(tape), progress)]
    except InputError as error:
        return [same, Check("readable", False, str(error))]


def _replayed(reader: TapeReader, progress: Callable[[int, int], None]) -> list[Check]:
    manifest = reader.manifest
    checks = [Check("rows", reader.rows == manifest.rows, f"{reader.rows:,} of {manifest.rows:,}")]
    census = Census()
    replays = [_Replay() for _ in manifest.instruments]
    backwards = unknown = 0
    latest: int | None = None
    first = 0
    done = 0
    for frame in reader.slices(checked=False):
        times = frame["time_ns"].to_numpy()
        first = int(times[0]) if latest is None else first
        steps = np.diff(times, prepend=times[0] if latest is None else latest)
        backwards += int((steps < 0).sum())
        latest = int(times[-1])
        strange = ~pl.col("kind").is_in([int(kind) for kind in Kind])
        strange |= pl.col("instrument") >= len(replays)
        unknown += frame.filter(strange).height
        known = frame.filter(~strange)
        if known.height:
            census.see(known)
        for (number,), part in known.partition_by("instrument", as_dict=True).items():
            replays[int(str(number))].play(part)
        done += frame.height
        progress(done, reader.rows)
    checks += [
        Check("time", backwards == 0, f"{backwards} rows earlier than the one before"),
        Check("span", (first, latest or 0) == (manifest.first_ns, manifest.last_ns), "of manifest"),
        Check("kinds", unknown == 0, f"{unknown} rows of unknown kind or instrument"),
        *_of_instruments(manifest, census, replays),
    ]
    return checks


def _of_instruments(manifest: Manifest, census: Census, replays: list[_Replay]) -> list[Check]:
    checks = []
    for number, (listed, replay) in enumerate(zip(manifest.instruments, replays, strict=True)):
        rows = census.of(number)
        same = rows == listed.rows
        detail = "as in the manifest" if same else f"{rows}, the manifest has {listed.rows}"
        checks.append(Check(f"{listed.name} counts", same, detail))
        if not replay.messages:
            continue
        checks.append(
            Check(
                f"{listed.name} crossed book",
                replay.crossed == 0 or 0 < replay.longest_crossed <= CROSSED_NS,
                f"{replay.crossed} of {replay.messages:,} messages"
                + (f", first at {replay.first_crossed} ns" if replay.crossed else "")
                + (f", {replay.longest_crossed / 10**6:g} ms at most" if replay.crossed else ""),
            )
        )
        checks.append(
            Check(
                f"{listed.name} tops",
                replay.agreed == replay.compared,
                f"{replay.agreed:,} of {replay.compared:,} agree with quotes of the same id "
                f"(at import {listed.tops.agreed:,} of {listed.tops.compared:,})",
            )
        )
        out = replay.book.out_of_range
        checks.append(Check(f"{listed.name} price range", out == 0, f"{out} levels out of range"))
    return checks


def require_tape(path: Path) -> Path:
    """Return the path if it names a file; raises ``InputError`` if not."""
    if not path.is_file():
        raise InputError(f"{path}: no such tape")
    return path
