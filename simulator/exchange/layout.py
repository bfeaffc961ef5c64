"""One account mode as the columns that a venue runs by: made before a run, and again at a switch.

All that an account mode decides is here: which wallet pays for what, which pool margins it, how
large a position may be, what loans need.  Everything else of a venue stays when the mode changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from simulator.accounts.wallets import INSURANCE, Partition
from simulator.exchange.leverage import largest_notional
from simulator.instruments.instrument import Instrument
from simulator.risk.columns import KINDS, MarginColumns, listing, margin_columns, pool_rows
from simulator.risk.interest import InterestRules
from simulator.risk.rules import MarginRules

E8 = 10**8
FAR = 1 << 62
PLAIN_MARGIN_LEVERAGE = 3
"""Leverage of cross margin where the rulebook has no rules of loans (docs/assumptions.md)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """An account mode of a run: its partition and its margin rules."""

    partition: Partition
    margin: MarginRules


def not_margined(listed: Sequence[Instrument], margin: MarginRules) -> str:
    """Return why instruments cannot be margined by the rules, empty if they can."""
    for one in listed:
        if one.market == "um" and margin.model == "brackets" and one.symbol not in margin.brackets:
            known = ", ".join(sorted(margin.brackets))
            return f"{one.name}: the rulebook has no brackets for it; it has {known}"
        ranged = margin.default_leverage is not None or margin.scenario.range_of(one.base)
        if one.market in ("um", "cm") and not ranged:
            return f"{one.name}: the rulebook has no price range for {one.base}"
    return ""


def margin_leverage(margin: MarginRules) -> int:
    """Return the leverage of cross margin."""
    return margin.loans.default_leverage if margin.loans else PLAIN_MARGIN_LEVERAGE


def margins_of(
    layout: Layout,
    listed: Sequence[Instrument],
    assets: Sequence[str],
    leverage: Sequence[Fraction],
) -> MarginColumns:
    """Return the margin rules as the pools read them."""
    listings = [listing(one, float(most)) for one, most in zip(listed, leverage, strict=True)]
    return margin_columns(layout.margin, listings, assets, hedge=layout.partition.hedge)


def pools_of(partition: Partition, assets: Sequence[str]) -> tuple[Any, list[list[int]]]:
    """Return pools and which of them margins each slot: of the market's account, the own, and the
    insurance fund's, which nobody margins.
    """
    none = [-1] * len(partition.pool_of)
    return pool_rows(partition.pools, assets, account=1), [none, partition.pool_of, none]


def mode_columns(
    layout: Layout,
    listed: Sequence[Instrument],
    assets: Sequence[str],
    leverage: Sequence[Fraction],
    interest: InterestRules,
) -> dict[str, Any]:
    """Return the columns that ``take_mode`` of the venue and of its upkeep want."""
    partition, margin = layout.partition, layout.margin
    one, slots = partition.instruments, len(partition.margin)
    return {
        "max_notional": [
            largest_notional(one, margin, most) for one, most in zip(listed, leverage, strict=True)
        ],
        # The market's account, the own, the insurance fund's.
        "cash_wallet": [partition.cash, partition.cash, [INSURANCE] * one],
        "margin_wallet": [partition.margin, partition.margin, [INSURANCE] * slots],
        "cash_pool": [partition.cash_pool, partition.cash_pool, [-1] * one],
        "lending_wallet": [partition.lending, partition.lending, [-1] * one],
        "lending_pool": [partition.lending_pool, partition.lending_pool, [-1] * one],
        "target": targets_of(margin),
        "premium_in_cash": "options" not in partition.members,
        "loan_margin": 1 / (margin_leverage(margin) - 1),
        "own_wallets": partition.own,
        "unified": partition.mode == "unified",
        "convert_below": _convert_below(partition, interest, assets),
    }


def targets_of(margin: MarginRules) -> list[float]:
    """Return the ratio above which closing stops, by kind of pool."""
    return [float(margin.ladder_of(kind).target) for kind in KINDS]


def _convert_below(
    partition: Partition, rules: InterestRules, assets: Sequence[str]
) -> list[list[int]]:
    """Lowest balance that is not converted, by wallet and asset."""
    lowest = [[-FAR] * len(assets) for _ in partition.wallets]
    for _, name, wallet, isolated in partition.live_pools:
        if isolated < 0:
            for asset, most in rules.convert.get(name.partition(":")[0], {}).items():
                if asset in assets:
                    lowest[wallet][assets.index(asset)] = -int(most * E8)
    return lowest
