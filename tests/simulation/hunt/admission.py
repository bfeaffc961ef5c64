"""Why an order is refused, as far as filters, positions and states tell; money is left open."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from simulator.events.outcomes import RejectReason
from simulator.simulation import Simulation

SENT, WAITING, FIRED, WORKING, OVER = "sent", "waiting", "fired", "working", "over"
REDUCE, CLOSE, FORCED, MARGIN, LONG, SHORT, BORROWS = 1, 2, 4, 8, 16, 32, 64

MOST, MUCH = 4 * 10**18, 10**17
"""Units that no order may be worth; those from which it may be too much with what was there."""

UNDECIDED = {
    RejectReason.INSUFFICIENT_BALANCE,
    RejectReason.INSUFFICIENT_MARGIN,
    RejectReason.MAX_POSITION,
    RejectReason.NO_PRICE,
    RejectReason.BORROW_LIMIT,
    RejectReason.NOT_BORROWABLE,
    RejectReason.REDUCE_ONLY_LEVEL,
    RejectReason.ACCOUNT_IN_LIQUIDATION,
}
"""Reasons that money and levels decide."""


@dataclass(slots=True)
class Order:
    """An order as the auditor knows it; ``lots`` are those that it may still have filled in all."""

    number: int
    account: int
    instrument: int
    side: int
    price: int
    lots: int
    time_in_force: int
    stp: int
    flags: int
    state: str = SENT
    trigger: int = 0
    filled: int = 0
    rested: bool = False

    @property
    def left(self) -> int:
        return self.lots - self.filled


class Admission:
    """What an order is measured by, and the first check that it must fail.

    ``lots`` are positions by account and slot, ``suspended`` the accounts that may not trade,
    ``dearest`` the highest price in ticks that the tape has of each instrument,
    ``met`` the last fill of an order that rested, ``match`` price and lots of the fill that is
    looked at.
    """

    def __init__(self, run: Simulation) -> None:
        self.run = run
        self.listed = run.player.instruments
        self.hedge = run.partition.hedge
        self.count = len(self.listed)
        self.lots: Counter[tuple[int, int]] = Counter()
        self.dearest: Counter[int] = Counter()
        self.suspended: set[int] = set()
        self.now = 0
        self.met: tuple[int, ...] = ()
        self.match = (0, 0)
        self.lot_units = [_whole(one.lot * 10**8) for one in self.listed]
        self.sizes = [_whole(one.lot * one.contract_size * 10**8) for one in self.listed]
        self.units = [
            _whole(
                one.lot * one.contract_size * 10**8 * (1 / one.tick if one.inverse else one.tick)
            )
            for one in self.listed
        ]
        self.filters = [
            (
                max(1, int(one.min_quantity / one.lot)),
                int(one.max_quantity / one.lot) or 1 << 62,
                int(one.min_notional * 10**8),
            )
            for one in self.listed
        ]

    def slot(self, order: Order) -> int:
        """Position slot of an order."""
        short = (
            self.hedge and order.flags & SHORT and self.listed[order.instrument].market != "spot"
        )
        return order.instrument + (self.count if short else 0)

    def held(self, order: Order) -> int:
        """Lots that an order could reduce when it came; its maker's fill is told before its own."""
        slot = self.slot(order)
        lots = self.lots[order.account, slot]
        met = (self.now, order.account, slot, -order.side, *self.match)
        if self.met and self.met == met:
            lots += order.side * self.match[1]
        return max(0, -order.side * lots)

    def reduces(self, order: Order) -> bool:
        """Whether an order may only bring its position down."""
        if order.flags & REDUCE:
            return True
        if not self.hedge or self.listed[order.instrument].market == "spot":
            return False
        return (order.side > 0) == bool(order.flags & SHORT)

    def reason(self, order: Order, waits: bool) -> tuple[RejectReason | None, set[RejectReason]]:
        """Return the first failing check that can be told, and reasons that may come before it.

        ``waits``: the order is to wait for its trigger, so that only its address is looked at.
        """
        listed = self.listed[order.instrument]
        spot, flags = listed.market == "spot", order.flags
        maybe: set[RejectReason] = set()
        long, short = bool(flags & LONG), bool(flags & SHORT)
        if order.state == SENT:
            if order.account in self.suspended:
                return RejectReason.ACCOUNT_SUSPENDED, maybe
            if (long == short) if self.hedge and not spot else (long or short):
                return RejectReason.POSITION_SIDE, maybe
            if flags & MARGIN and not spot:
                return RejectReason.NO_SUCH_WALLET, maybe
            if listed.expiry_ns and self.now >= listed.expiry_ns:
                return RejectReason.CONTRACT_EXPIRED, maybe
        if waits:
            if order.lots <= 0 and not flags & CLOSE:
                return RejectReason.LOT_SIZE, maybe
            return None, maybe | {RejectReason.WOULD_TRIGGER_IMMEDIATELY}
        return self._filters(order, spot, maybe)

    def _filters(
        self, order: Order, spot: bool, maybe: set[RejectReason]
    ) -> tuple[RejectReason | None, set[RejectReason]]:
        if order.price < 0 or order.price >= 1 << 40:
            return RejectReason.PRICE_FILTER, maybe
        held = self.held(order)
        lots = order.lots
        if order.flags & CLOSE and not spot:
            lots = held or 1
        least, most, notional = self.filters[order.instrument]
        if not order.flags & CLOSE and not least <= lots <= most:
            return RejectReason.LOT_SIZE, maybe
        worth = self.value(order.instrument, lots, order.price)
        if worth > MOST or (lots * self.lot_units[order.instrument] > MOST and spot):
            return RejectReason.LOT_SIZE, maybe
        if self._dearest(order, lots) > MUCH or lots > 10**12:
            maybe.add(RejectReason.LOT_SIZE)  # more than the ledger holds, at the book's price
        if not order.flags & REDUCE and not self.reduces(order):
            if order.price == 0:
                maybe.add(RejectReason.MIN_NOTIONAL)
            elif worth < notional:
                return RejectReason.MIN_NOTIONAL, maybe
        if spot and order.flags & REDUCE:
            maybe |= {RejectReason.REDUCE_ONLY, RejectReason.REDUCE_BEYOND}
            return None, maybe
        levels = {RejectReason.REDUCE_ONLY_LEVEL, RejectReason.ACCOUNT_IN_LIQUIDATION}
        if self.reduces(order):
            if held == 0:
                return RejectReason.REDUCE_ONLY, maybe | levels
            if self.hedge and lots > held:
                return RejectReason.REDUCE_BEYOND, maybe | levels
        return None, maybe

    def _dearest(self, order: Order, lots: int) -> int:
        """What lots may be worth at a price that the tape has: what a sell gets may be better than
        its limit.  Books that are composed may stand elsewhere, by less than a factor of two.
        """
        at = order.price
        if self.listed[order.instrument].market == "cm":
            at = 1
        elif at == 0 or order.side < 0:
            at = max(at, 2 * self.dearest[order.instrument])
        return self.value(order.instrument, lots, at)

    def value(self, instrument: int, lots: int, price: int) -> int:
        """Worth of lots at a price in ticks, smallest units; of an inverse one rounded down."""
        unit = self.units[instrument]
        if self.listed[instrument].market == "cm":
            return lots * unit // price if price else 0
        return lots * price * unit

    def base_units(self, instrument: int, lots: int) -> int:
        """Lots of a spot pair in smallest units of its base asset."""
        return lots * self.lot_units[instrument]

    def size(self, instrument: int) -> int:
        """What a lot is of, in 1e-8: of the underlying; of an inverse contract USD."""
        return self.sizes[instrument]


def _whole(amount: Decimal) -> int:
    assert amount == int(amount), f"{amount} is no whole number of the smallest units"
    return int(amount)
