"""A target: something that reads, right inputs for it, and how to make them wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests.fuzz.answer import SECONDS, answer
from tests.fuzz.written import changed_bytes

Change = Callable[[bytes, Random], bytes]


def random_of(name: str, number: int) -> Random:
    """Return the random numbers that a target's input of a number is made of."""
    return Random(f"{name}/{number}")


@dataclass(frozen=True, slots=True)
class Target:
    """``seeds()`` are right inputs, ``change`` makes one wrong, ``read`` reads one.

    ``read(data, folder)`` may write into the folder, which is the target's own and is not emptied
    between inputs.  ``share``: inputs of the suite, of 1,000 in all; ``seconds`` as in `answer`.
    """

    name: str
    seeds: Callable[[], tuple[bytes, ...]]
    change: Change
    read: Callable[[bytes, Path], object]
    share: int
    seconds: float = SECONDS
    raw: float = 0.1

    def made(self, random: Random) -> bytes:
        """Return an input: a seed changed by what it means, sometimes by bytes as well."""
        data = random.choice(self.seeds())
        if random.random() >= self.raw:
            data = self.change(data, random)
        return changed_bytes(data, random) if random.random() < self.raw else data

    def answer(self, data: bytes) -> str:
        """Read an input; return the line that refuses it, empty where it is accepted."""
        folder = _folder(self.name)
        return answer(lambda: self.read(data, folder), self.seconds)


@cache
def _folder(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"fuzz-{name.replace(' ', '-')}-"))
