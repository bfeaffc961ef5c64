"""Files of Binance's public archive, Tardis' CSV and plain OHLCV as sources of raw frames.

What a file is, is told by its columns.  What no column tells, symbol, market and which of the four
kinds of klines it is, comes from the user's options, else from the archive's own folder and file
names (``futures/um/daily/markPriceKlines/BTCUSDT/1m/BTCUSDT-1m-2024-01-01.zip``); where neither
tells, the error says which option is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from simulator.errors import InputError
from simulator.market.tape import Kind
from simulator.replay.archive_bars import bar_rows
from simulator.replay.archive_checks import Ids
from simulator.replay.archive_layouts import PRICE_KLINES, Layout, plain, recognise, split
from simulator.replay.archive_quotes import quote_rows
from simulator.replay.archive_rows import (
    band_rows,
    funding_rows,
    liquidation_rows,
    trade_rows,
    value_rows,
)
from simulator.replay.archive_text import TextFile, string_frames, text_files
from simulator.replay.archive_values import Fields
from simulator.replay.bitstamp import bitstamp_rows
from simulator.replay.orders import order_rows
from simulator.replay.source import MARKETS, Issues, ReadOptions, Source, kind_name, printable

SYMBOL_IN_NAME = re.compile(r"([^\s\-./]+)-(\d{1,2}(s|m|h|d|w|mo)|\d{4}|[a-zA-Z]+)[-.]")
"""``BTCUSDT-trades-2024-01-01.zip``, ``BTCUSD_PERP-1m-2024-01.csv``."""

NAMED_LAYOUTS = {
    "tardis trades": "trades",
    "tardis quotes": "bookTicker",
    "bitstamp orders": "orders",
}
"""Kind of other parties' layouts; Tardis' name exchange and symbol in every row."""

TARDIS_MARKETS = {"binance": "spot", "binance-futures": "um", "binance-delivery": "cm"}

PRICE_FOLDERS = {
    "markprice": "markPriceKlines",
    "indexprice": "indexPriceKlines",
    "premiumindex": "premiumIndexKlines",
}
"""How folder names of price klines begin, without underscores and in lower case."""

PRICE_KINDS: dict[str, Kind] = {
    "markPriceKlines": Kind.MARK,
    "indexPriceKlines": Kind.INDEX,
    "premiumIndexKlines": Kind.PREMIUM,
}

Converter = Callable[[Iterator[Fields], Issues], Iterator[pl.DataFrame]]

CONVERTERS: dict[str, Converter] = {
    "bookTicker": quote_rows,
    "bookDepth": band_rows,
    "fundingRate": funding_rows,
    "liquidationSnapshot": liquidation_rows,
}
"""Converters that need to know nothing but the lines; the others are chosen in `frames`."""


def read_archive(path: Path, options: ReadOptions | None = None) -> list[Source]:
    """Return a source for the file, or for each member of a zip; lines are read when asked for.

    Raises `InputError` for a file whose layout is not known, or that leaves open what it holds.
    """
    options = options or ReadOptions()
    return [_source(file, options) for file in text_files(path, options)]


def is_archive(path: Path, options: ReadOptions | None = None) -> bool:
    """Whether a file's first lines have a layout that `read_archive` knows.

    Of a zip, the first member decides.  Raises `InputError` for files that cannot be read.
    """
    file = text_files(path, options or ReadOptions())[0]
    return _recognise(file, file.sample()) is not None


def _recognise(file: TextFile, sample: list[str]) -> Layout | None:
    try:
        return recognise(sample)
    except InputError as error:
        raise InputError(f"{file.name}: {error}") from None


def _source(file: TextFile, options: ReadOptions) -> Source:
    sample = file.sample()
    if not sample:
        raise InputError(f"{file.name}: is empty")
    layout = _recognise(file, sample)
    if layout is None:
        shown = printable(sample[0][:80])
        raise InputError(
            f"{file.name}: unknown columns ({shown}); name them by --columns, --kind, --symbol, "
            "--market"
        )
    rows = [dict(zip(layout.frame_names(), split(line), strict=False)) for line in sample]
    rows = rows[1:] if layout.header else rows
    kind = _kind(file, layout, rows, options)
    symbol = _symbol(file, rows, options)
    market = _market(file, layout, rows, symbol, options)
    issues = Issues()
    if kind == "indexPriceKlines" and market == "cm" and "_" not in symbol:
        issues.notes.append(f"{file.name}: index of the pair {symbol} put with {symbol}_PERP")
        symbol = f"{symbol}_PERP"
    exchange = rows[0].get("exchange", "binance") if rows else "binance"
    lines = file_lines(file, layout, issues, options)
    ids = Ids(issues, consecutive=exchange in TARDIS_MARKETS)
    return Source(
        name=file.name,
        path=file.path,
        market=market,
        symbol=symbol,
        kind_name=kind,
        frames=frames(kind, layout, lines, issues, ids),
        issues=issues,
        derived_book=kind == "bookTicker",
        ids=ids,
    )


def frames(
    kind: str,
    layout: Layout,
    lines: Iterator[Fields],
    issues: Issues,
    ids: Ids,
    fills_tell_rest: bool = False,
) -> Iterator[pl.DataFrame]:
    """Return the raw frames of lines of a kind.

    ``ids`` watches those of trades; ``fills_tell_rest`` is as for `order_rows`.
    """
    if kind == "orders":
        if layout.kind_name == "bitstamp orders":
            return bitstamp_rows(lines, issues)
        return order_rows(lines, issues, fills_tell_rest)
    if kind in CONVERTERS:
        return CONVERTERS[kind](lines, issues)
    if kind in ("trades", "aggTrades"):
        return trade_rows(lines, issues, ids)
    if kind in PRICE_KINDS and "open" not in layout.columns:
        return value_rows(lines, issues, PRICE_KINDS[kind])
    return bar_rows(lines, issues, kind)


def file_lines(
    file: TextFile, layout: Layout, issues: Issues, options: ReadOptions
) -> Iterator[Fields]:
    """Yield a text file's lines under our names, without blank ones."""
    names = layout.frame_names()
    used = [name for name in layout.columns if name]
    fixed: dict[str, str] = {}
    for whole in string_frames(file, names, layout.header):
        blank = whole.select(pl.all_horizontal(pl.col(names).is_null())).to_series()
        issues.add("blank_lines", int(blank.sum()))
        frame = whole.filter(~blank).select(*used, "line")
        issues.rows += frame.height
        fields = Fields(file.name, frame, layout.labels, issues, options.time_unit)
        for column in ("exchange", "symbol"):
            if fields.has(column) and frame.height:
                _same(fields, column, fixed)
        yield fields


