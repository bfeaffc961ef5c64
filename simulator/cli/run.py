"""``unimargin run``: replay market data under one or both account modes, and compare."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from simulator.cli.scenario import Scenario, data_path, load_scenario
from simulator.errors import InputError

if TYPE_CHECKING:
    from simulator.report.result import RunResult

MODES = ("separated", "unified", "both")

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Engine(Protocol):
    """What this command needs of ``simulator.simulation.Simulation``."""

    rows: int

    def run(self, progress: Callable[[int, int], None] | None) -> RunResult:
        """Run to the end; ``progress`` gets events so far and market time in ns."""


@app.command()
def run(
    scenario: str = typer.Argument("crash", help="Name of a scenario, or path to its TOML file."),
    mode: str = typer.Option(None, help="separated, unified or both."),
    strategy: Annotated[
        list[str] | None, typer.Option(help="NAME or path.py:Class; repeatable, one account.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option(help="Tape or recording; repeatable.")] = None,
    rulebook: str = typer.Option(None, help="Name of a rulebook."),
    seed: int = typer.Option(None, min=0, help="Seed of all randomness."),
    out: Annotated[
        Path | None, typer.Option(help="Folder for report, pictures and Parquet files.")
    ] = None,
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
    deposit: Annotated[
        list[str] | None, typer.Option(help="Start balances: USDT=100000,BTC=1.")
    ] = None,
    latency: str = typer.Option(None, help="Latency model."),
    queue_model: str = typer.Option(None, help="How displayed queues shrink."),
    param: Annotated[
        list[str] | None, typer.Option(help="Strategy parameter key=value; repeatable.")
    ] = None,
    instrument: str = typer.Option(None, help="Short for --param instrument=..."),
    start: str = typer.Option(None, help="First instant, ISO 8601 (UTC) or ns since 1970."),
    end: str = typer.Option(None, help="Last instant, likewise."),
    no_report: bool = typer.Option(False, "--no-report", help="No HTML and PNG under --out."),
    png: bool = typer.Option(False, "--png", help="Also one PNG a picture, under --out."),
    least_capital: bool = typer.Option(
        False, "--least-capital", help="Also search the least deposits that would have done."
    ),
) -> None:
    """Replay market data while strategies trade, under one or both account modes."""
    given = {
        "mode": mode, "strategies": tuple(strategy or ()) or None,
        "data": tuple(data or ()) or None,
        "rulebook": rulebook, "seed": seed, "latency": latency, "queue_model": queue_model,
        "deposits": deposits(",".join(deposit)) if deposit else None, "start": start, "end": end,
    }  # fmt: skip
    if mode is not None and mode not in MODES:
        raise InputError(f"--mode {mode}: must be one of {', '.join(MODES)}")
    if png and out is None:
        raise InputError("--png needs --out DIR")
    setting = load_scenario(scenario).model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    chosen = {**setting.parameters, **pairs("--param", param or ())}
    if instrument is not None:
        chosen["instrument"] = instrument
    modes = MODES[:2] if setting.mode == "both" else (setting.mode,)
    print(f"{setting.name}: {' and '.join(modes)}, rulebook {setting.rulebook}", file=sys.stderr)
    sys.stderr.flush()
    results = [_run_mode(setting, one, chosen) for one in modes]
    least = _least(results, setting, chosen) if least_capital else None
    show(results, least, as_json=as_json, out=out, report=not no_report, png=png)


def show(
    results: Sequence[RunResult],
    least: Mapping[str, float | None] | None = None,
    *,
    as_json: bool,
    out: Path | None,
    report: bool,
    png: bool,
) -> None:
    """Print the table or the document, and write the files."""
    from rich.console import Console

    from simulator.report.document import as_json as written
    from simulator.report.document import document
    from simulator.report.files import write_files
    from simulator.report.table import Row, notes, rich_table
    from simulator.report.values import amount

    made = document(results, least)
    extra = []
    if least is not None:
        cells = tuple(amount(least[run.mode]) for run in results)
        extra.append(Row("Least capital", results[0].currency, cells))
    if as_json:
        print(written(made))
    else:
        console = Console()
        console.print(rich_table(results, extra))
        for note in notes(results):
            console.print(f"note: {note}", markup=False, highlight=False)
    if out is not None:
        files = write_files(results, made, out, report=report, png=png, extra=extra)
        shown = [path for path in files if path.suffix in (".html", ".png") and path.parent == out]
        for path in shown or files[:1]:
            print(f"wrote {path}", file=sys.stderr)


def pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Return ``key=value`` texts as a dict; raises ``InputError`` for another shape."""
    made = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key.strip() and equals and value.strip()):
            raise InputError(f"{option} {text}: must be key=value")
        made[key.strip()] = value.strip()
    return made


