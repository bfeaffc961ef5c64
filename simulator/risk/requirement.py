"""What a pool's underlyings need by the scenario model, over the ledger's columns (hot module).

The base of `simulator.risk.pools.Pools`: the columns of rules, instruments and pools, and the sum
of the components that ``simulator.risk.components`` describes.  Scan risk is ``scan``'s; readable
twin: ``simulator.risk.reference_scenario``.
"""

from typing import Any

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.ledger.columns import Ledger
    from cython.cimports.simulator.risk.kernels import matched_credit, net_delta_value
    from cython.cimports.simulator.risk.scan import Scan
else:
    from simulator.ledger.columns import Ledger
    from simulator.risk.kernels import matched_credit, net_delta_value
    from simulator.risk.scan import Scan

SPOT = cython.declare(cython.int, 0)
LINEAR = cython.declare(cython.int, 1)
INVERSE = cython.declare(cython.int, 2)
OPTION = cython.declare(cython.int, 3)

# Kinds of component and their roles, as ``simulator.risk.columns`` numbers them.
GRID = cython.declare(cython.int, 0)
CALENDAR = cython.declare(cython.int, 1)
EXPIRY = cython.declare(cython.int, 2)
SIZE = cython.declare(cython.int, 3)
CONCENTRATION = cython.declare(cython.int, 4)
LOAN = cython.declare(cython.int, 5)
BASIS = cython.declare(cython.int, 6)
WORST = cython.declare(cython.int, 0)
CHARGE = cython.declare(cython.int, 1)
FLOOR = cython.declare(cython.int, 2)

ALL, FUTURES, PERPETUAL, DATED, OPTIONS, SHORT_OPTIONS, SPOT_SCOPE = (
    cython.declare(cython.int, 0),
    cython.declare(cython.int, 1),
    cython.declare(cython.int, 2),
    cython.declare(cython.int, 3),
    cython.declare(cython.int, 4),
    cython.declare(cython.int, 5),
    cython.declare(cython.int, 6),
)

YEAR_NS = cython.declare(cython.double, 365.0 * 86_400.0 * 1e9)


def f8(values: Any) -> Any:
    """Return numbers as a column of floats."""
    return memoryview(np.array(values, dtype="f8"))


def i4(values: Any) -> Any:
    """Return whole numbers as a column."""
    return memoryview(np.array(values, dtype="i4"))


def zeros(*shape: int) -> Any:
    """Return a column or table of zeros, at least one long."""
    return memoryview(np.zeros([max(1, n) for n in shape]))


def table(values: Any) -> Any:
    """Return a two-dimensional column with at least one row and column."""
    found = np.ascontiguousarray(values, dtype="f8")
    return memoryview(found) if found.size else memoryview(np.zeros((1, 1)))


