"""Pictures of a cascade drawn with Plotly."""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np
import plotly.graph_objects as go

from simulator.report.cascade_picture import Heat, Line, Lying, Picture, label_ends
from simulator.report.colours import LEVEL
from simulator.report.plots import RATIO_TICKS, legend_above
from simulator.report.values import signed

HEIGHT_PX = 380
ROW_PX = 22
AT = "%{x|%Y-%m-%d %H:%M:%S}<br>"


def cascade_figure(picture: Picture) -> go.Figure:
    """Return a picture as a Plotly figure; colours of text and grid are the page's."""
    made = go.Figure()
    for heat in picture.heats:
        made.add_trace(_heat(heat, picture))
    for band in picture.bands:
        made.add_trace(go.Scatter(
            x=np.concatenate([band.time_ms, band.time_ms[::-1]]),
            y=np.concatenate([band.high, band.low[::-1]]), fill="toself", mode="lines",
            line={"width": 0}, fillcolor=rgba(band.tint, band.density), name=band.name,
            hoverinfo="skip",
        ))  # fmt: skip
    for bars in picture.bars:
        made.add_bar(
            name=bars.name, x=bars.time_ms, y=bars.values, width=picture.bar_ms, offset=0,
            marker={"color": bars.tint, "line": {"width": 0},
                    "pattern": {"shape": bars.hatch, "size": 6, "solidity": 0.2,
                                "fillmode": "overlay", "fgcolor": "white"}},
            legendgroup=bars.name, showlegend=bars.named,
            hovertemplate=AT + "%{y:,.0f}<extra>" + bars.name + "</extra>",
        )  # fmt: skip
    for line in picture.lines:
        made.add_trace(_line(line))
    for number, lying in enumerate(picture.lying):
        _lying(made, lying, number, len(picture.lying))
    for number, moment in enumerate(picture.moments):
        made.add_vline(x=moment.time_ms, line={"color": moment.tint, "width": 1.6, "dash": "dash"})
        left = picture.is_late(moment)
        made.add_annotation(
            text=moment.name, x=moment.time_ms, y=1.0, yref="paper",
            xanchor="right" if left else "left", yanchor="top", xshift=-3 if left else 3,
            yshift=-16 * number, showarrow=False, font={"size": 11, "color": moment.tint},
        )  # fmt: skip
    ends = label_ends(picture.levels)
    for name, at in picture.levels.items():
        made.add_hline(y=at, line={"color": LEVEL, "width": 1.4, "dash": "dot"})
        made.add_annotation(
            text=f"{name} {at:g}", xref="paper", x=ends[name], xanchor="right", yanchor="bottom",
            y=log10(at) if picture.log else at, showarrow=False,
            font={"size": 11, "color": LEVEL},
        )  # fmt: skip
    _layout(made, picture)
    legend_above(made)
    return made


def _layout(made: go.Figure, picture: Picture) -> None:
    rows = max((len(one.labels) for one in picture.lying), default=0) * len(picture.lying)
    made.update_layout(
        height=HEIGHT_PX if not rows else max(HEIGHT_PX, 120 + ROW_PX * rows),
        margin={"l": 70, "r": 16, "t": 12, "b": 48}, template="none",
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        barmode="overlay" if picture.lying else "relative", bargap=0.25, hovermode="closest",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#80868F"}, showlegend=True,
        font={"family": "system-ui, sans-serif", "size": 13},
    )  # fmt: skip
    title = {"text": picture.axis, "standoff": 8}
    if picture.lying:
        ends = np.concatenate(
            [[0.0], *(one.ends()[np.isfinite(one.values)] for one in picture.lying)]
        )
        room = 0.12 * float(ends.max() - ends.min())  # for the figures behind the bars
        made.update_xaxes(
            title=title, ticksuffix=" %", zeroline=True,
            range=[float(ends.min()) - room, float(ends.max()) + room],
        )  # fmt: skip
        made.update_yaxes(automargin=True, autorange="reversed", zeroline=False)
        return
    made.update_yaxes(title=title, automargin=True, zeroline=bool(picture.bars), tickformat=",")
    pad = 0.01 * (picture.span[1] - picture.span[0])
    made.update_xaxes(
        type="date", title={"text": "time (UTC)", "standoff": 6},
        range=[picture.span[0] - pad, picture.span[1] + pad],
    )  # fmt: skip
    if picture.log:
        made.update_yaxes(type="log", tickvals=RATIO_TICKS, tickformat="")
    if picture.values is not None:
        low, high = picture.values
        made.update_yaxes(range=[log10(low), log10(high)] if picture.log else [low, high])
    if picture.bars or max((abs(v) for v in picture.values or ()), default=0) >= 1e6:
        made.update_yaxes(tickformat="~s")


