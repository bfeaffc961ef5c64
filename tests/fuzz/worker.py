"""A process that reads inputs of a target, forked from one that has imported everything.

It may die (a library that aborts, a crash of compiled code), or be stuck where no signal reaches
it; whoever started it finds out from a file how far it came.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import resource
import select
import signal
import struct
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.answer import WrongAnswerError, peak_bytes
from tests.fuzz.busy import Idle, processor_seconds
from tests.fuzz.target import Target, random_of

MEMORY = 12 * 2**30
"""Address space of a worker; libraries reserve some gigabytes that they never touch."""

STUCK_SECONDS = 180.0
"""An input may take so much processor time, or wait so long, before its worker is ended."""

LOOK_SECONDS = 5.0
"""How often one looks at a worker."""

STATE = struct.Struct("<QQQQddQd")
"""Turn that is over or 0, next number, inputs read, inputs refused, seconds in all, of the slowest,
its number, MB more than at the start."""

JOB = struct.Struct("<QQQd")
"""Turn, number of the first input, inputs, instant on the clock after which none is begun."""


@dataclass(slots=True)
class Found:
    """What was found on one target: ``wrong`` by place as ``(times, first number, words)``."""

    inputs: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)
    grown: float = 0.0
    wrong: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def add(self, key: str, number: int, said: str) -> None:
        """Note a finding: where it shows, the first input that has it, how many have."""
        times, first, words = self.wrong.get(key, (0, number, said))
        self.wrong[key] = (times + 1, first, words)

    @property
    def each(self) -> float:
        """Processor seconds of an input."""
        return self.seconds / max(1, self.inputs)


def where(error: WrongAnswerError) -> str:
    """Return which line of ours let an error pass, as findings are told apart."""
    cause = error.__cause__
    frames = traceback.extract_tb(cause.__traceback__) if cause else []
    ours = [one for one in frames if "simulator/" in one.filename]
    place = f"{ours[-1].filename.split('simulator/')[-1]}:{ours[-1].lineno}" if ours else "-"
    return f"{type(cause or error).__name__} at {place}"


def spent() -> float:
    """Return processor seconds of this process and of the children it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Reading:
    """What a worker does: reads inputs, and writes how far it is before the next one."""

    def __init__(self, target: Target, state: Path, wrong: Path) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
        self.target, self.parent = target, os.getppid()
        self.state = os.open(state, os.O_WRONLY)
        self.wrong = os.open(wrong, os.O_WRONLY | os.O_APPEND)
        target.seeds()
        # What was imported stays: no collection, nor the engine's own at its start, looks at it.
        gc.collect()
        gc.freeze()
        self.first_peak = peak_bytes()

    def serve(self, jobs: int) -> None:
        """Do what comes through a pipe, until whoever started this is gone."""
        while os.getppid() == self.parent:
            if select.select([jobs], [], [], LOOK_SECONDS)[0]:
                job = os.read(jobs, JOB.size)
                if len(job) < JOB.size:
                    return
                self.job(*JOB.unpack(job))

    def job(self, turn: int, first: int, inputs: int, until: float) -> None:
        """Read inputs from a number on."""
        refused, done, slowest, began = 0, 0, (0.0, first), spent()
        last = began
        while done < inputs and time.monotonic() < until and os.getppid() == self.parent:
            number = first + done
            try:
                made = self.target.made(random_of(self.target.name, number))
                refused += bool(self.target.answer(made))
            except WrongAnswerError as error:
                line = json.dumps([where(error), number, str(error)[:300]])
                os.write(self.wrong, line.encode() + b"\n")
            done, now = done + 1, spent()
            slowest, last = max(slowest, (now - last, number)), now
            self._tell(0, number + 1, done, refused, now - began, slowest)
        self._tell(turn, first + done, done, refused, last - began, slowest)

    def _tell(
        self,
        turn: int,
        after: int,
        done: int,
        refused: int,
        seconds: float,
        slowest: tuple[float, int],
    ) -> None:
        grown = (peak_bytes() - self.first_peak) / 2**20
        told = STATE.pack(turn, after, done, refused, seconds, *slowest, grown)
        os.pwrite(self.state, told, 0)


class Worker:
    """A forked process that reads inputs of a target, and the folder of its files."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.folder = target, folder
        self.state, self.wrong, self.said = (folder / name for name in ("state", "wrong", "said"))
        self.pid = self.jobs = self.turn = 0

    def read(self, first: int, inputs: int, until: float) -> tuple[Found, int]:
        """Return what was found, and the number of the input after the last one that was read.

        ``until`` on the clock of ``time.monotonic`` no further input is begun.
        """
        self.turn += 1
        self.state.write_bytes(STATE.pack(0, first, 0, 0, 0.0, 0.0, first, 0.0))
        self.wrong.write_bytes(b"")
        if not self.pid:
            self._start()
        os.write(self.jobs, JOB.pack(self.turn, first, inputs, until))
        ended = self._watch()
        _, after, *counts, slow, slow_number, grown = STATE.unpack(self.state.read_bytes())
        found = Found(*counts, (slow, slow_number), grown)
        for line in self.wrong.read_text().splitlines():
            found.add(*json.loads(line))
        if ended:
            told = [line for line in self.said.read_text(errors="replace").splitlines() if line]
            words = next((line for line in told if "Fatal" in line or "Error" in line), "")
            ours = next((line.strip() for line in told if "simulator/" in line), "")
            found.add(f"worker ended by {ended}", after, f"{words} {ours}".strip())
            found.inputs += 1
            after += 1
        return found, after

    def end(self) -> None:
        """End the process."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._gone()

    def _gone(self) -> None:
        os.close(self.jobs)
        self.pid = 0

    def _start(self) -> None:
        self.said.write_bytes(b"")
        sys.stdout.flush()
        sys.stderr.flush()
        jobs, self.jobs = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            self._be(jobs)
        os.close(jobs)

    def _be(self, jobs: int) -> None:
        """Be the worker: never returns."""
        code = 1
        try:
            said = os.open(self.said, os.O_WRONLY | os.O_APPEND)
            for number in (1, 2):
                os.dup2(said, number)
            faulthandler.enable()
            tempfile.tempdir = os.environ["TMPDIR"] = str(self.folder)
            Reading(self.target, self.state, self.wrong).serve(jobs)
            code = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def _watch(self) -> str:
        """Wait for the end of a turn; end a worker that is stuck.  Return why it ended, if so."""
        known, busy, idle, looked = b"", 0.0, Idle(self.pid), time.monotonic()
        while True:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self._gone()
                code = os.waitstatus_to_exitcode(status)
                return f"signal {-code}" if code < 0 else f"exit code {code}"
            now = self.state.read_bytes()
            if STATE.unpack(now)[0] == self.turn:
                return ""
            if now != known:
                known, busy, idle = now, processor_seconds(self.pid), Idle(self.pid)
            elif time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                if max(processor_seconds(self.pid) - busy, idle.look()) > STUCK_SECONDS:
                    os.kill(self.pid, signal.SIGABRT)  # so that it prints where it is
            time.sleep(0.05)
