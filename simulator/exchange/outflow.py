"""What may leave a wallet: of every transfer, withdrawal and collection.

Plain spot gives what no order holds.  A wallet that margins a pool gives as much as leaves ::

    equity >= initial margin, open orders and loans included

of which an isolated position's unrealized profit is no part: it stays until it is realized.  A
unified pool, which is all the account has, must keep beside that ::

    equity >= withdrawal_ratio x maintenance margin
    value of what leaves, at index prices <= equity before - withdrawal_ratio x maintenance before

The second counts an asset in full though equity may count it by its collateral ratio.  What adds
nothing to equity and changes no requirement, such as an asset with a ratio of 0, may always go.
Source: docs/funds.md.
"""

from __future__ import annotations

from decimal import Decimal

from simulator.accounts.wallets import OUTSIDE, Partition
from simulator.events.outcomes import RejectReason
from simulator.exchange.core import Core
from simulator.risk.levels import RiskLevel

ACCOUNT = 1
UNIT = 1e-8


class Outflow:
    """The rule of what may leave the trading account's wallets, and its inverse."""

    def __init__(self, core: Core, partition: Partition, withdrawal_ratio: Decimal) -> None:
        self.core = core
        self.partition = partition
        self.withdrawal_ratio = float(withdrawal_ratio)

    def refusal(self, wallet: int, asset: int, units: int) -> RejectReason | None:
        """Return why ``units`` may not leave a wallet, None where they may."""
        if units <= 0 or self.core.ledger.available(wallet, asset) < units:
            return RejectReason.INSUFFICIENT_BALANCE
        pool = self._pool(wallet)
        if pool < 0 or self._covered(pool, wallet, asset, units):
            return None
        return RejectReason.INSUFFICIENT_MARGIN

    def most(self, wallet: int, asset: int) -> int:
        """Return the most that ``refusal`` lets go: so many smallest units, and not one more."""
        available = max(0, int(self.core.ledger.available(wallet, asset)))
        pool = self._pool(wallet)
        if pool < 0 or available == 0 or self._covered(pool, wallet, asset, available):
            return available
        # ``least`` may leave and ``most`` may not: the rule falls with what leaves.
        least, most = 0, available
        guess = self._guess(pool, asset)
        for trial in (guess, guess + 1):
            if least < trial < most:
                if self._covered(pool, wallet, asset, trial):
                    least = trial
                else:
                    most = trial
        while most - least > 1:
            middle = (least + most) // 2
            if self._covered(pool, wallet, asset, middle):
                least = middle
            else:
                most = middle
        return least

    def _guess(self, pool: int, asset: int) -> int:
        """What would leave where the requirement stays and the asset counts in full."""
        equity, needed = self._figures(pool)
        price = float(self.core.pools.index_price(asset))
        room = equity - max(needed)
        return int(room / price / UNIT) if price > 0 and room > 0 else 0

    def _covered(self, pool: int, wallet: int, asset: int, units: int) -> bool:
        """Whether a pool still meets its rule without ``units`` of an asset."""
        core = self.core
        if self._unified(pool):
            return self._covered_unified(pool, wallet, asset, units)
        core.ledger.move(wallet, OUTSIDE, asset, units)
        equity = float(core.pools.equity_of(pool))
        if self.partition.pools[pool][2] >= 0:
            price = float(core.pools.index_price(asset))
            equity = min(equity, core.ledger.balance_of(wallet, asset) * UNIT * price)
        covered = equity >= core.free_margin_needed(ACCOUNT, pool)
        core.ledger.move(OUTSIDE, wallet, asset, units)
        return bool(covered)

    def _covered_unified(self, pool: int, wallet: int, asset: int, units: int) -> bool:
        core = self.core
        if core.pools.checked_level(pool) >= RiskLevel.LIQUIDATION:
            return False
        before, needed_before = self._figures(pool)
        core.ledger.move(wallet, OUTSIDE, asset, units)
        after, needed = self._figures(pool)
        core.ledger.move(OUTSIDE, wallet, asset, units)
        core.pools.evaluate(pool)  # leave the figures of what is, not of the trial
        if (after, needed) == (before, needed_before):
            return True
        value = units * UNIT * float(core.pools.index_price(asset))
        return after >= max(needed) and value <= before - needed_before[1]

    def _figures(self, pool: int) -> tuple[float, tuple[float, float]]:
        """A pool's equity, and what it must keep: by initial margin, by the withdrawal ratio."""
        pools = self.core.pools
        initial = float(self.core.free_margin_needed(ACCOUNT, pool))
        pools.evaluate(pool)
        equity, _, maintenance, _ = pools.figures(pool)
        ratio = self.withdrawal_ratio if self._unified(pool) else 0.0
        return equity, (initial, ratio * maintenance)

    def _unified(self, pool: int) -> bool:
        return self.partition.kind_of(pool) == "unified"

    def _pool(self, wallet: int) -> int:
        for number, (_, own, _) in enumerate(self.partition.pools):
            if own == wallet:
                return number
        return -1
