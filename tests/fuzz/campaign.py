"""Many inputs for every target, each from its number: ``python -m tests.fuzz.campaign --inputs N``.

Targets are read in turns.  After each turn the rest is spread anew over them, in inverse ratio to
the square root of what an input costs: a target of which an input takes 100 times as long gets a
tenth of the inputs, and ten times the time.  So a campaign that is cut short has read some of
everything.  Each target has a process of its own (`worker`), with a bound on its memory; one at a
time reads, on one processor, its files in memory where the machine has a folder for that.

Each finding has the number of the first input that shows it, which ``--only TARGET NUMBER`` reads
again, and whose bytes are kept in ``--keep``.  ``--record FILE`` goes on behind what earlier
campaigns read and counts on.  Exit code 1 if there is a finding.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fuzz.target import Target
    from tests.fuzz.worker import Found, Worker

ONE_THREAD = ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""Threads that hand a table of ten rows to each other cost more than the reading; and a process
must have none when it is forked."""

FIRST_TURN = 40
"""Inputs of each target in the first turn, which tells what one costs."""

TURN_SECONDS = 60.0
"""Processor time of a turn; of what is left, so many inputs are spread."""

LEAST_SECONDS = 0.0005
"""What an input costs at least as inputs are spread, so that no target has most of them."""

IN_MEMORY = Path("/dev/shm")
LEAST_BYTES = 2 * 2**30
"""Space that a folder in memory must have."""


def spread(costs: Mapping[str, float], inputs: int) -> dict[str, int]:
    """Return inputs of each target, at least one, by the seconds that one costs.

    >>> spread({"quick": 0.001, "slow": 0.1}, 1100)
    {'quick': 1000, 'slow': 100}
    """
    weights = {name: 1 / math.sqrt(max(cost, LEAST_SECONDS)) for name, cost in costs.items()}
    total = sum(weights.values())
    return {name: max(1, round(inputs * weight / total)) for name, weight in weights.items()}


