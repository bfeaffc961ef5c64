"""Which wallets an account has, and which pool margins what: all that an account mode decides.

Separated: wallets for spot, cross margin, USDT-margined futures, each coin's futures and options,
and one for each isolated position; every one but plain spot is a margin pool.  Unified: the lines
that the rulebook lists as members share one wallet and pool; the others stay as in the separated
mode.  After this partition is made nothing in the engine asks for the mode (DESIGN 2.2).

An account that can change its mode has two partitions over one numbering of wallets and pools
(`layouts`): the wallets of the mode that it is not in are there, empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from simulator.accounts.states import AccountMode
from simulator.instruments.instrument import Instrument

MARKET, FEES, OUTSIDE, CLEARING, INSURANCE = range(5)
"""Wallets of the venue itself; the outside world and the market are accounts like any other."""

VENUE_WALLETS = ("market", "fees", "outside", "clearing", "insurance")

LINES = ("spot", "margin", "um", "cm", "options")
"""Product lines, each with wallets of its own unless the unified pool has it as a member."""

LINE_OF = {"spot": "spot", "um": "um", "cm": "cm", "option": "options"}
"""Line that settles a market; orders of cross margin are on spot pairs."""


@dataclass(slots=True)
class Partition:
    """Wallets by number, pools and what each instrument settles in.

    By instrument: ``cash`` is the wallet that pays fees, premiums and spot trades, ``cash_pool``
    its pool (-1: none), ``lending`` and ``lending_pool`` are those of cross-margin orders on a spot
    pair (-1: there are none).  By position slot: ``margin`` is the wallet that a position's profit
    goes to, which differs from ``cash`` only for isolated positions, and ``pool_of`` its pool.  A
    slot is the instrument, and in hedge mode instruments + instrument for its short side.
    ``pools`` lists (name, wallet, isolated slot or -1).  ``members`` are the lines that share one
    wallet.  ``wallets`` and ``pools`` are those of both modes; ``own`` and ``live`` number the ones
    that exist in ``mode``, ascending.

    Numbers are the venue's.  Where other accounts come before this one its wallets, but the
    venue's own, are numbered ``shift`` higher than they stand in ``wallets``, and its pools
    ``pool_shift`` higher than in ``pools``: see `shifted`.
    """

    wallets: list[str] = field(default_factory=lambda: list(VENUE_WALLETS))
    cash: list[int] = field(default_factory=list)
    margin: list[int] = field(default_factory=list)
    lending: list[int] = field(default_factory=list)
    pools: list[tuple[str, int, int]] = field(default_factory=list)
    cash_pool: list[int] = field(default_factory=list)
    lending_pool: list[int] = field(default_factory=list)
    pool_of: list[int] = field(default_factory=list)
    deposits_to: int = 0
    members: tuple[str, ...] = ()
    hedge: bool = False
    mode: AccountMode = "separated"
    own: list[int] = field(default_factory=list)
    live: list[int] = field(default_factory=list)
    shift: int = 0
    pool_shift: int = 0

    @property
    def pools_of_positions(self) -> list[int]:
        """Pools that margin positions or pay for them, ascending."""
        return sorted({*self.pool_of, *self.cash_pool} - {-1})

    @property
    def live_pools(self) -> list[tuple[int, str, int, int]]:
        """Pools that exist now: number, name, wallet, isolated slot or -1."""
        return [(number, *self.pool(number)) for number in self.live]

    @property
    def wallet_names(self) -> list[str]:
        """Names of the wallets that exist now."""
        return [self.name_of(number) for number in self.own]

    @property
    def numbers(self) -> range:
        """Numbers of all wallets of the account, those that only its other mode has as well."""
        first = len(VENUE_WALLETS) + self.shift
        return range(first, len(self.wallets) + self.shift)

    @property
    def pool_numbers(self) -> range:
        """Numbers of all pools of the account, those that only its other mode has as well."""
        return range(self.pool_shift, self.pool_shift + len(self.pools))

    def name_of(self, wallet: int) -> str:
        """Name of a wallet of the account or of the venue by number; ``KeyError`` for another's."""
        if 0 <= wallet < len(VENUE_WALLETS):
            return VENUE_WALLETS[wallet]
        if wallet not in self.numbers:
            raise KeyError(wallet)
        return self.wallets[wallet - self.shift]

    def number_of(self, name: str) -> int:
        """Number of a wallet that the account has in either mode; ``KeyError`` if it has none."""
        for number in self.numbers:
            if self.wallets[number - self.shift] == name:
                return number
        raise KeyError(name)

    def pool(self, number: int) -> tuple[str, int, int]:
        """Name, wallet and isolated slot or -1 of a pool of the account by number."""
        return self.pools[number - self.pool_shift]

    def become(self, other: Partition) -> None:
        """Turn into another partition of the same numbering; who holds this one follows."""
        for one in fields(self):
            setattr(self, one.name, getattr(other, one.name))

    def wallet(self, name: str) -> int:
        """Number of a wallet; ``KeyError`` if the account now has none of that name.

        A line that shares the unified wallet is found under its own name too, so that the same
        transfer can be asked for in every mode.
        """
        for number in self.own:
            if self.name_of(number) == name:
                return number
        if name.partition(":")[0] in self.members:
            return self.number_of("unified")
        raise KeyError(name)

    def kind_of(self, pool: int) -> str:
        """Kind of a pool: ``unified``, ``margin``, ``um``, ``cm`` or ``options``."""
        return self.pool(pool)[0].partition(":")[0]

    @property
    def instruments(self) -> int:
        """Number of instruments."""
        return len(self.cash)

    def slots(self, instrument: int) -> list[int]:
        """Position slots of an instrument."""
        return list(range(instrument, len(self.margin), self.instruments))

    def isolate(self, slot: int, name: str) -> None:
        """Give a position a wallet and a pool of its own."""
        self._add(name, isolated=slot)
        self.margin[slot], self.pool_of[slot] = self.own[-1], self.live[-1]

    def _add(self, name: str, pool: bool = True, isolated: int = -1) -> None:
        self.own.append(len(self.wallets))
        self.wallets.append(name)
        if pool:
            self.live.append(len(self.pools))
            self.pools.append((name, len(self.wallets) - 1, isolated))

    def _pool_of_wallet(self, wallet: int) -> int:
        found = [number for number, (_, own, _) in enumerate(self.pools) if own == wallet]
        return found[0] if found else -1


