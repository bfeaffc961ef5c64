"""What to say when a strategy raises: a short traceback of its own file, none of ours."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from simulator.cli.engine import Engine, note
from simulator.errors import InputError

PACKAGE = Path(__file__).parent.parent


def strategy_files(kinds: Iterable[type[Any]]) -> dict[str, str]:
    """Return the files that strategy classes were written in, by the name a traceback has.

    A compiled one says where its source is by ``__source__``, and its frames name that without
    a folder, see ``simulator.cli.compiled``.
    """
    found = {}
    for kind in kinds:
        module = sys.modules.get(kind.__module__)
        source = getattr(module, "__source__", None)
        name = source or getattr(module, "__file__", None)
        if name:
            found[Path(name).name if source else name] = name
    return found


def short_traceback(error: BaseException, files: Mapping[str, str]) -> str | None:
    """Return the traceback from the first frame in ``files`` on, without frames of this package.

    ``None`` where no frame lies in ``files``: then the fault is not the strategy's.
    """
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame.filename in files for frame in frames]
    if not any(theirs):
        return None
    shown = [
        traceback.FrameSummary(
            files.get(frame.filename, frame.filename), frame.lineno, frame.name.split(".", 1)[-1]
        )
        for frame in frames[theirs.index(True) :]
        if not _ours(frame.filename)
    ]
    lines = [*traceback.format_list(shown), *traceback.format_exception_only(error)]
    return "".join(lines).rstrip()


def _ours(name: str) -> bool:
    # Compiled modules name their source as the build saw it, from the root of the sources.
    path = Path(name)
    return path.is_relative_to(PACKAGE) or (
        not path.is_absolute() and path.parts[:1] == (PACKAGE.name,)
    )


@contextmanager
def strategy_faults(kinds: Sequence[type[Any]], engine: Engine) -> Iterator[None]:
    """Turn what a strategy raised into a short traceback of its own file and exit code 1."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        from simulator.report.values import utc

        shown = short_traceback(error, strategy_files(kinds))
        if shown is None:
            raise
        note(f"unimargin: a strategy failed at {utc(engine.now_ns)} of market time:\n{shown}")
        raise typer.Exit(1) from error
