"""How a crowd stands while a run goes on: margin ratios, where the next liquidations sit, wealth.

Everything here is looked at, nothing done.  Of a large crowd some pools stand for all, the same in
every run: for the ratios every so many-th, for the map the largest and every so many-th of the
rest, which then count so many times.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.accounts.crowd import FIRST
from simulator.exchange.core import Core
from simulator.exchange.roster import MODES, Roster
from simulator.exchange.stress import Stress
from simulator.instruments.instrument import Instrument
from simulator.risk import survey
from simulator.risk.columns import KINDS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]

FANS = 60
"""Instants at which the ratios are looked at."""

FAN_POOLS = 4000
"""Pools whose ratio is looked at."""

HEATS = 12
"""Instants, evenly over the run, at which prices are moved to see which pools come to their
threshold; and where a mark has moved by ``MOVED`` since the last one, `HEATS` more."""

MOVED = 0.02

HEAT_POOLS = 2000
"""Pools that are looked at under moved prices; half of them are the largest."""

MOVES = (0.0, 0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.10, 0.125, 0.15, 0.18, 0.22, 0.26, 0.32, 0.40)
"""Moves of all prices, down and up, as shares."""

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)

UNIT = 1e-8


class Census:
    """Looks at the crowd at the start, at samples of the report, and at the end.

    ``fan`` has rows (time, mode, seven percentiles), ``heat`` (time, move, side, notional),
    ``paths`` (time, marks [instrument], index [asset]); ``wealth_start`` and ``wealth_end`` are by
    row of the crowd, ``open_interest`` the notional of all its positions at the start: all USD.
    Where ``pictured`` is False fan and heat are left out.
    """

    def __init__(
        self, core: Core, instruments: Sequence[Instrument], assets: Sequence[str], roster: Roster
    ) -> None:
        self.core = core
        self.listed = list(instruments)
        self.assets = list(assets)
        self.roster = roster
        self.stress = Stress(core, instruments, assets)
        self.fan: list[tuple[int, str, list[float]]] = []
        self.heat: list[tuple[int, float, int, float]] = []
        self.paths: list[tuple[int, list[float], list[float]]] = []
        self.wealth_start = self.wealth_end = np.zeros(0)
        self.open_interest = 0.0
        self.pictured = True
        self._fan_step = self._heat_step = 0
        self._next_fan = self._next_heat = 0
        self._more = HEATS
        self._mapped = np.zeros(len(self.listed))

    def begin(self, start_ns: int, end_ns: int) -> None:
        """The crowd has entered, and first prices are known."""
        if not self.roster.size:
            return
        self._fan_step = max(1, (end_ns - start_ns) // FANS)
        self._heat_step = max(1, (end_ns - start_ns) // HEATS)
        sizes = self._pool_sizes()
        stake = np.flatnonzero(sizes > 0)
        lent = np.flatnonzero(self.roster.pools[:, 3] == KINDS.index("margin"))
        fan = thinned(np.union1d(stake, lent), FAN_POOLS)
        self._fan_pools = numbers(fan + self.roster.own_pools)
        self._fan_unified = self.roster.unified[self.roster.pools[fan, 0] - FIRST]
        order = stake[np.argsort(-sizes[stake], kind="stable")]
        large, others = order[: HEAT_POOLS // 2], np.sort(order[HEAT_POOLS // 2 :])
        small = thinned(others, HEAT_POOLS // 2)
        self._heat_pools = numbers(np.concatenate([large, small]) + self.roster.own_pools)
        self._weights = np.ones(len(self._heat_pools))
        if len(small):
            self._weights[len(large) :] = sizes[others].sum() / sizes[small].sum()
        self.open_interest = float(sizes.sum())
        self.wealth_start = self.wealth_end = self.wealth()
        self.sampled()

    def sampled(self) -> None:
        """A sample for the report was taken: look, if it is time to."""
        if not self._fan_step:
            return
        pools, now = self.core.pools, int(self.core.now)
        self.paths.append(
            (
                now,
                [float(pools.mark_price(i)) for i in range(len(self.listed))],
                [float(pools.index_price(asset)) for asset in range(len(self.assets))],
            )
        )
        if not self.pictured:
            return
        if now >= self._next_fan:
            self._next_fan = now + self._fan_step
            self._look_at_ratios(now)
        if now >= self._next_heat or self._has_moved():
            self._next_heat = now + self._heat_step
            self._look_ahead(now)

    def _has_moved(self) -> bool:
        """Whether prices are so far from those of the last map that another one is due."""
        if self._more <= 0:
            return False
        now, then = np.array(self.paths[-1][1]), self._mapped
        known = (now > 0) & (then > 0)
        if not (np.abs(now[known] / then[known] - 1) > MOVED).any():
            return False
        self._more -= 1
        return True

    def end(self) -> None:
        """The run is over."""
        if self._fan_step:
            self._next_fan = 0
            self._next_heat, self._more = int(self.core.now) + 1, 0
            self.sampled()
            self.wealth_end = self.wealth()

    def wealth(self) -> Floats:
        """Return what each account of the crowd has, less what it owes, at present prices, USD."""
        balance, owed, lots, cost = self.core.ledger.columns()
        pools, roster = self.core.pools, self.roster
        index = np.array([pools.index_price(asset) for asset in range(len(self.assets))])
        own = slice(roster.first_wallet, roster.wallets)
        # Asset by asset: a product of matrices adds in an order that is the processor's.
        value = np.zeros(len(balance[own]))
        for asset, price in enumerate((index * UNIT).tolist()):
            value += (balance[own, asset].astype(np.float64) - owed[own, asset]) * price
        found = np.zeros(roster.size)
        found += np.bincount(roster.wallet_account - FIRST, value, roster.size)
        rows = slice(FIRST, roster.fund)
        for slot in range(lots.shape[1]):
            held = lots[rows, slot]
            if not held.any():
                continue
            one = self.listed[slot % len(self.listed)]
            worth = self._lot_worth(slot)
            found += held * (-worth if one.inverse else worth)
            if one.market != "option":
                usd = UNIT * index[self.assets.index(one.settle)]
                found -= cost[rows, slot] * usd
        return found

    def _lot_worth(self, slot: int) -> float:
        """Notional of one lot at the mark, USD."""
        return float(self.core.pools.notional(slot % len(self.listed), 1.0))

    def _pool_sizes(self) -> Floats:
        """Notional of the positions of each pool of the crowd, USD."""
        roster = self.roster
        lots = self.core.ledger.columns()[2][FIRST : roster.fund]
        sizes = np.zeros(len(roster.pools))
        for slot in range(min(lots.shape[1], roster.pool_of.shape[1])):
            there = np.flatnonzero(roster.pool_of[:, slot] >= 0)
            if there.size:
                worth = np.abs(lots[there, slot]) * self._lot_worth(slot)
                at = roster.pool_of[there, slot] - roster.own_pools
                sizes += np.bincount(at, worth, len(sizes))
        return sizes

    def _look_at_ratios(self, now: int) -> None:
        """Keep percentiles of equity / maintenance margin, of the pools that have a requirement."""
        found = survey.ratios(self.core.pools, self._fan_pools)
        for number, mode in enumerate(MODES):
            some = found[~np.isnan(found) & (self._fan_unified == number)]
            if len(some):
                self.fan.append((now, mode, np.percentile(some, PERCENTILES).tolist()))

    def _look_ahead(self, now: int) -> None:
        """Keep the notional that comes to its threshold with every move of all prices."""
        pools, which = self.core.pools, self._heat_pools
        self._mapped = np.array(self.paths[-1][1])
        here = ~np.isnan(survey.ratios(pools, which)) & ~survey.called(pools, which)
        for sign in (-1, 1):
            self._look_one_way(now, sign, which[here], self._weights[here])
        survey.called(pools, which)  # figures are of the present prices again

    def _look_one_way(self, now: int, sign: int, left: Numbers, weights: Floats) -> None:
        pools = self.core.pools
        worth = np.array([self._lot_worth(slot) for slot in range(self.core.ledger.slots)])
        for near, far in pairwise(MOVES):
            with ExitStack() as moved:
                self._move_all(moved, 1.0 + sign * far)
                hit = survey.called(pools, left)
            long, short = survey.notional(pools, left[hit], weights[hit], worth)
            left, weights = left[~hit], weights[~hit]
            low = near if sign > 0 else -far
            self.heat += [(now, low, 1, long), (now, low, -1, short)]

    def _move_all(self, moved: ExitStack, factor: float) -> None:
        """Move the prices of all underlyings of contracts; of spot assets alone where none is."""
        contracts = {one.base for one in self.listed if one.market != "spot"}
        for underlying in self.stress.underlyings:
            if underlying in contracts or not contracts:
                moved.enter_context(self.stress.moved(underlying, factor))

    def columns(self) -> dict[str, Any]:
        """Return marks [row, instrument] and index [row, asset] of the paths, with their times."""
        times, marks, index = zip(*self.paths, strict=True) if self.paths else ((), (), ())
        return {
            "time": np.array(times, dtype=np.int64),
            "mark": np.array(marks).reshape(len(times), len(self.listed)),
            "index": np.array(index).reshape(len(times), len(self.assets)),
        }


def thinned(values: npt.NDArray[Any], most: int) -> Ints:
    """Return at most ``most`` of the values, evenly spread over them.

    >>> thinned(np.arange(10), 4).tolist(), thinned(np.arange(3), 4).tolist()
    ([0, 3, 6, 9], [0, 1, 2])
    """
    if len(values) <= most:
        return np.asarray(values, dtype=np.int64)
    at = np.linspace(0, len(values) - 1, most).round().astype(np.int64)
    return np.asarray(values[at], dtype=np.int64)


def numbers(values: Ints) -> Numbers:
    """Return numbers of pools as `simulator.risk.survey` takes them."""
    return np.ascontiguousarray(values, dtype=np.int32)
