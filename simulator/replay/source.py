"""What a reader of files hands to the importer: one recording, as frames with exact numbers.

A reader does not know an instrument's tick and lot, so its frames (*raw frames*, columns
``RAW_SCHEMA``) are those of the tape except that

- there is no ``instrument`` column: a `Source` belongs to one instrument, ``market:symbol``;
- ``price_e8`` and ``quantity_e8`` stand for ``price`` and ``quantity``: exact decimals scaled by
  1e8.

The importer finds the instrument's tick and lot (from a catalogue, or with `StepFinder`, which is
fed with every raw frame) and calls `tape_columns`, which turns a raw frame into tape columns.

Units: ``*_e8`` are integers of 1e-8; times are ns since 1970 UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl

from simulator.errors import InputError
from simulator.market.tape import SCHEMA, Kind
from simulator.replay.lines import DEFAULT_LIMITS, Limits

E8 = 10**8

RAW_SCHEMA: dict[str, pl.DataType] = {
    "time_ns": pl.Int64(),
    "receive_ns": pl.Int64(),
    "kind": pl.UInt8(),
    "flags": pl.UInt8(),
    "side": pl.Int8(),
    "price_e8": pl.Int64(),
    "quantity_e8": pl.Int64(),
    "id": pl.Int64(),
}
"""Columns of a raw frame, in order."""

BAR_KINDS = (Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE)

PRICE_IN_TICKS = (
    Kind.DEPTH,
    Kind.TRADE,
    Kind.QUOTE,
    Kind.LIQUIDATION,
    *BAR_KINDS,
    Kind.ORDER_ADD,
    Kind.ORDER_CANCEL,
    Kind.ORDER_FILL,
    Kind.AGG_TRADE,
)
"""Kinds whose price is in ticks on the tape; that of the others stays in 1e-8."""

QUANTITY_IN_LOTS = (*PRICE_IN_TICKS, Kind.BAND)
"""Kinds whose quantity is in lots on the tape; that of the others is 0."""


@dataclass(slots=True)
class Issues:
    """What a reader found while its frames were consumed; complete once they are exhausted.

    ``rows`` counts the source's records (lines less header and blank ones).  ``counts`` has these
    keys, each only where it is not 0:

    - ``duplicate_ids``: trade ids seen before (the row is dropped); ``duplicate_rows``: exact
      duplicates (dropped)
    - ``id_gaps`` and ``missing_ids``: holes in the trade ids, and the ids in them
    - ``ids_backwards``: ids below an earlier one that are no duplicates (kept)
    - ``time_backwards``: records earlier than one before (kept; the time is raised to the latest
      seen)
    - ``time_gaps`` and ``missing_bars``: holes between klines, and the bars in them
    - ``overlapping_bars``: bars that begin before the one before has ended (kept, times raised)
    - ``inconsistent_bars``: open or close outside low to high (kept)
    - ``zero_quantity``: prints without quantity (dropped)
    - ``crossed_quotes``: best bid at or above best ask (kept)
    - ``rounded_times``: funding stamps moved to the full hour; ``odd_times``: those more than 1 s
      away from one (kept)
    - ``rounded_values``: figures with more than 8 decimals, rounded half to even
    - ``blank_lines``
    - of order-by-order records: ``unknown_orders`` (the id was never added; left out),
      ``add_after_end``, ``changes_without_effect`` (left out), ``double_adds`` (the old order is
      cancelled), ``replaced_orders`` (lost their place), ``fills_above_quantity`` (cut to what is
      there), ``unpaired_fills`` (the other side of the trade is not in the file)

    ``examples`` tells for a key where it was seen first, for the report.
    """

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, key: str, count: int, example: str = "") -> None:
        """Count ``count`` cases of ``key``; the first example is kept.  0 leaves no trace."""
        if count == 0:
            return
        self.counts[key] += count
        if example:
            self.examples.setdefault(key, example)


class Follows(Protocol):
    """What watches the ids of a source."""

    def follow(self, other: Any) -> None:
        """Go on from another's ids, unless the own ones turn out to begin before them."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file (or member of a zip) of one instrument and one kind of record.

    ``name`` is for messages and the manifest (``file.zip/member.csv`` for a member); ``path`` is
    the file itself. ``kind_name`` is the archive's name of the data, one of `KIND_NAMES`.

    ``frames`` yields raw frames (`RAW_SCHEMA`) of bounded size, once: times never decrease, equal
    times keep the file's order, and each message's last row has flag LAST.  Consuming it may raise
    `InputError` with file, line and field.  ``issues`` is filled on the way.

    ``ids`` watches the ids of its trades.  ``derived_book`` says that the frames hold DEPTH and
    CLEAR rows with flag DERIVED (from bookTicker), which the importer leaves out where the
    instrument has recorded depth.  Trades of ``aggTrades`` have kind TRADE; the importer makes them
    AGG_TRADE where the instrument has single trades too.
    """

    name: str
    path: Path
    market: str
    symbol: str
    kind_name: str
    frames: Iterator[pl.DataFrame]
    issues: Issues
    derived_book: bool = False
    ids: Follows | None = None

    def follow(self, other: Source | None) -> None:
        """Let the ids go on from another source, read just before, if it is of the same records."""
        same = other is not None and (other.instrument, other.kind_name) == (
            self.instrument,
            self.kind_name,
        )
        if other is not None and same and self.ids is not None and other.ids is not None:
            self.ids.follow(other.ids)

    @property
    def instrument(self) -> str:
        """Full name, ``market:symbol``."""
        return f"{self.market}:{self.symbol}"


KIND_NAMES = (
    "trades",
    "aggTrades",
    "klines",
    "bookTicker",
    "bookDepth",
    "markPriceKlines",
    "indexPriceKlines",
    "premiumIndexKlines",
    "fundingRate",
    "liquidationSnapshot",
    "orders",
)
"""Kinds of record, as Binance's public archive names them."""