def separated(instruments: Sequence[Instrument], isolated: bool, hedge: bool = False) -> Partition:
    """Every product line its own wallet; plain spot is in no pool.

    ``isolated``: every UM position gets a wallet of its own, so that its loss ends there.
    """
    return _partition(instruments, (), isolated, hedge)


def unified(
    instruments: Sequence[Instrument], members: Iterable[str] = LINES, hedge: bool = False
) -> Partition:
    """One wallet and one pool for the lines in ``members``; cross positions everywhere else."""
    return _partition(instruments, tuple(members), False, hedge)


def layouts(
    instruments: Sequence[Instrument],
    members: Iterable[str],
    isolated: bool,
    hedge: bool,
    first: AccountMode,
) -> dict[AccountMode, Partition]:
    """Return both modes' partitions over one numbering of wallets and of pools.

    The wallets and pools of ``first`` have the numbers that they have by themselves, those that
    only the other mode has come after them.  ``members`` are of the unified mode, ``isolated`` is
    of the separated one.
    """
    made: dict[AccountMode, Partition] = {
        "separated": separated(instruments, isolated, hedge),
        "unified": unified(instruments, members, hedge),
    }
    _number_after(made["unified" if first == "separated" else "separated"], made[first])
    return made


def shifted(made: Mapping[AccountMode, Partition], wallets: int, pools: int) -> None:
    """Number the partitions of an account after so many wallets and pools of others."""
    first = len(VENUE_WALLETS)

    def wallet(number: int) -> int:
        return number + wallets if number >= first else number

    def pool(number: int) -> int:
        return number + pools if number >= 0 else number

    lists = next(iter(made.values()))
    renamed = [(name, wallet(own), slot) for name, own, slot in lists.pools]
    for one in made.values():
        one.shift, one.pool_shift, one.pools = wallets, pools, renamed
        for name in ("cash", "margin", "lending", "own"):
            setattr(one, name, [wallet(number) for number in getattr(one, name)])
        for name in ("cash_pool", "lending_pool", "pool_of", "live"):
            setattr(one, name, [pool(number) for number in getattr(one, name)])
        one.deposits_to = wallet(one.deposits_to)


