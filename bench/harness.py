"""Run our engine and its peers in turn on the same tape and compare them.

Every case is a driver process that has loaded and warmed up; a round runs each of them once, one
after the other on one core, so that whatever slows the machine slows all.  Figures are medians
over the rounds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench.agreement import compare_fills
from bench.cascade import cascade_lines
from bench.margin import margin_lines
from bench.marks import marks_line
from bench.peers import BENCH, PEERS, Setup, set_up
from bench.rounds import (
    OURS,
    Comparison,
    Key,
    Measured,
    cases_of,
    compare,
    described,
    machine,
    pin,
    play,
)
from bench.tape import FULL_EVENTS, make_tape, read_about
from bench.worker import Driver
from simulator.cli.bench_own import Line

BUDGET_SECONDS = 0.35
"""What our market maker may take on the full tape."""


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
    core = pin()
    measured = play(cases_of(COMPARISONS, setups), lambda key: _start(key, folder, core), runs, say)
    say("comparing the fills")
    agreement = _agreement(setups, folder, core)
    document = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(core),
        "tape": read_about(folder),
        "peers": {name: described(setup) for name, setup in setups.items()},
        "cases": {
            f"{engine} {case}": {"reason": result.reason, "rounds": result.rounds}
            for (engine, case), result in measured.items()
        },
        "fills": agreement,
    }
    more, document["population"] = _population(setups.get("lrvx"), quick, min(runs, 3), say)
    return _lines(measured, setups, quick) + more, document


def _population(
    peer: Setup | None, quick: bool, rounds: int, say: Callable[[str], None]
) -> tuple[list[Line], dict[str, Any]]:
    """Return the lines about many accounts: margin of all, marks, a cascade."""
    accounts = 10_000 if quick else 100_000
    say("margin of many accounts")
    lines, margins = margin_lines(accounts, accounts // 10, rounds)
    say("marks of many positions")
    line, marks = marks_line(accounts, peer is not None and peer.works)
    more, cascade = cascade_lines([accounts], rounds, peer, say)
    return [*lines, line, *more], {"margin": margins, "marks": marks, "cascade": cascade}


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
        lines.append(compare(comparison, measured, setup))
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


def write_results(document: dict[str, Any], lines: list[Line]) -> Path:
    """Write everything to ``bench/results`` and return the file."""
    folder = BENCH / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{document['time'].replace(':', '')}.json"
    path.write_text(json.dumps(document | {"lines": [line.as_dict() for line in lines]}, indent=1))
    return path
