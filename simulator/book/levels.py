"""Price levels in columns: displayed lots, order queues, the next level (hot module).

A level is a cell at ``price - base`` in arrays whose first half is the bid side and second half the
ask side. One bit a price says whether something is there, in four sections: displayed bids,
displayed asks, buy orders, sell orders; the next level is the next set bit, 64 prices a step.

The window of prices moves and grows as needed, up to ``MAX_WIDTH`` ticks; a displayed level further
out than that is not kept and counted in ``out_of_range``.  Memory that no level ever touched is
never resident.
"""

import cython
import numpy as np

BIDS = cython.declare(cython.int, 0)
ASKS = cython.declare(cython.int, 1)

FIRST_WIDTH = cython.declare(cython.longlong, 1 << 16)
MAX_WIDTH = cython.declare(cython.longlong, 1 << 27)
ALL_BITS = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)


def column(kind: str, *shape: int) -> memoryview:
    """Return zeros as a memoryview.

    It hands out Python ints when the hot modules run uncompiled; numpy scalars would wrap.
    """
    return memoryview(np.zeros(shape, dtype=kind))


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _lowest_bit(word: cython.ulonglong) -> cython.int:
    """Position of the lowest set bit of a word that is not 0."""
    n: cython.int = 0
    if word & 0xFFFFFFFF == 0:
        n += 32
        word >>= 32
    if word & 0xFFFF == 0:
        n += 16
        word >>= 16
    if word & 0xFF == 0:
        n += 8
        word >>= 8
    while word & 1 == 0:
        n += 1
        word >>= 1
    return n


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _highest_bit(word: cython.ulonglong) -> cython.int:
    """Position of the highest set bit of a word that is not 0."""
    n: cython.int = 0
    if word >> 32:
        n += 32
        word >>= 32
    if word >> 16:
        n += 16
        word >>= 16
    if word >> 8:
        n += 8
        word >>= 8
    while word > 1:
        n += 1
        word >>= 1
    return n


