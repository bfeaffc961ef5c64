"""Distributions of a sampled market: the same figures of recordings and of generated tapes.

Every function takes ``Sampled`` columns (book every 250 ms, trades) and returns plain numbers.
Prices are in ticks or basis points (bp), quantities in base asset (UM, spot) or contracts (CM),
times in seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from replay_data.recordings import RAW, STEP_MS, Ints, Sampled

Floats = npt.NDArray[np.float64]

QUANTILES = (
    *(
        0.0,
        0.01,
        0.02,
        0.05,
        0.1,
        0.15,
        0.2,
        0.25,
        0.3,
        0.35,
        0.4,
        0.45,
        0.5,
        0.55,
        0.6,
        0.65,
        0.7,
        0.75,
    ),
    *(0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 1.0),
)
"""Where empirical distributions are tabulated."""

SALES_USD = (30_000.0, 100_000.0, 300_000.0, 1_000_000.0)
"""Sizes of market orders whose cost is measured."""

SECOND = 1000 // STEP_MS

FIVE_MINUTES = 300 * SECOND


def quantiles(values: npt.ArrayLike) -> list[float]:
    """Return the table of ``values`` at ``QUANTILES``."""
    return [float(f"{x:.6g}") for x in np.quantile(np.asarray(values, float), QUANTILES)]


def mid(s: Sampled) -> Floats:
    """Mid price of each step, in quote asset."""
    total = s.price[:, 0, 0] + s.price[:, 1, 0]
    return np.asarray(total * (s.tick / 2), np.float64)


def returns(prices: Floats, seconds: int) -> Floats:
    """Non-overlapping returns over ``seconds``, in basis points."""
    sampled = prices[:: SECOND * seconds]
    change: Floats = (sampled[1:] / sampled[:-1] - 1) * 1e4
    return change


def correlation(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Pearson correlation; 0 where one side is constant."""
    u, v = np.asarray(x, np.float64), np.asarray(y, np.float64)
    u, v = u - u.mean(), v - v.mean()
    scale = float(np.sqrt((u * u).sum() * (v * v).sum()))
    return float((u * v).sum()) / scale if scale else 0.0


def autocorrelation(x: npt.ArrayLike, lag: int = 1) -> float:
    """Correlation of a series with itself ``lag`` steps later."""
    u = np.asarray(x, float)
    return correlation(u[lag:], u[:-lag])


def prints(s: Sampled) -> tuple[Ints, Ints, Ints, Ints]:
    """Join consecutive trades of equal time, side and price, as aggTrades do.

    Returns time (ms), side, price (ticks), quantity (lots).
    """
    columns = np.stack([s.trade_ms, s.trade_side, s.trade_price])
    new = np.r_[True, (columns[:, 1:] != columns[:, :-1]).any(axis=0)]
    starts = np.flatnonzero(new)
    return (*columns[:, starts], np.add.reduceat(s.trade_quantity, starts))


def orders(s: Sampled) -> tuple[Ints, Ints, Ints]:
    """Join prints of equal time and side: one taker order.  Returns time, side, quantity (lots)."""
    time, side, _, quantity = prints(s)
    new = np.r_[True, (time[1:] != time[:-1]) | (side[1:] != side[:-1])]
    starts = np.flatnonzero(new)
    return time[starts], side[starts], np.add.reduceat(quantity, starts)


def usd(s: Sampled, quantity: Ints, price: Ints | Floats) -> Floats:
    """Notional of ``quantity`` lots at ``price`` ticks, in USD."""
    each = s.face if s.face else s.lot * s.tick * price.astype(float)
    return np.asarray(quantity * each, np.float64)


def book_figures(s: Sampled) -> dict[str, Any]:
    """Spread, depth by level, gaps between levels and how much changes in a step."""
    spread = s.price[:, 1, 0] - s.price[:, 0, 0]
    gaps = np.abs(np.diff(s.price[:, :, :RAW], axis=2))
    best_moved = s.price[1:, :, 0] != s.price[:-1, :, 0]
    value = usd(s, s.quantity, s.price).cumsum(axis=2)
    far = range(RAW, s.quantity.shape[2])
    return {
        "spread_ticks_mean": float(spread.mean()),
        "spread_bp_mean": float((spread * s.tick / mid(s)).mean() * 1e4),
        "spread_wide_ticks": quantiles(spread[spread > 1] if (spread > 1).any() else spread),
        "spread_one_tick_share": float((spread == 1).mean()),
        "depth_mean_by_level": [float(x) * s.lot for x in s.quantity.mean(axis=(0, 1))],
        "depth_usd_cumulative_by_level": [float(x) for x in value.mean(axis=(0, 1))],
        "depth_best": quantiles(s.quantity[:, :, 0] * s.lot),
        "depth_near": quantiles(s.quantity[:, :, 1:RAW] * s.lot),
        "depth_far": [quantiles(s.quantity[:, :, level] * s.lot) for level in far],
        "gap_ticks": quantiles(gaps),
        "sale_cost_bp": [sale_cost(s, notional)[0] for notional in SALES_USD],
        "sale_unfilled_share": [sale_cost(s, notional)[1] for notional in SALES_USD],
        "best_moved_share": float(best_moved.mean()),
        "best_quantity_autocorrelation": autocorrelation(s.quantity[:, 0, 0]),
        "rows_per_step": float(changed_rows(s).mean()),
    }


