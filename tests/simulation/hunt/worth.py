"""What each outcome must have brought to whom, by the plain rules, in plain integers.

A twin of all positions and their costs: of the accounts that trade, of a crowd's and the insurance
fund's, moved by what was told alone.  Rules: docs/concepts/liquidation.md, docs/products.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator.accounts.crowd import FIRST
from simulator.events.outcomes import Outcome
from simulator.instruments.instrument import Instrument
from simulator.simulation import Simulation
from tests.simulation.hunt.dates import Dates
from tests.simulation.hunt.fees import Fees
from tests.simulation.hunt.orders import Lives

E8 = 10**8
NEAR = 1e-6
"""Share of what a position cost by which floats may differ from exact figures."""
TIME, INSTRUMENT, SEQ, SIDE, PRICE, LOTS, MAKER, FEE, FEE_ASSET, REALIZED, FORCED, ACCOUNT, SLOT = (
    range(13)
)
"""Columns of a fill's row."""

SIGN = {
    Outcome.DEPOSITED: 1,
    Outcome.WITHDRAWN: -1,
    Outcome.BORROWED: 1,
    Outcome.REPAID: -1,
    Outcome.INTEREST_PAID: -1,
    Outcome.NEGATIVE_INTEREST: -1,
    Outcome.CONVERTED: 1,
}
"""What an outcome does to the account's balance of an asset; 1: its quantity comes in."""

OWES = {
    Outcome.BORROWED: (1, 1),
    Outcome.REPAID: (1, -1),
    Outcome.INTEREST: (2, 1),
    Outcome.INTEREST_PAID: (2, -1),
}
"""What an outcome does to what the account owes of an asset: loan (1) or interest (2), sign."""

Row = list[int]


@dataclass
class Due:
    """The clearance fee that a liquidation order owes the fund: at most ``most``, ``paid`` so far.

    ``gain``: what the order traded better than at the mark, USD.
    """

    account: int
    asset: int
    pool: int
    worth: int = 0
    most: int = 0
    paid: int = 0
    gain: float = 0.0


