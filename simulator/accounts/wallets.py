"""Which wallets an account has, and which pool margins what: all that an account mode decides.

Separated: a wallet for spot and one for each product line, and one for each isolated position.
Unified: one wallet that all products share.  After this partition is made nothing in the engine
asks for the mode (DESIGN 2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulator.instruments.instrument import Instrument

MARKET, FEES, OUTSIDE, CLEARING, INSURANCE = range(5)
"""Wallets of the venue itself; the outside world and the market are accounts like any other."""

VENUE_WALLETS = ("market", "fees", "outside", "clearing", "insurance")


@dataclass(slots=True)
class Partition:
    """Wallets by number, pools and what each instrument settles in.

    ``cash`` and ``margin`` give, by instrument, the wallet that pays fees and the wallet that a
    position's profit goes to; they differ only for isolated positions.  ``pools`` lists (name,
    wallet, isolated instrument or -1); ``cash_pool`` and ``pool_of`` give pools by instrument, -1
    for none.
    """

    wallets: list[str] = field(default_factory=lambda: list(VENUE_WALLETS))
    cash: list[int] = field(default_factory=list)
    margin: list[int] = field(default_factory=list)
    pools: list[tuple[str, int, int]] = field(default_factory=list)
    cash_pool: list[int] = field(default_factory=list)
    pool_of: list[int] = field(default_factory=list)
    deposits_to: int = 0

    def wallet(self, name: str) -> int:
        """Number of a wallet; ``KeyError`` if the account has none of that name."""
        if name not in self.wallets:
            raise KeyError(name)
        return self.wallets.index(name)

    def _add_wallet(self, name: str) -> int:
        self.wallets.append(name)
        return len(self.wallets) - 1

    def _add_pool(self, name: str, wallet: int, isolated: int = -1) -> int:
        self.pools.append((name, wallet, isolated))
        return len(self.pools) - 1


def separated(instruments: Sequence[Instrument], isolated: bool) -> Partition:
    """Every product line its own wallet; plain spot is in no pool.

    ``isolated``: every UM position gets a wallet of its own, so that its loss ends there.
    """
    made = Partition()
    spot, um = made._add_wallet("spot"), made._add_wallet("um")
    made.deposits_to = spot
    um_pool = made._add_pool("um", um)
    for number, instrument in enumerate(instruments):
        if instrument.market == "spot":
            made.cash.append(spot)
            made.margin.append(spot)
            made.cash_pool.append(-1)
            made.pool_of.append(-1)
            continue
        made.cash.append(um)
        made.cash_pool.append(um_pool)
        if isolated and instrument.market == "um":
            own = made._add_wallet(f"um:{instrument.symbol}")
            made.margin.append(own)
            made.pool_of.append(made._add_pool(f"um:{instrument.symbol}", own, number))
        else:
            made.margin.append(um)
            made.pool_of.append(um_pool)
    return made


def unified(instruments: Sequence[Instrument]) -> Partition:
    """One wallet and one pool for everything."""
    made = Partition()
    wallet = made._add_wallet("unified")
    made.deposits_to = wallet
    pool = made._add_pool("unified", wallet)
    for instrument in instruments:
        made.cash.append(wallet)
        made.margin.append(wallet)
        made.cash_pool.append(pool)
        made.pool_of.append(-1 if instrument.market == "spot" else pool)
    return made
