"""The parts that a scenario margin is made of: plain parameters, one class a kind of part.

A venue's model is a choice of these with its numbers (DESIGN 6): SPAN-like lesson rules, OKX's
MR1 to MR7, Deribit's risk matrix, Derive's PMRM.  ``docs/concepts`` has every formula.  Shares are
exact fractions, ``underlying`` maps fall back to their entry ``""``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Literal

ZERO = Fraction(0)

Role = Literal["worst", "charge", "floor", "add_on"]
"""Of a unit's parts the largest ``worst`` counts, ``charge`` is added, the sum is at least the
``floor``, ``add_on`` comes on top of all.
"""

Scope = Literal["all", "futures", "perpetual", "dated", "options", "short_options", "spot"]


@dataclass(frozen=True, slots=True)
class VolatilityShift:
    """How far a scenario moves an option's implied volatility.

    ``kind`` relative: ``iv * (1 + up * (reference_days / dte) ** exponent)``, down likewise with
    minus; absolute: ``iv + up * (...)``, in volatility (0.2 = 20 points).  ``exponent`` is
    ``short_exponent`` where dte < ``reference_days``, else ``long_exponent``; days to expiry count
    as at least ``minimum_days``.  After an up move volatility is at least ``floor_up``; it never
    falls below 0.
    """

    up: Fraction = ZERO
    down: Fraction = ZERO
    kind: Literal["relative", "absolute"] = "relative"
    reference_days: int = 30
    short_exponent: Fraction = ZERO
    long_exponent: Fraction = ZERO
    minimum_days: Fraction = Fraction(1)
    floor_up: Fraction = ZERO


@dataclass(frozen=True, slots=True)
class Scenario:
    """One revaluation: ``move`` is a share of the price, or a share of the underlying's price range
    where the grid says so; ``volatility`` -1 down, 0 same, 1 up; ``shift`` replaces the shift's
    ``up``/``down`` by another relative amount; the loss counts by ``weight``; ``days`` forward.
    """

    move: Fraction
    volatility: int = 0
    weight: Fraction = Fraction(1)
    days: Fraction = ZERO
    shift: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """Worst loss over price x volatility scenarios, never below 0.

    ``scenarios`` by underlying, ``""`` the rest.  ``of_range``: moves are shares of the
    underlying's price range (`ScenarioRules.range_of`, which measured volatility may widen), else
    of its price.  ``dampener``, USD by underlying, makes it an extended table, for moves far beyond
    the range: with reach = max(|move| / range, 1), what options gain counts by 1 / reach, all else
    moves to the range's edge only, and dampener * (reach - 1) comes off the loss.
    """

    name: str
    scenarios: Mapping[str, tuple[Scenario, ...]]
    role: Role = "worst"
    of_range: bool = False
    dampener: Mapping[str, Fraction] = field(default_factory=dict)
    rule: str = ""

    def scenarios_of(self, underlying: str) -> tuple[Scenario, ...]:
        """Return the scenarios of one underlying."""
        return self.scenarios.get(underlying, self.scenarios.get("", ()))


@dataclass(frozen=True, slots=True)
class CalendarCharge:
    """``rate * matched``: what longs and shorts of different expiries of one underlying offset.

    matched = min(sum of the long expiries' net deltas, sum of the short ones'), USD; perpetuals
    are one expiry, spot is none.
    """

    name: str
    rate: Mapping[str, Fraction]
    role: Role = "charge"
    rule: str = ""


@dataclass(frozen=True, slots=True)
class ExpiryCharge:
    """``sum over expiries of |net delta| * max(minimum, annual * years to expiry)``, USD.

    Deribit's roll shock, OKX's basis risk (MR4).  Perpetuals are an expiry of 0 years.
    """

    name: str
    minimum: Mapping[str, Fraction]
    annual: Mapping[str, Fraction] = field(default_factory=dict)
    role: Role = "charge"
    rule: str = ""


@dataclass(frozen=True, slots=True)
class BasisCharge:
    """``sum over expiries of worst loss * (share + annual * years to expiry)``, USD.

    The worst loss, at least 0, is that of an expiry's own positions if its forward moves by
    ``move`` up or down and volatility stays: expiries do not offset each other.  Perpetuals and
    spot have no basis and take no part.  Derive's basis contingency.
    """

    name: str
    move: Mapping[str, Fraction]
    share: Mapping[str, Fraction]
    annual: Mapping[str, Fraction] = field(default_factory=dict)
    role: Role = "worst"
    rule: str = ""


@dataclass(frozen=True, slots=True)
class SizeCharge:
    """``rate * sum |quantity| * index`` over positions in ``scope``, raised by tiers.

    The raw charge is scaled marginally: the slice of it between ``floor`` of one tier and the next
    counts times that tier's factor (OKX MR7; a first tier ``(0, 1)`` alone leaves it as it is).
    ``measure`` index: quantity at the index price; delta: |delta| at the mark price.  ``net``: of
    options with the same underlying, expiry, strike and right, and of futures of one expiry, the
    net counts.  Scope ``spot`` is what the pool holds or owes of the underlying itself.
    """

    name: str
    scope: Scope
    rate: Mapping[str, Fraction]
    tiers: tuple[tuple[Fraction, Fraction], ...] = ((ZERO, Fraction(1)),)
    measure: Literal["index", "delta"] = "index"
    role: Role = "charge"
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Concentration:
    """Extra share of a unit's |net delta| by size: each slice above ``floor`` USD at its ``rate``.

    Deribit's delta shock is one: nothing up to a threshold, then rising to a largest rate.
    """

    name: str
    tiers: tuple[tuple[Fraction, Fraction], ...]
    role: Role = "add_on"
    rule: str = ""


@dataclass(frozen=True, slots=True)
class LoanCharge:
    """``rate * (loan + interest)`` of every asset at its index price; by asset, ``""`` the rest."""

    name: str
    rate: Mapping[str, Fraction]
    role: Role = "add_on"
    rule: str = ""


Component = (
    Grid | CalendarCharge | ExpiryCharge | BasisCharge | SizeCharge | Concentration | LoanCharge
)


@dataclass(frozen=True, slots=True)
class OptionMarginRules:
    """Margin of a short option by itself (bracket model), per unit of quantity, in ``settle``.

    With U the index price, mark the premium and OTM = max(0, strike - U) for a call, max(0, U -
    strike) for a put::

        MM = max(maintenance * U, maintenance * mark) + mark + liquidation_fee * U
        IM = max(max(initial * U - OTM, initial_minimum * U) + mark, MM)

    A long option needs nothing: its premium is paid.
    """

    initial: Decimal
    initial_minimum: Decimal
    maintenance: Decimal
    liquidation_fee: Decimal = Decimal(0)


def of(table: Mapping[str, Fraction], underlying: str) -> Fraction:
    """Return an underlying's entry, that of ``""`` without one, else 0.

    >>> of({"": Fraction(1, 100), "ETH": Fraction(1, 50)}, "BTC")
    Fraction(1, 100)
    """
    return table.get(underlying, table.get("", ZERO))
