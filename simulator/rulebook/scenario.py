"""The scenario margin model of a rulebook: its parameters and the components it adds up.

A table by underlying has, besides names of underlyings, names of ``[scenario.tiers]`` and
``default``; a bare number is ``default``.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.risk.components import VolatilityShift
from simulator.risk.scenario import ScenarioRules
from simulator.rulebook.components import (
    MOST_STEPS,
    ComponentSection,
    VolatilityExceptions,
    expand,
)
from simulator.rulebook.sections import Section
from simulator.rulebook.values import Positive, Ratio, Table, plain


class Volatility(Section):
    """How far scenarios move implied volatility: ``iv * (1 + up * (reference_days / dte) **
    exponent)``, or ``iv + ...`` where ``kind`` is absolute; see ``components.VolatilityShift``.
    """

    kind: Literal["relative", "absolute"] = "relative"
    up: Table
    down: Table
    reference_days: Annotated[int, Field(ge=1)] = 30
    short_exponent: Annotated[Ratio, Field(ge=0)] = Fraction(0)
    long_exponent: Annotated[Ratio, Field(ge=0)] = Fraction(0)
    minimum_days: Annotated[Ratio, Field(gt=0)] = Fraction(1)
    floor_up: Annotated[Ratio, Field(ge=0)] = Fraction(0)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name, table in (("up", self.up), ("down", self.down)):
            if "default" not in table:
                raise ValueError(f"{name} needs an entry default")
            if len(table) > 1 and self.kind == "absolute":
                raise ValueError(f"{name}: only relative moves can differ by underlying")
            for key, share in table.items():
                if share < 0:
                    raise ValueError(f"{name}.{key} must be 0 or more, not {plain(share)}")
        return self

    def plain(self) -> VolatilityShift:
        """Return the shift of underlyings without one of their own."""
        return VolatilityShift(
            up=self.up["default"],
            down=self.down["default"],
            kind=self.kind,
            reference_days=self.reference_days,
            short_exponent=self.short_exponent,
            long_exponent=self.long_exponent,
            minimum_days=self.minimum_days,
            floor_up=self.floor_up,
        )

    def exceptions(self, tiers: Mapping[str, tuple[str, ...]]) -> VolatilityExceptions:
        """Return the shifts of underlyings that differ, up and down."""
        up, down = expand(self.up, tiers), expand(self.down, tiers)
        up.pop("", None)
        down.pop("", None)
        return up, down


class Scenario(Section):
    """Parameters of the scenario margin model; ``components`` in the order they are printed."""

    default_price_range: Ratio
    price_range: dict[str, Ratio] = Field(default_factory=dict)
    credit_rate: Ratio
    credit_name: str = "inter_credit"
    correlation_reference: Annotated[Positive, Field(le=1)]
    initial_over_maintenance: Annotated[Positive, Field(ge=1)]
    grid_steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] = 3
    total_is: Literal["initial", "maintenance"] = "initial"
    moved_price: Literal["mark", "index"] = "mark"
    floor_scope: Literal["pool", "unit"] = "pool"
    factor_scope: Literal["total", "worst"] = "total"
    reference_volatility: Positive | None = None
    widest_range: Annotated[Positive, Field(ge=1)] = Decimal(1)
    half_life_seconds: Annotated[int, Field(ge=1)] = 3600
    step_seconds: Annotated[int, Field(ge=1)] = 60
    tiers: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    volatility: Volatility | None = None
    components: dict[str, ComponentSection] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if not 0 < self.default_price_range < 1:
            raise ValueError(
                "default_price_range must lie between 0 and 1, "
                f"not {plain(self.default_price_range)}"
            )
        for asset, share in self.price_range.items():
            if not 0 <= share < 1:
                raise ValueError(f"price_range.{asset} must lie in 0 to 1, not {plain(share)}")
        if not 0 <= 2 * self.credit_rate <= 1:
            raise ValueError(f"credit_rate must lie in 0 to 1/2, not {plain(self.credit_rate)}")
        return self

    @model_validator(mode="after")
    def _parts(self) -> Self:
        for tier in self.tiers:
            if tier == "default" or not tier.islower():
                raise ValueError(f"tiers.{tier}: name a tier in lower case, and not default")
        grids = [c.role for c in self.components.values() if c.kind == "grid"]
        if self.components and "worst" not in grids:
            raise ValueError("components: at least one grid with role worst is needed")
        for name, component in self.components.items():
            try:
                component.plain(name, self.tiers)
            except ValueError as error:
                raise ValueError(f"components.{name}.{error}") from None
        if self.volatility:
            self.volatility.exceptions(self.tiers)
        return self

    def plain(self) -> ScenarioRules:
        """Return the parameters that risk computes with."""
        shift = self.volatility.plain() if self.volatility else VolatilityShift()
        exceptions = self.volatility.exceptions(self.tiers) if self.volatility else ({}, {})
        return ScenarioRules(
            default_price_range=self.default_price_range,
            credit_rate=self.credit_rate,
            correlation_reference=self.correlation_reference,
            initial_over_maintenance=self.initial_over_maintenance,
            price_range=self.price_range,
            grid_steps=self.grid_steps,
            components=tuple(
                component.plain(name, self.tiers, exceptions)
                for name, component in self.components.items()
            ),
            volatility=shift,
            total_is=self.total_is,
            moved_price=self.moved_price,
            floor_scope=self.floor_scope,
            factor_scope=self.factor_scope,
            credit_name=self.credit_name,
            reference_volatility=self.reference_volatility,
            widest_range=self.widest_range,
            half_life_seconds=self.half_life_seconds,
            step_seconds=self.step_seconds,
        )
