"""The ledger: double entry and positions in columns (hot module).

Every amount is an int64 in its asset's smallest unit (1e-8).  An *entry* is a group of postings
that leaves the sum over all wallets of every asset at zero; the outside world, the market, the fee
income, the insurance fund and the clearing house are wallets like any other.  ``close_entry``
checks that sum after each entry, so an unbalanced one stops the run where it happens.

A position is a signed quantity and its signed cost: what its open part was worth when it was
traded, in units of its settlement asset.  The worth of a lot at a price of p ticks is::

    linear, option   lot * p                   unit = tick * lot * contract size, 1e-8 of the asset
    inverse          -lot * contract size / p  unit = lot * contract size / tick, 1e-8 of the coin

so that profit is quantity x worth - cost for all of them.  An inverse trade's worth is no whole
number of units: it is rounded towards zero, by which the seller gains.  Both sides of a trade book
the same number.  Realized profit of futures comes from the clearing wallet, so that at every
instant, exactly::

    clearing balance + sum of the costs of all futures positions, the market's included = 0

Options are paid when they are traded: their cost is kept to show their profit, and nothing else.

A loan is two columns beside the balance, principal and accrued interest, at the borrower's wallet
above zero and at the lender's the same below zero: both sum to zero for every asset too.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.events.rows import Rows
    from cython.cimports.simulator.units.arithmetic import scaled
else:
    from simulator.events.rows import Rows
    from simulator.units.arithmetic import scaled

LIMIT = cython.declare(cython.longlong, 1 << 62)
INVERSE = cython.declare(cython.int, 2)

# What a posting changes.
BALANCE = cython.declare(cython.int, 0)
LOAN = cython.declare(cython.int, 1)
INTEREST = cython.declare(cython.int, 2)


@cython.cclass
class Ledger:
    """Balances by wallet and asset, positions by account and slot.

    ``units`` gives each instrument's ``unit`` (see above), ``products`` its product code (none
    given: all linear).  A position's slot is its instrument, and instruments + instrument for the
    short side of an account in hedge mode.

    >>> ledger = Ledger(accounts=2, units=[10_000], wallets=3, assets=1)
    >>> ledger.move(0, 1, 0, 500)
    >>> ledger.balance_of(0, 0), ledger.balance_of(1, 0)
    (-500, 500)
    >>> ledger.fill_position(1, 0, 2, 100), ledger.fill_position(1, 0, -2, 103)
    (0, 60000)
    """

    def __init__(
        self,
        accounts: int,
        units: list[int],
        wallets: int,
        assets: int,
        products: list[int] | None = None,
        hedge: bool = False,
    ) -> None:
        self.accounts = accounts
        self.instruments = len(units)
        self.slots = (2 if hedge else 1) * len(units)
        self.wallets = wallets
        self.assets = assets
        self.balance = memoryview(np.zeros((wallets, assets), dtype="i8"))
        self.held = memoryview(np.zeros((wallets, assets), dtype="i8"))
        self.loan = memoryview(np.zeros((wallets, assets), dtype="i8"))
        self.interest = memoryview(np.zeros((wallets, assets), dtype="i8"))
        self.total = memoryview(np.zeros(assets, dtype="i8"))
        self.quantity = memoryview(np.zeros((accounts, max(1, self.slots)), dtype="i8"))
        self.cost = memoryview(np.zeros((accounts, max(1, self.slots)), dtype="i8"))
        self.unit = memoryview(np.array([*units, 0], dtype="i8"))
        self.product = memoryview(np.array([*(products or [1] * len(units)), 0], dtype="i4"))
        self.entries = self.postings = 0
        self.broken = False
        self.touched = memoryview(np.zeros(wallets + accounts, dtype="i4"))
        self.was_touched = memoryview(np.zeros(wallets + accounts, dtype="i1"))
        self.n_touched = 0
        self.log = None
        self.logging = False
        self.now = 0

    def keep_log(self) -> None:
        """Note every posting from now on in ``log``, for a journal to take.

        A row: entry (from 1 on), ns, what (0 balance, 1 loan, 2 interest), wallet, asset, amount.
        The rows of an entry sum to zero for each asset and what.
        """
        self.log = Rows(6)
        self.logging = True

    @cython.cfunc
    @cython.exceptval(check=False)
    def note(
        self, what: cython.int, wallet: cython.int, asset: cython.int, amount: cython.longlong
    ) -> cython.void:
        at: cython.int = self.log.next()
        self.log.row[at, 0] = self.entries + 1
        self.log.row[at, 1] = self.now
        self.log.row[at, 2] = what
        self.log.row[at, 3] = wallet
        self.log.row[at, 4] = asset
        self.log.row[at, 5] = amount

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def touch(self, what: cython.int) -> cython.void:
        """Note a wallet, or ``wallets`` + an account whose position changed, for safe bands."""
        if not self.was_touched[what]:
            self.was_touched[what] = 1
            self.touched[self.n_touched] = what
            self.n_touched += 1

    @cython.ccall
    @cython.exceptval(check=False)
    def post(self, wallet: cython.int, asset: cython.int, amount: cython.longlong) -> cython.void:
        """Add ``amount`` to a wallet; ``close_entry`` must follow the entry's last posting."""
        after: cython.longlong = self.balance[wallet, asset] + amount
        if after > LIMIT or after < -LIMIT:
            self.broken = True
        self.balance[wallet, asset] = after
        self.total[asset] += amount
        self.postings += 1
        self.touch(wallet)
        if self.logging:
            self.note(BALANCE, wallet, asset, amount)

    @cython.ccall
    @cython.exceptval(check=False)
    def close_entry(self) -> cython.bint:
        """End an entry; False, and ``broken`` for good, if any asset does not sum to zero."""
        asset: cython.int
        for asset in range(self.assets):
            if self.total[asset] != 0:
                self.broken = True
        self.entries += 1
        return not self.broken

    @cython.ccall
    @cython.exceptval(check=False)
    def move(
        self, source: cython.int, target: cython.int, asset: cython.int, amount: cython.longlong
    ) -> cython.void:
        """One entry of two postings: ``amount`` from ``source`` to ``target``."""
        self.post(source, asset, -amount)
        self.post(target, asset, amount)
        self.close_entry()

    @cython.ccall
    @cython.exceptval(check=False)
    def lend(
        self, lender: cython.int, wallet: cython.int, asset: cython.int, amount: cython.longlong
    ) -> cython.void:
        """One entry: ``amount`` to a wallet that owes it from now on; a negative one pays back."""
        self.post(lender, asset, -amount)
        self.post(wallet, asset, amount)
        self.owe(LOAN, lender, wallet, asset, amount)
        self.close_entry()

    @cython.cfunc
    @cython.exceptval(check=False)
    def owe(
        self,
        what: cython.int,
        lender: cython.int,
        wallet: cython.int,
        asset: cython.int,
        amount: cython.longlong,
    ) -> cython.void:
        """What a wallet owes the lender grows by ``amount``, of principal or of interest."""
        if what == LOAN:
            self.loan[wallet, asset] += amount
            self.loan[lender, asset] -= amount
        else:
            self.interest[wallet, asset] += amount
            self.interest[lender, asset] -= amount
        if self.logging:
            self.note(what, wallet, asset, amount)
            self.note(what, lender, asset, -amount)

    @cython.ccall
    @cython.exceptval(check=False)
    def accrue(
        self, lender: cython.int, wallet: cython.int, asset: cython.int, amount: cython.longlong
    ) -> cython.void:
        """One entry: interest that a wallet owes grows by ``amount``; no money moves."""
        self.owe(INTEREST, lender, wallet, asset, amount)
        self.touch(wallet)
        self.close_entry()

    @cython.ccall
    @cython.exceptval(check=False)
    def pay_interest(
        self, lender: cython.int, wallet: cython.int, asset: cython.int, amount: cython.longlong
    ) -> cython.void:
        """One entry: a wallet pays ``amount`` of the interest it owes."""
        self.post(wallet, asset, -amount)
        self.post(lender, asset, amount)
        self.owe(INTEREST, lender, wallet, asset, -amount)
        self.close_entry()

    def merge(self, wallets: list[int], target: int) -> None:
        """One entry: all balances, loans and interest of wallets become one wallet's.

        Who lends is owed the same as before.  Raises ``ValueError`` while an order holds anything
        of a wallet: what it holds would be elsewhere.
        """
        for wallet in wallets:
            if np.asarray(self.held)[wallet].any():
                raise ValueError(f"orders hold balances of wallet {wallet}")
        for wallet in wallets:
            for asset in range(self.assets):
                amount = int(self.balance[wallet, asset])
                self.post(wallet, asset, -amount)
                self.post(target, asset, amount)
                # As if the one wallet lent to the other all that this one owes.
                self.owe(LOAN, wallet, target, asset, self.loan[wallet, asset])
                self.owe(INTEREST, wallet, target, asset, self.interest[wallet, asset])
        self.close_entry()

    @cython.ccall
    @cython.exceptval(check=False)
    def owed(self, wallet: cython.int, asset: cython.int) -> cython.longlong:
        """Return what a wallet has borrowed and the interest on it."""
        return self.loan[wallet, asset] + self.interest[wallet, asset]

    @cython.ccall
    @cython.exceptval(check=False)
    def available(self, wallet: cython.int, asset: cython.int) -> cython.longlong:
        """Balance that no open order holds."""
        return self.balance[wallet, asset] - self.held[wallet, asset]

    @cython.ccall
    @cython.exceptval(check=False)
    def value(
        self, instrument: cython.int, lots: cython.longlong, price: cython.longlong
    ) -> cython.longlong:
        """Return the notional of ``lots`` at ``price`` ticks, in the asset it settles in.

        Signed as ``lots``; that of an inverse contract is rounded towards zero.
        """
        if self.product[instrument] != INVERSE:
            return lots * price * self.unit[instrument]
        size: cython.longlong = lots if lots > 0 else -lots
        worth: cython.longlong = (
            scaled(self.unit[instrument], size, price)
            if price > 0
            else cython.cast(cython.longlong, 0)
        )
        return worth if lots > 0 else -worth

    @cython.ccall
    @cython.exceptval(check=False)
    def fill_position(
        self,
        account: cython.int,
        slot: cython.int,
        lots: cython.longlong,
        price: cython.longlong,
    ) -> cython.longlong:
        """Trade signed ``lots`` at ``price`` ticks; return realized profit in settlement units.

        Closing releases cost pro rata, rounded towards zero: what rounding leaves stays in the open
        part's cost and is realized with it, so nothing is ever lost.  The caller books the profit
        against clearing.
        """
        instrument: cython.int = slot if slot < self.instruments else slot - self.instruments
        paid: cython.longlong = self.value(instrument, lots, price)
        return self.trade(
            account, slot, lots, -paid if self.product[instrument] == INVERSE else paid
        )

    @cython.ccall
    @cython.exceptval(check=False)
    def trade(
        self,
        account: cython.int,
        slot: cython.int,
        lots: cython.longlong,
        paid: cython.longlong,
    ) -> cython.longlong:
        """Trade signed ``lots`` that are worth ``paid`` together; return realized profit.

        For fills, and for settlement at no price of the book.
        """
        open_lots: cython.longlong = self.quantity[account, slot]
        self.touch(self.wallets + account)
        self.quantity[account, slot] = open_lots + lots
        if open_lots == 0 or (open_lots > 0) == (lots > 0):
            self.cost[account, slot] += paid
            return 0
        size: cython.longlong = open_lots if open_lots > 0 else -open_lots
        whole: cython.longlong = lots if lots > 0 else -lots
        closing: cython.longlong = size if whole > size else whole
        released: cython.longlong = self.share(self.cost[account, slot], closing, size)
        # What turns a position round opens it with the rest, so that both parts make the whole.
        received: cython.longlong = self.share(paid, closing, whole)
        self.cost[account, slot] += paid - received - released
        return -received - released

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def share(
        self, amount: cython.longlong, part: cython.longlong, whole: cython.longlong
    ) -> cython.longlong:
        """Part of a signed amount, rounded towards zero."""
        return scaled(amount, part, whole) if amount >= 0 else -scaled(-amount, part, whole)

    def take_columns(self, balance, quantity, cost, loan=None, interest=None) -> None:
        """Stand on given columns, without copying: a population, or what a document holds.

        ``balance``, ``loan``, ``interest`` [wallet, asset] and ``quantity``, ``cost`` [account,
        slot], int64 and contiguous.  Such a ledger is margined, not traded on: entries of a venue
        begin at zero.  Raises ``ValueError`` for another shape.
        """
        given = {"balance": balance, "quantity": quantity, "cost": cost}
        given |= {"loan": loan, "interest": interest}
        for name, column in given.items():
            shape = (self.wallets, self.assets)
            if name in ("quantity", "cost"):
                shape = (self.accounts, max(1, self.slots))
            if column is not None and column.shape != shape:
                raise ValueError(f"{name} must be {shape}, not {column.shape}")
        self.balance = memoryview(balance)
        self.quantity = memoryview(quantity)
        self.cost = memoryview(cost)
        if loan is not None:
            self.loan = memoryview(loan)
        if interest is not None:
            self.interest = memoryview(interest)

    def begin_with(self, balance, loan, quantity, cost) -> None:
        """One entry before any other: all that a venue's accounts begin with.

        Columns as `take_columns` wants them.  Raises ``ValueError`` where an asset, what is lent,
        or longs and shorts do not sum to zero, and after another entry.
        """
        if self.entries:
            raise ValueError("a population is booked before anything else")
        for name, column in (("balance", balance), ("loan", loan), ("quantity", quantity)):
            sums = column.sum(axis=0)
            if name == "quantity" and self.instruments:
                sums = sums.reshape(-1, self.instruments).sum(axis=0)
            if sums.any():
                raise ValueError(f"{name} does not sum to zero: {sums.tolist()}")
        for name, column in (("balance", balance), ("cost", cost)):
            if len(column) and (column.max() > LIMIT or column.min() < -LIMIT):
                raise ValueError(f"{name} is beyond what the ledger holds")
        self.take_columns(balance, quantity, cost, loan)
        self.postings += np.count_nonzero(balance)
        if self.logging:
            for what, column in ((0, balance), (1, loan)):
                wallet, asset = np.nonzero(column)
                rows = np.zeros((len(wallet), 6), dtype="i8")
                rows[:, 0], rows[:, 1], rows[:, 2] = 1, self.now, what
                rows[:, 3], rows[:, 4], rows[:, 5] = wallet, asset, column[wallet, asset]
                self.log.extend(rows)
        self.entries += 1

    def copied(self):
        """Return another ledger with the same amounts and positions, of which nothing is held."""
        copy = Ledger(
            int(self.accounts),
            np.asarray(self.unit)[: self.instruments].tolist(),
            int(self.wallets),
            int(self.assets),
            np.asarray(self.product)[: self.instruments].tolist(),
            self.slots > self.instruments,
        )
        copy.take_columns(
            np.array(self.balance),
            np.array(self.quantity),
            np.array(self.cost),
            np.array(self.loan),
            np.array(self.interest),
        )
        return copy

    # Views

    def balance_of(self, wallet: int, asset: int) -> int:
        """Balance in smallest units."""
        return int(self.balance[wallet, asset])

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Balances and what is owed, interest included, [wallet, asset]; lots and costs
        [account, slot]: the ledger's own columns, to be read and not kept.
        """
        return (
            np.asarray(self.balance),
            np.asarray(self.loan) + np.asarray(self.interest),
            np.asarray(self.quantity),
            np.asarray(self.cost),
        )

    def position_of(self, account: int, slot: int) -> tuple[int, int]:
        """Signed lots and signed cost of a position."""
        return int(self.quantity[account, slot]), int(self.cost[account, slot])

    def loan_of(self, wallet: int, asset: int) -> tuple[int, int]:
        """Principal and interest that a wallet owes, in smallest units."""
        return int(self.loan[wallet, asset]), int(self.interest[wallet, asset])

    def check_loans(self, lender: int) -> None:
        """Assert that what is owed is owed to the lender, and that nobody else is owed anything."""
        for name, owed in (("loan", self.loan), ("interest", self.interest)):
            column = np.asarray(owed)
            sums = column.sum(axis=0)
            assert not sums.any(), f"{name} columns do not sum to zero: {sums.tolist()}"
            lowest = [part.min() for part in (column[:lender], column[lender + 1 :]) if part.size]
            assert min(lowest, default=0) >= 0, f"a wallet has a negative {name}"

    def check(
        self, clearing: int, futures: list[int], settle: list[int], options: tuple[int, ...] = ()
    ) -> None:
        """Assert the venue's invariants, recomputed from all columns.

        ``futures`` lists the instruments that settle through clearing and ``settle`` each one's
        settlement asset; ``options`` those that are paid at once.
        """
        assert not self.broken, "an entry did not balance, left 62 bits or was not finished"
        sums = np.asarray(self.balance).sum(axis=0)
        assert not sums.any(), f"assets do not sum to zero: {sums.tolist()}"
        quantities, costs = np.asarray(self.quantity), np.asarray(self.cost)
        for asset in sorted(set(settle)):
            columns = [
                slot
                for i, own in zip(futures, settle, strict=True)
                if own == asset
                for slot in range(i, self.slots, self.instruments)
            ]
            open_cost = int(costs[:, columns].sum())
            assert self.balance_of(clearing, asset) + open_cost == 0, f"clearing of {asset}"
        for instrument in (*futures, *options):
            open_lots = int(quantities[:, instrument :: self.instruments].sum())
            assert open_lots == 0, f"longs and shorts of instrument {instrument}"
