"""How large a position an equity allows, so that nobody begins at or below a margin call.

A position of notional N *needs* ``max(initial margin, margin call's ratio x maintenance margin)``,
with `ROOM` above that.  What it needs is computed by the readable margin model at a ladder of
notionals, of longs and shorts, and is a straight line in between, which for a requirement that
bends upwards is never too little; jumps of the bracket model (a bracket with less leverage) are
kept.  Positions are measured as if each stood alone: what offsets is left as further room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from simulator.accounts.crowd import Setting
from simulator.accounts.states import AccountMode
from simulator.errors import InputError
from simulator.exchange.leverage import with_brackets_of
from simulator.instruments.instrument import Instrument
from simulator.risk.brackets import Bracket
from simulator.risk.levels import Ladder
from simulator.risk.reference import requirement
from simulator.risk.rules import CollateralRules, MarginRules
from simulator.risk.state import PoolKind, PoolState, Position

Floats = npt.NDArray[np.float64]

ROOM = 0.02
"""Share by which an account begins above what it needs."""

NOTIONALS = [float(m * 10**power) for power in range(1, 10) for m in (1, 2, 5)]
"""USD; what the ladder of a margin model without brackets is computed at."""

LOAN = Decimal(10_000)
"""USD; loans need margin in proportion."""


@dataclass(frozen=True, slots=True)
class Need:
    """What positions in one contract need, as nodes of a line through 0; USD."""

    notional: Floats
    needed: Floats

    def allowed(self, equity: Floats) -> Floats:
        """Return the largest notional that an equity allows."""
        return np.interp(equity / (1 + ROOM), self.needed, self.notional)

    def of(self, notional: Floats) -> Floats:
        """Return what notionals need, without room."""
        return np.interp(notional, self.notional, self.needed)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a mode's rules ask: by contract, by borrowed asset, and what an asset counts."""

    mode: AccountMode
    needs: Mapping[str, Need]
    loans: Mapping[str, float]
    collateral: CollateralRules

    def counted(self, asset: str, value: Floats) -> Floats:
        """Return what values of an asset in USD, none below 0, count as equity."""
        return counted(self.collateral, asset, value)


def counted(rules: CollateralRules, asset: str, value: Floats) -> Floats:
    """Return what values of an asset in USD, none below 0, count by collateral rules."""
    tiers = rules.tiers.get(asset) if rules.applied else None
    if not tiers:
        return value * float(rules.ratio_of(asset))
    total = np.zeros_like(value)
    ends = [float(floor) for floor, _ in tiers[1:]] + [np.inf]
    for (floor, ratio), end in zip(tiers, ends, strict=True):
        total += np.clip(value, float(floor), end) * float(ratio) - float(floor) * float(ratio)
    return total


def limits_of(
    setting: Setting,
    mode: AccountMode,
    contracts: Sequence[Instrument],
    borrowed: Sequence[tuple[str, str]],
) -> Limits:
    """Return the limits of a mode for the contracts and loans (asset, what it bought) of groups."""
    rules = with_brackets_of(setting.margins[mode], contracts)
    index = {asset: Decimal(repr(price)) for asset, price in setting.index.items()}
    index.setdefault("USD", Decimal(1))
    unified = mode == "unified"
    needs = {}
    for one in contracts:
        inside = unified and one.market in rules.members
        kind: PoolKind = "unified" if inside else "um" if one.market == "um" else "cm"
        needs[one.name] = _need(one, kind, rules, index, setting.prices[one.name])
    owing: PoolKind = "unified" if unified and "margin" in rules.members else "margin"
    return Limits(
        mode,
        needs,
        {asset: _loan(asset, into, owing, rules, index) for asset, into in borrowed},
        rules.collateral_of("unified" if unified else "margin"),
    )


def _need(
    one: Instrument, kind: PoolKind, rules: MarginRules, index: Mapping[str, Decimal], price: float
) -> Need:
    usd = float(index[one.settle])
    table = rules.brackets.get(one.symbol, ()) if rules.model_of(kind) == "brackets" else ()
    if rules.model_of(kind) == "brackets" and not table:
        raise InputError(f"people: {one.name}: the rulebook has no brackets of it")
    edge = _edge(rules.ladder_of(kind))
    both: list[tuple[list[float], list[float]]] = []
    for sign in (1, -1):

        def margins(notional: float, sign: int = sign) -> tuple[float, float]:
            state = _state(one, kind, index, Decimal(repr(price)), Decimal(repr(notional * sign)))
            initial, maintenance, _ = requirement(state, rules)
            return float(initial), edge * float(maintenance)

        both.append(_by_brackets(table, usd, margins) if table else _by_model(margins))
    (nodes, long), (_, short) = both
    needed = np.maximum.accumulate(np.maximum(long, short))
    return Need(np.array(nodes), needed + np.arange(len(needed)) * 1e-9)


def _by_model(margins: Callable[[float], tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [0.0, *NOTIONALS], [0.0, *(max(margins(n)) for n in NOTIONALS)]


def _by_brackets(
    table: Sequence[Bracket], usd: float, margins: Callable[[float], tuple[float, float]]
) -> tuple[list[float], list[float]]:
    """Return nodes at both ends of each bracket, at its highest leverage."""
    nodes, needed = [], []
    for bracket in table:
        for edge in (float(bracket.floor), float(bracket.cap)):
            notional = edge * usd
            nodes.append(notional)
            kept = margins(notional)[1] if notional else 0.0
            needed.append(max(notional / float(bracket.max_leverage), kept))
    return nodes, needed


def _state(
    one: Instrument,
    kind: PoolKind,
    index: Mapping[str, Decimal],
    price: Decimal,
    notional: Decimal,
) -> PoolState:
    """Return a pool with one position of a signed notional in USD."""
    value = one.contract_size / price if one.inverse else one.contract_size * price
    quantity = notional / (value * index[one.settle])
    position = Position(
        one.symbol,
        one.base,
        one.settle,
        quantity,
        price,
        price,
        product="inverse" if one.inverse else "linear",
        contract_size=one.contract_size,
        expiry_ns=one.expiry_ns,
    )
    currency = one.settle if kind == "cm" else "USD"
    return PoolState({}, index, (position,), kind=kind, currency=currency)


def _loan(
    asset: str, into: str, kind: PoolKind, rules: MarginRules, index: Mapping[str, Decimal]
) -> float:
    """Return what a loan needs as a share of it, with what it bought beside it."""
    bought = {into: LOAN / index[into]}
    state = PoolState(bought, index, loans={asset: LOAN / index[asset]}, kind=kind)
    initial, maintenance, _ = requirement(state, rules)
    return float(max(initial, maintenance * Decimal(_edge(rules.ladder_of(kind)))) / LOAN)


def _edge(ladder: Ladder) -> float:
    """Return the ratio of the mildest rung."""
    rung = ladder.margin_call or ladder.reduce_only or ladder.liquidation
    return float(rung.at)
