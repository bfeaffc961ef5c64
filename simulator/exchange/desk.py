"""The venue's desk: everything that is rare, composed of one part for each kind of it.

Plain Python beside the compiled loop; none of it runs on an ordinary tick.  ``Upkeep`` calls the
methods under *Hooks* here, the loop those under *Commands and messages*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from simulator.accounts.wallets import CLEARING, INSURANCE, Partition
from simulator.errors import InputError
from simulator.exchange.core import Core
from simulator.exchange.expiry import Expiry
from simulator.exchange.funding import Funding
from simulator.exchange.isolated import IsolatedMargin
from simulator.exchange.leverage import Leverage
from simulator.exchange.liquidator import Liquidator
from simulator.exchange.loans import Loans
from simulator.exchange.messages import (
    BorrowRequest,
    LevelChange,
    LeverageRequest,
    LiquidationEvent,
    MarginRequest,
    PoolFigures,
    RepayRequest,
    SettlementEvent,
    TransferRequest,
)
from simulator.exchange.negative import NegativeBalances
from simulator.exchange.snapshots import Snapshots
from simulator.exchange.transfers import Transfers
from simulator.exchange.upkeep import Upkeep
from simulator.exchange.watching import StrategyAlert, Watcher
from simulator.instruments.instrument import Instrument
from simulator.market.tape import Kind
from simulator.risk.alerts import Watch, watch
from simulator.risk.columns import KINDS
from simulator.risk.interest import InterestRules
from simulator.risk.levels import RiskLevel
from simulator.risk.measured import Measured

ACCOUNT = 1
UNIT = 1e-8
HOUR_NS = 3_600_000_000_000
HOURS = 24

Message = LevelChange | LiquidationEvent | SettlementEvent | StrategyAlert
Request = TransferRequest | MarginRequest | LeverageRequest | BorrowRequest | RepayRequest


class Desk:
    """The rare side of a venue with one trading account.

    ``upkeep`` keeps prices and checks margin; ``transfers``, ``funding``, ``expiry``,
    ``liquidator``, ``isolated`` (margin), ``loans`` and ``negative`` (balances) do what their names
    say.
    """

    def __init__(
        self,
        core: Core,
        columns: Mapping[str, Any],
        partition: Partition,
        instruments: list[Instrument],
        assets: list[str],
    ) -> None:
        self.core = core
        self.partition = partition
        self.listed = instruments
        self.assets = assets
        self.lender: int = columns["lender"]
        self.upkeep = Upkeep(core, columns, self)
        self.transfers = Transfers(core, self.upkeep, partition, instruments, assets)
        self.funding = Funding(
            core,
            self.upkeep,
            partition,
            instruments,
            assets,
            columns["funding"],
            columns["funding_from_books"],
        )
        self.expiry = Expiry(
            core, partition, instruments, assets, columns["delivery"], self.announce
        )
        self.liquidator = Liquidator(
            core,
            partition,
            instruments,
            assets,
            target=columns["liquidation_target"],
            fee_e8=columns["liquidation_fee_e8"],
            announce=self.announce,
        )
        self.leverage = Leverage(
            core,
            instruments,
            columns["margin"],
            columns["start_leverage"],
            sorted({*partition.pool_of, *partition.cash_pool} - {-1}),
        )
        self.interest: InterestRules = columns["interest"]
        self.isolated = IsolatedMargin(core, self.upkeep, partition, instruments, assets)
        self.loans = Loans(
            core,
            self.upkeep,
            partition,
            assets,
            self.interest,
            lender=self.lender,
            leverage=columns["margin_leverage"],
        )
        self.negative = NegativeBalances(
            core, partition, assets, self.interest, columns["margin"], lender=self.lender
        )
        self.watcher = Watcher(core, partition, instruments, assets, self.announce)
        self.snapshots = Snapshots(core, partition, instruments, assets, lambda: self.measured)
        self.requests: list[Request] = []
        self.messages: list[Message] = []

    # Commands and messages

    def request(self, asked: Request) -> None:
        """Send a request to the venue with the strategy's entry latency."""
        self.requests.append(asked)
        self.core.send(len(self.requests) - 1)

    def execute(self, number: int) -> None:
        """A request reaches the venue."""
        asked = self.requests[number]
        handlers: dict[type, Callable[[Any], None]] = {
            TransferRequest: self.transfers.execute,
            MarginRequest: self.isolated.execute,
            LeverageRequest: self.leverage.execute,
            BorrowRequest: self.loans.borrow,
            RepayRequest: self.loans.repay,
        }
        handlers[type(asked)](asked)

    def announce(self, message: Message) -> None:
        """Send a message to the strategies with the response latency."""
        self.messages.append(message)
        self.core.announce(len(self.messages) - 1)

    def tell(self, number: int) -> None:
        """A message reaches the strategies."""
        message = self.messages[number]
        if isinstance(message, StrategyAlert):
            at = message.strategy
            self.core.strategies[at].on_alert(self.core.contexts[at], message.alert)
            return
        if isinstance(message, SettlementEvent):
            self.core.adjust_known(ACCOUNT, message.slot, -message.lots)
        for strategy, context in zip(self.core.strategies, self.core.contexts, strict=True):
            if isinstance(message, LiquidationEvent):
                strategy.on_liquidation(context, message)
            elif isinstance(message, SettlementEvent):
                strategy.on_settlement(context, message)
            elif message.level >= RiskLevel.MARGIN_CALL:
                strategy.on_margin_call(context, message)

    def endless(self) -> None:
        """Refuse to go on: strategies keep one instant from ending."""
        raise InputError(
            f"a strategy answers messages with orders without end at {self.core.local_now} ns; "
            "give the run a latency, or let the strategy stop after a refusal"
        )

    # Hooks of the upkeep

    def price_deposits(self) -> None:
        """Value deposits whose assets have their first price."""
        self.transfers.price_deposits()

    def settle_funding(self, instrument: int, rate_e8: int) -> None:
        """Pay funding at an instant that the tape tells."""
        self.funding.row(instrument, rate_e8)

    def settlement_price(self, instrument: int, price_e8: int) -> None:
        """The tape tells an expiring contract's settlement price."""
        self.expiry.given(instrument, price_e8)

    def duty(self, now: int) -> int:
        """Do what has an instant of its own and is due; return the next such instant."""
        return min(self.expiry.due(now), self.funding.due(now))

    def level_changed(self, pool: int, old: int, new: int) -> None:
        """Record and announce a level."""
        self.liquidator.level_changed(pool, old, new)

    def watch(self, pool: int) -> None:
        """A pool was checked, and somebody asked for alerts."""
        self.watcher.checked(pool)

    def sampled(self) -> None:
        """A sample for the report was taken."""
        self.snapshots.sampled()

    def liquidate(self, pool: int) -> None:
        """Close positions of a pool at its threshold."""
        self.liquidator.liquidate(pool)

    @cached_property
    def measured(self) -> Measured | None:
        """What measures correlation and volatility; None where no margin follows from them."""
        columns = self.core.pools.columns
        if not any(columns.rules.model_of(kind) == "scenario" for kind in KINDS):
            return None
        return Measured(columns.rules.scenario, columns.underlyings)

    def margin_step(self) -> None:
        """A step of the measured correlation and volatility, where margin follows from them."""
        if self.measured is not None:
            self.measured.step_pools(self.core.pools)

    def full_hour(self, time_ns: int) -> None:
        """A full hour of venue time: interest may fall due."""
        hour = time_ns // HOUR_NS
        if hour % self.interest.every_hours == 0:
            self.loans.accrue_period()
        if hour % HOURS == self.interest.negative_hour:
            self.negative.accrue_day()

    def convert(self, wallet: int, asset: int) -> None:
        """Sell other assets for a balance that is too far below zero."""
        self.negative.convert(wallet, asset)

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
        if not name:
            return list(range(INSURANCE + 1, len(names)))
        try:
            return [self.partition.wallet(name)]
        except KeyError:
            known = ", ".join(names[INSURANCE + 1 :])
            raise LookupError(f"no wallet {name}; there are {known}") from None

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

    def volatility_of(self, instrument: int) -> float:
        """Latest implied volatility of an option, 0 where the tape has told none."""
        return float(np.asarray(self.upkeep.volatility)[instrument])

    def funding_rate_of(self, instrument: int) -> float:
        """Running funding rate: the tape's, else that of the premium so far."""
        if instrument in self.funding.from_books:
            return self.funding.estimate(instrument) or 0.0
        return float(np.asarray(self.upkeep.funding_rate)[instrument])

    def mark_of(self, instrument: int) -> float:
        """Mark price, 0 while unknown."""
        return float(self.core.pools.mark_price(instrument))

    def alert(self, strategy: int, condition: Mapping[str, Any]) -> None:
        """Watch margin for a strategy from the next check on."""
        self.watch_for(watch(**condition), strategy)

    def watch_for(self, asked: Watch, owner: int) -> None:
        """Watch margin for a strategy, or for the run (-1), from the next check on."""
        self.watcher.add(asked, owner)
        self.upkeep.watched = True

    def pool_figures(self, name: str = "") -> PoolFigures:
        """Fresh figures of a pool by name, the first one without.

        A line that shares the unified pool is found under its own name too, as its wallet is.
        """
        names = [pool[0] for pool in self.partition.pools]
        if name not in names and name.partition(":")[0] in self.partition.members:
            name = "unified"
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
        return float(self.upkeep.account_value())

    # What the report asks

    def samples(self) -> dict[str, Any]:
        """Sampled columns: time, pools (equity, initial, maintenance, level each), prices, lots."""
        kept = self.upkeep
        n = kept.n_samples
        return {
            "time": np.asarray(kept.sample_time)[:n],
            "equity": np.asarray(kept.sample_equity)[:n],
            "pools": np.asarray(kept.sample_pools)[:n],
            "prices": np.asarray(kept.sample_prices)[:n],
            "lots": np.asarray(kept.sample_lots)[:n],
        }

    def fees_paid(self) -> float:
        """Trading fees of the account, USDT at the prices when they were paid."""
        return float(self.core.fees_of(ACCOUNT))

    def has_tape_mark(self, instrument: int) -> bool:
        """Whether the tape brought a mark price for an instrument."""
        return bool(np.asarray(self.upkeep.mark_on_tape)[instrument])

    def start_equity(self) -> float:
        """Value of the deposits, each at the first index price of its asset, USDT."""
        return self.transfers.deposited

    # Checks

    def verify(self) -> None:
        """Assert the venue's invariants; ``AssertionError`` says which one broke."""
        futures = [i for i, listed in enumerate(self.listed) if listed.market in ("um", "cm")]
        settle = [self.assets.index(self.listed[i].settle) for i in futures]
        options = tuple(i for i, listed in enumerate(self.listed) if listed.market == "option")
        self.core.ledger.check(CLEARING, futures, settle, options)
        self.core.ledger.check_loans(self.lender)
        held = np.asarray(self.core.ledger.held)
        assert (held >= 0).all(), "a wallet holds a negative amount"
