"""The venue: orders in, prices in, outcomes out (hot module).

One order goes through it as ``arrive`` (admission) → ``start`` (conditional orders wait, others
meet the book) → ``settle`` (``simulator.exchange.settlement``).
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.book.columns import Book
    from cython.cimports.simulator.book.triggers import Triggers
    from cython.cimports.simulator.exchange.settlement import Settlement
else:
    from simulator.book.columns import Book
    from simulator.book.triggers import Triggers
    from simulator.exchange.settlement import Settlement

# Columns of an order's row, after those of simulator.exchange.orders.
SEQ = cython.declare(cython.int, 0)
ACCOUNT = cython.declare(cython.int, 1)
INSTRUMENT = cython.declare(cython.int, 3)
SIDE = cython.declare(cython.int, 4)
PRICE = cython.declare(cython.int, 5)
LOTS = cython.declare(cython.int, 6)
FILLED = cython.declare(cython.int, 7)
STATE = cython.declare(cython.int, 8)
TIME_IN_FORCE = cython.declare(cython.int, 9)
STP = cython.declare(cython.int, 10)
FLAGS = cython.declare(cython.int, 11)
HELD = cython.declare(cython.int, 12)
COUNTED = cython.declare(cython.int, 13)
TRIGGER_KIND = cython.declare(cython.int, 16)
TRIGGER = cython.declare(cython.int, 17)
CALLBACK = cython.declare(cython.int, 18)
SOURCE = cython.declare(cython.int, 19)
ACTIVATION = cython.declare(cython.int, 20)
POSITION = cython.declare(cython.int, 23)

SENT = cython.declare(cython.int, 1)
WAITING = cython.declare(cython.int, 2)
WORKING = cython.declare(cython.int, 3)

REDUCE_ONLY_FLAG = cython.declare(cython.int, 1)
CLOSE_POSITION_FLAG = cython.declare(cython.int, 2)
LIQUIDATION_FLAG = cython.declare(cython.int, 4)
MARGIN_FLAG = cython.declare(cython.int, 8)
LONG_FLAG = cython.declare(cython.int, 16)
SHORT_FLAG = cython.declare(cython.int, 32)
AUTO_BORROW_FLAG = cython.declare(cython.int, 64)

OPTIONS_POOL = cython.declare(cython.int, 4)
"""Kind of pool, `simulator.risk.columns.KINDS`: options in a wallet of their own."""

SPOT = cython.declare(cython.int, 0)
INVERSE = cython.declare(cython.int, 2)
OPTION = cython.declare(cython.int, 3)

# simulator.events.outcomes
ACCEPTED = cython.declare(cython.int, 1)
CANCELED = cython.declare(cython.int, 3)
EXPIRED = cython.declare(cython.int, 4)
CANCEL_REJECTED = cython.declare(cython.int, 6)
TRIGGERED = cython.declare(cython.int, 7)

PRICE_FILTER = cython.declare(cython.int, 1)
LOT_SIZE = cython.declare(cython.int, 2)
MIN_NOTIONAL = cython.declare(cython.int, 3)
CONTRACT_EXPIRED = cython.declare(cython.int, 4)
ACCOUNT_IN_LIQUIDATION = cython.declare(cython.int, 5)
REDUCE_ONLY_LEVEL = cython.declare(cython.int, 6)
REDUCE_ONLY = cython.declare(cython.int, 7)
WOULD_TRIGGER_IMMEDIATELY = cython.declare(cython.int, 8)
ACCOUNT_SUSPENDED = cython.declare(cython.int, 17)
IOC = cython.declare(cython.int, 1)
"""Time in force: immediate or cancel."""

INSUFFICIENT_BALANCE = cython.declare(cython.int, 9)
INSUFFICIENT_MARGIN = cython.declare(cython.int, 10)
MAX_POSITION = cython.declare(cython.int, 11)
NO_PRICE = cython.declare(cython.int, 12)
POSITION_SIDE = cython.declare(cython.int, 13)
REDUCE_BEYOND = cython.declare(cython.int, 14)
NO_SUCH_WALLET = cython.declare(cython.int, 15)

LEVEL_REDUCE_ONLY = cython.declare(cython.int, 2)
LEVEL_LIQUIDATION = cython.declare(cython.int, 3)

CONTRACT_EXPIRY = cython.declare(cython.int, 7)

UNIT = cython.declare(cython.double, 1e-8)

MARKET_WALLET = cython.declare(cython.int, 0)
CLEARING_WALLET = cython.declare(cython.int, 3)

MOST = cython.declare(cython.double, 4e18)
"""Units that an order may bring a balance or a cost to; the ledger ends at 2**62, 4.6e18."""

HIGHEST = cython.declare(cython.longlong, (1 << 62) - 1)
"""The highest price that a trigger knows, in 1e-8."""

MUCH = cython.declare(cython.double, 1e17)
"""An order worth less is not held to that, so that what is close to it can still be closed."""


@cython.cclass
class Venue(Settlement):
    """Admission, cancellation and prices on top of settlement."""

    def __init__(self, columns) -> None:
        Settlement.__init__(self, columns)
        n = len(self.books)
        impact = columns["impact"]
        self.liquidities = None
        self.moved = impact is not None
        self.tape_books = self.books
        if self.moved:
            self.tape_books = [
                Book() if composed else book
                for book, composed in zip(self.books, impact["composed"], strict=True)
            ]
        self.move = memoryview(np.ones(n))
        self.tape_last = memoryview(np.zeros(n, dtype="i8"))

    @cython.cfunc
    @cython.exceptval(-1)
    def arrive(self, slot: cython.int) -> cython.int:
        """An order reaches the venue."""
        self.n_orders += 1
        self.orders.row[slot, STATE] = SENT
        self.orders.row[slot, FILLED] = self.orders.row[slot, HELD] = self.orders.row[
            slot, COUNTED
        ] = 0
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        triggers: Triggers
        reason: cython.int = self.address(slot)
        if reason:
            self.reject(slot, reason)
            return 0
        if self.orders.row[slot, TRIGGER_KIND]:
            if (
                self.orders.row[slot, LOTS] <= 0
                and not self.orders.row[slot, FLAGS] & CLOSE_POSITION_FLAG
            ):
                self.reject(slot, LOT_SIZE)
                return 0
            triggers = self.triggers[i]
            if triggers.waiting == 0 and self.last[i]:
                # Prints are not shown to it while nothing waits.
                triggers.on_price(0, _watched(self.last[i], self.tick_e8[i]))
            if not triggers.add(
                slot,
                self.orders.row[slot, SIDE],
                self.orders.row[slot, TRIGGER_KIND],
                self.orders.row[slot, SOURCE],
                self.orders.row[slot, TRIGGER],
                self.orders.row[slot, CALLBACK],
                self.orders.row[slot, ACTIVATION],
            ):
                self.reject(slot, WOULD_TRIGGER_IMMEDIATELY)
                return 0
            self.orders.row[slot, STATE] = WAITING
            self.record(slot, ACCEPTED, self.orders.row[slot, TRIGGER], self.orders.row[slot, LOTS])
            self.notify(
                slot, ACCEPTED, self.orders.row[slot, PRICE], self.orders.row[slot, LOTS], 0
            )
            return 0
        return self.start(slot)

    @cython.cfunc
    @cython.exceptval(check=False)
    def address(self, slot: cython.int) -> cython.int:
        """Find the position and the wallet that an order is for; return 0 or a ``RejectReason``.

        In hedge mode an order names its side; one that trades against it can only reduce.  While
        an account is suspended only the venue's own orders go on.
        """
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        flags: cython.longlong = self.orders.row[slot, FLAGS]
        long: cython.bint = flags & LONG_FLAG != 0
        short: cython.bint = flags & SHORT_FLAG != 0
        self.orders.row[slot, POSITION] = i
        if self.suspended[self.orders.row[slot, ACCOUNT]] and flags & LIQUIDATION_FLAG == 0:
            return ACCOUNT_SUSPENDED
        if self.hedge and self.product[i] != SPOT:
            if long == short:
                return POSITION_SIDE
            if short:
                self.orders.row[slot, POSITION] = i + self.instruments
            if long == (self.orders.row[slot, SIDE] < 0):
                self.orders.row[slot, FLAGS] |= REDUCE_ONLY_FLAG
        elif long or short:
            return POSITION_SIDE
        if flags & MARGIN_FLAG and (self.lending_wallet[self.orders.row[slot, ACCOUNT], i] < 0):
            return NO_SUCH_WALLET
        return CONTRACT_EXPIRED if self.expired[i] else 0

    @cython.cfunc
    @cython.exceptval(-1)
    def start(self, slot: cython.int) -> cython.int:
        """Admit an order and let it meet the book."""
        reason: cython.int = self.admit(slot)
        if reason == INSUFFICIENT_BALANCE and self.orders.row[slot, FLAGS] & AUTO_BORROW_FLAG:
            reason = self.admit_with_loan(slot)
        if reason:
            self.reject(slot, reason)
            return 0
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        self.orders.row[slot, STATE] = WORKING
        if self.orders.row[slot, FLAGS] & REDUCE_ONLY_FLAG:
            self.reducing[self.orders.row[slot, ACCOUNT], self.orders.row[slot, POSITION]] += 1
        book: Book = self.books[i]
        book.place(
            slot,
            self.orders.row[slot, ACCOUNT],
            self.orders.row[slot, SIDE],
            self.orders.row[slot, PRICE],
            self.orders.row[slot, LOTS],
            self.orders.row[slot, TIME_IN_FORCE],
            self.orders.row[slot, STP],
        )
        self.settle(i)
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def admit_with_loan(self, slot: cython.int) -> cython.int:
        """Admit a spot order that may borrow what it lacks; return 0 or a ``RejectReason``."""
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        wallet: cython.int = self.wallet_of(slot)
        lots: cython.longlong = self.orders.row[slot, LOTS]
        asset: cython.int = self.base[i]
        lacking: cython.longlong = lots * self.base_unit[i]
        if self.orders.row[slot, SIDE] > 0:
            asset = self.quote[i]
            lacking = (
                self.ledger.value(i, lots, self.orders.row[slot, PRICE])
                if self.orders.row[slot, PRICE]
                else self.cost_of_market(i, lots)
            )
        lacking -= self.ledger.available(wallet, asset)
        reason: cython.int = self.lend_for_order(wallet, asset, lacking)
        if reason:
            return reason
        reason = self.admit(slot)
        self.confirm_loan(asset, lacking, reason == 0)
        return reason

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def lend_for_order(
        self, wallet: cython.int, asset: cython.int, amount: cython.longlong
    ) -> cython.int:
        """Lend what an order lacks, for now; 0 or a ``RejectReason``. The core asks its desk."""
        return INSUFFICIENT_BALANCE

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def confirm_loan(
        self, asset: cython.int, amount: cython.longlong, admitted: cython.bint
    ) -> cython.int:
        """End what ``lend_for_order`` began; the core asks its desk."""
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def admit(self, slot: cython.int) -> cython.int:
        """Return 0 or the first failing check, a ``RejectReason``."""
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        account: cython.int = cython.cast(cython.int, self.orders.row[slot, ACCOUNT])
        price: cython.longlong = self.orders.row[slot, PRICE]
        if price < 0 or price >= 1 << 40:
            return PRICE_FILTER
        own: cython.int = cython.cast(cython.int, self.orders.row[slot, POSITION])
        position: cython.longlong = self.ledger.quantity[account, own]
        reducible: cython.longlong = 0
        if position > 0 and self.orders.row[slot, SIDE] < 0:
            reducible = position
        elif position < 0 and self.orders.row[slot, SIDE] > 0:
            reducible = -position
        if self.orders.row[slot, FLAGS] & CLOSE_POSITION_FLAG and self.product[i] != SPOT:
            self.orders.row[slot, LOTS] = reducible if reducible else 1
        lots: cython.longlong = self.orders.row[slot, LOTS]
        liquidating: cython.bint = self.orders.row[slot, FLAGS] & LIQUIDATION_FLAG != 0
        reason: cython.int = self.filtered(slot)
        if reason:
            return reason
        pool: cython.int = self.pools.pool_of[account, own]
        if self.product[i] == SPOT:
            pool = self.pool_paying(slot)
        reduces: cython.bint = lots <= reducible
        # The level of the last check, not of whoever looked last; the margin check below is of now.
        if pool >= 0 and self.pools.checked[pool] >= LEVEL_LIQUIDATION and not liquidating:
            return ACCOUNT_IN_LIQUIDATION
        if pool >= 0 and self.pools.checked[pool] >= LEVEL_REDUCE_ONLY and not liquidating:
            if self.product[i] != SPOT:
                if not reduces:
                    return REDUCE_ONLY_LEVEL
                # Several that reduce must not turn the position round together.
                self.orders.row[slot, FLAGS] |= REDUCE_ONLY_FLAG
        if self.orders.row[slot, FLAGS] & REDUCE_ONLY_FLAG:
            if reducible == 0:
                return REDUCE_ONLY
            if self.hedge and lots > reducible and not liquidating:
                return REDUCE_BEYOND
            if lots > reducible:
                self.orders.row[slot, LOTS] = reducible
        if liquidating:
            return 0
        if self.product[i] == SPOT:
            return self.admit_spot(slot)
        return self.admit_margin(slot)

    @cython.cfunc
    @cython.exceptval(check=False)
    def filtered(self, slot: cython.int) -> cython.int:
        """Return 0 or the filter of its instrument that an order does not pass."""
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        price: cython.longlong = self.orders.row[slot, PRICE]
        lots: cython.longlong = self.orders.row[slot, LOTS]
        liquidating: cython.bint = self.orders.row[slot, FLAGS] & LIQUIDATION_FLAG != 0
        # The venue's own orders and those that close a position know no filters: else a position
        # larger than the largest order, or smaller than the smallest, could not be closed.
        if not liquidating and not self.orders.row[slot, FLAGS] & CLOSE_POSITION_FLAG:
            if lots < self.min_lots[i] or lots > self.max_lots[i]:
                return LOT_SIZE
        book: Book = self.books[i]
        at: cython.longlong = price
        if at == 0:
            at = book.ask if self.orders.row[slot, SIDE] > 0 else book.bid
            if self.last[i] > at:
                at = self.last[i]
        # C integers wrap silently: what is worth more than the ledger holds is no order, nor more
        # coins than it holds.
        if self.worth(i, lots, at) > MOST or self.coins(i, lots) > MOST:
            return LOT_SIZE
        # Nor what a displayed price makes worth so much: a tape may hold any price.
        traded: cython.double = _traded(self, slot)
        if traded > MUCH and traded + _booked(self, slot) > MOST:
            return LOT_SIZE
        if (
            at
            and not liquidating
            and not self.orders.row[slot, FLAGS] & REDUCE_ONLY_FLAG
            and self.ledger.value(i, lots, at) < self.min_value[i]
        ):
            return MIN_NOTIONAL
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def worth(
        self, instrument: cython.int, lots: cython.longlong, price: cython.longlong
    ) -> cython.double:
        """Notional in settlement units, as a float that cannot wrap."""
        amount: cython.double = lots
        if self.product[instrument] != INVERSE:
            return amount * price * self.ledger.unit[instrument]
        return amount * self.ledger.unit[instrument] / price if price > 0 else 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def coins(self, instrument: cython.int, lots: cython.longlong) -> cython.double:
        """Units of the base asset that lots are of, 0 where none count; cannot wrap."""
        if self.product[instrument] != SPOT and self.product[instrument] != OPTION:
            return 0.0
        return cython.cast(cython.double, lots) * self.base_unit[instrument]

    @cython.cfunc
    @cython.exceptval(check=False)
    def pool_paying(self, slot: cython.int) -> cython.int:
        """Return the pool of the wallet that pays for an order, -1 for plain spot."""
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        account: cython.int = cython.cast(cython.int, self.orders.row[slot, ACCOUNT])
        if self.orders.row[slot, FLAGS] & MARGIN_FLAG:
            return self.lending_pool[account, i]
        return self.cash_pool[account, i]

    @cython.cfunc
    @cython.exceptval(check=False)
    def cost_of_market(self, instrument: cython.int, lots: cython.longlong) -> cython.longlong:
        """Quote units that a market buy would pay, walking the displayed asks."""
        book: Book = self.books[instrument]
        price: cython.longlong = book.ask
        total: cython.longlong = 0
        take: cython.longlong
        last: cython.longlong = price
        while lots > 0 and price:
            take = book.shown(-1, price)
            if take > lots:
                take = lots
            total += self.ledger.value(instrument, take, price)
            lots -= take
            last = price
            price = book.next_level(-1, price)
        rest: cython.double = cython.cast(cython.double, lots) * last * self.ledger.unit[instrument]
        if rest + total > MOST:
            return 4_000_000_000_000_000_000  # more than any wallet holds; the product would wrap
        return total + self.ledger.value(instrument, lots, last)

    @cython.cfunc
    @cython.exceptval(check=False)
    def admit_spot(self, slot: cython.int) -> cython.int:
        """The paying side must be there, and a shared pool must stay margined after a haircut."""
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        wallet: cython.int = self.wallet_of(slot)
        lots: cython.longlong = self.orders.row[slot, LOTS]
        cost: cython.longlong = 0
        if self.orders.row[slot, SIDE] > 0:
            cost = (
                self.ledger.value(i, lots, self.orders.row[slot, PRICE])
                if self.orders.row[slot, PRICE]
                else self.cost_of_market(i, lots)
            )
            if self.ledger.available(wallet, self.quote[i]) < cost:
                return INSUFFICIENT_BALANCE
        elif self.ledger.available(wallet, self.base[i]) < lots * self.base_unit[i]:
            return INSUFFICIENT_BALANCE
        pool: cython.int = self.pool_paying(slot)
        if pool < 0:
            return 0
        # Selling an asset that offsets a short derivative raises the requirement; buying one with a
        # haircut lowers equity.  Both are judged as if the order were filled.
        wallet_cash: cython.longlong = self.ledger.balance[wallet, self.quote[i]]
        wallet_base: cython.longlong = self.ledger.balance[wallet, self.base[i]]
        sign: cython.longlong = 1 if self.orders.row[slot, SIDE] > 0 else -1
        book: Book = self.books[i]
        price: cython.longlong = (
            self.orders.row[slot, PRICE] if self.orders.row[slot, PRICE] else book.bid
        )
        if sign < 0:
            cost = self.ledger.value(i, lots, price)
        before: cython.double = self.pools.equity_of(pool) - self.pools.required(pool, True)
        self.ledger.balance[wallet, self.quote[i]] -= sign * cost
        self.ledger.balance[wallet, self.base[i]] += sign * lots * self.base_unit[i]
        after: cython.double = self.pools.equity_of(pool) - self.pools.required(pool, True)
        self.ledger.balance[wallet, self.quote[i]] = wallet_cash
        self.ledger.balance[wallet, self.base[i]] = wallet_base
        if self.pools.checked[pool] >= LEVEL_REDUCE_ONLY and after < before:
            return REDUCE_ONLY_LEVEL
        # An order that does not make an already short pool worse is let through.
        return 0 if after >= 0.0 or after >= before else INSUFFICIENT_MARGIN

    @cython.cfunc
    @cython.exceptval(check=False)
    def admit_margin(self, slot: cython.int) -> cython.int:
        """Equity must cover the initial margin with all open orders and this one filled."""
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        account: cython.int = cython.cast(cython.int, self.orders.row[slot, ACCOUNT])
        lots: cython.longlong = self.orders.row[slot, LOTS]
        side: cython.longlong = self.orders.row[slot, SIDE]
        book: Book
        price: cython.longlong = self.orders.row[slot, PRICE]
        if self.orders.row[slot, FLAGS] & REDUCE_ONLY_FLAG:
            return 0
        if self.product[i] == OPTION and side > 0:
            return self.admit_premium(slot)
        own: cython.int = cython.cast(cython.int, self.orders.row[slot, POSITION])
        pending: cython.longlong = (
            self.pools.selling[account, own] if side < 0 else self.pools.buying[account, own]
        )
        position: cython.longlong = self.ledger.quantity[account, own] * -side
        if side > 0:
            self.pools.buying[account, own] += lots
        else:
            self.pools.selling[account, own] += lots
        self.orders.row[slot, COUNTED] = lots
        if lots + pending <= position:
            return 0
        mark: cython.double = self.pools.mark[i]
        if mark <= 0.0 or self.pools.index[self.settled_in[i]] <= 0.0:
            self.uncount(slot, lots)
            return NO_PRICE
        if price == 0:
            book = self.books[i]
            price = book.ask if side > 0 else book.bid
        size: cython.longlong = position - lots - pending
        if size < 0:
            size = -size
        cash: cython.int = self.cash_pool[account, i]
        pool: cython.int = self.pools.pool_of[account, own]
        free: cython.double = self.free_margin(account, cash)
        lost: cython.double
        # Accounts that have leverage of their own have a row each: `Settlement.place`.
        at: cython.Py_ssize_t = (account - 1) * self.instruments + i
        rows: cython.Py_ssize_t = self.max_notional.shape[0]
        if pool != cash and position > 0:
            # Turning round frees what the position is worth now, not what it once took.
            lost = self.pools.required(pool, False) - self.pools.equity_of(pool)
            if lost > 0.0:
                free -= lost
        reason: cython.int = 0
        if free < self.loss_at_once(i, side, lots, price):
            reason = INSUFFICIENT_MARGIN
        elif self.notional_at_mark(i, size) > self.max_notional[i if at < i or at >= rows else at]:
            reason = MAX_POSITION
        if reason:
            self.uncount(slot, lots)
        return reason

    @cython.cfunc
    @cython.exceptval(check=False)
    def notional_at_mark(self, instrument: cython.int, lots: cython.longlong) -> cython.double:
        """Notional of a position in its settlement asset, as the brackets count it."""
        size: cython.double = lots * self.lot_size[instrument]
        if self.product[instrument] == INVERSE:
            return size / self.pools.mark[instrument]
        return size * self.pools.mark[instrument] * self.pools.index[self.settled_in[instrument]]

    @cython.cfunc
    @cython.exceptval(check=False)
    def loss_at_once(
        self,
        instrument: cython.int,
        side: cython.longlong,
        lots: cython.longlong,
        price: cython.longlong,
    ) -> cython.double:
        """What an order loses against the mark when it is filled at its price, USDT, at least 0."""
        mark: cython.double = self.pools.mark[instrument]
        paid: cython.double = price * self.tick_e8[instrument] * UNIT
        if paid <= 0.0:
            return 0.0
        loss: cython.double = side * (paid - mark)
        if self.product[instrument] == INVERSE:
            loss = loss / (paid * mark)
        loss = (
            loss * lots * self.lot_size[instrument] * self.pools.index[self.settled_in[instrument]]
        )
        return loss if loss > 0.0 else 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def admit_premium(self, slot: cython.int) -> cython.int:
        """A bought option needs its premium: in its own wallet, and as margin that is free.

        Its order adds nothing to the requirement: what it could lose is paid or held.
        """
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        account: cython.int = cython.cast(cython.int, self.orders.row[slot, ACCOUNT])
        lots: cython.longlong = self.orders.row[slot, LOTS]
        short: cython.longlong = -self.ledger.quantity[account, self.orders.row[slot, POSITION]]
        if lots <= short and lots + self.resting_buys(slot) <= short:
            return 0  # buys back what was written
        if self.pools.mark[i] <= 0.0 or self.pools.index[self.settled_in[i]] <= 0.0:
            return NO_PRICE
        premium: cython.longlong = (
            self.ledger.value(i, lots, self.orders.row[slot, PRICE])
            if self.orders.row[slot, PRICE]
            else self.cost_of_market(i, lots)
        )
        asset: cython.int = self.settled_in[i]
        pool: cython.int = self.cash_pool[account, i]
        if (
            self.premium_in_cash
            and self.pools.kind[pool] == OPTIONS_POOL
            and self.ledger.available(self.cash_wallet[account, i], asset) < premium
        ):
            return INSUFFICIENT_BALANCE
        free: cython.double = self.free_margin(account, pool)
        return 0 if free >= premium * UNIT * self.pools.index[asset] else INSUFFICIENT_MARGIN

    @cython.cfunc
    @cython.exceptval(check=False)
    def resting_buys(self, slot: cython.int) -> cython.longlong:
        """Lots that resting orders of the same position buy, but those that can only reduce it."""
        account: cython.longlong = self.orders.row[slot, ACCOUNT]
        position: cython.longlong = self.orders.row[slot, POSITION]
        lots: cython.longlong = 0
        k: cython.int
        if self.premium_held[account, self.orders.row[slot, INSTRUMENT]] == 0:
            return 0  # no bought option rests
        for k in range(self.orders.row.shape[0]):
            if (
                self.orders.row[k, STATE] == WORKING
                and self.orders.row[k, ACCOUNT] == account
                and self.orders.row[k, POSITION] == position
                and self.orders.row[k, SIDE] > 0
                and not self.orders.row[k, FLAGS] & REDUCE_ONLY_FLAG
            ):
                lots += self.orders.row[k, LOTS] - self.orders.row[k, FILLED]
        return lots

    @cython.cfunc
    @cython.exceptval(check=False)
    def free_margin(self, account: cython.int, pool: cython.int) -> cython.double:
        """Equity that neither positions nor open orders need, USDT; below 0 if it is short."""
        return self.pools.equity_of(pool) - self.margin_needed(account, pool)

    @cython.cfunc
    @cython.exceptval(check=False)
    def margin_needed(self, account: cython.int, pool: cython.int) -> cython.double:
        """Initial margin with open orders: those of isolated positions, and premiums held."""
        needed: cython.double = self.pools.required(pool, True)
        slot: cython.int
        i: cython.int
        for slot in range(self.ledger.slots):
            i = slot if slot < self.instruments else slot - self.instruments
            if self.cash_pool[account, i] != pool:
                continue
            if self.pools.pool_of[account, slot] != pool and self.product[i] != SPOT:
                needed += self.pools.order_margin(account, slot)
            if slot == i and self.premium_held[account, i]:
                needed += (
                    self.premium_held[account, i] * UNIT * self.pools.index[self.settled_in[i]]
                )
        asset: cython.int
        loans: cython.double = 0.0
        if self.loan_margin > 0.0:
            for asset in range(self.ledger.assets):
                loans += (
                    self.ledger.owed(self.pools.wallet[pool], asset)
                    * UNIT
                    * self.pools.index[asset]
                )
        return needed if needed > loans * self.loan_margin else loans * self.loan_margin

    @cython.cfunc
    @cython.exceptval(-1)
    def withdraw(self, slot: cython.int) -> cython.int:
        """Cancel an order wherever it stands."""
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        book: Book
        triggers: Triggers
        if self.orders.row[slot, STATE] == WORKING:
            book = self.books[i]
            book.cancel(slot)
            self.settle(i)
        elif self.orders.row[slot, STATE] == WAITING:
            triggers = self.triggers[i]
            triggers.remove(slot)
            self.end(slot, CANCELED, self.orders.row[slot, PRICE], self.orders.row[slot, LOTS])
        else:
            self.record(slot, CANCEL_REJECTED, 0, 0)
        return 0

    # Prices

    @cython.cfunc
    @cython.exceptval(check=False)
    def shifted(self, instrument: cython.int, price: cython.longlong) -> cython.longlong:
        """Where a price of the tape stands now, moved as far as the book of its instrument is."""
        if not self.moved:
            return price
        self.tape_last[instrument] = price
        at: cython.double = price * self.move[instrument] + 0.5
        moved: cython.longlong = cython.cast(cython.longlong, at) if cython.compiled else int(at)
        return moved if moved > 0 else 1

    @cython.cfunc
    @cython.exceptval(-1)
    def print_trade(
        self,
        instrument: cython.int,
        side: cython.int,
        price: cython.longlong,
        lots: cython.longlong,
    ) -> cython.int:
        """A print of the tape: eats queues, moves the last price, may trigger."""
        book: Book = self.books[instrument]
        self.last[instrument] = price
        if book.bids_resting or book.asks_resting:
            book.trade(side, price, lots)
            if book.n_rows:
                self.settle(instrument)
        triggers: Triggers = self.triggers[instrument]
        if triggers.waiting:
            self.price_seen(instrument, 0, _watched(price, self.tick_e8[instrument]))
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def bar_price(self, instrument: cython.int, price: cython.longlong) -> cython.int:
        """A price on a bar's path: moves the last price, may trigger."""
        self.last[instrument] = price
        triggers: Triggers = self.triggers[instrument]
        if triggers.waiting:
            self.price_seen(instrument, 0, _watched(price, self.tick_e8[instrument]))
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def price_seen(
        self, instrument: cython.int, source: cython.int, price_e8: cython.longlong
    ) -> cython.int:
        """Conditional orders watch a price; those it reaches start."""
        triggers: Triggers = self.triggers[instrument]
        if triggers.on_price(source, price_e8) == 0:
            return 0
        fired: list = [triggers.fired_slot(k) for k in range(triggers.n_fired)]
        for slot in fired:
            self.record(slot, TRIGGERED, price_e8, self.orders.row[slot, LOTS])
            self.notify(slot, TRIGGERED, price_e8, self.orders.row[slot, LOTS], 0)
            self.start(slot)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def forced(
        self,
        account: cython.int,
        position: cython.int,
        side: cython.int,
        lots: cython.longlong,
        flags: cython.int,
        price: cython.longlong,
    ) -> cython.longlong:
        """The venue's own order on an account's position slot or asset; return the lots filled.

        It trades at once, no worse than ``price`` ticks (0: at the market), and what is left ends;
        ``forced_value`` is then what it traded, in units of the settlement asset.
        """
        instrument: cython.int = (
            position if position < self.instruments else position - self.instruments
        )
        if self.hedge and self.product[instrument] != SPOT:
            flags |= SHORT_FLAG if position >= self.instruments else LONG_FLAG
        strategy: cython.int = cython.cast(cython.int, self.orders.head.shape[0]) - 1
        slot: cython.int = self.orders.open(strategy, instrument)
        self.orders.row[slot, ACCOUNT] = account
        self.orders.row[slot, SIDE] = side
        self.orders.row[slot, PRICE] = price
        self.orders.row[slot, LOTS] = lots
        self.orders.row[slot, TIME_IN_FORCE] = IOC
        self.orders.row[slot, STP] = 0
        self.orders.row[slot, FLAGS] = flags
        self.orders.row[slot, TRIGGER_KIND] = 0
        self.forced_value = 0
        self.arrive(slot)
        if self.liquidities is not None:
            self.liquidities.after_force(instrument)
        filled: cython.longlong = self.orders.row[slot, FILLED]
        if not self.trades[account]:
            self.orders.close(slot)  # nobody hears of it, so nobody else gives the row back
            self.n_orders -= 1  # those of accounts that trade are counted
        return filled

    # For the desk: rare things, asked from plain Python

    def meet(self, instrument: int) -> None:
        """Settle what the book has produced."""
        self.settle(instrument)

    def best_bid(self, instrument: int) -> int:
        """Best displayed bid in ticks, 0 if none."""
        return int(self.books[instrument].best(1))

    def best_ask(self, instrument: int) -> int:
        """Best displayed ask in ticks, 0 if none."""
        return int(self.books[instrument].best(-1))

    def orders_at_venue(self, account: int) -> list[int]:
        """Row numbers of an account's orders at the venue, conditional ones too, oldest first."""
        rows = np.asarray(self.orders.row)
        found = np.flatnonzero(
            (rows[:, ACCOUNT] == account)
            & ((rows[:, STATE] == WAITING) | (rows[:, STATE] == WORKING))
            & (rows[:, SEQ] > 0)
        )
        return sorted(found.tolist(), key=lambda slot: int(rows[slot, SEQ]))

    def pull_orders(self, account: int, pool: int) -> None:
        """Cancel the orders that a pool margins or pays for, oldest first."""
        rows = np.asarray(self.orders.row)
        for slot in self.orders_at_venue(account):
            position = int(rows[slot, POSITION])
            if self.pool_paying(slot) == pool or self.pools.pool_of[account, position] == pool:
                self.withdraw(slot)

    def pull_contract(self, account: int, instrument: int) -> None:
        """Cancel an account's orders in one contract, oldest first."""
        rows = np.asarray(self.orders.row)
        for slot in self.orders_at_venue(account):
            if rows[slot, INSTRUMENT] == instrument:
                self.withdraw(slot)

    def open_orders(self, account: int) -> int:
        """How many orders of an account rest in a book or wait for their trigger."""
        return len(self.orders_at_venue(account))

    def pull_all_orders(self, account: int) -> int:
        """Cancel all orders of an account, oldest first; return how many there were."""
        found = self.orders_at_venue(account)
        rows = np.asarray(self.orders.row)
        for slot in found:
            if rows[slot, STATE] in (WAITING, WORKING):
                self.withdraw(slot)
        return len(found)

    def suspend(self, account: int, on: bool) -> None:
        """Refuse the account's orders from now on, or take them again; the venue's own go on."""
        self.suspended[account] = on

    def is_suspended(self, account: int) -> bool:
        """Whether the account's orders are refused."""
        return bool(self.suspended[account])

    def call_duty(self, at_ns: int) -> None:
        """Have the desk told the time at the venue's first tick from ``at_ns`` on."""
        if at_ns < self.next_duty:
            self.next_duty = at_ns

    def force(
        self, account: int, position: int, side: int, lots: int, flags: int, price: int = 0
    ) -> int:
        """`forced`, asked from plain Python."""
        return int(self.forced(account, position, side, lots, flags, price))

    def set_liquidities(self, liquidities) -> None:
        """Attach the books of a run with impact."""
        self.liquidities = liquidities

    def close_market(self, instrument: int) -> None:
        """A contract has expired: its open orders end, oldest first, and no more are taken."""
        self.expired[instrument] = 1
        rows = np.asarray(self.orders.row)
        found = np.flatnonzero(
            (rows[:, INSTRUMENT] == instrument)
            & ((rows[:, STATE] == WAITING) | (rows[:, STATE] == WORKING))
            & (rows[:, SEQ] > 0)
        )
        book: Book = self.books[instrument]
        triggers: Triggers = self.triggers[instrument]
        for slot in sorted(found.tolist(), key=lambda s: int(rows[s, SEQ])):
            left = int(rows[slot, LOTS])
            if rows[slot, STATE] == WORKING:
                left = int(book.remaining(slot))
                book.cancel(slot)
                book.drop_rows()
            else:
                triggers.remove(slot)
            self.end(slot, EXPIRED, CONTRACT_EXPIRY, left)

    def release_isolated(self, account: int, slot: int, before: int) -> None:
        """Give back what the wallet of an isolated position holds that has just ended."""
        self.fit_isolated(account, slot, before, 0, 0)
        self.ledger.close_entry()

    def add_fee(self, account: int, asset: int, amount: int) -> None:
        """Count a fee that was posted, at the present index price of its asset."""
        self.fees_paid[account] += amount * UNIT * self._index(asset)

    def set_leverage(self, account: int, instrument: int, leverage: float, largest: float) -> None:
        """Set an account's leverage of a contract and the largest notional that it allows."""
        at = self.place(account, instrument)
        self.pools.leverage[at] = leverage
        self.max_notional[at] = largest

    def largest_position(self, account: int, instrument: int) -> float:
        """Notional of the larger of an instrument's positions, as the brackets count it."""
        quantity = self.ledger.quantity
        slots = range(instrument, self.ledger.slots, self.instruments)
        lots = max(abs(int(quantity[account, slot])) for slot in slots)
        return float(self.notional_at_mark(instrument, lots)) if lots else 0.0

    def maintenance_if(self, pool: int, account: int, held: dict[int, int]) -> float:
        """Maintenance margin of a pool if its position slots held other quantities, USDT."""
        kept = {i: int(self.ledger.quantity[account, i]) for i in held}
        for i, lots in held.items():
            self.ledger.quantity[account, i] = lots
        self.pools.evaluate(pool)
        required = float(self.pools.maintenance[pool])
        for i, lots in kept.items():
            self.ledger.quantity[account, i] = lots
        self.pools.evaluate(pool)
        return required

    def free_margin_needed(self, account: int, pool: int) -> float:
        """What a pool's equity must stay above: initial margin with open orders, USDT."""
        return float(self.margin_needed(account, pool))


