"""Compare the fills of two market makers, timer by timer.

Each engine writes, at every timer and before it acts, the row ``time_ns, fills so far, position,
volume so far`` (lots).  Where the models are the same the rows are; docs/benchmarks.md explains
what differs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

TIME, FILLS, POSITION, VOLUME = range(4)


def compare_fills(ours: Path, theirs: Path) -> dict[str, Any]:
    """Return the totals of both logs and how many intervals between timers filled the same."""
    a, b = np.load(ours), np.load(theirs)
    count = min(len(a), len(b))
    a_steps, b_steps = np.diff(a[:count], axis=0), np.diff(b[:count], axis=0)
    # Equal intervals: same number of fills and the same change of position.
    same = (a_steps[:, FILLS] == b_steps[:, FILLS]) & (a_steps[:, POSITION] == b_steps[:, POSITION])
    different = np.flatnonzero(~same)
    return {
        "timers": [len(a), len(b)],
        "same_times": bool((a[:count, TIME] == b[:count, TIME]).all()),
        "fills": [int(a[-1, FILLS]), int(b[-1, FILLS])],
        "position_lots": [int(a[-1, POSITION]), int(b[-1, POSITION])],
        "volume_lots": [int(a[-1, VOLUME]), int(b[-1, VOLUME])],
        "intervals": count - 1,
        "intervals_alike": int(same.sum()),
        "first_difference_ns": int(a[different[0], TIME]) if len(different) else None,
    }
