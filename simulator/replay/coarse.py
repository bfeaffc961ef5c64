"""Lots coarse enough to be booked, where the data's own are not.

Money is booked in units of 1e-8, so tick × lot must be a multiple of that.  Venues that trade in
1e-8 of a coin at ticks of 0.01 are finer; their quantities are rounded **up** to the coarser lot,
so that what is there stays there.  Of an order it is always what is left that is rounded, so its
rows still add up to nothing when it has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np
import polars as pl

from simulator.instruments.instrument import ASSET_DECIMALS, Instrument
from simulator.market.tape import Kind
from simulator.replay.steps import IN_LOTS

BY_ORDER = (int(Kind.ORDER_ADD), int(Kind.ORDER_CANCEL), int(Kind.ORDER_FILL))


def bookable(instrument: Instrument) -> Instrument:
    """Return the instrument with the finest lot, by tens, that can be booked."""
    lot = instrument.lot
    while not instrument.inverse and (instrument.tick * lot).scaleb(ASSET_DECIMALS) % 1:
        lot *= 10
    if lot == instrument.lot:
        return instrument
    lot = lot.normalize()
    return replace(instrument, lot=lot, min_quantity=max(lot, instrument.min_quantity))


@dataclass(slots=True)
class CoarseLots:
    """Rounds the quantities of the instruments in ``lots`` (number → lot in 1e-8) up to lots.

    ``note`` is told how many quantities were rounded.
    """

    lots: dict[int, int]
    note: Callable[[int, int], None]
    _left: dict[tuple[int, int], int] = field(default_factory=dict)

    def rounded(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return rows with quantities in whole lots, without orders' rows that came to nothing."""
        kind, number = frame["kind"].to_numpy(), frame["instrument"].to_numpy()
        exact, ids = frame["quantity_e8"].to_numpy(), frame["id"].to_numpy()
        quantity = exact.copy()
        keep = np.ones(frame.height, dtype=bool)
        for one, lot in self.lots.items():
            mine = (number == one) & IN_LOTS[kind]
            quantity[mine] = -(-exact[mine] // lot) * lot
            self.note(one, int(np.count_nonzero(exact[mine] % lot)))
            for row in np.flatnonzero(mine & np.isin(kind, BY_ORDER)).tolist():
                id_, lots = int(ids[row]), int(exact[row])
                quantity[row] = self._order((one, id_), int(kind[row]), lots, lot)
                keep[row] = quantity[row] > 0
        frame = frame.with_columns(pl.Series("quantity_e8", quantity))
        return frame if keep.all() else frame.filter(pl.Series(keep))

    def _order(self, order: tuple[int, int], kind: int, quantity: int, lot: int) -> int:
        if kind == Kind.ORDER_ADD:
            self._left[order] = quantity
            return -(-quantity // lot) * lot
        before = self._left.pop(order)
        after = before - quantity
        if after:
            self._left[order] = after
        return (-(-before // lot) + (-after // lot)) * lot


def in_e8(step: Decimal) -> int:
    """Return a step in 1e-8."""
    return int(step.scaleb(ASSET_DECIMALS))
