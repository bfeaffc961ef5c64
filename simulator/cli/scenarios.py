"""``unimargin scenarios``: the scenarios that come with the package."""

from __future__ import annotations

import json

import typer

from simulator.cli.scenario import load_scenario, scenario_names

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def scenarios(
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """List the scenarios that `run` knows by name, with a sentence each."""
    found = [load_scenario(name) for name in scenario_names()]
    if as_json:
        typer.echo(json.dumps([item.model_dump(mode="json") for item in found], indent=2))
        return
    width = max((len(item.name) for item in found), default=0)
    for item in found:
        typer.echo(f"{item.name:<{width}}  {item.title}")
