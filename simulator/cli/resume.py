"""``unimargin resume``: go on with a run that was cut off, where its journal ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.engine import note
from simulator.cli.run import make_folder, play
from simulator.cli.shown import show
from simulator.cli.strategies import strategy_class

if TYPE_CHECKING:
    from simulator.report.result import RunResult

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def resume(
    db: str = typer.Argument(help="The database: FILE.db or postgresql://..."),
    run: int = typer.Argument(help="Number of the run; `unimargin db runs DB` lists them."),
    strategy: Annotated[
        list[str] | None,
        typer.Option(help="path.py:Class, where the run has strategies from files."),
    ] = None,
    from_start: bool = typer.Option(
        False, "--from-start", help="Leave snapshots out: play all of it again and compare."
    ),
    out: Annotated[
        Path | None, typer.Option(help="Folder for report, pictures and Parquet files.")
    ] = None,
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
    no_report: bool = typer.Option(False, "--no-report", help="No HTML and PNG under --out."),
    png: bool = typer.Option(False, "--png", help="Also one PNG a picture, under --out."),
) -> None:
    """Go on with a run that was cut off; it ends as it would have ended."""
    from simulator.cli.stored import engine_again, made_by_command, strategies_again
    from simulator.cli.verify import stands_in
    from simulator.store.database import Database
    from simulator.store.difference import Difference
    from simulator.store.resume import Resumption, Way, differs, played
    from simulator.store.settings import stored_rulebook

    if out is not None:
        make_folder(out)
    with Database.open(db) as database:
        which = f"{database.where}: run {run}"

        def attempt(way: Way) -> RunResult:
            with Resumption(
                database,
                run,
                way=way,
                stand_ins=lambda kinds: stands_in(
                    which, journal.settings, stored_rulebook(journal.row), kinds
                ),
                note=note,
                rows_behind=True,
            ) as journal:
                told = made_by_command(journal.settings, which)
                names = strategies_again(told, strategy or (), which)
                kinds = [strategy_class(name, note=note) for name in names]
                engine = engine_again(told, stored_rulebook(journal.row), kinds)
                return play(engine, kinds, f"run {run}", journal)

        try:
            result = played(attempt, from_start, note)
        except Difference as error:
            raise differs(which, error) from error
    show([result], as_json=as_json, out=out, report=not no_report, png=png)
