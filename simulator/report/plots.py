"""Panels drawn with Plotly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import log10
from typing import Any

import numpy as np
import plotly.graph_objects as go

from simulator.report.cascade_picture import label_ends
from simulator.report.colours import LEVEL, LIQUIDATION, PRICE, STATES, colour
from simulator.report.panels import Panel, Series
from simulator.report.span import squeezed, stretched
from simulator.report.states import Strip
from simulator.report.values import signed

BUTTONS_PX, LEGEND_ROW_PX, LEGEND_NAMES = 30, 20, 3
"""Height of Plotly's own buttons and of a row of the legend; names in one, where they are long."""

SYMBOLS = {"buy": "triangle-up", "sell": "triangle-down", "liquidation": "x"}
HEIGHT_PX = 340
STRIP_PX = 22
TICKS = 8
RATIO_TICKS = [0.1, 0.2, 0.3, 0.5, 1, 1.5, 2, 3, 5, 10, 20]


def figure(panel: Panel) -> go.Figure:
    """Return a panel as a Plotly figure; colours of text and grid are the page's, see ``page``."""
    made = go.Figure()
    for mode, parts in panel.bars.items():
        made.add_bar(
            name=mode, x=list(parts), y=list(parts.values()),
            marker_color=colour(mode, "bar", panel.tints),
            text=[signed(value) for value in parts.values()], textposition="outside",
            cliponaxis=False, hovertemplate="%{x}: %{y:,.4f}<extra>" + mode + "</extra>",
        )  # fmt: skip
    for item in panel.series:
        made.add_trace(trace(item, panel.tints))
    ends = label_ends(panel.levels)
    for name, at in panel.levels.items():
        made.add_hline(y=at, line={"color": LEVEL, "width": 1.2, "dash": "dot"})
        made.add_annotation(
            text=f"{name} {at:g}", xref="paper", x=ends[name], xanchor="right", yanchor="bottom",
            y=log10(at) if panel.log else at,  # an annotation on a log axis counts in log10
            showarrow=False, font={"size": 11, "color": LEVEL},
        )  # fmt: skip
    made.update_layout(
        height=HEIGHT_PX, margin={"l": 76, "r": 20, "t": 12, "b": 48}, template="none",
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", barmode="group",
        hovermode="closest",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#80868F"}, showlegend=True,
        font={"family": "system-ui, sans-serif", "size": 13},
    )  # fmt: skip
    made.update_yaxes(title={"text": panel.axis, "standoff": 8}, automargin=True, zeroline=False)
    if panel.log:
        made.update_yaxes(type="log", tickvals=RATIO_TICKS)
    elif panel.bars:
        made.update_yaxes(zeroline=True, tickformat=",")
    else:
        made.update_yaxes(tickformat=",")
    if not panel.bars:
        _time_axis(made, panel)
    if panel.strip.bands:
        _strip(made, panel.strip)
    legend_above(made)
    return made


