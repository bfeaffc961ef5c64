"""Pictures of a cascade as PNG, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib import dates as _dates
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from simulator.report.cascade_panels import pictures
from simulator.report.cascade_picture import Floats, Heat, Lying, Picture, label_ends
from simulator.report.cascade_plots import ceiling
from simulator.report.colours import LEVEL
from simulator.report.legend import legend_above
from simulator.report.plots import RATIO_TICKS
from simulator.report.result import RunResult, as_name
from simulator.report.values import compact, signed

# matplotlib has no types here.
dates: Any = _dates

WIDTH_INCH, ROW_INCH, DPI = 16.0, 3.5, 100
ALONE_INCH = (11.0, 4.6)
BESIDE_INCH, CHARACTER_INCH, NAME_MAX = 1.1, 0.085, 28
"""Of a picture's width, what its value axis takes: beside figures, and by character of names."""

AROUND_INCH, BAR_INCH = 1.3, 0.16
"""Of the height of a picture with bars that lie, what is around them, and that of a bar."""

MOMENTS_APART = 0.08
"""Names of moments stand so far below each other, as a share of the picture's height."""

DASHES = {"solid": "-", "dash": "--", "dot": ":"}
HATCHES = {"": "", "/": "////", "x": "xxxx", ".": "...."}


def write_cascade_overview(results: Sequence[RunResult], path: Path) -> None:
    """Write all pictures as one PNG."""
    overview(results).savefig(path, metadata={"Software": "unimargin"})


