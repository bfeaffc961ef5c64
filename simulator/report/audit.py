"""Audit of an account's steps between the modes: the chain of states, and sums that must agree.

A step moves balances, loans and interest between wallets and neither makes nor loses any: for
every asset the sum over the wallets before equals the sum after.  Each step starts in the state
that the one before it ended in, and is a step that the transition table has.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import polars as pl

from simulator.accounts.states import NEXT, AccountState, Step
from simulator.report.account import Amounts, balances_of, conditions_of

PARTS: tuple[Literal["balance", "loan", "interest"], ...] = ("balance", "loan", "interest")

Sums = dict[str, dict[str, tuple[Decimal, Decimal]]]
"""By asset and part: the sum over the wallets before, and after."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One step as it was audited; ``faults`` are sentences, none where everything agrees."""

    number: int
    row: dict[str, Any]
    conditions: list[dict[str, Any]]
    before: Amounts
    after: Amounts
    sums: Sums
    faults: tuple[str, ...]

    def amounts(self) -> list[tuple[str, str, str, Decimal, Decimal]]:
        """Return (wallet, asset, part, before, after) of everything that is not zero."""
        found: list[tuple[str, str, str, Decimal, Decimal]] = []
        nothing = (Decimal(0),) * 3
        for wallet in dict.fromkeys([*self.before, *self.after]):
            old, new = self.before.get(wallet, {}), self.after.get(wallet, {})
            for asset in dict.fromkeys([*old, *new]):
                pairs = zip(PARTS, old.get(asset, nothing), new.get(asset, nothing), strict=True)
                found += [(wallet, asset, part, a, b) for part, a, b in pairs if a or b]
        return found


def audit(events: pl.DataFrame) -> list[Audited]:
    """Return every step of an account, audited; ``events`` as ``RunResult.account_events``."""
    made = []
    previous: dict[str, Any] | None = None
    for number, row in enumerate(events.iter_rows(named=True), start=1):
        before, after = balances_of(row["balances_before"]), balances_of(row["balances_after"])
        sums = _sums(before, after)
        faults = (*_unequal(sums), *_chain(row, previous))
        conditions = conditions_of(row["conditions"])
        made.append(Audited(number, row, conditions, before, after, sums, faults))
        previous = row
    return made


def _sums(before: Amounts, after: Amounts) -> Sums:
    made: Sums = {}
    for side, balances in enumerate((before, after)):
        for assets in balances.values():
            for asset, amounts in assets.items():
                parts = made.setdefault(asset, dict.fromkeys(PARTS, (Decimal(0), Decimal(0))))
                for part, value in zip(PARTS, amounts, strict=True):
                    old, new = parts[part]
                    parts[part] = (old, new + value) if side else (old + value, new)
    return dict(sorted(made.items()))


def _unequal(sums: Sums) -> list[str]:
    return [
        f"{asset} {part}: {before:f} before, {after:f} after"
        for asset, parts in sums.items()
        for part, (before, after) in parts.items()
        if before != after
    ]


def _chain(row: dict[str, Any], previous: dict[str, Any] | None) -> list[str]:
    """Return what does not follow from the step before, or from the table."""
    found = []
    if previous is not None and previous["after"] != row["before"]:
        found.append(f"state: {previous['after']} after the step before, {row['before']} here")
    if previous is not None and previous["time_ns"] > row["time_ns"]:
        found.append("time: before the step before")
    asked = AccountState[row["before"]], Step[row["step"]]
    if row["refusal"]:
        if row["after"] != row["before"]:
            found.append(f"state: refused, yet {row['before']} became {row['after']}")
    elif NEXT.get(asked) != AccountState[row["after"]]:
        found.append(f"state: {row['step']} does not lead from {row['before']} to {row['after']}")
    return found
