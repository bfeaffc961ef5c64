"""What a picture of a cascade is made of, before anything is drawn.

Times are ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Range = tuple[float, float]

NO_LIQUIDATION = "Nobody was liquidated in this run."


@dataclass(frozen=True, slots=True)
class Line:
    """A line; ``dash`` is solid, dash or dot."""

    name: str
    tint: str
    time_ms: Floats
    values: Floats
    dash: str = "solid"
    width: float = 1.6
    step: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """What lies between two lines."""

    name: str
    tint: str
    density: float
    time_ms: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars over time from their first instants; those of one picture are stacked."""

    name: str
    tint: str
    hatch: str
    time_ms: Floats
    values: Floats
    named: bool = True


@dataclass(frozen=True, slots=True)
class Lying:
    """Bars that lie, one a label; ``marks`` is the same figure without feedback, NaN for none."""

    name: str
    tint: str
    labels: tuple[str, ...]
    values: Floats
    marks: Floats

    def ends(self) -> Floats:
        """Return where bar and mark end, away from 0: text stands behind both."""
        marks = np.where(np.isfinite(self.marks), self.marks, self.values)
        down, up = np.minimum(self.values, marks), np.maximum(self.values, marks)
        return np.asarray(np.where(self.values < 0, down, up))


@dataclass(frozen=True, slots=True)
class Heat:
    """Notional (USDT) by cell ``[price, time]`` between edges; one side's positions."""

    name: str
    tint: str
    time_ms: Floats
    prices: Floats
    notional: Floats


@dataclass(frozen=True, slots=True)
class Moment:
    """A line upwards at an instant, with its name at the top."""

    name: str
    tint: str
    time_ms: float


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture; ``run`` is the label of the only run that it shows, empty where it shows all.

    ``none`` is said instead where there is nothing to draw.  ``bar_ms`` is a bar's width.
    """

    key: str
    title: str
    axis: str
    run: str = ""
    lines: tuple[Line, ...] = ()
    bands: tuple[Band, ...] = ()
    bars: tuple[Bars, ...] = ()
    lying: tuple[Lying, ...] = ()
    heats: tuple[Heat, ...] = ()
    moments: tuple[Moment, ...] = ()
    levels: dict[str, float] = field(default_factory=dict)
    log: bool = False
    note: str = ""
    none: str = NO_LIQUIDATION
    span: Range = (0.0, 0.0)
    values: Range | None = None
    bar_ms: float = 60_000.0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not (self.lines or self.bands or self.bars or self.lying or self.heats)

    def is_late(self, moment: Moment) -> bool:
        """Whether a moment is in the second half, where its name stands to the left of it."""
        return moment.time_ms > sum(self.span) / 2


NEAR = 1.35
"""Lines of levels less than so many times apart have their names side by side, not one above the
other.
"""

NAME_WIDTH = 0.3
"""Room for the name of a level, as a share of the picture's width."""


def label_ends(levels: Mapping[str, float]) -> dict[str, float]:
    """Return by level where its name ends, as a share of the picture's width.

    >>> label_ends({"MARGIN_CALL": 1.5, "REDUCE_ONLY": 1.2, "LIQUIDATION": 1.05})
    {'LIQUIDATION': 1.0, 'REDUCE_ONLY': 0.7, 'MARGIN_CALL': 1.0}
    """
    ends: dict[str, float] = {}
    below = 0.0
    for name, at in sorted(levels.items(), key=lambda item: item[1]):
        near = bool(ends) and at < below * NEAR
        ends[name] = 1.0 - NAME_WIDTH if near and list(ends.values())[-1] == 1.0 else 1.0
        below = at
    return ends
