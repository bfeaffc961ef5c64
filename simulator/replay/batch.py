"""What the readers of one import share: batches of rows, and what was found on the way.

A batch is a frame of ``BATCH_SCHEMA``: the tape's columns, but with prices and quantities as
integers in 1e-8 of the printed unit (``FUNDING_ESTIMATE`` alone carries a time in its quantity).
The importer turns them into ticks and lots once it has seen all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from simulator.errors import InputError
from simulator.replay.lines import DEFAULT_LIMITS, Limits

OnGap = Literal["stop", "resync"]

BATCH_SCHEMA: dict[str, pl.DataType] = {
    "time_ns": pl.Int64(),
    "receive_ns": pl.Int64(),
    "instrument": pl.UInt16(),
    "kind": pl.UInt8(),
    "flags": pl.UInt8(),
    "side": pl.Int8(),
    "price_e8": pl.Int64(),
    "quantity_e8": pl.Int64(),
    "id": pl.Int64(),
}
"""Columns of a batch, in order; ``instrument`` is what ``Job.instrument`` returned."""


@dataclass(slots=True)
class Found:
    """One kind of finding: how often, and where first."""

    count: int = 0
    first: list[str] = field(default_factory=list)


FIRST_KEPT = 5
"""Occurrences of a finding whose place is kept."""


class RecordingError(InputError):
    """A recording has a gap, a crossed book or a time that runs backwards, and is refused."""


@dataclass(slots=True)
class Job:
    """The state of one import that all readers share.

    ``findings`` are problems, ``left_out`` are rows or messages left out by a rule, both counted by
    name; ``notes`` say what a reader took for granted.  ``only`` is the user's ``--instrument``,
    ``pair`` the ``--base`` and ``--quote`` of instruments whose symbols do not tell them.
    """

    on_gap: OnGap = "stop"
    only: str | None = None
    pair: tuple[str, str] | None = None
    limits: Limits = DEFAULT_LIMITS
    instruments: list[str] = field(default_factory=list)
    findings: dict[str, Found] = field(default_factory=dict)
    left_out: dict[str, Found] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
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
            raise RecordingError(f"{where}: {why} (--on-gap resync goes on after it)")
        self.find(name, where)


def _note(into: dict[str, Found], name: str, where: str, count: int) -> None:
    if count <= 0:
        return
    found = into.setdefault(name, Found())
    found.count += count
    if len(found.first) < FIRST_KEPT:
        found.first.append(where)
