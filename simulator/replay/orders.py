"""Order-by-order records (L3) as ORDER_ADD, ORDER_CANCEL and ORDER_FILL rows.

A record says what happened to one displayed order.  Orders are followed by id, so that each row
says how many lots it takes off, at the price the order was added with:

======================== ============================================================
record                   rows
======================== ============================================================
add                      ORDER_ADD; of a live id, the old order is cancelled first
change, less remains     ORDER_CANCEL of the difference: the order keeps its place
change, more or elsewhere ORDER_CANCEL of all and ORDER_ADD: it loses its place
change to 0, delete      ORDER_CANCEL of what is left
fill                     ORDER_FILL
print                    AGG_TRADE (DERIVED): informs, as the fills are the prints already
======================== ============================================================

Records of an id that was never added are left out and counted (``unknown_orders``): they belong to
orders older than the recording.  ``add_after_end`` is an add of an id whose end came before it.
Units: prices and quantities are integers of 1e-8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from simulator.market.tape import DERIVED, LAST, Kind
from simulator.replay.archive_checks import Clock, raw_frame
from simulator.replay.archive_values import Fields
from simulator.replay.source import Issues

ADD, CHANGE, DELETE, FILL, PRINT = 1, 2, 3, 4, 5

ACTIONS = {
    **dict.fromkeys(("add", "added", "created", "create", "new", "open", "insert", "a"), ADD),
    **dict.fromkeys(("change", "changed", "update", "updated", "modify", "modified"), CHANGE),
    **dict.fromkeys(("delete", "deleted", "cancel", "canceled", "cancelled"), DELETE),
    **dict.fromkeys(("done", "remove", "removed", "d"), DELETE),
    **dict.fromkeys(("fill", "filled", "match", "matched", "trade", "traded", "f"), FILL),
}
"""What an action column may hold, in any case."""

Record = tuple[int, int, int, int, int]
"""``(action, id, side, price, quantity)``."""

Row = tuple[int, int, int, int, int, int, int]
"""``(record, kind, flags, side, price, quantity, id)``; ``record`` is a position in the piece."""


@dataclass(slots=True)
class LiveOrders:
    """The displayed orders of one instrument: id → (side, price, what is left of it).

    >>> live = LiveOrders()
    >>> live.rows([(ADD, 7, 1, 99, 5), (FILL, 7, 1, 0, 2), (DELETE, 7, 1, 0, 0)])
    [(0, 16, 1, 1, 99, 5, 7), (1, 18, 1, 1, 99, 2, 7), (2, 17, 1, 1, 99, 3, 7)]
    """

    fills_tell_rest: bool = False
    found: list[tuple[str, int]] = field(default_factory=list)
    _live: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    _ended_unknown: set[int] = field(default_factory=set)
    _out: list[Row] = field(default_factory=list)

    def rows(self, records: list[Record]) -> list[Row]:
        """Return the rows of a piece of records; ``found`` then has its ``(name, record)``."""
        self._out, self.found = [], []
        for at, (action, id_, side, price, quantity) in enumerate(records):
            if action == ADD:
                self._add(at, id_, side, price, quantity)
            elif action == PRINT:
                flags = LAST | DERIVED
                self._out.append((at, int(Kind.AGG_TRADE), flags, side, price, quantity, 0))
            elif id_ not in self._live:
                self.found.append(("unknown_orders", at))
                if action == DELETE:
                    self._ended_unknown.add(id_)
            elif action == CHANGE:
                self._change(at, id_, price, quantity)
            elif action == DELETE:
                self._take(at, Kind.ORDER_CANCEL, id_, self._live[id_][2])
            else:
                self._fill(at, id_, quantity)
        return self._out

    def _add(self, at: int, id_: int, side: int, price: int, quantity: int) -> None:
        if id_ in self._ended_unknown:
            self._ended_unknown.discard(id_)
            self.found.append(("add_after_end", at))
            return
        if quantity <= 0:
            self.found.append(("zero_quantity", at))
            return
        if id_ in self._live:
            self.found.append(("double_adds", at))
            self._take(at, Kind.ORDER_CANCEL, id_, self._live[id_][2], 0)
        self._live[id_] = (side, price, quantity)
        self._out.append((at, int(Kind.ORDER_ADD), LAST, side, price, quantity, id_))

    def _change(self, at: int, id_: int, price: int, quantity: int) -> None:
        side, held_at, held = self._live[id_]
        price = price or held_at
        if quantity and (quantity > held or price != held_at):
            self.found.append(("replaced_orders", at))
            self._take(at, Kind.ORDER_CANCEL, id_, held, 0)
            self._add(at, id_, side, price, quantity)
        elif quantity == held:
            self.found.append(("changes_without_effect", at))
        else:
            self._take(at, Kind.ORDER_CANCEL, id_, held - quantity)

    def _fill(self, at: int, id_: int, quantity: int) -> None:
        held = self._live[id_][2]
        filled = held - quantity if self.fills_tell_rest else quantity
        if filled > held or filled < 0:
            self.found.append(("fills_above_quantity", at))
            filled = held if filled > held else 0
        if filled:
            self._take(at, Kind.ORDER_FILL, id_, filled)
        else:
            self.found.append(("zero_quantity", at))

    def _take(self, at: int, kind: Kind, id_: int, lots: int, flags: int = LAST) -> None:
        side, price, held = self._live[id_]
        if lots == held:
            del self._live[id_]
        else:
            self._live[id_] = (side, price, held - lots)
        self._out.append((at, int(kind), flags, side, price, lots, id_))


def order_rows(
    lines: Iterator[Fields], issues: Issues, fills_tell_rest: bool = False
) -> Iterator[pl.DataFrame]:
    """Yield the rows of a table of order records.

    Columns: time, id, price, quantity, side, action, and receive where there is one.  A change's
    quantity is what remains; a fill's what was filled, or with ``fills_tell_rest`` what remains.
    Only an add needs price and side; a delete needs no quantity.
    """
    clock, live = Clock(issues), LiveOrders(fills_tell_rest)
    for fields in lines:
        action = fields.words("action", ACTIONS, "must be add, change, delete or fill")
        _fill_blanks(fields, action)
        columns = (
            action,
            fields.integer("id"),
            fields.side("side"),
            fields.decimal("price", 0),
            fields.decimal("quantity", 0),
        )
        fields.refuse("price", (action == ADD) & (columns[3] == 0), "must be above 0")
        time = clock.rising(fields, fields.time("time"))
        receive = fields.time("receive") if fields.has("receive") else None
        records = list(zip(*(column.to_list() for column in columns), strict=True))
        yield order_frame(live, records, time, receive, fields, issues)


def order_frame(
    live: LiveOrders,
    records: list[Record],
    time: pl.Series,
    receive: pl.Series | None,
    fields: Fields,
    issues: Issues,
    places: list[int] | None = None,
) -> pl.DataFrame:
    """Return the raw frame of a piece of records, and count what was found.

    ``time`` and ``receive`` are those of the lines; ``places`` is each record's line, where it is
    not one record a line.
    """
    table = np.array(live.rows(records), dtype=np.int64).reshape(-1, 7)
    lines = np.arange(len(records)) if places is None else np.array(places, dtype=np.int64)
    for name, at in live.found:
        issues.add(name, 1, fields.line(int(lines[at])) if name not in issues.examples else "")
    record = lines[table[:, 0]]
    columns = ("kind", "flags", "side", "price_e8", "quantity_e8", "id")
    return raw_frame(
        {
            "time_ns": pl.Series(time.to_numpy()[record], dtype=pl.Int64),
            "receive_ns": 0 if receive is None else pl.Series(receive.to_numpy()[record]),
            **{name: pl.Series(table[:, at]) for at, name in enumerate(columns, 1)},
        }
    )


def _fill_blanks(fields: Fields, action: pl.Series) -> None:
    """Put 0 for what a record other than an add need not say."""
    may = {"price": action != ADD, "side": action != ADD, "quantity": action == DELETE}
    for name, free in may.items():
        column = fields.frame[name]
        blank = free & (column.is_null() | (column.str.strip_chars() == ""))
        if blank.any():
            value = "bid" if name == "side" else "0"
            filled = pl.select(pl.when(blank).then(pl.lit(value)).otherwise(column)).to_series()
            fields.frame = fields.frame.with_columns(filled.alias(name))
