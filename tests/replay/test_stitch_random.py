"""Random recordings of a book whose every state is known, with what goes wrong in real ones.

A model venue changes levels and prints depth updates, book tickers and, now and then, a snapshot
that arrives before or after the updates around it; some lines are lost, some come twice.  Whatever
happens: an import with ``resync`` keeps the book uncrossed and every comparable top equal to the
book ticker, and a book that is synced at the end is the venue's.  The size of the chunks in which
the file is read must not matter for that.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.market.tape import DERIVED, Kind
from simulator.replay import streams
from simulator.replay.verify import verify
from tests.replay.streams_kit import depth, imported, quote, snapshot

Book = dict[tuple[int, int], int]


def text(price: int) -> str:
    return f"{price / 10:.1f}"


class Venue:
    """A book of one instrument, and the lines that a recorder would see of it."""

    def __init__(self, seed: int, futures: bool, loss: float) -> None:
        self.random = random.Random(seed)
        self.futures = futures
        self.loss = loss
        self.book: Book = {(1, 990 - i): 1 + i for i in range(5)}
        self.book |= {(-1, 1010 + i): 1 + i for i in range(5)}
        self.id = 100
        self.printed = 100
        self.lines: list[tuple[float, str]] = []
        self.complete = True
        self.last_lost = False

    def best(self, side: int) -> int:
        prices = [price for of, price in self.book if of == side]
        return max(prices) if side > 0 else min(prices)

    def event(self, at: int) -> None:
        """Change one to three levels, print the update and perhaps a ticker and a snapshot."""
        first = self.id + 1
        changed: dict[tuple[int, int], int] = {}
        for _ in range(self.random.randint(1, 3)):
            self.id += self.random.randint(1, 3) if self.futures else 1
            side = self.random.choice((1, -1))
            limit = self.best(-side) - side
            price = limit - side * self.random.randint(0, 12)
            lots = self.random.randint(0, 4)
            if lots == 0 and sum(of == side for of, _ in self.book) < 3:
                lots = 1
            self.book.pop((side, price), None)
            if lots:
                self.book[side, price] = lots
            changed[side, price] = lots
            if self.random.random() < 0.15:
                self.snapshot(at)
        levels = {
            of: [
                (text(price), f"{lots}.000")
                for (side, price), lots in changed.items()
                if side == of
            ]
            for of in (1, -1)
        }
        previous = self.printed if self.futures else None
        line = depth(at, first, self.id, previous, levels[1], levels[-1])
        self.printed = self.id
        self.last_lost = self.random.random() < self.loss
        if self.last_lost:
            self.complete = False
        else:
            self.lines += [(at, line)] * (2 if self.random.random() < self.loss else 1)
        if self.random.random() < 0.5:
            tops = [
                (text(self.best(side)), f"{self.book[side, self.best(side)]}.000")
                for side in (1, -1)
            ]
            late = self.random.choice((0, 1, 2))
            self.lines.append((at + late, quote(at, self.id, tops[0], tops[1], self.futures)))

    def snapshot(self, at: int) -> None:
        """Print a snapshot of the book as it is now, received up to 40 ms later."""
        sides = {
            of: [
                (text(price), f"{lots}.000")
                for (side, price), lots in self.book.items()
                if side == of
            ]
            for of in (1, -1)
        }
        late = self.random.choice((0, 0, 5, 40))
        self.lines.append((at + late, snapshot(at, self.id, sides[1], sides[-1])))

    def recorded(self) -> list[str]:
        return [line for _, line in sorted(self.lines, key=lambda one: one[0])]


def last_book(tape: Path) -> tuple[Book, bool]:
    """Return the levels at the end, in ticks of 0.1 and whole lots, and whether they are synced."""
    book: Book = {}
    synced = False
    rows = pl.read_parquet(tape, columns=["kind", "flags", "side", "price", "quantity"])
    for kind, flags, side, price, quantity in rows.iter_rows():
        if kind == Kind.CLEAR:
            book, synced = {}, not flags & DERIVED
        elif kind == Kind.DEPTH:
            book.pop((side, price), None)
            if quantity:
                book[side, price] = quantity
    return book, synced


@pytest.mark.hours
@pytest.mark.parametrize("futures", [True, False], ids=["futures", "spot"])
@given(
    seed=st.integers(0, 10**6),
    loss=st.sampled_from([0.0, 0.02, 0.1]),
    chunk=st.sampled_from([400, 3000, 1 << 20]),
)
@settings(max_examples=20)
def test_any_recording_gives_a_right_book(
    futures: bool, seed: int, loss: float, chunk: int
) -> None:
    venue = Venue(seed, futures, loss)
    for at in range(0, 600, 10):
        venue.event(at)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(streams, "CHUNK_BYTES", chunk)
        tape, manifest = imported(Path(folder), venue.recorded(), "resync")
        listed = manifest.instruments[0]
        assert [check.name for check in verify(tape) if not check.holds] == []
        assert listed.tops.agreed == listed.tops.compared
        if venue.complete:
            assert manifest.findings == {}
        book, synced = last_book(tape)
        if not synced or venue.last_lost:
            return
        assert listed.book == "depth"
        scale = [int(one / step) for one, step in ((1, listed.lot * 1000), (1, listed.tick * 10))]
        lots, ticks = 1000 * scale[0], scale[1]
        assert {(side, p // ticks): q // lots for (side, p), q in book.items()} == venue.book


def test_most_random_recordings_do_sync() -> None:
    synced = 0
    for seed in range(20):
        venue = Venue(seed, seed % 2 == 0, 0.02)
        for at in range(0, 600, 10):
            venue.event(at)
        with tempfile.TemporaryDirectory() as folder:
            tape, _ = imported(Path(folder), venue.recorded(), "resync")
            synced += last_book(tape)[1]
    assert synced > 8
