"""Sections of what costs money and when: fees, liquidation, funding, interest, settlement."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from simulator.liquidation.rules import Deleveraging, InsuranceRules, Partial
from simulator.rulebook.sections import Section
from simulator.rulebook.values import Daily, Number, Positive, Rate, Share, e8

HOUR_NS = 3_600 * 10**9
DAY_HOURS = 24


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


class OptionFees(FeeSchedule):
    """Trading fees of options: a share of the underlying's value at the index price, at most
    ``premium_cap`` of the premium.
    """

    premium_cap: Share = Decimal(1)

    @property
    def premium_cap_e8(self) -> int:
        """Cap in 1e-8 of the premium."""
        return e8(self.premium_cap)


class Fees(Section):
    """Trading fees by market."""

    spot: FeeSchedule
    um: FeeSchedule
    cm: FeeSchedule
    option: OptionFees


class Liquidation(Section):
    """What a liquidation does and costs: ``fee`` is a share of the notional that its orders close,
    to the insurance fund.

    ``partial``: how far an order closes a future, see `simulator.liquidation.rules.Partial`.
    ``market_take_bound``: how far from the mark price, as a share, a liquidation order may trade.
    ``deleveraging``: whose positions are closed against what the fund cannot take.
    """

    fee: Annotated[Rate, Field(ge=0)]
    partial: Partial = "target"
    market_take_bound: Share | None = None
    deleveraging: Deleveraging = "queue"

    @property
    def fee_e8(self) -> int:
        """Fee in 1e-8 of notional."""
        return e8(self.fee)


class InsuranceFund(Section):
    """The fund that takes positions over which cannot be closed before their bankruptcy price.

    ``balance``: what it starts with, whole units by settlement asset; an asset that is not named
    has no limit.  ``capacity``: notional that it may hold, a multiple of its balance.  Of what a
    book displays within ``unwind_reach`` of the mark it trades a share ``unwind`` at each step of
    the mark.
    """

    balance: dict[str, Annotated[Number, Field(ge=0)]] = Field(default_factory=dict)
    capacity: Annotated[Number, Field(ge=0)] = Decimal(1)
    unwind: Share = Decimal("0.1")
    unwind_reach: Share = Decimal("0.01")

    def plain(self) -> InsuranceRules:
        """Return the rules that the exchange runs by."""
        return InsuranceRules(
            balance=self.balance,
            capacity=float(self.capacity),
            unwind=float(self.unwind),
            unwind_reach=float(self.unwind_reach),
        )


class FundingTerms(Section):
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


class Funding(FundingTerms):
    """Funding of USD-M perpetuals, and of COIN-M ones where ``cm`` says otherwise."""

    cm: FundingTerms | None = None

    def of(self, market: str) -> FundingTerms:
        """Return the terms of ``um`` or ``cm``."""
        return self.cm if market == "cm" and self.cm else self


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
        _check_points(self.window_seconds, self.step_seconds)
        return self

    @property
    def points(self) -> int:
        """Points of the moving average."""
        return self.window_seconds // self.step_seconds

    @property
    def step_ns(self) -> int:
        """Time between points in ns."""
        return self.step_seconds * 10**9


class Interest(Section):
    """Interest on loans: a share of loan a day by asset, charged every ``every_hours``.

    ``on_borrow``: the first period is charged when the loan is taken.
    """

    daily: Daily
    every_hours: Annotated[int, Field(ge=1, le=DAY_HOURS)] = 1
    on_borrow: bool = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _check_daily(self.daily)
        if DAY_HOURS % self.every_hours:
            raise ValueError(f"every_hours must divide 24, not {self.every_hours}")
        return self

    @property
    def every_ns(self) -> int:
        """Time between charges in ns; instants are its multiples since 1970 UTC."""
        return self.every_hours * HOUR_NS

    def daily_e8(self, asset: str) -> int:
        """Return the rate of a day in 1e-8; a period owes ``every_hours / 24`` of it."""
        return e8(self.daily.get(asset, self.daily["default"]))


class NegativeBalance(Section):
    """Interest on what a unified account owes without a loan, once a day at ``hour_utc``.

    ``fee = |min(balance + free, 0)| * daily``: only what lies below minus ``free`` (by asset, in
    it; the rest 0) pays.  Below minus ``exchange_at`` an asset is exchanged from others.
    """

    free: dict[str, Annotated[Number, Field(ge=0)]] = Field(default_factory=dict)
    daily: Daily
    hour_utc: Annotated[int, Field(ge=0, lt=DAY_HOURS)] = 0
    exchange_at: dict[str, Positive] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _check_daily(self.daily)
        return self

    def daily_e8(self, asset: str) -> int:
        """Return the rate of a day in 1e-8."""
        return e8(self.daily.get(asset, self.daily["default"]))


class Delivery(Section):
    """Settlement of delivery contracts and options at ``hour_utc`` of their last day.

    The settlement price is the mean of the index, a point every ``step_seconds`` over the last
    ``window_seconds``.  Fees: ``fee`` a share of a contract's notional; ``option_fee`` a share of
    the underlying's value of what is exercised, at most ``option_fee_cap`` of the payoff.
    """

    hour_utc: Annotated[int, Field(ge=0, lt=DAY_HOURS)] = 8
    window_seconds: Annotated[int, Field(ge=1)]
    step_seconds: Annotated[int, Field(ge=1)]
    fee: Annotated[Rate, Field(ge=0)]
    option_fee: Annotated[Rate, Field(ge=0)]
    option_fee_cap: Share = Decimal(1)

    @model_validator(mode="after")
    def _whole_points(self) -> Self:
        _check_points(self.window_seconds, self.step_seconds)
        return self

    @property
    def points(self) -> int:
        """Points of the mean."""
        return self.window_seconds // self.step_seconds

    @property
    def step_ns(self) -> int:
        """Time between points in ns."""
        return self.step_seconds * 10**9

    @property
    def fee_e8(self) -> int:
        """Fee of a delivered contract in 1e-8 of notional."""
        return e8(self.fee)

    @property
    def option_fee_e8(self) -> int:
        """Fee of an exercised option in 1e-8 of the underlying's value."""
        return e8(self.option_fee)

    @property
    def option_fee_cap_e8(self) -> int:
        """Largest fee of an exercised option in 1e-8 of its payoff."""
        return e8(self.option_fee_cap)


def _check_daily(rates: dict[str, Decimal]) -> None:
    if "default" not in rates:
        raise ValueError("daily needs an entry default")
    for asset, rate in rates.items():
        if rate < 0:
            raise ValueError(f"daily.{asset} must be 0 or more, not {rate}")


def _check_points(window: int, step: int) -> None:
    if window % step:
        raise ValueError("window_seconds must be a multiple of step_seconds")
