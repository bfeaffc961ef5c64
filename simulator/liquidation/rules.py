"""How a venue liquidates, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Partial = Literal["target", "bracket", "whole"]
"""How far a liquidation order closes: as far as the pool's target asks; down to the next lower
bracket of the position, again and again; or the whole position at once."""

Deleveraging = Literal["queue", "pro_rata"]
"""Who is deleveraged: the highest rank first; or everybody in profit by his share."""


@dataclass(frozen=True, slots=True)
class InsuranceRules:
    """The insurance fund of a venue.

    ``balance`` is what it starts with, whole units by settlement asset; an asset that is not named
    has no limit.  It takes positions over while their notional, with what it holds already, is at
    most ``capacity`` times its balance, and closes at most ``unwind`` of what the book displays
    within ``unwind_reach`` of the mark at each step of the mark clock.
    """

    balance: Mapping[str, Decimal] = field(default_factory=dict)
    capacity: float = 1.0
    unwind: float = 0.1
    unwind_reach: float = 0.01


@dataclass(frozen=True, slots=True)
class LiquidationRules:
    """What a liquidation does and costs.

    ``fee_e8``: clearance fee, share of the notional closed in 1e-8; ``bound``: how far from the
    mark a liquidation order may trade, as a share (None: as far as the bankruptcy price).
    """

    fee_e8: int = 0
    partial: Partial = "target"
    bound: float | None = None
    deleveraging: Deleveraging = "queue"
    insurance: InsuranceRules = field(default_factory=InsuranceRules)
