"""The venue's desk: everything that is rare, composed of one part for each kind of it.

Plain Python beside the compiled loop; none of it runs on an ordinary tick.  ``Upkeep`` calls the
methods under *Hooks* here, the loop those under *Commands and messages*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from simulator.accounts.states import AccountMode
from simulator.accounts.wallets import CLEARING, INSURANCE, Partition
from simulator.errors import InputError
from simulator.events.outcomes import RejectReason
from simulator.exchange.census import Census
from simulator.exchange.core import Core
from simulator.exchange.desk_views import DeskViews
from simulator.exchange.expiry import Expiry
from simulator.exchange.facts import Facts
from simulator.exchange.funding import Funding
from simulator.exchange.funds import Funds
from simulator.exchange.holders import Holders
from simulator.exchange.isolated import IsolatedMargin
from simulator.exchange.layout import Layout, margin_leverage, targets_of
from simulator.exchange.leverage import Leverage
from simulator.exchange.liquidator import Liquidator
from simulator.exchange.loans import Loans
from simulator.exchange.measuring import Measuring
from simulator.exchange.messages import (
    AccountEvent,
    BorrowRequest,
    DeleveragingEvent,
    FundEvent,
    FundOperation,
    FundRequest,
    LevelChange,
    LeverageRequest,
    LiquidationEvent,
    MarginRequest,
    RepayRequest,
    Request,
    SettlementEvent,
    StepRequest,
    TakeoverEvent,
    TransferRequest,
)
from simulator.exchange.modes import Modes
from simulator.exchange.negative import NegativeBalances
from simulator.exchange.outflow import Outflow
from simulator.exchange.roster import Roster
from simulator.exchange.snapshots import Snapshots
from simulator.exchange.switching import Switching
from simulator.exchange.transfers import Transfers
from simulator.exchange.upkeep import Upkeep
from simulator.exchange.watching import StrategyAlert, Watcher
from simulator.instruments.instrument import Instrument
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from simulator.risk.levels import RiskLevel

ACCOUNT = 1
HOUR_NS = 3_600_000_000_000
HOURS = 24

Message = (
    LevelChange
    | LiquidationEvent
    | DeleveragingEvent
    | TakeoverEvent
    | SettlementEvent
    | StrategyAlert
    | AccountEvent
    | FundEvent
)


class Desk(DeskViews):
    """The rare side of a venue with one trading account.

    ``upkeep`` keeps prices and checks margin; ``transfers``, ``funding``, ``expiry``,
    ``liquidator``, ``isolated`` (margin), ``loans``, ``funds``, ``negative`` (balances) and
    ``modes`` do what their names say.  Of a crowd, ``roster`` says who is who, ``holders`` does
    what happens to all at once, and ``census`` looks at how they stand.
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
        self.roster: Roster = columns["roster"]
        self.upkeep = Upkeep(core, columns, self)
        self.holders = Holders(core, self.roster.first_wallet, self.roster.wallet_account)
        outflow = Outflow(core, partition, columns["outflow"])
        self.transfers = Transfers(core, self.upkeep, partition, instruments, assets, outflow)
        self.funding = Funding(
            core,
            self.upkeep,
            partition,
            instruments,
            assets,
            columns["funding"],
            columns["funding_from_books"],
            self.holders,
        )
        self.expiry = Expiry(
            core, partition, instruments, assets, columns["delivery"], self.announce, self.holders
        )
        self.liquidator = Liquidator(core, columns, partition, instruments, assets, self.announce)
        self.leverage = Leverage(
            core,
            instruments,
            columns["margin"],
            columns["start_leverage"],
            partition.pools_of_positions,
        )
        self._take_up_money(columns)
        layouts: Mapping[AccountMode, Layout] = columns["layouts"]
        self.measuring = Measuring(core, [layout.margin for layout in layouts.values()])
        self.switching = Switching(self, layouts, columns["split_to"])
        self.watcher = Watcher(core, partition, instruments, assets, self.announce)
        self.snapshots = Snapshots(
            core,
            partition,
            instruments,
            assets,
            lambda: self.measuring.present,
            layouts,
            self.leverage,
            self.loans,
        )
        self.census = Census(core, instruments, assets, self.roster)
        self.modes = self._modes(columns)
        self.requests: list[Request] = []
        self.messages: list[Message] = []
        self._take_up_requests()

    def _take_up_money(self, columns: Mapping[str, Any]) -> None:
        """Margin of isolated positions, debts, and operations on funds."""
        core, partition, assets = self.core, self.partition, self.assets
        self.interest: InterestRules = columns["interest"]
        self.isolated = IsolatedMargin(core, self.upkeep, partition, self.listed, assets)
        self.loans = Loans(
            core,
            self.upkeep,
            partition,
            assets,
            self.interest,
            lender=self.lender,
            leverage=margin_leverage(columns["margin"]),
            holders=self.holders,
        )
        self.funds = Funds(
            core,
            partition,
            self.transfers,
            self.loans,
            assets,
            columns["funds"],
            self.announce,
        )
        self.negative = NegativeBalances(
            core,
            partition,
            assets,
            self.interest,
            columns["margin"],
            lender=self.lender,
            roster=self.roster,
            holders=self.holders,
        )

    def _take_up_requests(self) -> None:
        """Which part carries a request out, and which refuses it while the account is suspended."""
        self._carry_out: dict[type, Callable[[Any], None]] = {
            TransferRequest: self.funds.transfer,
            MarginRequest: self.isolated.execute,
            LeverageRequest: self.leverage.execute,
            BorrowRequest: self.funds.borrow,
            RepayRequest: self.funds.repay,
            FundRequest: self.funds.execute,
            StepRequest: self.modes.execute,
        }
        self._refuse: dict[type, Callable[[Any, RejectReason], None]] = {
            TransferRequest: self.funds.refuse,
            MarginRequest: self.isolated.refuse,
            LeverageRequest: self.leverage.refuse,
            BorrowRequest: self.funds.refuse,
            RepayRequest: self.funds.refuse,
            FundRequest: self.funds.refuse,
        }

    def take_mode(self, layout: Layout) -> None:
        """Go on in another account mode; ``partition``, core and upkeep have it already."""
        self.transfers.take_mode()
        self.loans.take_mode(self.partition, margin_leverage(layout.margin))
        self.negative.take_mode(layout.margin)
        self.leverage.take_mode(layout.margin, self.partition.pools_of_positions)
        self.liquidator.take_mode(targets_of(layout.margin))
        self.measuring.apply(self.core.pools)

    def _modes(self, columns: Mapping[str, Any]) -> Modes:
        facts = Facts(
            self.core,
            self.partition,
            self.listed,
            self.assets,
            columns["modes"],
            columns["profile"],
        )
        return Modes(
            self.core,
            self.upkeep,
            facts,
            self.switching if len(self.switching.layouts) > 1 else None,
            self.announce,
            mode=columns["margin"].mode,
            rules=columns["modes"],
            ratio_needed=columns["ratio_needed"],
            seed=columns["seed"],
            tick_ns=columns["mark_step"],
        )

    # Commands and messages

    def begin(self, time_ns: int) -> None:
        """Before the first row: contracts that have expired, the start of the account's age."""
        self.expiry.before(time_ns)
        self.modes.facts.start_ns = time_ns

    def request(self, asked: Request) -> None:
        """Send a request to the venue with the strategy's entry latency."""
        self.requests.append(asked)
        self.core.send(len(self.requests) - 1)

    def execute(self, number: int) -> None:
        """A request reaches the venue; while the account is suspended most are refused."""
        asked = self.requests[number]
        kind = type(asked)
        if kind in self._refuse and self.core.is_suspended(ACCOUNT) and not _comes_in(asked):
            self._refuse[kind](asked, RejectReason.ACCOUNT_SUSPENDED)
        else:
            self._carry_out[kind](asked)

    def announce(self, message: Message) -> None:
        """Send a message to the strategies with the response latency."""
        self.messages.append(message)
        self.core.announce(len(self.messages) - 1)

    def tell(self, number: int) -> None:
        """A message reaches the strategies."""
        message = self.messages[number]
        if isinstance(message, StrategyAlert):
            at = message.strategy
            self.core.wake()
            self.core.strategies[at].on_alert(self.core.contexts[at], message.alert)
            return
        if isinstance(message, SettlementEvent):
            self.core.adjust_known(ACCOUNT, message.slot, -message.lots)
        if isinstance(message, TakeoverEvent | DeleveragingEvent):
            self.core.adjust_known(ACCOUNT, message.slot, message.lots)
        for strategy, context in zip(self.core.strategies, self.core.contexts, strict=True):
            self.core.wake()
            if isinstance(message, LiquidationEvent):
                strategy.on_liquidation(context, message)
            elif isinstance(message, TakeoverEvent):
                pass  # the pool's LiquidationEvent follows
            elif isinstance(message, DeleveragingEvent):
                strategy.on_deleveraging(context, message)
            elif isinstance(message, SettlementEvent):
                strategy.on_settlement(context, message)
            elif isinstance(message, AccountEvent):
                strategy.on_account(context, message)
            elif isinstance(message, FundEvent):
                strategy.on_funds(context, message)
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
        return min(self.expiry.due(now), self.funding.due(now), self.modes.due(now))

    def close_expired(self, now: int) -> None:
        """Contracts take no orders from their expiry on, also before they are settled."""
        self.expiry.close(now)

    def level_changed(self, pool: int, old: int, new: int) -> None:
        """Record and announce a level."""
        self.liquidator.level_changed(pool, old, new)

    def watch(self, pool: int) -> None:
        """A pool was checked, and somebody asked for alerts."""
        self.watcher.checked(pool)

    def sampled(self) -> None:
        """A sample for the report was taken."""
        self.snapshots.sampled()
        self.census.sampled()

    def liquidate(self, pool: int) -> None:
        """Close positions of a pool at its threshold."""
        self.liquidator.liquidate(pool)

    def fund_step(self) -> bool:
        """A step of the mark for the insurance fund; whether it holds positions."""
        return bool(self.liquidator.step())

    def margin_step(self) -> None:
        """A step of the measured correlation and volatility, where margin follows from them."""
        self.measuring.step()

    def full_hour(self, time_ns: int) -> None:
        """A full hour of venue time: interest may fall due."""
        hour = time_ns // HOUR_NS
        if hour % self.interest.every_hours == 0:
            self.funds.repay_free()
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
        book = self.core.tape_books[instrument]
        if kind == Kind.ORDER_ADD:
            book.add_order(side, price, quantity, number)
        elif kind == Kind.ORDER_CANCEL:
            book.cancel_order(number, quantity)
        else:
            book.fill_order(number, quantity)
        self.core.meet(instrument)

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
        for wallet in set(range(INSURANCE + 1, self.lender)) - set(self.partition.own):
            for asset, name in enumerate(self.assets):
                empty = (self.core.ledger.balance_of(wallet, asset), held[wallet, asset])
                assert not any((*empty, *self.core.ledger.loan_of(wallet, asset))), (
                    f"wallet {self.partition.wallets[wallet]} is not of the {self.partition.mode} "
                    f"mode, and has {name}"
                )


def _comes_in(asked: Request) -> bool:
    """Whether a request only brings money in, which a suspended account may."""
    return isinstance(asked, FundRequest) and asked.operation is FundOperation.DEPOSIT
