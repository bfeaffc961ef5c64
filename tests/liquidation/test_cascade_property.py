"""Goal: whatever people hold and prices do, a cascade books nothing wrong: sums are zero, longs are
shorts, nobody loses more than he has, only pools at their threshold are liquidated, only positions
in profit on the other side are deleveraged, and what people hold never grows.

Method: Hypothesis draws a few people in both modes, a fund, and a path of books and marks; the
venue's own invariants are asserted after every row, the others after every step.  The compiled
choices are compared with the readable ones on the way.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.accounts.crowd import FIRST
from simulator.events.outcomes import Outcome
from simulator.liquidation.plan import choose
from simulator.liquidation.ranking import Candidate, rank
from simulator.liquidation.rules import InsuranceRules, LiquidationRules
from tests.liquidation.crowd_kit import E8, ETH, ETH_SPOT, SPOT, UM, CrowdWorld, Person

ENTRY = {UM: 100_000.0, ETH: 10_000.0}
LOTS = st.integers(-3000, 3000).filter(lambda lots: lots != 0)


@st.composite
def people(draw: st.DrawFn) -> list[Person]:
    """Up to six accounts with margin for 6x to 12x at the first prices."""
    found = []
    for number in range(1, draw(st.integers(2, 6)) + 1):
        contracts = draw(st.sampled_from([(UM,), (ETH,), (UM, ETH)]))
        sizes = {name: draw(LOTS) for name in contracts}
        need = sum(abs(lots) * ENTRY[name] / 1000 for name, lots in sizes.items())
        margin = need / draw(st.floats(6.0, 12.0))
        unified = draw(st.booleans())
        isolated = not unified and len(contracts) == 1 and draw(st.booleans())
        positions = [
            (name, lots, ENTRY[name], round(margin, 2) if isolated else 0.0)
            for name, lots in sizes.items()
        ]
        balance: dict[tuple[str, str], float] = {}
        if not isolated:
            coins = draw(st.floats(0.0, 0.5)) if unified else 0.0
            balance = {("um", "USDT"): round(margin * (1 - coins), 2)}
            if coins:
                balance["spot", "BTC"] = round(margin * coins / 100_000, 5)
        found.append(Person(number, positions, balance, unified=unified))
    return found


STEPS = st.lists(
    st.tuples(
        st.sampled_from([-0.14, -0.08, -0.04, 0.0, 0.05, 0.09, 0.15]),  # BTC
        st.sampled_from([-0.16, -0.07, -0.03, 0.0, 0.04, 0.1, 0.14]),  # ETH
        st.sampled_from([0, 300, 2000, 10**6]),  # lots displayed
    ),
    min_size=2,
    max_size=6,
)

RULES = st.builds(
    lambda fund, share, partial, bound: LiquidationRules(
        fee_e8=500_000,
        partial=partial,
        bound=bound,
        deleveraging=share,
        insurance=InsuranceRules(balance={} if fund is None else {"USDT": Decimal(fund)}),
    ),
    st.sampled_from([None, "0", "20000", "200000"]),
    st.sampled_from(["queue", "pro_rata"]),
    st.sampled_from(["target", "bracket", "whole"]),
    st.sampled_from([None, 0.005, 0.3]),
)


def held(world: CrowdWorld) -> int:
    """Lots that people hold, long and short added up."""
    quantity = [world.core.ledger.position_of(account, slot)[0]
                for account in range(FIRST, world.roster.fund) for slot in range(4)]  # fmt: skip
    return int(np.abs(quantity).sum())


def move(world: CrowdWorld, step: tuple[float, float, int], prices: list[float]) -> None:
    """Move both underlyings at once, their books first."""
    prices[0] *= 1 + step[0]
    prices[1] *= 1 + step[1]
    for price, spot, future in ((prices[0], SPOT, UM), (prices[1], ETH_SPOT, ETH)):
        at = round(price * 10)
        world.book(spot, at, at + 1)
        world.book(future, at, at + 1, lots=step[2])
        world.mark(future, f"{at / 10}")
    world.step(1000)


def check(world: CrowdWorld, threshold: float = 1.0) -> None:
    """What must hold after every step, beside the venue's own invariants."""
    calls, closings = world.engine.calls(), world.engine.closings()
    for call in calls:
        assert call["equity"] <= threshold * call["maintenance"] + 1e-6
    liquidated = {row[2] for row in world.records(Outcome.LIQUIDATED)}
    entries = {world.account(one.number): dict((p[0], p[2]) for p in one.positions)
               for one in world.people}  # fmt: skip
    for row in closings:
        name = world.instruments[row["slot"]].name
        if row["stage"] == 2:
            assert row["account"] in liquidated, "liquidated before anybody is deleveraged for it"
        if row["stage"] == 3:
            profit = row["mark"] - entries[row["account"]][name]
            assert profit * -row["side"] > 0, "only positions in profit are deleveraged"
    for one in world.people:
        if not one.unified and not any(world.lots_of(one.number, n) for n in (UM, ETH)):
            assert world.wealth(one.number) >= 0, "nobody without a position owes anything"


