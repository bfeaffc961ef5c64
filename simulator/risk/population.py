"""All pools of a population at once: the bracket model as one stream over the columns (hot module).

Where every pool holds all slots of its account and follows the bracket model without haircuts, an
account is a row: its quantities, costs and amounts lie side by side, and its figures follow without
a jump that depends on them.  The bracket of a notional is the count of caps at or below it, which
needs no branch.  Other populations go pool by pool.  Either way the figures are those of
``Pools.evaluate``, bit for bit.
"""

from __future__ import annotations

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.ledger.columns import Ledger
    from cython.cimports.simulator.risk.kernels import level_at
    from cython.cimports.simulator.risk.pools import Pools
else:
    from simulator.ledger.columns import Ledger
    from simulator.risk.kernels import level_at
    from simulator.risk.pools import Pools

LINEAR = cython.declare(cython.int, 1)
INVERSE = cython.declare(cython.int, 2)


def evaluate(pools: Pools) -> bool:
    """Evaluate all pools; return whether they went as rows."""
    if is_plain(pools):
        as_rows(pools, memoryview(np.zeros((2, max(1, pools.assets)))))
        return True
    pools.evaluate_all()
    return False


def is_plain(pools: Pools) -> cython.bint:
    """Whether every pool is a row: all slots of an account, futures by brackets, no haircut."""
    slots: cython.Py_ssize_t = pools.ledger.slots
    pool: cython.Py_ssize_t
    n: cython.Py_ssize_t
    i: cython.int
    for n in range(slots):
        i = pools.instrument_of[n]
        if pools.product[i] != LINEAR and pools.product[i] != INVERSE:
            return False
        if pools.mark[i] <= 0.0 or pools.bracket_first[i + 1] == pools.bracket_first[i]:
            return False
    for pool in range(pools.count):
        if pools.haircut[pools.kind[pool]] or not pools.by_brackets[pools.kind[pool]]:
            return False
        # All slots of one account: as many as there are, the first the account's first.
        if pools.slot_first[pool + 1] - pools.slot_first[pool] != slots:
            return False
    return True


def as_rows(pools: Pools, scratch: cython.double[:, ::1]) -> cython.void:
    """Evaluate pools that `is_plain` found to be rows; ``scratch`` [2, asset] is written."""
    ledger: Ledger = pools.ledger
    quantity: cython.longlong[:, ::1] = ledger.quantity
    cost: cython.longlong[:, ::1] = ledger.cost
    balance: cython.longlong[:, ::1] = ledger.balance
    loan: cython.longlong[:, ::1] = ledger.loan
    interest: cython.longlong[:, ::1] = ledger.interest
    unit: cython.double[::1] = pools.unit
    index: cython.double[::1] = pools.index
    lot: cython.double[::1] = pools.lot
    mark: cython.double[::1] = pools.mark
    cap: cython.double[::1] = pools.cap
    rate: cython.double[::1] = pools.bracket_rate
    cum: cython.double[::1] = pools.cum
    largest: cython.double[::1] = pools.max_leverage
    chosen: cython.double[::1] = pools.leverage
    first: cython.Py_ssize_t[::1] = pools.bracket_first
    slots: cython.Py_ssize_t = ledger.slots
    assets: cython.Py_ssize_t = pools.assets
    pool: cython.Py_ssize_t
    account: cython.Py_ssize_t
    wallet: cython.Py_ssize_t
    slot: cython.Py_ssize_t
    asset: cython.Py_ssize_t
    b: cython.Py_ssize_t
    k: cython.Py_ssize_t
    i: cython.int
    settle: cython.int
    tier: cython.int
    rung: cython.Py_ssize_t
    owed: cython.longlong
    lots: cython.double
    value: cython.double
    notional: cython.double
    leverage: cython.double
    equity: cython.double
    initial: cython.double
    maintenance: cython.double
    for pool in range(pools.count):
        account = pools.account[pool]
        wallet = pools.wallet[pool]
        tier = pools.loan_tier[pool]
        equity = initial = maintenance = 0.0
        for asset in range(assets):
            owed = loan[wallet, asset] + interest[wallet, asset]
            value = (balance[wallet, asset] - owed) * unit[asset]
            equity += value * index[asset]
            scratch[0, asset] = owed * unit[asset] * index[asset]
        for slot in range(slots):
            i = pools.instrument_of[slot]
            settle = pools.settle[i]
            lots = quantity[account, slot]
            if pools.product[i] == LINEAR:
                value = lots * lot[i] * mark[i]
            else:
                value = -lots * lot[i] / mark[i]
            if lots != 0.0:
                equity += (value - cost[account, slot] * unit[settle]) * index[settle]
            notional = abs(value)
            b = first[i]
            for k in range(first[i], first[i + 1] - 1):
                b += notional >= cap[k]
            maintenance += (notional * rate[b] - cum[b]) * index[settle]
            leverage = chosen[i]
            if leverage < 0.0:
                leverage = -leverage if -leverage < largest[b] else largest[b]
            initial += notional / leverage * index[settle]
        for asset in range(assets):
            initial += scratch[0, asset] * pools.loan_initial[tier]
            maintenance += scratch[0, asset] * pools.loan_maintenance[tier]
        pools.equity[pool] = equity
        pools.initial[pool] = initial
        pools.maintenance[pool] = maintenance
        rung = 3 * (tier * pools.kinds + pools.kind[pool])
        pools.level[pool] = level_at(
            equity,
            maintenance,
            pools.ladder[rung],
            pools.ladder[rung + 1],
            pools.ladder[rung + 2],
        )
