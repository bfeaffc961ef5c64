"""Float figures of a pool, fast: `simulator.risk.pools` for a `PoolState`, at many prices.

The exact model answers what a figure is; this answers it again and again while prices move: the
search for a liquidation price, a surface, a what-if.  The columns are made once a state.

A position is one lot of its own size and amounts are integers of a unit chosen to fit, so nothing
overflows and nothing is rounded beyond float precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

import numpy as np

from simulator.ledger.columns import Ledger
from simulator.risk.columns import INVERSE, KINDS, LINEAR, OPTION, Listing, margin_columns
from simulator.risk.levels import RiskLevel
from simulator.risk.pools import Pools
from simulator.risk.rules import MarginRules
from simulator.risk.state import PoolState, Position

PRODUCTS = {"linear": LINEAR, "inverse": INVERSE, "option": OPTION}
LARGEST = 2.0**60
"""Largest integer amount; sums of balance, loan and interest then stay within 64 bits."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A pool's figures in USD; ``equity`` is after haircut and open loss."""

    equity: float
    initial_margin: float
    maintenance_margin: float
    level: RiskLevel

    @property
    def ratio(self) -> float | None:
        """Equity / maintenance margin, None where nothing must be kept."""
        return self.equity / self.maintenance_margin if self.maintenance_margin > 0 else None


def pool_figures(states: Sequence[PoolState], rules: MarginRules) -> list[Figures]:
    """Return the figures of each state as it stands."""
    return [PoolEvaluator(state, rules).figures() for state in states]


class PoolEvaluator:
    """One pool whose prices move: set some, ask for figures.

    >>> from simulator.risk.reference import PoolState, Position
    >>> from simulator.rulebook.load import load
    >>> rules = load("textbook").margin_rules("unified")
    >>> D = Decimal
    >>> btc = Position("BTCUSDT", "BTC", "USDT", D(1), D(50_000), D(50_000))
    >>> state = PoolState({"USDT": D(6_000)}, {"USDT": D(1), "BTC": D(50_000)}, (btc,))
    >>> pool = PoolEvaluator(state, rules)
    >>> pool.figures().initial_margin
    5000.0
    >>> pool.figures(index={"BTC": 45_000}, marks={"BTCUSDT": 45_000}).equity
    1000.0
    """

    def __init__(self, state: PoolState, rules: MarginRules) -> None:
        self.state = state
        self.rules = rules
        self.assets = _assets(state)
        columns = margin_columns(
            rules,
            [_listing(number, one, rules) for number, one in enumerate(state.positions)],
            self.assets,
            correlation=state.correlation,
            measured_volatility=state.measured_volatility,
            unit=_units(state, self.assets),
            rate=float(state.rate),
        )
        # A document names its forwards; a future of the same expiry beside an option is none.
        alone = np.full(len(state.positions), -1, dtype=np.int32)
        columns = replace(columns, forward_from=alone)
        self._ledger = _ledger(state, self.assets, columns.unit.tolist())
        kind = KINDS.index(state.kind)
        coin = self.assets.index(state.currency) if state.currency in self.assets else -1
        slots = np.zeros((1, max(1, len(state.positions))), dtype=np.int32)
        if not state.positions:
            slots[:] = -1
        self.pools = Pools(self._ledger, [(0, 0, -1, kind, coin)], slots, columns)
        if state.margin_leverage is not None and rules.loans is not None:
            self.pools.set_margin_leverage(0, state.margin_leverage)
        self._underlying = {name: n for n, name in enumerate(columns.underlyings)}
        self.reset()

    def reset(self) -> None:
        """Put the state's own prices, volatilities and time back."""
        state, pools = self.state, self.pools
        pools.advance(state.time_ns)
        for number, asset in enumerate(self.assets):
            pools.set_index(number, float(state.index.get(asset, 0)))
        for name, number in self._underlying.items():
            pools.set_volatility_of(number, float(state.volatility.get(name, 0)))
        for number, one in enumerate(state.positions):
            pools.set_mark(number, float(one.mark_price))
            pools.set_volatility(number, float(one.volatility or 0))
            pools.set_forward(number, float(state.forwards.get((one.underlying, one.expiry_ns), 0)))

    def figures(
        self,
        *,
        index: Mapping[str, float] | None = None,
        marks: Mapping[str, float] | None = None,
        volatility: Mapping[str, float] | None = None,
        time_ns: int | None = None,
    ) -> Figures:
        """Return the figures with some prices replaced, all others the state's own.

        ``index`` by asset, ``marks`` and ``volatility`` by symbol.  Option marks do not follow by
        themselves: give them too.
        """
        self.reset()
        for asset, price in (index or {}).items():
            self.pools.set_index(self.assets.index(asset), price)
        for number, one in enumerate(self.state.positions):
            if marks and one.symbol in marks:
                self.pools.set_mark(number, marks[one.symbol])
            if volatility and one.symbol in volatility:
                self.pools.set_volatility(number, volatility[one.symbol])
        if time_ns is not None:
            self.pools.advance(time_ns)
        return self.present()

    def present(self) -> Figures:
        """Return the figures at the prices last set."""
        pools = self.pools
        pools.evaluate(0)
        equity, initial, maintenance, _ = pools.figures(0)
        equity -= float(self.state.open_loss)
        return Figures(
            equity,
            initial + float(self.state.order_margin),
            maintenance,
            RiskLevel(pools.level_of(0, equity, maintenance)),
        )

    def components(self) -> dict[str, float]:
        """Return the parts of the requirement at the prices last set."""
        return dict(self.pools.components_of(0))


