"""A made life of an account, so that timeline, pictures and audit are tested without an engine."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import made

from simulator.accounts.conditions import Condition
from simulator.accounts.states import AccountState as State
from simulator.accounts.states import ModeRefusal, Step
from simulator.exchange.messages import AccountEvent, FundEvent, FundOperation
from simulator.report.account import account_frame, funds_frame
from simulator.report.result import STORY, RunResult

MINUTE = made.MINUTE
POOR = {"spot": {"USDT": (Decimal(60_000), Decimal(0), Decimal(0))}}
RICH = {
    "spot": {"USDT": (Decimal("100000.5"), Decimal(0), Decimal(0))},
    "margin": {"BTC": (Decimal("0.25"), Decimal("0.5"), Decimal("0.00000002"))},
    "um": {"USDT": (Decimal("20000"), Decimal(0), Decimal(0))},
}
POOL = {
    "unified": {
        "USDT": (Decimal("120000.5"), Decimal(0), Decimal(0)),
        "BTC": (Decimal("0.25"), Decimal("0.5"), Decimal("0.00000002")),
    }
}
KYC = Condition("KYC", True, "advanced", "advanced")


def event(minute: int, step: Step, before: State, after: State, **changes: Any) -> AccountEvent:
    values: dict[str, Any] = {
        "time_ns": made.START + minute * MINUTE, "account": 1, "actor": "Owner", "step": step,
        "before": before, "after": after, "refusal": None, "conditions": (),
        "balances_before": RICH, "balances_after": RICH,
    }  # fmt: skip
    return AccountEvent(**(values | changes))


def events() -> list[AccountEvent]:
    poor = Condition("NET_ASSETS", False, "60,000.00 USDT", "100,000.00 USDT")
    open_ = Condition("NO_OPEN_POSITIONS", False, "1", "none", ("um:BTCUSDT +0.5",))
    refused = ModeRefusal.CONDITIONS_NOT_MET
    return [
        event(30, Step.APPLY_FOR_UNIFIED, State.SEPARATED, State.SEPARATED, refusal=refused,
              conditions=(KYC, poor), balances_before=POOR, balances_after=POOR),
        event(60, Step.APPLY_FOR_UNIFIED, State.SEPARATED, State.APPLIED, conditions=(KYC,)),
        event(90, Step.ACCEPT_AGREEMENT, State.APPLIED, State.AGREED),
        event(120, Step.ANSWER_QUESTIONNAIRE, State.AGREED, State.SWITCHING_TO_UNIFIED,
              balances_after=POOL, suspended_until_ns=made.START + 180 * MINUTE,
              note="1 order canceled"),
        event(180, Step.COMPLETE_SWITCH, State.SWITCHING_TO_UNIFIED, State.UNIFIED, actor="venue",
              balances_before=POOL, balances_after=POOL),
        event(300, Step.REQUEST_SEPARATED, State.UNIFIED, State.UNIFIED, refusal=refused,
              conditions=(open_,), balances_before=POOL, balances_after=POOL),
    ]  # fmt: skip


def funds() -> list[FundEvent]:
    at = made.START + 45 * MINUTE
    return [
        FundEvent(at, 1, "Owner", FundOperation.DEPOSIT, "USDT", Decimal(60_000), "", "spot"),
        FundEvent(at + 100 * MINUTE, 1, "Owner", FundOperation.TRANSFER, "USDT", Decimal(1), "spot",
                  "um", "ACCOUNT_SUSPENDED"),
    ]  # fmt: skip


def life(mode: str = "separated", **changes: Any) -> RunResult:
    """Return a run with a life; fills and a liquidation as ``made`` has them."""
    story = [
        (made.START + 30 * MINUTE, "Owner", "Too little for one pool.", ""),
        (made.START + 130 * MINUTE, "Owner", "buy 0.5 um:BTCUSDT", "REJECTED ACCOUNT_SUSPENDED"),
    ]
    import polars as pl

    frames = {
        "account_events": account_frame(events()),
        "funds": funds_frame(funds()),
        "story": pl.DataFrame(story, schema=STORY, orient="row"),
    }
    return made.made(mode, **(frames | changes))
