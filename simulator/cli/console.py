"""The console that commands print tables on."""

from __future__ import annotations

from rich.console import Console


def console_of(width: int) -> Console:
    """Return a console on stdout as wide as the terminal; a file or a pipe, which have no width of
    their own, get ``width`` columns.
    """
    console = Console()
    return console if console.is_terminal else Console(width=width)
