"""Fewer points for a picture: lowest and highest of each bucket, so that no extreme is lost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

POINTS_MAX = 2400
"""Points of a line in a picture; a screen has fewer columns."""


def extremes(values: NDArray[np.float64], points_max: int = POINTS_MAX) -> NDArray[np.int64]:
    """Return the positions to keep, ascending: first, last, and min and max of each equal bucket.

    All positions are kept where they are few enough.  NaN counts as neither extreme.

    >>> extremes(np.array([0.0, 9, 1, 2, -5, 3, 1, 0]), points_max=6).tolist()
    [0, 1, 4, 5, 7]
    """
    if values.size <= points_max:
        return np.arange(values.size)
    keep = {0, values.size - 1}
    edges = np.linspace(0, values.size, max(1, (points_max - 2) // 2) + 1).astype(np.int64)
    for low, high in pairwise(edges):
        bucket = values[low:high]
        if np.isnan(bucket).all():
            keep.add(int(low))
            continue
        keep.add(int(low + np.nanargmin(bucket)))
        keep.add(int(low + np.nanargmax(bucket)))
    return np.array(sorted(keep), dtype=np.int64)
