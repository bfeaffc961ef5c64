"""``unimargin rulebook``: which rules there are, every value's source, and how two differ."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from simulator.rulebook.difference import Difference, differences
from simulator.rulebook.load import load, names
from simulator.rulebook.page import ids_of, page, rows_of
from simulator.rulebook.schema import Figure, Rulebook

app = typer.Typer(help="The rules of venues: list, show every value with its source, compare two.")


PIPE_WIDTH = 200
"""Characters a line where nobody's terminal sets them: no name or value may be cut in a file."""


def _console() -> Console:
    """Return a console that is wider still where the environment asks for it (``COLUMNS``)."""
    console = Console()
    wide = max(console.width, PIPE_WIDTH)
    return console if console.is_terminal else Console(width=wide)


@app.command("list")
def list_rulebooks(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the bundled rulebooks; the first is the default."""
    rulebooks = [load(name) for name in names()]
    if as_json:
        print(json.dumps([{"name": r.name, "title": r.title} for r in rulebooks], indent=2))
        return
    console = _console()
    for rulebook in rulebooks:
        console.print(f"[bold]{rulebook.name:<12}[/bold]{rulebook.title}", highlight=False)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of a bundled rulebook, or path of a .toml.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    as_page: Annotated[bool, typer.Option("--markdown", help="Print a page of Markdown.")] = False,
) -> None:
    """Print every value of a rulebook with its source and how sure it is."""
    rulebook = load(name)
    if as_page:
        print(page(rulebook), end="")
        return
    if as_json:
        print(json.dumps(document(rulebook), indent=2, ensure_ascii=False))
        return
    console = _console()
    console.print(f"[bold]{rulebook.name}[/bold]: {rulebook.title}", highlight=False)
    console.print(_table(rulebook), highlight=False)
    console.print("\nSources", style="bold")
    for key, source in rulebook.sources.items():
        console.print(f"  {key} ({source.sure}): {source.text}", highlight=False, markup=False)
    if rulebook.gaps:
        console.print("\nNot known, or not modelled", style="bold")
    for gap in rulebook.gaps:
        console.print(f"  {gap}", highlight=False, markup=False)


@app.command("diff")
def diff(
    one: Annotated[str, typer.Argument(metavar="A", help="A rulebook: name, or path of a .toml.")],
    other: Annotated[str, typer.Argument(metavar="B", help="The one to compare it with.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print every value that two rulebooks have differently, and how sure each is."""
    a, b = load(one), load(other)
    found = differences(a, b)
    if as_json:
        rows = [{"path": row.path, "a": _side(row.one), "b": _side(row.other)} for row in found]
        document = {"a": a.name, "b": b.name, "differences": rows}
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    if not found:
        _console().print(f"{a.name} and {b.name} have the same values", highlight=False)
        return
    _console().print(_difference_table(a.name, b.name, found), highlight=False)


def _side(figure: Figure | None) -> dict[str, Any] | None:
    return figure.model_dump(mode="json", exclude={"path"}) if figure else None


def _difference_table(one: str, other: str, found: list[Difference]) -> Table:
    """Return the differences as a table; bracket tables row by row, equal rows left out."""
    table = Table("Rule", one, "Sure", other, "Sure", box=None, pad_edge=False)
    for difference in found:
        sides = difference.one, difference.other
        rows = [dict(rows_of(figure)) if figure else {} for figure in sides]
        sure = [figure.sure if figure else "" for figure in sides]
        for path in dict.fromkeys((*rows[0], *rows[1])):
            values = [side.get(path, "") for side in rows]
            if values[0] != values[1]:
                marks = [mark if value else "" for mark, value in zip(sure, values, strict=True)]
                table.add_row(path, values[0], marks[0], values[1], marks[1])
    return table


def document(rulebook: Rulebook) -> dict[str, Any]:
    """Return a rulebook as one JSON document: name, title, ``gaps``, and ``figures`` with path,
    value, source and sure.
    """
    return {
        "name": rulebook.name,
        "title": rulebook.title,
        "gaps": list(rulebook.gaps),
        "figures": [figure.model_dump(mode="json") for figure in rulebook.figures()],
    }


def _table(rulebook: Rulebook) -> Table:
    """Return the figures as a table; the sources stand below it in full, here by name."""
    ids = ids_of(rulebook)
    table = Table("Rule", "Value", "Sure", "Source", box=None, pad_edge=False)
    for figure in rulebook.figures():
        for number, (path, value) in enumerate(rows_of(figure)):
            first = number == 0
            table.add_row(
                path,
                value,
                figure.sure if first else "",
                ids[figure.source] if first else "",
            )
    return table
