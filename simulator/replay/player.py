"""Play several tapes as one stream of blocks of columns, in one pass and bounded memory.

The order is total: ``(time_ns, position of the tape, recorded order)``.  A block is a set of numpy
columns of at most ``BLOCK_ROWS`` rows (``synthetic`` rows come on top).  Instruments are numbered
over all tapes, in the order of the tapes and of their manifests; one that is on several tapes has
one number, and the finest tick and lot of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.instruments.instrument import Instrument
from simulator.market.ahead import ahead
from simulator.market.manifest import Latency, Manifest
from simulator.market.merge import Stream, merge
from simulator.market.read import TapeReader
from simulator.market.tape import DERIVED, Kind
from simulator.replay.archive_checks import utc
from simulator.replay.steps import IN_LOTS, IN_TICKS
from simulator.replay.synthetic import ONE_TICK_BOOK, BookAssumption, OneTickBook, Restated

BLOCK_ROWS = 1 << 18

DTYPES: dict[str, type[np.generic]] = {
    "time_ns": np.int64,
    "receive_ns": np.int64,
    "instrument": np.int32,
    "kind": np.uint8,
    "flags": np.uint8,
    "side": np.int8,
    "price": np.int64,
    "quantity": np.int64,
    "id": np.int64,
}


@dataclass(frozen=True, slots=True)
class Block:
    """Rows in order, as contiguous columns of ``DTYPES``.

    ``receive_ns`` is on the exchange's clock (the tape's clock offset is taken out, so it is never
    before ``time_ns``), 0 where there is no stamp.
    """

    time_ns: NDArray[np.int64]
    receive_ns: NDArray[np.int64]
    instrument: NDArray[np.int32]
    kind: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    side: NDArray[np.int8]
    price: NDArray[np.int64]
    quantity: NDArray[np.int64]
    id: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(self.time_ns.size)


class Player:
    """Tapes, restricted to a span of time (``end_ns`` not included) and to instruments, played.

    ``instruments`` are full names; ``assumption`` says how a book is made where there is no depth,
    ``None`` leaves such instruments without one.  Raises ``InputError`` if a tape is not readable
    or an instrument is on none of them.

    >>> Player([]).rows
    0
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        instruments: Sequence[str] | None = None,
        assumption: BookAssumption | None = ONE_TICK_BOOK,
        block_rows: int = BLOCK_ROWS,
    ) -> None:
        self._readers = [TapeReader(path) for path in paths]
        self._block_rows = block_rows
        self._bounds = [_bounds(reader, start_ns, end_ns) for reader in self._readers]
        self.manifests: list[Manifest] = [reader.manifest for reader in self._readers]
        self.instruments: list[Instrument] = _instruments(self.manifests, instruments)
        self._number = {one.name: number for number, one in enumerate(self.instruments)}
        self._all = instruments is None
        self._books = self._synthetic(assumption) if assumption is not None else {}

    @property
    def rows(self) -> int:
        """Rows of the tapes in the span, before instruments are chosen and books are made."""
        return sum(stop - start for start, stop in self._bounds)

    @property
    def reach(self) -> str:
        """From when to when there are rows, as the end of a message; empty without any."""
        filled = [one for one in self.manifests if one.rows]
        if not filled:
            return ""
        ends = min(one.first_ns for one in filled), max(one.last_ns for one in filled)
        return f"; the data go from {utc(ends[0])} to {utc(ends[1])} UTC"

    @property
    def span(self) -> tuple[int, int]:
        """First and last time of the tapes' rows in the span; (0, 0) if there are none."""
        firsts, lasts = [], []
        for reader, (start, stop) in zip(self._readers, self._bounds, strict=True):
            if stop > start:
                firsts.append(reader.time_of(start))
                lasts.append(reader.time_of(stop - 1))
        return (min(firsts), max(lasts)) if firsts else (0, 0)

    @property
    def latencies(self) -> list[Latency]:
        """For each tape the recorder's clock offset, and the feed's mean and median latency."""
        return [manifest.latency for manifest in self.manifests]

    def blocks(self, prefetch: bool = False) -> Iterator[Block]:
        """Yield all rows; ``prefetch`` prepares the next block in a thread of its own."""
        books = {number: replace(book) for number, book in self._books.items()}
        made = self._made(books)
        return ahead(made) if prefetch else made

    def _made(self, books: dict[int, OneTickBook]) -> Iterator[Block]:
        streams = []
        for at, (start, stop) in enumerate(self._bounds):
            if stop > start:
                streams.append(Stream(self._readers[at].time_of(start), _Open(self, at)))
        for frame in merge(streams):
            for part in frame.iter_slices(self._block_rows):
                columns = {
                    name: np.ascontiguousarray(part[name].to_numpy(), dtype=dtype)
                    for name, dtype in DTYPES.items()
                }
                block = Block(**columns)
                yield _with_books(block, books) if books else block

    def tape_frames(self, at: int) -> Iterator[pl.DataFrame]:
        """Yield one tape's rows with the player's instrument numbers, steps and clock."""
        reader = self._readers[at]
        names = [one.name for one in reader.manifest.instruments]
        number = np.array([self._number.get(name, -1) for name in names], dtype=np.int32)
        scales = self._scales(reader.manifest)
        offset = reader.manifest.latency.offset
        drop = self._derived_elsewhere(reader.manifest)
        for frame in reader.slices(*self._bounds[at]):
            yield _renumbered(frame, number, scales, offset, drop, self._all)

    def _scales(self, manifest: Manifest) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Return the player's ticks and lots in each of the tape's, ``None`` where all are 1."""
        ticks, lots = [], []
        for listed in manifest.instruments:
            mine = self._number.get(listed.name)
            ours = listed.instrument() if mine is None else self.instruments[mine]
            ticks.append(int(listed.tick / ours.tick))
            lots.append(int(listed.lot / ours.lot))
        if all(scale == 1 for scale in (*ticks, *lots)):
            return None
        return np.array(ticks, dtype=np.int64), np.array(lots, dtype=np.int64)

    def _derived_elsewhere(self, manifest: Manifest) -> list[int]:
        """Return the tape's instruments with a book of quotes that have depth on another tape."""
        with_depth = {
            listed.name
            for other in self.manifests
            for listed in other.instruments
            if listed.book == "depth"
        }
        return [
            number
            for number, listed in enumerate(manifest.instruments)
            if listed.book == "quote" and listed.name in with_depth
        ]

    def _synthetic(self, assumption: BookAssumption) -> dict[int, OneTickBook]:
        made: dict[str, set[str]] = {}
        for manifest in self.manifests:
            for listed in manifest.instruments:
                made.setdefault(listed.name, set()).add(listed.book)
        books = {}
        for name, number in self._number.items():
            if made[name] <= {"trade", "bar", "none"} and made[name] != {"none"}:
                books[number] = OneTickBook(assumption, bars="trade" not in made[name])
        return books


