"""Laws that properties of accounts are drawn from: ``quantile`` turns uniform numbers into values.

In a scenario file a law is a number (everybody has it), a table of shares by value, or a table that
names its law::

    leverage = 10
    leverage = {5 = 0.3, 10 = 0.5, 20 = 0.2}  # exact shares
    leverage = {law = "uniform", least = 2, most = 20}
    leverage = {law = "lognormal", median = 8, sigma = 0.7, least = 1, most = 100}
    entry = {law = "normal", mean = -0.01, sigma = 0.02, least = -0.2, most = 0.2}
    wealth = {law = "pareto", least = 500, alpha = 1.2, most = 5_000_000}

``least`` and ``most`` truncate: what lies beyond is drawn anew, not moved to the edge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from simulator.rulebook.messages import nearest
from simulator.units.functions import (
    exponentials,
    logarithm,
    normal_cdf,
    normal_quantiles,
    power,
    powers,
)

Floats = npt.NDArray[np.float64]


SHARES_ADD_UP = 1e-6
"""How far a sum of shares may lie from 1."""


class Table(BaseModel):
    """A table of a scenario file: a key that there is not is refused with the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping):
            raise ValueError(f"must be a table with {', '.join(cls.model_fields)}, not {fields!r}")
        for key in fields:
            if key not in cls.model_fields:
                raise ValueError(
                    f"no such key {key!r}{nearest(str(key), cls.model_fields)}; "
                    f"known: {', '.join(cls.model_fields)}"
                )
        return fields


def shares(given: Mapping[str, float]) -> Mapping[str, float]:
    """Return shares as they are; ``ValueError`` unless none is below 0 and they add up to 1."""
    for name, share in given.items():
        if not 0 <= share <= 1:
            raise ValueError(f"share of {name} must lie between 0 and 1, not {share!r:.60}")
    total = math.fsum(given.values())
    if abs(total - 1) > SHARES_ADD_UP:
        raise ValueError(f"shares must add up to 1, not {total:g}")
    return given


class Fixed(Table):
    """Everybody has the same value."""

    value: float

    @model_validator(mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{value!r} is not a number")
        return {"value": value}

    @property
    def span(self) -> tuple[float, float]:
        """Least and most value that can be drawn."""
        return self.value, self.value

    def quantile(self, uniform: Floats) -> Floats:
        """Return a value for each uniform number."""
        return np.full(len(uniform), self.value)


class Choice(Table):
    """Values with shares, which are exact: the counts are those of the largest remainders."""

    values: tuple[float, ...] = Field(min_length=1)
    weights: tuple[float, ...]

    @model_validator(mode="before")
    @classmethod
    def _by_value(cls, table: Any) -> Any:
        if not table:
            raise ValueError("needs values with their shares, as {5 = 0.4, 10 = 0.6}, or a law")
        try:
            values = [float(key) for key in table]
        except ValueError as error:
            raise ValueError(
                f"{error}: a table is shares by value, or says its law ({', '.join(LAWS)})"
            ) from None
        for key, weight in table.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float):
                raise ValueError(f"share of {key} must be a number, not {weight!r}")
        shares(table)
        return {"values": values, "weights": list(table.values())}

    @property
    def span(self) -> tuple[float, float]:
        """Least and most value that can be drawn."""
        return min(self.values), max(self.values)

    def quantile(self, uniform: Floats) -> Floats:
        """Return a value for each uniform number: the order of the numbers decides who has what."""
        return np.array(self.values)[assigned(uniform, self.weights)]


class Uniform(Table):
    """Every value between two is as likely."""

    law: Literal["uniform"]
    least: float
    most: float

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        _ordered(self.least, self.most)
        return self

    @property
    def span(self) -> tuple[float, float]:
        """Least and most value that can be drawn."""
        return self.least, self.most

    def quantile(self, uniform: Floats) -> Floats:
        """Return a value for each uniform number."""
        return self.least + uniform * (self.most - self.least)


class Pareto(Table):
    """A heavy tail: the share of values above x falls as x to the power of -alpha."""

    law: Literal["pareto"]
    least: float = Field(gt=0)
    alpha: float = Field(gt=0)
    most: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Pareto:
        _ordered(self.least, self.span[1])
        return self

    @property
    def span(self) -> tuple[float, float]:
        """Least and most value that can be drawn."""
        return self.least, math.inf if self.most is None else self.most

    def quantile(self, uniform: Floats) -> Floats:
        """Return a value for each uniform number."""
        beyond = 0.0 if self.most is None else power(self.least / self.most, self.alpha)
        above = 1 - uniform * (1 - beyond)
        return np.asarray(self.least * powers(above, -1 / self.alpha))


