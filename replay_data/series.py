"""What expires: contracts of dated.toml and the hour that they stand beside."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from replay_data import FOLDER
from replay_data.draws import Floats, path
from replay_data.recordings import STEP_MS
from replay_data.settings import HOUR_STEPS, Hour, load

YEAR_MS = 365 * 86_400_000
DAY = 1.0 / 365.0

Term = Literal["near", "far"]


@dataclass(frozen=True, slots=True)
class Contract:
    """A delivery future or an option; ``expiry_ms`` counts from the hour's start.

    ``strike`` is 0 and ``right`` empty for a future.
    """

    market: Literal["um", "cm", "option"]
    symbol: str
    quote: str
    tick: str
    lot: str
    min_notional: str
    face: int
    term: Term
    expiry_ms: int
    strike: int = 0
    right: Literal["", "C", "P"] = ""

    @property
    def name(self) -> str:
        """Full name."""
        return f"{self.market}:{self.symbol}"

    @property
    def base(self) -> str:
        """Base asset: all of it is on BTC."""
        return "BTC"

    @property
    def ticks_per_unit(self) -> float:
        """Ticks in one unit of the quote asset."""
        return float(1 / Decimal(self.tick))

    def years(self, ms: Floats) -> Floats:
        """Years left at ``ms`` from the hour's start, at least a second."""
        return np.maximum(self.expiry_ms - ms, 1000.0) / YEAR_MS


@dataclass(frozen=True, slots=True)
class Dated:
    """What is generated beside an hour; ``values`` is its table in dated.toml."""

    name: str
    hour: Hour
    values: dict[str, Any]
    model: dict[str, float]
    quotes: dict[str, dict[str, Any]]
    contracts: tuple[Contract, ...]

    def over_time(self, key: str, ms: Floats) -> Floats:
        """A path of dated.toml at instants of the hour."""
        return path(self.values[key], ms / 60_000.0)

    def future(self, market: str, term: Term) -> Contract:
        """The delivery future of a market and term."""
        return next(c for c in self.contracts if c.market == market and c.term == term)


def step_ms() -> Floats:
    """Instants of the hour's steps, in ms from its start."""
    return np.arange(HOUR_STEPS, dtype=np.float64) * STEP_MS


def second_ms() -> Floats:
    """Instants of the hour's whole seconds, in ms from its start."""
    return np.arange(3600, dtype=np.float64) * 1000.0


def contracts(values: dict[str, Any], filters: dict[str, Any], hour: Hour) -> Iterator[Contract]:
    """Yield the futures, then the options, near before far, low strikes first."""
    terms: tuple[Term, ...] = ("near", "far")
    expiry = {
        term: round(datetime.fromisoformat(values[term]["expiry"]).timestamp() * 1000)
        - hour.start_ms
        for term in terms
    }
    for market, pair in (("um", "BTCUSDT"), ("cm", "BTCUSD")):
        for term in terms:
            symbol = f"{pair}_{values[term]['code']}"
            yield Contract(
                market=market,  # type: ignore[arg-type]
                symbol=symbol,
                term=term,
                expiry_ms=expiry[term],
                **filters[market],
            )
    for term in terms:
        for strike in values[term]["strikes"]:
            for right in ("C", "P"):
                yield Contract(
                    market="option",
                    symbol=f"BTC-{values[term]['code']}-{strike}-{right}",
                    term=term,
                    expiry_ms=expiry[term],
                    strike=strike,
                    right=right,
                    **filters["option"],
                )


def load_dated(name: str) -> Dated:
    """Return what is to be generated as ``name`` (``calm_dated``, ``crash_dated``)."""
    chosen = tomllib.loads((FOLDER / "dated.toml").read_text(encoding="utf-8"))
    values = chosen["hours"][name]
    hour = load(values["hour"])
    return Dated(
        name=name,
        hour=hour,
        values=values,
        model=chosen["model"],
        quotes=chosen["quotes"],
        contracts=tuple(contracts(values, chosen["filters"], hour)),
    )
