"""The rules of one account: a rulebook with the choices of the account, for the exchange."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from simulator.accounts.states import AccountMode
from simulator.errors import InputError
from simulator.risk.interest import InterestRules
from simulator.risk.rules import CollateralRules, LoanRules, MarginRules
from simulator.rulebook.schema import Rulebook


def account_rules(
    rules: Rulebook,
    mode: Literal["separated", "unified"],
    *,
    margin_type: str | None = None,
    multi_assets: bool = False,
    margin_leverage: int | None = None,
    settled_in: Iterable[str] = ("USDT",),
) -> MarginRules:
    """Return the margin rules of an account.

    ``margin_type`` is that of separated USD-M positions, None the rulebook's default;
    ``multi_assets`` has every asset of the USD-M wallet count by its ratio, otherwise only those
    count that its contracts are ``settled_in``, where the rulebook knows the difference;
    ``margin_leverage`` is that of cross margin.  Raises ``InputError`` for what does not go
    together and for leverages that the rulebook does not have.
    """
    if multi_assets and (mode == "unified" or margin_type == "isolated"):
        raise InputError("multi_assets: is of separated accounts with cross positions")
    if multi_assets and not rules.multi_assets:
        raise InputError(f"multi_assets: rulebook {rules.name} has no table [multi_assets]")
    margin = rules.margin_rules(mode, multi_assets)
    kept: Literal["isolated", "cross"] = margin.margin_type
    if multi_assets or margin_type is not None:
        kept = "isolated" if margin_type == "isolated" else "cross"
    collaterals = dict(margin.collaterals)
    if mode == "separated" and rules.multi_assets and not multi_assets:
        collaterals["um"] = CollateralRules(True, Decimal(0), dict.fromkeys(settled_in, Decimal(1)))
    margin = replace(margin, margin_type=kept, collaterals=collaterals)
    return margin if margin_leverage is None else _with_leverage(margin, margin_leverage)


def rules_by_mode(
    rules: Rulebook,
    mode: AccountMode,
    *,
    margin_type: str | None = None,
    multi_assets: bool = False,
    margin_leverage: int | None = None,
    settled_in: Iterable[str] = ("USDT",),
) -> dict[AccountMode, MarginRules]:
    """Return the margin rules of an account in its present mode, then those of the other one.

    What was chosen is of the present mode; in the other one it holds as far as it makes sense
    there: ``multi_assets`` not, a margin leverage where the loans of that mode know it.
    """
    settled = tuple(settled_in)
    other: AccountMode = "separated" if mode == "unified" else "unified"
    here = account_rules(
        rules,
        mode,
        margin_type=margin_type,
        multi_assets=multi_assets,
        margin_leverage=margin_leverage,
        settled_in=settled,
    )
    there = account_rules(
        rules,
        other,
        margin_type=margin_type if other == "separated" else None,
        settled_in=settled,
    )
    if margin_leverage is not None:
        with contextlib.suppress(InputError):
            there = _with_leverage(there, margin_leverage)
    return {mode: here, other: there}


def _with_leverage(margin: MarginRules, leverage: int) -> MarginRules:
    known = margin.loans.maintenance_rate if margin.loans else {leverage: Decimal(0)}
    if leverage not in known or leverage < 2:
        allowed = ", ".join(str(one) for one in sorted(known)) if margin.loans else "2 or more"
        raise InputError(f"margin_leverage {leverage}: must be {allowed}")
    ladders = dict(margin.ladders)
    if f"margin:{leverage}" in ladders:
        ladders["margin"] = ladders[f"margin:{leverage}"]
    return replace(margin, loans=LoanRules(leverage, known), ladders=ladders)


def interest_rules(rules: Rulebook, multi_assets: bool = False) -> InterestRules:
    """Return a rulebook's interest, negative balances and conversions as plain rules.

    ``multi_assets``: whether the separated USD-M wallet is in multi-assets mode.
    """
    loans, negative, multi = rules.interest, rules.negative_balance, rules.multi_assets
    convert: dict[str, Mapping[str, Decimal]] = {}
    if negative:
        convert["unified"] = negative.exchange_at
    if multi_assets and multi:
        convert["um"] = multi.exchange_at
    return InterestRules(
        daily=loans.daily,
        default_daily=loans.daily["default"],
        every_hours=loans.every_hours,
        on_borrow=loans.on_borrow,
        negative_pools=("unified",) if negative else (),
        negative_daily=negative.daily if negative else {},
        default_negative_daily=negative.daily["default"] if negative else Decimal(0),
        negative_hour=negative.hour_utc if negative else 0,
        free=negative.free if negative else {},
        convert=convert,
    )
