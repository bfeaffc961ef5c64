"""Klines as a path of prices: open, then the extremes, then close.

A kline does not tell whether its high or its low came first.  The path assumed is the shorter one
that ends with the move to the close::

    close >= open:  open -> low -> high -> close
    close <  open:  open -> high -> low -> close

Open stands at the open time, the extremes at one and two thirds of the bar, close at the close time
(the bar's last millisecond or microsecond).  The extremes carry flag DERIVED, because their times
are made.  The volume stands on BAR_CLOSE.  Mark and index klines become MARK and INDEX rows along
the same path, premium index klines PREMIUM rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from simulator.market.tape import DERIVED, LAST, Kind
from simulator.replay.archive_checks import Array, Clock, raw_frame, utc
from simulator.replay.archive_values import Fields
from simulator.replay.source import Issues

TICK_NS = 10**6
"""Between a bar's close and the next bar's open where the file has no close times: 1 ms."""

MINUTE_NS = 60 * 10**9
"""Length of a bar that stands alone in a file without close times."""

MONTH_NS = 27 * 24 * 60 * MINUTE_NS
"""Bars from here on are months, which differ in length, so no hole can be told between them."""

CODES = {
    "klines": (Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE),
    "markPriceKlines": (Kind.MARK,) * 4,
    "indexPriceKlines": (Kind.INDEX,) * 4,
    "premiumIndexKlines": (Kind.PREMIUM,) * 4,
}
"""Kind of open, high, low and close, by the archive's name of the data."""


def bar_rows(lines: Iterator[Fields], issues: Issues, kind_name: str) -> Iterator[pl.DataFrame]:
    """Yield the four rows of each kline, in the path's order."""
    bars = Bars(issues, kind_name)
    for fields in lines:
        if fields.frame.height:
            yield bars.rows(fields)


class Bars:
    """Turns klines into rows and watches their sequence over a whole file."""

    def __init__(self, issues: Issues, kind_name: str) -> None:
        self._issues = issues
        self._kind_name = kind_name
        self._clock = Clock(issues)
        self._length = 0
        self._latest = 0
        self._open_before: int | None = None

    def rows(self, fields: Fields) -> pl.DataFrame:
        """Return the rows of some klines (at least one)."""
        opened = fields.time("time")
        self._drop_repeated(fields, opened)
        opened = self._clock.rising(fields, fields.time("time"))
        closed = self._closes(fields, opened)
        self._find_holes(fields, opened)
        at_least = None if self._kind_name == "premiumIndexKlines" else 1
        prices = [
            fields.decimal(name, at_least).to_numpy() for name in ("open", "high", "low", "close")
        ]
        self._check_prices(fields, prices)
        volume = np.zeros_like(prices[0])
        if self._kind_name == "klines" and fields.has("volume"):
            volume = fields.decimal("volume", 0).to_numpy()
        rows = path(opened.to_numpy(), closed, prices, volume, CODES[self._kind_name])
        return self._without_overlap(fields, rows)

    def _without_overlap(self, fields: Fields, rows: pl.DataFrame) -> pl.DataFrame:
        """Raise the times of a bar that begins before the one before it has ended."""
        times = rows["time_ns"].to_numpy()
        if not times.size:
            return rows
        raised: Array = np.maximum(np.maximum.accumulate(times), self._latest)
        self._latest = int(raised[-1])
        early = times < raised
        if early.any():
            bars = np.unique(np.flatnonzero(early) // 4)
            self._issues.add("overlapping_bars", bars.size, fields.line(int(bars[0])))
        return rows.with_columns(pl.Series("time_ns", raised))

    def _drop_repeated(self, fields: Fields, opened: pl.Series) -> None:
        repeated = opened == opened.shift(1, fill_value=self._open_before or 0)
        if repeated.any():
            first = repeated.arg_max()
            assert first is not None
            self._issues.add("duplicate_rows", int(repeated.sum()), fields.line(first))
            fields.keep(~repeated)

    def _closes(self, fields: Fields, opened: pl.Series) -> Array:
        """Return close times: the file's, or just before the next open by the usual spacing."""
        if fields.has("close_time"):
            closed = fields.time("close_time")
            wrong = closed < fields.time("time")
            if wrong.any():
                first = wrong.arg_max()
                assert first is not None
                raise fields.fail("close_time", first, "is before the open time")
            if closed.len():
                self._length = self._length or self._step(fields, closed)
            latest: Array = np.maximum(closed.to_numpy(), opened.to_numpy())
            return latest
        steps = opened.diff().drop_nulls()
        steps = steps.filter(steps > 0)
        if not self._length:
            smallest = steps.min()
            self._length = int(smallest) if isinstance(smallest, int) else MINUTE_NS
        return opened.to_numpy() + (self._length - TICK_NS)

    def _step(self, fields: Fields, closed: pl.Series) -> int:
        """Return the length of a bar by its own stamps, to the full second."""
        length = int(closed[0]) - int(fields.time("time")[0])
        return -(-length // 10**9) * 10**9

    def _find_holes(self, fields: Fields, opened: pl.Series) -> None:
        before = opened.shift(1, fill_value=self._open_before)
        if opened.len():
            self._open_before = int(opened[-1])
        if not self._length or self._length > MONTH_NS:
            return
        steps = (opened - before).fill_null(self._length)
        holes = steps > self._length
        if holes.any():
            first = holes.arg_max()
            assert first is not None
            where = f"{fields.line(first)}: none from {utc(int(before[first]) + self._length)}"
            self._issues.add("time_gaps", int(holes.sum()), where)
            missing = int((steps.filter(holes) // self._length - 1).sum())
            self._issues.add("missing_bars", missing)

    def _check_prices(self, fields: Fields, prices: list[Array]) -> None:
        opens, highs, lows, closes = prices
        wrong = (highs < np.maximum(opens, closes)) | (lows > np.minimum(opens, closes))
        if wrong.any():
            where = fields.line(int(wrong.argmax()))
            self._issues.add("inconsistent_bars", int(wrong.sum()), where)


def path(
    opened: Array,
    closed: Array,
    prices: list[Array],
    volume: Array,
    kinds: tuple[Kind, ...],
) -> pl.DataFrame:
    """Return four rows a bar; ``prices`` are open, high, low, close [bar], in 1e-8."""
    opens, highs, lows, closes = prices
    low_first = closes >= opens
    span = closed - opened
    zeros = np.zeros_like(opens)
    columns = {
        "time_ns": [opened, opened + span // 3, opened + 2 * (span // 3), closed],
        "price_e8": [
            opens,
            np.where(low_first, lows, highs),
            np.where(low_first, highs, lows),
            closes,
        ],
        "kind": [
            np.full_like(opens, kinds[0]),
            np.where(low_first, kinds[2], kinds[1]),
            np.where(low_first, kinds[1], kinds[2]),
            np.full_like(opens, kinds[3]),
        ],
        "flags": [zeros + LAST, zeros + (LAST | DERIVED), zeros + (LAST | DERIVED), zeros + LAST],
        "quantity_e8": [zeros, zeros, zeros, volume],
    }
    return raw_frame(
        {name: pl.Series(np.stack(parts, axis=1).reshape(-1)) for name, parts in columns.items()}
    )
