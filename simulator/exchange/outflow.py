"""What may leave a wallet: of every transfer, withdrawal and collection.

Plain spot gives what no order holds.  A wallet that margins a pool gives as much as leaves ::

    equity >= initial margin, open orders and loans included

of which an isolated position's unrealized profit is no part: it stays until it is realized.  Where
the rulebook says so a kind of pool must keep more.  By ratio (the unified pool, which is all the
account has) ::

    equity >= ratio x maintenance margin
    value of what leaves, at index prices <= equity before - ratio x maintenance before

The second counts an asset in full though equity may count it by its collateral ratio; what adds
nothing to equity and changes no requirement, such as an asset with a ratio of 0, may then always
go.  By level (a wallet with loans) ::

    assets >= level x (loans + interest)

Source: docs/funds.md.
"""

from __future__ import annotations

import math

from simulator.accounts.wallets import OUTSIDE, Partition
from simulator.events.outcomes import RejectReason
from simulator.exchange.core import Core
from simulator.exchange.rules import OutflowRules
from simulator.risk.levels import RiskLevel

UNIT = 1e-8


class Outflow:
    """The rule of what may leave an account's wallets, and its inverse."""

    def __init__(
        self, core: Core, partition: Partition, rules: OutflowRules, account: int = 1
    ) -> None:
        self.core = core
        self.account = account
        self.partition = partition
        self.ratio = {kind: float(ratio) for kind, ratio in rules.ratio.items()}
        self.level = {kind: float(level) for kind, level in rules.level.items()}

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
        """Whether a pool still meets its rules without ``units`` of an asset."""
        core = self.core
        by_ratio = self.partition.kind_of(pool) in self.ratio
        if by_ratio and core.pools.checked_level(pool) >= RiskLevel.LIQUIDATION:
            return False
        price = float(core.pools.index_price(asset))
        before, needed_before = self._figures(pool)
        core.ledger.move(wallet, OUTSIDE, asset, units)
        after, needed = self._figures(pool)
        if self.partition.pool(pool)[2] >= 0:
            after = min(after, core.ledger.balance_of(wallet, asset) * UNIT * price)
        debt_covered = self._debt_covered(pool, wallet)
        core.ledger.move(OUTSIDE, wallet, asset, units)
        if by_ratio:
            core.pools.evaluate(pool)  # leave the figures of what is, not of the trial
            if (after, needed) == (before, needed_before):
                return True
            if units * UNIT * price > before - needed_before[1]:
                return False
        return after >= max(needed) and debt_covered

    def _debt_covered(self, pool: int, wallet: int) -> bool:
        """Whether assets are the level times what is owed, or more; so without debts."""
        core = self.core
        level = self.level.get(self.partition.kind_of(pool), 0.0)
        assets = range(core.ledger.assets)
        owed = [int(core.ledger.owed(wallet, asset)) for asset in assets] if level else []
        if not any(owed):
            return True
        prices = [float(core.pools.index_price(asset)) for asset in assets]
        held = [int(core.ledger.balance_of(wallet, asset)) for asset in assets]
        worth = math.fsum(units * price for units, price in zip(held, prices, strict=True))
        return worth >= level * math.fsum(u * price for u, price in zip(owed, prices, strict=True))

    def _figures(self, pool: int) -> tuple[float, tuple[float, float]]:
        """A pool's equity, and what it must keep: by initial margin, by its ratio."""
        pools = self.core.pools
        initial = float(self.core.free_margin_needed(self.account, pool))
        ratio = self.ratio.get(self.partition.kind_of(pool))
        if ratio is None:
            return float(pools.equity_of(pool)), (initial, 0.0)
        pools.evaluate(pool)
        equity, _, maintenance, _ = pools.figures(pool)
        return equity, (initial, ratio * maintenance)

    def _pool(self, wallet: int) -> int:
        for number in self.partition.pool_numbers:
            if self.partition.pool(number)[1] == wallet:
                return number
        return -1