@settings(max_examples=40, deadline=None)
@given(who=people(), steps=STEPS, rules=RULES)
def test_a_cascade_books_nothing_wrong(
    who: list[Person], steps: list[tuple[float, float, int]], rules: LiquidationRules
) -> None:
    world = CrowdWorld(who, liquidation=rules)
    prices, before = [100_000.0, 10_000.0], held(world)
    for step in steps:
        compare(world)
        move(world, step, prices)
        check(world)
        now = held(world)
        assert now <= before, "nothing in a cascade opens a position"
        before = now
    digest = world.core.records.digest()
    again = CrowdWorld(list(reversed(who)), liquidation=rules, check=False)
    prices = [100_000.0, 10_000.0]
    for step in steps:
        move(again, step, prices)
    assert again.core.records.digest() == digest, "the order in which accounts were made is nothing"


def compare(world: CrowdWorld) -> None:
    """The compiled choices are the readable ones, now."""
    pools, ledger, engine = world.core.pools, world.core.ledger, world.engine
    for one in world.people:
        account = world.account(one.number)
        for pool in world.pools_of(one.number):
            slots = [s for s in (1, 3) if pools_of_slot(world, account, s) == pool]
            positions = {s: ledger.position_of(account, s)[0] for s in slots}
            if not any(positions.values()):
                continue
            pools.evaluate(pool)
            equity = pools.figures(pool)[0]
            kind = world.roster.name_of_pool(pool).partition(":")[0]
            wanted = choose(
                positions,
                equity,
                lambda h, p=pool, a=account: world.core.maintenance_if(p, a, dict(h)),
                target_of(world, kind),
                lambda s, n, h=positions: engine.cost_of(s, h[s], n),
                fee=lambda s, n: pools.notional(s, n) * world.desk.liquidator.rules.fee_e8 * 1e-8,
            )
            found = engine.next_close(pool)
            if world.desk.liquidator.rules.partial == "whole" and kind == "um":
                assert (wanted is None) == (found[0] < 0)
            else:
                assert found == ((-1, 0) if wanted is None else (wanted.instrument, wanted.lots))
    for slot, name in ((1, UM), (3, ETH)):
        for side in (1, -1):
            compare_ranks(world, slot, name, side)


def pools_of_slot(world: CrowdWorld, account: int, slot: int) -> int:
    """Pool that margins a slot."""
    return int(world.roster.pool_of[account - FIRST, slot])


def target_of(world: CrowdWorld, kind: str) -> float:
    """Target of a kind of pool."""
    return world.desk.liquidator.target[("unified", "margin", "um", "cm", "options").index(kind)]


def compare_ranks(world: CrowdWorld, slot: int, name: str, side: int) -> None:
    """The queue against a side is the readable ranking of who stands there."""
    pools, ledger = world.core.pools, world.core.ledger
    candidates = []
    for one in world.people:
        account = world.account(one.number)
        lots = ledger.position_of(account, slot)[0]
        pool = pools_of_slot(world, account, slot)
        if lots * side >= 0 or pool < 0:
            continue
        pools.evaluate(pool)
        _, _, maintenance, _ = pools.figures(pool)
        wallet_number = int(np.asarray(world.roster.pools)[pool - world.roster.own_pools, 1])
        wallet = sum(
            ledger.balance_of(wallet_number, a) * 1e-8 * pools.index_price(a) for a in range(3)
        )
        own = [s for s in (1, 3) if pools_of_slot(world, account, s) == pool]
        equity = wallet + sum(pools.position_value(account, s) for s in own)
        profit = round(pools.position_value(account, slot), 8)  # whole units of the ledger
        candidates.append(Candidate(account, slot, profit, wallet, equity, maintenance))
    queue = world.engine.queue(slot, side)
    world.engine.forget_ranks()
    assert list(np.asarray(queue[1])) == [one.account for one in rank(candidates)]


@pytest.mark.parametrize("reverse", [False, True])
def test_equal_ratios_are_liquidated_by_account(reverse: bool) -> None:
    """Three equal accounts at once: ties of the ratio go by id."""
    same = [Person(n, [(UM, 1000, 100_000.0, 10_000.0)]) for n in (4, 2, 9)]
    world = CrowdWorld(same[::-1] if reverse else same, "separated")
    world.book(UM, 930_000, 930_001)
    world.mark(UM, "93000")
    found: list[Any] = [row[2] for row in world.records(Outcome.LIQUIDATED)]
    assert found == [world.account(n) for n in (2, 4, 9)]
    assert all(world.wealth(n) < 10_000 * E8 for n in (2, 4, 9))