@cython.cclass
class Levels:
    """Displayed lots by side and price; the base of the compiled book."""

    def __init__(self) -> None:
        self.base = 0
        self.bid = self.ask = 0
        self.bid_levels = self.ask_levels = 0
        self.out_of_range = 0
        self._allocate(FIRST_WIDTH)

    def _allocate(self, width: int) -> None:
        self.width = width
        self.words = width // 64
        self.level = column("i8", 2 * width)
        self.head = column("i4", 2 * width)
        self.tail = column("i4", 2 * width)
        self.bits = column("u8", 4 * (width // 64))

    def _extend(self, price: int) -> bool:
        """Make the window hold ``price`` as well; False where that would be too wide."""
        if not 1 <= price < 1 << 40:
            return False
        used = np.flatnonzero(np.bitwise_or.reduce(np.asarray(self.bits).reshape(4, -1)))
        if len(used) == 0:
            self.base = max(0, price - self.width // 2) // 64 * 64
            return True
        low = min(price, self.base + 64 * int(used[0]))
        high = max(price, self.base + 64 * int(used[len(used) - 1]) + 63)
        if high - low + 128 > MAX_WIDTH:
            return False
        width = int(self.width)
        while width < 2 * (high - low + 128):
            width *= 2
        width = min(width, MAX_WIDTH)
        self._move(max(0, (low + high - width) // 2) // 64 * 64, width)
        return True

    def _move(self, base: int, width: int) -> None:
        old_base, old_width = int(self.base), int(self.width)
        columns = [np.asarray(self.level), np.asarray(self.head), np.asarray(self.tail)]
        bits = np.asarray(self.bits).reshape(4, -1)
        self._allocate(width)
        moved = [np.asarray(self.level), np.asarray(self.head), np.asarray(self.tail)]
        new_bits = np.asarray(self.bits).reshape(4, -1)
        shift = (old_base - base) // 64
        for section in range(4):
            side = section % 2
            for word in np.flatnonzero(bits[section]).tolist():
                new_bits[section, word + shift] = bits[section, word]
                source = side * old_width + 64 * word
                target = side * width + 64 * (word + shift)
                for old, new in zip(columns, moved, strict=True):
                    new[target : target + 64] = old[source : source + 64]
        self.base = base

    @cython.cfunc
    @cython.exceptval(check=False)
    def reach(self, price: cython.longlong) -> cython.bint:
        """Whether the window holds the price, after moving it if need be."""
        if price > 0 and self.base <= price < self.base + self.width:
            return True
        return self._extend(price)

    @cython.cfunc
    @cython.exceptval(check=False)
    def set_bit(self, section: cython.longlong, place: cython.longlong) -> cython.void:
        self.bits[section * self.words + (place >> 6)] |= cython.cast(cython.ulonglong, 1) << (
            place & 63
        )

    @cython.cfunc
    @cython.exceptval(check=False)
    def clear_bit(self, section: cython.longlong, place: cython.longlong) -> cython.void:
        self.bits[section * self.words + (place >> 6)] &= (
            ~(cython.cast(cython.ulonglong, 1) << (place & 63)) & ALL_BITS
        )

    @cython.cfunc
    @cython.exceptval(check=False)
    def below(self, section: cython.longlong, price: cython.longlong) -> cython.longlong:
        """Highest price below ``price`` with its bit set, or 0."""
        place: cython.longlong = price - self.base
        if place > self.width:
            place = self.width
        if place <= 0:
            return 0
        first: cython.longlong = section * self.words
        word: cython.longlong = (place - 1) >> 6
        kept: cython.int = ((place - 1) & 63) + 1
        found: cython.ulonglong = self.bits[first + word]
        if kept < 64:
            found &= (cython.cast(cython.ulonglong, 1) << kept) - 1
        while found == 0:
            word -= 1
            if word < 0:
                return 0
            found = self.bits[first + word]
        return self.base + (word << 6) + _highest_bit(found)

    @cython.cfunc
    @cython.exceptval(check=False)
    def above(self, section: cython.longlong, price: cython.longlong) -> cython.longlong:
        """Lowest price above ``price`` with its bit set, or 0."""
        place: cython.longlong = price - self.base + 1
        if place < 0:
            place = 0
        if place >= self.width:
            return 0
        first: cython.longlong = section * self.words
        word: cython.longlong = place >> 6
        found: cython.ulonglong = self.bits[first + word] >> (place & 63)
        if found != 0:
            return self.base + place + _lowest_bit(found)
        word += 1
        while word < self.words:
            found = self.bits[first + word]
            if found != 0:
                return self.base + (word << 6) + _lowest_bit(found)
            word += 1
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def store_level(
        self, side: cython.int, price: cython.longlong, quantity: cython.longlong
    ) -> cython.void:
        """Write a level inside the window and keep the best price."""
        place: cython.longlong = price - self.base
        if side > 0:
            if quantity:
                if self.level[place] == 0:
                    self.set_bit(BIDS, place)
                    self.bid_levels += 1
                if price > self.bid:
                    self.bid = price
                self.level[place] = quantity
            elif self.level[place]:
                self.level[place] = 0
                self.clear_bit(BIDS, place)
                self.bid_levels -= 1
                if price == self.bid:
                    self.bid = self.below(BIDS, price) if self.bid_levels else 0
        elif quantity:
            if self.level[self.width + place] == 0:
                self.set_bit(ASKS, place)
                self.ask_levels += 1
            if price < self.ask or self.ask == 0:
                self.ask = price
            self.level[self.width + place] = quantity
        elif self.level[self.width + place]:
            self.level[self.width + place] = 0
            self.clear_bit(ASKS, place)
            self.ask_levels -= 1
            if price == self.ask:
                self.ask = self.above(ASKS, price) if self.ask_levels else 0

    @cython.ccall
    @cython.exceptval(check=False)
    def best(self, side: cython.int) -> cython.longlong:
        """Best displayed price of a side, 0 if none."""
        return self.bid if side > 0 else self.ask

    @cython.ccall
    @cython.exceptval(check=False)
    def shown(self, side: cython.int, price: cython.longlong) -> cython.longlong:
        """Displayed lots at a price."""
        if price < self.base or price >= self.base + self.width:
            return 0
        return self.level[price - self.base + (0 if side > 0 else self.width)]

    @cython.ccall
    @cython.exceptval(check=False)
    def next_level(self, side: cython.int, price: cython.longlong) -> cython.longlong:
        """Next displayed price of a side behind ``price``, 0 if none."""
        # Behind the only level is nothing; the bits would have to be searched to the end for that.
        if price == self.bid and side > 0 and self.bid_levels == 1:
            return 0
        if price == self.ask and side < 0 and self.ask_levels == 1:
            return 0
        return self.below(BIDS, price) if side > 0 else self.above(ASKS, price)
