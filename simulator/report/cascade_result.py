"""What a run with a population leaves behind: frames and figures of a cascade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

CLOSINGS = {
    "time_ns": pl.Int64,
    "account": pl.Int64,
    "group": pl.String,
    "mode": pl.String,
    "pool": pl.String,
    "instrument": pl.String,
    "stage": pl.String,
    "side": pl.Int8,
    "quantity": pl.Float64,
    "price": pl.Float64,
    "mark": pl.Float64,
    "notional": pl.Float64,
    "fee": pl.Float64,
    "against": pl.Int64,
}
"""Columns of ``Cascade.closings``: everything that the venue closed for somebody.

``account`` and ``against`` are ids (0: the account that trades, -1: the insurance fund, null: the
market); ``stage`` is ``order`` (on the book), ``takeover`` (the fund takes the position, at its
bankruptcy price), ``deleverage`` (a position is closed against another account, at its bankruptcy
price), ``counterparty`` (that other account's side of it), ``spot`` (an asset is sold or bought for
a debt), ``unwind`` (the fund's own).  ``side`` +1 buys; ``price`` is the average; ``notional`` and
``fee`` in USDT.
"""

CALLS = {
    "time_ns": pl.Int64,
    "account": pl.Int64,
    "group": pl.String,
    "mode": pl.String,
    "pool": pl.String,
    "ratio": pl.Float64,
    "equity": pl.Float64,
    "maintenance_margin": pl.Float64,
    "equity_after": pl.Float64,
    "bankrupt": pl.Boolean,
}
"""Columns of ``Cascade.calls``: one row a liquidation of a pool, figures in USDT.

``bankrupt``: the fund, or deleveraged accounts, bore a loss of it.
"""

STAGES = ("order", "takeover", "deleverage")
"""Stages that close a position of an account in liquidation."""

GROUPS = {
    "group": pl.String,
    "mode": pl.String,
    "accounts": pl.Int64,
    "liquidated": pl.Int64,
    "bankrupt": pl.Int64,
    "deleveraged": pl.Int64,
    "wealth_start": pl.Float64,
    "wealth_end": pl.Float64,
    "notional_closed": pl.Float64,
    "fees": pl.Float64,
    "spot_sold": pl.Float64,
}
"""Columns of ``Cascade.groups``: by type of account; USDT, wealth at the prices of its instant."""

FUND = {
    "time_ns": pl.Int64,
    "asset": pl.String,
    "balance": pl.Float64,
    "price": pl.Float64,
    "inventory": pl.Float64,
}
"""Columns of ``Cascade.fund``: one row a change, the first at the start.

``balance`` in whole units of the asset, ``price`` its index of the instant in USDT,
``inventory`` the notional of what the fund holds that settles in the asset, at the mark, in USDT.
"""

FAN = {"time_ns": pl.Int64, "mode": pl.String} | {
    f"p{share:02d}": pl.Float64 for share in (1, 5, 25, 50, 75, 95, 99)
}
"""Columns of ``Cascade.fan``: percentiles of equity / maintenance margin of the pools at stake."""

HEAT = {
    "time_ns": pl.Int64,
    "move": pl.Float64,
    "side": pl.Int8,
    "notional": pl.Float64,
}
"""Columns of ``Cascade.heat``: notional (USDT) of long (+1) or short (-1) positions whose pools
reach their threshold when all prices move by a share between ``move`` and the next row's.
"""

PATHS = {
    "time_ns": pl.Int64,
    "instrument": pl.String,
    "mark": pl.Float64,
    "index": pl.Float64,
    "reference": pl.Float64,
    "displacement": pl.Float64,
}
"""Columns of ``Cascade.paths``: mark, index of the base asset, the undisturbed mid (null without a
book), and how far liquidations have moved the book, as a share of price.
"""

LEGS = {
    "time_ns": pl.Int64,
    "account": pl.Int64,
    "group": pl.String,
    "mode": pl.String,
    "leg": pl.String,
    "quantity": pl.Float64,
    "exposure": pl.Float64,
}
"""Columns of ``Cascade.legs``: hedged accounts, the largest few of each type, at some 300 instants.

A leg is a position, named by its instrument, or the coins of an asset, less what is owed.
``quantity`` is signed, in base asset (contracts of an inverse one), ``exposure`` in USDT.
"""

HEDGES = {
    "time_ns": pl.Int64,
    "account": pl.Int64,
    "group": pl.String,
    "mode": pl.String,
    "equity": pl.Float64,
    "maintenance_margin": pl.Float64,
    "credit": pl.Float64,
}
"""Columns of ``Cascade.hedges``: margin of the accounts of ``legs``, all pools added, USDT.

``credit``: what the maintenance margin is less by, for underlyings that go together.  Rows without
an account are all hedged accounts together, there where any has legs in two underlyings.
"""

CORRELATIONS = {
    "time_ns": pl.Int64,
    "one": pl.String,
    "other": pl.String,
    "correlation": pl.Float64,
    "credit": pl.Float64,
}
"""Columns of ``Cascade.correlations``: the correlation measured on the run's index prices (null:
not yet), and the share of the full credit that it gives.
"""


def _frame(schema: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True, slots=True)
class Cascade:
    """A population through a run.

    ``accounts``: how many there are.  ``open_interest``: notional of all their positions at the
    first marks, long and short ones added, USDT.
    ``unlimited``: assets of which the insurance fund has as much as it needs; its balance then
    starts at 0 and tells what it has paid.  The columns of the frames are described above.
    """

    accounts: int
    open_interest: float
    feedback: bool
    closings: pl.DataFrame = field(default_factory=lambda: _frame(CLOSINGS))
    calls: pl.DataFrame = field(default_factory=lambda: _frame(CALLS))
    groups: pl.DataFrame = field(default_factory=lambda: _frame(GROUPS))
    fund: pl.DataFrame = field(default_factory=lambda: _frame(FUND))
    fan: pl.DataFrame = field(default_factory=lambda: _frame(FAN))
    heat: pl.DataFrame = field(default_factory=lambda: _frame(HEAT))
    paths: pl.DataFrame = field(default_factory=lambda: _frame(PATHS))
    legs: pl.DataFrame = field(default_factory=lambda: _frame(LEGS))
    hedges: pl.DataFrame = field(default_factory=lambda: _frame(HEDGES))
    correlations: pl.DataFrame = field(default_factory=lambda: _frame(CORRELATIONS))
    unlimited: tuple[str, ...] = ()
