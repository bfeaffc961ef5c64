"""The calculator's report: every figure of a document's pools, ready for JSON.

Amounts of a pool are in its ``currency``, totals in USD.  docs/how-to/margin-document.md lists the
keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from simulator.calculator.capacity import capacity
from simulator.calculator.document import Document, written
from simulator.calculator.figures import Figures, plain
from simulator.calculator.pools import Account, Pool, account
from simulator.calculator.read import read
from simulator.calculator.roots import prices_of
from simulator.calculator.rules import Rules, rules_of
from simulator.risk.reference import collateral_value, net_amounts, pool_margin
from simulator.risk.state import ZERO, PoolMargin, Position


def margin(
    document: str | Path | Mapping[str, Any] | Document,
    mode: str | None = None,
    rulebook: str | None = None,
) -> Figures:
    """Return the margin of a portfolio document: pools, positions, assets, totals.

    ``document`` is a path, YAML or JSON text, or a mapping; ``mode`` and ``rulebook`` stand above
    its own.  Raises InputError for what is wrong in it, in one line with its place.
    """
    given = read(document)
    rules = rules_of(given, mode, rulebook)
    return report(given, rules, account(given, rules))


def report(document: Document, rules: Rules, held: Account, prices: bool = True) -> Figures:
    """Return the report of an account; ``prices`` False leaves out liquidation and bankruptcy
    prices, which take most of the time.
    """
    pools, totals = [], {"equity": ZERO, "initial_margin": ZERO, "maintenance_margin": ZERO}
    for asset, amount in held.outside.items():
        totals["equity"] += amount * held.market.index[asset] if amount else ZERO
    for pool in held.pools:
        figures = pool_margin(pool.state, pool.rules)
        pools.append(_pool(pool, figures, rules, prices))
        totals["equity"] += figures.equity
        totals["initial_margin"] += figures.initial_margin
        totals["maintenance_margin"] += figures.maintenance_margin
    return Figures(
        mode=rules.mode,
        rulebook=rules.name,
        time=None if document.time is None else written(document.time),
        pools=pools,
        total=Figures({name: plain(value) for name, value in totals.items()}),
        outside=[
            Figures(asset=a, balance=plain(x), value=plain(x * held.market.index.get(a, ZERO)))
            for a, x in held.outside.items()
        ],
        notes=list(held.notes),
    )


def _pool(pool: Pool, figures: PoolMargin, rules: Rules, prices: bool) -> Figures:
    unit = pool.state.index[pool.currency] if pool.currency != "USD" else Decimal(1)
    ladder = pool.rules.ladder_of(pool.kind)
    room = capacity(pool, figures, rules)
    positions = []
    for number, position in enumerate(pool.state.positions):
        liquidation, bankruptcy = prices_of(pool, number) if prices else (None, None)
        positions.append(
            Figures(
                _position(position, pool, figures, number, unit),
                liquidation_price=plain(liquidation),
                bankruptcy_price=plain(bankruptcy),
            )
        )
    return Figures(
        pool=pool.name,
        currency=pool.currency,
        equity=plain(figures.equity / unit),
        account_equity=plain(figures.account_equity / unit),
        adjusted_equity=plain(figures.adjusted_equity / unit),
        initial_margin=plain(figures.initial_margin / unit),
        maintenance_margin=plain(figures.maintenance_margin / unit),
        available=plain(room.available / unit),
        ratio_name=ladder.ratio_name,
        ratio=plain(ladder.ratio_shown(figures.adjusted_equity, figures.maintenance_margin)),
        equity_over_maintenance=plain(figures.ratio),
        level=figures.level.name,
        components={name: plain(value / unit) for name, value in figures.components.items()},
        positions=positions,
        assets=_assets(pool, room.withdrawable, room.borrowable),
    )


def _position(
    position: Position, pool: Pool, figures: PoolMargin, number: int, unit: Decimal
) -> dict[str, Any]:
    usd = pool.state.index[position.settle]
    needs = figures.positions[number] if figures.positions else None
    return {
        "instrument": position.symbol,
        "quantity": plain(position.quantity),
        "entry_price": plain(position.entry_price),
        "mark_price": plain(position.mark_price),
        "notional": plain(position.notional * usd / unit),
        "unrealized_pnl": plain(position.unrealized_pnl * usd / unit),
        "initial_margin": plain(needs.initial_margin / unit) if needs else None,
        "maintenance_margin": plain(needs.maintenance_margin / unit) if needs else None,
        "settle": position.settle,
        "settle_notional": plain(position.notional),
        "settle_unrealized_pnl": plain(position.unrealized_pnl),
    }


def _assets(
    pool: Pool,
    withdrawable: Mapping[str, Decimal],
    borrowable: Mapping[str, Decimal],
) -> list[Figures]:
    state, rules = pool.state, pool.rules.collateral_of(pool.kind)
    amounts = net_amounts(state)
    rows = []
    for asset, amount in amounts.items():
        index = state.index.get(asset, ZERO)
        ratio = rules.ratio_of(asset)
        rows.append(
            Figures(
                asset=asset,
                balance=plain(state.assets.get(asset, ZERO)),
                loan=plain(state.loans.get(asset, ZERO)),
                interest=plain(state.interest.get(asset, ZERO)),
                net=plain(amount),
                index=plain(index),
                value=plain(amount * index),
                collateral_ratio=plain(ratio),
                collateral_value=plain(collateral_value(amount, index, ratio)),
                max_withdraw=plain(withdrawable.get(asset)),
                max_borrow=plain(borrowable.get(asset)),
            )
        )
    return rows
