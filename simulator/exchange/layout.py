"""One account mode as the columns that a venue runs by: made before a run, and again at a switch.

All that an account mode decides is here: which wallet pays for what, which pool margins it, how
large a position may be, what loans need.  Everything else of a venue stays when the mode changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from simulator.accounts.crowd import FIRST
from simulator.accounts.wallets import Partition
from simulator.exchange.leverage import largest_notional
from simulator.exchange.roster import Roster, with_fund
from simulator.instruments.instrument import Instrument
from simulator.risk.columns import KINDS, MarginColumns, listing, margin_columns, pool_rows
from simulator.risk.interest import InterestRules
from simulator.risk.rules import MarginRules

E8 = 10**8
FAR = 1 << 62
PLAIN_MARGIN_LEVERAGE = 3
"""Leverage of cross margin where the rulebook has no rules of loans (docs/assumptions.md)."""


Choice = tuple[MarginRules, Sequence[Fraction]]
"""What decides how large an account's positions may be: its mode's rules, and its leverage by
instrument."""


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
    others: Sequence[Choice] = (),
) -> MarginColumns:
    """Return the margin rules as the pools read them; ``others`` are the further accounts that
    trade, whose leverage follows that of the first, account by account.
    """
    listings = [listing(one, float(most)) for one, most in zip(listed, leverage, strict=True)]
    found = margin_columns(layout.margin, listings, assets, hedge=layout.partition.hedge)
    return with_leverage(found, [leverage, *(chosen for _, chosen in others)])


def with_leverage(columns: MarginColumns, rows: Sequence[Sequence[Fraction]]) -> MarginColumns:
    """Return margin columns with the leverage of accounts, a row of instruments each."""
    return replace(columns, leverage=np.array([float(one) for row in rows for one in row]))


def for_both_modes(separated: MarginRules, unified: MarginRules, mode: str) -> MarginRules:
    """Return the rules of a venue with accounts in both modes.

    A unified pool by the unified mode's rules, every other kind by the separated mode's; ``mode``
    says whose the rest is: leverage, members, loans where both have them.
    """
    first = unified if mode == "unified" else separated
    by_kind = {kind: unified if kind == "unified" else separated for kind in KINDS}
    ladders = {name: one for name, one in separated.ladders.items() if ":" in name}
    return replace(
        first,
        ladders=ladders | {kind: rules.ladder_of(kind) for kind, rules in by_kind.items()},
        models={kind: rules.model_of(kind) for kind, rules in by_kind.items()},
        collaterals={kind: rules.collateral_of(kind) for kind, rules in by_kind.items()},
        loans=first.loans or separated.loans or unified.loans,
        options=separated.options or unified.options,
    )


def pools_of(partition: Partition, assets: Sequence[str], roster: Roster) -> tuple[Any, Any, Any]:
    """Return pools, which of them margins each slot, by account, and which exist now.

    Of a crowd the roster shows the rows of these from now on, see `with_fund`.
    """
    own = pool_rows(partition.pools, assets, account=1)
    none = np.full((1, len(partition.pool_of)), -1, dtype=np.int32)
    mine = np.array([partition.pool_of], dtype=np.int32).reshape(none.shape)
    others = roster.pool_of if len(roster.pool_of) else none[:0]
    live = np.concatenate([np.array(partition.live, dtype=np.int32), roster.live])
    # Column by column, as the pools are read: then they are not copied.
    pools = np.concatenate([own.T, roster.pools.T], axis=1).T
    pool_of = np.concatenate([none, mine, others, none])
    if roster.size:
        roster.pools, roster.pool_of = pools[len(own) :], pool_of[FIRST : roster.fund]
    return pools, pool_of, live


def mode_columns(
    layout: Layout,
    listed: Sequence[Instrument],
    assets: Sequence[str],
    leverage: Sequence[Fraction],
    interest: InterestRules,
    roster: Roster,
    others: Sequence[Choice] = (),
) -> dict[str, Any]:
    """Return the columns that ``take_mode`` of the venue and of its upkeep want.

    ``layout`` and ``leverage`` are of the first account that trades, ``others`` of the further
    ones; with such the rules of ``layout`` are of both modes (`for_both_modes`).
    """
    partition, margin = layout.partition, layout.margin
    return {
        "max_notional": [
            largest_notional(one, rules, most)
            for rules, chosen in [(margin, leverage), *others]
            for one, most in zip(listed, chosen, strict=True)
        ],
        "cash_wallet": with_fund(partition.cash, roster, "cash_wallet"),
        "margin_wallet": with_fund(partition.margin, roster, "margin_wallet"),
        "cash_pool": with_fund(partition.cash_pool, roster, "cash_pool"),
        "lending_wallet": with_fund(partition.lending, roster, "lending_wallet"),
        "lending_pool": with_fund(partition.lending_pool, roster, "lending_pool"),
        "target": targets_of(margin),
        "premium_in_cash": any(
            "options" not in one.members for one in (partition, *roster.traders)
        ),
        "loan_margin": 1 / (margin_leverage(margin) - 1),
        "own_wallets": partition.own,
        "unified": partition.mode == "unified",
        "convert_below": _convert_below(partition, interest, assets),
        "crowd_convert": [[_lowest(interest, kind, asset) for asset in assets] for kind in KINDS],
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
            kind = name.partition(":")[0]
            lowest[wallet] = [_lowest(rules, kind, asset) for asset in assets]
    return lowest


def _lowest(rules: InterestRules, kind: str, asset: str) -> int:
    """Lowest balance of an asset that is not converted in a kind of shared pool."""
    most = rules.convert.get(kind, {}).get(asset)
    return -FAR if most is None else -int(most * E8)
