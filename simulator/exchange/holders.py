"""What the venue does to all accounts of a crowd at once (hot module).

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
else:
    from simulator.exchange.venue import Venue
    from simulator.ledger.columns import Ledger

FIRST = cython.declare(cython.int, 2)
MARKET_WALLET = cython.declare(cython.int, 0)
FUNDING = cython.declare(cython.longlong, 10)
INTEREST = cython.declare(cython.longlong, 22)


@cython.cclass
class Holders:
    """All accounts from ``FIRST`` on, the fund's included, and their wallets from
    ``first_wallet`` on.
    """

    def __init__(self, venue: Venue, first_wallet: int, wallet_account) -> None:
        self.venue = venue
        self.first_wallet = first_wallet
        self.wallet_account = memoryview(
            np.ascontiguousarray(wallet_account if len(wallet_account) else [0], dtype="i4")
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

    def borrowers(self, until: int) -> list[tuple[int, int]]:
        """Return (wallet, asset) of the loans in wallets before ``until``, in order."""
        ledger: Ledger = self.venue.ledger
        found = []
        wallet: cython.int
        asset: cython.int
        last: cython.int = until
        for wallet in range(last):
            for asset in range(ledger.assets):
                if ledger.loan[wallet, asset] > 0:
                    found.append((wallet, asset))
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
