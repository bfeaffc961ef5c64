"""Conditional orders of one instrument: stop, take-profit, trailing stop (hot module).

The rules are docs/matching.md, the readable twin is ``simulator.book.triggers_reference``.  Each
order waits for a price at or above ``above`` or at or below ``below``; the nearest of these over
all orders of a source are its edges, so a price between the edges costs two comparisons.  Only
beyond an edge are the orders looked through, in order of arrival.

Units: prices are integers of one scale, such as 1e-8 of the quote asset, in ``[1, 2**62)``;
callback rates are integers in 1e-4, ``[1, 10_000)``.  Callers check both at the border.
"""

import cython
import numpy as np

STOP = cython.declare(cython.int, 1)
TAKE_PROFIT = cython.declare(cython.int, 2)
TRAILING_STOP = cython.declare(cython.int, 3)

SOURCES = cython.declare(cython.int, 2)
RATE = cython.declare(cython.longlong, 10_000)
NEVER = cython.declare(cython.longlong, 2**63 - 1)


def _column(kind: str, size: int) -> memoryview:
    # A memoryview hands out Python ints when this file runs uncompiled; numpy scalars would wrap.
    return memoryview(np.zeros(size, dtype=kind))


@cython.cclass
class Triggers:
    """Orders that wait until a price reaches their trigger.

    >>> triggers = Triggers()
    >>> triggers.on_price(0, 100)  # last price 100
    0
    >>> triggers.add(1, -1, 1, 0, 95, 0, 0)  # sell stop at 95
    True
    >>> triggers.add(2, 1, 1, 0, 99, 0, 0)  # buy stop at 99 would trigger immediately
    False
    >>> triggers.on_price(0, 96), triggers.on_price(0, 95), triggers.fired()
    (0, 1, [1])
    """

    def __init__(self) -> None:
        self.waiting = self.n_fired = 0
        self.capacity = 16
        self.slot = _column("i4", 16)
        self.side = _column("i4", 16)
        self.kind = _column("i4", 16)
        self.source = _column("i4", 16)
        self.fired_slots = _column("i4", 16)
        self.callback = _column("i8", 16)
        self.extreme = _column("i8", 16)
        self.above = _column("i8", 16)
        self.below = _column("i8", 16)
        self.last = _column("i8", SOURCES)
        self.edge_above = _column("i8", SOURCES)
        self.edge_below = _column("i8", SOURCES)
        self.set_edges()

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def add(
        self,
        slot: cython.int,
        side: cython.int,
        kind: cython.int,
        source: cython.int,
        trigger: cython.longlong,
        callback: cython.longlong,
        activation: cython.longlong,
    ) -> cython.bint:
        """Let an order wait; False where it would trigger immediately (Binance's -2021).

        ``trigger`` is for stop and take-profit; ``callback`` and ``activation`` (0: active at
        once) for a trailing stop.  Until a source has had a price, nothing triggers immediately.
        """
        if self.find(slot) >= 0:
            raise ValueError(f"slot {slot} waits already")
        if self.waiting == self.capacity:
            self._grow()
        i: cython.int = self.waiting
        last: cython.longlong = self.last[source]
        rising: cython.bint = side > 0  # whether it waits for the price to rise
        level: cython.longlong = trigger
        if kind != STOP:
            rising = side < 0
        if kind == TRAILING_STOP:
            level = activation
        if level and last and ((last >= level) if rising else (last <= level)):
            return False
        self.slot[i] = slot
        self.side[i] = side
        self.kind[i] = kind
        self.source[i] = source
        self.callback[i] = callback
        self.extreme[i] = 0
        # Without an activation price any price activates it, and every price is at or above 0.
        self.above[i] = level if rising or level == 0 else NEVER
        self.below[i] = 0 if rising else level
        if level == 0 and last:
            self.trail(i, last)
        self.waiting += 1
        self.set_edges()
        return True

    @cython.ccall
    @cython.exceptval(check=False)
    def remove(self, slot: cython.int) -> cython.bint:
        """Forget an order; False if the slot does not wait."""
        i: cython.int = self.find(slot)
        if i < 0:
            return False
        self.waiting -= 1
        while i < self.waiting:
            self.copy(i + 1, i)
            i += 1
        self.set_edges()
        return True

    @cython.ccall
    @cython.exceptval(check=False)
    def on_price(self, source: cython.int, price: cython.longlong) -> cython.int:
        """Follow a price of a source; return how many orders fired, see :meth:`fired`."""
        self.last[source] = price
        self.n_fired = 0
        if self.edge_below[source] < price < self.edge_above[source]:
            return 0
        return self.scan(source, price)

    @cython.cfunc
    @cython.exceptval(check=False)
    def scan(self, source: cython.int, price: cython.longlong) -> cython.int:
        """Look through the orders of a source: fire, activate or move their extremes."""
        kept: cython.int = 0
        fires: cython.bint
        i: cython.int
        for i in range(self.waiting):
            fires = False
            if self.source[i] == source and (price >= self.above[i] or price <= self.below[i]):
                fires = self.kind[i] != TRAILING_STOP or (
                    self.extreme[i] != 0
                    and (price <= self.below[i] if self.side[i] < 0 else price >= self.above[i])
                )
                if not fires:
                    self.trail(i, price)
            if fires:
                self.fired_slots[self.n_fired] = self.slot[i]
                self.n_fired += 1
            else:
                self.copy(i, kept)
                kept += 1
        self.waiting = kept
        self.set_edges()
        return self.n_fired

    @cython.cfunc
    @cython.exceptval(check=False)
    def trail(self, i: cython.int, price: cython.longlong) -> cython.void:
        """Make ``price`` the extreme of a trailing stop, which fires a callback rate away.

        The products are taken of quotient and remainder apart, so they cannot wrap.  As
        prices are integers, the threshold rounded away from the extreme is exact.
        """
        whole: cython.longlong = price // RATE
        rest: cython.longlong = price - whole * RATE
        kept: cython.longlong
        self.extreme[i] = price
        if self.side[i] < 0:
            kept = RATE - self.callback[i]
            self.above[i] = price + 1
            self.below[i] = whole * kept + rest * kept // RATE
        else:
            kept = RATE + self.callback[i]
            self.below[i] = price - 1
            self.above[i] = whole * kept + (rest * kept + RATE - 1) // RATE

    @cython.cfunc
    @cython.exceptval(check=False)
    def set_edges(self) -> cython.void:
        """Find the nearest prices at which something happens, by source."""
        i: cython.int
        source: cython.int
        for source in range(SOURCES):
            self.edge_above[source] = NEVER
            self.edge_below[source] = 0
        for i in range(self.waiting):
            source = self.source[i]
            if self.above[i] < self.edge_above[source]:
                self.edge_above[source] = self.above[i]
            if self.below[i] > self.edge_below[source]:
                self.edge_below[source] = self.below[i]

    @cython.cfunc
    @cython.exceptval(check=False)
    def copy(self, source: cython.int, target: cython.int) -> cython.void:
        """Move an order to another place in the columns."""
        self.slot[target] = self.slot[source]
        self.side[target] = self.side[source]
        self.kind[target] = self.kind[source]
        self.source[target] = self.source[source]
        self.callback[target] = self.callback[source]
        self.extreme[target] = self.extreme[source]
        self.above[target] = self.above[source]
        self.below[target] = self.below[source]

    @cython.cfunc
    @cython.exceptval(check=False)
    def find(self, slot: cython.int) -> cython.int:
        """Return where an order stands in the columns, -1 if it does not wait."""
        i: cython.int
        for i in range(self.waiting):
            if self.slot[i] == slot:
                return i
        return -1

    def _grow(self) -> None:
        size = 2 * int(self.capacity)
        self.slot = _longer(self.slot, "i4", size)
        self.side = _longer(self.side, "i4", size)
        self.kind = _longer(self.kind, "i4", size)
        self.source = _longer(self.source, "i4", size)
        self.fired_slots = _longer(self.fired_slots, "i4", size)
        self.callback = _longer(self.callback, "i8", size)
        self.extreme = _longer(self.extreme, "i8", size)
        self.above = _longer(self.above, "i8", size)
        self.below = _longer(self.below, "i8", size)
        self.capacity = size

    # Views

    @cython.ccall
    @cython.exceptval(check=False)
    def fired_slot(self, i: cython.int) -> cython.int:
        """Slot of the ``i``-th order that the last price fired, in order of arrival."""
        return self.fired_slots[i]

    def fired(self) -> list[int]:
        """Slots that the last price fired, in order of arrival."""
        return [int(self.fired_slots[i]) for i in range(self.n_fired)]

    @cython.ccall
    @cython.exceptval(check=False)
    def price(self, source: cython.int) -> cython.longlong:
        """Last price of a source, 0 before the first."""
        return self.last[source]

    @cython.ccall
    @cython.exceptval(check=False)
    def trigger_price(self, slot: cython.int) -> cython.longlong:
        """Price at which an order fires as things stand; 0 if it does not wait or is not active."""
        i: cython.int = self.find(slot)
        if i < 0 or (self.kind[i] == TRAILING_STOP and self.extreme[i] == 0):
            return 0
        if (self.side[i] > 0) == (self.kind[i] != TAKE_PROFIT):
            return self.above[i]
        return self.below[i]


def _longer(column: object, kind: str, size: int) -> memoryview:
    kept = np.asarray(column)
    longer = np.zeros(size, dtype=kind)
    longer[: len(kept)] = kept
    return memoryview(longer)
