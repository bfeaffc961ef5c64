"""Levels of the margin pools and what the venue does at the threshold.

One pool at a time: its orders are cancelled; if that is not enough its positions are closed until
it is above the target; what a flat pool owes, loans included, is traded for, then the insurance
fund pays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.accounts.wallets import INSURANCE, OUTSIDE, Partition
from simulator.events.outcomes import Outcome
from simulator.exchange.core import Core
from simulator.exchange.messages import LevelChange, LiquidationEvent
from simulator.instruments.instrument import Instrument
from simulator.liquidation.plan import plan
from simulator.liquidation.rules import LiquidationRules
from simulator.risk.levels import RiskLevel

ACCOUNT = 1
E8 = 10**8
UNIT = 1e-8
REDUCE_ONLY, LIQUIDATION, MARGIN = 1, 4, 8
"""Flags of the venue's own orders."""


class Liquidator:
    """Level changes and liquidations of the account's pools.

    ``events`` are the liquidations so far; ``fees`` the clearance fees paid and ``shortfall`` what
    the insurance fund paid for shared pools, both in USDT; ``repaid`` is what was paid back of
    loans, in units of all assets together.
    """

    def __init__(
        self,
        core: Core,
        partition: Partition,
        instruments: list[Instrument],
        assets: list[str],
        *,
        target: float,
        rules: LiquidationRules,
        announce: Callable[[LevelChange | LiquidationEvent], None],
    ) -> None:
        self.core = core
        self.partition = partition
        self.listed = instruments
        self.assets = assets
        self.target = target
        self.rules = rules
        self.fee_e8 = rules.fee_e8
        self.announce = announce
        self.events: list[LiquidationEvent] = []
        self.fees = 0.0
        self.shortfall = 0.0
        self.repaid = 0
        self._busy = False
        self._stuck: set[int] = set()

    def endow(self) -> None:
        """Give the insurance fund what the rules say it begins with."""
        for asset, units in self.rules.insurance.balance.items():
            if asset in self.assets and units:
                number = self.assets.index(asset)
                self.core.ledger.move(OUTSIDE, INSURANCE, number, int(units * E8))

    def take_mode(self, target: float) -> None:
        """Go on in another account mode; ``target`` ends its liquidations."""
        self.target = target
        self._stuck &= set(self.partition.live)

    def kept(self) -> tuple[float, set[int]]:
        """Return all that a switch of the account's mode changes here, for ``restore``."""
        return self.target, set(self._stuck)

    def restore(self, kept: tuple[float, set[int]]) -> None:
        """Be as it was when ``kept`` was asked: the switch failed."""
        self.target, self._stuck = kept

    def level_changed(self, pool: int, old: int, new: int) -> None:
        """Record a level; tell the strategies."""
        core = self.core
        core.records.add(core.now, Outcome.LEVEL_CHANGED, ACCOUNT, -1, pool, new, old, 0)
        equity, _, maintenance, _ = core.pools.figures(pool)
        name = self.partition.pools[pool][0]
        self.announce(LevelChange(core.now, name, RiskLevel(new), equity, maintenance))

    def liquidate(self, pool: int) -> None:
        """Cancel the pool's orders; if that is not enough close positions; cover what is lost."""
        if self._busy:
            return
        core = self.core
        slots = [slot for slot, p in enumerate(self.partition.pool_of) if p == pool]
        name, wallet, isolated = self.partition.pools[pool]
        before, _, maintenance, _ = core.pools.figures(pool)
        held = [slot for slot in slots if core.ledger.position_of(ACCOUNT, slot)[0]]
        if not held and before >= 0 and not self._owes(wallet):
            return
        self._busy = True
        try:
            core.pull_orders(ACCOUNT, pool)
            core.pools.evaluate(pool)
            if core.pools.figures(pool)[3] < RiskLevel.LIQUIDATION:
                return
            if pool not in self._stuck:
                core.records.add(core.now, Outcome.LIQUIDATED, ACCOUNT, -1, pool, 0, 0, 0)
            # Nothing may be on offer; then each check tries again and it stays one liquidation.
            self._stuck.add(pool)
            known = core.n_fill_rows, self.shortfall, self.repaid
            self._close(pool, held)
            flat = not any(core.ledger.position_of(ACCOUNT, slot)[0] for slot in held)
            if flat:
                core.pools.evaluate(pool)
                called = core.pools.figures(pool)[3] >= RiskLevel.LIQUIDATION
                self._settle_debts(pool, wallet, called and self._owes(wallet))
            if (core.n_fill_rows, self.shortfall, self.repaid) == known:
                return
            self._stuck.discard(pool)
            core.pools.evaluate(pool)
            after = 0.0 if isolated >= 0 and flat else core.pools.figures(pool)[0]
            event = LiquidationEvent(core.now, name, before, maintenance, before - after)
            self.events.append(event)
            self.announce(event)
        finally:
            self._busy = False

    def _owes(self, wallet: int) -> bool:
        """Whether a wallet has loans."""
        return any(self.core.ledger.owed(wallet, asset) for asset in range(len(self.assets)))

    def _close(self, pool: int, held: list[int]) -> None:
        """Close until the pool is above its target; fees and bad prices ask for another round."""
        core = self.core

        def maintenance(candidate: Mapping[int, int]) -> float:
            return float(core.maintenance_if(pool, ACCOUNT, dict(candidate)))

        while True:
            known = core.n_fill_rows
            core.pools.evaluate(pool)
            positions = {slot: core.ledger.position_of(ACCOUNT, slot)[0] for slot in held}
            equity = core.pools.figures(pool)[0]
            for close in plan(positions, equity, maintenance, self.target):
                side = -1 if positions[close.instrument] > 0 else 1
                self._close_one(close.instrument, side, close.lots)
            if core.n_fill_rows == known:
                return

    def _close_one(self, slot: int, side: int, lots: int) -> None:
        core, instrument = self.core, slot % len(self.listed)
        first, cash = core.n_fill_rows, self.partition.cash[instrument]
        asset = self.assets.index(self.listed[instrument].settle)
        before = core.ledger.balance_of(cash, asset)
        core.force(ACCOUNT, slot, side, lots, REDUCE_ONLY | LIQUIDATION)
        self._charge_liquidation(slot, asset, first, before)

    def _charge_liquidation(self, slot: int, asset: int, first_fill: int, cash_before: int) -> None:
        """Pay the fund the clearance fee on what was closed, as far as equity covers it.

        An isolated position that ended flat pays it from what its wallet gave back.
        """
        core, instrument = self.core, slot % len(self.listed)
        closed = sum(
            core.ledger.value(instrument, int(row[5]), int(row[4]))
            for row in core.fills()[first_fill:]
        )
        cash, own = self.partition.cash[instrument], self.partition.margin[slot]
        equity = core.pools.equity_of(self.partition.pool_of[slot])
        wallet, most = own, int(equity / float(core.pools.index_price(asset)) / UNIT)
        if own != cash and core.ledger.position_of(ACCOUNT, slot)[0] == 0:
            wallet, most = cash, core.ledger.balance_of(cash, asset) - cash_before
        fee = max(0, min(closed * self.fee_e8 // 10**8, most))
        if fee:
            core.ledger.move(wallet, INSURANCE, asset, fee)
            self.fees += fee * UNIT * float(core.pools.index_price(asset))

    def _settle_debts(self, pool: int, wallet: int, loans: bool) -> None:
        """A flat pool's debts: trade assets for them, then the insurance fund pays.

        Debts are negative balances, and with ``loans`` what was borrowed too.
        """
        core = self.core
        if loans:
            self._repay(wallet)
        for i, listed in enumerate(self.listed):
            if listed.market == "spot" and wallet in (
                self.partition.cash[i],
                self.partition.lending[i],
            ):
                while self._sell_for_debt(i, wallet, loans) or self._buy_for_debt(i, wallet, loans):
                    pass
        if loans:
            self._repay(wallet)
        worth = [UNIT * float(core.pools.index_price(asset)) for asset in range(len(self.assets))]
        owned = [-self._debt(wallet, asset, True) for asset in range(len(self.assets))]
        if sum(units * price for units, price in zip(owned, worth, strict=True)) >= 0:
            return  # what is held covers the debt: it waits for a buyer
        for asset, units in enumerate(owned):
            if units == 0 or worth[asset] == 0:
                continue
            # The fund takes the whole wallet over, what could not be sold with the debts.
            core.ledger.move(INSURANCE, wallet, asset, -units)
            if units < 0:
                core.records.add(core.now, Outcome.SHORTFALL, ACCOUNT, -1, pool, 0, asset, -units)
            self.shortfall -= units * worth[asset]
        self._repay(wallet)

    def _debt(self, wallet: int, asset: int, loans: bool) -> int:
        """What a wallet lacks of an asset, below 0 where it has some."""
        ledger = self.core.ledger
        owed = int(ledger.owed(wallet, asset)) if loans else 0
        return owed - int(ledger.balance_of(wallet, asset))

    def _repay(self, wallet: int) -> None:
        """Repay every loan as far as its own asset goes."""
        core = self.core
        for asset in range(len(self.assets)):
            available = int(core.ledger.available(wallet, asset))
            if available > 0 and core.ledger.owed(wallet, asset):
                self.repaid += int(core.pay_debt(ACCOUNT, wallet, asset, available))

    def _flags(self, instrument: int, wallet: int) -> int:
        """Flags of the venue's own spot order from a wallet."""
        return LIQUIDATION if self.partition.cash[instrument] == wallet else LIQUIDATION | MARGIN

    def _sell_for_debt(self, instrument: int, wallet: int, loans: bool) -> bool:
        """Sell a base asset where its quote asset is owed; whether that filled and debt is left.

        A tenth of a percent more than the debt at the best bid: worse levels may be needed.
        """
        core, listed = self.core, self.listed[instrument]
        quote, base = self.assets.index(listed.quote), self.assets.index(listed.base)
        debt = self._debt(wallet, quote, loans)
        have = min(core.ledger.available(wallet, base), -self._debt(wallet, base, loans))
        price = core.best_bid(instrument)
        lots = int(have // int(listed.lot * 10**8))
        if debt <= 0 or lots <= 0 or price <= 0:
            return False
        worth = core.ledger.value(instrument, 1, price)
        wanted = -(-debt * 1001 // (1000 * worth))
        known = core.n_fill_rows
        flags = self._flags(instrument, wallet)
        core.force(ACCOUNT, instrument, -1, min(lots, wanted), flags)
        return bool(core.n_fill_rows > known and self._debt(wallet, quote, loans) > 0)

    def _buy_for_debt(self, instrument: int, wallet: int, loans: bool) -> bool:
        """Buy a base asset that is owed, for its quote; whether that filled and debt is left.

        A tenth of a percent of the quote is kept back: worse levels may be needed.
        """
        core, listed = self.core, self.listed[instrument]
        quote, base = self.assets.index(listed.quote), self.assets.index(listed.base)
        debt = self._debt(wallet, base, loans)
        have = min(core.ledger.available(wallet, quote), -self._debt(wallet, quote, loans))
        price = core.best_ask(instrument)
        if debt <= 0 or have <= 0 or price <= 0:
            return False
        affordable = have * 999 // (1000 * core.ledger.value(instrument, 1, price))
        wanted = -(-debt // int(listed.lot * 10**8))
        if affordable <= 0:
            return False
        known = core.n_fill_rows
        flags = self._flags(instrument, wallet)
        core.force(ACCOUNT, instrument, 1, min(int(affordable), wanted), flags)
        return bool(core.n_fill_rows > known and self._debt(wallet, base, loans) > 0)
