"""Money as postings, fills and outcomes tell it, added up apart from the ledger.

Every entry must balance, the columns must be the sums of the postings, and whoever has a wallet,
the insurance fund and the fee income too, must have changed by what was told and nothing else:
`Worth` says what an outcome must have brought.  Three things move money that no outcome tells by
itself; each is found among the postings and held to its own rule:

- a liquidation order's clearance fee, to the fund: a share of what the order closed, less only
  where the pool has less;
- a wallet whose debts exceed it, taken over by the fund: it ends at exactly what it owes;
- an isolated position that lost more than its margin: the fund pays what is missing, no more.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np

from simulator.accounts.wallets import FEES, INSURANCE
from simulator.events.outcomes import Outcome
from simulator.simulation import Simulation
from tests.simulation.hunt.orders import Lives
from tests.simulation.hunt.worth import Due, Worth

E8 = 10**8
NEAR = 1e-6
"""Share of what a pool has by which floats may differ from exact figures."""

BITS = 2.0**-50
"""Share of what it handed over by which a pool's floats differ at a wild mark."""

PART = 0.2
"""Most of a realized gain that a haircut takes from it."""

LIQUIDATING = {
    Outcome.FILLED,
    Outcome.EXPIRED,
    Outcome.CANCELED,
    Outcome.REDUCED,
    Outcome.LEVEL_CHANGED,
    Outcome.LIQUIDATED,
    Outcome.SHORTFALL,
    Outcome.TAKEN_OVER,
    Outcome.DELEVERAGED,
    Outcome.REPAID,
    Outcome.INTEREST_PAID,
}
"""Outcomes that a liquidation itself has."""

Row = list[int]


