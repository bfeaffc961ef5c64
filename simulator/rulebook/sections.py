"""The sections of a rulebook file, one model each."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from simulator.risk.brackets import Bracket, derive_brackets
from simulator.risk.levels import Ladder, Rung
from simulator.risk.rules import MarginModel, MarginType, Wallet
from simulator.risk.scenario import ScenarioRules
from simulator.rulebook.values import Number, Positive, Rate, Ratio, Share, e8, plain

HOUR_NS = 3_600 * 10**9
DAY_HOURS = 24


class Section(BaseModel):
    """A table of a rulebook file; ``source`` and ``sources`` name entries of ``[sources]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    sources: dict[str, str] = {}

    def source_of(self, field: str) -> str:
        """Return the id of a value's source: its own, else its table's, else the section's."""
        while field:
            if field in self.sources:
                return self.sources[field]
            field = field.rpartition(".")[0]
        return self.source


class RungModel(BaseModel):
    """A threshold on equity / maintenance margin; at it, ``<=`` belongs to the worse level."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Positive
    edge: Literal["<=", "<"] = "<="

    def plain(self) -> Rung:
        """Return the rung that risk computes with."""
        return Rung(self.at, inclusive=self.edge == "<=")


class LadderSection(Section):
    """Thresholds that lead to the risk levels; an absent one is a level the venue does not have."""

    ratio_name: str
    shown: Literal["equity / maintenance", "maintenance / equity"] = "equity / maintenance"
    target: Positive
    margin_call: RungModel | None = None
    reduce_only: RungModel | None = None
    liquidation: RungModel

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        self.plain()
        return self

    def plain(self) -> Ladder:
        """Return the ladder that risk computes with; ``ValueError`` if thresholds do not fall."""
        return Ladder(
            ratio_name=self.ratio_name,
            liquidation=self.liquidation.plain(),
            target=self.target,
            margin_call=self.margin_call.plain() if self.margin_call else None,
            reduce_only=self.reduce_only.plain() if self.reduce_only else None,
            shown=self.shown,
        )


class ModeSection(Section):
    """What a pool's margin is made of in one mode.

    ``haircut``: assets count by their collateral ratio.  ``default_leverage`` absent: 1 / price
    range.
    """

    margin_model: MarginModel
    haircut: bool = False
    default_leverage: Annotated[int, Field(ge=1)] | None = None
    ladder: LadderSection


class Separated(ModeSection):
    """Each wallet and each isolated position is a pool of its own."""

    margin_type: MarginType


class Unified(ModeSection):
    """One pool holds the wallets in ``members``; others stay as in the separated mode."""

    members: Annotated[tuple[Wallet, ...], Field(min_length=1)]


class Scenario(Section):
    """Parameters of the scenario margin model."""

    default_price_range: Ratio
    price_range: dict[str, Ratio] = {}
    credit_rate: Ratio
    correlation_reference: Annotated[Positive, Field(le=1)]
    initial_over_maintenance: Annotated[Positive, Field(ge=1)]
    grid_steps: Annotated[int, Field(ge=1)] = 3

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

    def plain(self) -> ScenarioRules:
        """Return the parameters that risk computes with."""
        return ScenarioRules(
            default_price_range=self.default_price_range,
            credit_rate=self.credit_rate,
            correlation_reference=self.correlation_reference,
            initial_over_maintenance=self.initial_over_maintenance,
            price_range=self.price_range,
            grid_steps=self.grid_steps,
        )


class Collateral(Section):
    """Share of an asset's value that counts as equity."""

    default: Share
    ratio: dict[str, Share] = {}


class Loans(Section):
    """Cross-margin loans under the bracket model: maintenance rate by margin leverage."""

    default_leverage: int
    maintenance_rate: dict[int, Share]

    @model_validator(mode="after")
    def _listed(self) -> Self:
        if self.default_leverage not in self.maintenance_rate:
            raise ValueError(
                f"default_leverage {self.default_leverage} is not a key of maintenance_rate"
            )
        if min(self.maintenance_rate) <= 1:
            raise ValueError("maintenance_rate: margin leverage must be above 1")
        return self


