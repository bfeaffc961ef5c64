"""Goal: what the venue does to accounts that trade it does to each by its own figures: liquidation,
auto-deleveraging, funding, expiry.

Method: two to four accounts on a venue that is driven by hand; figures of round prices.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from simulator.events import fills
from simulator.events.outcomes import Outcome
from simulator.exchange.messages import DeleveragingEvent, SettlementEvent
from simulator.liquidation.rules import InsuranceRules
from simulator.rulebook.venue import venue_rules
from tests.exchange.products import CALL, DATED, EXPIRY, opened, until
from tests.exchange.traders_kit import ONE, UM, Hearing, contexts, deal, made, position, seats
from tests.exchange.world import rulebook_of


def test_a_liquidation_takes_anothers_resting_orders() -> None:
    world = made("separated", "unified", margin_type="cross")
    first, second = contexts(world)
    first.buy(first.market(UM), 4.0)
    world.step()
    resting = second.buy(second.market(UM), 1.0, 89_000.0)
    world.step()
    world.book(UM, 880_000, 900_000)
    world.mark(UM, "88900")
    world.step(2000)
    forced = world.records(Outcome.LIQUIDATED)
    assert [row[2] for row in forced] == [1]
    rows = world.core.fills()
    taken = rows[(rows[:, fills.ACCOUNT] == 2)]
    assert taken[:, [fills.SIDE, fills.PRICE, fills.LOTS, fills.MAKER]].tolist() == [
        [1, 890_000, 1000, 1]
    ]
    assert resting not in second.orders(second.market(UM))
    assert not world.strategies[1].calls
    assert world.strategies[0].calls
    assert len(world.desk.liquidator.events_of[1]) == len(world.desk.liquidator.events) > 0
    assert not world.desk.liquidator.events_of[2]


def test_a_further_account_is_liquidated_like_the_first() -> None:
    worlds = []
    for victim in (0, 1):
        world = made("separated", "separated", margin_type="cross")
        ctx = contexts(world)[victim]
        ctx.buy(ctx.market(UM), 4.0)
        world.step()
        world.book(UM, 888_000, 888_010, 10)
        world.mark(UM, "88900")
        world.step(2000)
        world.mark(UM, "88800")
        world.step(2000)
        worlds.append(world)
    first, second = worlds
    assert first.records(Outcome.LIQUIDATED)[0][2] == 1
    assert second.records(Outcome.LIQUIDATED)[0][2] == 2
    assert position(first, 0) == position(second, 1)
    assert contexts(first)[0].equity() == contexts(second)[1].equity()
    heard = [one.strategies[n].calls for n, one in enumerate(worlds)]
    assert [repr(event) for _, event in heard[0]] == [repr(event) for _, event in heard[1]]
    assert not second.strategies[0].calls
    closings = [one.desk.liquidator.engine.closings() for one in worlds]
    assert len(closings[0]) == len(closings[1]) > 0


def test_deleveraging_takes_who_has_most_profit() -> None:
    """No depth, a fund that may take nothing: the loser's position ends against the better rank."""
    rules = venue_rules(rulebook_of("textbook"), rulebook_of("textbook").margin_rules("separated"))
    limited = InsuranceRules(balance={"USDT": Decimal(0)}, capacity=0.0)
    world = made(
        "separated",
        "unified",
        "separated",
        "separated",
        margin_type="cross",
        liquidation=replace(rules.liquidation, insurance=limited),
    )
    deal(world, 0, 1, 2.0)
    deal(world, 0, 2, 2.0, price=ONE)
    third = contexts(world)[2]
    order = third.sell(third.market(UM), 0.1, 120_000.0)
    world.step()
    world.book(UM, 500_000, 600_000, 0)
    for price in ("88000", "86000"):
        world.mark(UM, price)
        world.step(2000)
    assert position(world, 0) == 0
    gone = world.records(Outcome.DELEVERAGED)
    assert gone
    ranked = [row[2] for row in gone]
    assert ranked[0] == 3, "its wallet is the smaller one: more profit for what it has"
    assert 4 not in ranked
    assert order not in third.orders(third.market(UM)), "its orders in the contract are canceled"
    heard = [one.of(DeleveragingEvent) for one in world.strategies]  # type: ignore[attr-defined]
    assert not heard[0]
    assert not heard[3]
    assert sum(event.lots for event in heard[2]) == 2000
    assert [ctx.market(UM).position for ctx in contexts(world)] == [
        position(world, n) / 1000 for n in range(4)
    ]


def test_funding_is_paid_between_accounts() -> None:
    world = made("separated", "unified")
    deal(world, 0, 1, 0.4)
    before = [ctx.equity() for ctx in contexts(world)]
    world.desk.funding.settle(world.number(UM), 10_000)
    paid = [was - ctx.equity() for ctx, was in zip(contexts(world), before, strict=True)]
    assert paid == pytest.approx([4.0, -4.0])
    rows = world.records(Outcome.FUNDING)
    assert [(row[2], row[7]) for row in rows] == [(1, 4 * 10**8), (2, -4 * 10**8)]


def test_every_account_is_settled_at_expiry() -> None:
    others = seats("separated", deposits={"USDT": "1000000"})
    world = opened("unified", strategies=[Hearing()], traders=others)
    first, second = contexts(world)
    second.transfer("USDT", 300_000, "spot", "um")
    second.transfer("USDT", 300_000, "spot", "options")
    world.step()
    for ctx, side in ((first, 1), (second, -1)):
        ctx.submit(ctx.market(DATED), side, 0.5)
        ctx.submit(ctx.market(CALL), -side, 0.5)
    world.step()
    assert [position(world, n, DATED) for n in (0, 1)] == [500, -500]
    until(world, EXPIRY + 10**10)
    assert [position(world, n, DATED) for n in (0, 1)] == [0, 0]
    assert [ctx.market(DATED).position for ctx in (first, second)] == [0, 0]
    heard = [one.of(SettlementEvent) for one in world.strategies]  # type: ignore[attr-defined]
    assert [sorted((e.instrument, e.quantity) for e in own) for own in heard] == [
        [(CALL, -0.5), (DATED, 0.5)],
        [(CALL, 0.5), (DATED, -0.5)],
    ]
    assert world.desk.expiry.events == heard[0]
