"""Who bears a position that no order could close in time: the insurance fund, then others (hot
module).

The loss waterfall's lower half, over the venue's columns, and the logs of both halves.  The upper
half, orders in the books, is ``simulator.exchange.closing``; formulas and sources are in
docs/concepts/liquidation.md, the readable twin of who is deleveraged is
``simulator.liquidation.ranking``.

Amounts are exact.  A position changes hands at its *bankruptcy price*: the pool's worth is shared
among its positions by notional, and each is handed over for its worth at the mark less its share,
so that the pool's wallet ends at exactly zero.  That amount, not a price in ticks, is what is
booked; who gets a part of the position gets that part of the amount, rounded towards zero with what
rounding leaves given to the next, so that the parts make the whole to the last unit.
"""

import cython
import numpy as np

from simulator.exchange.liquidation_log import CALL, CLOSING, FUND, table, twice, views

if cython.compiled:
    from cython.cimports.simulator.book.columns import Book
    from cython.cimports.simulator.exchange.venue import Venue
else:
    from simulator.book.columns import Book
    from simulator.exchange.venue import Venue

CLEARING_WALLET = cython.declare(cython.int, 3)
INSURANCE_WALLET = cython.declare(cython.int, 4)

SPOT = cython.declare(cython.int, 0)
LINEAR = cython.declare(cython.int, 1)
INVERSE = cython.declare(cython.int, 2)
OPTION = cython.declare(cython.int, 3)

LIQUIDATION_FLAG = cython.declare(cython.int, 4)

# simulator.events.outcomes
SHORTFALL = cython.declare(cython.int, 15)
TAKEN_OVER = cython.declare(cython.int, 36)
DELEVERAGED = cython.declare(cython.int, 37)

# simulator.events.fills
FORCED = cython.declare(cython.int, 10)
DELEVERAGED_ROW = cython.declare(cython.longlong, 64)

# Stages of a closing
ORDER = cython.declare(cython.int, 0)
TAKEOVER = cython.declare(cython.int, 1)
DELEVERAGE = cython.declare(cython.int, 2)
COUNTERPARTY = cython.declare(cython.int, 3)
SPOT_SALE = cython.declare(cython.int, 4)
UNWIND = cython.declare(cython.int, 5)

STAGES = ("order", "takeover", "deleverage", "counterparty", "spot", "unwind")
"""Stages by number, as `simulator.report.cascade_result` names them."""

NOBODY = cython.declare(cython.int, -1)

UNIT = cython.declare(cython.double, 1e-8)
GRAIN = cython.declare(cython.double, 1e-9)
"""What float rounding may take from a number of lots or ticks."""

PARTICLE = cython.declare(cython.double, 0.001)
"""What float rounding may take from a number of units."""

ROUNDED = cython.declare(cython.double, 2e-15)
"""Share of an amount that float rounding may take."""

MOST_WORTH = cython.declare(cython.double, 4e18)
"""Units that an amount may come to, with room beside it in 64 bits: a wild mark makes more."""


