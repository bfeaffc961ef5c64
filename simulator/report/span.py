"""The time axis of the pictures: one span for all, without the long breaks between recordings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.report.result import RunResult

Floats = NDArray[np.float64]
Break = tuple[float, float]

BREAK_MS = 600_000.0
"""Shortest break: ten minutes without data."""

BREAK_SHARE = 0.1
"""And it must be this share of the whole span, else cutting it out would win no room."""

SEAM = 0.01
"""Room that a break keeps on the axis, as a share of what is left."""


def span(results: Sequence[RunResult]) -> Break:
    """Return first and last instant of the runs, ms."""
    return min(run.start_ns for run in results) / 1e6, max(run.end_ns for run in results) / 1e6


def breaks(results: Sequence[RunResult]) -> tuple[Break, ...]:
    """Return the stretches without data that the pictures leave out, ascending."""
    first, last = span(results)
    times = [run.prices["time_ns"].unique().to_numpy() / 1e6 for run in results]
    if not any(part.size for part in times):
        return ()
    seen = np.unique(np.concatenate([*times, np.array([first, last])]))
    least = max(BREAK_MS, BREAK_SHARE * (last - first))
    wide = np.flatnonzero(np.diff(seen) >= least)
    return tuple((float(seen[i]), float(seen[i + 1])) for i in wide)


def squeezed(time_ms: Floats, cut: Sequence[Break], whole: Break) -> Floats:
    """Return times on an axis without the breaks; ``stretched`` is the way back.

    >>> squeezed(np.array([0.0, 10, 910, 990]), [(10, 910)], (0, 1000)).tolist()
    [0.0, 10.0, 11.0, 91.0]
    """
    knots = _knots(cut, whole)
    return np.interp(time_ms, knots[0], knots[1])


def stretched(at: Floats, cut: Sequence[Break], whole: Break) -> Floats:
    """Return the times that places on a squeezed axis stand for."""
    knots = _knots(cut, whole)
    return np.interp(at, knots[1], knots[0])


def _knots(cut: Sequence[Break], whole: Break) -> tuple[Floats, Floats]:
    left = whole[1] - whole[0] - sum(end - start for start, end in cut)
    seam = SEAM * left
    real, drawn, gone = [whole[0]], [whole[0]], 0.0
    for start, end in cut:
        real += [start, end]
        drawn += [start - gone, start - gone + seam]
        gone += end - start - seam
    return np.array([*real, whole[1]]), np.array([*drawn, whole[1] - gone])
