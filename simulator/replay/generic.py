"""Any CSV or Parquet file as a source, by a map from our column names to the file's.

``--columns time=ts,price=px,quantity=qty,side=taker_side,id=trade_id --kind trades --symbol BTCUSDT
--market um --time-unit ms`` reads a file of trades.  A column is named by its header or, in a file
without one, by its number from 1.  `FIELDS` lists what a kind needs and what it may have.

Numbers of a Parquet file are taken by their shortest decimal text, so that a float64 0.1 is 0.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from simulator.errors import InputError
from simulator.replay.archive import file_lines, frames
from simulator.replay.archive_checks import Ids
from simulator.replay.archive_layouts import Layout, split
from simulator.replay.archive_text import TextFile, text_files
from simulator.replay.archive_values import Fields
from simulator.replay.generic_parquet import parquet_rows, text_expression
from simulator.replay.source import Issues, ReadOptions, Source, kind_name, printable

PRICES = (("time", "price"), ())
TRADE = (("time", "price", "quantity"), ("id", "side", "buyer_maker", "receive"))
BAR = (("time", "open", "high", "low", "close"), ("volume", "close_time"))

FIELDS: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    "trades": (TRADE,),
    "aggTrades": (TRADE,),
    "klines": (BAR,),
    "bookTicker": (
        (
            ("time", "bid_price", "bid_quantity", "ask_price", "ask_quantity"),
            ("id", "receive"),
        ),
    ),
    "bookDepth": ((("time", "percentage", "quantity"), ()),),
    "markPriceKlines": (PRICES, BAR),
    "indexPriceKlines": (PRICES, BAR),
    "premiumIndexKlines": (PRICES, BAR),
    "fundingRate": (PRICES,),
    "orders": ((("time", "id", "price", "quantity", "side", "action"), ("receive",)),),
    "liquidationSnapshot": ((("time", "side", "price", "quantity"), ()),),
}
"""Of each kind, the sets of columns it can be made of: those it needs, those it may have."""

ROWS_A_FRAME = 500_000


def read_generic(path: Path, options: ReadOptions) -> list[Source]:
    """Return a source for the file, or for each member of a zip, as ``options.columns`` says.

    Raises `InputError` where kind, symbol or market are not given, a needed column is not mapped,
    or the file lacks a column.
    """
    if options.columns is None:
        raise InputError(f"{path}: --columns is missing")
    if options.kind is None or options.symbol is None or options.market is None:
        raise InputError("--columns needs --kind, --symbol and --market: no column tells them")
    kind = kind_name(options.kind)
    _check_columns(kind, tuple(options.columns))
    if is_parquet(path):
        return [_source(kind, str(path), path, *_parquet(path, options), options)]
    return [_text_source(kind, file, options) for file in text_files(path, options)]


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def parse_columns(text: str) -> dict[str, str]:
    """Return the map that the user typed as ``time=ts,price=px``.

    >>> parse_columns("time=ts, price=px")
    {'time': 'ts', 'price': 'px'}
    """
    columns: dict[str, str] = {}
    for pair in text.split(","):
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (ours and equals and theirs):
            raise InputError(f"--columns {text}: {pair.strip()!r} must be like time=NAME")
        if ours in columns:
            raise InputError(f"--columns {text}: {ours} is named twice")
        columns[ours] = theirs
    return columns


def _check_columns(kind: str, given: tuple[str, ...]) -> None:
    known = {name for needed, optional in FIELDS[kind] for name in (*needed, *optional)}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InputError(
            f"--columns: {kind} has no {unknown[0]}; it has {', '.join(sorted(known))}"
        )
    if not any(set(needed) <= set(given) for needed, _ in FIELDS[kind]):
        ways = " or ".join(", ".join(needed) for needed, _ in FIELDS[kind])
        raise InputError(f"--columns: {kind} needs {ways}")


def _text_source(kind: str, file: TextFile, options: ReadOptions) -> Source:
    assert options.columns is not None
    sample = file.sample()
    if not sample:
        raise InputError(f"{file.name}: is empty")
    first = split(sample[0])
    header = not all(theirs.isdigit() for theirs in options.columns.values())
    columns = [""] * len(first)
    for ours, theirs in options.columns.items():
        columns[_position(file.name, first, theirs, header)] = ours
    labels = dict(options.columns)
    if len({name for name in columns if name}) < len(labels):
        raise InputError(f"{file.name}: --columns names one column of the file twice")
    layout = Layout(kind, tuple(columns), labels, header)
    issues = Issues()
    return _source(
        kind,
        file.name,
        file.path,
        layout,
        file_lines(file, layout, issues, options),
        issues,
        options,
    )


def _position(name: str, first: list[str], theirs: str, header: bool) -> int:
    if header and theirs in first:
        return first.index(theirs)
    if not header and len(theirs) < 6 and 1 <= int(theirs) <= len(first):
        return int(theirs) - 1
    raise InputError(
        f"{name}: has no column {theirs}; its first line is {printable(','.join(first)[:200])}"
    )


def _source(
    kind: str,
    name: str,
    path: Path,
    layout: Layout,
    lines: Iterator[Fields],
    issues: Issues,
    options: ReadOptions,
) -> Source:
    assert options.symbol is not None
    assert options.market is not None
    # whether an unknown recorder's ids have no holes is not known
    ids = Ids(issues, consecutive=False)
    return Source(
        name=name,
        path=path,
        market=options.market,
        symbol=options.symbol,
        kind_name=kind,
        frames=frames(
            kind,
            layout,
            lines,
            issues,
            ids,
            fills_tell_rest=options.fill_quantity == "remaining",
        ),
        issues=issues,
        derived_book=kind == "bookTicker",
    )


def _parquet(path: Path, options: ReadOptions) -> tuple[Layout, Iterator[Fields], Issues]:
    assert options.columns is not None
    try:
        schema = pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(f"{path}: cannot be read: {_first_line(error)}") from None
    labels = dict(options.columns)
    for theirs in labels.values():
        if theirs not in schema:
            raise InputError(f"{path}: has no column {theirs}; it has {', '.join(schema)}")
    layout = Layout(options.kind or "", tuple(labels), labels, header=True)
    issues = Issues()
    for theirs in labels.values():
        if text_expression(theirs, schema[theirs]) is None:
            kind = schema[theirs]
            raise InputError(f"{path}: column {theirs} is of type {kind}, not number, text or time")
    return layout, _parquet_lines(path, layout, issues, options), issues


def _parquet_lines(
    path: Path, layout: Layout, issues: Issues, options: ReadOptions
) -> Iterator[Fields]:
    """Yield a Parquet file's rows as `Fields`; the ``line`` is the row, counted from 1."""
    start = 1
    for frame in parquet_rows(path, dict(layout.labels), ROWS_A_FRAME):
        issues.rows += frame.height
        numbered = frame.with_row_index("line", offset=start)
        numbered = numbered.with_columns(pl.col("line").cast(pl.Int64))
        yield Fields(str(path), numbered, layout.labels, issues, options.time_unit)
        start += frame.height


def _first_line(error: BaseException) -> str:
    return printable(str(error).strip().split("\n", maxsplit=1)[0])
