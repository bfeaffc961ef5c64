"""``unimargin margin``: the margin of a portfolio document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from simulator.errors import InputError

app = typer.Typer(
    help="Compute the margin of a document of positions.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def margin(
    document: Annotated[
        str, typer.Argument(help="Portfolio document, YAML or JSON; - is standard input.")
    ],
    mode: Annotated[
        str | None, typer.Option(help="separated or unified, in place of the document's.")
    ] = None,
    rulebook: Annotated[
        str | None,
        typer.Option(help="Rulebook, in place of the document's; several for --compare: a,b."),
    ] = None,
    compare: Annotated[
        str | None, typer.Option(help="Modes side by side: separated,unified.")
    ] = None,
    what_if: Annotated[
        str | None, typer.Option(help="Move prices: BTC=-10%,ETH=2500,vol=+30%,+7d,corr=0.2.")
    ] = None,
    surface: Annotated[
        str | None, typer.Option(metavar="ASSET", help="Draw the ratio against an asset's price.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File of the picture, .png or .html.")] = None,
    span: Annotated[str, typer.Option(help="How far the picture goes either way.")] = "50%",
    explain: Annotated[
        bool, typer.Option("--explain", help="Derive every figure, with the rule's source.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compute the margin of a portfolio document: every pool, position and asset."""
    chosen = [name for name, given in _views(compare, what_if, surface, explain) if given]
    several = bool(rulebook and "," in rulebook)
    if several and compare is None and not chosen:
        compare = mode or ""
        chosen = ["--compare"]
    if len(chosen) > 1:
        raise InputError(f"{chosen[0]} and {chosen[1]}: give one of them")
    if several and compare is None:
        raise InputError(f"--rulebook {rulebook}: several only with --compare")
    if compare is not None:
        _compare(document, compare, mode, rulebook, as_json)
    elif what_if is not None:
        _what_if(document, what_if, mode, rulebook, as_json)
    elif surface is not None:
        _surface(document, surface, mode, rulebook, out, span, as_json)
    else:
        _report(document, mode, rulebook, explain, as_json)


def _views(
    compare: str | None, what_if: str | None, surface: str | None, explain: bool
) -> list[tuple[str, bool]]:
    return [
        ("--compare", compare is not None),
        ("--what-if", what_if is not None),
        ("--surface", surface is not None),
        ("--explain", explain),
    ]


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _dump(data: Any) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def _print(*parts: Any, width: int = 140) -> None:
    from simulator.cli.console import console_of

    console = console_of(width)
    for part in parts:
        console.print(part, highlight=False)


def _report(
    document: str, mode: str | None, rulebook: str | None, explain: bool, as_json: bool
) -> None:
    from simulator.calculator import report as calculator

    made = calculator.margin(document, mode, rulebook, explain)
    if as_json:
        _dump(made)
        return
    from simulator.calculator.tables import report_tables

    _print(_heading(made), *report_tables(made))
    if explain:
        from simulator.calculator.explain import paragraphs

        _print(*paragraphs(made["explain"]))


def _heading(made: Any) -> str:
    at = f", at {made['time']}" if made["time"] else ""
    return f"[bold]{made['mode']}[/bold] mode, rulebook [bold]{made['rulebook']}[/bold]{at}"


def _compare(
    document: str, modes: str, mode: str | None, rulebooks: str | None, as_json: bool
) -> None:
    from simulator.calculator.compare import compare
    from simulator.calculator.read import read

    given = read(document)
    columns = compare(
        given,
        _names(modes) or [mode or given.mode],
        _names(rulebooks or "") or [given.rulebook],
    )
    if as_json:
        _dump({"comparison": columns})
        return
    from simulator.calculator.tables import comparison_table

    computed = [column for column in columns if column["report"]]
    _print(comparison_table(computed), width=40 + 24 * len(computed))
    for column in columns:
        if column["error"]:
            _print(f"{column['mode']}, {column['rulebook']}: {column['error']}")


def _what_if(
    document: str, moves: str, mode: str | None, rulebook: str | None, as_json: bool
) -> None:
    from simulator.calculator.read import read
    from simulator.calculator.report import margin
    from simulator.calculator.what_if import moved, parse

    given = read(document)
    before = margin(given, mode, rulebook)
    after = margin(moved(given, parse(moves)), mode, rulebook)
    if as_json:
        _dump({"what_if": moves, "before": before, "after": after})
        return
    from simulator.calculator.tables import changes_table

    _print(f"{_heading(before)}, if {moves}", changes_table(before, after))


def _surface(
    document: str,
    asset: str,
    mode: str | None,
    rulebook: str | None,
    out: Path | None,
    span: str,
    as_json: bool,
) -> None:
    from simulator.calculator.read import read
    from simulator.calculator.surface import draw, surface

    made = surface(read(document), asset, mode, rulebook, span)
    path = out or Path(f"surface-{asset}.png")
    draw(made, path)
    if as_json:
        _dump({**made, "file": str(path)})
        return
    _print(f"{path}: ratio against the price of {asset}, {made['rulebook']}, {made['mode']}")
