"""Money as the postings, the fills and the outcomes tell it, added up apart from the ledger.

Every entry must balance, the columns must be the sum of the postings, what a fill realized and cost
must be what plain integers say, and what the account has must change by what was said and nothing
else.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from simulator.accounts.wallets import INSURANCE
from simulator.events.outcomes import Outcome
from simulator.simulation import Simulation
from tests.simulation.hunt.orders import Lives

E8 = 10**8
TIME, INSTRUMENT, SEQ, SIDE, PRICE, LOTS, MAKER, FEE, FEE_ASSET, REALIZED, FORCED, ACCOUNT, SLOT = (
    range(13)
)

SIGN = {
    Outcome.DEPOSITED: 1,
    Outcome.WITHDRAWN: -1,
    Outcome.FUNDING: -1,
    Outcome.BORROWED: 1,
    Outcome.REPAID: -1,
    Outcome.INTEREST_PAID: -1,
    Outcome.NEGATIVE_INTEREST: -1,
    Outcome.CONVERTED: 1,
}
"""What an outcome does to the account's balance of an asset; 1: its quantity comes in."""

UNTOLD = {
    Outcome.LIQUIDATED,
    Outcome.SHORTFALL,
    Outcome.SETTLED,
    Outcome.TAKEN_OVER,
    Outcome.DELEVERAGED,
    Outcome.ENROLLED,
}
"""Outcomes that move more money than they say."""


