"""What strategies and the report ask of an account's desk: balances, prices, figures, samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulator.accounts.wallets import Partition
from simulator.exchange.core import Core
from simulator.exchange.funding import Funding
from simulator.exchange.messages import PoolFigures
from simulator.exchange.roster import TRADER
from simulator.exchange.samples import Samples
from simulator.exchange.transfers import Transfers
from simulator.exchange.upkeep import Upkeep
from simulator.exchange.watching import Watcher
from simulator.risk.alerts import Watch, watch
from simulator.risk.levels import RiskLevel

UNIT = 1e-8


class DeskViews:
    """Answers of `simulator.exchange.account_desk.AccountDesk`; they change nothing but who watches
    margin.
    """

    core: Core
    account: int
    upkeep: Upkeep
    partition: Partition
    assets: list[str]
    funding: Funding
    transfers: Transfers
    watcher: Watcher
    kept: Samples

    # What strategies ask

    def asset(self, name: str) -> int:
        """Number of an asset; ``LookupError`` lists those there are."""
        if name not in self.assets:
            raise LookupError(f"no asset {name}; the run has {', '.join(self.assets)}")
        return self.assets.index(name)

    def _wallets(self, name: str) -> list[int]:
        if not name:
            return self.partition.own
        try:
            return [self.partition.wallet(name)]
        except KeyError:
            known = ", ".join(self.partition.wallet_names)
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
        self.core.note_alert(strategy, dict(condition))

    def watch_for(self, asked: Watch, owner: int) -> None:
        """Watch margin for a strategy, or for the run (-1), from the next check on."""
        self.watcher.add(asked, owner)
        self.upkeep.watched = True

    def pool_figures(self, name: str = "") -> PoolFigures:
        """Fresh figures of a pool by name, the first one without.

        A line that shares the unified pool is found under its own name too, as its wallet is.
        """
        numbers = {known: number for number, known, _, _ in self.partition.live_pools}
        if name not in numbers and name.partition(":")[0] in self.partition.members:
            name = "unified"
        if name and name not in numbers:
            raise LookupError(f"no margin pool {name}; there are {', '.join(numbers)}")
        pool = numbers[name] if name else self.partition.live[0]
        self.core.pools.evaluate(pool)
        equity, initial, maintenance, level = self.core.pools.figures(pool)
        needed = self.core.free_margin_needed(self.account, pool)
        ratio = equity / maintenance if maintenance > 0 else None
        return PoolFigures(
            self.partition.pool(pool)[0],
            equity,
            initial,
            maintenance,
            max(0.0, equity - needed),
            ratio,
            RiskLevel(level),
        )

    def account_equity(self) -> float:
        """Value of all wallets at index prices plus unrealized profit at mark, USDT."""
        if self.account == TRADER:
            return float(self.upkeep.account_value())
        ledger, pools = self.core.ledger, self.core.pools
        total = 0.0
        for wallet in self.partition.own:
            for asset in range(len(self.assets)):
                units = ledger.balance_of(wallet, asset) - ledger.owed(wallet, asset)
                total += units * UNIT * float(pools.index_price(asset))
        for slot in range(len(self.partition.margin)):
            if ledger.position_of(self.account, slot)[0]:
                total += float(pools.position_value(self.account, slot))
        return total

    # What the report asks

    def samples(self) -> dict[str, Any]:
        """Sampled columns: time, pools (equity, initial, maintenance, level each), whether the
        mode was unified, prices, lots.
        """
        kept = self.upkeep
        n = kept.n_samples
        if self.account != TRADER:
            prices = np.asarray(kept.sample_prices)[:n]
            return {
                "time": np.asarray(kept.sample_time)[:n],
                **self.kept.columns(),
                "prices": prices,
            }
        return {
            "time": np.asarray(kept.sample_time)[:n],
            "equity": np.asarray(kept.sample_equity)[:n],
            "pools": np.asarray(kept.sample_pools)[:n],
            "unified": np.asarray(kept.sample_unified)[:n],
            "prices": np.asarray(kept.sample_prices)[:n],
            "lots": np.asarray(kept.sample_lots)[:n],
        }

    def fees_paid(self) -> float:
        """Trading fees of the account, USDT at the prices when they were paid."""
        return float(self.core.fees_of(self.account))

    def has_tape_mark(self, instrument: int) -> bool:
        """Whether the tape brought a mark price for an instrument."""
        return bool(np.asarray(self.upkeep.mark_on_tape)[instrument])

    def start_equity(self) -> float:
        """Value of what the account began with, each asset at its first index price, USDT."""
        return self.transfers.deposited

    def added(self) -> float:
        """Value of deposits less withdrawals since, each at its own moment's index price, USDT."""
        return self.transfers.added
