"""``[impact]`` of a scenario file: what the books offer, and how they come back; checked.

::

    [impact]  # of every book that is not named below
    profile = "constant"  # tape, constant or linear
    depth = 10_000_000  # within 1 % of the quote, each side, in quote units (USD of an inverse)
    spread = 0.0001  # share of price
    reach = 0.25  # of the levels, as a share of price
    levels = 60
    resilience = "exponential"  # instant, exponential, linear or none
    half_life = "00:05:00"  # of exponential resilience
    recovery = 0.001  # of linear: share of price a minute
    permanent = 0.0  # share that stays
    flight = 0.0  # displacement at which half of the depth has been withdrawn; 0: none is
    arbitrage = "00:00:00"  # half life in which a future and its spot pair meet; 0: they do not
    scale = {"00:00:00" = 1, "00:20:00" = 0.1}  # factor of the depth over time, linear in between
    feedback = true  # false: every order meets the undisturbed book and leaves no trace

    [impact.books."um:BTCUSDT"]  # the same keys; what is left out is as in [impact]
    depth = 50_000_000

    [impact.own_weight]  # of the venue's own spot book in an asset's index; 1 where not named
    USDE = 1.0

Without ``[impact]`` liquidations take the tape's levels and the tape restates them.
`simulator.market.liquidity` says what each key means.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from simulator.cli.life import after_start
from simulator.market.liquidity import Impact, Liquidity, Profile, Resilience
from simulator.population.laws import Table
from simulator.units.text import clock

Clock = Annotated[
    int, BeforeValidator(after_start), PlainSerializer(clock, return_type=str, when_used="json")
]
"""Hours, minutes and seconds, in ns."""


def _rising(scale: dict[int, float]) -> dict[int, float]:
    if list(scale) != sorted(scale):
        raise ValueError("instants must rise")
    for factor in scale.values():
        if not 0 < factor <= 1000:
            raise ValueError(f"a factor must be above 0, not {factor:g}")
    return scale


class Book(Table):
    """One instrument's book; a key that is not given is None here."""

    profile: Profile | None = None
    depth: Annotated[float, Field(gt=0)] | None = None
    spread: Annotated[float, Field(ge=0, lt=1)] | None = None
    reach: Annotated[float, Field(gt=0, lt=1)] | None = None
    levels: Annotated[int, Field(ge=1, le=10_000)] | None = None
    resilience: Resilience | None = None
    half_life: Clock | None = None
    recovery: Annotated[float, Field(gt=0)] | None = None
    permanent: Annotated[float, Field(ge=0, le=1)] | None = None
    flight: Annotated[float, Field(ge=0)] | None = None
    arbitrage: Clock | None = None
    scale: Annotated[dict[Clock, float], AfterValidator(_rising)] | None = None

    def given(self) -> dict[str, Any]:
        """Return the values that were given, by the names that `Liquidity` has for them."""
        names = {"half_life": "half_life_ns", "arbitrage": "arbitrage_ns"}
        values = {
            names.get(field, field): getattr(self, field)
            for field in Book.model_fields
            if getattr(self, field) is not None
        }
        if "scale" in values:
            values["scale"] = tuple(values["scale"].items())
        return values


class ImpactTable(Book):
    """The whole table."""

    feedback: bool = True
    books: dict[str, Book] = Field(default_factory=dict)
    own_weight: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)

    def plain(self) -> Impact:
        """Return the rules as the engine takes them."""
        other = self.given()
        return Impact(
            books={
                name: Liquidity(**{**other, **book.given()}) for name, book in self.books.items()
            },
            other=Liquidity(**other),
            own_weight=dict(self.own_weight),
            feedback=self.feedback,
        )
