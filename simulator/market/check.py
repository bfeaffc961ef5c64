"""Rows that no tape can have: compiled code takes a tape's numbers as they are.

A row is refused where the engine would index beyond its columns or leave 64 bits; whether a tape
says what its sources said is `simulator.replay.verify`'s to find out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from simulator.errors import InputError
from simulator.market.tape import LAST_NS, Kind

FIRST_KIND, LAST_KIND = min(Kind), max(Kind)

SIGNED = (Kind.FUNDING, Kind.FUNDING_ESTIMATE, Kind.PREMIUM, Kind.BAND)
"""Kinds whose price may be negative: rates, shares and percentages."""

MOST = 10**18
"""Largest price or quantity of a row, in steps; int64 holds nine times that."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]


def check_rows(frame: pl.DataFrame, start: int, latest: int, instruments: int, path: Path) -> int:
    """Return the time of the last of some rows, the first of which is row ``start`` of the tape.

    ``latest`` is the time of the row before them, ``instruments`` how many the manifest has.
    Raises ``InputError`` for the first row that is wrong.
    """
    time = frame["time_ns"].to_numpy()
    if not time.size:
        return latest
    kind, side = frame["kind"].to_numpy(), frame["side"].to_numpy()
    price, quantity = frame["price"].to_numpy(), frame["quantity"].to_numpy()
    number, receive = frame["instrument"].to_numpy(), frame["receive_ns"].to_numpy()

    def refuse(column: str, bad: Mask, right: str) -> None:
        row = int(bad.argmax())
        value = frame[column][row]
        raise InputError(f"{path}: row {start + row}, {column}: {value} {right}")

    # Smallest and largest first: only a tape that is wrong is looked at row by row.
    if int(time[0]) < latest or (time[1:] < time[:-1]).any():
        refuse("time_ns", np.diff(time, prepend=latest) < 0, "is before the row above")
    if int(time[-1]) > LAST_NS:
        refuse("time_ns", time > LAST_NS, "is no time before 2103")
    if receive.min() < 0 or receive.max() > LAST_NS:
        refuse("receive_ns", (receive < 0) | (receive > LAST_NS), "is no time before 2103")
    if number.max() >= instruments:
        refuse("instrument", number >= instruments, f"of the manifest's {instruments} is none")
    if kind.min() < FIRST_KIND or kind.max() > LAST_KIND:
        refuse("kind", (kind < FIRST_KIND) | (kind > LAST_KIND), "is no kind of row")
    if side.min() < -1 or side.max() > 1:
        refuse("side", (side < -1) | (side > 1), "must be 1, -1 or 0")
    if quantity.min() < 0 or quantity.max() > MOST:
        times = kind == Kind.FUNDING_ESTIMATE  # its quantity is a time
        bad = (quantity < 0) | (quantity > np.where(times, LAST_NS, MOST))
        if bad.any():
            refuse("quantity", bad, f"must be between 0 and {MOST}")
    if price.min() < 0 or price.max() > MOST:
        bad = ((price < 0) & ~np.isin(kind, SIGNED)) | (price > MOST) | (price < -MOST)
        if bad.any():
            refuse("price", bad, f"must be between 0 and {MOST}")
    return int(time[-1])
