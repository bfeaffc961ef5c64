"""Strategies of the kill tests: in eight minutes of the crash all happens that can be cut."""

from __future__ import annotations

from typing import Any

import replay_data
from simulator import Simulation
from simulator.accounts.questionnaire import right_answers
from simulator.replay.player import Player
from tests.simulation.busy import Busy

SECOND_NS = 10**9
START_NS = Player([replay_data.path("crash")]).span[0] + 18 * 60 * SECOND_NS
SECONDS = 465
PROFILE = {"kyc": "advanced", "age_days": 400, "futures_trades": 25, "futures_volume": "60000"}
DEPOSITS = {"USDT": "160000", "BTC": "0.2", "ETH": "3"}


class Lively(Busy):
    """Trade at random, change to one pool (done at 320 s), then buy the fall until liquidated."""

    seed = 7
    every = 0.5

    def on_start(self, ctx: Any) -> None:
        super().on_start(ctx)
        self.um = ctx.market("um:BTCUSDT")
        for name, seconds in (("apply", 5), ("accept", 10), ("answer", 20)):
            ctx.schedule(after=seconds, name=name)
        for seconds in range(325, 345, 2):
            ctx.schedule(after=seconds, name="buy")

    def on_timer(self, ctx: Any, name: str) -> None:
        if name == "apply":
            ctx.account.apply_unified()
        elif name == "accept":
            ctx.account.accept_agreement()
        elif name == "answer":
            ctx.account.answer(right_answers(ctx.account.questionnaire()))
        elif name == "buy":
            ctx.buy(self.um, 192_000 / self.um.mid)
        else:
            super().on_timer(ctx, name)


class Forgetful(Lively):
    """The same, of which no state can be asked: a run of it goes on from its start."""

    resumable = False


def make(strategies: Any = None, kind: type[Lively] = Lively) -> Simulation:
    """Return the simulation of the kill tests, not run."""
    return Simulation(
        data=[replay_data.path("crash")],
        mode="separated",
        deposits=DEPOSITS,
        profile=PROFILE,
        start_ns=START_NS,
        end_ns=START_NS + SECONDS * SECOND_NS,
        latency="2",
        strategies=[kind()] if strategies is None else strategies,
    )


SCENARIO = f"""
title = "What can be cut"
data = ["bundled:crash"]
mode = "separated"
rulebook = "textbook"
seed = 0
start = "{START_NS}"
end = "{START_NS + SECONDS * SECOND_NS}"
latency = "2"

[deposits]
USDT = "160000"
BTC = "0.2"
ETH = "3"

[profile]
kyc = "advanced"
age_days = 400
futures_trades = 25
futures_volume = "60000"
"""
"""The same run for the command line, with ``--strategy tests/store/kill_strategy.py:Lively``."""
