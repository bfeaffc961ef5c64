"""The tape: market data as typed columns, and the manifest that says where they came from.

The columns and kinds are documented in docs/data-formats.md.  Prices are ticks and quantities lots
of the instrument that the manifest describes, so a tape can be read without any other file.
"""

from __future__ import annotations

from enum import IntEnum

import polars as pl


class Kind(IntEnum):
    """What a tape row says.  Values are part of the file format."""

    DEPTH = 1
    CLEAR = 2
    TRADE = 3
    QUOTE = 4
    MARK = 5
    INDEX = 6
    FUNDING = 7
    FUNDING_ESTIMATE = 8
    LIQUIDATION = 9
    BAR_OPEN = 10
    BAR_HIGH = 11
    BAR_LOW = 12
    BAR_CLOSE = 13
    PREMIUM = 14
    BAND = 15
    ORDER_ADD = 16
    ORDER_CANCEL = 17
    ORDER_FILL = 18
    AGG_TRADE = 19
    VOLATILITY = 20
    SETTLEMENT = 21


LAST = 1
"""Flag: last row of its exchange message."""

DERIVED = 2
"""Flag: not in the source, made by the importer."""

LAST_NS = 4_200_000_000 * 10**9
"""Latest time of a tape, 2103-02-04; with any latency it stays within 64 bits."""

SCHEMA: dict[str, pl.DataType] = {
    "time_ns": pl.Int64(),
    "receive_ns": pl.Int64(),
    "instrument": pl.UInt16(),
    "kind": pl.UInt8(),
    "flags": pl.UInt8(),
    "side": pl.Int8(),
    "price": pl.Int64(),
    "quantity": pl.Int64(),
    "id": pl.Int64(),
}
"""Column names and types of a tape, in file order."""
