"""Random draws and elementary functions that give the same bits on every IEEE 754 machine.

Only ``+ - * /``, square roots, comparisons and integers are used, in a fixed order: no ``exp`` or
``log`` of a library, no float sums whose order depends on the processor.  The stream is that of
``Generator(PCG64).random``: the upper 53 bits of each raw number (a test holds it to that).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CELLS = 4096
"""Resolution of a lookup table of an empirical distribution."""


def uniforms(generator: np.random.Generator, size: int) -> Floats:
    """Return ``size`` draws from [0, 1), with 53 random bits each."""
    return generator.random(size)


def normals(generator: np.random.Generator, size: int) -> Floats:
    """Return nearly normal draws: twelve uniforms less six (kurtosis 2.9, at most 6)."""
    total = np.zeros(size)
    for _ in range(12):
        total += uniforms(generator, size)
    return total - 6.0


def stream(generator: np.random.Generator) -> Callable[[], float]:
    """Return a function that gives one uniform a call."""

    def values() -> Iterator[float]:
        while True:
            yield from uniforms(generator, 65_536).tolist()

    return values().__next__


def exponential(x: Floats) -> Floats:
    """Return about ``e ** x``: ``(1 + x / 2**20) ** (2**20)`` by squaring.

    The relative error is below ``x * x / 2**21``: 3e-4 at |x| = 25.
    """
    power = 1.0 + x * 2.0**-20
    for _ in range(20):
        power = power * power
    return power


def autoregressive(shocks: Floats, keep: float) -> Floats:
    """Return ``x[k] = keep * x[k-1] + shocks[k] * sqrt(1 - keep**2)``, of unit variance."""
    scaled = (shocks * np.sqrt(1.0 - keep * keep)).tolist()
    out = []
    last = float(shocks[0])
    for shock in scaled:
        last = keep * last + shock
        out.append(last)
    return np.array(out)


def path(points: Sequence[Sequence[float]], at: Floats) -> Floats:
    """Interpolate straight lines between ``points`` of (minute, value), sorted by minute."""
    minutes = np.array([float(p[0]) for p in points])
    values = np.array([float(p[1]) for p in points])
    after = np.clip(np.searchsorted(minutes, at, side="right"), 1, len(minutes) - 1)
    left, right = minutes[after - 1], minutes[after]
    share = (at - left) / (right - left)
    found: Floats = values[after - 1] + (values[after] - values[after - 1]) * share
    return np.where(at >= minutes[-1], values[-1], found)


def lookup(probabilities: Sequence[float], values: Sequence[float], unit: float) -> list[int]:
    """Return ``CELLS`` integers (``values / unit``, at least 1) to be drawn by a uniform index.

    ``values`` is a quantile table at ``probabilities``; between its points the quantile is a
    straight line.
    """
    table = []
    for cell in range(CELLS):
        p = (cell + 0.5) / CELLS
        i = min(bisect_right(probabilities, p), len(probabilities) - 1)
        share = (p - probabilities[i - 1]) / (probabilities[i] - probabilities[i - 1])
        value = values[i - 1] + (values[i] - values[i - 1]) * share
        table.append(max(1, coarse(value / unit)))
    return table


def coarse(value: float) -> int:
    """Round to three significant digits, which makes the file smaller."""
    lots, unit = round(value), 1
    while lots >= 1000 * unit:
        unit *= 10
    return round(value / unit) * unit
