"""What a reader of files hands to the importer: batches of rows in real units, and what it found on the way.

A reader is a module with two functions, listed in ``simulator.replay.importer.READERS``::

    detect(head: bytes, path: Path) -> bool        # by content: the first 64 KiB, decompressed
    read(paths: list[Path], job: Job) -> Iterator[pl.DataFrame]

``read`` yields frames of ``RAW_SCHEMA`` in recorded order.  ``price`` and ``quantity`` are integers in 1e-8 of the
printed unit (``FUNDING_ESTIMATE`` alone carries a time in ``quantity``); the importer turns them into ticks and lots
once it has seen all of them.  ``instrument`` is what ``job.instrument(name)`` returned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from simulator.errors import InputError

OnGap = Literal["stop", "resync"]

RAW_SCHEMA: dict[str, pl.DataType] = {
    "time_ns": pl.Int64(),
    "receive_ns": pl.Int64(),
    "instrument": pl.UInt16(),
    "kind": pl.UInt8(),
    "flags": pl.UInt8(),
    "side": pl.Int8(),
    "price": pl.Int64(),
    "quantity": pl.Int64(),
    "id": pl.Int64(),
}
"""Columns of a batch: those of the tape, with prices and quantities in 1e-8."""

UNIT = 10**8
"""Batch units in one printed unit."""


@dataclass(slots=True)
class Found:
    """One kind of finding: how often, and where first."""

    count: int = 0
    first: list[str] = field(default_factory=list)


FIRST_KEPT = 5
"""Occurrences of a finding whose place is kept."""


@dataclass(slots=True)
class Job:
    """The state of one import that all readers share.

    ``findings`` are problems, ``left_out`` are rows or messages left out by a rule, both counted by name.
    ``columns`` and ``only`` are the user's ``--columns`` and ``--instrument``.
    """

    on_gap: OnGap = "stop"
    columns: dict[str, str] | None = None
    only: str | None = None
    instruments: list[str] = field(default_factory=list)
    findings: dict[str, Found] = field(default_factory=dict)
    left_out: dict[str, Found] = field(default_factory=dict)
    checks: dict[str, list[int]] = field(default_factory=dict)
    advance: Callable[[int], None] = lambda _bytes: None

    def instrument(self, name: str) -> int:
        """Return the number of an instrument (``market:symbol``), giving it one if it is new."""
        if name not in self.instruments:
            self.instruments.append(name)
        return self.instruments.index(name)

    def find(self, name: str, where: str, count: int = 1) -> None:
        """Count a problem."""
        _note(self.findings, name, where, count)

    def leave_out(self, name: str, where: str, count: int = 1) -> None:
        """Count what a rule leaves out."""
        _note(self.left_out, name, where, count)

    def stop_or_find(self, name: str, where: str, why: str) -> None:
        """Refuse the input if the user said ``stop``, else count the problem."""
        if self.on_gap == "stop":
            raise InputError(f"{where}: {why} (--on-gap resync goes on after it)")
        self.find(name, where)


def _note(into: dict[str, Found], name: str, where: str, count: int) -> None:
    if count <= 0:
        return
    found = into.setdefault(name, Found())
    found.count += count
    if len(found.first) < FIRST_KEPT:
        found.first.append(where)
