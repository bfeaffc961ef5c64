"""Money from and to the outside and between the account's wallets.

A wallet that backs one settlement asset takes that asset alone: a coin's futures, options, an
isolated position.  What may leave a wallet: `simulator.exchange.outflow`.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.accounts.wallets import OUTSIDE, Partition
from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.core import Core
from simulator.exchange.messages import NO_WALLET, TransferRequest
from simulator.exchange.outflow import Outflow
from simulator.exchange.upkeep import Upkeep
from simulator.instruments.instrument import Instrument

UNIT = 1e-8


class Transfers:
    """Deposits, withdrawals and transfers of the account whose wallets ``outflow`` watches.

    ``count`` is of transfers done.  ``deposited`` is the value of what the account began with, each
    asset at its first index price, USDT; ``added`` of deposits less withdrawals since, each at its
    own moment's.
    """

    def __init__(
        self,
        core: Core,
        upkeep: Upkeep,
        partition: Partition,
        instruments: Sequence[Instrument],
        assets: Sequence[str],
        outflow: Outflow,
    ) -> None:
        self.core = core
        self.account = outflow.account
        self.upkeep = upkeep
        self.partition = partition
        self.listed = instruments
        self.assets = assets
        self.outflow = outflow
        self.count = 0
        self.deposited = 0.0
        self.added = 0.0
        self._waiting: dict[tuple[int, bool], int] = {}
        self.take_mode()

    def take_mode(self) -> None:
        """Find anew which assets a wallet takes: the account's mode is another."""
        self._taken = _assets_taken(self.partition, self.listed, self.assets)

    def deposit(self, wallet: int, asset: int, units: int, *, later: bool = False) -> None:
        """Book a deposit from outside; ``later``: it is not what the account began with."""
        core = self.core
        core.ledger.move(OUTSIDE, wallet, asset, units)
        core.records.add(core.now, Outcome.DEPOSITED, self.account, -1, wallet, 0, asset, units)
        self._value(asset, units, later)

    def withdraw(self, wallet: int, asset: int, units: int) -> None:
        """Book a withdrawal to the outside."""
        core = self.core
        core.ledger.move(wallet, OUTSIDE, asset, units)
        core.records.add(core.now, Outcome.WITHDRAWN, self.account, -1, wallet, 0, asset, units)
        self._value(asset, -units, True)

    def _value(self, asset: int, units: int, later: bool) -> None:
        self._waiting[asset, later] = self._waiting.get((asset, later), 0) + units
        self.price_deposits()

    def price_deposits(self) -> None:
        """Value deposits at the first index price of their asset; until it has one they wait."""
        for (asset, later), units in list(self._waiting.items()):
            price = float(self.core.pools.index_price(asset))
            if price > 0:
                worth = units * UNIT * price
                self.deposited += 0.0 if later else worth
                self.added += worth if later else 0.0
                del self._waiting[asset, later]
        if self._waiting:
            self.upkeep.unpriced = True

    @property
    def waiting(self) -> bool:
        """Whether a deposit waits for the first price of its asset."""
        return bool(self._waiting)

    def move(self, source: int, target: int, asset: int, units: int) -> None:
        """Book a transfer."""
        core = self.core
        core.ledger.move(source, target, asset, units)
        self.count += 1
        core.records.add(
            core.now, Outcome.TRANSFERRED, self.account, -1, source, target, asset, units
        )

    def execute(self, asked: TransferRequest) -> RejectReason | None:
        """A transfer reaches the venue; return why it was refused, None where it was done."""
        source, target = self.here(asked.source), self.here(asked.target)
        reason = self.refusal(source, target, asked.asset, asked.units)
        if reason is None:
            self.move(source, target, asked.asset, asked.units)
        else:
            self.refuse(asked, reason)
        self.upkeep.check()
        return reason

    def refuse(self, asked: TransferRequest, reason: RejectReason) -> None:
        """Count and record a refused transfer."""
        core = self.core
        core.count_refusal(reason, self.account)
        core.records.add(
            core.now,
            Outcome.TRANSFER_REJECTED,
            self.account,
            -1,
            asked.source,
            asked.target,
            int(reason),
            asked.units,
        )

    def here(self, wallet: int) -> int:
        """Number of a wallet in the mode that the account is in; ``NO_WALLET`` if it has none.

        A request may have been sent, or written, in the other mode.
        """
        try:
            return (
                NO_WALLET if wallet < 0 else self.partition.wallet(self.partition.name_of(wallet))
            )
        except KeyError:
            return NO_WALLET

    def takes(self, wallet: int, asset: int) -> bool:
        """Whether a wallet takes an asset."""
        return asset in self._taken.get(wallet, (asset,))

    def refusal(self, source: int, target: int, asset: int, units: int) -> RejectReason | None:
        """Return why a transfer cannot be done, None where it can."""
        if source < 0 or target < 0:
            return RejectReason.NO_SUCH_WALLET
        if source == target:
            return RejectReason.ONE_WALLET
        reason = self.outflow.refusal(source, asset, units)
        if reason is not RejectReason.INSUFFICIENT_BALANCE and not self.takes(target, asset):
            return RejectReason.WRONG_ASSET
        return reason


def _assets_taken(
    partition: Partition, instruments: Sequence[Instrument], assets: Sequence[str]
) -> dict[int, set[int]]:
    """Return the assets that a wallet takes, by wallet; a wallet that is not named takes all."""
    taken: dict[int, set[int]] = {}
    for slot, wallet in enumerate(partition.margin):
        one = instruments[slot % len(instruments)]
        apart = one.market in ("cm", "option") or wallet != partition.cash[slot % len(instruments)]
        if apart and partition.name_of(wallet) != "unified":
            taken.setdefault(wallet, set()).add(assets.index(one.settle))
    return taken
