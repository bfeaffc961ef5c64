"""Read a tape: its manifest, and its rows in slices of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from simulator.errors import InputError
from simulator.files import require_file
from simulator.market.check import check_rows
from simulator.market.manifest import Manifest, manifest_path, read_manifest
from simulator.market.parquet import UNREADABLE, quiet, said
from simulator.market.tape import LAST_NS, SCHEMA

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
        require_file(path)
        try:
            with quiet():
                self._scan = pl.scan_parquet(path, glob=False)
                schema = dict(self._scan.collect_schema())
                self.rows = int(self._scan.select(pl.len()).collect().item())
        except UNREADABLE as error:
            raise InputError(f"{path}: not a readable Parquet file: {said(error)}") from None
        if schema != SCHEMA:
            raise InputError(
                f"{path}: columns are {_shown(schema)}, a tape has {_shown(dict(SCHEMA))}"
            )

    def slices(
        self, start: int = 0, stop: int | None = None, checked: bool = True
    ) -> Iterator[pl.DataFrame]:
        """Yield the rows from ``start`` to before ``stop``, in order.

        ``checked``: the first row that no tape can have raises ``InputError`` with its number.
        """
        end = self.rows if stop is None else min(stop, self.rows)
        latest = 0
        for at in range(start, end, self._rows):
            size = min(self._rows, end - at)
            frame = self._collect(self._scan.slice(at, size), at)
            if frame.height != size or any(frame.null_count().row(0)):
                raise InputError(f"{self.path}: damaged near row {at}: rows are missing")
            if checked:
                latest = check_rows(frame, at, latest, len(self.manifest.instruments), self.path)
            yield frame

    def time_of(self, row: int) -> int:
        """Return the time of a row, in ns; ``InputError`` where no row can have it."""
        time = int(self._collect(self._scan.slice(row, 1).select("time_ns"), row).item())
        if not 0 <= time <= LAST_NS:
            raise InputError(f"{self.path}: row {row}, time_ns: {time} is no time before 2103")
        return time

    def _collect(self, scan: pl.LazyFrame, row: int) -> pl.DataFrame:
        try:
            return scan.collect()
        except UNREADABLE as error:
            raise InputError(f"{self.path}: damaged near row {row}: {said(error)}") from None

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
