"""The timeline for a terminal."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from simulator.report.result import RunResult
from simulator.report.timeline import Line, lines, since, words
from simulator.report.values import utc


def rich_timeline(run: RunResult) -> Group | None:
    """Return the timeline of a run, None where there is none to tell.

    Every condition that is not met is listed; of those that are only how many.
    """
    told = lines(run)
    if not told:
        return None
    title = f"{run.scenario} · {run.mode} at the start · times since {utc(run.start_ns)}"
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("time", style="dim", no_wrap=True)
    table.add_column("who", no_wrap=True)
    table.add_column("what", overflow="fold")
    for line in told:
        who = "" if line.kind == "remark" else line.actor
        table.add_row(since(line.time_ns, run.start_ns), Text(who), _text(line))
    return Group(Text(title, style="table.title"), table)


def _text(line: Line) -> Text | Group:
    if line.kind == "remark":
        return Text(f"“{line.what}”", style="italic cyan")
    made = Text(line.what)
    if line.result:
        style = "bold red" if line.refused else "bold green" if line.kind == "step" else ""
        made.append(" → ", style="dim").append(line.result, style=style)
    below = Table.grid(padding=(0, 1))
    below.add_column(no_wrap=True)
    below.add_column(overflow="fold")
    for one in line.unmet:
        below.add_row(Text(" ✗", style="bold red"), Text(words(one)))
    met = len(line.conditions) - len(line.unmet)
    if met:
        also = "other " if line.unmet else ""
        said = f"{also}condition{'s' if met > 1 else ''} met"
        below.add_row(Text(" ✓", style="dim"), Text(f"{met} {said}", style="dim"))
    for sentence in line.details:
        below.add_row("", Text(sentence, style="dim"))
    return Group(made, below) if below.row_count else made
