"""Tick and lot of instruments from their data, and batches in 1e-8 turned into ticks and lots."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.market.tape import SCHEMA, Kind
from simulator.replay.source import PRICE_IN_TICKS, QUANTITY_IN_LOTS

Ints = NDArray[np.int64]

KINDS = 32
IN_TICKS = np.isin(np.arange(KINDS), [int(kind) for kind in PRICE_IN_TICKS])
IN_LOTS = np.isin(np.arange(KINDS), [int(kind) for kind in QUANTITY_IN_LOTS])
EXACT_TICKS = IN_TICKS & (np.arange(KINDS) != Kind.LIQUIDATION)
"""A liquidation's price is an average of fills, so it says nothing about the tick."""


def divides(values: Ints, step: int) -> int:
    """Return the largest power of ten that divides ``step`` and all values; 0 divides anything.

    >>> divides(np.array([28145100000, 28145200000]), 0)
    100000
    """
    if values.size and (not step or np.any(values % step)):
        step = int(np.gcd.reduce(values, initial=step))
    power = 1
    while step and step % (power * 10) == 0:
        power *= 10
    return power if step else 0


@dataclass(slots=True)
class Steps:
    """The steps of all instruments of an import, found from batches in 1e-8."""

    ticks: dict[int, int] = field(default_factory=dict)
    lots: dict[int, int] = field(default_factory=dict)

    def see(self, batch: pl.DataFrame) -> None:
        """Take a batch into account."""
        numbers = batch["instrument"].to_numpy()
        kinds = batch["kind"].to_numpy()
        price, quantity = batch["price_e8"].to_numpy(), batch["quantity_e8"].to_numpy()
        found = np.unique(numbers).tolist()
        for number in found:
            mine = slice(None) if len(found) == 1 else numbers == number
            for values, stepped, steps in (
                (price, EXACT_TICKS, self.ticks),
                (quantity, IN_LOTS, self.lots),
            ):
                part = values[mine][stepped[kinds[mine]]]
                steps[number] = divides(part, steps.get(number, 0))

    def tick(self, number: int) -> Decimal:
        """Return the largest power of ten, at most 1, of which all prices are multiples.

        Where no price was seen (an instrument of mark prices only), that is 0.
        """
        return _step(self.ticks.get(number, 0))

    def lot(self, number: int) -> Decimal:
        """Return the same of all quantities."""
        return _step(self.lots.get(number, 0))


def _step(in_e8: int) -> Decimal:
    return Decimal(min(in_e8, 10**8)).scaleb(-8).normalize()


def in_steps(batch: pl.DataFrame, ticks: Ints, lots: Ints, only_tick_kinds: bool) -> pl.DataFrame:
    """Return a batch as tape columns.

    ``ticks`` and ``lots`` are steps in 1e-8 by instrument number; ``only_tick_kinds`` says that the
    batch has no instrument of another step, which allows the faster division by a constant.
    """
    kinds = batch["kind"].to_numpy()
    numbers = batch["instrument"].to_numpy()
    columns = []
    for name, steps, stepped in (("price", ticks, IN_TICKS), ("quantity", lots, IN_LOTS)):
        values = batch[f"{name}_e8"].to_numpy()
        step = steps[numbers[0]] if only_tick_kinds else steps[numbers]
        divided = values // step
        inexact = kinds == Kind.LIQUIDATION
        if inexact.any():
            divided = np.where(inexact, (values + step // 2) // step, divided)
        columns.append(pl.Series(name, np.where(stepped[kinds], divided, values)))
    return batch.with_columns(columns).select(list(SCHEMA))
