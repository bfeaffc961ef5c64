"""A case: a world, a tape and what strategies do, as plain data; drawn from a seed or read back.

A case that failed is shrunk and kept as JSON, so that it stays what it was when the drawing
changes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.simulation.hunt.draws import Draws
from tests.simulation.hunt.faults import afflict, draw_faults
from tests.simulation.hunt.tape import draw_tape, lapped
from tests.simulation.hunt.workload import draw_commands
from tests.simulation.hunt.world import draw_world

Command = tuple[Any, ...]
"""Time in ns since the start, number of the strategy, name, arguments."""

Rows = NDArray[np.int64]
"""Rows of the tape in the columns of its file, [row, 9]."""


@dataclass(frozen=True)
class Case:
    """What a run is made of; ``said`` is what was found, for a case that is kept."""

    seed: int
    world: dict[str, Any]
    rows: Rows
    commands: tuple[Command, ...]
    faults: tuple[dict[str, Any], ...] = ()
    said: str = ""

    def without(self, **changed: Any) -> Case:
        """Return a case that differs in some parts."""
        return replace(self, **changed)

    def __str__(self) -> str:
        world = self.world
        kinds = ", ".join(one["kind"] for one in self.faults) or "none"
        told = {name: world[name] for name in sorted(world) if name not in ("listed", "deposits")}
        return (
            f"seed {self.seed}: {len(self.rows)} rows, {len(self.commands)} commands, "
            f"faults: {kinds}\n  {told}\n  {', '.join(one['symbol'] for one in world['listed'])}"
        )


def draw(seed: int, faults: Sequence[int] | None = None) -> Case:
    """Return the case of a seed; ``faults`` names by number those that are left in, all without.

    Seeds from ``LONG`` on have long tapes, so that setting a run up is a small part of it.
    """
    world = draw_world(Draws(seed, 1), seed)
    rows = lapped(Draws(seed, 5), world, draw_tape(Draws(seed, 2), world))
    drawn = draw_faults(Draws(seed, 3), world)
    kept = tuple(one for number, one in enumerate(drawn) if faults is None or number in faults)
    rows = afflict(rows, kept)
    commands = draw_commands(Draws(seed, 4), world, rows[:, 0])
    return Case(seed, world, rows, tuple(commands), kept)


def write(case: Case, path: Path) -> None:
    """Keep a case as JSON."""
    told = {
        "said": case.said,
        "seed": case.seed,
        "world": case.world,
        "commands": [list(one) for one in case.commands],
        "rows": case.rows.tolist(),
    }
    lines = json.dumps(told, indent=None, separators=(",", ":"))
    # A row or a command a line: differences are read in reviews.
    lines = lines.replace("],[", "],\n[").replace(',"', ',\n"')
    path.write_text(lines + "\n", encoding="utf-8")


def read(path: Path) -> Case:
    """Return a case that was kept."""
    told = json.loads(path.read_text(encoding="utf-8"))
    return Case(
        told["seed"],
        told["world"],
        np.array(told["rows"], dtype=np.int64).reshape(len(told["rows"]), 9),
        tuple(tuple(one) for one in told["commands"]),
        said=told["said"],
    )
