"""At which mark price of one instrument is a pool liquidated, or bankrupt, all else equal?

"All else equal": the index prices, volatilities and every other mark stay where they are; only the
mark of the one instrument moves, for all legs of it (hedge mode has two).  So a linear contract's
profit and notional move with its mark, an inverse one's with 1 / mark, an option's premium with
its mark, and what hangs on the index (loans, collateral, option scenarios) stays.

Both margin models are then made of straight pieces in the mark (in 1 / mark for an inverse
contract): notional times rates, brackets, worst scenarios, credits, haircuts.  The model is run on
numbers ``a + b z`` (`Affine`); each run gives one exact piece and where it ends, so the walk from
the present mark, first one way, then the other, meets every root in turn and skips none.  For one
linear contract the root on a piece is Binance's formula::

    price = (wallet + other PnL - T * other MM + sum(T * cum_l - q_l * entry_l))
            / sum(T * |q_l| * mmr_l - q_l)

Source: docs/rules.md, "Liquidation price".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from simulator.risk.reference_affine import Affine, Reciprocal, Walk
from simulator.risk.reference_brackets import by_brackets
from simulator.risk.reference_equity import equity_of
from simulator.risk.reference_revaluation import valuation_of
from simulator.risk.reference_scenario import Still, by_scenarios
from simulator.risk.reference_steps import Trace, note, rounded
from simulator.risk.rules import MarginRules
from simulator.risk.state import PoolState

_MOST_PIECES = 100_000
"""Bound of the walk; a pool has a few dozen pieces."""

Cushion = Callable[[PoolState], Decimal]
"""What stands between a pool and the price looked for: reached where it is 0 or below."""


def liquidation_price(
    state: PoolState, rules: MarginRules, symbol: str, trace: Trace = None
) -> Decimal | None:
    """Return the mark of ``symbol`` at which adjusted equity / maintenance margin meets the
    ladder's liquidation threshold.

    The root nearest to the present mark (the lower of two equally near), None where there is none
    above zero, the present mark where the threshold is already met.  ``KeyError`` where the pool
    has no position in ``symbol``.
    """
    threshold = rules.ladder_of(state.kind, state.margin_leverage).liquidation.at
    brackets = rules.model_of(state.kind) == "brackets"
    still = Still(next((p.underlying for p in state.positions if p.symbol == symbol), ""))

    def cushion(moved: PoolState) -> Decimal:
        if brackets:
            _, maintenance, _ = by_brackets(moved, rules)
        else:
            _, maintenance, _ = by_scenarios(moved, rules, still=still)
        return equity_of(moved, rules).adjusted_equity - threshold * maintenance

    if not brackets:
        state = _with_volatilities(state)
    text = f"adjusted equity = {threshold} × maintenance margin"
    return _nearest_root(state, symbol, cushion, "liquidation price", text, trace)


def bankruptcy_price(
    state: PoolState, rules: MarginRules, symbol: str, trace: Trace = None
) -> Decimal | None:
    """Return the mark of ``symbol`` at which the pool's equity (before any haircut) is 0: closing
    there leaves nothing.  Roots as of `liquidation_price`.
    """

    def cushion(moved: PoolState) -> Decimal:
        return equity_of(moved, rules).equity

    return _nearest_root(state, symbol, cushion, "bankruptcy price", "equity = 0", trace)


def _nearest_root(
    state: PoolState, symbol: str, cushion: Cushion, name: str, text: str, trace: Trace
) -> Decimal | None:
    legs = [p for p in state.positions if p.symbol == symbol]
    if not legs:
        raise KeyError(symbol)
    mark, inverse = Fraction(legs[0].mark_price), legs[0].product == "inverse"
    name = f"{symbol}: {name}"
    if cushion(state) <= 0:
        note(trace, name, f"{text}: already there", "{}", (mark,), rounded(mark), legs[0].settle)
        return rounded(mark)
    found: list[tuple[Fraction, Affine]] = []
    for upward in (False, True):
        root = _first_root(state, symbol, cushion, 1 / mark if inverse else mark, upward)
        if root is not None:
            found.append((1 / root[0] if inverse else root[0], root[1]))
    if not found:
        note(trace, name, f"{text}: at no mark above 0", "", (), None, "")
        return None
    price, piece = min(found, key=lambda at: (abs(at[0] - mark), at[0]))
    if trace is not None:
        variable = "1 / mark" if inverse else "mark"
        line = f"{text}, that is a + b × {variable} = 0"
        numbers = (piece.slope, piece.constant) if inverse else (piece.constant, piece.slope)
        note(trace, name, line, "-({}) / {}", numbers, rounded(price), legs[0].settle)
    return rounded(price)


def _first_root(
    state: PoolState, symbol: str, cushion: Cushion, start: Fraction, upward: bool
) -> tuple[Fraction, Affine] | None:
    """Return the first z > 0 in one direction at which the cushion is used up, and its piece."""
    at = start
    for _ in range(_MOST_PIECES):
        walk = Walk(at, upward)
        height = cast(Any, cushion(_moved(state, symbol, walk)))
        if not isinstance(height, Affine):
            return None
        # Of a jump down to below 0 the near side counts.
        if walk.at != start and height <= 0:
            return at, height
        end = walk.end
        if height.slope:
            root = -height.constant / height.slope
            ahead = root >= at if upward else root <= at
            within = end is None or (root <= end if upward else root >= end)
            if ahead and within:
                return (root, height) if root > 0 else None
        if end is None or end <= 0:
            return None
        at = end
    raise AssertionError(f"more than {_MOST_PIECES} straight pieces in the mark of {symbol}")


def _with_volatilities(state: PoolState) -> PoolState:
    """Return the state with every option's volatility set, so that none moves with its mark."""
    positions = tuple(
        replace(p, volatility=valuation_of(p, state).volatility) if p.product == "option" else p
        for p in state.positions
    )
    return replace(state, positions=positions)


def _moved(state: PoolState, symbol: str, walk: Walk) -> PoolState:
    """Return the state with the mark of ``symbol`` moving along the walk."""
    positions = []
    for position in state.positions:
        if position.symbol == symbol:
            mark = (
                Reciprocal(walk)
                if position.product == "inverse"
                else Affine(walk, Fraction(0), Fraction(1))
            )
            position = replace(position, mark_price=cast(Decimal, mark))
        positions.append(position)
    return replace(state, positions=tuple(positions))
