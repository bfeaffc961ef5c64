"""Recognise a market-data CSV by its first lines: by its header, or by the shapes of its values.

Sources of the layouts: Binance's public archive (README of binance/binance-public-data and the
files themselves) and Tardis' CSV.  docs/data-formats.md lists them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.errors import InputError

PRICE_KLINES = "price klines"
"""Layout of klines, mark, index and premium index klines: it does not tell which of them it is."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of a file are.

    ``columns`` are our names in file order, "" for a column that is not read; ``labels`` the file's
    own names of ours.  ``kind_name`` is one of `KIND_NAMES`, or `PRICE_KLINES`.  ``market`` is
    given where the layout tells it.
    """

    kind_name: str
    columns: tuple[str, ...]
    labels: Mapping[str, str]
    header: bool
    market: str | None = None

    def frame_names(self) -> list[str]:
        """Return a distinct name for each column of the file: ours, or ``#position``."""
        return [name or f"#{position}" for position, name in enumerate(self.columns)]


# Our name: the file's names for it, without underscores and in lower case.  The first rule whose
# names are all there applies, so narrower rules come first.  "?" marks a column that may be absent.
HEADERS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "tardis trades",
        {
            "exchange": "exchange",
            "symbol": "symbol",
            "time": "timestamp",
            "receive": "localtimestamp",
            "id": "id",
            "side": "side",
            "price": "price",
            "quantity": "amount",
        },
    ),
    (
        "tardis quotes",
        {
            "exchange": "exchange",
            "symbol": "symbol",
            "time": "timestamp",
            "receive": "localtimestamp",
            "bid_price": "bidprice",
            "bid_quantity": "bidamount",
            "ask_price": "askprice",
            "ask_quantity": "askamount",
        },
    ),
    (
        "bitstamp orders",
        {
            "id": "id",
            "time": "timestamp",
            "placed": "exchange.timestamp",
            "price": "price",
            "quantity": "volume",
            "action": "action",
            "side": "direction",
        },
    ),
    (
        "aggTrades",
        {
            "id": "aggtradeid|aggregatetradeid|aggregateid",
            "price": "price",
            "quantity": "quantity|qty",
            "first_id": "firsttradeid|firstid",
            "last_id": "lasttradeid|lastid",
            "time": "transacttime|timestamp|time",
            "buyer_maker": "isbuyermaker|wasthebuyerthemaker",
        },
    ),
    (
        "trades",
        {
            "id": "id|tradeid",
            "price": "price",
            "quantity": "qty|quantity",
            "time": "time|timestamp",
            "buyer_maker": "isbuyermaker|wasthebuyerthemaker",
        },
    ),
    (
        "liquidationSnapshot",
        {
            "time": "time",
            "side": "side",
            "price": "averageprice",
            "quantity": "accumulatedfillquantity",
        },
    ),
    (
        "bookTicker",
        {
            "id": "updateid",
            "bid_price": "bestbidprice",
            "bid_quantity": "bestbidqty",
            "ask_price": "bestaskprice",
            "ask_quantity": "bestaskqty",
            "time": "transactiontime",
        },
    ),
    ("bookDepth", {"time": "timestamp", "percentage": "percentage", "quantity": "depth"}),
    ("fundingRate", {"time": "calctime", "price": "lastfundingrate"}),
    (
        PRICE_KLINES,
        {
            "time": "opentime",
            "open": "open",
            "high": "high",
            "low": "low",
            "close": "close",
            "volume": "volume",
            "close_time": "closetime",
            "count?": "count|numberoftrades|trades",
        },
    ),
    (
        "klines",
        {
            "time": "timestamp|time|date|datetime|opentime|ts",
            "open": "open",
            "high": "high",
            "low": "low",
            "close": "close",
            "volume": "volume",
        },
    ),
)

REFUSED_HEADERS = {
    "sumopeninterest": "Binance metrics (open interest and ratios) have no place on a tape",
    "markiv": "option tickers and summaries are not read yet",
    "updatetype": "depth snapshots and updates as CSV are not read; record the stream instead",
    "issnapshot": "depth updates as CSV are not read; record the stream instead",
}
"""Column names of layouts that we know and do not read, with what to tell the user."""

SHAPES: dict[str, re.Pattern[str]] = {
    "i": re.compile(r"-?[0-9]+"),
    "n": re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?"),
    "t": re.compile(r"[0-9]{13}|[0-9]{16}"),
    "b": re.compile(r"true|false", re.IGNORECASE),
    "s": re.compile(r"buy|sell", re.IGNORECASE),
    "d": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]{8,}"),
    "x": re.compile(r".*"),
}

# Shapes of the values, our names of the columns, what it is, and the market where that is told.
HEADERLESS: tuple[tuple[str, str, str, str | None], ...] = (
    ("innntbb", "id price quantity - time buyer_maker -", "trades", "spot"),
    ("innntb", "id price quantity - time buyer_maker", "trades", None),
    ("inniitbb", "id price quantity first_id last_id time buyer_maker -", "aggTrades", "spot"),
    ("inniitb", "id price quantity first_id last_id time buyer_maker", "aggTrades", None),
    ("innnntt", "id bid_price bid_quantity ask_price ask_quantity time -", "bookTicker", None),
    ("tsxxnnnxnn", "time side - - - - price - - quantity", "liquidationSnapshot", None),
    (
        "tnnnnntninnn",
        "time open high low close volume close_time - count - - -",
        PRICE_KLINES,
        None,
    ),
    ("dnnn", "time percentage quantity -", "bookDepth", None),
    ("tin", "time - price", "fundingRate", None),
)


def recognise(sample: list[str]) -> Layout | None:
    """Return the layout of a file by its first lines; ``None`` if it is none that we know.

    Raises `InputError` (without the file's name) for a known layout that has no place on a tape.
    """
    if not sample:
        return None
    first = split(sample[0])
    return _by_shape(first) or _by_header(first)


def split(line: str) -> list[str]:
    """Return a CSV line's fields, without quotes.  A line that is no CSV is one field."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return [line]


def plain(name: str) -> str:
    """Return a column name in lower case without blanks and underscores, to compare it."""
    return name.strip().lower().replace("_", "").replace(" ", "")


def _by_shape(fields: list[str]) -> Layout | None:
    for shapes, names, kind_name, market in HEADERLESS:
        matches = len(fields) == len(shapes) and all(
            SHAPES[shape].fullmatch(text) for shape, text in zip(shapes, fields, strict=True)
        )
        if matches:
            columns = tuple("" if name == "-" else name for name in names.split())
            labels = {name: f"{at} ({name})" for at, name in enumerate(columns, 1) if name}
            return Layout(kind_name, columns, labels, header=False, market=market)
    return None


def _by_header(fields: list[str]) -> Layout | None:
    names = [plain(name) for name in fields]
    for name, reason in REFUSED_HEADERS.items():
        if name in names:
            raise InputError(reason)
    for kind_name, wanted in HEADERS:
        columns = [""] * len(fields)
        for ours, theirs in wanted.items():
            position = next((names.index(name) for name in theirs.split("|") if name in names), -1)
            if position >= 0:
                columns[position] = ours.removesuffix("?")
            elif not ours.endswith("?"):
                break
        else:
            labels = {ours: fields[at] for at, ours in enumerate(columns) if ours}
            market = "spot" if "isbestmatch" in names else None
            market = "spot" if kind_name == "bitstamp orders" else market
            market = "cm" if kind_name == "trades" and "baseqty" in names else market
            return Layout(kind_name, tuple(columns), labels, header=True, market=market)
    return None
