"""The same case once more, in another way: what happened must happen again, to the last digit.

In one piece, with safe bands from the first pool on or without any; from an image of the engine at
some row, put into a fresh simulation; and from the journal's commands, without the strategies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from simulator.exchange import upkeep
from simulator.simulation import Simulation
from simulator.store import image
from simulator.store.recorder import Recorder
from tests.simulation.hunt.world import LONG
from tests.store.keeping import played_again, recorded

Make = Callable[..., Simulation]
"""Makes the run of a case; of other strategies than its own where they are given."""

CUT_ROWS = 500


def once_more(make: Make, digest: str, rows: int, seed: int) -> int:
    """Run again in one or two ways by the seed; return the rows replayed.

    Of seeds with long tapes half run again in one piece, an eighth from images and an eighth from
    commands: more seeds find more than more reruns.
    """
    if seed >= LONG:
        way = seed % 8
        if way % 2 == 0:
            return _in_one_piece(make, digest, bands=way % 4 == 2)
        if way == 1:
            return _from_images(make, digest, rows, seed)
        return _from_commands(make, digest) if way == 3 else 0
    replayed = _in_one_piece(make, digest, bands=seed % 2 == 1)
    if seed % 4 == 1:
        replayed += _from_images(make, digest, rows, seed)
    if seed % 4 == 3:
        replayed += _from_commands(make, digest)
    return replayed


def _in_one_piece(make: Make, digest: str, bands: bool) -> int:
    with _bands_from(0 if bands else upkeep.BANDS_FROM):
        run = make()
        told = run.run().digest
    assert told == digest, f"in one piece the digest is {told[:12]}, row by row {digest[:12]}"
    return int(run.core.events)


@contextmanager
def _bands_from(pools: int) -> Iterator[None]:
    kept = upkeep.BANDS_FROM
    upkeep.BANDS_FROM = pools
    try:
        yield
    finally:
        upkeep.BANDS_FROM = kept


class Shot(Recorder):
    """Takes images at some rows of a run, with the outcomes so far."""

    def __init__(self, wanted: set[int]) -> None:
        super().__init__(None, cut_rows=1)
        self.wanted = wanted
        self.outcomes: list[np.ndarray] = []
        self.taken: list[tuple[int, bytes, str, int]] = []

    def begin(self, run: Any) -> int:
        """Open the run; outcomes are kept."""
        self.run = run
        run.core.records.keep = True
        run._ran = True
        run._open()
        return 0

    def cut(self, rows: int, last: bool = False) -> None:
        """Take an image where one is wanted."""
        if rows not in self.wanted or last:
            return
        self.outcomes.append(self.run.core.records.take())
        told = image.states(self.run)
        assert told is not None, "a strategy did not tell its state"
        self.taken.append((rows, image.take(self.run), told, len(self.outcomes)))


class GoOn(Recorder):
    """Begins a fresh run at an image."""

    def __init__(self, rows: int, taken: bytes, told: str, outcomes: list[np.ndarray]) -> None:
        super().__init__(None)
        self.rows, self.taken, self.told, self.outcomes = rows, taken, told, outcomes

    def begin(self, run: Any) -> int:
        """Put the image in; the rows before it are left out."""
        image.put(run, self.taken, self.outcomes)
        image.restore_states(run, self.told)
        return self.rows

    def cut(self, rows: int, last: bool = False) -> None:
        """Nothing is kept of what follows."""


def _from_images(make: Make, digest: str, rows: int, seed: int) -> int:
    """Go on from two rows, which lie anywhere: in a liquidation, between modes, in a break."""
    wanted = {1 + seed * 7919 % max(1, rows - 1), 1 + seed * 104_729 % max(1, rows - 1)}
    shot = Shot(wanted)
    first = make()
    told = first.run(journal=shot).digest
    assert told == digest, "to take images changes the run"
    replayed = int(first.core.events)
    for at, taken, states, blocks in shot.taken:
        run = make()
        told = run.run(journal=GoOn(at, taken, states, shot.outcomes[:blocks])).digest
        assert told == digest, f"from an image at row {at} the digest is {told[:12]}"
        replayed += rows - at
    return replayed


def _from_commands(make: Make, digest: str) -> int:
    """Play the commands of the journal by stand-ins: all batches are the same."""
    first = make()
    told, kept = recorded(first, CUT_ROWS)
    assert told == digest, "to keep a journal changes the run"
    played_again(lambda strategies: make(strategies), first, kept, CUT_ROWS)
    return 2 * int(first.core.events)
