"""Runs that are over, and whose rows are still being put into their tables.

Everything of such a run is durable, so whoever made it can go on; but the program waits before it
opens that database again or begins another run there, and at the latest when it ends.
What a writing process that was killed left is done by whoever opens the database next
(`simulator.store.database`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from simulator.errors import InputError

SOON: Final = 1.0
"""Seconds that nobody needs to be told of."""


class Waited(Protocol):
    """The writer of a run that is over."""

    run: int

    def ended(self, seconds: float = 0.0) -> bool:
        """Return whether its process has ended, or does within ``seconds``."""

    def wait(self) -> None:
        """Return when all rows stand in their tables; ``InputError`` where they cannot."""


_WRITERS: Final[dict[str, list[Waited]]] = {}


def leave(place: str, writer: Waited) -> None:
    """Let a writer of a database, named by its absolute path or its URL, work on by itself."""
    for known, writers in list(_WRITERS.items()):
        _WRITERS[known] = [one for one in writers if not one.ended()]
        if not _WRITERS[known]:
            del _WRITERS[known]
    _WRITERS.setdefault(place, []).append(writer)


def wait_for(place: str) -> None:
    """Return when no writer of this program is at work in a database after its run."""
    for writer in _WRITERS.pop(place, ()):
        with suppress(InputError):  # the rows are durable, and whoever opens it next tries again
            writer.wait()


def wait_for_all(note: Callable[[str], None]) -> None:
    """Return when no writer of this program is at work; ``note`` hears of it where that takes
    long or fails."""
    while _WRITERS:
        _, writers = _WRITERS.popitem()
        for writer in writers:
            if not writer.ended(SOON):
                note(f"run {writer.run} is durable; its rows are being put into their tables")
            try:
                writer.wait()
            except InputError as error:
                note(str(error))
