"""Equity of a pool: what it holds and owes, asset by asset, before and after the haircut.

For every asset, over all wallets of the pool::

    x              = balance - loan - interest + unrealized PnL and option value paid in it
    equity         = sum of x * index
    account equity = sum of min(x * index * collateral ratio, x * index)
    adjusted       = account equity - what open orders would lose at once

The minimum takes a haircut from what is owned and none from what is owed.  Source: docs/rules.md,
"Equity" (Binance, Portfolio Margin).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from simulator.errors import InputError
from simulator.risk.reference_steps import Trace, note, total
from simulator.risk.rules import CollateralRules, MarginRules
from simulator.risk.state import ZERO, PoolState, Position


@dataclass(frozen=True, slots=True)
class Equity:
    """A pool's three equities, USD."""

    equity: Decimal
    account_equity: Decimal
    adjusted_equity: Decimal


def equity_of(state: PoolState, rules: MarginRules, trace: Trace = None) -> Equity:
    """Return the pool's equity, its account equity and its adjusted equity."""
    amounts = net_amounts(state, trace)
    values = {asset: x * index_of(state, asset) for asset, x in amounts.items()}
    for asset, value in values.items():
        numbers = (amounts[asset], state.index[asset])
        note(trace, f"{asset}: value", "net amount × index price", "{} * {}", numbers, value)
    equity = total(values.values())
    note(trace, "equity", "sum of values", "{+}", tuple(values.values()), equity)
    collateral = rules.collateral_of(state.kind)
    counted = {a: _counted(a, value, collateral, trace) for a, value in values.items()}
    account_equity = total(counted.values())
    note(
        trace,
        "account equity",
        "sum of collateral values",
        "{+}",
        tuple(counted.values()),
        account_equity,
    )
    adjusted = account_equity - state.open_loss
    note(
        trace,
        "adjusted equity",
        "account equity − open loss of orders",
        "{} - {}",
        (account_equity, state.open_loss),
        adjusted,
    )
    return Equity(equity, account_equity, adjusted)


def index_of(state: PoolState, asset: str) -> Decimal:
    """Return an asset's index price in USD; ``InputError`` where the state has none."""
    if asset not in state.index:
        raise InputError(f"no index price of {asset}; give prices.index.{asset}, in USD")
    return state.index[asset]


def net_amounts(state: PoolState, trace: Trace = None) -> dict[str, Decimal]:
    """Return per asset what the pool owns less what it owes, positions' value included."""
    gains: dict[str, list[Decimal]] = {}
    for position in state.positions:
        _note_value(position, trace)
        gains.setdefault(position.settle, []).append(position.value)
    amounts: dict[str, Decimal] = {}
    for asset in dict.fromkeys((*state.assets, *state.loans, *state.interest, *gains)):
        balance = state.assets.get(asset, ZERO)
        loan, interest = state.loans.get(asset, ZERO), state.interest.get(asset, ZERO)
        gain = total(gains.get(asset, ()))
        amounts[asset] = balance - loan - interest + gain
        note(
            trace,
            f"{asset}: net amount",
            "balance − loan − interest + value of positions",
            "{} - {} - {} + {}",
            (balance, loan, interest, gain),
            amounts[asset],
            asset,
        )
    return amounts


def _note_value(position: Position, trace: Trace) -> None:
    size, mark, entry = position.quantity, position.mark_price, position.entry_price
    if position.product == "option":
        name, formula, numbers = "option value", "quantity × mark price", "{} * {} * {}"
        values: tuple[Decimal, ...] = (size, position.contract_size, mark)
    elif position.product == "inverse":
        name, formula = "unrealized PnL", "contracts × contract size × (1 / entry − 1 / mark)"
        numbers, values = "{} * {} * (1 / {} - 1 / {})", (size, position.contract_size, entry, mark)
    else:
        name, formula = "unrealized PnL", "quantity × (mark − entry)"
        numbers, values = "{} * {} * ({} - {})", (size, position.contract_size, mark, entry)
    if trace is not None:
        value = position.value
        note(trace, f"{position.symbol}: {name}", formula, numbers, values, value, position.settle)


def _counted(asset: str, value: Decimal, rules: CollateralRules, trace: Trace) -> Decimal:
    name = f"{asset}: collateral value"
    if rules.applied and asset in rules.tiers:
        counted = min(tiered_value(value, rules.tiers[asset]), value)
        note(
            trace,
            name,
            "each slice of the value at its tier's ratio",
            _tier_numbers(rules.tiers[asset]),
            (value,),
            counted,
            rule=f"collateral.tiers.{asset}",
        )
        return counted
    ratio = rules.ratio_of(asset)
    counted = collateral_value(value, Decimal(1), ratio)
    path = "collateral.default" if asset not in rules.ratio else f"collateral.ratio.{asset}"
    note(
        trace,
        name,
        "min(value × collateral ratio, value)" if rules.applied else "value, without haircut",
        "min({0} * {1}, {0})" if rules.applied else "{}",
        (value, ratio),
        counted,
        rule=path if rules.applied else "",
    )
    return counted


def collateral_value(amount: Decimal, index: Decimal, ratio: Decimal) -> Decimal:
    """Return ``min(x * index * ratio, x * index)``: the haircut takes from gains, a debt counts in
    full.
    """
    return min(amount * index * ratio, amount * index)


def tiered_value(value: Decimal, tiers: Sequence[tuple[Decimal, Decimal]]) -> Decimal:
    """Return what a value above 0 counts when each slice of it has its own ratio.

    ``tiers``: rows ``(floor in USD, ratio)``, the first floor 0.  A venue that prints ``value *
    ratio + cum`` means the same, with ``cum`` making the rows meet.

    >>> tiers = [(Decimal(0), Decimal(1)), (Decimal(1000), Decimal("0.5"))]
    >>> tiered_value(Decimal(3000), tiers)
    Decimal('2000.0')
    """
    counted = min(value, ZERO)
    for number, (floor, ratio) in enumerate(tiers):
        above = max(value - floor, ZERO)
        if number + 1 < len(tiers):
            above = min(above, tiers[number + 1][0] - floor)
        counted += above * ratio
    return counted


def _tier_numbers(tiers: Sequence[tuple[Decimal, Decimal]]) -> str:
    """Return the arithmetic of `tiered_value` as a template of one value."""
    parts = ["min({0}, 0)"]
    for number, (floor, ratio) in enumerate(tiers):
        above = f"max({{0}} - {floor}, 0)"
        if number + 1 < len(tiers):
            above = f"min({above}, {tiers[number + 1][0] - floor})"
        parts.append(f"{above} * {ratio}")
    return " + ".join(parts)
