"""Made cascades: frames that look like those of a run with a population, without an engine."""

from __future__ import annotations

from functools import cache
from typing import Any

import made
import numpy as np
import polars as pl

from simulator.report.cascade_result import (
    CALLS,
    CLOSINGS,
    CORRELATIONS,
    FAN,
    FUND,
    GROUPS,
    HEAT,
    HEDGES,
    LEGS,
    PATHS,
    Cascade,
)
from simulator.report.result import RunResult

START = made.START // made.MINUTE * made.MINUTE
MINUTE = made.MINUTE
MINUTES = 60
TYPES = ("long retail", "long with alts", "basis trader", "short seller")
SCHEMAS = {
    "closings": CLOSINGS, "calls": CALLS, "groups": GROUPS, "fund": FUND, "fan": FAN, "heat": HEAT,
    "paths": PATHS, "legs": LEGS, "hedges": HEDGES, "correlations": CORRELATIONS,
}  # fmt: skip
FIRST = {"um:BTCUSDT": 60_000.0, "um:ETHUSDT": 3_000.0, "spot:BTCUSDT": 60_010.0}


def frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return a frame of rows that name some columns; the others are null."""
    return pl.DataFrame(rows, schema=SCHEMAS[name])


def closing(minute: float, notional: float, **changes: Any) -> dict[str, Any]:
    """Return a row of closings, by default a long position closed on the book."""
    row = {
        "time_ns": START + round(minute * MINUTE), "account": 1, "group": "g", "mode": "separated",
        "pool": "um", "instrument": "um:BTCUSDT", "stage": "order", "side": -1,
        "quantity": notional / 60_000, "price": 60_000.0, "mark": 60_000.0, "notional": notional,
        "fee": 0.0,
    }  # fmt: skip
    return row | changes


def call(minute: float, account: int, **changes: Any) -> dict[str, Any]:
    """Return a row of calls."""
    row = {
        "time_ns": START + round(minute * MINUTE), "account": account, "group": "g",
        "mode": "separated", "pool": "um", "ratio": 0.99, "equity": 99.0,
        "maintenance_margin": 100.0, "equity_after": 0.0, "bankrupt": False,
    }  # fmt: skip
    return row | changes


@cache
def cascade(
    mode: str = "separated", *, feedback: bool = True, depth: float = 1.0, seed: int = 5
) -> Cascade:
    """Return a crash of one hour and what it closed; ``depth`` scales the cascade's part of it."""
    draw = np.random.default_rng(seed)
    seconds = np.arange(0, MINUTES * 60 + 1, 5)
    minutes = seconds / 60
    shock = np.interp(minutes, [0, 10, 22, 30, 45, 60], [0, -0.01, -0.08, -0.11, -0.075, -0.06])
    own = np.interp(minutes, [0, 12, 24, 31, 45, 60], [0, 0, -0.025, -0.045, -0.012, -0.006])
    moved = own * depth if feedback else np.zeros_like(own)
    noise = np.cumsum(draw.normal(0, 2e-4, len(seconds)))
    paths = []
    for name, first in FIRST.items():
        beta, scale = (1.2, 1.3) if "ETH" in name else (1.0, 0.5 if "spot" in name else 1.0)
        reference = first * np.exp(beta * shock + noise)
        for i, second in enumerate(seconds.tolist()):
            mark = reference[i] * np.exp(scale * moved[i])
            paths.append({
                "time_ns": START + second * 10**9, "instrument": name, "mark": mark,
                "index": reference[i] * np.exp(0.5 * moved[i]), "reference": reference[i],
                "displacement": scale * moved[i],
            })  # fmt: skip
    strength = (1.0 + depth if feedback else 1.0) * (0.7 if mode == "unified" else 1.0)
    closings, calls = _liquidations(draw, mode, strength)
    return Cascade(
        accounts=100_000, open_interest=2.5e9, feedback=feedback, closings=closings, calls=calls,
        groups=_groups(mode, strength), fund=_fund(draw, strength),
        fan=_fan(minutes, shock, moved, mode),
        heat=_heat(shock + moved), paths=frame("paths", paths),
    )  # fmt: skip


