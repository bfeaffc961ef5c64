"""Goal: what the conditions of a change of mode look at is what the venue has.

Method: an account that trades, borrows and owes on a venue driven by hand; every fact against its
figure by hand.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from simulator.accounts.conditions import AccountFacts
from simulator.accounts.rules import AccountProfile
from tests.exchange.products import CM, PRODUCTS
from tests.exchange.world import INSTRUMENTS, START, World

DAY_MS = 86_400_000


def facts(world: World) -> AccountFacts:
    taken: AccountFacts = world.desk.modes.facts.take()
    return taken


def test_an_idle_account_has_its_deposit_and_nothing_else() -> None:
    world = World()
    world.open_markets()
    found = facts(world)
    assert found.net_assets == 100_000
    assert (found.kyc, found.age_days) == ("advanced", 365)
    assert (found.futures_trades, found.futures_volume) == (0, 0)
    assert found == AccountFacts(found.time_ns, "advanced", 365, Decimal(100_000), 0, Decimal(0))
    assert found.time_ns == world.now


def test_orders_and_their_volume_are_experience() -> None:
    world = World("unified", instruments=(*INSTRUMENTS, PRODUCTS[2]), fees=False)
    world.open_markets()
    world.book(CM, 1_000_000, 1_000_001)
    world.mark(CM, "100000")
    world.ctx.buy(world.market("um:BTCUSDT"), 0.5)
    world.step()
    world.ctx.buy(world.market(CM), 3)
    world.ctx.buy(world.market("spot:ETHUSDT"), 1)
    world.step()
    world.ctx.sell(world.market("um:BTCUSDT"), 0.25)
    world.ctx.sell(world.market("um:BTCUSDT"), 0.25, 200_000)
    world.step()
    found = facts(world)
    assert found.futures_trades == 3
    bought, sold = Decimal("100000.1") / 2, Decimal(100_000) / 4
    assert found.futures_volume == bought + sold + 3 * 100
    assert found.positions == ("um:BTCUSDT +0.25", "cm:BTCUSD_PERP +3")
    assert found.isolated == ()
    assert found.open_orders == 1


def test_an_order_in_two_fills_is_one_trade() -> None:
    world = World("unified")
    world.open_markets(lots=300)
    world.ctx.buy(world.market("um:BTCUSDT"), 0.5, 100_000.1)
    world.step()
    world.book("um:BTCUSDT", 1_000_000, 1_000_001, 300)
    assert world.lots("um:BTCUSDT") == 500
    assert facts(world).futures_trades == 1


def test_trades_with_oneself_are_no_experience() -> None:
    world = World("unified")
    world.open_markets()
    um = world.market("um:BTCUSDT")
    world.book("um:BTCUSDT", 999_900, 1_000_100, 100)
    for _ in range(20):
        world.ctx.buy(um, 0.5, 100_000.0)
        world.step()
        world.ctx.sell(um, 0.3, 100_000.0)
        world.ctx.sell(um, 0.2)
        world.step()
    assert world.core.n_fills == 80
    assert world.lots("um:BTCUSDT") == 0
    assert (facts(world).futures_trades, facts(world).futures_volume) == (0, 0)
    # Half of it meets the market: that is a trade, of an order that also met its own side.
    world.ctx.buy(um, 0.1, 100_000.0)
    world.step()
    world.ctx.sell(um, 0.2)
    world.step()
    assert (facts(world).futures_trades, facts(world).futures_volume) == (1, Decimal("9999"))


def test_what_is_older_than_the_window_is_no_experience() -> None:
    world = World("unified")
    world.open_markets()
    world.desk.modes.facts.rules = replace(world.desk.modes.rules, experience_days=2)
    world.ctx.buy(world.market("um:BTCUSDT"), 0.1)
    world.step()
    world.step(2 * DAY_MS - 1000)
    assert facts(world).futures_trades == 1
    world.step(2000)
    assert (facts(world).futures_trades, facts(world).futures_volume) == (0, 0)


def test_what_the_venue_closed_by_force_is_no_experience() -> None:
    world = World("unified", deposits={"USDT": "1100"})
    world.open_markets()
    world.ctx.buy(world.market("um:BTCUSDT"), 0.1)
    world.step()
    world.book("um:BTCUSDT", 930_000, 930_001)
    world.mark("um:BTCUSDT", "93000")
    world.step(2000)
    assert world.desk.liquidator.events
    assert facts(world).futures_trades == 1


def test_the_profile_counts_beside_the_run() -> None:
    world = World()
    world.open_markets()
    world.desk.modes.facts.profile = AccountProfile("basic", 9, 40, Decimal(7000))
    world.transfer(20_000)
    world.ctx.buy(world.market("um:BTCUSDT"), 0.1)
    world.step(3 * DAY_MS)
    found = facts(world)
    assert (found.kyc, found.age_days, found.futures_trades) == ("basic", 12, 41)
    assert found.futures_volume == 7000 + Decimal("10000.01")
    assert found.isolated == found.positions == ("um:BTCUSDT +0.1",)


def test_net_assets_are_what_all_wallets_are_worth() -> None:
    world = World(fees=False)
    world.open_markets()
    world.transfer(30_000)
    world.transfer(10_000, "spot", "margin")
    world.borrow("USDT", 5000)
    world.ctx.buy(world.market("spot:BTCUSDT"), 0.2)
    world.ctx.buy(world.market("um:BTCUSDT"), 0.1)
    world.step()
    world.mark("um:BTCUSDT", "101000")
    world.step(2000)
    found = facts(world)
    assert float(found.net_assets) == pytest.approx(world.ctx.equity(), abs=1e-6)
    assert found.loans == {"USDT": Decimal(5000)}
    assert found.interest == {}
    um_alone = replace(world.desk.modes.rules, net_assets_lines=("um",))
    world.desk.modes.facts.rules = um_alone
    profit = Decimal("0.1") * (Decimal(101_000) - Decimal("100000.1"))
    assert float(facts(world).net_assets) == pytest.approx(float(30_000 + profit), abs=1e-6)


def test_debts_and_what_is_below_zero_are_listed() -> None:
    world = World("unified", fees=False)
    world.open_markets()
    world.borrow("ETH", 2)
    world.ctx.buy(world.market("um:BTCUSDT"), 1)
    world.step()
    units = world.balance("unified", "USDT")
    world.core.ledger.move(
        world.partition.wallet("unified"), 2, world.assets.index("USDT"), units + 150_000_000
    )
    found = facts(world)
    assert found.loans == {"ETH": Decimal(2)}
    assert found.negative == {"unified USDT": Decimal("-1.5")}


def test_a_pool_in_liquidation_is_named() -> None:
    world = World("unified", deposits={"USDT": "1100"})
    world.open_markets()
    world.ctx.buy(world.market("um:BTCUSDT"), 0.1)
    world.step()
    world.book("um:BTCUSDT", 0, 930_001)
    world.mark("um:BTCUSDT", "93000")
    world.step(2000)
    assert facts(world).liquidating == ("unified",)


def test_age_counts_from_the_start_of_the_run() -> None:
    world = World(start=START)
    world.open_markets()
    world.step(DAY_MS - 10_000)
    assert facts(world).age_days == 365
    world.step(10_000)
    assert facts(world).age_days == 366
