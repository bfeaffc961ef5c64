"""Goal: while an account switches its mode its funds rest; what was asked before means the same.

Method: a switch done by hand between two rows of the tape.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulator.events.outcomes import RejectReason
from tests.exchange.fund_world import (
    E8,
    ask,
    bnb_world,
    worth,
)
from tests.exchange.world import World

# While the account switches its mode

SUSPENDED = (
    ("withdraw", ("USDT", 10)),
    ("transfer", ("USDT", 10, "spot", "um")),
    ("universal_transfer", ("MAIN_UMFUTURE", "USDT", 10)),
    ("borrow", ("USDT", 10)),
    ("repay", ("USDT",)),
    ("auto_repay", (False,)),
    ("collect", ()),
    ("transfer_bnb", (1,)),
)


def switching(to: str) -> World:
    """An account that owes 1,000 of 1,000 and is on its way, with automatic repayment."""
    world = bnb_world("separated" if to == "unified" else "unified", both=True)
    if to == "unified":
        world.transfer(10_000, "spot", "margin")
        world.borrow("USDT", 1_000)
        world.ctx.submit(world.market("spot:BTCUSDT"), 1, 0.1, wallet="margin")
        world.step()
        ask(world, "withdraw", "USDT", "all", "margin")
    ask(world, "auto_repay")
    world.desk.switching.execute(to)
    world.core.suspend(1, True)
    return world


@pytest.mark.parametrize("to", ["unified", "separated"])
@pytest.mark.parametrize(("what", "of"), SUSPENDED, ids=[what for what, _ in SUSPENDED])
def test_nothing_moves_during_a_switch(what: str, of: tuple[Any, ...], to: str) -> None:
    world = switching(to)
    before = np.asarray(world.core.ledger.held).copy(), worth(world), world.owed()
    event = ask(world, what, *of)
    assert event.refusal == "ACCOUNT_SUSPENDED"
    assert before[1:] == (worth(world), world.owed())
    assert world.core.rejected()[RejectReason.ACCOUNT_SUSPENDED] == 1
    world.core.suspend(1, False)
    assert ask(world, what, *of).refusal != "ACCOUNT_SUSPENDED"


def test_a_deposit_comes_in_during_a_switch_and_repays_after_it() -> None:
    world = switching("unified")
    owed = world.owed()
    assert owed[0] > 0
    world.core.ledger.move(world.partition.wallet("unified"), 2, 0, world.balance("unified"))
    assert world.ctx.account.max_withdrawable("BTC") == 0
    assert ask(world, "deposit", "USDT", 50).refusal == ""
    assert world.owed() == owed
    assert world.balance("unified") == 50 * E8
    world.core.suspend(1, False)
    ask(world, "deposit", "USDT", 10)
    assert world.owed()[0] == owed[0] - 60 * E8
    assert world.ctx.account.max_withdrawable("BTC") > 0


def test_what_was_asked_for_in_the_other_mode_means_its_wallets() -> None:
    world = bnb_world(both=True, latency="0/50/0")
    world.ctx.account.transfer("USDT", 10, "spot", "um")
    world.ctx.account.withdraw("USDT", 10, "um")
    world.desk.switching.execute("unified")
    world.step(100)
    late = world.desk.funds.events[-2:]
    assert [(e.refusal, e.source) for e in late] == [("ONE_WALLET", "spot"), ("", "unified")]
    world.ctx.account.transfer("USDT", 10, "spot", "unified")
    world.ctx.account.withdraw("USDT", 10, "unified")
    world.desk.switching.execute("separated")
    world.step(100)
    assert [e.refusal for e in world.desk.funds.events[-2:]] == ["NO_SUCH_WALLET"] * 2
