"""The readable book: price-time priority of one instrument on sorted dictionaries.

It follows docs/matching.md sentence by sentence and is written to be read, so clear stands above
fast.  The compiled twin is ``simulator.book.columns``; tests hold the two to the same rows.

A book has two kinds of liquidity: *displayed* lots from the tape, and *orders*, ours, each with
``ahead``, the displayed lots before it in the queue of its price.  How they are kept is in
``simulator.book.reference_queues``; here are the rules.

Units: prices in ticks >= 1, quantities in lots >= 1.  Runtime complexity below is in *n*, the
levels or orders of a side, and *k*, the orders and levels that an operation changes.
"""

from __future__ import annotations

from math import ceil, floor

from simulator.book.codes import BUY, SELL, Expiry, QueueModel, Row, SelfTrade, TimeInForce
from simulator.book.queue import advance
from simulator.book.reference_queues import NOWHERE, DisplayedOrder, Order, Queues


class Book(Queues):
    """Displayed liquidity and orders of one instrument.

    >>> book = Book()
    >>> book.set_level(SELL, 101, 5)
    >>> book.place(1, account=7, side=BUY, price=101, quantity=8)
    >>> book.take_rows()  # 5 filled against the tape's lots, 3 rest
    [(1, 0, 1, 101, 5), (2, 1, 0, 101, 3)]
    >>> book.trade(SELL, 101, 2)  # somebody sells 2; nobody stands before us
    >>> book.take_rows()
    [(1, 1, 0, 101, 2)]
    """

    def __init__(self, queue_model: int = QueueModel.RISK_AVERSE, power: float = 3.0) -> None:
        """Make an empty book; ``power`` is the exponent of the POWER model."""
        super().__init__()
        self._model = int(QueueModel(queue_model))
        self._power = power

    # What the tape says

    def set_level(self, side: int, price: int, quantity: int) -> None:
        """Display ``quantity`` lots at a price; 0 removes the level.

        Orders in the queue of that price move by the queue model; orders of the other side that the
        new level reaches fill as makers, and the level loses what they took.

        Runtime complexity: O(log n + k).

        >>> book = Book()
        >>> book.place(1, account=7, side=SELL, price=100, quantity=3)
        >>> book.set_level(BUY, 101, 5)  # the market has come to us
        >>> book.take_rows(), book.shown(BUY, 101)
        ([(2, 1, 0, 100, 3), (1, 1, 0, 100, 3)], 2)
        """
        # As floats, so that the plain and the compiled model return the same type.
        levels = float(self.shown(side, price)), float(quantity)
        self._display(side, price, quantity)
        for order in self._queue(side, price):
            order.ahead = advance(self._model, self._power, order.ahead, *levels, order.traded)
            order.traded = 0.0
        left = self._fill_up_to(-side, side * price, quantity)
        self._display(side, price, left)

    def clear(self, side: int) -> None:
        """Remove the displayed levels of a side (0: of both); orders keep their ``ahead``.

        Runtime complexity: O(n).
        """
        for cleared in (BUY, SELL):
            if side in (0, cleared):
                self._displayed[cleared].clear()
                self._displayed_orders = {
                    id: shown
                    for id, shown in self._displayed_orders.items()
                    if shown.side != cleared
                }

    def trade(self, side: int, price: int, quantity: int) -> None:
        """Let a print of aggressor ``side`` eat the other side's queue up to ``price``.

        Runtime complexity: O(log n + k).

        >>> book = Book()
        >>> book.set_level(BUY, 100, 4)
        >>> book.place(1, account=7, side=BUY, price=100, quantity=3)
        >>> book.trade(SELL, 100, 6)  # 4 were before us
        >>> book.take_rows()
        [(2, 1, 0, 100, 3), (1, 1, 0, 100, 2)]
        """
        left: float = self._fill_up_to(-side, side * price - 1, quantity)
        passed = 0.0
        for order in tuple(self._queue(-side, price)):
            gap = max(0.0, order.ahead - passed)
            if gap >= left:
                passed += left
                break
            passed += gap
            left -= gap
            filled = min(order.remaining, floor(left + 0.5))
            if filled >= 1:
                self._fill(order, 0, filled)
                left -= filled
            if left <= 0:
                break
        for order in self._queue(-side, price):
            order.ahead = max(0.0, order.ahead - passed)
            order.traded += quantity

    # What accounts ask for

    def place(
        self,
        slot: int,
        account: int,
        side: int,
        price: int,
        quantity: int,
        time_in_force: int = TimeInForce.GTC,
        stp: int = SelfTrade.NONE,
    ) -> None:
        """Match a new order and rest, or expire, what is left; price 0 is a market order.

        ``slot`` names the order until it ends; a resting order's slot cannot be placed again.

        Runtime complexity: O(log n + k log n).

        >>> book = Book()
        >>> book.set_level(SELL, 101, 5)
        >>> book.place(1, account=7, side=BUY, price=101, quantity=6, time_in_force=TimeInForce.FOK)
        >>> book.place(2, account=7, side=BUY, price=101, quantity=6, time_in_force=TimeInForce.GTX)
        >>> book.place(3, account=7, side=BUY, price=0, quantity=6)
        >>> book.take_rows()
        [(3, 1, 2, 101, 6), (3, 2, 3, 101, 6), (1, 0, 3, 101, 5), (3, 3, 4, 0, 1)]
        """
        assert slot not in self._orders, f"slot {slot} rests already"
        assert quantity >= 1, f"slot {slot}: quantity {quantity}"
        taker = Order(slot, account, side, price, quantity)
        limit = side * price if price else NOWHERE - 1
        if time_in_force == TimeInForce.GTX and (not price or self._best_rank(-side) <= limit):
            self._expire(taker, Expiry.POST_ONLY)
        elif time_in_force == TimeInForce.FOK and self._fillable(taker, limit, stp) < quantity:
            self._expire(taker, Expiry.FOK)
        else:
            self._match(taker, limit, stp)
        if not taker.remaining:
            return
        if not price:
            self._expire(taker, Expiry.NO_LIQUIDITY)
        elif time_in_force == TimeInForce.IOC:
            self._expire(taker, Expiry.IOC)
        else:
            self._rest(taker)

    def cancel(self, slot: int) -> int:
        """End a resting order; return its remaining lots, or -1 if the slot does not rest.

        Runtime complexity: O(log n + k), where *k* are the orders at its price.

        >>> book = Book()
        >>> book.place(1, account=7, side=BUY, price=100, quantity=3)
        >>> book.cancel(1), book.cancel(1), book.take_rows()
        (3, -1, [(2, 1, 0, 100, 3), (4, 1, 0, 100, 3)])
        """
        order = self._orders.get(slot)
        if order is None:
            return -1
        self._row(Row.CANCELED, slot, 0, order.price, order.remaining)
        self._leave(order)
        return order.remaining

    def reduce(self, slot: int, quantity: int) -> int:
        """Take lots off a resting order, which keeps its place; return how many, or -1.

        Runtime complexity: O(1), as :meth:`cancel` where nothing is left.

        >>> book = Book()
        >>> book.place(1, account=7, side=BUY, price=100, quantity=3)
        >>> book.reduce(1, 1), book.remaining(1), book.reduce(1, 9)
        (1, 2, 2)
        """
        order = self._orders.get(slot)
        if order is None:
            return -1
        taken = min(quantity, order.remaining)
        order.remaining -= taken
        if not order.remaining:
            self._row(Row.CANCELED, slot, 0, order.price, 0)
            self._leave(order)
        return taken

    # Order-by-order tapes (model FIFO)

    def add_order(self, side: int, price: int, quantity: int, id: int) -> None:
        """Display one more order of the tape; what it can fill of ours does not stay displayed.

        Runtime complexity: O(log n + k).

        >>> book = Book(QueueModel.FIFO)
        >>> book.add_order(BUY, 100, 5, id=91)
        >>> book.place(1, account=7, side=BUY, price=100, quantity=2)
        >>> book.add_order(BUY, 100, 4, id=92)
        >>> book.cancel_order(92, 4)  # came after us: we stay where we were
        >>> book.ahead(1)
        5.0
        >>> book.cancel_order(91, 3)
        >>> book.ahead(1)
        2.0
        """
        if id in self._displayed_orders:
            self.cancel_order(id, self._displayed_orders[id].remaining)
        left = self._fill_up_to(-side, side * price, quantity)
        if left:
            self._display(side, price, self.shown(side, price) + left)
            self._displayed_orders[id] = DisplayedOrder(side, price, left, self._next_arrival())

    def cancel_order(self, id: int, quantity: int) -> None:
        """Take lots off a displayed order; our orders that came after it move up.

        Runtime complexity: O(log n + k).
        """
        shown = self._displayed_orders.get(id)
        if shown is None:
            return
        taken = min(quantity, shown.remaining)
        shown.remaining -= taken
        if not shown.remaining:
            del self._displayed_orders[id]
        level = self.shown(shown.side, shown.price)
        self._display(shown.side, shown.price, max(0, level - taken))
        for order in self._queue(shown.side, shown.price):
            if order.arrival > shown.arrival:
                order.ahead = max(0.0, order.ahead - taken)

    def fill_order(self, id: int, quantity: int) -> None:
        """Print a fill of a displayed order: our orders that stand before it fill first.

        Runtime complexity: O(log n + k).
        """
        shown = self._displayed_orders.get(id)
        if shown is None:
            return
        rank = -shown.side * shown.price
        left = self._fill_up_to(shown.side, rank - 1, quantity)
        for order in tuple(self._queue(shown.side, shown.price)):
            if left and order.arrival < shown.arrival:
                filled = min(order.remaining, left)
                self._fill(order, 0, filled)
                left -= filled
        self.cancel_order(id, quantity)

    # Matching

    def _match(self, taker: Order, limit: int, stp: int) -> None:
        while taker.remaining and (rank := self._best_rank(-taker.side)) <= limit:
            self._match_price(taker, rank, stp)

    def _match_price(self, taker: Order, rank: int, stp: int) -> None:
        """Match at one price: displayed lots and orders as they stand in the queue."""
        price = abs(rank)
        passed = 0
        for order in tuple(self._queue(-taker.side, price)):
            passed += self._take_displayed(taker, price, ceil(order.ahead) - passed)
            if not taker.remaining:
                break
            if order.account == taker.account and stp != SelfTrade.NONE:
                self._prevent_self_trade(taker, order, stp)
            else:
                filled = min(order.remaining, taker.remaining)
                taker.remaining -= filled
                self._fill(order, taker.slot, filled)
        passed += self._take_displayed(taker, price, taker.remaining)
        for order in self._queue(-taker.side, price):
            order.ahead = max(0.0, order.ahead - passed)

    def _take_displayed(self, taker: Order, price: int, most: int) -> int:
        """Fill a taker against at most that many displayed lots; return how many it took."""
        level = self.shown(-taker.side, price)
        taken = min(most, level, taker.remaining)
        if taken <= 0:
            return 0
        self._row(Row.FILL, 0, taker.slot, price, taken)
        self._display(-taker.side, price, level - taken)
        taker.remaining -= taken
        return taken

    def _prevent_self_trade(self, taker: Order, maker: Order, stp: int) -> None:
        if stp == SelfTrade.DECREMENT:
            off = min(maker.remaining, taker.remaining)
            self._row(Row.DECREMENTED, maker.slot, taker.slot, maker.price, off)
            for order in (maker, taker):
                order.remaining -= off
                if not order.remaining:
                    self._expire(order, Expiry.SELF_TRADE)
        else:
            if stp in (SelfTrade.EXPIRE_MAKER, SelfTrade.EXPIRE_BOTH):
                self._expire(maker, Expiry.SELF_TRADE)
            if stp in (SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_BOTH):
                self._expire(taker, Expiry.SELF_TRADE)

    def _fillable(self, taker: Order, limit: int, stp: int) -> int:
        """Return the lots that an order could fill up to its limit."""
        displayed, queues = self._displayed[-taker.side], self._queues[-taker.side]
        lots = sum(displayed[rank] for rank in displayed.irange(maximum=limit))
        for rank in queues.irange(maximum=limit):
            for order in queues[rank]:
                if stp == SelfTrade.NONE or order.account != taker.account:
                    lots += order.remaining
        return int(lots)

    def _fill_up_to(self, side: int, last_rank: int, quantity: int) -> int:
        """Fill a side's orders up to a rank as makers against the tape; return the lots left."""
        queues = self._queues[side]
        while quantity and queues and queues.keys()[0] <= last_rank:
            order = queues.values()[0][0]
            filled = min(order.remaining, quantity)
            self._fill(order, 0, filled)
            quantity -= filled
        return quantity
