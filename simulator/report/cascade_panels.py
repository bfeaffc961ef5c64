"""What the pictures of a cascade show, before anything is drawn; the same for HTML and PNG.

Times are ms since 1970 UTC.  Pictures of one kind have the same value axis in all runs, so that
runs side by side can be compared by eye.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from simulator.report.cascade_figures import MINUTE_NS, Figures
from simulator.report.cascade_heat import heats
from simulator.report.cascade_hedges import coin_picture, hedge_pictures
from simulator.report.cascade_lines import POINTS_MAX, alike, key_of, path_line
from simulator.report.cascade_moves import OF_CROWD
from simulator.report.cascade_picture import (
    Band,
    Bars,
    Floats,
    Line,
    Lying,
    Picture,
)
from simulator.report.cascade_table import Told, told
from simulator.report.colours import MODES, PRICE, RUNS, STAGES
from simulator.report.downsample import extremes
from simulator.report.result import RunResult
from simulator.report.values import compact

PRICES_MAX = 4
"""Instruments with a picture of their price."""

PRICES_OF_VARIANT = 2
"""The same where there are several variants."""

BARS_MAX = 240
"""Bars of a picture over time; beyond, a bar is several minutes."""

RATIO_RANGE = (0.1, 20.0)
"""Ratios beyond are drawn at the end: they differ without a difference."""

FAN = (("p01", "p99", 0.14), ("p05", "p95", 0.22), ("p25", "p75", 0.38))
"""Bands of the fan: percentiles and how dense they are drawn."""

STAGE_NAMES = {
    "order": "orders on the book",
    "takeover": "taken over by the fund",
    "deleverage": "auto-deleveraged",
    "spot": "spot sold or bought for debts",
}


def pictures(results: Sequence[RunResult]) -> list[Picture]:
    """Return the pictures of all runs with a population, in reading order."""
    runs = told(results)
    if not runs:
        return []
    tints = _tints(runs)
    span = (min(run.start_ns for run, _ in runs) / 1e6, max(run.end_ns for run, _ in runs) / 1e6)
    made = []
    variants = dict.fromkeys(run.variant for run, _ in runs)
    if len(variants) > 1:
        made.append(_compared(runs, tints))
    made += coin_picture(runs)
    for variant in variants:
        part = [item for item in runs if item[0].variant == variant]
        most = PRICES_MAX if len(variants) == 1 else PRICES_OF_VARIANT
        made += [_price(part, name, variant) for name in _priced(part)[:most]]
    made += alike([_minutes(run, one) for run, one in runs])
    made += [_heat(run, one) for run, one in runs]
    made += [_fan(run) for run, _ in runs]
    made += alike([_displacement(run, one) for run, one in runs])
    made += [*hedge_pictures(runs), _fund(runs, tints), _losses(runs, tints)]
    return [replace(one, span=span) for one in made]


def _tints(runs: Sequence[Told]) -> list[str]:
    """Colours of the runs: those of the modes, unless there are several variants of them."""
    modes = [run.mode for run, _ in runs]
    if len(set(modes)) == len(modes) and set(modes) <= set(MODES):
        return [MODES[mode] for mode in modes]
    return [RUNS[i % len(RUNS)] for i in range(len(runs))]


def _priced(runs: Sequence[Told]) -> list[str]:
    """Instruments with a picture: those in which something was closed, else the first."""
    touched: set[str] = set()
    for run, _ in runs:
        if run.cascade is not None:
            touched |= set(run.cascade.closings["instrument"].unique().to_list())
    names = dict.fromkeys(fall.instrument for _, one in runs for fall in one.falls)
    return [name for name in names if name in touched] or list(names)[:1]


def _price(runs: Sequence[Told], name: str, variant: str) -> Picture:
    """Price with feedback and without, and the index of the base asset."""
    lines: list[Line] = []
    said = []
    for run, one in runs:
        if run.cascade is None:
            continue
        if run.quiet is not None:
            calm = path_line(run.quiet, name, "mark", "without feedback", PRICE, "dot", 2.0)
            if calm is not None and not any(_same(calm, other) for other in lines):
                lines.append(calm)
        tint = MODES.get(run.mode, RUNS[0])
        dash = "dash" if run.mode == "unified" else "solid"
        width = 2.6 if run.mode == "separated" else 1.5
        mark = path_line(run.cascade, name, "mark", f"{run.mode}: mark", tint, dash, width)
        index = path_line(run.cascade, name, "index", f"{run.mode}: index", tint, "dot", 0.9)
        lines += [line for line in (mark, index) if line is not None]
        fall = next((fall for fall in one.falls if fall.instrument == name), None)
        if fall is not None and fall.amplification is not None:
            said.append(f"{run.mode} {fall.amplification:.2f} times as deep as without feedback")
        rise = next((rise for rise in one.rises if rise.instrument == name), None)
        if rise is not None and rise.amplification is not None:
            said.append(f"{run.mode} {rise.amplification:.2f} times as high as without feedback")
    title = f"Price with and without feedback, {name}" + (f", {variant}" if variant else "")
    return Picture(
        f"price-{variant}-{name}" if variant else f"price-{name}", title, "price (quote asset)",
        lines=tuple(lines), note="; ".join(said), none="The run kept no prices.",
    )  # fmt: skip


def _same(one: Line, other: Line) -> bool:
    return one.name == other.name and np.array_equal(one.values, other.values)


def _compared(runs: Sequence[Told], tints: Sequence[str]) -> Picture:
    """The price that each run speaks of first, as change since its start; of a run that speaks of a
    rise its fall, unless all do: another contract's rise is nothing to compare falls with.
    """
    lines = []
    rose = all(one.squeeze for _, one in runs)
    for (run, one), tint in zip(runs, tints, strict=True):
        spoken = one.spoken if rose else one.headline
        if run.cascade is None or spoken is None:
            continue
        name = spoken.instrument
        found = path_line(run.cascade, name, "mark", f"{run.label}: {name}", tint, "solid", 1.6)
        if found is not None:
            dash = "dash" if run.mode == "unified" else "solid"
            change = (found.values / spoken.first - 1) * 100
            lines.append(replace(found, values=change, dash=dash))
    return Picture("compared", "Price with feedback, all runs", "change since the start (%)",
                   lines=tuple(lines), none="The runs kept no prices.")  # fmt: skip


def _minutes(run: RunResult, one: Figures) -> Picture:
    """Notional liquidated over time: long positions upwards, short ones downwards."""
    step = max(1, -(-one.minutes.height // BARS_MAX))
    bars: list[Bars] = []
    if run.cascade is not None and one.liquidated:
        bar = pl.col("time_ns") // (step * MINUTE_NS) * (step * MINUTE_NS) / 1e6
        of_crowd = run.cascade.closings.filter(OF_CROWD)
        for stage, tint in STAGES.items():
            for side, sign in ((-1, 1.0), (1, -1.0)):
                part = of_crowd.filter((pl.col("stage") == stage) & (pl.col("side") == side))
                if not part.height:
                    continue
                sums = part.group_by(bar=bar).agg(pl.col("notional").sum()).sort("bar")
                named = sign > 0 or not any(item.tint == tint for item in bars)
                bars.append(
                    Bars(STAGE_NAMES[stage], tint, HATCHES[stage], sums["bar"].to_numpy(),
                         sign * sums["notional"].to_numpy(), named)
                )  # fmt: skip
    each = "minute" if step == 1 else f"{step} minutes"
    said = f"Notional liquidated each {each}, {run.label}"
    return Picture(
        key_of("minutes", run), said, f"{run.currency} (long up, short down)", run.label,
        bars=tuple(bars), bar_ms=step * 60_000.0,
        note=f"in all {compact(one.closed)} {run.currency} of positions" if bars else "",
    )  # fmt: skip


HATCHES = {"order": "", "takeover": "/", "deleverage": "x", "spot": "."}


def _heat(run: RunResult, one: Figures) -> Picture:
    """Where the next liquidations sit by price over time, with the price drawn over."""
    title = f"Where the next liquidations sit, {run.label}"
    none = "No position was near enough to its threshold."
    if run.cascade is None or one.spoken is None:
        return Picture(key_of("heat", run), title, "price", run.label, none=none)
    name = one.spoken.instrument
    path = path_line(run.cascade, name, "mark", f"mark of {name}", PRICE, "solid", 2.2)
    if path is None:
        return Picture(key_of("heat", run), title, "price", run.label, none=none)
    found, values = heats(run.cascade.heat, path.time_ms, path.values, run.end_ns / 1e6)
    return Picture(
        key_of("heat", run), title, f"price of {name}", run.label,
        lines=(path,) if found else (), heats=found, values=values, none=none,
        note="long positions wait below the price, short ones above; all prices moved by the same "
        "share" if found else "",
    )  # fmt: skip


def _fan(run: RunResult) -> Picture:
    """Percentiles of equity / maintenance margin of the pools, with the thresholds."""
    bands: list[Band] = []
    lines: list[Line] = []
    frame = run.cascade.fan if run.cascade is not None else pl.DataFrame()
    modes = frame["mode"].unique(maintain_order=True).to_list() if frame.height else []
    for mode in modes:
        part = frame.filter(pl.col("mode") == mode).sort("time_ns")
        time_ms = part["time_ns"].to_numpy() / 1e6
        tint = MODES.get(mode, RUNS[0])
        prefix = f"{mode} " if len(modes) > 1 else ""

        def column(name: str, own: pl.DataFrame = part) -> Floats:
            values: Floats = own[name].cast(pl.Float64).clip(*RATIO_RANGE).to_numpy()
            return values

        bands += [
            Band(f"{prefix}{int(low[1:])} to {int(high[1:])} %", tint, density, time_ms,
                 column(low), column(high))
            for low, high, density in FAN
        ]  # fmt: skip
        lines.append(Line(f"{prefix}median", tint, time_ms, column("p50"), width=2.2))
    name = "uniMMR" if run.mode == "unified" else "Margin ratio"
    return Picture(
        key_of("fan", run), f"{name} of all pools with positions, {run.label}",
        "equity / maintenance margin", run.label, lines=tuple(lines), bands=tuple(bands),
        levels={label: at for label, at in run.thresholds.items() if at > 0} if lines else {},
        log=True, none="No pool had a requirement.", values=RATIO_RANGE,
        note="percentiles of the pools that are left; liquidated ones drop out" if lines else "",
    )  # fmt: skip


def _displacement(run: RunResult, one: Figures) -> Picture:
    """How far liquidations have moved each book: one path of contagion beside the other."""
    lines = []
    if run.cascade is not None:
        moved = run.cascade.paths.group_by("instrument").agg(pl.col("displacement").abs().max())
        strength = {name: value or 0.0 for name, value in moved.iter_rows()}
        names = [fall.instrument for fall in one.falls if strength.get(fall.instrument, 0.0) > 0]
        for i, name in enumerate(names[: len(RUNS)]):
            found = path_line(run.cascade, name, "displacement", name, RUNS[i], "solid", 1.6)
            if found is not None:
                lines.append(replace(found, values=found.values * 100))
    return Picture(
        key_of("displacement", run), f"How far liquidations moved the books, {run.label}",
        "displacement (% of price)", run.label, lines=tuple(lines),
        none="No order moved a book.",
    )  # fmt: skip


def _fund(runs: Sequence[Told], tints: Sequence[str]) -> Picture:
    """The insurance fund's balance, all its assets together, and what it holds."""
    lines = []
    notes = []
    for (run, one), tint in zip(runs, tints, strict=True):
        if run.cascade is None or not run.cascade.fund.height:
            continue
        time_ms, balance, inventory = _fund_path(run)
        lines.append(Line(f"{run.label}: balance", tint, time_ms, balance, step=True, width=2.0))
        if np.any(inventory):
            lines.append(
                Line(f"{run.label}: positions", tint, time_ms, inventory, "dot", 1.4, True)
            )
        if run.cascade.unlimited:
            named = ", ".join(run.cascade.unlimited)
            notes.append(f"{run.label}: {named} without limit, starts at 0")
        elif one.fund_drawdown == 0:
            notes.append(f"{run.label}: never fell")
    return Picture("fund", "Insurance fund: balance, and positions taken over",
                   f"{runs[0][0].currency}", lines=tuple(lines), note="; ".join(notes),
                   none="The run kept nothing of an insurance fund.")  # fmt: skip


