"""What the readable book keeps: displayed levels, queues of orders, and rows not yet handed out.

Both sides are kept by *rank*, ``-side * price``: the best price of either side has the lowest rank,
and an incoming order of side *s* and limit *p* reaches the opposite ranks up to ``s * p``.  So one
piece of code serves both sides.

Runtime complexity is in *n*, the levels or orders of a side, and *k*, the orders at one price.
"""

from __future__ import annotations

from dataclasses import dataclass

from sortedcontainers import SortedDict

from simulator.book.codes import BUY, SELL, Expiry, Row

NOWHERE = 2**63 - 1
"""Rank behind every price: the best of an empty side."""

RowTuple = tuple[int, int, int, int, int]


@dataclass(slots=True)
class Order:
    """An order of ours: ``remaining`` lots, ``ahead`` displayed lots before it.

    ``traded`` are the lots printed at its price since its level was last restated, and ``arrival``
    counts orders and displayed orders alike, so it tells who came first.
    """

    slot: int
    account: int
    side: int
    price: int
    remaining: int
    ahead: float = 0.0
    traded: float = 0.0
    arrival: int = 0


@dataclass(slots=True)
class DisplayedOrder:
    """One order of an order-by-order tape, part of a displayed level."""

    side: int
    price: int
    remaining: int
    arrival: int


class Queues:
    """Displayed lots and orders of one instrument, and the changes that rules make to them."""

    def __init__(self) -> None:
        self._displayed = {side: SortedDict() for side in (BUY, SELL)}  # rank -> lots
        self._queues = {side: SortedDict() for side in (BUY, SELL)}  # rank -> orders, first first
        self._orders: dict[int, Order] = {}  # by slot
        self._displayed_orders: dict[int, DisplayedOrder] = {}  # by the tape's order id
        self._arrivals = 0
        self._rows: list[RowTuple] = []

    # What is there

    def best(self, side: int) -> int:
        """Return the best displayed price of a side, 0 if none.  Runtime complexity: O(1)."""
        levels = self._displayed[side]
        return abs(levels.keys()[0]) if levels else 0

    def best_order(self, side: int) -> int:
        """Return the best price of resting orders, 0 if none.  Runtime complexity: O(1)."""
        queues = self._queues[side]
        return abs(queues.keys()[0]) if queues else 0

    def shown(self, side: int, price: int) -> int:
        """Return the displayed lots at a price.  Runtime complexity: O(1)."""
        return int(self._displayed[side].get(-side * price, 0))

    def remaining(self, slot: int) -> int:
        """Return a resting order's lots, 0 if the slot does not rest.  Runtime complexity: O(1)."""
        return self._orders[slot].remaining if slot in self._orders else 0

    def ahead(self, slot: int) -> float:
        """Return the displayed lots before an order, 0 if it does not rest.

        Runtime complexity: O(1).
        """
        return self._orders[slot].ahead if slot in self._orders else 0.0

    def take_rows(self) -> list[RowTuple]:
        """Return what happened since the last call, oldest first.  Runtime complexity: O(1)."""
        rows, self._rows = self._rows, []
        return rows

    def check(self) -> None:
        """Assert every internal invariant.  Runtime complexity: O(n)."""
        queued = []
        for side in (BUY, SELL):
            for rank, lots in self._displayed[side].items():
                assert -side * rank >= 1, f"displayed price {-side * rank}"
                assert lots >= 1, f"displayed lots {lots} at {-side * rank}"
            for rank, queue in self._queues[side].items():
                assert queue, f"empty queue at {-side * rank}"
                arrivals = [order.arrival for order in queue]
                assert arrivals == sorted(set(arrivals)), f"queue out of order at {-side * rank}"
                for order in queue:
                    assert order.side == side, order
                    assert -order.side * order.price == rank, order
                    assert order.remaining >= 1, order
                    assert order.ahead >= 0.0, order
                    assert order.traded >= 0.0, order
                    queued.append(order)
            crossed = side * self.best_order(side)
            for other in (self.best(-side), self.best_order(-side)):
                if crossed and other:
                    assert crossed < side * other, f"orders crossed: {crossed}, {other}"
        assert {order.slot: order for order in queued} == self._orders
        assert len(queued) == len(self._orders)
        for shown in self._displayed_orders.values():
            assert shown.remaining >= 1, shown

    # Changes

    def _best_rank(self, side: int) -> int:
        levels, queues = self._displayed[side], self._queues[side]
        return min(
            levels.keys()[0] if levels else NOWHERE,
            queues.keys()[0] if queues else NOWHERE,
        )

    def _queue(self, side: int, price: int) -> list[Order]:
        queue: list[Order] = self._queues[side].get(-side * price, [])
        return queue

    def _display(self, side: int, price: int, quantity: int) -> None:
        if quantity:
            self._displayed[side][-side * price] = quantity
        else:
            self._displayed[side].pop(-side * price, None)

    def _next_arrival(self) -> int:
        self._arrivals += 1
        return self._arrivals

    def _rest(self, order: Order) -> None:
        order.ahead = float(self.shown(order.side, order.price))
        order.arrival = self._next_arrival()
        self._orders[order.slot] = order
        self._queues[order.side].setdefault(-order.side * order.price, []).append(order)
        self._row(Row.RESTED, order.slot, 0, order.price, order.remaining)

    def _leave(self, order: Order) -> None:
        del self._orders[order.slot]
        queue = self._queue(order.side, order.price)
        queue.remove(order)
        if not queue:
            del self._queues[order.side][-order.side * order.price]

    def _fill(self, maker: Order, taker_slot: int, quantity: int) -> None:
        self._row(Row.FILL, maker.slot, taker_slot, maker.price, quantity)
        maker.remaining -= quantity
        maker.ahead = 0.0  # who is being filled stands at the front, whatever the estimate was
        if not maker.remaining:
            self._leave(maker)

    def _expire(self, order: Order, reason: Expiry) -> None:
        """End an order, whether it rests or is just coming in."""
        self._row(Row.EXPIRED, order.slot, int(reason), order.price, order.remaining)
        if order.slot in self._orders:
            self._leave(order)
        order.remaining = 0

    def _row(self, code: Row, order: int, other: int, price: int, quantity: int) -> None:
        self._rows.append((int(code), order, other, price, quantity))
