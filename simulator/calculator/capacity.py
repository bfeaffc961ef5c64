"""What a pool still allows: available margin, withdrawals, loans.

- available = adjusted equity - initial margin, never below 0
- withdrawal of an asset: the most, up to its balance, that leaves the pool its initial margin; an
  asset with collateral ratio r takes only r of its value away, one that offsets a position in the
  scenario model takes its offset along
- loan of an asset, where the pool borrows, with L the margin leverage::

    (L - 1) * max(withdrawable value - owed / (L - 1), 0) / index

Other rules stand in two places:

- a unified pool margined by brackets lets go ``max(account equity - withdrawal_ratio *
  maintenance, 0)`` in USD at full value, and assets of collateral ratio 0 freely (1.2 by Binance
  FAQ 446ce2c3)
- a cross-margin wallet with levels (rulebook ``cross_margin``) lets assets go down to
  ``withdraw_above`` and lends down to ``borrow_above`` times what is owed after it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from simulator.calculator.pools import Pool
from simulator.calculator.roots import crossing
from simulator.calculator.rules import Rules
from simulator.risk.reference import pool_margin
from simulator.risk.reference_steps import Trace, note
from simulator.risk.state import ZERO, PoolMargin

DEFAULT_LEVERAGE = 3
"""Margin leverage of an account that names none, where the rulebook has none either."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """``available`` in USD; the rest in units by asset."""

    available: Decimal
    withdrawable: Mapping[str, Decimal]
    borrowable: Mapping[str, Decimal]


def capacity(pool: Pool, figures: PoolMargin, rules: Rules, trace: Trace = None) -> Capacity:
    """Return what a pool with these figures still allows; ``trace`` takes the derivation."""
    available = max(figures.adjusted_equity - figures.initial_margin, ZERO)
    note(
        trace,
        "available",
        "adjusted equity − initial margin, at least 0",
        "max({} - {}, 0)",
        (figures.adjusted_equity, figures.initial_margin),
        available,
    )
    by_maintenance = pool.kind == "unified" and pool.rules.model_of(pool.kind) == "brackets"
    free = available
    if by_maintenance:
        ratio = rules.rulebook.mode_rules().withdrawal_ratio
        kept = ratio * figures.maintenance_margin
        free = max(figures.account_equity - kept, ZERO)
        note(
            trace,
            "value that may be withdrawn",
            "account equity − withdrawal ratio × maintenance margin, at least 0",
            "max({} - {} * {}, 0)",
            (figures.account_equity, ratio, figures.maintenance_margin),
            free,
        )
    cross = rules.rulebook.cross_margin
    owed = _owed(pool)
    if pool.kind == "margin" and cross and pool.rules.model_of("margin") == "brackets":
        worth = figures.equity + owed
        if owed and cross.withdraw_above:
            free = max(worth - cross.withdraw_above * owed, ZERO)
        most = max((_leverage(pool) - 1) * figures.equity - owed, ZERO)
        if cross.borrow_above and cross.borrow_above > 1:
            least = (worth - cross.borrow_above * owed) / (cross.borrow_above - 1)
            most = min(most, max(least, ZERO))
        return Capacity(available, _withdrawable(pool, free, by_ratio=True), _in_assets(pool, most))
    borrows = pool.kind == "margin" or (pool.kind == "unified" and "margin" in pool.rules.members)
    leverage = _leverage(pool)
    virtual = (leverage - 1) * max(free - owed / (leverage - 1), ZERO)
    if borrows:
        note(
            trace,
            "value that may be borrowed",
            "(L − 1) × max(withdrawable − owed / (L − 1), 0), L the margin leverage",
            "({0} - 1) * max({1} - {2} / ({0} - 1), 0)",
            (Decimal(leverage), free, owed),
            virtual,
        )
    withdrawable = _withdrawable(pool, free, by_ratio=not by_maintenance)
    if pool.rules.model_of(pool.kind) == "scenario":
        withdrawable = {a: _with_offset(pool, a, most) for a, most in withdrawable.items()}
    return Capacity(
        available,
        withdrawable,
        _in_assets(pool, virtual) if borrows else {},
    )


def _leverage(pool: Pool) -> int:
    loans = pool.rules.loans
    default = loans.default_leverage if loans else DEFAULT_LEVERAGE
    return pool.state.margin_leverage or default


def _owed(pool: Pool) -> Decimal:
    state = pool.state
    return sum(
        (
            x * state.index[asset]
            for owed in (state.loans, state.interest)
            for asset, x in owed.items()
        ),
        ZERO,
    )


def _withdrawable(pool: Pool, free: Decimal, by_ratio: bool) -> dict[str, Decimal]:
    """Return units by asset of what may leave for ``free`` USD of margin."""
    collateral = pool.rules.collateral_of(pool.kind)
    found = {}
    for asset, balance in pool.state.assets.items():
        ratio, index = collateral.ratio_of(asset), pool.state.index.get(asset, ZERO)
        most = max(balance, ZERO)
        taken = index * ratio if by_ratio else index
        if ratio > 0 and taken > 0:
            most = min(most, free / taken)
        found[asset] = most
    return found


def _with_offset(pool: Pool, asset: str, most: Decimal) -> Decimal:
    """Return how much of an asset may leave, at most ``most``, if its offset leaves with it."""
    state = pool.state
    if most <= 0 or not any(p.underlying == asset for p in state.positions):
        return most

    def left(amount: Decimal) -> Decimal:
        held = {**state.assets, asset: state.assets[asset] - amount}
        figures = pool_margin(replace(state, assets=held), pool.rules)
        return figures.adjusted_equity - figures.initial_margin

    if left(most) >= -NOTHING:
        return most
    return ZERO if left(ZERO) <= 0 else crossing(left, ZERO, most)


NOTHING = Decimal("1e-12")
"""USD by which rounding may miss a margin that is met exactly."""


def _in_assets(pool: Pool, usd: Decimal) -> dict[str, Decimal]:
    """Return a value in units of every asset that the pool holds or owes."""
    state = pool.state
    assets = dict.fromkeys([*state.assets, *state.loans])
    return {asset: usd / state.index[asset] for asset in assets if state.index.get(asset)}
