"""Who is who on a venue: all accounts but the first one that trades as wallets, pools and columns.

Accounts are numbered: 0 the market's, 1 the first that trades, from ``crowd.FIRST`` on further ones
that trade (`simulator.exchange.traders`) or those of a crowd in the order of their ids, and last
the insurance fund's own, which holds what the fund took over and pays from the fund's wallet.
Wallets and pools of all these come after those of the first account, account by account, so that
pool order is account order.

An account of a crowd has the wallets of its mode in which it begins with something, and no others;
a position is listed under the pool that margins it, and slots that it has no position in under
none: accounts of a crowd open nothing.  An account that trades has the wallets and pools of both
modes, like the first one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from simulator.accounts.crowd import FIRST
from simulator.accounts.states import AccountMode
from simulator.accounts.wallets import INSURANCE, Partition

Ints = npt.NDArray[np.int32]

MARKET, TRADER = 0, 1
TRADER_ID, FUND_ID = 0, -1
"""Ids in reports of the first account that trades and of the insurance fund."""

FIRST_NAME = "first"
"""What the account is called that a run itself describes, where others trade beside it."""

MODES: tuple[AccountMode, AccountMode] = ("separated", "unified")


@dataclass(slots=True)
class Roster:
    """Accounts of a venue by number.

    ``ids`` and ``group`` (number in ``groups``) and ``unified`` are of the crowd, row by row;
    ``pool_name`` [pool of the crowd] numbers ``names``.  ``columns`` are the venue's by account
    (`simulator.exchange.layout.mode_columns`), the rows from ``FIRST`` to the fund's only;
    ``pools`` [pool, 5] and ``pool_of`` [account, slot] likewise.  ``wallet_kind`` [wallet] is the
    kind of the shared pool that it backs, -1 for plain spot and isolated positions,
    ``wallet_account`` whose it is; both from ``first_wallet`` on.  ``traders`` are the partitions
    of the further accounts that trade and ``called`` their names; with such there is no crowd.
    """

    trader: AccountMode
    own_pools: int
    first_wallet: int
    slots: int
    instruments: int
    ids: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    group: Ints = field(default_factory=lambda: np.zeros(0, np.int32))
    groups: tuple[str, ...] = ()
    unified: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    names: tuple[str, ...] = ()
    pool_name: npt.NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    pools: Ints = field(default_factory=lambda: np.zeros((0, 5), np.int32))
    wallet_kind: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    wallet_account: Ints = field(default_factory=lambda: np.zeros(0, np.int32))
    columns: Mapping[str, Ints] = field(default_factory=dict)
    pool_of: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    traders: tuple[Partition, ...] = ()
    called: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of accounts of the crowd."""
        return len(self.ids)

    @property
    def trading(self) -> int:
        """Number of accounts that trade; they are numbered from 1 on."""
        return 1 + len(self.traders)

    @property
    def fund(self) -> int:
        """Number of the insurance fund's account, the last one."""
        return FIRST + self.size + len(self.traders)

    @property
    def accounts(self) -> int:
        """Number of accounts, the market's and the fund's included."""
        return self.fund + 1

    @property
    def wallets(self) -> int:
        """Number of wallets."""
        return self.first_wallet + len(self.wallet_kind)

    @property
    def live(self) -> Ints:
        """Pools from ``own_pools`` on that exist now: a crowd's all, of others those of the modes
        that they are in.
        """
        if self.traders:
            return np.array([pool for one in self.traders for pool in one.live], dtype=np.int32)
        return np.arange(self.own_pools, self.own_pools + len(self.pools), dtype=np.int32)

    def is_crowd(self, account: int) -> bool:
        """Whether an account is one of the crowd's."""
        return not self.traders and FIRST <= account < self.fund

    def trades(self, account: int) -> bool:
        """Whether strategies trade for an account."""
        return TRADER <= account < TRADER + self.trading

    def id_of(self, account: int) -> int | None:
        """Id of an account: 0 of the first that trades, of further ones their number less 1, -1 of
        the fund, None of the market's.
        """
        if self.is_crowd(account):
            return int(self.ids[account - FIRST])
        if self.trades(account):
            return account - TRADER + TRADER_ID
        return None if account == MARKET else FUND_ID

    def name_of(self, account: int) -> str | None:
        """Name of a further account that trades; of others their id as text, if they have one."""
        if self.called and FIRST <= account < self.fund:
            return self.called[account - FIRST]
        number = self.id_of(account)
        return None if number is None else str(number)

    def group_of(self, account: int) -> str:
        """Type of a crowd's account, ``account`` of those that trade, ``fund`` of the fund's."""
        if self.is_crowd(account):
            return self.groups[int(self.group[account - FIRST])]
        if self.trades(account):
            return "account"
        return "market" if account == MARKET else "fund"

    def mode_of(self, account: int) -> str:
        """Mode of an account, that which the first one began in; empty for those of the venue."""
        if self.is_crowd(account):
            return MODES[int(self.unified[account - FIRST])]
        if self.trades(account) and account != TRADER:
            return self.traders[account - FIRST].mode
        return self.trader if account == TRADER else ""

    def kind_of_wallet(self, wallet: int) -> int:
        """Kind of the shared pool that a wallet from ``first_wallet`` on backs, -1 for none."""
        return int(self.wallet_kind[wallet - self.first_wallet])

    def owner_of(self, wallet: int) -> int:
        """Account of a wallet."""
        if wallet < self.first_wallet:
            return TRADER
        return int(self.wallet_account[wallet - self.first_wallet])

    def name_of_pool(self, pool: int) -> str:
        """Name of a pool from ``own_pools`` on, such as ``um`` or ``um:BTCUSDT``."""
        return self.names[int(self.pool_name[pool - self.own_pools])]


def with_fund(own: Sequence[int], roster: Roster, name: str) -> Ints:
    """Return a venue's column [account, instrument or slot]: the market's row and the own one's
    are ``own``, then the others', then the fund's, which pays everything from its wallet.

    Of a crowd, whose columns are large and stay, the roster shows the rows of this one from now on.
    """
    others = roster.columns.get(name, np.zeros((0, len(own)), dtype=np.int32))
    fund = INSURANCE if name in ("cash_wallet", "margin_wallet") else -1
    mine = np.array([own, own], dtype=np.int32).reshape(2, len(own))
    made = np.concatenate([mine, others, np.full((1, len(own)), fund, dtype=np.int32)])
    if roster.size:
        roster.columns = {**roster.columns, name: made[FIRST : roster.fund]}
    return made