def _assets(state: PoolState) -> list[str]:
    names = dict.fromkeys((*state.assets, *state.loans, *state.interest))
    names.update(dict.fromkeys(one.settle for one in state.positions))
    names.update(dict.fromkeys(one.underlying for one in state.positions))
    return list(names)


def _size(one: Position) -> Decimal:
    return one.quantity * one.contract_size


def _cost(one: Position) -> Decimal:
    """Cost of a position in its settlement asset; an option's is nowhere counted."""
    if one.product == "option":
        return Decimal(0)
    if one.product == "inverse":
        return -_size(one) / one.entry_price
    return _size(one) * one.entry_price


def _listing(number: int, one: Position, rules: MarginRules) -> Listing:
    leverage = float(one.leverage or 0)
    if not leverage:
        default = rules.leverage_of("", one.underlying, Decimal(0))
        leverage = -float(default)
    right: Literal["", "C", "P"] = one.right
    return Listing(
        name=f"{number} {one.symbol}",
        symbol=one.symbol,
        product=PRODUCTS[one.product],
        underlying=one.underlying,
        settle=one.settle,
        lot=float(abs(_size(one))),
        leverage=leverage,
        expiry_ns=one.expiry_ns,
        strike=float(one.strike),
        right=right,
    )


def _units(state: PoolState, assets: Sequence[str]) -> list[float]:
    """What an integer of each asset is worth: its largest amount over ``LARGEST``."""
    most = dict.fromkeys(assets, 1e-8 * 2.0**20)
    for table in (state.assets, state.loans, state.interest):
        for asset, amount in table.items():
            most[asset] = max(most[asset], abs(float(amount)))
    for one in state.positions:
        most[one.settle] = max(most[one.settle], abs(float(_cost(one))))
    return [amount / LARGEST for amount in most.values()]


def _ledger(state: PoolState, assets: Sequence[str], units: Sequence[float]) -> Ledger:
    count = len(state.positions)
    ledger = Ledger(1, [1] * count, 1, len(assets))

    def amounts(table: Mapping[str, Decimal]) -> np.ndarray:
        row = [round(float(table.get(a, 0)) / u) for a, u in zip(assets, units, strict=True)]
        return np.array([row], dtype=np.int64)

    quantity = np.zeros((1, max(1, count)), dtype=np.int64)
    cost = np.zeros((1, max(1, count)), dtype=np.int64)
    for number, one in enumerate(state.positions):
        quantity[0, number] = (one.quantity > 0) - (one.quantity < 0)
        cost[0, number] = round(float(_cost(one)) / units[assets.index(one.settle)])
    ledger.take_columns(
        amounts(state.assets), quantity, cost, amounts(state.loans), amounts(state.interest)
    )
    return ledger
