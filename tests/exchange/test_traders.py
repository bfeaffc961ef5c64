"""Goal: an account that trades beside another has everything of its own, and meets it only in the
books.

Method: two to four accounts in both modes on a venue that is driven by hand; figures of round
prices.  After every row the invariants are asserted for all accounts.
"""

from __future__ import annotations

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.events import fills
from simulator.events.outcomes import Outcome
from simulator.exchange.messages import AccountEvent, FundEvent
from simulator.risk.levels import RiskLevel
from tests.exchange.modes_kit import EXPERIENCED
from tests.exchange.products import CALL, opened
from tests.exchange.traders_kit import ONE, SPOT, UM, contexts, deal, made, position, seats
from tests.exchange.world import INSTRUMENTS, World, listed

PAIRS = [
    ("separated", "separated"),
    ("separated", "unified"),
    ("unified", "separated"),
    ("unified", "unified"),
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_what_one_sells_the_other_buys(first: str, second: str) -> None:
    world = made(first, second)
    before = [ctx.equity() for ctx in contexts(world)]
    deal(world, 0, 1, 0.4)
    assert [position(world, n) for n in (0, 1)] == [400, -400]
    assert world.core.ledger.position_of(0, world.number(UM))[0] == 0, "the market has no part"
    rows = world.core.fills()
    assert rows[:, [fills.ACCOUNT, fills.SIDE, fills.LOTS, fills.MAKER]].tolist() == [
        [2, -1, 400, 1],
        [1, 1, 400, 0],
    ]
    world.mark(UM, "101000")
    world.step(2000)
    fees = [float(world.core.fees_of(account)) for account in (1, 2)]
    gained = [ctx.equity() - was for ctx, was in zip(contexts(world), before, strict=True)]
    assert gained == pytest.approx([400 - fees[0], -400 - fees[1]])
    assert contexts(world)[1].market(UM).position == -0.4
    assert [len(one.fills) for one in world.strategies] == [1, 1]


def test_wallets_and_pools_are_the_accounts_own() -> None:
    world = made("separated", "unified", "separated")
    first, second, third = contexts(world)
    assert [ctx.mode for ctx in (first, second, third)] == ["separated", "unified", "separated"]
    assert [ctx.balance("USDT", "spot") for ctx in (first, second, third)] == [5e4, 1e5, 5e4]
    deal(world, 0, 2, 0.2)
    second.buy(second.market(UM), 0.1)
    world.step()
    assert first.margin("um:BTCUSDT").maintenance_margin == pytest.approx(
        third.margin("um:BTCUSDT").maintenance_margin, rel=1e-3
    )
    assert second.margin("unified").maintenance_margin > 0
    assert second.margin("um").pool == "unified"
    with pytest.raises(LookupError, match="no margin pool unified"):
        first.margin("unified")
    numbers = [set(desk.partition.numbers) for desk in world.desk.accounts.values()]
    assert not numbers[0] & numbers[1]
    assert not numbers[1] & numbers[2]
    assert world.desk.lender not in numbers[0] | numbers[1] | numbers[2]


def test_nobody_sees_or_cancels_anothers_orders() -> None:
    world = made("separated", "unified")
    first, second = contexts(world)
    order = first.buy(first.market(UM), 0.1, ONE - 10)
    own = second.buy(second.market(UM), 0.1, ONE - 10)
    world.step()
    assert second.orders(second.market(UM)) == [own]
    assert not second.cancel(order)
    assert second.cancel_all() == 1
    world.step()
    assert world.core.open_orders(1) == 1
    assert world.core.open_orders(2) == 0
    assert first.cancel(order)


def test_self_trade_prevention_is_of_one_account() -> None:
    world = made("separated", "unified")
    first, second = contexts(world)
    world.book(UM, 999_990, 1_000_010)
    first.sell(first.market(UM), 0.1, ONE)
    world.step()
    second.submit(second.market(UM), 1, 0.1, price=ONE, self_trade="EXPIRE_TAKER")
    world.step()
    assert [position(world, n) for n in (0, 1)] == [-100, 100]
    first.sell(first.market(UM), 0.1, ONE)
    world.step()
    first.submit(first.market(UM), 1, 0.1, price=ONE, self_trade="EXPIRE_TAKER")
    world.step()
    assert position(world, 0) == -100, "its own order it does not meet"


def test_orders_that_only_reduce_do_not_turn_a_position_for_another_account() -> None:
    world = made("separated", "separated")
    first, second = contexts(world)
    deal(world, 0, 1, 0.4)
    world.book(UM, 999_990, 1_000_010)
    for price in (ONE, ONE + 0.1):
        first.sell(first.market(UM), 0.4, price, reduce_only=True)
    world.step()
    second.buy(second.market(UM), 0.8, ONE + 0.1)
    world.step()
    assert position(world, 0) == 0
    assert position(world, 1) == 400
    assert world.core.ledger.position_of(0, world.number(UM))[0] == -400, "the market stands in"
    assert world.core.open_orders(1) == 0


def test_leverage_is_the_accounts_own() -> None:
    world = made("separated", "separated", rulebook="binance", margin_type="cross")
    first, second = contexts(world)
    first.set_leverage(first.market(UM), 20)
    second.set_leverage(second.market(UM), 5)
    world.step()
    deal(world, 0, 1, 0.4)
    assert [ctx.market(UM).leverage for ctx in (first, second)] == [20, 5]
    assert first.margin("um").initial_margin == pytest.approx(40_000 / 20, rel=1e-4)
    assert second.margin("um").initial_margin == pytest.approx(40_000 / 5, rel=1e-4)
    second.sell(second.market(UM), 2.2)
    first.buy(first.market(UM), 2.2)
    world.step()
    assert (position(world, 0), position(world, 1)) == (2600, -400)


def test_leverage_allows_positions_of_the_accounts_own() -> None:
    given = {"USDT": "100000000"}
    world = made(
        "separated",
        "separated",
        rulebook="binance",
        margin_type="cross",
        deposits=given,
        traders=seats("separated", deposits=given),
    )
    first, second = contexts(world)
    for ctx, leverage in ((first, 100), (second, 2)):
        ctx.transfer("USDT", 90_000_000, "spot", "um")
        ctx.set_leverage(ctx.market(UM), leverage)
    world.step()
    for ctx in (first, second):
        for _ in range(2):
            ctx.buy(ctx.market(UM), 100.0)
        world.step()
    assert position(world, 1) == 200_000
    assert world.core.rejected()[11] > 0, "MAX_POSITION of the high leverage"
    assert position(world, 0) < 200_000


def test_isolated_positions_of_an_account_start_with_its_own_leverage() -> None:
    world = made("unified", "separated", rulebook="binance", margin_type="isolated")
    first, second = contexts(world)
    second.set_leverage(second.market(UM), 10)
    world.step()
    deal(world, 0, 1, 0.4)
    assert second.balance("USDT", "um:BTCUSDT") == pytest.approx(4_000)
    second.adjust_isolated_margin(second.market(UM), 1_000)
    world.step()
    assert second.balance("USDT", "um:BTCUSDT") == pytest.approx(5_000)
    assert first.balance("USDT") == pytest.approx(100_000, abs=50)


def test_transfers_loans_and_repayments_are_the_accounts_own() -> None:
    world = made("separated", "unified")
    first, second = contexts(world)
    first.transfer("USDT", 20_000, "spot", "margin")
    world.step()
    first.borrow("BTC", 0.1)
    second.borrow("BTC", 0.2)
    world.step()
    assert [ctx.loan("BTC") for ctx in (first, second)] == [0.1, 0.2]
    second.account.auto_repay()
    world.step()
    assert [ctx.loan("BTC") for ctx in (first, second)] == [0.1, 0.0]
    first.repay("BTC")
    world.step()
    assert [ctx.loan("BTC") for ctx in (first, second)] == [0.0, 0.0]
    second.account.withdraw("USDT", 10_000)
    first.account.deposit("USDT", 5_000)
    world.step()
    events = [one.of(FundEvent) for one in world.strategies]  # type: ignore[attr-defined]
    assert [{event.account for event in own} for own in events] == [{1}, {2}]
    assert [own[-1].operation.name for own in events] == ["DEPOSIT", "WITHDRAW"]
    desks = world.desk.accounts
    assert [desks[n].added() for n in (1, 2)] == [5_000, -10_000]
    assert [desks[n].start_equity() for n in (1, 2)] == [100_000, 100_000]


def test_an_order_borrows_for_its_own_account() -> None:
    world = made("separated", "unified")
    _, second = contexts(world)
    second.submit(second.market(SPOT), -1, 0.1, side_effect="auto_borrow")
    world.step()
    assert second.loan("BTC") == 0.1
    assert world.desk.accounts[1].loans.of(1) == (0.0, 0.0)
    (row,) = world.records(Outcome.BORROWED)
    assert row[2] == 2


def test_a_switch_changes_nothing_of_another_account() -> None:
    easy = {"net_assets": 0, "futures_trades": 0, "futures_volume": 0, "questions": 0}
    world = made("separated", "separated", "unified", modes=easy)
    first, second, third = contexts(world)
    deal(world, 0, 1, 0.4)
    deal(world, 2, 1, 0.2)
    order = first.buy(first.market(UM), 0.1, ONE - 1000)
    world.step()
    kept = [ctx.equity() for ctx in (first, third)]
    figures = first.margin("um:BTCUSDT"), third.margin("unified")
    for step in (second.account.apply_unified, second.account.accept_agreement):
        step()
        world.step()
    second.account.answer()
    world.step()
    assert second.account.state == "SWITCHING_TO_UNIFIED"
    assert world.core.is_suspended(2)
    assert not world.core.is_suspended(1)
    assert first.orders(first.market(UM)) == [order]
    third.buy(third.market(UM), 0.1)
    world.step()
    assert position(world, 2) == 300
    third.sell(third.market(UM), 0.1)
    world.step(302_000)
    assert (first.mode, second.mode, third.mode) == ("separated", "unified", "unified")
    assert first.equity() == kept[0]
    assert third.equity() == pytest.approx(kept[1], abs=20)
    assert first.margin("um:BTCUSDT") == figures[0]
    assert third.margin("unified").maintenance_margin == pytest.approx(
        figures[1].maintenance_margin
    )
    assert second.balance("USDT", "unified") == pytest.approx(100_000, abs=50)
    assert {row[2] for row in world.records(Outcome.MERGED, Outcome.MODE_STEP)} == {2}
    heard = [one.of(AccountEvent) for one in world.strategies]  # type: ignore[attr-defined]
    assert [len(own) for own in heard] == [0, 4, 0]
    second.buy(second.market(UM), 0.6)
    world.step()
    second.account.request_separated()
    world.step(400_000)
    assert second.mode == "separated"
    assert second.balance("USDT", "spot") == pytest.approx(100_000, abs=200)


def test_the_first_account_switches_among_others() -> None:
    easy = {
        "net_assets": 0,
        "futures_trades": 0,
        "futures_volume": 0,
        "questions": 0,
        "open_positions": True,
    }
    world = made("separated", "separated", rulebook="binance", modes=easy, margin_type="cross")
    first, second = contexts(world)
    second.set_leverage(second.market(UM), 5)
    world.step()
    deal(world, 0, 1, 0.4)
    figures = second.margin("um")
    for step in (first.account.apply_unified, first.account.accept_agreement, first.account.answer):
        step()
        world.step()
    world.step(700_000)
    assert (first.mode, second.mode) == ("unified", "separated")
    assert second.margin("um").initial_margin == figures.initial_margin
    assert second.market(UM).leverage == 5
    assert first.margin("unified").maintenance_margin == pytest.approx(
        figures.maintenance_margin, rel=1e-3
    )


def test_premiums_are_paid_from_the_wallet_of_the_accounts_mode() -> None:
    """A unified account pays a premium from its pool, a separated one from its options wallet."""
    others = seats("separated", deposits={"USDT": "100000"})
    world = opened("unified", deposits={"USDT": "100000"}, traders=others)
    first, second = contexts(world)
    for ctx in (first, second):
        ctx.buy(ctx.market(CALL), 1.0, 2_001.0)
    world.step()
    assert [position(world, n, CALL) for n in (0, 1)] == [100, 0]
    assert world.core.rejected()[9] == 1, "INSUFFICIENT_BALANCE: nothing in the options wallet"


def test_alerts_go_to_who_asked() -> None:
    world = made("separated", "separated", margin_type="cross")
    heard: list[int] = []
    for number, one in enumerate(world.strategies):
        one.on_alert = lambda ctx, alert, n=number: heard.append(n)  # type: ignore[assignment]
    second = contexts(world)[1]
    second.alert(level=RiskLevel.MARGIN_CALL, pool="um")
    second.buy(second.market(UM), 3.9)
    world.step()
    world.book(UM, 930_000, 930_010)
    world.mark(UM, "93000")
    world.step(2000)
    assert heard == [1]
    assert [len(desk.watcher.said) for desk in world.desk.accounts.values()] == [0, 1]


def test_an_idle_account_changes_nothing() -> None:
    """The first account's run is the same, record by record, whoever is there and does nothing."""
    found = []
    for others in ((), ("separated",), ("unified", "separated", "unified")):
        world = World(
            "separated",
            both=True,
            profile=EXPERIENCED,
            deposits={"USDT": "100000"},
            traders=seats(*others, deposits={}),
            modes={"net_assets": 0, "futures_trades": 0, "futures_volume": 0, "questions": 0},
        )
        world.open_markets()
        world.transfer(50_000)
        world.ctx.buy(world.market(UM), 0.4)
        world.step()
        for step in ("apply_unified", "accept_agreement", "answer"):
            getattr(world.ctx.account, step)()
            world.step()
        world.step(302_000)
        world.ctx.sell(world.market(UM), 0.4)
        world.step()
        world.mark(UM, "110000")
        world.step(2000)
        found.append((world.core.records.digest(), world.ctx.equity(), world.ctx.mode))
    assert found[0] == found[1] == found[2]
    assert found[0][2] == "unified"


def test_the_order_of_further_accounts_does_not_matter() -> None:
    """Accounts that act at different instants end alike, whatever their numbers are."""
    found = []
    for modes in (("unified", "separated"), ("separated", "unified")):
        world = made("separated", *modes, margin_type="cross")
        at = {"first": 0, "U": 1 + modes.index("unified"), "S": 1 + modes.index("separated")}
        deal(world, at["first"], at["U"], 0.4)
        deal(world, at["S"], at["first"], 0.3)
        deal(world, at["U"], at["S"], 0.2)
        world.mark(UM, "103000")
        world.step(2000)
        found.append(
            {name: (position(world, n), contexts(world)[n].equity()) for name, n in at.items()}
        )
    assert found[0] == found[1]


def test_another_accounts_wallet_is_nobodys_by_number() -> None:
    world = made("separated", "separated")
    other = world.desk.accounts[2].partition
    with pytest.raises(KeyError):
        world.partition.name_of(other.own[0])
    assert world.desk.transfers.here(other.own[0]) == -2


def test_whole_venue_sums_to_zero() -> None:
    world = made("separated", "unified", "separated")
    deal(world, 0, 1, 0.4)
    deal(world, 2, 1, 0.2)
    balances = np.asarray(world.core.ledger.columns()[0])
    assert (balances.sum(axis=0) == 0).all()
    lots = np.asarray(world.core.ledger.columns()[2])
    assert (lots.sum(axis=0) == 0).all()


def test_a_wallet_of_the_other_mode_must_be_empty_for_every_account() -> None:
    world = made("separated", "unified")
    partition = world.desk.accounts[2].partition
    spot = partition.number_of("spot")
    world.core.ledger.move(2, spot, 0, 100)
    with pytest.raises(
        AssertionError, match="wallet spot is not of the unified mode, and has USDT"
    ):
        world.desk.verify()


def test_a_mode_that_cannot_be_margined_is_refused() -> None:
    strange = listed("um", "XYZ")
    with pytest.raises(InputError, match="no brackets for it"):
        World(
            "separated",
            "binance",
            instruments=[*INSTRUMENTS, strange],
            traders=seats("separated"),
        )
