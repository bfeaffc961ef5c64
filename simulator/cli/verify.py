"""``unimargin verify``: check a stored run, its sums, and its rows by playing it again."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from simulator.cli.engine import note

if TYPE_CHECKING:
    from simulator.rulebook.schema import Rulebook
    from simulator.store.verify import Verification
    from simulator.strategy.base import Strategy

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def verify(
    db: str = typer.Argument(help="The database: FILE.db or postgresql://..."),
    run: int = typer.Argument(help="Number of the run; `unimargin db runs DB` lists them."),
    strict: bool = typer.Option(
        False, "--strict", help="Check all invariants of the venue after every event; slow."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Check a stored run; exit code 1 and the first difference where something was changed."""
    from simulator.store.database import Database
    from simulator.store.difference import Difference
    from simulator.store.verify import Violation
    from simulator.store.verify import verify as check

    try:
        with Database.open(db) as database:
            which = f"{database.where}: run {run}"
            found = check(database, run, lambda *made: stands_in(which, *made), strict=strict)
    except (Difference, Violation) as error:
        note(f"unimargin: {which}: {error}")
        if as_json:
            print(json.dumps({"run": run, "verified": False, **_told(error)}, indent=2))
        raise typer.Exit(1) from error
    if as_json:
        print(json.dumps({"verified": True, **asdict(found)}, indent=2))
    else:
        _show(found)


def stands_in(
    which: str, settings: dict[str, Any], rulebook: Rulebook, kinds: list[type[Strategy]]
) -> Any:
    """Return the simulation of a stored run with stand-ins for its strategies."""
    from simulator.cli.stored import engine_again, made_by_command

    return engine_again(made_by_command(settings, which), rulebook, kinds, stand_ins=True)


def _told(error: Exception) -> dict[str, Any]:
    names = ("table", "row", "field", "has", "should")
    fields = {name: getattr(error, name) for name in names if hasattr(error, name)}
    plain = {n: v if isinstance(v, str | int | None) else str(v) for n, v in fields.items()}
    return {"message": str(error), **plain}


def _show(found: Verification) -> None:
    from rich.table import Table

    from simulator.cli.console import console_of

    console = console_of(120)
    table = Table(title=f"run {found.run}", title_justify="left", box=None)
    table.add_column("table")
    table.add_column("rows", justify="right")
    for name, rows in found.rows.items():
        if rows:
            table.add_row(name, f"{rows:,}")
    console.print(table)
    for line in (*found.checks, *found.notes):
        console.print(line, markup=False, highlight=False)
    end = "done" if found.done else "not done; checked as far as it is durable"
    console.print(
        f"{found.batches:,} batches, {found.tape_rows:,} rows of the tape ({end}); played again "
        f"every row is the same: digest {found.digest[:16]}",
        markup=False,
        highlight=False,
    )
