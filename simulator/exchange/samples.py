"""Samples for the report of an account that trades beside the first one.

The first account's are taken by the compiled upkeep (`simulator.exchange.upkeep`); those of further
ones here, at the same instants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from simulator.exchange.account_desk import AccountDesk


class Samples:
    """What an account was worth, what its pools needed and what it held, sample after sample."""

    def __init__(self) -> None:
        # Flat lists: an image of the run keeps them as memory.
        self.equity: list[float] = []
        self.pools: list[float] = []
        self.unified: list[int] = []
        self.lots: list[int] = []

    def take(self, desk: AccountDesk) -> None:
        """Keep how the account of a desk stands."""
        self.equity.append(desk.account_equity())
        self.pools += figures_of(desk, kept=True)
        self.unified.append(int(desk.partition.mode == "unified"))
        self.lots += held_by(desk)

    def columns(self) -> dict[str, Any]:
        """Return equity, pools (equity, initial, maintenance, level each), whether the mode was
        unified, and lots by instrument.
        """
        n = len(self.equity)
        return {
            "equity": np.array(self.equity),
            "pools": np.array(self.pools).reshape(n, -1 if n else 0),
            "unified": np.array(self.unified, dtype=np.int32),
            "lots": np.array(self.lots, dtype=np.int64).reshape(n, -1 if n else 0),
        }


def figures_of(desk: AccountDesk, kept: bool = False) -> list[float]:
    """Return equity, initial and maintenance margin and level of all pools of an account, one
    after the other, 0 of those that its mode does not have; ``kept``: they count for the peaks.
    """
    pools, partition = desk.core.pools, desk.partition
    found = [0.0] * (4 * len(partition.pools))
    for pool in partition.live:
        pools.evaluate(pool)
        if kept:
            desk.upkeep.looked_at(pool)
        at = 4 * (pool - partition.pool_shift)
        found[at : at + 4] = map(float, pools.figures(pool))
    if kept:
        desk.upkeep.sampled_account()
    return found


def held_by(desk: AccountDesk) -> list[int]:
    """Return what an account holds by instrument: the base asset's balance in 1e-8 on spot, else
    lots of its positions, net.
    """
    ledger, partition = desk.core.ledger, desk.partition
    return [
        int(ledger.balance_of(partition.cash[i], desk.assets.index(one.base)))
        if one.market == "spot"
        else sum((int(ledger.position_of(desk.account, slot)[0]) for slot in partition.slots(i)), 0)
        for i, one in enumerate(desk.listed)
    ]
