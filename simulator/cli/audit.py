"""``unimargin audit``: every step of an account between the modes, and whether its sums agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simulator.cli.console import console_of
from simulator.errors import InputError
from simulator.report.audit import Audited, audit
from simulator.report.result import ACCOUNT_EVENTS
from simulator.report.saved import saved_frame, saved_run
from simulator.report.timeline import words
from simulator.report.values import utc

WIDTH = 100
"""Columns in a file or a pipe."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(name="audit")
def audit_run(
    run: Annotated[Path, typer.Argument(help="Folder that `unimargin run ... --out` wrote.")],
    account: int = typer.Option(None, min=1, help="Only this account."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Print every step between the modes: time, actor, conditions, balances before and after.

    Exit code 1 if a step made or lost an asset, or does not follow from the one before it.
    """
    parts = {
        (mode, number): audit(events.filter(pl.col("account") == number))
        for mode, events in _events(run)
        for number in _accounts(events, account)
    }
    if as_json:
        made = [_document(mode, number, steps) for (mode, number), steps in parts.items()]
        print(json.dumps({"run": str(run), "accounts": made}, indent=2, ensure_ascii=False))
    else:
        console = console_of(WIDTH)
        for (mode, number), steps in parts.items():
            _show(console, mode, number, steps)
    if any(step.faults for steps in parts.values() for step in steps):
        raise typer.Exit(1)


def _accounts(events: pl.DataFrame, account: int | None) -> list[int]:
    """Return the accounts to audit: those of the events, the first one where there are none."""
    known = sorted(events["account"].unique().to_list()) or [1]
    if account is not None and account not in known:
        listed = ", ".join(map(str, known))
        raise InputError(f"--account {account}: the run has no such account; it has {listed}")
    return known if account is None else [account]


def _events(folder: Path) -> list[tuple[str, pl.DataFrame]]:
    """Return the steps of each mode that a run was made in."""
    found = []
    for mode in saved_run(folder).parts:
        found.append((mode, saved_frame(folder / mode, "account_events", ACCOUNT_EVENTS)))
    return found


def _show(console: Console, mode: str, account: int, steps: list[Audited]) -> None:
    """Print the steps, and at the end whether everything agrees or the first that does not."""
    console.print(Text(f"account {account}, {mode} at the start", style="bold"))
    for step in steps:
        console.print()
        _step(console, step)
    console.print()
    wrong = next((step for step in steps if step.faults), None)
    if not steps:
        console.print(Text("no step between the modes was asked for"))
    elif wrong is None:
        agree = f"{len(steps)} steps: the sums of every asset agree before and after each"
        console.print(Text(agree, style="bold green"))
    else:
        first = f"step {wrong.number} is the first that does not agree: {wrong.faults[0]}"
        console.print(Text(first, style="bold red"), soft_wrap=True)


def _step(console: Console, step: Audited) -> None:
    row = step.row
    head = Text(f"{step.number}. {_utc(row['time_ns'])}  {row['actor']}  ", style="bold")
    refused = row["refusal"]
    outcome = f"refused, {refused}" if refused else f"{row['before']} → {row['after']}"
    head.append(f"{row['step']}  ").append(outcome, style="red" if refused else "green")
    console.print(head)
    for one in step.conditions:
        mark = Text("   ✓ " if one["met"] else "   ✗ ", style="green" if one["met"] else "red")
        console.print(mark.append(words(one)))
    if row["note"]:
        console.print(Text(f"   {row['note']}"))
    if row["suspended_until_ns"]:
        console.print(Text(f"   nothing can be traded until {_utc(row['suspended_until_ns'])}"))
    table = Table(box=SIMPLE_HEAD, pad_edge=True)
    for name in ("wallet", "asset", ""):
        table.add_column(name, no_wrap=True)
    for name in ("before", "after"):
        table.add_column(name, justify="right", no_wrap=True)
    for wallet, asset, part, before, after in step.amounts():
        table.add_row(wallet, asset, part, f"{before:,f}", f"{after:,f}")
    table.add_section()
    for asset, parts in step.sums.items():
        for part, (before, after) in parts.items():
            if before or after:
                style = "bold" if before == after else "bold red"
                sums = (f"{before:,f}", f"{after:,f}")
                table.add_row(*(Text(cell, style=style) for cell in ("sum", asset, part, *sums)))
    console.print(table)
    for fault in step.faults:
        console.print(Text(f"   does not agree: {fault}", style="bold red"))


def _utc(time_ns: int) -> str:
    return utc(time_ns).replace(" UTC", f".{time_ns % 10**9 // 1000:06d} UTC")


def _document(mode: str, account: int, steps: list[Audited]) -> dict[str, Any]:
    return {
        "mode": mode,
        "account": account,
        "agree": not any(step.faults for step in steps),
        "events": [_event(step) for step in steps],
    }


def _event(step: Audited) -> dict[str, Any]:
    """Return a step; amounts as text, so that none is rounded."""
    row = dict(step.row)
    for name in ("conditions", "balances_before", "balances_after"):
        row[name] = json.loads(row[name])
    sums = {
        asset: {
            part: {"before": f"{before:f}", "after": f"{after:f}"}
            for part, (before, after) in parts.items()
        }
        for asset, parts in step.sums.items()
    }
    return {**row, "sums": sums, "agree": not step.faults, "faults": list(step.faults)}
