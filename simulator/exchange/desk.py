"""The rare part of the venue's upkeep: funding, level changes, liquidation, transfers, deposits.

Plain Python on top of the compiled ``Upkeep``: none of it runs on an ordinary tick.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulator.accounts.wallets import CLEARING, INSURANCE, MARKET, OUTSIDE, Partition
from simulator.errors import InputError
from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.core import Core
from simulator.exchange.messages import LevelChange, LiquidationEvent, PoolFigures, TransferRequest
from simulator.exchange.upkeep import Upkeep
from simulator.instruments.instrument import Instrument
from simulator.liquidation.plan import plan
from simulator.market.tape import Kind
from simulator.risk.levels import RiskLevel

ACCOUNT = 1
UNIT = 1e-8
LIQUIDATION_FLAGS = 1 | 4  # reduce-only, liquidation


class Desk(Upkeep):
    """Upkeep of a venue with one trading account."""

    def __init__(
        self,
        core: Core,
        columns: Mapping[str, Any],
        partition: Partition,
        instruments: list[Instrument],
        assets: list[str],
    ) -> None:
        super().__init__(core, columns)
        self.core = core
        self.partition = partition
        self.listed = instruments
        self.assets = assets
        self.target: float = columns["liquidation_target"]
        self.liquidation_fee_e8: int = columns["liquidation_fee_e8"]
        self.requests: list[TransferRequest] = []
        self.messages: list[LevelChange | LiquidationEvent] = []
        self.liquidations: list[LiquidationEvent] = []
        self.transfers = 0
        self.funding_paid = 0.0
        self.funding_rows = 0
        self.liquidation_fees = 0.0
        self.shared_shortfall = 0.0
        self._liquidating = False
        self._stuck: set[int] = set()
        self._deposits: dict[int, int] = {}
        self._deposited = 0.0

    # Money from outside and between wallets

    def deposit(self, wallet: int, asset: int, units: int) -> None:
        """Book a deposit from outside."""
        core = self.core
        core.ledger.move(OUTSIDE, wallet, asset, units)
        core.records.add(core.now, Outcome.DEPOSITED, ACCOUNT, -1, wallet, 0, asset, units)
        self._deposits[asset] = self._deposits.get(asset, 0) + units
        self.price_deposits()

    def price_deposits(self) -> None:
        """Value deposits at the first index price of their asset; until it has one they wait."""
        for asset, units in list(self._deposits.items()):
            price = float(self.core.pools.index_price(asset))
            if price > 0:
                self._deposited += units * UNIT * price
                del self._deposits[asset]
        self.unpriced = bool(self._deposits)

    def request(self, transfer: TransferRequest) -> None:
        """Send a transfer to the venue with the strategy's entry latency."""
        self.requests.append(transfer)
        self.core.send(len(self.requests) - 1)

    def execute(self, number: int) -> None:
        """A transfer reaches the venue."""
        core, asked = self.core, self.requests[number]
        reason = self._refusal(asked)
        if reason:
            core.count_rejection(reason)
            outcome, price = Outcome.TRANSFER_REJECTED, int(reason)
        else:
            core.ledger.move(asked.source, asked.target, asked.asset, asked.units)
            self.transfers += 1
            outcome, price = Outcome.TRANSFERRED, asked.asset
        core.records.add(
            core.now, outcome, ACCOUNT, -1, asked.source, asked.target, price, asked.units
        )
        self.check()

    def _refusal(self, asked: TransferRequest) -> RejectReason | None:
        core = self.core
        if asked.units <= 0 or core.ledger.available(asked.source, asked.asset) < asked.units:
            return RejectReason.INSUFFICIENT_BALANCE
        for pool, (_, wallet, _) in enumerate(self.partition.pools):
            if wallet == asked.source:
                core.ledger.move(asked.source, OUTSIDE, asked.asset, asked.units)
                short = core.pools.equity_of(pool) < core.free_margin_needed(ACCOUNT, pool)
                core.ledger.move(OUTSIDE, asked.source, asked.asset, asked.units)
                if short:
                    return RejectReason.INSUFFICIENT_MARGIN
        return None

    # Funding

    def settle_funding(self, instrument: int, rate_e8: int) -> None:
        """Longs pay ``notional at mark x rate`` to shorts, the market included; rounded down.

        What rounding leaves stays with the market, which takes the other side of every account.
        """
        core = self.core
        lots, _ = core.ledger.position_of(ACCOUNT, instrument)
        self.funding_rows += 1
        mark = round(self.mark_of(instrument) / UNIT)
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
        self.funding_paid += paid * UNIT
        core.records.add(core.now, Outcome.FUNDING, ACCOUNT, instrument, 0, 0, rate_e8, paid)
        self.check()

    def mark_of(self, instrument: int) -> float:
        """Mark price, 0 while unknown."""
        return float(self.core.pools.mark_price(instrument))

    # Levels and liquidation

    def level_changed(self, pool: int, old: int, new: int) -> None:
        """Record a level; tell the strategies."""
        core = self.core
        core.records.add(core.now, Outcome.LEVEL_CHANGED, ACCOUNT, -1, pool, new, old, 0)
        equity, _, maintenance, _ = core.pools.figures(pool)
        name = self.partition.pools[pool][0]
        self._announce(LevelChange(core.now, name, RiskLevel(new), equity, maintenance))

    def _announce(self, message: LevelChange | LiquidationEvent) -> None:
        self.messages.append(message)
        self.core.announce(len(self.messages) - 1)

    def tell(self, number: int) -> None:
        """A message reaches the strategies."""
        message = self.messages[number]
        for strategy, context in zip(self.core.strategies, self.core.contexts, strict=True):
            if isinstance(message, LiquidationEvent):
                strategy.on_liquidation(context, message)
            elif message.level >= RiskLevel.MARGIN_CALL:
                strategy.on_margin_call(context, message)

    def liquidate(self, pool: int) -> None:
        """Cancel the pool's orders; if that is not enough close positions; cover what is lost."""
        if self._liquidating:
            return
        core = self.core
        instruments = [i for i, p in enumerate(self.partition.pool_of) if p == pool]
        name, wallet, isolated = self.partition.pools[pool]
        before, _, maintenance, _ = core.pools.figures(pool)
        held = [i for i in instruments if core.ledger.position_of(ACCOUNT, i)[0]]
        if not held and before >= 0:
            return
        self._liquidating = True
        try:
            shared = [i for i, p in enumerate(self.partition.cash_pool) if p == pool]
            core.pull_orders(ACCOUNT, sorted({*instruments, *(shared if isolated < 0 else [])}))
            core.pools.evaluate(pool)
            if core.pools.figures(pool)[3] >= RiskLevel.LIQUIDATION:
                if pool not in self._stuck:
                    core.records.add(core.now, Outcome.LIQUIDATED, ACCOUNT, -1, pool, 0, 0, 0)
                # Nothing may be on offer; then each check tries again and it stays one liquidation.
                self._stuck.add(pool)
                known = core.n_fill_rows, self.shared_shortfall
                self._close(pool, held)
                flat = not any(core.ledger.position_of(ACCOUNT, i)[0] for i in held)
                if flat:
                    self._settle_debts(pool, wallet)
                if (core.n_fill_rows, self.shared_shortfall) == known:
                    return
                self._stuck.discard(pool)
                core.pools.evaluate(pool)
                after = 0.0 if isolated >= 0 and flat else core.pools.figures(pool)[0]
                event = LiquidationEvent(core.now, name, before, maintenance, before - after)
                self.liquidations.append(event)
                self._announce(event)
        finally:
            self._liquidating = False

    def _close(self, pool: int, held: list[int]) -> None:
        """Close until the pool is above its target; fees and bad prices ask for another round."""
        core = self.core

        def maintenance(candidate: Mapping[int, int]) -> float:
            return float(core.maintenance_if(pool, ACCOUNT, dict(candidate)))

        while True:
            known = core.n_fill_rows
            core.pools.evaluate(pool)
            positions = {i: core.ledger.position_of(ACCOUNT, i)[0] for i in held}
            equity = core.pools.figures(pool)[0]
            for close in plan(positions, equity, maintenance, self.target):
                side = -1 if positions[close.instrument] > 0 else 1
                self._close_one(close.instrument, side, close.lots)
            if core.n_fill_rows == known:
                return

    def _close_one(self, instrument: int, side: int, lots: int) -> None:
        core = self.core
        first, cash = core.n_fill_rows, self.partition.cash[instrument]
        asset = self.assets.index(self.listed[instrument].settle)
        before = core.ledger.balance_of(cash, asset)
        core.force(ACCOUNT, instrument, side, lots, LIQUIDATION_FLAGS)
        self._charge_liquidation(instrument, asset, first, before)

    def _charge_liquidation(
        self, instrument: int, asset: int, first_fill: int, cash_before: int
    ) -> None:
        """Pay the fund the clearance fee on what was closed, as far as equity covers it.

        An isolated position that ended flat pays it from what its wallet gave back.
        """
        core = self.core
        closed = sum(
            core.ledger.value(instrument, int(row[5]), int(row[4]))
            for row in core.fills()[first_fill:]
        )
        cash, own = self.partition.cash[instrument], self.partition.margin[instrument]
        equity = core.pools.equity_of(self.partition.pool_of[instrument])
        wallet, most = own, int(equity / float(core.pools.index_price(asset)) / UNIT)
        if own != cash and core.ledger.position_of(ACCOUNT, instrument)[0] == 0:
            wallet, most = cash, core.ledger.balance_of(cash, asset) - cash_before
        fee = max(0, min(closed * self.liquidation_fee_e8 // 10**8, most))
        if fee:
            core.ledger.move(wallet, INSURANCE, asset, fee)
            self.liquidation_fees += fee * UNIT

    def _settle_debts(self, pool: int, wallet: int) -> None:
        """A flat pool's negative balances: sell assets for them, then the insurance fund pays."""
        core = self.core
        for i, listed in enumerate(self.listed):
            if listed.market == "spot" and self.partition.cash[i] == wallet:
                while self._sell_for_debt(i, wallet):
                    pass
        worth = [UNIT * float(core.pools.index_price(asset)) for asset in range(len(self.assets))]
        balances = [core.ledger.balance_of(wallet, asset) for asset in range(len(self.assets))]
        if sum(units * price for units, price in zip(balances, worth, strict=True)) >= 0:
            return  # what is held covers the debt: it waits for a buyer
        for asset, units in enumerate(balances):
            if units == 0 or worth[asset] == 0:
                continue
            # The fund takes the whole wallet over, what could not be sold with the debts.
            core.ledger.move(INSURANCE, wallet, asset, -units)
            if units < 0:
                core.records.add(core.now, Outcome.SHORTFALL, ACCOUNT, -1, pool, 0, asset, -units)
            self.shared_shortfall -= units * worth[asset]

    def _sell_for_debt(self, instrument: int, wallet: int) -> bool:
        """Sell a base asset where its quote asset is owed; whether that filled and debt is left.

        A tenth of a percent more than the debt at the best bid: worse levels may be needed.
        """
        core, listed = self.core, self.listed[instrument]
        quote = self.assets.index(listed.quote)
        debt = -core.ledger.balance_of(wallet, quote)
        have = core.ledger.available(wallet, self.assets.index(listed.base))
        price = core.best_bid(instrument)
        lots = int(have // int(listed.lot * 10**8))
        if debt <= 0 or lots <= 0 or price <= 0:
            return False
        worth = core.ledger.value(instrument, 1, price)
        wanted = -(-debt * 1001 // (1000 * worth))
        known = core.n_fill_rows
        core.force(ACCOUNT, instrument, -1, min(lots, wanted), LIQUIDATION_FLAGS & ~1)
        return bool(core.n_fill_rows > known and core.ledger.balance_of(wallet, quote) < 0)

    # Tape rows

    def order_row(
        self, instrument: int, kind: int, side: int, price: int, quantity: int, number: int
    ) -> None:
        """A displayed order of an order-by-order tape."""
        book = self.core.books[instrument]
        if kind == Kind.ORDER_ADD:
            book.add_order(side, price, quantity, number)
        elif kind == Kind.ORDER_CANCEL:
            book.cancel_order(number, quantity)
        else:
            book.fill_order(number, quantity)
        self.core.meet(instrument)

    # What strategies ask

    def asset(self, name: str) -> int:
        """Number of an asset; ``LookupError`` lists those there are."""
        if name not in self.assets:
            raise LookupError(f"no asset {name}; the run has {', '.join(self.assets)}")
        return self.assets.index(name)

    def _wallets(self, name: str) -> list[int]:
        names = self.partition.wallets
        if name and name not in names[INSURANCE + 1 :]:
            raise LookupError(f"no wallet {name}; there are {', '.join(names[INSURANCE + 1 :])}")
        return [names.index(name)] if name else list(range(INSURANCE + 1, len(names)))

    def balance(self, asset: str, wallet: str = "") -> float:
        """Balance of an asset in one wallet of the account or in all."""
        number = self.asset(asset)
        units = sum(int(self.core.ledger.balance_of(w, number)) for w in self._wallets(wallet))
        return units * UNIT

    def available(self, asset: str, wallet: str = "") -> float:
        """Balance that no order holds."""
        number = self.asset(asset)
        units = sum(int(self.core.ledger.available(w, number)) for w in self._wallets(wallet))
        return units * UNIT

    def funding_rate_of(self, instrument: int) -> float:
        """Running funding rate of the tape."""
        return float(np.asarray(self.funding_rate)[instrument])

    def pool_figures(self, name: str = "") -> PoolFigures:
        """Fresh figures of a pool by name, the first one without."""
        names = [pool[0] for pool in self.partition.pools]
        if name and name not in names:
            raise LookupError(f"no margin pool {name}; there are {', '.join(names)}")
        pool = names.index(name) if name else 0
        self.core.pools.evaluate(pool)
        equity, initial, maintenance, level = self.core.pools.figures(pool)
        needed = self.core.free_margin_needed(ACCOUNT, pool)
        ratio = equity / maintenance if maintenance > 0 else None
        return PoolFigures(
            names[pool],
            equity,
            initial,
            maintenance,
            max(0.0, equity - needed),
            ratio,
            RiskLevel(level),
        )

    def account_equity(self) -> float:
        """Value of all wallets at index prices plus unrealized profit at mark, USDT."""
        return float(self.account_value())

    # What the report asks

    def samples(self) -> dict[str, Any]:
        """Sampled columns: time, pools (equity, initial, maintenance, level each), prices, lots."""
        n = self.n_samples
        return {
            "time": np.asarray(self.sample_time)[:n],
            "equity": np.asarray(self.sample_equity)[:n],
            "pools": np.asarray(self.sample_pools)[:n],
            "prices": np.asarray(self.sample_prices)[:n],
            "lots": np.asarray(self.sample_lots)[:n],
        }

    def fees_paid(self) -> float:
        """Trading fees of the account, USDT at the prices when they were paid."""
        return float(self.core.fees_of(ACCOUNT))

    def has_tape_mark(self, instrument: int) -> bool:
        """Whether the tape brought a mark price for an instrument."""
        return bool(np.asarray(self.mark_on_tape)[instrument])

    def start_equity(self) -> float:
        """Value of the deposits, each at the first index price of its asset, USDT."""
        return self._deposited

    # Checks

    def endless(self) -> None:
        """Refuse to go on: strategies keep one instant from ending."""
        raise InputError(
            f"a strategy answers messages with orders without end at {self.core.local_now} ns; "
            "give the run a latency, or let the strategy stop after a refusal"
        )

    def verify(self) -> None:
        """Assert the venue's invariants; ``AssertionError`` says which one broke."""
        futures = [i for i, listed in enumerate(self.listed) if listed.market != "spot"]
        quote = [self.assets.index(self.listed[i].quote) for i in futures]
        self.core.ledger.check(CLEARING, futures, quote)
        held = np.asarray(self.core.ledger.held)
        assert (held >= 0).all(), "a wallet holds a negative amount"
