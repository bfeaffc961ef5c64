"""``unimargin data``: market data from files to tapes, and what a tape holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from simulator.cli.console import console_of
from simulator.cli.fetch import fetch
from simulator.errors import InputError
from simulator.market.manifest import Finding, Manifest, read_manifest
from simulator.market.read import TapeReader
from simulator.market.tape import DERIVED, LAST, Kind
from simulator.replay.batch import RecordingError
from simulator.replay.generic import parse_columns
from simulator.replay.importer import import_paths
from simulator.replay.lines import DEFAULT_LIMITS, Limits
from simulator.replay.runs import Progress as Report
from simulator.replay.steps import IN_LOTS, IN_TICKS
from simulator.replay.verify import require_tape, verify

app = typer.Typer(help="Market data: import, fetch, inspect and verify.")
app.command("fetch")(fetch)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Tape = Annotated[Path, typer.Argument(help="A tape, NAME.parquet.")]


WIDTH = 200
"""Columns of tables that go into a file or a pipe."""


class OnGap(StrEnum):
    """What to do where a recording breaks."""

    stop = "stop"
    resync = "resync"


@contextmanager
def progress_bar() -> Iterator[Report]:
    """Show a bar on stderr; yields the function that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


@app.command("import")
def import_(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders of market data.")],
    out: Annotated[Path, typer.Option(help="The tape to write, NAME.parquet.")],
    on_gap: Annotated[
        OnGap, typer.Option(help="At a gap or crossed book: refuse, or wait for a snapshot.")
    ] = OnGap.stop,
    instrument: Annotated[
        str | None, typer.Option(help="Only this one, or whose files they are: market:symbol.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns of a table of your own: time=ts,price=px,...")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="What a table holds, such as trades.")] = None,
    market: Annotated[str | None, typer.Option(help="spot, um, cm or option.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Such as BTCUSDT.")] = None,
    time_unit: Annotated[str | None, typer.Option(help="s, ms, us or ns.")] = None,
    fill_quantity: Annotated[
        str, typer.Option(help="Orders: a fill tells what was filled, or what is remaining.")
    ] = "filled",
    base: Annotated[str | None, typer.Option(help="Base asset, if no symbol tells it.")] = None,
    quote: Annotated[str | None, typer.Option(help="Quote asset, if no symbol tells it.")] = None,
    max_bytes: Annotated[
        int, typer.Option(help="Refuse a file with more text than this.")
    ] = DEFAULT_LIMITS.max_bytes,
    max_ratio: Annotated[
        int, typer.Option(help="Refuse a file that unpacks to more than so many times its size.")
    ] = DEFAULT_LIMITS.max_ratio,
    as_json: Json = False,
) -> None:
    """Read recordings and archive files, told by content, into one tape."""
    try:
        with progress_bar() as report:
            manifest = import_paths(
                paths,
                out,
                on_gap=on_gap.value,
                instrument=instrument,
                columns=parse_columns(columns) if columns else None,
                kind=kind,
                market=market,
                symbol=symbol,
                time_unit=time_unit,
                fill_quantity=fill_quantity,
                pair=_pair(base, quote),
                limits=Limits(max_bytes, max_ratio),
                progress=report,
            )
    except RecordingError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    _print_manifest(out, manifest, as_json)


def _pair(base: str | None, quote: str | None) -> tuple[str, str] | None:
    if base and quote:
        return base, quote
    if base or quote:
        raise InputError("--base and --quote: give both, such as --base BTC --quote USD")
    return None


@app.command()
def info(tape: Tape, as_json: Json = False) -> None:
    """Print what a tape holds, where it came from and what was found on the way."""
    _print_manifest(tape, read_manifest(require_tape(tape)), as_json)


