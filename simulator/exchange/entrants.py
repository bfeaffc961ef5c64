"""A crowd enters the venue: one entry of the ledger before any other, and one record of it.

What the crowd holds came from outside, what it borrowed from the lender, and the market stands on
the other side of its positions, at their entry prices: every asset and every contract sums to zero.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.accounts.crowd import FIRST, Crowd
from simulator.accounts.wallets import OUTSIDE, Partition
from simulator.errors import InputError
from simulator.events.outcomes import Outcome
from simulator.exchange.core import Core
from simulator.exchange.enrolment import costs_of, enrolled
from simulator.exchange.memory import give_back
from simulator.exchange.roster import MARKET, Roster
from simulator.instruments.instrument import Instrument
from simulator.ledger.columns import Ledger

Amounts = npt.NDArray[np.int64]
MOST = 2.0**61
"""Largest sum of an asset or of costs that a population may bring; int64 holds four times that."""


@dataclass(slots=True)
class Entrants:
    """A roster, and the columns that its ledger begins with: None without a crowd."""

    roster: Roster
    balance: Amounts | None = None
    loan: Amounts | None = None
    quantity: Amounts | None = None
    cost: Amounts | None = None
    digest: int = 0

    def book(self, ledger: Ledger) -> None:
        """Book all that the crowd begins with; the columns are the ledger's from then on."""
        if self.balance is not None:
            ledger.begin_with(self.balance, self.loan, self.quantity, self.cost)
            self.balance = self.loan = self.quantity = self.cost = None

    def record(self, core: Core) -> None:
        """Record that there is a crowd, and which; what it was made of is gone by now."""
        if self.roster.size:
            give_back()
            core.records.add(
                core.now, Outcome.ENROLLED, FIRST, -1, 0, 0, self.roster.size, self.digest
            )


def enrol(
    crowd: Crowd,
    listed: Sequence[Instrument],
    assets: Sequence[str],
    partition: Partition,
    members: Sequence[str],
    lender: int,
) -> Entrants:
    """Number a crowd's accounts, wallets and pools, and lay out what the ledger begins with.

    ``crowd`` is fitted to the run (`simulator.accounts.crowd.fitted`).  Raises ``InputError`` for
    what the run cannot hold.
    """
    give_back()  # what the crowd was drawn with
    roster, balance, loan = enrolled(crowd, partition, members, listed, assets, lender + 1)
    for column, what in ((balance, "balances"), (loan, "loans")):
        sums = column.sum(axis=0, dtype=np.float64)
        if len(sums) and sums.max() >= MOST:
            asset = assets[int(sums.argmax())]
            raise InputError(f"population: {what} of {asset} are more than the ledger holds")
    lent, brought = loan.sum(axis=0), balance.sum(axis=0)
    balance[OUTSIDE] = lent - brought
    balance[lender] = -lent
    loan[lender] = -lent
    quantity, cost = _positions(crowd, listed, roster, partition.hedge)
    return Entrants(roster, balance, loan, quantity, cost, digest_of(crowd))


def _positions(
    crowd: Crowd, listed: Sequence[Instrument], roster: Roster, hedge: bool
) -> tuple[Amounts, Amounts]:
    """Return lots and costs [account, slot], the market's opposite to all others'."""
    lots, worth = crowd.lots, costs_of(crowd, listed)
    slots = max(1, roster.slots)
    quantity = np.zeros((roster.accounts, slots), dtype=np.int64)
    cost = np.zeros((roster.accounts, slots), dtype=np.int64)
    rows = slice(FIRST, roster.fund)
    for i in range(len(listed)):
        if hedge:
            long, other = lots[:, i] > 0, len(listed) + i
            for column, source in ((quantity, lots), (cost, worth)):
                column[rows, i] = np.where(long, source[:, i], 0)
                column[rows, other] = np.where(long, 0, source[:, i])
        else:
            quantity[rows, i], cost[rows, i] = lots[:, i], worth[:, i]
        # The market holds one position a contract, in its first slot.
        quantity[MARKET, i] = -int(lots[:, i].sum())
        cost[MARKET, i] = -int(worth[:, i].sum())
    return quantity, cost


def digest_of(crowd: Crowd) -> int:
    """Return 63 bits of a BLAKE2 hash of all columns of a crowd, in the order of its ids."""
    state = hashlib.blake2b(digest_size=8)
    state.update(repr((crowd.groups, crowd.instruments, crowd.assets)).encode())
    columns: list[npt.NDArray[np.generic]] = [crowd.ids, crowd.group, crowd.unified]
    columns += [crowd.lots, crowd.entry, crowd.isolated]
    for given in (crowd.balance, crowd.loan):
        for line in sorted(given):
            state.update(line.encode())
            columns.append(given[line])
    for column in columns:
        kind = np.dtype(column.dtype).newbyteorder("<")
        state.update(np.ascontiguousarray(column, dtype=kind).data)
    return int.from_bytes(state.digest(), "little") >> 1