def _same(fields: Fields, column: str, fixed: dict[str, str]) -> None:
    """Raise `InputError` where a column that names the file's instrument changes."""
    values = fields.frame[column]
    expected = fixed.setdefault(column, str(values[0]))
    other = (values != expected).fill_null(True)
    if other.any():
        row = other.arg_max()
        assert row is not None
        raise fields.fail(column, row, f"differs from {expected!r}; a file must hold one {column}")


def _kind(file: TextFile, layout: Layout, rows: list[dict[str, str]], options: ReadOptions) -> str:
    asked = kind_name(options.kind) if options.kind else None
    told = NAMED_LAYOUTS.get(layout.kind_name, layout.kind_name)
    if told == PRICE_KLINES:
        if any(_is_positive(row.get("volume", "")) for row in rows):
            told = "klines"
        else:
            named = asked or _kind_in_path(file)
            if named != "klines" and named not in PRICE_KINDS:
                raise InputError(
                    f"{file.name}: klines without volume may be plain, mark, index or premium "
                    "index klines and no folder says which; give --kind klines, markPriceKlines, "
                    "indexPriceKlines or premiumIndexKlines"
                )
            told = named
    if asked is None or asked == told:
        return told
    if layout.kind_name == "klines" and asked in PRICE_KINDS:
        # plain OHLCV, whose header is everyone's
        return asked
    raise InputError(f"{file.name}: holds {told} by its columns, not --kind {asked}")


def _is_positive(text: str) -> bool:
    return any(digit in "123456789" for digit in text) and not text.startswith("-")


def _parts(file: TextFile) -> list[str]:
    """Return the path's and the member's parts, nearest first."""
    return [*reversed(Path(file.member or "").parts), *reversed(file.path.parts)]


def _kind_in_path(file: TextFile) -> str | None:
    for part in _parts(file):
        word = plain(part)
        if word == "klines":
            return "klines"
        for start, kind in PRICE_FOLDERS.items():
            if word.startswith(start):
                return kind
    return None


def _symbol(file: TextFile, rows: list[dict[str, str]], options: ReadOptions) -> str:
    if rows and rows[0].get("symbol"):
        symbol = printable(rows[0]["symbol"])
        if options.symbol not in (None, symbol):
            raise InputError(f"{file.name}: holds {symbol}, not --symbol {options.symbol}")
        return symbol
    if options.symbol is not None:
        return options.symbol
    for part in _parts(file):
        match = SYMBOL_IN_NAME.match(part)
        if match and match[1] == match[1].upper():
            return match[1]
    raise InputError(f"{file.name}: nothing tells the symbol; give --symbol")


def _market(
    file: TextFile, layout: Layout, rows: list[dict[str, str]], symbol: str, options: ReadOptions
) -> str:
    told = layout.market
    if rows and "exchange" in rows[0]:
        told = TARDIS_MARKETS.get(rows[0]["exchange"])
    if told is None and re.search(r"USD_(PERP|\d{6})$", symbol):
        told = "cm"
    if options.market is not None:
        if told not in (None, options.market):
            raise InputError(f"{file.name}: holds {told} data, not --market {options.market}")
        return options.market
    if told is None:
        told = _market_in_path(file)
    if told is None:
        raise InputError(f"{file.name}: nothing tells the market; give --market spot, um or cm")
    return told


def _market_in_path(file: TextFile) -> str | None:
    for part in _parts(file):
        words = re.split(r"[\W_]+", part.lower())
        found = [market for market in MARKETS if market in words]
        if len(found) == 1:
            return found[0]
    return None
