"""What the venue does to all accounts of a crowd at once, and what it asks of them (hot module).

Accounts of a crowd send no orders, so nothing of theirs happens but what the venue does to all who
hold something: funding, interest, expiry.  The insurance fund's account, the last one, holds
positions too and is treated alike.  The account that trades (number 1) is the desk's own.
"""

from __future__ import annotations

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.exchange.venue import Venue
    from cython.cimports.simulator.ledger.columns import Ledger
    from cython.cimports.simulator.risk.pools import Pools
else:
    from simulator.exchange.venue import Venue
    from simulator.ledger.columns import Ledger
    from simulator.risk.pools import Pools

FIRST = cython.declare(cython.int, 2)
MARKET_WALLET = cython.declare(cython.int, 0)
FUNDING = cython.declare(cython.longlong, 10)
INTEREST = cython.declare(cython.longlong, 22)
UNIT = cython.declare(cython.double, 1e-8)


@cython.cclass
class Holders:
    """All accounts from ``FIRST`` on, the fund's included, and their wallets from
    ``first_wallet`` on.
    """

    def __init__(self, venue: Venue, first_wallet: int, wallet_account) -> None:
        self.venue = venue
        self.first_wallet = first_wallet
        self.wallet_account = memoryview(
            np.array(wallet_account if len(wallet_account) else [0], dtype="i4")
        )

    # Money

    def fund(self, instrument: int, rate_e8: int, paid_of) -> bool:
        """Settle funding of a contract with everybody who holds it, in one entry; whether anybody
        does.  ``paid_of(lots)`` is what a position pays, 1e-8 of the settlement asset.
        """
        venue: Venue = self.venue
        ledger: Ledger = venue.ledger
        account: cython.int
        slot: cython.int
        first: cython.int = instrument
        asset: cython.int = venue.settled_in[first]
        rate: cython.longlong = rate_e8
        lots: cython.longlong
        paid: cython.longlong
        total: cython.longlong = 0
        found: cython.bint = False
        slot = first
        while slot < ledger.slots:
            for account in range(FIRST, ledger.accounts):
                lots = ledger.quantity[account, slot]
                if lots == 0:
                    continue
                found = True
                paid = paid_of(lots)
                ledger.post(venue.margin_wallet[account, slot], asset, -paid)
                total += paid
                venue.records.add(
                    venue.now,
                    FUNDING,
                    account,
                    first,
                    0 if slot == first else slot,
                    0,
                    rate,
                    paid,
                )
            slot += venue.instruments
        if found:
            ledger.post(MARKET_WALLET, asset, total)
            ledger.close_entry()
        return found

    def accrue(self, lender: int, interest_of) -> None:
        """Charge a period's interest on every loan of the crowd.

        ``interest_of(asset, principal)`` is in smallest units.
        """
        venue: Venue = self.venue
        ledger: Ledger = venue.ledger
        wallet: cython.int
        asset: cython.int
        at: cython.int = lender
        units: cython.longlong
        for wallet in range(self.first_wallet, ledger.wallets):
            for asset in range(ledger.assets):
                if ledger.loan[wallet, asset] <= 0:
                    continue
                units = interest_of(asset, ledger.loan[wallet, asset])
                if units:
                    ledger.accrue(at, wallet, asset, units)
                    venue.records.add(
                        venue.now, INTEREST, self.owner(wallet), -1, wallet, 0, asset, units
                    )

    @cython.cfunc
    @cython.exceptval(check=False)
    def owner(self, wallet: cython.int) -> cython.int:
        """Return whose a wallet of the crowd is."""
        return self.wallet_account[wallet - self.first_wallet]

    def owner_of(self, wallet: int) -> int:
        """Return the account of a wallet of the crowd."""
        return int(self.owner(wallet))

    def below(self, lowest) -> list[tuple[int, int]]:
        """Return (wallet, asset) of the crowd's balances below ``lowest`` [asset]."""
        ledger: Ledger = self.venue.ledger
        least: cython.longlong[::1] = memoryview(np.array(lowest, dtype="i8"))
        wallet: cython.int
        asset: cython.int
        found = []
        for wallet in range(self.first_wallet, ledger.wallets):
            for asset in range(ledger.assets):
                if ledger.balance[wallet, asset] < least[asset]:
                    found.append((wallet, asset))
        return found

    def of(self, slot: int) -> list[int]:
        """Return the accounts that have a position in a slot."""
        quantity = np.asarray(self.venue.ledger.quantity)[FIRST:, slot]
        return [int(row) + FIRST for row in np.flatnonzero(quantity)]

    def margin_wallet(self, account: int, slot: int) -> int:
        """Return the wallet that a position's profit goes to."""
        return int(self.venue.margin_wallet[account, slot])

    def cash_wallet(self, account: int, instrument: int) -> int:
        """Return the wallet that pays an account's fees in an instrument."""
        return int(self.venue.cash_wallet[account, instrument])

    # Figures

    def wealth(self):
        """Return what every account has at present prices: wallets less what they owe, and
        positions at marks, USDT [account of the crowd, the fund's last].
        """
        ledger: Ledger = self.venue.ledger
        pools: Pools = self.venue.pools
        account: cython.int
        wallet: cython.int
        asset: cython.int
        slot: cython.int
        worth: cython.longlong
        value: cython.double
        total: cython.double[::1] = memoryview(np.zeros(ledger.accounts))
        for wallet in range(self.first_wallet, ledger.wallets):
            value = 0.0
            for asset in range(ledger.assets):
                worth = ledger.balance[wallet, asset]
                worth -= ledger.loan[wallet, asset] + ledger.interest[wallet, asset]
                if worth != 0:
                    value += worth * UNIT * pools.index[asset]
            total[self.owner(wallet)] += value
        for account in range(FIRST, ledger.accounts):
            for slot in range(ledger.slots):
                if ledger.quantity[account, slot] != 0:
                    total[account] += pools.position_value(account, slot)
        return np.asarray(total)[FIRST:]

    def notional(self):
        """Return the value of positions at marks, longs and shorts [account of the crowd, 2], USDT;
        the fund's account last.
        """
        ledger: Ledger = self.venue.ledger
        pools: Pools = self.venue.pools
        account: cython.int
        slot: cython.int
        i: cython.int
        lots: cython.longlong
        size: cython.double
        found: cython.double[:, ::1] = memoryview(np.zeros((ledger.accounts - FIRST, 2)))
        for account in range(FIRST, ledger.accounts):
            for slot in range(ledger.slots):
                lots = ledger.quantity[account, slot]
                if lots == 0:
                    continue
                i = slot % self.venue.instruments
                size = lots if lots > 0 else -lots
                found[account - FIRST, 0 if lots > 0 else 1] += pools.notional(i, size)
        return np.asarray(found)

    def notional_of(self, pool):
        """Return the value at marks of the longs and shorts of pools [pool, 2], USDT."""
        ledger: Ledger = self.venue.ledger
        pools: Pools = self.venue.pools
        chosen: cython.int[::1] = memoryview(np.array(pool, dtype="i4"))
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t
        slot: cython.int
        lots: cython.longlong
        size: cython.double
        found: cython.double[:, ::1] = memoryview(np.zeros((chosen.shape[0], 2)))
        for k in range(chosen.shape[0]):
            for n in range(pools.slot_first[chosen[k]], pools.slot_first[chosen[k] + 1]):
                slot = pools.pool_slots[n]
                lots = ledger.quantity[pools.account[chosen[k]], slot]
                if lots != 0:
                    size = lots if lots > 0 else -lots
                    found[k, 0 if lots > 0 else 1] += pools.notional(
                        slot % self.venue.instruments, size
                    )
        return np.asarray(found)

    def ratios(self, pool):
        """Evaluate pools; return equity / maintenance margin, nan without a requirement, and the
        levels.
        """
        pools: Pools = self.venue.pools
        chosen: cython.int[::1] = memoryview(np.array(pool, dtype="i4"))
        k: cython.Py_ssize_t
        ratio: cython.double[::1] = memoryview(np.full(chosen.shape[0], np.nan))
        level: cython.int[::1] = memoryview(np.zeros(chosen.shape[0], dtype="i4"))
        for k in range(chosen.shape[0]):
            pools.evaluate(chosen[k])
            level[k] = pools.level[chosen[k]]
            if pools.maintenance[chosen[k]] > 0.0:
                ratio[k] = pools.equity[chosen[k]] / pools.maintenance[chosen[k]]
        return np.asarray(ratio), np.asarray(level)
