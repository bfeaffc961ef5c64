"""The venue's invariants after every event of a run (hot module).

In Python a look at the whole venue takes as long as hundreds of events; here it is a few loops over
the ledger's columns, so that a test can afford it after every one.  The core asks the guard, where
it has one, after each row of the tape and before each thing that happens between two rows; it ends
its rows early where something came of one, so that who drives it can look at more.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.events.records import Records
    from cython.cimports.simulator.events.rows import Rows
    from cython.cimports.simulator.ledger.columns import Ledger
else:
    from simulator.events.records import Records
    from simulator.events.rows import Rows
    from simulator.ledger.columns import Ledger

CLEARING_WALLET = cython.declare(cython.int, 3)

SPOT = cython.declare(cython.int, 0)
OPTION = cython.declare(cython.int, 3)


@cython.cclass
class Guard:
    """Holds a ledger to what must be true after every event, and notes whether anything came of it.

    ``settled_in`` is the settlement asset of each instrument, ``lender`` the wallet that lends,
    ``asked`` what strategies ask for.  `after` says so at every ``every`` rows at least.
    """

    def __init__(
        self,
        ledger: Ledger,
        records: Records,
        asked: Rows,
        settled_in: list[int],
        lender: int,
        every: int,
    ) -> None:
        self.ledger = ledger
        self.records = records
        self.asked = asked
        self.settled_in = memoryview(np.array([*settled_in, 0], dtype="i4"))
        self.lender = lender
        self.every = every
        self.quiet = 0
        self.outcomes = self.entries = self.postings = self.commands = -1

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def after(self) -> cython.bint:
        """Check after a row; return whether anything came of it, or none of many was looked at."""
        self.hold()
        self.quiet += 1
        if (
            self.quiet < self.every
            and self.records.count == self.outcomes
            and self.ledger.entries == self.entries
            and self.ledger.postings == self.postings
            and self.asked.count == self.commands
        ):
            return False
        self.quiet = 0
        self.outcomes = self.records.count
        self.entries = self.ledger.entries
        self.postings = self.ledger.postings
        self.commands = self.asked.count
        return True

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def hold(self) -> cython.int:
        """Check the ledger's columns; ``AssertionError`` says what broke."""
        if self.ledger.broken:
            raise AssertionError("an entry did not balance, left 62 bits or was not finished")
        if not self._money():
            raise AssertionError("an asset, a loan or interest does not sum to zero, or is below 0")
        if not self._contracts():
            raise AssertionError("clearing does not hold the costs of all futures")
        if not self._sides():
            raise AssertionError("longs and shorts of an instrument")
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _money(self) -> cython.bint:
        """Every asset sums to zero, what is lent is what is owed, and nothing held is negative."""
        asset: cython.int
        wallet: cython.int
        balance: cython.longlong
        loan: cython.longlong
        interest: cython.longlong
        for asset in range(self.ledger.assets):
            balance = loan = interest = 0
            for wallet in range(self.ledger.wallets):
                balance += self.ledger.balance[wallet, asset]
                loan += self.ledger.loan[wallet, asset]
                interest += self.ledger.interest[wallet, asset]
                if self.ledger.held[wallet, asset] < 0:
                    return False
                if wallet != self.lender and (
                    self.ledger.loan[wallet, asset] < 0 or self.ledger.interest[wallet, asset] < 0
                ):
                    return False
            if balance != 0 or loan != 0 or interest != 0:
                return False
        return True

    @cython.cfunc
    @cython.exceptval(check=False)
    def _contracts(self) -> cython.bint:
        """Clearing holds what futures cost, by settlement asset."""
        asset: cython.int
        slot: cython.int
        i: cython.int
        account: cython.int
        cost: cython.longlong
        for asset in range(self.ledger.assets):
            cost = self.ledger.balance[CLEARING_WALLET, asset]
            for slot in range(self.ledger.slots):
                i = slot if slot < self.ledger.instruments else slot - self.ledger.instruments
                if self.settled_in[i] != asset:
                    continue
                if self.ledger.product[i] == SPOT or self.ledger.product[i] == OPTION:
                    continue
                for account in range(self.ledger.accounts):
                    cost += self.ledger.cost[account, slot]
            if cost != 0:
                return False
        return True

    @cython.cfunc
    @cython.exceptval(check=False)
    def _sides(self) -> cython.bint:
        """Longs are shorts, contract by contract."""
        i: cython.int
        slot: cython.int
        account: cython.int
        lots: cython.longlong
        for i in range(self.ledger.instruments):
            if self.ledger.product[i] == SPOT:
                continue
            lots = 0
            slot = i
            while slot < self.ledger.slots:
                for account in range(self.ledger.accounts):
                    lots += self.ledger.quantity[account, slot]
                slot += self.ledger.instruments
            if lots != 0:
                return False
        return True
