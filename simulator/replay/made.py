"""A made market: price paths from a few knots, as ``[market]`` of a scenario file tells them.

::

    [market]
    start = "2025-10-10T20:50:00Z"
    length = "01:30:00"  # hours:minutes:seconds, as every offset below
    instruments = ["spot:BTCUSDT", "um:BTCUSDT", "spot:USDEUSDT"]
    source = "What is known of the path, and what is assumed"
    print_notional = 100000  # of each print, in quote units; the one-tick book shows as much

    [market.paths.BTC]  # by asset, in USD; of a quote asset too, 1 where not named
    first = 116800  # unit of the knots; prices themselves where it is left out
    knots = [["00:00:00", 1.0], ["00:25:00", 0.96]]  # straight lines in between
    volatility = 0.6  # annual, of the noise between knots; a number or knots of its own

    [market.paths.USDE]
    knots = [["00:00:00", 1.0], ["00:50:00", 0.66]]
    index = 1.0  # INDEX rows: what it can be redeemed for, say; a number or knots, units as knots

    [market.basis]  # how far an instrument stands above its path, as a share; a number or knots
    "um:BTCUSDT" = [["00:00:00", 0.0], ["00:25:00", -0.01]]

    [market.correlation]  # of the noise of two paths; a number or knots; 0 where not named
    "BTC ETH" = 0.8

    [market.filters."spot:USDEUSDT"]  # of instruments that the catalogue does not know
    tick = "0.0001"
    lot = "1"

``simulator.replay.making`` turns it into a tape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from simulator.errors import InputError
from simulator.instruments.catalogue import instrument
from simulator.instruments.instrument import Instrument
from simulator.market.manifest import Step

CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d)")
LONGEST_S = 7 * 86_400
"""Most seconds of a made market: its rows are made in memory."""
LATEST_NS = 7_258_118_400 * 10**9
"""The year 2200: a market that starts before it ends within int64 nanoseconds."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def seconds(value: Any) -> int:
    """Return the seconds of an offset; a whole number is one already.

    >>> seconds("01:30:00")
    5400
    """
    if type(value) is int:
        return value
    text = value.isoformat() if isinstance(value, time) else str(value)
    found = CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not hours:minutes:seconds, as 00:05:00")
    hours, minutes, rest = map(int, found.groups())
    return (hours * 60 + minutes) * 60 + rest


