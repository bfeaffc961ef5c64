"""Conditions of the steps between the modes: what there is, what is needed, whether it is met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from simulator.accounts.rules import Kyc

ConditionName = Literal[
    "KYC",
    "NET_ASSETS",
    "ACCOUNT_AGE",
    "FUTURES_TRADES",
    "FUTURES_VOLUME",
    "NO_LIQUIDATION",
    "NO_ISOLATED_POSITIONS",
    "NO_OPEN_POSITIONS",
    "NO_OPEN_ORDERS",
    "AGREEMENT_VERSION",
    "COOL_DOWN",
    "PASS_MARK",
    "UNIMMR_AFTER",
    "NO_LOANS",
    "NO_INTEREST",
    "NO_NEGATIVE_BALANCES",
]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as it was found; ``have`` and ``need`` in words that can be shown.

    ``items`` lists what stands in the way, such as the open positions.
    """

    name: ConditionName
    met: bool
    have: str
    need: str
    items: tuple[str, ...] = ()

    def __str__(self) -> str:
        listed = f" ({', '.join(self.items)})" if self.items else ""
        return f"{self.name}: {self.have}, needs {self.need}{listed}"


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account as the conditions see it, at one instant; amounts of assets in whole units.

    ``net_assets`` in USDT by the rulebook's lines.  ``liquidating``: names of pools in liquidation;
    ``isolated`` and ``positions``: such as ``um:BTCUSDT +0.5`` (isolated ones are in both);
    ``open_orders``: how many, conditional ones included; ``loans`` and ``interest`` by asset,
    ``negative`` by wallet and asset (``um USDT``).
    """

    time_ns: int
    kyc: Kyc
    age_days: int
    net_assets: Decimal
    futures_trades: int
    futures_volume: Decimal
    liquidating: tuple[str, ...] = ()
    isolated: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    open_orders: int = 0
    loans: Mapping[str, Decimal] = field(default_factory=dict)
    interest: Mapping[str, Decimal] = field(default_factory=dict)
    negative: Mapping[str, Decimal] = field(default_factory=dict)
