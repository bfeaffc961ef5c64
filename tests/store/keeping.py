"""Runs recorded in memory, and played again from their commands alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.simulation import Simulation
from simulator.store.batch import Batch
from simulator.store.recorded import Playback, stand_ins, told_of
from simulator.store.recorder import Recorder


class Kept:
    """A sink that keeps the batches."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def put(self, batch: Batch) -> None:
        self.batches.append(batch)

    def commands(self) -> list[Any]:
        return [one.tables["commands"] for one in self.batches if "commands" in one.tables]


def recorded(run: Simulation, cut_rows: int = 1000, **options: Any) -> tuple[str, Kept]:
    """Run with a journal in memory; return digest and batches."""
    kept = Kept()
    result = run.run(journal=Recorder(kept, cut_rows=cut_rows), **options)
    return result.digest, kept


Make = Callable[[list[Any] | None], Simulation]


def played_again(make: Make, first: Simulation, kept: Kept, cut_rows: int = 1000) -> None:
    """Play the commands in a run that ``make`` makes of stand-ins; assert the same batches."""
    playback = Playback(kept.commands())
    kinds = stand_ins(playback, [told_of(one) for one in first.strategies])
    again = make([kind() for kind in kinds])
    playback.attach(again)
    digest, second = recorded(again, cut_rows)
    playback.end()
    assert digest == first.core.records.digest()
    same(kept.batches, second.batches)


def same(first: list[Batch], second: list[Batch]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert (one.number, one.tape_rows, one.time_ns) == (
            other.number,
            other.tape_rows,
            other.time_ns,
        )
        assert one.digest == other.digest
        assert one.tables.keys() == other.tables.keys()
        for table, columns in one.tables.items():
            for name, column in columns.items():
                theirs = other.tables[table][name]
                where = f"batch {one.number}, {table}.{name}"
                if isinstance(column, list):
                    assert column == theirs, where
                else:
                    assert column.dtype == theirs.dtype, where  # type: ignore[union-attr]
                    assert np.array_equal(column.view("i8"), theirs.view("i8")), where  # type: ignore[union-attr]
