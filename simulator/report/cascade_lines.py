"""Lines and keys that pictures of a cascade share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from simulator.report.cascade_picture import Line, Picture
from simulator.report.cascade_result import Cascade
from simulator.report.downsample import extremes
from simulator.report.result import RunResult

POINTS_MAX = 1500
"""Points of a line; its extremes stay."""


def path_line(
    cascade: Cascade, name: str, column: str, called: str, tint: str, dash: str, width: float
) -> Line | None:
    """Return a column of an instrument's path, None where there is nothing of it.

    ``mark`` is the index where there is none, ``book`` the middle of the book as it was moved.
    """
    value = {
        "mark": pl.coalesce("mark", "index"),
        "book": pl.col("reference") * (1 + pl.col("displacement")),
    }.get(column, pl.col(column))
    part = cascade.paths.filter(pl.col("instrument") == name).select(
        pl.col("time_ns") / 1e6, value=value
    ).filter(pl.col("value").is_not_null()).sort("time_ns")  # fmt: skip
    if not part.height:
        return None
    time_ms, values = part["time_ns"].to_numpy(), part["value"].to_numpy()
    keep = extremes(values, POINTS_MAX)
    return Line(called, tint, time_ms[keep], values[keep], dash, width)


def key_of(kind: str, run: RunResult) -> str:
    """Return the key of a picture of one run."""
    return "-".join(part for part in (kind, run.variant, run.mode) if part)


def alike(made: list[Picture]) -> list[Picture]:
    """Give pictures of one kind the same value axis."""
    lows, highs = [0.0], [0.0]
    for one in made:
        for line in one.lines:
            lows.append(float(np.nanmin(line.values)))
            highs.append(float(np.nanmax(line.values)))
        for sign, ends in ((1, highs), (-1, lows)):
            total: dict[float, float] = {}
            for bars in one.bars:
                for at, value in zip(bars.time_ms.tolist(), bars.values.tolist(), strict=True):
                    if sign * value > 0:
                        total[at] = total.get(at, 0.0) + value
            ends += total.values()
    pad = 0.05 * (max(highs) - min(lows))
    if not pad:
        return made
    low = min(lows) - pad if min(lows) < 0 else 0.0
    high = max(highs) + pad if max(highs) > 0 else 0.0
    return [replace(one, values=(low, high)) for one in made]
