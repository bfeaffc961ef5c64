"""Where the next liquidations sit: from moves of all prices to a map of price over time."""

from __future__ import annotations

import numpy as np
import polars as pl

from simulator.report.cascade_picture import Floats, Heat, Range
from simulator.report.colours import SIDES

CELLS = 96
"""Cells of the map from the lowest price shown to the highest."""

BEYOND = 0.12
"""The map goes this share beyond the lowest and the highest price of the run."""

NAMES = {1: "long", -1: "short"}


def heats(
    frame: pl.DataFrame, time_ms: Floats, prices: Floats, end_ms: float
) -> tuple[tuple[Heat, ...], Range]:
    """Return a map a side of the heat of a run, and the prices between which it is drawn.

    A column of the map lasts from its instant until the next one's or the end.  Moves count from
    the price of its instant, ``prices`` at ``time_ms``; a row of the frame reaches to the next
    row's move, the last as far as the one before.
    """
    low, high = float(prices.min()) * (1 - BEYOND), float(prices.max()) * (1 + BEYOND)
    edges = np.linspace(low, high, CELLS + 1)
    made = []
    starts = frame["time_ns"].unique().sort().to_numpy()
    times = np.append(starts / 1e6, max(end_ms, starts[-1] / 1e6)) if starts.size else starts
    for side, tint in SIDES.items():
        cells = np.zeros((CELLS, len(starts)))
        for at, start in enumerate(starts):
            part = frame.filter((pl.col("side") == side) & (pl.col("time_ns") == start)).sort(
                "move"
            )
            if part.height:
                now = prices[max(0, np.searchsorted(time_ms, start / 1e6, side="right") - 1)]
                cells[:, at] = column(part, float(now), edges)
        if cells.any():
            made.append(Heat(NAMES[side], tint, times, edges, cells))
    return tuple(made), (low, high)


def column(part: pl.DataFrame, price: float, edges: Floats) -> Floats:
    """Return the notional of one instant and side by cell, spread evenly within each row's move.

    >>> part = pl.DataFrame({"move": [-0.2, -0.1], "notional": [6.0, 0.0]})
    >>> column(part, 100.0, np.array([70.0, 80, 85, 90, 100])).tolist()
    [0.0, 3.0, 3.0, 0.0]
    """
    moves = part["move"].to_numpy()
    reach = moves[-1] - moves[-2] if moves.size > 1 else 0.01
    ends = price * (1 + np.append(moves, moves[-1] + reach))
    total = np.concatenate([[0.0], np.cumsum(part["notional"].to_numpy())])
    return np.diff(np.interp(edges, ends, total))