def _line(line: Line) -> Any:
    return go.Scatter(
        name=line.name, x=line.time_ms, y=line.values, mode="lines",
        line={"color": line.tint, "width": line.width, "dash": line.dash,
              "shape": "hv" if line.step else "linear"},
        hovertemplate=AT + "%{y:,.6~g}<extra>" + line.name + "</extra>",
    )  # fmt: skip


def _heat(heat: Heat, picture: Picture) -> Any:
    """A map from nothing to the side's colour; the colour bars stand one above the other."""
    long = heat.name == "long"
    return go.Heatmap(
        x=heat.time_ms, y=heat.prices, z=np.where(heat.notional > 0, heat.notional, np.nan),
        name=heat.name, showscale=True, zmin=0, zmax=ceiling(heat),
        colorscale=[[0, rgba(heat.tint, 0.04)], [0.5, rgba(heat.tint, 0.5)],
                    [1, rgba(heat.tint, 0.95)]],
        colorbar={"title": {"text": heat.name, "side": "right"}, "thickness": 10, "len": 0.46,
                  "y": 0.24 if long else 0.76, "tickformat": "~s", "outlinewidth": 0},
        hovertemplate=AT + "at %{y:,.6~g}: %{z:,.3s}<extra>" + heat.name + "</extra>",
    )  # fmt: skip


def ceiling(heat: Heat) -> float:
    """Return the notional from which cells have full colour: that of the 99th percentile."""
    return float(np.quantile(heat.notional[heat.notional > 0], 0.99))


def _lying(made: go.Figure, lying: Lying, number: int, of: int) -> None:
    """Bars and diamonds of one run; places are counted, since diamonds know no groups of bars."""
    height = 0.8 / of
    at = np.arange(len(lying.labels)) + (number - (of - 1) / 2) * height
    made.add_bar(
        name=lying.name, y=at, x=lying.values, orientation="h", width=height * 0.92,
        marker_color=lying.tint, legendgroup=lying.name, customdata=lying.labels,
        hovertemplate="%{customdata}: %{x:.2f} %<extra>" + lying.name + "</extra>",
    )  # fmt: skip
    if np.isfinite(lying.marks).any():
        made.add_trace(go.Scatter(
            name=f"{lying.name} without feedback", y=at, x=lying.marks, customdata=lying.labels,
            mode="markers", legendgroup=lying.name, showlegend=False,
            marker={"symbol": "diamond", "size": 11, "color": lying.tint,
                    "line": {"width": 2, "color": "white"}},
            hovertemplate="%{customdata}: %{x:.2f} %<extra>without feedback</extra>",
        ))  # fmt: skip
    # Behind bar and diamond; the spaces keep it off both.
    made.add_trace(go.Scatter(
        y=at, x=lying.ends(), mode="text", legendgroup=lying.name, showlegend=False,
        text=["" if np.isnan(one) else f"\u00a0\u00a0{signed(one, 1)} %\u00a0\u00a0"
              for one in lying.values],
        textposition=["middle left" if one < 0 else "middle right" for one in lying.values],
        hoverinfo="skip", cliponaxis=False,
    ))  # fmt: skip
    made.update_yaxes(tickvals=np.arange(len(lying.labels)), ticktext=list(lying.labels))


def rgba(tint: str, density: float) -> str:
    """Return a colour with a density.

    >>> rgba("#2F80C9", 0.5)
    'rgba(47,128,201,0.5)'
    """
    red, green, blue = (int(tint[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{density:g})"
