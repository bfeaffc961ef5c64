"""Many pools looked at at once: what pictures of a crowd ask for (hot module).

A crowd is looked at under prices that have moved some thirty times a picture; pool by pool from
plain Python that took a third of a run.  Every function evaluates the pools that it is given, in
their order, at the prices as they are; what a pool has is changed by none.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.risk.pools import Pools
else:
    from simulator.risk.pools import Pools

LIQUIDATION = cython.declare(cython.int, 3)
"""`simulator.risk.levels.RiskLevel`."""


def ratios(pools: Pools, which):
    """Return equity / maintenance margin of pools, int32 [n]; NaN where nothing is required."""
    found = np.full(len(which), np.nan)
    ratio: cython.double[::1] = memoryview(found)
    number: cython.int[::1] = which
    k: cython.Py_ssize_t
    pool: cython.int
    for k in range(number.shape[0]):
        pool = number[k]
        pools.evaluate(pool)
        if pools.maintenance[pool] > 0.0:
            ratio[k] = pools.equity[pool] / pools.maintenance[pool]
    return found


def called(pools: Pools, which):
    """Return which pools, int32 [n], are at their liquidation threshold or beyond, bool [n]."""
    found = np.zeros(len(which), dtype=np.uint8)
    reached: cython.uchar[::1] = memoryview(found)
    number: cython.int[::1] = which
    k: cython.Py_ssize_t
    pool: cython.int
    for k in range(number.shape[0]):
        pool = number[k]
        pools.evaluate(pool)
        reached[k] = pools.level[pool] >= LIQUIDATION
    return found.view(np.bool_)


def notional(pools: Pools, which, weight, worth) -> tuple[float, float]:
    """Return the notional of long and of short positions of pools, int32 [n], each pool's counted
    ``weight`` [n] times; ``worth`` [slot] is that of one lot, USD.
    """
    number: cython.int[::1] = which
    times: cython.double[::1] = weight
    one: cython.double[::1] = worth
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t
    pool: cython.int
    slot: cython.int
    lots: cython.longlong
    long: cython.double
    short: cython.double
    longs: cython.double = 0.0
    shorts: cython.double = 0.0
    for k in range(number.shape[0]):
        pool = number[k]
        long = short = 0.0
        for n in range(pools.slot_first[pool], pools.slot_first[pool + 1]):
            slot = pools.pool_slots[n]
            lots = pools.ledger.quantity[pools.account[pool], slot]
            if lots > 0:
                long += lots * one[slot]
            else:
                short -= lots * one[slot]
        longs += times[k] * long
        shorts += times[k] * short
    return longs, shorts
