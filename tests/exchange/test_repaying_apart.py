"""Goal: free balances repay after a fill of the account that owes, not after anybody's.

Method: an account's order holds what could repay, and is cancelled: from then on the next fill of
its own repays, and none of the other's does.
"""

from __future__ import annotations

from tests.exchange.traders_kit import SPOT, contexts, made
from tests.exchange.world import World


def indebted(first: str = "unified", second: str = "unified") -> tuple[World, list[float]]:
    """The second account owes 1,000 USDT, repays by itself, and has just freed 900 USDT."""
    world = made(first, second)
    ctx = contexts(world)[1]
    ctx.borrow("USDT", 1_000)
    world.step()
    spot = ctx.market(SPOT)
    held = ctx.submit(spot, 1, 1.009, price=99_990.0)
    world.step()
    assert ctx.orders(spot) == [held], "the order rests and holds nearly all"
    ctx.account.auto_repay()
    world.step()
    owed = [ctx.loan("USDT")]
    assert 0 < owed[0] < 1_000
    ctx.cancel(held)
    world.step()
    return world, owed


def test_anothers_fill_repays_nothing() -> None:
    world, owed = indebted()
    first, second = contexts(world)
    assert second.loan("USDT") == owed[0]
    first.buy(first.market(SPOT), 0.01)
    world.step()
    assert len(world.core.fills()) == 1
    assert second.loan("USDT") == owed[0]
    second.buy(second.market(SPOT), 0.01)
    world.step()
    assert second.loan("USDT") == 0.0


def test_the_first_accounts_debt_waits_for_its_own_fill_too() -> None:
    world = made("unified", "unified")
    first, second = contexts(world)
    first.borrow("USDT", 1_000)
    world.step()
    held = first.submit(first.market(SPOT), 1, 1.009, price=99_990.0)
    world.step()
    first.account.auto_repay()
    world.step()
    first.cancel(held)
    world.step()
    owed = first.loan("USDT")
    assert owed > 0
    second.buy(second.market(SPOT), 0.01)
    world.step()
    assert first.loan("USDT") == owed
    first.buy(first.market(SPOT), 0.001)
    world.step()
    assert first.loan("USDT") == 0.0


def test_interest_falls_due_for_everybody() -> None:
    world, owed = indebted()
    world.step(3_600_000)
    assert contexts(world)[1].loan("USDT") == 0.0 < owed[0]
