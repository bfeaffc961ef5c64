"""Constants of the strategies that every engine runs; bench/market_maker.md defines them.

Imported by every driver.
"""

from __future__ import annotations

INTERVAL_NS = 100_000_000
"""Time between two requotes."""

QUANTITY_LOTS = 1
"""Quantity of each quote."""

MAX_POSITION_LOTS = 10_000
"""At this position the quote that would enlarge it is left out."""

ORDER_EVERY = 1_000
"""Trades between two market orders of the strategy that is woken on each trade."""

FAST_BARS = 10
SLOW_BARS = 30
"""Bars of the two moving averages of the strategy on bars."""

LOT = 0.001
"""Lot of the instrument, in base asset."""
