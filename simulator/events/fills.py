"""Columns of a fill's row, as the venue keeps them (``Settlement._keep_fill``); all int64."""

from __future__ import annotations

from typing import Final

TIME: Final = 0  # ns
INSTRUMENT: Final = 1
ORDER: Final = 2  # number of the order that was filled
SIDE: Final = 3  # 1 bought, -1 sold
PRICE: Final = 4  # ticks
LOTS: Final = 5
MAKER: Final = 6  # 1 of an order that rested
FEE: Final = 7  # 1e-8 of the asset
FEE_ASSET: Final = 8
REALIZED: Final = 9  # profit, 1e-8 of the settlement asset
FORCED: Final = 10  # not 0 where the venue liquidated, ``DELEVERAGED`` where it deleveraged
ACCOUNT: Final = 11
POSITION: Final = 12  # slot

DELEVERAGED: Final = 64
"""In ``FORCED``: a profitable position was closed against another's liquidation."""
