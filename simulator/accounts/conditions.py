"""Conditions of the steps between the modes: what there is, what is needed, whether it is met.

Every function returns all the conditions of its step, met or not, in the order of
`ConditionName`; what a rulebook does not ask for is left out.  What there is, is shown rounded
against the account (an amount down, a time to wait up), so that no unmet condition looks met.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Literal

from simulator.accounts.rules import KYC_LEVELS, Kyc, ModeRules
from simulator.risk.levels import Ladder
from simulator.units.text import SECOND_NS, counted, plain

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

CENT = Decimal("0.01")

ANY_SIZE = Context(prec=400)
"""Digits of any double to the cent: what an account has at a wild index price can be written."""


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


def eligibility(rules: ModeRules, facts: AccountFacts, *, at_switch: bool) -> tuple[Condition, ...]:
    """Return the conditions of an application, looked at again when the switch starts.

    Open orders matter only ``at_switch``: they come and go while the questionnaire is answered.
    """
    window = f"in {counted(rules.experience_days, 'day')}"
    found = []
    if rules.kyc != "none":
        found.append(_kyc(rules.kyc, facts.kyc))
    if rules.net_assets > 0:
        lines = rules.net_assets_lines
        where = f" in {', '.join(lines)}" if lines else ""
        met = facts.net_assets >= rules.net_assets
        found.append(
            Condition(
                "NET_ASSETS", met, _have(facts.net_assets), f"{_need(rules.net_assets)}{where}"
            )
        )
    if rules.account_age_days > 0:
        met = facts.age_days >= rules.account_age_days
        need = counted(rules.account_age_days, "day")
        found.append(Condition("ACCOUNT_AGE", met, counted(facts.age_days, "day"), need))
    if rules.futures_trades > 0:
        met = facts.futures_trades >= rules.futures_trades
        have, need = f"{facts.futures_trades:,}", f"{rules.futures_trades:,}"
        found.append(Condition("FUTURES_TRADES", met, f"{have} {window}", f"{need} {window}"))
    if rules.futures_volume > 0:
        met = facts.futures_volume >= rules.futures_volume
        have, need = _have(facts.futures_volume), _need(rules.futures_volume)
        found.append(Condition("FUTURES_VOLUME", met, f"{have} {window}", f"{need} {window}"))
    found.append(_none("NO_LIQUIDATION", "pool", facts.liquidating))
    if not rules.isolated_positions:
        found.append(_none("NO_ISOLATED_POSITIONS", "isolated position", facts.isolated))
    if not rules.open_positions:
        found.append(_none("NO_OPEN_POSITIONS", "open position", facts.positions))
    if at_switch and rules.open_orders == "refuse":
        found.append(_no_orders(facts))
    return tuple(found)


def agreement_condition(version: str, current: str) -> Condition:
    """Return whether the version that is accepted is the one in force; an empty one is none."""
    return Condition("AGREEMENT_VERSION", version == current, version or "none given", current)


def questionnaire_conditions(
    rules: ModeRules, score: Decimal | None, cool_down_left_ns: int
) -> tuple[Condition, ...]:
    """Return the conditions of the questionnaire.

    ``score`` is the share of right answers, None before any; ``cool_down_left_ns`` how long the
    account must still wait after an attempt that failed.
    """
    found = []
    if rules.cool_down_ns > 0:
        over = cool_down_left_ns <= 0
        have = "none" if over else f"{_duration(cool_down_left_ns)} left"
        found.append(Condition("COOL_DOWN", over, have, "none"))
    if rules.questions > 0:
        met = score is not None and score >= rules.pass_mark
        have = "not answered" if score is None else f"{_percent(score, ROUND_FLOOR)} right"
        found.append(Condition("PASS_MARK", met, have, _percent(rules.pass_mark, ROUND_CEILING)))
    return tuple(found)


def ratio_needed(rules: ModeRules, ladder: Ladder) -> Decimal:
    """Return the equity / maintenance margin that the merged pool must be above: the rulebook's,
    else the first rung of the unified ladder.
    """
    if rules.ratio_after is not None:
        return rules.ratio_after
    return (ladder.margin_call or ladder.reduce_only or ladder.liquidation).at


def after_merge(
    equity: Decimal | float, maintenance: Decimal | float, needed: Decimal
) -> Condition:
    """Return whether the merged pool would be above ``needed`` (equity / maintenance margin).

    Both in USDT.  A pool without a requirement has no ratio: it is enough that it owes nothing.
    """
    worth, kept = Decimal(equity), Decimal(maintenance)
    need = f"above {needed:f}"
    if kept <= 0:
        have = "no requirement" if worth >= 0 else f"no requirement, equity {_have(worth)}"
        return Condition("UNIMMR_AFTER", worth >= 0, have, need)
    ratio = (worth / kept).quantize(Decimal("0.0001"), ROUND_FLOOR)
    have = f"{ratio:,f} (equity {_have(worth)} / maintenance {_need(kept)})"
    return Condition("UNIMMR_AFTER", worth > needed * kept, have, need)


def way_back(facts: AccountFacts) -> tuple[Condition, ...]:
    """Return the conditions of going back: flat, free of debt, and with nothing open."""
    loans = _amounts(facts.loans)
    interest = _amounts(facts.interest)
    negative = _amounts(facts.negative)
    return (
        _none("NO_LIQUIDATION", "pool", facts.liquidating),
        _none("NO_OPEN_POSITIONS", "open position", facts.positions),
        _no_orders(facts),
        _none("NO_LOANS", "loan", loans),
        _none("NO_INTEREST", "asset", interest),
        _none("NO_NEGATIVE_BALANCES", "negative balance", negative),
    )


def _kyc(needed: Kyc, have: Kyc) -> Condition:
    return Condition("KYC", KYC_LEVELS.index(have) >= KYC_LEVELS.index(needed), have, needed)


def _none(name: ConditionName, thing: str, items: Iterable[str]) -> Condition:
    """Return a condition that there be nothing of a kind; ``items`` are what there is."""
    listed = tuple(items)
    have = counted(len(listed), thing) if listed else "none"
    return Condition(name, not listed, have, "none", listed)


def _no_orders(facts: AccountFacts) -> Condition:
    have = counted(facts.open_orders, "open order") if facts.open_orders else "none"
    return Condition("NO_OPEN_ORDERS", facts.open_orders == 0, have, "none")


def _amounts(by_name: Mapping[str, Decimal]) -> tuple[str, ...]:
    """Return amounts other than 0 as ``USDT 5000`` or ``um USDT -3.5``."""
    return tuple(f"{name} {plain(amount)}" for name, amount in by_name.items() if amount)


def _have(amount: Decimal) -> str:
    return f"{amount.quantize(CENT, ROUND_FLOOR, ANY_SIZE):,f} USDT"


def _need(amount: Decimal) -> str:
    return f"{amount.quantize(CENT, ROUND_CEILING, ANY_SIZE):,f} USDT"


def _percent(share: Decimal, rounding: str) -> str:
    return f"{plain((share * 100).quantize(Decimal('0.01'), rounding))} %"


def _duration(span_ns: int) -> str:
    """Return a time to wait, rounded up to the second: ``9 min 41 s``."""
    minutes, seconds = divmod(-(-span_ns // SECOND_NS), 60)
    return " ".join([f"{minutes:,} min"] * (minutes > 0) + [f"{seconds} s"] * (seconds > 0))
