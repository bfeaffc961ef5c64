"""Audit of an account's steps between the modes: the chain of states, and sums that must agree.

A step moves balances, loans and interest between wallets and neither makes nor loses any: for every
asset the sum over the wallets before equals the sum after, and only the start of a switch moves
anything.  Each step starts in the state that the one before it ended in, and is a step that the
transition table has, with its conditions met and its minutes passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import polars as pl

from simulator.accounts.states import NEXT, AccountState, ModeRefusal, Step, refusal
from simulator.errors import InputError
from simulator.report.account import Amounts, balances_of, conditions_of
from simulator.report.timeline import VENUE

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
    """Return every step of an account, audited; ``events`` as ``RunResult.account_events``.

    Raises ``InputError`` where a step holds what no run writes, such as a state that there is not.
    """
    made = []
    previous: dict[str, Any] | None = None
    for number, row in enumerate(events.iter_rows(named=True), start=1):
        before, after, conditions = _read(number, row)
        sums = _sums(before, after)
        faults = (*_unequal(sums), *_chain(row, previous), *_reasons(row, conditions))
        if not faults and before != after and not _switches(row):
            faults = ("wallets: changed by a step that moves nothing",)
        made.append(Audited(number, row, conditions, before, after, sums, faults))
        previous = row
    return made


def _read(number: int, row: dict[str, Any]) -> tuple[Amounts, Amounts, list[dict[str, Any]]]:
    """Return balances before and after, and the conditions of a step."""
    known = {"before": AccountState, "after": AccountState, "step": Step, "refusal": ModeRefusal}
    for column, names in known.items():
        if row[column] not in names.__members__ and (column, row[column]) != ("refusal", ""):
            raise InputError(f"audit: step {number}, {column}: there is no {row[column]!r}")
    column = ""
    try:
        column = "conditions"
        conditions = conditions_of(row[column])
        column = "balances_before"
        before = balances_of(row[column])
        column = "balances_after"
        return before, balances_of(row[column]), conditions
    except (ValueError, ArithmeticError, TypeError, KeyError, AttributeError, RecursionError):
        raise InputError(f"audit: step {number}, {column}: not what a run writes") from None


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
    if row["step"] == Step.COMPLETE_SWITCH.name and not row["refusal"]:
        if previous is not None and row["time_ns"] < previous["suspended_until_ns"]:
            found.append("time: the switch is complete before its minutes have passed")
        if row["actor"] != VENUE:
            found.append(f"actor: {row['actor']}, but the venue's clock completes a switch")
    asked = AccountState[row["before"]], Step[row["step"]]
    if row["refusal"]:
        if row["after"] != row["before"]:
            found.append(f"state: refused, yet {row['before']} became {row['after']}")
    elif NEXT.get(asked) != AccountState[row["after"]]:
        found.append(f"state: {row['step']} does not lead from {row['before']} to {row['after']}")
    return found


def _switches(row: dict[str, Any]) -> bool:
    """Whether a step is the start of a switch, which alone moves balances."""
    return not row["refusal"] and AccountState[row["after"]].switching


def _reasons(row: dict[str, Any], conditions: list[dict[str, Any]]) -> list[str]:
    """Return where the outcome contradicts the conditions or the table's reason."""
    unmet = [one["name"] for one in conditions if not one["met"]]
    if not row["refusal"]:
        return [f"conditions: taken, yet not met: {', '.join(unmet)}"] if unmet else []
    reason = ModeRefusal[row["refusal"]]
    if reason is ModeRefusal.ONE_MODE_ONLY:
        return []
    right = refusal(AccountState[row["before"]], Step[row["step"]])
    if reason is not (right or ModeRefusal.CONDITIONS_NOT_MET):
        wanted = (right or ModeRefusal.CONDITIONS_NOT_MET).name
        return [f"refusal: {reason.name}, but the table refuses this with {wanted}"]
    if reason is ModeRefusal.CONDITIONS_NOT_MET and not unmet:
        return ["conditions: refused for them, yet all are met"]
    return []
