"""What an application for the unified mode would find, from an account's own figures.

What a document cannot tell (identity check, account age, trades of futures) is unknown, unless a
profile is given or a run is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from simulator.accounts.conditions import (
    AccountFacts,
    Condition,
    after_merge,
    eligibility,
    ratio_needed,
)
from simulator.accounts.rules import AccountProfile, ModeRules
from simulator.calculator.advice_history import History
from simulator.calculator.advice_sides import Side
from simulator.calculator.advice_verdict import LIMITS, Limits
from simulator.calculator.rules import Rules
from simulator.risk.levels import RiskLevel
from simulator.risk.state import ZERO

OF_THE_OWNER = ("KYC", "ACCOUNT_AGE", "FUTURES_TRADES", "FUTURES_VOLUME")
"""Conditions that the account's positions and balances say nothing of."""

OF_EXPERIENCE = OF_THE_OWNER[1:]


@dataclass(frozen=True, slots=True)
class Eligibility:
    """``conditions`` as an application would list them, those that are not known left out and
    named in ``unknown``; ``lacking`` are those of experience that are not met.
    """

    conditions: tuple[Condition, ...]
    unknown: tuple[str, ...]
    merged: Condition
    net_assets: Decimal
    asked: Decimal
    lacking: tuple[Condition, ...]

    @property
    def eligible(self) -> bool | None:
        """Whether an application would be granted now; None if that is not known."""
        if not all(one.met for one in (*self.conditions, self.merged)):
            return False
        return None if self.unknown else True


def conditions(
    separated: Side,
    unified: Side,
    rules: Rules,
    profile: AccountProfile | None,
    lived: History | None,
    limits: Limits = LIMITS,
) -> Eligibility:
    """Return what an application would find; ``profile`` None: nothing is known of the owner."""
    asked = rules.rulebook.mode_rules()
    facts = _facts(separated, asked, profile or AccountProfile(), lived)
    found = eligibility(asked, facts, at_switch=False)
    known = [one for one in found if profile is not None or one.name not in OF_THE_OWNER]
    return Eligibility(
        conditions=tuple(known),
        unknown=tuple(one.name for one in found if one not in known),
        merged=_merged(unified, asked, rules),
        net_assets=facts.net_assets,
        asked=asked.net_assets or limits.net_assets,
        lacking=() if profile is None else _lacking(asked, facts, limits),
    )


def _lacking(asked: ModeRules, facts: AccountFacts, limits: Limits) -> tuple[Condition, ...]:
    """Return what of experience is missing, by our own limits where the rulebook has none."""
    wanted = replace(
        asked,
        account_age_days=asked.account_age_days or limits.age_days,
        futures_trades=asked.futures_trades or limits.futures_trades,
    )
    found = eligibility(wanted, facts, at_switch=False)
    return tuple(one for one in found if one.name in OF_EXPERIENCE and not one.met)


def _merged(unified: Side, asked: ModeRules, rules: Rules) -> Condition:
    needed = ratio_needed(asked, rules.unified.ladder_of("unified"))
    for pool, figures in unified.pools:
        if pool.kind == "unified":
            usdt = unified.held.market.index.get("USDT", Decimal(1))
            equity, kept = figures.adjusted_equity, figures.maintenance_margin
            return after_merge(equity / usdt, kept / usdt, needed)
    return after_merge(ZERO, ZERO, needed)


def _facts(
    separated: Side, asked: ModeRules, profile: AccountProfile, lived: History | None
) -> AccountFacts:
    usdt = separated.held.market.index.get("USDT", Decimal(1))
    lines = asked.net_assets_lines
    worth = separated.outside if not lines or "spot" in lines else ZERO
    isolated, positions = [], []
    for pool, figures in separated.pools:
        line, _, own = pool.name.partition(":")
        if not lines or line in lines:
            worth += figures.equity
        for position in pool.state.positions:
            shown = f"{line}:{position.symbol} {position.quantity:+f}"
            positions.append(shown)
            if own.partition(":")[0] == position.symbol:
                isolated.append(shown)
    return AccountFacts(
        time_ns=0,
        kyc=profile.kyc,
        age_days=profile.age_days + (int(lived.days) if lived else 0),
        net_assets=worth / usdt,
        futures_trades=profile.futures_trades + (lived.futures_trades if lived else 0),
        futures_volume=profile.futures_volume + (lived.futures_volume if lived else ZERO),
        liquidating=tuple(p.name for p, f in separated.pools if f.level >= RiskLevel.LIQUIDATION),
        isolated=tuple(isolated),
        positions=tuple(positions),
    )