class Normal(Table):
    """The bell curve, between ``least`` and ``most``."""

    law: Literal["normal"]
    mean: float = 0.0
    sigma: float = Field(ge=0)
    least: float | None = None
    most: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Normal:
        _bell(self.mean, self.sigma, *self.span)
        return self

    @property
    def span(self) -> tuple[float, float]:
        """Least and most value that can be drawn."""
        low, high = self.least, self.most
        return -math.inf if low is None else low, math.inf if high is None else high

    def quantile(self, uniform: Floats) -> Floats:
        """Return a value for each uniform number."""
        return _truncated(uniform, self.mean, self.sigma, *self.span)


class Lognormal(Table):
    """Its logarithm has standard deviation ``sigma`` around that of the median."""

    law: Literal["lognormal"]
    median: float = Field(gt=0)
    sigma: float = Field(ge=0)
    least: float | None = Field(default=None, gt=0)
    most: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Lognormal:
        _bell(logarithm(self.median), self.sigma, *self._logs)
        return self

    @property
    def span(self) -> tuple[float, float]:
        """Least and most value that can be drawn."""
        return self.least or 0.0, math.inf if self.most is None else self.most

    @property
    def _logs(self) -> tuple[float, float]:
        low, high = self.span
        return logarithm(low) if low else -math.inf, logarithm(high)

    def quantile(self, uniform: Floats) -> Floats:
        """Return a value for each uniform number."""
        return np.asarray(
            exponentials(_truncated(uniform, logarithm(self.median), self.sigma, *self._logs))
        )


LAWS = ("uniform", "pareto", "normal", "lognormal")


def _tag(value: Any) -> str:
    if isinstance(value, BaseModel):
        return type(value).__name__.lower()
    if isinstance(value, Mapping):
        return str(value["law"]) if "law" in value else "choice"
    return "fixed"


def _law(value: Any) -> Any:
    if isinstance(value, Mapping) and "law" in value and value["law"] not in LAWS:
        raise ValueError(
            f"no such law {value['law']!r}{nearest(str(value['law']), LAWS)}; "
            f"known: {', '.join(LAWS)}"
        )
    return value


Law = Annotated[
    Annotated[Fixed, Tag("fixed")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Pareto, Tag("pareto")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[Lognormal, Tag("lognormal")],
    Discriminator(_tag),
    BeforeValidator(_law),
]
"""A law as a scenario file has it."""


def counts(total: int, weights: Sequence[float]) -> list[int]:
    """Return whole numbers in the proportion of the weights that add up to ``total``.

    What is over after rounding down goes to the largest remainders, of equal ones to the first.

    >>> counts(10, [1, 1, 1])
    [4, 3, 3]
    """
    whole = math.fsum(weights)
    exact = [total * weight / whole for weight in weights]
    # A product that should be whole may lie a bit below it.
    found = [math.floor(one + 1e-9) for one in exact]
    over = sorted(range(len(exact)), key=lambda at: (found[at] - exact[at], at))
    for at in over[: total - sum(found)]:
        found[at] += 1
    return found


def assigned(uniform: Floats, weights: Sequence[float]) -> npt.NDArray[np.int64]:
    """Return which entry of ``weights`` each has, in exact numbers, by the order of ``uniform``."""
    ends = list(accumulate(counts(len(uniform), weights)))
    found = np.empty(len(uniform), dtype=np.int64)
    order = np.argsort(uniform, kind="stable")
    for entry, (first, end) in enumerate(zip([0, *ends], ends, strict=False)):
        found[order[first:end]] = entry
    return found


def _ordered(least: float, most: float) -> None:
    if least > most:
        raise ValueError(f"least must not be above most, {least:g} is above {most:g}")


def _bell(mean: float, sigma: float, least: float, most: float) -> None:
    _ordered(least, most)
    if sigma == 0:
        if not least <= mean <= most:
            raise ValueError("with sigma 0 the middle must lie between least and most")
    elif _below((most - mean) / sigma) - _below((least - mean) / sigma) < 1e-9:
        raise ValueError("next to nothing of the law lies between least and most")


def _below(z: float) -> float:
    """Return the share of the standard normal law below ``z``."""
    return float(normal_cdf(z))


def _truncated(uniform: Floats, mean: float, sigma: float, least: float, most: float) -> Floats:
    """Return normal values between ``least`` and ``most`` by the inverse of their law."""
    if sigma == 0:
        return np.full(len(uniform), mean)
    low, high = _below((least - mean) / sigma), _below((most - mean) / sigma)
    # Kept off 0 and 1, where the inverse is infinite.
    inner = np.clip(low + uniform * (high - low), 1e-16, 1 - 2**-53)
    standard: Floats = normal_quantiles(inner)
    return np.clip(mean + sigma * standard, least, most)
