"""Progress on stderr: of a run (share done, events per second, market time), of an import."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from simulator.report.values import utc

Report = Callable[[int, int], None]
ImportReport = Callable[[str, int, int], None]


@contextmanager
def progress_bar(label: str, rows: int) -> Iterator[Report | None]:
    """Give a function of (events so far, market time ns); ``None`` off a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[speed]} events/s"), TextColumn("{task.fields[market]}"),
        TimeElapsedColumn(), console=Console(stderr=True), transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task(label, total=rows or None, speed="–", market="")

        def report(events: int, time_ns: int) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            speed = f"{events / elapsed:,.0f}" if elapsed > 0 else "–"
            bar.update(task, completed=events, speed=speed, market=utc(time_ns))

        yield report


@contextmanager
def import_bar() -> Iterator[ImportReport]:
    """Give a function of (stage, done, total) that shows an import; nothing off a terminal."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(), console=Console(stderr=True), transient=True,
        disable=not sys.stderr.isatty(),
    )  # fmt: skip
    stages: dict[str, TaskID] = {}

    def report(stage: str, done: int, total: int) -> None:
        if not stages:
            bar.start()  # only now: most runs import nothing
        if stage not in stages:
            stages[stage] = bar.add_task(stage)
        bar.update(stages[stage], completed=done, total=total or None)

    try:
        yield report
    finally:
        bar.stop()
