"""The table side by side: one row a figure, one column a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from simulator.report.result import RunResult, by_account
from simulator.report.values import amount, count, rate, signed, utc


@dataclass(frozen=True, slots=True)
class Row:
    """A figure in every run; ``differs`` says whether the runs disagree on it."""

    label: str
    unit: str
    cells: tuple[str, ...]
    compared: bool = True

    @property
    def differs(self) -> bool:
        """Whether the runs disagree; never for figures of the machine, such as speed."""
        return self.compared and len(set(self.cells)) > 1


def rows(results: Sequence[RunResult]) -> list[Row]:
    """Return the rows of the table, in reading order."""
    currency = results[0].currency
    made: list[Row] = []

    def add(label: str, unit: str, cell: Callable[[RunResult], str], compared: bool = True) -> None:
        made.append(Row(label, unit, tuple(cell(item) for item in results), compared))

    add("Start equity", currency, lambda run: amount(run.summary.start_equity))
    if any(run.summary.paid_in for run in results):
        add("Paid in, less taken out", currency, lambda run: signed(run.summary.paid_in))
    add("End equity", currency, lambda run: amount(run.summary.end_equity))
    for source in sources(results):
        add(f"PnL: {source}", currency, lambda run, s=source: signed(run.summary.pnl.get(s, 0.0)))  # type: ignore[misc]
    add("PnL: total", currency, lambda run: signed(sum(run.summary.pnl.values())))
    add("Used margin at end", currency, lambda run: amount(run.summary.used_margin))
    add("Available margin at end", currency, lambda run: amount(run.summary.available))
    add("Peak initial margin", currency, lambda run: amount(run.summary.peak_initial_margin))
    add(
        "Peak maintenance margin",
        currency,
        lambda run: amount(run.summary.peak_maintenance_margin),
    )
    add(worst_label(results), "", lambda run: amount(run.summary.worst_ratio, 3))
    add("Orders", "", lambda run: count(run.summary.orders))
    add("Fills", "", lambda run: count(run.summary.fills))
    add("Rejections", "", lambda run: count(sum(run.summary.rejections.values())))
    for reason in reasons(results):
        add(f"  {reason}", "", lambda run, r=reason: count(run.summary.rejections.get(r, 0)))  # type: ignore[misc]
    add("Transfers", "", lambda run: count(run.summary.transfers))
    add("Liquidations", "", lambda run: count(run.summary.liquidations))
    add("Events", "tape rows", lambda run: count(run.events))
    add("Speed", "events/s", lambda run: amount(rate(run.events, run.wall_seconds), 0), False)
    add("Digest", "", lambda run: run.digest[:16], False)
    return made


def worst_label(results: Sequence[RunResult]) -> str:
    """Return what the worst ratio is called; runs that name it differently mean the same."""
    names = {run.summary.ratio_name for run in results}
    return f"Worst {names.pop() if len(names) == 1 else 'equity / maintenance'}"


def sources(results: Sequence[RunResult]) -> list[str]:
    """Return the sources of profit and loss of all runs, in the order they are first named."""
    return list(dict.fromkeys(source for run in results for source in run.summary.pnl))


def reasons(results: Sequence[RunResult]) -> list[str]:
    """Return the reasons of rejection of all runs, sorted."""
    return sorted({reason for run in results for reason in run.summary.rejections})


HEADING = 16
"""Characters of a line of a column's heading: as many as its digest has."""

ACCOUNTS = ("account", "mode", "strategies", "start", "end", "PnL", "worst ratio", "fills", "liq.")
"""Columns of the table of accounts."""


def account_rows(results: Sequence[RunResult]) -> list[tuple[str, ...]]:
    """Return a line for each account that trades beside others; columns as ``ACCOUNTS``."""
    several = [run for run in results if run.accounts]
    return [
        (
            one.called,
            one.mode,
            ", ".join(one.strategies),
            amount(one.summary.start_equity),
            amount(one.summary.end_equity),
            signed(sum(one.summary.pnl.values())),
            amount(one.summary.worst_ratio, 3),
            count(one.summary.fills),
            count(one.summary.liquidations),
        )
        for one in by_account(several)
    ]


def rich_accounts(results: Sequence[RunResult]) -> Table | None:
    """Return the table of accounts for a terminal, None where one alone trades."""
    lines = account_rows(results)
    if not lines:
        return None
    title = f"Accounts, amounts in {results[0].currency}"
    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(ACCOUNTS):
        table.add_column(name, justify="left" if place < 3 else "right", no_wrap=place != 2)
    for line in lines:
        table.add_row(*map(Text, line))
    return table


def rich_table(results: Sequence[RunResult], extra: Sequence[Row] = ()) -> Table:
    """Return the table for a terminal; rows in which the runs disagree are bold and marked."""
    first = results[0]
    traded = dict.fromkeys(name for run in results for name in run.strategies)
    title = f"{first.scenario} · rulebook {first.rulebook} · {', '.join(traded)}"
    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("unit", style="dim", no_wrap=True)
    for run in results:
        # A long heading is folded, so that four columns stand in one table without a figure cut.
        table.add_column("\n".join(wrap(run.label, HEADING)), justify="right", no_wrap=True)
    if len(results) > 1:
        table.add_column("", no_wrap=True)
    for row in [*rows(results), *extra]:
        style = "bold" if row.differs else ""
        cells = [Text(cell, style=style) for cell in row.cells]
        mark = [Text("≠" if row.differs else "", style="yellow")] if len(results) > 1 else []
        table.add_row(Text(row.label, style=style), row.unit, *cells, *mark)
    return table


def notes(results: Sequence[RunResult]) -> list[str]:
    """Return the notes of all runs, each once, with the mode where only some runs have it."""
    found: dict[str, list[str]] = {}
    for run in results:
        for note in run.notes:
            found.setdefault(note, []).append(run.label)
    return [
        note if len(modes) == len(results) else f"{', '.join(modes)}: {note}"
        for note, modes in found.items()
    ]


def alert_lines(results: Sequence[RunResult]) -> list[str]:
    """Return a line an alert, in the order they were said."""
    return [
        f"alert: {utc(row['time_ns'])} {run.label} {row['pool']}: {row['condition']}"
        f" (ratio {amount(row['ratio'], 3)}, {row['level']}, asked by {row['asked_by']})"
        for run in by_account(results)
        for row in run.alerts.iter_rows(named=True)
    ]
