"""A snapshot's image made anew: the engine at its cut, from the journal's commands.

An image fits the build that took it.  What the strategies remember (``Strategy.state``) fits any.
So where a snapshot is of another build, stand-ins ask for what the commands say up to its cut,
every batch is compared with what is stored, and this build takes the image there: the strategies
are told what they remember and go on, whether or not they would do the same again from the start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.store import checks, image
from simulator.store.checker import Checker, Enough
from simulator.store.image_kinds import ImageError
from simulator.store.reading import Reader
from simulator.store.recorded import Playback, stand_ins, told_of
from simulator.store.recorder import Recorder
from simulator.strategy.base import Strategy

Make = Callable[[list[type[Strategy]]], Any]
"""Of the classes of stand-ins: the simulation of the run, not run."""


class UpTo(Recorder):
    """Compares a run that is played again up to a batch, takes its image there, and stops it."""

    def __init__(self, reader: Reader, cut_rows: int, number: int) -> None:
        super().__init__(Checker(reader), cut_rows)
        self.last = number
        self.image = b""
        self.harvested: dict[str, Any] = {}

    def cut(self, rows: int, last: bool = False) -> None:
        """Compare what is new; at the batch that was asked for take the image."""
        super().cut(rows, last)
        if self.harvest.number > self.last:
            self.harvested = self.harvest.state()
            self.image = image.take(self.run)
            raise Enough


def rebuilt(
    run: Any, make: Make, reader: Reader, number: int, cut_rows: int
) -> tuple[bytes, dict[str, Any]]:
    """Return the image of a run after batch ``number``, and what its harvest knows there.

    ``run`` is the simulation that the image is for.  Raises ``Difference`` where this build does
    something else than the run did, ``ImageError`` where no image comes of it.
    """
    playback = Playback(checks.parts(reader, "commands"))
    kinds = stand_ins(playback, [told_of(one) for one in run.strategies])
    for kind, strategy in zip(kinds, run.strategies, strict=True):
        kind.__qualname__ = type(strategy).__qualname__  # an image fits strategies of these names
    simulation = make(kinds)
    playback.attach(simulation)
    recorder = UpTo(reader, cut_rows, number)
    try:
        simulation.run(journal=recorder)
    except Enough:
        return recorder.image, recorder.harvested
    raise ImageError(f"image: the run ended before batch {number}")
