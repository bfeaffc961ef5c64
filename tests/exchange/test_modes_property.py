"""Goal: whatever an account asks for and the market does, a change of mode loses nothing, trading
rests in it, and pools are those of the mode.

Method: random sequences of steps, orders, operations on funds, prices and waiting; after each the
laws below.  `World` asserts those of the ledger after every row, among them that the wallets of the
mode that the account is not in are empty.
"""

from __future__ import annotations

import gc
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.accounts.questionnaire import right_answers, wrong_answers
from simulator.accounts.states import NEXT, AccountState, Step, refusal
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from simulator.strategy.base import Strategy
from tests.exchange.modes_kit import BTC, ETH, EXPERIENCED, SPOT, sums
from tests.exchange.world import World

INTEREST = InterestRules(
    default_daily=Decimal("0.05"),
    negative_pools=("unified",),
    default_negative_daily=Decimal("0.01"),
    convert={"unified": {"USDT": Decimal(100)}},
)
RULES = {
    "kyc": "none",
    "net_assets": Decimal(20_000),
    "net_assets_lines": (),
    "open_positions": True,
    "isolated_positions": True,
    "cool_down_ns": 60 * 10**9,
    "switch_ns": 90 * 10**9,
    "return_ns": 30 * 10**9,
}
MEMBERS = {"textbook": ("spot", "margin", "um", "cm", "options"), "binance": ("margin", "um", "cm")}
TIME, FORCED = 0, 10
"""Columns of a fill's row."""

LIVES = count(1)
ASSETS = st.sampled_from(["USDT", "BTC"])
AMOUNTS = st.floats(0.001, 30_000).map(lambda x: round(x, 6))
WALLETS = st.sampled_from(["spot", "margin", "um", BTC])
STEPS = ("apply", "accept", "right", "wrong", "nothing", "withdraw", "back")
ACTS = st.one_of(
    st.tuples(st.sampled_from(STEPS)),
    st.tuples(st.sampled_from(["unify", "flat", "home", "cancel"])),
    st.tuples(st.just("wait"), st.sampled_from([1, 20, 70, 120, 4000])),
    st.tuples(
        st.just("order"),
        st.sampled_from([BTC, ETH, SPOT]),
        st.sampled_from([-1, 1]),
        st.floats(0.001, 2.0),
        st.booleans(),
    ),
    st.tuples(st.just("transfer"), ASSETS, AMOUNTS, WALLETS, WALLETS),
    st.tuples(st.sampled_from(["borrow", "repay", "deposit", "take"]), ASSETS, AMOUNTS),
    st.tuples(st.just("price"), st.integers(700_000, 1_300_000)),
)


def flatten(world: World) -> None:
    """Close what is open and pay what is owed, as far as the venue lets it."""
    world.ctx.cancel_all()
    for name in (BTC, ETH):
        lots = world.lots(name)
        if lots:
            world.ctx.submit(world.market(name), -1 if lots > 0 else 1, abs(lots) / 1000)
    for asset in ("USDT", "BTC"):
        world.ctx.repay(asset)


def step(world: World, what: str) -> None:
    """Ask for a step, or for those that lead to the other mode."""
    account = world.ctx.account
    if what in ("apply", "unify"):
        account.apply_unified()
    if what in ("accept", "unify"):
        account.accept_agreement()
    if what in ("right", "unify"):
        account.answer(right_answers(account.questionnaire()))
    elif what == "wrong":
        account.answer(wrong_answers(account.questionnaire()))
    elif what == "nothing":
        account.answer()
    elif what == "withdraw":
        account.withdraw_application()
    elif what == "back":
        account.request_separated()


def act(world: World, one: tuple) -> None:  # type: ignore[type-arg]
    ctx, (what, *of) = world.ctx, one
    if what == "order":
        name, side, quantity, resting = of
        market = world.market(name)
        ctx.submit(
            market, side, quantity, price=market.mid * (1 - 0.01 * side) if resting else None
        )
    elif what == "transfer":
        ctx.transfer(*of)
    elif what in ("borrow", "repay"):
        getattr(ctx, what)(*of)
    elif what == "deposit":
        ctx.account.deposit(*of)
    elif what == "take":
        ctx.account.withdraw(*of)
    elif what == "price":
        for name in (BTC, SPOT):
            world.book(name, of[0], of[0] + 1)
        world.mark(BTC, str(Decimal(of[0]) / 10))
        world.row(Kind.INDEX, BTC, 0, of[0] * 10**7)
    elif what == "wait":
        world.step(of[0] * 1000)
    elif what == "cancel":
        ctx.cancel_all()
    elif what in ("flat", "home"):
        flatten(world)
        if what == "home":
            world.step()
            ctx.account.request_separated()
    else:
        step(world, what)
    world.step()


