"""Set the generated hours beside the recordings: ``python -m replay_data.compare [--update FILE]``.

Prints the tables of docs/bundled-data.md, all figures measured, on the tapes as they stand.  With
``--update`` they are put into FILE, between its two ``compare`` comments.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from replay_data import FOLDER, measure, path
from replay_data.calibrate import market_figures
from replay_data.measure import QUANTILES
from replay_data.recordings import LEVELS, STEP_MS, Ints, Sampled
from replay_data.settings import Listed, load
from simulator.market.tape import Kind

Figures = dict[str, Any]

TWO_MINUTES = 120_000 // STEP_MS

SCALARS = {
    "spread_one_tick_share": "spread of one tick, share of steps",
    "spread_bp_mean": "spread, mean, bp",
    "best_moved_share": "best price moves in a step, share",
    "best_quantity_autocorrelation": "best bid quantity, autocorrelation, one step",
    "rows_per_step": "depth changes a step (thinned on purpose)",
    "orders_per_s": "taker orders a second (0.52 on purpose)",
    "prints_per_s": "prints a second, joined as aggTrades are",
    "walk_share": "prints beyond the first of an order, share",
    "empty_seconds_share": "seconds without a trade, share",
    "fano_250ms": "orders in 250 ms, variance / mean",
    "fano_1s": "orders in 1 s, variance / mean",
    "count_autocorrelation_1s": "orders in 1 s, autocorrelation, 1 s",
    "buy_share": "buying orders, share",
    "sign_autocorrelation": "side of orders, autocorrelation",
    "order_size_mean": "order size, mean",
    "volume_usd_per_s": "volume, USD a second",
    "volatility_1s_bp": "return over 1 s, standard deviation, bp",
    "volatility_10s_bp": "return over 10 s, standard deviation, bp",
    "kurtosis_1s": "return over 1 s, kurtosis",
    "absolute_return_autocorrelation_1s": "absolute return, autocorrelation, 1 s",
    "return_autocorrelation_250ms": "mid change, autocorrelation, 250 ms",
    "flow_imbalance_correlation_1s": "order-flow imbalance with return, 1 s, correlation",
    "trade_imbalance_correlation_1s": "signed volume with return, 1 s, correlation",
    "latency_ms_mean": "latency above the offset, mean, ms",
}
TABLES = {
    "depth_best": ("best level quantity", (0.5, 0.9)),
    "depth_near": ("levels 2-5 quantity", (0.5, 0.9)),
    "gap_ticks": ("gap between levels 1-5, ticks", (0.5, 0.9)),
    "order_size": ("order size", (0.5, 0.9, 0.99)),
    "spread_wide_ticks": ("spread where above one tick, ticks", (0.5, 0.9)),
    "latency_ms": ("latency above the offset, ms", (0.5, 0.99)),
}


def books(rows: pl.DataFrame, start_ms: int, steps: int) -> tuple[Ints, Ints]:
    """Rebuild the displayed book at each step from an instrument's DEPTH rows."""
    depth = rows.filter(pl.col("kind") == Kind.DEPTH)
    step = ((depth["time_ns"].to_numpy() // 1_000_000 - start_ms) // STEP_MS).tolist()
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    price = np.zeros((steps, 2, LEVELS), np.int64)
    quantity = np.zeros((steps, 2, LEVELS), np.int64)
    done = 0
    changes = zip(step, depth["side"], depth["price"], depth["quantity"], strict=True)

    def keep(upto: int) -> None:
        for side, book in enumerate(sides):
            levels = sorted(book.items(), reverse=side == 0)
            price[done:upto, side] = [level[0] for level in levels]
            quantity[done:upto, side] = [level[1] for level in levels]

    for at, side, level, lots in changes:
        if at > done:
            keep(at)
            done = at
        book = sides[0 if side > 0 else 1]
        if lots:
            book[level] = lots
        else:
            del book[level]
    keep(steps)
    return price, quantity


def sampled(rows: pl.DataFrame, listed: Listed, start_ms: int, steps: int) -> Sampled:
    """Columns of one instrument's rows, as the recordings are read."""
    price, quantity = books(rows, start_ms, steps)
    trades = rows.filter(pl.col("kind") == Kind.TRADE)
    marks = rows.filter(pl.col("kind") == Kind.MARK)
    index = rows.filter(pl.col("kind") == Kind.INDEX)["price"]
    messages = rows.filter(pl.col("kind").is_in([Kind.DEPTH, Kind.TRADE])).unique("time_ns")
    marked = zip(marks["time_ns"], marks["price"], index, strict=True)
    return Sampled(
        tick=float(listed.tick),
        lot=float(listed.lot),
        face=listed.face,
        time_ms=start_ms + STEP_MS * np.arange(steps, dtype=np.int64),
        price=price,
        quantity=quantity,
        trade_ms=trades["time_ns"].to_numpy() // 1_000_000,
        trade_side=trades["side"].to_numpy().astype(np.int64),
        trade_price=trades["price"].to_numpy(),
        trade_quantity=trades["quantity"].to_numpy(),
        latency_ns=(messages["receive_ns"] - messages["time_ns"]).to_numpy(),
        marks=tuple((t // 1_000_000, m / 1e8, i / 1e8, 0.0) for t, m, i in marked),
    )


def read(name: str) -> dict[str, Sampled]:
    """Read a bundled tape into sampled books and trades, by instrument."""
    hour, rows = load(name), pl.read_parquet(path(name))
    return {
        listed.name: sampled(
            rows.filter(pl.col("instrument") == i), listed, hour.start_ms, hour.steps
        )
        for i, listed in enumerate(hour.listed)
    }


def shown(value: float) -> str:
    """Three significant figures."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def line(label: str, cells: Sequence[str]) -> str:
    """One row of a Markdown table."""
    return "| " + " | ".join((label, *cells)) + " |"


def header(first: str, names: Sequence[str]) -> Iterator[str]:
    """Head of a Markdown table."""
    yield line(first, names)
    yield "|" + "---|" * (len(names) + 1)


def instrument_table(real: Figures, made: Figures) -> Iterator[str]:
    """Real / generated of every figure, by instrument."""
    names = list(real)

    def row(label: str, pick: Callable[[Figures], float]) -> str:
        return line(label, [f"{shown(pick(real[n]))} / {shown(pick(made[n]))}" for n in names])

    yield from header("real / generated", [f"`{name}`" for name in names])
    for key, label in SCALARS.items():
        yield row(label, lambda f, key=key: f[key])  # type: ignore[misc]
    for key, (label, points) in TABLES.items():
        for p in points:
            at = QUANTILES.index(p)
            yield row(f"{label}, p{p * 100:g}", lambda f, key=key, at=at: f[key][at])  # type: ignore[misc]
    for level in range(LEVELS):
        yield row(
            f"level {level + 1} quantity, mean",
            lambda f, level=level: f["depth_mean_by_level"][level],  # type: ignore[misc]
        )
    for i, notional in enumerate(measure.SALES_USD):
        yield row(
            f"cost of selling {notional:,.0f} USD at once, mean, bp",
            lambda f, i=i: f["sale_cost_bp"][i],  # type: ignore[misc]
        )


def pair_table(real: Figures, made: Figures) -> Iterator[str]:
    """Basis, correlation and lead of pairs."""
    bases = list(real["basis"])
    yield from header("basis: real / generated", bases)
    for key in real["basis"][bases[0]]:
        cells = [f"{shown(real['basis'][b][key])} / {shown(made['basis'][b][key])}" for b in bases]
        yield line(key.replace("_", " "), cells)
    yield ""
    pairs = list(real["pairs"])
    yield from header("returns: real / generated", pairs)
    for key in ("correlation_250ms", "correlation_1s", "correlation_10s"):
        cells = [f"{shown(real['pairs'][p][key])} / {shown(made['pairs'][p][key])}" for p in pairs]
        yield line(key.replace("_", " "), cells)
    for key, label in (("first_leads", "first leads"), ("second_leads", "second leads")):
        cells = []
        for p in pairs:
            one, other = real["pairs"][p][key][0], made["pairs"][p][key][0]
            cells.append(f"{shown(one)} / {shown(other)}")
        yield line(f"{label} by 250 ms, correlation", cells)


def mark_table(real: Figures, made: Figures) -> Iterator[str]:
    """Mark, index and mid."""
    yield from header("mark price, UM BTCUSDT", ["recorded 2023-04", "calm hour"])
    for key in real:
        if key in made and key != "funding_rate_last":
            yield line(key.replace("_", " "), [shown(real[key]), shown(made[key])])


def crash_figures(hour: dict[str, Sampled]) -> Figures:
    """Shape of the generated crash, as ``calibrate.crash_prices`` measures the real one."""
    coin, um = hour["cm:BTCUSD_PERP"], hour["um:BTCUSDT"]
    mark = np.array([row[1] for row in coin.marks])
    minute = mark.reshape(60, 60)
    last = mark[-1] / mark[0]
    low = mark.min() / mark[0]
    counts = np.bincount((um.trade_ms - um.time_ms[0]) // 60_000, minlength=60)
    depth = measure.usd(um, um.quantity, um.price).sum(axis=(1, 2)).reshape(60, -1).mean(axis=1)
    spread = (um.price[:, 1, 0] - um.price[:, 0, 0]) * um.tick / measure.mid(um) * 1e4
    x, y = measure.aligned(um, hour["spot:BTCUSDT"])
    low_step = int(measure.mid(um).argmin())
    window = slice(low_step - TWO_MINUTES // 2, low_step + TWO_MINUTES // 2)
    worst = replace(um, price=um.price[window], quantity=um.quantity[window])
    cost, unfilled = measure.sale_cost(worst, 100_000.0)
    eth = measure.mid(hour["um:ETHUSDT"])
    return {
        "fall": float(low - 1),
        "cm_mark_low_minute": int(minute.min(axis=1).argmin()),
        "end_over_first": float(last),
        "recovered_share": float((last - low) / (1 - low)),
        "largest_minute_move": float(np.abs(minute[:, -1] / minute[:, 0] - 1).max()),
        "um_fall": float(measure.mid(um).min() / measure.mid(um)[0] - 1),
        "eth_fall": float(eth.min() / eth[0] - 1),
        "trades_peak": float(counts.max() / counts[:2].mean()),
        "depth_left": float(depth.min() / depth[0]),
        "spread_peak_bp": float(spread.reshape(60, -1).mean(axis=1).max()),
        "basis_low_bp": float(((x / y - 1) * 1e4).min()),
        "sale_cost_bp": cost,
        "sale_unfilled_share": unfilled,
    }


def crash_table(real: Figures, made: Figures) -> Iterator[str]:
    """Real / generated of the crash."""
    unfilled = f"{made['sale_unfilled_share']:.0%} of the time not filled"
    rate = max(r["peak"] for r in real["trade_rate"].values())
    least = min(r["peak"] for r in real["trade_rate"].values())
    rows = {
        "fall of the CM BTC mark price": (f"{real['fall']:.1%}", f"{made['fall']:.1%}"),
        "minute of its low": (str(real["cm_mark_low_minute"]), str(made["cm_mark_low_minute"])),
        "share of the fall won back": (
            f"{real['recovered_share']:.0%}",
            f"{made['recovered_share']:.0%}",
        ),
        "largest move in a minute": (
            f"{real['largest_minute_move']:.1%}",
            f"{made['largest_minute_move']:.1%}",
        ),
        "fall of UM BTC (mark 101,877 of 116,830; here the mid)": (
            "-12.8%",
            f"{made['um_fall']:.1%}",
        ),
        "fall of ETH": ("-12 to -16%", f"{made['eth_fall']:.1%}"),
        "trades, busiest minute over before": (
            f"{least:.0f} to {rate:.0f}",
            f"{made['trades_peak']:.1f}",
        ),
        "depth left, worst minute": ("below 10%", f"{made['depth_left']:.1%}"),
        "spread, worst minute, bp": ("not recorded", f"{made['spread_peak_bp']:.1f}"),
        "UM over spot, lowest, bp": ("not recorded", f"{made['basis_low_bp']:.0f}"),
        "cost of selling 100,000 USD of UM BTC, two minutes about the low, bp": (
            "not recorded",
            f"{made['sale_cost_bp']:.1f} ({unfilled})",
        ),
    }
    yield from header("crash hour", ["2025-10-10", "generated"])
    for label, cells in rows.items():
        yield line(label, cells)


def report(calm: dict[str, Sampled], crash: dict[str, Sampled]) -> str:
    """Return all tables as Markdown."""
    real = json.loads((FOLDER / "measured.json").read_text())
    made = market_figures(calm)
    parts = [
        instrument_table(real["instruments"], made["instruments"]),
        pair_table(real, made),
        mark_table(real["mark"], measure.mark_figures(calm["um:BTCUSDT"])),
        crash_table(real["crash"], crash_figures(crash)),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


BEGIN, END = "<!-- compare: begin -->\n", "<!-- compare: end -->\n"


def updated(text: str, tables: str) -> str:
    """Return ``text`` with what stands between its two comments replaced by ``tables``."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{tables}\n{END}{tail}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="replay_data.compare", description=__doc__)
    parser.add_argument("--update", type=Path, help="Markdown file to put the tables into")
    chosen = parser.parse_args(arguments)
    tables = report(read("calm"), read("crash"))
    if chosen.update is None:
        print(tables, end="")
    else:
        chosen.update.write_text(updated(chosen.update.read_text(), tables))


if __name__ == "__main__":
    main()
