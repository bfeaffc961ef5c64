"""Read a tape: its manifest, and its rows in slices of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from simulator.errors import InputError
from simulator.market.manifest import Manifest, manifest_path, read_manifest
from simulator.market.tape import SCHEMA

SLICE_ROWS = 1 << 17
"""Rows of a slice, and of a row group as the importer writes them."""


def is_tape(path: Path) -> bool:
    """Whether a path is a Parquet file with a manifest beside it."""
    return path.is_file() and path.suffix == ".parquet" and manifest_path(path).is_file()


class TapeReader:
    """A tape that is read from its beginning in slices; nothing else is held in memory.

    Raises ``InputError`` if the file is not a tape.
    """

    def __init__(self, path: Path, rows: int = SLICE_ROWS) -> None:
        self.path = path
        self.manifest: Manifest = read_manifest(path)
        self._rows = rows
        try:
            self._scan = pl.scan_parquet(path)
            schema = dict(self._scan.collect_schema())
        except (OSError, pl.exceptions.PolarsError) as error:
            first = str(error).strip().splitlines()[0]
            raise InputError(f"{path}: not a readable Parquet file: {first}") from None
        if schema != SCHEMA:
            raise InputError(
                f"{path}: columns are {_shown(schema)}, a tape has {_shown(dict(SCHEMA))}"
            )
        self.rows = int(self._scan.select(pl.len()).collect().item())

    def slices(self, start: int = 0, stop: int | None = None) -> Iterator[pl.DataFrame]:
        """Yield the rows from ``start`` to before ``stop``, in order."""
        end = self.rows if stop is None else min(stop, self.rows)
        for at in range(start, end, self._rows):
            try:
                yield self._scan.slice(at, min(self._rows, end - at)).collect()
            except pl.exceptions.PolarsError as error:
                first = str(error).strip().splitlines()[0]
                raise InputError(f"{self.path}: damaged near row {at}: {first}") from None

    def time_of(self, row: int) -> int:
        """Return the time of a row, in ns."""
        return int(self._scan.slice(row, 1).select("time_ns").collect().item())

    def first_row_at(self, time_ns: int) -> int:
        """Return the first row whose time is at least ``time_ns``; ``rows`` if there is none."""
        low, high = 0, self.rows
        while low < high:
            middle = (low + high) // 2
            before = self.time_of(middle) < time_ns
            low, high = (middle + 1, high) if before else (low, middle)
        return low


def _shown(schema: dict[str, pl.DataType]) -> str:
    return ", ".join(f"{name} {dtype}" for name, dtype in schema.items())
