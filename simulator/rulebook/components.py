"""The components of a scenario margin, ``[scenario.components.NAME]``, one model a ``kind``.

Each builds the plain part of ``simulator.risk.components`` that computes it.  Grids are given
compactly: by a range and steps, or by a list of moves, for each tier of underlyings.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from simulator.risk.components import (
    BasisCharge,
    CalendarCharge,
    Component,
    Concentration,
    ExpiryCharge,
    Grid,
    LoanCharge,
    Role,
    Scenario,
    Scope,
    SizeCharge,
)
from simulator.rulebook.sections import Section
from simulator.rulebook.values import Ratio, Table, plain

T = TypeVar("T")

Tiers = Mapping[str, tuple[str, ...]]

VolatilityExceptions = tuple[Mapping[str, Fraction], Mapping[str, Fraction]]
"""Up and down moves of volatility by underlying, of those that differ from the default."""

MOST_STEPS = 1_000
"""Most moves of a grid either side of no move; venues have 3 to 20, and each is a scenario."""

SIGN = {"down": -1, "same": 0, "up": 1}


def expand(table: Mapping[str, T], tiers: Tiers) -> dict[str, T]:
    """Return a table by underlying, ``""`` the rest, from one by tier, underlying and
    ``default``; an underlying's own entry stands above its tier's.

    Raises ``ValueError`` for a tier that does not exist.

    >>> expand({"major": 1, "default": 3, "ETH": 2}, {"major": ("BTC", "ETH")})
    {'BTC': 1, 'ETH': 2, '': 3}
    """
    found: dict[str, T] = {}
    for key, value in table.items():
        if key in tiers:
            for underlying in tiers[key]:
                found.setdefault(underlying, value)
    for key, value in table.items():
        if key == "default":
            found[""] = value
        elif key not in tiers:
            if key.islower():
                known = ", ".join([*tiers, "default"])
                raise ValueError(f"{key}: no such tier; there are {known}")
            found[key] = value
    return found


class ComponentModel(Section):
    """What every component has; ``role`` says how it counts (``components.Role``)."""

    role: Role

    @abstractmethod
    def plain(
        self, name: str, tiers: Tiers, volatility: VolatilityExceptions = ({}, {})
    ) -> Component:
        """Return the part that risk computes with; ``ValueError`` naming the wrong field."""


def _by_default(value: object) -> object:
    """Accept a bare list as the entry ``default``."""
    return {"default": value} if isinstance(value, list | tuple) else value


Moves = Annotated[dict[str, tuple[Ratio, ...]], BeforeValidator(_by_default)]


class GridModel(ComponentModel):
    """Price moves times volatility moves: ``range`` in ``steps`` either side, or ``moves``.

    ``of_range``: moves are shares of the underlying's price range (then ``range`` is 1 if not
    given).  ``mirrored``: each move counts up and down.  ``weights``: one a move of ``moves``.
    ``dampener``: an extended table of moves beyond the price range (``components.Grid``).
    """

    kind: Literal["grid"]
    role: Role = "worst"
    of_range: bool = False
    range: Table | None = None
    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    moves: Moves | None = None
    mirrored: bool = True
    volatility: Annotated[tuple[Literal["down", "same", "up"], ...], Field(min_length=1)] = (
        "same",
    )
    weight: Annotated[Ratio, Field(gt=0)] = Fraction(1)
    weights: tuple[Annotated[Ratio, Field(gt=0)], ...] | None = None
    days: Annotated[Ratio, Field(ge=0)] = Fraction(0)
    dampener: Table | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.moves is None) == (self.steps is None):
            raise ValueError("a grid has either moves or steps")
        if self.moves is not None and self.range is not None:
            raise ValueError("range goes with steps, not with moves")
        if self.steps is not None and self.range is None and not self.of_range:
            raise ValueError("steps need a range")
        table = self.moves if self.moves is not None else self.range
        if table is not None and "default" not in table:
            raise ValueError("an entry default is needed, for every other underlying")
        return self

    @model_validator(mode="after")
    def _dampened(self) -> Self:
        if self.dampener is None:
            return self
        if self.of_range:
            raise ValueError("dampener goes with moves of the price, not with of_range")
        for key, amount in self.dampener.items():
            if amount < 0:
                raise ValueError(f"dampener.{key} must be 0 or more, not {plain(amount)}")
        return self

    @model_validator(mode="after")
    def _moves_fit(self) -> Self:
        if self.weights is not None and self.moves is None:
            raise ValueError("weights go with moves, not with steps")
        for key, moves in (self.moves or {}).items():
            if self.weights is not None and len(moves) != len(self.weights):
                raise ValueError(
                    f"weights has {len(self.weights)} entries, moves.{key} {len(moves)}"
                )
            if any(move < -1 or (self.mirrored and move > 1) for move in moves):
                raise ValueError(f"moves.{key}: a price cannot fall by more than 1")
        return self

    def plain(
        self, name: str, tiers: Tiers, volatility: VolatilityExceptions = ({}, {})
    ) -> Component:
        """Return the grid that risk computes with."""
        moves = self._moves(tiers)
        up, down = volatility
        scenarios = {
            underlying: tuple(
                Scenario(
                    move=move,
                    volatility=SIGN[direction],
                    weight=weight,
                    days=self.days,
                    shift={"up": up, "down": down}.get(direction, {}).get(underlying),
                )
                for (move, weight), direction in product(
                    moves.get(underlying, moves[""]), self.volatility
                )
            )
            for underlying in dict.fromkeys((*moves, *up, *down))
        }
        return Grid(
            name,
            scenarios,
            role=self.role,
            of_range=self.of_range,
            dampener=dict(_field("dampener", self.dampener or {}, tiers)),
            rule=_rule(name),
        )

    def _moves(self, tiers: Tiers) -> dict[str, tuple[tuple[Fraction, Fraction], ...]]:
        """Return (move, weight) by underlying, from the lowest move to the highest."""
        if self.moves is not None:
            return {u: self._weighted(listed) for u, listed in _field("moves", self.moves, tiers)}
        assert self.steps is not None
        steps = self.steps
        widest = self.range if self.range is not None else {"default": Fraction(1)}
        return {
            u: tuple((width * Fraction(n, steps), self.weight) for n in range(-steps, steps + 1))
            for u, width in _field("range", widest, tiers)
        }

    def _weighted(self, listed: tuple[Fraction, ...]) -> tuple[tuple[Fraction, Fraction], ...]:
        weights = self.weights or (self.weight,) * len(listed)
        both = dict(zip(listed, weights, strict=True))
        if self.mirrored:
            both = {sign * move: weight for move, weight in both.items() for sign in (-1, 1)}
        return tuple(sorted(both.items()))


class CalendarModel(ComponentModel):
    """A rate on what longs and shorts of different expiries offset."""

    kind: Literal["calendar"]
    role: Role = "charge"
    rate: Table

    def plain(
        self, name: str, tiers: Tiers, volatility: VolatilityExceptions = ({}, {})
    ) -> Component:
        """Return the charge that risk computes with."""
        rate = dict(_field("rate", self.rate, tiers))
        return CalendarCharge(name, rate, role=self.role, rule=_rule(name))


class ExpiryModel(ComponentModel):
    """A rate on each expiry's net delta: ``max(minimum, annual * years to expiry)``."""

    kind: Literal["expiry"]
    role: Role = "charge"
    minimum: Table
    annual: Table = Field(default_factory=dict)

    def plain(
        self, name: str, tiers: Tiers, volatility: VolatilityExceptions = ({}, {})
    ) -> Component:
        """Return the charge that risk computes with."""
        minimum = dict(_field("minimum", self.minimum, tiers))
        annual = dict(_field("annual", self.annual, tiers))
        return ExpiryCharge(name, minimum, annual, role=self.role, rule=_rule(name))


