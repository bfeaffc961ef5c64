"""``unimargin run``: replay market data under one or both account modes, and compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.ctrl_c import CTRL_C
from simulator.cli.engine import (
    MODES,
    Engine,
    crowd_changes,
    make_engine,
    modes_of,
    note,
    opening_lines,
)
from simulator.cli.scenario import Scenario, scenario_of, scenario_text
from simulator.cli.shown import show
from simulator.cli.stored import Keep, Origin, journals
from simulator.cli.traders import all_strategies, parsed, strategies_for, with_options
from simulator.errors import InputError
from simulator.exchange import dropped
from simulator.exchange.memory import map_large_columns

if TYPE_CHECKING:
    from simulator.cli.least_capital import Found
    from simulator.report.result import RunResult
    from simulator.store.recorder import Recorder

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def run(
    scenario: str = typer.Argument(
        None, help="Name of a scenario, or path to its TOML file; crash if neither this nor --data."
    ),
    mode: str = typer.Option(None, help="separated, unified or both."),
    strategy: Annotated[
        list[str] | None, typer.Option(help="NAME or path.py:Class; repeatable, one account.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option(help="Tape or recording; repeatable.")] = None,
    rulebook: str = typer.Option(None, help="Name of a rulebook."),
    seed: int = typer.Option(None, min=0, help="Seed of all randomness."),
    db: str = typer.Option(
        None, "--db", help="Journal: FILE.db or postgresql://...; see `unimargin resume`, `verify`."
    ),
    out: Annotated[
        Path | None, typer.Option(help="Folder for report, pictures and Parquet files.")
    ] = None,
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
    deposit: Annotated[
        list[str] | None, typer.Option(help="Start balances: USDT=100000,BTC=1.")
    ] = None,
    latency: str = typer.Option(
        None, help="Milliseconds (5), feed/entry/response (5/5/5), recorded or sampled:5:0.4."
    ),
    queue_model: str = typer.Option(None, help="risk_averse, power:N, log or fifo."),
    margin_type: str = typer.Option(
        None, help="isolated or cross, of separated futures positions."
    ),
    leverage: int = typer.Option(None, min=1, help="Of futures, where the rulebook has brackets."),
    position_mode: str = typer.Option(None, help="one_way or hedge, of futures positions."),
    margin_leverage: int = typer.Option(None, help="Of cross-margin loans: 3, 5 or 10."),
    multi_assets: bool = typer.Option(
        None, "--multi-assets", help="All assets of the separated USD-M wallet are collateral."
    ),
    volatility: Annotated[
        list[str] | None, typer.Option(help="Of options without any on the tape: BTC=0.55.")
    ] = None,
    trader: Annotated[
        list[str] | None,
        typer.Option(
            help="A further account: NAME=STRATEGY[,STRATEGY][@MODE]; repeatable, same books."
        ),
    ] = None,
    account: str = typer.Option(None, help="Portfolio document to start from, not --deposit."),
    bnb_fees: bool = typer.Option(None, "--bnb-fees", help="Pay fees in BNB, at the discount."),
    alert: Annotated[
        list[str] | None, typer.Option(help="ratio<=1.3, distance<=5%, ...; repeatable.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(help="Strategy parameter key=value; repeatable.")
    ] = None,
    instrument: str = typer.Option(None, help="Short for --param instrument=..."),
    accounts: int = typer.Option(None, min=1, help="How many, of a scenario with [[people]]."),
    population: str = typer.Option(None, help="Parquet file of accounts, not [[people]]."),
    no_feedback_run: bool = typer.Option(
        False, "--no-feedback-run", help="Leave out the comparison run without feedback."
    ),
    start: str = typer.Option(None, help="First instant, ISO 8601 (UTC) or ns since 1970."),
    end: str = typer.Option(None, help="Last instant, likewise."),
    compiled: bool = typer.Option(
        False, "--compile", help="Compile the strategies' own files with Cython first; kept."
    ),
    no_report: bool = typer.Option(False, "--no-report", help="No HTML and PNG under --out."),
    png: bool = typer.Option(False, "--png", help="Also one PNG a picture, under --out."),
    least_capital: bool = typer.Option(
        False, "--least-capital", help="Also search the least deposits and the largest size."
    ),
) -> None:
    """Replay market data while strategies trade, under one or both account modes."""
    given = {
        "mode": mode, "strategies": tuple(strategy or ()) or None,
        "data": tuple(data or ()) or None,
        "rulebook": rulebook, "seed": seed, "latency": latency, "queue_model": queue_model,
        "margin_type": margin_type, "leverage": leverage, "bnb_fees": bnb_fees,
        "deposits": deposits(",".join(deposit)) if deposit else None, "start": start, "end": end,
        "alerts": tuple(alert or ()) or None, "position_mode": position_mode,
        "margin_leverage": margin_leverage, "multi_assets": multi_assets, "account": account,
        "volatility": pairs("--volatility", volatility) if volatility else None,
        "accounts": accounts, "population": population,
    }  # fmt: skip
    if mode is not None and mode not in MODES:
        raise InputError(f"--mode {mode}: must be one of {', '.join(MODES)}")
    if account is not None and deposit:
        raise InputError("--account and --deposit: give one of them")
    if png and out is None:
        raise InputError("--png needs --out DIR")
    origin, setting = _setting(scenario, given, trader or ())
    parameters = pairs("--param", param or ())
    if instrument is not None:
        parameters["instrument"] = instrument
    if least_capital and (setting.crowded or setting.variants or setting.traders):
        raise InputError(
            "--least-capital: is of a scenario without population, traders and variants"
        )
    if no_feedback_run and not setting.crowded:
        raise InputError(
            f"--no-feedback-run: scenario {setting.name} has no population, and no such run"
        )
    for line in opening_lines(setting):
        note(line)
    if out is not None:
        make_folder(out)
    results = []
    columns = setting.variants or (setting,)
    with journals(db, origin) as keep:
        classes = [load_strategies(one, compiled, strategy or (), trader or ()) for one in columns]
        for one, kinds in zip(columns, classes, strict=True):
            chosen = {**one.parameters, **parameters}
            for found in modes_of(one):
                quietly = not no_feedback_run
                results.append(_run_column(one, found, kinds, chosen, quietly, keep))
    least = _least(results, setting, kinds, chosen) if least_capital else None
    show(results, least, as_json=as_json, out=out, report=not no_report, png=png)


def make_folder(folder: Path) -> None:
    """Make the output folder before the run, so that a wrong one costs no time."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(f"--out {folder}: cannot write: is a file, not a folder") from None
    except OSError as error:
        raise InputError(f"--out {folder}: cannot write: {error.strerror or error}") from error