@cython.cclass
class Waterfall:
    """The insurance fund's account, auto-deleveraging, and what the venue closed for whom.

    ``columns`` are the venue's: the rules (``liquidation``), the assets, and what
    `simulator.exchange.layout.mode_columns` makes of the account mode.  ``cold`` hears what an
    account that trades must be told: ``deleveraged`` and ``taken_over``.
    """

    def __init__(self, venue: Venue, columns, cold) -> None:
        self.venue = venue
        self.ledger = venue.ledger
        self.pools = venue.pools
        self.cold = cold
        rules = columns["liquidation"]
        self.fee_e8 = rules.fee_e8
        self.bound = -1.0 if rules.bound is None else rules.bound
        self.pro_rata = rules.deleveraging == "pro_rata"
        self.capacity = rules.insurance.capacity
        self.unwind_share = rules.insurance.unwind
        self.unwind_reach = rules.insurance.unwind_reach
        names = list(columns["asset_names"])
        self.limited = memoryview(
            np.array([name in rules.insurance.balance for name in names], dtype="i4")
        )
        self.fund = self.ledger.accounts - 1
        self.instruments = venue.instruments
        accounts = self.ledger.accounts
        self.fee_paid = memoryview(np.zeros(accounts))
        self.shortfall_of = memoryview(np.zeros(accounts))
        self.closing_whole = memoryview(np.zeros((256, 10), dtype="i8"))
        self.closing_real = memoryview(np.zeros((256, 3)))
        self.n_closings = 0
        self.call_whole = memoryview(np.zeros((256, 4), dtype="i8"))
        self.call_real = memoryview(np.zeros((256, 3)))
        self.n_calls = 0
        self.history_whole = memoryview(np.zeros((256, 3), dtype="i8"))
        self.history_real = memoryview(np.zeros(256))
        self.n_history = 0
        self.known_balance = memoryview(np.zeros(max(1, len(names)), dtype="i8"))
        self.known_inventory = memoryview(np.zeros(max(1, len(names))))
        self.holds = False
        self.ranks = {}
        self.scanned = 0

    # Figures

    @cython.cfunc
    @cython.exceptval(check=False)
    def worth_of(self, pool: cython.int) -> cython.double:
        """What a pool is worth without any haircut, USD: below 0 it cannot pay what it owes."""
        wallet: cython.int = self.pools.wallet[pool]
        account: cython.int = self.pools.account[pool]
        total: cython.double = self.wallet_worth(wallet)
        n: cython.Py_ssize_t
        slot: cython.int
        for n in range(self.pools.slot_first[pool], self.pools.slot_first[pool + 1]):
            slot = self.pools.pool_slots[n]
            if self.ledger.quantity[account, slot] != 0:
                total += self.pools.position_value(account, slot)
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def wallet_worth(self, wallet: cython.int) -> cython.double:
        """Balance less what is owed, at index prices, USD."""
        asset: cython.int
        total: cython.double = 0.0
        for asset in range(self.ledger.assets):
            if self.ledger.balance[wallet, asset] != 0 or self.ledger.owed(wallet, asset) != 0:
                total += self.pools.owned(wallet, asset) * self.pools.index[asset]
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def instrument_of(self, slot: cython.int) -> cython.int:
        """Instrument of a position slot."""
        return slot if slot < self.instruments else slot - self.instruments

    @cython.cfunc
    @cython.exceptval(check=False)
    def tick_of(self, instrument: cython.int) -> cython.double:
        """Size of a tick in quote units."""
        return self.venue.tick_e8[instrument] * UNIT

    @cython.cfunc
    @cython.exceptval(check=False)
    def size_at_mark(self, instrument: cython.int, lots: cython.double) -> cython.double:
        """Worth of lots at the mark in units of the settlement asset; of an inverse contract the
        coins it is worth.
        """
        if self.pools.product[instrument] != INVERSE:
            return lots * self.pools.lot[instrument] * self.pools.mark[instrument] / UNIT
        if self.pools.mark[instrument] <= 0.0:
            return 0.0
        return lots * self.pools.lot[instrument] / self.pools.mark[instrument] / UNIT

    @cython.cfunc
    @cython.exceptval(check=False)
    def signed_units(self, instrument: cython.int, lots: cython.longlong) -> cython.longlong:
        """What signed lots count at the mark in the settlement asset: `Ledger` has the signs.  At
        most what fits.
        """
        units: cython.double = self.size_at_mark(
            instrument, cython.cast(cython.double, lots if lots > 0 else -lots)
        )
        if units > MOST_WORTH:
            units = MOST_WORTH
        whole: cython.longlong = cython.cast(cython.longlong, units + 0.5)
        long: cython.bint = lots > 0
        if self.pools.product[instrument] == INVERSE:
            long = not long
        return whole if long else -whole

    # Takeover

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def hand_over(self, pool: cython.int) -> cython.int:
        """Hand all positions of a pool over at their bankruptcy prices; return how many there were.

        One settlement asset: the pool's wallet is exactly 0 afterwards.  Several: each position
        bears its share of the worth in its own asset, so that what is left is worth nothing.
        """
        account: cython.int = self.pools.account[pool]
        wallet: cython.int = self.pools.wallet[pool]
        asset: cython.int = self._only_asset(pool)
        n: cython.Py_ssize_t
        slot: cython.int
        i: cython.int
        lots: cython.longlong
        units: cython.longlong
        share: cython.longlong
        gives: cython.double = 0.0
        part: cython.double
        handed: cython.int = 0
        positions: cython.int = 0
        whole: cython.double = 0.0
        left: cython.longlong = 0
        worth: cython.double = self.worth_of(pool)
        for n in range(self.pools.slot_first[pool], self.pools.slot_first[pool + 1]):
            slot = self.pools.pool_slots[n]
            i = self.instrument_of(slot)
            lots = self.ledger.quantity[account, slot]
            if lots == 0 or self.pools.mark[i] <= 0.0:
                continue
            positions += 1
            whole += self._notional(i, lots)
            if asset >= 0:
                left += self.signed_units(i, lots)
                if self.pools.product[i] != OPTION:
                    left -= self.ledger.cost[account, slot]
        if positions == 0:
            return 0
        if asset >= 0:
            left += self.ledger.balance[wallet, asset] - self.ledger.owed(wallet, asset)
        for n in range(self.pools.slot_first[pool], self.pools.slot_first[pool + 1]):
            slot = self.pools.pool_slots[n]
            i = self.instrument_of(slot)
            lots = self.ledger.quantity[account, slot]
            if lots == 0 or self.pools.mark[i] <= 0.0:
                continue
            handed += 1
            part = self._notional(i, lots)
            if asset < 0:
                gives = worth * (part / whole if whole > 0.0 else 1.0 / positions)
                gives /= self._unit_worth(i)
                share = self._whole(gives)
            elif handed == positions:
                share = left
            else:
                share = self._whole(left * (part / whole if whole > 0.0 else 0.0))
                left -= share
                whole -= part
            units = (
                self.signed_units(i, lots) - share if asset >= 0 else _left(self, i, lots, gives)
            )
            self._hand_position(pool, slot, lots, units, share)
        if worth < 0.0:
            self.shortfall_of[account] -= worth
        if self.pools.isolated[pool] >= 0:
            self.venue.fit_isolated(account, self.pools.isolated[pool], 1, 0, 0)
            self.ledger.close_entry()
        return handed

    @cython.cfunc
    @cython.exceptval(check=False)
    def _notional(self, i: cython.int, lots: cython.longlong) -> cython.double:
        return self.pools.notional(i, cython.cast(cython.double, lots if lots > 0 else -lots))

    @cython.cfunc
    @cython.exceptval(check=False)
    def _unit_worth(self, i: cython.int) -> cython.double:
        """USD of a unit of an instrument's settlement asset."""
        usd: cython.double = self.pools.index[self.pools.settle[i]]
        return usd * UNIT if usd > 0.0 else UNIT

    @cython.cfunc
    @cython.exceptval(check=False)
    def _whole(self, units: cython.double) -> cython.longlong:
        """Round towards zero: a share is never more than there is; floats near a unit are one.  At
        most what fits.
        """
        if units > MOST_WORTH or units < -MOST_WORTH:
            units = MOST_WORTH if units > 0.0 else -MOST_WORTH
        units += PARTICLE if units > 0.0 else -PARTICLE
        return cython.cast(cython.longlong, units) if cython.compiled else int(units)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _only_asset(self, pool: cython.int) -> cython.int:
        """The one asset that a pool has and settles in, -1 if there are several."""
        account: cython.int = self.pools.account[pool]
        wallet: cython.int = self.pools.wallet[pool]
        found: cython.int = -1
        n: cython.Py_ssize_t
        slot: cython.int
        asset: cython.int
        for n in range(self.pools.slot_first[pool], self.pools.slot_first[pool + 1]):
            slot = self.pools.pool_slots[n]
            if self.ledger.quantity[account, slot] != 0:
                asset = self.pools.settle[self.instrument_of(slot)]
                if found >= 0 and found != asset:
                    return -1
                found = asset
        for asset in range(self.ledger.assets):
            if asset != found and (
                self.ledger.balance[wallet, asset] != 0 or self.ledger.owed(wallet, asset) != 0
            ):
                return -1
        return found

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _hand_position(
        self,
        pool: cython.int,
        slot: cython.int,
        lots: cython.longlong,
        units: cython.longlong,
        share: cython.longlong,
    ) -> cython.int:
        """One position for ``units`` altogether: to the fund as far as it can, against others in
        profit, the rest to the fund all the same.

        ``share`` is what its pool gives to get rid of it, below 0 where the taker bears a loss.
        """
        i: cython.int = self.instrument_of(slot)
        size: cython.longlong = lots if lots > 0 else -lots
        room: cython.longlong = self._room(i, slot, lots)
        # Parts are counted from 0 to size; each gets its part of the amount.
        done: cython.longlong = room if room < size else size
        option: cython.bint = self.pools.product[i] == OPTION
        if done > 0:
            self._to_fund(pool, slot, lots, 0, done, units, share, False)
        if done < size and not option:
            done = (
                self._by_share(pool, slot, lots, done, units)
                if self.pro_rata
                else self._by_rank(pool, slot, lots, done, units)
            )
        if done < size:
            self._to_fund(pool, slot, lots, done, size, units, share, True)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _room(self, i: cython.int, slot: cython.int, lots: cython.longlong) -> cython.longlong:
        """Lots that the fund may take: its notional stays within its capacity, and what lowers what
        it holds it takes anyway.
        """
        asset: cython.int = self.pools.settle[i]
        size: cython.longlong = lots if lots > 0 else -lots
        if not self.limited[asset]:
            return size
        own: cython.longlong = self.ledger.quantity[self.fund, slot]
        netted: cython.longlong = 0
        whole: cython.longlong
        if (own > 0) != (lots > 0):
            netted = own if own > 0 else -own
            if netted >= size:
                return size
        balance: cython.double = self.ledger.balance[INSURANCE_WALLET, asset]
        if balance < 0.0:
            balance = 0.0
        free: cython.double = self.capacity * balance - self.held_in(asset)
        one: cython.double = self.size_at_mark(i, 1.0)
        free += one * netted
        if free <= 0.0 or one <= 0.0:
            return netted
        if free >= one * (size - netted) * (1.0 - ROUNDED):
            return size
        whole = cython.cast(cython.longlong, free / one)
        if one * (whole + 1) * (1.0 - ROUNDED) <= free:
            whole += 1
        if one * whole * (1.0 - ROUNDED) > free:
            whole -= 1
        return netted + whole

    @cython.cfunc
    @cython.exceptval(check=False)
    def held_in(self, asset: cython.int) -> cython.double:
        """Notional that the fund holds of positions settled in an asset, in its units."""
        slot: cython.int
        i: cython.int
        lots: cython.longlong
        total: cython.double = 0.0
        for slot in range(self.ledger.slots):
            i = self.instrument_of(slot)
            lots = self.ledger.quantity[self.fund, slot]
            if lots != 0 and self.pools.settle[i] == asset:
                total += self.size_at_mark(i, cython.cast(cython.double, abs(lots)))
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def part(
        self,
        amount: cython.longlong,
        first: cython.longlong,
        end: cython.longlong,
        whole: cython.longlong,
    ) -> cython.longlong:
        """Lots ``first`` to ``end`` of ``whole`` get this much of an amount, to the unit."""
        return self.ledger.share(amount, end, whole) - self.ledger.share(amount, first, whole)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _to_fund(
        self,
        pool: cython.int,
        slot: cython.int,
        lots: cython.longlong,
        first: cython.longlong,
        end: cython.longlong,
        units: cython.longlong,
        share: cython.longlong,
        uncovered: cython.bint,
    ) -> cython.int:
        """The fund takes lots ``first`` to ``end`` of a position; one entry."""
        size: cython.longlong = lots if lots > 0 else -lots
        i: cython.int = self.instrument_of(slot)
        asset: cython.int = self.pools.settle[i]
        account: cython.int = self.pools.account[pool]
        sign: cython.int = 1 if lots > 0 else -1
        amount: cython.longlong = self.part(units, first, end, size)
        lost: cython.longlong = -self.part(share, first, end, size)
        realized: cython.longlong
        self._leave(pool, slot, sign * (end - first), amount)
        realized = self.ledger.trade(self.fund, slot, sign * (end - first), amount)
        if self.pools.product[i] == OPTION:
            # An option is paid for: its worth is money, and no profit.
            self.ledger.post(INSURANCE_WALLET, asset, -amount)
        elif realized:
            self.ledger.post(INSURANCE_WALLET, asset, realized)
            self.ledger.post(CLEARING_WALLET, asset, -realized)
        self.ledger.close_entry()
        self.holds = True
        self.venue.records.add(
            self.venue.now, TAKEN_OVER, account, i, pool, sign, amount, end - first
        )
        if lost > 0 or uncovered:
            if lost < 0:
                lost = 0
            self.venue.records.add(self.venue.now, SHORTFALL, account, -1, pool, 0, asset, lost)
        self.log(TAKEOVER, account, pool, slot, -sign, end - first, amount, 0, self.fund)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _leave(
        self,
        pool: cython.int,
        slot: cython.int,
        lots: cython.longlong,
        amount: cython.longlong,
    ) -> cython.int:
        """Signed lots of a pool's position are handed over for an amount; the entry is closed by
        whoever takes them.
        """
        i: cython.int = self.instrument_of(slot)
        asset: cython.int = self.pools.settle[i]
        account: cython.int = self.pools.account[pool]
        wallet: cython.int = self.venue.margin_wallet[account, slot]
        realized: cython.longlong = self.ledger.trade(account, slot, -lots, -amount)
        if self.pools.product[i] == OPTION:
            self.ledger.post(wallet, asset, amount)
        elif realized:
            self.ledger.post(wallet, asset, realized)
            self.ledger.post(CLEARING_WALLET, asset, -realized)
        if self.venue.trades[account]:
            self.tell(account, slot, -lots, amount, realized, False)
        return 0

    def tell(
        self, account: int, slot: int, lots: int, amount: int, realized: int, counterparty: bool
    ) -> None:
        """Keep and announce to an account that trades that signed ``lots`` came to its position."""
        i = slot % self.instruments
        price = self.price_of(i, abs(lots), abs(amount))
        ticks = round(price / self.tick_of(i))
        self.venue.keep_transfer(account, slot, 1 if lots > 0 else -1, ticks, abs(lots), realized)
        if counterparty:
            self.venue.fill_row[self.venue.n_fill_rows - 1, FORCED] = DELEVERAGED_ROW
            self.cold.deleveraged(account, slot, lots, price, realized)
        else:
            self.cold.taken_over(account, slot, lots, price)

    def price_of(self, instrument: int, lots: int, amount: int) -> float:
        """Average price in quote units of lots that were worth ``amount`` together."""
        size = lots * float(self.pools.lot[instrument])
        if self.pools.product[instrument] == INVERSE:
            return size / (amount * UNIT) if amount else 0.0
        return amount * UNIT / size

    # Auto-deleveraging

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _by_rank(
        self,
        pool: cython.int,
        slot: cython.int,
        lots: cython.longlong,
        done: cython.longlong,
        units: cython.longlong,
    ) -> cython.longlong:
        """Close against the highest ranks first; return how many lots of the position are gone."""
        size: cython.longlong = lots if lots > 0 else -lots
        i: cython.int = self.instrument_of(slot)
        queue: list = self.queue(i, 1 if lots > 0 else -1)
        accounts: cython.longlong[::1] = queue[1]
        slots: cython.longlong[::1] = queue[2]
        at: cython.Py_ssize_t = queue[3]
        other: cython.int
        theirs: cython.int
        free: cython.longlong
        while done < size and at < accounts.shape[0]:
            other = cython.cast(cython.int, accounts[at])
            theirs = cython.cast(cython.int, slots[at])
            free = self._can_give(other, theirs, i, lots, units, pool)
            if free > size - done:
                free = size - done
            if free > 0:
                self._against(pool, slot, lots, done, done + free, units, other, theirs)
                done += free
            if done < size:
                at += 1
        queue[3] = at
        return done

    @cython.cfunc
    @cython.exceptval(check=False)
    def _can_give(
        self,
        other: cython.int,
        theirs: cython.int,
        i: cython.int,
        lots: cython.longlong,
        units: cython.longlong,
        pool: cython.int,
    ) -> cython.longlong:
        """Lots that another account's position can be deleveraged by now: 0 unless it is opposite,
        in profit at the mark and not of the account in liquidation.

        Nobody is made bankrupt for another: where the price is so much worse than the mark that
        all of it would cost more than the other's pool is worth, he is passed over.
        """
        held: cython.longlong = self.ledger.quantity[other, theirs]
        size: cython.longlong = lots if lots > 0 else -lots
        loss: cython.longlong = units - self.signed_units(i, lots)
        most: cython.double
        if held == 0 or (held > 0) == (lots > 0) or other == self.pools.account[pool]:
            return 0
        if not self._in_profit(other, theirs, i):
            return 0
        if held < 0:
            held = -held
        if loss > 0:
            most = self.worth_of(self.pools.pool_of[other, theirs]) / self._unit_worth(i)
            if most * size < cython.cast(cython.double, loss) * held:
                return 0
        return held

    @cython.cfunc
    @cython.exceptval(check=False)
    def _in_profit(self, account: cython.int, slot: cython.int, i: cython.int) -> cython.bint:
        """Whether a future is worth more at the mark than it cost, by a unit at least: float
        figures of one at its entry price may lie above 0.
        """
        lots: cython.longlong = self.ledger.quantity[account, slot]
        return self.signed_units(i, lots) > self.ledger.cost[account, slot]

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _by_share(
        self,
        pool: cython.int,
        slot: cython.int,
        lots: cython.longlong,
        done: cython.longlong,
        units: cython.longlong,
    ) -> cython.longlong:
        """Close against everybody opposite in profit by his share of the lots; whole lots by the
        largest remainder, ties by account; return how many lots of the position are gone.
        """
        size: cython.longlong = lots if lots > 0 else -lots
        i: cython.int = self.instrument_of(slot)
        queue: list = self.queue(i, 1 if lots > 0 else -1)
        order = np.lexsort((np.asarray(queue[2]), np.asarray(queue[1])))
        accounts: cython.longlong[::1] = memoryview(np.asarray(queue[1])[order])
        slots: cython.longlong[::1] = memoryview(np.asarray(queue[2])[order])
        found = np.zeros(accounts.shape[0], dtype="i8")
        free: cython.longlong[::1] = memoryview(found)
        at: cython.Py_ssize_t
        other: cython.int
        theirs: cython.int
        for at in range(accounts.shape[0]):
            other = cython.cast(cython.int, accounts[at])
            theirs = cython.cast(cython.int, slots[at])
            free[at] = self._can_give(other, theirs, i, lots, units, pool)
        given: cython.longlong[::1] = memoryview(self.cold.shares_of(size - done, found))
        for at in range(accounts.shape[0]):
            if given[at] > 0:
                other = cython.cast(cython.int, accounts[at])
                theirs = cython.cast(cython.int, slots[at])
                self._against(pool, slot, lots, done, done + given[at], units, other, theirs)
                done += given[at]
        return done

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _against(
        self,
        pool: cython.int,
        slot: cython.int,
        lots: cython.longlong,
        first: cython.longlong,
        end: cython.longlong,
        units: cython.longlong,
        other: cython.int,
        theirs: cython.int,
    ) -> cython.int:
        """Close lots ``first`` to ``end`` of a position against another account's; one entry."""
        size: cython.longlong = lots if lots > 0 else -lots
        i: cython.int = self.instrument_of(slot)
        asset: cython.int = self.pools.settle[i]
        account: cython.int = self.pools.account[pool]
        sign: cython.int = 1 if lots > 0 else -1
        amount: cython.longlong = self.part(units, first, end, size)
        wallet: cython.int = self.venue.margin_wallet[other, theirs]
        before: cython.longlong = self.ledger.quantity[other, theirs]
        realized: cython.longlong
        if self.venue.trades[other]:
            self.venue.pull_contract(other, i)
        self._leave(pool, slot, sign * (end - first), amount)
        realized = self.ledger.trade(other, theirs, sign * (end - first), amount)
        if realized:
            self.ledger.post(wallet, asset, realized)
            self.ledger.post(CLEARING_WALLET, asset, -realized)
        if wallet != self.venue.cash_wallet[other, i]:
            self.venue.fit_isolated(other, theirs, before, 0, realized)
        self.ledger.close_entry()
        self.venue.records.add(
            self.venue.now, DELEVERAGED, other, i, pool, -sign, amount, end - first
        )
        if self.venue.trades[other]:
            self.tell(other, theirs, sign * (end - first), amount, realized, True)
        self.log(DELEVERAGE, account, pool, slot, -sign, end - first, amount, 0, other)
        self.log(
            COUNTERPARTY,
            other,
            self.pools.pool_of[other, theirs],
            theirs,
            sign,
            end - first,
            amount,
            0,
            account,
        )
        return 0

    def queue(self, instrument: int, side: int) -> list:
        """Who stands opposite a position of ``side``: [time, accounts, slots, next], by rank.

        Ranked anew at each step of the mark at most (Binance: every 30 s); who has no profit any
        more when his turn comes is passed over.
        """
        key = instrument * 2 + (side > 0)
        found = self.ranks.get(key)
        if found is None or found[0] != self.venue.now:
            accounts, slots, scores = self._scan(instrument, side)
            order = np.lexsort((slots, accounts, -scores))
            found = [
                int(self.venue.now),
                memoryview(np.ascontiguousarray(accounts[order])),
                memoryview(np.ascontiguousarray(slots[order])),
                0,
            ]
            self.ranks[key] = found
        return found

    def forget_ranks(self) -> None:
        """Rank anew at the next need, as at a new step."""
        self.ranks = {}

    def _scan(self, instrument: int, side: int):
        """Accounts, slots and scores of the profitable positions against ``side``, by account."""
        size = 1024
        whole, real = np.zeros((size, 2), dtype="i8"), np.zeros(size)
        first: cython.int = 1
        n: cython.longlong = 0
        while True:
            filled = self._collect(instrument, side, first, memoryview(whole), memoryview(real), n)
            n = int(filled)
            first = self.scanned
            if first >= self.fund:
                break
            whole = np.concatenate((whole, np.zeros_like(whole)))
            real = np.concatenate((real, np.zeros_like(real)))
        return whole[:n, 0].copy(), whole[:n, 1].copy(), real[:n]

    @cython.cfunc
    @cython.exceptval(check=False)
    def _collect(
        self,
        i: cython.int,
        side: cython.int,
        account: cython.int,
        whole: cython.longlong[:, ::1],
        real: cython.double[::1],
        n: cython.longlong,
    ) -> cython.longlong:
        """Fill in candidates from ``account`` on until there is no room; return how many there are.

        ``scanned`` is the account to go on with.
        """
        slot: cython.int
        lots: cython.longlong
        while account < self.fund and n + 2 <= real.shape[0]:
            slot = i
            while slot < self.ledger.slots:
                lots = self.ledger.quantity[account, slot]
                if (
                    lots != 0
                    and (lots > 0) != (side > 0)
                    and self.pools.pool_of[account, slot] >= 0
                    and self._in_profit(account, slot, i)
                ):
                    whole[n, 0] = account
                    whole[n, 1] = slot
                    real[n] = self.score(account, slot)
                    n += 1
                slot += self.instruments
            account += 1
        self.scanned = account
        return n

    @cython.ccall
    @cython.exceptval(check=False)
    def score(self, account: cython.int, slot: cython.int) -> cython.double:
        """Rank of a position for auto-deleveraging, the higher the earlier.

        ``max(0, uPnL) / max(1, wallet) * maintenance / (wallet + uPnL)``, the second factor 0 where
        its divisor is not above 0; figures of the pool that margins it, USD.
        """
        pool: cython.int = self.pools.pool_of[account, slot]
        profit: cython.double = self.pools.position_value(account, slot)
        wallet: cython.double = self.wallet_worth(self.pools.wallet[pool])
        equity: cython.double = self.worth_of(pool)
        if profit <= 0.0 or equity <= 0.0:
            return 0.0
        self.pools.evaluate(pool)
        return profit / (wallet if wallet > 1.0 else 1.0) * self.pools.maintenance[pool] / equity

    # The fund's own positions

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def step(self) -> cython.bint:
        """A step of the mark: trade a little of what the fund holds; whether it holds anything."""
        slot: cython.int
        i: cython.int
        lots: cython.longlong
        if self.holds:
            self.holds = False
            for slot in range(self.ledger.slots):
                i = self.instrument_of(slot)
                lots = self.ledger.quantity[self.fund, slot]
                if lots != 0:
                    self._unwind(slot, i, lots)
                    self.holds |= self.ledger.quantity[self.fund, slot] != 0
        self._keep_history()
        return self.holds

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _unwind(self, slot: cython.int, i: cython.int, lots: cython.longlong) -> cython.int:
        """Trade at most a share of what is displayed near the mark."""
        book: Book = self.venue.books[i]
        side: cython.int = -1 if lots > 0 else 1
        mark: cython.double = self.pools.mark[i] / self.tick_of(i)
        limit: cython.longlong
        shown: cython.longlong = 0
        price: cython.longlong = book.best(-side)
        most: cython.longlong
        filled: cython.longlong
        if mark <= 0.0 or self.venue.expired[i]:
            return 0
        limit = self.ticks(side, mark * (1.0 + side * self.unwind_reach))
        while price and (price >= limit if side < 0 else price <= limit):
            shown += book.shown(-side, price)
            price = book.next_level(-side, price)
        most = cython.cast(cython.longlong, shown * self.unwind_share + GRAIN)
        if most > (lots if lots > 0 else -lots):
            most = lots if lots > 0 else -lots
        if most <= 0:
            return 0
        filled = self.venue.forced(self.fund, slot, side, most, LIQUIDATION_FLAG, limit)
        if filled:
            self.log(
                UNWIND, self.fund, NOBODY, slot, side, filled, self.venue.forced_value, 0, NOBODY
            )
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def ticks(self, side: cython.int, price: cython.double) -> cython.longlong:
        """A limit in ticks that is no worse than a price in ticks for who must not pay more: up for
        a seller, down for a buyer; 0, the market, where there is none.
        """
        whole: cython.longlong
        if price <= 0.0 or price >= 1e12:
            return 0
        if side > 0:
            whole = cython.cast(cython.longlong, price * (1.0 + 1e-13) + GRAIN)
            return whole if whole > 0 else 1
        whole = cython.cast(cython.longlong, price)
        if whole < price * (1.0 - 1e-13) - GRAIN:
            whole += 1
        return whole if whole > 0 else 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def _keep_history(self) -> cython.void:
        """Keep what the fund has where that changed since the last step."""
        asset: cython.int
        balance: cython.longlong
        held: cython.double
        at: cython.longlong
        for asset in range(self.ledger.assets):
            balance = self.ledger.balance[INSURANCE_WALLET, asset]
            held = 0.0
            if self.holds or self.known_inventory[asset] != 0.0:
                held = self.held_in(asset) * UNIT * self.pools.index[asset]
            if balance == self.known_balance[asset] and held == self.known_inventory[asset]:
                continue
            self.known_balance[asset] = balance
            self.known_inventory[asset] = held
            if self.n_history == self.history_whole.shape[0]:
                self._grow_history()
            at = self.n_history
            self.history_whole[at, 0] = self.venue.now
            self.history_whole[at, 1] = asset
            self.history_whole[at, 2] = balance
            self.history_real[at] = held
            self.n_history += 1

    # Logs

    @cython.cfunc
    @cython.exceptval(check=False)
    def log(
        self,
        stage: cython.int,
        account: cython.int,
        pool: cython.int,
        slot: cython.int,
        side: cython.int,
        lots: cython.longlong,
        amount: cython.longlong,
        fee: cython.longlong,
        against: cython.int,
    ) -> cython.void:
        """Keep a row of `closings`."""
        at: cython.longlong = self.n_closings
        i: cython.int = self.instrument_of(slot)
        asset: cython.int = self.venue.settled_in[i]
        if amount < 0:
            amount = -amount
        if at == self.closing_whole.shape[0]:
            self._grow_closings()
        self.closing_whole[at, 0] = self.venue.now
        self.closing_whole[at, 1] = account
        self.closing_whole[at, 2] = pool
        self.closing_whole[at, 3] = slot
        self.closing_whole[at, 4] = stage
        self.closing_whole[at, 5] = side
        self.closing_whole[at, 6] = lots
        self.closing_whole[at, 7] = amount
        self.closing_whole[at, 8] = fee
        self.closing_whole[at, 9] = against
        self.closing_real[at, 0] = self.pools.mark[i]
        self.closing_real[at, 1] = amount * UNIT * self.pools.index[asset]
        self.closing_real[at, 2] = fee * UNIT * self.pools.index[asset]
        self.n_closings += 1

    def _grow_closings(self) -> None:
        self.closing_whole = memoryview(twice(self.closing_whole))
        self.closing_real = memoryview(twice(self.closing_real))

    def _grow_calls(self) -> None:
        self.call_whole = memoryview(twice(self.call_whole))
        self.call_real = memoryview(twice(self.call_real))

    def _grow_history(self) -> None:
        self.history_whole = memoryview(twice(self.history_whole))
        self.history_real = memoryview(twice(self.history_real))

    def closings(self):
        """Everything that the venue closed for somebody, in order; columns ``CLOSING``."""
        n = int(self.n_closings)
        return table(CLOSING, np.asarray(self.closing_whole)[:n], np.asarray(self.closing_real)[:n])

    def calls(self):
        """The liquidations of pools, in order; columns ``CALL``."""
        n = int(self.n_calls)
        return table(CALL, np.asarray(self.call_whole)[:n], np.asarray(self.call_real)[:n])

    def closing_columns(self):
        """The columns of `closings` by name, as they stand here: to be read and not kept."""
        n = int(self.n_closings)
        return views(CLOSING, np.asarray(self.closing_whole)[:n], np.asarray(self.closing_real)[:n])

    def call_columns(self):
        """The columns of `calls` likewise."""
        n = int(self.n_calls)
        return views(CALL, np.asarray(self.call_whole)[:n], np.asarray(self.call_real)[:n])

    def fund_history(self):
        """What the fund had after each step that changed it; columns ``FUND``."""
        n = int(self.n_history)
        real = np.asarray(self.history_real)[:n].reshape(n, 1)
        return table(FUND, np.asarray(self.history_whole)[:n], real)

    def fees_of(self, account: int) -> float:
        """Clearance fees that an account paid, USD."""
        return float(self.fee_paid[account])

    def losses_of(self, account: int) -> float:
        """What the fund and others bore for an account, USD."""
        return float(self.shortfall_of[account])


@cython.cfunc
@cython.exceptval(check=False)
def _left(
    waterfall: Waterfall, i: cython.int, lots: cython.longlong, gives: cython.double
) -> cython.longlong:
    """What a position counts less what its pool gives with it.

    At a wild mark either is more than fits and their difference is not: then of the floats.
    """
    units: cython.double = waterfall.size_at_mark(
        i, cython.cast(cython.double, lots if lots > 0 else -lots)
    )
    if units < MOST_WORTH and -MOST_WORTH < gives < MOST_WORTH:
        return waterfall.signed_units(i, lots) - waterfall._whole(gives)
    inverse: cython.bint = waterfall.pools.product[i] == INVERSE
    if (lots > 0) == inverse:
        units = -units
    return waterfall._whole(units - gives)