def _fund_path(run: RunResult) -> tuple[Floats, Floats, Floats]:
    """Times, balance and positions in USDT: the last known of each asset at each change."""
    assert run.cascade is not None
    frame = run.cascade.fund.sort("time_ns", maintain_order=True).with_columns(
        value=pl.col("balance") * pl.col("price")
    )
    sums = []
    for column in ("value", "inventory"):
        wide = frame.pivot(on="asset", index="time_ns", values=column, aggregate_function="last")
        known = wide.sort("time_ns").fill_null(strategy="forward").fill_null(0.0)
        sums.append(known.drop("time_ns").to_numpy().sum(axis=1))
        times = known["time_ns"].to_numpy()
    times = np.append(times, run.end_ns) / 1e6
    balance, inventory = (np.append(part, part[-1]) for part in sums)
    keep = np.union1d(extremes(balance, POINTS_MAX), extremes(inventory, POINTS_MAX))
    return times[keep], balance[keep], inventory[keep]


def _losses(runs: Sequence[Told], tints: Sequence[str]) -> Picture:
    """Share of its wealth that each type of account lost, in each run."""
    labels: tuple[str, ...] = tuple(
        dict.fromkeys(item.group for _, one in runs for item in one.groups)
    )
    lying = []
    for (run, one), tint in zip(runs, tints, strict=True):
        if not one.groups:
            continue
        modes = dict.fromkeys(item.mode for item in one.groups)
        for i, mode in enumerate(modes):
            of = {item.group: item for item in one.groups if item.mode == mode}
            chosen = [of.get(label) for label in labels]
            name = run.label if len(modes) == 1 else f"{run.label}: {mode} accounts"
            lying.append(
                Lying(name, tint if i == 0 else RUNS[(i + 1) % len(RUNS)], labels,
                      _shares(None if item is None else item.lost for item in chosen),
                      _shares(None if item is None else item.quiet_lost for item in chosen))
            )  # fmt: skip
    marked = any(np.isfinite(item.marks).any() for item in lying)
    return Picture(
        "losses", "Share lost by type of account", "lost of what they had (%)", lying=tuple(lying),
        note="diamonds: without feedback; losses below 0 are gains" if marked else "",
        none="The run kept no types of account.",
    )  # fmt: skip


def _shares(values: Iterable[float | None]) -> Floats:
    return np.array([np.nan if value is None else 100 * value for value in values])
