"""A synthetic L2 recording: a book around a random walk, with trades in bursts.

The market it draws is plain on purpose, so that every engine sees the same rows and nobody's
licence is touched.  A message is either one trade with the new quantity of the level it hit, or
an update of a few levels near the best one.  A level that empties moves the best price; a spread
wider than one tick is filled again by the next updates.  Bids stay below asks at every row.

Units: prices in ticks, quantities in lots, time in ns.  Numbers come from one seeded ``numpy``
generator by integer arithmetic and division alone, so a seed gives the same rows on every machine.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DEPTH = 1
TRADE = 3
START_NS = 1_700_000_000_000_000_000
START_TICK = 600_000
LEVELS = 25
CHUNK = 100_000

TRADE_MESSAGES = 0.45
"""Share of messages that are trades: about 8 % of the rows."""

BURST = 0.80
"""Chance that the aggressor of a trade is the one of the trade before it: trades come in runs."""

TRADE_LOTS = 13
"""Smallest trade; sizes fall off as 1 / uniform, so most trades are small and a few are large."""

NEW_LEVEL_LOTS = 40
"""Quantity of a level that appears inside a wide spread where the draw says 0."""

MEAN_GAP_NS = 11_970_000
"""Mean time between messages, ns."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a recording, one array a column; the meaning is that of docs/data-formats.md."""

    time_ns: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]
    side: npt.NDArray[np.int8]
    price: npt.NDArray[np.int64]
    quantity: npt.NDArray[np.int64]
    last: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time_ns)


def synthetic_rows(events: int, seed: int) -> Rows:
    """Return a recording of at least ``events`` rows (the last message is completed)."""
    market = _Market(seed)
    while len(market.price) < events:
        market.advance(events)
    return market.rows()


class _Market:
    """The book being drawn, and the rows so far."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.now = START_NS
        self.books: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.best = {1: START_TICK, -1: START_TICK + 1}
        self.aggressor = 1
        self.time = array("q")
        self.kind = array("b")
        self.side = array("b")
        self.price = array("q")
        self.quantity = array("q")
        self.last = array("b")
        sizes = self.generator.integers(50, 1500, 2 * LEVELS).tolist()
        for distance in range(LEVELS):
            self.set_level(1, START_TICK - distance, sizes[2 * distance])
            self.set_level(-1, START_TICK + 1 + distance, sizes[2 * distance + 1])
        self.last[-1] = 1
        self.now += 1  # rows at odd, timers at even instants: a row never ties with a timer

    def advance(self, events: int) -> None:
        """Draw up to ``CHUNK`` messages, stopping once there are ``events`` rows."""
        draw = self.generator
        gaps = (draw.integers(1, MEAN_GAP_NS, CHUNK) * 2).tolist()
        is_trade = (draw.random(CHUNK) < TRADE_MESSAGES).tolist()
        turns = (draw.random(CHUNK) >= BURST).tolist()
        trade_lots = (
            (TRADE_LOTS / (1 - draw.random(CHUNK))).clip(max=2_000).astype(np.int64).tolist()
        )
        counts = draw.integers(3, 15, CHUNK).tolist()
        update = _Updates(draw)
        for message in range(CHUNK):
            self.now += gaps[message]
            if is_trade[message]:
                if turns[message]:
                    self.aggressor = -self.aggressor
                self.trade(trade_lots[message])
            else:
                for _ in range(counts[message]):
                    self.update(*update.next())
            self.last[-1] = 1
            if len(self.price) >= events:
                return

    def trade(self, lots: int) -> None:
        """Print one trade against the best opposite level and restate that level."""
        side = -self.aggressor
        price = self.best[side]
        shown = self.books[side][price]
        lots = min(lots, shown if len(self.books[side]) > 1 else shown - 1)
        if lots < 1:
            return
        self.row(TRADE, self.aggressor, price, lots)
        self.set_level(side, price, shown - lots)

    def update(self, side: int, distance: int, lots: int) -> None:
        """Change one level ``distance`` ticks behind the best price, or fill a wide spread."""
        if self.best[-1] - self.best[1] > 1 and distance < 4:
            self.set_level(side, self.best[side] + side, lots or NEW_LEVEL_LOTS)
        elif lots or len(self.books[side]) > LEVELS:
            self.set_level(side, self.best[side] - side * distance, lots)

    def set_level(self, side: int, price: int, lots: int) -> None:
        """Write a DEPTH row and keep the best price right."""
        book = self.books[side]
        self.row(DEPTH, side, price, lots)
        if lots:
            book[price] = lots
            if price * side > self.best[side] * side:
                self.best[side] = price
            return
        book.pop(price, None)
        if price == self.best[side]:
            while self.best[side] not in book:
                self.best[side] -= side

    def row(self, kind: int, side: int, price: int, quantity: int) -> None:
        self.time.append(self.now)
        self.kind.append(kind)
        self.side.append(side)
        self.price.append(price)
        self.quantity.append(quantity)
        self.last.append(0)

    def rows(self) -> Rows:
        """Return the rows as numpy arrays."""
        return Rows(
            np.array(self.time, np.int64),
            np.array(self.kind, np.uint8),
            np.array(self.side, np.int8),
            np.array(self.price, np.int64),
            np.array(self.quantity, np.int64),
            np.array(self.last, np.bool_),
        )


class _Updates:
    """Level changes, drawn in blocks: side, distance from the best price, new quantity."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self.rows: list[tuple[int, int, int]] = []

    def next(self) -> tuple[int, int, int]:
        if not self.rows:
            draw = self.generator
            sides = (draw.integers(0, 2, CHUNK) * 2 - 1).tolist()
            distances = (
                draw.integers(0, 2 * LEVELS, (CHUNK, 3)).min(axis=1).tolist()
            )  # near ones are common
            lots = draw.integers(1, 900, CHUNK) * (draw.random(CHUNK) < 0.75)
            self.rows = list(zip(sides, distances, lots.tolist(), strict=True))
        return self.rows.pop()
