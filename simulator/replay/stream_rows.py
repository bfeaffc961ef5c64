"""Messages of one instrument as rows of a batch, in columns.

``place`` is the position of a message in the recording; rows of equal time are ordered by it.
Prices and quantities are integers in 1e-8, times ns since 1970 UTC.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.market.tape import DERIVED, LAST, Kind
from simulator.replay.stitch import Clear, Events, Ints, Stitched

ROW_TYPES: dict[str, pl.DataType] = {
    "time_ns": pl.Int64(),
    "receive_ns": pl.Int64(),
    "kind": pl.UInt8(),
    "flags": pl.UInt8(),
    "side": pl.Int8(),
    "price_e8": pl.Int64(),
    "quantity_e8": pl.Int64(),
    "id": pl.Int64(),
    "place": pl.Int64(),
}


def rows(
    kind: Kind,
    time: Ints,
    receive: Ints,
    place: Ints,
    *,
    side: Ints | int = 0,
    price: Ints | int = 0,
    quantity: Ints | int = 0,
    id_: Ints | int = 0,
    flags: Ints | NDArray[np.uint8] | int = LAST,
) -> pl.DataFrame:
    """Return rows of one kind; scalars hold for all of them."""
    n = time.size
    columns = {
        "time_ns": time,
        "receive_ns": receive,
        "kind": np.full(n, int(kind), dtype=np.uint8),
        "flags": np.broadcast_to(np.asarray(flags), n).astype(np.uint8),
        "side": np.broadcast_to(np.asarray(side), n).astype(np.int8),
        "price_e8": np.broadcast_to(np.asarray(price), n).astype(np.int64),
        "quantity_e8": np.broadcast_to(np.asarray(quantity), n).astype(np.int64),
        "id": np.broadcast_to(np.asarray(id_), n).astype(np.int64),
        "place": place,
    }
    return pl.DataFrame(columns, schema=ROW_TYPES)


def trade_rows(kind: Kind, frame: pl.DataFrame, time: Ints, id_: str) -> pl.DataFrame:
    """Return TRADE or AGG_TRADE rows; a buyer who is maker was hit by a seller."""
    return rows(
        kind,
        time,
        frame["receive_ns"].to_numpy(),
        frame["place"].to_numpy(),
        side=np.where(frame["m"].to_numpy(), -1, 1),
        price=frame["p"].to_numpy(),
        quantity=frame["q"].to_numpy(),
        id_=frame[id_].to_numpy(),
    )


def quote_rows(frame: pl.DataFrame, time: Ints) -> pl.DataFrame:
    """Return two QUOTE rows for each message, bid and ask."""
    pairs = (("b", "B"), ("a", "A"))
    price, quantity = (
        np.column_stack([frame[pair[at]].to_numpy() for pair in pairs]).reshape(-1) for at in (0, 1)
    )
    n = frame.height
    return rows(
        Kind.QUOTE,
        np.repeat(time, 2),
        np.repeat(frame["receive_ns"].to_numpy(), 2),
        np.repeat(frame["place"].to_numpy(), 2),
        side=np.tile([1, -1], n),
        price=price,
        quantity=quantity,
        id_=np.repeat(frame["u"].to_numpy(), 2),
        flags=np.tile([0, LAST], n),
    )


def liquidation_rows(frame: pl.DataFrame, time: Ints) -> pl.DataFrame:
    """Return LIQUIDATION rows: the filled quantity at its average price, where they are told."""
    price = np.where(frame["ap"].fill_null(0) > 0, frame["ap"].fill_null(0), frame["p"])
    quantity = np.where(frame["z"].fill_null(0) > 0, frame["z"].fill_null(0), frame["q"])
    return rows(
        Kind.LIQUIDATION,
        time,
        frame["receive_ns"].to_numpy(),
        frame["place"].to_numpy(),
        side=np.where(frame["S"] == "SELL", -1, 1),
        price=price.astype(np.int64),
        quantity=quantity.astype(np.int64),
    )


def mark_rows(
    frame: pl.DataFrame, time: Ints, before: tuple[int, int] | None
) -> tuple[list[pl.DataFrame], tuple[int, int] | None]:
    """Return MARK, INDEX, FUNDING_ESTIMATE and FUNDING rows.

    ``before`` is the last ``(next funding time in ns, rate)`` seen; the new one is returned too.
    When the next funding time moves on, the rate before it was settled at the old time.
    """
    receive, place = frame["receive_ns"].to_numpy(), frame["place"].to_numpy()
    has_index = frame["i"].is_not_null().to_numpy()
    due_ms = frame["T"].fill_null(0).to_numpy()
    has_rate = frame["r"].is_not_null().to_numpy() & (due_ms > 0)
    flags = np.where(has_index | has_rate, 0, LAST)
    parts = [rows(Kind.MARK, time, receive, place, price=frame["p"].to_numpy(), flags=flags)]
    if has_index.any():
        at = has_index
        price = frame["i"].fill_null(0).to_numpy()[at]
        flags = np.where(has_rate[at], 0, LAST)
        parts.append(rows(Kind.INDEX, time[at], receive[at], place[at], price=price, flags=flags))
    if not has_rate.any():
        return parts, before
    time, receive, place = time[has_rate], receive[has_rate], place[has_rate]
    due = due_ms[has_rate] * 10**6
    rate = frame["r"].fill_null(0).to_numpy()[has_rate]
    parts.append(
        rows(Kind.FUNDING_ESTIMATE, time, receive, place, price=rate, quantity=due),
    )
    first_due, first_rate = before or (int(due[0]), int(rate[0]))
    due_before, rate_before = np.r_[first_due, due[:-1]], np.r_[first_rate, rate[:-1]]
    paid = due > due_before
    if paid.any():
        parts.append(
            rows(
                Kind.FUNDING,
                due_before[paid],
                receive[paid],
                place[paid],
                price=rate_before[paid],
                flags=LAST | DERIVED,
            )
        )
    return parts, (int(due[-1]), int(rate[-1]))


def depth_rows(stitched: Stitched) -> list[pl.DataFrame]:
    """Return CLEAR and DEPTH rows; what sets the book to a snapshot comes before its event."""
    parts = [frame for clear in stitched.clears for frame in _clear_rows(clear)]
    parts.extend(_event_rows(events) for events in stitched.events)
    return parts


def _clear_rows(clear: Clear) -> list[pl.DataFrame]:
    time, receive, place = (
        np.array([value], dtype=np.int64) for value in (clear.time, clear.receive, clear.place)
    )
    if clear.snapshot is None:
        return [rows(Kind.CLEAR, time, receive, place, flags=LAST | DERIVED)]
    snapshot = clear.snapshot
    n = snapshot.side.size
    flags = np.zeros(n, dtype=np.uint8)
    flags[-1:] = LAST
    levels = rows(
        Kind.DEPTH,
        np.repeat(time, n),
        np.repeat(receive, n),
        np.repeat(place, n),
        side=snapshot.side,
        price=snapshot.price,
        quantity=snapshot.quantity,
        id_=snapshot.last_id,
        flags=flags,
    )
    first = 0 if n else LAST
    return [rows(Kind.CLEAR, time, receive, place, id_=snapshot.last_id, flags=first), levels]


def _event_rows(events: Events) -> pl.DataFrame:
    counts = np.diff(events.ends, prepend=0)
    flags = np.zeros(events.side.size, dtype=np.uint8)
    flags[events.ends[counts > 0] - 1] = LAST
    return rows(
        Kind.DEPTH,
        np.repeat(events.time, counts),
        np.repeat(events.receive, counts),
        np.repeat(events.place, counts),
        side=events.side,
        price=events.price,
        quantity=events.quantity,
        id_=np.repeat(events.last_id, counts),
        flags=flags,
    )


Top = tuple[int, int, int, int]

NO_TOP: Top = (0, 0, 0, 0)


def book_from_quotes(
    quotes: NDArray[np.int64], time: Ints, receive: Ints, place: Ints, before: Top
) -> tuple[pl.DataFrame, Top]:
    """Return DERIVED DEPTH rows that make a one-level book follow the quotes.

    ``quotes`` are columns bid, quantity, ask, quantity; ``before`` is the top that the book has.
    Old levels are taken out before new ones are set, so the book is never crossed on the way.
    Also returns the top that the book has afterwards.
    """
    tops = quotes.copy()
    for at in (0, 2):
        tops[tops[:, at + 1] == 0, at] = 0
    old = np.vstack([np.array(before, dtype=np.int64)[None, :], tops[:-1]])
    mask = np.empty((len(tops), 4), dtype=bool)
    price = np.empty((len(tops), 4), dtype=np.int64)
    quantity = np.zeros((len(tops), 4), dtype=np.int64)
    for step, at in ((0, 0), (1, 2)):
        moved = old[:, at] != tops[:, at]
        mask[:, step] = moved & (old[:, at] > 0)
        price[:, step] = old[:, at]
        mask[:, step + 2] = (moved | (old[:, at + 1] != tops[:, at + 1])) & (tops[:, at] > 0)
        price[:, step + 2] = tops[:, at]
        quantity[:, step + 2] = tops[:, at + 1]
    counts = mask.sum(axis=1)
    ends = np.cumsum(counts)
    flags = np.full(int(counts.sum()), DERIVED, dtype=np.uint8)
    flags[ends[counts > 0] - 1] |= LAST
    frame = rows(
        Kind.DEPTH,
        np.repeat(time, counts),
        np.repeat(receive, counts),
        np.repeat(place, counts),
        side=np.tile([1, -1, 1, -1], (len(tops), 1))[mask],
        price=price[mask],
        quantity=quantity[mask],
        flags=flags,
    )
    last = tops[-1] if len(tops) else np.array(before)
    return frame, (int(last[0]), int(last[1]), int(last[2]), int(last[3]))
