"""How long a process has waited for something else than a processor.

The machine may have other work, so a clock on the wall tells nothing of a hang: a process that is
ready and not let run is not stuck.  Linux says for each thread how long it ran and how long it was
ready (``/proc/PID/schedstat``, `scheduler statistics
<https://docs.kernel.org/scheduler/sched-stats.html>`_); what is left of the time on the wall it
waited for a file, a lock or another process.  Where the system does not say, all of it counts.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

PROCESSES = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """Return processor time of a process, its threads and the children it has waited for."""
    text = (PROCESSES / str(pid) / "stat").read_text()
    # The name in parentheses may hold anything; utime, stime, cutime, cstime are fields 14 to 17.
    return sum(map(int, text.rpartition(")")[2].split()[11:15])) / TICKS


def busy_seconds(pid: int) -> float:
    """Return seconds in which a process or its children ran or were ready to run.

    Raises ``OSError`` where there is no such process, or the system does not say.
    """
    total = processor_seconds(pid)
    for task in (PROCESSES / str(pid) / "task").iterdir():
        with suppress(OSError):  # a thread may end meanwhile
            total += int((task / "schedstat").read_text().split()[1]) / 1e9
            for child in (task / "children").read_text().split():
                total += busy_seconds(int(child))
    return total


class Idle:
    """Adds up, look by look, how long a process was neither running nor ready."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.seconds = 0.0
        self._wall, self._busy = time.monotonic(), self._now()

    def _now(self) -> float:
        try:
            return busy_seconds(self.pid)
        except (OSError, ValueError, IndexError):
            return 0.0

    def look(self) -> float:
        """Return the seconds so far."""
        wall, busy = time.monotonic(), self._now()
        # Threads and children that ended take their waiting with them, so a step may be negative.
        self.seconds += max(0.0, (wall - self._wall) - max(0.0, busy - self._busy))
        self._wall, self._busy = wall, busy
        return self.seconds
