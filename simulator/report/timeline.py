"""The life of an account as lines to read: when, who, what, with which result.

Made of the frames of a run: steps between the modes, operations on funds, orders and fills, and
what a script says of them.  A run without a step between the modes and without a script has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import polars as pl

from simulator.report.account import Amounts, balances_of, conditions_of
from simulator.report.result import RunResult
from simulator.report.values import amount, count
from simulator.strategy.life import Owner
from simulator.units.text import clock, plain

VENUE = "venue"

WHAT = {
    "APPLY_FOR_UNIFIED": "applies for the unified mode",
    "ACCEPT_AGREEMENT": "accepts the agreement and the risk disclosure",
    "ANSWER_QUESTIONNAIRE": "answers the questionnaire",
    "WITHDRAW_APPLICATION": "withdraws the application",
    "REQUEST_SEPARATED": "asks for the way back to separated wallets",
    "COMPLETE_SWITCH": "completes the switch",
}
"""Steps between the modes in words."""

MOVED = {
    "DEPOSIT": "deposits",
    "WITHDRAW": "withdraws",
    "TRANSFER": "transfers",
    "BORROW": "borrows",
    "REPAY": "repays",
    "COLLECT": "collects",
    "TRANSFER_BNB": "transfers",
}
"""Operations on funds in words; the switch of auto-repay has a sentence of its own."""

APART_MAX = 8
"""More orders and operations than this between two other lines are told together."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline.

    ``kind`` is ``remark`` (of the script, without result), ``step``, ``funds`` or ``order``;
    ``refused`` says whether it came to nothing.  ``conditions`` as ``conditions_of`` returns them.
    ``details`` are sentences below the line.  ``group`` is what many of them are called, and what
    came of them, such as ``("orders on um:BTCUSDT", "filled")``.
    """

    time_ns: int
    actor: str
    what: str
    result: str
    kind: str
    refused: bool = False
    conditions: tuple[dict[str, Any], ...] = ()
    details: tuple[str, ...] = ()
    group: tuple[str, str] = ("", "")

    @property
    def unmet(self) -> tuple[dict[str, Any], ...]:
        """Conditions that stand in the way."""
        return tuple(one for one in self.conditions if not one["met"])


def lines(run: RunResult) -> list[Line]:
    """Return the timeline of a run, in the order of time; empty where there is none to tell."""
    scripted = run.story.height or Owner.__name__ in run.strategies
    if not (run.account_events.height or scripted):
        return []
    told = [*_remarks(run), *_steps(run), *_funds(run), *_orders(run), *_liquidations(run)]
    # Stable: a remark stands before what it speaks of, and the deposits of the start before all.
    told.sort(key=lambda line: (line.time_ns, not _is_start(line, run)))
    made: list[Line] = []
    for alike, part in groupby(told, key=lambda line: bool(line.group[0])):
        block = list(part)
        made += _together(block, run) if alike and len(block) > APART_MAX else block
    return made


def _is_start(line: Line, run: RunResult) -> bool:
    """Whether a line is a deposit that the run starts with."""
    return line.kind == "funds" and line.actor == VENUE and line.time_ns <= run.start_ns


def since(time_ns: int, start_ns: int) -> str:
    """Write an instant as time since the start."""
    return clock(time_ns - start_ns)


def words(condition: dict[str, Any]) -> str:
    """Return a condition in words: what there is, and what is needed.

    >>> words({"name": "KYC", "met": False, "have": "basic", "need": "advanced", "items": []})
    'KYC: have basic, need advanced'
    """
    items = f" ({', '.join(condition['items'])})" if condition["items"] else ""
    return f"{condition['name']}: have {condition['have']}, need {condition['need']}{items}"


def holdings(balances: Amounts) -> str:
    """Return what the wallets hold and owe, in words.

    >>> from decimal import Decimal as D
    >>> holdings({"spot": {"USDT": (D("1500"), D(0), D(0)), "BTC": (D("0.5"), D(1), D(0))}})
    'spot 1,500.00 USDT + 0.5 BTC, owes 1 BTC'
    """
    made = []
    for wallet, assets in balances.items():
        held = [_quantity(balance, asset) for asset, (balance, _, _) in assets.items() if balance]
        owed = [
            _quantity(loan + interest, asset)
            for asset, (_, loan, interest) in assets.items()
            if loan + interest
        ]
        debts = f", owes {' + '.join(owed)}" if owed else ""
        made.append(f"{wallet} {' + '.join(held) or 'nothing'}{debts}")
    return "; ".join(made) or "nothing"


def _quantity(value: Any, asset: str) -> str:
    """Write an amount of an asset: dollars to the cent, coins as exact as they are."""
    if asset.startswith("USD") or asset.endswith("USD"):
        return f"{amount(value)} {asset}"
    return f"{plain(value, ',.8f')} {asset}"


def _remarks(run: RunResult) -> Iterator[Line]:
    for row in run.story.iter_rows(named=True):
        if not row["result"]:
            yield Line(row["time_ns"], row["actor"], row["text"], "", "remark")


def _steps(run: RunResult) -> Iterator[Line]:
    for row in run.account_events.iter_rows(named=True):
        conditions = tuple(conditions_of(row["conditions"]))
        details = [row["note"]] if row["note"] else []
        if row["refusal"]:
            result = f"REFUSED: {row['refusal']}"
        else:
            result = row["after"]
            if row["suspended_until_ns"]:
                at = since(row["suspended_until_ns"], run.start_ns)
                result += f", nothing can be traded until {at}"
        before, after = balances_of(row["balances_before"]), balances_of(row["balances_after"])
        if before != after:
            details.append(f"wallets before: {holdings(before)}")
            details.append(f"wallets after: {holdings(after)}")
        yield Line(
            row["time_ns"], row["actor"], WHAT[row["step"]], result, "step",
            bool(row["refusal"]), conditions, tuple(details),
        )  # fmt: skip


def _funds(run: RunResult) -> Iterator[Line]:
    for row in run.funds.iter_rows(named=True):
        result = f"REFUSED: {row['refusal']}" if row["refusal"] else "done"
        called = f"{row['operation'].lower().replace('_', ' ')} operations, {row['asset'] or 'all'}"
        yield Line(
            row["time_ns"], row["actor"], _moved(row), result, "funds", bool(row["refusal"]),
            group=(called, result),
        )  # fmt: skip


def _moved(row: dict[str, Any]) -> str:
    if row["operation"] == "AUTO_REPAY" and not row["asset"]:
        if row["refusal"]:
            return "asks to switch auto-repay"
        return f"switches auto-repay {'on' if row['quantity'] else 'off'}"
    verb = MOVED.get(row["operation"], row["operation"].lower())
    what = _quantity(row["quantity"], row["asset"]) if row["quantity"] else row["asset"]
    ends = ""
    if row["source"] and row["operation"] != "DEPOSIT":
        ends += f" from {row['source']}"
    if row["target"] and row["operation"] != "WITHDRAW":
        ends += f" to {row['target']}"
    return f"{verb} {what or 'all assets'}{ends}"


def _orders(run: RunResult) -> Iterator[Line]:
    """Orders of a script that came to rest or to nothing, and every order that was filled."""
    for row in run.story.iter_rows(named=True):
        if row["result"]:
            what, _, reason = row["result"].partition(" ")
            refused = what == "REJECTED"
            result = f"REFUSED: {reason}" if refused else " ".join((what.lower(), reason)).strip()
            yield Line(
                row["time_ns"], row["actor"], f"order to {row['text']}", result, "order", refused,
                group=(f"orders on {_instrument(row['text'])}", result),
            )  # fmt: skip
    trader = run.strategies[0] if len(run.strategies) == 1 else "account"
    filled = run.fills.group_by("order", "instrument", "side", "reason", maintain_order=True).agg(
        pl.col("time_ns").last(),
        pl.col("quantity").sum(),
        price=(pl.col("price") * pl.col("quantity")).sum() / pl.col("quantity").sum(),
        fee=pl.col("fee").sum(),
        fee_asset=pl.col("fee_asset").first(),
    )
    for row in filled.iter_rows(named=True):
        forced = row["reason"] != "order"
        purpose = {"liquidation": " to liquidate", "deleveraging": " in an auto-deleveraging"}
        verb = "buys" if row["side"] > 0 else "sells"
        fee = f", fee {_quantity(row['fee'], row['fee_asset'])}" if row["fee"] else ""
        yield Line(
            row["time_ns"],
            VENUE if forced else trader,
            f"{verb} {row['quantity']:,.8g} {row['instrument']}" + purpose.get(row["reason"], ""),
            f"filled at {row['price']:,.2f}{fee}",
            "order",
            group=(f"orders on {row['instrument']}", "filled"),
        )


def _instrument(text: str) -> str:
    """Return the instrument of an order as a script writes it.

    >>> _instrument("buy 1 um:BTCUSDT at 60,000")
    'um:BTCUSDT'
    """
    return text.partition(" at ")[0].rpartition(" ")[2]


def _liquidations(run: RunResult) -> Iterator[Line]:
    for row in run.liquidations.iter_rows(named=True):
        what = f"liquidates the pool {row['pool']}"
        result = (
            f"equity {amount(row['equity'])} against maintenance margin "
            f"{amount(row['maintenance_margin'])}, {amount(row['lost'])} lost"
        )
        yield Line(row["time_ns"], VENUE, what, result, "funds", True)


def _together(block: Sequence[Line], run: RunResult) -> list[Line]:
    """Tell many orders and operations by what they are called and what came of them.

    A line stands where the first of its own stood.
    """
    groups: dict[tuple[str, tuple[str, str]], list[Line]] = {}
    for line in block:
        groups.setdefault((line.actor, line.group), []).append(line)
    made = []
    for (actor, (called, result)), part in groups.items():
        if len(part) == 1:
            made += part
            continue
        first, last = part[0], part[-1]
        what = f"{count(len(part))} {called} until {since(last.time_ns, run.start_ns)}"
        made.append(Line(first.time_ns, actor, what, result, first.kind, first.refused))
    return made