def _setting(
    scenario: str | None, given: Mapping[str, Any], traders: Sequence[str]
) -> tuple[Origin, Scenario]:
    """Return the scenario with the options above it; data of the user's own name the run."""
    changes = {name: value for name, value in given.items() if value is not None}
    if "data" in changes:
        # Those of the scenario are of its own data.
        changes |= {"instruments": (), "market": None}
    if scenario is None and "data" in changes:
        changes["name"] = _name_of(changes["data"])
    path, text = scenario_text(scenario or "crash")
    found = scenario_of(path, text)
    changes |= crowd_changes(found, changes)
    if traders:
        changes["traders"] = with_options(found, traders)
        if "population" in changes or any(one.crowded for one in (found, *found.variants)):
            raise InputError(
                "--trader: beside a population one account trades: --strategy NAME says how and "
                "--deposit USDT=10000 with what; several need a run without population"
            )
    other = [
        f"--{name} {changes[name]}"
        for name in ("mode", "rulebook")
        if name in changes and changes[name] != getattr(found, name)
    ]
    if other and any(step.say for step in found.life):
        written = f"mode {found.mode}, rulebook {found.rulebook}"
        note(f"note: the remarks are written for {written}; {', '.join(other)} may tell otherwise")
    variants = tuple(one.model_copy(update=changes) for one in found.variants)
    setting = found.model_copy(update={**changes, "variants": variants})
    return Origin(path, text, changes), setting