KIND_ALIASES = {
    "trade": "trades",
    "aggtrade": "aggTrades",
    "kline": "klines",
    "bar": "klines",
    "bars": "klines",
    "ohlcv": "klines",
    "quote": "bookTicker",
    "quotes": "bookTicker",
    "band": "bookDepth",
    "bands": "bookDepth",
    "mark": "markPriceKlines",
    "index": "indexPriceKlines",
    "premium": "premiumIndexKlines",
    "funding": "fundingRate",
    "liquidation": "liquidationSnapshot",
    "liquidations": "liquidationSnapshot",
    "order": "orders",
    "l3": "orders",
}
"""Short words for them, in lower case; their own names are accepted in any case too."""

MARKETS = ("spot", "um", "cm", "option")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user said about files that do not say it themselves, and the limits against bombs.

    ``columns`` maps our field names to the file's column names (or numbers from 1 where it has no
    header); it is what makes a file *generic*.  ``time_unit`` is ``s``, ``ms``, ``us``, ``ns`` or
    ``None`` (told by the size of the number).  ``fill_quantity`` says whether a
    fill of order-by-order records tells what was ``filled`` or what is ``remaining``.
    """

    market: str | None = None
    symbol: str | None = None
    kind: str | None = None
    columns: Mapping[str, str] | None = None
    time_unit: str | None = None
    limits: Limits = DEFAULT_LIMITS
    fill_quantity: str = "filled"

    def __post_init__(self) -> None:
        if self.market is not None and self.market not in MARKETS:
            raise InputError(f"--market {self.market}: must be spot, um, cm or option")
        if self.time_unit not in (None, "s", "ms", "us", "ns"):
            raise InputError(f"--time-unit {self.time_unit}: must be s, ms, us or ns")
        if self.fill_quantity not in ("filled", "remaining"):
            raise InputError(f"--fill-quantity {self.fill_quantity}: must be filled or remaining")
        if self.kind is not None:
            kind_name(self.kind)


def kind_name(word: str) -> str:
    """Return the archive's name for a kind that the user typed.

    Raises `InputError` for an unknown one.
    """
    by_lower = {name.lower(): name for name in KIND_NAMES} | KIND_ALIASES
    name = by_lower.get(word.lower())
    if name is None:
        raise InputError(f"--kind {word}: must be one of {', '.join(KIND_NAMES)}")
    return name


def printable(text: str) -> str:
    """Return text from a file so that it fits one line of a message."""
    return "".join(character if character.isprintable() else "?" for character in text)


class StepFinder:
    """Infers tick and lot from data: the largest power of ten, at most 1, that divides all of it.

    A power of ten and not the plain greatest common divisor, because few rows share large divisors
    by chance.
    """

    def __init__(self) -> None:
        self._price = 0
        self._quantity = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Take a raw frame into account."""
        self._price = _gcd(self._price, frame, "price_e8", PRICE_IN_TICKS)
        self._quantity = _gcd(self._quantity, frame, "quantity_e8", QUANTITY_IN_LOTS)

    @property
    def tick(self) -> Decimal:
        """Inferred tick; 1e-8 where no price was seen."""
        return _power_of_ten(self._price)

    @property
    def lot(self) -> Decimal:
        """Inferred lot; 1e-8 where no quantity was seen."""
        return _power_of_ten(self._quantity)


def _gcd(so_far: int, frame: pl.DataFrame, column: str, kinds: tuple[Kind, ...]) -> int:
    values = frame.filter(pl.col("kind").is_in([int(kind) for kind in kinds]))[column].to_numpy()
    return int(np.gcd.reduce(values, initial=so_far)) if values.size else so_far


def _power_of_ten(divisor_e8: int) -> Decimal:
    exponent = 0
    while divisor_e8 and exponent < 8 and divisor_e8 % 10 ** (exponent + 1) == 0:
        exponent += 1
    return Decimal(1).scaleb(exponent - 8)


def tape_columns(
    frame: pl.DataFrame, instrument: int, tick: Decimal, lot: Decimal, where: str
) -> pl.DataFrame:
    """Return a raw frame as tape columns of the instrument at position ``instrument``.

    ``tick`` and ``lot`` are multiples of 1e-8.  Raises `InputError` naming ``where`` (the source)
    if a price is not a multiple of the tick or a quantity not one of the lot.
    """
    price = _in_steps(frame, "price_e8", PRICE_IN_TICKS, tick, f"{where}: price", "tick")
    lots = _in_steps(frame, "quantity_e8", QUANTITY_IN_LOTS, lot, f"{where}: quantity", "lot")
    return frame.with_columns(
        pl.lit(instrument, pl.UInt16).alias("instrument"),
        price.alias("price"),
        lots.alias("quantity"),
    ).select([pl.col(name).cast(kind) for name, kind in SCHEMA.items()])


def _in_steps(
    frame: pl.DataFrame, column: str, kinds: tuple[Kind, ...], step: Decimal, what: str, name: str
) -> pl.Series:
    step_e8 = int(step * E8)
    if step_e8 <= 0 or Decimal(step_e8) != step * E8:
        raise InputError(f"{what}: {name} {step} is not a multiple of 0.00000001")
    stepped = frame["kind"].is_in([int(kind) for kind in kinds])
    values = frame[column]
    bad = stepped & (values % step_e8 != 0)
    if bad.any():
        value = Decimal(int(values.filter(bad)[0])) / E8
        raise InputError(f"{what} {value.normalize():f} is not a multiple of the {name} {step}")
    return pl.select(pl.when(stepped).then(values // step_e8).otherwise(values)).to_series()
