"""What the rulebook asks of an account that changes its mode, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Kyc = Literal["none", "basic", "advanced"]
KYC_LEVELS: tuple[Kyc, ...] = ("none", "basic", "advanced")


@dataclass(frozen=True, slots=True)
class ModeRules:
    """Eligibility, questionnaire, switch and way back; a zero asks for nothing.

    - ``net_assets``: USDT at index prices, less loans; ``net_assets_lines``: of the wallets of
      these lines (spot, margin, um, cm, options), all if empty
    - ``account_age_days``; ``futures_trades`` and ``futures_volume`` (USDT) within
      ``experience_days``
    - ``isolated_positions``, ``open_positions``: whether they may be there at the switch
    - ``open_orders``: a switch to unified cancels them or is refused while there are any
    - ``questions`` drawn, ``pass_mark`` as a share of them, ``cool_down_ns`` after failing
    - ``switch_ns``, ``return_ns``: how long nothing can be traded, market time
    - ``ratio_after``: uniMMR that the merged pool must be above; None: the ladder's first rung
    - ``split_to``: wallet that the pool's assets go to on the way back
    - ``withdrawal_ratio``: equity / maintenance margin that a withdrawal from a unified pool must
      leave, beside its initial margin
    """

    kyc: Kyc = "none"
    net_assets: Decimal = Decimal(0)
    net_assets_lines: tuple[str, ...] = ()
    account_age_days: int = 0
    futures_trades: int = 0
    futures_volume: Decimal = Decimal(0)
    experience_days: int = 30
    isolated_positions: bool = True
    open_positions: bool = True
    open_orders: Literal["cancel", "refuse"] = "cancel"
    questions: int = 10
    pass_mark: Decimal = Decimal("0.8")
    cool_down_ns: int = 0
    switch_ns: int = 0
    return_ns: int = 0
    ratio_after: Decimal | None = None
    split_to: str = "spot"
    withdrawal_ratio: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class AccountProfile:
    """What is known of an account's owner and of the time before the run.

    ``age_days`` at the run's start; ``futures_trades`` and ``futures_volume`` (USDT) are those
    before the run that still count at its end.
    """

    kyc: Kyc = "advanced"
    age_days: int = 365
    futures_trades: int = 0
    futures_volume: Decimal = Decimal(0)
