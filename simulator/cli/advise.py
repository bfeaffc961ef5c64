"""``unimargin advise``: which account mode suits a portfolio or the account of a run."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from simulator.errors import InputError

app = typer.Typer(
    help="Say which account mode suits an account, and why.",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

TABLE_WIDTH = 80
"""Columns of the tables that go into a file or a pipe."""


@app.command()
def advise(
    source: Annotated[
        str,
        typer.Argument(
            metavar="DOCUMENT|RUN",
            help="Portfolio document (- is standard input), or the --out folder of a run.",
        ),
    ],
    rulebook: Annotated[
        str | None, typer.Option(help="Rulebook, in place of the document's or the run's.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="KEY=VALUE,...",
            help="Of the owner: kyc, age_days, futures_trades, futures_volume (USDT).",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say which account mode suits an account, and why: margin, shocks, eligibility, history."""
    from simulator.calculator import advice

    made = advice.advise(source, rulebook, None if profile is None else _profile(profile))
    if as_json:
        print(json.dumps(made, indent=2, ensure_ascii=False, allow_nan=False))
        return
    from simulator.calculator.advice_tables import advice_tables
    from simulator.cli.console import console_of

    console = console_of(TABLE_WIDTH)
    for part in advice_tables(made):
        console.print(part, highlight=False)


def _profile(text: str) -> dict[str, str | int]:
    """Return a profile written as ``key=value,...``.

    >>> _profile("kyc=basic,age_days=3")
    {'kyc': 'basic', 'age_days': 3}
    """
    made: dict[str, str | int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (one.strip() for one in part.partition("="))
        if not (key and equals and value):
            raise InputError(f"--profile {part!r:.60}: write it as kyc=advanced,age_days=400")
        if key in made:
            raise InputError(f"--profile {key!r:.60}: stands twice")
        made[key] = int(value) if value.isascii() and value.isdigit() else value
    return made
