"""Goal: an isolated position that a liquidation ended pays its clearance fee from what came back of
its own margin, all of the fee or all that came back, and never from what others freed.

Method: one long of 1 BTC, its margin set to the unit so that what comes back is the fee, a unit
less, a unit more; the account closes another position in the same instant, or none.
"""

from __future__ import annotations

import pytest

from simulator.events.outcomes import Outcome
from simulator.liquidation.rules import LiquidationRules
from tests.exchange.world import World

BTC, ETH = "um:BTCUSDT", "um:ETHUSDT"
LOTS, UNIT = 1000, 10_000
"""1 BTC; a lot is worth so many 1e-8 USDT a tick."""

ENTRY, BID = 1_000_001, 890_000
FEE_E8 = 500_000
FEE = LOTS * BID * UNIT * FEE_E8 // 10**8


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "another is closed"])
@pytest.mark.parametrize("more", [-FEE, 1 - FEE, -1, 0, 1, 10**8])
def test_fee_is_paid_from_what_came_back(more: int, beside: bool) -> None:
    world = World(liquidation=LiquidationRules(fee_e8=FEE_E8, partial="whole"), fees=False)
    world.open_markets()
    world.transfer(60_000)
    world.ctx.buy(world.market(BTC), 1.0)
    if beside:
        world.ctx.sell(world.market(ETH), 2.0)
    world.step()
    own = world.balance(BTC)
    back = FEE + more
    world.ctx.adjust_isolated_margin(
        world.market(BTC), (LOTS * (ENTRY - BID) * UNIT + back - own) / 10**8
    )
    world.step()
    assert world.balance(BTC) == LOTS * (ENTRY - BID) * UNIT + back
    before = world.balance("um")
    world.book(BTC, BID, BID + 1)
    if beside:
        world.ctx.buy(world.market(ETH), 2.0)
    freed = world.balance(ETH) if beside else 0
    world.mark(BTC, "89000", after=2000)
    assert world.lots(BTC) == 0
    assert world.records(Outcome.LIQUIDATED)
    assert world.balance("insurance") == min(FEE, back)
    lost = 2000 * UNIT if beside else 0  # a tick: sold at the bid, bought back at the ask
    assert world.balance("um") == before + freed - lost + back - min(FEE, back)
