"""Funding of perpetual contracts at its instants: from the tape, or from the premium index.

Where the tapes have funding of a contract, its FUNDING rows say when and how much.  Elsewhere the
rate follows from the books (`simulator.exchange.upkeep` takes the premium every few seconds)::

    P = sum(k * premium_k) / sum(k)                 over the points k = 1, 2, ... of the interval
    F = (P + clamp(interest - P, -c, +c)) * hours / 8,  held within the cap
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from simulator.accounts.wallets import MARKET, Partition
from simulator.events.outcomes import Outcome
from simulator.exchange.core import Core
from simulator.exchange.holders import Holders
from simulator.exchange.roster import TRADER
from simulator.exchange.rules import FundingRules
from simulator.exchange.upkeep import Upkeep
from simulator.instruments.instrument import Instrument

UNIT = 1e-8
E8 = 10**8
NEVER = 1 << 62
MOST = 4 * 10**18
"""Units that a balance may come to; the ledger ends at 2**62."""

LATE_NS = 60 * 10**9
"""An instant that lies further back passed in a break of the recording: nothing is paid for it."""


class Funding:
    """What accounts pay for and get from funding.

    ``paid_by`` accounts that trade, by number, in USDT, ``rows`` settlements of the tape,
    ``computed`` those from the premium index.
    ``rules`` are by market; ``from_books`` the instruments whose rate the tapes do not tell.
    """

    def __init__(
        self,
        core: Core,
        upkeep: Upkeep,
        partition: Partition,
        instruments: list[Instrument],
        assets: list[str],
        rules: Mapping[str, FundingRules],
        from_books: frozenset[int],
        holders: Holders,
        trading: int = 1,
    ) -> None:
        self.core = core
        self.upkeep = upkeep
        self.partition = partition
        self.listed = instruments
        self.assets = assets
        self.rules = rules
        self.from_books = from_books
        self.holders = holders
        self.paid_by = dict.fromkeys(range(TRADER, TRADER + trading), 0.0)
        self.rows = 0
        self.computed = 0
        self._next: dict[int, int] = {}

    @property
    def paid(self) -> float:
        """What the first account that trades paid, USDT."""
        return self.paid_by[TRADER]

    def row(self, instrument: int, rate_e8: int) -> None:
        """A settlement of the tape; a contract that expires has none."""
        self.rows += 1
        if self.listed[instrument].perpetual:
            self.settle(instrument, rate_e8)

    def settle(self, instrument: int, rate_e8: int) -> None:
        """Longs pay ``notional at mark x rate`` to shorts, the market included; rounded down.

        What rounding leaves stays with the market, which takes the other side of every account.
        Both sides of a hedged account pay and get by themselves.  A mark at which that is more than
        the ledger holds is none: nobody pays.
        """
        core, listed = self.core, self.listed[instrument]
        mark = round(float(core.pools.mark_price(instrument)) / UNIT)
        asset = self.assets.index(listed.settle)
        if rate_e8 == 0 or mark == 0:
            return
        moved = False
        pays = payment(listed, mark, rate_e8)
        if not self._fits(instrument, asset, pays):
            return
        for slot in self.partition.slots(instrument):
            lots, _ = core.ledger.position_of(TRADER, slot)
            if lots == 0:
                continue
            paid = pays(lots)
            core.ledger.move(self.partition.margin[slot], MARKET, asset, paid)
            self._count(TRADER, paid, asset)
            order = 0 if slot == instrument else slot
            core.records.add(core.now, Outcome.FUNDING, TRADER, instrument, order, 0, rate_e8, paid)
            moved = True
        for account in list(self.paid_by)[1:]:  # which the holders pay for
            for slot in self.partition.slots(instrument):
                lots, _ = core.ledger.position_of(account, slot)
                self._count(account, pays(lots) if lots else 0, asset)
        if self.holders.fund(instrument, rate_e8, pays) or moved:
            self.upkeep.check()

    def _fits(self, instrument: int, asset: int, pays: Callable[[int], int]) -> bool:
        """Whether all that a settlement moves, on top of any wallet's balance, fits the ledger."""
        balance, _, quantity, _ = self.core.ledger.columns()
        lots = int(np.abs(quantity[1:, instrument :: len(self.listed)]).sum())
        return abs(pays(lots)) + int(np.abs(balance[:, asset]).max()) <= MOST

    def _count(self, account: int, paid: int, asset: int) -> None:
        self.paid_by[account] += paid * UNIT * float(self.core.pools.index_price(asset))

    def due(self, now: int) -> int:
        """Settle what is due by ``now`` from the books; return the next instant."""
        following = NEVER
        for instrument in sorted(self.from_books):
            interval = self.rules[self.listed[instrument].market].interval_ns
            at = self._next.get(instrument, 0)
            if at and now >= at:
                rate = self.estimate(instrument)
                if now - at <= LATE_NS and rate is not None:
                    rate_e8 = round(rate / UNIT)
                    self.settle(instrument, rate_e8)
                    self.computed += 1
                    self.upkeep.set_funding(instrument, rate_e8 * UNIT)
            if not at or now >= at:
                start = now // interval * interval
                self._next[instrument] = start + interval
                self.upkeep.restart_premium(instrument, start, start + interval)
            following = min(following, self._next[instrument])
        return following

    def estimate(self, instrument: int) -> float | None:
        """Return the running rate of this interval from the books, None without a premium yet."""
        premium = self.upkeep.mean_premium(instrument)
        if premium is None:
            return None
        return self.rules[self.listed[instrument].market].rate(premium)


def funding_of(listed: Instrument, lots: int, mark_e8: int, rate_e8: int) -> int:
    """Return what a position of ``lots`` pays (below 0: gets), 1e-8 of the settlement asset.

    >>> from decimal import Decimal
    >>> linear = Instrument("um", "BTCUSDT", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))
    >>> funding_of(linear, 1000, 50_000 * 10**8, 10_000), funding_of(linear, -1, 5 * 10**12, 10_000)
    (500000000, -500000)
    >>> coin = Instrument(
    ...     "cm", "BTCUSD_PERP", "BTC", "USD", Decimal("0.1"), Decimal(1), Decimal(100)
    ... )
    >>> funding_of(coin, 500, 50_000 * 10**8, 10_000)
    10000
    """
    return payment(listed, mark_e8, rate_e8)(lots)


def payment(listed: Instrument, mark_e8: int, rate_e8: int) -> Callable[[int], int]:
    """Return `funding_of` at one mark and rate as a function of lots."""
    size = int(listed.lot * listed.contract_size * E8) * abs(rate_e8)
    above, below = (size, mark_e8) if listed.inverse else (size * mark_e8, 10**16)
    longs_pay = rate_e8 > 0

    def pays(lots: int) -> int:
        paid = abs(lots) * above // below
        return paid if (lots > 0) == longs_pay else -paid

    return pays