class Worth:
    """Adds up what outcomes are worth.

    ``made`` is by account and asset since it was last emptied, ``owed`` by loan or interest,
    account and asset, ``fees`` what the venue earned by asset.  ``due`` are the clearance fees of
    liquidation orders by number, ``covered`` what the fund paid for debts: (pool, asset, amount),
    ``said`` the same where it may have been a takeover's loss, ``handed`` the pools that gave
    positions away, with the time and what these settle in, ``options`` what those of them were
    worth, ``sold`` accounts that sold for debts.
    """

    def __init__(self, run: Simulation, lives: Lives) -> None:
        desk: Any = run.desk
        self.run, self.core, self.lives = run, run.core, lives
        self.dates = Dates(run)
        self.listed, self.assets = run.player.instruments, run.assets
        self.count = len(self.listed)
        self.settle = [self.assets.index(one.settle) for one in self.listed]
        self.fund = run.roster.fund
        self.trades = range(1, 1 + run.roster.trading)
        self.clearance: int = desk.liquidator.rules.fee_e8
        self.delivery = desk.expiry.rules
        self.made: Counter[tuple[int, int]] = Counter()
        self.owed: Counter[tuple[int, int, int]] = Counter()
        self.fees: Counter[int] = Counter()
        self.due: dict[int, Due] = {}
        self.covered: list[tuple[int, int, int]] = []
        self.said: list[tuple[int, int, int]] = []
        self.handed: dict[int, tuple[int, set[int], float]] = {}
        self.took: tuple[int, ...] = ()
        self.sold: set[int] = set()
        self.options: list[tuple[int, int, int]] = []
        self.counts: Counter[str] = Counter()
        self.paid: Counter[tuple[int, int, int, int]] = Counter()
        self.moved: set[tuple[int, int]] = set()
        self.known = 0
        self.trading = Fees(run, lives)
        _, _, quantity, cost = run.core.ledger.columns()
        self.positions = {
            (account, slot): (int(quantity[account, slot]), int(cost[account, slot]))
            for account, slot in zip(*quantity.nonzero(), strict=True)
            if account
        }
        self.handlers = {
            Outcome.FILLED: self.filled,
            Outcome.FUNDING: self.funding,
            Outcome.SETTLED: self.settled,
            Outcome.TAKEN_OVER: self.taken_over,
            Outcome.DELEVERAGED: self.deleveraged,
            Outcome.SHORTFALL: self.shortfall,
        }

    def take(self, outcomes: list[Row]) -> None:
        """Take outcomes, in order; what is new among the fills belongs to them one by one."""
        self.fills: Iterator[Row] = iter(())
        found = self.core.n_fill_rows
        if found > self.known:
            self.fills = iter(self.core.fills()[self.known :].tolist())
            self.known = int(found)
        self.before: Row | None = None
        for row in outcomes:
            kind = row[1]
            handler = self.handlers.get(kind)  # type: ignore[call-overload]
            if handler is not None:
                handler(row)
            elif kind in SIGN:
                self.made[row[2], row[6]] += SIGN[kind] * row[7]  # type: ignore[index]
            if kind in OWES:
                what, sign = OWES[kind]  # type: ignore[index]
                self.owed[what, row[2], row[6]] += sign * row[7]
            self.before = row
        left = next(self.fills, None)
        assert left is None, f"a fill that no outcome told: {left}"

    # Positions

    def trade(self, account: int, slot: int, lots: int, paid: int) -> int:
        """Trade signed lots that are worth ``paid``; return what that realized.

        Cost is released pro rata, rounded towards zero; what turns a position round opens the rest.
        """
        key = account, slot
        self.moved.add(key)
        held, spent = self.positions.get(key, (0, 0))
        if held == 0 or held * lots > 0:
            self.positions[key] = held + lots, spent + paid
            return 0
        closing = min(abs(held), abs(lots))
        released = _share(spent, closing, abs(held))
        received = _share(paid, closing, abs(lots))
        self.positions[key] = held + lots, spent + paid - received - released
        return -received - released

    def slot_of(self, instrument: int, side: int) -> int:
        """Slot of a position of one side."""
        short = self.lives.hedge and side < 0 and self.listed[instrument].market != "spot"
        return instrument + (self.count if short else 0)

    # Fills

    def filled(self, row: Row) -> None:
        """A fill: of an account that trades its row must say the same."""
        _, _, account, instrument, seq, side, price, lots = row
        worth = self.lives.value(instrument, lots, price)
        order = self.lives.orders.get(seq)
        one = self.listed[instrument]
        if order is None and one.market == "spot":
            self.sold.add(account)
        if order is None and one.market != "spot" and account != self.fund:
            slot = self.slot_of(instrument, -side)
            pool = self.pool_of(account, slot)
            due = self.due.setdefault(seq, Due(account, self.settle[instrument], pool))
            due.worth += worth
            due.most = due.worth * self.clearance // E8
            due.gain += self._gain(instrument, side, lots, worth)
        if account not in self.trades:
            slot = self.slot_of(instrument, -side)
            self._spot_or_position(account, slot, side, lots, worth, one)
            return
        fill = next(self.fills, None)
        assert fill is not None, f"no fill of {row}"
        told = fill[ACCOUNT], fill[INSTRUMENT], fill[SEQ], fill[SIDE], fill[PRICE], fill[LOTS]
        assert told == (account, instrument, seq, side, price, lots), f"told {row}, filled {fill}"
        if fill[MAKER] and order is not None:
            assert order.rested, f"a maker that did not rest: {order}"
        realized = self._spot_or_position(account, fill[SLOT], side, lots, worth, one)
        assert realized == fill[REALIZED], f"realized, plain integers say {realized}: {fill}"
        self.made[account, fill[FEE_ASSET]] -= fill[FEE]
        self.fees[fill[FEE_ASSET]] += fill[FEE]
        self.trading.check(fill, worth)

    def _gain(self, instrument: int, side: int, lots: int, worth: int) -> float:
        """What a fill is better than one at the mark as it stands now, USD."""
        one, pools = self.listed[instrument], self.core.pools
        mark = float(pools.mark_price(instrument))
        if mark <= 0.0:
            return 0.0
        size = lots * self.lives.size(instrument) * 1e-8
        at_mark = size / mark if one.inverse else size * mark
        gain = side * (at_mark - worth * 1e-8) * float(pools.index_price(self.settle[instrument]))
        return -gain if one.inverse else gain

    def _spot_or_position(
        self, account: int, slot: int, side: int, lots: int, worth: int, one: Instrument
    ) -> int:
        """What a fill brings an account; return what it realized."""
        instrument = slot % self.count
        asset = self.settle[instrument]
        if one.market == "spot":
            base, quote = self.assets.index(one.base), self.assets.index(one.quote)
            self.made[account, base] += side * self.lives.base_units(instrument, lots)
            self.made[account, quote] -= side * worth
            return 0
        paid = -side * worth if one.inverse else side * worth
        realized = self.trade(account, slot, side * lots, paid)
        self.made[account, asset] += -side * worth if one.market == "option" else realized
        return realized

    # What the venue does

    def funding(self, row: Row) -> None:
        """Longs pay where the rate is above zero: the rate of the notional at the mark."""
        time, _, account, instrument, order, _, rate, paid = row
        self.paid[time, account, instrument, order] += 1
        held, _ = self.positions.get((account, order or instrument), (0, 0))
        mark, told = self.dates.marks[time, instrument]
        one = self.listed[instrument]
        size = abs(held) * self.lives.size(instrument) * abs(rate)
        expected = size // mark if one.inverse else size * mark // 10**16
        if (held > 0) != (rate > 0):
            expected = -expected
        assert (told, expected) == (rate, paid), f"funding of {paid}, must be {expected}: {row}"
        self.made[account, self.settle[instrument]] -= paid
        self.counts["funding worked out"] += 1

    def settled(self, row: Row) -> None:
        """A contract ended: all of the position, at the settlement price, less the fee."""
        _, _, account, instrument, slot, side, price, lots = row
        one = self.listed[instrument]
        allowed = self.dates.prices[instrument]
        assert price in allowed, f"settled at {price}, must be {allowed}: {row}"
        held, spent = self.positions.get((account, slot), (0, 0))
        assert held == side * lots, f"settled {side * lots} of {held} lots: {row}"
        self.positions[account, slot] = 0, 0
        self.moved.add((account, slot))
        size = lots * self.lives.size(instrument)
        fee = 0
        if one.market == "option":
            strike = int(one.strike * E8)
            inner = max(0, price - strike if one.right == "C" else strike - price)
            worth = size * inner // E8
            gain = side * worth
            if side > 0 and worth:
                fee = min(
                    _up(size * price // E8, self.delivery.option_fee_e8),
                    _up(worth, self.delivery.option_fee_cap_e8),
                )
        else:
            worth = size * E8 // price if one.inverse else size * price // E8
            gain = (-side if one.inverse else side) * worth - spent
            fee = _up(worth, self.delivery.fee_e8)
        self.made[account, self.settle[instrument]] += gain - fee
        self.fees[self.settle[instrument]] += fee
        self.counts["settlements worked out"] += 1

    def taken_over(self, row: Row) -> None:
        """The fund takes lots of a position for an amount; both sides realize theirs."""
        time, _, account, instrument, pool, side, amount, lots = row
        slot = self.slot_of(instrument, side)
        if self.took == (time, pool, slot):
            self._nobody_profits(time, account, slot, side)
        self.took = time, pool, slot
        if account in self.trades:
            self._handed_over(account, slot, -side, lots)
        self._hand(account, slot, -side * lots, -amount)
        self._hand(self.fund, slot, side * lots, amount)
        if self.listed[instrument].market == "option" and amount:
            self.options.append((account, self.settle[instrument], amount))
        self._gone(pool, row)
        self.counts["takeovers worked out"] += 1

    def _nobody_profits(self, time: int, account: int, slot: int, side: int) -> None:
        """The fund takes more than it can: not while others have a profit to be deleveraged."""
        instrument = slot % self.count
        one, mark = self.listed[instrument], float(self.core.pools.mark_price(instrument))
        if time != int(self.core.now) or one.market == "option":
            return  # the mark has moved since; options are not deleveraged
        self.counts["takeovers beyond the fund"] += 1
        size = self.lives.size(instrument)
        for (other, where), (held, spent) in self.positions.items():
            if other not in (account, self.fund) and where % self.count == instrument:
                worth = -held * size / mark if one.inverse else held * size * mark
                profits = worth - spent > NEAR * abs(spent)
                assert held * side >= 0 or not profits, (
                    f"the fund took a position of {account} over, and {other} profits from its fall"
                )

    def deleveraged(self, row: Row) -> None:
        """The position of a pool in liquidation is closed against an account's opposite one."""
        _, _, account, instrument, pool, side, amount, lots = row
        owner = self.owner_of_pool(pool)
        if owner in self.trades:
            self._handed_over(owner, self.slot_of(instrument, -side), side, lots)
        if account in self.trades:
            self._handed_over(account, self.slot_of(instrument, side), -side, lots)
        self._hand(owner, self.slot_of(instrument, -side), side * lots, -amount)
        self._hand(account, self.slot_of(instrument, side), -side * lots, amount)
        self._gone(pool, row)
        self.counts["deleveragings worked out"] += 1

    def pool_of(self, account: int, slot: int) -> int:
        """Pool that margins a position."""
        if account in self.trades:
            return self.run.desk.accounts[account].partition.pool_of[slot]
        return int(self.run.roster.pool_of[account - FIRST, slot])

    def _gone(self, pool: int, row: Row) -> None:
        """A pool hands a position over: when, what that settles in, and what it is worth, USD."""
        _, settled, whole = self.handed.get(pool, (0, set(), 0.0))
        whole += float(self.core.pools.notional(row[3], row[7]))
        self.handed[pool] = row[0], settled | {self.settle[row[3]]}, whole

    def owner_of_pool(self, pool: int) -> int:
        """Account of a pool."""
        roster = self.run.roster
        return 1 if pool < roster.own_pools else int(roster.pools[pool - roster.own_pools][0])

    def _handed_over(self, account: int, slot: int, side: int, lots: int) -> None:
        """An account that trades has a row among its fills for it, of no order."""
        fill = next(self.fills, None)
        assert fill is not None, "a takeover without a row among the fills"
        told = fill[ACCOUNT], fill[SLOT], fill[SEQ], fill[SIDE], fill[LOTS], fill[FEE]
        assert told == (account, slot, 0, side, lots, 0), f"taken over: {told}"

    def _hand(self, account: int, slot: int, lots: int, amount: int) -> None:
        instrument = slot % self.count
        before, _ = self.positions.get((account, slot), (0, 0))
        realized = self.trade(account, slot, lots, amount)
        if account != self.fund:
            assert before * lots < 0, f"hands over {lots} of {before} lots"
            assert abs(lots) <= abs(before), f"hands over {lots} of {before} lots"
        option = self.listed[instrument].market == "option"
        self.made[account, self.settle[instrument]] += -amount if option else realized

    def shortfall(self, row: Row) -> None:
        """The fund pays a debt; after a takeover it is only said what that lost."""
        _, _, _, _, pool, _, asset, amount = row
        before = self.before
        if before is not None and before[1] == Outcome.TAKEN_OVER and before[4] == pool:
            # What the takeover lost; or it lost nothing, and this is a debt that is paid next.
            assert amount >= 0, row
            self.said.append((pool, asset, amount))
        else:
            self.covered.append((pool, asset, amount))


def _share(amount: int, part: int, whole: int) -> int:
    """Part of a signed amount, rounded towards zero."""
    found = abs(amount) * part // whole
    return found if amount >= 0 else -found


def _up(amount: int, rate_e8: int) -> int:
    """A share of an amount in 1e-8, rounded up."""
    return -(-amount * rate_e8 // E8)
