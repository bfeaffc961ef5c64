"""A real process that runs, goes on with or checks a run, armed to die, and says how far it is.

``python -m tests.store.kill_child REPORTS CUT_ROWS SNAPSHOT_SECONDS cli ARGUMENTS...`` is the
command line; ``... api run DB KIND`` and ``... api resume DB RUN KIND`` are Python code.  What it
has to say goes line by line, forced to the disk, into the file REPORTS.
"""

from __future__ import annotations

import os
import sys
from functools import partial

from tests.store.kill_points import HELD, arm_engine, death_asked, hold


def main(reports: str, cut_rows: str, seconds: str, way: str, *arguments: str) -> int:
    file = os.open(reports, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def told(line: str) -> None:
        os.write(file, line.encode() + b"\n")
        os.fsync(file)

    from simulator.store.journal import Journal

    made = Journal.__init__

    def init(self: Journal, *given: object, **named: object) -> None:
        named = {"cut_rows": int(cut_rows), **named, "snapshot_seconds": float(seconds)}
        made(self, *given, **named)  # type: ignore[arg-type]

    Journal.__init__ = init  # type: ignore[method-assign]
    arm_engine(death_asked(), told)
    if HELD in os.environ:
        hold(os.environ[HELD])
    told("armed")
    if way == "cli":
        from simulator.cli.main import run_command

        return run_command(arguments)
    import simulator
    from simulator.errors import InputError
    from tests.store import kill_strategy

    make = partial(kill_strategy.make, kind=getattr(kill_strategy, arguments[-1]))
    try:
        if arguments[0] == "run":
            make().run(journal=Journal.open(arguments[1]))
        else:
            simulator.resume(arguments[1], int(arguments[2]), make=make)
    except InputError as error:
        print(f"unimargin: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
