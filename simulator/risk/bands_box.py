"""The box of one pool in which its level cannot change, by bounds on slopes (hot module).

The level changes where ``equity - threshold * maintenance`` changes its sign, at the thresholds
next to the present level.  With *h* the distance to such a sign change and *L* the largest slope
against it by one factor anywhere in a box, no point of the box can reach it if ::

    sum over factors of L * half-width <= h - margin

The bounds hold over a candidate box, so the final one is the candidate cut down to the widths that
the sum allows.  Sides on which the pool can only move away from its thresholds have no edge.
``margin`` is for the rounding of both the figures and the edges.  Half-widths are shared out by
``(typical move ^ 2 / slope) ^ (1/3)``: for random walks that leaves the box as late as a linear
bound can.

Factors, by blocks: mark price of an instrument, index price of an asset, basis of an instrument
(mark relative to the index of its underlying), volatility and forward of an option, time.  An
underlying on which a pool depends by one linear position alone has its edge on that mark.  Else
there is one on the index and one on each basis, and a change is bounded in two steps, the index at
the present bases first: then hedged positions cancel.  Where no bound is known (a price is still 0,
a bracket table jumps, options under scenarios, basis
charges) the box has no width: whatever the pool depends on recomputes it when it moves.
"""

from typing import Any

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.risk.pools import Pools
    from cython.cimports.simulator.risk.scan import Scan
    from cython.cimports.simulator.units.functions import power
else:
    from simulator.risk.pools import Pools
    from simulator.risk.scan import Scan
    from simulator.units.functions import power

LINEAR = cython.declare(cython.int, 1)
INVERSE = cython.declare(cython.int, 2)
OPTION = cython.declare(cython.int, 3)
BANKRUPT = cython.declare(cython.int, 4)

# Kinds of component and their roles, as ``simulator.risk.columns`` numbers them.
GRID = cython.declare(cython.int, 0)
CALENDAR = cython.declare(cython.int, 1)
EXPIRY = cython.declare(cython.int, 2)
SIZE = cython.declare(cython.int, 3)
CONCENTRATION = cython.declare(cython.int, 4)
LOAN = cython.declare(cython.int, 5)
BASIS = cython.declare(cython.int, 6)
WORST = cython.declare(cython.int, 0)
FLOOR = cython.declare(cython.int, 2)
OPTIONS = cython.declare(cython.int, 4)
SHORT_OPTIONS = cython.declare(cython.int, 5)
SPOT_SCOPE = cython.declare(cython.int, 6)

NO_EDGE = cython.declare(cython.double, 1e300)
MARGIN = cython.declare(cython.double, 1e-10)
"""Share of gross value that rounding could take: a thousand terms lose less than 1e-12 of it."""

FREE = cython.declare(cython.double, 1e-9)
"""Least slope, as a share of the position, of a side without an edge: there the distance grows
faster than rounding does.
"""

SMALL = cython.declare(cython.double, 1e-6)
"""Slope assumed, as a share of the position, where it is not steep enough to be free."""

REACH = cython.declare(cython.double, 0.5)
"""Largest half-width, as a share of the factor, where slopes grow with the box: the index and the
bases of a hedge.
"""

FAR = cython.declare(cython.double, 100.0)
"""The same where slopes do not grow: only rounding does, and ``MARGIN`` covers it."""

SPARE = cython.declare(cython.double, 1.3)
"""Candidate half-widths are this times what the slopes at the present prices allow."""

YEAR_NS = cython.declare(cython.double, 365.0 * 86_400.0 * 1e9)


def f8(size: int) -> Any:
    """Return a column of zeros."""
    return memoryview(np.zeros(max(1, size)))


def i4(size: int) -> Any:
    """Return a column of whole zeros."""
    return memoryview(np.zeros(max(1, size), dtype="i4"))


