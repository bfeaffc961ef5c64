"""What a command shows of its runs: table, document and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.cli.engine import note
from simulator.units.text import counted

if TYPE_CHECKING:
    from simulator.cli.least_capital import Found
    from simulator.report.result import RunResult

TABLE_WIDTH = 120
"""Columns of the table that goes into a file or a pipe."""

MOST_COLUMNS = 4
"""Most accounts and runs with a column each; of more there is the table of accounts only."""


def show(
    results: Sequence[RunResult],
    least: Mapping[str, Found] | None = None,
    *,
    as_json: bool,
    out: Path | None,
    report: bool,
    png: bool,
) -> None:
    """Print the table or the document, and write the files."""
    from simulator.cli.console import console_of
    from simulator.report.cascade_table import rich_cascade
    from simulator.report.document import as_json as written
    from simulator.report.document import document
    from simulator.report.files import write_files
    from simulator.report.result import by_account
    from simulator.report.table import Row, alert_lines, notes, rich_accounts, rich_table
    from simulator.report.timeline_text import rich_timeline
    from simulator.report.values import amount

    made = document(results)
    for item in made["runs"]:
        if least is not None:
            found = least[item["mode"]]
            item["least_capital"], item["largest_size"] = found.least_capital, found.largest_size
            item["notes"] += found.notes
    extra = []
    if least is not None:
        capital = tuple(amount(least[run.mode].least_capital) for run in results)
        extra.append(Row("Least capital", results[0].currency, capital))
        sizes = tuple(amount(least[run.mode].largest_size, 4) for run in results)
        extra.append(Row("Largest size at equal capital", "base", sizes))
    if as_json:
        print(written(made))
    else:
        console = console_of(TABLE_WIDTH)
        for told in filter(None, map(rich_timeline, by_account(results))):
            console.print(told)
            console.print()
        if (cascade := rich_cascade(results, console.width)) is not None:
            console.print(cascade)
        traders = [run for run in results if run.has_trader]
        if (accounts := rich_accounts(traders)) is not None:
            console.print(accounts)
        columns = by_account(traders)
        if columns and (accounts is None or len(columns) <= MOST_COLUMNS):
            console.print(rich_table(columns, extra))
        for line in alert_lines(results):
            console.print(line, markup=False, highlight=False)
        for said in notes(results):
            console.print(f"note: {said}", markup=False, highlight=False)
        for mode, found in (least or {}).items():
            for said in found.notes:
                console.print(f"note: {mode}: {said}", markup=False, highlight=False)
    if out is not None:
        files = write_files(results, made, out, report=report, png=png, extra=extra)
        shown = [path for path in files if path.suffix in (".html", ".png") and path.parent == out]
        for path in shown or files[:1]:
            note(f"wrote {path}")
        if alone := sum(path.parent == out / "png" for path in files):
            note(f"wrote {counted(alone, 'picture')} in {out / 'png'}")
