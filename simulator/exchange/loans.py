"""Spot margin: borrowing, repaying, and the interest on what is owed.

A loan is made in the account's cross-margin wallet, or in the unified one where that is a member.
It is granted while the pool's equity covers its initial margin, and ::

    loans + interest <= (leverage - 1) x equity

both with the new loan and its first interest.  Interest is simple
interest on the principal: an hour's (or whatever the rulebook's period is) when the loan is made,
then as much at every full hour, UTC, rounded up to whole units.  A repayment pays interest first.
Source: docs/funds.md.
"""

from __future__ import annotations

from simulator.accounts.wallets import Partition
from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.core import Core
from simulator.exchange.holders import Holders
from simulator.exchange.messages import BorrowRequest, RepayRequest
from simulator.exchange.upkeep import Upkeep
from simulator.risk.interest import InterestRules, rounded_up
from simulator.risk.levels import RiskLevel

UNIT = 1e-8


class Loans:
    """Loans of an account that trades.

    ``leverage`` is that of cross margin (3, 5 or 10 at Binance).  ``charged`` is the interest so
    far, each charge at the index price of its asset, USDT.
    """

    def __init__(
        self,
        core: Core,
        upkeep: Upkeep,
        partition: Partition,
        assets: list[str],
        rules: InterestRules,
        *,
        lender: int,
        leverage: int,
        holders: Holders,
        account: int = 1,
    ) -> None:
        self.core = core
        self.account = account
        self.upkeep = upkeep
        self.assets = assets
        self.rules = rules
        self.lender = lender
        self.holders = holders
        self.charged = 0.0
        self.take_mode(partition, leverage)
        self._periodic = [rules.periodic(asset) for asset in assets]

    def take_mode(self, partition: Partition, leverage: int) -> None:
        """Find the pool and the wallet that borrow in the account's mode, -1 for none."""
        self.leverage = leverage
        self.pool = self.wallet = -1
        for number, name, wallet, _ in partition.live_pools:
            if name in ("margin", "unified"):
                self.pool, self.wallet = number, wallet

    # Requests

    def borrow(self, asked: BorrowRequest) -> RejectReason | None:
        """A request to borrow reaches the venue; return why it was refused, None if granted."""
        reason = self._refusal(asked.asset, asked.units)
        if reason is None:
            self.core.ledger.lend(self.lender, self.wallet, asked.asset, asked.units)
            self._made(asked.asset, asked.units)
        else:
            self.refuse(reason, asked.asset, asked.units)
        self.upkeep.check()
        return reason

    def repay(self, asked: RepayRequest) -> tuple[RejectReason | None, int]:
        """A request to repay reaches the venue; more than is owed pays all that is owed.

        Return why it was refused, None if it was not, and what was paid.
        """
        core, asset = self.core, asked.asset
        reason = None
        units = 0
        if self.wallet < 0 or core.ledger.owed(self.wallet, asset) == 0:
            reason = RejectReason.NOTHING_OWED
        elif core.pools.checked_level(self.pool) >= RiskLevel.LIQUIDATION:
            reason = RejectReason.ACCOUNT_IN_LIQUIDATION
        else:
            available = int(core.ledger.available(self.wallet, asset))
            owed = int(core.ledger.owed(self.wallet, asset))
            units = min(owed, available if asked.units is None else asked.units)
            if units <= 0 or units > available:
                reason = RejectReason.INSUFFICIENT_BALANCE
        if reason is None:
            core.pay_debt(self.account, self.wallet, asset, units)
        else:
            self.refuse(reason, asset, asked.units or 0)
        self.upkeep.check()
        return reason, 0 if reason else units

    def for_order(self, wallet: int, asset: int, units: int) -> int:
        """Lend what an order lacks; return 0 or a ``RejectReason``.

        The caller admits the order then and either confirms the loan or takes it back.
        """
        if wallet != self.wallet:
            return int(RejectReason.NOT_BORROWABLE)
        reason = self._refusal(asset, units)
        if reason is None:
            self.core.ledger.lend(self.lender, wallet, asset, units)
        return int(reason or 0)

    def confirm(self, asset: int, units: int, admitted: bool) -> None:
        """End what ``for_order`` began: the order was admitted, or not."""
        if admitted:
            self._made(asset, units)
        else:
            self.core.ledger.lend(self.lender, self.wallet, asset, -units)

    def _made(self, asset: int, units: int) -> None:
        core = self.core
        core.records.add(core.now, Outcome.BORROWED, self.account, -1, self.wallet, 0, asset, units)
        if self.rules.on_borrow:
            self._charge(self.wallet, asset, units)

    def refuse(self, reason: RejectReason, asset: int, units: int) -> None:
        """Count and record what was refused, to borrow or to repay."""
        core = self.core
        core.count_refusal(reason, self.account)
        core.records.add(
            core.now,
            Outcome.LOAN_REJECTED,
            self.account,
            -1,
            self.wallet,
            asset,
            int(reason),
            units,
        )

    def _refusal(self, asset: int, units: int) -> RejectReason | None:
        core = self.core
        if self.wallet < 0:
            return RejectReason.NOT_BORROWABLE
        level = core.pools.checked_level(self.pool)
        if level >= RiskLevel.LIQUIDATION:
            return RejectReason.ACCOUNT_IN_LIQUIDATION
        if level >= RiskLevel.REDUCE_ONLY:
            return RejectReason.REDUCE_ONLY_LEVEL
        if not 0 < units < 1 << 60:
            return RejectReason.LOT_SIZE
        if core.pools.index_price(asset) <= 0:
            return RejectReason.NO_PRICE
        return None if self._covered(asset, units) else RejectReason.BORROW_LIMIT

    def _covered(self, asset: int, units: int) -> bool:
        """Whether the pool's equity would cover its requirements with a new loan."""
        core = self.core
        interest = rounded_up(units, self._periodic[asset]) if self.rules.on_borrow else 0
        core.ledger.lend(self.lender, self.wallet, asset, units)
        core.ledger.accrue(self.lender, self.wallet, asset, interest)
        equity = float(core.pools.equity_of(self.pool))
        needed = float(core.free_margin_needed(self.account, self.pool))
        core.ledger.accrue(self.lender, self.wallet, asset, -interest)
        core.ledger.lend(self.lender, self.wallet, asset, -units)
        return equity >= needed

    # Figures

    def most(self, asset: int) -> float:
        """Amount of an asset that could be borrowed now."""
        price = float(self.core.pools.index_price(asset))
        if self.wallet < 0 or price <= 0 or self.core.is_suspended(self.account):
            return 0.0
        if self.core.pools.checked_level(self.pool) >= RiskLevel.REDUCE_ONLY:
            return 0.0
        equity = float(self.core.pools.equity_of(self.pool))
        least, most = 0, int(max(0.0, equity) * (self.leverage - 1) / price / UNIT)
        while least < most:
            middle = (least + most + 1) // 2
            if self._covered(asset, middle):
                least = middle
            else:
                most = middle - 1
        return least * UNIT

    def of(self, asset: int) -> tuple[float, float]:
        """Principal and interest that the account owes of an asset."""
        if self.wallet < 0:
            return 0.0, 0.0
        loan, interest = self.core.ledger.loan_of(self.wallet, asset)
        return loan * UNIT, interest * UNIT

    # Interest

    def accrue_period(self) -> None:
        """Charge a period's interest on every loan."""
        for wallet, asset in self.holders.borrowers(self.lender):
            self._charge(wallet, asset, self.core.ledger.loan_of(wallet, asset)[0])
        self.holders.accrue(
            self.lender, lambda asset, principal: rounded_up(principal, self._periodic[asset])
        )

    def count_period(self) -> None:
        """Count what a further account is about to be charged; `accrue_period` of the first one
        charges all.
        """
        for asset in range(len(self.assets)) if self.wallet >= 0 else ():
            principal = int(self.core.ledger.loan_of(self.wallet, asset)[0])
            units = rounded_up(principal, self._periodic[asset]) if principal > 0 else 0
            self.charged += units * UNIT * float(self.core.pools.index_price(asset))

    def _charge(self, wallet: int, asset: int, principal: int) -> None:
        core = self.core
        units = rounded_up(principal, self._periodic[asset])
        if units:
            core.ledger.accrue(self.lender, wallet, asset, units)
            core.records.add(core.now, Outcome.INTEREST, self.account, -1, wallet, 0, asset, units)
            self.charged += units * UNIT * float(core.pools.index_price(asset))
