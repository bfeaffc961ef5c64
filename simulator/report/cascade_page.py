"""A cascade as sections of the HTML report: sentences, table, minutes, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from simulator.report.cascade_figures import Figures
from simulator.report.cascade_panels import pictures
from simulator.report.cascade_picture import Picture
from simulator.report.cascade_static import grid
from simulator.report.cascade_table import Told, cascade_rows, told
from simulator.report.cascade_words import sentences
from simulator.report.result import RunResult, as_name
from simulator.report.values import amount, compact, count, utc

MINUTE_COLUMNS = ("long", "short", "order", "takeover", "deleverage", "spot")


def cascade_sections(results: Sequence[RunResult]) -> str:
    """Return the sections of all runs with a population; empty without any."""
    runs = told(results)
    if not runs:
        return ""
    rows = [
        _section(row[0])
        if len(row) == 1
        else f"<div class=pair>{''.join(map(_section, row))}</div>"
        for row in grid(pictures(results))
    ]
    return "\n".join([_told(runs), *rows, _table(runs), *(_minutes(*one) for one in runs)])


def _told(runs: Sequence[Told]) -> str:
    parts = [
        f"<h3>{escape(run.label)}</h3><ul>"
        + "".join(f"<li>{escape(line)}</li>" for line in sentences(one, run.currency))
        + "</ul>"
        for run, one in runs
    ]
    return f"<section class=told><h2>What the liquidations did</h2>{''.join(parts)}</section>"


def _table(runs: Sequence[Told]) -> str:
    head = "".join(f"<th>{escape(run.label)}</th>" for run, _ in runs)
    body = "".join(
        f"<tr{' class=first' * (row.label[0] != ' ')}><td>{escape(row.label)}</td>"
        f'<td class="unit">{escape(row.unit)}</td>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row.cells)
        + "</tr>"
        for row in cascade_rows(runs)
    )
    return (
        f"<section><h2>The population</h2><table><thead><tr><th></th><th></th>{head}</tr></thead>"
        f'<tbody>{body}</tbody></table><p class="note">'
        "Without feedback: the same run, every forced order against the undisturbed book.</p>"
        "</section>"
    )


def _section(picture: Picture) -> str:
    title = f"<h2>{escape(picture.title)}</h2>"
    if picture.empty:
        return f'<section>{title}<p class="none">{escape(picture.none)}</p></section>'
    from simulator.report.cascade_plots import cascade_figure

    note = f'<p class="note">{escape(picture.note)}</p>' if picture.note else ""
    place = as_name(picture.key)
    data = cascade_figure(picture).to_json().replace("</", "<\\/")
    return (
        f'<section>{title}<div class="plot" id="{place}"></div>{note}'
        f'<script type="application/json" data-place="{place}">{data}</script></section>'
    )


def _minutes(run: RunResult, one: Figures) -> str:
    """Every minute in which anything was closed, folded away."""
    active = one.minutes.filter((one.minutes["notional"] + one.minutes["spot"]) > 0)
    title = f"{run.label}: every minute with liquidations ({active.height})"
    if not active.height:
        return ""
    names = ("accounts", "bankrupt", "notional", *MINUTE_COLUMNS)
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(
        f"<tr><td>{escape(utc(row['minute_ns']))}</td><td>{count(row['accounts'])}</td>"
        f"<td>{count(row['bankrupt'])}</td>"
        + "".join(f"<td>{amount(row[name], 0)}</td>" for name in names[2:])
        + "</tr>"
        for row in active.iter_rows(named=True)
    )
    return (
        f"<section><details><summary>{escape(title)}, {compact(one.closed)} "
        f"{escape(run.currency)}</summary><table><thead><tr><th>minute</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></details></section>"
    )
