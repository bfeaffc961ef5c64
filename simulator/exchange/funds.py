"""Operations on the account's funds: every one is done or refused here, and listed.

Deposits, withdrawals, the switch of automatic repayment, the collection of spare balances and the
transfer of BNB are this module's own; transfers, loans and repayments are those of
`simulator.exchange.transfers` and ``loans``.  Deposits, withdrawals and repayments that an order
brings about as its side effect are not operations; the outcome records have them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

from simulator.accounts.wallets import Partition
from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.core import Core
from simulator.exchange.loans import Loans
from simulator.exchange.messages import (
    BorrowRequest,
    FundEvent,
    FundOperation,
    FundRequest,
    RepayRequest,
    TransferRequest,
)
from simulator.exchange.rules import FundRules
from simulator.exchange.transfers import Transfers
from simulator.risk.levels import RiskLevel

E8 = 10**8
MOST = 10**17
"""Most smallest units of one deposit, and of a wallet after it: int64 holds 92 times that."""

Moves = list[tuple[int, int, int, int]]
"""Source, target, asset and units of what was moved."""


class Funds:
    """Funds of an account that trades.

    ``events`` are all operations in order; ``auto_repay`` says whether what is owed is repaid with
    the free balance of its asset; ``switched`` is called when that is another.
    """

    def __init__(
        self,
        core: Core,
        partition: Partition,
        transfers: Transfers,
        loans: Loans,
        assets: list[str],
        rules: FundRules,
        announce: Callable[[FundEvent], None],
        switched: Callable[[], None],
        account: int = 1,
    ) -> None:
        self.core = core
        self.account = account
        self.partition = partition
        self.transfers = transfers
        self.loans = loans
        self.assets = assets
        self.announce = announce
        self.switched = switched
        self.events: list[FundEvent] = []
        self.auto_repay = False
        self.rules = rules
        self._bnb_times: deque[int] = deque(maxlen=rules.bnb_transfers)

    def begin_with(self, wallet: int, asset: int, units: int) -> None:
        """Book and list a deposit that the account begins with; nobody is told."""
        self.transfers.deposit(wallet, asset, units)
        self.events.append(self._event(-1, FundOperation.DEPOSIT, asset, units, -1, wallet))

    # Requests

    def execute(self, asked: FundRequest) -> None:
        """A request reaches the venue."""
        handlers = {
            FundOperation.DEPOSIT: self._deposit,
            FundOperation.WITHDRAW: self._withdraw,
            FundOperation.AUTO_REPAY: self._switch,
            FundOperation.COLLECT: self._collect,
            FundOperation.TRANSFER_BNB: self._transfer_bnb,
        }
        found = handlers[asked.operation](asked)
        if isinstance(found, RejectReason):
            self.refuse(asked, found)
        else:
            for source, target, asset, units in found:
                self._say(asked.strategy, asked.operation, asset, units, source, target)
            self.repay_free()
        self.transfers.upkeep.check()

    def transfer(self, asked: TransferRequest) -> None:
        """A transfer reaches the venue."""
        reason = self.transfers.execute(asked)
        self._said_transfer(asked, reason)
        if reason is None:
            self.repay_free()

    def borrow(self, asked: BorrowRequest) -> None:
        """A request to borrow reaches the venue."""
        self._said_loan(asked, self.loans.borrow(asked), asked.units)

    def repay(self, asked: RepayRequest) -> None:
        """A request to repay reaches the venue."""
        reason, paid = self.loans.repay(asked)
        self._said_loan(asked, reason, (asked.units or 0) if reason else paid)

    def refuse(
        self,
        asked: FundRequest | TransferRequest | BorrowRequest | RepayRequest,
        reason: RejectReason,
    ) -> None:
        """Count, record and list a request that is refused."""
        if isinstance(asked, TransferRequest):
            self.transfers.refuse(asked, reason)
            self._said_transfer(asked, reason)
        elif isinstance(asked, FundRequest):
            self._refuse(asked, reason)
        else:
            self.loans.refuse(reason, asked.asset, asked.units or 0)
            self._said_loan(asked, reason, asked.units or 0)

    # Operations: each returns what it moved, or why it is refused

    def _deposit(self, asked: FundRequest) -> Moves | RejectReason:
        target, units = self._wallet(asked.target), asked.units or 0
        if target < 0:
            return RejectReason.NO_SUCH_WALLET
        balance = int(self.core.ledger.balance_of(target, asked.asset))
        if not 0 < units <= MOST - max(0, balance):
            return RejectReason.LOT_SIZE
        if not self.transfers.takes(target, asked.asset):
            return RejectReason.WRONG_ASSET
        self.transfers.deposit(target, asked.asset, units, later=True)
        return [(-1, target, asked.asset, units)]

    def _withdraw(self, asked: FundRequest) -> Moves | RejectReason:
        source, asset = self._wallet(asked.source), asked.asset
        if source < 0:
            return RejectReason.NO_SUCH_WALLET
        outflow = self.transfers.outflow
        units = outflow.most(source, asset) if asked.units is None else asked.units
        if asked.units is not None and units <= 0:
            return RejectReason.LOT_SIZE
        # Where all that may leave is nothing, the reason is the one that the least would meet.
        reason = outflow.refusal(source, asset, max(1, units))
        if reason:
            return reason
        self.transfers.withdraw(source, asset, units)
        return [(source, -1, asset, units)]

    def _switch(self, asked: FundRequest) -> Moves | RejectReason:
        if self.loans.wallet < 0:
            return RejectReason.NOT_BORROWABLE
        self.auto_repay = asked.on
        self.switched()
        core = self.core
        core.records.add(
            core.now,
            Outcome.SETTING_CHANGED,
            self.account,
            -1,
            asked.operation,
            0,
            0,
            int(asked.on),
        )
        return [(-1, -1, -1, int(asked.on) * E8)]

    def _collect(self, asked: FundRequest) -> Moves | RejectReason:
        """Bring what every other wallet can spare to spot, of one asset or all.

        By the rulebook BNB stays in the USD-M wallet, where it pays fees.
        """
        if self.partition.members:
            return RejectReason.ONE_WALLET
        target = self.partition.wallet("spot")
        moved: Moves = []
        for _, name, source, isolated in self.partition.live_pools:
            for asset in range(len(self.assets)) if asked.asset < 0 else [asked.asset]:
                fees = self.rules.bnb_stays and (name, self.assets[asset]) == ("um", "BNB")
                if isolated >= 0 or fees:
                    continue
                units = self.transfers.outflow.most(source, asset)
                if units:
                    self.transfers.move(source, target, asset, units)
                    moved.append((source, target, asset, units))
        return moved or RejectReason.NOTHING_TO_COLLECT

    def _transfer_bnb(self, asked: FundRequest) -> Moves | RejectReason:
        now, units = int(self.core.now), asked.units or 0
        if self.partition.members:
            return RejectReason.ONE_WALLET
        full = 0 < self.rules.bnb_transfers == len(self._bnb_times)
        if full and now - self._bnb_times[0] < self.rules.bnb_window_ns:
            return RejectReason.TOO_MANY_REQUESTS
        source, target = self.transfers.here(asked.source), self.transfers.here(asked.target)
        reason = self.transfers.refusal(source, target, asked.asset, units)
        if reason:
            return reason
        self.transfers.move(source, target, asked.asset, units)
        self._bnb_times.append(now)
        return [(source, target, asked.asset, units)]

    # What follows from the switch

    def repay_free(self) -> None:
        """Where the switch is on, repay what is owed with the free balance of its asset.

        After deposits, transfers and fills, and before interest falls due; not in a pool that is
        being liquidated, nor while the account switches its mode.
        """
        core, wallet = self.core, self.loans.wallet
        if not self.auto_repay or wallet < 0 or core.is_suspended(self.account):
            return
        if core.pools.checked_level(self.loans.pool) >= RiskLevel.LIQUIDATION:
            return
        for asset in range(len(self.assets)):
            owed, free = core.ledger.owed(wallet, asset), core.ledger.available(wallet, asset)
            if owed > 0 and free > 0:
                paid = int(core.pay_debt(self.account, wallet, asset, min(owed, free)))
                self._say(-1, FundOperation.REPAY, asset, paid, wallet, -1)

    def most(self, wallet: int, asset: int) -> int:
        """Smallest units that may leave a wallet now, -1: the one that deposits come to."""
        source = self._wallet(wallet)
        if source < 0 or self.core.is_suspended(self.account):
            return 0
        return self.transfers.outflow.most(source, asset)

    # Events

    def _refuse(self, asked: FundRequest, reason: RejectReason) -> None:
        core, units = self.core, asked.units or 0
        core.count_refusal(reason, self.account)
        core.records.add(
            core.now,
            Outcome.FUNDS_REJECTED,
            self.account,
            -1,
            asked.operation,
            asked.asset,
            int(reason),
            units,
        )
        ends = self._ends(asked)
        self._say(asked.strategy, asked.operation, asked.asset, units, *ends, reason)

    def _ends(self, asked: FundRequest) -> tuple[int, int]:
        """Source and target as the event names them."""
        if asked.operation is FundOperation.DEPOSIT:
            return -1, self._wallet(asked.target)
        if asked.operation is FundOperation.WITHDRAW:
            return self._wallet(asked.source), -1
        return asked.source, asked.target

    def _said_transfer(self, asked: TransferRequest, reason: RejectReason | None) -> None:
        """List a transfer: by the wallets it went between, or was asked between if refused."""
        ends = asked.source, asked.target
        if reason is None:
            ends = self.transfers.here(ends[0]), self.transfers.here(ends[1])
        what = FundOperation.TRANSFER
        self._say(asked.strategy, what, asked.asset, asked.units, *ends, reason)

    def _said_loan(
        self, asked: BorrowRequest | RepayRequest, reason: RejectReason | None, units: int
    ) -> None:
        borrowed = isinstance(asked, BorrowRequest)
        what = FundOperation.BORROW if borrowed else FundOperation.REPAY
        ends = (-1, self.loans.wallet) if borrowed else (self.loans.wallet, -1)
        self._say(asked.strategy, what, asked.asset, units, *ends, reason)

    def _say(
        self,
        strategy: int,
        operation: FundOperation,
        asset: int,
        units: int,
        source: int,
        target: int,
        reason: RejectReason | None = None,
    ) -> None:
        """List an operation and tell the strategies."""
        event = self._event(strategy, operation, asset, units, source, target, reason)
        self.events.append(event)
        self.announce(event)

    def _event(
        self,
        strategy: int,
        operation: FundOperation,
        asset: int,
        units: int,
        source: int,
        target: int,
        reason: RejectReason | None = None,
    ) -> FundEvent:
        strategies = self.core.strategies
        return FundEvent(
            time_ns=int(self.core.now),
            account=self.account,
            actor=type(strategies[strategy]).__name__ if strategy >= 0 else "venue",
            operation=operation,
            asset=self.assets[asset] if asset >= 0 else "",
            quantity=Decimal(units) / E8,
            source=self._name(source),
            target=self._name(target),
            refusal=reason.name if reason else "",
        )

    def _name(self, wallet: int) -> str:
        return self.partition.name_of(wallet) if wallet >= 0 else ""

    def _wallet(self, asked: int) -> int:
        """Wallet of a request in the mode that the account is in now."""
        return self.partition.deposits_to if asked == -1 else self.transfers.here(asked)