def overview(results: Sequence[RunResult]) -> Figure:
    """Draw all pictures: two columns, those of all runs across both."""
    shown = [picture for picture in pictures(results) if not picture.empty]
    rows = grid(shown)
    first = results[0]
    heights = [max(_height(picture, ROW_INCH) for picture in row) for row in rows] or [ROW_INCH]
    figure = Figure(figsize=(WIDTH_INCH, sum(heights) + 0.7), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    title = f"{first.scenario} · rulebook {first.rulebook}"
    if all(run.cascade is None or not run.cascade.calls.height for run in results):
        title += " · nobody was liquidated"
    figure.suptitle(title, fontsize=16, fontweight="bold")
    places = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    # Value axes stand one below the other, so the widest names of one are the room of all.
    beside = max(map(_beside, shown), default=0.0)
    for number, row in enumerate(rows):
        for column, picture in enumerate(row):
            where = places[number, :] if len(row) == 1 else places[number, column]
            draw(figure.add_subplot(where), picture, WIDTH_INCH / len(row) - beside)
    return figure


def _height(picture: Picture, usual: float) -> float:
    """Return the height of a picture, so that bars that lie have room for their figures."""
    count = max((len(one.labels) for one in picture.lying), default=0) * len(picture.lying)
    return max(usual, AROUND_INCH + BAR_INCH * count)


def _beside(picture: Picture) -> float:
    """Return what a picture's value axis takes of its width."""
    names = [name for one in picture.lying for name in one.labels]
    return BESIDE_INCH + CHARACTER_INCH * min(max(map(len, names), default=0), NAME_MAX)


def grid(shown: Sequence[Picture]) -> list[list[Picture]]:
    """Return the pictures in rows: those of one run beside the next one's of the same kind."""
    rows: list[list[Picture]] = []
    for one in shown:
        last = rows[-1] if rows else []
        kind = one.key.split("-")[0]
        if one.run and len(last) == 1 and last[0].run and last[0].key.split("-")[0] == kind:
            last.append(one)
        else:
            rows.append([one])
    return rows


def write_cascade_panels(results: Sequence[RunResult], folder: Path) -> list[Path]:
    """Write each picture as a PNG of its own; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for picture in pictures(results):
        if picture.empty:
            continue
        path = folder / f"{as_name(picture.key)}.png"
        width, height = ALONE_INCH
        size = (width, _height(picture, height))
        figure = Figure(figsize=size, dpi=DPI + 30, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure.add_subplot(), picture, width - _beside(picture))
        figure.savefig(path, metadata={"Software": "unimargin"})
        written.append(path)
    return written


def draw(axes: Any, picture: Picture, width_inch: float) -> None:
    """Draw a picture, its axes of a width; where there is nothing to draw, say so in its place."""
    axes.set_title(picture.title, loc="left", fontsize=11, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    if picture.empty:
        axes.text(0.5, 0.5, picture.none, ha="center", va="center", transform=axes.transAxes,
                  color="#59626d")  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
        return
    if not picture.heats:
        axes.grid(True, color="#dfe3e8", linewidth=0.7)
    axes.set_axisbelow(True)
    if picture.lying:
        _lying(axes, picture)
    else:
        _over_time(axes, picture)
    legend_above(axes, 72 * width_inch)


def _over_time(axes: Any, picture: Picture) -> None:
    for heat in picture.heats:
        tints = [(*to_rgba(heat.tint)[:3], density) for density in (0.0, 0.5, 0.95)]
        shades = LinearSegmentedColormap.from_list(heat.name, tints)
        axes.pcolormesh(
            _days(heat.time_ms), heat.prices, heat.notional, cmap=shades, vmin=0,
            vmax=ceiling(heat), rasterized=True,
        )  # fmt: skip
        axes.fill_between([], [], color=heat.tint, label=heat_name(heat))
    for band in picture.bands:
        axes.fill_between(_days(band.time_ms), band.low, band.high, color=band.tint, lw=0,
                          alpha=band.density, label=band.name)  # fmt: skip
    _bars(axes, picture)
    for line in picture.lines:
        axes.plot(_days(line.time_ms), line.values, color=line.tint, label=line.name,
                  lw=line.width, ls=DASHES[line.dash],
                  drawstyle="steps-post" if line.step else "default")  # fmt: skip
    for number, moment in enumerate(picture.moments):
        at = float(_days(np.array([moment.time_ms]))[0])
        axes.axvline(at, color=moment.tint, linestyle="--", linewidth=1.4)
        left = picture.is_late(moment)
        axes.annotate(moment.name, (at, 0.98 - MOMENTS_APART * number), (-3 if left else 3, 0),
                      ("data", "axes fraction"), "offset points", fontsize=8, color=moment.tint,
                      va="top", ha="right" if left else "left")  # fmt: skip
    ends = label_ends(picture.levels)
    for name, at in picture.levels.items():
        axes.axhline(at, color=LEVEL, linestyle=":", linewidth=1.4)
        axes.annotate(f"{name} {at:g}", (ends[name] - 0.002, at), fontsize=8, color=LEVEL,
                      xycoords=("axes fraction", "data"), va="bottom", ha="right")  # fmt: skip
    axes.set_ylabel(picture.axis, fontsize=9)
    if picture.log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(FixedLocator(RATIO_TICKS))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_formatter(_tick)
    if picture.values is not None:
        axes.set_ylim(*picture.values)
    first, last = _days(np.array(picture.span))
    axes.set_xlim(first - 0.01 * (last - first), last + 0.01 * (last - first))
    locator = dates.AutoDateLocator(tz=UTC)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC))
    axes.set_xlabel(_below("time (UTC)", picture), fontsize=8)


def _below(axis: str, picture: Picture) -> str:
    """What stands under a picture: its axis, and its note."""
    return f"{axis}\n{picture.note}" if picture.note else axis


def heat_name(heat: Heat) -> str:
    """Say which side a map shows, and what its full colour stands for."""
    high = heat.prices[1] - heat.prices[0]
    return f"{heat.name}: full colour {compact(ceiling(heat))} in {high:,.3g} of price"


def _tick(value: float, _: int) -> str:
    return compact(value) if abs(value) >= 1e6 else f"{value:,.10g}"


def _bars(axes: Any, picture: Picture) -> None:
    """Stack bars over time, those above 0 upwards and those below downwards."""
    tops: dict[tuple[float, bool], float] = {}
    width = 0.9 * picture.bar_ms / 86_400_000
    for bars in picture.bars:
        at, up = bars.time_ms.tolist(), bool(bars.values[0] > 0)
        base = [tops.get((time, up), 0.0) for time in at]
        axes.bar(_days(bars.time_ms), bars.values, width, base, align="edge", color=bars.tint,
                 hatch=HATCHES[bars.hatch], edgecolor="white", linewidth=0,
                 label=bars.name if bars.named else None)  # fmt: skip
        for time, low, value in zip(at, base, bars.values.tolist(), strict=True):
            tops[time, up] = low + value
    if picture.bars:
        axes.axhline(0, color="#59626d", linewidth=0.8)


def _lying(axes: Any, picture: Picture) -> None:
    height = 0.8 / len(picture.lying)
    for index, lying in enumerate(picture.lying):
        at = np.arange(len(lying.labels)) + (index - (len(picture.lying) - 1) / 2) * height
        _one_lying(axes, lying, at, height)
    labels = picture.lying[0].labels
    axes.set_yticks(range(len(labels)), [fill(label, NAME_MAX) for label in labels])
    axes.invert_yaxis()
    axes.axvline(0, color="#59626d", linewidth=0.8)
    axes.margins(x=0.12)
    axes.set_xlabel(_below(picture.axis, picture), fontsize=9)


def _one_lying(axes: Any, lying: Lying, at: Any, height: float) -> None:
    axes.barh(at, lying.values, height * 0.92, label=lying.name, color=lying.tint)
    for value, end, y in zip(lying.values, lying.ends(), at, strict=True):
        if not np.isnan(value):
            left = value < 0
            axes.annotate(f"{signed(value, 1)} %", (end, y), (-6 if left else 6, 0),
                          textcoords="offset points", fontsize=8, va="center",
                          ha="right" if left else "left")  # fmt: skip
    if np.isfinite(lying.marks).any():
        axes.scatter(lying.marks, at, marker="D", s=34, color=lying.tint, edgecolors="white",
                     linewidths=1.2, zorder=4)  # fmt: skip


def _days(time_ms: Floats) -> Any:
    """Times as matplotlib counts them."""
    return dates.date2num((time_ms * 1e3).astype("datetime64[us]"))
