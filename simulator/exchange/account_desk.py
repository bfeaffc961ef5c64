"""The desk of one account that trades: what is rare about it, one part for each kind of it.

The venue has one of them for every account that trades; the first account's is the venue's own desk
as well (`simulator.exchange.desk`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.accounts.rules import AccountProfile
from simulator.accounts.states import AccountMode
from simulator.accounts.wallets import Partition
from simulator.events.outcomes import RejectReason
from simulator.exchange.core import Core
from simulator.exchange.desk_views import DeskViews
from simulator.exchange.facts import Facts
from simulator.exchange.funds import Funds
from simulator.exchange.isolated import IsolatedMargin
from simulator.exchange.layout import Layout, margin_leverage
from simulator.exchange.leverage import Leverage
from simulator.exchange.loans import Loans
from simulator.exchange.messages import (
    BorrowRequest,
    FundOperation,
    FundRequest,
    LeverageRequest,
    MarginRequest,
    Message,
    RepayRequest,
    Request,
    StepRequest,
    TransferRequest,
)
from simulator.exchange.modes import Modes
from simulator.exchange.outflow import Outflow
from simulator.exchange.samples import Samples
from simulator.exchange.snapshots import Snapshots
from simulator.exchange.switching import Switching
from simulator.exchange.transfers import Transfers
from simulator.exchange.watching import Watcher
from simulator.instruments.instrument import Instrument
from simulator.risk.rules import MarginRules

if TYPE_CHECKING:
    from simulator.exchange.desk import Desk


@dataclass(frozen=True, slots=True)
class Belongings:
    """What an account begins with: its partition, the layouts of its modes, its margin rules and
    its leverage by instrument.
    """

    partition: Partition
    layouts: Mapping[AccountMode, Layout]
    margin: MarginRules
    leverage: list[Fraction]
    profile: AccountProfile


class AccountDesk(DeskViews):
    """The rare side of one account that trades, number ``account``.

    ``transfers``, ``isolated`` (margin), ``loans``, ``funds``, ``leverage``, ``watcher``, ``modes``
    and ``snapshots`` do what their names say; ``venue`` is the desk that the account is at.
    """

    venue: Desk
    listed: list[Instrument]

    def _begin(
        self, venue: Desk, columns: Mapping[str, Any], account: int, own: Belongings
    ) -> None:
        """Take the account's parts up; those of the venue are there."""
        self.venue = venue
        self.account = account
        self.core: Core = venue.core
        self.upkeep = venue.upkeep
        self.partition = own.partition
        self.assets, self.listed = venue.assets, venue.listed
        self.funding = venue.funding
        core, partition = self.core, own.partition
        outflow = Outflow(core, partition, columns["outflow"], account)
        self.transfers = Transfers(core, self.upkeep, partition, self.listed, self.assets, outflow)
        self.leverage = Leverage(
            core, self.listed, own.margin, own.leverage, partition.pools_of_positions, account
        )
        self.isolated = IsolatedMargin(
            core, self.upkeep, partition, self.listed, self.assets, account
        )
        self.loans = Loans(
            core,
            self.upkeep,
            partition,
            self.assets,
            venue.interest,
            lender=venue.lender,
            leverage=margin_leverage(columns["margin"]),
            holders=venue.holders,
            account=account,
        )
        self.funds = Funds(
            core,
            partition,
            self.transfers,
            self.loans,
            self.assets,
            columns["funds"],
            self.say,
            venue.count_repaying,
            account,
        )
        self.switching = Switching(self, own.layouts, columns["split_to"])
        self.watcher = Watcher(core, partition, self.listed, self.assets, self.say)
        self.modes = self._modes(columns, own)
        self.kept = Samples()
        self.snapshots = Snapshots(
            core,
            partition,
            self.listed,
            self.assets,
            venue.measuring,
            own.layouts,
            self.leverage,
            self.loans,
            account,
        )
        self._take_up_requests()

    def _modes(self, columns: Mapping[str, Any], own: Belongings) -> Modes:
        facts = Facts(
            self.core,
            self.partition,
            self.listed,
            self.assets,
            columns["modes"],
            own.profile,
            self.account,
        )
        return Modes(
            self.core,
            self.upkeep,
            facts,
            self.switching if len(own.layouts) > 1 else None,
            self.say,
            mode=own.partition.mode,
            rules=columns["modes"],
            ratio_needed=columns["ratio_needed"],
            seed=columns["seed"],
            tick_ns=columns["mark_step"],
            account=self.account,
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
        self.leverage.take_mode(layout.margin, self.partition.pools_of_positions)
        self.venue.took_mode(self.partition, layout)

    # Commands and messages

    def begin_with(self, asset: str, units: int) -> None:
        """Book what the account begins with of an asset, where deposits of its mode arrive."""
        self.funds.begin_with(self.partition.deposits_to, self.asset(asset), units)

    def request(self, asked: Request) -> None:
        """Send a request to the venue with the strategy's entry latency."""
        self.venue.send(asked)

    def carry_out(self, asked: Request) -> None:
        """A request has reached the venue; while the account is suspended most are refused."""
        kind = type(asked)
        if kind in self._refuse and self.core.is_suspended(self.account) and not _comes_in(asked):
            self._refuse[kind](asked, RejectReason.ACCOUNT_SUSPENDED)
        else:
            self._carry_out[kind](asked)

    def say(self, message: Message) -> None:
        """Send a message to the account's strategies with the response latency."""
        self.venue.announce(message, self.account)

    def keep_sample(self) -> None:
        """A sample for the report is due."""
        if self is not self.venue:  # the first account's is the upkeep's
            self.kept.take(self)
        self.snapshots.sampled()

    # Checks

    def verify_wallets(self) -> None:
        """Assert that wallets of the mode that the account is not in are empty."""
        ledger, partition = self.core.ledger, self.partition
        held = np.asarray(ledger.held)
        for wallet in sorted(set(partition.numbers) - set(partition.own)):
            for asset, name in enumerate(self.assets):
                empty = (ledger.balance_of(wallet, asset), held[wallet, asset])
                assert not any((*empty, *ledger.loan_of(wallet, asset))), (
                    f"wallet {partition.name_of(wallet)} is not of the {partition.mode} mode, "
                    f"and has {name}"
                )


def _comes_in(asked: Request) -> bool:
    """Whether a request only brings money in, which a suspended account may."""
    return isinstance(asked, FundRequest) and asked.operation is FundOperation.DEPOSIT


def further(venue: Desk, columns: Mapping[str, Any]) -> Sequence[AccountDesk]:
    """Return the desks of the accounts that trade beside the first one."""
    found = []
    partitions = columns["roster"].traders
    rows = zip(columns["seats"], partitions, columns["seat_leverage"], strict=True)
    for account, (seat, partition, leverage) in enumerate(rows, venue.account + 1):
        margin = seat.layouts[seat.mode].margin
        desk = AccountDesk()
        desk._begin(
            venue,
            columns,
            account,
            Belongings(partition, seat.layouts, margin, leverage, seat.profile),
        )
        found.append(desk)
    return found
