"""One case, run and checked: what happens in it must keep every rule, and happen again.

`run` plays a case row by row under watch, then again in other ways without; the digests must
agree.  Whatever is raised is a finding: the venue's own assertions, the auditors', and any other.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.simulation import Simulation
from tests.simulation.hunt import world
from tests.simulation.hunt.again import once_more
from tests.simulation.hunt.case import Case
from tests.simulation.hunt.marks import listening
from tests.simulation.hunt.trader import Trader
from tests.simulation.hunt.watch import Watch

Story = Callable[[str], None]


@dataclass
class Finding:
    """What was found in a case: ``said`` is empty where nothing was."""

    said: str = ""
    where: str = ""
    row: int = 0
    events: int = 0
    looks: int = 0
    digest: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What stays the same while a case is made smaller: where it was raised."""
        return self.where


def traders_of(case: Case) -> list[Trader]:
    """Return the strategies of a case."""
    number = range(len(world.accounts_of(case.world)))
    return [Trader(one, case.commands, case.world) for one in number]


@contextmanager
def strict() -> Iterator[list[Any]]:
    """Warnings are errors, and what Python could only print is kept."""
    unraisable: list[Any] = []
    hook = sys.unraisablehook
    sys.unraisablehook = lambda told: unraisable.append((told.exc_value, str(told.object)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield unraisable
    finally:
        sys.unraisablehook = hook


def run(
    case: Case,
    story: Story | None = None,
    prepare: Callable[[Any], None] | None = None,
    *,
    again: bool = True,
) -> Finding:
    """Run a case and return what was found.

    ``story`` is told what happens; ``prepare`` may change the run before it starts (a deliberate
    fault); ``again``: once more in other ways, for the digest.
    """
    found = Finding()
    with tempfile.TemporaryDirectory() as folder, strict() as unraisable:
        watch = None
        try:
            path = world.tape(case.world, case.rows, Path(folder))
            traders = traders_of(case)
            with listening(case):
                made = world.simulation(case.world, path, traders)
            watch = Watch(made, case)
            made.watch = watch  # type: ignore[attr-defined]
            if story is not None:
                _tell(watch, traders, story)
            if prepare is not None:
                prepare(made)
            digest = watch.play()
            watch.end(traders)
            assert not unraisable, f"could not be raised: {unraisable[0]}"
            found.digest = digest
            found.counts.update(watch.told())
            for trader in traders:
                found.counts.update({f"told {what}": n for what, n in trader.told.items()})
            found.counts.update(_told(made))
            found.events += made.core.events
            if again:
                found.events += _again(case, path, digest)
        except Exception as error:  # whatever it is, it is a finding
            _blame(found, error)
        if watch is not None:
            found.row, found.looks = watch.rows, watch.looks
    return found


def _again(case: Case, path: Path, digest: str) -> int:
    def make(strategies: list[Any] | None = None) -> Simulation:
        return world.simulation(case.world, path, strategies or list(traders_of(case)))

    return once_more(make, digest, len(case.rows), case.seed)


def _blame(found: Finding, error: Exception) -> None:
    """Say what was raised, and in which line of whose code."""
    stack = traceback.extract_tb(error.__traceback__)
    last = stack[-1]
    found.trace = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in stack]
    found.said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    found.where = f"{Path(last.filename).name}:{last.name}:{type(error).__name__}"


def _told(made: Simulation) -> Counter[str]:
    """What was asked of the desk, and what came of it."""
    counts: Counter[str] = Counter()
    for account in range(1, 1 + made.roster.trading):
        for event in made.desk.accounts[account].funds.events:
            counts[f"{event.operation.name} {event.refusal or 'done'}"] += 1
    for step in made.desk.steps():
        counts[f"{step.step.name} {step.refusal.name if step.refusal else 'taken'}"] += 1
    return counts


def _tell(watch: Any, traders: list[Trader], story: Story) -> None:
    """Have outcomes and commands told as they come."""
    from simulator.events.outcomes import Outcome

    def outcomes(asked: Any, rows: Any) -> None:
        for row in rows.tolist():
            story(f"row {watch.rows:6} {row[0]}  {Outcome(row[1]).name:<16} {row[2:]}")

    watch.story = outcomes
    for trader in traders:
        trader.says = lambda now, command: story(f"row {watch.rows:6} {now}    asks {command[2:]}")