class Money:
    """Adds up all that is posted; ``take`` is given what is new."""

    def __init__(self, run: Simulation, lives: Lives) -> None:
        self.run, self.core, self.lives = run, run.core, lives
        self.ledger = run.core.ledger
        self.listed, self.assets = run.player.instruments, run.assets
        self.count = len(self.listed)
        size = (self.ledger.wallets, self.ledger.assets)
        # The fund has its balance before anything is asked for.
        debts = (np.array(self.ledger.loan), np.array(self.ledger.interest))
        self.tables = np.stack([np.array(self.balances()), *debts])
        owner_of = run.roster.owner_of
        wallets = range(INSURANCE + 1, self.ledger.wallets)
        self.own = {
            account: [w for w in wallets if w != run.desk.lender and owner_of(w) == account]
            for account in range(1, 1 + run.roster.trading)
        }
        self.kept = {account: np.zeros(size[1], np.int64) for account in self.own}
        self.insured = np.zeros(size[1], np.int64)
        self.cost: dict[tuple[int, int], tuple[int, int]] = {}
        self.stale: set[tuple[int, int]] = set()
        self.fills = 0
        self.counts: Counter[str] = Counter()
        self.paid: Counter[tuple[int, int, int, int]] = Counter()
        self.fees = self._fees()
        self.discounts = "BNB" in self.assets

    def _fees(self) -> list[tuple[int, int]]:
        """Maker's and taker's fee of each instrument, as the rulebook has them."""
        paid = self.run.rules.fees
        of = {"spot": paid.spot, "um": paid.um, "cm": paid.cm, "option": paid.option}
        return [(of[one.market].maker_e8, of[one.market].taker_e8) for one in self.listed]

    # Postings

    def postings(self, rows: Any) -> None:
        """Take rows of ``Ledger.keep_log``: each entry balances for each asset."""
        tables = self.tables
        if len(rows) > 40:
            np.add.at(tables, (rows[:, 2], rows[:, 3], rows[:, 4]), rows[:, 5])
            assert not tables.sum(axis=1).any(), "postings that do not balance"
            return
        sums: Counter[tuple[int, int, int]] = Counter()
        for entry, _, what, wallet, asset, amount in rows.tolist():
            tables[what, wallet, asset] += amount
            sums[entry, what, asset] += amount
        for (entry, what, asset), amount in sums.items():
            assert amount == 0, f"entry {entry} leaves {amount} of {self.assets[asset]} ({what})"

    def balances(self) -> Any:
        """The ledger's balances [wallet, asset]."""
        return self.ledger.columns()[0]

    def compare(self) -> None:
        """The ledger's columns are the sums of the postings."""
        columns = (self.balances(), np.asarray(self.ledger.loan), np.asarray(self.ledger.interest))
        names = ("balance", "loan", "interest")
        for name, column, table in zip(names, columns, self.tables, strict=True):
            if not np.array_equal(column, table):
                wallet, asset = (int(n[0]) for n in np.nonzero(column != table))
                raise AssertionError(
                    f"{name} of {self.assets[asset]} in wallet {wallet}: {column[wallet, asset]}, "
                    f"its postings say {table[wallet, asset]}"
                )

    # Fills

    def check_fills(self) -> Counter[tuple[int, int]]:
        """Check what is new among the fills; return what they bring, by account and asset."""
        made: Counter[tuple[int, int]] = Counter()
        rows = self.core.fills()[self.fills :].tolist()
        self.fills += len(rows)
        for row in rows:
            if row[ACCOUNT] in self.own:
                self._fill(row, made)
        return made

    def _fill(self, row: list[int], made: Counter[tuple[int, int]]) -> None:
        account, signed, price = row[ACCOUNT], row[SIDE] * row[LOTS], row[PRICE]
        slot = account, row[SLOT]
        one = self.listed[row[INSTRUMENT]]
        if row[SEQ] == 0:  # taken over or deleveraged, at no price of the book
            self.stale.add(slot)
            return
        order = self.lives.orders.get(row[SEQ])
        if row[MAKER] and order is not None:
            assert order.rested, f"a maker that did not rest: {order}"
        worth = self.lives.value(row[INSTRUMENT], row[LOTS], price)
        received = worth
        if one.market == "spot":
            base, quote = self.assets.index(one.base), self.assets.index(one.quote)
            lots = int(row[LOTS] * one.lot * E8)
            made[account, base] += row[SIDE] * lots
            made[account, quote] -= row[SIDE] * worth
            if row[SIDE] > 0:
                received = lots
        elif one.market == "option":
            made[account, self.assets.index(one.settle)] -= row[SIDE] * worth
        else:
            expected = self._realized(slot, signed, -worth if one.inverse else worth)
            assert expected is None or expected == row[REALIZED], (
                f"realized {row[REALIZED]}, plain integers say {expected}: {row}"
            )
            made[account, self.assets.index(one.settle)] += row[REALIZED]
        made[account, row[FEE_ASSET]] -= row[FEE]
        self._fee(row, received)

    def _fee(self, row: list[int], received: int) -> None:
        one = self.listed[row[INSTRUMENT]]
        asset = one.settle if one.market != "spot" else one.base if row[SIDE] > 0 else one.quote
        if row[FORCED]:
            assert row[FEE] == 0, f"a trading fee of a forced order: {row}"
            return
        discounted = self.discounts and self.assets[row[FEE_ASSET]] == "BNB"
        if discounted:
            assert row[FEE] >= 0, row
            return
        assert row[FEE_ASSET] == self.assets.index(asset), f"a fee in another asset: {row}"
        rate = self.fees[row[INSTRUMENT]][0 if row[MAKER] else 1]
        if one.market == "option":
            assert row[FEE] >= 0, row
            return
        expected = -(-received * rate // E8)
        assert row[FEE] == expected, f"fee {row[FEE]}, must be {expected}: {row}"

    def _realized(self, slot: tuple[int, int], signed: int, worth: int) -> int | None:
        """What closing brings: cost released pro rata, rounded towards zero; None: not known."""
        if slot in self.stale:
            return None
        paid = worth if signed > 0 else -worth
        held, spent = self.cost.get(slot, (0, 0))
        if held == 0 or held * signed > 0:
            self.cost[slot] = (held + signed, spent + paid)
            return 0
        closing = min(abs(held), abs(signed))
        released = _share(spent, closing, abs(held))
        received = _share(paid, closing, abs(signed))
        self.cost[slot] = (held + signed, spent + paid - received - released)
        return -received - released

    # The account

    def account(self, outcomes: Any) -> None:
        """What the account has changed by what was said."""
        made = self.check_fills()
        balances = self.balances()
        insured = balances[INSURANCE]
        paid_for, self.insured = insured - self.insured, insured.copy()
        owns = {account: balances[wallets].sum(axis=0) for account, wallets in self.own.items()}
        changes = {account: own - self.kept[account] for account, own in owns.items()}
        self.kept = owns
        told = True
        for row in outcomes.tolist():
            time, kind, account, instrument, order, _, price, quantity = row
            if kind in UNTOLD:
                told = False
                if kind == Outcome.SETTLED:
                    self.stale.add((account, order))
            elif kind in SIGN and account in self.own:
                asset = price
                if kind == Outcome.FUNDING:
                    asset = self.assets.index(self.listed[instrument].settle)
                    self.paid[time, account, instrument, order] += 1
                    self._funding(row, alone=(outcomes[:, 1] == Outcome.FUNDING).all())
                made[account, asset] += SIGN[kind] * quantity
        for slot in self.stale:
            lots, spent = self.ledger.position_of(*slot)
            self.cost[slot] = int(lots), int(spent)
        self.stale.clear()
        if not told or paid_for.any():
            self.counts["not added up"] += 1
            return
        self.counts["added up"] += 1
        for account, change in changes.items():
            for asset, amount in enumerate(change.tolist()):
                assert amount == made[account, asset], (
                    f"{self.assets[asset]} of account {account} changed by {amount}, "
                    f"told was {made[account, asset]}"
                )

    def _funding(self, row: list[int], alone: bool) -> None:
        """Longs pay where the rate is above zero: the rate of the notional at the mark.

        ``alone``: nothing else came of the row, so that mark and position are still those of then.
        """
        time, _, account, instrument, order, _, rate, paid = row
        held = self.lives.lots[account, order or instrument]
        assert paid * rate * held >= 0, f"funding of {paid} at a rate of {rate} for {held} lots"
        if not alone or time != int(self.core.now):
            return
        one = self.listed[instrument]
        mark = round(float(self.core.pools.mark_price(instrument)) * E8)
        size = abs(held) * int(one.lot * one.contract_size * E8) * abs(rate)
        expected = size // mark if one.inverse else size * mark // 10**16
        assert abs(abs(paid) - expected) <= 1, f"funding of {paid}, must be {expected}: {row}"
        self.counts["funding worked out"] += 1

    def end(self, fundings: Counter[tuple[int, int]]) -> None:
        """Nobody paid funding more often than the tape tells it, once where it does not."""
        for (time, _, instrument, slot), count in self.paid.items():
            told = max(1, fundings[time, instrument])
            assert count <= told, f"funding of slot {slot} at {time}: {count} times, told {told}"


def _share(amount: int, part: int, whole: int) -> int:
    """Part of a signed amount, rounded towards zero."""
    found = abs(amount) * part // whole
    return found if amount >= 0 else -found
