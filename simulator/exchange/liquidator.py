"""The cold side of liquidation: what the account that trades hears of it, and the fund's endowment.

Everything that is done to pools is the compiled engine's (`simulator.exchange.closing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulator.accounts.wallets import INSURANCE, OUTSIDE, Partition
from simulator.events.outcomes import Outcome
from simulator.exchange.closing import Closing
from simulator.exchange.core import Core
from simulator.exchange.messages import (
    DeleveragingEvent,
    LevelChange,
    LiquidationEvent,
    TakeoverEvent,
)
from simulator.instruments.instrument import Instrument
from simulator.liquidation.ranking import shares_of_many
from simulator.risk.levels import RiskLevel

ACCOUNT = 1
"""The account whose strategies are told; all others are columns."""

E8 = 10**8
UNIT = 1e-8

News = LevelChange | LiquidationEvent | DeleveragingEvent | TakeoverEvent


class Liquidator:
    """Level changes, and liquidations of all accounts by ``engine``.

    ``events`` are the liquidations of the account that trades.  ``liquidate`` and ``step`` are the
    engine's: the upkeep calls the first for each pool at its threshold, the second at each step of
    the mark.
    """

    def __init__(
        self,
        core: Core,
        columns: Mapping[str, Any],
        partition: Partition,
        instruments: Sequence[Instrument],
        assets: Sequence[str],
        announce: Callable[[News], None],
    ) -> None:
        self.core = core
        self.partition = partition
        self.listed = list(instruments)
        self.assets = list(assets)
        self.rules = columns["liquidation"]
        self.announce = announce
        self.engine = Closing(core, {**columns, "asset_names": self.assets}, self)
        self.shares_of = shares_of_many
        self.liquidate = self.engine.liquidate
        self.step = self.engine.step
        self.recovered = self.engine.recovered
        self.events: list[LiquidationEvent] = []

    def endow(self) -> None:
        """Give the insurance fund what the rules say it begins with."""
        for asset, units in self.rules.insurance.balance.items():
            if asset in self.assets and units:
                number = self.assets.index(asset)
                self.core.ledger.move(OUTSIDE, INSURANCE, number, int(units * E8))

    # The account's mode

    def take_mode(self, target: Sequence[float]) -> None:
        """Go on in another account mode; ``target`` ends its liquidations, by kind of pool."""
        self.engine.take_mode(target)

    def kept(self) -> Any:
        """Return all that a switch of the account's mode changes here, for ``restore``."""
        return self.engine.kept()

    def restore(self, kept: Any) -> None:
        """Be as it was when ``kept`` was asked: the switch failed."""
        self.engine.restore(kept)

    @property
    def target(self) -> tuple[float, ...]:
        """Ratio above which closing stops, by kind of pool."""
        return tuple(self.engine.targets())

    # Figures of the account that trades

    @property
    def fees(self) -> float:
        """Clearance fees paid, USDT."""
        return float(self.engine.fees_of(ACCOUNT))

    @property
    def shortfall(self) -> float:
        """What the insurance fund, and who was deleveraged, bore for the account, USDT."""
        return float(self.engine.losses_of(ACCOUNT))

    # What happened

    def level_changed(self, pool: int, old: int, new: int) -> None:
        """Record a level; tell the strategies of the account whose pool it is."""
        core = self.core
        account = int(core.pools.account_of(pool))
        core.records.add(core.now, Outcome.LEVEL_CHANGED, account, -1, pool, new, old, 0)
        if old >= RiskLevel.LIQUIDATION > new:
            self.engine.recovered(pool)
        if account == ACCOUNT:
            equity, _, maintenance, _ = core.pools.figures(pool)
            name = self.partition.pools[pool][0]
            self.announce(LevelChange(core.now, name, RiskLevel(new), equity, maintenance))

    def liquidated(self, pool: int, before: float, maintenance: float, after: float) -> None:
        """A pool of the account that trades was liquidated, at least in part; figures in USDT."""
        name = self.partition.pools[pool][0]
        event = LiquidationEvent(self.core.now, name, before, maintenance, before - after)
        self.events.append(event)
        self.announce(event)

    def deleveraged(self, slot: int, lots: int, price: float, realized: int) -> None:
        """The account's position was closed against one in liquidation by signed ``lots``."""
        one = self.listed[slot % len(self.listed)]
        size = float(one.lot if one.inverse else one.lot * one.contract_size)
        self.announce(
            DeleveragingEvent(
                time_ns=self.core.now,
                instrument=one.name,
                price=price,
                quantity=-lots * size,
                profit=realized * UNIT,
                asset=one.settle,
                slot=slot,
                lots=lots,
            )
        )

    def taken_over(self, slot: int, lots: int, price: float) -> None:
        """Others took the account's position over, by signed ``lots`` that came to it."""
        one = self.listed[slot % len(self.listed)]
        self.announce(TakeoverEvent(self.core.now, one.name, price, slot, lots))
