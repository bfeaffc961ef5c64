"""Best bid and ask (bookTicker) as rows of a tape, and as the book of one level that they imply."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from simulator.market.tape import DERIVED, LAST, Kind
from simulator.replay.archive_checks import Array, Clock, raw_frame
from simulator.replay.archive_values import Fields
from simulator.replay.source import Issues


def quote_rows(lines: Iterator[Fields], issues: Issues) -> Iterator[pl.DataFrame]:
    """Yield, for each line, DERIVED DEPTH rows that set a book of one level, then two QUOTE rows.

    An update is one message.  A side whose price or quantity changed is restated: the level that
    went is removed (both sides' before anything is set, so the book never crosses on the
    way), then the new one is set.  The first message clears the book.  A side with quantity 0 is
    empty.
    """
    clock = Clock(issues)
    before = np.zeros((1, 4), dtype=np.int64)
    first = True
    for fields in lines:
        times = clock.rising(fields, fields.time("time")).to_numpy()
        if not times.size:
            continue
        now = np.stack(
            [
                fields.decimal("bid_price", 0).to_numpy(),
                fields.decimal("bid_quantity", 0).to_numpy(),
                fields.decimal("ask_price", 0).to_numpy(),
                fields.decimal("ask_quantity", 0).to_numpy(),
            ],
            axis=1,
        )
        for side in (0, 2):
            # a price without quantity, or a quantity without price, is no level
            now[(now[:, side] == 0) | (now[:, side + 1] == 0), side : side + 2] = 0
        crossed = (now[:, 0] >= now[:, 2]) & (now[:, 2] > 0)
        issues.add("crossed_quotes", int(crossed.sum()), fields.line(int(crossed.argmax())))
        ids = fields.integer("id") if fields.has("id") else pl.Series(np.zeros_like(times))
        receive = fields.time("receive") if fields.has("receive") else None
        earlier = np.concatenate((before, now[:-1]))
        yield _quotes(times, receive, ids, earlier, now, first)
        before, first = now[-1:], False


def _quotes(
    times: Array,
    receive: pl.Series | None,
    ids: pl.Series,
    before: Array,
    now: Array,
    first: bool,
) -> pl.DataFrame:
    """Return the rows of some updates; ``before`` and ``now`` are [update][bid p, q, ask p, q]."""
    # mask of the updates concerned, kind, flags, side, price, quantity
    parts: list[tuple[Array, Kind, int, int, Array, Array]] = []
    zeros = np.zeros_like(times)
    everywhere = np.ones(times.size, dtype=bool)
    if first:
        parts.append((np.arange(times.size) == 0, Kind.CLEAR, DERIVED, 0, zeros, zeros))
    for side, at in ((1, 0), (-1, 2)):
        gone = (before[:, at] > 0) & (before[:, at] != now[:, at])
        parts.append((gone, Kind.DEPTH, DERIVED, side, before[:, at], zeros))
    for side, at in ((1, 0), (-1, 2)):
        changed = (before[:, at : at + 2] != now[:, at : at + 2]).any(axis=1) & (now[:, at] > 0)
        parts.append((changed, Kind.DEPTH, DERIVED, side, now[:, at], now[:, at + 1]))
    parts.append((everywhere, Kind.QUOTE, 0, 1, now[:, 0], now[:, 1]))
    parts.append((everywhere, Kind.QUOTE, LAST, -1, now[:, 2], now[:, 3]))
    rows = np.concatenate([np.flatnonzero(mask) for mask, *_ in parts])
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    sizes = [int(mask.sum()) for mask, *_ in parts]
    prices = np.concatenate([price[mask] for mask, *_, price, _ in parts])
    quantities = np.concatenate([quantity[mask] for mask, *_, quantity in parts])

    def column(values: list[int]) -> pl.Series:
        return pl.Series(np.repeat(values, sizes)[order])

    return raw_frame(
        {
            "time_ns": pl.Series(times[rows]),
            "receive_ns": 0 if receive is None else pl.Series(receive.to_numpy()[rows]),
            "kind": column([part[1] for part in parts]),
            "flags": column([part[2] for part in parts]),
            "side": column([part[3] for part in parts]),
            "price_e8": pl.Series(prices[order]),
            "quantity_e8": pl.Series(quantities[order]),
            "id": pl.Series(ids.to_numpy()[rows]),
        }
    )
