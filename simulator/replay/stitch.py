"""Stitch REST snapshots and depth updates into one book, the way Binance prescribes.

======== =============================== ================================ ====================
market   dropped after snapshot L        first event applied              every later event
======== =============================== ================================ ====================
futures  u < L                           U <= L <= u                      pu = previous u
spot     u <= L                          U <= L + 1 <= u                  U = previous u + 1
======== =============================== ================================ ====================

The snapshot becomes a CLEAR and its levels, placed just before the first event applied and at that
event's time, so the book is right from then on, wherever in the recording the snapshot arrived.
Until then, and from a break on, the book is *unsynced*: events wait for a snapshot.

A break is a gap (an event that does not follow), a snapshot that no event joins, or a crossed book.
``--on-gap stop`` refuses the recording there; ``resync`` empties the book and waits for the next
snapshot.  Left out by rule and counted: events before the snapshot, events that come again, and
snapshots taken while the book is synced.

Source: "How to manage a local order book correctly" in Binance's spot and futures API documents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.replay.batch import Job
from simulator.replay.tops import TopBook, Tops

Ints = NDArray[np.int64]

RETRY_NS = 10 * 10**9
"""A snapshot too old to join is no break if another is taken within this time (recorders retry)."""

FOREVER = 2**62


@dataclass(slots=True)
class Events:
    """Depth updates of one symbol in recorded order; ``ends`` bounds each one's levels.

    ``place`` orders rows of equal time and finds the line again.
    """

    time: Ints
    receive: Ints
    place: Ints
    first_id: Ints
    last_id: Ints
    previous_id: Ints
    ends: Ints
    side: Ints
    price: Ints
    quantity: Ints

    @property
    def size(self) -> int:
        """Number of events."""
        return int(self.time.size)

    def start(self, i: int) -> int:
        """Return the first level of event *i*."""
        return int(self.ends[i - 1]) if i else 0

    def part(self, i: int, j: int) -> Events:
        """Return events *i* to *j* as their own arrays."""
        low, high = self.start(i), self.start(j)
        return Events(
            time=self.time[i:j],
            receive=self.receive[i:j],
            place=self.place[i:j],
            first_id=self.first_id[i:j],
            last_id=self.last_id[i:j],
            previous_id=self.previous_id[i:j],
            ends=self.ends[i:j] - low,
            side=self.side[low:high],
            price=self.price[low:high],
            quantity=self.quantity[low:high],
        )

    def then(self, other: Events) -> Events:
        """Return these events and then the other ones."""
        if not self.size:
            return other
        return Events(
            time=np.concatenate([self.time, other.time]),
            receive=np.concatenate([self.receive, other.receive]),
            place=np.concatenate([self.place, other.place]),
            first_id=np.concatenate([self.first_id, other.first_id]),
            last_id=np.concatenate([self.last_id, other.last_id]),
            previous_id=np.concatenate([self.previous_id, other.previous_id]),
            ends=np.concatenate([self.ends, other.ends + self.side.size]),
            side=np.concatenate([self.side, other.side]),
            price=np.concatenate([self.price, other.price]),
            quantity=np.concatenate([self.quantity, other.quantity]),
        )


def no_events() -> Events:
    """Return an empty list of events."""
    return Events(*(np.empty(0, dtype=np.int64) for _ in range(10)))


@dataclass(slots=True)
class Snapshot:
    """A REST depth snapshot of one symbol; its levels are columns."""

    receive: int
    place: int
    last_id: int
    side: Ints
    price: Ints
    quantity: Ints


@dataclass(slots=True)
class Clear:
    """The book is emptied: at a break (``snapshot`` None) or to be set to a snapshot."""

    time: int
    place: int
    receive: int
    snapshot: Snapshot | None


@dataclass(slots=True)
class Stitched:
    """What became of one chunk: pieces in order, and where the book is unsynced.

    ``unsynced`` holds ``((time, place), (time, place))``, start included, end not.  ``tops`` are
    columns of the events applied: u, bid, quantity, ask, quantity.
    """

    events: list[Events] = field(default_factory=list)
    clears: list[Clear] = field(default_factory=list)
    unsynced: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    tops: list[NDArray[np.int64]] = field(default_factory=list)

    def clears_before(self, at: tuple[int, int]) -> bool:
        """Whether the book was emptied at or before ``(time, place)`` in this chunk."""
        return any((clear.time, clear.place) <= at for clear in self.clears)


class Stitcher:
    """The state of one symbol's book over the chunks of a recording.

    ``where(place)`` names a line for the user; ``carry`` bounds the events that wait for a snapshot
    from one chunk to the next.  ``floor`` is the latest time of rows already written for the
    symbol: events that waited over a chunk's end are applied at that time at the earliest.
    """

    def __init__(
        self,
        name: str,
        futures: bool,
        job: Job,
        where: Callable[[int], str],
        carry: int = 20_000,
    ) -> None:
        self.name = name
        self.futures = futures
        self.synced = False
        self.ever_synced = False
        self.last_id = 0
        self._job = job
        self._where = where
        self._carry = carry
        self._waiting = no_events()
        self._snapshots: list[Snapshot] = []
        self._spare: Snapshot | None = None
        self._book = TopBook()
        self._since = (0, 0)
        self.floor = 0

    def feed(self, chunk: Events, snapshots: list[Snapshot], new_file: bool = False) -> Stitched:
        """Stitch the next chunk of the recording.

        ``new_file`` says that the chunk begins a file that has a snapshot of its own: there, a jump
        of the ids is a new recording and no gap.
        """
        out = Stitched()
        carried = self._waiting.size
        events = self._waiting.then(chunk)
        if carried:
            # What waited is applied now: its rows come after all that was written before.
            events.time[:carried] = np.maximum(events.time[:carried], self.floor)
        self._snapshots += snapshots
        breaks = self._breaks(events)
        i = 0
        while True:
            if self.synced:
                i = self._follow(events, i, breaks, out, new_file)
            if i >= events.size and self.synced:
                break
            joined = self._join(events, i, out)
            if joined is None:
                break
            i = joined
        self._waiting = no_events() if self.synced else self._kept(events, i)
        if not self.synced:
            out.unsynced.append((self._since, (FOREVER, 0)))
        return out

    def finish(self) -> None:
        """Count what waits for a snapshot that never came."""
        if self._waiting.size:
            where = self._where(int(self._waiting.place[0]))
            self._job.leave_out("depth_without_snapshot", where, self._waiting.size)
        for snapshot in self._snapshots:
            self._job.leave_out("snapshot_without_depth", self._where(snapshot.place))

    def _kept(self, events: Events, i: int) -> Events:
        """Return the events that wait on, at most ``carry``; counts those that cannot."""
        first = max(i, events.size - self._carry)
        if first > i:
            where = self._where(int(events.place[i]))
            self._job.leave_out("depth_without_snapshot", where, first - i)
        return events.part(first, events.size)

    def _breaks(self, events: Events) -> Ints:
        """Return the events that do not follow the one before them."""
        if self.futures:
            follows = events.previous_id[1:] == events.last_id[:-1]
        else:
            follows = events.first_id[1:] == events.last_id[:-1] + 1
        return np.flatnonzero(~follows) + 1

    def _continues(self, events: Events, i: int) -> bool:
        if self.futures:
            return int(events.previous_id[i]) == self.last_id
        return int(events.first_id[i]) == self.last_id + 1

    def _follow(self, events: Events, i: int, breaks: Ints, out: Stitched, new_file: bool) -> int:
        """Apply events from *i* on until the end or a break; return the first not applied."""
        while i < events.size:
            if not self._continues(events, i):
                if int(events.last_id[i]) <= self.last_id:
                    self._job.leave_out("depth_repeated", self._where(int(events.place[i])))
                    i += 1
                    continue
                self._shelve(int(events.place[i]))
                self._gap(events, i, new_file and i == 0)
                self._unsync(events, i, out)
                return i
            after = np.searchsorted(breaks, i, side="right")
            j = int(breaks[after]) if after < breaks.size else events.size
            done = self._apply(events, i, j, out)
            if not self.synced:
                return done
            i = done
        self._shelve(FOREVER)
        return i

    def _gap(self, events: Events, i: int, new_recording: bool) -> None:
        where = self._where(int(events.place[i]))
        if new_recording:
            self._job.find("new_recording", where)
            return
        if self.futures:
            said = f"field pu is {events.previous_id[i]}, not {self.last_id}"
        else:
            said = f"field U is {events.first_id[i]}, not {self.last_id + 1}"
        why = f"{self.name}: gap in the depth updates: {said}"
        self._job.stop_or_find("depth_gap", where, why)

    def _shelve(self, before: int) -> None:
        """Put aside the snapshots that arrived before a place while the book was synced."""
        while self._snapshots and self._snapshots[0].place < before:
            self._spare = self._snapshots.pop(0)
            self._job.leave_out("snapshot_while_synced", self._where(self._spare.place))

    def _unsync(self, events: Events, i: int, out: Stitched) -> None:
        at = (int(events.time[i]), int(events.place[i]))
        out.clears.append(Clear(*at, int(events.receive[i]), None))
        self.synced = False
        self._since = at
        self._book.clear()
        if self._spare is not None and self._spare.last_id > self.last_id:
            self._snapshots.insert(0, self._spare)
        self._spare = None

    def _join(self, events: Events, i: int, out: Stitched) -> int | None:
        """Sync with the next snapshot that events from *i* on join.

        Returns the first event not applied yet, or ``None`` if no snapshot can be joined so far.
        """
        while self._snapshots:
            snapshot = self._snapshots[0]
            least = snapshot.last_id if self.futures else snapshot.last_id + 1
            late = np.flatnonzero(events.last_id[i:] >= least)
            if not late.size:
                if len(self._snapshots) > 1:
                    self._drop("snapshot_superseded")
                    continue
                return None
            first = i + int(late[0])
            if int(events.first_id[first]) <= least:
                return self._sync(events, i, first, out)
            self._too_old(int(events.first_id[first]), least)
        return None

    def _drop(self, why: str) -> None:
        self._job.leave_out(why, self._where(self._snapshots.pop(0).place))

    def _too_old(self, first_id: int, least: int) -> None:
        """Give up a snapshot that ends before the first event that could follow it."""
        snapshot = self._snapshots[0]
        more = self._snapshots[1:]
        if more and more[0].receive - snapshot.receive <= RETRY_NS:
            self._drop("snapshot_too_old")
            return
        why = (
            f"{self.name}: gap after the snapshot: its lastUpdateId is {snapshot.last_id}, and the "
            f"next depth update begins at U {first_id}, not at {least} or before"
        )
        self._job.stop_or_find("snapshot_not_joined", self._where(snapshot.place), why)
        self._snapshots.pop(0)

    def _sync(self, events: Events, i: int, first: int, out: Stitched) -> int:
        if first > i:
            where = self._where(int(events.place[i]))
            self._job.leave_out("depth_before_snapshot", where, first - i)
        snapshot = self._snapshots.pop(0)
        at = (int(events.time[first]), int(events.place[first]))
        out.clears.append(Clear(*at, snapshot.receive, snapshot))
        if self._since < at:
            out.unsynced.append((self._since, at))
        self._book.clear()
        _, crossed = self._book.apply(
            snapshot.side.tolist(),
            snapshot.price.tolist(),
            snapshot.quantity.tolist(),
            [snapshot.side.size],
        )
        self.synced = self.ever_synced = True
        if crossed >= 0:
            why = f"{self.name}: the snapshot's best bid is at or above its best ask"
            self._job.stop_or_find("crossed_book", self._where(snapshot.place), why)
            out.clears.pop()
            self.synced = False
            self._since = at
            return first
        return self._apply(events, first, first + 1, out)

    def _apply(self, events: Events, i: int, j: int, out: Stitched) -> int:
        """Apply events *i* to *j*; stop before one that crosses the book."""
        part = events.part(i, j)
        rows = [c.tolist() for c in (part.side, part.price, part.quantity, part.ends)]
        tops, crossed = self._book.apply(rows[0], rows[1], rows[2], rows[3])
        good = j - i if crossed < 0 else crossed
        if good:
            kept = part if good == j - i else part.part(0, good)
            out.events.append(kept)
            out.tops.append(_with_ids(kept.last_id, tops[:good]))
            self.last_id = int(kept.last_id[-1])
        if crossed < 0:
            return j
        bad = i + crossed
        bid, _, ask, _ = (value / 10**8 for value in tops[crossed].tolist())
        where = self._where(int(events.place[bad]))
        why = f"{self.name}: crossed book: best bid {bid:.8g} is at or above best ask {ask:.8g}"
        self._job.stop_or_find("crossed_book", where, why)
        self._shelve(int(events.place[bad]))
        self._spare = None
        self._unsync(events, bad, out)
        return bad + 1


def _with_ids(ids: Ints, tops: Tops) -> NDArray[np.int64]:
    return np.column_stack([ids, tops])