class Money:
    """Adds up all that is posted; `look` is given what is new.

    ``tables`` are balance, loan and interest by wallet and asset as the postings say.
    """

    def __init__(self, run: Simulation, lives: Lives, impact: bool) -> None:
        self.run, self.core, self.lives = run, run.core, lives
        self.ledger = run.core.ledger
        self.worth = Worth(run, lives)
        self.assets = run.assets
        self.balance, _, self.quantity, self.cost = self.ledger.columns()
        self.columns = (
            self.balance,
            np.asarray(self.ledger.loan),
            np.asarray(self.ledger.interest),
        )
        # A crowd and the fund have their balances before anything is asked for.
        self.tables = np.stack([np.array(one) for one in self.columns])
        fund = run.roster.fund
        self.fund = fund
        # By wallet whose it is; the fund's own account holds the insurance wallet.
        self.owner = [-1] * INSURANCE + [fund]
        for wallet in range(INSURANCE + 1, self.ledger.wallets):
            lends = wallet == run.desk.lender
            self.owner.append(-1 if lends else run.roster.owner_of(wallet))
        self.impact = impact
        self.owes: Counter[tuple[int, int, int]] = Counter()
        self.changed: Counter[tuple[int, int]] = Counter()
        self.counts: Counter[str] = Counter()
        self.returned: Counter[tuple[int, int]] = Counter()
        roster = run.roster
        self.wallet_of = [wallet for _, wallet, _ in run.partition.pools]
        self.wallet_of += [int(row[1]) for row in roster.pools]
        pools = run.partition.pools
        self.isolated = {wallet for _, wallet, slot in pools if slot >= 0}
        self.isolated |= {int(row[1]) for row in roster.pools if row[2] >= 0}

    # Postings

    def look(self, posted: Any, outcomes: list[Row]) -> None:
        """Take rows of ``Ledger.keep_log`` and the outcomes that came with them."""
        self.worth.take(outcomes)
        if len(posted):
            self._post(posted)
        worth = self.worth
        assert not worth.covered, f"shortfalls that were told and not paid: {worth.covered}"
        assert not worth.options, f"options that were handed over and not paid: {worth.options}"
        self._unpaid(outcomes)
        self._handed(outcomes)
        for key in worth.made.keys() | self.changed.keys():
            account, asset = key
            assert worth.made[key] == self.changed[key], (
                f"{self.assets[asset]} of account {account} changed by {self.changed[key]}, "
                f"told was {worth.made[key]}"
            )
        self.counts["added up"] += 1
        for what, account, asset in worth.owed.keys() | self.owes.keys():
            have, told = (of[what, account, asset] for of in (self.owes, worth.owed))
            assert have == told, (
                f"account {account} owes {have} {self.assets[asset]} more, told was {told} ({what})"
            )
        for asset, amount in worth.fees.items():
            assert amount == 0, f"fees of {amount} {self.assets[asset]} were told and not booked"
        worth.made.clear()
        worth.fees.clear()
        worth.owed.clear()
        self.owes.clear()
        worth.said.clear()
        self.changed.clear()
        self.returned.clear()
        self._positions()

    def _post(self, posted: Any) -> None:
        """Take postings, entry by entry where there are few."""
        tables = self.tables
        touches = posted[:, 3] == INSURANCE
        if len(posted) > 60 and not touches.any():
            np.add.at(tables, (posted[:, 2], posted[:, 3], posted[:, 4]), posted[:, 5])
            assert not tables.sum(axis=1).any(), "postings that do not balance"
            for _, _, what, wallet, asset, amount in posted.tolist():
                self._book(what, wallet, asset, amount)
            return
        at, rows = 0, posted.tolist()
        while at < len(rows):
            end, number = at, rows[at][0]
            sums: dict[tuple[int, int], int] = {}
            insured = False
            while end < len(rows) and rows[end][0] == number:
                _, _, what, wallet, asset, amount = rows[end]
                tables[what, wallet, asset] += amount
                sums[what, asset] = sums.get((what, asset), 0) + amount
                self._book(what, wallet, asset, amount)
                insured |= wallet == INSURANCE
                end += 1
            for (what, asset), amount in sums.items():
                assert amount == 0, f"entry {number} leaves {amount} {self.assets[asset]} ({what})"
            if insured:
                self._insured(rows[at:end])
            elif self.worth.due:
                self._return(rows[at:end])
            at = end

    def _book(self, what: int, wallet: int, asset: int, amount: int) -> None:
        """A balance, or what a wallet owes, has changed."""
        owner = self.owner[wallet]
        if what:
            if owner >= 0:
                self.owes[what, owner, asset] += amount
        elif owner >= 0:
            self.changed[owner, asset] += amount
        elif wallet == FEES:
            self.worth.fees[asset] -= amount

    def _return(self, entry: list[Row]) -> None:
        """Margin of an isolated position that came back to the wallet it was taken from.

        Kept by the position's wallet, for a position pays from what its own last entry gave back
        and not from what others of the account did.
        """
        moved = [(row[3], row[4], row[5]) for row in entry if row[2] == 0]
        for (wallet, asset, amount), (own, same, taken) in pairwise(moved):
            back = own in self.isolated and (same, taken) == (asset, -amount) and amount > 0
            if back and self.owner[wallet] == self.owner[own]:
                self.returned[own, asset] = amount

    # What the fund gets and pays

    def _insured(self, entry: list[Row]) -> None:
        """An entry that the fund has a part in: what of it no outcome tells is explained here."""
        moved = [(row[3], row[4], row[5]) for row in entry if row[2] == 0]
        for at, (wallet, asset, amount) in enumerate(moved):
            if wallet != INSURANCE:
                continue
            there = (at + 1) if len(moved) > 2 else 1 - at
            other, same, opposite = moved[there] if there < len(moved) else (-1, -1, 0)
            if (same, opposite) != (asset, -amount) or other <= INSURANCE or self.owner[other] < 0:
                continue
            taken = self.owner[other], asset, -amount
            if taken in self.worth.options:
                self.worth.options.remove(taken)  # an option's worth, told as its takeover
            elif len(moved) > 2:
                self._cover(other, asset, -amount, moved[there + 1 :])
            elif at == 1:
                self._fee(other, asset, amount)
            else:
                self._sweep(other, asset, amount)

    def _explained(self, wallet: int, asset: int, amount: int) -> None:
        """An amount went from a wallet's account to the fund by a rule."""
        self.worth.made[self.owner[wallet], asset] -= amount
        self.worth.made[self.fund, asset] += amount

    def _fee(self, wallet: int, asset: int, amount: int) -> None:
        """A clearance fee: a liquidation order of the account owed as much; or more, and its pool
        had no more: an isolated position that ended gives what came back of its margin.
        """
        account = self.owner[wallet]
        owed = [
            one
            for one in self.worth.due.values()
            if not one.paid and (one.account, one.asset) == (account, asset) and one.most >= amount
        ]
        assert amount > 0, f"a clearance fee of {amount}"
        assert owed, f"account {account} paid the fund {amount}: no liquidation order owed that"
        # Several may be owed: it was the one whose rule gives the amount; of orders that are the
        # same the last, where each leaves more to pay from.
        fits = [one for one in owed if self._whole(one, wallet) == amount] or owed[:1]
        found = fits[-1] if fits[-1].gain > 0.0 else fits[0]
        own = self.wallet_of[found.pool]
        found.paid = amount
        if own != wallet:
            back = self.returned[own, asset]
            assert amount == self._whole(found, wallet), (
                f"a fee of {amount} of {back} that came back, owed {found.most}"
            )
            self.counts["fees capped by what came back"] += amount < found.most
            found.paid = found.most = amount
        self._explained(wallet, asset, amount)
        self.counts["clearance fees worked out"] += 1

    def _whole(self, due: Due, wallet: int) -> int:
        """The clearance fee of an order where its pool has as much: a position that ended pays no
        more than what came back of its margin.
        """
        own = self.wallet_of[due.pool]
        return due.most if own == wallet else min(due.most, self.returned[own, due.asset])

    def _unpaid(self, outcomes: list[Row]) -> None:
        """A pool that did not pay all of an order's fee had nothing left for it just then."""
        orders: dict[int, list[Due]] = {}
        for due in self.worth.due.values():
            if due.pool >= 0:
                orders.setdefault(due.pool, []).append(due)
        self.worth.due.clear()
        now = int(self.core.now)
        alone = all(row[0] == now and row[1] in LIQUIDATING for row in outcomes)
        for pool, found in orders.items():
            account = self.owner[self.wallet_of[pool]]
            if pool in self.worth.handed or all(one.paid == one.most for one in found):
                continue
            if not alone or account in self.worth.sold or self.impact:
                self.counts["fees capped among other things"] += 1
                continue
            self._had_nothing(pool, found)

    def _had_nothing(self, pool: int, orders: list[Due]) -> None:
        """What a pool had after an order is what it has, and the fees of later ones, less what
        these gained against the mark; collateral may count in part, hence `PART` of that.
        """
        had = float(self.core.pools.equity_of(pool))
        near = max(1e-6, NEAR * self._gross(pool))
        for one in reversed(orders):
            if one.paid < one.most:
                assert had <= near, f"pool {pool} paid {one.paid} of {one.most} and had {had}"
                self.counts["fees capped by equity"] += 1
            if self.wallet_of[pool] in self.isolated:
                break  # its margin may have gone back
            fee = one.paid * 1e-8 * float(self.core.pools.index_price(one.asset))
            had += fee - one.gain
            near += PART * abs(one.gain)

    def _gross(self, pool: int) -> float:
        """What a pool's figures are sums of, USD."""
        price = [float(self.core.pools.index_price(a)) for a in range(len(self.assets))]
        account = self.owner[self.wallet_of[pool]]
        held = sum(
            abs(int(n)) * 1e-8 * one
            for n, one in zip(self.tables[0, self.wallet_of[pool]].tolist(), price, strict=True)
        )
        cost = self.cost[account].tolist()
        settle = self.worth.settle
        return held + sum(
            abs(n) * 1e-8 * price[settle[slot % len(settle)]] for slot, n in enumerate(cost)
        )

    def _sweep(self, wallet: int, asset: int, amount: int) -> None:
        """The fund takes a wallet over with its debts: it ends at exactly what it owes."""
        balance, loan, interest = (int(table[wallet, asset]) for table in self.tables)
        assert balance == loan + interest, (
            f"the fund left wallet {wallet} with {balance}, which owes {loan + interest}"
        )
        if amount < 0 and not self._told(wallet, asset, -amount):
            raise AssertionError(f"the fund paid {-amount} for wallet {wallet}, told nobody")
        self._explained(wallet, asset, amount)
        self.counts["debts worked out"] += 1

    def _told(self, wallet: int, asset: int, amount: int) -> bool:
        """Whether a shortfall was told that the fund pays here; it is done with."""
        for told in (self.worth.covered, self.worth.said):
            for one in told:
                pool, *what = one
                if what == [asset, amount] and self.wallet_of[pool] == wallet:
                    told.remove(one)
                    return True
        return False

    def _cover(
        self, wallet: int, asset: int, amount: int, later: list[tuple[int, int, int]]
    ) -> None:
        """An isolated position lost more than its margin: its wallet is brought to zero."""
        assert wallet in self.isolated, f"the fund paid {amount} for wallet {wallet}"
        assert self._told(wallet, asset, amount), f"the fund paid {amount}, told nobody"
        after = int(self.tables[0, wallet, asset])
        after -= sum(moved for to, what, moved in later if (to, what) == (wallet, asset))
        assert (after, amount > 0) == (0, True), f"the fund left wallet {wallet} with {after}"
        self._explained(wallet, asset, -amount)
        self.counts["isolated losses worked out"] += 1

    def _handed(self, outcomes: list[Row]) -> None:
        """A pool that handed all its positions over has nothing left: to the unit where it had one
        asset and settled in it, else what it has and owes is worth nothing.
        """
        worth = self.worth
        for pool, (time, settled, whole) in worth.handed.items():
            alone = all(row[0] == time and row[1] in LIQUIDATING for row in outcomes)
            wallet = self.wallet_of[pool]
            account = self.owner[wallet]
            if not alone or account in worth.sold:
                self.counts["handed over among other things"] += 1
                continue
            left = self.tables[0, wallet] - self.tables[1, wallet] - self.tables[2, wallet]
            only = len(settled) == 1 and set(left.nonzero()[0].tolist()) <= settled
            if only and not self.quantity[account].any():
                assert not left.any(), f"pool {pool} was left with {left.tolist()} units"
                self.counts["handed over to the unit"] += 1
                continue
            if self.impact or time != int(self.core.now):
                self.counts["handed over among other things"] += 1
                continue
            price = [float(self.core.pools.index_price(a)) for a in range(len(self.assets))]
            worths = [int(n) * 1e-8 * one for n, one in zip(left.tolist(), price, strict=True)]
            near = max(1e-6, NEAR * sum(abs(one) for one in worths), BITS * whole)
            assert abs(sum(worths)) <= near, (
                f"pool {pool} of account {account} handed its positions over and has {worths}"
            )
            self.counts["handed over to nothing"] += 1
        worth.handed.clear()
        worth.sold.clear()

    # Against the ledger

    def _positions(self) -> None:
        """Positions that moved are the ledger's, and cost what they cost there."""
        worth = self.worth
        for account, slot in worth.moved:
            told = worth.positions[account, slot]
            have = int(self.quantity[account, slot]), int(self.cost[account, slot])
            assert have == told, f"slot {slot} of {account}: {have} lots and cost, told {told}"
        worth.moved.clear()

    def compare(self) -> None:
        """The ledger's columns are the sums of the postings, and fees what was told."""
        for name, column, table in zip(
            ("balance", "loan", "interest"), self.columns, self.tables, strict=True
        ):
            if (column != table).any():
                wallet, asset = (int(n[0]) for n in np.nonzero(column != table))
                raise AssertionError(
                    f"{name} of {self.assets[asset]} in wallet {wallet}: {column[wallet, asset]}, "
                    f"its postings say {table[wallet, asset]}"
                )

    def whole(self) -> None:
        """All positions, not only those that moved."""
        told = np.zeros_like(self.quantity)
        cost = np.zeros_like(self.cost)
        for (account, slot), (lots, spent) in self.worth.positions.items():
            told[account, slot], cost[account, slot] = lots, spent
        assert np.array_equal(told[1:], self.quantity[1:]), "positions that nobody was told of"
        assert np.array_equal(cost[1:], self.cost[1:]), "costs that no fill explains"

    def end(self, fundings: Counter[tuple[int, int]]) -> None:
        """Nobody paid funding more often than the tape tells it, once where it does not."""
        for (time, _, instrument, slot), count in self.worth.paid.items():
            told = max(1, fundings[time, instrument])
            assert count <= told, f"funding of slot {slot} at {time}: {count} times, told {told}"
