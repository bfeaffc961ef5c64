"""What the conditions of a step between the modes look at, read from the venue at an instant.

Net assets follow from wallets and positions at index and mark prices, experience from the rows of
the account's fills, the rest from ledger and order table; nothing is kept beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from simulator.accounts.conditions import AccountFacts
from simulator.accounts.rules import AccountProfile, ModeRules
from simulator.accounts.wallets import LINE_OF, Partition
from simulator.events import fills
from simulator.exchange.core import Core
from simulator.instruments.instrument import Instrument
from simulator.risk.levels import RiskLevel
from simulator.units.text import plain

DAY_NS = 86_400 * 10**9
E8 = Decimal(10) ** -8


class Facts:
    """Facts of an account; ``start_ns`` is the run's start, from which its age counts."""

    def __init__(
        self,
        core: Core,
        partition: Partition,
        instruments: Sequence[Instrument],
        assets: Sequence[str],
        rules: ModeRules,
        profile: AccountProfile,
        account: int = 1,
    ) -> None:
        self.core = core
        self.account = account
        self.partition = partition
        self.listed = instruments
        self.assets = assets
        self.rules = rules
        self.profile = profile
        self.start_ns = 0

    def take(self) -> AccountFacts:
        """Return the facts as they are now."""
        now = int(self.core.now)
        positions = self._positions()
        apart = [slot for slot in positions if self._isolated(slot)]
        trades, volume = self._traded(now - self.rules.experience_days * DAY_NS)
        loans, interest = self._owed()
        return AccountFacts(
            time_ns=now,
            kyc=self.profile.kyc,
            age_days=self.profile.age_days + (now - self.start_ns) // DAY_NS,
            net_assets=self.net_assets(),
            futures_trades=self.profile.futures_trades + trades,
            futures_volume=self.profile.futures_volume + volume,
            liquidating=self._liquidating(),
            isolated=tuple(positions[slot] for slot in apart),
            positions=tuple(positions.values()),
            open_orders=int(self.core.open_orders(self.account)),
            loans=loans,
            interest=interest,
            negative=self._negative(),
        )

    def net_assets(self) -> Decimal:
        """Wallets at index prices less what they owe, and positions at marks, of the rulebook's
        lines, USDT; an asset without a price counts as nothing.
        """
        lines = self.rules.net_assets_lines
        total = Decimal(0)
        for wallet in self.partition.own:
            name = self.partition.name_of(wallet).partition(":")[0]
            if lines and name not in (*lines, "unified"):
                continue
            for asset in range(len(self.assets)):
                owed = int(self.core.ledger.owed(wallet, asset))
                units = self.core.ledger.balance_of(wallet, asset) - owed
                if units:
                    price = Decimal(repr(float(self.core.pools.index_price(asset))))
                    total += units * E8 * price
        for slot in range(len(self.partition.margin)):
            one = self.listed[slot % len(self.listed)]
            line = LINE_OF[one.market]
            if line == "spot" or (lines and line not in lines):
                continue
            if self.core.ledger.position_of(self.account, slot)[0]:
                total += Decimal(repr(float(self.core.pools.position_value(self.account, slot))))
        return total

    def _positions(self) -> dict[int, str]:
        """Open contracts by slot, such as ``um:BTCUSDT +0.5``."""
        found = {}
        for slot in range(len(self.partition.margin)):
            one = self.listed[slot % len(self.listed)]
            lots = int(self.core.ledger.position_of(self.account, slot)[0])
            if lots and one.market != "spot":
                found[slot] = f"{one.name} {plain(lots * one.lot, '+f')}"
        return found

    def _isolated(self, slot: int) -> bool:
        return self.partition.margin[slot] != self.partition.cash[slot % len(self.listed)]

    def _liquidating(self) -> tuple[str, ...]:
        return tuple(
            name
            for pool, name, _, _ in self.partition.live_pools
            if self.core.pools.checked_level(pool) >= RiskLevel.LIQUIDATION
        )

    def _traded(self, since_ns: int) -> tuple[int, Decimal]:
        """Futures orders that were filled since an instant, and their notional in USDT.

        What the venue closed by force is no experience, nor is a trade with oneself; a
        coin-margined contract counts with its face value.
        """
        rows = self.core.fills()
        rows = rows[~_with_itself(rows)]
        futures = [i for i, one in enumerate(self.listed) if one.market in ("um", "cm")]
        rows = rows[
            (rows[:, fills.TIME] >= since_ns)
            & (rows[:, fills.ACCOUNT] == self.account)
            & (rows[:, fills.FORCED] == 0)
            & np.isin(rows[:, fills.INSTRUMENT], futures)
        ]
        volume = Decimal(0)
        for i in futures:
            one, own = self.listed[i], rows[rows[:, fills.INSTRUMENT] == i]
            size = one.lot * one.contract_size
            if one.inverse:
                volume += sum(own[:, fills.LOTS].tolist()) * size
            else:
                # Python's integers: ticks x lots of many fills would pass 64 bits.
                pairs = zip(own[:, fills.PRICE].tolist(), own[:, fills.LOTS].tolist(), strict=True)
                volume += sum(price * lots for price, lots in pairs) * one.tick * size
        return len(np.unique(rows[:, fills.ORDER])), volume

    def _owed(self) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
        """Loans and interest by asset, over all wallets."""
        loans: dict[str, Decimal] = {}
        interest: dict[str, Decimal] = {}
        for asset, name in enumerate(self.assets):
            for wallet in self.partition.own:
                pair = self.core.ledger.loan_of(wallet, asset)
                for owed, units in zip((loans, interest), pair, strict=True):
                    if units:
                        owed[name] = owed.get(name, Decimal(0)) + int(units) * E8
        return loans, interest

    def _negative(self) -> dict[str, Decimal]:
        """Balances below 0 by wallet and asset."""
        return {
            f"{self.partition.name_of(wallet)} {name}": units * E8
            for wallet in self.partition.own
            for asset, name in enumerate(self.assets)
            if (units := self.core.ledger.balance_of(wallet, asset)) < 0
        }


def _with_itself(rows: np.ndarray) -> np.ndarray:
    """Return which fills are of two orders of one account that met: its maker's and its taker's
    are written one after the other.
    """
    first, second = rows[:-1], rows[1:]
    met = (
        (first[:, fills.MAKER] == 1)
        & (second[:, fills.MAKER] == 0)
        & (first[:, fills.SIDE] == -second[:, fills.SIDE])
    )
    for same in (fills.TIME, fills.INSTRUMENT, fills.PRICE, fills.LOTS, fills.ACCOUNT):
        met &= first[:, same] == second[:, same]
    found = np.zeros(len(rows), dtype=bool)
    found[:-1] |= met
    found[1:] |= met
    return found
