"""Goal: the bundled tapes are what the generator makes, small, and consistent row by row.

Method: generate their first ten minutes again; walk every row through a plain dictionary book.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from replay_data import DATED, FOLDER, NAMES, describe, generate, path
from replay_data.recordings import STEP_MS, Sampled
from replay_data.settings import load
from simulator.errors import InputError
from simulator.market.manifest import read_manifest, sha256_of
from simulator.market.read import TapeReader
from simulator.market.tape import LAST, SCHEMA, Kind

TEN_MINUTES = 600_000 // STEP_MS
SIZE_MAX = 15_000_000

Rows = Callable[[str], pl.DataFrame]
Books = Callable[[str], dict[str, Sampled]]


@pytest.mark.parametrize("name", NAMES)
def test_beginning_is_what_the_generator_makes(name: str, rows_of: Rows) -> None:
    hour = load(name, steps=TEN_MINUTES)
    made = generate.generate(hour)
    end = (hour.start_ms + TEN_MINUTES * STEP_MS) * 1_000_000
    assert made.equals(rows_of(name).filter(pl.col("time_ns") < end))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_whole_tape_is_what_the_generator_makes(name: str) -> None:
    assert generate.main([name, "--check"]) == 0


@pytest.mark.parametrize("name", [*NAMES, *DATED])
def test_readme_states_digest_and_checksum(name: str, rows_of: Rows) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert describe.digest(rows_of(name)) in text
    assert sha256_of(path(name)) in text


def test_all_files_are_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir() if file.is_file()) < SIZE_MAX


@pytest.mark.parametrize("name", NAMES)
def test_manifest_describes_the_tape(name: str, rows_of: Rows) -> None:
    reader, rows = TapeReader(path(name)), rows_of(name)
    manifest = read_manifest(path(name))
    assert manifest.sha256 == sha256_of(path(name))
    assert manifest.rows == reader.rows == rows.height
    assert (manifest.first_ns, manifest.last_ns) == (rows["time_ns"].min(), rows["time_ns"].max())
    assert [listed.name for listed in manifest.instruments] == [i.name for i in load(name).listed]
    assert sum(sum(listed.rows.values()) for listed in manifest.instruments) == rows.height
    assert manifest == describe.manifest(rows, load(name), path(name))


def test_unknown_name_is_the_users_error() -> None:
    with pytest.raises(InputError, match="no bundled tape 'storm': the names are calm, crash"):
        path("storm")


@pytest.mark.parametrize("name", NAMES)
def test_columns_and_times(name: str, rows_of: Rows) -> None:
    rows, hour = rows_of(name), load(name)
    assert dict(rows.schema) == SCHEMA
    assert rows["time_ns"].is_sorted()
    first, last = hour.start_ms * 10**6, (hour.start_ms + 3_600_000) * 10**6
    assert rows["time_ns"].is_between(first, last, closed="left").all()
    for _, own in rows.group_by("instrument"):
        assert own["receive_ns"].is_sorted()
        assert (own["receive_ns"] >= own["time_ns"]).all()


class Walk:
    """A plain book that a tape's rows of one instrument go through; it counts what it finds."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.cleared = False
        self.messages = self.prints = 0

    def row(self, kind: int, flags: int, side: int, price: int, quantity: int) -> None:
        if kind == Kind.CLEAR:
            assert not self.messages, "only the first message is preceded by CLEAR"
            self.cleared = True
        elif kind == Kind.DEPTH:
            self.depth(side, price, quantity)
            if flags & LAST:
                self.message()
        elif kind == Kind.TRADE:
            self.prints += 1
            shown = self.sides[-side].get(price, 0)
            assert quantity <= shown, f"print of {quantity} at {price}, {shown} displayed"

    def depth(self, side: int, price: int, quantity: int) -> None:
        assert self.cleared
        book = self.sides[side]
        assert book.get(price, 0) != quantity, "a DEPTH row is a change"
        if quantity:
            book[price] = quantity
        else:
            del book[price]

    def message(self) -> None:
        self.messages += 1
        bids, asks = self.sides[1], self.sides[-1]
        assert len(bids) == len(asks) == 10
        assert max(bids) < min(asks), "crossed"


@pytest.mark.parametrize("name", NAMES)
def test_books_never_cross_and_trades_fit_them(name: str, rows_of: Rows) -> None:
    for _, own in rows_of(name).group_by("instrument"):
        walk = Walk()
        columns = (own[c].to_list() for c in ("kind", "flags", "side", "price", "quantity"))
        for row in zip(*columns, strict=True):
            walk.row(*row)
        assert walk.messages > 10_000
        assert walk.prints > 3_000


@pytest.mark.parametrize("name", NAMES)
def test_what_is_taken_is_missing_afterwards(name: str, books_of: Books) -> None:
    """Where half the best ask is bought and the price stays, less is left than where nothing is."""
    for s in books_of(name).values():
        n = len(s.time_ms)
        step = np.clip((s.trade_ms - s.time_ms[0]) // STEP_MS, 0, n - 1)
        at_best = (s.trade_side > 0) & (s.trade_price == s.price[step, 1, 0])
        taken = np.bincount(step[at_best], s.trade_quantity[at_best], minlength=n)[:-1]
        before, after = s.quantity[:-1, 1, 0], s.quantity[1:, 1, 0]
        stays = (s.price[1:, 1, 0] == s.price[:-1, 1, 0]) & (before > 10)
        hit, unhit = stays & (taken > before / 2), stays & (taken == 0)
        assert hit.sum() > 30
        assert np.median((after / before)[hit]) < 0.8 < np.median((after / before)[unhit])


@pytest.mark.parametrize("name", NAMES)
def test_trade_and_depth_ids_count_up(name: str, rows_of: Rows) -> None:
    for kind in (Kind.TRADE, Kind.DEPTH):
        for _, own in rows_of(name).filter(pl.col("kind") == kind).group_by("instrument"):
            step = own["id"].diff().drop_nulls()
            assert own["id"][0] == 1
            assert step.min() == (1 if kind == Kind.TRADE else 0)
            assert kind == Kind.DEPTH or step.max() == 1
