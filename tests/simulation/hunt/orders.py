"""What must come of every order, told from the commands, the tape of outcomes and the clock alone.

Each order that a strategy sent has a life here: sent, waiting for its trigger, working, over.  An
outcome that does not fit its life is a violation.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from simulator.book.codes import Expiry, SelfTrade, TimeInForce
from simulator.events.outcomes import Outcome, RejectReason
from simulator.simulation import Simulation
from tests.simulation.hunt.admission import (
    CLOSE,
    FIRED,
    OVER,
    REDUCE,
    SENT,
    UNDECIDED,
    WAITING,
    WORKING,
    Admission,
    Order,
)

FLAGS, COUNTED = 11, 13
"""Columns of the venue's row of an order."""


class Said:
    """An outcome and its order, told only where something is wrong."""

    def __init__(self, name: str, order: Order) -> None:
        self.name, self.order = name, order

    def __str__(self) -> str:
        return f"{self.name} of {self.order}"


NAMES = {int(kind): kind.name for kind in Outcome}


class Lives(Admission):
    """Follows every order of a run; ``take`` is given what is new."""

    def __init__(self, run: Simulation) -> None:
        super().__init__(run)
        self.core = run.core
        self.orders: dict[int, Order] = {}
        self.open: dict[int, Order] = {}
        self.touched: set[int] = set()
        names = [kind for kind in Outcome if kind <= Outcome.REDUCED]
        self.handlers = {int(one): getattr(self, f"_{one.name.lower()}") for one in names}
        self.counts: Counter[str] = Counter()
        self.ahead: tuple[Any, int] = ([], 0)

    # What strategies asked for

    def asked(self, rows: Any) -> None:
        """Take rows of ``Core.keep_log``."""
        for _, _, strategy, what, number, *rest in rows:
            if what == 1:
                instrument, side, price, lots, times, stp, flags = rest
                seq = number >> 24
                assert seq not in self.orders, f"order {seq} has two lives"
                account = self.core.contexts[strategy].account_number
                self.orders[seq] = Order(
                    seq, account, instrument, side, price, lots, times, stp, flags
                )
            elif what == 5:
                self.orders[number >> 24].trigger = rest[0]

    # What came of it

    def outcomes(self, rows: Any) -> None:
        """Take rows of outcomes, in order; the accounts whose orders they are about are noted."""
        for at, row in enumerate(rows):
            self.ahead = rows, at
            time, kind, account, instrument, number, side, price, lots = row
            assert time >= self.now, f"an outcome of {time} after one of {self.now}"
            self.now = time
            if kind <= Outcome.REDUCED:
                self.touched.add(account)
                self._order(kind, account, instrument, number, side, price, lots)
            elif kind in (Outcome.SETTLED, Outcome.TAKEN_OVER, Outcome.DELEVERAGED):
                self._ended(kind, account, instrument, number, side, lots)
            elif kind == Outcome.MODE_STEP:
                (self.suspended.add if lots > time else self.suspended.discard)(account)

    def _ended(
        self, kind: int, account: int, instrument: int, number: int, side: int, lots: int
    ) -> None:
        """A position ended without an order."""
        if kind == Outcome.DELEVERAGED:
            # Against the position of the pool that is in liquidation, which has the other side.
            owner = self._owner(number)
            if self.run.roster.trades(owner):
                self._end_position(kind, owner, instrument, number, -side, lots)
        if self.run.roster.trades(account):
            self._end_position(kind, account, instrument, number, side, lots)

    def _owner(self, pool: int) -> int:
        roster = self.run.roster
        return 1 if pool < roster.own_pools else int(roster.pools[pool - roster.own_pools][0])

    def _end_position(
        self, kind: int, account: int, instrument: int, number: int, side: int, lots: int
    ) -> None:
        slot = number if kind == Outcome.SETTLED else instrument
        if kind != Outcome.SETTLED and self.hedge and side < 0:
            slot += self.count
        held = self.lots[account, slot]
        assert held * side > 0, f"{Outcome(kind).name}: side {side} of {held} lots"
        assert lots <= abs(held), f"{Outcome(kind).name}: {lots} of {held} lots"
        self.lots[account, slot] -= side * lots
        self.counts[Outcome(kind).name] += 1

    def _order(
        self,
        kind: int,
        account: int,
        instrument: int,
        number: int,
        side: int,
        price: int,
        lots: int,
    ) -> None:
        order = self.orders.get(number)
        name = NAMES[kind]
        self.counts[name] += 1
        if order is None:
            self._forced(kind, account, instrument, side, lots)
            return
        where = Said(name, order)
        assert (account, instrument, side) == (order.account, order.instrument, order.side), where
        assert order.state != OVER or kind == Outcome.CANCEL_REJECTED, f"after its end: {where}"
        self.handlers[kind](order, price, lots, where)
        if order.state == OVER:
            self.open.pop(number, None)
        elif order.state in (WAITING, WORKING):
            self.open[number] = order

    def _forced(self, kind: int, account: int, instrument: int, side: int, lots: int) -> None:
        """An order of the venue's own: it trades at once, and only brings a position down."""
        assert kind in (Outcome.FILLED, Outcome.EXPIRED, Outcome.REJECTED, Outcome.REDUCED)
        if kind == Outcome.FILLED and self.run.roster.trades(account):
            if self.listed[instrument].market == "spot":
                return
            slot = instrument
            if self.hedge and side > 0:
                slot += self.count
            if not self.hedge or self.lots[account, slot]:
                self._moved(
                    (account, slot), side * lots, reducing=True, where="an order of the venue"
                )

    def _moved(self, slot: tuple[int, int], signed: int, reducing: bool, where: Said | str) -> None:
        before = self.lots[slot]
        self.lots[slot] = before + signed
        if reducing:
            assert before * signed < 0, f"a reducing fill of {signed} on {before}: {where}"
            assert abs(signed) <= abs(before), f"turned {before} round by {signed}: {where}"

    # Outcomes one by one

    def _accepted(self, order: Order, price: int, lots: int, where: Said | str) -> None:
        if order.state == SENT and order.trigger:
            self._admitted(order, where, waits=True)
            assert lots == order.lots, where
            order.state = WAITING
            return
        self._begin(order, where)
        assert order.price > 0, f"a market order rests: {where}"
        assert order.time_in_force in (TimeInForce.GTC, TimeInForce.GTX), f"rests: {where}"
        assert price == order.price, where
        assert lots == order.left > 0, f"rests with {lots}: {where}"
        order.state, order.rested = WORKING, True

    def _begin(self, order: Order, where: Said | str) -> None:
        """The first heard of an order in the book; a close takes the size of its position."""
        if order.state not in (SENT, FIRED):
            return
        assert order.state == FIRED or not order.trigger, f"did not wait: {where}"
        self._admitted(order, where)
        order.state = WORKING
        held = self.held(order)
        if self.listed[order.instrument].market != "spot":
            if order.flags & CLOSE:
                order.lots = held or 1
            if self.reduces(order):
                order.lots = min(order.lots, held)

    def _filled(self, order: Order, price: int, lots: int, where: Said | str) -> None:
        self.match = price, lots
        if self.met and order.state in (SENT, FIRED) and self._comes_to(order) > self.held(order):
            self.match = (0, 0)  # a maker of its own left it less: the tape filled that one
        self._begin(order, where)
        self.met, self.match = (), (0, 0)
        assert order.state == WORKING, where
        assert price > 0, f"a fill without a price: {where}"
        assert lots > 0, where
        assert lots <= order.left, f"filled {lots} of {order.left}: {where}"
        if order.price:
            assert (price - order.price) * order.side <= 0, f"at {price}, past the limit: {where}"
        if order.time_in_force == TimeInForce.GTX:
            assert order.rested, f"post-only took: {where}"
        if order.rested:
            self.met = (self.now, order.account, self.slot(order), order.side, price, lots)
        order.filled += lots
        reducing = self.reduces(order) and self.listed[order.instrument].market != "spot"
        self._moved((order.account, self.slot(order)), order.side * lots, reducing, where)
        if order.left == 0:
            order.state = OVER

    def _comes_to(self, order: Order) -> int:
        """Lots of an order that begins, from what is told of it until it rests or is over."""
        rows, at = self.ahead
        lots = 0
        for _, kind, _, _, number, _, _, told in rows[at:]:
            if number == order.number:
                lots += told
                if kind not in (Outcome.FILLED, Outcome.REDUCED):
                    break
        return lots

    def _canceled(self, order: Order, price: int, lots: int, where: Said | str) -> None:
        assert order.state in (WAITING, WORKING), where
        # 0: it could only reduce a position that is gone.
        assert order.state == WAITING or lots in (0, order.left), f"{lots} left: {where}"
        order.state = OVER

    def _expired(self, order: Order, price: int, lots: int, where: Said | str) -> None:
        if order.state == WAITING:
            assert price == Expiry.CONTRACT, where
        else:
            self._begin(order, where)
        why = Expiry(price)
        market = self.listed[order.instrument]
        if why == Expiry.IOC:
            assert order.time_in_force == TimeInForce.IOC, where
        elif why == Expiry.FOK:
            assert (order.time_in_force, order.filled) == (TimeInForce.FOK, 0), where
        elif why == Expiry.POST_ONLY:
            assert (order.time_in_force, order.filled) == (TimeInForce.GTX, 0), where
        elif why == Expiry.REDUCE_ONLY:
            assert market.market != "spot", where
        elif why == Expiry.CONTRACT:
            assert market.expiry_ns, where
            assert self.now >= market.expiry_ns, where
        elif why == Expiry.SELF_TRADE:
            assert any(one.stp != SelfTrade.NONE for one in self._near(order)), where
        if why != Expiry.REDUCE_ONLY and order.state != WAITING:
            assert lots == order.left, f"{lots} left: {where}"
        if order.time_in_force == TimeInForce.FOK:
            clipped = self.reduces(order) or order.stp != SelfTrade.NONE
            assert order.filled == 0 or clipped, f"filled in part: {where}"
        order.state = OVER

    def _near(self, order: Order) -> list[Order]:
        """Orders that it may have met: all of its contract that were ever sent."""
        return [one for one in self.orders.values() if one.instrument == order.instrument]

    def _rejected(self, order: Order, price: int, lots: int, where: Said | str) -> None:
        assert order.state in (SENT, FIRED), where
        reason = RejectReason(price)
        self.counts[reason.name] += 1
        first, maybe = self.reason(order, waits=order.state == SENT and order.trigger != 0)
        if first is not None and reason not in maybe:
            assert reason == first, f"must be {first.name}, is {reason.name}: {where}"
        elif first is None:
            allowed = UNDECIDED | maybe
            assert reason in allowed, f"nothing says {reason.name}: {where}"
        order.state = OVER

    def _admitted(self, order: Order, where: Said | str, waits: bool = False) -> None:
        reason, _ = self.reason(order, waits)
        assert reason is None, f"must be refused for {reason.name if reason else ''}: {where}"

    def _triggered(self, order: Order, price: int, lots: int, where: Said | str) -> None:
        assert order.state == WAITING, where
        order.state = FIRED

    def _reduced(self, order: Order, price: int, lots: int, where: Said | str) -> None:
        self._begin(order, where)
        assert lots > 0, where
        order.lots -= lots
        assert order.left >= 0, where

    def _cancel_rejected(self, order: Order, price: int, lots: int, where: Said | str) -> None:
        assert order.state in (OVER, SENT), where

    def _counts(self, order: Order, flags: int) -> int:
        """Lots that need margin while they rest; bought options hold their premium instead."""
        market = self.listed[order.instrument].market
        if market == "spot" or flags & REDUCE or (market == "option" and order.side > 0):
            return 0
        return order.left

    # Against the venue

    def compare(self, whole: bool) -> None:
        """The venue has the same orders open, and the same positions: of all accounts that trade,
        or of those whose orders were told of.
        """
        accounts = [n for n in range(1, 1 + self.run.roster.trading) if whole or n in self.touched]
        self.touched.clear()
        found = [slot for account in accounts for slot in self.core.orders_at_venue(account)]
        rows = {slot: self.core.order_row(slot) for slot in found}
        there = {row[0] for row in rows.values()}
        told = {number for number, order in self.open.items() if order.account in accounts}
        assert there == told, f"open at the venue {there}, told {told}"
        for slot, row in rows.items():
            order = self.open[row[0]]
            if order.state == WORKING:
                left = row[6] - row[7]
                resting = self.core.books[order.instrument].remaining(slot)
                assert left == order.left == resting, f"{left} left, {resting} rest: {order}"
                assert row[COUNTED] == self._counts(order, row[FLAGS]), f"counts {row}: {order}"
        quantity = self.core.ledger.columns()[2]
        for account in accounts:
            for slot, held in enumerate(quantity[account].tolist()):
                if self.listed[slot % self.count].market != "spot":
                    known = self.lots[account, slot]
                    assert held == known, f"slot {slot} of {account}: {held} lots, told {known}"
