"""An auditor of cascades: what must be true of a venue at every second and of every closing.

It reads the ledger's columns and the liquidator's logs, and plays the closings back one by one on
books of its own, so that each is looked at in the state in which it happened.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from simulator.accounts.wallets import CLEARING, INSURANCE
from simulator.exchange.waterfall import STAGES
from simulator.risk.columns import KINDS
from tests.cascade.kit import Cascade

NEAR = 1e-9
"""Of the gross: what float figures may be beside an edge."""

CLOSED_FOR = ("order", "takeover", "deleverage")


class Auditor:
    """Holds a cascade to the loss waterfall; give ``look`` to ``Cascade.run``.

    ``trades``: the account that trades may do what it likes; its positions are not played back.
    ``funding``: wallets may change though nothing was closed.
    """

    def __init__(self, cascade: Cascade, *, funding: bool = False) -> None:
        self.cascade, self.funding = cascade, funding
        self.ledger, self.pools = cascade.sim.core.ledger, cascade.sim.core.pools
        self.roster, self.liquidator = cascade.sim.roster, cascade.sim.desk.liquidator.engine
        self.lots, self.cost = cascade.positions()
        self.started = self.lots.copy()
        self.first = cascade.balances()
        self.before = self.first.copy()
        self.owed = self._owed()
        self.now, self.held, self.paid = self.first, self.lots, self.cost
        self.seen = self.seen_calls = 0
        self.entries = -1
        self.lost: dict[int, float] = {}
        self.counts: dict[str, int] = defaultdict(int)

    def look(self, _: Cascade) -> None:
        """Assert all of it; called after every second."""
        if int(self.ledger.entries) == self.entries:
            return  # nothing was booked
        self.entries = int(self.ledger.entries)
        self.now = self.cascade.balances()
        self.held, self.paid = self.cascade.positions()
        self.sums()
        rows = self.liquidator.closings()[self.seen :]
        self.seen += len(rows)
        calls = self.liquidator.calls()
        self.called(calls[self.seen_calls :])
        self.seen_calls = len(calls)
        self.all_called(rows, calls)
        for row in rows:
            self.one(row)
        self.as_played_back()
        self.bystanders(rows)
        self.waterfalls()
        self.measure()
        self.before = self.now

    # The venue

    def sums(self) -> None:
        """Every asset sums to zero, longs are shorts, clearing holds the costs of all positions."""
        ledger = self.ledger
        self.cascade.sim.check()
        assert not self.now.sum(axis=0).any(), "an asset does not sum to zero"
        lots, cost = self.held, self.paid
        margined = [n for n, one in enumerate(self.cascade.instruments) if one.market != "spot"]
        for asset, name in enumerate(self.cascade.sim.assets):
            own = [n for n in margined if self.cascade.instruments[n].settle == name]
            columns = [slot for n in own for slot in range(n, ledger.slots, ledger.instruments)]
            open_cost = int(cost[:, columns].sum())
            assert int(ledger.balance_of(CLEARING, asset)) == -open_cost, f"clearing of {name}"
        for n in margined:
            assert int(lots[:, n :: ledger.instruments].sum()) == 0, "longs are not shorts"

    def waterfalls(self) -> None:
        """Plain spot of a separated account stays; beside isolated positions the wallet does too;
        no wallet that a liquidation has emptied owes anything.
        """
        rows = np.asarray(self.roster.pools)
        balance = self.now[self.roster.first_wallet :]
        first = self.first[self.roster.first_wallet :]
        plain = np.ones(len(balance), np.bool_)
        plain[rows[:, 1] - self.roster.first_wallet] = False
        assert (balance[plain] == first[plain]).all(), "a liquidation reached plain spot"
        for account in np.unique(rows[rows[:, 2] >= 0, 0]).tolist():
            own = rows[(rows[:, 0] == account) & (rows[:, 2] < 0)]
            for pool in own[:, 1].tolist():
                at = pool - self.roster.first_wallet
                cross = self._has_cross(account, pool)
                kept = (balance[at] >= first[at]).all() or self.funding
                assert cross or kept, "more was lost than an isolated position's margin"

    def _has_cross(self, account: int, wallet: int) -> bool:
        """Whether a wallet margins a position by itself, beside isolated ones."""
        for pool, row in enumerate(np.asarray(self.roster.pools)):
            if row[1] == wallet:
                number = pool + self.roster.own_pools
                of = np.asarray(self.roster.pool_of)[account - 2]
                return bool((self.started[account][of == number] != 0).any())
        return False

    def measure(self) -> None:
        """Nobody of the crowd owes more than before, unless interest does it."""
        owed = self._owed()
        if not self.funding:
            assert (owed <= self.owed).all(), "somebody borrowed in a cascade"
        self.owed = owed

    def _owed(self) -> Any:
        first = self.roster.first_wallet
        loan = np.asarray(self.ledger.loan)[first:] + np.asarray(self.ledger.interest)[first:]
        return loan.copy()

    # Calls

    def called(self, calls: Any) -> None:
        """A pool above its threshold is never liquidated."""
        rules = self.cascade.sim.margins
        kinds = np.asarray(self.roster.pools)[:, 3]
        for call in calls:
            pool = int(call["pool"])
            if pool < self.roster.own_pools:
                continue
            kind = KINDS[int(kinds[pool - self.roster.own_pools])]
            ladder = rules["unified" if kind == "unified" else "separated"].ladder_of(kind)
            at = float(ladder.liquidation.at)
            edge = at * call["maintenance"]
            assert call["equity"] <= edge + NEAR * (1 + abs(edge)), f"pool {pool}: {call}"
            self.counts["calls"] += 1
            self.counts["bankrupt"] += int(call["bankrupt"])

    def all_called(self, rows: Any, calls: Any) -> None:
        """Who is closed, taken over or deleveraged was called before, or at that instant."""
        first: dict[int, int] = {}
        for call in calls:
            first.setdefault(int(call["pool"]), int(call["time_ns"]))
        for row in rows:
            if STAGES[int(row["stage"])] in (*CLOSED_FOR, "spot"):
                pool = int(row["pool"])
                assert pool in first, f"pool {pool} was liquidated without a call"
                assert first[pool] <= int(row["time_ns"])

    # Closings, one by one

    def one(self, row: Any) -> None:
        """Play a closing back; it must be what its stage says."""
        stage = STAGES[int(row["stage"])]
        self.counts[stage] += 1
        if stage == "spot":
            return
        account, slot, side = int(row["account"]), int(row["slot"]), int(row["side"])
        lots, held = int(row["lots"]), int(self.lots[account, slot])
        assert lots > 0
        assert held * side < 0 or (account == self.roster.fund and stage == "takeover"), row
        assert lots <= abs(held), f"{stage} of more than there is"
        if stage == "deleverage":
            self._adl(row)
        if stage == "counterparty":
            self._counterparty(row, held)
        self._trade(account, slot, side * lots, int(row["amount"]))
        if stage == "takeover":
            self._trade(self.roster.fund, slot, -side * lots, int(row["amount"]))
        assert int(row["fee"]) >= 0
        assert stage == "order" or not row["fee"], "a fee on what no order closed"

    def _trade(self, account: int, slot: int, signed: int, amount: int) -> None:
        """Amounts are of linear contracts: a price below zero has the other sign; not played."""
        held, cost = int(self.lots[account, slot]), int(self.cost[account, slot])
        after = held + signed
        if held == 0 or held * signed > 0:
            self.cost[account, slot] = cost + (amount if signed > 0 else -amount)
        elif abs(signed) >= abs(held):
            self.cost[account, slot] = 0
            if after:
                self.cost[account, slot] = _part(amount, after, signed)
        else:
            released = abs(cost) * abs(signed) // abs(held)
            self.cost[account, slot] = cost - (released if cost > 0 else -released)
        self.lots[account, slot] = after

    def _adl(self, row: Any) -> None:
        """The fund pays no fee, and gets first what makes its own position smaller."""
        own = int(self.lots[self.roster.fund, int(row["slot"])])
        assert own * int(row["side"]) <= 0, "the fund could have netted it"

    def _counterparty(self, row: Any, held: int) -> None:
        """Deleveraged is who stands opposite and in profit, at the mark of that instant."""
        account, slot = int(row["account"]), int(row["slot"])
        instrument = self.cascade.instruments[slot % len(self.cascade.instruments)]
        assert account != self.roster.fund
        assert account != int(row["against"])
        cost = int(self.cost[account, slot])
        if instrument.market == "um":
            worth = held * float(row["mark"]) * float(instrument.lot) * 1e8
            assert worth - cost > -NEAR * abs(cost), f"deleveraged without a profit: {row}"

    def as_played_back(self) -> None:
        """The ledger's positions are those of the closings; nobody of the crowd opens anything."""
        crowd = slice(2, None)
        assert (self.lots[crowd] == self.held[crowd]).all()

    def bystanders(self, rows: Any) -> None:
        """Whoever had nothing closed has what he had."""
        if self.funding:
            return
        touched = {int(row["account"]) for row in rows}
        touched |= {int(row["against"]) for row in rows} | self._taken()
        owner = np.asarray(self.roster.wallet_account)
        quiet = ~np.isin(owner, sorted(touched))
        first = self.roster.first_wallet
        assert (self.now[first:][quiet] == self.before[first:][quiet]).all(), "a bystander paid"

    def _taken(self) -> set[int]:
        """Accounts of which the fund took a bankrupt wallet over since the last look."""
        crowd = range(2, self.roster.fund)
        lost = {account: self.liquidator.losses_of(account) for account in crowd}
        found = {account for account in crowd if lost[account] != self.lost.get(account, 0.0)}
        self.lost = lost
        return found

    # At the end

    def close(self) -> None:
        """The fund's history tells its balance; calls of accounts are in the order of time."""
        history = self.liquidator.fund_history()
        for asset, name in enumerate(self.cascade.sim.assets):
            own = history[history["asset"] == asset]
            if len(own):
                kept = int(self.ledger.balance_of(INSURANCE, asset))
                assert int(own["balance"][-1]) == kept, f"fund's history of {name}"
        closings = self.liquidator.closings()
        assert (np.diff(closings["time_ns"]) >= 0).all()
        assert (np.diff(self.liquidator.calls()["time_ns"]) >= 0).all()


def _part(amount: int, after: int, signed: int) -> int:
    """Cost of what a trade opens after it has closed the rest."""
    closed = amount * (abs(signed) - abs(after)) // abs(signed)
    return (amount - closed) if after > 0 else -(amount - closed)
