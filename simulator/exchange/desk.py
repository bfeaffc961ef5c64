"""The venue's desk: everything that is rare, composed of one part for each kind of it.

Plain Python beside the compiled loop; none of it runs on an ordinary tick.  ``Upkeep`` calls the
methods under *Hooks* here, the loop those under *Commands and messages*.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from simulator.accounts.wallets import CLEARING, Partition
from simulator.errors import InputError
from simulator.exchange.account_desk import AccountDesk, Belongings, further
from simulator.exchange.census import Census
from simulator.exchange.core import Core
from simulator.exchange.expiry import Expiry
from simulator.exchange.funding import Funding
from simulator.exchange.hedges import Hedges
from simulator.exchange.holders import Holders
from simulator.exchange.layout import Layout, margins_of, mode_columns, targets_of, with_leverage
from simulator.exchange.liquidator import Liquidator
from simulator.exchange.measuring import Measuring
from simulator.exchange.messages import (
    AccountEvent,
    DeleveragingEvent,
    FundEvent,
    LiquidationEvent,
    Message,
    Request,
    SettlementEvent,
    StrategyAlert,
    TakeoverEvent,
)
from simulator.exchange.negative import NegativeBalances
from simulator.exchange.roster import TRADER, Roster
from simulator.exchange.upkeep import Upkeep
from simulator.instruments.instrument import Instrument
from simulator.market.tape import Kind
from simulator.risk.columns import MarginColumns
from simulator.risk.interest import InterestRules
from simulator.risk.levels import RiskLevel

HOUR_NS = 3_600_000_000_000
HOURS = 24


class Desk(AccountDesk):
    """The rare side of a venue, and of the first account that trades on it.

    ``upkeep`` keeps prices and checks margin; ``funding``, ``expiry``, ``liquidator`` and
    ``negative`` (balances) do what their names say for all accounts; the parts of `AccountDesk` are
    the first account's.  ``accounts`` are the desks of all that trade, by number,
    this one included.  Of a crowd, ``roster`` says who is who, ``holders`` does what happens to all
    at once, ``census`` and ``hedges`` look at how they stand.
    """

    holders: Holders

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
        self.interest: InterestRules = columns["interest"]
        self.upkeep = Upkeep(core, columns, self)
        self.holders = Holders(core, self.roster.first_wallet, self.roster.wallet_account)
        self.requests: list[Request] = []
        self.messages: list[Message] = []
        self.addressed: list[int] = []
        self._account_of: list[int] = list(columns["account_of"])
        self._take_up_dates(columns)
        self.liquidator = Liquidator(core, columns, partition, instruments, assets, self.announce)
        self.upkeep.attach(self.liquidator.engine)
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
        layouts = columns["layouts"]
        self.measuring = Measuring(core, [layout.margin for layout in layouts.values()])
        self.upkeep.measured = self.measuring.ewma  # type: ignore[assignment]
        own = Belongings(
            partition, layouts, columns["margin"], columns["start_leverage"], columns["profile"]
        )
        self._begin(self, columns, TRADER, own)
        self.census = Census(core, instruments, assets, self.roster)
        self.hedges = Hedges(core, instruments, assets, self.roster, self.measuring)
        self.shared = Layout(partition, columns["margin"])
        self.accounts: dict[int, AccountDesk] = {TRADER: self}
        self.accounts |= {desk.account: desk for desk in further(self, columns)}
        self._lending: AccountDesk = self

    def _take_up_dates(self, columns: Mapping[str, Any]) -> None:
        """What happens at instants of its own: funding and expiry."""
        self.funding = Funding(
            self.core,
            self.upkeep,
            self.partition,
            self.listed,
            self.assets,
            columns["funding"],
            columns["funding_from_books"],
            self.holders,
            self.roster.trading,
        )
        self.expiry = Expiry(
            self.core,
            self.partition,
            self.listed,
            self.assets,
            columns["delivery"],
            self.announce,
            self.holders,
            self.roster.trading,
        )

    # Account modes

    def columns_in(
        self, account: int, layout: Layout, leverage: list[Fraction], roster: Roster
    ) -> tuple[MarginColumns, Mapping[str, Any]]:
        """Return the columns that pools, core and upkeep run by with an account in a layout and
        with a leverage by instrument; ``roster`` has the partitions of further accounts then.
        """
        if len(self.accounts) == 1:
            margins = margins_of(layout, self.listed, self.assets, leverage)
            return margins, mode_columns(
                layout, self.listed, self.assets, leverage, self.interest, roster
            )
        # The rules are of both modes already: no account's mode changes another's margin.
        choices = [(one.leverage.margin, one.leverage.present()) for one in self.accounts.values()]
        choices[account - TRADER] = layout.margin, leverage
        first = layout.partition if account == TRADER else self.partition
        margins = with_leverage(self.core.pools.columns, [chosen for _, chosen in choices])
        return margins, mode_columns(
            Layout(first, self.shared.margin),
            self.listed,
            self.assets,
            leverage if account == TRADER else self.leverage.present(),
            self.interest,
            roster,
            choices[1:],
        )

    def took_mode(self, partition: Partition, layout: Layout) -> None:
        """An account, whose partition it is, goes on in another mode."""
        rules = layout.margin if len(self.accounts) == 1 else self.shared.margin
        self.negative.take_mode(rules)
        self.liquidator.take_mode(targets_of(rules), partition.pool_numbers)
        self.measuring.apply(self.core.pools)

    def steps(self) -> list[AccountEvent]:
        """Return the steps of all accounts between their modes so far, in order."""
        if len(self.accounts) == 1:
            return self.modes.events
        return [one for one in self.messages if isinstance(one, AccountEvent)]

    # Commands and messages

    def of_strategy(self, strategy: int) -> AccountDesk:
        """Return the desk of the account that a strategy trades for."""
        return self.accounts[self._account_of[strategy]]

    def begin(self, time_ns: int) -> None:
        """Before the first row: contracts that have expired, the start of the accounts' age."""
        self.expiry.before(time_ns)
        for desk in self.accounts.values():
            desk.modes.facts.start_ns = time_ns

    def send(self, asked: Request) -> None:
        """Send a request to the venue with the strategy's entry latency."""
        self.requests.append(asked)
        self.core.send(len(self.requests) - 1)

    def execute(self, number: int) -> None:
        """A request reaches the venue."""
        asked = self.requests[number]
        self.of_strategy(asked.strategy).carry_out(asked)

    def announce(self, message: Message, account: int) -> None:
        """Send a message to an account's strategies with the response latency."""
        self.messages.append(message)
        self.addressed.append(account)
        self.core.announce(len(self.messages) - 1)

    def tell(self, number: int) -> None:
        """A message reaches the strategies of the account that it is for."""
        message, account = self.messages[number], self.addressed[number]
        if isinstance(message, StrategyAlert):
            at = message.strategy
            self.core.wake()
            self.core.strategies[at].on_alert(self.core.contexts[at], message.alert)
            return
        if isinstance(message, SettlementEvent):
            self.core.adjust_known(account, message.slot, -message.lots)
        if isinstance(message, TakeoverEvent | DeleveragingEvent):
            self.core.adjust_known(account, message.slot, message.lots)
        for at, context in enumerate(self.core.contexts):
            if self._account_of[at] == account:
                self.core.wake()
                _tell(self.core.strategies[at], context, message)

    def endless(self) -> None:
        """Refuse to go on: strategies keep one instant from ending."""
        raise InputError(
            f"a strategy answers messages with orders without end at {self.core.local_now} ns; "
            "give the run a latency, or let the strategy stop after a refusal"
        )

    # Hooks of the upkeep

    def price_deposits(self) -> None:
        """Value deposits whose assets have their first price."""
        for desk in self.accounts.values():
            desk.transfers.price_deposits()
        self.upkeep.unpriced = any(one.transfers.waiting for one in self.accounts.values())

    def settle_funding(self, instrument: int, rate_e8: int) -> None:
        """Pay funding at an instant that the tape tells."""
        self.funding.row(instrument, rate_e8)

    def settlement_price(self, instrument: int, price_e8: int) -> None:
        """The tape tells an expiring contract's settlement price."""
        self.expiry.given(instrument, price_e8)

    def duty(self, now: int) -> int:
        """Do what has an instant of its own and is due; return the next such instant."""
        dates = min(self.expiry.due(now), self.funding.due(now))
        return min(dates, *(desk.modes.due(now) for desk in self.accounts.values()))

    def close_expired(self, now: int) -> None:
        """Contracts take no orders from their expiry on, also before they are settled."""
        self.expiry.close(now)

    def level_changed(self, pool: int, old: int, new: int) -> None:
        """Record and announce a level."""
        self.liquidator.level_changed(pool, old, new)

    def watch(self, pool: int) -> None:
        """A pool was checked, and somebody asked for alerts."""
        self.accounts[self.core.pools.account_of(pool)].watcher.checked(pool)

    def sampled(self) -> None:
        """A sample for the report was taken."""
        for desk in self.accounts.values():
            desk.keep_sample()
        self.census.sampled()
        self.hedges.sampled()

    def aim_measuring(self) -> None:
        """The pools have other rules than those that what is measured is given by."""
        self.measuring.aim()

    def full_hour(self, time_ns: int) -> None:
        """A full hour of venue time: interest may fall due."""
        hour = time_ns // HOUR_NS
        if hour % self.interest.every_hours == 0:
            self.repay_free()
            for desk in list(self.accounts.values())[1:]:
                desk.loans.count_period()
            self.loans.accrue_period()
        if hour % HOURS == self.interest.negative_hour:
            self.negative.accrue_day()

    def repay_free(self) -> None:
        """Accounts that repay by themselves do."""
        for desk in self.accounts.values():
            desk.funds.repay_free()

    def repay_after_fill(self, account: int) -> None:
        """An account's order was filled: it does, if it repays by itself; nobody else's turn."""
        if account in self.accounts:
            self.accounts[account].funds.repay_free()

    def count_repaying(self) -> None:
        """An account begins or stops to repay by itself."""
        self.core.auto_repay = any(desk.funds.auto_repay for desk in self.accounts.values())

    def lend_for_order(self, wallet: int, asset: int, units: int) -> int:
        """Lend what an order that pays from a wallet lacks; return 0 or a ``RejectReason``."""
        self._lending = self.accounts[self.roster.owner_of(wallet)]
        return self._lending.loans.for_order(wallet, asset, units)

    def confirm_loan(self, asset: int, units: int, admitted: bool) -> None:
        """End what ``lend_for_order`` began: the order was admitted, or not."""
        self._lending.loans.confirm(asset, units, admitted)

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
        for desk in self.accounts.values():
            desk.verify_wallets()


def _tell(strategy: Any, context: Any, message: Message) -> None:
    """A message of the cold side reaches a strategy."""
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
    elif message.level >= RiskLevel.MARGIN_CALL:  # type: ignore[union-attr]
        strategy.on_margin_call(context, message)
