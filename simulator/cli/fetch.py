"""``unimargin data fetch``: files of Binance's public archive."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from simulator.errors import InputError
from simulator.replay.fetch import BASE_URL, Archive, Fetched, Request


def fetch(
    symbol: Annotated[str, typer.Argument(help="Such as BTCUSDT or BTCUSD_PERP.")],
    start: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")],
    end: Annotated[str, typer.Option("--to", help="Last day (included), YYYY-MM-DD.")],
    market: Annotated[str, typer.Option(help="spot, um or cm.")] = "um",
    kind: Annotated[str, typer.Option(help="trades, aggTrades, klines, ...")] = "trades",
    interval: Annotated[str | None, typer.Option(help="Of klines, such as 1m.")] = None,
    out: Annotated[Path, typer.Option(help="Folder to keep the files in.")] = Path("data"),
    monthly: Annotated[bool, typer.Option(help="Whole months, also where days would do.")] = False,
    base_url: Annotated[str, typer.Option(help="Where the archive's layout is served.")] = BASE_URL,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Download market data from Binance's public archive; run again to resume."""
    request = Request(
        symbol, market, kind, _day("--from", start), _day("--to", end), interval, monthly
    )
    outcomes = _with_progress(Archive(base_url), request, out)
    if as_json:
        files = [
            {"period": one.when, "path": str(one.path), "state": one.state, "reason": one.reason}
            for one in outcomes
        ]
        typer.echo(json.dumps({"files": files}, indent=2))
    else:
        for one in outcomes:
            if one.state in ("fetched", "present"):
                typer.echo(f"{one.path} ({one.state})")
    problems = [one for one in outcomes if one.state in ("missing", "failed")]
    for one in problems:
        what = "is not in the archive" if one.state == "missing" else f"failed: {one.reason}"
        typer.echo(f"{request.market}:{request.symbol} {request.kind} {one.when} {what}", err=True)
    if problems:
        raise typer.Exit(1)


def _with_progress(archive: Archive, request: Request, out: Path) -> list[Fetched]:
    """Download with a bar on stderr; files that were finished are listed above it."""
    outcomes = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("connecting")

        def report(name: str, there: int, total: int) -> None:
            progress.update(task, description=name, completed=there, total=total or None)

        for outcome in archive.fetch(request, out, report):
            outcomes.append(outcome)
    return outcomes


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text}: must be a day such as 2024-01-31") from None
