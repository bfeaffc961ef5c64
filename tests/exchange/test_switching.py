"""Goal: a switch of the account mode moves every unit of money and debt, and nothing else.

Method: an account that holds positions of every product, loans, interest and a negative balance is
switched by hand between two rows of the tape; what the ledger, the pools and the parts of the desk
say before is compared with what they say after.  After every row the invariants are asserted, among
them that wallets of the other mode are empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from simulator.accounts.wallets import LINES, layouts
from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.messages import (
    BorrowRequest,
    FundOperation,
    FundRequest,
    LeverageRequest,
    MarginRequest,
    RepayRequest,
    TransferRequest,
)
from simulator.market.tape import Kind
from simulator.risk.levels import RiskLevel
from tests.accounts.test_wallets import ALL, PM
from tests.exchange.products import CALL, CM, DATED, PRODUCTS, PUT, SPOT, UM, opened, trade
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
    rules = {"textbook": None, "binance": None}[rulebook]
    world = opened("separated", rulebook, both=True, hedge=hedge, margin=rules)
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
    assert world.ctx.market(UM) is not None
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


# Orders and requests


def test_all_orders_are_canceled_conditional_ones_too() -> None:
    world = opened("separated", both=True)
    world.transfer(100_000.0)
    spot, um = world.market(SPOT), world.market(UM)
    world.ctx.submit(spot, 1, 0.1, price=90_000.0)
    world.ctx.submit(um, 1, 0.1, price=90_000.0)
    world.ctx.submit(um, -1, 0.1, kind="stop", trigger=80_000.0)
    world.step()
    assert world.core.open_orders(1) == 3
    with pytest.raises(ValueError, match="orders are open"):
        world.desk.switching.execute("unified")
    assert world.desk.switching.cancel_orders() == 3
    assert world.core.open_orders(1) == 0
    assert world.held("spot") == 0
    assert len(world.records(Outcome.CANCELED)) == 3
    world.desk.switching.execute("unified")


def test_a_suspended_account_trades_nothing_and_the_venue_goes_on() -> None:
    world = opened("unified", both=True, deposits={"USDT": "20000"})
    trade(world, UM, 1, 1.0)
    world.core.suspend(1, True)
    trade(world, UM, -1, 0.5)
    world.ctx.submit(world.market(UM), -1, 0.1, kind="stop", trigger=80_000.0)
    world.ctx.submit(world.market(SPOT), 1, 0.1, price=90_000.0)
    world.step()
    assert world.said()[-3:] == ["REJECTED ACCOUNT_SUSPENDED"] * 3
    assert world.lots(UM) == 1_000
    for name in (SPOT, UM):
        world.book(name, 850_000, 850_001)
    world.mark(UM, "85000")
    world.row(Kind.INDEX, UM, 0, 85_000 * E8)
    world.step(2000)
    assert world.records(Outcome.LIQUIDATED), "liquidation goes on"
    assert abs(world.lots(UM)) < 1_000
    world.core.suspend(1, False)
    assert not world.core.is_suspended(1)
    trade(world, SPOT, 1, 0.001)
    assert "ACCOUNT_SUSPENDED" not in world.said()[-1]


REFUSED = [
    (TransferRequest(0, 5, 6, 0, E8), Outcome.TRANSFER_REJECTED),
    (MarginRequest(0, 1, E8), Outcome.MARGIN_REJECTED),
    (LeverageRequest(0, 1, 5), Outcome.LEVERAGE_REJECTED),
    (BorrowRequest(0, 0, E8), Outcome.LOAN_REJECTED),
    (RepayRequest(0, 0, None), Outcome.LOAN_REJECTED),
    (FundRequest(0, FundOperation.WITHDRAW, 0, E8), Outcome.FUNDS_REJECTED),
    (FundRequest(0, FundOperation.COLLECT), Outcome.FUNDS_REJECTED),
]


@pytest.mark.parametrize(("asked", "outcome"), REFUSED, ids=[type(a).__name__ for a, _ in REFUSED])
def test_requests_of_a_suspended_account_are_refused(asked: Any, outcome: Outcome) -> None:
    world = opened("separated", "binance", both=True, members=PM)
    world.core.suspend(1, True)
    entries = world.core.ledger.entries
    world.desk.request(asked)
    world.step()
    (record,) = world.records(outcome)
    assert record[6] == RejectReason.ACCOUNT_SUSPENDED
    assert world.core.ledger.entries == entries
    assert world.core.rejected()[RejectReason.ACCOUNT_SUSPENDED] == 1
    world.core.suspend(1, False)
    world.desk.request(asked)
    world.step()
    assert world.core.rejected()[RejectReason.ACCOUNT_SUSPENDED] == 1


def test_a_suspended_account_still_takes_deposits() -> None:
    world = opened("separated", both=True)
    world.core.suspend(1, True)
    world.desk.request(FundRequest(0, FundOperation.DEPOSIT, 0, E8, target=-1))
    world.step()
    assert world.balance("spot") == 1_000_001 * E8


def test_a_duty_is_called_at_its_instant() -> None:
    world = opened("separated", both=True, instruments=PRODUCTS[:2])
    told: list[int] = []
    desk, known = world.desk, world.desk.duty
    desk.duty = lambda now: (told.append(now), known(now))[1]  # type: ignore[method-assign]
    at = world.now // 10**9 * 10**9 + 30 * 10**9
    world.core.call_duty(at)
    world.core.call_duty(at + 10**12)
    world.step(60_000)
    assert told
    assert told[0] == at


# What the parts of the desk took from the mode


def test_leverage_is_kept_by_mode_and_shared_where_both_follow_from_brackets() -> None:
    world = opened("separated", "binance", both=True, members=PM)
    world.desk.request(LeverageRequest(0, world.number(UM), 7))
    world.step()
    world.desk.switching.execute("unified")
    assert world.ctx.market(UM).leverage == 7
    world.transfer(1000.0, "spot", "um")
    trade(world, UM, 1, 0.01)
    found = world.desk.pool_figures("unified")
    assert found.initial_margin == pytest.approx(0.01 * 100_000 / 7)


def test_loans_move_to_the_wallet_that_borrows() -> None:
    world = opened("separated", "binance", both=True, members=PM)
    world.ctx.transfer("USDT", 100_000.0, "spot", "margin")
    world.step()
    world.borrow("BTC", 0.5)
    margin = world.desk.loans.wallet
    world.desk.switching.execute("unified")
    assert world.desk.loans.wallet == world.partition.wallet("unified") != margin
    assert world.owed("BTC")[0] == E8 // 2
    world.borrow("BTC", 0.25)
    assert world.owed("BTC")[0] == 3 * E8 // 4
    world.repay("BTC")
    assert world.owed("BTC") == (0, 0)


def test_negative_balances_are_of_the_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    world = opened("separated", "binance", both=True, members=PM)
    assert set(world.desk.negative._ratio) == {
        wallet for _, _, wallet, isolated in world.partition.live_pools if isolated < 0
    }
    world.desk.switching.execute("unified")
    unified = world.partition.wallet("unified")
    assert unified in world.desk.negative._ratio
    assert world.desk.negative._ratio[unified][world.assets.index("BTC")] < 1


def test_what_is_measured_goes_on() -> None:
    world = opened("separated", both=True)
    for minute in range(1, 200):
        world.mark(UM, str(100_000 + 500 * (minute % 7)), after=60_000)
        world.row(Kind.INDEX, UM, 0, (100_000 + 500 * (minute % 7)) * E8)
    measured = world.desk.measuring.present
    assert measured is not None
    assert measured.volatilities()["BTC"] > 1
    preview = world.desk.switching.preview("unified")
    world.desk.switching.execute("unified")
    assert world.desk.measuring.present is measured
    assert world.desk.pool_figures().equity == preview[0]


def test_samples_and_snapshots_know_their_mode() -> None:
    world = account()
    for _ in range(10):
        world.step(1_000)
    world.desk.switching.execute("unified")
    for _ in range(10):
        world.step(1_000)
    samples = world.desk.samples()
    unified = samples["unified"].astype(bool)
    assert unified.any()
    assert not unified.all()
    names = [name for name, _, _ in world.partition.pools]
    pool = 4 * names.index("unified")
    assert (samples["pools"][~unified, pool] == 0).all()
    assert (samples["pools"][unified, pool] > 0).all()
    assert (samples["pools"][unified, 4 * names.index("um")] == 0).all()
    kept = world.desk.snapshots.kept
    assert {one.mode for one in kept} == {"separated", "unified"}
    first = world.desk.snapshots.state(kept[-1], names.index("unified"))
    assert len(first.positions) == 5
    last = [one for one in kept if one.mode == "separated"][-1]
    assert not world.desk.snapshots.state(last, names.index("unified")).positions
    assert world.desk.snapshots.state(last, names.index("cm:BTC")).positions


def test_requests_sent_before_the_switch_find_the_wallets_of_after() -> None:
    world = opened("separated", both=True, latency="50")
    um = world.partition.wallet("um")
    world.ctx.transfer("USDT", 10.0, "spot", "um")
    world.desk.switching.execute("unified")
    world.step(1_000)
    assert world.core.ledger.balance_of(um, 0) == 0, "nothing goes to a wallet that is not there"
    assert world.records(Outcome.TRANSFER_REJECTED)[-1][6] == RejectReason.ONE_WALLET


def test_a_run_whose_other_mode_cannot_margin_its_contracts_stays_in_its_own() -> None:
    world = World("unified", "textbook")
    assert list(world.desk.switching.layouts) == ["unified"]
    assert not world.desk.switching.possible("separated")
    assert world.desk.modes.switching is None