def sale_cost(s: Sampled, notional: float) -> tuple[float, float]:
    """Mean cost of selling ``notional`` USD at market, in bp from the mid, and the share unfilled.

    The cost is that of the steps at which the ten levels fill it; 0 where there is none.
    """
    price = s.price[:, 0] * s.tick
    value = usd(s, s.quantity[:, 0], s.price[:, 0])
    before = value.cumsum(axis=1) - value
    taken = np.clip(notional - before, 0.0, value)
    filled = taken.sum(axis=1) > notional * (1 - 1e-9)
    if not filled.any():
        return 0.0, 1.0
    received = notional / (taken / price).sum(axis=1)
    cost = (1 - received / mid(s)) * 1e4
    return float(cost[filled].mean()), float(1 - filled.mean())


def changed_rows(s: Sampled) -> Ints:
    """Depth rows that tell each step from the one before: levels new, changed or gone."""
    rows = np.zeros(len(s.time_ms) - 1, np.int64)
    for side in (0, 1):
        now, before = s.price[1:, side], s.price[:-1, side]
        same = now[:, :, None] == before[:, None, :]
        kept = (same & (s.quantity[1:, side][:, :, None] == s.quantity[:-1, side][:, None, :])).any(
            2
        )
        rows += (~kept).sum(axis=1) + (~same.any(axis=1)).sum(axis=1)
    return rows


def trade_figures(s: Sampled) -> dict[str, Any]:
    """Rates, clustering, sizes and signs of taker orders."""
    span = (s.time_ms[-1] - s.time_ms[0]) / 1000
    time, side, quantity = orders(s)
    seconds = (time - s.time_ms[0]) // 1000
    counts = np.bincount(seconds[(seconds >= 0) & (seconds < int(span))], minlength=int(span))
    steps = (time - s.time_ms[0]) // STEP_MS
    in_steps = (steps >= 0) & (steps < len(s.time_ms) - 1)
    per_step = np.bincount(steps[in_steps], minlength=len(s.time_ms) - 1)
    printed = prints(s)
    return {
        "trades_per_s": len(s.trade_ms) / span,
        "prints_per_s": len(printed[0]) / span,
        "orders_per_s": len(time) / span,
        "orders_per_250ms": quantiles(per_step),
        "fano_1s": float(counts.var() / counts.mean()),
        "fano_250ms": float(per_step.var() / per_step.mean()),
        "count_autocorrelation_1s": autocorrelation(counts),
        "count_autocorrelation_10s": autocorrelation(counts, 10),
        "empty_seconds_share": float((counts == 0).mean()),
        "buy_share": float((side > 0).mean()),
        "sign_autocorrelation": autocorrelation(side),
        "order_size": quantiles(quantity * s.lot),
        "order_size_mean": float(quantity.mean()) * s.lot,
        "walk_share": float(1 - len(time) / len(printed[0])),
        "volume_usd_per_s": float(usd(s, printed[3], printed[2]).sum() / span),
    }


def flow_imbalance(s: Sampled) -> Floats:
    """Order-flow imbalance of the best levels (Cont, Kukanov, Stoikov 2014) a step, in lots."""
    price, quantity = s.price[:, :, 0], s.quantity[:, :, 0]
    bid = quantity[1:, 0] * (price[1:, 0] >= price[:-1, 0])
    bid = bid - quantity[:-1, 0] * (price[1:, 0] <= price[:-1, 0])
    ask = quantity[1:, 1] * (price[1:, 1] <= price[:-1, 1])
    ask = ask - quantity[:-1, 1] * (price[1:, 1] >= price[:-1, 1])
    return (bid - ask).astype(float)