def deposits(text: str) -> dict[str, Decimal]:
    """Return start balances by asset.

    >>> deposits("USDT=100000,BTC=1.5")
    {'USDT': Decimal('100000'), 'BTC': Decimal('1.5')}
    """
    made = {}
    for asset, amount in pairs("--deposit", text.split(",")).items():
        try:
            made[asset] = Decimal(amount)
        except InvalidOperation:
            raise InputError(f"--deposit {asset}={amount}: not a number") from None
        if not made[asset].is_finite() or made[asset] <= 0:
            raise InputError(f"--deposit {asset}={amount}: must be above 0")
    return made


def instant(option: str, text: str) -> int | None:
    """Return an instant in ns since 1970; without an offset it is UTC; empty is none.

    >>> instant("--start", "2023-11-14T22:13:20Z")
    1700000000000000000
    """
    if not text:
        return None
    if text.isdigit() and len(text) > 8:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text}: must be like 2025-10-10T21:00:00Z, or ns") from None
    since = moment.replace(tzinfo=moment.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def _run_mode(setting: Scenario, mode: str, parameters: Mapping[str, str]) -> RunResult:
    from simulator.cli.progress import progress_bar

    engine = make_engine(setting, mode, parameters)
    with progress_bar(mode, engine.rows) as progress:
        return engine.run(progress)


def _run_scaled(
    setting: Scenario, mode: str, parameters: Mapping[str, str], share: Decimal
) -> RunResult:
    """Run again with ``share`` of every deposit, rounded down to an asset's smallest unit."""
    unit = Decimal("1e-8")
    scaled = {
        asset: (amount * share).quantize(unit, ROUND_DOWN)
        for asset, amount in setting.deposits.items()
    }
    return _run_mode(setting.model_copy(update={"deposits": scaled}), mode, parameters)


def _least(
    results: Sequence[RunResult], setting: Scenario, parameters: Mapping[str, str]
) -> dict[str, float | None]:
    """Return the least capital by mode, in the run's currency."""
    from simulator.cli.least_capital import least_share

    least: dict[str, float | None] = {}
    for one in results:

        def again(share: Decimal, mode: str = one.mode) -> RunResult:
            return _run_scaled(setting, mode, parameters, share)

        share = least_share(again, one)
        least[one.mode] = None if share is None else share * one.summary.start_equity
    return least


def make_engine(setting: Scenario, mode: str, parameters: Mapping[str, str]) -> Engine:
    """Return the simulation of a scenario in one mode, with fresh strategies."""
    from importlib import import_module

    from simulator.cli.strategies import build, strategy_class

    paths = [data_path(name) for name in setting.data]
    first, last = instant("--start", setting.start), instant("--end", setting.end)
    if first is not None and last is not None and first >= last:
        raise InputError(f"--start {setting.start} must be before --end {setting.end}")
    strategies = build([strategy_class(name) for name in setting.strategies], parameters)
    simulation: Any = import_module("simulator.simulation").Simulation
    engine: Engine = simulation(
        data=paths, mode=mode, strategies=strategies, rulebook=setting.rulebook,
        seed=setting.seed, deposits=setting.deposits, latency=setting.latency or None,
        queue_model=setting.queue_model, start_ns=first, end_ns=last, scenario=setting.name,
    )  # fmt: skip
    return engine
