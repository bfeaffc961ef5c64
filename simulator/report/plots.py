"""Panels drawn with Plotly."""

from __future__ import annotations

from math import log10
from typing import Any

import plotly.graph_objects as go

from simulator.report.colours import LEVEL, colour
from simulator.report.panels import Panel, Series

SYMBOLS = {"buy": "triangle-up", "sell": "triangle-down", "liquidation": "x"}
HEIGHT_PX = 340


def figure(panel: Panel) -> go.Figure:
    """Return a panel as a Plotly figure; colours of text and grid are the page's, see ``page``."""
    made = go.Figure()
    for mode, parts in panel.bars.items():
        made.add_bar(
            name=mode, x=list(parts), y=list(parts.values()), marker_color=colour(mode, "bar"),
            text=[f"{value:+,.2f}" for value in parts.values()], textposition="outside",
            cliponaxis=False, hovertemplate="%{x}: %{y:,.4f}<extra>" + mode + "</extra>",
        )  # fmt: skip
    for item in panel.series:
        made.add_trace(trace(item))
    for name, at in panel.levels.items():
        made.add_hline(y=at, line={"color": LEVEL, "width": 1.2, "dash": "dot"})
        made.add_annotation(
            text=f"{name} {at:g}", xref="paper", x=0, xanchor="left", yanchor="bottom",
            y=log10(at) if panel.log else at,  # an annotation on a log axis counts in log10
            showarrow=False, font={"size": 11, "color": LEVEL},
        )  # fmt: skip
    made.update_layout(
        height=HEIGHT_PX, margin={"l": 76, "r": 20, "t": 12, "b": 48}, template="none",
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", barmode="group",
        hovermode="closest",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#80868F"}, showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        font={"family": "system-ui, sans-serif", "size": 13},
    )  # fmt: skip
    made.update_yaxes(title={"text": panel.axis, "standoff": 8}, automargin=True, zeroline=False)
    if panel.log:
        made.update_yaxes(type="log", dtick="D2")
    elif panel.bars:
        made.update_yaxes(zeroline=True, tickformat=",")
    else:
        made.update_yaxes(tickformat=",")
    if not panel.bars:
        made.update_xaxes(type="date", title={"text": "time (UTC)", "standoff": 6})
    return made


def trace(item: Series) -> Any:
    """Return one series as a Plotly trace."""
    name = f"{item.mode} {item.name}".strip()
    tint = colour(item.mode, item.kind)
    common = {
        "name": name,
        "x": item.time_ms,
        "y": item.values,
        "hovertemplate": "%{x|%Y-%m-%d %H:%M:%S.%L}<br>%{y:,.8~g}<extra>" + name + "</extra>",
    }
    if item.kind in SYMBOLS:
        # Separated is larger and hollow, so that both show where they fill at the same instant.
        hollow = item.mode == "separated" and item.kind != "liquidation"
        marker = {
            "symbol": SYMBOLS[item.kind] + ("-open" if hollow else ""),
            "size": 14 if hollow else 9,
            "color": tint,
            "line": {"width": 2 if hollow else 1, "color": tint if hollow else "white"},
        }
        return go.Scatter(mode="markers", marker=marker, **common)
    shape = "linear" if item.kind == "price" else "hv"
    dash = "dash" if item.mode == "unified" else "solid"
    line = {"color": tint, "width": 1.8, "shape": shape, "dash": dash}
    return go.Scatter(mode="lines", line=line, **common)
