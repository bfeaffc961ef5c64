"""``unimargin db``: which runs a database holds, their tables as files, and its schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from simulator.cli.console import console_of
from simulator.store.database import Database
from simulator.store.schema import HEAD

app = typer.Typer(help="Databases of runs: list them, export tables, show or upgrade the schema.")

WIDTH = 80

Place = Annotated[str, typer.Argument(metavar="DB", help="A file, or a URL of PostgreSQL's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

SHOWN = ("run", "scenario", "mode", "seed", "status", "rows", "batches", "digest", "created")
IN_TABLE = ("run", "scenario", "mode", "status", "rows", "digest", "created")


@app.command("runs")
def runs(place: Place, as_json: AsJson = False) -> None:
    """List the runs; ``rows`` are those of the tape that are played and durable."""
    with Database.open(place) as database:
        found = [_described(database, row) for row in database.runs()]
    for number, line in database.lost.items():
        print(f"unimargin: {database.where}: run {number}: {line}", file=sys.stderr)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    # Fits 80 columns with a scenario of 17 letters; a longer name is what gets a second line.
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for name in IN_TABLE:
        right = name in ("run", "rows")
        table.add_column(
            name, justify="right" if right else "left", overflow="fold", no_wrap=name != "scenario"
        )
    for row in found:
        table.add_row(*_cells(row))
    console_of(WIDTH).print(table, markup=False, highlight=False)


def _cells(row: dict[str, Any]) -> list[str]:
    """Return a run as the table has it: 16 characters of its digest, its time to the minute."""
    short = row | {
        "digest": str(row["digest"] or "")[:16],
        "rows": f"{row['rows']:,}",
        "created": str(row["created"] or "").replace("T", " ")[:16],
    }
    return [escape("" if short[name] is None else str(short[name])) for name in IN_TABLE]


def _described(database: Database, row: dict[str, Any]) -> dict[str, Any]:
    """Return what is shown of a run."""
    last = database.last_batch(row["run"])
    told = {name: row[name] for name in ("run", "scenario", "mode", "seed", "status", "created")}
    told["rows"] = 0 if last is None else last["tape_rows"]
    told["batches"] = 0 if last is None else last["n"] + 1
    told["digest"] = row["digest"] if last is None else last["digest"]
    return {name: told[name] for name in SHOWN}


@app.command("export")
def export(
    place: Place,
    run: Annotated[int, typer.Argument(metavar="RUN", help="Its number; `db runs` lists them.")],
    table: Annotated[
        str,
        typer.Option(help="orders, fills, ... or a view: readable_fills; a wrong one lists all."),
    ],
    out: Annotated[Path, typer.Option(help="The file: .parquet or .csv.")],
) -> None:
    """Write a table of a run, or a view, to a file."""
    from simulator.store.export import export as write

    with Database.open(place) as database:
        rows = write(database, run, table, out)
    print(f"{out}: {rows:,} rows of {table}")


@app.command("version")
def version(place: Place, as_json: AsJson = False) -> None:
    """Print the schema of a database, and the one that this version reads and writes."""
    found = Database.revision(place)
    if as_json:
        print(json.dumps({"schema": found, "needed": HEAD}))
    else:
        print(f"schema {found or 'none'}, this version reads and writes {HEAD}")


@app.command("upgrade")
def upgrade(place: Place) -> None:
    """Bring the schema of a database up to date; its runs stay as they are."""
    before = Database.revision(place)
    Database.open(place, upgrade=True).close()
    if before == HEAD:
        print(f"schema {HEAD}: nothing to do")
    else:
        print(f"schema {before} is now {HEAD}")
