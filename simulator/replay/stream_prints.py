"""Trades of recorded streams: those that are there twice, not of the book, or empty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from simulator.errors import InputError
from simulator.replay.batch import Job
from simulator.replay.stitch import Ints

MARKET_PRINTS = ("MARKET",)
"""Values of a trade's X that are prints of the book; others are insurance fund and ADL fills."""


class Prints:
    """Drops and counts what is no print; ``where(place)`` names a line for the user."""

    def __init__(self, job: Job, where: Callable[[int], str]) -> None:
        self._job = job
        self._where = where

    def __call__(
        self, trade_ids: dict[str, Ints], kind: str, id_: str, frame: pl.DataFrame, joins: bool
    ) -> pl.DataFrame:
        """Drop and count prints that are there twice, not of the book, or empty.

        ``trade_ids`` are the ids of the chunk before, by name of the field; ``joins`` says that a
        jump of the ids to the first print is a gap.  Raises ``InputError`` for a print without one.
        """
        if frame[id_].null_count():
            place = int(frame["place"].to_numpy()[frame[id_].is_null().to_numpy()][0])
            raise InputError(f"{self._where(place)}: {kind} without its number {id_!r}")
        ids = frame[id_].to_numpy()
        before = trade_ids.get(id_, np.empty(0, dtype=np.int64))
        again = ~frame[id_].is_first_distinct().to_numpy() | np.isin(ids, before)
        if again.any():
            first = self._where(int(frame["place"].to_numpy()[again][0]))
            self._job.leave_out(f"duplicate_{kind}_id", first, int(again.sum()))
            frame = frame.filter(~again)
            ids = ids[~again]
        if ids.size:
            order = np.argsort(ids, kind="stable")
            known = np.concatenate([before[-1:] if joins else before[:0], ids[order]])
            jumps = np.flatnonzero(np.diff(known) > 1)
            if jumps.size:
                at = int(jumps[0]) + 1 - (known.size - ids.size)
                first = self._where(int(frame["place"][int(order[at])]))
                self._job.find(f"{kind}_id_gap", first, jumps.size)
            trade_ids[id_] = known
        if kind == "trade":
            off = pl.col("X").is_not_null() & ~pl.col("X").is_in(MARKET_PRINTS)
            frame = self._without(frame, off, "trade_outside_book")
        return self._without(frame, (pl.col("p") == 0) | (pl.col("q") == 0), "empty_print")

    def _without(self, frame: pl.DataFrame, rule: pl.Expr, name: str) -> pl.DataFrame:
        out = frame.filter(rule)
        if not out.height:
            return frame
        self._job.leave_out(name, self._where(int(out["place"][0])), out.height)
        return frame.filter(~rule)
