"""unimargin: an exchange simulator with two account modes.

The names below are the API; everything else may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.errors import InputError
from simulator.strategy.base import Strategy

if TYPE_CHECKING:
    from simulator.calculator.report import margin
    from simulator.exchange.messages import (
        LevelChange,
        LiquidationEvent,
        PoolFigures,
        SettlementEvent,
    )
    from simulator.report.result import RunResult, Summary
    from simulator.risk.alerts import Alert
    from simulator.simulation import Simulation
    from simulator.strategy.context import Bar, Context, Fill, Market, OrderUpdate, Trade

__all__ = [
    "Alert",
    "Bar",
    "Context",
    "Fill",
    "InputError",
    "LevelChange",
    "LiquidationEvent",
    "Market",
    "OrderUpdate",
    "PoolFigures",
    "RunResult",
    "SettlementEvent",
    "Simulation",
    "Strategy",
    "Summary",
    "Trade",
    "margin",
]

_WHERE = {
    "Alert": "simulator.risk.alerts",
    "Bar": "simulator.strategy.context",
    "Context": "simulator.strategy.context",
    "Fill": "simulator.strategy.context",
    "LevelChange": "simulator.exchange.messages",
    "LiquidationEvent": "simulator.exchange.messages",
    "Market": "simulator.strategy.context",
    "OrderUpdate": "simulator.strategy.context",
    "PoolFigures": "simulator.exchange.messages",
    "RunResult": "simulator.report.result",
    "SettlementEvent": "simulator.exchange.messages",
    "Simulation": "simulator.simulation",
    "Summary": "simulator.report.result",
    "Trade": "simulator.strategy.context",
    "margin": "simulator.calculator.report",
}


def __getattr__(name: str) -> Any:
    # Loaded when first used: the engine and polars cost half a second that `--help` need not pay.
    if name not in _WHERE:
        raise AttributeError(f"module 'simulator' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