def _number_after(second: Partition, first: Partition) -> None:
    """Give a partition the numbers of another, and both all wallets and pools of either."""
    wallet, pool = {}, {-1: -1}
    for number, name in enumerate(second.wallets):
        if name not in first.wallets:
            first.wallets.append(name)
        wallet[number] = first.wallets.index(name)
    wallet[-1] = -1
    names = [name for name, _, _ in first.pools]
    for number, (name, own, slot) in enumerate(second.pools):
        if name not in names:
            names.append(name)
            first.pools.append((name, wallet[own], slot))
        pool[number] = names.index(name)
    second.wallets, second.pools = first.wallets, first.pools
    for name in ("cash", "margin", "lending"):
        setattr(second, name, [wallet[number] for number in getattr(second, name)])
    for name in ("cash_pool", "lending_pool", "pool_of"):
        setattr(second, name, [pool[number] for number in getattr(second, name)])
    second.deposits_to = wallet[second.deposits_to]
    second.own = sorted(wallet[number] for number in second.own)
    second.live = sorted(pool[number] for number in second.live)


def _partition(
    instruments: Sequence[Instrument], members: tuple[str, ...], isolated: bool, hedge: bool
) -> Partition:
    made = Partition(members=members, hedge=hedge, mode="unified" if members else "separated")
    if members:
        made._add("unified")
    for line in ("spot", "um"):
        if line not in members:
            made._add(line, pool=line != "spot")
    if isolated and "um" not in members:
        _add_isolated(made, instruments)
    traded = {one.market for one in instruments}
    if "margin" not in members and "spot" in traded:
        made._add("margin")
    if "cm" not in members:
        for coin in dict.fromkeys(one.base for one in instruments if one.market == "cm"):
            made._add(f"cm:{coin}")
    if "options" not in members and "option" in traded:
        made._add("options")
    for one in instruments:
        line = LINE_OF[one.market]
        made.cash.append(made.wallet(f"cm:{one.base}" if line == "cm" else line))
        made.lending.append(made.wallet("margin") if line == "spot" else -1)
    made.cash_pool = [made._pool_of_wallet(wallet) for wallet in made.cash]
    made.lending_pool = [made._pool_of_wallet(wallet) for wallet in made.lending]
    own = {slot: (wallet, n) for n, (_, wallet, slot) in enumerate(made.pools) if slot >= 0}
    for slot in range(len(instruments) * (2 if hedge else 1)):
        at = slot % len(instruments)
        wallet, pool = own.get(slot, (made.cash[at], made.cash_pool[at]))
        made.margin.append(wallet)
        made.pool_of.append(-1 if instruments[at].market == "spot" else pool)
    made.deposits_to = made.wallet("spot")
    return made


def _add_isolated(made: Partition, instruments: Sequence[Instrument]) -> None:
    for number, one in enumerate(instruments):
        if one.market == "um":
            made._add(f"um:{one.symbol}", isolated=number)
            if made.hedge:
                made._add(f"um:{one.symbol}:SHORT", isolated=len(instruments) + number)
