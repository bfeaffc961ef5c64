"""Ctrl-C ends the program in one line and with exit code 130, whatever it is at.

Amid a run Ctrl-C is Python's ``KeyboardInterrupt``, so that a journal says what became of the run
and files that are half written go.  Amid an import it is not: modules of others take any exception
for "not installed" and go on without (numpy's C API does), Python itself drops one that comes in a
callback of its import locks, and the run would go on to its end.  There, when Ctrl-C comes a second
time, and when the program is about to end, the process ends at once: what a journal has
acknowledged stays, and its writing process writes what it was given.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

INTERRUPTED: Final = 130
"""Exit code of a program that Ctrl-C has ended: 128 and the number of SIGINT."""

IMPORTING: Final = "<frozen importlib._bootstrap>"
"""File of the frames that every import of a module not yet loaded goes through."""

SHOW_CURSOR: Final = "\x1b[?25h"
"""What a progress bar, which hides it, would write at its end."""


class CtrlC:
    """What Ctrl-C does; one of them is the program's, ``CTRL_C``.

    ``at_once``: nothing is open that wants closing.
    """

    def __init__(self) -> None:
        self.at_once = True
        self._unfinished: Callable[[], str] = str
        self._came = self._said = False

    def watch(self) -> None:
        """Take over from Python, unless Ctrl-C is ignored (nohup) or somebody else's."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            with suppress(ValueError):  # not in the main thread: then signals are not ours
                signal.signal(signal.SIGINT, self._come)

    @contextmanager
    def telling(self, unfinished: Callable[[], str]) -> Iterator[None]:
        """Within a run, ``unfinished`` returns the line that says how to go on with it, or ""."""
        self._unfinished = unfinished
        try:
            yield
        finally:
            self._unfinished = str  # and the run's memory can go

    def say(self) -> int:
        """Print the line, after whatever was printed; return the exit code."""
        self.at_once = True
        print("unimargin: interrupted", file=sys.stderr, flush=True)
        self._said = True
        return INTERRUPTED

    def _come(self, _signal: int, frame: FrameType | None) -> None:
        if self.at_once or self._came or is_importing(frame):
            self._leave()
        self._came = True
        raise KeyboardInterrupt

    def _leave(self) -> NoReturn:
        """End the process; buffers of Python may be in use, so they are left alone."""
        if not self._said:
            lines = [self._unfinished(), "unimargin: interrupted"]
            cursor = SHOW_CURSOR if os.isatty(2) else ""
            text = cursor + "".join(f"{line}\n" for line in lines if line)
            with suppress(OSError):
                os.write(2, text.encode())
        os._exit(INTERRUPTED)


def is_importing(frame: FrameType | None) -> bool:
    """Return whether a frame is called by an import, of whatever depth."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False


CTRL_C: Final = CtrlC()