def return_figures(s: Sampled) -> dict[str, Any]:
    """Volatility, tails and how returns go with order flow."""
    prices = mid(s)
    second = returns(prices, 1)
    n = len(second)
    imbalance = flow_imbalance(s)[: n * SECOND].reshape(n, SECOND).sum(axis=1)
    time, side, quantity = orders(s)
    index = (time - s.time_ms[0]) // 1000
    inside = (index >= 0) & (index < n)
    signed = np.bincount(index[inside], (side * quantity)[inside], minlength=n)
    changes = np.diff(prices)
    return {
        "volatility_1s_bp": float(second.std()),
        "volatility_10s_bp": float(returns(prices, 10).std()),
        "kurtosis_1s": float(((second - second.mean()) ** 4).mean() / second.var() ** 2),
        "absolute_return_autocorrelation_1s": autocorrelation(np.abs(second)),
        "return_autocorrelation_250ms": autocorrelation(changes),
        "return_autocorrelation_1s": autocorrelation(second),
        "flow_imbalance_correlation_1s": correlation(imbalance, second),
        "trade_imbalance_correlation_1s": correlation(signed, second),
        "range_bp": float((prices.max() / prices.min() - 1) * 1e4),
    }


def latency_figures(s: Sampled) -> dict[str, Any]:
    """Receive stamp less event time after the clock offset (smallest seen) is out, in ms."""
    after = (s.latency_ns - s.latency_ns.min()) / 1e6
    return {"latency_ms": quantiles(after), "latency_ms_mean": float(after.mean())}


def instrument_figures(s: Sampled) -> dict[str, Any]:
    """All figures of one instrument."""
    found = book_figures(s) | trade_figures(s) | return_figures(s) | latency_figures(s)
    span = (s.time_ms[-1] - s.time_ms[0]) / 1000
    rates = {kind: count / span for kind, count in s.messages.items()}
    return found | {"seconds": float(span), "messages_per_s": rates}


def aligned(a: Sampled, b: Sampled) -> tuple[Floats, Floats]:
    """Mids of two instruments on the steps that both have."""
    _, left, right = np.intersect1d(a.time_ms, b.time_ms, return_indices=True)
    return mid(a)[left], mid(b)[right]


def basis_figures(a: Sampled, b: Sampled) -> dict[str, float]:
    """Basis of ``a`` over ``b``: level, and how it strays from its mean of each five minutes."""
    x, y = aligned(a, b)
    basis = (x / y - 1) * 1e4
    level = float(basis.mean())
    for start in range(0, len(basis), FIVE_MINUTES):
        window = slice(start, start + FIVE_MINUTES)
        basis[window] -= basis[window].mean()
    return {
        "basis_bp_mean": level,
        "basis_bp_std": float(basis.std()),
        "basis_autocorrelation_1s": autocorrelation(basis, SECOND),
        "basis_autocorrelation_10s": autocorrelation(basis, 10 * SECOND),
    }


def pair_figures(a: Sampled, b: Sampled) -> dict[str, Any]:
    """Correlation of returns of two instruments, and who leads.

    ``first_leads`` has the correlations of ``a``'s 250 ms return with ``b``'s 1, 2 and 4 steps
    later.
    """
    x, y = aligned(a, b)
    u, v = np.diff(x) / x[:-1], np.diff(y) / y[:-1]
    lags = (1, 2, 4)
    return {
        "correlation_1s": correlation(returns(x, 1), returns(y, 1)),
        "correlation_10s": correlation(returns(x, 10), returns(y, 10)),
        "correlation_250ms": correlation(u, v),
        "first_leads": [correlation(u[:-lag], v[lag:]) for lag in lags],
        "second_leads": [correlation(v[:-lag], u[lag:]) for lag in lags],
    }


def mark_figures(s: Sampled) -> dict[str, float]:
    """Relation of mark, index and mid, once a second, in basis points."""
    time = np.array([row[0] for row in s.marks], np.int64)
    mark, index = (np.array([row[column] for row in s.marks]) for column in (1, 2))
    place = np.searchsorted(s.time_ms, time)
    inside = (place > 0) & (place < len(s.time_ms))
    mark, index, middle = mark[inside], index[inside], mid(s)[place[inside] - 1]
    over_index = (mark / index - 1) * 1e4
    over_mid = (mark / middle - 1) * 1e4
    return {
        "mark_over_index_bp_mean": float(over_index.mean()),
        "mark_over_index_bp_std": float(over_index.std()),
        "mark_over_mid_bp_mean": float(over_mid.mean()),
        "mark_over_mid_bp_std": float(over_mid.std()),
        "mark_volatility_1s_bp": float((np.diff(mark) / mark[:-1]).std() * 1e4),
        "index_volatility_1s_bp": float((np.diff(index) / index[:-1]).std() * 1e4),
        "mid_volatility_1s_bp": float((np.diff(middle) / middle[:-1]).std() * 1e4),
        "funding_rate_last": float(s.marks[-1][3]),
    }
