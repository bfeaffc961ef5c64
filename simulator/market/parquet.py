"""Parquet files that may be damaged or hostile: what their library raises, as one line.

The library prints a panic of its own to the process' standard error before it raises; `quiet`
keeps that off the user's screen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from simulator.errors import InputError
from simulator.files import require_file
from simulator.market.pages import DamagedError, check_pages

UNREADABLE = (OSError, MemoryError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What polars raises for a file that it cannot decode."""

MOST_CELLS = 2_000_000_000
"""Most values of a file that is read whole; they take 8 bytes each, 16 GB."""


@contextmanager
def quiet() -> Iterator[None]:
    """Send what libraries write to the standard error of the process nowhere, for a moment."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def said(error: BaseException) -> str:
    """Return what an error of the library says, without the library's insides."""
    if isinstance(error, pl.exceptions.PanicException | MemoryError):
        return "damaged, or it needs too much memory"
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def whole(path: Path) -> pl.DataFrame:
    """Return a Parquet file's rows; ``InputError`` where it cannot be decoded or is too large.

    The number of rows is what the file says of itself, so that one of a few kilobytes that says a
    thousand million is refused before it is decoded.
    """
    require_file(path)
    try:
        with quiet():
            scan = pl.scan_parquet(path, glob=False)
            columns = len(scan.collect_schema())
            rows = int(scan.select(pl.len()).collect().item())
            if rows * columns <= MOST_CELLS:
                with path.open("rb") as file:
                    check_pages(file)
                return scan.collect()
    except DamagedError as error:
        raise InputError(f"{path}: not a Parquet file: {error}") from None
    except UNREADABLE as error:
        raise InputError(f"{path}: not a Parquet file: {said(error)}") from None
    raise InputError(
        f"{path}: says {rows:,} rows of {columns} columns, more than the {MOST_CELLS:,} values "
        "that are read at once"
    )
