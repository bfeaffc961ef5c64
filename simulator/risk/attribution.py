"""Why a pool's ratio moved: the change between two states, split by factor and by position.

The factors are the prices of each underlying (its index and the marks of its contracts), implied
volatility, correlation and measured volatility, time, interest, and what the account did itself
(trades, transfers, fees).  One factor after the other is set from its value before to its value
after, and what equity and margin change by is that factor's part.  How two factors work together
depends on the order, so the mean of the order written here and its reverse is taken: the parts
always add up to the whole change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from simulator.risk.reference import pool_margin
from simulator.risk.rules import MarginRules
from simulator.risk.state import ZERO, PoolMargin, PoolState, Position

OWN = "trades, liquidations and transfers"
INTEREST = "interest"
VOLATILITY = "implied volatility"
CORRELATION = "correlation and measured volatility"
TIME = "time"


@dataclass(frozen=True, slots=True)
class Part:
    """What one factor changed, in USD; ``positions`` splits the equity's change by instrument, or
    asset held.
    """

    factor: str
    equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    positions: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attribution:
    """The figures before and after, and the parts, whose sums are their difference."""

    before: PoolMargin
    after: PoolMargin
    parts: tuple[Part, ...]


Change = Callable[[PoolState], PoolState]


def attribute(before: PoolState, after: PoolState, rules: MarginRules) -> Attribution:
    """Split the change of a pool's equity and margin by factor; factors that changed nothing are
    left out.

    ``KeyError`` as ``pool_margin``: an asset without index, a symbol without brackets.
    """
    changes = _changes(before, after)
    forward = _walk(before, changes, rules)
    names = [name for name, _ in changes]
    backward = _walk(before, list(reversed(changes)), rules)
    parts = [_mean(name, forward[name], backward[name]) for name in names]
    moved = tuple(p for p in parts if p.equity or p.initial_margin or p.maintenance_margin)
    return Attribution(pool_margin(before, rules), pool_margin(after, rules), moved)


def _changes(before: PoolState, after: PoolState) -> list[tuple[str, Change]]:
    named = {p.underlying for p in (*before.positions, *after.positions)}
    moved = [a for a in after.index if after.index[a] != before.index.get(a)]
    later = {p.symbol: p for p in after.positions}
    changes: list[tuple[str, Change]] = [
        (f"price {u}", _set_prices(u, after, later))
        for u in dict.fromkeys([*sorted(named), *sorted(moved)])
    ]
    changes += [
        (VOLATILITY, lambda s: _set_volatility(s, after, later)),
        (
            CORRELATION,
            lambda s: replace(
                s, correlation=after.correlation, measured_volatility=after.measured_volatility
            ),
        ),
        (TIME, lambda s: replace(s, time_ns=after.time_ns, rate=after.rate)),
        (INTEREST, lambda s: replace(s, interest=after.interest)),
        (OWN, lambda s: _set_holdings(s, after)),
    ]
    return changes


def _set_prices(underlying: str, after: PoolState, later: Mapping[str, Position]) -> Change:
    def change(state: PoolState) -> PoolState:
        index = dict(state.index)
        if underlying in after.index:
            index[underlying] = after.index[underlying]
        positions = tuple(
            replace(p, mark_price=later[p.symbol].mark_price)
            if p.underlying == underlying and p.symbol in later
            else p
            for p in state.positions
        )
        forwards = {
            **state.forwards,
            **{key: f for key, f in after.forwards.items() if key[0] == underlying},
        }
        return replace(state, index=index, positions=positions, forwards=forwards)

    return change


def _set_volatility(state: PoolState, after: PoolState, later: Mapping[str, Position]) -> PoolState:
    positions = tuple(
        replace(p, volatility=later[p.symbol].volatility) if p.symbol in later else p
        for p in state.positions
    )
    return replace(state, volatility=after.volatility, positions=positions)


def _set_holdings(state: PoolState, after: PoolState) -> PoolState:
    """Balances, loans and quantities of after, each at the prices that hold in ``state``."""
    marks = {p.symbol: (p.mark_price, p.volatility) for p in state.positions}
    positions = tuple(
        replace(p, mark_price=marks[p.symbol][0], volatility=marks[p.symbol][1])
        if p.symbol in marks
        else p
        for p in after.positions
    )
    index = {**{a: after.index[a] for a in after.index}, **state.index}
    return replace(
        state,
        assets=after.assets,
        loans=after.loans,
        positions=positions,
        index=index,
        open_loss=after.open_loss,
        order_margin=after.order_margin,
        margin_leverage=after.margin_leverage,
    )


@dataclass(frozen=True, slots=True)
class _Figures:
    equity: Decimal
    initial: Decimal
    maintenance: Decimal
    values: Mapping[str, Decimal]


def _figures(state: PoolState, rules: MarginRules) -> _Figures:
    margin = pool_margin(state, rules)
    values: dict[str, Decimal] = {}
    for asset, amount in state.assets.items():
        values[asset] = values.get(asset, ZERO) + amount * state.index[asset]
    for owed in (state.loans, state.interest):
        for asset, amount in owed.items():
            values[asset] = values.get(asset, ZERO) - amount * state.index[asset]
    for p in state.positions:
        values[p.symbol] = values.get(p.symbol, ZERO) + p.value * state.index[p.settle]
    return _Figures(
        margin.adjusted_equity, margin.initial_margin, margin.maintenance_margin, values
    )


def _walk(
    start: PoolState, changes: Sequence[tuple[str, Change]], rules: MarginRules
) -> dict[str, Part]:
    state, old = start, _figures(start, rules)
    parts = {}
    for name, change in changes:
        state = change(state)
        new = _figures(state, rules)
        keys = dict.fromkeys([*old.values, *new.values])
        by_position = {k: new.values.get(k, ZERO) - old.values.get(k, ZERO) for k in keys}
        parts[name] = Part(
            name,
            new.equity - old.equity,
            new.initial - old.initial,
            new.maintenance - old.maintenance,
            {k: v for k, v in by_position.items() if v},
        )
        old = new
    return parts


def _mean(name: str, one: Part, other: Part) -> Part:
    keys = dict.fromkeys([*one.positions, *other.positions])
    return Part(
        name,
        (one.equity + other.equity) / 2,
        (one.initial_margin + other.initial_margin) / 2,
        (one.maintenance_margin + other.maintenance_margin) / 2,
        {k: (one.positions.get(k, ZERO) + other.positions.get(k, ZERO)) / 2 for k in keys},
    )