def _liquidations(
    draw: np.random.Generator, mode: str, strength: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    closings, calls = [], []
    for account in range(1, int(3_000 * strength)):
        late = draw.random() < 0.3
        minute = draw.normal(28, 2.0) if late else 14 + 15 * draw.beta(3, 2)
        is_short, who = draw.random() < 0.1, int(draw.integers(len(TYPES)))
        minute = min(max(minute + 12 * is_short, 0.0), 59.9)
        notional = float(draw.pareto(1.5) + 1) * 20_000
        common = {
            "account": account, "group": TYPES[who], "mode": mode,
            "pool": "unified" if mode == "unified" else "um",
        }  # fmt: skip
        side = 1 if is_short else -1
        instrument = "um:ETHUSDT" if draw.random() < 0.3 else "um:BTCUSDT"
        stage = "order"
        if minute > 25:
            stage = str(draw.choice(["order", "takeover", "deleverage"], p=[0.6, 0.25, 0.15]))
        one = common | {"side": side, "instrument": instrument, "stage": stage}
        closings.append(closing(minute, notional, fee=notional * 0.005, **one))
        if stage == "deleverage":
            other = one | {"account": 90_000 + account % 50, "side": -side, "stage": "counterparty"}
            closings.append(closing(minute, notional, **other))
        if mode == "unified" and draw.random() < 0.4:
            spot = common | {"instrument": "spot:BTCUSDT", "stage": "spot"}
            closings.append(closing(minute, notional * 0.2, **spot))
        calls.append(call(minute, account, group=TYPES[who], mode=mode, bankrupt=stage != "order"))
    return frame("closings", closings), frame("calls", calls)


def _groups(mode: str, strength: float) -> pl.DataFrame:
    rows = []
    for i, name in enumerate(TYPES):
        lost = (0.42, 0.33, 0.05 if mode == "unified" else 0.21, -0.08)[i] * strength / 2
        rows.append({
            "group": name, "mode": mode, "accounts": 25_000, "liquidated": 900 - 200 * i,
            "bankrupt": 90 - 20 * i, "deleveraged": 12 * i, "wealth_start": 3e8 / (i + 1),
            "wealth_end": 3e8 / (i + 1) * (1 - lost), "notional_closed": 1e8, "fees": 5e5,
            "spot_sold": 2e6 if mode == "unified" else 0.0,
        })  # fmt: skip
    return frame("groups", rows)


def _fund(draw: np.random.Generator, strength: float) -> pl.DataFrame:
    rows, balance = [], 10e6
    for minute in range(MINUTES + 1):
        if minute:
            balance += 2e4 - 3.5e5 * strength * np.exp(-(((minute - 29) / 4) ** 2))
        rows.append({
            "time_ns": START + minute * MINUTE, "asset": "USDT", "balance": balance, "price": 1.0,
            "inventory": 8e6 * strength * float(np.exp(-(((minute - 33) / 5) ** 2))),
        })  # fmt: skip
    return frame("fund", rows)


def _fan(minutes: Any, shock: Any, moved: Any, mode: str) -> pl.DataFrame:
    rows = []
    for minute in range(MINUTES + 1):
        fallen = float(np.interp(minute, minutes, shock + moved))
        middle = 6.0 * np.exp(7 * fallen)
        spread = {"p01": 0.18, "p05": 0.25, "p25": 0.55, "p50": 1, "p75": 1.9, "p95": 6, "p99": 15}
        rows.append(
            {"time_ns": START + minute * MINUTE, "mode": mode}
            | {name: middle * times for name, times in spread.items()}
        )
    return frame("fan", rows)


def _heat(fallen: Any) -> pl.DataFrame:
    rows = []
    moves = np.round(np.arange(-0.4, 0.4001, 0.02), 4)
    for i in range(12):
        minute = 5 * i
        now = float(fallen[i * 60])
        for side, centre in ((1, -0.12), (-1, 0.15)):
            for move in moves.tolist():
                at = (1 + now) * (1 + move) - 1
                gone = 0.15 if (side > 0 and at > now - 0.01 and minute > 25) else 1.0
                weight = np.exp(-(((at - centre) / 0.06) ** 2)) * gone
                if side * move < 0:
                    rows.append({
                        "time_ns": START + minute * MINUTE, "move": move, "side": side,
                        "notional": float(2e8 * weight),
                    })  # fmt: skip
    return frame("heat", rows)


def quiet_market(mode: str = "separated") -> Cascade:
    """Return a population through a run in which nobody was liquidated, the fund without limit."""
    rows = [
        {"time_ns": START + i * MINUTE, "instrument": "um:BTCUSDT", "mark": 60_000.0 + i,
         "index": 60_000.0 + i, "reference": None, "displacement": 0.0}
        for i in range(MINUTES + 1)
    ]  # fmt: skip
    fund = [{"time_ns": START, "asset": "USDT", "balance": 0.0, "price": 1.0, "inventory": 0.0}]
    return Cascade(
        accounts=10, open_interest=1e6, feedback=True, fund=frame("fund", fund),
        paths=frame("paths", rows), unlimited=("USDT",),
    )  # fmt: skip


def run(
    mode: str = "separated", variant: str = "", depth: float = 1.0, **changes: Any
) -> RunResult:
    """Return a run with a population and no strategy, and its twin without feedback."""
    values: dict[str, Any] = {
        "strategies": (), "start_ns": START, "end_ns": START + MINUTES * MINUTE, "variant": variant,
        "cascade": cascade(mode, depth=depth), "quiet": cascade(mode, feedback=False),
        "thresholds": {"MARGIN_CALL": 1.5, "LIQUIDATION": 1.05 if mode == "unified" else 1.0},
        "scenario": "flash_crash", "minutes": MINUTES,
        "summary": made.summary(
            pnl={}, rejections={}, orders=0, fills=0, liquidations=0,
            start_equity=0.0, end_equity=0.0,
        ),
    }  # fmt: skip
    return made.made(mode, **(values | changes))


def both(variant: str = "", depth: float = 1.0) -> list[RunResult]:
    """Return a run in each mode."""
    return [run("separated", variant, depth), run("unified", variant, depth)]


def hedge(
    account: int = 7, *, closed_at: float = 20.0, credit: float = 0.0
) -> dict[str, list[dict[str, Any]]]:
    """Return rows of legs and margin: 100 of coins, a short of as much, closed at a minute."""
    legs, margin = [], []
    for minute in range(0, MINUTES + 1, 2):
        who = {
            "time_ns": START + minute * MINUTE, "account": account, "group": "hedged",
            "mode": "separated",
        }  # fmt: skip
        short = -100.0 if minute < closed_at else 0.0
        legs.append(who | {"leg": "um:BTCUSDT", "quantity": short / 60_000, "exposure": short})
        legs.append(who | {"leg": "BTC", "quantity": 100 / 60_000, "exposure": 100.0})
        need = {"equity": 50.0, "maintenance_margin": 20.0 - credit, "credit": credit}
        margin += [who | need, who | need | {"account": None, "group": "", "mode": ""}]
    return {"legs": legs, "hedges": margin}


def made_with(cascade: Cascade, **changes: pl.DataFrame) -> Cascade:
    """Return a cascade of 10 accounts with other frames."""
    kept = {name: getattr(cascade, name) for name in SCHEMAS if name not in changes}
    return Cascade(accounts=10, open_interest=1.0, feedback=True, **kept, **changes)
