"""A book to trade against where the tape has prints or bars but no depth.

The assumption is named **one-tick book around the last print**: after a print by a buyer at *p* the
best ask is *p* and the best bid one tick below; after one by a seller the best bid is *p* and the
best ask one tick above.  Each side shows ``shown`` lots, or, if that is not given, the lots of the
last print.  The book is restated after every print, so what our orders took comes back then.

Bars go the path open, high, low, close; a step up counts as a print by a buyer, any other by a
seller.  The book shows ``volume_share`` of the volume of the bar before (no look-ahead), at least
one lot.

What this leaves out: the real spread and depth, and our own impact beyond what is shown.  Rows made
here are DEPTH with the flag DERIVED and no id.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.market.tape import DERIVED, LAST, Kind

Ints = NDArray[np.int64]

BARS = (Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE)
STEPS = 4
"""Rows that at most restate a book: two old levels removed, two new ones set."""


@dataclass(frozen=True, slots=True)
class BookAssumption:
    """Parameters of the one-tick book; ``shown`` in lots, ``None`` for the last print's."""

    shown: int | None = None
    volume_share: float = 0.1

    def __post_init__(self) -> None:
        if self.shown is not None and self.shown < 1:
            raise ValueError(f"shown must be at least 1 lot, not {self.shown}")
        if not 0 < self.volume_share <= 1:
            raise ValueError(f"volume_share must be in (0, 1], not {self.volume_share}")


ONE_TICK_BOOK = BookAssumption()
"""The assumption as it is made unless somebody says otherwise."""


@dataclass(slots=True)
class OneTickBook:
    """The book of one instrument, carried from block to block."""

    assumption: BookAssumption
    bars: bool
    bid: int = 0
    ask: int = 0
    price: int = 0
    volume: int = 0

    def rows(self, kind: Ints, side: Ints, price: Ints, quantity: Ints) -> Restated:
        """Return the rows that restate the book after the prints of one instrument.

        The arguments are the instrument's rows of a block, of any kind.
        """
        wanted = [int(k) for k in BARS] if self.bars else [int(Kind.TRADE)]
        at = np.flatnonzero(np.isin(kind, wanted) & (price > 0))
        price = price[at]
        if self.bars:
            buyer, shown = self._bar_steps(kind[at], price, quantity[at])
        else:
            buyer, shown = side[at] > 0, quantity[at]
        if self.assumption.shown is not None:
            shown = np.full(at.size, self.assumption.shown, dtype=np.int64)
        # A print at one tick leaves no room for a bid below it.
        bid = np.where(buyer, price - 1, price)
        ask = np.where(buyer, price, price + 1)
        out = self._restate(at, bid, ask, np.maximum(shown, 1))
        if at.size:
            self.bid, self.ask, self.price = int(bid[-1]), int(ask[-1]), int(price[-1])
        return out

    def _bar_steps(self, kind: Ints, price: Ints, quantity: Ints) -> tuple[NDArray[np.bool_], Ints]:
        """Return which steps of the path go up, and what the book shows at each."""
        before = np.concatenate([[self.price], price])[:-1]
        closes = kind == Kind.BAR_CLOSE
        volumes = np.concatenate([[self.volume], quantity[closes]])
        done = np.cumsum(closes) - closes
        shown = (volumes[done] * self.assumption.volume_share).astype(np.int64)
        self.volume = int(volumes[-1])
        return price > before, shown

    def _restate(self, at: Ints, bid: Ints, ask: Ints, shown: Ints) -> Restated:
        n = at.size
        old_bid = np.concatenate([[self.bid], bid])[:-1]
        old_ask = np.concatenate([[self.ask], ask])[:-1]
        mask = np.empty((n, STEPS), dtype=bool)
        mask[:, 0] = (old_bid != bid) & (old_bid > 0)
        mask[:, 1] = (old_ask != ask) & (old_ask > 0)
        mask[:, 2] = bid > 0
        mask[:, 3] = True
        price = np.column_stack([old_bid, old_ask, bid, ask])
        quantity = np.column_stack([np.zeros((n, 2), dtype=np.int64), shown, shown])
        side = np.tile(np.array([1, -1, 1, -1], dtype=np.int8), (n, 1))
        flags = np.full((n, STEPS), DERIVED, dtype=np.uint8)
        flags[:, 3] |= LAST
        after = np.repeat(at, mask.sum(axis=1))
        return Restated(after, side[mask], price[mask], quantity[mask], flags[mask])


@dataclass(frozen=True, slots=True)
class Restated:
    """DEPTH rows to be put after rows ``after`` of the prints they follow from."""

    after: Ints
    side: NDArray[np.int8]
    price: Ints
    quantity: Ints
    flags: NDArray[np.uint8] = field(repr=False)
