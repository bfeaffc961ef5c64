"""Run our engine and its peers in turn on the same tape and compare them.

Every case is a driver process that has loaded and warmed up; a round runs each of them once, one
after the other on one core, so that whatever slows the machine slows all.  Figures are medians
over the rounds.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.agreement import compare_fills
from bench.peers import BENCH, PEERS, Setup, set_up
from bench.tape import FULL_EVENTS, make_tape, read_about
from bench.worker import Driver, Figures
from simulator.cli.bench_own import Line

OURS = "ours"
BUDGET_SECONDS = 0.35
"""What our market maker may take on the full tape."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of our cases against one of a peer's: how many times faster we want to be."""

    what: str
    ours: str
    peer: str
    cases: tuple[str, ...]
    target: float


COMPARISONS = (
    Comparison("maker in Python : hftbacktest njit", "maker", "hftbacktest", ("njit",), 2),
    Comparison("maker in Python : hftbacktest Python", "maker", "hftbacktest", ("python",), 4),
    Comparison(
        "waking nobody : hftbacktest feed", "feed", "hftbacktest", ("feed", "feed-steps"), 4
    ),
    Comparison("each trade : nautilus_trader", "trades", "nautilus_trader", ("trades",), 20),
    Comparison("bars : backtesting.py", "bars", "backtesting", ("bars",), 10),
    Comparison("maker on the bare book : njit", "book-maker", "hftbacktest", ("njit",), 0),
    Comparison(
        "bare book : hftbacktest feed", "book-feed", "hftbacktest", ("feed", "feed-steps"), 0
    ),
)


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


def run_benchmarks(
    peers: list[str],
    runs: int,
    quick: bool,
    recording: Path | None,
    say: Callable[[str], None],
) -> tuple[list[Line], dict[str, Any]]:
    """Return the lines of the table and the whole document of figures."""
    say("making the tape")
    folder = make_tape(quick, recording)
    setups = {}
    for name in peers:
        say(f"setting up {name}")
        setups[name] = set_up(PEERS[name])
    core = _pin()
    measured = _measure(_keys(setups), folder, runs, core, say)
    say("comparing the fills")
    agreement = _agreement(setups, folder, core)
    document = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(core),
        "tape": read_about(folder),
        "peers": {name: _describe(setup) for name, setup in setups.items()},
        "cases": {
            f"{engine} {case}": {"reason": result.reason, "rounds": result.rounds}
            for (engine, case), result in measured.items()
        },
        "fills": agreement,
    }
    return _lines(measured, setups, quick), document


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


def _keys(setups: dict[str, Setup]) -> list[Key]:
    """Return the cases to run: ours, then those of each peer that works."""
    keys: list[Key] = []
    for comparison in COMPARISONS:
        if (OURS, comparison.ours) not in keys:
            keys.append((OURS, comparison.ours))
        setup = setups.get(comparison.peer)
        if setup is not None and setup.works:
            keys += [(comparison.peer, case) for case in comparison.cases]
    return keys


def _measure(
    keys: list[Key], folder: Path, runs: int, core: int | None, say: Callable[[str], None]
) -> dict[Key, Measured]:
    """Run every case once a round, for ``runs`` rounds; a case that fails ends with its reason."""
    drivers: dict[Key, Driver] = {}
    measured: dict[Key, Measured] = {}
    for key in keys:
        say(f"preparing {' '.join(key)}")
        try:
            drivers[key] = _start(key, folder, core)
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


def _start(key: Key, folder: Path, core: int | None) -> Driver:
    engine, case = key
    if engine == OURS:
        script = BENCH / "drivers" / "ours_driver.py"
        return Driver(Path(sys.executable), script, folder, case, core)
    return Driver(PEERS[engine].python, PEERS[engine].driver, folder, case, core)


def _agreement(setups: dict[str, Setup], folder: Path, core: int | None) -> dict[str, Any]:
    """Return how far our fills and hftbacktest's agree, or why that is not known."""
    setup = setups.get("hftbacktest")
    if setup is None or not setup.works:
        return {"reason": "hftbacktest was not run"}
    logs: dict[str, Path] = {}
    outcome: dict[str, Any] = {}
    wanted = [("hftbacktest", "record")]
    wanted += [(OURS, case) for case in ("record", "book-maker", "book-restated")]
    for key in wanted:
        try:
            driver = _start(key, folder, core)
            logs[key[1] if key[0] == OURS else key[0]] = folder / str(driver.run()["log"])
            driver.close()
        except RuntimeError as error:
            outcome[key[1]] = {"reason": f"{key[0]}: {error}"}
    theirs = logs.pop("hftbacktest", None)
    if theirs is None:
        return {"reason": outcome["record"]["reason"]}
    return outcome | {case: compare_fills(log, theirs) for case, log in logs.items()}


def _lines(measured: dict[Key, Measured], setups: dict[str, Setup], quick: bool) -> list[Line]:
    lines = []
    for comparison in COMPARISONS:
        setup = setups.get(comparison.peer) or Setup(PEERS[comparison.peer], reason="not asked for")
        lines.append(_compare(comparison, measured, setup))
    maker = measured[OURS, "maker"]
    what = "maker in Python, time of one core"
    if maker.rounds:
        seconds = median(run["seconds"] for run in maker.rounds)
        events = maker.rounds[0]["events"]
        note = f"{events:,} events, {maker.rounds[0]['orders']:,} orders"
        target = BUDGET_SECONDS * events / FULL_EVENTS if quick else BUDGET_SECONDS
        lines.append(Line(what, seconds, "s", target, maker.rate, None, note))
    else:
        lines.append(Line(what, None, "s", BUDGET_SECONDS, note="ours did not run"))
    return lines


def _compare(comparison: Comparison, measured: dict[Key, Measured], setup: Setup) -> Line:
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


def _describe(setup: Setup) -> dict[str, str]:
    return {"version": setup.version, "python": setup.python, "reason": setup.reason}


def _pin() -> int | None:
    """Return the core that drivers run on; ``None`` where there is no pinning."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return max(os.sched_getaffinity(0))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write_results(document: dict[str, Any], lines: list[Line]) -> Path:
    """Write everything to ``bench/results`` and return the file."""
    folder = BENCH / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{document['time'].replace(':', '')}.json"
    path.write_text(json.dumps(document | {"lines": [line.as_dict() for line in lines]}, indent=1))
    return path
