"""The generator's input: hours.toml (chosen) and measured.json (real recordings)."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import numpy as np

from replay_data import FOLDER
from replay_data.draws import Floats, path
from replay_data.recordings import STEP_MS, reaches
from simulator.instruments.instrument import Market as InstrumentMarket

HOUR_STEPS = 3_600_000 // STEP_MS


@dataclass(frozen=True, slots=True)
class Listed:
    """An instrument of the tape; ``face`` is USD a contract, 0 if linear, ``phase`` in ms."""

    name: str
    base: str
    quote: str
    tick: str
    lot: str
    phase: int
    min_notional: str = "0"
    face: int = 0

    @property
    def market(self) -> InstrumentMarket:
        """``spot``, ``um`` or ``cm``."""
        return cast(InstrumentMarket, self.name.partition(":")[0])

    @property
    def symbol(self) -> str:
        """Symbol on its market."""
        return self.name.partition(":")[2]

    @property
    def tick_e8(self) -> int:
        """Tick in 1e-8 of the quote asset."""
        return int(Decimal(self.tick) * 10**8)

    @property
    def ticks_per_unit(self) -> int:
        """Ticks in one unit of the quote asset."""
        return int(1 / Decimal(self.tick))


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour to generate; ``values`` is its table in hours.toml.

    With fewer ``steps`` the tape is the beginning of the whole hour's, row for row.
    """

    name: str
    values: dict[str, Any]
    model: dict[str, float]
    funding: dict[str, int]
    measured: dict[str, Any]
    listed: tuple[Listed, ...]
    steps: int = HOUR_STEPS

    @property
    def start_ms(self) -> int:
        """First instant, ms since 1970 UTC."""
        return round(datetime.fromisoformat(self.values["start"]).timestamp()) * 1000

    def minutes(self) -> Floats:
        """Minute of each step, ``[step + 1]``: the last is the end of the whole hour."""
        return np.asarray(np.arange(HOUR_STEPS + 1) * (STEP_MS / 60_000), np.float64)

    def over_time(self, key: str) -> Floats:
        """A path of hours.toml at each step."""
        return path(self.values[key], self.minutes())

    def figures(self, listed: Listed) -> dict[str, Any]:
        """What the recordings say of an instrument."""
        found: dict[str, Any] = self.measured["instruments"][listed.name]
        return found

    def reach(self, listed: Listed) -> list[tuple[int, int]]:
        """Distance and grid of the collected levels, in ticks."""
        return reaches(self.values["price"][listed.base], 1 / listed.ticks_per_unit)


def load(name: str, steps: int = HOUR_STEPS) -> Hour:
    """Return the hour ``name``; ``steps`` shortens it (tests)."""
    chosen = tomllib.loads((FOLDER / "hours.toml").read_text())
    listed = tuple(Listed(name=key, **value) for key, value in chosen["instruments"].items())
    return Hour(
        name=name,
        values=chosen["hours"][name],
        model=chosen["model"],
        funding=chosen["funding"],
        measured=json.loads((FOLDER / "measured.json").read_text()),
        listed=listed,
        steps=steps,
    )
