"""Levels of recorded depth messages and snapshots: texts become rows of whole numbers."""

from __future__ import annotations

import polars as pl

from simulator.errors import InputError
from simulator.replay.decode import Messages, in_e8, refuse_bad


def levels_of(
    frame: pl.DataFrame, bids: str, asks: str, messages: Messages
) -> tuple[pl.DataFrame, pl.Series]:
    """Explode the levels of messages, bids before asks.

    Returns a frame ``number``, ``side``, ``price_e8``, ``quantity_e8``, and for each message how
    many levels it has.  Raises ``InputError`` for a level that is not ``[price, quantity]``.
    """
    parts = []
    for side, name in ((1, bids), (-1, asks)):
        one = frame.with_row_index("message").select("message", "number", pl.col(name).alias("l"))
        one = one.filter(pl.col("l").list.len() > 0).explode("l")
        pair = pl.col("l").list
        short = pair.len().fill_null(0) < 2
        missing = [pair.get(at, null_on_oob=True).is_null() for at in (0, 1)]
        bad = one.filter(short | missing[0] | missing[1])
        if bad.height:
            where = messages.where(int(bad["number"][0]))
            raise InputError(f"{where}: field {name}: a level must be [price, quantity]")
        columns = [one["message"], one["number"]]
        for title, position in (("price_e8", 0), ("quantity_e8", 1)):
            text = one["l"].list.get(position)
            values = in_e8(text)
            refuse_bad(text, values, one["number"], name, messages)
            columns.append(values.alias(title))
        parts.append(
            pl.DataFrame(columns).with_columns(pl.lit(side, pl.Int8).alias("side")),
        )
        worthless = parts[-1].filter(pl.col("price_e8") == 0)
        if worthless.height:
            where = messages.where(int(worthless["number"][0]))
            raise InputError(f"{where}: field {name}: a price must be above 0")
    levels = pl.concat(parts).sort("message", maintain_order=True)
    counts = frame[bids].list.len().cast(pl.Int64) + frame[asks].list.len().cast(pl.Int64)
    return levels.drop("message"), counts
