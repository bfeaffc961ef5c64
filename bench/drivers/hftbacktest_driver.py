"""hftbacktest 2.4 on the common tape: its feed alone, and the market maker in njit and in Python.

Cases: ``feed`` (one call to the end of the data), ``feed-steps`` (one call per 100 ms, no
orders), ``njit``, ``python``, and ``record`` (``njit`` with its state written at each timer, for
comparing fills; not timed). The maker is that of bench/market_maker.md.  Loading, building and
compiling are not timed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from hftbacktest import GTX, LIMIT, BacktestAsset, ROIVectorMarketDepthBacktest
from numba import njit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.market_maker import INTERVAL_NS, MAX_POSITION_LOTS, QUANTITY_LOTS
from bench.worker import serve, timed

MARGIN_TICKS = 2_000
"""Room of the range of interest on both sides of the tape's prices."""

WARM_UP_EVENTS = 100_000
FOREVER_NS = 10**18


def feed(hbt, quantity, limit, tick, lot, log):
    hbt.elapse(FOREVER_NS)
    return 0, 0


def feed_steps(hbt, quantity, limit, tick, lot, log):
    steps = 0
    while hbt.elapse(INTERVAL_NS) == 0:
        steps += 1
    return steps, 0


def maker(hbt, quantity, limit, tick, lot, log):
    """Cancel both quotes and quote both sides at the best prices, every 100 ms."""
    requotes = 0
    orders_sent = 0
    while hbt.elapse(INTERVAL_NS) == 0:
        hbt.clear_inactive_orders(0)
        orders = hbt.orders(0)
        buy_id = 2 * requotes
        sell_id = buy_id + 1
        if requotes and buy_id - 2 in orders:
            hbt.cancel(0, buy_id - 2, False)
        if requotes and sell_id - 2 in orders:
            hbt.cancel(0, sell_id - 2, False)
        depth = hbt.depth(0)
        bid = depth.best_bid_tick
        ask = depth.best_ask_tick
        position = hbt.position(0)
        if position < limit:
            hbt.submit_buy_order(0, buy_id, bid * tick, quantity, GTX, LIMIT, False)
            orders_sent += 1
        if position > -limit:
            hbt.submit_sell_order(0, sell_id, ask * tick, quantity, GTX, LIMIT, False)
            orders_sent += 1
        if requotes < len(log):
            state = hbt.state_values(0)
            log[requotes, 0] = hbt.current_timestamp
            log[requotes, 1] = state.num_trades
            log[requotes, 2] = round(position / lot)
            log[requotes, 3] = round(state.trading_volume / lot)
        requotes += 1
    return requotes, orders_sent


LOOPS: dict[str, Any] = {
    "feed": njit(feed),
    "feed-steps": njit(feed_steps),
    "njit": njit(maker),
    "record": njit(maker),
    "python": maker,
}


def prepare(folder: Path, case: str) -> Any:
    about = json.loads((folder / "about.json").read_text())
    events = np.load(folder / "hftbacktest.npz")["data"]
    loop = LOOPS[case]
    steps = (about["last_ns"] - about["first_ns"]) // INTERVAL_NS + 1
    quiet = np.zeros((0, 4), np.int64)

    def backtest(data: Any) -> Any:
        asset = (
            BacktestAsset()
            .data(data)
            .linear_asset(1.0)
            .constant_order_latency(0, 0)
            .risk_adverse_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0002, 0.0005)
            .tick_size(about["tick"])
            .lot_size(about["lot"])
            .roi_lb((about["lowest_tick"] - MARGIN_TICKS) * about["tick"])
            .roi_ub((about["highest_tick"] + MARGIN_TICKS) * about["tick"])
        )
        return ROIVectorMarketDepthBacktest([asset])

    def play(data: Any, log: Any) -> dict[str, Any]:
        hbt = backtest(data)
        quantity, limit = QUANTITY_LOTS * about["lot"], (MAX_POSITION_LOTS - 0.5) * about["lot"]
        (requotes, orders), times = timed(
            lambda: loop(hbt, quantity, limit, about["tick"], about["lot"], log)
        )
        state = hbt.state_values(0)
        figures = {
            "events": len(data),
            **times,
            "requotes": requotes,
            "orders": orders,
            "fills": int(state.num_trades),
            "position_lots": round(hbt.position(0) / about["lot"]),
            "volume_lots": round(state.trading_volume / about["lot"]),
        }
        hbt.close()
        return figures

    play(events[:WARM_UP_EVENTS], quiet)

    def run() -> dict[str, Any]:
        log = np.zeros((steps, 4), np.int64) if case == "record" else quiet
        figures = play(events, log)
        if case == "record":
            path = folder / "fills-hftbacktest.npy"
            np.save(path, log[: figures["requotes"]])
            figures["log"] = str(path.name)
        return figures

    return run


if __name__ == "__main__":
    serve(prepare)
