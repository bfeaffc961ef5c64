"""A few accounts by hand beside the one that trades, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.accounts.crowd import FIRST, Crowd
from simulator.accounts.wallets import CLEARING, INSURANCE
from tests.exchange.world import INSTRUMENTS, World

E8 = 10**8
SPOT, UM, ETH_SPOT, ETH = (one.name for one in INSTRUMENTS)
ASSETS = ("USDT", "BTC", "ETH")
LINES = ("spot", "margin", "um", "cm", "options")
LONG, SHORT = 1, -1


@dataclass(frozen=True)
class Person:
    """An account: positions as (contract, lots, entry, isolated margin or 0), balances and loans by
    (line, asset) in whole units.
    """

    number: int
    positions: Sequence[tuple[str, int, float, float]] = ()
    balance: Mapping[tuple[str, str], float] = field(default_factory=dict)
    loan: Mapping[tuple[str, str], float] = field(default_factory=dict)
    unified: bool = False


def crowd_of(people: Sequence[Person]) -> Crowd:
    """Return accounts as the columns of a population, in the order of their numbers."""
    ordered = sorted(people, key=lambda one: one.number)
    n, m, k = len(ordered), len(INSTRUMENTS), len(ASSETS)
    names = [one.name for one in INSTRUMENTS]
    lots, isolated = np.zeros((n, m), np.int64), np.zeros((n, m), np.int64)
    entry = np.zeros((n, m))
    balance = {line: np.zeros((n, k), np.int64) for line in LINES}
    loan = {line: np.zeros((n, k), np.int64) for line in LINES}
    for row, one in enumerate(ordered):
        for contract, size, price, margin in one.positions:
            at = names.index(contract)
            lots[row, at], entry[row, at] = size, price
            isolated[row, at] = round(margin * E8)
        for amounts, column in ((one.balance, balance), (one.loan, loan)):
            for (line, asset), units in amounts.items():
                column[line][row, ASSETS.index(asset)] = round(units * E8)
    return Crowd(
        ids=np.array([one.number for one in ordered], dtype=np.int64),
        group=np.zeros(n, dtype=np.int32),
        groups=("hand",),
        unified=np.array([one.unified for one in ordered]),
        instruments=tuple(names),
        assets=ASSETS,
        lots=lots,
        entry=entry,
        isolated=isolated,
        balance=balance,
        loan=loan,
    )


class CrowdWorld(World):
    """A venue with people on it; accounts are named by their number."""

    def __init__(self, people: Sequence[Person], mode: str = "separated", **options: Any) -> None:
        self.people = sorted(people, key=lambda one: one.number)
        super().__init__(
            mode,
            crowd=crowd_of(people),
            **{"fees": False, "deposits": {"USDT": "100000"}, **options},
        )
        self.open_markets()
        self.roster = self.desk.roster
        self.engine = self.desk.liquidator.engine

    def account(self, number: int) -> int:
        """Number of a person's account in the ledger."""
        return FIRST + [one.number for one in self.people].index(number)

    def lots_of(self, number: int, name: str = UM) -> int:
        """Signed lots of a person."""
        return int(self.core.ledger.position_of(self.account(number), self.number(name))[0])

    def fund(self, name: str = UM) -> tuple[int, int]:
        """Signed lots and signed cost of the insurance fund."""
        found: tuple[int, int] = self.core.ledger.position_of(self.roster.fund, self.number(name))
        return found

    def wallets_of(self, number: int) -> list[int]:
        """Wallets of a person, first to last."""
        owner = np.asarray(self.roster.wallet_account)
        found = np.flatnonzero(owner == self.account(number)) + self.roster.first_wallet
        return [int(one) for one in found]

    def wealth(self, number: int, asset: str = "USDT") -> int:
        """Balances of a person, in smallest units."""
        at = self.assets.index(asset)
        return sum(int(self.core.ledger.balance_of(w, at)) for w in self.wallets_of(number))

    def insurance(self, asset: str = "USDT") -> int:
        """What the fund has, in smallest units."""
        return int(self.core.ledger.balance_of(INSURANCE, self.assets.index(asset)))

    def clearing(self) -> int:
        """Balance of the clearing house in USDT."""
        return int(self.core.ledger.balance_of(CLEARING, 0))

    def pools_of(self, number: int) -> list[int]:
        """Pools of a person."""
        rows = np.asarray(self.roster.pools)
        found = np.flatnonzero(rows[:, 0] == self.account(number)) + self.roster.own_pools
        return [int(one) for one in found]

    def ratio_of(self, number: int) -> float:
        """Equity / maintenance margin of a person's only pool."""
        (pool,) = self.pools_of(number)
        self.core.pools.evaluate(pool)
        equity, _, maintenance, _ = self.core.pools.figures(pool)
        return float(equity / maintenance) if maintenance else float("inf")
