"""Cases run in turn, and the lines of figures that compare them.

A round runs each case once, one after the other on one core, so that whatever slows the machine
slows all.  Figures are medians over the rounds.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.peers import Setup
from bench.worker import Driver, Figures
from simulator.cli.bench_own import Line

OURS = "ours"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of our cases against one of a peer's: how many times faster we want to be."""

    what: str
    ours: str
    peer: str
    cases: tuple[str, ...]
    target: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A case after all rounds, or the reason why it has no figures."""

    rounds: list[Figures]
    reason: str = ""

    @property
    def rate(self) -> float:
        """Millions of events a second of one core, median."""
        rates = [float(run["events"]) / float(run["seconds"]) for run in self.rounds]
        return median(rates) / 1e6


Key = tuple[str, str]
"""Engine and case."""


def cases_of(comparisons: Sequence[Comparison], setups: Mapping[str, Setup]) -> list[Key]:
    """Return the cases to run: ours, then those of each peer that works."""
    keys: list[Key] = []
    for comparison in comparisons:
        if (OURS, comparison.ours) not in keys:
            keys.append((OURS, comparison.ours))
        setup = setups.get(comparison.peer)
        if setup is not None and setup.works:
            keys += [(comparison.peer, case) for case in comparison.cases]
    return list(dict.fromkeys(keys))


def play(
    keys: list[Key], start: Callable[[Key], Driver], runs: int, say: Callable[[str], None]
) -> dict[Key, Measured]:
    """Run every case once a round, for ``runs`` rounds; a case that fails ends with its reason."""
    drivers: dict[Key, Driver] = {}
    measured: dict[Key, Measured] = {}
    for key in keys:
        say(f"preparing {' '.join(key)}")
        try:
            drivers[key] = start(key)
            measured[key] = Measured([])
        except RuntimeError as error:
            measured[key] = Measured([], str(error))
    for number in range(runs):
        say(f"round {number + 1} of {runs}")
        for key in list(drivers):
            try:
                measured[key].rounds.append(drivers[key].run())
            except RuntimeError as error:
                measured[key] = Measured([], str(error))
                drivers.pop(key).close()
    for driver in drivers.values():
        driver.close()
    return measured


def compare(comparison: Comparison, measured: dict[Key, Measured], setup: Setup) -> Line:
    """Return the line of one comparison, against the fastest of the peer's cases."""
    ours = measured[OURS, comparison.ours]
    theirs = [measured.get((comparison.peer, case)) for case in comparison.cases]
    rates = [case.rate for case in theirs if case is not None and case.rounds]
    reasons = ["ours did not run"] if ours.reason else []
    if not setup.works:
        reasons.append(f"{comparison.peer}: {setup.reason}")
    reasons += [f"{comparison.peer}: {case.reason}" for case in theirs if case and case.reason]
    our_rate = ours.rate if ours.rounds else None
    peer_rate = max(rates) if rates else None
    ratio = our_rate / peer_rate if our_rate and peer_rate else None
    note = "; ".join(reasons) or f"{comparison.peer} {setup.version}"
    return Line(comparison.what, ratio, "x", comparison.target, our_rate, peer_rate, note)


def pin() -> int | None:
    """Return the core that drivers run on; ``None`` where there is no pinning."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return max(os.sched_getaffinity(0))


def machine(core: int | None) -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned_to_core": core,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def described(setup: Setup) -> dict[str, str]:
    return {"version": setup.version, "python": setup.python, "reason": setup.reason}
