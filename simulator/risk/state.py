"""What a margin pool holds, and what its margin comes to: plain exact types.

The readable model (``reference``) computes the second from the first; the calculator builds the
first from a portfolio document, tests build it from ledgers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from simulator.risk.levels import Ladder, RiskLevel
from simulator.risk.scenario import Correlations

ZERO = Decimal(0)

Product = Literal["linear", "inverse", "option"]
PoolKind = Literal["unified", "margin", "um", "cm", "options"]

YEAR_NS = 365 * 86_400 * 10**9
"""A year of option time value: 365 days."""


@dataclass(frozen=True, slots=True)
class Position:
    """One futures or option position; ``quantity`` is signed, long positive.

    - linear: ``quantity`` in units of ``underlying``, profit in ``settle``
    - inverse: ``quantity`` in contracts of ``contract_size`` USD, profit in ``settle``, the coin
    - option: ``quantity`` in units of ``underlying``, European; ``mark_price`` and ``entry_price``
      are the premium per unit in ``settle``; ``volatility`` annual

    ``expiry_ns`` 0 = perpetual.  ``leverage`` None: the rulebook's default.
    """

    symbol: str
    underlying: str
    settle: str
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal
    leverage: Decimal | None = None
    product: Product = "linear"
    contract_size: Decimal = Decimal(1)
    expiry_ns: int = 0
    strike: Decimal = ZERO
    right: Literal["", "C", "P"] = ""
    volatility: Decimal | None = None

    @property
    def notional(self) -> Decimal:
        """Absolute value at the mark price, in the settlement asset; of an option its premium's."""
        if self.product == "inverse":
            return abs(self.quantity) * self.contract_size / self.mark_price
        return abs(self.quantity) * self.contract_size * self.mark_price

    @property
    def unrealized_pnl(self) -> Decimal:
        """Profit if closed at the mark price, in the settlement asset."""
        size = self.quantity * self.contract_size
        if self.product == "inverse":
            return size / self.entry_price - size / self.mark_price
        return size * (self.mark_price - self.entry_price)

    @property
    def value(self) -> Decimal:
        """What the position adds to equity, in the settlement asset.

        An option's whole premium value, because the premium was paid when it was bought; a
        contract's unrealized profit.
        """
        if self.product == "option":
            return self.quantity * self.contract_size * self.mark_price
        return self.unrealized_pnl


@dataclass(frozen=True, slots=True)
class PoolState:
    """What a margin pool holds at an instant.

    - ``assets``: wallet amounts, summed over the pool's wallets; may be negative where a futures
      wallet went below zero
    - ``loans``, ``interest``: owed, >= 0
    - ``index``: USD per unit, for every asset named and every underlying
    - ``kind``: which ladder and which bracket rules apply
    - ``currency``: unit of the scenario model's profit of inverse contracts: ``USD``, or the coin
      in which a coin-margined pool is kept
    - ``volatility``: annual, by underlying, for options that have none of their own
    - ``measured_volatility``: annual volatility of the underlying's marks (EWMA), which widens
      price ranges where the rules say so; absent = at the reference
    - ``rate``: annual, of forwards and of discounting premiums
    - ``forwards``: by underlying and ``expiry_ns``, in the options' settlement asset: the mark of
      the delivery future of the same expiry; without one ``index * exp(rate * T)``
    - ``open_loss``: what open orders would lose at once if filled, USD
    - ``order_margin``: initial margin that open orders need beyond the positions', USD
    - ``margin_leverage``: cross-margin leverage, None = the rulebook's default
    """

    assets: Mapping[str, Decimal]
    index: Mapping[str, Decimal]
    positions: tuple[Position, ...] = ()
    loans: Mapping[str, Decimal] = field(default_factory=dict)
    correlation: Correlations = field(default_factory=dict)
    open_loss: Decimal = ZERO
    margin_leverage: int | None = None
    interest: Mapping[str, Decimal] = field(default_factory=dict)
    kind: PoolKind = "unified"
    currency: str = "USD"
    time_ns: int = 0
    volatility: Mapping[str, Decimal] = field(default_factory=dict)
    measured_volatility: Mapping[str, Decimal] = field(default_factory=dict)
    rate: Decimal = ZERO
    forwards: Mapping[tuple[str, int], Decimal] = field(default_factory=dict)
    order_margin: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a derivation: ``result`` of ``name`` by ``formula`` with the ``numbers`` put in.

    ``rule`` is the path of the value in the rulebook (``scenario.credit_rate``), empty where the
    line is arithmetic only; ``unit`` is ``USD``, an asset, or empty for a ratio.
    """

    name: str
    formula: str
    numbers: str
    result: Decimal | Fraction | None
    unit: str = "USD"
    rule: str = ""


@dataclass(frozen=True, slots=True)
class PositionMargin:
    """What a position needs by itself, in USD."""

    initial_margin: Decimal
    maintenance_margin: Decimal


@dataclass(frozen=True, slots=True)
class PoolMargin:
    """A pool's figures in USD; ``ratio`` is adjusted equity / maintenance margin, None without
    requirement.

    ``components`` are the parts of the requirement by name; credits are negative.  ``positions``
    has, in the state's order, what each position needs alone.
    """

    equity: Decimal
    account_equity: Decimal
    adjusted_equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    ratio: Decimal | None
    level: RiskLevel
    components: Mapping[str, Decimal]
    positions: tuple[PositionMargin, ...] = ()
    ladder: Ladder | None = None
