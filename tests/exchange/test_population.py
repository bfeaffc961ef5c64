"""Goal: a population evaluated as rows has the figures of its pools one by one, bit for bit.

Method: random columns of linear and inverse contracts with loans, on both sides of bracket edges.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.ledger.columns import Ledger
from simulator.risk import population
from simulator.risk.columns import INVERSE, KINDS, LINEAR, Listing, margin_columns
from simulator.risk.pools import Pools
from simulator.rulebook.load import load

ACCOUNTS = 500


def made(seed: int, *, applied: bool = False) -> Pools:
    draw = np.random.default_rng(seed)
    rules = load("binance").margin_rules("unified")
    rules = replace(rules, collateral=replace(rules.collateral, applied=applied))
    listings = [
        Listing("a", "BTCUSDT", LINEAR, "BTC", "USDT", 0.001, 20.0),
        Listing("b", "ETHUSDT", LINEAR, "ETH", "USDT", 0.01, -125.0),
        Listing("c", "BTCUSD_PERP", INVERSE, "BTC", "BTC", 100.0, -100.0),
    ]
    assets = ["USDT", "BTC", "ETH"]
    ledger = Ledger(ACCOUNTS, [1] * 3, ACCOUNTS, 3)
    size = 10.0 ** draw.uniform(0, 6, (ACCOUNTS, 3))
    quantity = (size * draw.integers(-1, 2, (ACCOUNTS, 3))).astype(np.int64)
    cost = (quantity * draw.uniform(1e8, 1e10, (ACCOUNTS, 3))).astype(np.int64)
    balance = (10.0 ** draw.uniform(6, 14, (ACCOUNTS, 3))).astype(np.int64)
    balance[: ACCOUNTS // 10] *= -1
    loan, interest = (draw.integers(0, 10**10, (ACCOUNTS, 3)) for _ in range(2))
    ledger.take_columns(balance, quantity, cost, loan, interest)
    kind = KINDS.index("unified")
    rows = [(n, n, -1, kind, -1) for n in range(ACCOUNTS)]
    each = np.arange(ACCOUNTS, dtype=np.int32)
    columns = margin_columns(rules, listings, assets)
    pools = Pools(ledger, rows, np.repeat(each[:, None], 3, axis=1), columns)
    for number, price in enumerate((50_000.0, 3_000.0, 50_100.0)):
        pools.set_mark(number, price)
    for number, price in enumerate((1.0, 50_000.0, 3_000.0)):
        pools.set_index(number, price)
    return pools


@pytest.mark.parametrize("seed", range(5))
def test_rows_equal_pools(seed: int) -> None:
    pools = made(seed)
    assert population.evaluate(pools)
    rows = [pools.figures(pool) for pool in range(ACCOUNTS)]
    pools.evaluate_all()
    assert rows == [pools.figures(pool) for pool in range(ACCOUNTS)]
    assert len({level for *_, level in rows}) > 2


def test_what_is_no_row_goes_pool_by_pool() -> None:
    pools = made(1, applied=True)
    assert not population.evaluate(pools)
    before = pools.figures(3)
    pools.evaluate(3)
    assert pools.figures(3) == before


def test_columns_of_another_shape_are_refused() -> None:
    ledger = Ledger(2, [1], 2, 1)
    table = np.zeros((2, 1), dtype=np.int64)
    with pytest.raises(ValueError, match=r"cost must be \(2, 1\), not \(1, 2\)"):
        ledger.take_columns(table, table, np.zeros((1, 2), dtype=np.int64))
