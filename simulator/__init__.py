"""unimargin: an exchange simulator with two account modes.

The names below are the API; everything else may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.errors import InputError
from simulator.strategy.base import Strategy

if TYPE_CHECKING:
    from simulator.accounts.conditions import Condition
    from simulator.accounts.questionnaire import Question
    from simulator.accounts.rules import AccountProfile
    from simulator.accounts.states import AccountState
    from simulator.again import resume, verify
    from simulator.calculator.advice import advise
    from simulator.calculator.report import margin
    from simulator.exchange.messages import (
        AccountEvent,
        DeleveragingEvent,
        FundEvent,
        LevelChange,
        LiquidationEvent,
        PoolFigures,
        SettlementEvent,
    )
    from simulator.market.liquidity import Impact, Liquidity
    from simulator.report.result import RunResult, Summary
    from simulator.risk.alerts import Alert
    from simulator.simulation import Simulation
    from simulator.store.journal import Journal
    from simulator.store.verify import Verification
    from simulator.strategy.account import Account
    from simulator.strategy.context import Bar, Context, Fill, Market, OrderUpdate, Trade
    from simulator.strategy.trader import Trader

__all__ = [
    "Account",
    "AccountEvent",
    "AccountProfile",
    "AccountState",
    "Alert",
    "Bar",
    "Condition",
    "Context",
    "DeleveragingEvent",
    "Fill",
    "FundEvent",
    "Impact",
    "InputError",
    "Journal",
    "LevelChange",
    "LiquidationEvent",
    "Liquidity",
    "Market",
    "OrderUpdate",
    "PoolFigures",
    "Question",
    "RunResult",
    "SettlementEvent",
    "Simulation",
    "Strategy",
    "Summary",
    "Trade",
    "Trader",
    "Verification",
    "advise",
    "margin",
    "resume",
    "verify",
]

_WHERE = {
    "Account": "simulator.strategy.account",
    "AccountEvent": "simulator.exchange.messages",
    "AccountProfile": "simulator.accounts.rules",
    "AccountState": "simulator.accounts.states",
    "Alert": "simulator.risk.alerts",
    "Bar": "simulator.strategy.context",
    "Condition": "simulator.accounts.conditions",
    "Context": "simulator.strategy.context",
    "DeleveragingEvent": "simulator.exchange.messages",
    "Fill": "simulator.strategy.context",
    "FundEvent": "simulator.exchange.messages",
    "Impact": "simulator.market.liquidity",
    "Journal": "simulator.store.journal",
    "LevelChange": "simulator.exchange.messages",
    "LiquidationEvent": "simulator.exchange.messages",
    "Liquidity": "simulator.market.liquidity",
    "Market": "simulator.strategy.context",
    "OrderUpdate": "simulator.strategy.context",
    "PoolFigures": "simulator.exchange.messages",
    "Question": "simulator.accounts.questionnaire",
    "RunResult": "simulator.report.result",
    "SettlementEvent": "simulator.exchange.messages",
    "Simulation": "simulator.simulation",
    "Summary": "simulator.report.result",
    "Trade": "simulator.strategy.context",
    "Verification": "simulator.store.verify",
    "Trader": "simulator.strategy.trader",
    "advise": "simulator.calculator.advice",
    "margin": "simulator.calculator.report",
    "resume": "simulator.again",
    "verify": "simulator.again",
}


def __getattr__(name: str) -> Any:
    # Loaded when first used: the engine and polars cost half a second that `--help` need not pay.
    if name not in _WHERE:
        raise AttributeError(f"module 'simulator' has no attribute {name!r}")
    from importlib import import_module

    from simulator.build_info import stale_notice

    if stale := stale_notice():
        raise InputError(stale)
    return getattr(import_module(_WHERE[name]), name)