@cython.cclass
class Requirement:
    """Columns of pools, rules and instruments, and what scenarios ask for; see `Pools`."""

    def __init__(self, ledger: Ledger, pools, pool_of, columns, live=None) -> None:
        self.ledger = ledger
        self.columns = columns
        self.rules_changed = self.partitioned = 0
        self._take_rules(columns)
        self._take_components(columns.components)
        self.set_partition(pools, pool_of, live)
        slots = max(1, len(columns.instrument_of))
        self.buying = memoryview(np.zeros((ledger.accounts, slots), dtype="i8"))
        self.selling = memoryview(np.zeros((ledger.accounts, slots), dtype="i8"))
        self.mark = zeros(self.instruments)
        self.index = zeros(self.assets)
        self.volatility = zeros(self.instruments)
        self.volatility_of = zeros(self.underlyings)
        self.forward = zeros(self.instruments)
        self.time_ns = 0

    def _take_rules(self, columns) -> None:
        self.instruments = len(columns.product)
        self.assets = len(columns.assets)
        self.underlyings = len(columns.underlyings)
        self.ladder = f8(np.ravel(columns.ladder))
        self.kinds = len(columns.by_brackets)
        self.by_brackets = i4(columns.by_brackets)
        self.haircut = i4(columns.haircut)
        self.ratio = table(columns.ratio)
        self.ratio_first = memoryview(np.array(columns.ratio_first, dtype=np.intp))
        self.ratio_floor = f8(columns.ratio_floor)
        self.ratio_factor = f8(columns.ratio_factor)
        self.unit = f8(columns.unit)
        self.product = i4(columns.product)
        self.underlying = i4(columns.underlying)
        self.settle = i4(columns.settle)
        self.call = i4(columns.call)
        self.bucket = i4(columns.bucket)
        self.group = i4(columns.group)
        self.forward_from = i4(columns.forward_from)
        self.lot = f8(columns.lot)
        self.leverage = f8(columns.leverage)
        self.strike = f8(columns.strike)
        self.cap = f8(columns.cap)
        self.cum = f8(columns.cum)
        self.max_leverage = f8(columns.max_leverage)
        self.instrument_of = i4(columns.instrument_of)
        self.expiry_ns = memoryview(np.array(columns.expiry_ns, dtype="i8"))
        self.bracket_rate = f8(columns.bracket_rate)
        self.bracket_first = memoryview(np.array(columns.bracket_first, dtype=np.intp))
        self.option_margin = f8(columns.option_margin)
        self.has_option_margin = len(columns.option_margin) > 0
        self.loan_initial = f8(columns.loan_initial)
        self.loan_maintenance = f8(columns.loan_maintenance)
        self.asset_underlying = i4(columns.asset_underlying)
        self.asset_of = i4(columns.asset_of)
        self.price_range = f8(columns.price_range)
        self.credit = table(columns.credit)
        self.initial_over_maintenance = columns.initial_over_maintenance
        self.total_is_maintenance = columns.total_is_maintenance
        self.moved_index = columns.moved_index
        self.floor_by_unit = columns.floor_by_unit
        self.factor_on_worst = columns.factor_on_worst
        self.rate = columns.rate
        self.scan = Scan(columns.rows, self.instruments)
        self.bucket_first = memoryview(np.array(columns.bucket_first, dtype=np.intp))
        self.bucket_expiry = memoryview(np.array(columns.bucket_expiry, dtype="i8"))
        size, buckets = self.underlyings, len(columns.bucket_expiry)
        self.bucket_delta = zeros(buckets)
        self.linear, self.coin, self.spot = zeros(size), zeros(size), zeros(size)
        self.has_options = memoryview(np.zeros(max(1, size), dtype="i4"))
        self.active = memoryview(np.zeros(max(1, size), dtype="i4"))
        self.group_size, self.group_delta = zeros(columns.groups), zeros(columns.groups)
        self.pnl = zeros(self.assets)
        # Twice: all buys filled, all sells filled.
        self.unit_sum, self.unit_scan = zeros(2 * size), zeros(2 * size)
        self.unit_side, self.unit_floor = zeros(2 * size), zeros(2 * size)
        self.unit_add, self.unit_worst = zeros(2 * size), zeros(2 * size)
        self.part = zeros(2 * max(1, len(columns.components.names)), size)

    def _take_components(self, parts) -> None:
        self.components = len(parts.names)
        self.names = (*parts.names, self.columns.credit_name)
        self.kind_of_part = i4(parts.kind)
        self.role = i4(parts.role)
        self.grid = i4(parts.grid)
        self.scope = i4(parts.scope)
        self.by_delta = i4(parts.by_delta)
        self.part_rate = table(parts.rate)
        self.part_annual = table(parts.annual)
        self.loan_rate = table(parts.loan_rate)
        self.tier_first = memoryview(np.array(parts.tier_first, dtype=np.intp))
        self.tier_floor = f8(parts.tier_floor)
        self.tier_factor = f8(parts.tier_factor)
        kinds = list(parts.kind)
        self.sizes = kinds.count(SIZE)
        self.bases = kinds.count(BASIS)
        # Two figures an expiry: forward down, forward up.
        self.basis_gain = zeros(self.components, 2 * len(self.bucket_expiry))
        worst = [c for c in range(len(kinds)) if kinds[c] == GRID and parts.role[c] == WORST]
        self.first_worst = worst[0] if worst else -1
        self.size_sum = zeros(self.components, self.underlyings)
        self.figure = zeros(self.components + 1)
        self.positions_part = self.loans_part = self.options_part = 0.0

    def set_rules(self, columns) -> None:
        """Take other rules for the same instruments and assets.

        Marks, index prices, volatilities, forwards and open orders stay; leverage is that of
        ``columns``.  `set_partition` must follow.
        """
        known = dict(zip(self.columns.underlyings, np.asarray(self.volatility_of), strict=True))
        self.columns = columns
        self._take_rules(columns)
        self._take_components(columns.components)
        self.volatility_of = f8([known.get(name, 0.0) for name in columns.underlyings])
        self.rules_changed += 1

    def set_partition(self, pools, pool_of, live=None) -> None:
        """Take pools and which of them margins each position; figures start anew.

        ``live`` numbers the pools that exist now, all by default: the others are not looked at.
        """
        rows = np.asarray(pools, dtype="i4").reshape(-1, 5)
        n = len(rows)
        self.partitioned += 1
        columns = np.ascontiguousarray(rows.T) if n else np.zeros((5, 1), dtype="i4")
        self.count = n
        now = np.array(range(n) if live is None else live, dtype="i4")
        self.n_live = len(now)
        self.live = memoryview(now if len(now) else np.zeros(1, dtype="i4"))
        self.account, self.wallet, self.isolated, self.kind, self.currency = (
            memoryview(column) for column in columns
        )
        self.level = memoryview(np.zeros(max(1, n), dtype="i4"))
        self.checked = memoryview(np.zeros(max(1, n), dtype="i4"))
        self.equity, self.initial, self.maintenance = zeros(n), zeros(n), zeros(n)
        self.loan_tier = memoryview(np.full(max(1, n), self.columns.default_loan_tier, dtype="i4"))
        found = np.ascontiguousarray(pool_of, dtype="i4")
        self.pool_of = memoryview(found)
        flat = found.ravel()
        order = np.argsort(flat, kind="stable")
        order = order[np.count_nonzero(flat < 0) :]
        first = np.zeros(n + 1, dtype=np.intp)
        np.cumsum(np.bincount(flat[order], minlength=n)[:n], out=first[1:])
        self.slot_first = memoryview(first)
        width = max(1, found.shape[1])
        self.pool_slots = memoryview(
            (order % width).astype("i4") if len(order) else np.zeros(1, "i4")
        )
        # A row of instruments for each account that has a leverage of its own, from number 1 on.
        each = max(1, len(self.columns.leverage) // max(1, self.instruments))
        kind = np.zeros((each, max(1, self.instruments)), dtype="i4")
        for at in range(len(self.columns.instrument_of) - 1, -1, -1):
            for row in range(each):
                margined = found[:, at] if each == 1 else found[row + 1 : row + 2, at]
                held = margined[margined >= 0]
                if len(held):
                    kind[row, self.columns.instrument_of[at]] = rows[held[0], 3]
        self.kind_of = memoryview(kind.ravel())

    # Inputs that are not columns of the ledger

    @cython.ccall
    @cython.exceptval(check=False)
    def advance(self, time_ns: cython.longlong) -> cython.void:
        """Set the instant at which options and charges by time to expiry are valued."""
        self.time_ns = time_ns

    def set_measured(self, price_range, credit) -> None:
        """Take price ranges [underlying] and credit [underlying, underlying] as now measured."""
        self.price_range = f8(price_range)
        self.credit = table(credit)
        self.scan.set_ranges(self.price_range)
        self.rules_changed += 1

    def set_margin_leverage(self, pool: int, leverage: int) -> None:
        """Choose a pool's cross-margin leverage; ``ValueError`` if the rules have no such one."""
        self.loan_tier[pool] = self.columns.loan_tiers.index(leverage)
        self.rules_changed += 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def years_to(self, expiry_ns: cython.longlong) -> cython.double:
        """Years from ``time_ns`` to an expiry, never below 0; 0 for a perpetual."""
        if expiry_ns <= self.time_ns:
            return 0.0
        return (expiry_ns - self.time_ns) / YEAR_NS

    @cython.ccall
    @cython.exceptval(check=False)
    def value_option(self, i: cython.int) -> cython.void:
        """Bring an option's scenario values up to date; cheap if nothing has changed."""
        u: cython.int = self.underlying[i]
        years: cython.double = self.years_to(self.expiry_ns[i])
        volatility: cython.double = self.volatility[i]
        if volatility <= 0.0:
            volatility = self.volatility_of[u]
        usd: cython.double
        forward: cython.double = self.forward[i]
        if forward <= 0.0 and self.forward_from[i] >= 0:
            forward = self.mark[self.forward_from[i]]
        if forward <= 0.0:
            usd = self.index[self.settle[i]]
            forward = self.index_of(u) / usd if usd > 0.0 else 0.0
            forward = self.scan.forward_of(forward, self.rate, years)
        if volatility <= 0.0:
            volatility = self.scan.implied(
                i, self.mark[i], forward, self.strike[i], years, self.rate, self.call[i]
            )
        self.scan.value_option(
            i, u, forward, self.strike[i], volatility, years, self.rate, self.call[i]
        )

    @cython.cfunc
    @cython.exceptval(check=False)
    def index_of(self, u: cython.int) -> cython.double:
        """Index price of an underlying, USD."""
        return self.index[self.asset_of[u]] if self.asset_of[u] >= 0 else 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def owned(self, wallet: cython.int, asset: cython.int) -> cython.double:
        """Balance less loan and interest, in units of the asset."""
        return (
            self.ledger.balance[wallet, asset]
            - self.ledger.loan[wallet, asset]
            - self.ledger.interest[wallet, asset]
        ) * self.unit[asset]

    # Scenarios

    @cython.cfunc
    @cython.exceptval(check=False)
    def scenario_total(self, pool: cython.int, with_orders: cython.bint) -> cython.double:
        """Return the sum of a pool's components, USD."""
        u: cython.int
        c: cython.int
        other: cython.int
        # What the worst losses count by in initial margin, beyond once.
        more: cython.double = 0.0
        if self.factor_on_worst and self.total_is_maintenance:
            more = self.initial_over_maintenance - 1.0
        self.collect(pool, 1 if with_orders else 0)
        self.units(0)
        if with_orders:
            self.collect(pool, 2)
            self.units(1)
            for u in range(self.underlyings):
                other = self.underlyings + u
                if (
                    self.unit_sum[other] + more * self.unit_worst[other] + self.unit_add[other]
                    > self.unit_sum[u] + more * self.unit_worst[u] + self.unit_add[u]
                ):
                    self.unit_sum[u] = self.unit_sum[other]
                    self.unit_worst[u] = self.unit_worst[other]
                    self.unit_scan[u] = self.unit_scan[other]
                    self.unit_side[u] = self.unit_side[other]
                    self.unit_add[u] = self.unit_add[other]
                    for c in range(self.components):
                        self.part[c, u] = self.part[self.components + c, u]
                if self.unit_floor[other] > self.unit_floor[u]:
                    self.unit_floor[u] = self.unit_floor[other]
        return self.add_up(pool, 1.0)

    @cython.cfunc
    @cython.exceptval(check=False)
    def other_margin(self, pool: cython.int, total: cython.double) -> cython.double:
        """Return the margin that follows from ``total``, which `scenario_total` has just given."""
        factor: cython.double = self.initial_over_maintenance
        if not self.factor_on_worst:
            return total * factor if self.total_is_maintenance else total / factor
        return self.add_up(pool, factor if self.total_is_maintenance else 1.0 / factor)

    @cython.cfunc
    @cython.exceptval(check=False)
    def collect(self, pool: cython.int, orders: cython.int) -> cython.void:
        """Gather a pool's exposure by underlying; orders 0 none, 1 buys filled, 2 sells filled."""
        account: cython.int = self.account[pool]
        wallet: cython.int = self.wallet[pool]
        u: cython.int
        c: cython.int
        b: cython.Py_ssize_t
        n: cython.Py_ssize_t
        slot: cython.int
        asset: cython.int
        lots: cython.double
        for u in range(self.underlyings):
            self.linear[u] = self.coin[u] = self.spot[u] = 0.0
            self.has_options[u] = self.active[u] = 0
        for b in range(self.bucket_first[self.underlyings]):
            self.bucket_delta[b] = 0.0
        if self.sizes:
            for c in range(self.components):
                for u in range(self.underlyings):
                    self.size_sum[c, u] = 0.0
        if self.bases:
            for c in range(self.components):
                for b in range(2 * self.bucket_first[self.underlyings]):
                    self.basis_gain[c, b] = 0.0
        for n in range(self.slot_first[pool], self.slot_first[pool + 1]):
            slot = self.pool_slots[n]
            lots = self.ledger.quantity[account, slot]
            if orders == 1:
                lots = lots + self.buying[account, slot]
            elif orders == 2:
                lots = lots - self.selling[account, slot]
            if lots != 0.0:
                self.expose(self.instrument_of[slot], lots, self.currency[pool])
        if self.sizes:
            self.add_sizes(pool)
        if self.isolated[pool] >= 0:
            return
        for asset in range(self.assets):
            u = self.asset_underlying[asset]
            if u >= 0 and asset != self.currency[pool]:
                self.spot[u] += (
                    self.owned(wallet, asset)
                    - (self.ledger.held[wallet, asset] * self.unit[asset] if orders else 0.0)
                ) * self.index[asset]
                if self.spot[u] < 0.0:
                    self.active[u] = 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def expose(self, i: cython.int, lots: cython.double, currency: cython.int) -> cython.void:
        """Add a position to its underlying's exposure."""
        u: cython.int = self.underlying[i]
        usd: cython.double = self.index[self.settle[i]]
        price: cython.double
        delta: cython.double
        size: cython.double
        # USD that move with the price, in a straight line and bent; units of an option.
        straight: cython.double = 0.0
        bent: cython.double = 0.0
        units: cython.double = 0.0
        self.active[u] = 1
        if self.product[i] == LINEAR:
            price = self.index_of(u) / usd if self.moved_index and usd > 0.0 else self.mark[i]
            delta = lots * (self.lot[i] * self.mark[i] * usd)
            straight = lots * (self.lot[i] * price * usd)
            size = lots * self.lot[i]
        elif self.product[i] == INVERSE:
            if self.mark[i] <= 0.0:
                return
            delta = lots * self.lot[i]
            size = delta / self.mark[i]
            if currency == self.settle[i]:
                delta = bent = size * self.index_of(u)
            else:
                straight = size * self.index_of(u) if self.moved_index else delta
        else:
            self.value_option(i)
            size = lots * self.lot[i]
            delta = size * self.scan.delta[i] * self.index_of(u)
            if not self.has_options[u]:
                self.has_options[u] = 1
                self.scan.clear_options(u)
            units = size * usd
            self.scan.add_option(i, u, units)
        self.linear[u] += straight
        self.coin[u] += bent
        self.bucket_delta[self.bucket[i]] += delta
        if self.bases and self.expiry_ns[i] != 0:
            self.add_basis(i, straight, bent, units)
        if self.sizes:
            self.group_size[self.group[i]] += size
            self.group_delta[self.group[i]] += delta

    @cython.cfunc
    @cython.exceptval(check=False)
    def in_scope(self, scope: cython.int, i: cython.int) -> cython.bint:
        """Whether an instrument counts in a size charge."""
        if scope == ALL:
            return True
        if self.product[i] == OPTION:
            return scope == OPTIONS or scope == SHORT_OPTIONS
        if scope == FUTURES:
            return True
        if scope == PERPETUAL:
            return self.expiry_ns[i] == 0
        return scope == DATED and self.expiry_ns[i] != 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def add_sizes(self, pool: cython.int) -> cython.void:
        """Add a pool's positions to the size charges: what is the same nets, and counts once."""
        n: cython.Py_ssize_t
        c: cython.int
        i: cython.int
        g: cython.int
        u: cython.int
        amount: cython.double
        for n in range(self.slot_first[pool], self.slot_first[pool + 1]):
            i = self.instrument_of[self.pool_slots[n]]
            g = self.group[i]
            if self.group_size[g] == 0.0 and self.group_delta[g] == 0.0:
                continue
            u = self.underlying[i]
            for c in range(self.components):
                if self.kind_of_part[c] != SIZE or not self.in_scope(self.scope[c], i):
                    continue
                if self.scope[c] == SHORT_OPTIONS and self.group_size[g] >= 0.0:
                    continue
                amount = (
                    self.group_delta[g]
                    if self.by_delta[c]
                    else self.group_size[g] * self.index_of(u)
                )
                if amount < 0.0:
                    self.size_sum[c, u] -= amount
                else:
                    self.size_sum[c, u] += amount
            self.group_size[g] = self.group_delta[g] = 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def units(self, case: cython.int) -> cython.void:
        """Work out the components of every underlying into row ``case`` of the unit figures."""
        u: cython.int
        c: cython.int
        at: cython.int
        row: cython.int = case * self.components
        for u in range(self.underlyings):
            at = case * self.underlyings + u
            self.unit_sum[at] = self.unit_scan[at] = self.unit_side[at] = 0.0
            self.unit_floor[at] = self.unit_add[at] = self.unit_worst[at] = 0.0
            for c in range(self.components):
                self.part[row + c, u] = 0.0
            if self.active[u] or (self.sizes and self.spot[u] != 0.0):
                self.one_unit(at, u, row)

    @cython.cfunc
    @cython.exceptval(check=False)
    def one_unit(self, at: cython.int, u: cython.int, row: cython.int) -> cython.void:
        held: cython.double = self.spot[u] if self.spot[u] > 0.0 else 0.0
        linear: cython.double = self.linear[u] + (self.spot[u] if self.spot[u] < 0.0 else 0.0)
        worst: cython.double = 0.0
        delta: cython.double = 0.0
        figure: cython.double
        b: cython.Py_ssize_t
        c: cython.int
        for c in range(self.components):
            if self.kind_of_part[c] == BASIS:
                figure = self.basis_charge(c, u)
            elif self.kind_of_part[c] == GRID:
                figure = self.scan.worst(
                    u, self.grid[c], linear, self.coin[u], held, self.has_options[u]
                )
            else:
                continue
            self.part[row + c, u] = figure
            if c == self.first_worst:
                self.unit_scan[at] = figure
            if self.role[c] == WORST and figure > worst:
                worst = figure
        for b in range(self.bucket_first[u], self.bucket_first[u + 1]):
            delta += self.bucket_delta[b]
        # More of an asset can shrink a side's risk but never turn it over.
        self.unit_side[at] = delta + (self.spot[u] if self.spot[u] < 0.0 else 0.0)
        delta = net_delta_value(delta, self.spot[u])
        self.unit_sum[at] = self.unit_worst[at] = worst
        for c in range(self.components):
            if self.kind_of_part[c] == CALENDAR or self.kind_of_part[c] == EXPIRY:
                self.part[row + c, u] = self.expiry_charge(c, u)
            elif self.kind_of_part[c] == SIZE:
                figure = self.size_sum[c, u]
                if self.scope[c] == SPOT_SCOPE:
                    figure = self.spot[u] if self.spot[u] > 0.0 else -self.spot[u]
                self.part[row + c, u] = self.by_tiers(c, figure * self.part_rate[c, u])
            elif self.kind_of_part[c] == CONCENTRATION:
                self.part[row + c, u] = self.by_tiers(c, delta if delta > 0.0 else -delta)
            figure = self.part[row + c, u]
            if self.role[c] == CHARGE:
                self.unit_sum[at] += figure
            elif self.role[c] == FLOOR:
                self.unit_floor[at] += figure
            elif self.role[c] != WORST:
                self.unit_add[at] += figure

    @cython.cfunc
    @cython.exceptval(check=False)
    def expiry_charge(self, c: cython.int, u: cython.int) -> cython.double:
        """A calendar or an expiry charge of one underlying."""
        longs: cython.double = 0.0
        shorts: cython.double = 0.0
        total: cython.double = 0.0
        rate: cython.double
        delta: cython.double
        b: cython.Py_ssize_t
        for b in range(self.bucket_first[u], self.bucket_first[u + 1]):
            delta = self.bucket_delta[b]
            if delta > 0.0:
                longs += delta
            else:
                shorts -= delta
            if self.kind_of_part[c] == EXPIRY:
                rate = self.part_annual[c, u] * self.years_to(self.bucket_expiry[b])
                if rate < self.part_rate[c, u]:
                    rate = self.part_rate[c, u]
                total += (delta if delta > 0.0 else -delta) * rate
        if self.kind_of_part[c] == EXPIRY:
            return total
        return self.part_rate[c, u] * (longs if longs < shorts else shorts)

    @cython.cfunc
    @cython.exceptval(check=False)
    def add_basis(
        self,
        i: cython.int,
        straight: cython.double,
        bent: cython.double,
        units: cython.double,
    ) -> cython.void:
        """Add what a position gains as its forward moves to its expiry's sums."""
        u: cython.int = self.underlying[i]
        at: cython.Py_ssize_t = 2 * self.bucket[i]
        c: cython.int
        k: cython.Py_ssize_t
        way: cython.int
        gain: cython.double
        for c in range(self.components):
            if self.kind_of_part[c] != BASIS:
                continue
            for way in range(2):
                k = self.scan.bound[u, self.grid[c]] + way
                gain = straight * self.scan.move[k] + bent * self.scan.coin_move[k]
                if self.product[i] == OPTION:
                    gain = units * self.scan.gain[i, k - self.scan.bound[u, 0]]
                self.basis_gain[c, at + way] += gain

    @cython.cfunc
    @cython.exceptval(check=False)
    def basis_charge(self, c: cython.int, u: cython.int) -> cython.double:
        """A basis charge of one underlying."""
        total: cython.double = 0.0
        loss: cython.double
        b: cython.Py_ssize_t
        for b in range(self.bucket_first[u], self.bucket_first[u + 1]):
            loss = -self.basis_gain[c, 2 * b]
            if -self.basis_gain[c, 2 * b + 1] > loss:
                loss = -self.basis_gain[c, 2 * b + 1]
            if loss > 0.0:
                total += loss * (
                    self.part_rate[c, u]
                    + self.part_annual[c, u] * self.years_to(self.bucket_expiry[b])
                )
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def by_tiers(self, c: cython.int, amount: cython.double) -> cython.double:
        first: cython.Py_ssize_t = self.tier_first[c]
        end: cython.Py_ssize_t = self.tier_first[c + 1]
        if first == end or amount <= self.tier_floor[first]:
            return 0.0  # as it mostly is; handing columns over costs more than all else here
        return tiered(amount, self.tier_floor, self.tier_factor, first, end)

    @cython.cfunc
    @cython.exceptval(check=False)
    def loan_charge(self, wallet: cython.int, c: cython.int) -> cython.double:
        """A loan charge over all assets that a wallet owes."""
        total: cython.double = 0.0
        owed: cython.longlong
        asset: cython.int
        for asset in range(self.assets):
            owed = self.ledger.loan[wallet, asset] + self.ledger.interest[wallet, asset]
            if owed != 0:
                total += owed * self.unit[asset] * self.index[asset] * self.loan_rate[c, asset]
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def add_up(self, pool: cython.int, factor: cython.double) -> cython.double:
        """Return the pool's total from row 0 of the unit figures; write ``figure``.

        Worst losses and the credit between them count by ``factor``.
        """
        total: cython.double = 0.0
        floors: cython.double = 0.0
        added: cython.double = 0.0
        value: cython.double
        credit: cython.double
        u: cython.int
        c: cython.int
        for u in range(self.underlyings):
            value = self.unit_sum[u] + (factor - 1.0) * self.unit_worst[u]
            if self.floor_by_unit and value < self.unit_floor[u]:
                value = self.unit_floor[u]
            total += value
            floors += self.unit_floor[u]
            added += self.unit_add[u]
        for c in range(self.components):
            self.figure[c] = 0.0
            for u in range(self.underlyings):
                self.figure[c] += self.part[c, u]
            if self.kind_of_part[c] == LOAN:
                self.figure[c] = self.loan_charge(self.wallet[pool], c)
                if self.role[c] == CHARGE:
                    total += self.figure[c]
                elif self.role[c] == FLOOR:
                    floors += self.figure[c]
                else:
                    added += self.figure[c]
        credit = 0.0
        if self.underlyings > 1:
            credit = matched_credit(self.unit_scan, self.unit_side, self.credit, self.underlyings)
        self.figure[self.components] = -credit
        total = total - factor * credit
        if not self.floor_by_unit and total < floors:
            total = floors
        return total + added


def tiered(
    amount: cython.double,
    floor: cython.double[::1],
    factor: cython.double[::1],
    first: cython.Py_ssize_t,
    end: cython.Py_ssize_t,
) -> cython.double:
    """Return each slice of ``amount`` above a tier's floor, up to the next one, times its factor.

    Below the first floor nothing counts.
    """
    total: cython.double = 0.0
    k: cython.Py_ssize_t
    top: cython.double
    for k in range(first, end):
        if amount <= floor[k]:
            break
        top = amount
        if k + 1 < end and floor[k + 1] < amount:
            top = floor[k + 1]
        total += (top - floor[k]) * factor[k]
    return total
