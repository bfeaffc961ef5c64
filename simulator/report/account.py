"""Frames of an account's life: steps between the modes, operations on funds, what a script said.

Nested values are JSON text.  Conditions: a list of ``{"name", "met", "have", "need", "items"}``.
Balances: ``{wallet: {asset: [balance, loan, interest]}}``, amounts in whole units as decimal text,
so that an audit adds them up exactly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import polars as pl

from simulator.accounts.conditions import Condition
from simulator.exchange.messages import AccountEvent, Balances, FundEvent
from simulator.report.result import ACCOUNT_EVENTS, FUNDS, STORY
from simulator.strategy.life import Owner

Amounts = dict[str, dict[str, tuple[Decimal, Decimal, Decimal]]]


def account_frame(events: Iterable[AccountEvent]) -> pl.DataFrame:
    """Return one row a step, in the order of the events."""
    rows = [
        (
            one.time_ns,
            one.account,
            one.actor,
            one.step.name,
            one.before.name,
            one.after.name,
            "" if one.refusal is None else one.refusal.name,
            one.suspended_until_ns,
            json.dumps([_condition(item) for item in one.conditions], ensure_ascii=False),
            _balances(one.balances_before),
            _balances(one.balances_after),
            one.note,
        )
        for one in events
    ]
    return pl.DataFrame(rows, schema=ACCOUNT_EVENTS, orient="row")


def funds_frame(events: Iterable[FundEvent]) -> pl.DataFrame:
    """Return one row an operation, in the order of the events."""
    rows = [
        (
            one.time_ns,
            one.account,
            one.actor,
            one.operation.name,
            one.asset,
            float(one.quantity),
            one.source,
            one.target,
            one.refusal,
        )
        for one in events
    ]
    return pl.DataFrame(rows, schema=FUNDS, orient="row")


def story_frame(owners: Iterable[Owner]) -> pl.DataFrame:
    """Return what scripted lives said and what came of their orders, in the order of time."""
    rows = [
        (at, type(one).__name__, text, result) for one in owners for at, text, result in one.story
    ]
    frame = pl.DataFrame(rows, schema=STORY, orient="row")
    return frame.sort("time_ns", maintain_order=True)


MOST_DIGITS = 30
"""Most digits of an amount before and after the point; int64 in 1e-8 has 11 and 8."""


CONDITION = {"name": str, "met": bool, "have": str, "need": str, "items": list}
"""What a condition holds; ``items`` are texts."""


def conditions_of(text: str) -> list[dict[str, Any]]:
    """Return the conditions of a row; ``ValueError`` or ``TypeError`` for what is none."""
    found: list[dict[str, Any]] = json.loads(text)
    for one in found:
        for key, kind in CONDITION.items():
            if not isinstance(one[key], kind):
                raise TypeError(f"{key} of a condition is {one[key]!r:.60}")
        if not all(isinstance(item, str) for item in one["items"]):
            raise TypeError("items of a condition are texts")
    return found


def balances_of(text: str) -> Amounts:
    """Return the balances of a row, exact."""
    return {
        wallet: {asset: _three(amounts) for asset, amounts in assets.items()}
        for wallet, assets in json.loads(text).items()
    }


def _three(amounts: list[str]) -> tuple[Decimal, Decimal, Decimal]:
    balance, loan, interest = (Decimal(one) for one in amounts)
    for one in (balance, loan, interest):
        # What is short to write, as 1e999999999, may be long to add up.
        if not one.is_finite() or (one and not -MOST_DIGITS < one.adjusted() < MOST_DIGITS):
            raise ValueError(f"{one} is no amount")
    return balance, loan, interest


def _condition(one: Condition) -> dict[str, Any]:
    return {
        "name": one.name,
        "met": one.met,
        "have": one.have,
        "need": one.need,
        "items": list(one.items),
    }


def _balances(balances: Balances) -> str:
    made = {
        wallet: {asset: [f"{one:f}" for one in amounts] for asset, amounts in assets.items()}
        for wallet, assets in balances.items()
    }
    return json.dumps(made, ensure_ascii=False)
