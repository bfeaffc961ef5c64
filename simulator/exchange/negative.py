"""Negative balances that no loan made: their interest, and the sale of other assets for them.

Losses, funding and fees may take an asset of a futures wallet or of the unified pool below zero;
the pool's margin bounds that.  Once a day, at Binance at 00:00 UTC, what is beyond the free
threshold costs ::

    |min(balance + free, 0)| x daily rate

taken from the balance.  A balance beyond the conversion threshold is brought back to zero at once:
the venue takes other assets of the same wallet at ``index price x collateral ratio``, those with
the highest ratio first, then the most valuable; of a deficit of 20,000 at a ratio of 0.975 that is
20,513 worth.  Source: docs/funds.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil

from simulator.accounts.wallets import Partition
from simulator.events.outcomes import Outcome
from simulator.exchange.core import Core
from simulator.exchange.holders import Holders
from simulator.exchange.roster import TRADER, Roster
from simulator.risk.columns import KINDS
from simulator.risk.interest import InterestRules, rounded_up
from simulator.risk.rules import MarginRules

UNIT = 1e-8
E8 = 10**8


class NegativeBalances:
    """What the venue does about negative balances of the account's pools.

    ``charged_to`` is the interest so far and ``given_up_by`` what conversions took more than they
    gave at index prices; both in USDT, by number of the account that trades.  Wallets of a crowd
    are treated by the same rules.
    """

    def __init__(
        self,
        core: Core,
        partition: Partition,
        assets: list[str],
        rules: InterestRules,
        margin: MarginRules,
        *,
        lender: int,
        roster: Roster,
        holders: Holders,
    ) -> None:
        self.core = core
        self.partition = partition
        self.assets = assets
        self.lender = lender
        self.roster = roster
        self.holders = holders
        self.charged_to = dict.fromkeys(range(TRADER, TRADER + roster.trading), 0.0)
        self.given_up_by = dict(self.charged_to)
        self.rules = rules
        self._daily = [Fraction(rules.negative_daily_of(asset)) for asset in assets]
        self._free = [int(rules.free.get(asset, Decimal(0)) * E8) for asset in assets]
        self.take_mode(margin)

    def take_mode(self, margin: MarginRules) -> None:
        """Find the wallets that the account's mode charges, and what an asset counts there."""
        shared = [
            (name.partition(":")[0], wallet)
            for _, name, wallet, isolated in self.partition.live_pools
            if isolated < 0
        ]
        self._charged_wallets = [
            wallet for kind, wallet in shared if kind in self.rules.negative_pools
        ]
        self._ratio = {
            wallet: [margin.collateral_of(kind).ratio_of(asset) for asset in self.assets]
            for kind, wallet in shared
        }
        self._ratio_of_kind = {
            kind: [margin.collateral_of(kind).ratio_of(asset) for asset in self.assets]
            for kind in KINDS
        }

    @property
    def charged(self) -> float:
        """Interest of the first account that trades, USDT."""
        return self.charged_to[TRADER]

    @property
    def given_up(self) -> float:
        """What the first account that trades lost by conversions, USDT."""
        return self.given_up_by[TRADER]

    def accrue_day(self) -> None:
        """Charge a day's interest on what is below zero beyond the free threshold."""
        core = self.core
        for wallet in self._charged_wallets:
            for asset in range(len(self.assets)):
                beyond = -core.ledger.balance_of(wallet, asset) - self._free[asset]
                units = rounded_up(beyond, self._daily[asset]) if beyond > 0 else 0
                if units:
                    core.ledger.move(wallet, self.lender, asset, units)
                    core.records.add(
                        core.now, Outcome.NEGATIVE_INTEREST, TRADER, -1, wallet, 0, asset, units
                    )
                    self._count(self.charged_to, TRADER, units, asset)
        self._accrue_crowd()

    def _accrue_crowd(self) -> None:
        """The same for a crowd's wallets."""
        core = self.core
        charged = [KINDS.index(kind) for kind in self.rules.negative_pools]
        if not charged or not len(self.roster.wallet_kind):
            return
        for wallet, asset in self.holders.below([-free for free in self._free]):
            if self.roster.kind_of_wallet(wallet) not in charged:
                continue
            beyond = -core.ledger.balance_of(wallet, asset) - self._free[asset]
            units = rounded_up(beyond, self._daily[asset])
            if units:
                core.ledger.move(wallet, self.lender, asset, units)
                owner = self.roster.owner_of(wallet)
                core.records.add(
                    core.now, Outcome.NEGATIVE_INTEREST, owner, -1, wallet, 0, asset, units
                )
                self._count(self.charged_to, owner, units, asset)

    def _count(self, sums: dict[int, float], account: int, units: int, asset: int) -> None:
        if account in sums:
            sums[account] += units * UNIT * float(self.core.pools.index_price(asset))

    def convert(self, wallet: int, owed: int) -> None:
        """Sell other assets of a wallet for the negative balance of one, as far as they go."""
        core = self.core
        price = Fraction(core.pools.index_price(owed))
        owner, ratio = self._owner(wallet)
        for asset in self._sellable(wallet, owed, ratio):
            deficit = -core.ledger.balance_of(wallet, owed)
            if deficit <= 0 or price <= 0:
                return
            worth = Fraction(core.pools.index_price(asset)) * Fraction(ratio[asset])
            have = self._own(wallet, asset)
            sold = min(have, ceil(deficit * price / worth))
            got = min(deficit, int(sold * worth / price))
            core.ledger.move(wallet, self.lender, asset, sold)
            core.ledger.move(self.lender, wallet, owed, got)
            core.records.add(core.now, Outcome.CONVERTED, owner, -1, wallet, 0, asset, -sold)
            core.records.add(core.now, Outcome.CONVERTED, owner, -1, wallet, 0, owed, got)
            if owner in self.given_up_by:
                given = sold * float(core.pools.index_price(asset)) - got * float(price)
                self.given_up_by[owner] += given * UNIT

    def _own(self, wallet: int, asset: int) -> int:
        """What no order holds and no loan brought."""
        ledger = self.core.ledger
        return int(ledger.available(wallet, asset) - ledger.owed(wallet, asset))

    def _owner(self, wallet: int) -> tuple[int, Sequence[Decimal]]:
        """Whose a wallet is, and what share of an asset's value counts there."""
        if wallet in self._ratio:
            return TRADER, self._ratio[wallet]
        kind = KINDS[self.roster.kind_of_wallet(wallet)]
        return self.roster.owner_of(wallet), self._ratio_of_kind[kind]

    def _sellable(self, wallet: int, owed: int, ratio: Sequence[Decimal]) -> list[int]:
        """Assets that can be sold, in the order in which they are."""
        core = self.core
        value = [
            self._own(wallet, asset) * float(core.pools.index_price(asset))
            for asset in range(len(self.assets))
        ]
        found = [a for a in range(len(self.assets)) if a != owed and ratio[a] > 0 and value[a] > 0]
        return sorted(found, key=lambda asset: (-ratio[asset], -value[asset], asset))
