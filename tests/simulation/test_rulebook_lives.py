"""Goal: under the rules of every bundled venue an account can be unified, trade, and go back.

Method: the same script under each rulebook on minutes of the bundled hour; what its conditions
were and how long trading rested is compared with the file.
"""

from __future__ import annotations

from typing import Any

import pytest

import replay_data
from simulator import AccountEvent, Context, Simulation, Strategy
from simulator.accounts.questionnaire import right_answers
from simulator.rulebook.load import load, names

pytestmark = pytest.mark.hours

MINUTE_NS = 60 * 10**9
START_NS = 1_749_627_000 * 10**9
"""First instant of the bundled hour."""

PLAN = [
    "order", "fund", "apply", "accept", "answer", "cancel", "answer", "", "", "", "", "", "", "buy",
    "back", "sell", "back",
]  # fmt: skip
PROFILE = {"kyc": "advanced", "age_days": 365, "futures_trades": 12, "futures_volume": 50_000}


class ThereAndBack(Strategy):
    def on_start(self, ctx: Context) -> None:
        self.seen: list[AccountEvent] = []
        for minute, name in enumerate(PLAN, start=1):
            ctx.schedule(after=60 * minute, name=name)

    def on_timer(self, ctx: Context, name: str) -> None:
        account = ctx.account
        market = ctx.market("um:BTCUSDT")
        if name == "order":
            ctx.submit(ctx.market("spot:BTCUSDT"), 1, 0.01, price=50_000)
        elif name == "fund":
            account.transfer("USDT", 120_000, "spot", "um")
        elif name == "apply":
            account.apply_unified()
        elif name == "accept":
            account.accept_agreement()
        elif name == "answer" and account.mode == "separated":
            account.answer(right_answers(account.questionnaire()))
        elif name == "cancel":
            ctx.cancel_all()
        elif name == "back":
            account.request_separated()
        elif name in ("buy", "sell"):
            ctx.submit(market, 1 if name == "buy" else -1, 0.1)

    def on_account(self, ctx: Context, event: AccountEvent) -> None:
        self.seen.append(event)


@pytest.mark.parametrize("name", names())
def test_there_and_back(name: str) -> None:
    rules = load(name).mode_rules()
    strategy = ThereAndBack()
    arguments: dict[str, Any] = {"rulebook": name, "profile": PROFILE}
    Simulation(
        data=replay_data.path("calm"),
        mode="separated",
        strategies=strategy,
        deposits={"USDT": 150_000},
        end_ns=START_NS + 25 * MINUTE_NS,
        **arguments,
    ).run()
    taken = [one.after.name for one in strategy.seen if one.taken]
    assert taken == [
        "APPLIED", "AGREED", "SWITCHING_TO_UNIFIED", "UNIFIED",
        "SWITCHING_TO_SEPARATED", "SEPARATED",
    ]  # fmt: skip

    refused = [[one.name for one in event.unmet] for event in strategy.seen if not event.taken]
    waits = [["NO_OPEN_ORDERS"]] if rules.open_orders == "refuse" else []
    assert refused == [*waits, ["NO_OPEN_POSITIONS"]]

    times = {one.after.name: one.time_ns for one in strategy.seen if one.taken}
    there = times["UNIFIED"] - times["SWITCHING_TO_UNIFIED"]
    back = times["SEPARATED"] - times["SWITCHING_TO_SEPARATED"]
    for rested, asked in ((there, rules.switch_ns), (back, rules.return_ns)):
        assert asked <= rested <= asked + 10**9

    switch = next(one for one in strategy.seen if one.after.name == "SWITCHING_TO_UNIFIED")
    listed = {one.name for one in switch.conditions}
    assert ("NO_OPEN_POSITIONS" in listed) == (not rules.open_positions)
    assert ("FUTURES_TRADES" in listed) == (rules.futures_trades > 0)
    assert {"KYC", "NET_ASSETS", "PASS_MARK", "COOL_DOWN", "UNIMMR_AFTER"} <= listed
