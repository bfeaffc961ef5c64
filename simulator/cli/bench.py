"""``unimargin bench``: speed on this machine, as ratios against peers in the same run.

The harness and the peers' drivers are in ``bench/`` of the repository, which is not part of the
wheel.  Without it the command measures what the package has by itself, the compiled book, and
says so.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from simulator.build_info import uncompiled_notice
from simulator.cli.bench_own import (
    OPERATIONS,
    QUICK_OPERATIONS,
    Line,
    book_lines,
    measure_book,
)
from simulator.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]
PEER_NAMES = ("hftbacktest", "nautilus_trader", "backtesting", "lrvx")
RUNS, QUICK_RUNS = 5, 3
FILL_CASES = {
    "record": "our engine",
    "book-maker": "our book alone",
    "book-restated": "our book, levels that met our orders restated as hftbacktest does",
}
"""Ways to play the maker whose fills are compared, see bench/ours_book.py."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of the events, three rounds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    peers: Annotated[str, typer.Option(help="all, none, or names with commas between.")] = "all",
    runs: Annotated[int, typer.Option(help="Rounds; 0: five, or three if quick.")] = 0,
    recording: Annotated[
        Path | None, typer.Option(help="A raw Binance recording to repeat, not the synthetic tape.")
    ] = None,
) -> None:
    """Measure speed on this machine, as ratios against other engines in the same run."""
    names = peer_names(peers)
    if runs < 0:
        raise InputError(f"--runs: must be 0 or more, not {runs}")
    if recording is not None and not recording.is_file():
        raise InputError(f"--recording: {recording} is not a file; give a .gz of raw streams")
    rounds = runs or (QUICK_RUNS if quick else RUNS)
    messages = Console(stderr=True, highlight=False)
    notice = uncompiled_notice()
    if notice:
        messages.print(notice)
    messages.print("the book alone")
    book = measure_book(QUICK_OPERATIONS if quick else OPERATIONS, rounds)
    lines = book_lines(book)
    document: dict[str, Any] = {"rounds": rounds, "quick": quick}
    harness = load_harness()
    if harness is None:
        messages.print("only the package's own part: the peers need bench/ of the repository")
    else:
        more, figures = harness.run_benchmarks(names, rounds, quick, recording, messages.print)
        lines = more + lines
        document = figures | document
        document["book_alone"] = {
            "operations": book.operations,
            "fills": book.fills,
            "resting_at_the_end": book.resting,
            "books_agree": book.agrees,
            "batch": book.batch,
            "single": book.single,
            "sorted_dict": book.baseline,
        }
        messages.print(f"written to {harness.write_results(document, lines)}")
    if as_json:
        print(json.dumps(document | {"lines": [line.as_dict() for line in lines]}, indent=2))
    else:
        show(lines, document)


def peer_names(text: str) -> list[str]:
    """Return the peers that ``--peers`` names.

    >>> peer_names("none"), peer_names("backtesting,hftbacktest")
    ([], ['backtesting', 'hftbacktest'])
    """
    if text == "all":
        return list(PEER_NAMES)
    if text == "none":
        return []
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in PEER_NAMES:
            known = ", ".join(PEER_NAMES)
            raise InputError(f"--peers: no peer {name!r}; there are {known}; or say all or none")
    return list(dict.fromkeys(names))


def load_harness() -> Any:
    """Return the repository's ``bench.harness``, ``None`` where there is only the wheel."""
    if not (REPOSITORY / "bench" / "harness.py").is_file():
        return None
    if str(REPOSITORY) not in sys.path:
        sys.path.insert(0, str(REPOSITORY))
    return importlib.import_module("bench.harness")


def show(lines: list[Line], document: dict[str, Any]) -> None:
    """Print the table of figures."""
    console = Console(highlight=False)
    table = Table(title="Speed on one core (M/s: millions of events or operations)")
    for column in ("", "ours M/s", "peer M/s", "figure", "target", "met"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_column("remark")
    for line in lines:
        table.add_row(
            line.what,
            figure(line.ours),
            figure(line.peer),
            f"{figure(line.value)} {line.unit}" if line.value is not None else "-",
            f"{line.target:g} {line.unit}" if line.target else "",
            {True: "yes", False: "NO", None: ""}[line.met],
            line.note,
        )
    console.print(table)
    for sentence in remarks(document):
        console.print(sentence)


def figure(value: float | None) -> str:
    """Return three significant digits, ``-`` where there is no figure.

    >>> figure(12.345), figure(0.08512), figure(None)
    ('12.3', '0.0851', '-')
    """
    return "-" if value is None else f"{value:.3g}"


def remarks(document: dict[str, Any]) -> list[str]:
    """Return the sentences below the table: machine, tape, peers that are missing, fills."""
    sentences = []
    if "machine" in document:
        machine = document["machine"]
        tape = document["tape"]
        sentences.append(
            f"{machine['processor']}, {machine['cores']} cores, load {machine['load_average'][0]}, "
            f"Python {machine['python']}; {tape['source']}: {tape['events']:,} events, "
            f"{tape['trades']:,} trades; medians of {document['rounds']} rounds, processor time"
        )
    for name, peer in document.get("peers", {}).items():
        if peer["reason"]:
            sentences.append(f"{name} could not be measured: {peer['reason']}")
    reasons = {case["reason"] for case in document.get("cases", {}).values() if case["reason"]}
    sentences += [f"did not run: {reason}" for reason in sorted(reasons)]
    fills = document.get("fills", {})
    if "reason" in fills:
        return [*sentences, f"fills not compared: {fills['reason']}"]
    for case, played in FILL_CASES.items():
        outcome = fills.get(case, {})
        if "fills" in outcome:
            ours, theirs = outcome["fills"]
            sentences.append(
                f"fills, {played}: ours {ours:,}, hftbacktest {theirs:,}; alike in "
                f"{outcome['intervals_alike']:,} of {outcome['intervals']:,} intervals"
            )
    return sentences
