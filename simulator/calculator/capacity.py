"""What a pool still allows: available margin, withdrawals, loans.

- available = adjusted equity - initial margin, never below 0
- withdrawal of an asset: at most its balance, and of a value in USD that leaves the pool its
  initial margin (an asset with collateral ratio r takes only r of its value away)
- loan of an asset, where the pool borrows (L = margin leverage)::

    (L - 1) * max(withdrawable value - loans / (L - 1), 0) / index

Binance's unified pool puts ``max(account equity - 1.2 * maintenance, 0)`` in the place of
available, for withdrawals and loans, and lets assets of collateral ratio 0 go freely.
Source: Binance FAQ 446ce2c3357a449599c82436078b0e3b; elsewhere a rule of this project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from simulator.calculator.pools import Pool
from simulator.calculator.rules import Rules
from simulator.risk.state import ZERO, PoolMargin

KEPT_OVER_MAINTENANCE = Decimal("1.2")
"""Account equity over maintenance that must stay after a withdrawal, by the FAQ above."""

DEFAULT_LEVERAGE = 3
"""Margin leverage of an account that names none, where the rulebook has none either."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """``available`` in USD; the rest in units by asset."""

    available: Decimal
    withdrawable: Mapping[str, Decimal]
    borrowable: Mapping[str, Decimal]


def capacity(pool: Pool, figures: PoolMargin, rules: Rules) -> Capacity:
    """Return what a pool with these figures still allows."""
    state = pool.state
    available = max(figures.adjusted_equity - figures.initial_margin, ZERO)
    by_maintenance = pool.kind == "unified" and pool.rules.model_of(pool.kind) == "brackets"
    free = available
    if by_maintenance:
        free = max(
            figures.account_equity - KEPT_OVER_MAINTENANCE * figures.maintenance_margin, ZERO
        )
    collateral = pool.rules.collateral_of(pool.kind)
    withdrawable = {}
    for asset, balance in state.assets.items():
        ratio, index = collateral.ratio_of(asset), state.index.get(asset, ZERO)
        most = max(balance, ZERO)
        taken = index if by_maintenance else index * ratio
        if ratio > 0 and taken > 0:
            most = min(most, free / taken)
        withdrawable[asset] = most
    return Capacity(available, withdrawable, _borrowable(pool, rules, free))


def _borrowable(pool: Pool, rules: Rules, free: Decimal) -> dict[str, Decimal]:
    state = pool.state
    borrows = pool.kind == "margin" or (pool.kind == "unified" and "margin" in pool.rules.members)
    if not borrows:
        return {}
    loans = pool.rules.loans
    leverage = state.margin_leverage or (loans.default_leverage if loans else DEFAULT_LEVERAGE)
    owed = sum((x * state.index[asset] for asset, x in state.loans.items()), ZERO)
    virtual = (leverage - 1) * max(free - owed / (leverage - 1), ZERO)
    assets = dict.fromkeys([*state.assets, *state.loans])
    return {a: virtual / state.index[a] for a in assets if state.index.get(a)}
