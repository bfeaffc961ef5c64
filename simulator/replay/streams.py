"""Recorded Binance WebSocket streams, with REST depth snapshots between them, as batches.

A line is ``receive_stamp {json}`` (``simulator.replay.decode``).  A row's time is the exchange's
event time ``E``.  Spot book tickers have none: they take the latest event time of their symbol seen
at that place.  Within one stream of a symbol time never decreases: where ``E`` runs backwards the
row keeps the latest time, and that is counted.  Files of one recording are joined in the order of
their first stamps; sequences go on across files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.market.ahead import ahead
from simulator.market.tape import Kind
from simulator.replay import stream_rows as build
from simulator.replay.batch import BATCH_SCHEMA, Job
from simulator.replay.decode import Messages, decode, without_cut_off
from simulator.replay.lines import CHUNK_BYTES, chunks_of_lines, frame_of_lines
from simulator.replay.partial_depth import PartialBook
from simulator.replay.stitch import Events, Ints, Snapshot, Stitched, Stitcher, no_events
from simulator.replay.stream_files import Markets, detect, group
from simulator.replay.stream_levels import levels_of
from simulator.replay.stream_prints import Prints
from simulator.replay.tops import NO_TOPS, compare_tops

__all__ = ["detect", "read"]

FILE = 1 << 40
"""Places of one file: a line's place is ``FILE * file + line``."""


def read(paths: list[Path], job: Job) -> Iterator[tuple[pl.DataFrame, bool]]:
    """Yield the batches of all recordings, each sorted by time.

    With each comes whether it is a book to be left out where an instrument has recorded depth.
    """
    for files in group(paths):
        recording = _Recording(files, job)
        for file, path in enumerate(files):
            yield from recording.file(file, path)
            job.advance(path.stat().st_size)
        recording.finish()


@dataclass(slots=True)
class _Symbol:
    """What is known of one instrument at a place of the recording."""

    name: str
    number: int
    stitcher: Stitcher
    clock: int = 0
    latest: dict[str, int] = field(default_factory=dict)
    trade_ids: dict[str, Ints] = field(default_factory=dict)
    funding: tuple[int, int] | None = None
    tops: NDArray[np.int64] = field(default_factory=lambda: NO_TOPS)
    quotes: NDArray[np.int64] = field(default_factory=lambda: NO_TOPS)
    quoted_top: build.Top = build.NO_TOP
    partial_tops: list[NDArray[np.int64]] = field(default_factory=list)
    partial: PartialBook = field(default_factory=PartialBook)


