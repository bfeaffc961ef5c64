"""Whether accounts begin where they may: pools of a sample, by the readable margin model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from simulator.accounts.crowd import Crowd, Setting
from simulator.exchange.leverage import with_brackets_of
from simulator.risk.levels import RiskLevel
from simulator.risk.reference import pool_margin
from simulator.risk.rules import MarginRules
from simulator.risk.state import PoolKind, PoolMargin, PoolState, Position

SAMPLE = 100
"""Accounts that are looked at: evenly spaced ones, and the first and last."""

E8 = Decimal(10**8)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a sample showed: accounts looked at, those at or below a margin call, and the lowest
    equity / maintenance margin (None: nobody needs any).
    """

    accounts: int
    called: int
    lowest: Decimal | None


def check(crowd: Crowd, setting: Setting, sample: int = SAMPLE) -> Checked:
    """Return at which level the pools of a sample begin."""
    rows = np.unique(np.linspace(0, crowd.size - 1, min(sample, crowd.size)).astype(np.int64))
    called, lowest = 0, None
    pools = _Pools(crowd, setting)
    for row in rows.tolist():
        found = list(pools.of(row))
        called += any(one.level > RiskLevel.NORMAL for one in found)
        for one in found:
            if one.ratio is not None and (lowest is None or one.ratio < lowest):
                lowest = one.ratio
    return Checked(len(rows), called, lowest)


class _Pools:
    """Pools of accounts, one account after the other."""

    def __init__(self, crowd: Crowd, setting: Setting) -> None:
        self.crowd = crowd
        self.listed = setting.instruments
        self.prices = setting.prices
        self.index = {a: Decimal(repr(price)) for a, price in setting.index.items()}
        self.rules = {
            mode: with_brackets_of(setting.margins[mode], setting.instruments)
            for mode in ("separated", "unified")
        }

    def of(self, row: int) -> Iterator[PoolMargin]:
        """Yield the margin of each pool of an account that has a position or a loan."""
        unified = bool(self.crowd.unified[row])
        members = self.rules["unified"].members if unified else ()
        apart = self.rules["separated"]
        positions = self._positions(row)
        pooled: list[Position] = []
        held: dict[str, Decimal] = {}
        crossed: dict[tuple[PoolKind, str], list[Position]] = {}
        for at, position in positions:
            one = self.listed[at]
            own = Decimal(int(self.crowd.isolated[row, at])) / E8
            kind: PoolKind = "um" if one.market == "um" else "cm"
            if one.market in members:
                pooled.append(position)
                held[one.settle] = held.get(one.settle, Decimal(0)) + own
            elif own:
                currency = one.settle if kind == "cm" else "USD"
                yield self._margin({one.settle: own}, [position], kind, currency, apart)
            else:
                crossed.setdefault((kind, one.settle if kind == "cm" else ""), []).append(position)
        loans = self._amounts(self.crowd.loan.get("margin"), row)
        for line in members:
            for asset, amount in self._amounts(self.crowd.balance.get(line), row).items():
                held[asset] = held.get(asset, Decimal(0)) + amount
        if members and (pooled or loans):
            owed = loans if "margin" in members else {}
            yield self._margin(held, pooled, "unified", "USD", self.rules["unified"], owed)
        for (kind, coin), inside in crossed.items():
            wallet = self._amounts(self.crowd.balance.get(kind), row)
            own_coin = {coin: wallet.get(coin, Decimal(0))} if coin else wallet
            yield self._margin(own_coin, inside, kind, coin or "USD", apart)
        if loans and "margin" not in members:
            wallet = self._amounts(self.crowd.balance.get("margin"), row)
            yield self._margin(wallet, [], "margin", "USD", apart, loans)

    def _margin(
        self,
        assets: dict[str, Decimal],
        positions: list[Position],
        kind: PoolKind,
        currency: str,
        rules: MarginRules,
        loans: dict[str, Decimal] | None = None,
    ) -> PoolMargin:
        state = PoolState(
            assets, self.index, tuple(positions), loans or {}, kind=kind, currency=currency
        )
        return pool_margin(state, rules)

    def _amounts(self, column: object, row: int) -> dict[str, Decimal]:
        if column is None:
            return {}
        assert isinstance(column, np.ndarray)
        return {
            asset: Decimal(int(column[row, at])) / E8
            for at, asset in enumerate(self.crowd.assets)
            if column[row, at]
        }

    def _positions(self, row: int) -> list[tuple[int, Position]]:
        found = []
        for at in np.flatnonzero(self.crowd.lots[row]).tolist():
            one = self.listed[at]
            position = Position(
                one.symbol,
                one.base,
                one.settle,
                int(self.crowd.lots[row, at]) * one.lot,
                Decimal(repr(float(self.crowd.entry[row, at]))),
                Decimal(repr(self.prices[one.name])),
                product="inverse" if one.inverse else "linear",
                contract_size=one.contract_size,
                expiry_ns=one.expiry_ns,
            )
            found.append((at, position))
        return found
