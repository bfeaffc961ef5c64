"""Goal: what the hunt found stays mended, told in the words of the rule that was broken.

Method: the smallest runs in which it showed; beside them the cases in tests/simulation/regressions.
"""

from __future__ import annotations

from typing import Any

import pytest

import replay_data
from simulator import Simulation, Strategy, Trader
from simulator.replay.player import Player

FIRST = Player([replay_data.path("crash")]).span[0]
SECOND = 10**9


class Moves(Strategy):
    def on_start(self, ctx: Any) -> None:
        ctx.account.transfer("USDT", 1_000, "spot", "um")


class Beyond(Strategy):
    def on_start(self, ctx: Any) -> None:
        with pytest.raises(ValueError, match="trigger price must be below"):
            ctx.submit(ctx.market("um:BTCUSDT"), 1, 1.0, kind="stop", trigger=1e11)


def short_run(**options: Any) -> Simulation:
    run = Simulation(
        data=[replay_data.path("crash")],
        mode="separated",
        end_ns=FIRST + 2 * SECOND,
        **options,
    )
    run.run()
    return run


def test_an_account_moves_its_own_money_and_nobody_elses() -> None:
    """Wallets named in an operation on funds were those of the first account."""
    run = short_run(traders=[Trader("bob", strategies=[Moves()], deposits={"USDT": 5_000})])
    bob = run.desk.accounts[2]
    assert bob.balance("USDT", "um") == pytest.approx(1_000)
    assert bob.balance("USDT", "spot") == pytest.approx(4_000)
    assert run.desk.balance("USDT", "um") == 0
    assert [one.refusal for one in bob.funds.events if one.operation.name == "TRANSFER"] == [""]


def test_a_trigger_beyond_the_venues_numbers_is_told() -> None:
    short_run(strategies=[Beyond()])
