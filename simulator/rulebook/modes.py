"""Sections of an account's own life: how it changes its mode, and what limits its operations."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, field_validator

from simulator.accounts.questionnaire import bank
from simulator.accounts.rules import Kyc, ModeRules
from simulator.exchange.rules import FundRules
from simulator.rulebook.sections import Section
from simulator.rulebook.values import Number, Positive, Share

MINUTE_NS = 60 * 10**9

Line = Literal["spot", "margin", "um", "cm", "options"]
AtLeast0 = Annotated[Number, Field(ge=0)]
Whole = Annotated[int, Field(ge=0)]


class AccountModes(Section):
    """What is asked of an account before it is unified, and of a unified one before it goes back.

    Everything that is not in the file asks for nothing.  Eligibility: ``kyc``; ``net_assets`` in
    USDT, of ``net_assets_lines`` (all if empty); ``account_age_days``; ``futures_trades`` and
    ``futures_volume`` (USDT) within ``experience_days``; whether there may be
    ``isolated_positions`` and ``open_positions``; whether the switch cancels ``open_orders``.
    ``ratio_after``: uniMMR that the merged pool must be above, absent: the unified ladder's first
    rung.  ``split_to``: wallet that everything goes to on the way back.  ``withdrawal_ratio``:
    equity / maintenance margin that a withdrawal from the unified pool must leave.
    """

    kyc: Kyc = "none"
    net_assets: AtLeast0 = Decimal(0)
    net_assets_lines: tuple[Line, ...] = ()
    account_age_days: Whole = 0
    futures_trades: Whole = 0
    futures_volume: AtLeast0 = Decimal(0)
    experience_days: Annotated[int, Field(ge=1)] = 30
    isolated_positions: bool = True
    open_positions: bool = True
    open_orders: Literal["cancel", "refuse"] = "cancel"
    questions: Whole = 0
    pass_mark: Share = Decimal(1)
    cool_down_minutes: AtLeast0 = Decimal(0)
    switch_minutes: AtLeast0 = Decimal(0)
    return_minutes: AtLeast0 = Decimal(0)
    ratio_after: Positive | None = None
    split_to: Literal["spot", "margin", "um"] = "spot"
    withdrawal_ratio: AtLeast0 = Decimal(0)

    @field_validator("questions")
    @classmethod
    def _in_the_bank(cls, count: int) -> int:
        if count > len(bank()):
            raise ValueError(f"must be at most {len(bank())}, what the bank holds, not {count}")
        return count

    @field_validator("cool_down_minutes", "switch_minutes", "return_minutes")
    @classmethod
    def _whole_ns(cls, minutes: Decimal) -> Decimal:
        if minutes * MINUTE_NS != (minutes * MINUTE_NS).to_integral_value():
            raise ValueError(f"must be whole nanoseconds, not {minutes} minutes")
        return minutes

    def plain(self) -> ModeRules:
        """Return the rules that accounts live by; times in ns."""
        return ModeRules(
            kyc=self.kyc,
            net_assets=self.net_assets,
            net_assets_lines=self.net_assets_lines,
            account_age_days=self.account_age_days,
            futures_trades=self.futures_trades,
            futures_volume=self.futures_volume,
            experience_days=self.experience_days,
            isolated_positions=self.isolated_positions,
            open_positions=self.open_positions,
            open_orders=self.open_orders,
            questions=self.questions,
            pass_mark=self.pass_mark,
            cool_down_ns=int(self.cool_down_minutes * MINUTE_NS),
            switch_ns=int(self.switch_minutes * MINUTE_NS),
            return_ns=int(self.return_minutes * MINUTE_NS),
            ratio_after=self.ratio_after,
            split_to=self.split_to,
            withdrawal_ratio=self.withdrawal_ratio,
        )


class FundOperations(Section):
    """Limits of operations on funds; what is not in the file is not limited.

    At most ``bnb_transfers`` transfers of BNB in rolling ``bnb_window_minutes``; ``bnb_stays``:
    a collection leaves BNB in the USD-M wallet, where it pays fees.
    """

    bnb_transfers: Whole = 0
    bnb_window_minutes: Whole = 0
    bnb_stays: bool = False

    def plain(self) -> FundRules:
        """Return the rules that the exchange runs by; times in ns."""
        return FundRules(self.bnb_transfers, self.bnb_window_minutes * MINUTE_NS, self.bnb_stays)
