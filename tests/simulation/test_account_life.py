"""Goal: a strategy takes an account through both modes on recorded markets, and the same run has
the same digest.

Method: a scripted strategy on the bundled hour, through `Simulation` and its public names alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulator import AccountEvent, AccountState, Context, InputError, Simulation, Strategy

PROFILE = {"kyc": "advanced", "age_days": 400, "futures_trades": 25, "futures_volume": "60000"}
MINUTE_NS = 60 * 10**9


class Life(Strategy):
    """Fails the questionnaire once, is unified, trades a hedge, and goes back."""

    def on_start(self, ctx: Context) -> None:
        self.seen: list[AccountEvent] = []
        self.states: list[str] = []
        self.rejected: list[str] = []
        self.script: dict[str, Callable[[Context], Any]] = {
            "1 apply": lambda ctx: ctx.account.apply_unified(),
            "2 accept": lambda ctx: ctx.account.accept_agreement(),
            "3 fail": lambda ctx: ctx.account.answer({}),
            "4 too early": lambda ctx: ctx.account.answer(self.right(ctx)),
            "15 pass": lambda ctx: ctx.account.answer(self.right(ctx)),
            "16 suspended": self.hedge,
            "22 hedge": self.hedge,
            "23 back": lambda ctx: ctx.account.request_separated(),
            "24 flat": self.flatten,
            "25 back": lambda ctx: ctx.account.request_separated(),
        }
        for name in self.script:
            ctx.schedule(after=60 * int(name.split()[0]), name=name)

    def right(self, ctx: Context) -> dict[str, str]:
        return {one.id: one.answer for one in ctx.account.questionnaire()}

    def hedge(self, ctx: Context) -> None:
        ctx.buy(ctx.market("um:BTCUSDT"), 0.5)
        ctx.sell(ctx.market("um:ETHUSDT"), 5)

    def flatten(self, ctx: Context) -> None:
        for name in ("um:BTCUSDT", "um:ETHUSDT"):
            market = ctx.market(name)
            (ctx.sell if market.position > 0 else ctx.buy)(market, abs(market.position))

    def on_timer(self, ctx: Context, name: str) -> None:
        self.states.append(ctx.account.state)
        self.script[name](ctx)

    def on_account(self, ctx: Context, event: AccountEvent) -> None:
        self.seen.append(event)

    def on_order(self, ctx: Context, update: Any) -> None:
        if update.what == "REJECTED":
            self.rejected.append(update.reason)


def life(seed: int = 5, **options: Any) -> tuple[Life, Simulation, Any]:
    strategy = Life()
    chosen: dict[str, Any] = {"deposits": {"USDT": 150_000}, "profile": PROFILE, **options}
    run = Simulation(
        data="bundled:calm", mode="separated", strategies=strategy, seed=seed, **chosen
    )
    return strategy, run, run.run()


@pytest.mark.hours
def test_an_account_lives_through_both_modes() -> None:
    strategy, run, result = life()
    events = strategy.seen
    assert events == list(run.desk.modes.events)
    assert [(one.step.name, one.taken) for one in events] == [
        ("APPLY_FOR_UNIFIED", True),
        ("ACCEPT_AGREEMENT", True),
        ("ANSWER_QUESTIONNAIRE", False),
        ("ANSWER_QUESTIONNAIRE", False),
        ("ANSWER_QUESTIONNAIRE", True),
        ("COMPLETE_SWITCH", True),
        ("REQUEST_SEPARATED", False),
        ("REQUEST_SEPARATED", True),
        ("COMPLETE_SWITCH", True),
    ]
    failed, early, switch, complete, held, back, separated = events[2:]
    assert [one.name for one in failed.unmet] == ["PASS_MARK"]
    assert [one.name for one in early.unmet] == ["COOL_DOWN", "PASS_MARK"]
    assert early.unmet[0].have == "9 min left"
    assert complete.time_ns == switch.suspended_until_ns == switch.time_ns + 5 * MINUTE_NS
    assert [one.name for one in held.unmet] == ["NO_OPEN_POSITIONS"]
    assert len(held.unmet[0].items) == 2
    assert set(switch.balances_after) == {"unified"}
    assert set(back.balances_after) == {"spot"}
    assert separated.after is AccountState.SEPARATED
    assert strategy.rejected == ["ACCOUNT_SUSPENDED"] * 2
    assert strategy.states[-4:] == ["UNIFIED"] * 4
    assert result.summary.rejections == {"ACCOUNT_SUSPENDED": 2}


@pytest.mark.hours
def test_the_same_life_has_the_same_digest() -> None:
    first, second = life()[2], life()[2]
    assert first.digest == second.digest
    assert first.digest != life(profile={"kyc": "basic"})[2].digest


def test_the_seed_draws_the_questions() -> None:
    asked = []
    for seed in (1, 1, 2):
        run = Simulation(data="bundled:calm", mode="separated", seed=seed)
        asked.append([one.id for one in run.desk.modes.questionnaire()])
    assert asked[0] == asked[1] != asked[2]


@pytest.mark.hours
def test_a_run_ends_within_a_switch() -> None:
    whole = Simulation(data="bundled:calm", mode="separated")
    strategy = Life()
    run = Simulation(
        data="bundled:calm",
        mode="separated",
        strategies=strategy,
        deposits={"USDT": 150_000},
        profile=PROFILE,
        end_ns=whole.span[0] + 17 * MINUTE_NS,
    )
    result = run.run()
    assert strategy.seen[-1].after is AccountState.SWITCHING_TO_UNIFIED
    assert run.desk.modes.state is AccountState.SWITCHING_TO_UNIFIED
    assert result.summary.end_equity == pytest.approx(150_000)


def test_a_profile_that_cannot_be_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="profile kyc 'gold'"):
        Simulation(data="bundled:calm", mode="separated", profile={"kyc": "gold"})
