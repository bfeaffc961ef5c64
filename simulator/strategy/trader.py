"""A further account that trades in a run, beside the one that the run itself describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from simulator.accounts.rules import AccountProfile
from simulator.strategy.base import Strategy


@dataclass(frozen=True, slots=True)
class Trader:
    """An account with strategies, funds and a mode of its own.

    ``deposits``, whole units by asset, are booked before the first event where deposits of its mode
    arrive (None: 100,000 USDT); ``leverage``, ``profile`` and ``alerts`` are as those of
    `simulator.Simulation`.  All else (rulebook, latency, position mode, type and leverage of
    margin) is the run's.
    """

    name: str
    mode: Literal["separated", "unified"] | str = "separated"
    strategies: Strategy | Sequence[Strategy] = ()
    deposits: Mapping[str, Decimal | str | int | float] | None = None
    leverage: int | Mapping[str, int] | None = None
    profile: Mapping[str, Any] | AccountProfile | None = None
    alerts: Sequence[str] = ()
