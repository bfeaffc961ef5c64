"""``unimargin population``: draw accounts into a file, and say what a population looks like."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.engine import MODES, crowd_changes, make_engine, note
from simulator.cli.scenario import Scenario, load_scenario, nearest
from simulator.errors import InputError
from simulator.units.text import counted

if TYPE_CHECKING:
    from rich.table import Table

    from simulator.accounts.crowd import Crowd, Setting
    from simulator.population.describe import Described
    from simulator.population.people import Tally

app = typer.Typer(
    help="Draw populations of accounts and describe them.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # else the brackets of [[people]] are taken for markup
)

TABLE_WIDTH = 120

Accounts = Annotated[int | None, typer.Option(min=1, help="How many; the scenario's if left out.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed; the scenario's if left out.")]
Mode = Annotated[str, typer.Option(help="separated or unified: the mode of a run.")]
Variant = Annotated[str | None, typer.Option(help="Of the scenario's variants, this one.")]


@app.command()
def draw(
    scenario: Annotated[str, typer.Argument(help="Scenario with [[people]], by name or path.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    accounts: Accounts = None,
    seed: Seed = None,
    variant: Variant = None,
) -> None:
    """Draw the accounts of a scenario into a Parquet file, as the separated mode places them."""
    from simulator.population.draw import drawn
    from simulator.population.parquet import write

    setting = _scenario(scenario, accounts, seed, variant)
    if out.suffix != ".parquet":
        raise InputError(f"--out {out}: a population is a Parquet file, as crowd.parquet")
    first, crowd = first_moment(
        setting, "separated", lambda first: drawn(setting.people, setting.accounts, first)[0]
    )
    own = {group.name: group.mode == "run" for group in setting.people}
    import numpy as np

    write(crowd, out, first.instruments, np.array([own[n] for n in crowd.groups])[crowd.group])
    note(f"wrote {out}: {counted(crowd.size, 'account')}")


@app.command()
def describe(
    what: Annotated[str, typer.Argument(help="Scenario by name or path, or a Parquet file.")],
    accounts: Accounts = None,
    seed: Seed = None,
    mode: Mode = "separated",
    variant: Variant = None,
    scenario: Annotated[
        str | None, typer.Option(help="Of a file: the scenario whose prices and rules it meets.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print accounts, wealth, positions and leverage by group, at the first prices."""
    from simulator.population.check import check
    from simulator.population.describe import describe as described

    if mode not in MODES[:2]:
        raise InputError(f"--mode {mode}: must be separated or unified")
    tallies: dict[str, Tally] = {}
    if what.endswith(".parquet"):
        if accounts is not None or seed is not None:
            raise InputError("--accounts and --seed: a file has the accounts that it has")
        first, crowd = _from_file(what, scenario, mode, variant)
    else:
        if scenario is not None:
            raise InputError("--scenario: is of a Parquet file; a scenario has its own prices")
        from simulator.population.draw import drawn

        setting = _scenario(what, accounts, seed, variant)

        def people(first: Setting) -> Crowd:
            crowd, cut = drawn(setting.people, setting.accounts, first)
            tallies.update(cut)
            return crowd

        first, crowd = first_moment(setting, mode, people)
    found = described(crowd, first)
    sample = check(crowd, first)
    said = [line for group, tally in tallies.items() if (line := _cut(group, tally))]
    lowest = "nobody needs margin" if sample.lowest is None else f"lowest {sample.lowest:.2f}"
    said.append(
        f"equity / maintenance margin of {counted(sample.accounts, 'account')} looked at: "
        f"{lowest}; {sample.called} at or below a margin call"
    )
    if as_json:
        made = {
            "mode": mode,
            "prices": dict(first.prices),
            "groups": [one.row() for one in found],
            "notes": said,
        }
        typer.echo(json.dumps(made, indent=2))
        return
    from simulator.cli.console import console_of

    console = console_of(TABLE_WIDTH)
    console.print(_table(found, mode))
    for line in said:
        console.print(line, markup=False, highlight=False)


def first_moment(
    setting: Scenario, mode: str, make: Callable[[Setting], Crowd]
) -> tuple[Setting, Crowd]:
    """Return the first moment of a scenario's run (prices, rules, instruments), and the accounts
    that ``make`` returns for it.

    They enter the engine of the run, so what a run refuses of them is refused here too.
    """
    kept: list[tuple[Setting, Crowd]] = []

    def made(first: Setting) -> Crowd:
        kept.append((first, make(first)))
        return kept[0][1]

    make_engine(setting, mode, (), {}, made)
    return kept[0]


def _scenario(
    name: str, accounts: int | None, seed: int | None, variant: str | None, people: bool = True
) -> Scenario:
    """Return a scenario, or a variant of it, with the options above it."""
    found = load_scenario(name)
    if variant is not None:
        names = [one.variant for one in found.variants]
        if variant not in names:
            raise InputError(f"--variant {variant}: no such variant{nearest(variant, names)}")
        found = found.variants[names.index(variant)]
    if people and not found.people:
        raise InputError(f"scenario {found.name}: has no [[people]] to draw")
    given = {"accounts": accounts, "seed": seed}
    changes = {name: n for name, n in given.items() if n is not None}
    return found.model_copy(update={**changes, **crowd_changes(found, changes)})


def _from_file(
    what: str, scenario: str | None, mode: str, variant: str | None
) -> tuple[Setting, Crowd]:
    from simulator.population.parquet import read

    found = read(what)
    if scenario is None:
        raise InputError(
            f"{what}: a file has no prices; give --scenario NAME, whose first ones value it"
        )
    setting = _scenario(scenario, None, None, variant, people=False)
    return first_moment(setting, mode, found.crowd)


def _cut(group: str, tally: Tally) -> str:
    """Return what became of a group's accounts, empty where nothing did."""
    said = {
        "had their leverage lowered to what the rules allow": tally.lowered,
        "have a smaller position than drawn, for want of coins that hedge it": tally.fewer_coins,
        "have no position: less than a lot": tally.without,
        "had their entry brought nearer, so that the profit is less than the margin": tally.nearer,
        "hold settlement assets in place of others, for the margin": tally.converted,
    }
    parts = [f"{number:,} {text}" for text, number in said.items() if number]
    return f"{group}: of {counted(tally.accounts, 'account')} {'; '.join(parts)}" if parts else ""


def _table(groups: Sequence[Described], mode: str) -> Table:
    from rich.table import Table
    from rich.text import Text

    made = Table(title=f"Population, {mode} mode; USD at the first prices", title_justify="left")
    made.add_column("Group")
    for name in ("Accounts", "Unified", "Wealth", "Median", "Long", "Short", "Owed"):
        made.add_column(name, justify="right")
    made.add_column("Leverage 5 / 50 / 95 %", justify="right")
    for one in groups:
        shown = " / ".join(f"{value:.1f}" for value in one.leverage)
        cells: list[Any] = [
            f"{one.accounts:,}", f"{one.unified:,}", f"{one.wealth:,.0f}",
            f"{one.median_wealth:,.0f}", f"{one.long:,.0f}", f"{one.short:,.0f}",
            f"{one.loans:,.0f}", shown if one.with_position else "–",
        ]  # fmt: skip
        made.add_row(Text(one.group), *cells, end_section=one.group != "all" and one is groups[-2])
    return made
