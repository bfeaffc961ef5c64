"""Lines of a file as rows of a tape: trades, bands, funding, liquidations, single values.

Each converter takes `Fields` in file order and yields raw frames (see `simulator.replay.source`);
quotes and klines have modules of their own.  Times come out non-decreasing: a record that is
earlier than one before it is counted and gets the latest time seen.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from simulator.errors import InputError
from simulator.market.tape import LAST, Kind
from simulator.replay.archive_checks import Clock, Ids, raw_frame
from simulator.replay.archive_values import Fields
from simulator.replay.source import Issues

HOUR_NS = 3600 * 10**9

FUNDING_JITTER_NS = 10**9
"""Funding stamps this near to a full hour are that hour's; Binance's differ by milliseconds."""


def trade_rows(lines: Iterator[Fields], issues: Issues, ids: Ids) -> Iterator[pl.DataFrame]:
    """Yield TRADE rows: side of the aggressor, which is the seller where the buyer is the maker.

    Prints without quantity, which the archive has for trades that were voided, are dropped.
    """
    clock = Clock(issues)
    for fields in lines:
        fresh = ids.fresh(fields, fields.integer("id")) if fields.has("id") else None
        if fresh is not None:
            fields.keep(fresh)
        _drop(fields, fields.decimal("quantity", 0) > 0, "zero_quantity", issues)
        yield raw_frame(
            {
                "time_ns": clock.rising(fields, fields.time("time")),
                "receive_ns": fields.time("receive") if fields.has("receive") else 0,
                "kind": Kind.TRADE,
                "flags": LAST,
                "side": _aggressor(fields),
                "price_e8": fields.decimal("price", 1),
                "quantity_e8": fields.decimal("quantity", 1),
                "id": fields.integer("id") if fields.has("id") else 0,
            }
        )


def _aggressor(fields: Fields) -> pl.Series | int:
    if fields.has("buyer_maker"):
        return 1 - 2 * fields.boolean("buyer_maker").cast(pl.Int8)
    return fields.side("side") if fields.has("side") else 0


def _drop(fields: Fields, keep: pl.Series, key: str, issues: Issues) -> None:
    dropped = len(keep) - int(keep.sum())
    if dropped:
        first = (~keep).arg_max()
        assert first is not None
        issues.add(key, dropped, fields.line(first))
        fields.keep(keep)


def liquidation_rows(lines: Iterator[Fields], issues: Issues) -> Iterator[pl.DataFrame]:
    """Yield LIQUIDATION rows: the order's side, its average price and filled quantity.

    The archive has every row twice; exact duplicates are dropped wherever they stand, and what is
    left is put in time order.
    """
    for fields in whole(lines, issues):
        _drop(fields, fields.decimal("quantity", 0) > 0, "zero_quantity", issues)
        frame = raw_frame(
            {
                "time_ns": fields.time("time"),
                "kind": Kind.LIQUIDATION,
                "flags": LAST,
                "side": fields.side("side"),
                "price_e8": fields.decimal("price", 1),
                "quantity_e8": fields.decimal("quantity", 1),
            }
        )
        yield _in_time_order(fields, frame, issues)


def funding_rows(lines: Iterator[Fields], issues: Issues) -> Iterator[pl.DataFrame]:
    """Yield FUNDING rows at the instant of funding, which is a full hour.

    Stamps within 1 s of a full hour are moved to it; others are kept and counted.
    """
    for fields in whole(lines, issues):
        times = fields.time("time")
        hours = (times + HOUR_NS // 2) // HOUR_NS * HOUR_NS
        near = (times - hours).abs() <= FUNDING_JITTER_NS
        issues.add("rounded_times", int((near & (times != hours)).sum()))
        issues.add("odd_times", int((~near).sum()), fields.line(near.arg_min() or 0))
        frame = raw_frame(
            {
                "time_ns": pl.select(pl.when(near).then(hours).otherwise(times)).to_series(),
                "kind": Kind.FUNDING,
                "flags": LAST,
                "price_e8": fields.decimal("price"),
            }
        )
        yield _in_time_order(fields, frame, issues)


def band_rows(lines: Iterator[Fields], issues: Issues) -> Iterator[pl.DataFrame]:
    """Yield BAND rows; the bands of one time are one message, from the lowest percentage up."""
    for fields in whole(lines, issues):
        percentage = fields.decimal("percentage")
        frame = raw_frame(
            {
                "time_ns": fields.time("time"),
                "kind": Kind.BAND,
                "side": -percentage.sign().cast(pl.Int8),
                "price_e8": percentage,
                "quantity_e8": fields.decimal("quantity", 0),
            }
        )
        frame = _in_time_order(fields, frame, issues, "price_e8")
        last = (pl.col("time_ns") != pl.col("time_ns").shift(-1)).fill_null(True)
        yield frame.with_columns((last * LAST).cast(pl.UInt8).alias("flags"))


def value_rows(lines: Iterator[Fields], issues: Issues, kind: Kind) -> Iterator[pl.DataFrame]:
    """Yield one row of ``kind`` (MARK, INDEX, PREMIUM) a line."""
    clock = Clock(issues)
    at_least = None if kind is Kind.PREMIUM else 1
    for fields in lines:
        yield raw_frame(
            {
                "time_ns": clock.rising(fields, fields.time("time")),
                "kind": kind,
                "flags": LAST,
                "price_e8": fields.decimal("price", at_least),
            }
        )


WHOLE_LINES = 5_000_000
"""Lines of a file that is sorted as a whole; Binance's have some ten thousand."""


def whole(lines: Iterator[Fields], issues: Issues) -> Iterator[Fields]:
    """Yield a small file as one piece, without exact duplicates; nothing if it has no lines."""
    pieces: list[Fields] = []
    height = 0
    for fields in lines:
        pieces.append(fields)
        height += fields.frame.height
        if height > WHOLE_LINES:
            raise InputError(f"{fields.name}: more than {WHOLE_LINES} lines; split the file by day")
    if not pieces:
        return
    all_ = pieces[0]
    # nothing of the first piece is parsed yet, so nothing is out of date
    all_.frame = pl.concat([piece.frame for piece in pieces])
    values = [name for name in all_.frame.columns if name != "line"]
    first = all_.frame.select(pl.struct(values).is_first_distinct()).to_series()
    _drop(all_, first, "duplicate_rows", issues)
    yield all_


def _in_time_order(
    fields: Fields, frame: pl.DataFrame, issues: Issues, *within: str
) -> pl.DataFrame:
    late = frame["time_ns"] < frame["time_ns"].cum_max()
    if late.any():
        first = late.arg_max()
        assert first is not None
        issues.add("time_backwards", int(late.sum()), fields.line(first))
    return frame.sort("time_ns", *within, maintain_order=True)