class _Recording:
    """One recording, possibly of several symbols and files."""

    def __init__(self, files: list[Path], job: Job) -> None:
        self._files = files
        self._job = job
        self._symbols: dict[str, _Symbol] = {}
        self._homeless: list[tuple[Snapshot, str | None]] = []
        self._partial: list[pl.DataFrame] = []
        self._prints = Prints(job, self.where)

    def where(self, place: int) -> str:
        """Name the line at a place."""
        return f"{self._files[place // FILE]}: line {place % FILE}"

    def file(self, file: int, path: Path) -> Iterator[tuple[pl.DataFrame, bool]]:
        markets = Markets()
        begins = True
        for messages in ahead(self._messages(path)):
            batch = self._chunk(messages, file, markets, begins)
            begins = False
            if batch is not None and batch.height:
                yield batch, False
            for partial in self._partial:
                yield partial.select(list(BATCH_SCHEMA)), True
            self._partial.clear()

    def _messages(self, path: Path) -> Iterator[Messages]:
        for first, data in chunks_of_lines(path, CHUNK_BYTES, self._job.limits):
            lines = frame_of_lines(data, first)
            if lines.height and not data.endswith(b"\n"):
                lines = without_cut_off(lines, path, self._job)
            if lines.height:
                yield decode(lines, path, self._job)

    def finish(self) -> None:
        """Say what was left without use."""
        for snapshot, _ in self._homeless:
            raise InputError(
                f"{self.where(snapshot.place)}: the snapshot names no symbol and no other line "
                "tells it; name it with --instrument market:symbol"
            )
        for symbol in self._symbols.values():
            symbol.stitcher.finish()
            if symbol.stitcher.ever_synced:
                where = self.where(symbol.partial.first)
                self._job.leave_out("partial_depth", where, symbol.partial.messages)

    def _chunk(
        self, messages: Messages, file: int, markets: Markets, begins: bool
    ) -> pl.DataFrame | None:
        place = (pl.col("number") + file * FILE).alias("place")
        frames = {kind: frame.with_columns(place) for kind, frame in messages.frames.items()}
        named = self._wanted(markets.name(frames))
        parts = {
            (kind, str(name)): part
            for kind, frame in named.items()
            for (name,), part in frame.partition_by("name", as_dict=True).items()
        }
        for name in sorted({name for _, name in parts}):
            self._symbol(name)
        depth = {
            name: self._events(part, messages)
            for (kind, name), part in parts.items()
            if kind == "depthUpdate"
        }
        here = {name for _, name in parts}
        snapshots = self._snapshots(frames.get("snapshot"), depth, here, messages)
        out: list[pl.DataFrame] = []
        for name in sorted(here | set(snapshots)):
            mine = {kind: part for (kind, one), part in parts.items() if one == name}
            taken = snapshots.get(name, [])
            events = depth.get(name, no_events())
            self._partial_depth(self._symbols[name], mine, messages)
            frame = self._one(self._symbols[name], mine, events, taken, begins and bool(taken))
            out.append(frame)
        if not out:
            return None
        batch = pl.concat(out)
        order = np.lexsort((batch["place"].to_numpy(), batch["time_ns"].to_numpy()))
        return batch[order].select(list(BATCH_SCHEMA))

    def _wanted(self, named: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """Leave out the instruments that the user did not ask for."""
        only = self._job.only
        if only is None:
            return named
        kept = {}
        for kind, frame in named.items():
            mine = (pl.col("name") == only) | (pl.col("s") == only)
            other = frame.filter(~mine)
            if other.height:
                self._job.leave_out(
                    "other_instrument", self.where(int(other["place"][0])), other.height
                )
            kept[kind] = frame.filter(mine)
        return kept

    def _symbol(self, name: str) -> _Symbol:
        if name not in self._symbols:
            stitcher = Stitcher(name, not name.startswith("spot:"), self._job, self.where)
            self._symbols[name] = _Symbol(name, self._job.instrument(name), stitcher)
        return self._symbols[name]

    def _events(self, frame: pl.DataFrame, messages: Messages) -> Events:
        levels, counts = levels_of(frame, "b", "a", messages)
        return Events(
            time=_ints(frame["E"]),
            receive=_ints(frame["receive_ns"]),
            place=_ints(frame["place"]),
            first_id=_ints(frame["U"]),
            last_id=_ints(frame["u"]),
            previous_id=_ints(frame["pu"].fill_null(0)),
            ends=_ints(counts).cumsum(),
            side=_ints(levels["side"]),
            price=_ints(levels["price_e8"]),
            quantity=_ints(levels["quantity_e8"]),
        )

    def _snapshots(
        self,
        frame: pl.DataFrame | None,
        depth: dict[str, Events],
        here: set[str],
        messages: Messages,
    ) -> dict[str, list[Snapshot]]:
        """Return the snapshots of each instrument; one that cannot be told yet waits."""
        if frame is not None:
            for at in range(frame.height):
                one = frame[at : at + 1]
                levels, _ = levels_of(one, "bids", "asks", messages)
                snapshot = Snapshot(
                    receive=int(one["receive_ns"][0]),
                    place=int(one["place"][0]),
                    last_id=int(one["lastUpdateId"][0]),
                    side=_ints(levels["side"]),
                    price=_ints(levels["price_e8"]),
                    quantity=_ints(levels["quantity_e8"]),
                )
                self._homeless.append((snapshot, one["s"][0]))
        waiting, self._homeless = self._homeless, []
        found: dict[str, list[Snapshot]] = {}
        for snapshot, symbol in waiting:
            name = self._owner(snapshot, symbol, depth, here)
            if name is None:
                self._homeless.append((snapshot, symbol))
            else:
                found.setdefault(name, []).append(snapshot)
        return found

    def _owner(
        self, snapshot: Snapshot, symbol: str | None, depth: dict[str, Events], here: set[str]
    ) -> str | None:
        """Return whose snapshot it is: of the only instrument, or of the one whose ids hold it."""
        only = self._job.only
        if only and ":" in only:
            return self._symbol(only).name
        names = here or set(self._symbols)
        if symbol:
            names = {name for name in names if name.split(":")[1] == symbol}
        if len(names) == 1:
            return next(iter(names))
        with_depth = {name for name in names if name in depth}
        if len(with_depth) == 1:
            return next(iter(with_depth))
        least = snapshot.last_id
        holding = [
            name
            for name in sorted(with_depth)
            if np.any((depth[name].first_id <= least + 1) & (depth[name].last_id >= least))
        ]
        if len(holding) > 1:
            raise InputError(
                f"{self.where(snapshot.place)}: the snapshot names no symbol and could be of "
                f"{' or '.join(holding)}; record one symbol a file"
            )
        return holding[0] if holding else None

    def _one(
        self,
        symbol: _Symbol,
        parts: dict[str, pl.DataFrame],
        events: Events,
        snapshots: list[Snapshot],
        new_file: bool,
    ) -> pl.DataFrame:
        """Return the rows of one instrument in one chunk, with their places."""
        clock = self._clock(symbol, parts)
        out: list[pl.DataFrame] = []
        if events.size:
            events.time = self._forward(symbol, "depthUpdate", events.time, events.place)
        stitched = symbol.stitcher.feed(events, snapshots, new_file)
        out += build.depth_rows(stitched)
        for kind, row_kind, id_ in (("trade", Kind.TRADE, "t"), ("aggTrade", Kind.AGG_TRADE, "a")):
            if kind in parts:
                frame = self._prints(symbol.trade_ids, kind, id_, parts[kind], not new_file)
                time = self._time(symbol, kind, frame)
                out.append(build.trade_rows(row_kind, frame, time, id_))
        if "markPriceUpdate" in parts:
            frame = parts["markPriceUpdate"]
            time = self._time(symbol, "markPriceUpdate", frame)
            marks, symbol.funding = build.mark_rows(frame, time, symbol.funding)
            out += marks
        if "forceOrder" in parts:
            frame = parts["forceOrder"]
            out.append(build.liquidation_rows(frame, self._time(symbol, "forceOrder", frame)))
        if "bookTicker" in parts:
            out += self._quotes(symbol, parts["bookTicker"], clock, stitched)
        self._check(symbol, stitched, parts.get("bookTicker"))
        batch = pl.concat(out) if out else build.rows(Kind.CLEAR, *([np.empty(0, np.int64)] * 3))
        if batch.height:
            symbol.stitcher.floor = max(symbol.stitcher.floor, int(batch["time_ns"].max()))  # type: ignore[arg-type]
        return batch.with_columns(pl.lit(symbol.number, pl.UInt16).alias("instrument"))

    def _clock(self, symbol: _Symbol, parts: dict[str, pl.DataFrame]) -> tuple[Ints, Ints]:
        """Return places and the latest event time seen there, in order of place."""
        stamped = [part.filter(pl.col("E").is_not_null()) for part in parts.values()]
        none = np.empty(0, dtype=np.int64)
        places = np.concatenate([none, *(_ints(part["place"]) for part in stamped)])
        times = np.concatenate([none, *(_ints(part["E"]) for part in stamped)])
        order = np.argsort(places, kind="stable")
        times = np.maximum.accumulate(np.r_[symbol.clock, times[order]])
        symbol.clock = int(times[-1])
        return places[order], times

    def _time(self, symbol: _Symbol, stream: str, frame: pl.DataFrame) -> Ints:
        times = frame["E"].to_numpy().astype(np.int64)
        return self._forward(symbol, stream, times, frame["place"].to_numpy())

    def _forward(self, symbol: _Symbol, stream: str, times: Ints, places: Ints) -> Ints:
        """Return times that never decrease within a stream; counts those that did."""
        raised = np.maximum.accumulate(np.r_[symbol.latest.get(stream, 0), times])
        back = np.flatnonzero(times < raised[1:])
        for at in back.tolist():
            late = (int(raised[at + 1]) - int(times[at])) / 10**6
            why = f"{symbol.name}: field E: time of {stream} runs backwards by {late:g} ms"
            self._job.stop_or_find("time_backwards", self.where(int(places[at])), why)
        symbol.latest[stream] = int(raised[-1])
        return raised[1:]

    def _quotes(
        self, symbol: _Symbol, frame: pl.DataFrame, clock: tuple[Ints, Ints], stitched: Stitched
    ) -> list[pl.DataFrame]:
        places = frame["place"].to_numpy()
        times = self._stamped(symbol, "bookTicker", frame, clock)
        out = [build.quote_rows(frame, times)]
        if symbol.partial.messages and not symbol.stitcher.ever_synced:
            return out
        tops = frame.select("b", "B", "a", "A").to_numpy().astype(np.int64)
        crossed = (tops[:, 0] >= tops[:, 2]) & (tops[:, 1] > 0) & (tops[:, 3] > 0)
        if crossed.any():
            at = self.where(int(places[crossed][0]))
            self._job.find("crossed_quote", at, int(crossed.sum()))
        receive = frame["receive_ns"].to_numpy()
        for number, (start, end) in enumerate(stitched.unsynced):
            inside = _after(times, places, start) & ~_after(times, places, end) & ~crossed
            carried = number == 0 and not stitched.clears_before(start)
            before = symbol.quoted_top if carried else build.NO_TOP
            book, top = build.book_from_quotes(
                tops[inside], times[inside], receive[inside], places[inside], before
            )
            out.append(book)
            symbol.quoted_top = top
        return out

    def _stamped(
        self, symbol: _Symbol, stream: str, frame: pl.DataFrame, clock: tuple[Ints, Ints]
    ) -> Ints:
        """Return the times of messages that may have none: the latest seen of their symbol."""
        places = frame["place"].to_numpy()
        if frame["E"].null_count():
            known, times = clock
            seen = times[np.searchsorted(known, places, side="right")]
            first = int(times[np.searchsorted(times, 1)]) if times[-1] > 0 else 0
            receive = frame["receive_ns"].to_numpy()
            if not first:
                name = "quote" if stream == "bookTicker" else "depth"
                self._job.find(f"{name}_timed_by_receipt", self.where(int(places[0])), places.size)
            seen = np.where(seen > 0, seen, first or receive)
            times = np.where(frame["E"].is_null(), seen, frame["E"].fill_null(0)).astype(np.int64)
        else:
            times = frame["E"].to_numpy().astype(np.int64)
        return self._forward(symbol, stream, times, places)

    def _partial_depth(
        self, symbol: _Symbol, parts: dict[str, pl.DataFrame], messages: Messages
    ) -> None:
        """Put aside the book that partial depth tells, in a batch of its own."""
        now = symbol.clock
        kinds = [kind for kind in ("partialDepth", "partialUpdate") if kind in parts]
        for kind in kinds:
            frame = parts.pop(kind)
            clock = self._clock(symbol, {**parts, kind: frame})
            symbol.clock = now  # the chunk's other streams are yet to be timed
            time = self._stamped(symbol, kind, frame, clock)
            levels, counts = levels_of(frame, "b", "a", messages)
            made, tops = symbol.partial.feed(frame, levels, _ints(counts), time)
            symbol.partial_tops.append(tops)
            number = pl.lit(symbol.number, pl.UInt16).alias("instrument")
            self._partial.append(made.with_columns(number))

    def _check(self, symbol: _Symbol, stitched: Stitched, quotes: pl.DataFrame | None) -> None:
        """Compare tops and quotes of equal update id, of this chunk and the one before."""
        mine = np.vstack([NO_TOPS, *stitched.tops, *symbol.partial_tops])
        symbol.partial_tops.clear()
        theirs = NO_TOPS
        if quotes is not None:
            theirs = quotes.select("u", "b", "B", "a", "A").to_numpy().astype(np.int64)
        counts = self._job.checks.setdefault(symbol.name, [0, 0])
        for tops, quoted in ((mine, theirs), (symbol.tops, theirs), (mine, symbol.quotes)):
            compared, agreed, differing = compare_tops(tops, quoted)
            counts[0] += compared
            counts[1] += agreed
            for u in differing:
                self._job.find("top_mismatch", f"{symbol.name}: update id {u}")
        symbol.tops, symbol.quotes = mine, theirs


def _ints(column: pl.Series) -> Ints:
    return column.to_numpy().astype(np.int64)


def _after(times: Ints, places: Ints, bound: tuple[int, int]) -> NDArray[np.bool_]:
    after: NDArray[np.bool_] = (times > bound[0]) | ((times == bound[0]) & (places >= bound[1]))
    return after
