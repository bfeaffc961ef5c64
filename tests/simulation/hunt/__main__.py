"""Hunt for violations: ``python -m tests.simulation.hunt`` draws seeds, ``--seed N`` replays one.

A seed that fails is made small and kept in tests/simulation/regressions, which the suite replays.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.simulation.hunt import case as cases
from tests.simulation.hunt.case import Case
from tests.simulation.hunt.hunt import Finding, run
from tests.simulation.hunt.sessions import Session, frozen
from tests.simulation.hunt.shrink import shrink

REGRESSIONS = Path(__file__).parent.parent / "regressions"
SHRINK_SECONDS = 120.0
LAST_LINES = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 1 where something was found, 2 for a wrong command line."""
    told = _parser().parse_args(arguments)
    with frozen():
        if told.case is not None:
            return _replay(cases.read(told.case))
        if told.seed is not None:
            return _replay(cases.draw(told.seed), keep=told.shrink)
        return _hunt(told.first, told.seconds, keep=told.shrink, stop=told.stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hunt", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this seed and tell what happens")
    parser.add_argument("--case", type=Path, help="replay a case that was kept")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to draw seeds")
    parser.add_argument("--first", type=int, default=None, help="first seed, else by the clock")
    parser.add_argument("--no-shrink", dest="shrink", action="store_false")
    parser.add_argument("--stop", action="store_true", help="stop at the first that is found")
    return parser


def _replay(case: Case, keep: bool = False) -> int:
    """Tell the last that happened in a case, and what was found."""
    print(case)
    lines: list[str] = []
    found = run(case, lines.append)
    if not found.said:
        print(f"nothing found: {found.events:,} events, digest {found.digest[:16]}")
        return 0
    print(f"  ... {max(0, len(lines) - LAST_LINES)} lines before these")
    for line in lines[-LAST_LINES:]:
        print(f"  {line}")
    print(f"FOUND at row {found.row}: {found.said}\n  raised in {' > '.join(found.trace)}")
    if keep:
        _keep(case, found)
    return 1


def _hunt(first: int | None, seconds: float, keep: bool, stop: bool) -> int:
    """Draw seeds for some time; say how much was looked at."""
    seed = first if first is not None else int(time.time()) * 1000
    begun = seed
    session = Session()
    kinds: set[str] = set()
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        found = session.add(seed)
        if found.said:
            print(f"seed {seed}, row {found.row}: {found.said[:300]} ({found.where})", flush=True)
            if keep and found.kind not in kinds:
                _keep(*session.found[-1])
            kinds.add(found.kind)
        seed += 1
        if found.said and stop:
            break
    spent = time.monotonic() - started
    print(
        f"seeds {begun} to {seed - 1}: {session.events:,} events in {spent:.0f} s "
        f"({session.events / spent:,.0f}/s), {session.looks:,} times all was checked, "
        f"{len(session.found)} violations"
    )
    counted = (f"{name} {count:,}" for name, count in sorted(session.counts.items()))
    print(", ".join(counted), file=sys.stderr)
    return 1 if session.found else 0


def _keep(case: Case, found: Finding) -> None:
    small, told = shrink(case, found, SHRINK_SECONDS)
    path = REGRESSIONS / f"seed_{case.seed}.json"
    cases.write(small, path)
    print(
        f"  {len(case.rows)} rows and {len(case.commands)} commands became {len(small.rows)} and "
        f"{len(small.commands)}: {path.name}; {told.said[:200]}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
