"""What a journal costs: the market maker with it off, on SQLite and on PostgreSQL.

``python -m bench.journal`` replays the common tape (`bench.tape`) with the maker of
bench/market_maker.md in turn: without a journal, with one in a file, and with one on a server of
this bench's own where PostgreSQL is installed.  The clock is the wall's, because the journal is
written by a process of its own, from ``on_start`` on:

- *replayed*: to ``on_stop``, every batch cut and handed over
- *durable*: to the last acknowledgement: from here on nothing can be lost
- *closed*: until all rows stand in their tables and the writing process has ended

Processor time is given for the run alone and for the processes that write.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.ours import DEPOSIT, Maker
from bench.tape import make_tape, read_about
from simulator.simulation import Simulation
from simulator.store.database import Database
from simulator.store.journal import Journal

RUNS, QUICK_RUNS = 5, 3
REST_SECONDS = 1.0
"""Between opening a journal and the run: the writing process has started by then."""


class Watched(Journal):
    """A journal that notes when all was durable, and when it was closed."""

    def close(self, status: str) -> None:
        assert self.writer is not None
        self.cut_at = time.perf_counter()
        self.writer.flush()
        self.durable_at = time.perf_counter()
        super().close(status)
        self.closed_at = time.perf_counter()


def replay(folder: Path, place: str | None) -> dict[str, float | str]:
    """Play the tape once; return seconds and, of a journal, what it wrote."""
    strategy = Maker()
    simulation = Simulation(
        data=[folder / "tape.parquet"],
        mode="unified",
        strategies=[strategy],
        deposits=DEPOSIT,
        seed=1,
    )
    blocks = iter(list(simulation.player.blocks()))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    journal = None if place is None else Watched.open(place)
    time.sleep(REST_SECONDS)
    digest = simulation.run(blocks=blocks, journal=journal).digest
    began, ended = strategy.began, strategy.ended
    figures: dict[str, float | str] = {
        "digest": digest,
        "replayed": ended[1] - began[1],
        "processor": ended[0] - began[0],
    }
    if journal is not None:
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures["durable"] = journal.durable_at - began[1]
        figures["closed"] = journal.closed_at - began[1]
        figures["writer_processor"] = (
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        )
    return figures


def rows_of(place: str) -> int:
    """Return the number of rows of all tables of the last run."""
    database = Database.open(place)
    last = database.last_batch(database.runs()[-1]["run"])
    return 0 if last is None else sum(last["counts"].values())


def measure(folder: Path, runs: int, postgres: bool) -> dict[str, Any]:
    """Return the figures of every round, by kind of journal."""
    found: dict[str, list[dict[str, float | str]]] = {}
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        places: dict[str, str | None] = {"off": None, "SQLite": str(temporary / "runs.db")}
        if postgres:
            url = _server(stack)
            if url is None:
                print("PostgreSQL is not installed: left out", file=sys.stderr)
            else:
                places["PostgreSQL"] = url
        for number in range(runs + 1):  # the first round warms caches and is not counted
            for name, place in places.items():
                figures = replay(folder, place)
                if number:
                    found.setdefault(name, []).append(figures)
        digests = {str(one["digest"]) for rounds in found.values() for one in rounds}
        assert len(digests) == 1, "a journal changed the run"
        written = rows_of(str(places["SQLite"]))
        size = os.path.getsize(temporary / "runs.db") / (runs + 1)
    return {"rounds": found, "rows": written, "bytes_a_run": round(size), "digest": digests.pop()}


def _server(stack: ExitStack) -> str | None:
    from tests.store.postgres import Server, binaries

    programs = binaries()
    if programs is None:
        return None
    server = Server(programs)
    stack.callback(server.remove)
    return server.create("runs")


def main() -> None:
    """Measure, print a table, or with --json everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the tape, three rounds")
    parser.add_argument("--runs", type=int, default=0, help="rounds")
    parser.add_argument("--no-postgres", action="store_true", help="leave PostgreSQL out")
    parser.add_argument("--tape", type=Path, help="folder of a tape that is already made")
    parser.add_argument("--json", action="store_true", help="print all figures")
    options = parser.parse_args()
    folder = options.tape or make_tape(options.quick)
    events = read_about(folder)["events"]
    runs = options.runs or (QUICK_RUNS if options.quick else RUNS)
    figures = measure(folder, runs, not options.no_postgres)
    figures["events"] = events
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{events:,} events, {figures['rows']:,} rows of the journal")
    off = statistics.median(float(one["replayed"]) for one in figures["rounds"]["off"])
    for name, rounds in figures["rounds"].items():
        for what in ("replayed", "durable", "closed", "processor", "writer_processor"):
            if what not in rounds[0]:
                continue
            seconds = statistics.median(float(one[what]) for one in rounds)
            share = "" if "processor" in what else f"{off / seconds:6.0%} of off"
            print(f"{name:<11}{what:<17}{seconds:6.2f} s {events / seconds / 1e6:6.2f} M/s {share}")


if __name__ == "__main__":
    main()
