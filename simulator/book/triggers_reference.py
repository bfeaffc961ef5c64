"""Conditional orders, to be read: the rules of docs/matching.md as one question per order.

The compiled twin is ``simulator.book.triggers``; tests hold the two to the same answers.

Units: prices are integers of one scale, such as 1e-8 of the quote asset; callback rates are
integers in 1e-4, so 100 is 1 %.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.book.codes import PriceSource, Trigger

RATE = 10_000
"""A callback rate of 100 %."""


@dataclass(slots=True)
class ConditionalOrder:
    """A stop, take-profit or trailing stop; ``extreme`` is 0 until a trailing stop is active."""

    slot: int
    side: int
    kind: Trigger
    source: PriceSource
    trigger: int
    callback: int
    activation: int
    extreme: int = 0

    def fires_at(self, price: int) -> bool:
        """Whether this price triggers it; a trailing stop by the extreme so far.

        >>> buy_stop = ConditionalOrder(1, 1, Trigger.STOP, PriceSource.LAST, 105, 0, 0)
        >>> buy_stop.fires_at(104), buy_stop.fires_at(105)
        (False, True)
        """
        if self.kind == Trigger.STOP:
            return self.side * price >= self.side * self.trigger
        if self.kind == Trigger.TAKE_PROFIT:
            return self.side * price <= self.side * self.trigger
        if not self.extreme:
            return False
        # buy: price >= low * (1 + rate); sell: price <= high * (1 - rate); without dividing.
        threshold = self.extreme * (RATE + self.side * self.callback)
        return self.side * price * RATE >= self.side * threshold

    def activates_at(self, price: int) -> bool:
        """Whether a trailing stop begins: a buy at or below its activation, a sell at or above."""
        return not self.activation or self.side * price <= self.side * self.activation

    def follow(self, price: int) -> None:
        """Let a trailing stop activate, or keep the lowest (buy) or highest (sell) price since."""
        if self.extreme:
            self.extreme = self.side * min(self.side * self.extreme, self.side * price)
        elif self.activates_at(price):
            self.extreme = price


class Triggers:
    """Orders that wait until a price reaches their trigger.

    >>> triggers = Triggers()
    >>> triggers.on_price(PriceSource.LAST, 10_000)
    0
    >>> triggers.add(1, -1, Trigger.TRAILING_STOP, PriceSource.LAST, 0, 100, 0)  # 1 % below
    True
    >>> [triggers.on_price(PriceSource.LAST, price) for price in (10_500, 10_396, 10_395)]
    [0, 0, 1]
    """

    def __init__(self) -> None:
        self._orders: dict[int, ConditionalOrder] = {}  # by slot, in order of arrival
        self._last = {source: 0 for source in PriceSource}
        self._fired: list[int] = []

    def add(
        self,
        slot: int,
        side: int,
        kind: int,
        source: int,
        trigger: int,
        callback: int,
        activation: int,
    ) -> bool:
        """Let an order wait; False where it would trigger immediately (Binance's -2021).

        ``trigger`` is for stop and take-profit; ``callback`` and ``activation`` (0: active at once)
        for a trailing stop, which must not have reached its activation price yet.

        Runtime complexity: O(1).
        """
        if slot in self._orders:
            raise ValueError(f"slot {slot} waits already")
        order = ConditionalOrder(
            slot, side, Trigger(kind), PriceSource(source), trigger, callback, activation
        )
        last = self._last[order.source]
        if last:
            if order.kind != Trigger.TRAILING_STOP:
                immediate = order.fires_at(last)
            else:
                immediate = activation > 0 and order.activates_at(last)
            if immediate:
                return False
            if order.kind == Trigger.TRAILING_STOP:
                order.follow(last)
        self._orders[slot] = order
        return True

    def remove(self, slot: int) -> bool:
        """Forget an order; False if the slot does not wait.  Runtime complexity: O(1)."""
        return self._orders.pop(slot, None) is not None

    def on_price(self, source: int, price: int) -> int:
        """Follow a price of a source; return how many orders fired, see :meth:`fired`.

        Runtime complexity: O(n).
        """
        self._last[PriceSource(source)] = price
        self._fired = []
        for order in self._orders.values():
            if order.source != source:
                continue
            if order.fires_at(price):
                self._fired.append(order.slot)
            elif order.kind == Trigger.TRAILING_STOP:
                order.follow(price)
        for slot in self._fired:
            del self._orders[slot]
        return len(self._fired)

    def fired(self) -> list[int]:
        """Return the slots that the last price fired, in order of arrival."""
        return list(self._fired)

    @property
    def waiting(self) -> int:
        """Number of orders that wait."""
        return len(self._orders)

    def price(self, source: int) -> int:
        """Return the last price of a source, 0 before the first."""
        return self._last[PriceSource(source)]

    def trigger_price(self, slot: int) -> int:
        """Return the price at which an order fires as things stand, 0 if it does not wait.

        That of a trailing stop is rounded to the first price that fires: down for a sell, up for a
        buy; it is 0 while the order is not active.

        >>> triggers = Triggers()
        >>> triggers.on_price(PriceSource.MARK, 333)
        0
        >>> triggers.add(1, 1, Trigger.TRAILING_STOP, PriceSource.MARK, 0, 100, 0)
        True
        >>> triggers.trigger_price(1)  # 333 * 1.01 = 336.33
        337
        """
        order = self._orders.get(slot)
        if order is None:
            return 0
        if order.kind != Trigger.TRAILING_STOP:
            return order.trigger
        scaled = order.side * order.extreme * (RATE + order.side * order.callback)
        return order.side * -(-scaled // RATE)
