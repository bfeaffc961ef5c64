"""Hedged accounts of a crowd while a run goes on: their legs, their margin, and the credit in it.

A *hedged* account begins with legs against each other: positions of both signs, or coins against
short positions, the smaller side at least `LEAST_SIDE` of both together.  Of each type of account
the largest few are looked at by themselves; all of them together where their margin has a credit
for two underlyings that go together.  Everything here is looked at, nothing done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.accounts.crowd import FIRST
from simulator.exchange.census import thinned
from simulator.exchange.core import Core
from simulator.exchange.measuring import Measuring
from simulator.exchange.roster import Roster
from simulator.instruments.instrument import Instrument

Floats = npt.NDArray[np.float64]

LEAST_SIDE = 0.2
"""Least share of the smaller side in the notional of all legs."""

EACH = 3
"""Accounts of each type that are looked at by themselves, the largest."""

LOOKS = 300
"""Instants at which they are looked at."""

SUMS = 60
"""Instants at which all hedged accounts are looked at together."""

SUM_ACCOUNTS = 2000
"""Accounts that are then looked at: evenly spaced ones, which stand for all."""

UNIT = 1e-8


class _Looked(NamedTuple):
    """An account that is looked at by itself: the slots and coins of its legs, its wallets, and its
    pools, all by number.
    """

    account: int
    slots: list[int]
    coins: list[int]
    wallets: list[int]
    pools: list[int]


class Hedges:
    """Looks at hedged accounts at the start, at samples of the report, and at the end.

    ``legs`` has rows (time, account, leg, quantity, exposure): ``leg`` numbers a slot, or -1 less
    the number of an asset; quantity in base asset (contracts of an inverse one), exposure USD.
    ``margin`` has rows (time, account, equity, maintenance margin, credit), USD, 0 for all hedged
    accounts together; the credit is what maintenance margin is less by.  ``measured`` has rows
    (time, one, other, correlation, share of the full credit) by number of the underlying.
    """

    def __init__(
        self,
        core: Core,
        instruments: Sequence[Instrument],
        assets: Sequence[str],
        roster: Roster,
        measuring: Measuring,
    ) -> None:
        self.core = core
        self.listed = list(instruments)
        self.assets = list(assets)
        self.roster = roster
        self.measuring = measuring
        self.legs: list[tuple[int, int, int, float, float]] = []
        self.margin: list[tuple[int, int, float, float, float]] = []
        self.measured: list[tuple[int, int, int, float | None, float]] = []
        self._accounts: list[_Looked] = []
        self._all: list[int] = []
        self._weight = 1.0
        self._step = self._next = self._sum_step = self._next_sum = 0

    def begin(self, start_ns: int, end_ns: int) -> None:
        """The crowd has entered, and first prices are known: choose whom to look at."""
        if not self.roster.size:
            return
        exposure = self._exposures()
        long = np.maximum(exposure, 0.0).sum(axis=1)
        short = -np.minimum(exposure, 0.0).sum(axis=1)
        gross = long + short
        hedged = np.flatnonzero((gross > 0) & (np.minimum(long, short) >= LEAST_SIDE * gross))
        if not hedged.size:
            return
        self._step = max(1, (end_ns - start_ns) // LOOKS)
        self._sum_step = max(1, (end_ns - start_ns) // SUMS)
        for group in range(len(self.roster.groups)):
            mine = hedged[self.roster.group[hedged] == group]
            largest = mine[np.argsort(-gross[mine], kind="stable")][:EACH]
            self._accounts += [self._chosen(row, exposure[row]) for row in largest.tolist()]
        if self.measuring.present is not None and any(map(self._across, self._accounts)):
            rows = thinned(hedged, SUM_ACCOUNTS)
            self._weight = float(gross[hedged].sum() / gross[rows].sum())
            of = np.isin(self.roster.pools[:, 0], rows + FIRST)
            self._all = (np.flatnonzero(of) + self.roster.own_pools).tolist()
        self.sampled()

    def sampled(self) -> None:
        """A sample for the report was taken: look, if it is time to."""
        now = int(self.core.now)
        if not self._step or now < self._next:
            return
        self._next = now + self._step
        for one in self._accounts:
            self._look_at_legs(now, one)
            self.margin.append((now, one.account, *self._sum_of(one.pools)))
        if self._all and now >= self._next_sum:
            self._next_sum = now + self._sum_step
            sums = [self._weight * value for value in self._sum_of(self._all)]
            self.margin.append((now, 0, sums[0], sums[1], sums[2]))
        if self._all:
            self._look_at_correlations(now)

    def end(self) -> None:
        """The run is over."""
        self._next = self._next_sum = 0
        self.sampled()

    def _exposures(self) -> Floats:
        """Return USD [account of the crowd, slot and then asset] at the first prices."""
        balance, owed, lots, _ = self.core.ledger.columns()
        roster, pools = self.roster, self.core.pools
        slots = lots.shape[1]
        found = np.zeros((roster.size, slots + len(self.assets)))
        for slot in range(slots):
            worth = float(pools.notional(slot % len(self.listed), 1.0))
            found[:, slot] = lots[FIRST : roster.fund, slot] * worth
        own = slice(roster.first_wallet, roster.wallets)
        for asset in self._coins():
            units = balance[own, asset].astype(np.float64) - owed[own, asset]
            worth = UNIT * float(pools.index_price(asset))
            at = roster.wallet_account - FIRST
            found[:, slots + asset] = np.bincount(at, units * worth, roster.size)
        return found

    def _coins(self) -> list[int]:
        """Return the numbers of the assets that a contract is on."""
        bases = {one.base for one in self.listed if one.market != "spot"}
        return [number for number, asset in enumerate(self.assets) if asset in bases]

    def _chosen(self, row: int, exposure: Floats) -> _Looked:
        """Return an account with the slots and assets of its legs, its wallets and its pools."""
        roster, account = self.roster, row + FIRST
        slots = len(exposure) - len(self.assets)
        there = np.flatnonzero(exposure).tolist()
        wallets = np.flatnonzero(roster.wallet_account == account) + roster.first_wallet
        pools = np.flatnonzero(roster.pools[:, 0] == account) + roster.own_pools
        return _Looked(
            account,
            [leg for leg in there if leg < slots],
            [leg - slots for leg in there if leg >= slots],
            wallets.tolist(),
            pools.tolist(),
        )

    def _across(self, chosen: _Looked) -> bool:
        """Whether an account's legs are on more than one underlying."""
        bases = {self.listed[slot % len(self.listed)].base for slot in chosen.slots}
        return len(bases | {self.assets[coin] for coin in chosen.coins}) > 1

    def _look_at_legs(self, now: int, one: _Looked) -> None:
        ledger, pools = self.core.ledger, self.core.pools
        for slot in one.slots:
            listed = self.listed[slot % len(self.listed)]
            lots = ledger.position_of(one.account, slot)[0]
            quantity = lots * float(listed.lot * (1 if listed.inverse else listed.contract_size))
            worth = float(pools.notional(slot % len(self.listed), 1.0))
            self.legs.append((now, one.account, slot, quantity, lots * worth))
        for coin in one.coins:
            units = 0
            for wallet in one.wallets:
                principal, interest = ledger.loan_of(wallet, coin)
                units += ledger.balance_of(wallet, coin) - principal - interest
            worth = float(pools.index_price(coin))
            self.legs.append((now, one.account, -1 - coin, UNIT * units, UNIT * units * worth))

    def _sum_of(self, pools: list[int]) -> tuple[float, float, float]:
        """Return equity, maintenance margin and the credit in it of pools together."""
        of = self.core.pools
        name = of.columns.credit_name
        sums = [0.0, 0.0, 0.0]
        for pool in pools:
            credit = -of.components_of(pool).get(name, 0.0)
            equity, initial, maintenance, _ = of.figures(pool)
            if credit and not of.columns.total_is_maintenance and initial > 0.0:
                credit *= maintenance / initial
            sums[0] += equity
            sums[1] += maintenance
            sums[2] += credit
        return sums[0], sums[1], sums[2]

    def _look_at_correlations(self, now: int) -> None:
        measured = self.measuring.present
        if measured is None:
            return
        reference = float(measured.rules.correlation_reference)
        for other in range(len(measured.underlyings)):
            for one in range(other):
                value = measured.correlation(one, other)
                share = 1.0 if value is None else min(1.0, max(0.0, value / reference))
                self.measured.append((now, one, other, value, share))
