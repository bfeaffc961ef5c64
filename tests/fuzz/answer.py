"""What reading an input may end in: it is accepted, or refused in one line; nothing else.

No traceback, no hang (`SECONDS`, `IDLE_SECONDS`), no blow-up of memory (`MOST_BYTES` more than
before).
"""

from __future__ import annotations

import os
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from simulator.errors import InputError
from simulator.replay.batch import RecordingError
from tests.fuzz.busy import Idle

SECONDS = 20.0
"""Most time of the processor that an input may take; the slowest right one takes 0.4 where this was
written, and a machine may be ten times slower."""

IDLE_SECONDS = 60.0
"""Most time that an input may wait for something that is no processor, such as a pipe."""

LOOK_SECONDS = 2.0
"""How often one looks at that."""

MOST_BYTES = 600 * 2**20
"""Most memory that an input of some kilobytes may need."""

LONGEST_LINE = 1_000
"""Characters of a refusal; a longer one is no line that anybody reads."""


class Hang(BaseException):
    """An input took too long.  No ``Exception``, so that no reader takes it for a wrong file."""


class WrongAnswerError(AssertionError):
    """An input ended in something else than yes or one line."""


@contextmanager
def watched(seconds: float = SECONDS) -> Iterator[None]:
    """Raise `Hang` where the block takes longer."""

    def late(signum: int, frame: FrameType | None) -> None:
        raise Hang(f"took more than {seconds:g} s")

    idle: Idle | None = None

    def look(signum: int, frame: FrameType | None) -> None:
        nonlocal idle
        if idle is None:  # most inputs take milliseconds and are never looked at
            idle = Idle(os.getpid())
        elif idle.look() > IDLE_SECONDS:
            raise Hang(f"waited for more than {IDLE_SECONDS:g} s")

    clocks = (
        (signal.SIGPROF, signal.ITIMER_PROF, late, seconds, 0.0),
        (signal.SIGALRM, signal.ITIMER_REAL, look, LOOK_SECONDS, LOOK_SECONDS),
    )
    before = [signal.signal(number, handler) for number, _, handler, _, _ in clocks]
    for _, clock, _, first, then in clocks:
        signal.setitimer(clock, first, then)
    try:
        yield
    finally:
        for (number, clock, *_), handler in zip(clocks, before, strict=True):
            signal.setitimer(clock, 0)
            signal.signal(number, handler)


def peak_bytes() -> int:
    """Return the most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one_line(said: str) -> None:
    """Check the line that a user sees."""
    if not said.strip():
        raise WrongAnswerError("refused without a word")
    if any(not character.isprintable() for character in said):
        raise WrongAnswerError(f"not one printable line: {said[:300]!r}")
    if len(said) > LONGEST_LINE:
        raise WrongAnswerError(f"{len(said)} characters: {said[:300]!r}")


def answer(read: Callable[[], object], seconds: float = SECONDS) -> str:
    """Read an input; return the line that refuses it, empty where it is accepted.

    Raises `WrongAnswerError` for anything else, with what came as its cause.
    """
    before = peak_bytes()
    try:
        with watched(seconds), warnings.catch_warnings():
            warnings.simplefilter("error")
            read()
    except (InputError, RecordingError) as error:
        one_line(str(error))
        said = str(error)
    except Hang as error:
        raise WrongAnswerError(str(error)) from error
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        raise WrongAnswerError(f"{type(error).__name__}: {str(error)[:300]}") from error
    else:
        said = ""
    if peak_bytes() - before > MOST_BYTES:
        raise WrongAnswerError(f"needed {(peak_bytes() - before) // 2**20} MB")
    return said
