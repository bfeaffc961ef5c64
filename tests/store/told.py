"""What the command line says when a test calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Told:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on what is wrong; fails where there is another."""
        said = [line for line in self.err.splitlines() if line.startswith("unimargin: ")]
        assert self.code in (1, 2), self
        assert len(said) == 1, self
        assert "Traceback" not in self.err
        return said[0]


Call = Callable[..., Told]