@cython.cfunc
@cython.exceptval(check=False)
def _traded(venue: Venue, slot: cython.int) -> cython.double:
    """What an order is worth at the displayed prices that it meets, the rest at its limit.

    A sell gets a bid that is better than its limit, and a market order walks as far as it needs.
    """
    i: cython.int = cython.cast(cython.int, venue.orders.row[slot, INSTRUMENT])
    side: cython.int = cython.cast(cython.int, venue.orders.row[slot, SIDE])
    limit: cython.longlong = venue.orders.row[slot, PRICE]
    left: cython.longlong = venue.orders.row[slot, LOTS]
    book: Book = venue.books[i]
    price: cython.longlong = book.best(-side)
    take: cython.longlong
    total: cython.double = 0.0
    while left > 0 and price and (limit == 0 or (limit - price) * side >= 0):
        take = book.shown(-side, price)
        if take > left:
            take = left
        total += venue.worth(i, take, price)
        left -= take
        price = book.next_level(-side, price)
    return total + venue.worth(i, left, limit) if left > 0 else total


@cython.cfunc
@cython.exceptval(check=False)
def _booked(venue: Venue, slot: cython.int) -> cython.double:
    """The largest of what the ledger has where an order's trade would be booked, in units."""
    i: cython.int = cython.cast(cython.int, venue.orders.row[slot, INSTRUMENT])
    account: cython.int = cython.cast(cython.int, venue.orders.row[slot, ACCOUNT])
    own: cython.int = cython.cast(cython.int, venue.orders.row[slot, POSITION])
    asset: cython.int = venue.settled_in[i]
    wallet: cython.int = venue.margin_wallet[account, own]
    if venue.product[i] == SPOT:
        asset = venue.quote[i]
        wallet = venue.wallet_of(slot)
    mine: cython.double = _size(venue.ledger.balance[wallet, asset]) + _size(
        venue.ledger.cost[account, own]
    )
    markets: cython.double = _size(venue.ledger.balance[MARKET_WALLET, asset]) + _size(
        venue.ledger.cost[0, i]
    )
    clearing: cython.double = _size(venue.ledger.balance[CLEARING_WALLET, asset])
    return max(mine, markets, clearing)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _size(amount: cython.longlong) -> cython.double:
    return amount if amount > 0 else -amount


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _watched(price: cython.longlong, tick_e8: cython.longlong) -> cython.longlong:
    """A price in ticks as conditional orders watch it, in 1e-8; a wild one is the highest there is
    and does not wrap.
    """
    return price * tick_e8 if price < HIGHEST // tick_e8 else HIGHEST