@dataclass(frozen=True, slots=True)
class _Open:
    player: Player
    at: int

    def __call__(self) -> Iterator[pl.DataFrame]:
        return self.player.tape_frames(self.at)


def _bounds(reader: TapeReader, start_ns: int | None, end_ns: int | None) -> tuple[int, int]:
    start = 0 if start_ns is None else reader.first_row_at(start_ns)
    stop = reader.rows if end_ns is None else reader.first_row_at(end_ns)
    return start, max(start, stop)


def _instruments(manifests: list[Manifest], wanted: Sequence[str] | None) -> list[Instrument]:
    found: dict[str, Instrument] = {}
    for manifest in manifests:
        for listed in manifest.instruments:
            one = listed.instrument()
            known = found.get(one.name)
            found[one.name] = one if known is None else _finest(known, one)
    if wanted is None:
        return list(found.values())
    for name in wanted:
        if name not in found:
            raise InputError(f"instrument {name}: not on the tapes, which have {', '.join(found)}")
    return [found[name] for name in wanted]


def _finest(one: Instrument, other: Instrument) -> Instrument:
    tick, lot = min(one.tick, other.tick), min(one.lot, other.lot)
    for of in (one, other):
        if of.tick % tick or of.lot % lot:
            raise InputError(
                f"{one.name}: ticks {one.tick} and {other.tick} or lots {one.lot} and {other.lot} "
                "of two tapes are no multiples of each other"
            )
    return replace(one, tick=tick, lot=lot)


def _renumbered(
    frame: pl.DataFrame,
    number: NDArray[np.int32],
    scales: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
    offset: int,
    drop: list[int],
    everything: bool,
) -> pl.DataFrame:
    if drop:
        depth = pl.col("kind").is_in([int(Kind.DEPTH), int(Kind.CLEAR)])
        derived = depth & (pl.col("flags") & DERIVED != 0)
        frame = frame.filter(~(derived & pl.col("instrument").is_in(drop)))
    old = frame["instrument"].to_numpy()
    columns = [pl.Series("instrument", number[old])]
    if scales is not None:
        kind = frame["kind"].to_numpy()
        for name, scale, stepped in zip(
            ("price", "quantity"), scales, (IN_TICKS, IN_LOTS), strict=True
        ):
            factor = np.where(stepped[kind], scale[old], 1)
            columns.append(pl.Series(name, frame[name].to_numpy() * factor))
    if offset:
        receive = frame["receive_ns"].to_numpy()
        columns.append(pl.Series("receive_ns", np.where(receive > 0, receive - offset, 0)))
    frame = frame.with_columns(columns)
    return frame if everything else frame.filter(pl.col("instrument") >= 0)


def _with_books(block: Block, books: dict[int, OneTickBook]) -> Block:
    """Return a block with the rows of the made books put in after their prints."""
    made: list[tuple[int, Restated]] = []
    for number, book in books.items():
        rows = np.flatnonzero(block.instrument == number)
        if rows.size:
            of = (block.kind, block.side, block.price, block.quantity)
            restated = book.rows(*(column[rows].astype(np.int64) for column in of))
            made.append((number, replace(restated, after=rows[restated.after])))
    if not any(restated.after.size for _, restated in made):
        return block
    after = np.concatenate([restated.after for _, restated in made])
    order = np.argsort(np.concatenate([np.arange(block.size), after]), kind="stable")
    new: dict[str, NDArray[np.generic]] = {
        "time_ns": block.time_ns[after],
        "receive_ns": block.receive_ns[after],
        "instrument": block.instrument[after],
        "kind": np.full(after.size, int(Kind.DEPTH), dtype=np.uint8),
        "id": np.zeros(after.size, dtype=np.int64),
    }
    for name in ("flags", "side", "price", "quantity"):
        new[name] = np.concatenate([getattr(restated, name) for _, restated in made])
    columns = {
        name: np.concatenate([getattr(block, name), new[name]])[order].astype(dtype, copy=False)
        for name, dtype in DTYPES.items()
    }
    return Block(**columns)
