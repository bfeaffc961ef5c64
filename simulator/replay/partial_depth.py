"""Partial book streams (``@depth5``, ``@depth10``, ``@depth20``) as a displayed book.

Each message restates the best levels of both sides.  A level that is no longer among them is taken
out, so the book is as deep as the stream.  Rows are DERIVED, as the changes are not in the source;
they are left out where the instrument has recorded depth updates.
Source: "Partial Book Depth Streams" in Binance's spot and futures API documents.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.market.tape import DERIVED, LAST, Kind
from simulator.replay.stitch import Ints
from simulator.replay.stream_rows import rows
from simulator.replay.tops import NO_TOPS

Levels = dict[tuple[int, int], int]
"""``(side, price)`` → quantity."""


class PartialBook:
    """The levels that one instrument's partial book stream last told."""

    def __init__(self) -> None:
        self.messages = 0
        self.first = 0
        self._levels: Levels = {}

    def feed(
        self, frame: pl.DataFrame, levels: pl.DataFrame, counts: Ints, time: Ints
    ) -> tuple[pl.DataFrame, NDArray[np.int64]]:
        """Return the rows of messages, and their tops (u, bid, quantity, ask, quantity).

        ``frame`` has the messages, ``levels`` their levels, ``counts`` how many each has.
        """
        place, receive = frame["place"].to_numpy(), frame["receive_ns"].to_numpy()
        triples = list(levels.select("side", "price_e8", "quantity_e8").iter_rows())
        out: list[tuple[int, int, int, int, int, int]] = []
        tops: list[tuple[int, int, int, int, int]] = []
        if not self.messages and frame.height:
            self.first = int(place[0])
            out.append((0, int(Kind.CLEAR), DERIVED, 0, 0, 0))
        end = 0
        for at, (u, count) in enumerate(zip(frame["u"].to_list(), counts.tolist(), strict=True)):
            told = {(s, p): q for s, p, q in triples[end : end + count] if q}
            end += count
            gone = [(at, int(Kind.DEPTH), DERIVED, *key, 0) for key in self._levels.keys() - told]
            changed = [
                (at, int(Kind.DEPTH), DERIVED, *key, quantity)
                for key, quantity in told.items()
                if self._levels.get(key) != quantity
            ]
            out += sorted(gone) + changed
            if gone or changed:
                out[-1] = (*out[-1][:2], DERIVED | LAST, *out[-1][3:])
            self._levels = told
            bid = max((p for s, p in told if s > 0), default=0)
            ask = min((p for s, p in told if s < 0), default=0)
            tops.append((u, bid, told.get((1, bid), 0), ask, told.get((-1, ask), 0)))
        self.messages += frame.height
        table = np.array(out, dtype=np.int64).reshape(-1, 6)
        of = table[:, 0]
        made = rows(
            Kind.DEPTH,
            time[of],
            receive[of],
            place[of],
            side=table[:, 3],
            price=table[:, 4],
            quantity=table[:, 5],
            flags=table[:, 2],
        ).with_columns(pl.Series("kind", table[:, 1].astype(np.uint8)))
        return made, np.vstack([NO_TOPS, np.array(tops, dtype=np.int64).reshape(-1, 5)])
