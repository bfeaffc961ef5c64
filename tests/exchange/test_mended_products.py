"""Goal: faults found by hostile strategies on products, loans and wallets stay mended.

Method: each by the smallest world that showed it; the docstring says what went wrong before.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from simulator.events.outcomes import Outcome, RejectReason
from simulator.instruments.instrument import Instrument
from simulator.market.tape import Kind
from simulator.risk.reference import pool_margin
from tests.exchange.products import CALL, CM, DATED, PRODUCTS, opened, trade
from tests.exchange.world import World

COIN = 10**8

CHEAP = Instrument("spot", "SHIBUSDT", "SHIB", "USDT", Decimal("0.00000001"), Decimal(1))
CHEAP_CALL = replace(
    next(one for one in PRODUCTS if one.name == CALL), lot=Decimal(1), tick=Decimal("0.00000001")
)


@pytest.mark.parametrize("price", [None, 1e-8])
@pytest.mark.parametrize("quantity", [92_233_720_369.0, 184_467_440_738.0, 2.0**40, 3e15])
def test_more_coins_than_the_ledger_counts_are_no_order(
    quantity: float, price: float | None
) -> None:
    """2**64 / 10**8 coins wrapped round to nearly none, and whoever had 1,000 sold 184 billion."""
    world = World(instruments=(CHEAP,), deposits={"USDT": "1000", "SHIB": "1000"})
    world.book(CHEAP.name, 1_000, 1_001, 10**15)
    world.step(1500)
    world.ctx.submit(world.market(CHEAP.name), -1, quantity, price=price)
    world.step()
    assert world.said() == ["REJECTED LOT_SIZE"]
    assert world.balance("spot", "SHIB") == 1_000 * COIN
    assert world.held("spot", "SHIB") == 0


def test_more_options_than_the_ledger_counts_are_no_order() -> None:
    """The same for an option, whose fee follows from the coins behind it."""
    world = opened("unified", instruments=(*PRODUCTS[:3], CHEAP_CALL))
    world.ctx.submit(world.market(CHEAP_CALL.name), -1, 184_467_440_738.0, price=1e-8)
    world.step()
    assert world.said() == ["REJECTED LOT_SIZE"]


def test_buying_back_more_than_was_written_needs_the_premium() -> None:
    """Each of twenty orders alone bought back the one contract; together they bought nineteen
    that the wallet could not pay, and its balance ended below zero.
    """
    world = opened("separated", "binance", deposits={"USDT": "100000"}, fees=False)
    world.transfer(30_000, "spot", "options")
    trade(world, CALL, -1, 1.0, 2_000)
    for _ in range(20):
        world.ctx.buy(world.market(CALL), 1.0, 1_999.0)
        world.step()
    assert world.held("options") <= world.balance("options")
    world.row(Kind.TRADE, CALL, -1, 1_990, 10**6)
    assert world.balance("options") >= 0
    assert world.said().count("REJECTED INSUFFICIENT_MARGIN") == 14  # 13,000 were free


def test_buying_back_in_parts_needs_no_premium() -> None:
    """As long as the orders together stay within what was written."""
    world = opened("separated", "binance", deposits={"USDT": "100000"}, fees=False)
    world.transfer(17_100, "spot", "options")
    trade(world, CALL, -1, 1.0, 2_000)
    world.transfer(100, "options", "spot")  # all that is free
    for _ in range(3):
        world.ctx.buy(world.market(CALL), 0.4, 1_999.0)
        world.step()
    assert world.said()[1:] == ["ACCEPTED", "ACCEPTED", "REJECTED INSUFFICIENT_MARGIN"]


WRONG = [
    ("cm:BTC", "USDT", 1_000.0, False),
    ("cm:BTC", "BTC", 1.0, True),
    ("options", "BTC", 1.0, False),
    ("options", "USDT", 1_000.0, True),
    ("um:BTCUSDT", "BTC", 1.0, False),
    ("um:BTCUSDT", "USDT", 1_000.0, True),
    ("um", "BTC", 1.0, True),
    ("margin", "BTC", 1.0, True),
]


@pytest.mark.parametrize(("wallet", "asset", "quantity", "taken"), WRONG)
def test_a_wallet_takes_what_backs_it(
    wallet: str, asset: str, quantity: float, taken: bool
) -> None:
    """Dollars margined coin contracts, and coins short options, in full."""
    world = opened("separated")
    world.ctx.transfer(asset, quantity, "spot", wallet)
    world.step()
    assert world.balance(wallet, asset) == (int(quantity * COIN) if taken else 0)
    refused = [row[6] for row in world.records(Outcome.TRANSFER_REJECTED)]
    assert refused == ([] if taken else [RejectReason.WRONG_ASSET])


@pytest.mark.parametrize("rulebook", ["textbook", "okx_pm", "deribit_pm"])
def test_a_snapshot_says_what_the_engine_says(rulebook: str) -> None:
    """Options were valued on the index there, not on the future of their expiry: another margin."""
    world = opened("unified", rulebook, fees=False)
    trade(world, CALL, -1, 2.0, 2_000)
    trade(world, CM, 1, 300, 1_000_000)
    trade(world, DATED, -1, 0.5, 1_000_000)
    world.mark(DATED, "101500")
    world.step(61_000)
    snapshots = world.desk.snapshots
    taken = snapshots.take()
    margin = pool_margin(snapshots.state(taken, 0), world.margin)
    equity, maintenance = taken.figures[0]
    assert maintenance > 0
    assert float(margin.adjusted_equity) == pytest.approx(equity, rel=1e-12)
    assert float(margin.maintenance_margin) == pytest.approx(maintenance, rel=1e-9)
