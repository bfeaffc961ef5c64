"""Money from outside and between the account's wallets: deposits and transfers.

A wallet that backs one settlement asset takes that asset alone: a coin's futures, options, an
isolated position.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.accounts.wallets import OUTSIDE, Partition
from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.core import Core
from simulator.exchange.messages import TransferRequest
from simulator.exchange.upkeep import Upkeep
from simulator.instruments.instrument import Instrument

ACCOUNT = 1
UNIT = 1e-8


class Transfers:
    """Deposits and transfers of the trading account.

    ``count`` is of transfers done, ``deposited`` the value of all deposits, each at the first index
    price of its asset, USDT.
    """

    def __init__(
        self,
        core: Core,
        upkeep: Upkeep,
        partition: Partition,
        instruments: Sequence[Instrument],
        assets: Sequence[str],
    ) -> None:
        self.core = core
        self.upkeep = upkeep
        self.partition = partition
        self.count = 0
        self.deposited = 0.0
        self._waiting: dict[int, int] = {}
        self._taken = _assets_taken(partition, instruments, assets)

    def deposit(self, wallet: int, asset: int, units: int) -> None:
        """Book a deposit from outside."""
        core = self.core
        core.ledger.move(OUTSIDE, wallet, asset, units)
        core.records.add(core.now, Outcome.DEPOSITED, ACCOUNT, -1, wallet, 0, asset, units)
        self._waiting[asset] = self._waiting.get(asset, 0) + units
        self.price_deposits()

    def price_deposits(self) -> None:
        """Value deposits at the first index price of their asset; until it has one they wait."""
        for asset, units in list(self._waiting.items()):
            price = float(self.core.pools.index_price(asset))
            if price > 0:
                self.deposited += units * UNIT * price
                del self._waiting[asset]
        self.upkeep.unpriced = bool(self._waiting)

    def execute(self, asked: TransferRequest) -> None:
        """A transfer reaches the venue."""
        core = self.core
        reason = self._refusal(asked)
        if reason:
            core.count_rejection(reason)
            outcome, price = Outcome.TRANSFER_REJECTED, int(reason)
        else:
            core.ledger.move(asked.source, asked.target, asked.asset, asked.units)
            self.count += 1
            outcome, price = Outcome.TRANSFERRED, asked.asset
        core.records.add(
            core.now, outcome, ACCOUNT, -1, asked.source, asked.target, price, asked.units
        )
        self.upkeep.check()

    def _refusal(self, asked: TransferRequest) -> RejectReason | None:
        core = self.core
        if asked.units <= 0 or core.ledger.available(asked.source, asked.asset) < asked.units:
            return RejectReason.INSUFFICIENT_BALANCE
        if asked.asset not in self._taken.get(asked.target, (asked.asset,)):
            return RejectReason.WRONG_ASSET
        for pool, (_, wallet, _) in enumerate(self.partition.pools):
            if wallet == asked.source:
                core.ledger.move(asked.source, OUTSIDE, asked.asset, asked.units)
                short = core.pools.equity_of(pool) < core.free_margin_needed(ACCOUNT, pool)
                core.ledger.move(OUTSIDE, asked.source, asked.asset, asked.units)
                if short:
                    return RejectReason.INSUFFICIENT_MARGIN
        return None


def _assets_taken(
    partition: Partition, instruments: Sequence[Instrument], assets: Sequence[str]
) -> dict[int, set[int]]:
    """Return the assets that a wallet takes, by wallet; a wallet that is not named takes all."""
    taken: dict[int, set[int]] = {}
    for slot, wallet in enumerate(partition.margin):
        one = instruments[slot % len(instruments)]
        apart = one.market in ("cm", "option") or wallet != partition.cash[slot % len(instruments)]
        if apart and partition.wallets[wallet] != "unified":
            taken.setdefault(wallet, set()).add(assets.index(one.settle))
    return taken