class BracketRow(BaseModel):
    """One bracket; ``cum`` is derived, and checked where it is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    floor: Number
    cap: Positive
    mmr: Positive
    max_leverage: Positive
    cum: Number | None = None

    @staticmethod
    def derive(rows: tuple[BracketRow, ...]) -> tuple[Bracket, ...]:
        """Return the table with every ``cum``; ``ValueError`` naming the row that is wrong."""
        brackets = derive_brackets([(r.floor, r.cap, r.mmr, r.max_leverage) for r in rows])
        for number, (row, bracket) in enumerate(zip(rows, brackets, strict=True), start=1):
            if row.cum is not None and row.cum != bracket.cum:
                raise ValueError(
                    f"bracket {number}: cum must be {plain(bracket.cum)} by the rows before, "
                    f"not {plain(row.cum)}"
                )
        return brackets


class Brackets(Section):
    """Leverage brackets by symbol; notional in the settlement asset."""

    um: dict[str, tuple[BracketRow, ...]] = {}

    @field_validator("um")
    @classmethod
    def _derivable(
        cls, tables: dict[str, tuple[BracketRow, ...]]
    ) -> dict[str, tuple[BracketRow, ...]]:
        for symbol, rows in tables.items():
            try:
                BracketRow.derive(rows)
            except ValueError as error:
                raise ValueError(f"{symbol}: {error}") from None
        return tables

    def plain(self) -> dict[str, tuple[Bracket, ...]]:
        """Return the tables that risk computes with."""
        return {symbol: BracketRow.derive(rows) for symbol, rows in self.um.items()}


class FeeSchedule(Section):
    """Trading fees of one market, as a share of notional; a maker rate may be negative (rebate).

    ``bnb_discount``: share taken off a fee that is paid in BNB.
    """

    maker: Rate
    taker: Rate
    bnb_discount: Annotated[Rate, Field(ge=0)] = Decimal(0)

    @property
    def maker_e8(self) -> int:
        """Maker rate in 1e-8."""
        return e8(self.maker)

    @property
    def taker_e8(self) -> int:
        """Taker rate in 1e-8."""
        return e8(self.taker)

    @property
    def bnb_discount_e8(self) -> int:
        """Discount in 1e-8 of the fee."""
        return e8(self.bnb_discount)


class Fees(Section):
    """Trading fees by market."""

    spot: FeeSchedule
    um: FeeSchedule


class Liquidation(Section):
    """What a liquidation costs: ``fee`` is a share of the notional that the venue closes, to the
    insurance fund.

    ``market_take_bound``: how far from the mark price, as a share, a liquidation order may trade.
    """

    fee: Annotated[Rate, Field(ge=0)]
    market_take_bound: Share | None = None

    @property
    def fee_e8(self) -> int:
        """Fee in 1e-8 of notional."""
        return e8(self.fee)


class Funding(Section):
    """Funding of perpetuals: every ``interval_hours`` from 00:00 UTC on, a share of notional at
    the mark price.

    Rates are for an interval of 8 hours: ``(P + clamp(interest - P, -clamp, clamp)) / (8 /
    interval_hours)``, then held within ``cap`` either way.
    """

    interval_hours: Annotated[int, Field(ge=1, le=DAY_HOURS)]
    interest: Rate
    clamp: Annotated[Rate, Field(ge=0)]
    cap: Annotated[Rate, Field(ge=0)] | None = None
    impact_margin_notional: Positive | None = None

    @field_validator("interval_hours")
    @classmethod
    def _divides_the_day(cls, hours: int) -> int:
        if DAY_HOURS % hours:
            raise ValueError(f"must divide 24, not {hours}")
        return hours

    @property
    def interval_ns(self) -> int:
        """Time between payments in ns; instants are its multiples since 1970 UTC."""
        return self.interval_hours * HOUR_NS

    def instants_utc(self) -> tuple[str, ...]:
        """Return the instants of a day, ``HH:MM``."""
        return tuple(f"{hour:02}:00" for hour in range(0, DAY_HOURS, self.interval_hours))


class Mark(Section):
    """Computed mark price: median of index + funding basis, index + moving average of (mid -
    index), and last.

    The average has a point every ``step_seconds`` over ``window_seconds``; the basis is ``index *
    funding rate * hours to funding / basis_hours``.
    """

    window_seconds: Annotated[int, Field(ge=1)]
    step_seconds: Annotated[int, Field(ge=1)]
    basis_hours: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _whole_points(self) -> Self:
        if self.window_seconds % self.step_seconds:
            raise ValueError("window_seconds must be a multiple of step_seconds")
        return self

    @property
    def points(self) -> int:
        """Points of the moving average."""
        return self.window_seconds // self.step_seconds

    @property
    def step_ns(self) -> int:
        """Time between points in ns."""
        return self.step_seconds * 10**9
