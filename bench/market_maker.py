"""The market maker's constants; bench/market_maker.md is its definition.  Imported by every driver."""

from __future__ import annotations

INTERVAL_NS = 100_000_000
"""Time between two requotes."""

QUANTITY_LOTS = 1
"""Quantity of each quote."""

MAX_POSITION_LOTS = 10_000
"""At this position the quote that would enlarge it is left out."""
