"""How the harness talks to a driver in another interpreter: one JSON line an answer.

A driver is a script that prepares a case (loads the tape, compiles, warms up) and then runs it as
often as asked, so that runs of different engines can be interleaved without paying for loading
each time.  Only the standard library is used here, because every peer's environment imports this
file.

Protocol: the driver prints ``{"ready": ...}``; then, for each line ``run`` on its input, the
figures of one run.  At the end of its input it stops.  Anything else that a peer prints goes to
stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


def serve(prepare: Callable[[Path, str], Callable[[], Figures]]) -> None:
    """Run a driver: ``DRIVER.py FOLDER CASE [--runs N]``; ``--serve``: runs on demand."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("case")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--serve", action="store_true")
    options = parser.parse_args()
    # A peer may print to stdout; our answers keep the real one to themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run = prepare(options.folder, options.case)
    if not options.serve:
        for _ in range(options.runs):
            print(json.dumps(run()), file=answers, flush=True)
        return
    print(json.dumps({"ready": options.case}), file=answers, flush=True)
    for line in sys.stdin:
        if line.strip() == "run":
            print(json.dumps(run()), file=answers, flush=True)


def timed(call: Callable[[], Any]) -> tuple[Any, Figures]:
    """Call once; return the result and ``seconds`` of processor time (all threads) and of the wall.

    Processor time is what figures are made of: other work on the machine takes turns with ours
    and would count in the wall's.  On an idle machine the two are equal for all engines here.
    """
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    return result, {"seconds": processor, "wall_seconds": wall}


class Driver:
    """A driver process, on core ``core`` where the machine lets us pin it."""

    def __init__(
        self, python: Path, script: Path, folder: Path, case: str, core: int | None
    ) -> None:
        self.case = case
        self.log = folder / f"{script.stem}-{case}.log"
        with self.log.open("w") as errors:
            self.process = subprocess.Popen(
                [str(python), str(script), str(folder), case, "--serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        if core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self.process.pid, {core})
        self._answer()

    def run(self) -> Figures:
        """Return the figures of one run; raise ``RuntimeError`` if the driver ended."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write("run\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(self._reason()) from None
        return self._answer()

    def close(self) -> None:
        """Let the driver end and wait for it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _answer(self) -> Figures:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(self._reason())
        answer: Figures = json.loads(line)
        return answer

    def _reason(self) -> str:
        """Return the last line that the driver wrote before it ended."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"ended with {self.process.returncode} and no message"
