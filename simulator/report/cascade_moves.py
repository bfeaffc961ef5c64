"""How deep prices fell and how high they rose in a cascade, beside the same run without feedback.

Closing long positions sells, which makes a fall deeper; closing short ones buys, which makes a rise
higher.  Both moves are shares of the first mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from simulator.report.cascade_result import STAGES, Cascade

LEAST_FALL = 1e-4
"""A move without feedback below this share of price is none: nothing can be a multiple of it."""

OF_CROWD = pl.col("account") > 0
"""Rows of the population; 0 is the account that trades, -1 the insurance fund."""


@dataclass(frozen=True, slots=True)
class Fall:
    """How deep a price fell: lowest mark against the first, with feedback and without."""

    instrument: str
    first: float
    low: float
    low_ns: int
    fall: float
    quiet_fall: float | None = None

    @property
    def amplification(self) -> float | None:
        """Fall with feedback over fall without; None where there was none without."""
        return _times(self.fall, self.quiet_fall)


@dataclass(frozen=True, slots=True)
class Rise:
    """How high a price rose: highest mark against the first, with feedback and without."""

    instrument: str
    first: float
    high: float
    high_ns: int
    rise: float
    quiet_rise: float | None = None

    @property
    def amplification(self) -> float | None:
        """Rise with feedback over rise without; None where there was none without."""
        return _times(self.rise, self.quiet_rise)


def falls(cascade: Cascade, quiet: Cascade | None) -> tuple[Fall, ...]:
    """Return the fall of each instrument: those first of which the most long positions were closed
    (short ones are bought back, which makes no fall), then the deepest.
    """
    weight = _closed(cascade, -1)
    calm = {} if quiet is None else {one.instrument: one.fall for one in _falls(quiet)}
    made = [
        Fall(one.instrument, one.first, one.low, one.low_ns, one.fall, calm.get(one.instrument))
        for one in _falls(cascade)
    ]

    def rank(one: Fall) -> tuple[float, int, bool, str]:
        # Falls as deep as each other are a contract's first: positions are in contracts.
        depth = round(one.fall / LEAST_FALL)
        spot = one.instrument.startswith("spot:")
        return -weight.get(one.instrument, 0.0), -depth, spot, one.instrument

    return tuple(sorted(made, key=rank))


def rises(cascade: Cascade, quiet: Cascade | None) -> tuple[Rise, ...]:
    """Return the rise of each instrument that rose and of which short positions were closed, those
    first of which the most were.
    """
    weight = _closed(cascade, 1)
    calm = {} if quiet is None else {one.instrument: one.rise for one in _rises(quiet)}
    made = [
        Rise(one.instrument, one.first, one.high, one.high_ns, one.rise, calm.get(one.instrument))
        for one in _rises(cascade)
        if one.rise >= LEAST_FALL and weight.get(one.instrument, 0.0) > 0
    ]
    return tuple(sorted(made, key=lambda one: (-weight[one.instrument], one.instrument)))


def _closed(cascade: Cascade, side: int) -> dict[str, float]:
    """Return the notional by instrument that was sold (-1) or bought back (1) in liquidation."""
    chosen = OF_CROWD & pl.col("stage").is_in(STAGES) & (pl.col("side") == side)
    sums = cascade.closings.filter(chosen).group_by("instrument").agg(pl.col("notional").sum())
    return dict(sums.iter_rows())


def _falls(cascade: Cascade) -> Iterator[Fall]:
    for name, times, prices in _priced(cascade):
        at = int(prices.arg_min() or 0)
        first, low = float(prices[0]), float(prices[at])
        yield Fall(name, first, low, int(times[at]), 1 - low / first)


def _rises(cascade: Cascade) -> Iterator[Rise]:
    for name, times, prices in _priced(cascade):
        at = int(prices.arg_max() or 0)
        first, high = float(prices[0]), float(prices[at])
        yield Rise(name, first, high, int(times[at]), high / first - 1)


def _priced(cascade: Cascade) -> Iterator[tuple[str, pl.Series, pl.Series]]:
    """Yield instruments with the times and marks of their paths; a pair without a mark has its
    index in place of it.
    """
    priced = cascade.paths.with_columns(price=pl.coalesce("mark", "index")).filter(
        pl.col("price") > 0
    )
    for (name,), part in priced.sort("time_ns").group_by("instrument", maintain_order=True):
        yield str(name), part["time_ns"], part["price"]


def _times(move: float, quiet: float | None) -> float | None:
    return None if quiet is None or quiet < LEAST_FALL else move / quiet
