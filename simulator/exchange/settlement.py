"""Settlement: book rows become postings, positions, fees, records and messages (hot module).

Nothing here knows the account mode: which wallet pays for what and which pool margins it are
columns that were made before the run (``simulator.exchange.assembly``).

Wallets 0 to 4 are the market, fee income, the outside world, the clearing house and the insurance
fund.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.book.columns import Book
    from cython.cimports.simulator.book.triggers import Triggers
    from cython.cimports.simulator.events.records import Records
    from cython.cimports.simulator.exchange.orders import Orders
    from cython.cimports.simulator.ledger.columns import Ledger
    from cython.cimports.simulator.risk.pools import Pools
    from cython.cimports.simulator.units.arithmetic import scaled, scaled_up
else:
    from simulator.book.columns import Book
    from simulator.book.triggers import Triggers
    from simulator.events.records import Records
    from simulator.exchange.orders import Orders
    from simulator.ledger.columns import Ledger
    from simulator.risk.pools import Pools
    from simulator.units.arithmetic import scaled, scaled_up

MARKET_WALLET = cython.declare(cython.int, 0)
FEE_WALLET = cython.declare(cython.int, 1)
CLEARING_WALLET = cython.declare(cython.int, 3)
INSURANCE_WALLET = cython.declare(cython.int, 4)

# Columns of an order's row, after those of simulator.exchange.orders.
SEQ = cython.declare(cython.int, 0)
ACCOUNT = cython.declare(cython.int, 1)
INSTRUMENT = cython.declare(cython.int, 3)
SIDE = cython.declare(cython.int, 4)
PRICE = cython.declare(cython.int, 5)
LOTS = cython.declare(cython.int, 6)
FILLED = cython.declare(cython.int, 7)
STATE = cython.declare(cython.int, 8)
FLAGS = cython.declare(cython.int, 11)
HELD = cython.declare(cython.int, 12)
COUNTED = cython.declare(cython.int, 13)
POSITION = cython.declare(cython.int, 23)

WORKING = cython.declare(cython.int, 3)
OVER = cython.declare(cython.int, 4)

REDUCE_ONLY_FLAG = cython.declare(cython.int, 1)
LIQUIDATION_FLAG = cython.declare(cython.int, 4)
MARGIN_FLAG = cython.declare(cython.int, 8)
AUTO_REPAY_FLAG = cython.declare(cython.int, 128)

SPOT = cython.declare(cython.int, 0)
OPTION = cython.declare(cython.int, 3)

# Book rows
FILL = cython.declare(cython.int, 1)
RESTED = cython.declare(cython.int, 2)
ROW_EXPIRED = cython.declare(cython.int, 3)
ROW_CANCELED = cython.declare(cython.int, 4)

# simulator.events.outcomes
ACCEPTED = cython.declare(cython.int, 1)
FILLED_OUTCOME = cython.declare(cython.int, 2)
CANCELED = cython.declare(cython.int, 3)
EXPIRED = cython.declare(cython.int, 4)
REJECTED = cython.declare(cython.int, 5)
REDUCED = cython.declare(cython.int, 8)
SHORTFALL = cython.declare(cython.int, 15)
REPAID = cython.declare(cython.int, 21)
INTEREST_PAID = cython.declare(cython.int, 23)

TRADER = cython.declare(cython.int, 1)
"""The first account that trades: figures of the run are its."""

REASONS = cython.declare(cython.int, 64)

REDUCE_ONLY_EXPIRY = cython.declare(cython.int, 6)

E8 = cython.declare(cython.longlong, 100_000_000)
UNIT = cython.declare(cython.double, 1e-8)
MOST_WORTH = cython.declare(cython.double, 4e18)
"""Units from which on an amount does not fit a 64-bit integer, with room for a rate."""


@cython.cclass
class Settlement:
    """Books, ledger and pools of one venue, and what a match does to them."""

    def __init__(self, columns) -> None:
        self.ledger = columns["ledger"]
        self.pools = columns["pools"]
        self.records = columns["records"]
        self.books = columns["books"]
        self.instruments = len(self.books)
        self.triggers = [Triggers() for _ in self.books]
        self.orders = Orders(columns["strategies"], len(self.books))
        self.now = 0
        self.product = memoryview(np.array(columns["product"], dtype="i4"))
        self.base = memoryview(np.array(columns["base"], dtype="i4"))
        self.quote = memoryview(np.array(columns["quote"], dtype="i4"))
        self.settled_in = memoryview(np.array(columns["settled_in"], dtype="i4"))
        self.base_unit = memoryview(np.array(columns["base_unit"], dtype="i8"))
        self.lot_size = memoryview(np.array(columns["lot_size"], dtype="f8"))
        self.tick_e8 = memoryview(np.array(columns["tick_e8"], dtype="i8"))
        self.last = memoryview(np.zeros(len(self.books), dtype="i8"))
        self.min_lots = memoryview(np.array(columns["min_lots"], dtype="i8"))
        self.max_lots = memoryview(np.array(columns["max_lots"], dtype="i8"))
        self.min_value = memoryview(np.array(columns["min_value"], dtype="i8"))
        self.take_mode(columns)
        self.hedge = columns["hedge"]
        self.next_duty = 0
        self.expired = memoryview(np.zeros(len(self.books), dtype="i4"))
        accounts = self.ledger.accounts
        # By product: maker, taker, discount when paid in BNB, most as a share of an option's
        # premium; all in 1e-8.
        self.fee_e8 = memoryview(np.array(columns["fee_e8"], dtype="i8"))
        self.bnb = columns["bnb"]
        self.reducing = memoryview(np.zeros((accounts, max(1, self.ledger.slots)), dtype="i4"))
        self.premium_held = memoryview(np.zeros((accounts, len(self.books)), dtype="i8"))
        self.lender = columns["lender"]
        self.auto_repay = False
        self.suspended = memoryview(np.zeros(accounts, dtype="i4"))
        trades = np.zeros(accounts, dtype="i1")
        trades[1 : 1 + columns["roster"].trading] = 1
        self.trades = memoryview(trades)
        self.forced_value = 0
        self.n_orders = self.n_fills = self.n_fill_rows = 0
        self.shortfall = 0.0
        self.rejections = memoryview(np.zeros(REASONS, dtype="i8"))
        self.fees_paid = memoryview(np.zeros(accounts, dtype="f8"))
        self.fill_row = memoryview(np.zeros((1024, 13), dtype="i8"))

    def take_mode(self, columns) -> None:
        """Take what an account mode decides: `simulator.exchange.layout.mode_columns`."""
        self.max_notional = memoryview(np.array(columns["max_notional"], dtype="f8"))
        # Not copied where they are of the right kind: a crowd's are large.
        self.cash_wallet, self.margin_wallet, self.cash_pool, self.lending_wallet = (
            memoryview(np.ascontiguousarray(columns[name], dtype="i4"))
            for name in ("cash_wallet", "margin_wallet", "cash_pool", "lending_wallet")
        )
        self.lending_pool = memoryview(np.ascontiguousarray(columns["lending_pool"], dtype="i4"))
        self.premium_in_cash = columns["premium_in_cash"]
        self.loan_margin = columns["loan_margin"]

    @cython.cfunc
    @cython.exceptval(check=False)
    def notify(
        self,
        slot: cython.int,
        code: cython.longlong,
        price: cython.longlong,
        lots: cython.longlong,
        extra: cython.longlong,
    ) -> cython.void:
        """Tell the order's owner; the core with strategies overrides it."""

    @cython.cfunc
    @cython.exceptval(check=False)
    def record(
        self,
        slot: cython.int,
        code: cython.longlong,
        price: cython.longlong,
        lots: cython.longlong,
    ) -> cython.void:
        self.records.add(
            self.now,
            code,
            self.orders.row[slot, ACCOUNT],
            self.orders.row[slot, INSTRUMENT],
            self.orders.row[slot, SEQ],
            self.orders.row[slot, SIDE],
            price,
            lots,
        )

    @cython.cfunc
    @cython.exceptval(check=False)
    def end(
        self, slot: cython.int, code: cython.longlong, price: cython.longlong, lots: cython.longlong
    ) -> cython.void:
        """An order is over: release what it holds, record and tell."""
        self.uncount(slot, self.orders.row[slot, COUNTED])
        released: cython.longlong = self.orders.row[slot, HELD]
        self.hold(slot, 0)
        if released and self.orders.row[slot, FLAGS] & AUTO_REPAY_FLAG:
            i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
            buys: cython.bint = self.orders.row[slot, SIDE] > 0
            self.repay_from(slot, self.quote[i] if buys else self.base[i], released)
        if self.orders.row[slot, FLAGS] & REDUCE_ONLY_FLAG and (
            self.orders.row[slot, STATE] == WORKING
        ):
            self.reducing[self.orders.row[slot, ACCOUNT], self.orders.row[slot, POSITION]] -= 1
        self.orders.row[slot, STATE] = OVER
        if code != FILLED_OUTCOME:
            self.record(slot, code, price, lots)
            self.notify(slot, code, price, lots, 0)

    @cython.cfunc
    @cython.exceptval(check=False)
    def reject(self, slot: cython.int, reason: cython.int) -> cython.void:
        self.rejections[reason] += 1
        self.end(slot, REJECTED, reason, self.orders.row[slot, LOTS])

    @cython.cfunc
    @cython.exceptval(check=False)
    def uncount(self, slot: cython.int, lots: cython.longlong) -> cython.void:
        """Take lots of an order out of the open-order columns."""
        if lots > self.orders.row[slot, COUNTED]:
            lots = self.orders.row[slot, COUNTED]
        if lots == 0:
            return
        self.orders.row[slot, COUNTED] -= lots
        if self.orders.row[slot, SIDE] > 0:
            self.pools.buying[self.orders.row[slot, ACCOUNT], self.orders.row[slot, POSITION]] -= (
                lots
            )
        else:
            self.pools.selling[self.orders.row[slot, ACCOUNT], self.orders.row[slot, POSITION]] -= (
                lots
            )

    @cython.cfunc
    @cython.exceptval(check=False)
    def hold(self, slot: cython.int, lots: cython.longlong) -> cython.void:
        """Make a resting order hold what ``lots`` of it would pay; 0 releases.

        That of a spot order, and the premium that a bought option would cost.
        """
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        if lots == 0 and self.orders.row[slot, HELD] == 0:
            return
        buys: cython.bint = self.orders.row[slot, SIDE] > 0
        if self.product[i] != SPOT and (self.product[i] != OPTION or not buys):
            return
        asset: cython.int = self.quote[i] if buys else self.base[i]
        amount: cython.longlong = (
            self.ledger.value(i, lots, self.orders.row[slot, PRICE])
            if buys
            else lots * self.base_unit[i]
        )
        self.ledger.held[self.wallet_of(slot), asset] += amount - self.orders.row[slot, HELD]
        if self.product[i] == OPTION:
            self.premium_held[self.orders.row[slot, ACCOUNT], i] += (
                amount - self.orders.row[slot, HELD]
            )
        self.orders.row[slot, HELD] = amount

    @cython.cfunc
    @cython.exceptval(check=False)
    def wallet_of(self, slot: cython.int) -> cython.int:
        """Return the wallet that pays for an order: the cross-margin one for a margin order."""
        if self.orders.row[slot, FLAGS] & MARGIN_FLAG:
            return self.lending_wallet[
                self.orders.row[slot, ACCOUNT], self.orders.row[slot, INSTRUMENT]
            ]
        return self.cash_wallet[self.orders.row[slot, ACCOUNT], self.orders.row[slot, INSTRUMENT]]

    @cython.cfunc
    @cython.exceptval(check=False)
    def settle(self, instrument: cython.int) -> cython.void:
        """Turn the book's rows into postings, records and messages."""
        book: Book = self.books[instrument]
        r: cython.int = 0
        at: cython.int
        code: cython.longlong
        order: cython.int
        other: cython.int
        price: cython.longlong
        lots: cython.longlong
        void: cython.longlong
        while r < book.n_rows:
            at = 5 * r
            r += 1
            code = book.rows[at]
            order = cython.cast(cython.int, book.rows[at + 1])
            other = cython.cast(cython.int, book.rows[at + 2])
            price = book.rows[at + 3]
            lots = book.rows[at + 4]
            if code == FILL:
                void = 0
                if order and other and self.orders.row[order, FLAGS] & REDUCE_ONLY_FLAG:
                    if self.orders.row[order, ACCOUNT] != self.orders.row[other, ACCOUNT]:
                        # The market stands in for what the maker may not take.
                        void = lots - self.clip_reducing(order, lots)
                        lots -= void
                if order and (lots or not void):
                    self.apply_fill(order, price, lots, True, other == 0)
                if other and (lots or not void):
                    self.apply_fill(other, price, lots, False, order == 0)
                if void:
                    self.apply_fill(other, price, void, False, True)
            elif code <= ROW_CANCELED and self.orders.row[order, STATE] == OVER:
                continue  # trimmed and filled to its end within this event: said already
            elif code == RESTED:
                # Its own fills may have trimmed it since the book told of it.
                lots = book.remaining(order)
                if lots == 0:
                    continue  # to nothing: the row of its end is still to come
                self.hold(order, lots)
                self.record(order, ACCEPTED, price, lots)
                self.notify(order, ACCEPTED, price, lots, 0)
            elif code == ROW_EXPIRED:
                self.end(order, EXPIRED, other, lots)
            elif code == ROW_CANCELED:
                self.end(order, CANCELED, price, lots)
            else:
                self._decrement(order, lots)
                self._decrement(other, lots)
        book.n_rows = 0

    def _decrement(self, slot: int, lots: int) -> None:
        """Self-trade prevention took lots off an order without a fill."""
        self.orders.row[slot, LOTS] -= lots
        self.uncount(slot, lots)
        if self.orders.row[slot, HELD]:
            self.hold(slot, self.orders.row[slot, LOTS] - self.orders.row[slot, FILLED])
        self.record(slot, REDUCED, self.orders.row[slot, PRICE], lots)

    @cython.cfunc
    @cython.exceptval(check=False)
    def apply_fill(
        self,
        slot: cython.int,
        price: cython.longlong,
        lots: cython.longlong,
        maker: cython.bint,
        against_market: cython.bint,
    ) -> cython.void:
        """One side of a match: postings, position, fee, record, message."""
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        if self.orders.row[slot, FLAGS] & REDUCE_ONLY_FLAG and against_market:
            lots = self.clip_reducing(slot, lots)
            if lots == 0:
                return
        self.orders.row[slot, FILLED] += lots
        self.n_fills += 1
        self.uncount(slot, lots)
        if self.orders.row[slot, HELD]:
            self.hold(slot, self.orders.row[slot, LOTS] - self.orders.row[slot, FILLED])
        if self.product[i] == SPOT:
            self.fill_spot(slot, price, lots, maker)
        else:
            self.fill_margined(slot, price, lots, maker, against_market)
        if self.orders.row[slot, FLAGS] & LIQUIDATION_FLAG:
            self.forced_value += self.ledger.value(i, lots, price)
        if self.auto_repay and self.trades[self.orders.row[slot, ACCOUNT]]:
            self.repay_free()  # that of the row just kept: the fills of a crowd have none
        self.record(slot, FILLED_OUTCOME, price, lots)
        done: cython.bint = self.orders.row[slot, FILLED] == self.orders.row[slot, LOTS]
        if done:
            self.end(slot, FILLED_OUTCOME, price, lots)
        self.notify(slot, FILLED_OUTCOME, price, lots, (1 if done else 0) + (2 if maker else 0))
        position: cython.int = cython.cast(cython.int, self.orders.row[slot, POSITION])
        if self.reducing[self.orders.row[slot, ACCOUNT], position] > 0:
            self.trim_reducing(self.orders.row[slot, ACCOUNT], position)

    @cython.cfunc
    @cython.exceptval(check=False)
    def clip_reducing(self, slot: cython.int, lots: cython.longlong) -> cython.longlong:
        """Return how much of a match a reduce-only order may take; the rest of the match is void.

        One event of the tape can match several orders at once, before any trim.
        """
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        account: cython.int = cython.cast(cython.int, self.orders.row[slot, ACCOUNT])
        position: cython.int = cython.cast(cython.int, self.orders.row[slot, POSITION])
        reducible: cython.longlong = (
            -self.orders.row[slot, SIDE] * self.ledger.quantity[account, position]
        )
        book: Book
        if lots <= reducible:
            return lots
        if reducible < 0:
            reducible = 0
        self.orders.row[slot, LOTS] -= lots - reducible
        if self.orders.row[slot, HELD]:
            self.hold(slot, self.orders.row[slot, LOTS] - self.orders.row[slot, FILLED])
        self.record(slot, REDUCED, self.orders.row[slot, PRICE], lots - reducible)
        if reducible == 0:
            book = self.books[i]
            if book.remaining(slot) == 0:
                self.end(slot, EXPIRED, REDUCE_ONLY_EXPIRY, 0)
        return reducible

    @cython.cfunc
    @cython.exceptval(check=False)
    def fill_spot(
        self,
        slot: cython.int,
        price: cython.longlong,
        lots: cython.longlong,
        maker: cython.bint,
    ) -> cython.void:
        """Exchange base for quote with the market; the fee comes off what was received."""
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        account: cython.int = cython.cast(cython.int, self.orders.row[slot, ACCOUNT])
        side: cython.longlong = self.orders.row[slot, SIDE]
        wallet: cython.int = self.wallet_of(slot)
        base: cython.longlong = side * lots * self.base_unit[i]
        quote: cython.longlong = side * self.ledger.value(i, lots, price)
        self.ledger.post(wallet, self.base[i], base)
        self.ledger.post(MARKET_WALLET, self.base[i], -base)
        self.ledger.post(wallet, self.quote[i], -quote)
        self.ledger.post(MARKET_WALLET, self.quote[i], quote)
        received: cython.longlong = base if side > 0 else -quote
        rate: cython.longlong = self.fee_rate(slot, SPOT, maker)
        asset: cython.int = self.base[i] if side > 0 else self.quote[i]
        fee: cython.longlong = scaled_up(received, rate, E8)
        worth: cython.double = fee * UNIT
        if side > 0:
            worth = worth * price * self.tick_e8[i] * UNIT
        self.fees_paid[account] += worth * self._index(self.quote[i])
        self.charge(account, wallet, asset, fee, SPOT)
        self._keep_fill(slot, price, lots, maker, 0)
        self.ledger.close_entry()
        if self.orders.row[slot, FLAGS] & AUTO_REPAY_FLAG:
            self.repay_from(slot, asset, received)

    @cython.cfunc
    @cython.exceptval(check=False)
    def repay_free(self) -> cython.void:
        """After a fill of an account that repays by itself; the core asks its desk."""

    @cython.cfunc
    @cython.exceptval(check=False)
    def repay_from(
        self, slot: cython.int, asset: cython.int, amount: cython.longlong
    ) -> cython.void:
        """An order that repays uses ``amount`` for what its wallet owes of the asset."""
        account: cython.int = cython.cast(cython.int, self.orders.row[slot, ACCOUNT])
        wallet: cython.int = self.wallet_of(slot)
        available: cython.longlong = self.ledger.available(wallet, asset)
        if amount > available:
            amount = available
        if amount > 0:
            self.pay_debt(account, wallet, asset, amount)

    @cython.ccall
    @cython.exceptval(check=False)
    def pay_debt(
        self,
        account: cython.int,
        wallet: cython.int,
        asset: cython.int,
        amount: cython.longlong,
    ) -> cython.longlong:
        """Repay up to ``amount`` of what a wallet owes, interest first; return what was paid."""
        interest: cython.longlong = self.ledger.interest[wallet, asset]
        principal: cython.longlong = self.ledger.loan[wallet, asset]
        if interest > amount:
            interest = amount
        if principal > amount - interest:
            principal = amount - interest
        if interest > 0:
            self.ledger.pay_interest(self.lender, wallet, asset, interest)
            self.records.add(self.now, INTEREST_PAID, account, -1, wallet, 0, asset, interest)
        if principal > 0:
            self.ledger.lend(self.lender, wallet, asset, -principal)
            self.records.add(self.now, REPAID, account, -1, wallet, 0, asset, principal)
        return interest + principal

    @cython.cfunc
    @cython.exceptval(check=False)
    def fill_margined(
        self,
        slot: cython.int,
        price: cython.longlong,
        lots: cython.longlong,
        maker: cython.bint,
        against_market: cython.bint,
    ) -> cython.void:
        """Trade a position: realized profit from clearing, or an option's premium at once; the fee
        from the cash wallet.
        """
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        account: cython.int = cython.cast(cython.int, self.orders.row[slot, ACCOUNT])
        position: cython.int = cython.cast(cython.int, self.orders.row[slot, POSITION])
        signed: cython.longlong = self.orders.row[slot, SIDE] * lots
        asset: cython.int = self.settled_in[i]
        wallet: cython.int = self.margin_wallet[account, position]
        before: cython.longlong = self.ledger.quantity[account, position]
        realized: cython.longlong = self.ledger.fill_position(account, position, signed, price)
        premium: cython.bint = self.product[i] == OPTION
        paid: cython.longlong = -self.ledger.value(i, signed, price) if premium else realized
        if paid:
            self.ledger.post(wallet, asset, paid)
            self.ledger.post(CLEARING_WALLET, asset, -paid)
        mirrored: cython.longlong
        if against_market:
            mirrored = self.ledger.fill_position(0, i, -signed, price)
            if premium:
                mirrored = -paid
            if mirrored:
                self.ledger.post(MARKET_WALLET, asset, mirrored)
                self.ledger.post(CLEARING_WALLET, asset, -mirrored)
        fee: cython.longlong = self.trading_fee(slot, price, lots, maker)
        self.fees_paid[account] += fee * UNIT * self._index(asset)
        self.charge(account, self.cash_wallet[account, i], asset, fee, self.product[i])
        if wallet != self.cash_wallet[account, i] and (
            self.ledger.quantity[account, position] == 0
            or self.orders.row[slot, FLAGS] & LIQUIDATION_FLAG == 0
        ):
            self.fit_isolated(account, position, before, price, realized)
        self._keep_fill(slot, price, lots, maker, realized)
        self.ledger.close_entry()

    @cython.cfunc
    @cython.exceptval(check=False)
    def trading_fee(
        self,
        slot: cython.int,
        price: cython.longlong,
        lots: cython.longlong,
        maker: cython.bint,
    ) -> cython.longlong:
        """Fee of a derivative's fill in its settlement asset, rounded up: the venue gains.

        A share of the notional; an option's of what its underlying is worth, but no more than a
        share of the premium.
        """
        i: cython.int = cython.cast(cython.int, self.orders.row[slot, INSTRUMENT])
        rate: cython.longlong = self.fee_rate(slot, self.product[i], maker)
        worth: cython.longlong = self.ledger.value(i, lots, price)
        if self.product[i] != OPTION:
            return scaled_up(worth, rate, E8)
        if rate == 0:
            return 0
        most: cython.longlong = scaled_up(worth, self.fee_e8[OPTION, 3], E8)
        index: cython.double = self.pools.index[self.base[i]] / self._index(self.quote[i])
        coins: cython.double = lots * self.base_unit[i]
        if index >= MOST_WORTH * UNIT or index * coins >= MOST_WORTH:
            return most  # what it is worth does not fit, and no premium is that high
        fee: cython.longlong = scaled_up(
            scaled(cython.cast(cython.longlong, index / UNIT + 0.5), lots * self.base_unit[i], E8),
            rate,
            E8,
        )
        return most if fee > most else fee

    @cython.cfunc
    @cython.exceptval(check=False)
    def _index(self, asset: cython.int) -> cython.double:
        return self.pools.index[asset] if self.pools.index[asset] > 0.0 else 1.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def fee_rate(
        self, slot: cython.int, product: cython.int, maker: cython.bint
    ) -> cython.longlong:
        """Fee in 1e-8 of the value; an order of a liquidation pays none: `Closing` charges it."""
        if self.orders.row[slot, FLAGS] & LIQUIDATION_FLAG:
            return 0
        return self.fee_e8[product, 0] if maker else self.fee_e8[product, 1]

    @cython.cfunc
    @cython.exceptval(check=False)
    def charge(
        self,
        account: cython.int,
        wallet: cython.int,
        asset: cython.int,
        amount: cython.longlong,
        product: cython.int,
    ) -> cython.void:
        """Post a fee; in BNB at the discount where the wallet holds enough of it."""
        price: cython.double
        available: cython.double
        discounted: cython.longlong
        self.fill_row[self.n_fill_rows, 7] = amount
        self.fill_row[self.n_fill_rows, 8] = asset
        if (
            amount
            and self.bnb >= 0
            and self.fee_e8[product, 2]
            and self.pools.index[self.bnb] > 0.0
        ):
            if self.pools.index[asset] > 0.0 and self.ledger.available(wallet, self.bnb) > 0:
                price = self.pools.index[asset] / self.pools.index[self.bnb]
                discounted = scaled(amount, E8 - self.fee_e8[product, 2], E8)
                available = self.ledger.available(wallet, self.bnb)
                if discounted * price < available:  # as a float first: it may be any number
                    discounted = cython.cast(cython.longlong, discounted * price) + 1
                    # The undiscounted worth was counted before; correct it to what was paid.
                    self.fees_paid[account] -= (
                        amount * UNIT * self.pools.index[asset]
                        - discounted * UNIT * self.pools.index[self.bnb]
                    )
                    asset = self.bnb
                    amount = discounted
                    self.fill_row[self.n_fill_rows, 7] = amount
                    self.fill_row[self.n_fill_rows, 8] = asset
        if amount == 0:
            return
        self.ledger.post(wallet, asset, -amount)
        self.ledger.post(FEE_WALLET, asset, amount)

    @cython.cfunc
    @cython.exceptval(check=False)
    def fit_isolated(
        self,
        account: cython.int,
        position: cython.int,
        before: cython.longlong,
        price: cython.longlong,
        realized: cython.longlong,
    ) -> cython.void:
        """Move margin between the cash wallet and an isolated position's after a fill.

        What opens takes its initial margin at the fill price with it; what closes gives its share
        of the wallet back, all of it when the position is flat.
        """
        instrument: cython.int = position % self.instruments
        cash: cython.int = self.cash_wallet[account, instrument]
        own: cython.int = self.margin_wallet[account, position]
        asset: cython.int = self.settled_in[instrument]
        after: cython.longlong = self.ledger.quantity[account, position]
        balance: cython.longlong = self.ledger.balance[own, asset]
        at: cython.int = (account - 1) * self.instruments + instrument  # as `place` has it
        old: cython.longlong = before if before > 0 else -before
        new: cython.longlong = after if after > 0 else -after
        amount: cython.longlong = 0
        if new == 0 or (before != 0 and (before > 0) != (after > 0)):
            if balance < 0:
                # An isolated position loses its margin and nothing else.
                self.ledger.post(INSURANCE_WALLET, asset, balance)
                self.ledger.post(own, asset, -balance)
                self.records.add(
                    self.now,
                    SHORTFALL,
                    account,
                    -1,
                    self.pools.pool_of[account, position],
                    0,
                    asset,
                    -balance,
                )
                if account == TRADER:
                    self.shortfall += -balance * UNIT * self._index(asset)
                balance = 0
            amount = -balance
            old = 0
        elif new < old:
            # The share of what was there before the fill, and the fill's profit or loss with it:
            # what stays open keeps its own margin, so closing a part never weakens the rest.
            if balance - realized > 0:
                amount = -(scaled(balance - realized, old - new, old) + realized)
            if amount > 0:
                amount = 0
            elif amount < -balance:
                amount = -balance if balance > 0 else 0
        if new > old:
            amount += cython.cast(
                cython.longlong,
                self.ledger.value(instrument, new - old, price)
                * self.pools.margin_rate(
                    instrument if at < instrument or at >= self.max_notional.shape[0] else at
                ),
            )
        have: cython.longlong = self.ledger.balance[cash, asset]
        if (
            amount > 0
            and amount > have
            and amount * UNIT * self._index(asset)
            > self.pools.equity_of(self.cash_pool[account, instrument])
        ):
            # The fee or a price away from the mark took more than admission saw: the position
            # starts with what there is, and the shared wallet never owes for it.
            amount = have if have > 0 else 0
        if amount:
            self.ledger.post(cash, asset, -amount)
            self.ledger.post(own, asset, amount)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _keep_fill(
        self,
        slot: cython.int,
        price: cython.longlong,
        lots: cython.longlong,
        maker: cython.bint,
        realized: cython.longlong,
    ) -> cython.void:
        at: cython.longlong = self.n_fill_rows
        if not self.trades[self.orders.row[slot, ACCOUNT]]:
            return  # a crowd's fills are in the liquidator's logs
        self.fill_row[at, 0] = self.now
        self.fill_row[at, 1] = self.orders.row[slot, INSTRUMENT]
        self.fill_row[at, 2] = self.orders.row[slot, SEQ]
        self.fill_row[at, 3] = self.orders.row[slot, SIDE]
        self.fill_row[at, 4] = price
        self.fill_row[at, 5] = lots
        self.fill_row[at, 6] = 1 if maker else 0
        self.fill_row[at, 9] = realized
        self.fill_row[at, 10] = self.orders.row[slot, FLAGS] & LIQUIDATION_FLAG
        self.fill_row[at, 11] = self.orders.row[slot, ACCOUNT]
        self.fill_row[at, 12] = self.orders.row[slot, POSITION]
        self.n_fill_rows += 1
        if self.n_fill_rows == self.fill_row.shape[0]:
            self._grow_fills()

    @cython.cfunc
    @cython.exceptval(check=False)
    def keep_transfer(
        self,
        account: cython.int,
        position: cython.int,
        side: cython.int,
        price: cython.longlong,
        lots: cython.longlong,
        realized: cython.longlong,
    ) -> cython.void:
        """Keep a row for a position that was taken over or deleveraged, outside any order."""
        at: cython.longlong = self.n_fill_rows
        self.fill_row[at, 0] = self.now
        self.fill_row[at, 1] = position % self.instruments
        self.fill_row[at, 2] = 0
        self.fill_row[at, 3] = side
        self.fill_row[at, 4] = price
        self.fill_row[at, 5] = lots
        self.fill_row[at, 6] = self.fill_row[at, 7] = 0
        self.fill_row[at, 8] = self.settled_in[position % self.instruments]
        self.fill_row[at, 9] = realized
        self.fill_row[at, 10] = LIQUIDATION_FLAG
        self.fill_row[at, 11] = account
        self.fill_row[at, 12] = position
        self.n_fill_rows += 1
        if self.n_fill_rows == self.fill_row.shape[0]:
            self._grow_fills()

    def place(self, account: int, instrument: int) -> int:
        """Where an account's leverage of an instrument stands, and the notional it allows:
        `simulator.risk.pools.place_of`.
        """
        at = (account - 1) * self.instruments + instrument
        return at if instrument <= at < len(self.max_notional) else instrument

    def _grow_fills(self) -> None:
        grown = np.zeros((2 * self.fill_row.shape[0], 13), dtype="i8")
        grown[: self.n_fill_rows] = np.asarray(self.fill_row)[: self.n_fill_rows]
        self.fill_row = memoryview(grown)

    @cython.cfunc
    @cython.exceptval(check=False)
    def trim_reducing(self, account: cython.int, position: cython.int) -> cython.void:
        """Reduce-only orders must not outgrow the position: trim them, oldest kept longest."""
        self._trim(account, position)

    def _trim(self, account: int, slot_of_position: int) -> None:
        book: Book = self.books[slot_of_position % self.instruments]
        rows = np.asarray(self.orders.row)
        found = np.flatnonzero(
            (rows[:, STATE] == WORKING)
            & (rows[:, ACCOUNT] == account)
            & (rows[:, POSITION] == slot_of_position)
            & (rows[:, FLAGS] & REDUCE_ONLY_FLAG != 0)
        )
        position = int(self.ledger.quantity[account, slot_of_position])
        left = abs(position)
        for slot in sorted(found.tolist(), key=lambda s: int(rows[s, SEQ])):
            resting = int(book.remaining(slot))
            if resting == 0:
                continue
            reduces = position and (position > 0) != (rows[slot, SIDE] > 0)
            kept = min(resting, left) if reduces else 0
            left -= kept
            if kept < resting:
                book.reduce(slot, resting - kept)
                rows[slot, LOTS] -= resting - kept
                self.uncount(slot, resting - kept)
                if kept:
                    if rows[slot, HELD]:
                        self.hold(slot, kept)  # a bought option's premium
                    self.record(slot, REDUCED, int(rows[slot, PRICE]), resting - kept)

    def count_rejection(self, reason: int) -> None:
        """Count a refusal that is not an order's."""
        self.rejections[reason] += 1

    def rejected(self) -> list[int]:
        """Refusals by reason."""
        return [int(n) for n in np.asarray(self.rejections)]

    def fills(self):
        """Rows of all fills of accounts that trade; columns as ``_keep_fill`` writes them."""
        return np.asarray(self.fill_row)[: self.n_fill_rows]

    def fees_of(self, account: int) -> float:
        """Trading fees an account paid, USDT."""
        return float(self.fees_paid[account])
