"""A cascade told as a table: one row a figure, one column a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from simulator.report.cascade_figures import Figures, GroupFigures, figures, share
from simulator.report.cascade_moves import Fall, Rise
from simulator.report.cascade_words import clock, percent, sentences
from simulator.report.result import RunResult
from simulator.report.table import Row
from simulator.report.values import MISSING, amount, compact, count, rate

BARS = "▁▂▃▄▅▆▇█"
COLUMNS_MAX = 60
"""Columns of the row of bars that shows what was liquidated minute by minute."""

PEAKS = 3
"""Minutes with the most, of each run, that the table by minute lists."""

FALLS_MAX, RISES_MAX = 4, 2
LABEL_WIDTH, CELL_WIDTH = 44, 12
"""Columns of a terminal that a row's label with its unit, and each of its cells, take at least."""

ALWAYS = ("Accounts liquidated", "Notional liquidated")
"""Rows that stand also where nobody was liquidated."""

Told = tuple[RunResult, Figures]


def told(results: Sequence[RunResult]) -> list[Told]:
    """Return the runs that had a population, each with its figures."""
    found = [(run, figures(run)) for run in results]
    return [(run, one) for run, one in found if one is not None]


def cascade_rows(runs: Sequence[Told]) -> list[Row]:
    """Return the rows of the table, in reading order."""
    currency = runs[0][0].currency
    made: list[Row] = []

    def add(label: str, unit: str, cell: Callable[[Figures], str]) -> None:
        made.append(Row(label, unit, tuple(cell(one) for _, one in runs)))

    def quiet(label: str, unit: str, cell: Callable[[Figures], str]) -> None:
        if any(one.quiet is not None for _, one in runs):
            add(label, unit, lambda one: MISSING if one.quiet is None else cell(one.quiet))

    add("Accounts", "", lambda one: count(one.accounts))
    add("Accounts liquidated", "", lambda one: count(one.liquidated))
    add("  of all accounts", "%", lambda one: percent(share(one.liquidated, one.accounts), 2))
    quiet("  without feedback", "", lambda one: count(one.liquidated))
    add("Bankrupt accounts", "", lambda one: count(one.bankruptcies))
    quiet("  without feedback", "", lambda one: count(one.bankruptcies))
    add("  with a loss for others", "", lambda one: count(one.beyond))
    add("Notional liquidated", currency, lambda one: compact(one.closed))
    quiet("  without feedback", currency, lambda one: compact(one.closed))
    add("  of open positions", "%", lambda one: percent(share(one.closed, one.open_interest), 2))
    add("  long positions", currency, lambda one: compact(one.closed_long))
    add("  short positions", currency, lambda one: compact(one.closed_short))
    add("  by orders on the book", currency, lambda one: compact(one.on_book))
    add("  taken over by the fund", currency, lambda one: compact(one.taken_over))
    add("  auto-deleveraged (ADL)", currency, lambda one: compact(one.deleveraged))
    add("Peak minute", "UTC", lambda one: clock(one.peak["minute_ns"]) if one.peak else MISSING)
    add("  liquidated in it", currency,
        lambda one: compact(one.peak["notional"]) if one.peak else MISSING)  # fmt: skip
    add("Accounts auto-deleveraged", "", lambda one: count(one.deleveraged_accounts))
    add("  first after", "s", lambda one: _seconds(one.first_deleveraging_ns))
    add("Spot sold for debts", currency, lambda one: compact(one.spot_sold))
    if any(one.spot_bought for _, one in runs):
        add("Spot bought for debts", currency, lambda one: compact(one.spot_bought))
    made += _fall_rows([one for _, one in runs])
    made += _rise_rows([one for _, one in runs])
    add("Insurance fund drawdown", currency, lambda one: compact(one.fund_drawdown))
    quiet("  without feedback", currency, lambda one: compact(one.fund_drawdown))
    add("Clearance fees paid", currency, lambda one: compact(one.fees))
    add("Wealth of all at start", currency, lambda one: compact(one.wealth_start))
    add("Lost of it", "%", lambda one: percent(one.lost, 2))
    quiet("  without feedback", "%", lambda one: percent(one.lost, 2))
    made += type_rows([one for _, one in runs])
    if any(one.liquidated for _, one in runs):
        return made
    nothing = {"0", "0.00", MISSING}
    return [row for row in made if row.label in ALWAYS or not nothing.issuperset(row.cells)]


