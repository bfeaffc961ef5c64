"""Margin of a pool in plain Decimal: the readable model, twin of the compiled one.

Read it top to bottom as a lesson, each part in its module:

1. *Equity* (``reference_equity``): what the pool holds and owes, before and after the haircut.
2. *Requirement*, by one of two models.  ``reference_brackets``: every position and every loan by
   itself, summed.  ``reference_scenario``: every underlying by its worst loss
   (``reference_grid``), charges on top (``reference_charges``), less a credit for opposite
   underlyings (``reference_credit``).
3. *Level*: adjusted equity / maintenance margin on the rulebook's ladder.

``reference_price`` turns it round: at which mark price is the pool liquidated, or bankrupt?

All amounts are in USD unless said otherwise; ``index`` turns an asset into USD.  With ``trace``
every figure is derived in `Step`\\ s, one line of arithmetic each.  Sources: docs/rules.md.
"""

from __future__ import annotations

from dataclasses import replace

from simulator.risk.reference_brackets import Requirement, by_brackets, note_notional
from simulator.risk.reference_charges import net_delta
from simulator.risk.reference_credit import largest_credit
from simulator.risk.reference_equity import collateral_value, equity_of, net_amounts
from simulator.risk.reference_price import bankruptcy_price, liquidation_price
from simulator.risk.reference_scenario import by_scenarios
from simulator.risk.reference_steps import Trace, note
from simulator.risk.rules import MarginRules
from simulator.risk.state import ZERO, PoolMargin, PoolState, Position, PositionMargin, Step

__all__ = [
    "PoolMargin",
    "PoolState",
    "Position",
    "Step",
    "bankruptcy_price",
    "by_brackets",
    "by_scenarios",
    "collateral_value",
    "largest_credit",
    "liquidation_price",
    "net_amounts",
    "net_delta",
    "pool_margin",
    "position_margins",
    "requirement",
]


def pool_margin(state: PoolState, rules: MarginRules, trace: Trace = None) -> PoolMargin:
    """Return the margin of a pool; ``InputError`` for an asset without index price or a symbol
    without rules.
    """
    equity = equity_of(state, rules, trace)
    initial, maintenance, components = requirement(state, rules, trace)
    if state.order_margin:
        numbers = (initial, state.order_margin)
        initial = initial + state.order_margin
        note(trace, "initial margin", "with that of open orders", "{} + {}", numbers, initial)
    ladder = rules.ladder_of(state.kind, state.margin_leverage)
    ratio = ladder.ratio(equity.adjusted_equity, maintenance)
    level = ladder.level(equity.adjusted_equity, maintenance)
    if ratio is not None:
        path = f"{rules.mode}.ladder"
        numbers = (equity.adjusted_equity, maintenance)
        name, formula = "ratio", "adjusted equity / maintenance margin"
        note(trace, name, formula, "{} / {}", numbers, ratio, "", path)
    return PoolMargin(
        equity=equity.equity,
        account_equity=equity.account_equity,
        adjusted_equity=equity.adjusted_equity,
        initial_margin=initial,
        maintenance_margin=maintenance,
        ratio=ratio,
        level=level,
        components=components,
        positions=position_margins(state, rules, trace),
        ladder=ladder,
    )


def requirement(state: PoolState, rules: MarginRules, trace: Trace = None) -> Requirement:
    """Return initial margin, maintenance margin and components by the pool's margin model."""
    model = by_brackets if rules.model_of(state.kind) == "brackets" else by_scenarios
    return model(state, rules, trace)


def position_margins(
    state: PoolState, rules: MarginRules, trace: Trace = None
) -> tuple[PositionMargin, ...]:
    """Return what each position would need if it stood alone, in the state's order, USD."""
    margins = []
    # By brackets every position stands alone anyway and has its steps.
    derive = trace is not None and rules.model_of(state.kind) == "scenario"
    for position in state.positions:
        alone = replace(
            state, assets={}, loans={}, interest={}, positions=(position,), order_margin=ZERO
        )
        steps: Trace = [] if derive else None
        if derive:
            note_notional(position, trace)
        initial, maintenance, _ = requirement(alone, rules, steps)
        margins.append(PositionMargin(initial, maintenance))
        for step in steps or ():
            assert trace is not None
            trace.append(replace(step, name=f"{position.symbol} alone: {step.name}"))
    return tuple(margins)
