"""A made run result, so that reports are tested without an engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from simulator.report.result import RunResult, Summary

START = 1_760_000_000_000_000_000
MINUTE = 60 * 10**9

FRAMES: dict[str, dict[str, Any]] = {
    "fills": {
        "time_ns": pl.Int64, "instrument": pl.String, "order": pl.Int64, "side": pl.Int8,
        "price": pl.Float64, "quantity": pl.Float64, "fee": pl.Float64, "fee_asset": pl.String,
        "liquidity": pl.String, "realized_pnl": pl.Float64, "reason": pl.String,
    },
    "history": {
        "time_ns": pl.Int64, "pool": pl.String, "equity": pl.Float64,
        "initial_margin": pl.Float64, "maintenance_margin": pl.Float64, "ratio": pl.Float64,
        "level": pl.String,
    },
    "prices": {"time_ns": pl.Int64, "instrument": pl.String, "price": pl.Float64},
    "inventory": {"time_ns": pl.Int64, "instrument": pl.String, "quantity": pl.Float64},
    "liquidations": {
        "time_ns": pl.Int64, "pool": pl.String, "equity": pl.Float64,
        "maintenance_margin": pl.Float64, "lost": pl.Float64,
    },
}  # fmt: skip


def frame(name: str, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=FRAMES[name], orient="row")


def summary(**changes: Any) -> Summary:
    figures: dict[str, Any] = {
        "start_equity": 100_000.0, "end_equity": 99_880.5,
        "pnl": {"price": -150.0, "fees": -20.0, "funding": 50.5}, "used_margin": 5_000.0,
        "available": 94_880.5, "peak_initial_margin": 6_000.0, "peak_maintenance_margin": 4_000.0,
        "worst_ratio": 0.97, "ratio_name": "uniMMR", "orders": 12, "fills": 9,
        "rejections": {"INSUFFICIENT_MARGIN": 2}, "transfers": 1, "liquidations": 1,
    }  # fmt: skip
    return Summary(**(figures | changes))


def made(mode: str = "separated", *, minutes: int = 600, **changes: Any) -> RunResult:
    """Return a run with a falling price, fills of both sides and one liquidation."""
    step = np.arange(minutes)
    wave = np.sin(step / 40)
    price = 60_000 - step * 10 + 400 * wave
    own = 1.0 if mode == "separated" else 0.3
    times = (START + step * MINUTE).tolist()
    equity = 100_000 - own * step + 300 * own * wave
    ratio = 3.2 - 2.3 * own * step / minutes + 0.2 * wave
    liquidated = mode == "separated"
    fills = [
        (times[i], "um:BTCUSDT", i, 1 if i % 90 else -1, price[i], 0.1, 0.5, "USDT", "taker", 0.0,
         "order")
        for i in range(0, minutes, 45)
    ]  # fmt: skip
    at = times[minutes * 5 // 6]
    if liquidated:
        fills.append((at, "um:BTCUSDT", 99, -1, price[minutes * 5 // 6], 0.4, 2.0, "USDT", "taker",
                      -40.0, "liquidation"))  # fmt: skip
    history = [
        (t, "um", e, 5000.0, 4000.0, r, "NORMAL")
        for t, e, r in zip(times, equity, ratio, strict=True)
    ]
    prices = [(t, "um:BTCUSDT", p) for t, p in zip(times, price, strict=True)]
    held = [(t, "um:BTCUSDT", 0.1 * (i // 45)) for i, t in enumerate(times)]
    loss = [(at, "um", 3_900.0, 4_000.0, 210.0)] if liquidated else []
    values: dict[str, Any] = {
        "scenario": "made", "mode": mode, "rulebook": "textbook",
        "strategies": ("cash_and_carry",), "data": ("made.parquet",), "seed": 7,
        "start_ns": START, "end_ns": START + minutes * MINUTE, "events": 1_234_567,
        "wall_seconds": 0.5, "digest": ("ab" if liquidated else "cd") * 16, "summary": summary(),
        "thresholds": {"MARGIN_CALL": 1.5, "LIQUIDATION": 1.0},
        "fills": frame("fills", fills), "history": frame("history", history),
        "prices": frame("prices", prices),
        "inventory": frame("inventory", held), "liquidations": frame("liquidations", loss),
        "notes": ("no data for funding",),
    }  # fmt: skip
    return RunResult(**(values | changes))


def both() -> list[RunResult]:
    calmer = summary(end_equity=100_030.0, pnl={"price": 0.0, "fees": -20.0, "funding": 50.0},
                     liquidations=0, rejections={}, worst_ratio=1.8)  # fmt: skip
    return [made("separated"), made("unified", summary=calmer)]


def empty(mode: str = "separated") -> RunResult:
    """Return a run in which nothing happened."""
    nothing = summary(worst_ratio=None, pnl={}, rejections={}, orders=0, fills=0, liquidations=0)
    frames = {name: frame(name, []) for name in FRAMES}
    return made(mode, summary=nothing, wall_seconds=0.0, notes=(), thresholds={}, **frames)
