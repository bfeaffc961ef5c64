"""One account under one mode at some prices: what it needs, what it lacks, what is at stake.

All amounts are in USD.  A pool whose equity is below zero has lost what was in it and no more of
the account's other wallets: what is missing is its `shortfall`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from simulator.calculator.document import Document
from simulator.calculator.pools import Account, Pool, account
from simulator.calculator.rules import Rules
from simulator.risk.levels import RiskLevel
from simulator.risk.reference import pool_margin
from simulator.risk.state import ZERO, PoolMargin


@dataclass(frozen=True, slots=True)
class Side:
    """An account in one mode: its pools with their figures, in the order of the pools."""

    held: Account
    figures: tuple[PoolMargin, ...]

    @property
    def pools(self) -> tuple[tuple[Pool, PoolMargin], ...]:
        """Pools with their figures."""
        return tuple(zip(self.held.pools, self.figures, strict=True))

    @property
    def outside(self) -> Decimal:
        """Value of what is in no pool."""
        index = self.held.market.index
        return sum((x * index[asset] for asset, x in self.held.outside.items() if x), ZERO)

    @property
    def equity(self) -> Decimal:
        """Equity of all pools and what is outside, deficits counted."""
        return sum((one.equity for one in self.figures), self.outside)

    @property
    def left(self) -> Decimal:
        """Equity that is left to the account: no pool takes more than is in it."""
        return sum((max(one.equity, ZERO) for one in self.figures), self.outside)

    @property
    def shortfall(self) -> Decimal:
        """What pools below zero are short of."""
        return self.left - self.equity

    @property
    def initial_margin(self) -> Decimal:
        """Sum of the pools' initial margins."""
        return sum((one.initial_margin for one in self.figures), ZERO)

    @property
    def maintenance_margin(self) -> Decimal:
        """Sum of the pools' maintenance margins."""
        return sum((one.maintenance_margin for one in self.figures), ZERO)

    @property
    def available(self) -> Decimal:
        """Sum of what each pool has beyond its initial margin; what is outside is not in it."""
        return sum((max(f.adjusted_equity - f.initial_margin, ZERO) for f in self.figures), ZERO)

    @property
    def worst(self) -> tuple[Pool, PoolMargin] | None:
        """Pool of the worst level, of these the one with the lowest ratio; None without pools."""

        def badness(one: tuple[Pool, PoolMargin]) -> tuple[int, Decimal]:
            ratio = one[1].ratio
            return (one[1].level, -ratio if ratio is not None else Decimal("-Infinity"))

        return max(self.pools, key=badness, default=None)

    @property
    def level(self) -> RiskLevel:
        """Worst level of any pool."""
        return self.worst[1].level if self.worst else RiskLevel.NORMAL

    def lacking(self) -> dict[str, Decimal]:
        """Return by pool what it lacks to its initial margin: what a transfer would have to
        bring.
        """
        short = {p.name: f.initial_margin - f.adjusted_equity for p, f in self.pools}
        return {name: usd for name, usd in short.items() if usd > CENT}

    def liquidated(self) -> tuple[str, ...]:
        """Return the names of the pools at their liquidation threshold or below."""
        return tuple(p.name for p, f in self.pools if f.level >= RiskLevel.LIQUIDATION)

    @property
    def kept(self) -> Decimal:
        """Equity that no liquidation reaches: of the pools above their threshold, and outside."""
        return sum(
            (f.equity for f in self.figures if f.level < RiskLevel.LIQUIDATION), self.outside
        )

    def at_risk(self) -> dict[str, Decimal]:
        """Return what stands in the pools that are liquidated: units by asset."""
        found: dict[str, Decimal] = {}
        for pool, figures in self.pools:
            if figures.level >= RiskLevel.LIQUIDATION:
                for asset, amount in pool.state.assets.items():
                    if amount > 0:
                        found[asset] = found.get(asset, ZERO) + amount
        return found

    def value(self, amounts: Mapping[str, Decimal]) -> Decimal:
        """Return what amounts of assets are worth."""
        return sum((x * self.held.market.index[a] for a, x in amounts.items()), ZERO)


CENT = Decimal("0.01")
"""What is less than a cent is rounding."""


def side(document: Document, rules: Rules) -> Side:
    """Return the account of a document under the rules of one mode."""
    held = account(document, rules)
    return Side(held, tuple(pool_margin(pool.state, pool.rules) for pool in held.pools))


def beyond(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return what the first holds more than the second, by asset.

    >>> beyond({"BTC": Decimal(2), "USDT": Decimal(5)}, {"USDT": Decimal(5)})
    {'BTC': Decimal('2')}
    """
    more = {asset: amount - other.get(asset, ZERO) for asset, amount in one.items()}
    return {asset: amount for asset, amount in more.items() if amount > 0}
