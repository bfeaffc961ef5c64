"""Liquidation of margin pools: orders in the books, then debts, then the fund (hot module).

One pool at a time, in the order in which the upkeep brings them: its orders are cancelled; if it is
still at its threshold its positions are closed by orders that trade at once, no further than the
bankruptcy price, until the pool is above its target; what could not be closed goes down the
waterfall (``simulator.exchange.waterfall``); a pool that is flat trades what it has for what it
owes, and the fund takes what is bankrupt.  Which position is closed and how far is
`Closing.choose`; its readable twin is ``simulator.liquidation.plan``.

Nothing here asks for the account mode or for who trades: accounts, wallets and pools are columns.
Every step lowers the lots that accounts hold or what they owe and none raises them, so a cascade
ends (docs/concepts/liquidation.md).
"""

from typing import Any

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.book.columns import Book
    from cython.cimports.simulator.exchange.waterfall import Waterfall
    from cython.cimports.simulator.units.arithmetic import scaled
else:
    from simulator.book.columns import Book
    from simulator.exchange.waterfall import Waterfall
    from simulator.units.arithmetic import scaled

INSURANCE_WALLET = cython.declare(cython.int, 4)

SPOT = cython.declare(cython.int, 0)
INVERSE = cython.declare(cython.int, 2)
OPTION = cython.declare(cython.int, 3)

LIQUIDATION_FLAG = cython.declare(cython.int, 4)
MARGIN_FLAG = cython.declare(cython.int, 8)

# simulator.risk.levels
LIQUIDATION = cython.declare(cython.int, 3)

# simulator.events.outcomes
LIQUIDATED = cython.declare(cython.int, 14)
SHORTFALL = cython.declare(cython.int, 15)

# Kinds of pool by number: simulator.risk.columns.KINDS
UM = cython.declare(cython.int, 2)
CM = cython.declare(cython.int, 3)

TO_TARGET = cython.declare(cython.int, 0)
TO_BRACKET = cython.declare(cython.int, 1)
WHOLE = cython.declare(cython.int, 2)
PARTS = ("target", "bracket", "whole")

# Stages of a closing: simulator.exchange.waterfall
ORDER_STAGE = cython.declare(cython.int, 0)
SPOT_STAGE = cython.declare(cython.int, 4)

# What stands in the way of a position that an order did not close.
OPEN_WAY = cython.declare(cython.int, 0)
NO_LIQUIDITY = cython.declare(cython.int, 1)
BEYOND = cython.declare(cython.int, 2)

NO_PRICE = cython.declare(cython.double, 1e12)
"""Ticks from which on there is no price."""

E8 = cython.declare(cython.longlong, 100_000_000)
UNIT = cython.declare(cython.double, 1e-8)
PARTICLE = cython.declare(cython.double, 0.001)
"""What float rounding may take from a number of units."""
LEAST_COST = cython.declare(cython.double, 1e-9)
"""A position that costs nothing to close costs this share of its notional, so that the order of
positions is defined."""


