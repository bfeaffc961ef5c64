"""``unimargin db``: which runs a database holds, and bringing an older one up to date."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from simulator.cli.console import console_of
from simulator.store.database import Database
from simulator.store.schema import HEAD

app = typer.Typer(help="Databases of runs: list the runs, show or upgrade the schema.")

WIDTH = 140

Place = Annotated[str, typer.Argument(metavar="DB", help="A file, or a URL of PostgreSQL's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

SHOWN = ("run", "scenario", "mode", "seed", "status", "rows", "batches", "digest", "created")


@app.command("runs")
def runs(place: Place, as_json: AsJson = False) -> None:
    """List the runs; ``rows`` are those of the tape that are played and durable."""
    database = Database.open(place)
    found = [_described(database, row) for row in database.runs()]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table()
    for name in SHOWN:
        table.add_column(name, justify="right" if name in ("run", "rows", "batches") else "left")
    for row in found:
        short = row | {"digest": (row["digest"] or "")[:16]}
        table.add_row(*("" if short[name] is None else str(short[name]) for name in SHOWN))
    console_of(WIDTH).print(table)


def _described(database: Database, row: dict[str, Any]) -> dict[str, Any]:
    """Return what is shown of a run."""
    last = database.last_batch(row["run"])
    told = {name: row[name] for name in ("run", "scenario", "mode", "seed", "status", "created")}
    told["rows"] = 0 if last is None else last["tape_rows"]
    told["batches"] = 0 if last is None else last["n"] + 1
    told["digest"] = row["digest"] if last is None else last["digest"]
    return {name: told[name] for name in SHOWN}


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
    Database.open(place, upgrade=True)
    if before == HEAD:
        print(f"schema {HEAD}: nothing to do")
    else:
        print(f"schema {before} is now {HEAD}")
