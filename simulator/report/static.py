"""The pictures as PNG, drawn with matplotlib, which needs no browser and no display."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import dates as _dates
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from simulator.report.cascade_picture import label_ends
from simulator.report.colours import LEVEL, LIQUIDATION, PRICE, STATES, colour
from simulator.report.panels import Panel, panels
from simulator.report.result import RunResult
from simulator.report.span import squeezed, stretched
from simulator.report.values import signed

# matplotlib has no types here.
dates: Any = _dates

MARKERS = {"buy": "^", "sell": "v", "liquidation": "X"}
STRIP_SHARE = 0.1
"""Height of a strip of states, as a share of the picture's."""

WIDTH_INCH, PANEL_INCH, DPI = 12.0, 2.9, 110

UPRIGHT_FROM = 2
"""Runs beyond which the figures of bars stand upright."""


def write_overview(results: Sequence[RunResult], path: Path) -> None:
    """Write all panels of the runs, one below the other, as one PNG."""
    overview(results).savefig(path, metadata={"Software": "unimargin"})


def overview(results: Sequence[RunResult]) -> Figure:
    """Draw all panels of the runs, one below the other."""
    first = results[0]
    title = f"{first.scenario} · rulebook {first.rulebook} · {', '.join(first.strategies)}"
    return _drawn([panel for panel in panels(results) if not panel.empty], title)


def write_panels(results: Sequence[RunResult], folder: Path) -> list[Path]:
    """Write each panel as a PNG of its own; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for panel in panels(results):
        if not panel.empty:
            path = folder / f"{panel.key.replace(':', '-')}.png"
            _drawn([panel], "").savefig(path, metadata={"Software": "unimargin"})
            written.append(path)
    return written


def _drawn(shown: Sequence[Panel], title: str) -> Figure:
    figure = Figure(
        figsize=(WIDTH_INCH, PANEL_INCH * len(shown) + 0.6), dpi=DPI, layout="constrained"
    )
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, fontsize=14, fontweight="bold")
    for axes, panel in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
        _draw(axes, panel)
    return figure


def _draw(axes: Any, panel: Panel) -> None:
    axes.set_title(panel.title, loc="left", fontsize=11, fontweight="bold")
    axes.set_ylabel(panel.axis, fontsize=9)
    axes.grid(True, color="#dfe3e8", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    if panel.bars:
        _bars(axes, panel)
    else:
        _lines(axes, panel)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def _lines(axes: Any, panel: Panel) -> None:
    for item in panel.series:
        name = f"{item.mode} {item.name}".strip()
        at = places(item.time_ms, panel)
        tint = colour(item.mode, item.kind, panel.tints)
        if item.kind in MARKERS:
            # Separated is larger and hollow, so that both show where they fill together.
            hollow = item.mode.endswith("separated") and item.kind != "liquidation"
            axes.scatter(
                at,
                item.values,
                s=90 if hollow else 40,
                marker=MARKERS[item.kind],
                facecolors="none" if hollow else tint,
                edgecolors=tint if hollow else "white",
                linewidths=1.4 if hollow else 0.6,
                label=name,
                zorder=3,
            )
            continue
        style = "steps-post" if item.kind == "step" else "default"
        dash = "--" if item.mode.endswith("unified") else "-"
        # Separated is broader and lies below, so that both show where they coincide.
        width = 2.8 if item.mode.endswith("separated") else 1.3
        axes.plot(at, item.values, color=tint, label=name, lw=width, drawstyle=style, ls=dash)
    if panel.log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    ends = label_ends(panel.levels)
    for name, level in panel.levels.items():
        axes.axhline(level, color=LEVEL, linestyle=":", linewidth=1.2)
        axes.annotate(f"{name} {level:g}", (ends[name] - 0.002, level), fontsize=8, color=LEVEL,
                      xycoords=("axes fraction", "data"), va="bottom", ha="right")  # fmt: skip
    _time_axis(axes, panel)
    axes.set_xlabel("time (UTC)", fontsize=8)
    if panel.strip.bands:
        _strip(axes, panel)


def _strip(axes: Any, panel: Panel) -> None:
    """Draw the account's states between the lines and the time axis."""
    rows = len(panel.strip.rows)
    share = STRIP_SHARE * rows + 0.03
    low, high = axes.get_ylim()
    if panel.log:
        axes.set_ylim(low / (high / low) ** (share / (1 - share)), high)
    else:
        axes.set_ylim(low - (high - low) * share / (1 - share), high)
    place = axes.get_xaxis_transform()  # time across, a share of the picture upwards
    named: set[str] = set()
    for band in panel.strip.bands:
        start, end = places(np.array([band.start_ms, band.end_ms]), panel)
        name = band.state.lower().replace("_", " ")
        bottom = STRIP_SHARE * (band.row + 0.1)
        axes.fill_between(
            [start, end], bottom, bottom + STRIP_SHARE * 0.75, transform=place, linewidth=0,
            color=STATES[band.state], label=None if name in named else name,
        )  # fmt: skip
        named.add(name)
    for row, mode in enumerate(panel.strip.rows if rows > 1 else ()):
        axes.text(0.995, STRIP_SHARE * (row + 0.475), mode, transform=axes.transAxes, fontsize=7,
                  ha="right", va="center")  # fmt: skip
    if panel.strip.refusals:
        at = places(np.array([one.time_ms for one in panel.strip.refusals]), panel)
        up = [STRIP_SHARE * (one.row + 0.475) for one in panel.strip.refusals]
        axes.scatter(at, up, s=50, marker="D", color=LIQUIDATION, edgecolors="white",
                     linewidths=0.8, transform=place, label="step refused", zorder=4)  # fmt: skip


