"""What an account did in a run, read from the run's folder: products, experience, losses.

An order has lost if its fills together realized a loss of at least `LOSS` of the account's equity
at the start; a position is *opened after a loss* by an order for futures or options of another
number whose first fill realizes nothing and comes within `RUSH_NS` of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from simulator.accounts.wallets import LINE_OF, LINES
from simulator.calculator.contracts import contract
from simulator.calculator.document import Document
from simulator.calculator.read import read
from simulator.errors import InputError
from simulator.report.saved import number, saved_frame, saved_run
from simulator.risk.levels import RiskLevel

FIGURES = (
    "start_equity", "end_equity", "start_ns", "end_ns", "orders", "transfers", "liquidations"
)  # fmt: skip
"""Figures of a mode in run.json that are read here."""

FILLS = {
    "time_ns": pl.Int64,
    "instrument": pl.String,
    "order": pl.Int64,
    "price": pl.Float64,
    "quantity": pl.Float64,
    "realized_pnl": pl.Float64,
    "reason": pl.String,
}
LEVELS = {"pool": pl.String, "level": pl.String}
"""Columns of a run's frames that are read here."""

RUSH_NS = 300 * 10**9
LOSS = 0.001


@dataclass(frozen=True, slots=True)
class History:
    """What an account did in one mode.

    ``trades`` are orders that filled; ``futures_volume`` in USDT; ``opened`` are orders that opened
    a position, ``after_loss`` those of them right after a loss.
    """

    mode: str
    days: float
    products: tuple[str, ...]
    orders: int
    trades: int
    futures_trades: int
    futures_volume: Decimal
    transfers: int
    margin_calls: int
    liquidations: int
    losses: int
    opened: int
    after_loss: int
    start_equity: float
    end_equity: float
    worst_ratio: float | None

    @property
    def rushed(self) -> Decimal:
        """Share of positions that were opened right after a loss."""
        return Decimal(self.after_loss) / self.opened if self.opened else Decimal(0)


@dataclass(frozen=True, slots=True)
class Ran:
    """A run as its folder has it: what it did by mode, and the account it held."""

    folder: Path
    rulebook: str
    portfolio: Document
    mode: str
    history: Mapping[str, History]
    profile: Mapping[str, Any] | None

    @property
    def lived(self) -> History:
        """What the account did in the mode that the advice starts from."""
        return self.history[self.mode]


def ran(folder: Path) -> Ran:
    """Return the run in a folder; InputError in one line for a folder that is none."""
    run = saved_run(folder)
    try:
        # In the order of their names the separated mode, which advice starts from, comes first.
        found = {mode: history(folder / mode, part) for mode, part in sorted(run.parts.items())}
        mode, rulebook = next(iter(found)), str(run.document["rulebook"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder}/run.json: not written by this program: no {error}") from None
    held = folder / mode / "portfolio.json"
    if not held.is_file():
        raise InputError(f"{held}: missing; run again with --out")
    return Ran(folder, rulebook, read(held), mode, found, run.document.get("profile"))


def history(folder: Path, part: Mapping[str, Any]) -> History:
    """Return what one mode's frames and its part of run.json tell."""
    fills = saved_frame(folder, "fills", FILLS)
    levels = saved_frame(folder, "history", LEVELS, may_be_empty=("level",))
    figure = {name: number(part, name, str(folder)) for name in FIGURES}
    own = fills.filter(pl.col("reason") == "order")
    futures = own.filter(_market().is_in(["um", "cm"]))
    losses, opened, after = _rushes(fills, figure["start_equity"])
    worst = part["worst_ratio"]
    markets = set(own.select(_market().alias("market"))["market"])
    lines = {LINE_OF[one] for one in markets if one in LINE_OF}
    return History(
        mode=folder.name,
        days=(figure["end_ns"] - figure["start_ns"]) / (86_400 * 10**9),
        products=tuple(name for name in LINES if name in lines),
        orders=int(figure["orders"]),
        trades=own["order"].n_unique(),
        futures_trades=futures["order"].n_unique(),
        futures_volume=_volume(futures),
        transfers=int(figure["transfers"]),
        margin_calls=_margin_calls(levels),
        liquidations=int(figure["liquidations"]),
        losses=losses,
        opened=opened,
        after_loss=after,
        start_equity=figure["start_equity"],
        end_equity=figure["end_equity"],
        worst_ratio=None if worst is None else number(part, "worst_ratio", str(folder)),
    )


def _market() -> pl.Expr:
    return pl.col("instrument").str.split(":").list.first()


def _sizes(fills: pl.DataFrame) -> dict[str, float]:
    """Return USD per contract of the coin-margined instruments."""
    found = {}
    for name in fills["instrument"].unique().sort():
        market, _, symbol = name.partition(":")
        if market == "cm":
            found[name] = float(contract(symbol, {}, name).contract_size)
    return found


def _volume(futures: pl.DataFrame) -> Decimal:
    sizes = _sizes(futures)
    worth = (
        pl.when(_market() == "cm")
        .then(pl.col("quantity") * pl.col("instrument").replace_strict(sizes, default=0.0))
        .otherwise(pl.col("quantity") * pl.col("price"))
    )
    return Decimal(repr(round(futures.select(worth.sum()).item() or 0.0, 2)))


def _margin_calls(levels: pl.DataFrame) -> int:
    """Count how often a pool came from NORMAL to a worse level, as far as samples show."""
    order = {level.name: int(level) for level in RiskLevel}
    steps = levels.filter(pl.col("level").is_not_null()).with_columns(
        bad=pl.col("level").replace_strict(order, default=0) > 0
    )
    came = steps.with_columns(
        began=pl.col("bad") & ~pl.col("bad").shift(1, fill_value=False).over("pool")
    )
    return int(came["began"].sum())


def _rushes(fills: pl.DataFrame, equity: float) -> tuple[int, int, int]:
    """Return how many orders lost, opened a position, and opened one right after a loss."""
    traded = fills.filter(_market() != "spot").with_columns(
        # What a coin-margined contract realizes is in its coin.
        usd=pl.when(_market() == "cm")
        .then(pl.col("realized_pnl") * pl.col("price"))
        .otherwise(pl.col("realized_pnl"))
    )
    # The venue's closings have numbers of their own instrument, so both tell an order.
    orders = traded.group_by("instrument", "order", "reason", maintain_order=True).agg(
        first=pl.col("time_ns").min(),
        last=pl.col("time_ns").max(),
        usd=pl.col("usd").sum(),
        opens=pl.col("realized_pnl").first() == 0,
    )
    lost = orders.filter(pl.col("usd") <= -LOSS * abs(equity)).filter(pl.col("usd") < 0)
    opened = orders.filter((pl.col("reason") == "order") & pl.col("opens"))
    ends = lost["last"].sort().to_numpy()
    firsts = opened["first"].to_numpy()
    # The nearest loss before an order is the one that counts.
    before = np.searchsorted(ends, firsts, side="left") - 1
    near = (before >= 0) & (firsts - ends[before] <= RUSH_NS) if ends.size else before > 0
    return lost.height, opened.height, int(near.sum())
