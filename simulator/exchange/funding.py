"""Funding of perpetual contracts at its instants."""

from __future__ import annotations

from simulator.accounts.wallets import MARKET, Partition
from simulator.events.outcomes import Outcome
from simulator.exchange.core import Core
from simulator.exchange.upkeep import Upkeep
from simulator.instruments.instrument import Instrument

ACCOUNT = 1
UNIT = 1e-8


class Funding:
    """What the account pays for and gets from funding; ``paid`` in USDT, ``rows`` of the tape."""

    def __init__(
        self,
        core: Core,
        upkeep: Upkeep,
        partition: Partition,
        instruments: list[Instrument],
        assets: list[str],
    ) -> None:
        self.core = core
        self.upkeep = upkeep
        self.partition = partition
        self.listed = instruments
        self.assets = assets
        self.paid = 0.0
        self.rows = 0

    def settle(self, instrument: int, rate_e8: int) -> None:
        """Longs pay ``notional at mark x rate`` to shorts, the market included; rounded down.

        What rounding leaves stays with the market, which takes the other side of every account.
        """
        core = self.core
        lots, _ = core.ledger.position_of(ACCOUNT, instrument)
        self.rows += 1
        mark = round(float(core.pools.mark_price(instrument)) / UNIT)
        if lots == 0 or rate_e8 == 0 or mark == 0:
            return
        listed = self.listed[instrument]
        base_units = lots * int(listed.lot * 10**8)
        paid = abs(base_units) * mark * abs(rate_e8) // 10**16
        if (lots > 0) != (rate_e8 > 0):
            paid = -paid
        asset = self.assets.index(listed.settle)
        wallet = self.partition.margin[instrument]
        core.ledger.move(wallet, MARKET, asset, paid)
        self.paid += paid * UNIT
        core.records.add(core.now, Outcome.FUNDING, ACCOUNT, instrument, 0, 0, rate_e8, paid)
        self.upkeep.check()