def _seconds(time_ns: int | None) -> str:
    return MISSING if time_ns is None else amount(time_ns / 1e9, 1)


def _fall_rows(found: Sequence[Figures]) -> list[Row]:
    """Rows of the instruments that any run speaks of first, in that order."""
    made = []
    ranked = sorted(
        ((place, one.instrument) for item in found for place, one in enumerate(item.falls)),
    )
    for name in list(dict.fromkeys(name for _, name in ranked))[:FALLS_MAX]:
        chosen = [next((f for f in one.falls if f.instrument == name), None) for one in found]

        def cells(
            write: Callable[[Fall], str], own: Iterable[Fall | None] = chosen
        ) -> tuple[str, ...]:
            return tuple(MISSING if one is None else write(one) for one in own)

        made.append(Row(f"Fall of {name}", "%", cells(lambda one: percent(max(one.fall, 0.0), 2))))
        if any(one is not None and one.quiet_fall is not None for one in chosen):
            made += [
                Row("  without feedback", "%", cells(lambda one: percent(one.quiet_fall, 2))),
                Row("  amplification", "times", cells(lambda one: amount(one.amplification))),
            ]
    return made


def _rise_rows(found: Sequence[Figures]) -> list[Row]:
    """Rows of the instruments that rose and of which short positions were closed in any run."""
    ranked = sorted(
        ((place, one.instrument) for item in found for place, one in enumerate(item.rises)),
    )
    made = []
    for name in list(dict.fromkeys(name for _, name in ranked))[:RISES_MAX]:
        chosen = [next((r for r in one.rises if r.instrument == name), None) for one in found]

        def cells(
            write: Callable[[Rise], str], own: Iterable[Rise | None] = chosen
        ) -> tuple[str, ...]:
            return tuple(MISSING if one is None else write(one) for one in own)

        made.append(Row(f"Rise of {name}", "%", cells(lambda one: percent(one.rise, 2))))
        if any(one is not None and one.quiet_rise is not None for one in chosen):
            made += [
                Row("  without feedback", "%", cells(lambda one: percent(one.quiet_rise, 2))),
                Row("  amplification", "times", cells(lambda one: amount(one.amplification))),
            ]
    return made


def type_rows(found: Sequence[Figures]) -> list[Row]:
    """Return what each type of account lost, and how many of it were liquidated."""
    parts = [_by_type(one) for one in found]
    made = []
    for name in dict.fromkeys(name for part in parts for name in part):
        chosen = [part.get(name) for part in parts]
        lost = tuple(MISSING if one is None else percent(one.lost, 2) for one in chosen)
        made.append(Row(f"Lost: {name}", "%", lost))
        sizes = {one.accounts for one in chosen if one is not None}
        unit = f"of {count(sizes.pop())}" if len(sizes) == 1 else ""
        hit = tuple(MISSING if one is None else count(one.liquidated) for one in chosen)
        made.append(Row("  liquidated", unit, hit))
        if any(one is not None and one.deleveraged for one in chosen):
            # Of a hedged account it is the hedge that was closed: its other leg stands open.
            cut = tuple(MISSING if one is None else count(one.deleveraged) for one in chosen)
            made.append(Row("  auto-deleveraged", unit, cut))
    return made


def _by_type(one: Figures) -> dict[str, GroupFigures]:
    """Figures by type, and by mode where a run has both modes of a type."""
    names = [item.group for item in one.groups]
    return {
        f"{item.group}, {item.mode}" if names.count(item.group) > 1 else item.group: item
        for item in one.groups
    }


