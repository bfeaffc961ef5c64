"""The program ``unimargin``: Ctrl-C is watched first, then everything else is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from simulator.cli.ctrl_c import CTRL_C


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code, see `simulator.cli.frame`."""
    from simulator.cli import frame

    return frame.run_command(arguments)


def main() -> None:
    """Run the command ``unimargin``."""
    CTRL_C.watch()
    try:
        from simulator.cli import frame

        CTRL_C.at_once = False
        code = frame.run_command()
        CTRL_C.at_once = True
    except KeyboardInterrupt:  # amid the last line of a command that failed
        code = CTRL_C.say()
    sys.exit(code)


if __name__ == "__main__":
    main()