def legend_above(made: go.Figure) -> None:
    """Put the legend above the axes and below the buttons, the figure as much higher as it is."""
    named = {
        trace.legendgroup or trace.name for trace in made.data if trace.showlegend is not False
    }
    height = made.layout.height + LEGEND_ROW_PX * (-(-len(named) // LEGEND_NAMES) - 1)
    made.update_layout(
        height=height,
        legend={"orientation": "h", "x": 0, "yref": "container", "yanchor": "top",
                "y": 1 - BUTTONS_PX / height},
    )  # fmt: skip


def _strip(made: go.Figure, strip: Strip) -> None:
    """Draw the account's states between the lines and the time axis, on an axis of their own."""
    rows = len(strip.rows)
    share = rows * STRIP_PX / (HEIGHT_PX - 60)
    made.update_layout(
        yaxis={"domain": [share + 0.05, 1]}, xaxis={"anchor": "free", "position": 0},
        yaxis2={
            "domain": [0, share], "range": [-0.5, rows - 0.5], "tickvals": list(range(rows)),
            "ticktext": list(strip.rows) if rows > 1 else ["state"],
            "showgrid": False, "zeroline": False,
        },
    )  # fmt: skip
    for state in strip.states:
        tint, name = STATES[state], state.lower().replace("_", " ")
        for number, band in enumerate(one for one in strip.bands if one.state == state):
            made.add_trace(go.Scatter(
                x=[band.start_ms, band.end_ms, band.end_ms, band.start_ms],
                y=[band.row - 0.4, band.row - 0.4, band.row + 0.4, band.row + 0.4],
                yaxis="y2", fill="toself", fillcolor=tint, mode="lines", line={"width": 0},
                name=name, legendgroup=state, showlegend=number == 0, hoveron="fills",
                hoverinfo="name",
            ))  # fmt: skip
    if strip.refusals:
        made.add_trace(go.Scatter(
            x=[one.time_ms for one in strip.refusals], y=[one.row for one in strip.refusals],
            yaxis="y2", mode="markers", name="step refused",
            marker={"symbol": "diamond", "size": 12, "color": LIQUIDATION,
                    "line": {"width": 1.5, "color": "white"}},
            text=[f"{one.step}<br>{one.reason}" for one in strip.refusals],
            hovertemplate="%{x|%H:%M:%S}<br>%{text}<extra>step refused</extra>",
        ))  # fmt: skip
    made.update_layout(height=HEIGHT_PX + rows * STRIP_PX + 24)


def _time_axis(made: go.Figure, panel: Panel) -> None:
    pad = 0.01 * (panel.span[1] - panel.span[0] - sum(b - a for a, b in panel.breaks))
    made.update_xaxes(
        type="date", title={"text": "time (UTC)", "standoff": 6},
        range=[panel.span[0] - pad, panel.span[1] + pad],
        rangebreaks=[{"bounds": [iso(a), iso(b)]} for a, b in panel.breaks],
    )  # fmt: skip
    if not panel.breaks:
        return
    # Plotly's own ticks are as far apart as the span with its breaks would need.
    ends = squeezed(np.array(panel.span), panel.breaks, panel.span)
    at = stretched(np.linspace(ends[0], ends[1], TICKS), panel.breaks, panel.span)
    texts = [iso(time).split(".")[0].replace(" ", "<br>") for time in at.tolist()]
    made.update_xaxes(tickvals=at, ticktext=texts, title={"standoff": 28})
    made.update_layout(margin={"b": 72})
    for start, _ in panel.breaks:
        made.add_vline(x=start, line={"color": PRICE, "width": 1, "dash": "dash"})


def iso(time_ms: float) -> str:
    """Return an instant as Plotly wants the ends of a break.

    >>> iso(1_700_000_000_500.0)
    '2023-11-14 22:13:20.500'
    """
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def trace(item: Series, tints: Mapping[str, str] | None = None) -> Any:
    """Return one series as a Plotly trace; ``tints`` as of its panel."""
    name = f"{item.mode} {item.name}".strip()
    tint = colour(item.mode, item.kind, tints)
    common = {
        "name": name,
        "x": item.time_ms,
        "y": item.values,
        "hovertemplate": "%{x|%Y-%m-%d %H:%M:%S.%L}<br>%{y:,.8~g}<extra>" + name + "</extra>",
    }
    if item.kind in SYMBOLS:
        # Separated is larger and hollow, so that both show where they fill at the same instant.
        hollow = item.mode.endswith("separated") and item.kind != "liquidation"
        marker = {
            "symbol": SYMBOLS[item.kind] + ("-open" if hollow else ""),
            "size": 14 if hollow else 9,
            "color": tint,
            "line": {"width": 2 if hollow else 1, "color": tint if hollow else "white"},
        }
        return go.Scatter(mode="markers", marker=marker, **common)
    shape = "linear" if item.kind == "price" else "hv"
    dash = "dash" if item.mode.endswith("unified") else "solid"
    # Separated is broader and lies below, so that both show where they coincide.
    width = 3.2 if item.mode.endswith("separated") else 1.6
    line = {"color": tint, "width": width, "shape": shape, "dash": dash}
    return go.Scatter(mode="lines", line=line, **common)