def places(time_ms: Any, panel: Panel) -> Any:
    """Return where times stand on the axis: matplotlib's days, breaks squeezed out."""
    drawn = squeezed(time_ms, panel.breaks, panel.span) if panel.breaks else time_ms
    return dates.date2num((drawn * 1e3).astype("datetime64[us]"))


def _time_axis(axes: Any, panel: Panel) -> None:
    first, last = places(np.array(panel.span), panel)
    pad = 0.01 * (last - first)
    axes.set_xlim(first - pad, last + pad)
    if not panel.breaks:
        locator = dates.AutoDateLocator(tz=UTC)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC))
        return

    def when(at: float, _: int) -> str:
        drawn = np.array([dates.num2date(at).timestamp() * 1e3])
        real = stretched(drawn, panel.breaks, panel.span)[0]
        return f"{datetime.fromtimestamp(real / 1e3, UTC):%Y-%m-%d\n%H:%M:%S}"

    axes.xaxis.set_major_locator(MaxNLocator(8))
    axes.xaxis.set_major_formatter(when)
    for at in places(np.array([start for start, _ in panel.breaks]), panel):
        axes.axvline(at, color=PRICE, linestyle="--", linewidth=1)


def _bars(axes: Any, panel: Panel) -> None:
    width = 0.8 / len(panel.bars)
    names: list[str] = []
    # Figures of many runs are wider than their bars, so they stand upright.
    upright = len(panel.bars) > UPRIGHT_FROM
    for index, (mode, parts) in enumerate(panel.bars.items()):
        names = list(parts)
        at = np.arange(len(names)) + (index - (len(panel.bars) - 1) / 2) * width
        drawn = axes.bar(
            at, list(parts.values()), width, label=mode, color=colour(mode, "bar", panel.tints)
        )
        axes.bar_label(drawn, [signed(value) for value in parts.values()], fontsize=8, padding=2,
                       rotation=90 if upright else 0)  # fmt: skip
    axes.set_xticks(range(len(names)), names)
    axes.axhline(0, color="#59626d", linewidth=0.8)
    axes.margins(y=0.5 if upright else 0.2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
