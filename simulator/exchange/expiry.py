"""Contracts that end: the mean of the index before, settlement of futures, exercise of options.

A contract's settlement price is that of a SETTLEMENT row of the tape, if one came by the expiry;
else the mean of the index, a point every ``step_ns`` over the last ``window_ns`` before it.  Points
are exact integers in 1e-8 of the quote asset and their mean is rounded down.  Where the market was
recorded for a part of the window only, the mean is of that part.

A price at which what is open is worth more than the ledger holds is none: the next of them is
taken, at last the index of the moment, and while that is wild too the contract waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from simulator.accounts.wallets import CLEARING, FEES, MARKET, OUTSIDE, Partition
from simulator.events.outcomes import Outcome
from simulator.exchange.core import Core
from simulator.exchange.funding import MOST
from simulator.exchange.holders import Holders
from simulator.exchange.messages import SettlementEvent
from simulator.exchange.roster import TRADER
from simulator.exchange.rules import DeliveryRules
from simulator.instruments.instrument import Instrument

UNIT = 1e-8
E8 = 10**8
NEVER = 1 << 62
MUCH = 10**17
"""Units; what is worth less is settled whatever the wallets have: the ledger has room for it."""


@dataclass(slots=True)
class _Mean:
    """Points of an index so far; ``next_ns`` is the instant of the next one."""

    expiry_ns: int
    next_ns: int
    total: int = 0
    points: int = 0


@dataclass(slots=True)
class Expiry:
    """Ends contracts at their instants; ``events`` are the positions of the first account that were
    settled.  ``trading`` accounts, from number 1 on, are told of theirs.
    """

    core: Core
    partition: Partition
    listed: list[Instrument]
    assets: list[str]
    rules: DeliveryRules
    announce: Callable[[SettlementEvent, int], None]
    holders: Holders
    trading: int = 1
    events: list[SettlementEvent] = field(default_factory=list)
    prices: dict[int, int] = field(default_factory=dict)
    _waiting: list[int] = field(default_factory=list)
    _closed: set[int] = field(default_factory=set)
    _given: dict[int, int] = field(default_factory=dict)
    _means: dict[tuple[str, str, int], _Mean] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dated = [i for i, one in enumerate(self.listed) if one.expiry_ns]
        self._waiting = sorted(dated, key=lambda i: (self.listed[i].expiry_ns, i))
        for i in dated:
            expiry = self.listed[i].expiry_ns
            first = expiry - self.rules.window_ns + self.rules.step_ns
            self._means[self._series(i)] = _Mean(expiry, first)

    def _series(self, instrument: int) -> tuple[str, str, int]:
        one = self.listed[instrument]
        return one.base, one.quote, one.expiry_ns

    def given(self, instrument: int, price_e8: int) -> None:
        """The tape tells the venue's settlement price."""
        if price_e8 > 0:
            self._given[instrument] = price_e8

    def before(self, start_ns: int) -> None:
        """Contracts that expired before the run began are not traded in it."""
        for instrument in list(self._waiting):
            if self.listed[instrument].expiry_ns < start_ns:
                self.core.close_market(instrument)
                self._waiting.remove(instrument)

    def due(self, now: int) -> int:
        """Take the points of the means and settle what expires by ``now``; the next instant."""
        following = NEVER
        for (base, quote, _), mean in self._means.items():
            if mean.next_ns <= now and now <= mean.expiry_ns:
                self._take(mean, base, quote, now)
            if mean.next_ns <= mean.expiry_ns:
                following = min(following, mean.next_ns)
        self.close(now)
        for instrument in list(self._waiting):
            expiry = self.listed[instrument].expiry_ns
            if expiry > now:
                return min(following, expiry)
            if self._settle(instrument):
                self._waiting.remove(instrument)
            else:
                following = min(following, now + self.rules.step_ns)  # no price yet
        return following

    def close(self, now: int) -> None:
        """End the orders of contracts that have expired by ``now``; they are settled at a tick."""
        for instrument in self._waiting:
            if self.listed[instrument].expiry_ns > now:
                return
            if instrument not in self._closed:
                self._closed.add(instrument)
                self.core.close_market(instrument)

    def _take(self, mean: _Mean, base: str, quote: str, now: int) -> None:
        """Add the present index as a point; those of a break in the recording are left out."""
        price = self._index_e8(base, quote)
        if price:
            mean.total += price
            mean.points += 1
        step = self.rules.step_ns
        mean.next_ns += ((now - mean.next_ns) // step + 1) * step

    def _index_e8(self, base: str, quote: str) -> int:
        pools = self.core.pools
        per = float(pools.index_price(self.assets.index(quote)))
        return round(float(pools.index_price(self.assets.index(base))) / per / UNIT) if per else 0

    def _prices(self, instrument: int) -> Iterator[int]:
        """What a contract may be settled at, the best first; 0 for what there is not."""
        mean = self._means[self._series(instrument)]
        yield self._given.get(instrument, 0)
        if mean.points:
            yield mean.total // mean.points
        one = self.listed[instrument]
        yield self._index_e8(one.base, one.quote)

    def _fits(self, instrument: int, price: int) -> bool:
        """Whether what is open, settled at a price, fits the ledger on top of any balance."""
        one = self.listed[instrument]
        balance, _, quantity, _ = self.core.ledger.columns()
        lots = int(np.abs(quantity[TRADER:, instrument :: len(self.listed)]).sum())
        worth = abs(worth_at(one, lots, price))
        have = np.abs(balance[:, self.assets.index(one.settle)])
        have[OUTSIDE] = 0  # a settlement brings nothing from there
        return price <= MOST and (worth <= MUCH or worth + int(have.max()) <= MOST)

    def _settle(self, instrument: int) -> bool:
        """End a contract; False while there is no price for it."""
        self.core.close_market(instrument)
        found = (one for one in self._prices(instrument) if one and self._fits(instrument, one))
        price = next(found, 0)
        if not price:
            return False
        self.prices[instrument] = price
        for slot in self.partition.slots(instrument):
            if self.core.ledger.position_of(TRADER, slot)[0]:
                self._end(TRADER, slot, instrument, price)
            for account in self.holders.of(slot):
                self._end(account, slot, instrument, price)
        return True

    def _end(self, account: int, slot: int, instrument: int, price: int) -> None:
        """Close a position at the settlement price: postings, fee, record, message."""
        core, one = self.core, self.listed[instrument]
        ledger = core.ledger
        lots, _ = ledger.position_of(account, slot)
        worth = worth_at(one, lots, price)
        asset = self.assets.index(one.settle)
        wallet = self.holders.margin_wallet(account, slot)
        cash = self.holders.cash_wallet(account, instrument)
        profit = int(ledger.trade(account, slot, -lots, -worth))
        mirrored = int(ledger.trade(0, instrument, lots, worth))
        if one.market == "option":
            ledger.move(MARKET, wallet, asset, worth)
        else:
            ledger.post(wallet, asset, profit)
            ledger.post(MARKET, asset, mirrored)
            ledger.post(CLEARING, asset, -profit - mirrored)
            ledger.close_entry()
        fee = self._fee(one, lots, price, worth)
        if fee:
            ledger.move(cash, FEES, asset, fee)
            core.add_fee(account, asset, fee)
        if wallet != cash:
            core.release_isolated(account, slot, lots)
        side = 1 if lots > 0 else -1
        core.records.add(
            core.now, Outcome.SETTLED, account, instrument, slot, side, price, abs(lots)
        )
        if not TRADER <= account < TRADER + self.trading:
            return
        event = SettlementEvent(
            time_ns=core.now,
            instrument=one.name,
            price=price * UNIT,
            quantity=float(lots * one.lot),
            profit=profit * UNIT,
            fee=fee * UNIT,
            asset=one.settle,
            slot=slot,
            lots=lots,
        )
        if account == TRADER:
            self.events.append(event)
        self.announce(event, account)

    def _fee(self, one: Instrument, lots: int, price: int, worth: int) -> int:
        """Settlement fee, rounded up: the venue gains; an option's is paid by who exercises it."""
        if one.market != "option":
            return -(-abs(worth) * self.rules.fee_e8 // E8)
        if lots <= 0 or worth <= 0:
            return 0
        underlying = lots * _base_units(one) * price // E8
        return min(
            -(-underlying * self.rules.option_fee_e8 // E8),
            -(-worth * self.rules.option_fee_cap_e8 // E8),
        )


def worth_at(one: Instrument, lots: int, price_e8: int) -> int:
    """Return what ``lots`` are worth at a settlement price, in 1e-8 of the settlement asset.

    Signed as the ledger counts (an inverse long's is negative).  Rounded towards zero: what is left
    over stays with the market.

    >>> from decimal import Decimal
    >>> coin = Instrument(
    ...     "cm", "BTCUSD_261225", "BTC", "USD", Decimal("0.1"), Decimal(1), Decimal(100)
    ... )
    >>> worth_at(coin, 3, 60_000 * 10**8)
    -500000
    >>> call = Instrument(
    ...     "option", "BTC-261225-50000-C", "BTC", "USDT", Decimal(5), Decimal("0.01")
    ... )
    >>> worth_at(call, -50, 60_000 * 10**8), worth_at(call, 50, 50_000 * 10**8)
    (-500000000000, 0)
    """
    size = abs(lots) * _base_units(one)
    if one.inverse:
        return (-1 if lots > 0 else 1) * (size * E8 // price_e8)
    per = price_e8
    if one.market == "option":
        strike = int(one.strike * E8)
        per = max(0, price_e8 - strike if one.right == "C" else strike - price_e8)
    return (1 if lots > 0 else -1) * (size * per // E8)


def _base_units(one: Instrument) -> int:
    """1e-8 of the underlying in a lot; of an inverse contract, of USD."""
    return int(one.lot * one.contract_size * E8)
