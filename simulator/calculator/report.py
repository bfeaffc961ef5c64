"""The calculator's report: every figure of a document's pools, ready for JSON.

Amounts of a pool are in its ``currency``, totals in USD.  docs/how-to/margin-document.md lists the
keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from simulator.calculator.capacity import Capacity, capacity
from simulator.calculator.document import Document, written
from simulator.calculator.explain import lines
from simulator.calculator.figures import Figures, plain
from simulator.calculator.pools import Account, Pool, account
from simulator.calculator.read import read
from simulator.calculator.roots import index_root
from simulator.calculator.rules import Rules, rules_of
from simulator.risk.reference import (
    bankruptcy_price,
    collateral_value,
    liquidation_price,
    net_amounts,
    pool_margin,
)
from simulator.risk.reference_equity import tiered_value
from simulator.risk.state import ZERO, PoolMargin, Position, Step


def margin(
    document: str | Path | Mapping[str, Any] | Document,
    mode: str | None = None,
    rulebook: str | None = None,
    explain: bool = False,
) -> Figures:
    """Return the margin of a portfolio document: pools, positions, assets, totals.

    ``document`` is a path, YAML or JSON text, or a mapping; ``mode`` and ``rulebook`` stand above
    its own; ``explain`` adds the derivation of every figure.  Raises InputError for what is wrong
    in it, in one line with its place.
    """
    given = read(document)
    rules = rules_of(given, mode, rulebook)
    return report(given, rules, account(given, rules), explain=explain)


def report(
    document: Document, rules: Rules, held: Account, prices: bool = True, explain: bool = False
) -> Figures:
    """Return the report of an account; ``prices`` False leaves out liquidation and bankruptcy
    prices, which take most of the time.
    """
    pools, totals = [], {"equity": ZERO, "initial_margin": ZERO, "maintenance_margin": ZERO}
    explained: list[Figures] = []
    for asset, amount in held.outside.items():
        totals["equity"] += amount * held.market.index[asset] if amount else ZERO
    for pool in held.pools:
        trace: list[Step] | None = [] if explain else None
        figures = pool_margin(pool.state, pool.rules, trace)
        pools.append(_pool(pool, figures, rules, prices, trace))
        totals["equity"] += figures.equity
        totals["initial_margin"] += figures.initial_margin
        totals["maintenance_margin"] += figures.maintenance_margin
        if trace is not None:
            explained.append(Figures(pool=pool.name, steps=lines(trace, rules.figures())))
    made = Figures(
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
    if explain:
        made["explain"] = explained
    return made


def _pool(
    pool: Pool, figures: PoolMargin, rules: Rules, prices: bool, trace: list[Step] | None
) -> Figures:
    unit = pool.state.index[pool.currency] if pool.currency != "USD" else Decimal(1)
    ladder = pool.rules.ladder_of(pool.kind, pool.state.margin_leverage)
    room = capacity(pool, figures, rules, trace)
    marks: dict[str, tuple[Decimal | None, Decimal | None]] = {}
    if prices:
        for symbol in dict.fromkeys(position.symbol for position in pool.state.positions):
            marks[symbol] = (
                liquidation_price(pool.state, pool.rules, symbol, trace),
                bankruptcy_price(pool.state, pool.rules, symbol, trace),
            )
    positions = []
    for number, position in enumerate(pool.state.positions):
        liquidation, bankruptcy = marks.get(position.symbol, (None, None))
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
        assets=_assets(pool, room, prices),
    )


def _position(
    position: Position, pool: Pool, figures: PoolMargin, number: int, unit: Decimal
) -> dict[str, Any]:
    usd = pool.state.index[position.settle]
    needs = figures.positions[number]
    return {
        "instrument": position.symbol,
        "quantity": plain(position.quantity),
        "entry_price": plain(position.entry_price),
        "mark_price": plain(position.mark_price),
        "notional": plain(position.notional * usd / unit),
        "unrealized_pnl": plain(position.unrealized_pnl * usd / unit),
        "initial_margin": plain(needs.initial_margin / unit),
        "maintenance_margin": plain(needs.maintenance_margin / unit),
        "settle": position.settle,
        "settle_notional": plain(position.notional),
        "settle_unrealized_pnl": plain(position.unrealized_pnl),
    }


def _assets(pool: Pool, room: Capacity, prices: bool) -> list[Figures]:
    state, rules = pool.state, pool.rules.collateral_of(pool.kind)
    rows = []
    for asset, amount in net_amounts(state).items():
        index = state.index.get(asset, ZERO)
        owes = prices and not state.positions and any(state.loans.values()) and index > 0
        value = amount * index
        counted = (
            min(tiered_value(value, rules.tiers[asset]), value)
            if rules.applied and asset in rules.tiers
            else collateral_value(amount, index, rules.ratio_of(asset))
        )
        rows.append(
            Figures(
                asset=asset,
                balance=plain(state.assets.get(asset, ZERO)),
                loan=plain(state.loans.get(asset, ZERO)),
                interest=plain(state.interest.get(asset, ZERO)),
                net=plain(amount),
                index=plain(index),
                value=plain(value),
                collateral_ratio=plain(rules.ratio_of(asset)),
                collateral_value=plain(counted),
                liquidation_price=plain(index_root(pool, asset)) if owes else None,
                max_withdraw=plain(room.withdrawable.get(asset)),
                max_borrow=plain(room.borrowable.get(asset)),
            )
        )
    return rows