@cython.cclass
class Closing(Waterfall):
    """Liquidates pools; `liquidate` is all that the upkeep asks for.

    ``cold`` also hears ``liquidated`` for accounts that trade.
    """

    def __init__(self, venue, columns, cold) -> None:
        Waterfall.__init__(self, venue, columns, cold)
        self.partial = PARTS.index(columns["liquidation"].partial)
        self.busy = False
        self.way = memoryview(np.zeros(max(1, self.ledger.slots), dtype="i4"))
        self.returned = 0.0
        self.take_mode(columns["target"])

    def take_mode(self, target) -> None:
        """Take pools as they are now; ``target`` ends a liquidation, by kind of pool."""
        self.target = memoryview(np.array(target, dtype="f8"))
        self.stuck = memoryview(np.zeros(max(1, self.pools.count), dtype="i1"))
        self.call_of = memoryview(np.full(max(1, self.pools.count), -1, dtype="i4"))

    def kept(self) -> tuple[Any, ...]:
        """All that a switch of an account's mode changes here, for ``restore``."""
        return np.array(self.target), np.array(self.stuck), np.array(self.call_of)

    def restore(self, kept) -> None:
        """Be as it was when ``kept`` was asked: the switch failed."""
        self.target, self.stuck, self.call_of = (memoryview(column) for column in kept)

    @cython.ccall
    @cython.exceptval(check=False)
    def recovered(self, pool: cython.int) -> cython.void:
        """A pool is above its threshold again: its next liquidation is another one."""
        self.stuck[pool] = 0
        self.call_of[pool] = -1

    # One pool

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def liquidate(self, pool: cython.int) -> cython.int:
        """Liquidate a pool that is at its threshold now; return whether anything was done.

        Its orders are cancelled first; a pool that is above its threshold then is left alone.
        """
        if self.busy:
            return 0
        account: cython.int = self.pools.account[pool]
        wallet: cython.int = self.pools.wallet[pool]
        equity: cython.double
        maintenance: cython.double
        self.pools.evaluate(pool)
        equity = self.pools.equity[pool]
        maintenance = self.pools.maintenance[pool]
        if self.pools.level[pool] < LIQUIDATION:
            return 0
        if not self._has_more(pool, wallet, equity):
            return 0
        self.busy = True
        done: cython.bint = False
        something: cython.int
        try:
            something = self._liquidate(pool, account, wallet, equity, maintenance)
            done = True
        finally:
            self.busy = False
            if not done:
                self.ledger.broken = True  # half of it is booked: the venue must not go on
        return something

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _liquidate(
        self,
        pool: cython.int,
        account: cython.int,
        wallet: cython.int,
        equity: cython.double,
        maintenance: cython.double,
    ) -> cython.int:
        progress: cython.bint
        bankrupt: cython.bint = False
        lost: cython.double = self.shortfall_of[account]
        after: cython.double
        rows: cython.longlong = self.n_closings
        if self.venue.trades[account]:
            self.venue.pull_orders(account, pool)
            self.pools.evaluate(pool)
            if self.pools.level[pool] < LIQUIDATION:
                return 0
        if not self.stuck[pool]:
            self.venue.records.add(self.venue.now, LIQUIDATED, account, -1, pool, 0, 0, 0)
        # Nothing may be on offer; then each check tries again and it stays one liquidation.
        self.stuck[pool] = 1
        self.returned = 0.0
        self.repaid = 0
        self.close_positions(pool)
        if not self.holding(pool) and self.settle_debts(pool, wallet):
            self.pools.evaluate(pool)
        bankrupt = self.shortfall_of[account] > lost
        progress = self.n_closings > rows or self.repaid != 0 or bankrupt
        if not progress:
            return 0
        after = self.pools.equity[pool] + self.returned
        self._keep_call(pool, account, bankrupt, equity, maintenance, after)
        if self.pools.level[pool] < LIQUIDATION or not self._has_more(
            pool, wallet, self.pools.equity[pool]
        ):
            self.recovered(pool)
        if self.venue.trades[account]:
            self.cold.liquidated(pool, equity, maintenance, after)
        return 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def _keep_call(
        self,
        pool: cython.int,
        account: cython.int,
        bankrupt: cython.bint,
        equity: cython.double,
        maintenance: cython.double,
        after: cython.double,
    ) -> cython.void:
        """Keep a row of `calls`, or bring that of the same liquidation up to date."""
        at: cython.longlong = self.call_of[pool]
        if at < 0:
            if self.n_calls == self.call_whole.shape[0]:
                self._grow_calls()
            at = self.n_calls
            self.n_calls += 1
            self.call_of[pool] = cython.cast(cython.int, at)
            self.call_whole[at, 0] = self.venue.now
            self.call_whole[at, 1] = account
            self.call_whole[at, 2] = pool
            self.call_whole[at, 3] = 0
            self.call_real[at, 0] = equity
            self.call_real[at, 1] = maintenance
        if bankrupt:
            self.call_whole[at, 3] = 1
        self.call_real[at, 2] = after

    @cython.cfunc
    @cython.exceptval(check=False)
    def holding(self, pool: cython.int) -> cython.bint:
        """Whether a pool has any position."""
        account: cython.int = self.pools.account[pool]
        n: cython.Py_ssize_t
        for n in range(self.pools.slot_first[pool], self.pools.slot_first[pool + 1]):
            if self.ledger.quantity[account, self.pools.pool_slots[n]] != 0:
                return True
        return False

    @cython.cfunc
    @cython.exceptval(check=False)
    def _has_more(self, pool: cython.int, wallet: cython.int, equity: cython.double) -> cython.bint:
        """Whether a pool has what a liquidation can close, sell or hand over."""
        return self.holding(pool) or equity < 0.0 or self.owes(wallet)

    @cython.cfunc
    @cython.exceptval(check=False)
    def owes(self, wallet: cython.int) -> cython.bint:
        """Whether a wallet has loans."""
        asset: cython.int
        found: cython.bint = False
        for asset in range(self.ledger.assets):
            if self.ledger.owed(wallet, asset) != 0:
                found = True
        return found

    # Positions

    @cython.cfunc
    @cython.exceptval(check=False)
    def safe(
        self, pool: cython.int, equity: cython.double, maintenance: cython.double
    ) -> cython.bint:
        """Whether a pool with these figures is above its target."""
        if equity <= 0.0:
            return False
        return maintenance == 0.0 or equity > self.target[self.pools.kind[pool]] * maintenance

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def close_positions(self, pool: cython.int) -> cython.int:
        """Close by orders until the pool is above its target; hand over what cannot be closed.

        The pool has just been evaluated, before and after.
        """
        account: cython.int = self.pools.account[pool]
        n: cython.Py_ssize_t
        slot: cython.int
        lots: cython.longlong
        beyond: cython.bint = False
        for n in range(self.pools.slot_first[pool], self.pools.slot_first[pool + 1]):
            self.way[self.pools.pool_slots[n]] = OPEN_WAY
        slot = self.choose(pool)
        while slot >= 0:
            lots = self.chosen_lots
            self._order(pool, account, slot, lots)
            if self.way[slot] == BEYOND:
                beyond = True
            self.pools.evaluate(pool)
            slot = self.choose(pool)
        # Not before the book has had its chance, nor while only liquidity is missing.
        if (
            self.pools.level[pool] >= LIQUIDATION
            and self.holding(pool)
            and (beyond or self.worth_of(pool) <= 0.0)
        ):
            self.hand_over(pool)
            self.pools.evaluate(pool)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def choose(self, pool: cython.int) -> cython.int:
        """Return the slot to close next and set ``chosen_lots``; -1 where nothing is to be closed.

        The pool has just been evaluated, and its figures are as they were where nothing is found.
        Short options come first; of the others the one whose closing lowers the requirement most
        per unit of cost, ties by slot: with equity E and requirement M the ratio rises by E / M^2
        per unit of requirement and falls by 1 / M per unit of cost, so that this is the order of
        the ratio's gain per unit of cost too.
        """
        account: cython.int = self.pools.account[pool]
        equity: cython.double = self.pools.equity[pool]
        maintenance: cython.double = self.pools.maintenance[pool]
        n: cython.Py_ssize_t
        slot: cython.int
        found: cython.int = 0
        best: cython.int = -1
        lots: cython.longlong
        useful: cython.longlong = 0
        gain: cython.double
        most: cython.double = 0.0
        options: cython.bint = False
        if self.safe(pool, equity, maintenance):
            return -1
        for n in range(self.pools.slot_first[pool], self.pools.slot_first[pool + 1]):
            slot = self.pools.pool_slots[n]
            if self.ledger.quantity[account, slot] != 0 and self.way[slot] == OPEN_WAY:
                if self._short_option(account, slot) and not options:
                    options = True
                    found = 0
                if not options or self._short_option(account, slot):
                    found += 1
        if found == 0:
            return -1
        for n in range(self.pools.slot_first[pool], self.pools.slot_first[pool + 1]):
            slot = self.pools.pool_slots[n]
            if self.ledger.quantity[account, slot] == 0 or self.way[slot] != OPEN_WAY:
                continue
            if options and not self._short_option(account, slot):
                continue
            lots = self.most_useful(pool, account, slot, equity)
            gain = 0.0
            if found > 1 and lots > 0:
                gain = maintenance - self.needed(pool, account, slot, lots)
                gain = gain / self.cost(slot, self.ledger.quantity[account, slot], lots)
            if best < 0 or gain > most:
                best = slot
                most = gain
                useful = lots
        self.chosen_lots = self.how_far(pool, account, best, useful, equity)
        return best

    @cython.cfunc
    @cython.exceptval(check=False)
    def _short_option(self, account: cython.int, slot: cython.int) -> cython.bint:
        return (
            self.ledger.quantity[account, slot] < 0
            and self.pools.product[self.instrument_of(slot)] == OPTION
        )

    @cython.cfunc
    @cython.exceptval(check=False)
    def needed(
        self, pool: cython.int, account: cython.int, slot: cython.int, lots: cython.longlong
    ) -> cython.double:
        """Maintenance margin of a pool with ``lots`` of a position closed, USD."""
        held: cython.longlong = self.ledger.quantity[account, slot]
        maintenance: cython.double
        self.ledger.quantity[account, slot] = held - lots if held > 0 else held + lots
        self.pools.evaluate(pool)
        maintenance = self.pools.maintenance[pool]
        self.ledger.quantity[account, slot] = held
        return maintenance

    @cython.cfunc
    @cython.exceptval(check=False)
    def most_useful(
        self,
        pool: cython.int,
        account: cython.int,
        slot: cython.int,
        equity: cython.double,
    ) -> cython.longlong:
        """Lots to close where the requirement is least: no leg of a hedge is closed beyond it."""
        held: cython.longlong = self.ledger.quantity[account, slot]
        low: cython.longlong = 0
        high: cython.longlong = held if held > 0 else -held
        middle: cython.longlong
        # By brackets every position needs margin by itself.
        if equity <= 0.0 or self.pools.by_brackets[self.pools.kind[pool]]:
            return high
        while low < high:  # the requirement falls, then rises
            middle = (low + high) // 2
            if self.needed(pool, account, slot, middle) > self.needed(
                pool, account, slot, middle + 1
            ):
                low = middle + 1
            else:
                high = middle
        return low

    @cython.cfunc
    @cython.exceptval(check=False)
    def cost(self, slot: cython.int, held: cython.longlong, lots: cython.longlong) -> cython.double:
        """What closing lots costs against the mark by the displayed book, with the fee, USD."""
        i: cython.int = self.instrument_of(slot)
        book: Book = self.venue.books[i]
        side: cython.int = 1 if held > 0 else -1
        price: cython.longlong = book.best(side)
        last: cython.longlong = price
        take: cython.longlong
        left: cython.longlong = lots
        worth: cython.double = self.pools.notional(i, cython.cast(cython.double, lots))
        paid: cython.double = 0.0
        while left > 0 and price:
            take = book.shown(side, price)
            if take > left:
                take = left
            paid += self._against_mark(i, side, take, price)
            left -= take
            last = price
            price = book.next_level(side, price)
        if left > 0 and last > 0:
            paid += self._against_mark(i, side, left, last)
        paid += worth * self.fee_e8 * UNIT
        return paid if paid > LEAST_COST * worth else LEAST_COST * (worth if worth > 0.0 else 1.0)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _against_mark(
        self,
        i: cython.int,
        side: cython.int,
        lots: cython.longlong,
        price: cython.longlong,
    ) -> cython.double:
        """Loss of trading lots of a long (side 1) or short position at a price, USD."""
        at: cython.double = price * self.tick_of(i)
        loss: cython.double = side * (self.pools.mark[i] - at) * lots * self.pools.lot[i]
        if self.pools.product[i] == INVERSE:
            loss = loss / (at * self.pools.mark[i]) if self.pools.mark[i] > 0.0 else 0.0
        return loss * self.pools.index[self.pools.settle[i]]

    @cython.cfunc
    @cython.exceptval(check=False)
    def how_far(
        self,
        pool: cython.int,
        account: cython.int,
        slot: cython.int,
        useful: cython.longlong,
        equity: cython.double,
    ) -> cython.longlong:
        """Lots that one order closes of the position chosen, by the rule of partial closing.

        As far as the target asks with the clearance fee paid; where no part of it can reach the
        target, all that helps goes in one order: part by part the fee would eat the equity.
        """
        held: cython.longlong = self.ledger.quantity[account, slot]
        size: cython.longlong = held if held > 0 else -held
        kind: cython.int = self.pools.kind[pool]
        low: cython.longlong
        high: cython.longlong
        middle: cython.longlong
        future: cython.bint = kind in (UM, CM)
        if future and self.partial == WHOLE:
            return size
        if future and self.partial == TO_BRACKET and self.pools.by_brackets[kind]:
            return self.to_lower_bracket(self.instrument_of(slot), size)
        # Where no single position helps, such as two that only hedge each other, all of one goes.
        if useful == 0:
            useful = size
        high = useful
        if not self._enough_closed(pool, account, slot, high, equity):
            high = self._best_closed(pool, account, slot, useful)
            if not self._enough_closed(pool, account, slot, high, equity):
                return useful
        low = 0  # closing `low` is not enough, closing `high` is
        while high - low > 1:
            middle = (low + high) // 2
            if self._enough_closed(pool, account, slot, middle, equity):
                high = middle
            else:
                low = middle
        return high

    @cython.cfunc
    @cython.exceptval(check=False)
    def _fee_of(self, slot: cython.int, lots: cython.longlong) -> cython.double:
        """Clearance fee of closing lots at the mark, USD."""
        worth: cython.double = self.pools.notional(
            self.instrument_of(slot), cython.cast(cython.double, lots)
        )
        return worth * self.fee_e8 * UNIT

    @cython.cfunc
    @cython.exceptval(check=False)
    def _enough_closed(
        self,
        pool: cython.int,
        account: cython.int,
        slot: cython.int,
        lots: cython.longlong,
        equity: cython.double,
    ) -> cython.bint:
        """Whether closing lots of a position brings the pool above its target, the fee paid."""
        needed: cython.double = self.needed(pool, account, slot, lots)
        return self.safe(pool, equity - self._fee_of(slot, lots), needed)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _best_closed(
        self, pool: cython.int, account: cython.int, slot: cython.int, useful: cython.longlong
    ) -> cython.longlong:
        """Lots from which on closing more costs more fee than it frees, times the target.

        Where a fee is above a low bracket's maintenance, closing more takes the ratio down.
        """
        target: cython.double = self.target[self.pools.kind[pool]]
        low: cython.longlong = 0
        high: cython.longlong = useful
        middle: cython.longlong
        freed: cython.double
        while low < high:
            middle = (low + high) // 2
            freed = self.needed(pool, account, slot, middle)
            freed -= self.needed(pool, account, slot, middle + 1)
            if target * freed > self._fee_of(slot, 1):
                low = middle + 1
            else:
                high = middle
        return low

    @cython.cfunc
    @cython.exceptval(check=False)
    def to_lower_bracket(self, i: cython.int, size: cython.longlong) -> cython.longlong:
        """Lots after whose closing a position stands in the next lower bracket, all in the lowest.

        A notional equal to a bracket's cap is in the next one.
        """
        b: cython.Py_ssize_t = self.pools.bracket_first[i]
        first: cython.Py_ssize_t = b
        last: cython.Py_ssize_t = self.pools.bracket_first[i + 1] - 1
        one: cython.double = self.size_at_mark(i, 1.0) * UNIT
        kept: cython.longlong
        if last < b or one <= 0.0:
            return size
        while b < last and one * size >= self.pools.cap[b]:
            b += 1
        if b == first:
            return size
        kept = cython.cast(cython.longlong, self.pools.cap[b - 1] / one)
        while kept > 0 and one * kept >= self.pools.cap[b - 1]:
            kept -= 1
        if kept >= size:
            kept = size - 1
        return size - kept

    @cython.cfunc
    @cython.exceptval(check=False)
    def bankruptcy_price(
        self, i: cython.int, held: cython.longlong, worth: cython.double
    ) -> cython.double:
        """Price in quote units at which closing a position takes all of ``worth`` (USD), other
        marks as they are; 0 or below, or infinite: there is none.
        """
        usd: cython.double = self.pools.index[self.pools.settle[i]]
        size: cython.double = (held if held > 0 else -held) * self.pools.lot[i]
        side: cython.double = 1.0 if held > 0 else -1.0
        if usd <= 0.0 or size <= 0.0:
            return 0.0
        if self.pools.product[i] != INVERSE:
            return self.pools.mark[i] - side * worth / usd / size
        size = 1.0 / self.pools.mark[i] + side * worth / usd / size
        return 1.0 / size if size > 0.0 else 1e300

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _order(
        self,
        pool: cython.int,
        account: cython.int,
        slot: cython.int,
        lots: cython.longlong,
    ) -> cython.int:
        """One order for a position; what it leaves open is set aside with what stood in its way."""
        i: cython.int = self.instrument_of(slot)
        held: cython.longlong = self.ledger.quantity[account, slot]
        side: cython.int = -1 if held > 0 else 1
        asset: cython.int = self.pools.settle[i]
        cash: cython.int = self.venue.cash_wallet[account, i]
        before: cython.longlong = self.ledger.balance[cash, asset]
        mark: cython.double = self.pools.mark[i]
        price: cython.double = self.bankruptcy_price(i, held, self.worth_of(pool))
        reach: cython.double = mark * (1.0 + side * self.bound)
        bounded: cython.bint = False
        limit: cython.longlong
        filled: cython.longlong
        if self.bound >= 0.0 and (reach > price if side < 0 else reach < price):
            bounded = True
            price = reach
        price = price / self.tick_of(i)
        limit = self.ticks(side, price)
        filled = 0
        # A pool may be so deep below 0 that no price is good enough.
        if (side < 0 and price < NO_PRICE) or (side > 0 and price > 0.0):
            filled = self.venue.forced(account, slot, side, lots, LIQUIDATION_FLAG, limit)
        if filled > 0:
            self._charge(pool, account, slot, side, filled, self.venue.forced_value, before)
        if filled < lots:
            self.way[slot] = self._why(i, side, bounded)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _why(self, i: cython.int, side: cython.int, bounded: cython.bint) -> cython.int:
        """What stood in an order's way: nothing displayed that it may take, or its price."""
        book: Book = self.venue.books[i]
        if bounded or book.best(-side) == 0:
            return NO_LIQUIDITY
        return BEYOND

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _charge(
        self,
        pool: cython.int,
        account: cython.int,
        slot: cython.int,
        side: cython.int,
        lots: cython.longlong,
        closed: cython.longlong,
        cash_before: cython.longlong,
    ) -> cython.int:
        """Pay the fund the clearance fee on what an order closed, as far as equity covers it.

        An isolated position that ended flat pays it from what its wallet gave back.
        """
        i: cython.int = self.instrument_of(slot)
        asset: cython.int = self.pools.settle[i]
        usd: cython.double = self.pools.index[asset]
        cash: cython.int = self.venue.cash_wallet[account, i]
        own: cython.int = self.venue.margin_wallet[account, slot]
        wallet: cython.int = own
        most: cython.longlong = 0
        fee: cython.longlong
        equity: cython.double
        if own != cash and self.ledger.quantity[account, slot] == 0:
            wallet = cash
            most = self.ledger.balance[cash, asset] - cash_before
        elif usd > 0.0:
            equity = self.pools.equity_of(pool) / usd / UNIT
            most = cython.cast(cython.longlong, equity + PARTICLE) if equity > 0.0 else 0
        fee = scaled(closed, self.fee_e8, E8)
        if fee > most:
            fee = most
        if fee < 0:
            fee = 0
        if fee > 0:
            self.ledger.move(wallet, INSURANCE_WALLET, asset, fee)
            self.fee_paid[account] += fee * UNIT * usd
        if wallet != own:
            self.returned += (most - fee) * UNIT * usd
        self.log(ORDER_STAGE, account, pool, slot, side, lots, closed, fee, -1)
        return 0

    # Debts

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def settle_debts(self, pool: cython.int, wallet: cython.int) -> cython.int:
        """A flat pool's debts: trade assets for them, then the insurance fund pays; return whether
        anything was done.  The pool has just been evaluated.

        Negative balances are covered in full.  Loans are touched where the pool is still at its
        threshold, and then as far as its target asks; a loan's own asset repays it first.
        """
        account: cython.int = self.pools.account[pool]
        called: cython.bint
        i: cython.int
        asset: cython.int
        units: cython.longlong
        rows: cython.longlong = self.n_closings
        total: cython.double = 0.0
        called = self.pools.level[pool] >= LIQUIDATION and self.owes(wallet)
        if called:
            self._repay(pool, wallet)
        for i in range(self.instruments):
            if self.pools.product[i] == SPOT and (
                wallet == self.venue.cash_wallet[account, i]
                or wallet == self.venue.lending_wallet[account, i]
            ):
                while self._sell_for_debt(pool, i, wallet, called) or self._buy_for_debt(
                    pool, i, wallet, called
                ):
                    pass
        if called:
            self._repay(pool, wallet)
        total = self.wallet_worth(wallet)
        if total >= 0.0:
            # What is held covers the debt: it waits for a buyer.
            return 1 if self.n_closings > rows or self.repaid != 0 else 0
        for asset in range(self.ledger.assets):
            units = -self._debt(wallet, asset, True)
            if units == 0 or self.pools.index[asset] == 0.0:
                continue
            # The fund takes the whole wallet over, what could not be sold with the debts.
            self.ledger.move(INSURANCE_WALLET, wallet, asset, -units)
            if units < 0:
                self.venue.records.add(
                    self.venue.now, SHORTFALL, account, -1, pool, 0, asset, -units
                )
            self.shortfall_of[account] -= units * UNIT * self.pools.index[asset]
        self._repay(pool, wallet)
        return 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def _debt(self, wallet: cython.int, asset: cython.int, loans: cython.bint) -> cython.longlong:
        """What a wallet lacks of an asset, below 0 where it has some."""
        if loans:
            return self.ledger.owed(wallet, asset) - self.ledger.balance[wallet, asset]
        return -self.ledger.balance[wallet, asset]

    @cython.cfunc
    @cython.exceptval(check=False)
    def _repay(self, pool: cython.int, wallet: cython.int) -> cython.void:
        """Repay every loan as far as its own asset goes."""
        asset: cython.int
        available: cython.longlong
        for asset in range(self.ledger.assets):
            available = self.ledger.available(wallet, asset)
            if available > 0 and self.ledger.owed(wallet, asset) != 0:
                self.repaid += self.venue.pay_debt(
                    self.pools.account[pool], wallet, asset, available
                )

    @cython.cfunc
    @cython.exceptval(check=False)
    def _flags(self, account: cython.int, instrument: cython.int, wallet: cython.int) -> cython.int:
        """Flags of the venue's own spot order from a wallet."""
        if self.venue.cash_wallet[account, instrument] == wallet:
            return LIQUIDATION_FLAG
        return LIQUIDATION_FLAG | MARGIN_FLAG

    @cython.cfunc
    @cython.exceptval(check=False)
    def _enough(
        self,
        pool: cython.int,
        i: cython.int,
        side: cython.int,
        lots: cython.longlong,
        price: cython.longlong,
    ) -> cython.longlong:
        """Of ``lots``, those whose trade at a price, and what it repays, reach the target."""
        low: cython.longlong = 0
        high: cython.longlong = lots
        middle: cython.longlong
        if not self._safe_after(pool, i, side, lots, price):
            return lots
        while high - low > 1:
            middle = (low + high) // 2
            if self._safe_after(pool, i, side, middle, price):
                high = middle
            else:
                low = middle
        return high

    @cython.cfunc
    @cython.exceptval(check=False)
    def _safe_after(
        self,
        pool: cython.int,
        i: cython.int,
        side: cython.int,
        lots: cython.longlong,
        price: cython.longlong,
    ) -> cython.bint:
        """Whether a pool is above its target once it traded lots and repaid what came of them."""
        wallet: cython.int = self.pools.wallet[pool]
        base: cython.int = self.venue.base[i]
        quote: cython.int = self.venue.quote[i]
        got: cython.int = quote if side < 0 else base
        in_base: cython.longlong = self.ledger.balance[wallet, base]
        in_quote: cython.longlong = self.ledger.balance[wallet, quote]
        loan: cython.longlong = self.ledger.loan[wallet, got]
        paid: cython.longlong
        reached: cython.bint
        self.ledger.balance[wallet, base] += side * lots * self.venue.base_unit[i]
        self.ledger.balance[wallet, quote] -= side * self.ledger.value(i, lots, price)
        paid = self.ledger.balance[wallet, got]
        if paid > loan:
            paid = loan
        if paid > 0:
            self.ledger.loan[wallet, got] -= paid
            self.ledger.balance[wallet, got] -= paid
        self.pools.evaluate(pool)
        reached = self.safe(pool, self.pools.equity[pool], self.pools.maintenance[pool])
        self.ledger.balance[wallet, base] = in_base
        self.ledger.balance[wallet, quote] = in_quote
        self.ledger.loan[wallet, got] = loan
        self.pools.evaluate(pool)
        return reached

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _sell_for_debt(
        self, pool: cython.int, i: cython.int, wallet: cython.int, loans: cython.bint
    ) -> cython.bint:
        """Sell a base asset where its quote asset is owed; whether that filled and debt is left.

        A tenth of a percent more than the debt at the best bid: worse levels may be needed.
        """
        quote: cython.int = self.venue.quote[i]
        base: cython.int = self.venue.base[i]
        debt: cython.longlong = self._debt(wallet, quote, loans)
        have: cython.longlong = self.ledger.available(wallet, base)
        own: cython.longlong = -self._debt(wallet, base, loans)
        book: Book = self.venue.books[i]
        price: cython.longlong = book.best(1)
        wanted: cython.longlong
        lots: cython.longlong
        if have > own:
            have = own
        lots = have // self.venue.base_unit[i] if have > 0 else 0
        if debt <= 0 or lots <= 0 or price <= 0 or self._reached(pool, loans):
            return False
        wanted = self._lots_worth(debt, self.ledger.value(i, 1, price))
        if lots > wanted:
            lots = wanted
        if loans:
            lots = self._enough(pool, i, -1, lots, price)
        if not self._trade_spot(pool, i, wallet, -1, lots):
            return False
        if loans:
            self._repay(pool, wallet)
        return self._debt(wallet, quote, loans) > 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _lots_worth(self, debt: cython.longlong, one: cython.longlong) -> cython.longlong:
        """Lots worth a tenth of a percent more than a debt, rounded up."""
        more: cython.longlong = debt + debt // 1000 + 1
        return (more + one - 1) // one if one > 0 else 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _buy_for_debt(
        self, pool: cython.int, i: cython.int, wallet: cython.int, loans: cython.bint
    ) -> cython.bint:
        """Buy a base asset that is owed, for its quote; whether that filled and debt is left.

        A tenth of a percent of the quote is kept back: worse levels may be needed.
        """
        quote: cython.int = self.venue.quote[i]
        base: cython.int = self.venue.base[i]
        debt: cython.longlong = self._debt(wallet, base, loans)
        have: cython.longlong = self.ledger.available(wallet, quote)
        own: cython.longlong = -self._debt(wallet, quote, loans)
        book: Book = self.venue.books[i]
        price: cython.longlong = book.best(-1)
        one: cython.longlong
        lots: cython.longlong
        wanted: cython.longlong
        if have > own:
            have = own
        if debt <= 0 or have <= 0 or price <= 0 or self._reached(pool, loans):
            return False
        one = self.ledger.value(i, 1, price)
        lots = (have - have // 1000) // one if one > 0 else 0
        wanted = (debt + self.venue.base_unit[i] - 1) // self.venue.base_unit[i]
        if lots <= 0:
            return False
        if lots > wanted:
            lots = wanted
        if loans:
            lots = self._enough(pool, i, 1, lots, price)
        if not self._trade_spot(pool, i, wallet, 1, lots):
            return False
        if loans:
            self._repay(pool, wallet)
        return self._debt(wallet, base, loans) > 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _reached(self, pool: cython.int, loans: cython.bint) -> cython.bint:
        """Whether loans need no more of a pool's assets: it is above its target."""
        if not loans:
            return False
        self.pools.evaluate(pool)
        return self.safe(pool, self.pools.equity[pool], self.pools.maintenance[pool])

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _trade_spot(
        self,
        pool: cython.int,
        i: cython.int,
        wallet: cython.int,
        side: cython.int,
        lots: cython.longlong,
    ) -> cython.bint:
        """One order on a spot book from a wallet; whether any of it filled."""
        account: cython.int = self.pools.account[pool]
        filled: cython.longlong = self.venue.forced(
            account, i, side, lots, self._flags(account, i, wallet), 0
        )
        if filled == 0:
            return False
        self.log(SPOT_STAGE, account, pool, i, side, filled, self.venue.forced_value, 0, -1)
        return True

    # For tests and tools, from plain Python

    def targets(self) -> list[float]:
        """Ratio above which closing stops, by kind of pool."""
        return [float(one) for one in self.target]

    def next_close(self, pool: int) -> tuple[int, int]:
        """Evaluate a pool and return the slot and the lots that would be closed next, (-1, 0) for
        none.
        """
        for n in range(int(self.pools.slot_first[pool]), int(self.pools.slot_first[pool + 1])):
            self.way[int(self.pools.pool_slots[n])] = OPEN_WAY
        self.pools.evaluate(pool)
        slot = int(self.choose(pool))
        self.pools.evaluate(pool)
        return (slot, int(self.chosen_lots)) if slot >= 0 else (-1, 0)

    def cost_of(self, slot: int, held: int, lots: int) -> float:
        """`cost`, asked from plain Python."""
        return float(self.cost(slot, held, lots))
