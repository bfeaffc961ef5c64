"""One group's accounts in columns, before they are placed in wallets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from simulator.accounts.crowd import Setting
from simulator.instruments.instrument import Instrument
from simulator.population.spec import Group

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

GAIN = 0.9
"""Most unrealized profit that a position begins with, as a share of its margin."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a group, numbers of accounts.

    ``lowered``: their leverage to what the rules allow; ``fewer_coins``: their position to the
    coins that hedge it; ``without``: the position is less than a lot; ``nearer``: their entry to
    where the profit is `GAIN` of the margin; ``converted``: other assets into futures margin.
    """

    accounts: int
    lowered: int = 0
    fewer_coins: int = 0
    without: int = 0
    nearer: int = 0
    converted: int = 0


@dataclass(slots=True)
class People:
    """One group's accounts, USD at the first prices; ``k`` contracts.

    ``notional`` [n, k] signed, of whole lots in the end; ``margin`` [n, k] of each position, its
    profit included; ``entry`` [n, k] prices; ``gain`` [n, k] unrealized profit; ``ratio`` [n] of a
    spot hedge, ``coin`` [n] the contract whose base asset it is (-1: none), ``coins`` [n] its
    value; ``mix`` [n, assets of the collateral] shares; ``loan`` [n] value.
    """

    group: Group
    contracts: list[Instrument]
    wealth: Floats
    unified: Flags
    lots: npt.NDArray[np.int64]
    notional: Floats
    margin: Floats
    entry: Floats
    gain: Floats
    ratio: Floats
    coins: Floats
    coin: npt.NDArray[np.int64]
    mix: Floats
    loan: Floats
    tally: Tally = field(default_factory=lambda: Tally(0))

    @property
    def size(self) -> int:
        """Number of accounts."""
        return len(self.wealth)

    @property
    def hedged_notional(self) -> Floats:
        """Notional [n] that coins are to hedge, 0 where there is no spot hedge."""
        if not self.contracts:
            return np.zeros(self.size)
        own = np.abs(self.notional[np.arange(self.size), np.maximum(self.coin, 0)])
        return np.where(self.coin >= 0, own, 0.0)

    @property
    def apart(self) -> Floats:
        """Wealth [n] that is not margin of positions; of a group that is always unified, wealth
        that is not their profit.
        """
        share = GAIN if self.group.mode == "unified" else 1.0
        return np.asarray(np.maximum(self.wealth - share * self.margin.sum(axis=1), 0))


def lot_value(one: Instrument, setting: Setting) -> float:
    """Return the notional of a lot at the first price, USD."""
    size, price = float(one.lot * one.contract_size), setting.prices[one.name]
    return (size / price if one.inverse else size * price) * setting.index[one.settle]
