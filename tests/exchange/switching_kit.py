"""An account with money everywhere and positions of every product, and what a switch must keep."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from simulator.accounts.wallets import LINES
from tests.accounts.test_wallets import PM
from tests.exchange.products import CALL, CM, DATED, PUT, UM, opened, trade
from tests.exchange.world import World

E8 = 10**8
RULEBOOKS = {"textbook": LINES, "binance": PM, "okx_pm": LINES, "deribit_pm": LINES}
"""Members of the unified pool by rulebook."""

Amounts = dict[str, tuple[Decimal, Decimal, Decimal]]


def account(rulebook: str = "textbook", **options: Any) -> World:
    """A separated account with money in every wallet and positions of every product."""
    members = RULEBOOKS[rulebook]
    world = opened("separated", rulebook, both=True, members=members, **options)
    for target, asset, quantity in (
        ("um", "USDT", 200_000.0),
        ("margin", "USDT", 100_000.0),
        ("options", "USDT", 100_000.0),
        ("cm:BTC", "BTC", 2.0),
    ):
        world.ctx.transfer(asset, quantity, "spot", target)
        world.step()
    trade(world, UM, 1, 0.5)
    trade(world, DATED, -1, 0.5)
    trade(world, CM, -1, 300)
    trade(world, CALL, 1, 1.0)
    trade(world, PUT, -1, 0.5)
    world.borrow("BTC", 0.25)
    world.borrow("USDT", 1_000)
    world.core.ledger.accrue(world.desk.lender, world.desk.loans.wallet, 0, 12_345)
    return world


def totals(balances: Mapping[str, Mapping[str, tuple[Decimal, Decimal, Decimal]]]) -> Amounts:
    """Balance, loan and interest by asset over all wallets."""
    found: Amounts = {}
    for wallet in balances.values():
        for asset, amounts in wallet.items():
            known = found.get(asset, (Decimal(0),) * 3)
            found[asset] = tuple(a + b for a, b in zip(known, amounts, strict=True))  # type: ignore[assignment]
    return found


def positions(world: World) -> list[tuple[int, int]]:
    """Lots and cost by slot."""
    return [world.core.ledger.position_of(1, slot) for slot in range(len(world.partition.margin))]


def prices(world: World) -> list[float]:
    """Marks, volatilities and index prices."""
    pools, count = world.core.pools, len(world.instruments)
    return [
        *(pools.mark_price(i) for i in range(count)),
        *(pools.option_volatility(i) for i in range(count)),
        *(pools.index_price(a) for a in range(len(world.assets))),
    ]


def columns(world: World) -> list[np.ndarray]:
    """Everything that the ledger and the pools hold."""
    ledger, pools = world.core.ledger, world.core.pools
    cells = [(w, a) for w in range(ledger.wallets) for a in range(ledger.assets)]
    return [
        np.array([ledger.balance_of(*cell) for cell in cells]),
        np.array([ledger.loan_of(*cell) for cell in cells]),
        np.array(ledger.held),
        np.array(positions(world)),
        np.array([pools.figures(pool) for pool in range(pools.count)]),
        np.array([pools.checked_level(pool) for pool in range(pools.count)]),
        np.array(prices(world)),
        np.array([ledger.entries, ledger.postings, pools.rules_changed, pools.partitioned]),
    ]
