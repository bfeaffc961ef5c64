"""Bitstamp's live orders, as recorded in ob-analytics' layout, as order-by-order rows.

Columns: id, timestamp (the recorder's, ms), exchange.timestamp (when the order was placed, s),
price, volume (what remains, 1e-8), action (created, changed, deleted), direction (bid, ask).

The feed has no executions and shows aggressive orders too.  What is assumed, and how the recording
of 2015-05-01 bears it out:

- A reduction by ``changed`` and a deletion with volume 0 are **fills**: orders could not be amended
  then.  A deletion with a volume is a cancellation of that volume.
- Each trade is told twice, once a side.  Fills of opposite sides within 1 s whose volumes agree to
  `ROUNDING` units are one trade; the order with the larger id came later and is the **aggressor**.
- An aggressor is on the tape only from its last such fill on, with what is left of it: before, it
  stood in no queue, and shown it would cross the book.  Its trades are AGG_TRADE rows (DERIVED);
  the maker's ORDER_FILL is the print.  A fill without its other side stays an ORDER_FILL.

Source of the layout: github.com/phil8192/ob-analytics, README.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from simulator.replay.archive_checks import Clock
from simulator.replay.archive_rows import whole
from simulator.replay.archive_values import Fields
from simulator.replay.orders import (
    ADD,
    CHANGE,
    DELETE,
    FILL,
    PRINT,
    LiveOrders,
    Record,
    order_frame,
)
from simulator.replay.source import Issues

CREATED, CHANGED, DELETED = 1, 2, 3
WORDS = {"created": CREATED, "changed": CHANGED, "deleted": DELETED}

WINDOW_NS = 10**9
"""The two sides of a trade are recorded within this time."""

ROUNDING = 2
"""Units of 1e-8 by which the two sides' volumes may differ: the feed printed rounded floats."""


@dataclass(slots=True)
class _Fill:
    """A reduction: the record, its order, and how much (``None``: the order is not known)."""

    at: int
    id: int
    side: int
    time: int
    price: int
    volume: int | None
    pair: _Fill | None = None

    def fits(self, other: _Fill) -> bool:
        """Whether the other may be the other side of the same trade."""
        if other.pair is not None or self.side == other.side or self.id == other.id:
            return False
        if self.volume is None or other.volume is None:
            return self.volume is not other.volume
        return abs(self.volume - other.volume) <= ROUNDING

    @property
    def aggressive(self) -> bool:
        """Whether its order came later than the one it traded with."""
        return self.pair is not None and self.id > self.pair.id


def bitstamp_rows(lines: Iterator[Fields], issues: Issues) -> Iterator[pl.DataFrame]:
    """Yield the rows of a file, read as a whole, as fills are matched across its lines."""
    for fields in whole(lines, issues):
        columns = (
            fields.words("action", WORDS, "must be created, changed or deleted"),
            fields.integer("id"),
            fields.side("side"),
            fields.decimal("price", 1),
            fields.integer("quantity"),
        )
        time = Clock(issues).rising(fields, fields.time("time"))
        table = list(zip(*(column.to_list() for column in columns), strict=True))
        fills = _fills(table, time.to_list())
        _pair(list(fills.values()))
        unpaired = [one for one in fills.values() if one.pair is None and one.volume is not None]
        if unpaired:
            issues.add("unpaired_fills", len(unpaired), fields.line(unpaired[0].at))
        records, places = _records(table, fills)
        yield order_frame(LiveOrders(), records, time, None, fields, issues, places)


def _fills(table: list[Record], times: list[int]) -> dict[int, _Fill]:
    """Return the fills by their record."""
    left: dict[int, int] = {}
    fills: dict[int, _Fill] = {}
    for at, (action, id_, side, price, volume) in enumerate(table):
        before = left.get(id_)
        if action == CREATED:
            left[id_] = volume
            continue
        taken = None if before is None else before - volume
        filled = action == CHANGED or volume == 0
        if filled and (taken is None or taken > 0):
            fills[at] = _Fill(at, id_, side, times[at], price, taken)
        if action == DELETED:
            left.pop(id_, None)
        elif before is not None:
            left[id_] = volume
    return fills


def _pair(fills: list[_Fill]) -> None:
    """Match the two sides of each trade, nearest first."""
    for position, one in enumerate(fills):
        following = position + 1
        while one.pair is None and following < len(fills):
            other = fills[following]
            if other.time - one.time > WINDOW_NS:
                break
            if one.fits(other):
                one.pair, other.pair = other, one
            following += 1


def _records(table: list[Record], fills: dict[int, _Fill]) -> tuple[list[Record], list[int]]:
    """Return the records of all orders, and the line of each; an aggressor is held back."""
    shown_at = {one.id: one.at for one in fills.values() if one.aggressive and one.volume}
    created: dict[int, int] = {}
    records: list[Record] = []
    places: list[int] = []

    def put(at: int, action: int, id_: int, side: int, price: int, volume: int) -> None:
        records.append((action, id_, side, price, volume))
        places.append(at)

    for at, (action, id_, side, price, volume) in enumerate(table):
        shown, fill = shown_at.get(id_, -1), fills.get(at)
        if action == CREATED:
            created[id_] = price
        if at <= shown:
            if fill is not None and fill.pair is not None and fill.volume:
                put(at, PRINT, 0, side, fill.pair.price, fill.volume)
            if at == shown and volume:
                put(at, ADD, id_, side, created[id_], volume)
        elif fill is not None and fill.volume:
            put(at, FILL, id_, side, price, fill.volume)
        elif action == CHANGED:
            put(at, CHANGE, id_, side, 0, volume)
        else:
            put(at, ADD if action == CREATED else DELETE, id_, side, price, volume)
        if action == DELETED:
            created.pop(id_, None)
    return records, places
