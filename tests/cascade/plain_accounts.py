"""Accounts of the plain model: positions, pools, their equity and what they need.

Exact fractions and whole units; see ``tests.cascade.plain_venue``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from simulator.liquidation.rules import LiquidationRules
from tests.cascade.plain_market import Contract, PlainMarket

E8 = 10**8


@dataclass(slots=True)
class Position:
    """Signed lots, and what they cost when they were traded, units of USDT (signed)."""

    lots: int
    cost: int

    def trade(self, lots: int, paid: int) -> int:
        """Trade signed lots worth ``paid`` together; return the realized profit."""
        if self.lots == 0 or (self.lots > 0) == (lots > 0):
            self.lots, self.cost = self.lots + lots, self.cost + paid
            return 0
        closing = min(abs(lots), abs(self.lots))
        released = toward_zero(self.cost * closing, abs(self.lots))
        received = toward_zero(paid * closing, abs(lots))
        self.lots += lots
        self.cost += paid - received - released
        return -received - released


@dataclass(slots=True)
class Pool:
    """What is at stake together; ``home`` is the wallet that an isolated position came from."""

    account: int
    name: str
    wallet: dict[str, int]
    positions: dict[str, Position] = field(default_factory=dict)
    loan: dict[str, int] = field(default_factory=dict)
    home: dict[str, int] | None = None
    level: bool = False

    @property
    def kind(self) -> str:
        """``um`` or ``unified``."""
        return self.name.partition(":")[0]

    @property
    def held(self) -> list[str]:
        """Contracts with a position, in the order of the instruments."""
        return [name for name, one in self.positions.items() if one.lots]


class Closing(NamedTuple):
    """One event: who, when, at which stage, lots, and the worth to the unit."""

    time: int
    account: int
    pool: str
    instrument: str
    stage: str
    side: int
    lots: int
    amount: int
    fee: int
    against: int | None


@dataclass(frozen=True, slots=True)
class PlainRules:
    """Margin and liquidation as plain numbers.

    ``brackets`` by contract: (cap, rate, cum); without any, maintenance is ``range`` x notional /
    1.5.  ``threshold`` and ``target`` by kind of pool; ``ratio`` by asset: what counts of it.
    """

    brackets: Mapping[str, list[tuple[Fraction, Fraction, Fraction]]]
    price_range: Fraction
    threshold: Mapping[str, Fraction]
    target: Mapping[str, Fraction]
    liquidation: LiquidationRules
    ratio: Mapping[str, Fraction] = field(default_factory=dict)


def toward_zero(a: int, b: int) -> int:
    """Divide, rounded towards zero."""
    return a // b if a >= 0 else -(-a // b)


@dataclass(slots=True)
class PlainFigures:
    """Figures of pools at the market's prices."""

    market: PlainMarket
    rules: PlainRules

    # Figures

    def contract(self, name: str) -> Contract:
        """What is known of an instrument."""
        return self.market.books[name].contract

    def unit(self, name: str) -> int:
        """Units of USDT that a lot is worth a tick."""
        one = self.contract(name)
        exact = Decimal(repr(one.tick)) * Decimal(repr(one.lot)) * E8
        assert exact == int(exact)
        return int(exact)

    def mark(self, name: str) -> Fraction:
        """Mark price in ticks: a mean of half ticks, brought back from the float."""
        exact = Fraction(self.market.mark[name]) / Fraction(repr(self.contract(name).tick))
        return exact.limit_denominator(10**6)

    def index(self, asset: str) -> Fraction:
        """Index price in USD: a mean of ticks, brought back from the float."""
        return Fraction(self.market.index[asset]).limit_denominator(10**6)

    def worth(self, name: str, lots: int) -> Fraction:
        """Signed lots at the mark, units of USDT."""
        return lots * self.mark(name) * self.unit(name)

    def profit(self, pool: Pool, name: str) -> Fraction:
        """Unrealized profit of a position, units of USDT."""
        one = pool.positions[name]
        return self.worth(name, one.lots) - one.cost

    def assets(self, pool: Pool) -> dict[str, Fraction]:
        """Own amounts by asset with all profit, less loans, in units."""
        found = {asset: Fraction(amount) for asset, amount in pool.wallet.items()}
        for asset, amount in pool.loan.items():
            found[asset] = found.get(asset, Fraction(0)) - amount
        for name in pool.held:
            found["USDT"] = found.get("USDT", Fraction(0)) + self.profit(pool, name)
        return found

    def value(self, pool: Pool) -> Fraction:
        """What a pool is worth, units of USDT, nothing counted less than it is."""
        return sum((a * self.index(n) for n, a in self.assets(pool).items()), Fraction(0))

    def equity(self, pool: Pool) -> Fraction:
        """The same with collateral ratios on what is above 0."""
        if pool.kind != "unified" or not self.rules.ratio:
            return self.value(pool)
        total = Fraction(0)
        for asset, amount in self.assets(pool).items():
            worth = amount * self.index(asset)
            total += worth * self.rules.ratio[asset] if worth > 0 else worth
        return total

    def needed(self, pool: Pool, other: Mapping[str, int] | None = None) -> Fraction:
        """Maintenance margin, units of USDT; ``other`` lots in place of what is held."""
        total = Fraction(0)
        for name, one in pool.positions.items():
            lots = abs((other or {}).get(name, one.lots))
            if lots:
                total += self._needed(name, self.worth(name, lots))
        return total

    def _needed(self, name: str, notional: Fraction) -> Fraction:
        if not self.rules.brackets:
            return notional * self.rules.price_range / Fraction(3, 2)
        _, rate, cum = self.rules.brackets[name][self.bracket(name, notional)]
        return notional * rate - cum * E8

    def bracket(self, name: str, notional: Fraction) -> int:
        """Number of the bracket of a notional; one at a cap is in the next."""
        caps = [cap * E8 for cap, _, _ in self.rules.brackets[name]]
        return min(sum(notional >= cap for cap in caps), len(caps) - 1)

    def called(self, pool: Pool) -> bool:
        """Whether a pool is at its threshold."""
        equity, needed = self.equity(pool), self.needed(pool)
        if needed == 0:
            return equity < 0
        return equity <= 0 or equity <= self.rules.threshold[pool.kind] * needed

    def safe(self, pool: Pool, needed: Fraction) -> bool:
        """Whether a pool that needs so much is above its target."""
        equity = self.equity(pool)
        return equity > 0 and (needed == 0 or equity > self.rules.target[pool.kind] * needed)