def _name_of(data: Sequence[str]) -> str:
    """Return what a run of the user's own data is called.

    >>> _name_of(["spot/btcusdt.csv.gz", "um/btcusdt.csv.gz"])
    'btcusdt and 1 more'
    """
    first = Path(data[0].removeprefix("bundled:")).resolve().name.split(".")[0]
    return first if len(data) == 1 else f"{first} and {len(data) - 1} more"


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


def _run_column(
    setting: Scenario,
    mode: str,
    kinds: Sequence[type[Any]],
    parameters: Mapping[str, str],
    quietly: bool,
    keep: Keep,
) -> RunResult:
    """Run a variant in a mode; with impact once more without feedback, for comparison."""
    label = f"{setting.variant}, {mode}" if setting.variant else mode
    found = _run_mode(setting, mode, kinds, parameters, label, keep)
    if setting.variant:
        found = found.in_variant(setting.variant)
    if quietly and setting.crowded and setting.impact and setting.impact.feedback:
        quiet = setting.model_copy(
            update={"impact": setting.impact.model_copy(update={"feedback": False})}
        )
        without = _run_mode(
            quiet, mode, kinds, parameters, f"{label}, without feedback", keep, pictured=False
        )
        found = replace(found, quiet=without.cascade)
    return found


def _run_mode(
    setting: Scenario,
    mode: str,
    kinds: Sequence[type[Any]],
    parameters: Mapping[str, str],
    label: str,
    keep: Keep,
    pictured: bool = True,
) -> RunResult:
    journal = keep(setting, mode, parameters, label)
    if setting.crowded:
        map_large_columns()
    engine = make_engine(setting, mode, kinds, parameters)
    if not pictured:
        engine.spare_pictures()
    result = play(engine, kinds, label, journal)
    del engine
    dropped.collect()  # a large crowd's columns, beside which tables and pictures would be made
    return result


def play(
    engine: Engine, kinds: Sequence[type[Any]], label: str, journal: Recorder | None = None
) -> RunResult:
    """Run an engine to its end, with a progress bar; a strategy's mistake is told and exits."""
    from simulator.cli.failures import strategy_faults
    from simulator.cli.progress import progress_bar

    telling = CTRL_C.telling(journal.unfinished) if journal else nullcontext()
    with telling, progress_bar(label, engine.rows) as progress, strategy_faults(kinds, engine):
        return engine.run(progress, journal=journal) if journal else engine.run(progress)


def _least(
    results: Sequence[RunResult],
    setting: Scenario,
    kinds: Sequence[type[Any]],
    parameters: Mapping[str, str],
) -> dict[str, Found]:
    """Return the least capital and the largest size by mode."""
    from simulator.cli.least_capital import Trials, search

    least = {}
    for one in results:
        note(f"{one.mode}: searching the least capital and the largest size")

        def make(
            amounts: Mapping[str, Decimal], chosen: Mapping[str, str], mode: str = one.mode
        ) -> Any:
            changed = setting.model_copy(update={"deposits": dict(amounts)})
            return make_engine(changed, mode, kinds, chosen)

        least[one.mode] = search(Trials(make, setting.deposits, parameters))
    return least


def load_strategies(
    setting: Scenario, compiled: bool, named: Sequence[str] = (), traders: Sequence[str] = ()
) -> list[type[Any]]:
    """Return the classes of a scenario's strategies, account by account.

    Those of a path are loaded only where ``named`` and ``traders``, the command line, have them.
    """
    from simulator.cli.strategies import check_named, strategy_class

    where = f"scenario {setting.name}"
    check_named(setting.strategies, named, where)
    said = {one.name: one.strategies for one in map(parsed, traders)}
    for one in setting.traders:
        known = (*said.get(one.name, ()), *(() if one.strategies else named))
        check_named(strategies_for(setting, one), known, where, f"--trader {one.name}=")
    names = all_strategies(setting)
    return [strategy_class(name, compiled=compiled, note=note) for name in names]
