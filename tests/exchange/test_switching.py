"""Goal: a switch of the account mode moves every unit of money and debt, and nothing else.

Method: an account that holds positions of every product, loans, interest and a negative balance is
switched by hand between two rows of the tape; what the ledger, the pools and the parts of the desk
say before is compared with what they say after.  After every row the invariants are asserted, among
them that wallets of the other mode are empty.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from simulator.accounts.wallets import LINES, layouts
from simulator.events.outcomes import Outcome
from simulator.risk.levels import RiskLevel
from tests.accounts.test_wallets import ALL, PM
from tests.exchange.products import CALL, DATED, PRODUCTS, SPOT, UM, opened, trade
from tests.exchange.switching_kit import RULEBOOKS, account, columns, positions, prices, totals

E8 = 10**8


@pytest.mark.parametrize("hedge", [False, True])
@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("members", [LINES, PM, ("spot", "margin")])
def test_both_modes_have_one_numbering(members: Any, isolated: bool, hedge: bool) -> None:
    alone = layouts(ALL, members, isolated, hedge, "separated")
    for first in ("separated", "unified"):
        made = layouts(ALL, members, isolated, hedge, first)
        assert made["separated"].wallets is made["unified"].wallets
        assert made["separated"].pools is made["unified"].pools
        start = made[first]
        assert start.own == list(range(5, 5 + len(start.own)))
        assert start.live == list(range(len(start.live)))
        for mode, one in made.items():
            assert one.mode == mode
            same = alone[mode]
            assert one.wallet_names == [one.wallets[n] for n in one.own]
            assert set(one.wallet_names) == set(same.wallet_names)
            names = {name: wallet for _, name, wallet, _ in one.live_pools}
            assert {one.wallets[wallet] for wallet in names.values()} <= set(one.wallet_names)
            for column in ("cash", "margin"):
                named = [one.wallets[n] for n in getattr(one, column)]
                assert named == [same.wallets[n] for n in getattr(same, column)]
            named = [one.pools[n][0] if n >= 0 else "" for n in one.pool_of]
            assert named == [same.pools[n][0] if n >= 0 else "" for n in same.pool_of]
            assert one.wallets[one.deposits_to] == same.wallets[same.deposits_to]


def test_a_wallet_of_the_other_mode_is_not_found() -> None:
    world = opened("separated", both=True)
    with pytest.raises(KeyError):
        world.partition.wallet("unified")
    with pytest.raises(LookupError, match="no wallet unified; there are spot, um"):
        world.ctx.balance("USDT", "unified")
    world.desk.switching.execute("unified")
    assert world.partition.wallet("um") == world.partition.wallet("unified")
    assert world.partition.wallet_names == ["unified"]
    with pytest.raises(LookupError, match="no margin pool nothing; there are unified"):
        world.desk.pool_figures("nothing")


@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_merging_moves_all_and_nothing_else(rulebook: str) -> None:
    world = account(rulebook)
    held, priced, value = positions(world), prices(world), world.desk.account_equity()
    entries = world.core.ledger.entries
    before, after = world.desk.switching.execute("unified")
    assert totals(before) == totals(after)
    assert before["margin"]["BTC"][1] == Decimal("0.25")
    assert positions(world) == held
    assert prices(world) == priced
    assert world.desk.account_equity() == pytest.approx(value, rel=1e-12)
    apart = {line for line in ("spot", "options") if line not in RULEBOOKS[rulebook]}
    assert set(after) == {"unified", *apart}
    assert {name: after[name] for name in apart} == {name: before[name] for name in apart}
    assert world.core.ledger.entries == entries + 1, "one entry"
    moved = {(r[4], r[6]): r[7] for r in world.records(Outcome.MERGED)}
    assert {r[5] for r in world.records(Outcome.MERGED, Outcome.DEBT_MERGED)} == {
        world.partition.wallet("unified")
    }
    um = before["um"]["USDT"][0]
    assert moved[world.partition.wallets.index("um"), 0] == int(um * E8)
    debts = {(r[4], r[6]): r[7] for r in world.records(Outcome.DEBT_MERGED)}
    assert debts[world.partition.wallets.index("margin"), 0] == 1_000 * E8 + 12_345
    world.step(2000)  # the invariants hold, and the next check finds a healthy pool
    assert world.core.pools.checked_level(world.partition.live[0]) == RiskLevel.NORMAL


@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_the_preview_is_what_comes_and_leaves_no_trace(rulebook: str) -> None:
    world = account(rulebook)
    before = columns(world)
    records = world.records()
    preview = world.desk.switching.preview("unified")
    for known, now in zip(before, columns(world), strict=True):
        assert np.array_equal(known, now)
    assert world.records() == records
    world.desk.switching.execute("unified")
    found = world.desk.pool_figures("unified")
    assert preview == (found.equity, found.maintenance_margin, found.ratio)
    assert found.maintenance_margin > 0


def test_preview_without_a_requirement() -> None:
    world = opened("separated", both=True)
    assert world.desk.switching.preview("unified")[1:] == (0.0, None)


def test_figures_are_those_of_an_account_that_began_unified() -> None:
    worlds = [opened("separated", both=True), opened("unified", both=True)]
    for asset, quantity, target in (("USDT", 300_000.0, "um"), ("USDT", 50_000.0, "options")):
        worlds[0].ctx.transfer(asset, quantity, "spot", target)
        worlds[0].step()
        worlds[1].step()
    for world in worlds:
        trade(world, UM, 1, 1.0)
        trade(world, CALL, 1, 1.0)
    worlds[0].desk.switching.execute("unified")
    for world in worlds:
        trade(world, DATED, -1, 0.75)
        world.mark(UM, "99000")
        world.step(2000)
    first, second = (world.desk.pool_figures() for world in worlds)
    assert first == second
    assert first.pool == "unified"
    assert worlds[0].desk.account_equity() == worlds[1].desk.account_equity()


@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
@pytest.mark.parametrize("hedge", [False, True])
def test_isolated_positions_become_cross_and_new_ones_are_isolated_again(
    rulebook: str, hedge: bool
) -> None:
    world = opened("separated", rulebook, both=True, hedge=hedge)
    side = {"position_side": "LONG"} if hedge else {}
    world.transfer(300_000.0)
    trade(world, UM, 1, 1.0, **side)
    own = "um:BTCUSDT" in world.partition.wallet_names
    entry = positions(world)
    margin = world.balance("um:BTCUSDT") if own else 0
    assert (margin > 0) == own
    total = sum(world.balance(name) for name in world.partition.wallet_names)
    world.desk.switching.execute("unified")
    assert positions(world) == entry
    assert sum(world.balance(name) for name in world.partition.wallet_names) == total
    world.mark(UM, "110000")
    trade(world, UM, -1, 1.0, 1_100_000, **side)
    trade(world, SPOT, 1, 0.1)
    assert positions(world)[world.number(UM)] == (0, 0)
    assert world.desk.pool_figures().maintenance_margin == 0.0
    for name, _, _ in world.partition.pools:
        if name.startswith("um:"):
            assert world.balance(name) == 0, "closing gave nothing to the wallet of the other mode"
    world.desk.switching.execute("separated")
    world.transfer(300_000.0)
    trade(world, UM, 1, 1.0, **side)
    assert world.balance("um:BTCUSDT") > 0 if own else True
    assert world.desk.pool_figures("um:BTCUSDT" if own else "um").maintenance_margin > 0


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_there_and_back_and_there_again(mode: str) -> None:
    world = opened(mode, both=True)
    for turn in ("unified", "separated") * 2:
        if turn == world.partition.mode:
            continue
        before, after = world.desk.switching.execute(turn)
        assert totals(before) == totals(after)
        target = "unified" if turn == "unified" else "spot"
        assert {name: set(held) for name, held in after.items()} == {target: {"USDT", "BTC"}}
        world.step(2000)
        if turn == "separated":
            world.transfer(1_000.0)
            assert world.balance("um") == 1_000 * E8
    with pytest.raises(ValueError, match="mode already"):
        world.desk.switching.execute(world.partition.mode)


def test_the_rulebook_names_the_wallet_that_a_pool_is_split_to() -> None:
    world = opened("unified", both=True)
    world.desk.switching.split_to = "um"
    world.desk.switching.execute("separated")
    assert world.balance("um") == 1_000_000 * E8
    assert world.balance("spot") == 0


def test_without_the_wallet_that_the_rulebook_names_a_pool_is_split_to_spot() -> None:
    world = opened("unified", both=True, instruments=PRODUCTS[1:2])
    world.desk.switching.split_to = "margin"
    world.desk.switching.execute("separated")
    assert world.balance("spot") == 1_000_000 * E8


def test_the_way_back_refuses_what_would_lose_its_margin() -> None:
    world = opened("unified", both=True)
    trade(world, UM, 1, 0.5)
    known = columns(world)
    with pytest.raises(ValueError, match="a position is open in slot 1"):
        world.desk.switching.execute("separated")
    trade(world, UM, -1, 0.5, 1_000_000)
    world.borrow("BTC", 0.25)
    with pytest.raises(ValueError, match="wallet unified owes"):
        world.desk.switching.execute("separated")
    world.repay("BTC")
    assert world.partition.mode == "unified"
    world.desk.switching.execute("separated")
    assert len(columns(world)) == len(known)


def test_positions_apart_from_the_pool_do_not_stand_in_the_way() -> None:
    world = opened("unified", "binance", both=True, members=PM)
    world.ctx.transfer("USDT", 100_000.0, "spot", "options")
    world.step()
    trade(world, CALL, 1, 1.0)
    figures, level = world.desk.pool_figures("options"), 2
    pool = [name for name, _, _ in world.partition.pools].index("options")
    world.core.pools.set_checked(pool, level)
    world.desk.switching.execute("separated")
    assert world.desk.pool_figures("options") == figures
    assert world.core.pools.checked_level(pool) == level, "its level goes on"
