"""Many inputs for every target, each from its number: ``python -m tests.fuzz.campaign --inputs N``.

A worker process reads the inputs of a target with a bound on its memory; it may die (a library that
aborts, a crash of compiled code), hang where no signal reaches it, or find something wrong: each is
a finding with the number of the input, which ``--only TARGET NUMBER`` reads again, and whose bytes
are kept in ``--keep``.  Exit code 1 if there is one.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.answer import WrongAnswerError
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

MEMORY = 12 * 2**30
"""Address space of a worker; libraries reserve some gigabytes that they never touch."""

STUCK_SECONDS = 60
"""A worker that no signal reaches is ended after so long."""


@dataclass(slots=True)
class Found:
    """What a campaign found on one target."""

    inputs: int = 0
    refused: int = 0
    seconds: float = 0.0
    wrong: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def add(self, key: str, number: int, said: str, count: int = 1) -> None:
        """Note a finding: where it shows, the first input that has it, how many have."""
        before, first, words = self.wrong.get(key, (0, number, said))
        self.wrong[key] = (before + count, first, words)


def random_of(name: str, number: int) -> Random:
    """Return the random numbers that an input is made of."""
    return Random(f"{name}/{number}")


def where(error: WrongAnswerError) -> str:
    """Return which line of ours let an error pass, as findings are told apart."""
    cause = error.__cause__
    frames = traceback.extract_tb(cause.__traceback__) if cause else []
    ours = [one for one in frames if "simulator/" in one.filename]
    place = f"{ours[-1].filename.split('simulator/')[-1]}:{ours[-1].lineno}" if ours else "-"
    return f"{type(cause or error).__name__} at {place}"


def work(target: Target, first: int, inputs: int, seconds: float, mark: Path) -> None:
    """Read inputs, print what was found as one JSON line."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    del soft
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
    found, began = Found(), time.monotonic()
    file = os.open(mark, os.O_RDWR | os.O_CREAT)
    for number in range(first, first + inputs):
        if time.monotonic() - began > seconds:
            break
        os.pwrite(file, number.to_bytes(8, "little"), 0)
        faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
        try:
            found.refused += bool(target.answer(target.made(random_of(target.name, number))))
        except WrongAnswerError as error:
            found.add(where(error), number, str(error)[:300])
        faulthandler.cancel_dump_traceback_later()
        found.inputs += 1
    print(json.dumps([found.inputs, found.refused, found.wrong]), flush=True)


def campaign(target: Target, first: int, inputs: int, seconds: float) -> Found:
    """Let workers read inputs; one that dies is followed by another."""
    found, began, at = Found(), time.monotonic(), first
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder) / "number"
        while at < first + inputs and (left := seconds - (time.monotonic() - began)) > 0:
            mark.write_bytes(at.to_bytes(8, "little"))
            command = [
                sys.executable,
                "-m",
                "tests.fuzz.campaign",
                "--worker",
                target.name,
                str(mark),
            ]
            command += [
                "--first",
                str(at),
                "--inputs",
                str(first + inputs - at),
                "--seconds",
                str(left),
            ]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace")
            reached = int.from_bytes(mark.read_bytes(), "little")
            line = done.stdout.strip().split("\n")[-1]
            if done.returncode == 0 and line.startswith("["):
                count, refused, wrong = json.loads(line)
                found.inputs += count
                found.refused += refused
                for key, (times, number, said) in wrong.items():
                    found.add(key, number, said, times)
                break
            last = done.stderr.strip().split("\n")[-1][:200]
            found.add(f"worker ended by {done.returncode}", reached, last)
            found.inputs += reached + 1 - at
            at = reached + 1
    found.seconds = time.monotonic() - began
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign, a worker of one, or a single input."""
    parser = argparse.ArgumentParser(description="Hostile inputs for everything that reads.")
    parser.add_argument("--inputs", type=int, default=10_000, help="in all, divided by share")
    parser.add_argument("--seconds", type=float, default=3600.0, help="at most, for each target")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--targets", default="", help="names with commas between; all if empty")
    parser.add_argument("--keep", type=Path, help="folder for inputs that were answered wrongly")
    parser.add_argument("--only", nargs=2, metavar=("TARGET", "NUMBER"), help="read one input")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    known = {one.name: one for one in TARGETS}
    if given.worker:
        name, mark = given.worker
        work(known[name], given.first, given.inputs, given.seconds, Path(mark))
        return 0
    if given.only:
        target = known[given.only[0]]
        data = target.made(random_of(target.name, int(given.only[1])))
        print(repr(data[:4000]))
        print(target.answer(data) or "accepted")
        return 0
    chosen = [known[name] for name in given.targets.split(",")] if given.targets else list(TARGETS)
    total = sum(one.share for one in chosen)
    wrong = 0
    for target in chosen:
        inputs = max(1, given.inputs * target.share // total)
        found = campaign(target, given.first, inputs, given.seconds)
        wrong += len(found.wrong)
        each = 1000 * found.seconds / max(1, found.inputs)
        print(
            f"{target.name}: {found.inputs:,} inputs, {found.refused:,} refused, "
            f"{sum(one[0] for one in found.wrong.values())} wrong, {each:.1f} ms each",
            flush=True,
        )
        for key, (times, number, said) in collections.OrderedDict(found.wrong).items():
            print(f"  {key}: {times} times, first input {number}: {said}", flush=True)
            if given.keep:
                given.keep.mkdir(parents=True, exist_ok=True)
                data = target.made(random_of(target.name, number))
                (given.keep / f"{target.name.replace(' ', '-')}-{number}").write_bytes(data)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
