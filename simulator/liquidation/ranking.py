"""Who is auto-deleveraged, in plain Python: the readable twin of the compiled ranking.

When the insurance fund can take no more of a position in liquidation, it is closed against accounts
that hold the opposite position at a profit, at its bankruptcy price.  ``rank`` is the order of the
queue, ``shares_of`` the alternative in which everybody gives his share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WIDE = 2**62
"""A product of lots from which on a column of int64 might not hold it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A position opposite the one in liquidation, figures in USD.

    ``profit`` is its unrealized PnL; ``wallet``, ``equity`` (wallet and all unrealized PnL) and
    ``maintenance`` are of the pool that margins it: an isolated position's own wallet.
    """

    account: int
    slot: int
    profit: float
    wallet: float
    equity: float
    maintenance: float

    @property
    def score(self) -> float:
        """Leveraged profit, as Binance ranks it: PnL percent times margin ratio.

        >>> Candidate(2, 0, profit=50.0, wallet=100.0, equity=150.0, maintenance=3.0).score
        0.01
        """
        if self.equity <= 0:
            return 0.0
        percent = max(0.0, self.profit) / max(1.0, self.wallet)
        return percent * self.maintenance / self.equity


def rank(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return those in profit, the highest score first, ties by account and slot."""
    in_profit = [one for one in candidates if one.profit > 0]
    return sorted(in_profit, key=lambda one: (-one.score, one.account, one.slot))


def shares_of(lots: int, free: Sequence[int]) -> list[int]:
    """Return how many of ``lots`` each gives, in proportion to what he has; at most all of it.

    Whole lots by the largest remainder, ties by order.

    >>> shares_of(5, [4, 4, 2])
    [2, 2, 1]
    >>> shares_of(3, [1, 1])
    [1, 1]
    """
    whole = sum(free)
    if lots >= whole:
        return list(free)
    given = [one * lots // whole for one in free]
    order = sorted(range(len(free)), key=lambda at: (-(free[at] * lots % whole), at))
    for at in order[: lots - sum(given)]:
        given[at] += 1
    return given


def shares_of_many(lots: int, free: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`shares_of` over a column: thousands stand opposite a position in a large crowd.

    >>> shares_of_many(5, np.array([4, 4, 2])).tolist()
    [2, 2, 1]
    """
    whole = int(free.sum())
    if lots >= whole:
        return free
    if int(free.max()) * lots >= WIDE:
        return np.array(shares_of(lots, free.tolist()), dtype=np.int64)
    given, rest = np.divmod(free * lots, whole)
    order = np.argsort(-rest, kind="stable")
    given[order[: lots - int(given.sum())]] += 1
    return given
