"""Margin of isolated positions, added and taken off by hand.

Added margin comes from the wallet that the position's product line shares.  Taken off may be what
the initial margin at the mark price leaves over, and never unrealized profit: at most ::

    wallet balance + min(unrealized PnL, 0) - initial margin
"""

from __future__ import annotations

from simulator.accounts.wallets import OUTSIDE, Partition
from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.core import Core
from simulator.exchange.messages import MarginRequest
from simulator.exchange.upkeep import Upkeep
from simulator.instruments.instrument import Instrument

UNIT = 1e-8


class IsolatedMargin:
    """Adds margin to the account's isolated positions and takes it off."""

    def __init__(
        self,
        core: Core,
        upkeep: Upkeep,
        partition: Partition,
        instruments: list[Instrument],
        assets: list[str],
        account: int = 1,
    ) -> None:
        self.core = core
        self.account = account
        self.upkeep = upkeep
        self.partition = partition
        self.listed = instruments
        self.assets = assets

    def execute(self, asked: MarginRequest) -> None:
        """A request reaches the venue."""
        core = self.core
        instrument = asked.slot % len(self.listed)
        asset = self.assets.index(self.listed[instrument].settle)
        reason = self._refusal(asked, instrument, asset)
        if reason is None:
            cash, own = self.partition.cash[instrument], self.partition.margin[asked.slot]
            core.ledger.move(cash, own, asset, asked.units)
            self._record(asked, Outcome.MARGIN_ADJUSTED, asset)
        else:
            self.refuse(asked, reason)
        self.upkeep.check()

    def refuse(self, asked: MarginRequest, reason: RejectReason) -> None:
        """Count and record a refusal."""
        self.core.count_refusal(reason, self.account)
        self._record(asked, Outcome.MARGIN_REJECTED, int(reason))

    def _record(self, asked: MarginRequest, outcome: Outcome, price: int) -> None:
        core, instrument = self.core, asked.slot % len(self.listed)
        core.records.add(
            core.now, outcome, self.account, instrument, asked.slot, 0, price, asked.units
        )

    def _refusal(self, asked: MarginRequest, instrument: int, asset: int) -> RejectReason | None:
        core, slots = self.core, self.partition.margin
        cash = self.partition.cash[instrument]
        if asked.slot >= len(slots) or slots[asked.slot] == cash:
            return RejectReason.NOT_ISOLATED
        if core.ledger.position_of(self.account, asked.slot)[0] == 0:
            return RejectReason.NO_POSITION
        if asked.units == 0:
            return RejectReason.INSUFFICIENT_BALANCE
        own, pool = slots[asked.slot], self.partition.pool_of[asked.slot]
        if asked.units < 0:
            return self._refusal_to_take(own, pool, asset, -asked.units)
        if core.ledger.available(cash, asset) < asked.units:
            return RejectReason.INSUFFICIENT_BALANCE
        shared = self.partition.cash_pool[instrument]
        core.ledger.move(cash, OUTSIDE, asset, asked.units)
        short = core.pools.equity_of(shared) < core.free_margin_needed(self.account, shared)
        core.ledger.move(OUTSIDE, cash, asset, asked.units)
        return RejectReason.INSUFFICIENT_MARGIN if short else None

    def _refusal_to_take(self, own: int, pool: int, asset: int, units: int) -> RejectReason | None:
        core = self.core
        if core.ledger.balance_of(own, asset) < units:
            return RejectReason.INSUFFICIENT_BALANCE
        price = float(core.pools.index_price(asset)) * UNIT
        balance = core.ledger.balance_of(own, asset) * price
        least = min(balance, float(core.pools.equity_of(pool))) - units * price
        if least < core.pools.required(pool, False):
            return RejectReason.INSUFFICIENT_MARGIN
        return None
