"""What the pictures show, before anything is drawn: panels of series, the same for HTML and PNG.

Times are ms since 1970 UTC.  Equity is the sum of all pools at each instant (the last known
figures), unless the history has a pool named ``account``, which then is the whole account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.report.colours import tints_of
from simulator.report.downsample import extremes
from simulator.report.result import RunResult
from simulator.report.span import Break, breaks, span
from simulator.report.states import NO_STRIP, Strip, strip
from simulator.report.table import sources
from simulator.report.values import utc

Floats = NDArray[np.float64]

INSTRUMENTS_MAX = 6
"""Instruments with pictures of their own."""

RATIO_MIN = 0.1
"""Ratios below, those of bankrupt pools among them, are drawn here."""

NONE = float("inf")

RATIO_MAX = 20.0
"""Ratios above are drawn here: they differ without a difference, and hide the thresholds."""

WITH_STRIP = ("equity", "ratio")
"""Pictures that show the account's states under the lines, where it changed them."""

MARKERS_MAX = 1500
"""Fill markers of a side in one picture."""


@dataclass(frozen=True, slots=True)
class Series:
    """A line or markers; ``kind`` is price, step, buy, sell or liquidation."""

    name: str
    mode: str
    kind: str
    time_ms: Floats
    values: Floats


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: a title, what the value axis shows with its unit, and what is drawn.

    ``tints`` are colours by the name of the account, where they are not those of the modes.
    """

    key: str
    title: str
    axis: str
    series: tuple[Series, ...] = ()
    levels: dict[str, float] = field(default_factory=dict)
    bars: dict[str, dict[str, float]] = field(default_factory=dict)
    log: bool = False
    note: str = ""
    span: Break = (0.0, 0.0)
    breaks: tuple[Break, ...] = ()
    strip: Strip = NO_STRIP
    tints: Mapping[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.bars and not any(item.values.size for item in self.series)


def panels(results: Sequence[RunResult]) -> list[Panel]:
    """Return the pictures of the runs, in reading order."""
    shown = traded(results)
    left = [name for name in instruments(results) if name not in shown]
    made = [price_panel(results, name) for name in shown]
    if made and left:
        said = f"not drawn: {', '.join(left)}"
        made[-1] = replace(made[-1], note="; ".join(filter(None, (made[-1].note, said))))
    made.append(equity_panel(results))
    made.append(drawdown_panel(results))
    made.append(margin_panel(results))
    made.append(ratio_panel(results))
    made += [inventory_panel(results, name) for name in shown]
    whole, cut, states = span(results), breaks(results), strip(results)
    made = [
        replace(
            panel,
            span=whole,
            breaks=cut,
            series=tuple(parted(_of_one_life(item, results), cut) for item in panel.series),
            strip=states if panel.key in WITH_STRIP else NO_STRIP,
        )
        for panel in made
    ]
    tints = tints_of([run.name for run in results]) if any(run.called for run in results) else {}
    return [replace(panel, tints=tints) for panel in (*made, pnl_panel(results))]


def _of_one_life(item: Series, results: Sequence[RunResult]) -> Series:
    """Return a series of the only run without a mode where the account changed it."""
    alone = len(results) == 1 and results[0].account_events.height > 0
    return replace(item, mode="") if alone else item


def parted(item: Series, cut: Sequence[Break]) -> Series:
    """Return a line with a gap at each break, so that nothing is drawn where nothing is known."""
    if item.kind not in ("price", "step") or not item.values.size:
        return item
    starts = np.array([start for start, _ in cut])
    at = np.searchsorted(item.time_ms, starts, side="right")
    return replace(
        item,
        time_ms=np.insert(item.time_ms, at, starts),
        values=np.insert(item.values, at, np.nan),
    )


def break_notes(results: Sequence[RunResult]) -> list[str]:
    """Return a sentence for each break that the time axes leave out."""
    return [
        f"no data from {utc(int(start * 1e6))} to {utc(int(end * 1e6))}; the pictures leave it out"
        for start, end in breaks(results)
    ]


def instruments(results: Sequence[RunResult]) -> list[str]:
    """Return the names of all instruments that have a price, a fill or a position, sorted."""
    frames = [frame for run in results for frame in (run.prices, run.fills, run.inventory)]
    return sorted({str(name) for frame in frames for name in frame["instrument"].unique()})


def traded(results: Sequence[RunResult]) -> list[str]:
    """Return the instruments worth a picture: traded or held ones, else the first with prices."""
    found: set[str] = set()
    for run in results:
        found |= {str(name) for name in run.fills["instrument"].unique()}
        held = run.inventory.filter(pl.col("quantity") != 0)
        found |= {str(name) for name in held["instrument"].unique()}
    return sorted(found)[:INSTRUMENTS_MAX] or instruments(results)[:1]


def price_panel(results: Sequence[RunResult], name: str) -> Panel:
    """Price of an instrument with the fills of every run."""
    note = ""
    longest = max(results, key=lambda run: run.prices.height)
    price = longest.prices.filter(pl.col("instrument") == name)
    made = [line("price", "", "price", *columns(price, "price"))]
    for run in results:
        fills = run.fills.filter(pl.col("instrument") == name)
        forced = pl.col("reason") == "liquidation"
        for kind, condition in (
            ("buy", (pl.col("side") > 0) & ~forced),
            ("sell", (pl.col("side") < 0) & ~forced),
            ("liquidation", forced),
        ):
            time_ms, values = columns(fills.filter(condition), "price")
            if values.size > MARKERS_MAX:
                note = f"{kind} markers thinned from {values.size:,}; fills.parquet has all"
            made.append(line(kind, run.name, kind, time_ms, values, MARKERS_MAX))
    return Panel(f"price-{name}", f"Price and fills, {name}", "price (quote asset)",
                 tuple(item for item in made if item.values.size), note=note)  # fmt: skip


def equity_panel(results: Sequence[RunResult]) -> Panel:
    """Equity of the account, with liquidations marked."""
    made = []
    for run in results:
        time_ms, values = equity(run)
        made.append(line("equity", run.name, "step", time_ms, values))
        at = run.liquidations["time_ns"].to_numpy() / 1e6
        if at.size and time_ms.size:
            before = np.clip(np.searchsorted(time_ms, at, side="right") - 1, 0, None)
            made.append(line("liquidation", run.name, "liquidation", at, values[before]))
    return Panel("equity", "Equity", f"equity ({results[0].currency})", tuple(made))


def drawdown_panel(results: Sequence[RunResult]) -> Panel:
    """Loss since the highest equity so far, in percent of it."""
    made = []
    for run in results:
        time_ms, values = earned(run)
        peak = np.maximum.accumulate(values) if values.size else values
        with np.errstate(divide="ignore", invalid="ignore"):
            drawdown = np.where(peak > 0, (values / peak - 1) * 100, np.nan)
        made.append(line("drawdown", run.name, "step", time_ms, drawdown))
    return Panel("drawdown", "Drawdown", "from peak equity (%)", tuple(made))


def margin_panel(results: Sequence[RunResult]) -> Panel:
    """Initial margin of all pools together: what a mode ties up."""
    made = []
    for run in results:
        pools = run.history.filter(pl.col("pool") != "account")
        time_ms, table = wide(pools, "initial_margin")
        values = table.sum(axis=1) if table.size else time_ms
        made.append(line("initial margin", run.name, "step", time_ms, values))
    return Panel("margin", "Initial margin of all pools",
                 f"initial margin ({results[0].currency})", tuple(made))  # fmt: skip


def ratio_panel(results: Sequence[RunResult]) -> Panel:
    """Lowest equity / maintenance margin of any pool, with the thresholds."""
    made = []
    levels: dict[str, float] = {}
    for run in results:
        pools = run.history.filter(pl.col("pool") != "account")
        # Null is no requirement: from then on the pool does not count, so it may not be filled.
        known = pl.col("ratio").is_not_null() & pl.col("ratio").is_finite()
        shown = pools.with_columns(
            ratio=pl.when(known).then(pl.col("ratio").clip(RATIO_MIN, RATIO_MAX)).otherwise(NONE)
        )
        time_ms, table = wide(shown, "ratio")
        values = table.min(axis=1) if table.size else time_ms
        values = np.where(values == NONE, np.nan, values)
        if np.isfinite(values).any():
            made.append(line(run.summary.ratio_name or "ratio", run.name, "step", time_ms, values))
        levels |= {name: at for name, at in run.thresholds.items() if at > 0}
    return Panel("ratio", "Margin ratio of the weakest pool: equity / maintenance margin",
                 "ratio (log scale)", tuple(made), levels, log=True,
                 note=f"at or below a dotted line its level holds; drawn within {RATIO_MIN:g} and "
                 f"{RATIO_MAX:g}; without requirement not drawn")  # fmt: skip


def inventory_panel(results: Sequence[RunResult], name: str) -> Panel:
    """Signed position or balance in an instrument."""
    made = []
    for run in results:
        held = run.inventory.filter(pl.col("instrument") == name)
        made.append(line("quantity", run.name, "step", *columns(held, "quantity")))
    unit = "contracts" if name.startswith("cm:") else "base asset"
    return Panel(f"inventory-{name}", f"Inventory, {name}", f"quantity ({unit})", tuple(made))


def pnl_panel(results: Sequence[RunResult]) -> Panel:
    """Profit and loss by source and in total."""
    bars = {}
    for run in results:
        parts = {source: run.summary.pnl.get(source, 0.0) for source in sources(results)}
        bars[run.name] = {**parts, "total": sum(parts.values())}
    return Panel("pnl", "PnL by source", f"PnL ({results[0].currency})", bars=bars)


def equity(run: RunResult) -> tuple[Floats, Floats]:
    """Return times and equity of the whole account."""
    whole = run.history.filter(pl.col("pool") == "account")
    if whole.height:
        return columns(whole, "equity")
    time_ms, table = wide(run.history, "equity")
    return time_ms, np.nansum(table, axis=1) if table.size else time_ms


def earned(run: RunResult) -> tuple[Floats, Floats]:
    """Return times and equity without what came in or went out: it counts as no gain or loss.

    The change of equity between two samples is left out where money moved between them.
    """
    time_ms, values = equity(run)
    outside = pl.col("operation").is_in(["DEPOSIT", "WITHDRAW"]) & (pl.col("refusal") == "")
    at = run.funds.filter(outside & (pl.col("time_ns") > run.start_ns))["time_ns"].to_numpy() / 1e6
    if not at.size or not values.size or (values <= 0).any():
        return time_ms, values
    change = np.concatenate([[1.0], values[1:] / values[:-1]])
    for side in ("left", "right"):  # a sample at that very instant may be from before or after
        change[np.clip(np.searchsorted(time_ms, at, side), 1, values.size - 1)] = 1.0
    return time_ms, values[0] * np.cumprod(change)


def wide(history: pl.DataFrame, value: str) -> tuple[Floats, Floats]:
    """Return times and a table ``[time, pool]`` of the last known figure of each pool.

    Before a pool's first figure it is 0 in sums and infinite in minima: it does not count.
    """
    if not history.height:
        return np.empty(0), np.empty((0, 0))
    table = (
        history.pivot(on="pool", index="time_ns", values=value, aggregate_function="last")
        .sort("time_ns")
        .fill_null(strategy="forward")
        .fill_null(float("inf") if value == "ratio" else 0.0)
    )
    return table["time_ns"].to_numpy() / 1e6, table.drop("time_ns").to_numpy().astype(np.float64)


def columns(frame: pl.DataFrame, value: str) -> tuple[Floats, Floats]:
    """Return times in ms and a column's values."""
    return frame["time_ns"].to_numpy() / 1e6, frame[value].cast(pl.Float64).to_numpy()


def line(
    name: str, mode: str, kind: str, time_ms: Floats, values: Floats, points_max: int = 2400
) -> Series:
    """Return a series with at most about ``points_max`` points, extremes kept."""
    keep = extremes(values, points_max)
    return Series(name, mode, kind, time_ms[keep], values[keep])