def start_ns(value: Any) -> int:
    """Return ns since 1970 of an instant; without an offset it is UTC.

    >>> start_ns("2023-11-14T22:13:20Z")
    1700000000000000000
    """
    if type(value) is int:
        found = value
    else:
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError:
            raise ValueError(f"{value!r} must be like 2025-10-10T20:50:00Z") from None
        since = moment.replace(tzinfo=moment.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        found = (since.days * 86_400 + since.seconds) * 10**9
    if not 0 <= found < LATEST_NS:
        raise ValueError(f"{value} must be from 1970 to 2199")
    return found


def course(value: Any) -> tuple[tuple[int, float], ...]:
    """Return knots (second, value) of a number or of a list of [offset, value].

    >>> course(0.5), course([["00:00:00", 1], ["00:01:00", 2]])
    (((0, 0.5),), ((0, 1.0), (60, 2.0)))
    """
    pairs = value if isinstance(value, list | tuple) else [["00:00:00", value]]
    if not pairs:
        raise ValueError("needs at least one knot, such as ['00:00:00', 1.0]")
    knots: list[tuple[int, float]] = []
    for number, pair in enumerate(pairs):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ValueError(f"knot {number + 1} must be [offset, value], not {pair!r}")
        at = seconds(pair[0])
        if isinstance(pair[1], bool) or not isinstance(pair[1], int | float):
            raise ValueError(f"knot {number + 1}: {pair[1]!r} is not a number")
        if not abs(pair[1]) < 1e12:
            raise ValueError(f"knot {number + 1}: {pair[1]} is no value of a market")
        if knots and at <= knots[-1][0]:
            raise ValueError(f"knot {number + 1} must stand after knot {number}")
        knots.append((at, float(pair[1])))
    if knots[0][0] != 0:
        raise ValueError("the first knot must stand at 00:00:00")
    return tuple(knots)


Offset = Annotated[int, BeforeValidator(seconds)]
Start = Annotated[int, BeforeValidator(start_ns)]
Course = Annotated[tuple[tuple[int, float], ...], BeforeValidator(course)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, fields: Any) -> Any:
        known = ", ".join(cls.model_fields)
        if not isinstance(fields, Mapping):
            raise ValueError(f"must be a table with {known}, not {fields!r}")
        for key in fields:
            if key not in cls.model_fields:
                raise ValueError(f"no such key {key!r}; known: {known}")
        return fields


class PricePath(_Table):
    """Price of an asset in USD over the market's time."""

    first: Positive = 1.0
    knots: Course = ((0, 1.0),)
    volatility: Course = ((0, 0.0),)
    index: Course | None = None

    @model_validator(mode="after")
    def _above_zero(self) -> PricePath:
        for name, knots in (("knots", self.knots), ("index", self.index or ())):
            if any(value <= 0 for _, value in knots):
                raise ValueError(f"{name}: every price must be above 0")
        if any(not 0 <= value <= 50 for _, value in self.volatility):
            raise ValueError("volatility: must be annual, such as 0.6, and not below 0")
        return self


class Filters(_Table):
    """Steps of an instrument."""

    tick: Step
    lot: Step


class MadeMarket(_Table):
    """A checked ``[market]``; the fields are described at the top of this module."""

    start: Start
    length: Offset
    instruments: tuple[str, ...] = Field(min_length=1)
    paths: Mapping[str, PricePath] = Field(min_length=1)
    source: str = Field(min_length=1)
    print_notional: Positive = 100_000.0
    basis: Mapping[str, Course] = {}
    correlation: Mapping[str, Course] = {}
    filters: Mapping[str, Filters] = {}

    @model_validator(mode="after")
    def _fits(self) -> MadeMarket:
        if not 1 <= self.length <= LONGEST_S:
            raise ValueError("length: must be between 00:00:01 and 168:00:00")
        if len(set(self.instruments)) < len(self.instruments):
            raise ValueError("instruments: one is named twice")
        for table, names in (("basis", self.basis), ("filters", self.filters)):
            for name in names:
                if name not in self.instruments:
                    raise ValueError(f"{table}.{name}: not among the instruments")
        for one, _ in self.listed():
            if one.base not in self.paths:
                raise ValueError(f"paths: none for {one.base}, the base asset of {one.name}")
        self._pairs()
        for where, knots in self._courses():
            if knots[-1][0] > self.length:
                raise ValueError(f"{where}: its last knot stands after the end of the market")
        return self

    def _pairs(self) -> None:
        for name, knots in self.correlation.items():
            pair = name.split()
            if len(pair) != 2 or pair[0] == pair[1] or any(one not in self.paths for one in pair):
                raise ValueError(
                    f'correlation."{name}": must name two of the paths, such as "BTC ETH"; '
                    f"there are {', '.join(self.paths)}"
                )
            if any(not -1 <= value <= 1 for _, value in knots):
                raise ValueError(f'correlation."{name}": must be between -1 and 1')
            if f"{pair[1]} {pair[0]}" in self.correlation:
                raise ValueError(f'correlation."{name}": the pair is named twice')

    def _courses(self) -> list[tuple[str, tuple[tuple[int, float], ...]]]:
        found = [(f"basis.{name}", knots) for name, knots in self.basis.items()]
        found += [(f'correlation."{name}"', knots) for name, knots in self.correlation.items()]
        for asset, path in self.paths.items():
            found += [(f"paths.{asset}.knots", path.knots)]
            found += [(f"paths.{asset}.volatility", path.volatility)]
            found += [(f"paths.{asset}.index", path.index)] if path.index else []
        return found

    def listed(self) -> list[tuple[Instrument, str]]:
        """Return the instruments with their filters, and where these come from."""
        found = []
        for name in self.instruments:
            own = self.filters.get(name)
            steps = (own.tick, own.lot) if own else (Decimal(0), Decimal(0))
            try:
                one, source = instrument(name, *steps)
            except InputError as error:
                raise ValueError(f"instruments: {error}") from None
            if one.market == "option":
                raise ValueError(f"instruments: {name}: options cannot be made")
            if own is None and source == "inferred":
                raise ValueError(
                    f"instruments: the catalogue does not know {name}: "
                    f'give its tick and lot in [market.filters."{name}"]'
                )
            if own and (one.market != "cm" and own.tick * own.lot % Decimal("1e-8")):
                raise ValueError(f"filters.{name}: tick x lot must be a multiple of 1e-8")
            found.append((one, "the scenario" if own else source))
        return found