@app.command("verify")
def verify_(tape: Tape, as_json: Json = False) -> None:
    """Check a tape against its manifest, and its depth against its quotes; exit 1 on problems."""
    require_tape(tape)  # before the bar, which leaves a line behind where there is no terminal
    with progress_bar() as report:
        checks = verify(tape, lambda done, total: report("verifying", done, total))
    holds = all(check.holds for check in checks)
    if as_json:
        document = [
            {"name": check.name, "holds": check.holds, "detail": check.detail} for check in checks
        ]
        print(json.dumps({"tape": str(tape), "holds": holds, "checks": document}, indent=2))
    else:
        table = Table(box=None)
        for title in ("check", "holds", "figures"):
            table.add_column(title)
        for check in checks:
            table.add_row(check.name, "yes" if check.holds else "NO", check.detail)
        console_of(WIDTH).print(table, highlight=False)
    if not holds:
        raise typer.Exit(1)


@app.command()
def sample(
    tape: Tape,
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="How many rows.")] = 20,
    skip: Annotated[int, typer.Option(min=0, help="Rows to pass over first.")] = 0,
    as_json: Json = False,
) -> None:
    """Print rows of a tape with prices and quantities as the exchange writes them."""
    reader = TapeReader(require_tape(tape))
    shown = [
        _row(row, reader.manifest)
        for frame in reader.slices(skip, skip + rows)
        for row in frame.iter_rows(named=True)
    ]
    if as_json:
        print(json.dumps(shown, indent=2))
        return
    table = Table(box=None)
    for title in ("time", "instrument", "kind", "side", "price", "quantity", "id", "flags"):
        table.add_column(title, justify="right" if title in ("price", "quantity", "id") else "left")
    for row in shown:
        table.add_row(*(str(value) for value in row.values()))
    console_of(WIDTH).print(table, highlight=False)


def _row(row: dict[str, int], manifest: Manifest) -> dict[str, str | int]:
    kind = Kind(row["kind"])
    listed = manifest.instruments[row["instrument"]]
    unit = Decimal("0.00000001")
    price = row["price"] * (listed.tick if IN_TICKS[kind] else unit)
    lots = row["quantity"] * (listed.lot if IN_LOTS[kind] else Decimal(1))
    flags = [name for bit, name in ((LAST, "LAST"), (DERIVED, "DERIVED")) if row["flags"] & bit]
    return {
        "time": when(row["time_ns"]),
        "instrument": listed.name,
        "kind": kind.name,
        "side": {1: "buy", -1: "sell"}.get(row["side"], ""),
        "price": f"{price.normalize():f}",
        "quantity": f"{lots.normalize():f}",
        "id": row["id"],
        "flags": " ".join(flags),
    }


def when(time_ns: int) -> str:
    """Return a time as UTC text to the microsecond.

    >>> when(1723161256313000000)
    '2024-08-08 23:54:16.313000'
    """
    seconds, rest = divmod(time_ns, 10**9)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{rest // 1000:06d}"


def _print_manifest(tape: Path, manifest: Manifest, as_json: bool) -> None:
    if as_json:
        print(manifest.model_dump_json(indent=2))
        return
    console = console_of(WIDTH)
    console.print(f"[bold]{tape}[/bold]  {manifest.rows:,} rows", highlight=False)
    console.print(f"{when(manifest.first_ns)} to {when(manifest.last_ns)} UTC", highlight=False)
    table = Table(box=None)
    for title in ("instrument", "tick", "lot", "filters from", "book", "tops agreed", "rows"):
        table.add_column(title)
    for one in manifest.instruments:
        rows = ", ".join(f"{name} {count:,}" for name, count in one.rows.items())
        tops = f"{one.tops.agreed:,} of {one.tops.compared:,}"
        tick, lot = f"{one.tick.normalize():f}", f"{one.lot.normalize():f}"
        table.add_row(one.name, tick, lot, one.filters_from, one.book, tops, rows)
    console.print(table, highlight=False)
    for title, found in (("found", manifest.findings), ("left out by rule", manifest.left_out)):
        _print_findings(console, title, found)
    for note in manifest.notes:
        console.print(f"note: {note}", highlight=False, markup=False)


def _print_findings(console: Console, title: str, found: dict[str, Finding]) -> None:
    for name, one in found.items():
        first = f" (first: {one.first[0]})" if one.first else ""
        console.print(f"{title}: {name} {one.count:,}{first}", highlight=False, markup=False)
