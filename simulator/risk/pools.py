"""Margin pools over the ledger's columns: equity, requirement and level of each (hot module).

A pool is a wallet with the positions that it margins: a shared wallet with all its cross positions,
or one isolated position.  The account mode decided the partition when the pools were made; nothing
here asks for it. Figures are float64 in USDT (the value of one USD-quoted unit), never booked.  The
arithmetic is ``simulator.risk.kernels``; the readable twin is ``simulator.risk.reference``.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.ledger.columns import Ledger
    from cython.cimports.simulator.risk.kernels import (
        bracket_initial_margin,
        bracket_maintenance_margin,
        collateral_value,
        net_delta_value,
        risk_level,
        scenario_initial_margin,
    )
else:
    from simulator.ledger.columns import Ledger
    from simulator.risk.kernels import (
        bracket_initial_margin,
        bracket_maintenance_margin,
        collateral_value,
        net_delta_value,
        risk_level,
        scenario_initial_margin,
    )

UNIT = cython.declare(cython.double, 1e-8)
SPOT = cython.declare(cython.int, 0)
INVERSE = cython.declare(cython.int, 2)
OPTION = cython.declare(cython.int, 3)


@cython.cclass
class Pools:
    """Equity, requirements and levels of all margin pools.

    ``pools`` lists (account, wallet, isolated instrument or -1); ``pool_of[account, instrument]``
    is the pool that margins a position, -1 for none.  ``level`` is of the last evaluation, whoever
    asked for it, ``checked`` of the last check by the venue.  Marks and index prices start at 0 =
    not known yet.
    """

    def __init__(self, ledger: Ledger, pools: list[tuple[int, int, int]], pool_of, rules) -> None:
        n = len(pools)
        self.ledger = ledger
        self.count = n
        self.instruments = ledger.instruments
        self.slots = ledger.slots
        self.assets = ledger.assets
        self.account = memoryview(np.array([p[0] for p in pools] or [0], dtype="i4"))
        self.wallet = memoryview(np.array([p[1] for p in pools] or [0], dtype="i4"))
        self.isolated = memoryview(np.array([p[2] for p in pools] or [0], dtype="i4"))
        self.level = memoryview(np.zeros(max(1, n), dtype="i4"))
        self.checked = memoryview(np.zeros(max(1, n), dtype="i4"))
        self.equity = memoryview(np.zeros(max(1, n)))
        self.initial = memoryview(np.zeros(max(1, n)))
        self.maintenance = memoryview(np.zeros(max(1, n)))
        self.pool_of = memoryview(np.ascontiguousarray(pool_of, dtype="i4"))
        self.brackets = rules["brackets"]
        self.haircut = rules["haircut"]
        self.ladder = memoryview(np.array(rules["ladder"], dtype="f8"))
        self.ratio = memoryview(np.array(rules["ratio"], dtype="f8"))
        self.loan_initial = rules["loan_initial"]
        self.loan_maintenance = rules["loan_maintenance"]
        self.initial_over_maintenance = rules["initial_over_maintenance"]
        self.price_range = memoryview(np.array(rules["price_range"], dtype="f8"))
        self.credit = memoryview(np.ascontiguousarray(rules["credit"], dtype="f8"))
        self.cap = memoryview(np.array(rules["cap"], dtype="f8"))
        self.rate = memoryview(np.array(rules["rate"], dtype="f8"))
        self.cum = memoryview(np.array(rules["cum"], dtype="f8"))
        self.bracket_first = memoryview(np.array(rules["bracket_first"], dtype=np.intp))
        self.leverage = memoryview(np.array(rules["leverage"], dtype="f8"))
        self.product = memoryview(np.array(rules["product"], dtype="i4"))
        self.underlying = memoryview(np.array(rules["underlying"], dtype="i4"))
        self.quote = memoryview(np.array(rules["quote"], dtype="i4"))
        self.settle = memoryview(np.array(rules["settle"], dtype="i4"))
        self.asset_underlying = memoryview(np.array(rules["asset_underlying"], dtype="i4"))
        self.lot = memoryview(np.array(rules["lot"], dtype="f8"))
        self.underlyings = len(rules["price_range"])
        self.mark = memoryview(np.zeros(max(1, self.instruments)))
        self.index = memoryview(np.zeros(max(1, self.assets)))
        shape = (ledger.accounts, max(1, self.slots))
        self.buying = memoryview(np.zeros(shape, dtype="i8"))
        self.selling = memoryview(np.zeros(shape, dtype="i8"))
        size = max(1, self.underlyings)
        self.derivative_value = memoryview(np.zeros(size))
        self.spot_value = memoryview(np.zeros(size))
        self.scan = memoryview(np.zeros(size))

    @cython.ccall
    @cython.exceptval(check=False)
    def evaluate(self, pool: cython.int) -> cython.void:
        """Recompute a pool's equity, initial and maintenance margin and level from scratch."""
        self.equity[pool] = self.equity_of(pool)
        initial: cython.double = self.required(pool, False)
        self.initial[pool] = initial
        if self.brackets:
            self.maintenance[pool] = self.bracket_required(pool, False, True)
        else:
            self.maintenance[pool] = initial / self.initial_over_maintenance
        self.level[pool] = risk_level(self.equity[pool], self.maintenance[pool], self.ladder)

    @cython.ccall
    @cython.exceptval(check=False)
    def equity_of(self, pool: cython.int) -> cython.double:
        """Return a pool's equity in USDT: assets at index prices plus unrealized profit at mark."""
        wallet: cython.int = self.wallet[pool]
        account: cython.int = self.account[pool]
        total: cython.double = 0.0
        amount: cython.double
        asset: cython.int
        for asset in range(self.assets):
            amount = (self.ledger.balance[wallet, asset] - self.ledger.owed(wallet, asset)) * UNIT
            if amount == 0.0:
                continue
            if self.haircut:
                total += collateral_value(amount, self.index[asset], self.ratio[asset])
            else:
                total += amount * self.index[asset]
        slot: cython.int
        for slot in range(self.slots):
            if self.pool_of[account, slot] == pool and self.ledger.quantity[account, slot] != 0:
                total += self.position_value(account, slot)
        return total

    @cython.ccall
    @cython.exceptval(check=False)
    def position_value(self, account: cython.int, slot: cython.int) -> cython.double:
        """Return what a position adds to equity, USDT: a contract's profit, an option's premium."""
        i: cython.int = slot if slot < self.instruments else slot - self.instruments
        size: cython.double = self.ledger.quantity[account, slot] * self.lot[i]
        if self.product[i] == INVERSE:
            if self.mark[i] <= 0.0:
                return 0.0
            return (-size / self.mark[i] - self.ledger.cost[account, slot] * UNIT) * self.index[
                self.settle[i]
            ]
        if self.product[i] == OPTION:
            return size * self.mark[i] * self.index[self.settle[i]]
        return (size * self.mark[i] - self.ledger.cost[account, slot] * UNIT) * self.index[
            self.settle[i]
        ]

    @cython.ccall
    @cython.exceptval(check=False)
    def required(self, pool: cython.int, with_orders: cython.bint) -> cython.double:
        """Return the initial margin of a pool, USDT; with its open orders if asked."""
        if self.brackets:
            return self.bracket_required(pool, with_orders, False)
        return self.scenario_required(pool, with_orders)

    @cython.cfunc
    @cython.exceptval(check=False)
    def scenario_required(self, pool: cython.int, with_orders: cython.bint) -> cython.double:
        wallet: cython.int = self.wallet[pool]
        account: cython.int = self.account[pool]
        u: cython.int
        i: cython.int
        slot: cython.int
        asset: cython.int
        lots: cython.double
        unit_value: cython.double
        for u in range(self.underlyings):
            self.derivative_value[u] = 0.0
            self.spot_value[u] = 0.0
            self.scan[u] = 0.0
        for slot in range(self.slots):
            i = slot if slot < self.instruments else slot - self.instruments
            if self.product[i] == SPOT or self.pool_of[account, slot] != pool:
                continue
            lots = self.ledger.quantity[account, slot]
            unit_value = self.unit_notional(i)
            if with_orders:
                # All sells filled, of all instruments of the underlying.
                self.scan[self.underlying[i]] += (lots - self.selling[account, slot]) * unit_value
                lots = lots + self.buying[account, slot]
            self.derivative_value[self.underlying[i]] += lots * unit_value
        if self.isolated[pool] < 0:
            for asset in range(self.assets):
                u = self.asset_underlying[asset]
                if u >= 0:
                    # With orders: what a resting sell holds may be gone, and hedges nothing then.
                    self.spot_value[u] += (
                        (
                            self.ledger.balance[wallet, asset]
                            - self.ledger.owed(wallet, asset)
                            - (self.ledger.held[wallet, asset] if with_orders else 0)
                        )
                        * UNIT
                        * self.index[asset]
                    )
        if with_orders:
            # The worse of all buys filled and all sells filled, after what offsets it.
            for u in range(self.underlyings):
                unit_value = abs(net_delta_value(self.derivative_value[u], self.spot_value[u]))
                if abs(net_delta_value(self.scan[u], self.spot_value[u])) > unit_value:
                    self.derivative_value[u] = self.scan[u]
        return scenario_initial_margin(
            self.derivative_value,
            self.spot_value,
            self.price_range,
            self.credit,
            self.scan,
            self.underlyings,
        )

    @cython.cfunc
    @cython.exceptval(check=False)
    def bracket_required(
        self, pool: cython.int, with_orders: cython.bint, maintenance: cython.bint
    ) -> cython.double:
        account: cython.int = self.account[pool]
        total: cython.double = 0.0
        i: cython.int
        slot: cython.int
        lots: cython.longlong
        notional: cython.double
        for slot in range(self.slots):
            i = slot if slot < self.instruments else slot - self.instruments
            if self.product[i] == SPOT or self.pool_of[account, slot] != pool:
                continue
            lots = self.ledger.quantity[account, slot]
            if with_orders:
                if lots + self.buying[account, slot] >= self.selling[account, slot] - lots:
                    lots = lots + self.buying[account, slot]
                else:
                    lots = lots - self.selling[account, slot]
            if lots == 0:
                continue
            if lots < 0:
                lots = -lots
            notional = lots * self.unit_notional(i)
            if maintenance:
                total += bracket_maintenance_margin(
                    notional,
                    self.cap,
                    self.rate,
                    self.cum,
                    self.bracket_first[i],
                    self.bracket_first[i + 1],
                )
            else:
                total += bracket_initial_margin(notional, self.leverage[i])
        rate: cython.double = self.loan_maintenance if maintenance else self.loan_initial
        asset: cython.int
        if rate > 0.0:
            for asset in range(self.assets):
                total += (
                    self.ledger.owed(self.wallet[pool], asset) * UNIT * self.index[asset] * rate
                )
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def unit_notional(self, instrument: cython.int) -> cython.double:
        """Notional of a lot, USDT; an inverse contract's is its face value."""
        if self.product[instrument] == INVERSE:
            return self.lot[instrument] * self.index[self.quote[instrument]]
        return self.lot[instrument] * self.mark[instrument] * self.index[self.quote[instrument]]

    @cython.ccall
    @cython.exceptval(check=False)
    def margin_rate(self, instrument: cython.int) -> cython.double:
        """Initial margin of a lone position as a share of its notional."""
        if self.brackets:
            return 1.0 / self.leverage[instrument]
        return self.price_range[self.underlying[instrument]]

    @cython.ccall
    @cython.exceptval(check=False)
    def order_margin(self, account: cython.int, slot: cython.int) -> cython.double:
        """Initial margin that open orders add to an isolated position, USDT."""
        instrument: cython.int = slot if slot < self.instruments else slot - self.instruments
        lots: cython.longlong = self.ledger.quantity[account, slot]
        most: cython.longlong = lots + self.buying[account, slot]
        least: cython.longlong = self.selling[account, slot] - lots
        size: cython.longlong = lots if lots > 0 else -lots
        if least > most:
            most = least
        if most <= size:
            return 0.0
        return (most - size) * self.unit_notional(instrument) * self.margin_rate(instrument)

    # Views

    def figures(self, pool: int) -> tuple[float, float, float, int]:
        """Equity, initial margin, maintenance margin and level as last evaluated."""
        return (
            float(self.equity[pool]),
            float(self.initial[pool]),
            float(self.maintenance[pool]),
            int(self.level[pool]),
        )

    def checked_level(self, pool: int) -> int:
        """Level as of the venue's last check."""
        return int(self.checked[pool])

    def mark_price(self, instrument: int) -> float:
        """Mark price in quote units, 0 while unknown."""
        return float(self.mark[instrument])

    def index_price(self, asset: int) -> float:
        """Index price in USDT, 0 while unknown."""
        return float(self.index[asset])

    def set_index(self, asset: int, price: float) -> None:
        """Fix an asset's index price, USDT."""
        self.index[asset] = price
