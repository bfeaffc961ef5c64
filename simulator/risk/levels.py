"""Risk levels of a pool and the ladder of thresholds that leads down to them.

A ladder speaks of one ratio, **equity / maintenance margin** (bad when low), whatever a venue
shows: where it prints ``maintenance / equity`` (bad when high, Binance futures' "margin ratio")
the ratio is turned over here and only named and shown the venue's way.  Compare levels between
modes, never raw ratios.

    level        when
    BANKRUPT     equity <= 0 (with zero maintenance: equity < 0)
    LIQUIDATION  ratio at or below its threshold: the venue closes positions until above ``target``
    REDUCE_ONLY  ratio at or below its threshold: only orders that reduce are taken
    MARGIN_CALL  ratio at or below its threshold: a warning
    NORMAL       otherwise, and always where nothing must be kept and nothing is owed

The array twin is ``kernels.risk_level``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Literal

import numpy as np
import numpy.typing as npt


class RiskLevel(IntEnum):
    """How near a pool is to losing all; higher is worse."""

    NORMAL = 0
    MARGIN_CALL = 1
    REDUCE_ONLY = 2
    LIQUIDATION = 3
    BANKRUPT = 4


@dataclass(frozen=True, slots=True)
class Rung:
    """One threshold on equity / maintenance margin; ``inclusive``: a pool exactly at it is already
    below.
    """

    at: Decimal
    inclusive: bool = True

    def __post_init__(self) -> None:
        if not self.at > 0:
            raise ValueError(f"a threshold must be above 0, not {self.at}")

    def reached(self, equity: Decimal, maintenance: Decimal) -> bool:
        """Whether equity / maintenance is at or below (exclusive: below) the threshold; no
        division.
        """
        edge = self.at * maintenance
        return equity <= edge if self.inclusive else equity < edge


@dataclass(frozen=True, slots=True)
class Ladder:
    """Thresholds from the mildest to the worst; None = this venue has no such rung.

    ``ratio_name`` and ``shown`` say how the venue prints the ratio; ``target`` is equity /
    maintenance above which closing stops.  Cross margin's margin level, assets / liabilities, is
    ``1 + loan_rate * equity / maintenance`` where maintenance = ``loan_rate`` x liabilities: with
    a loan rate of 0.1 a margin level of 1.1 is a ratio of 1.
    """

    ratio_name: str
    liquidation: Rung
    target: Decimal
    margin_call: Rung | None = None
    reduce_only: Rung | None = None
    shown: Literal["equity / maintenance", "maintenance / equity", "assets / liabilities"] = (
        "equity / maintenance"
    )
    loan_rate: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        present = [r.at for r in (self.margin_call, self.reduce_only, self.liquidation) if r]
        if present != sorted(present, reverse=True):
            raise ValueError(
                "thresholds must fall from margin_call over reduce_only to liquidation, not "
                + ", ".join(str(at) for at in present)
            )
        if self.shown == "assets / liabilities" and not self.loan_rate > 0:
            raise ValueError("a ladder shown as assets / liabilities needs the loan rate")
        if self.target < self.liquidation.at:
            raise ValueError(
                f"target {self.target} lies below the liquidation threshold {self.liquidation.at}"
            )

    def level(self, equity: Decimal, maintenance: Decimal) -> RiskLevel:
        """Return the level of a pool with this equity and maintenance margin (same currency).

        >>> ladder = Ladder("uniMMR", Rung(Decimal(1)), Decimal("1.5"), Rung(Decimal("1.5")))
        >>> ladder.level(Decimal(6000), Decimal(4000)).name
        'MARGIN_CALL'
        >>> ladder.level(Decimal(6001), Decimal(4000)).name
        'NORMAL'
        """
        if maintenance <= 0:
            return RiskLevel.BANKRUPT if equity < 0 else RiskLevel.NORMAL
        if equity <= 0:
            return RiskLevel.BANKRUPT
        if self.liquidation.reached(equity, maintenance):
            return RiskLevel.LIQUIDATION
        if self.reduce_only and self.reduce_only.reached(equity, maintenance):
            return RiskLevel.REDUCE_ONLY
        if self.margin_call and self.margin_call.reached(equity, maintenance):
            return RiskLevel.MARGIN_CALL
        return RiskLevel.NORMAL

    def ratio(self, equity: Decimal, maintenance: Decimal) -> Decimal | None:
        """Return equity / maintenance margin, None where nothing must be kept."""
        return equity / maintenance if maintenance > 0 else None

    def ratio_shown(self, equity: Decimal, maintenance: Decimal) -> Decimal | None:
        """Return the ratio the way the venue prints it; None where it has no value."""
        if self.shown == "equity / maintenance":
            return self.ratio(equity, maintenance)
        if self.shown == "assets / liabilities":
            return 1 + self.loan_rate * equity / maintenance if maintenance > 0 else None
        return maintenance / equity if maintenance > 0 and equity > 0 else None

    def thresholds(self) -> dict[str, float]:
        """Return the present thresholds by level name, mildest first, for tables and pictures."""
        rungs = {
            "MARGIN_CALL": self.margin_call,
            "REDUCE_ONLY": self.reduce_only,
            "LIQUIDATION": self.liquidation,
        }
        return {name: float(rung.at) for name, rung in rungs.items() if rung}

    def to_array(self) -> npt.NDArray[np.float64]:
        """Return what ``kernels.risk_level`` wants: three thresholds, 0 = absent.

        The kernel's edges are inclusive, so an exclusive one becomes the next float below.
        """
        return np.array(
            [_edge(rung) for rung in (self.margin_call, self.reduce_only, self.liquidation)],
            dtype=np.float64,
        )


def _edge(rung: Rung | None) -> float:
    if rung is None:
        return 0.0
    at = float(rung.at)
    return at if rung.inclusive else math.nextafter(at, 0.0)