def look(world: World) -> None:
    """The laws that hold at every instant."""
    modes, partition = world.desk.modes, world.partition
    assert partition.mode == modes.state.mode
    shared = [name for _, name, _, _ in partition.live_pools if name == "unified"]
    assert len(shared) == (1 if partition.mode == "unified" else 0)
    assert world.core.is_suspended(1) == modes.state.switching == (modes.suspended_until_ns > 0)
    if modes.state.switching:
        assert world.core.open_orders(1) == 0


def review(world: World) -> set[AccountState]:
    """The laws of the whole run; return the states that it went through."""
    before = world.desk.modes.events[0].before if world.desk.modes.events else None
    rests_since = 0
    fills = world.core.fills().tolist()
    for event in world.desk.modes.events:
        assert event.before is before
        assert sums(event.balances_before) == sums(event.balances_after)
        assert event.taken == (event.refusal is None) == (event.after is not event.before)
        if event.taken:
            assert event.after is NEXT[event.before, event.step]
            assert not event.unmet
        elif event.refusal is not refusal(event.before, event.step):
            assert event.unmet, "a step that the table has is refused for its conditions alone"
        if event.taken and event.step is Step.REQUEST_SEPARATED:
            for assets in event.balances_before.values():
                for balance, loan, interest in assets.values():
                    assert balance >= loan == interest == 0
        if event.after.switching and event.taken:
            rests_since = event.time_ns
        elif event.step is Step.COMPLETE_SWITCH:
            own = [row for row in fills if rests_since < row[TIME] < event.time_ns]
            assert all(row[FORCED] for row in own), "an order filled while trading rested"
            rests_since = 0
        before = event.after
    if rests_since:
        assert all(row[FORCED] for row in fills if row[TIME] > rests_since)
    return {event.after for event in world.desk.modes.events if event.taken}


def live(mode: str, rulebook: str, acts: list[tuple]) -> set[AccountState]:  # type: ignore[type-arg]
    """Live through a sequence; return the states that were reached."""
    if next(LIVES) % 50 == 0:
        gc.collect()  # a world is a cycle of few objects and much memory: it would stay long
    world = World(
        mode,
        rulebook,
        both=True,
        deposits={"USDT": "60000", "BTC": "0.5"},
        interest=INTEREST,
        members=MEMBERS[rulebook],
        profile=EXPERIENCED,
        modes=RULES,
        strategies=[Strategy()],  # keeps no updates: they would keep the whole world
    )
    world.open_markets()
    act(world, ("price", 1_000_000))
    for one in acts:
        act(world, one)
        look(world)
    return review(world)


@pytest.mark.parametrize("mode", ["separated", "unified"])
@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=st.lists(ACTS, min_size=5, max_size=30))
def test_a_change_of_mode_loses_nothing(mode: str, rulebook: str, acts: list[tuple]) -> None:  # type: ignore[type-arg]
    live(mode, rulebook, acts)


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["separated", "unified"])
@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
@settings(max_examples=2600, deadline=None, suppress_health_check=list(HealthCheck))
@given(acts=st.lists(ACTS, min_size=10, max_size=60))
def test_ten_thousand_lives(mode: str, rulebook: str, acts: list[tuple]) -> None:  # type: ignore[type-arg]
    live(mode, rulebook, acts)


@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
def test_the_sequences_can_reach_every_state(rulebook: str) -> None:
    """What the laws are about does happen: a sequence of these acts goes all the way round."""
    round_trip = [
        ("transfer", "USDT", 30_000.0, "spot", "um"),
        ("unify",),
        ("wait", 120),
        ("order", BTC, 1, 0.05, False),
        ("home",),
        ("wait", 70),
        ("apply",),
        ("withdraw",),
    ]
    assert live("separated", rulebook, round_trip) == set(AccountState)