class BasisModel(ComponentModel):
    """A share of what each expiry alone loses if its forward moves by ``move`` either way:
    ``share + annual * years to expiry``.
    """

    kind: Literal["basis"]
    role: Role = "worst"
    move: Table
    share: Table
    annual: Table = Field(default_factory=dict)

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        for key, move in self.move.items():
            if not 0 <= move < 1:
                raise ValueError(f"move.{key} must lie between 0 and 1, not {plain(move)}")
        return self

    def plain(
        self, name: str, tiers: Tiers, volatility: VolatilityExceptions = ({}, {})
    ) -> Component:
        """Return the charge that risk computes with."""
        move = dict(_field("move", self.move, tiers))
        share = dict(_field("share", self.share, tiers))
        annual = dict(_field("annual", self.annual, tiers))
        return BasisCharge(name, move, share, annual, role=self.role, rule=_rule(name))


class FactorTier(BaseModel):
    """Above ``above`` USD of raw charge, each further dollar counts ``factor`` times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    above: Annotated[Ratio, Field(ge=0)]
    factor: Annotated[Ratio, Field(ge=0)]


class RateTier(BaseModel):
    """Above ``above`` USD of net delta, each further dollar is charged ``rate``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    above: Annotated[Ratio, Field(ge=0)]
    rate: Annotated[Ratio, Field(ge=0, le=1)]


