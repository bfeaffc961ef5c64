"""The rules of what borrowing costs, as plain types: interest, negative balances, conversion.

A venue charges for two kinds of debt. A *loan* accrues interest by the hour.  A *negative balance*
of a futures wallet or of the unified pool, which no loan made, is free down to a threshold, costs
interest once a day beyond it, and is converted out of other assets beyond another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

HOURS = 24


@dataclass(frozen=True, slots=True)
class InterestRules:
    """Rates and thresholds; rates are shares a day, thresholds amounts of the asset, at least 0.

    - ``daily``, ``default_daily``: by asset, interest on loans
    - ``every_hours``: time between charges, a divisor of 24; at its multiples since 1970 UTC
    - ``on_borrow``: whether the first of these periods is charged when the loan is made
    - ``negative_pools``: kinds of pools whose negative balances cost interest
    - ``negative_daily``, ``default_negative_daily``, ``negative_hour``: their rates by asset and
      the hour of the day (UTC) at which a day of it is charged
    - ``free``: by asset, how far below zero a balance costs nothing
    - ``convert``: by kind of pool and asset, how far below zero a balance may go before other
      assets are sold for it; what is not named is never converted

    Without figures nothing costs anything.

    >>> rules = InterestRules(
    ...     default_daily=Decimal("0.00024"),
    ...     default_negative_daily=Decimal("0.001"),
    ...     free={"USDT": Decimal(10_000)},
    ... )
    >>> rules.periodic("USDT")
    Fraction(1, 100000)
    >>> rules.on_negative("USDT", Decimal(-10_050))  # 50 beyond the free 10,000
    Decimal('0.050')
    """

    daily: Mapping[str, Decimal] = field(default_factory=dict)
    default_daily: Decimal = Decimal(0)
    every_hours: int = 1
    on_borrow: bool = True
    negative_pools: tuple[str, ...] = ()
    negative_daily: Mapping[str, Decimal] = field(default_factory=dict)
    default_negative_daily: Decimal = Decimal(0)
    negative_hour: int = 0
    free: Mapping[str, Decimal] = field(default_factory=dict)
    convert: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)

    def periodic(self, asset: str) -> Fraction:
        """Interest of ``every_hours`` on one unit of a loan, exactly that share of the day's."""
        return Fraction(self.daily.get(asset, self.default_daily)) * self.every_hours / HOURS

    def negative_daily_of(self, asset: str) -> Decimal:
        """Interest of a day on one unit of a negative balance."""
        return self.negative_daily.get(asset, self.default_negative_daily)

    def on_negative(self, asset: str, balance: Decimal) -> Decimal:
        """Return ``|min(balance + free, 0)| x daily``, what a day of a negative balance costs."""
        beyond = min(balance + self.free.get(asset, Decimal(0)), Decimal(0))
        return -beyond * self.negative_daily_of(asset)


def rounded_up(units: int, rate: Fraction) -> int:
    """Return ``units x rate`` in whole units, rounded up: the venue gains what rounding leaves.

    >>> rounded_up(3, Fraction(1, 2))
    2
    """
    return -(-units * rate.numerator // rate.denominator)
