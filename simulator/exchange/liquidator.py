"""The cold side of liquidation: what accounts that trade hear of it, and the fund's endowment.

Everything that is done to pools is the compiled engine's (`simulator.exchange.closing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

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
from simulator.exchange.roster import TRADER, Roster
from simulator.instruments.instrument import Instrument
from simulator.liquidation.ranking import shares_of_many
from simulator.risk.levels import RiskLevel

E8 = 10**8
UNIT = 1e-8

News = LevelChange | LiquidationEvent | DeleveragingEvent | TakeoverEvent


class Liquidator:
    """Level changes and liquidations of the accounts that trade; ``engine`` liquidates all.

    ``events`` are the liquidations of the first account that trades, ``events_of`` those of all
    that trade by account.
    """

    def __init__(
        self,
        core: Core,
        columns: Mapping[str, Any],
        partition: Partition,
        instruments: Sequence[Instrument],
        assets: Sequence[str],
        announce: Callable[[News, int], None],
    ) -> None:
        self.core = core
        self.partition = partition
        self.roster: Roster = columns["roster"]
        self.listed = list(instruments)
        self.assets = list(assets)
        self.rules = columns["liquidation"]
        self.announce = announce
        self.engine = Closing(core, {**columns, "asset_names": self.assets}, self)
        self.shares_of = shares_of_many
        accounts = range(TRADER, TRADER + self.roster.trading)
        self.events_of: dict[int, list[LiquidationEvent]] = {one: [] for one in accounts}
        self.events = self.events_of[TRADER]

    def endow(self) -> None:
        """Give the insurance fund what the rules say it begins with."""
        for asset, units in self.rules.insurance.balance.items():
            if asset in self.assets and units:
                number = self.assets.index(asset)
                self.core.ledger.move(OUTSIDE, INSURANCE, number, int(units * E8))

    # The account's mode

    def take_mode(self, target: Sequence[float], pools: range) -> None:
        """Go on in another mode of an account, whose ``pools`` have no liquidation now; ``target``
        ends liquidations, by kind of pool.
        """
        _, stuck, call_of = self.engine.kept()
        stuck[pools.start : pools.stop], call_of[pools.start : pools.stop] = 0, -1
        self.engine.restore((np.array(target), stuck, call_of))

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

    # Figures of the first account that trades

    @property
    def fees(self) -> float:
        """Clearance fees paid, USDT."""
        return float(self.engine.fees_of(TRADER))

    @property
    def shortfall(self) -> float:
        """What the insurance fund, and who was deleveraged, bore for the account, USDT."""
        return float(self.engine.losses_of(TRADER))

    # What happened

    def level_changed(self, pool: int, old: int, new: int) -> None:
        """Record a level; tell the strategies of the account whose pool it is."""
        core = self.core
        account = int(core.pools.account_of(pool))
        core.records.add(core.now, Outcome.LEVEL_CHANGED, account, -1, pool, new, old, 0)
        if old >= RiskLevel.LIQUIDATION > new:
            self.engine.recovered(pool)
        equity, _, maintenance, _ = core.pools.figures(pool)
        event = LevelChange(core.now, self._name(pool), RiskLevel(new), equity, maintenance)
        self.announce(event, account)

    def liquidated(self, pool: int, before: float, maintenance: float, after: float) -> None:
        """A pool of an account that trades was liquidated, at least in part; figures in USDT."""
        account = int(self.core.pools.account_of(pool))
        name = self._name(pool)
        event = LiquidationEvent(self.core.now, name, before, maintenance, before - after)
        self.events_of[account].append(event)
        self.announce(event, account)

    def _name(self, pool: int) -> str:
        if pool < self.roster.own_pools:
            return self.partition.pool(pool)[0]
        return self.roster.name_of_pool(pool)

    def deleveraged(self, account: int, slot: int, lots: int, price: float, realized: int) -> None:
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
            ),
            account,
        )

    def taken_over(self, account: int, slot: int, lots: int, price: float) -> None:
        """Others took the account's position over, by signed ``lots`` that came to it."""
        one = self.listed[slot % len(self.listed)]
        self.announce(TakeoverEvent(self.core.now, one.name, price, slot, lots), account)
