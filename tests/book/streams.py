"""Random command streams for a book, and an auditor who keeps his own account of what happened.

A stream looks at the book only to learn which slots are free, so the same seed and the same rules
give the same commands.  Prices stay in a narrow band, where most commands meet each other; now and
then the band moves, in some seeds far enough to leave any window of prices that a book may keep.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Protocol

from simulator.book.codes import BUY, SELL, QueueModel, Row, SelfTrade, TimeInForce

Command = tuple[str, tuple[int, ...]]
Rows = list[tuple[int, int, int, int, int]]

SLOTS = range(1, 25)
BAND = 8


class AnyBook(Protocol):
    """What both implementations offer."""

    def set_level(self, side: int, price: int, quantity: int) -> None: ...
    def clear(self, side: int) -> None: ...
    def trade(self, side: int, price: int, quantity: int) -> None: ...
    def place(
        self, slot: int, account: int, side: int, price: int, quantity: int, tif: int, stp: int
    ) -> None: ...
    def cancel(self, slot: int) -> int: ...
    def reduce(self, slot: int, quantity: int) -> int: ...
    def add_order(self, side: int, price: int, quantity: int, id: int) -> None: ...
    def cancel_order(self, id: int, quantity: int) -> None: ...
    def fill_order(self, id: int, quantity: int) -> None: ...
    def best(self, side: int) -> int: ...
    def best_order(self, side: int) -> int: ...
    def shown(self, side: int, price: int) -> int: ...
    def remaining(self, slot: int) -> int: ...
    def ahead(self, slot: int) -> float: ...
    def take_rows(self) -> Rows: ...


BookMaker = Callable[..., AnyBook]


class Stream:
    """Commands for ``book``, drawn with ``seed``."""

    def __init__(self, seed: int, book: AnyBook, model: int) -> None:
        self.random = random.Random(seed)
        self.book = book
        self.by_order = model == QueueModel.FIFO
        self.middle = self.random.choice([12, 1_000, 60_000, 5_000_000])
        self.leap = self.random.choice([3, 3, 200, 90_000])
        self.ids = 0

    def commands(self, count: int) -> Iterator[Command]:
        """Draw ``count`` commands; each sees the book as the one before left it."""
        for _ in range(count):
            if self.random.random() < 0.003:
                step = self.random.randint(-self.leap, self.leap)
                self.middle = max(BAND + 2, self.middle + step)
            yield self._command()

    def prices(self) -> range:
        """Prices that commands name just now, with a margin."""
        return range(max(1, self.middle - 2 * BAND), self.middle + 2 * BAND + 1)

    def _price(self, side: int) -> int:
        # Bids tend to stand below the middle and asks above, so that some cross and most do not.
        return max(1, self.middle - side * self.random.randint(-3, BAND))

    def _command(self) -> Command:
        pick, side = self.random.random(), self.random.choice([BUY, SELL])
        lots = self.random.choice([1, 2, 3, 5, 8, 13, 40])
        if pick < 0.40:
            free = [slot for slot in SLOTS if not self.book.remaining(slot)]
            if free:
                return "place", self._order(self.random.choice(free), side, lots)
        if pick < 0.48:
            return "cancel", (self.random.choice(SLOTS),)
        if pick < 0.55:
            return "reduce", (self.random.choice(SLOTS), lots)
        if pick < 0.552:
            return "clear", (self.random.choice([BUY, SELL, 0]),)
        if self.by_order and pick < 0.95:
            return self._displayed_order(side, lots)
        if pick < 0.85:
            return "set_level", (side, self._price(side), self.random.choice([0, lots, lots * 3]))
        return "trade", (side, self._price(-side), lots)

    def _order(self, slot: int, side: int, lots: int) -> tuple[int, ...]:
        price = 0 if self.random.random() < 0.1 else self._price(side)
        tif = self.random.choice([TimeInForce.GTC] * 5 + list(TimeInForce))
        stp = self.random.choice(list(SelfTrade))
        account = self.random.randint(1, 3)
        return slot, account, side, price, lots, int(tif), int(stp)

    def _displayed_order(self, side: int, lots: int) -> Command:
        if self.random.random() < 0.5 or not self.ids:
            again = self.ids and self.random.random() < 0.03
            if not again:
                self.ids += 1
            return "add_order", (side, self._price(side), lots, self.ids)
        id = self.random.randint(max(1, self.ids - 30), self.ids + 1)  # one past: an unknown id
        return self.random.choice(["cancel_order", "fill_order"]), (id, lots)


class Auditor:
    """Checks the rows of each command against what was placed, without looking into the book.

    Orders by slot are ``[side, price, quantity left, arrival]``.
    """

    def __init__(self) -> None:
        self.resting: dict[int, list[int]] = {}
        self.arrivals = 0

    def check(self, command: Command, rows: Rows, returned: int | None) -> None:
        """Follow one command; every assertion names the rule that was broken."""
        name, args = command
        taker = list(args[2:5]) if name == "place" else None  # side, limit, left
        for code, order, other, price, quantity in rows:
            match code:
                case Row.FILL:
                    self._fill(order, other, price, quantity, taker)
                case Row.DECREMENTED:
                    assert taker is not None, "a decrement without a taker"
                    self._take(order, quantity)
                    taker[2] -= quantity
                case Row.RESTED:
                    assert taker is not None
                    assert order not in self.resting
                    assert [args[2], price, quantity] == taker, "rested with other lots"
                    self.arrivals += 1
                    self.resting[order] = [*taker, self.arrivals]
                    taker = None
                case Row.EXPIRED if taker is not None and order == args[0]:
                    assert quantity == taker[2], "expired with other lots"
                    taker = None
                case Row.EXPIRED | Row.CANCELED:
                    if name == "reduce":
                        assert quantity == 0
                        assert returned == self.resting[order][2], "reduced by other lots"
                    else:
                        assert quantity == self.resting[order][2], "ended with other lots"
                    del self.resting[order]
                case _:
                    raise AssertionError(f"unknown row code {code}")
        if taker is not None:
            assert taker[2] == 0, "a taker vanished with lots left"
        if name == "reduce" and returned != -1 and not rows:
            self.resting[args[0]][2] -= returned or 0
        self.resting = {
            slot: order for slot, order in self.resting.items() if order[2] or name == "place"
        }
        assert all(order[2] >= 1 for order in self.resting.values()), "rests without lots"

    def _take(self, slot: int, quantity: int) -> None:
        self.resting[slot][2] -= quantity
        assert self.resting[slot][2] >= 0, "filled beyond its quantity"

    def _fill(
        self, maker: int, other: int, price: int, quantity: int, taker: list[int] | None
    ) -> None:
        assert quantity >= 1
        if taker is not None:
            side, limit, _ = taker
            assert not limit or side * price <= side * limit, "worse than the taker's limit"
            taker[2] -= quantity
            assert taker[2] >= 0, "filled beyond the taker's quantity"
        else:
            assert other == 0
        if not maker:
            return
        side, own_price, _, arrival = self.resting[maker]
        assert price == own_price, "a maker filled away from its price"
        for other_side, other_price, left, other_arrival in self.resting.values():
            if other_side == side and left:
                assert side * other_price <= side * price, "price priority broken"
                assert other_price != price or other_arrival >= arrival, "FIFO broken"
        self._take(maker, quantity)
        if not self.resting[maker][2]:
            del self.resting[maker]

    def state(self) -> dict[int, int]:
        """Remaining lots by slot, to compare with the book's."""
        return {slot: order[2] for slot, order in self.resting.items()}