class SizeModel(ComponentModel):
    """A rate on the size of positions in ``scope``, raised by tiers of the raw charge."""

    kind: Literal["size"]
    role: Role = "charge"
    scope: Scope
    rate: Table
    measure: Literal["index", "delta"] = "index"
    tiers: Annotated[tuple[FactorTier, ...], Field(min_length=1)] = (
        FactorTier(above=Fraction(0), factor=Fraction(1)),
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.tiers[0].above != 0:
            raise ValueError("tiers: the first must be above 0")
        _check_rising([tier.above for tier in self.tiers])
        return self

    def plain(
        self, name: str, tiers: Tiers, volatility: VolatilityExceptions = ({}, {})
    ) -> Component:
        """Return the charge that risk computes with."""
        return SizeCharge(
            name,
            self.scope,
            dict(_field("rate", self.rate, tiers)),
            tuple((tier.above, tier.factor) for tier in self.tiers),
            self.measure,
            role=self.role,
            rule=_rule(name),
        )


class ConcentrationModel(ComponentModel):
    """A rising rate on a large net delta."""

    kind: Literal["concentration"]
    role: Role = "add_on"
    tiers: Annotated[tuple[RateTier, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        _check_rising([tier.above for tier in self.tiers])
        return self

    def plain(
        self, name: str, tiers: Tiers, volatility: VolatilityExceptions = ({}, {})
    ) -> Component:
        """Return the add-on that risk computes with."""
        rows = tuple((tier.above, tier.rate) for tier in self.tiers)
        return Concentration(name, rows, role=self.role, rule=_rule(name))


class LoanModel(ComponentModel):
    """A rate on what is owed, by asset."""

    kind: Literal["loan"]
    role: Role = "add_on"
    rate: Table

    def plain(
        self, name: str, tiers: Tiers, volatility: VolatilityExceptions = ({}, {})
    ) -> Component:
        """Return the add-on that risk computes with."""
        rate = dict(_field("rate", self.rate, tiers))
        return LoanCharge(name, rate, role=self.role, rule=_rule(name))


ComponentSection = Annotated[
    GridModel
    | CalendarModel
    | ExpiryModel
    | BasisModel
    | SizeModel
    | ConcentrationModel
    | LoanModel,
    Field(discriminator="kind"),
]


def _rule(name: str) -> str:
    return f"scenario.components.{name}"


def _field(field: str, table: Mapping[str, T], tiers: Tiers) -> list[tuple[str, T]]:
    try:
        return list(expand(table, tiers).items())
    except ValueError as error:
        raise ValueError(f"{field}.{error}") from None


def _check_rising(floors: list[Fraction]) -> None:
    if floors != sorted(set(floors)):
        raise ValueError("tiers: above must rise from row to row")
