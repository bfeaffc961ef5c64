"""Images at cuts of runs, and runs that go on from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from simulator.replay.player import Block
from simulator.report.collect import collect
from simulator.simulation import Simulation
from simulator.store import image


@dataclass(frozen=True)
class Cut:
    """A cut after ``rows`` rows: image, strategies' states, and the outcomes so far."""

    rows: int
    image: bytes
    states: str | None
    outcomes: list[np.ndarray]
    what: Any = None


def pieces(run: Simulation, rows: int, after: int = 0) -> Iterator[Block]:
    """Yield the run's blocks in pieces of ``rows`` rows, those before row ``after`` left out."""
    at = 0
    for block in run.player.blocks():
        for first in range(0, block.size, rows):
            part = slice(first, first + rows)
            one = Block(**{n: getattr(block, n)[part] for n in Block.__dataclass_fields__})
            at += one.size
            if at > after:
                yield one


def run_with_cuts(
    run: Simulation,
    rows: int,
    wanted: Callable[[int], bool],
    what: Callable[[Simulation], Any] = lambda _run: None,
) -> tuple[Any, list[Cut]]:
    """Run to the end; return the result and the cuts whose number is wanted, from 0 on.

    ``what`` is noted of the run at each of them.
    """
    run.core.records.keep = True
    outcomes: list[np.ndarray] = []
    cuts: list[Cut] = []

    def blocks() -> Iterator[Block]:
        for number, block in enumerate(pieces(run, rows)):
            outcomes.append(run.core.records.take())
            if wanted(number):
                taken, told = image.take(run), image.states(run)
                cuts.append(Cut(run.core.events, taken, told, list(outcomes), what(run)))
            yield block

    return run.run(blocks=blocks()), cuts


def go_on(run: Simulation, cut: Cut, rows: int) -> Any:
    """Put a cut into a fresh simulation, run it to the end, and return the result."""
    image.put(run, cut.image, cut.outcomes)
    assert image.take(run) == cut.image, "the image of what was restored is the image"
    if cut.states is not None:
        image.restore_states(run, cut.states)
    earliest = int(run.core.local_now)
    for block in pieces(run, rows, cut.rows):
        arrival = run.latency.arrival(block.time_ns, block.receive_ns, earliest)
        earliest = int(arrival[-1])
        run._rows(block, arrival, slice(0, block.size))
    run.core.finish()
    for strategy, context in zip(run.strategies, run.core.contexts, strict=True):
        strategy.on_stop(context)
    run.check()
    return collect(run, 0.0)


def assert_same(found: Any, expected: Any) -> None:
    """Assert that two results are the same but for the time that they took."""
    assert found.digest == expected.digest
    for one in fields(expected):
        if one.name not in ("wall_seconds", "digest"):
            _assert_equal(one.name, getattr(found, one.name), getattr(expected, one.name))


def _assert_equal(name: str, found: Any, expected: Any) -> None:
    if isinstance(expected, pl.DataFrame):
        assert_frame_equal(found, expected)
    elif isinstance(expected, np.ndarray):
        assert np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f"), name
    elif is_dataclass(expected) and any(
        isinstance(getattr(expected, one.name), (pl.DataFrame, np.ndarray))
        for one in fields(expected)
    ):
        for one in fields(expected):
            _assert_equal(one.name, getattr(found, one.name), getattr(expected, one.name))
    else:
        assert repr(found) == repr(expected), name
