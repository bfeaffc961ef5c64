"""Place people's money in wallets: all that the account mode changes.

Separated: the margin of a position lies with it (isolated), in the USD-M wallet or in the wallet
of its coin, in the asset that it settles in; the rest in spot, or in the margin wallet of those who
have a loan.  Unified: everything in the wallet that the rulebook's members share.

Assets are those of the collateral's mix, but for what must be there: margin in the settlement asset
(separated), profit that a negative balance would stand for (unified), coins of a spot hedge (both).
What is missing of these is taken from the other assets in proportion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from simulator.accounts.crowd import Crowd, Setting
from simulator.accounts.wallets import LINES
from simulator.population.people import Floats, People

Amounts = npt.NDArray[np.int64]

E8 = 1e8


class Placing:
    """The columns of a crowd while its groups are written into them, one after the other."""

    def __init__(self, setting: Setting, count: int, groups: Sequence[str]) -> None:
        self.setting = setting
        self.instruments = tuple(one.name for one in setting.instruments)
        self.assets = setting.assets
        self.index = np.array([setting.index.get(asset, np.nan) for asset in self.assets])
        shape = (count, len(self.instruments))
        self.crowd = Crowd(
            ids=np.arange(1, count + 1, dtype=np.int64),
            group=np.zeros(count, dtype=np.int32),
            groups=tuple(groups),
            unified=np.zeros(count, dtype=np.bool_),
            instruments=self.instruments,
            assets=self.assets,
            lots=np.zeros(shape, dtype=np.int64),
            entry=np.zeros(shape),
            isolated=np.zeros(shape, dtype=np.int64),
            balance={},
            loan={},
        )

    def add(self, people: People, number: int, first: int) -> None:
        """Write a group from a row on; its tally counts whose assets were converted."""
        crowd, rows = self.crowd, slice(first, first + people.size)
        crowd.group[rows] = number
        crowd.unified[rows] = people.unified
        for at, one in enumerate(people.contracts):
            column = self.instruments.index(one.name)
            crowd.lots[rows, column] = people.lots[:, at]
            crowd.entry[rows, column] = people.entry[:, at]
        margin = np.where(people.lots != 0, people.margin, 0.0)
        held, converted = self._assets(people, margin)
        people.tally = replace(people.tally, converted=converted)
        self._margin(people, margin, held, first)
        loan = people.group.loan
        if loan is not None:
            held[loan.into] = held.get(loan.into, 0.0) + people.loan
            self._put(self.crowd.loan, "margin", loan.asset, people.loan, first)
        indebted = people.loan > 0
        for asset, value in held.items():
            pooled = np.where(people.unified, value, 0.0)
            apart = np.where(people.unified, 0.0, value)
            self._put(crowd.balance, self._pool_line(), asset, pooled, first)
            self._put(crowd.balance, "margin", asset, np.where(indebted, apart, 0.0), first)
            self._put(crowd.balance, "spot", asset, np.where(indebted, 0.0, apart), first)

    def _assets(self, people: People, margin: Floats) -> tuple[dict[str, Floats], int]:
        """Return the value of each asset that an account holds, positions' profit counted in, and
        how many accounts of the separated mode hold other assets than their mix for the margin.
        """
        held = {
            asset: people.wealth * people.mix[:, at]
            for at, asset in enumerate(people.group.collateral)
        }
        needed: dict[str, Floats] = {}
        zero = np.zeros(people.size)
        for at, one in enumerate(people.contracts):
            gain = np.maximum(people.gain[:, at], 0)
            mine = np.where(people.unified, gain, margin[:, at])
            needed[one.settle] = needed.get(one.settle, zero) + mine
        for at in np.unique(people.coin[people.coin >= 0]).tolist():
            base = people.contracts[at].base
            coins = np.where(people.coin == at, people.coins, 0.0)
            needed[base] = needed.get(base, zero) + coins
        lacking = np.zeros(people.size, dtype=np.bool_)
        for asset in dict.fromkeys(one.settle for one in people.contracts):
            lacking |= needed[asset] > held.get(asset, zero) + 1e-6
        missing, over = zero, zero
        for asset in dict.fromkeys([*held, *needed]):
            have, must = held.setdefault(asset, zero), needed.get(asset, zero)
            missing = missing + np.maximum(must - have, 0)
            over = over + np.maximum(have - must, 0)
        kept = np.divide(over - missing, over, where=over > 0, out=zero.copy())
        kept = np.clip(kept, 0, 1)
        for asset, have in held.items():
            must = needed.get(asset, zero)
            held[asset] = must + np.maximum(have - must, 0) * kept
        return held, int((lacking & ~people.unified).sum())

    def _margin(self, people: People, margin: Floats, held: dict[str, Floats], first: int) -> None:
        """Take the margin of positions out of what is held, less their profit, into wallets."""
        rules = self.setting.margins["separated"]
        kind = people.group.margin_type or rules.margin_type
        for at, one in enumerate(people.contracts):
            # Of an inverse contract only where the group says so: the rulebook speaks of USD-M.
            apart = kind == "isolated" and (one.market == "um" or people.group.margin_type != "")
            inside = np.where(people.unified, people.gain[:, at], margin[:, at])
            held[one.settle] = held[one.settle] - inside
            wallet = np.where(people.unified, 0.0, margin[:, at] - people.gain[:, at])
            if apart:
                column = self.instruments.index(one.name)
                rows = slice(first, first + people.size)
                self.crowd.isolated[rows, column] = self._units(one.settle, wallet)
            else:
                self._put(self.crowd.balance, one.market, one.settle, wallet, first)

    def _pool_line(self) -> str:
        """Return the line by which the unified wallet is named."""
        members = self.setting.margins["unified"].members
        return next(line for line in LINES if line in members)

    def _units(self, asset: str, value: Floats) -> Amounts:
        price = self.index[self.assets.index(asset)]
        # Dust below zero is what rounding left where an asset was used up.
        units: Amounts = np.floor(np.maximum(value, 0) / price * E8).astype(np.int64)
        return units

    def _put(self, lines: object, line: str, asset: str, value: Floats, first: int) -> None:
        assert isinstance(lines, dict)
        if not np.any(value > 0):
            return
        if line not in lines:
            lines[line] = np.zeros((self.crowd.size, len(self.assets)), dtype=np.int64)
        column = self.assets.index(asset)
        lines[line][first : first + len(value), column] += self._units(asset, value)


def place(made: Sequence[People], setting: Setting) -> Crowd:
    """Return the crowd of all groups, ids from 1 in their order."""
    placing = Placing(setting, sum(one.size for one in made), [one.group.name for one in made])
    first = 0
    for number, people in enumerate(made):
        placing.add(people, number, first)
        first += people.size
    return placing.crowd
