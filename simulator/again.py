"""Past runs for Python code: go on with one, or check one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.store.database import Database
from simulator.store.difference import Difference
from simulator.store.resume import Resumption, Way, differs, played
from simulator.store.settings import stored_rulebook
from simulator.store.verify import Verification
from simulator.store.verify import verify as check
from simulator.strategy.base import Strategy

if TYPE_CHECKING:
    from simulator.report.result import RunResult
    from simulator.rulebook.schema import Rulebook
    from simulator.simulation import Simulation

Make = Callable[[Sequence[Strategy] | None], "Simulation"]
"""Makes the simulation of a run anew, with the strategies given, or with its own for None."""


def resume(
    db: str | Path,
    run: int,
    *,
    make: Make | None = None,
    strategies: Sequence[str] = (),
    from_start: bool = False,
) -> RunResult:
    """Go on with a run that was cut off, and return its result: that of a run that never was.

    ``make`` builds the simulation of a run that Python code made.  Of a run of the command line
    ``strategies`` names those from files, as ``path.py:Class``: they are code, and load only so.
    ``from_start`` leaves snapshots out.  Raises ``InputError`` where the run is done, is not there,
    has other data, or is another run when it is played again.
    """
    with Database.open(db) as database:
        which = f"{database.where}: run {run}"
        made = _maker(make, which)

        def attempt(way: Way) -> RunResult:
            with Resumption(
                database,
                run,
                way=way,
                stand_ins=lambda kinds: made(journal.settings, stored_rulebook(journal.row), kinds),
            ) as journal:
                simulation = _simulation(journal, make, strategies, which)
                result: RunResult = simulation.run(journal=journal)
            return result

        try:
            return played(attempt, from_start)
        except Difference as error:
            raise differs(which, error) from error


def _simulation(
    journal: Resumption, make: Make | None, strategies: Sequence[str], which: str
) -> Any:
    """Return the simulation of a stored run, with its own strategies."""
    if make is not None:
        return make(None)
    from simulator.cli.stored import engine_again, made_by_command, strategies_again
    from simulator.cli.strategies import strategy_class

    told = made_by_command(journal.settings, which)
    kinds = [strategy_class(name) for name in strategies_again(told, strategies, which)]
    return engine_again(told, stored_rulebook(journal.row), kinds)


def _maker(
    make: Make | None, which: str
) -> Callable[[dict[str, Any], Rulebook, list[type[Strategy]]], Any]:
    """Return what makes the simulation of a stored run with stand-ins."""

    def made(settings: dict[str, Any], rulebook: Rulebook, kinds: list[type[Strategy]]) -> Any:
        if make is not None:
            return make([kind() for kind in kinds])
        from simulator.cli.verify import stands_in

        return stands_in(which, settings, rulebook, kinds)

    return made


def verify(
    db: str | Path, run: int, *, make: Make | None = None, strict: bool = False
) -> Verification:
    """Check a stored run by its own rows and by playing its commands again, and say what was found.

    ``make`` builds the simulation of a run that Python code made, with the strategies that it is
    given.  ``strict`` checks the venue's invariants after every event.  Raises ``Difference`` or
    ``Violation`` (`simulator.store`) at the first thing that is not in order.
    """
    with Database.open(db) as database:
        return check(database, run, _maker(make, f"{database.where}: run {run}"), strict=strict)