@cython.cclass
class Box:
    """Finds boxes: after `find`, factor ``leg[k]`` may be anything from ``lo[k]`` to ``hi[k]``, for
    every *k* below ``legs``, and the pool keeps its level.

    ``value`` [factor] are the present values, kept by the caller; ``drift`` [factor] the typical
    squared moves.
    """

    def __init__(self, pools: Pools) -> None:
        n, assets, underlyings = pools.instruments, pools.assets, pools.underlyings
        self.pools = pools
        self.index_at = n
        self.basis_at = n + assets
        self.volatility_at = 2 * n + assets
        self.forward_at = 3 * n + assets
        self.time_at = 4 * n + assets
        self.factors = self.time_at + 1
        self.value, self.drift = f8(self.factors), f8(self.factors)
        self.legs = 0
        legs = self.factors
        self.leg, self.bound = i4(legs), i4(legs)
        self.leg_of = memoryview(np.full(legs, -1, dtype="i4"))
        self.lo, self.hi, self.share = f8(legs), f8(legs), f8(legs)
        self.down, self.up = memoryview(np.zeros((2, legs))), memoryview(np.zeros((2, legs)))
        self.equity_low, self.equity_high = f8(legs), f8(legs)
        self.margin_low, self.margin_high = f8(legs), f8(legs)
        self.room, self.total = f8(2), f8(2)
        self.amount, self.worth, self.swing = f8(assets), f8(assets), f8(assets)
        self.owed = f8(assets)
        self.counts_low, self.counts_high = f8(assets), f8(assets)
        self.net, self.gross_size = f8(underlyings), f8(underlyings)
        self.uses, self.bends = i4(underlyings), i4(underlyings)
        self.learn_rules()

    def learn_rules(self) -> None:
        """Take from the rules what bounds slopes; again after measured parameters changed."""
        pools: Pools = self.pools
        n = max(1, pools.underlyings)
        self.smooth = memoryview(np.array(_smooth(pools) or [True], dtype="i4"))
        settling = np.zeros(max(1, pools.assets), "i4")
        for i in range(pools.instruments):
            if pools.product[i] == LINEAR or pools.product[i] == OPTION:
                settling[pools.settle[i]] = 1
        self.settling = memoryview(settling)
        credit = np.array(pools.credit)[: pools.underlyings, : pools.underlyings]
        most = np.zeros(n)
        for u in range(len(credit)):
            most[u] = max((credit[u, v] for v in range(len(credit)) if v != u), default=0.0)
        self.most_credit = memoryview(np.minimum(1.0, 2.0 * most))
        self.any_credit = bool(most.max() > 0.0)
        self.by_scan, self.by_delta, self.by_size = f8(n), f8(n), f8(n)
        self.by_spot, self.by_time = f8(n), f8(n)
        self.by_asset = f8(pools.assets)
        self.by_worst, self.by_coin = f8(n), f8(n)
        self.straight = True
        # Of a basis charge, and where only a part of initial margin is scaled to maintenance, no
        # bound is worked out.
        self.unknown = pools.factor_on_worst and not pools.total_is_maintenance
        for c in range(pools.components):
            self._learn_component(c)
        for u in range(pools.underlyings):
            self.by_scan[u] += self.by_worst[u]
        self.scale = 1.0 if pools.total_is_maintenance else 1.0 / pools.initial_over_maintenance

    def _learn_component(self, c: int) -> None:
        """Add the steepest slopes of a component by what it measures, USD per USD."""
        pools: Pools = self.pools
        kind = pools.kind_of_part[c]
        tiers = [
            float(pools.tier_factor[k]) for k in range(pools.tier_first[c], pools.tier_first[c + 1])
        ]
        steepest = max(tiers, default=1.0)
        if kind == SIZE and pools.scope[c] in (OPTIONS, SHORT_OPTIONS):
            return  # nothing to pools without options, and those with options have no width
        if kind == CONCENTRATION:
            return  # by its tiers, see ``_concentration``
        first = int(pools.tier_first[c])
        if pools.role[c] == FLOOR or len(tiers) > 1 or (tiers and pools.tier_floor[first] != 0.0):
            self.straight = False
        for u in range(pools.underlyings):
            if kind == GRID:
                g = int(pools.grid[c])
                steep = max(pools.scan.rise[u, g], pools.scan.fall[u, g])
                self.by_coin[u] = max(self.by_coin[u], self._steepest_in_coin(u, g) - steep)
                if pools.role[c] == WORST:
                    self.by_worst[u] = max(self.by_worst[u], steep)
                else:
                    self.by_scan[u] += steep
                if pools.scan.relieved[u, g]:
                    self.straight = False
            elif kind == BASIS:
                self.unknown = True
                self.by_time[u] += pools.part_annual[c, u]
            elif kind == CALENDAR:
                self.by_delta[u] += pools.part_rate[c, u]
            elif kind == EXPIRY:
                years = max(
                    (pools.bucket_expiry[b] - pools.time_ns) / YEAR_NS
                    for b in [*range(pools.bucket_first[u], pools.bucket_first[u + 1])] or [0]
                )
                annual = pools.part_annual[c, u]
                self.by_delta[u] += max(pools.part_rate[c, u], annual * max(0.0, years))
                self.by_time[u] += annual
            elif kind == SIZE and pools.scope[c] == SPOT_SCOPE:
                self.by_spot[u] += pools.part_rate[c, u] * steepest
            elif kind == SIZE and pools.by_delta[c]:
                self.by_delta[u] += pools.part_rate[c, u] * steepest
            elif kind == SIZE:
                self.by_size[u] += pools.part_rate[c, u] * steepest
        if kind == LOAN:
            for asset in range(pools.assets):
                self.by_asset[asset] += pools.loan_rate[c, asset]

    def _steepest_in_coin(self, u: int, g: int) -> float:
        """Largest weighted move of a grid for contracts whose profit counts in coin."""
        scan: Scan = self.pools.scan
        moves = [
            abs(scan.weight[k] * scan.coin_move[k])
            for k in range(scan.bound[u, g], scan.bound[u, g + 1])
        ]
        return max(moves, default=0.0)

    # Legs

    @cython.cfunc
    @cython.exceptval(check=False)
    def _leg_at(self, f: cython.int, bound: cython.bint) -> cython.int:
        """Return the leg of a factor in the present pool's box, made now if there is none."""
        leg: cython.int = self.leg_of[f]
        if leg < 0:
            leg = self.legs
            self.legs += 1
            self.leg_of[f] = leg
            self.leg[leg] = f
            self.lo[leg] = self.hi[leg] = self.value[f]
            self.bound[leg] = bound
        return leg

    @cython.cfunc
    @cython.exceptval(check=False)
    def _clear(self) -> cython.void:
        k: cython.int
        for k in range(self.legs):
            self.leg_of[self.leg[k]] = -1
        self.legs = 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _holds(self, wallet: cython.int, asset: cython.int) -> cython.bint:
        """Whether a wallet has or owes anything of an asset."""
        return (
            self.pools.ledger.balance[wallet, asset] != 0
            or self.pools.ledger.loan[wallet, asset] != 0
            or self.pools.ledger.interest[wallet, asset] != 0
        )

    @cython.ccall
    @cython.exceptval(check=False)
    def find(self, pool: cython.int) -> cython.void:
        """Find the box of a pool that was evaluated just now, at the present values."""
        k: cython.int
        self._clear()
        if not self._measure(pool) or not self._rooms(pool):
            self._clear()
            self._whatever_it_depends_on(pool)
            return
        self._legs(pool)
        self._slopes(pool)
        self._propose()
        # Slopes over the candidate hold in every box inside it.
        self._slopes(pool)
        for k in range(self.legs):
            self._against(k)
        self._scale()
        for k in range(self.legs):
            self._limit(k, 1.0, NO_EDGE)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _rooms(self, pool: cython.int) -> cython.bint:
        """Measure the distances to the thresholds above and below; False if there is none."""
        pools: Pools = self.pools
        level: cython.int = pools.level[pool]
        at: cython.double
        rung: cython.int
        self.above = self.below = -1.0
        if level == BANKRUPT:
            self.below = 0.0
        else:
            self.above = 0.0
            for rung in range(3):
                at = pools.ladder[
                    3 * (pools.loan_tier[pool] * pools.kinds + pools.kind[pool]) + rung
                ]
                if at <= 0.0:
                    continue
                if rung < level:
                    self.below = at
                elif self.above == 0.0:
                    self.above = at
        self.room[0] = self.room[1] = 1.0
        if self.above >= 0.0:
            self.room[0] = (
                pools.equity[pool] - self.above * pools.maintenance[pool] - MARGIN * self.gross
            )
        if self.below >= 0.0:
            self.room[1] = (
                self.below * pools.maintenance[pool] - pools.equity[pool] - MARGIN * self.gross
            )
        return self.room[0] > 0.0 and self.room[1] > 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _measure(self, pool: cython.int) -> cython.bint:
        """Add up what a pool holds; False where no bound on its slopes is known."""
        pools: Pools = self.pools
        account: cython.int = pools.account[pool]
        scenarios: cython.bint = not pools.by_brackets[pools.kind[pool]]
        known: cython.bint = not (scenarios and self.unknown)
        n: cython.Py_ssize_t
        slot: cython.int
        i: cython.int
        u: cython.int
        size: cython.double
        several: cython.int = 0
        self.gross = 0.0
        for u in range(pools.underlyings):
            self.uses[u] = self.bends[u] = 0
        if not self._measure_assets(pool):
            return False
        for n in range(pools.slot_first[pool], pools.slot_first[pool + 1]):
            slot = pools.pool_slots[n]
            if pools.ledger.quantity[account, slot] == 0:
                continue
            i = pools.instrument_of[slot]
            u = pools.underlying[i]
            if pools.mark[i] <= 0.0 or pools.index[pools.settle[i]] <= 0.0 or not self.smooth[i]:
                return False
            size = abs(pools.settled_value(account, slot, i))
            size += 2.0 * abs(pools.ledger.cost[account, slot]) * pools.unit[pools.settle[i]]
            self.gross += 2.0 * size * pools.index[pools.settle[i]]
            self.worth[pools.settle[i]] += pools.settled_value(account, slot, i)
            self.uses[u] += 1
            if pools.product[i] != LINEAR:
                self.uses[u] += 1
                self.bends[u] = 1
                if pools.asset_of[u] < 0 or pools.index[pools.asset_of[u]] <= 0.0:
                    known = False
            if pools.product[i] == OPTION and scenarios:
                known = False
            if scenarios and (pools.moved_index or self.by_size[u] > 0.0 or self.by_time[u] > 0.0):
                self.uses[u] += 1
        for u in range(pools.underlyings):
            if self.uses[u]:
                several += 1
                if self.uses[u] > 1 and (
                    pools.asset_of[u] < 0 or pools.index[pools.asset_of[u]] <= 0.0
                ):
                    known = False
        self.several = several > 1 and self.any_credit
        # ``gross`` is twice what the positions are worth, and grouped legs reach 2.25 times that.
        self.concentrated = self._concentration(2.0 * self.gross)
        if scenarios and self.several and (pools.moved_index or pools.currency[pool] >= 0):
            # The side of a net delta could turn while its scan risk is not 0, and the credit jump.
            known = False
        return known

    @cython.cfunc
    @cython.exceptval(check=False)
    def _measure_assets(self, pool: cython.int) -> cython.bint:
        """Add up balances and loans; False where one has no price."""
        pools: Pools = self.pools
        wallet: cython.int = pools.wallet[pool]
        asset: cython.int
        u: cython.int
        size: cython.double
        for asset in range(pools.assets):
            size = pools.owned(wallet, asset)
            self.amount[asset] = self.worth[asset] = size
            self.owed[asset] = (
                pools.ledger.loan[wallet, asset] + pools.ledger.interest[wallet, asset]
            ) * pools.unit[asset]
            if self._holds(wallet, asset):
                self.gross += (
                    abs(pools.ledger.balance[wallet, asset])
                    + pools.ledger.loan[wallet, asset]
                    + pools.ledger.interest[wallet, asset]
                ) * (pools.unit[asset] * pools.index[asset])
                u = pools.asset_underlying[asset]
                if u >= 0 and not self.settling[asset]:
                    self.uses[u] += 2
                if pools.index[asset] <= 0.0:
                    return False
        return True

    @cython.cfunc
    @cython.exceptval(check=False)
    def _legs(self, pool: cython.int) -> cython.void:
        """Make the legs: a mark alone, or an index and its bases."""
        pools: Pools = self.pools
        account: cython.int = pools.account[pool]
        wallet: cython.int = pools.wallet[pool]
        n: cython.Py_ssize_t
        slot: cython.int
        i: cython.int
        u: cython.int
        asset: cython.int
        for asset in range(pools.assets):
            if self._holds(wallet, asset) and not self.settling[asset]:
                u = pools.asset_underlying[asset]
                self._leg_at(self.index_at + asset, u >= 0 and self.uses[u] > 2)
        for n in range(pools.slot_first[pool], pools.slot_first[pool + 1]):
            slot = pools.pool_slots[n]
            if pools.ledger.quantity[account, slot] == 0:
                continue
            i = pools.instrument_of[slot]
            u = pools.underlying[i]
            if self.uses[u] == 1 and pools.product[i] == LINEAR:
                self._leg_at(i, False)
                continue
            self._leg_at(self.index_at + pools.asset_of[u], True)
            if pools.product[i] == OPTION:
                self._leg_at(i, False)
            else:
                self._leg_at(self.basis_at + i, True)
            if self.by_time[u] > 0.0:
                self._leg_at(self.time_at, False)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _whatever_it_depends_on(self, pool: cython.int) -> cython.void:
        """Make a box of no width: all prices, because a basis can round to what it was."""
        pools: Pools = self.pools
        account: cython.int = pools.account[pool]
        wallet: cython.int = pools.wallet[pool]
        n: cython.Py_ssize_t
        slot: cython.int
        i: cython.int
        u: cython.int
        asset: cython.int
        for asset in range(pools.assets):
            if self._holds(wallet, asset):
                self._leg_at(self.index_at + asset, True)
        for n in range(pools.slot_first[pool], pools.slot_first[pool + 1]):
            slot = pools.pool_slots[n]
            if pools.ledger.quantity[account, slot] == 0:
                continue
            i = pools.instrument_of[slot]
            u = pools.underlying[i]
            self._leg_at(i, True)
            self._leg_at(self.index_at + pools.settle[i], True)
            if pools.asset_of[u] >= 0:
                self._leg_at(self.index_at + pools.asset_of[u], True)
            if pools.product[i] == OPTION:
                self._leg_at(self.volatility_at + i, True)
                self._leg_at(self.forward_at + i, True)
                self._leg_at(self.time_at, True)
            if self.by_time[u] > 0.0:
                self._leg_at(self.time_at, True)

    # Slopes

    @cython.cfunc
    @cython.exceptval(check=False)
    def _slopes(self, pool: cython.int) -> cython.void:
        """Bound the slopes of equity and maintenance margin over the present box."""
        pools: Pools = self.pools
        k: cython.int
        asset: cython.int
        scenarios: cython.bint = not pools.by_brackets[pools.kind[pool]]
        for k in range(self.legs):
            self.equity_low[k] = self.equity_high[k] = 0.0
            self.margin_low[k] = self.margin_high[k] = 0.0
        for k in range(pools.underlyings):
            self.net[k] = self.gross_size[k] = 0.0
        self._shares(pool)
        for asset in range(pools.assets):
            k = self.leg_of[self.index_at + asset]
            if k >= 0:
                self._equity(k, asset, self.amount[asset], self.amount[asset])
                if scenarios:
                    self.margin_high[k] += self.by_asset[asset] * self.owed[asset] * self.scale
                else:
                    self._margin(
                        k, pools.loan_maintenance[pools.loan_tier[pool]] * self.owed[asset]
                    )
        n: cython.Py_ssize_t
        slot: cython.int
        for n in range(pools.slot_first[pool], pools.slot_first[pool + 1]):
            slot = pools.pool_slots[n]
            if pools.ledger.quantity[pools.account[pool], slot] != 0:
                self._position(pool, slot, scenarios)
        if scenarios:
            self._underlyings(pool)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _equity(
        self, k: cython.int, asset: cython.int, low: cython.double, high: cython.double
    ) -> cython.void:
        """Add to a leg's slope of equity what is in an asset, after its haircut."""
        self.equity_low[k] += low * (
            self.counts_low[asset] if low > 0.0 else self.counts_high[asset]
        )
        self.equity_high[k] += high * (
            self.counts_high[asset] if high > 0.0 else self.counts_low[asset]
        )

    @cython.cfunc
    @cython.exceptval(check=False)
    def _margin(self, k: cython.int, slope: cython.double) -> cython.void:
        self.margin_low[k] += slope
        self.margin_high[k] += slope

    @cython.cfunc
    @cython.exceptval(check=False)
    def _farthest(self, k: cython.int) -> cython.double:
        """How far a leg's factor may go from where it is."""
        value: cython.double = self.value[self.leg[k]]
        return max(self.hi[k] - value, value - self.lo[k])

    @cython.cfunc
    @cython.exceptval(check=False)
    def _shares(self, pool: cython.int) -> cython.void:
        """Bound what share of its value an asset counts as, ``counts_low`` to ``counts_high``: a
        haircut takes from what is held and not from what is owed, so it matters whether the sum of
        balance and profit can change its sign inside the box.
        """
        pools: Pools = self.pools
        kind: cython.int = pools.kind[pool]
        asset: cython.int
        n: cython.Py_ssize_t
        slot: cython.int
        i: cython.int
        k: cython.int
        f: cython.int
        size: cython.double
        ratio: cython.double
        for asset in range(pools.assets):
            self.counts_low[asset] = self.counts_high[asset] = 1.0
            self.swing[asset] = MARGIN * self.gross / max(pools.index[asset], 1e-12)
        if not pools.haircut[kind]:
            return
        for n in range(pools.slot_first[pool], pools.slot_first[pool + 1]):
            slot = pools.pool_slots[n]
            size = abs(pools.ledger.quantity[pools.account[pool], slot])
            if size == 0.0:
                continue
            i = pools.instrument_of[slot]
            asset = pools.settle[i]
            size = size * pools.lot[i]
            k = self.leg_of[i]
            if k >= 0:
                self.swing[asset] += min(size * self._farthest(k), NO_EDGE)
                continue
            k = self.leg_of[self.basis_at + i]
            f = self.leg_of[self.index_at + pools.asset_of[pools.underlying[i]]]
            if pools.product[i] == LINEAR:
                self.swing[asset] += (
                    size
                    * (self.value[self.leg[k]] * self._farthest(f) + self.hi[f] * self._farthest(k))
                    / pools.index[asset]
                )
            else:
                self.swing[asset] += size / (self.lo[k] * self.lo[f]) - size / (
                    self.hi[k] * self.hi[f]
                )
        for asset in range(pools.assets):
            if self.worth[asset] + self.swing[asset] < 0.0:
                continue
            n = pools.ratio_first[kind * pools.assets + asset]
            ratio = pools.ratio[kind, asset]
            self.counts_low[asset] = self.counts_high[asset] = ratio
            if n < pools.ratio_first[kind * pools.assets + asset + 1]:
                self.counts_low[asset] = self.counts_high[asset] = pools.ratio_factor[n]
            while n < pools.ratio_first[kind * pools.assets + asset + 1]:
                ratio = pools.ratio_factor[n]
                self.counts_low[asset] = min(self.counts_low[asset], ratio)
                self.counts_high[asset] = max(self.counts_high[asset], ratio)
                n += 1
            if self.worth[asset] - self.swing[asset] <= 0.0:
                self.counts_low[asset] = min(self.counts_low[asset], 1.0)
                self.counts_high[asset] = max(self.counts_high[asset], 1.0)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _position(self, pool: cython.int, slot: cython.int, scenarios: cython.bint) -> cython.void:
        """Add one position: its part in equity, its brackets, its exposure in scenarios."""
        pools: Pools = self.pools
        i: cython.int = pools.instrument_of[slot]
        u: cython.int = pools.underlying[i]
        settle: cython.int = pools.settle[i]
        size: cython.double = pools.ledger.quantity[pools.account[pool], slot] * pools.lot[i]
        k: cython.int
        f: cython.int
        if pools.product[i] == INVERSE:
            self._inverse(pool, slot, scenarios)
            return
        k = self.leg_of[i]
        if k >= 0:
            size = size * pools.index[settle]
            self._equity(k, settle, size, size)
            if pools.product[i] == OPTION:
                if size < 0.0 and pools.has_option_margin:
                    f = self.leg_of[self.index_at + pools.asset_of[u]]
                    size = -size
                    self.margin_low[k] += size
                    self.margin_high[k] += size * (1.0 + pools.option_margin[2])
                    self.margin_high[f] += (
                        size
                        / pools.index[settle]
                        * (pools.option_margin[2] + pools.option_margin[3])
                    )
                return
            if scenarios:
                self._lone(k, u, abs(size))
            else:
                size = abs(size)
                self.margin_low[k] += size * self._rate_at(
                    i, size / pools.index[settle] * self.lo[k]
                )
                self.margin_high[k] += size * self._rate_at(
                    i, size / pools.index[settle] * self.hi[k]
                )
            return
        self._by_basis(i, size, scenarios)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _by_basis(self, i: cython.int, size: cython.double, scenarios: cython.bint) -> cython.void:
        """Add a linear contract among others of its underlying: ``size * basis * index`` USD."""
        pools: Pools = self.pools
        u: cython.int = pools.underlying[i]
        settle: cython.int = pools.settle[i]
        k: cython.int = self.leg_of[self.basis_at + i]
        f: cython.int = self.leg_of[self.index_at + pools.asset_of[u]]
        self._equity(f, settle, size * self.value[self.leg[k]], size * self.value[self.leg[k]])
        if size > 0.0:
            self._equity(k, settle, size * self.lo[f], size * self.hi[f])
        else:
            self._equity(k, settle, size * self.hi[f], size * self.lo[f])
        if scenarios:
            self._exposed(
                u,
                k,
                size if pools.moved_index else size * self.value[self.leg[k]],
                abs(size),
                abs(size) * self.hi[k],
                abs(size) * self.hi[f],
            )
            return
        size = abs(size)
        low: cython.double = size * self._rate_at(
            i, size * self.lo[f] * self.lo[k] / pools.index[settle]
        )
        high: cython.double = size * self._rate_at(
            i, size * self.hi[f] * self.hi[k] / pools.index[settle]
        )
        self.margin_low[f] += low * self.value[self.leg[k]]
        self.margin_high[f] += high * self.value[self.leg[k]]
        self.margin_low[k] += low * self.lo[f]
        self.margin_high[k] += high * self.hi[f]

    @cython.cfunc
    @cython.exceptval(check=False)
    def _inverse(self, pool: cython.int, slot: cython.int, scenarios: cython.bint) -> cython.void:
        """Add an inverse contract: its worth in USD is ``-face / basis - cost * index``."""
        pools: Pools = self.pools
        account: cython.int = pools.account[pool]
        i: cython.int = pools.instrument_of[slot]
        u: cython.int = pools.underlying[i]
        settle: cython.int = pools.settle[i]
        k: cython.int = self.leg_of[self.basis_at + i]
        f: cython.int = self.leg_of[self.index_at + pools.asset_of[u]]
        face: cython.double = pools.ledger.quantity[account, slot] * pools.lot[i]
        cost: cython.double = pools.ledger.cost[account, slot] * pools.unit[settle]
        low: cython.double = self.lo[k] * self.lo[k]
        high: cython.double = self.hi[k] * self.hi[k]
        self._equity(f, settle, -cost, -cost)
        if face > 0.0:
            self._equity(k, settle, face / high, face / low)
        else:
            self._equity(k, settle, face / low, face / high)
        face = abs(face)
        if scenarios:
            self._exposed(u, k, 0.0, 0.0, face / self.lo[k] + face, face / low)
            return
        least: cython.int = self._bracket_at(i, face / (self.hi[k] * self.hi[f]))
        most: cython.int = self._bracket_at(i, face / (self.lo[k] * self.lo[f]))
        if least < 0:
            return
        self.margin_low[f] -= pools.cum[most]
        self.margin_high[f] -= pools.cum[least]
        self.margin_low[k] -= face * pools.bracket_rate[most] / low
        self.margin_high[k] -= face * pools.bracket_rate[least] / high

    @cython.cfunc
    @cython.exceptval(check=False)
    def _bracket_at(self, i: cython.int, notional: cython.double) -> cython.int:
        """Row of the bracket that holds a notional, -1 where the instrument has none."""
        b: cython.Py_ssize_t = self.pools.bracket_first[i]
        last: cython.Py_ssize_t = self.pools.bracket_first[i + 1] - 1
        if last < b:
            return -1
        while b < last and notional >= self.pools.cap[b]:
            b += 1
        return b

    @cython.cfunc
    @cython.exceptval(check=False)
    def _rate_at(self, i: cython.int, notional: cython.double) -> cython.double:
        """Maintenance margin rate at a notional."""
        b: cython.int = self._bracket_at(i, notional)
        return self.pools.bracket_rate[b] if b >= 0 else 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _lone(self, k: cython.int, u: cython.int, size: cython.double) -> cython.void:
        """Add the scenario margin of an underlying's only position, by its mark."""
        charged: cython.double = self._concentration(size * self.hi[k])
        if self.straight:
            self._proportional(k, u, size * charged)
        else:
            # More of it never needs less.
            self.margin_high[k] += (
                size * (self.by_scan[u] + self.by_delta[u] + charged) * self.scale
            )

    @cython.cfunc
    @cython.exceptval(check=False)
    def _concentration(self, amount: cython.double) -> cython.double:
        """Steepest rate of the concentration tiers that an amount of USD can reach."""
        pools: Pools = self.pools
        c: cython.int
        n: cython.Py_ssize_t
        most: cython.double
        total: cython.double = 0.0
        for c in range(pools.components):
            if pools.kind_of_part[c] != CONCENTRATION:
                continue
            most = 0.0
            for n in range(pools.tier_first[c], pools.tier_first[c + 1]):
                if pools.tier_floor[n] < amount:
                    most = max(most, pools.tier_factor[n])
            total += most
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def _proportional(self, k: cython.int, u: cython.int, charged: cython.double) -> cython.void:
        """Add what an underlying needs where all of it is in proportion to the leg's factor, but
        for concentration, which takes up to ``charged`` of a unit more.

        The credit takes back of one more unit of scan risk at least nothing and at most twice the
        underlying's best rate: one more unit can at best be matched with the best partner.
        """
        pools: Pools = self.pools
        value: cython.double = self.value[self.leg[k]]
        needed: cython.double = pools.unit_sum[u] + pools.unit_add[u]
        back: cython.double = 0.0
        c: cython.int
        for c in range(pools.components):
            if pools.kind_of_part[c] == CONCENTRATION:
                needed -= pools.part[c, u]
        if self.several:
            back = pools.unit_scan[u] * self.most_credit[u]
        self.margin_low[k] += (needed - back) / value * self.scale
        self.margin_high[k] += (needed / value + charged) * self.scale

    @cython.cfunc
    @cython.exceptval(check=False)
    def _exposed(
        self,
        u: cython.int,
        k: cython.int,
        moved: cython.double,
        size: cython.double,
        delta: cython.double,
        steepest: cython.double,
    ) -> cython.void:
        """Add a position's scenario margin by its basis, and to its underlying's exposure.

        Per unit of the index: ``moved`` USD that scenarios move, ``size`` units; ``delta`` its
        largest delta per unit of the index (inverse: USD), ``steepest`` its largest slope by basis.
        """
        t: cython.int
        most: cython.double = (
            steepest
            * (
                self.by_scan[u]
                + self.by_coin[u]
                + self.by_delta[u]
                + self.by_size[u]
                + self.concentrated
            )
            * self.scale
        )
        self.margin_low[k] -= most
        self.margin_high[k] += most
        self.net[u] += moved
        self.gross_size[u] += size * self.by_size[u]
        if size > 0.0:
            self.gross_size[u] += delta * (self.by_delta[u] + self.concentrated)
        if self.by_time[u] > 0.0:
            t = self.leg_of[self.time_at]
            if size > 0.0:
                delta = delta * self.hi[self.leg_of[self.index_at + self.pools.asset_of[u]]]
            self.margin_low[t] -= delta * self.by_time[u] * self.scale

    @cython.cfunc
    @cython.exceptval(check=False)
    def _underlyings(self, pool: cython.int) -> cython.void:
        """Add the scenario margin by the index of each underlying, at the present bases.

        Where nothing bends it is in proportion to the index.  Else the net exposure, of which what
        is held offsets some, times the worst move, and the gross exposure times what is charged.
        """
        pools: Pools = self.pools
        u: cython.int
        k: cython.int
        asset: cython.int
        held: cython.double
        most: cython.double
        for u in range(pools.underlyings):
            asset = pools.asset_of[u]
            if asset < 0 or self.leg_of[self.index_at + asset] < 0:
                continue
            k = self.leg_of[self.index_at + asset]
            held = 0.0 if pools.isolated[pool] >= 0 else self.amount[asset]
            if self.straight and not self.bends[u] and not pools.moved_index:
                self._proportional(k, u, (abs(self.net[u]) + abs(held)) * self.concentrated)
                continue
            most = abs(self.net[u] + held) * self.by_scan[u]
            if held >= 0.0:
                most = max(most, abs(self.net[u]) * self.by_scan[u])
            most += self.gross_size[u] + abs(held) * (self.by_spot[u] + self.concentrated)
            most = most * self.scale
            self.margin_low[k] -= most
            self.margin_high[k] += most

    # Widths

    @cython.cfunc
    @cython.exceptval(check=False)
    def _against(self, leg: cython.int) -> cython.void:
        """What one unit of a factor's fall or rise can take of each room, from the slopes."""
        low: cython.double
        high: cython.double
        side: cython.int
        for side in range(2):
            if side == 0:
                low = self.equity_low[leg] - self.above * self.margin_high[leg]
                high = self.equity_high[leg] - self.above * self.margin_low[leg]
            else:
                low = self.below * self.margin_low[leg] - self.equity_high[leg]
                high = self.below * self.margin_high[leg] - self.equity_low[leg]
            self.down[side, leg] = high if high > 0.0 else 0.0
            # A free side goes on for ever: there the room must grow faster than rounding.
            if low >= FREE * abs(self.equity_high[leg]):
                self.up[side, leg] = 0.0
            else:
                self.up[side, leg] = max(-low, SMALL * abs(self.equity_high[leg]))
        if self.above < 0.0:
            self.down[0, leg] = self.up[0, leg] = 0.0
        if self.below < 0.0:
            self.down[1, leg] = self.up[1, leg] = 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _propose(self) -> cython.void:
        """Make a candidate box from the slopes at the present prices."""
        leg: cython.int
        f: cython.int
        most: cython.double = 0.0
        slope: cython.double
        value: cython.double
        for leg in range(self.legs):
            self._against(leg)
            slope = max(self.down[0, leg], self.up[0, leg], self.down[1, leg], self.up[1, leg])
            self.share[leg] = slope
            most = max(most, slope)
        for leg in range(self.legs):
            value = self.value[self.leg[leg]]
            slope = max(self.share[leg], 1e-6 * most)
            if slope > 0.0:
                third = (self.drift[self.leg[leg]] + 1e-12 * value * value) / slope
                self.share[leg] = power(third, 1.0 / 3.0)
            else:
                self.share[leg] = value
        self._scale()
        for leg in range(self.legs):
            f = self.leg[leg]
            value = self.value[f]
            if self.bound[leg]:
                self.lo[leg] = value - REACH * value
                self.hi[leg] = value + REACH * value
            else:
                self.lo[leg] = 0.0
                self.hi[leg] = NO_EDGE
            self._limit(leg, SPARE, REACH * value if self.bound[leg] else FAR * value)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _scale(self) -> cython.void:
        """Find how many shares each room is worth."""
        leg: cython.int
        side: cython.int
        for side in range(2):
            self.total[side] = 0.0
            for leg in range(self.legs):
                self.total[side] += self.share[leg] * max(self.down[side, leg], self.up[side, leg])

    @cython.cfunc
    @cython.exceptval(check=False)
    def _limit(self, leg: cython.int, spare: cython.double, reach: cython.double) -> cython.void:
        """Cut a leg's sides down to what both rooms allow, ``spare`` times."""
        value: cython.double = self.value[self.leg[leg]]
        side: cython.int
        width: cython.double
        for side in range(2):
            if self.total[side] <= 0.0:
                continue
            width = min(spare * self.share[leg] * self.room[side] / self.total[side], reach)
            if self.down[side, leg] > 0.0 and value - width > self.lo[leg]:
                self.lo[leg] = value - width
            if self.up[side, leg] > 0.0 and value + width < self.hi[leg]:
                self.hi[leg] = value + width


def _smooth(pools: Pools) -> list[bool]:
    """Say of each instrument whether its bracket table rises without jumps from 0, rates too."""
    smooth = []
    for i in range(pools.instruments):
        first, end = int(pools.bracket_first[i]), int(pools.bracket_first[i + 1])
        good = first == end or abs(pools.cum[first]) == 0.0
        for b in range(first, end - 1):
            at = pools.cap[b]
            more = pools.bracket_rate[b + 1] - pools.bracket_rate[b]
            jump = at * more - (pools.cum[b + 1] - pools.cum[b])
            good = good and more >= 0.0 and abs(jump) <= 1e-12 * at
        smooth.append(bool(good))
    return smooth
