"""Goal: a campaign finds what there is to find, says how much it read, and loses nothing.

Method: targets that abort, raise, hang and refuse at known inputs, in a process of their own; the
clock against a process that sleeps, one that works, and one that is not let work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz import answer, busy
from tests.fuzz.busy import Idle, processor_seconds
from tests.fuzz.campaign import spread

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import os, sys, time
from pathlib import Path
from random import Random
from simulator.errors import InputError
from tests.fuzz import targets, worker
from tests.fuzz.campaign import main
from tests.fuzz.target import Target

# Each finds its own within the first turn: how many inputs come after it hangs on what they cost.
def number(data, random):
    return str(random.randrange(1000)).encode()

def reads(kind):
    def read(data, folder):
        (folder / "input").write_bytes(data)
        if int(data) % 40 == 8:
            if kind == "abort":
                os.abort()
            if kind == "error":
                raise KeyError("a reader's mistake")
            if kind == "hang":
                while True:
                    pass
        if int(data) % 2:
            raise InputError("odd")
    return read

targets.TARGETS = tuple(
    Target(name, lambda: (b"1",), number, reads(name), 1, seconds=0.2, raw=0.0)
    for name in ("abort", "error", "hang", "right")
)
sys.exit(main(sys.argv[1:]))
"""


def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-c", SCRIPT, "--record", str(folder / "counts.json"), *more]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1800
    )


def test_what_ends_a_worker_is_found_and_the_rest_is_read(tmp_path: Path) -> None:
    found = run(tmp_path, "--inputs", "800", "--keep", str(tmp_path / "kept"))
    assert found.returncode == 1, found.stderr
    lines = {line.split()[0]: line for line in found.stdout.splitlines() if " inputs " in line}
    assert "FOUND abort" in found.stdout
    assert "worker ended by signal 6" in found.stdout
    assert "KeyError" in found.stdout
    assert "Hang" in found.stdout
    assert " 0 wrong" in lines["right"]
    counts = json.loads((tmp_path / "counts.json").read_text())
    assert sum(counts["inputs"].values()) == pytest.approx(800, abs=10)
    assert counts["next"] == counts["inputs"]
    # half of the inputs are odd, and those that end otherwise are not counted as refused
    assert 0.3 < counts["refused"]["right"] / counts["inputs"]["right"] < 0.7
    kept = {path.name.split("-")[0]: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    assert set(kept) == {"abort", "error", "hang"}
    assert all(int(data) % 40 == 8 for data in kept.values())
    again = run(tmp_path, "--inputs", "60", "--targets", "right")  # goes on behind what was read
    assert again.returncode == 0, again.stderr
    more = json.loads((tmp_path / "counts.json").read_text())
    assert more["inputs"]["right"] == more["next"]["right"] == counts["next"]["right"] + 60
    assert more["inputs"]["error"] == counts["inputs"]["error"]


def test_dear_targets_get_fewer_inputs_and_more_time() -> None:
    counts = spread({"quick": 0.001, "slow": 0.1, "slower": 1.0}, 10_000)
    assert sum(counts.values()) == pytest.approx(10_000, abs=2)
    assert counts["quick"] == pytest.approx(10 * counts["slow"], rel=0.01)
    assert counts["slow"] * 0.1 == pytest.approx(10 * counts["quick"] * 0.001, rel=0.01)
    assert spread({"quick": 0.0, "slow": 100.0}, 10)["slow"] == 1


# --- time -----------------------------------------------------------------------------------------


class Waits:
    """In place of `Idle`: a process that has waited so long, whenever one looks."""

    seconds = 0.0

    def __init__(self, pid: int) -> None:
        assert pid == os.getpid()

    def look(self) -> float:
        return self.seconds


def test_waiting_for_nothing_is_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "Idle", Waits)
    monkeypatch.setattr(answer, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(Waits, "seconds", answer.IDLE_SECONDS + 1)
    with pytest.raises(answer.Hang, match="waited"), answer.watched():
        time.sleep(600)


def test_work_is_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "Idle", Waits)
    monkeypatch.setattr(answer, "LOOK_SECONDS", 0.05)
    with answer.watched():
        began = time.process_time()
        while time.process_time() - began < 0.3:
            pass
    with pytest.raises(answer.Hang, match="took"), answer.watched(0.2):
        sum(1 for _ in iter(int, 1))  # for ever


def test_what_is_neither_work_nor_readiness_is_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the system says of a process, its thread and its child, made up."""
    now = [100.0]
    monkeypatch.setattr(busy, "PROCESSES", tmp_path)
    monkeypatch.setattr(busy.time, "monotonic", lambda: now[0])

    def tell(pid: int, worked: float, ready: float, children: str = "") -> None:
        task = tmp_path / str(pid) / "task" / str(pid)
        task.mkdir(parents=True, exist_ok=True)
        times = f"{int(worked * busy.TICKS)} 0 0 0"
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a (b) c) S {'0 ' * 10}{times} 0")
        (task / "schedstat").write_text(f"{int(worked * 1e9)} {int(ready * 1e9)} 7\n")
        (task / "children").write_text(children)

    tell(7, 1.0, 0.5, "8 ")
    tell(8, 2.0, 0.0)
    idle = Idle(7)
    now[0] += 4.0
    tell(7, 2.0, 1.0, "8 ")  # worked for a second, was ready for a half
    tell(8, 2.5, 0.0)  # and its child worked for a half: two of four seconds are left
    assert idle.look() == pytest.approx(2.0)
    now[0] += 1.0
    tell(7, 2.0, 3.0)  # the child has ended, and took more along than was new: no step is negative
    assert idle.look() == pytest.approx(3.0)
    now[0] += 3.0
    (tmp_path / "7" / "stat").unlink()  # what the system does not say counts as waiting
    assert idle.look() == pytest.approx(6.0)


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="Linux tells, no other")
def test_a_process_that_is_not_let_run_is_not_waiting() -> None:
    """Four processes that work on one processor: each has a quarter of it and waits for it.

    So three quarters of the time would be waiting if readiness did not count; the border lies at
    half, as a machine that is itself a guest loses some time that nobody tells it of.
    """
    me = os.getpid()
    allowed = os.sched_getaffinity(0)
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin) for _ in range(3)]
    try:
        one = {min(allowed)}
        for process in others:
            os.sched_setaffinity(process.pid, one)
        while min(processor_seconds(process.pid) for process in others) < 0.1:
            time.sleep(0.01)  # until all of them have been loaded and work
        os.sched_setaffinity(me, one)
        idle, began, worked = Idle(me), time.monotonic(), time.process_time()
        while time.process_time() - worked < 0.2:
            idle.look()
        wall = time.monotonic() - began
    finally:
        os.sched_setaffinity(me, allowed)
        for process in others:
            process.kill()
            process.wait()
    assert wall > 0.4, "the others did not take the processor"
    assert idle.seconds < 0.5 * wall
