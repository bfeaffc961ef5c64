"""The compiled book: displayed liquidity and orders of one instrument in columns (hot module).

The rules are docs/matching.md, the readable twin is ``simulator.book.reference``; tests hold the
two to the same rows.  Orders at a price are a linked list of slots, kept narrow because the cost of
an operation is its cache misses, and the levels find their neighbours by bit sets.

Prices are ticks in ``[1, 2**40)``, quantities lots in ``[1, 2**53)`` and slots in ``[1, 2**31)``:
callers check that at the border.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.book.levels import Levels
    from cython.cimports.simulator.book.queue import advance
else:
    from simulator.book.levels import Levels
    from simulator.book.queue import advance

from simulator.book.levels import column

PRICE = cython.declare(cython.int, 0)
LEFT = cython.declare(cython.int, 1)
OWNER = cython.declare(cython.int, 2)
STAMP = cython.declare(cython.int, 3)

NEXT = cython.declare(cython.int, 0)
PREV = cython.declare(cython.int, 1)

AHEAD = cython.declare(cython.int, 0)
TRADED = cython.declare(cython.int, 1)

BIDS = cython.declare(cython.int, 0)
ASKS = cython.declare(cython.int, 1)
BUY_ORDERS = cython.declare(cython.int, 2)
SELL_ORDERS = cython.declare(cython.int, 3)

FILL = cython.declare(cython.int, 1)
RESTED = cython.declare(cython.int, 2)
EXPIRED = cython.declare(cython.int, 3)
CANCELED = cython.declare(cython.int, 4)
DECREMENTED = cython.declare(cython.int, 5)

IOC = cython.declare(cython.int, 1)
FOK = cython.declare(cython.int, 2)
GTX = cython.declare(cython.int, 3)

IOC_REMAINDER = cython.declare(cython.int, 1)
FOK_UNFILLABLE = cython.declare(cython.int, 2)
POST_ONLY = cython.declare(cython.int, 3)
NO_LIQUIDITY = cython.declare(cython.int, 4)
SELF_TRADE = cython.declare(cython.int, 5)

EXPIRE_TAKER = cython.declare(cython.int, 1)
EXPIRE_MAKER = cython.declare(cython.int, 2)
EXPIRE_BOTH = cython.declare(cython.int, 3)
DECREMENT = cython.declare(cython.int, 4)


@cython.cfunc
@cython.exceptval(check=False)
def _ceil(x: cython.double) -> cython.longlong:
    whole: cython.longlong = cython.cast(cython.longlong, x) if cython.compiled else int(x)
    return whole + 1 if whole < x else whole


@cython.final
@cython.cclass
class Book(Levels):
    """Displayed liquidity and orders of one instrument, in price-time priority.

    ``queue_model`` is a ``QueueModel``; ``power`` is the exponent of POWER.

    >>> book = Book()
    >>> book.set_level(-1, 101, 5)
    >>> book.place(1, 7, 1, 101, 8, 0, 0)
    >>> [tuple(map(int, row)) for row in book.take_rows()]
    [(1, 0, 1, 101, 5), (2, 1, 0, 101, 3)]
    """

    def __init__(self, queue_model: int = 0, power: float = 3.0) -> None:
        if not 0 <= queue_model <= 3:
            raise ValueError(f"queue model must be 0 to 3, not {queue_model}")
        super().__init__()
        self.queue_model = queue_model
        self.power = power
        self.slots = 0
        self._grow_slots(64)
        self.row_capacity = 256
        self.rows = column("i8", 5 * self.row_capacity)
        self.n_rows = 0
        self.displayed = {}
        self.order_bid = self.order_ask = 0
        self.lowest_order_bid = self.highest_order_ask = 0
        self.bids_resting = self.asks_resting = 0
        self.clock = 0
        self.limit = 0

    # Storage

    def _grow_slots(self, slot: int) -> None:
        size = max(2 * int(self.slots), slot + 1)
        orders, queue = np.zeros((size, 4), dtype="i8"), np.zeros((size, 2), dtype="f8")
        places = np.zeros((size, 2), dtype="i4")
        if self.slots:
            places[: self.slots] = np.asarray(self.place_of)
            orders[: self.slots] = np.asarray(self.order)
            queue[: self.slots] = np.asarray(self.queue)
        self.order = memoryview(orders)
        self.queue = memoryview(queue)
        self.place_of = memoryview(places)
        self.slots = size

    def _grow_rows(self) -> None:
        grown = np.zeros(10 * self.row_capacity, dtype="i8")
        grown[: 5 * self.row_capacity] = np.asarray(self.rows)
        self.rows = memoryview(grown)
        self.row_capacity = 2 * self.row_capacity

    @cython.cfunc
    @cython.exceptval(check=False)
    def row(
        self,
        code: cython.longlong,
        order: cython.longlong,
        other: cython.longlong,
        price: cython.longlong,
        quantity: cython.longlong,
    ) -> cython.void:
        if self.n_rows == self.row_capacity:
            self._grow_rows()
        at: cython.int = 5 * self.n_rows
        self.rows[at] = code
        self.rows[at + 1] = order
        self.rows[at + 2] = other
        self.rows[at + 3] = price
        self.rows[at + 4] = quantity
        self.n_rows += 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def unlink(self, slot: cython.int) -> cython.void:
        """Take an order out of its queue."""
        price: cython.longlong = self.order[slot, PRICE]
        buying: cython.bint = self.order[slot, OWNER] & 1
        index: cython.longlong = price - self.base + (0 if buying else self.width)
        before: cython.int = self.place_of[slot, PREV]
        after: cython.int = self.place_of[slot, NEXT]
        if before:
            self.place_of[before, NEXT] = after
        else:
            self.head[index] = after
        if after:
            self.place_of[after, PREV] = before
        else:
            self.tail[index] = before
        self.order[slot, LEFT] = 0
        if buying:
            self.bids_resting -= 1
        else:
            self.asks_resting -= 1
        if self.head[index] == 0:
            self.clear_bit(BUY_ORDERS if buying else SELL_ORDERS, price - self.base)
            if buying:
                if self.bids_resting == 0:
                    self.order_bid = 0
                elif price == self.order_bid:
                    self.order_bid = self.below(BUY_ORDERS, price)
            elif self.asks_resting == 0:
                self.order_ask = 0
            elif price == self.order_ask:
                self.order_ask = self.above(SELL_ORDERS, price)

    # Displayed liquidity

    @cython.ccall
    @cython.exceptval(check=False)
    def set_level(
        self, side: cython.int, price: cython.longlong, quantity: cython.longlong
    ) -> cython.void:
        """Make the displayed level hold ``quantity`` lots; orders that it reaches fill."""
        if price < self.base or price >= self.base + self.width or price < 1:
            if quantity == 0:
                return
            if not self.reach(price):
                self.out_of_range += 1
                return
        index: cython.longlong = price - self.base + (0 if side > 0 else self.width)
        previous: cython.longlong = self.level[index]
        if previous and quantity:
            self.level[index] = quantity  # the commonest row: neither bits nor best change
        else:
            self.store_level(side, price, quantity)
        if self.bids_resting + self.asks_resting == 0:
            return
        if side > 0:
            if self.bids_resting and self.lowest_order_bid <= price <= self.order_bid:
                self.requeue(index, previous, quantity)
            if quantity and self.asks_resting and self.order_ask <= price:
                self.meet_orders(side, price, index)
        else:
            if self.asks_resting and self.order_ask <= price <= self.highest_order_ask:
                self.requeue(index, previous, quantity)
            if quantity and self.order_bid >= price:
                self.meet_orders(side, price, index)

    @cython.cfunc
    @cython.exceptval(check=False)
    def requeue(
        self, index: cython.longlong, previous: cython.longlong, quantity: cython.longlong
    ) -> cython.void:
        slot: cython.int = self.head[index]
        while slot:
            self.queue[slot, AHEAD] = advance(
                self.queue_model,
                self.power,
                self.queue[slot, AHEAD],
                previous,
                quantity,
                self.queue[slot, TRADED],
            )
            self.queue[slot, TRADED] = 0.0
            slot = self.place_of[slot, NEXT]

    @cython.cfunc
    @cython.exceptval(check=False)
    def meet_orders(
        self, side: cython.int, price: cython.longlong, index: cython.longlong
    ) -> cython.void:
        """The market came to resting orders of the other side: they fill as makers."""
        quantity: cython.longlong = self.level[index]
        left: cython.longlong = self.fill_through(-side, price, quantity, True)
        if left != quantity:
            self.store_level(side, price, left)

    @cython.cfunc
    @cython.exceptval(check=False)
    def fill_through(
        self,
        side: cython.int,
        price: cython.longlong,
        left: cython.longlong,
        touching: cython.bint,
    ) -> cython.longlong:
        """Fill resting orders of ``side`` at better prices (or at it); return lots left."""
        best: cython.longlong
        slot: cython.int
        lots: cython.longlong
        while left > 0:
            best = self.order_bid if side > 0 else self.order_ask
            if best == 0:
                break
            if best != price:
                if (best < price) == (side > 0):
                    break
            elif not touching:
                break
            slot = self.head[best - self.base + (0 if side > 0 else self.width)]
            lots = self.order[slot, LEFT] if self.order[slot, LEFT] < left else left
            left -= lots
            self.row(FILL, slot, 0, best, lots)
            if lots == self.order[slot, LEFT]:
                self.unlink(slot)
            else:
                self.order[slot, LEFT] -= lots
                self.queue[slot, AHEAD] = 0.0
        return left

    @cython.ccall
    @cython.exceptval(check=False)
    def clear(self, side: cython.int) -> cython.void:
        """Remove the displayed levels of a side, of both for 0; orders keep their place."""
        if side >= 0:
            while self.bid:
                self.store_level(1, self.bid, 0)
        if side <= 0:
            while self.ask:
                self.store_level(-1, self.ask, 0)
        if self.displayed:
            self.displayed = {
                order: found for order, found in self.displayed.items() if side and found[0] != side
            }

    @cython.ccall
    @cython.exceptval(check=False)
    def trade(
        self, side: cython.int, price: cython.longlong, quantity: cython.longlong
    ) -> cython.void:
        """A print of aggressor ``side``: it eats the queue of the other side's orders."""
        if side > 0:
            if self.asks_resting == 0 or self.order_ask > price:
                return
        elif self.order_bid < price or self.bids_resting == 0:
            return
        rest: cython.longlong = self.fill_through(-side, price, quantity, False)
        index: cython.longlong = price - self.base + (self.width if side > 0 else 0)
        if index < 0 or index >= 2 * self.width:
            return
        slot: cython.int = self.head[index]
        left: cython.double = rest
        passed: cython.double = 0.0
        gap: cython.double
        lots: cython.longlong
        after: cython.int
        while slot and left > 0.0:
            after = self.place_of[slot, NEXT]
            gap = self.queue[slot, AHEAD] - passed
            if gap < 0.0:
                gap = 0.0
            if gap >= left:
                passed += left
                break
            passed += gap
            left -= gap
            lots = cython.cast(cython.longlong, left + 0.5) if cython.compiled else int(left + 0.5)
            if lots > self.order[slot, LEFT]:
                lots = self.order[slot, LEFT]
            if lots > 0:
                left -= lots
                self.row(FILL, slot, 0, price, lots)
                if lots == self.order[slot, LEFT]:
                    self.unlink(slot)
                else:
                    self.order[slot, LEFT] -= lots
            slot = after
        slot = self.head[index]
        while slot:
            gap = self.queue[slot, AHEAD] - passed
            self.queue[slot, AHEAD] = gap if gap > 0.0 else 0.0
            self.queue[slot, TRADED] += quantity
            slot = self.place_of[slot, NEXT]

    # Orders

    @cython.ccall
    @cython.exceptval(check=False)
    def place(
        self,
        slot: cython.int,
        account: cython.int,
        side: cython.int,
        price: cython.longlong,
        quantity: cython.longlong,
        time_in_force: cython.int,
        stp: cython.int,
    ) -> cython.void:
        """Match an order (price 0: market order) and let its remainder rest or expire."""
        left: cython.longlong = quantity
        self.limit = price
        if price == 0 or self.marketable(side, price):
            if time_in_force == GTX:
                self.row(EXPIRED, slot, POST_ONLY, price, quantity)
                return
            if time_in_force == FOK and (
                self.fillable(account, side, price, quantity, stp) < quantity
            ):
                self.row(EXPIRED, slot, FOK_UNFILLABLE, price, quantity)
                return
            left = self.match(slot, account, side, price, quantity, stp)
            if left <= 0:
                return
        if price == 0:
            self.row(EXPIRED, slot, NO_LIQUIDITY, 0, left)
        elif time_in_force == IOC:
            self.row(EXPIRED, slot, IOC_REMAINDER, price, left)
        elif time_in_force == FOK:
            self.row(EXPIRED, slot, FOK_UNFILLABLE, price, left)
        else:
            self.rest(slot, account, side, price, left)

    @cython.cfunc
    @cython.exceptval(check=False)
    def rest(
        self,
        slot: cython.int,
        account: cython.int,
        side: cython.int,
        price: cython.longlong,
        quantity: cython.longlong,
    ) -> cython.void:
        """Put an order last in its level's queue and keep the best order price."""
        if slot >= self.slots:
            self._grow_slots(slot)
        if price < self.base or price >= self.base + self.width:
            if not self.reach(price):
                self.row(EXPIRED, slot, NO_LIQUIDITY, price, quantity)
                return
        index: cython.longlong = price - self.base
        if side > 0:
            if self.bids_resting == 0 or price < self.lowest_order_bid:
                self.lowest_order_bid = price
            if price > self.order_bid:
                self.order_bid = price
            self.bids_resting += 1
        else:
            index += self.width
            if self.asks_resting == 0 or price > self.highest_order_ask:
                self.highest_order_ask = price
            if self.order_ask == 0 or price < self.order_ask:
                self.order_ask = price
            self.asks_resting += 1
        self.clock += 1
        self.order[slot, PRICE] = price
        self.order[slot, LEFT] = quantity
        self.order[slot, OWNER] = (account << 1) | (1 if side > 0 else 0)
        self.order[slot, STAMP] = self.clock
        self.queue[slot, AHEAD] = self.level[index]
        self.queue[slot, TRADED] = 0.0
        last: cython.int = self.tail[index]
        self.place_of[slot, NEXT] = 0
        self.place_of[slot, PREV] = last
        self.tail[index] = slot
        if last:
            self.place_of[last, NEXT] = slot
        else:
            self.head[index] = slot
            self.set_bit(BUY_ORDERS if side > 0 else SELL_ORDERS, price - self.base)
        self.row(RESTED, slot, 0, price, quantity)

    @cython.cfunc
    @cython.exceptval(check=False)
    def marketable(self, side: cython.int, price: cython.longlong) -> cython.bint:
        if side > 0:
            return (self.ask != 0 and self.ask <= price) or (
                self.order_ask != 0 and self.order_ask <= price
            )
        return self.bid >= price or self.order_bid >= price

    @cython.cfunc
    @cython.exceptval(check=False)
    def fillable(
        self,
        account: cython.int,
        side: cython.int,
        price: cython.longlong,
        quantity: cython.longlong,
        stp: cython.int,
    ) -> cython.longlong:
        """Lots that could fill up to the limit; stops counting at ``quantity``."""
        total: cython.longlong = 0
        shown: cython.longlong = self.ask if side > 0 else self.bid
        own: cython.longlong = self.order_ask if side > 0 else self.order_bid
        at: cython.longlong
        index: cython.longlong
        slot: cython.int
        while total < quantity:
            if shown and own:
                at = shown if (shown < own) == (side > 0) else own
            else:
                at = shown + own
            if at == 0 or (price and ((at > price) if side > 0 else (at < price))):
                break
            index = at - self.base + (self.width if side > 0 else 0)
            if at == shown:
                total += self.level[index]
                shown = self.above(ASKS, at) if side > 0 else self.below(BIDS, at)
            if at == own:
                slot = self.head[index]
                while slot:
                    if stp == 0 or self.order[slot, OWNER] >> 1 != account:
                        total += self.order[slot, LEFT]
                    slot = self.place_of[slot, NEXT]
                own = self.above(SELL_ORDERS, at) if side > 0 else self.below(BUY_ORDERS, at)
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def match(
        self,
        slot: cython.int,
        account: cython.int,
        side: cython.int,
        price: cython.longlong,
        quantity: cython.longlong,
        stp: cython.int,
    ) -> cython.longlong:
        """Walk the other side, best price first; return lots left, or -1 if the order ended."""
        left: cython.longlong = quantity
        shown: cython.longlong
        own: cython.longlong
        at: cython.longlong
        while left > 0:
            shown = self.ask if side > 0 else self.bid
            own = self.order_ask if side > 0 else self.order_bid
            if shown and own:
                at = shown if (shown < own) == (side > 0) else own
            else:
                at = shown + own
            if at == 0 or (price and ((at > price) if side > 0 else (at < price))):
                break
            left = self.take_price(slot, account, side, at, left, stp)
        return left

    @cython.cfunc
    @cython.exceptval(check=False)
    def take_price(
        self,
        slot: cython.int,
        account: cython.int,
        side: cython.int,
        price: cython.longlong,
        left: cython.longlong,
        stp: cython.int,
    ) -> cython.longlong:
        """Match at one price, queue by queue place; return lots left, or -1 if the order ended."""
        index: cython.longlong = price - self.base + (self.width if side > 0 else 0)
        maker: cython.int = self.head[index]
        shown: cython.longlong = self.level[index]
        passed: cython.longlong = 0
        lots: cython.longlong
        after: cython.int
        while maker and left > 0:
            after = self.place_of[maker, NEXT]
            lots = _ceil(self.queue[maker, AHEAD]) - passed
            if lots > shown:
                lots = shown
            if lots > left:
                lots = left
            if lots > 0:
                self.row(FILL, 0, slot, price, lots)
                passed += lots
                shown -= lots
                left -= lots
                if left == 0:
                    break
            if stp and self.order[maker, OWNER] >> 1 == account:
                left = self.prevent(slot, maker, price, left, stp)
            else:
                lots = self.order[maker, LEFT] if self.order[maker, LEFT] < left else left
                self.row(FILL, maker, slot, price, lots)
                left -= lots
                if lots == self.order[maker, LEFT]:
                    self.unlink(maker)
                else:
                    self.order[maker, LEFT] -= lots
                    self.queue[maker, AHEAD] = 0.0
            maker = after
        if left > 0 and shown:
            lots = shown if shown < left else left
            self.row(FILL, 0, slot, price, lots)
            passed += lots
            shown -= lots
            left -= lots
        if passed:
            self.store_level(-side, price, shown)
            maker = self.head[index]
            while maker:
                self.queue[maker, AHEAD] = (
                    self.queue[maker, AHEAD] - passed if self.queue[maker, AHEAD] > passed else 0.0
                )
                maker = self.place_of[maker, NEXT]
        return left

    @cython.cfunc
    @cython.exceptval(check=False)
    def prevent(
        self,
        slot: cython.int,
        maker: cython.int,
        price: cython.longlong,
        left: cython.longlong,
        stp: cython.int,
    ) -> cython.longlong:
        """Prevent a trade of an account with itself; returns as ``match`` does."""
        lots: cython.longlong = self.order[maker, LEFT]
        if stp == DECREMENT:
            lots = lots if lots < left else left
            self.row(DECREMENTED, maker, slot, price, lots)
            left -= lots
            if lots == self.order[maker, LEFT]:
                self.unlink(maker)
                self.row(EXPIRED, maker, SELF_TRADE, price, 0)
            else:
                self.order[maker, LEFT] -= lots
            if left == 0:
                self.row(EXPIRED, slot, SELF_TRADE, self.limit, 0)
                return -1
            return left
        if stp == EXPIRE_MAKER or stp == EXPIRE_BOTH:
            self.unlink(maker)
            self.row(EXPIRED, maker, SELF_TRADE, price, lots)
        if stp == EXPIRE_TAKER or stp == EXPIRE_BOTH:
            self.row(EXPIRED, slot, SELF_TRADE, self.limit, left)
            return -1
        return left

    @cython.ccall
    @cython.exceptval(check=False)
    def cancel(self, slot: cython.int) -> cython.longlong:
        """Take a resting order out; return its remaining lots, -1 if it does not rest."""
        if slot <= 0 or slot >= self.slots or self.order[slot, LEFT] == 0:
            return -1
        left: cython.longlong = self.order[slot, LEFT]
        self.unlink(slot)
        self.row(CANCELED, slot, 0, self.order[slot, PRICE], left)
        return left

    @cython.ccall
    @cython.exceptval(check=False)
    def reduce(self, slot: cython.int, quantity: cython.longlong) -> cython.longlong:
        """Take lots off a resting order, which keeps its place; -1 if it does not rest."""
        if slot <= 0 or slot >= self.slots or self.order[slot, LEFT] == 0:
            return -1
        if quantity < self.order[slot, LEFT]:
            self.order[slot, LEFT] -= quantity
            return quantity
        quantity = self.order[slot, LEFT]
        self.unlink(slot)
        self.row(CANCELED, slot, 0, self.order[slot, PRICE], 0)
        return quantity

    # Views

    @cython.ccall
    @cython.exceptval(check=False)
    def best_order(self, side: cython.int) -> cython.longlong:
        """Best price of resting orders of a side, 0 if none."""
        return self.order_bid if side > 0 else self.order_ask

    @cython.ccall
    @cython.exceptval(check=False)
    def remaining(self, slot: cython.int) -> cython.longlong:
        """Lots of an order that still rest, 0 if it does not."""
        return self.order[slot, LEFT] if 0 < slot < self.slots else 0

    @cython.ccall
    @cython.exceptval(check=False)
    def ahead(self, slot: cython.int) -> cython.double:
        """Displayed lots before a resting order."""
        if slot <= 0 or slot >= self.slots or self.order[slot, LEFT] == 0:
            return 0.0
        return self.queue[slot, AHEAD]

    def take_columns(self) -> np.ndarray:
        """Return the output rows since the last call as an array ``[row, 5]``."""
        taken = np.array(np.asarray(self.rows)[: 5 * self.n_rows]).reshape(-1, 5)
        self.n_rows = 0
        return taken

    def take_rows(self) -> list[tuple[int, int, int, int, int]]:
        """Return the output rows since the last call."""
        return [tuple(row) for row in self.take_columns().tolist()]

    @cython.ccall
    @cython.exceptval(check=False)
    def drop_rows(self) -> cython.void:
        """Forget the output rows so far."""
        self.n_rows = 0

    @cython.ccall
    @cython.exceptval(check=False)
    def run(self, commands: cython.longlong[:, ::1]) -> cython.void:
        """Execute commands in a batch, one a row: operation, then its arguments.

        Operations: 1 place (slot, account, side, price, quantity, time_in_force, stp), 2 cancel
        (slot), 3 set_level (side, price, quantity), 4 trade (side, price, quantity).  Rows pile up
        as ever.
        """
        i: cython.Py_ssize_t
        operation: cython.longlong
        if not cython.compiled:
            commands = memoryview(commands)  # plain Python integers: numpy's overflow
        for i in range(commands.shape[0]):
            operation = commands[i, 0]
            if operation == 1:
                self.place(
                    commands[i, 1],
                    commands[i, 2],
                    commands[i, 3],
                    commands[i, 4],
                    commands[i, 5],
                    commands[i, 6],
                    commands[i, 7],
                )
            elif operation == 2:
                self.cancel(commands[i, 1])
            elif operation == 3:
                self.set_level(commands[i, 1], commands[i, 2], commands[i, 3])
            elif operation == 4:
                self.trade(commands[i, 1], commands[i, 2], commands[i, 3])

    # Order-by-order tapes

    def add_order(self, side: int, price: int, quantity: int, order: int) -> None:
        """A displayed order appears; what it does not trade with orders stays displayed."""
        if order in self.displayed:
            self._take_off(order, self.displayed[order][2])
        if not self.reach(price):
            self.out_of_range += 1
            return
        kept = int(self.fill_through(-side, price, quantity, True))
        if kept > 0:
            self.store_level(side, price, int(self.shown(side, price)) + kept)
            self.clock += 1
            self.displayed[order] = (side, price, kept, int(self.clock))

    def cancel_order(self, order: int, quantity: int) -> None:
        """A displayed order loses lots; orders placed after it move up by them."""
        self._take_off(order, quantity)

    def fill_order(self, order: int, quantity: int) -> None:
        """A displayed order is filled: orders before it fill first, as makers."""
        found = self.displayed.get(order)
        if found is None:
            return
        side, price, _, stamp = found
        left = int(self.fill_through(side, price, quantity, False))
        index = price - self.base + (0 if side > 0 else self.width)
        slot = int(self.head[index])
        while slot and left > 0 and self.order[slot, STAMP] < stamp:
            after = int(self.place_of[slot, NEXT])
            lots = min(int(self.order[slot, LEFT]), left)
            left -= lots
            self.row(FILL, slot, 0, price, lots)
            if lots == self.order[slot, LEFT]:
                self.unlink(slot)
            else:
                self.order[slot, LEFT] -= lots
                self.queue[slot, AHEAD] = 0.0
            slot = after
        self._take_off(order, quantity)

    def _take_off(self, order: int, quantity: int) -> None:
        found = self.displayed.get(order)
        if found is None or quantity <= 0:
            return
        side, price, held, stamp = found
        lots = min(quantity, held)
        if lots == held:
            del self.displayed[order]
        else:
            self.displayed[order] = (side, price, held - lots, stamp)
        index = price - self.base + (0 if side > 0 else self.width)
        shown = int(self.level[index])
        self.store_level(side, price, max(0, shown - lots))
        slot = int(self.head[index])
        while slot:
            if self.order[slot, STAMP] > stamp:
                self.queue[slot, AHEAD] = max(0.0, self.queue[slot, AHEAD] - lots)
            slot = int(self.place_of[slot, NEXT])