def rich_cascade(results: Sequence[RunResult], width: int) -> Group | None:
    """Return sentences, table and minutes for a terminal; None without a population.

    Where the terminal is too narrow for all runs the table is told in parts.
    """
    runs = told(results)
    if not runs:
        return None
    first = runs[0][0]
    title = f"{first.scenario} · rulebook {first.rulebook} · what the liquidations did"
    made: list[Text | Table] = [Text(title, style="table.title")]
    for run, one in runs:
        made.append(Text(run.label, style="bold"))
        made.append(_listed(sentences(one, run.currency)))
    parts = -(-len(runs) * CELL_WIDTH // max(CELL_WIDTH, width - LABEL_WIDTH))
    at_once = -(-len(runs) // parts)
    shown = [*cascade_rows(runs), *_machine(runs)]
    for start in range(0, len(runs), at_once):
        made.append(_table(runs[start : start + at_once], shown, start))
    made += [Text(line) for line in minute_lines(runs, width)]
    return Group(*made)


def _listed(lines: Sequence[str]) -> Table:
    made = Table.grid(padding=(0, 1))
    for line in lines:
        made.add_row(" ·", Text(line))
    return made


def _machine(runs: Sequence[Told]) -> list[Row]:
    """Figures of the machine, and the digest, which differ by nature."""
    speed = tuple(amount(rate(run.events, run.wall_seconds), 0) for run, _ in runs)
    return [
        Row("Speed", "events/s", speed, compared=False),
        Row("Digest", "", tuple(run.digest[:10] for run, _ in runs), compared=False),
    ]


def _table(part: Sequence[Told], rows: Sequence[Row], start: int) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("unit", style="dim", no_wrap=True)
    for run, _ in part:
        table.add_column(Text(run.label), justify="right", overflow="fold")
    for row in rows:
        cells = row.cells[start : start + len(part)]
        style = "" if row.label.startswith("  ") else "bold"
        table.add_row(Text(row.label, style=style), row.unit, *(Text(one) for one in cells))
    return table


def minute_lines(runs: Sequence[Told], width: int) -> list[str]:
    """Return what was liquidated by minute: a row of bars a run, and its greatest minutes."""
    acted = [one.minutes.filter(one.minutes["notional"] > 0)["minute_ns"] for _, one in runs]
    times = [time for part in acted for time in part.to_list()]
    if not times:
        return ["No minute had a liquidation that closed a position."]
    first, last = min(times), max(times)
    parts = [
        one.minutes.filter(one.minutes["minute_ns"].is_between(first, last))["notional"].to_numpy()
        for _, one in runs
    ]
    longest = max(len(run.label) for run, _ in runs)
    room = max(10, min(COLUMNS_MAX, width - longest - 2))
    step = -(-max(map(len, parts)) // room)
    sums = [np.add.reduceat(part, np.arange(0, len(part), step)) for part in parts]
    most = max(float(part.max()) for part in sums)
    column = "a minute" if step == 1 else f"{step} minutes"
    made = [
        f"Notional liquidated, {clock(first)} to {clock(last)} UTC: a column is {column}, "
        f"█ is {compact(most)} {runs[0][0].currency}"
    ]
    for (run, _), part in zip(runs, sums, strict=True):
        made.append(f"{run.label:<{longest}}  {spark(part, most)}")
    return [*made, "", *peak_lines(runs, longest)]


def spark(values: np.ndarray, most: float) -> str:
    """Return values as a row of bars, blank for 0.

    >>> spark(np.array([0.0, 1.0, 4.0, 8.0]), 8.0)
    ' ▁▄█'
    """
    steps = np.ceil(values / most * len(BARS)).astype(int)
    return "".join(BARS[step - 1] if step else " " for step in np.clip(steps, 0, len(BARS)))


def peak_lines(runs: Sequence[Told], longest: int) -> list[str]:
    """Return the minutes with the most of each run, in the order of time."""
    made = ["Greatest minutes"]
    for run, one in runs:
        top = one.minutes.filter(one.minutes["notional"] > 0).top_k(PEAKS, by="notional")
        said = ", ".join(
            f"{clock(row['minute_ns'])} {compact(row['notional'])} ({count(row['accounts'])})"
            for row in top.sort("minute_ns").iter_rows(named=True)
        )
        made.append(f"{run.label:<{longest}}  {said or 'none'}")
    return [*made, "(in brackets: accounts liquidated in the minute)"]
