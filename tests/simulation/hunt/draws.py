"""Draws from one seed: numpy's Philox, counted, so that the same seed is the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

BATCH = 4096


class Draws:
    """Plain draws from stream ``stream`` of a seed; streams do not disturb each other."""

    def __init__(self, seed: int, stream: int) -> None:
        key = np.array([seed & (2**64 - 1), stream], dtype=np.uint64)
        self._generator = np.random.Generator(np.random.Philox(key=key))
        self._left: list[float] = []

    def share(self) -> float:
        """At least 0, below 1."""
        if not self._left:
            self._left = self._generator.random(BATCH).tolist()
        return self._left.pop()

    def chance(self, share: float) -> bool:
        """True so often."""
        return self.share() < share

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.share() * (high - low + 1))

    def span(self, low: float, high: float) -> float:
        """A number between two."""
        return low + self.share() * (high - low)

    def scale(self, low: float, high: float) -> float:
        """A number between two above 0, every order of magnitude as likely as the others."""
        return float(low * (high / low) ** self.share())

    def pick(self, given: Sequence[T]) -> T:
        """One of those given; what stands there twice comes twice as often."""
        return given[int(self.share() * len(given))]

    def some(self, given: Sequence[T], share: float) -> list[T]:
        """Each of those given with a chance, in their order."""
        return [one for one in given if self.share() < share]

    def bell(self) -> float:
        """About normal: the sum of four draws, mean 0, variance 1."""
        return (
            self.share() + self.share() + self.share() + self.share() - 2.0
        ) * 1.7320508075688772

    def wait(self, mean_ns: float) -> int:
        """About exponential, whole ns, often none at all."""
        drawn = self.share()
        return 0 if drawn < 0.15 else int(mean_ns * (drawn - 0.15) ** 2 * 4.0)