class Campaign:
    """What was read and found, target by target."""

    def __init__(self, targets: Sequence[Target], first: int, until: float) -> None:
        worker = import_module("tests.fuzz.worker")
        self.targets, self.until = targets, until
        self.found: dict[str, Found] = {one.name: worker.Found() for one in targets}
        self.next = {one.name: first for one in targets}
        self.workers: dict[str, Worker] = {
            one.name: worker.Worker(one, Path(tempfile.mkdtemp(prefix="fuzz-worker-")))
            for one in targets
        }

    @property
    def inputs(self) -> int:
        """How many were read."""
        return sum(one.inputs for one in self.found.values())

    @property
    def wrong(self) -> int:
        """How many different things were found."""
        return sum(len(one.wrong) for one in self.found.values())

    def read(self, inputs: int) -> None:
        """Read so many, in turns, or as many as there is time for."""
        try:
            self._turns(inputs)
        finally:
            for worker in self.workers.values():
                worker.end()

    def _turns(self, inputs: int) -> None:
        self.turn({one.name: min(FIRST_TURN, inputs) for one in self.targets})
        while (rest := inputs - self.inputs) > 0 and time.monotonic() < self.until:
            costs = {name: one.each for name, one in self.found.items()}
            seconds = sum(count * costs[name] for name, count in spread(costs, rest).items())
            self.turn(spread(costs, min(rest, math.ceil(rest * TURN_SECONDS / seconds))))
            spent = sum(one.seconds for one in self.found.values())
            print(
                f"{self.inputs:,} of {inputs:,} inputs, {spent:,.0f} s of processor time, "
                f"{self.wrong} findings",
                flush=True,
            )

    def turn(self, counts: Mapping[str, int]) -> None:
        """Read inputs of each target; a worker that dies is followed by another."""
        for target in self.targets:
            end = self.next[target.name] + counts[target.name]
            while (at := self.next[target.name]) < end and time.monotonic() < self.until:
                found, self.next[target.name] = self.workers[target.name].read(
                    at, end - at, self.until
                )
                self._add(target, found)

    def _add(self, target: Target, more: Found) -> None:
        known = self.found[target.name]
        known.inputs += more.inputs
        known.refused += more.refused
        known.seconds += more.seconds
        known.slowest = max(known.slowest, more.slowest)
        known.grown = max(known.grown, more.grown)
        for key, (times, number, words) in more.wrong.items():
            if key not in known.wrong:
                print(f"FOUND {target.name} {number}: {key}: {words}", flush=True)
            before, first, said = known.wrong.get(key, (0, number, words))
            known.wrong[key] = (before + times, first, said)

    def table(self) -> str:
        """Return a line for each target, and one for all."""
        lines = []
        for name, one in self.found.items():
            lines.append(
                f"{name:18} {one.inputs:>10,} inputs {one.refused:>10,} refused "
                f"{sum(times for times, _, _ in one.wrong.values()):>5} wrong "
                f"{1000 * one.each:>8.2f} ms each, slowest {one.slowest[0]:.1f} s "
                f"({one.slowest[1]}), memory +{one.grown:.0f} MB"
            )
        refused = sum(one.refused for one in self.found.values())
        seconds = sum(one.seconds for one in self.found.values())
        lines.append(
            f"{'all':18} {self.inputs:>10,} inputs {refused:>10,} refused, "
            f"{self.wrong} findings, {seconds:,.0f} s of processor time"
        )
        return "\n".join(lines)

    def keep(self, folder: Path) -> None:
        """Write the first input of each finding."""
        random_of = import_module("tests.fuzz.target").random_of
        folder.mkdir(parents=True, exist_ok=True)
        for target in self.targets:
            for _, number, _ in self.found[target.name].wrong.values():
                data = target.made(random_of(target.name, number))
                (folder / f"{target.name.replace(' ', '-')}-{number}").write_bytes(data)

    def record(self, file: Path) -> None:
        """Go on behind what a file says was read before."""
        if file.exists():
            for name, number in json.loads(file.read_text())["next"].items():
                if name in self.next:
                    self.next[name] = max(self.next[name], number)

    def write(self, file: Path) -> str:
        """Add to what a file says was read before; return what it says now."""
        old: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        inputs, refused = old.get("inputs", {}), old.get("refused", {})
        for name, one in self.found.items():
            inputs[name] = inputs.get(name, 0) + one.inputs
            refused[name] = refused.get(name, 0) + one.refused
        new = {"next": old.get("next", {}) | self.next, "inputs": inputs, "refused": refused}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(new, indent=1))
        return f"{sum(inputs.values()):,} inputs in all campaigns of {file}"


@contextmanager
def in_memory() -> Iterator[None]:
    """Let temporary folders lie in memory, where there is room."""
    room = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > LEAST_BYTES
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=IN_MEMORY if room else None) as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        try:
            yield
        finally:
            tempfile.tempdir = before[0]
            if before[1] is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before[1]


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign, or read a single input."""
    parser = argparse.ArgumentParser(description="Hostile inputs for everything that reads.")
    parser.add_argument("--inputs", type=int, default=10_000, help="in all")
    parser.add_argument("--minutes", type=float, default=90.0, help="at most")
    parser.add_argument("--first", type=int, default=0, help="number of each target's first input")
    parser.add_argument("--targets", default="", help="names with commas between; all if empty")
    parser.add_argument("--keep", type=Path, help="folder for inputs that were answered wrongly")
    parser.add_argument("--record", type=Path, help="file that counts over campaigns")
    parser.add_argument("--only", nargs=2, metavar=("TARGET", "NUMBER"), help="read one input")
    given = parser.parse_args(arguments)
    os.environ |= {name: "1" for name in ONE_THREAD}
    targets: tuple[Target, ...] = import_module("tests.fuzz.targets").TARGETS
    known = {one.name: one for one in targets}
    if given.only:
        target = known[given.only[0]]
        random = import_module("tests.fuzz.target").random_of(target.name, int(given.only[1]))
        data = target.made(random)
        print(repr(data[:4000]))
        print(target.answer(data) or "accepted")
        return 0
    chosen = [known[name] for name in given.targets.split(",")] if given.targets else targets
    with in_memory():
        campaign = Campaign(chosen, given.first, time.monotonic() + 60 * given.minutes)
        if given.record:
            campaign.record(given.record)
        campaign.read(given.inputs)
    print(campaign.table())
    if given.record:
        print(campaign.write(given.record))
    if given.keep and campaign.wrong:
        campaign.keep(given.keep)
    return 1 if campaign.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
