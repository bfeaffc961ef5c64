"""What a journal costs: the market maker with it off, on SQLite and on PostgreSQL.

``python -m bench.journal`` replays the common tape (`bench.tape`) with the maker of
bench/market_maker.md in turn: without a journal, with one in a file, and with one on a server of
this bench's own where PostgreSQL is installed.  Clocks begin at ``on_start``:

- *replayed*: to ``on_stop``, every batch but the last cut and handed over
- *durable*: to the last acknowledgement: from here on nothing can be lost
- *closed*: until it is durable too that the run is done, and the run goes on without its journal
- *rows*: until all rows stand in their tables and the writing process has ended; a run in Python
  returns then, if not told otherwise, and the command line ends then, after the report

These are the wall's, because the journal is written by a process of its own.  *processor* is the
time of the run's process until the run is closed, *writer* that of the writing process, without the
imports that it begins with.  The best of the rounds counts: other work on the machine only adds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.ours import DEPOSIT, Maker
from bench.tape import make_tape, read_about
from simulator.simulation import Simulation
from simulator.store.database import Database
from simulator.store.journal import Journal

ROUNDS = 5
REST_SECONDS = 1.0
"""Between opening a journal and the run: the writing process has started by then."""

WALL = ("replayed", "durable", "closed", "rows")
TICKS = os.sysconf("SC_CLK_TCK")


class Watched(Journal):
    """A journal that notes when all was durable, when it was closed, and when rows were there."""

    def begin(self, run: Any) -> int:
        assert self._process is not None
        self.pid = self._process.child.pid
        self.started = processor_of(self.pid)
        return super().begin(run)

    def close(self, status: str) -> None:
        assert self.writer is not None
        self.writer.flush()
        self.durable_at = time.perf_counter()
        super().close(status)
        self.closed_at, self.processor = time.perf_counter(), time.process_time()
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)  # it has its figures until reaped
        self.rows_at = time.perf_counter()
        self.writing = processor_of(self.pid) - self.started
        self.wait()


def processor_of(pid: int) -> float:
    """Return the processor time of another process so far, s, without that of its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def replay(folder: Path, place: str | None) -> dict[str, Any]:
    """Play the tape once; return seconds."""
    strategy = Maker()
    simulation = Simulation(
        data=[folder / "tape.parquet"],
        mode="unified",
        strategies=[strategy],
        deposits=DEPOSIT,
        seed=1,
    )
    blocks = iter(list(simulation.player.blocks()))
    journal = None if place is None else Watched.open(place, rows_behind=True)
    time.sleep(REST_SECONDS)
    digest = simulation.run(blocks=blocks, journal=journal).digest
    began, ended = strategy.began, strategy.ended
    figures: dict[str, Any] = {
        "digest": digest,
        "replayed": ended[1] - began[1],
        "processor": ended[0] - began[0],
    }
    if journal is not None:
        figures |= {
            "durable": journal.durable_at - began[1],
            "closed": journal.closed_at - began[1],
            "rows": journal.rows_at - began[1],
            "processor": journal.processor - began[0],
            "writer": journal.writing,
        }
    return figures


def rows_of(place: str) -> int:
    """Return the number of rows of all tables of the last run."""
    database = Database.open(place)
    last = database.last_batch(database.runs()[-1]["run"])
    return 0 if last is None else sum(last["counts"].values())


def measure(folder: Path, rounds: int, postgres: bool) -> dict[str, Any]:
    """Return the figures of every round, by kind of journal."""
    found: dict[str, list[dict[str, Any]]] = {}
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        places: dict[str, str | None] = {"off": None, "SQLite": str(temporary / "runs.db")}
        if postgres:
            url = _server(stack)
            if url is None:
                print("PostgreSQL is not installed: left out", file=sys.stderr)
            else:
                places["PostgreSQL"] = url
        for _ in range(rounds):
            for name, place in places.items():
                found.setdefault(name, []).append(replay(folder, place))
        digests = {one["digest"] for several in found.values() for one in several}
        assert len(digests) == 1, "a journal changed the run"
        written = rows_of(str(places["SQLite"]))
        size = os.path.getsize(temporary / "runs.db") / rounds
    return {"rounds": found, "rows": written, "bytes_a_run": round(size), "digest": digests.pop()}


def _server(stack: ExitStack) -> str | None:
    from tests.store.postgres import Server, binaries

    programs = binaries()
    if programs is None:
        return None
    server = Server(programs)
    stack.callback(server.remove)
    return server.create("runs")


def table(rounds: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return lines of the best seconds of each kind, and their share of the rate without."""
    off = {what: _best(rounds["off"], what) for what in ("replayed", "processor")}
    lines = [f"{'best, s':<12}" + "".join(f"{what:>16}" for what in (*WALL, "processor", "writer"))]
    for name, several in rounds.items():
        cells = []
        for what in (*WALL, "processor", "writer"):
            if what not in several[0]:
                cells.append(f"{'':>16}")
                continue
            seconds = _best(several, what)
            base = off["replayed"] if what in WALL else off["processor"]
            share = "" if what == "writer" else f"{base / seconds:6.0%}"
            cells.append(f"{seconds:9.2f} {share:>6}")
        lines.append(f"{name:<12}" + "".join(cells))
    return lines


def _best(several: Sequence[dict[str, Any]], what: str) -> float:
    return min(float(one[what]) for one in several)


def main() -> None:
    """Measure, print a table, or with --json everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the tape")
    parser.add_argument("--runs", type=int, default=ROUNDS, help="rounds")
    parser.add_argument("--no-postgres", action="store_true", help="leave PostgreSQL out")
    parser.add_argument("--tape", type=Path, help="folder of a tape that is already made")
    parser.add_argument("--json", action="store_true", help="print all figures")
    options = parser.parse_args()
    folder = options.tape or make_tape(options.quick)
    loads = [os.getloadavg()[0]]
    figures = measure(folder, options.runs, not options.no_postgres)
    loads.append(os.getloadavg()[0])
    figures |= {"events": read_about(folder)["events"], "load": loads}
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    print(
        f"{figures['events']:,} events, {figures['rows']:,} rows of the journal; "
        f"{options.runs} rounds at a load of {loads[0]:.1f} to {loads[1]:.1f}; "
        "shares are rates, of the rate without a journal"
    )
    print("\n".join(table(figures["rounds"])))


if __name__ == "__main__":
    main()
