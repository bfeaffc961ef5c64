"""Our engine's form of the strategies of bench/market_maker.md, and how its runs are timed.

The clock runs from ``on_start`` to ``on_stop``: the whole replay with ledger, margin and fills,
without reading the tape before it and making the report's frames after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.market_maker import (
    FAST_BARS,
    INTERVAL_NS,
    LOT,
    MAX_POSITION_LOTS,
    ORDER_EVERY,
    QUANTITY_LOTS,
    SLOW_BARS,
)
from bench.worker import Figures
from simulator.market.manifest import manifest_path, read_manifest, sha256_of, write_manifest
from simulator.market.tape import LAST, SCHEMA, Kind
from simulator.market.write import write_tape
from simulator.simulation import Simulation
from simulator.strategy.base import Strategy

MARKET = "um:BTCUSDT"
DEPOSIT = {"USDT": Decimal(10_000_000)}


class Idle(Strategy):
    """Wake for nothing; take the time at both ends."""

    def on_start(self, ctx: Any) -> None:
        self.began = (time.process_time(), time.perf_counter())

    def on_stop(self, ctx: Any) -> None:
        self.ended = (time.process_time(), time.perf_counter())

    def times(self) -> Figures:
        return {
            "seconds": self.ended[0] - self.began[0],
            "wall_seconds": self.ended[1] - self.began[1],
        }


class Maker(Idle):
    """Cancel both quotes and quote both sides at the best prices, every 100 ms."""

    def on_start(self, ctx: Any) -> None:
        self.market = ctx.market(MARKET)
        self.quantity = QUANTITY_LOTS * LOT
        self.limit = (MAX_POSITION_LOTS - 0.5) * LOT
        self.requotes = 0
        self.sent = 0
        ctx.schedule(every=INTERVAL_NS / 1e9)
        super().on_start(ctx)

    def on_timer(self, ctx: Any, name: str) -> None:
        market = self.market
        ctx.cancel_all(market)
        position = market.position
        self.requotes += 1
        if position < self.limit:
            ctx.buy(market, self.quantity, market.bid, "GTX")
            self.sent += 1
        if position > -self.limit:
            ctx.sell(market, self.quantity, market.ask, "GTX")
            self.sent += 1


class EachTrade(Idle):
    """Count the trades; trade one lot now and then."""

    def on_start(self, ctx: Any) -> None:
        self.market = ctx.market(MARKET)
        self.seen = 0
        ctx.subscribe(self.market, "trades")
        super().on_start(ctx)

    def on_trade(self, ctx: Any, trade: Any) -> None:
        self.seen += 1
        if self.seen % ORDER_EVERY == 0:
            send = ctx.buy if self.seen // ORDER_EVERY % 2 else ctx.sell
            send(self.market, LOT)


class Cross(Idle):
    """Long while the fast average is above the slow one, else short."""

    def on_start(self, ctx: Any) -> None:
        self.market = ctx.market(MARKET)
        self.closes: list[float] = []
        self.fast = self.slow = 0.0
        self.seen = 0
        self.above: bool | None = None
        ctx.subscribe(self.market, "bars", 60.0)
        super().on_start(ctx)

    def on_bar(self, ctx: Any, bar: Any) -> None:
        self.seen += 1
        closes, close = self.closes, bar.close
        closes.append(close)
        self.fast += close
        self.slow += close
        if len(closes) > FAST_BARS:
            self.fast -= closes[-FAST_BARS - 1]
        if len(closes) <= SLOW_BARS:
            return
        self.slow -= closes[-SLOW_BARS - 1]
        above = self.fast * SLOW_BARS > self.slow * FAST_BARS
        if self.above is not None and above != self.above:
            held = abs(self.market.position)
            (ctx.buy if above else ctx.sell)(self.market, LOT + held)
        self.above = above


def _replay(tape: Path, kind: type[Idle]) -> Callable[[], Figures]:
    """Prepare runs of one strategy over a tape whose blocks are read once."""

    def simulation(strategy: Idle) -> Simulation:
        return Simulation(
            data=[tape], mode="unified", strategies=[strategy], deposits=DEPOSIT, seed=1
        )

    blocks = list(simulation(kind()).player.blocks())

    def run() -> Figures:
        strategy = kind()
        result = simulation(strategy).run(blocks=iter(blocks))
        fills = result.fills
        return {
            "events": result.events,
            **strategy.times(),
            "requotes": getattr(strategy, "requotes", 0),
            "orders": getattr(strategy, "sent", result.summary.orders),
            "woken": getattr(strategy, "seen", 0),
            "fills": len(fills),
            "position_lots": round((fills["side"] * fills["quantity"]).sum() / LOT),
            "volume_lots": round(fills["quantity"].sum() / LOT),
            "rejections": result.summary.rejections,
            "digest": result.digest,
        }

    return run


def _on_tape(folder: Path, kind: type[Idle]) -> Callable[[], Figures]:
    return _replay(folder / "tape.parquet", kind)


def _record(folder: Path) -> Callable[[], Figures]:
    """Prepare the maker, writing what it had filled at each timer for ``bench.agreement``."""
    tape = folder / "tape.parquet"

    def run() -> Figures:
        simulation = Simulation(
            data=[tape], mode="unified", strategies=[Maker()], deposits=DEPOSIT, seed=1
        )
        fills = simulation.run().fills
        first, last = simulation.span
        timers = np.arange(first + INTERVAL_NS, last, INTERVAL_NS)
        lots = np.rint(fills["quantity"].to_numpy() / LOT).astype(np.int64)
        until = np.searchsorted(fills["time_ns"].to_numpy(), timers, "right")
        position = np.concatenate([[0], np.cumsum(lots * fills["side"].to_numpy())])
        volume = np.concatenate([[0], np.cumsum(lots)])
        log = np.column_stack([timers, until, position[until], volume[until]])
        np.save(folder / "fills-ours.npy", log)
        return {"log": "fills-ours.npy", "fills": len(fills)}

    return run


def _trades(folder: Path) -> Callable[[], Figures]:
    tape = pl.read_parquet(folder / "tape.parquet")
    tape = tape.filter(pl.col("kind") == Kind.TRADE)
    replay = _replay(_write(folder, "trades", tape, "trade", {"TRADE": len(tape)}), EachTrade)

    def run() -> Figures:
        # The player adds quotes that it derives from the trades; they do not count as events.
        figures = replay()
        return figures | {"rows": figures["events"], "events": figures["woken"]}

    return run


def _bars(folder: Path) -> Callable[[], Figures]:
    bars = np.load(folder / "bars.npy")
    count = len(bars)
    kinds = (Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE)
    # Four rows a bar, spread over its minute.
    offsets = np.array([0, 20, 40, 59]) * 1_000_000_000
    volume = np.zeros((count, 4), np.int64)
    volume[:, 3] = np.rint(bars[:, 5] / LOT)
    frame = pl.DataFrame(
        {
            "time_ns": (bars[:, :1].astype(np.int64) + offsets).ravel(),
            "receive_ns": np.zeros(4 * count, np.int64),
            "instrument": np.zeros(4 * count, np.uint16),
            "kind": np.tile(np.array(kinds, np.uint8), count),
            "flags": np.full(4 * count, LAST, np.uint8),
            "side": np.zeros(4 * count, np.int8),
            "price": np.rint(bars[:, 1:5] * 10).astype(np.int64).ravel(),
            "quantity": volume.ravel(),
            "id": np.zeros(4 * count, np.int64),
        },
        schema=SCHEMA,
    )
    rows = {kind.name: count for kind in kinds}
    replay = _replay(_write(folder, "bars", frame, "bar", rows), Cross)

    def run() -> Figures:
        figures = replay()
        return figures | {"rows": figures["events"], "events": count}

    return run


def _write(folder: Path, name: str, frame: pl.DataFrame, book: Any, rows: dict[str, int]) -> Path:
    """Write a tape made of the common one's rows, in a folder of its own, with its manifest."""
    path = folder / name / "tape.parquet"
    path.parent.mkdir(exist_ok=True)
    write_tape(iter([frame]), path)
    manifest = read_manifest(folder / "tape.parquet")
    listed = manifest.instruments[0].model_copy(update={"book": book, "rows": rows})
    update = {
        "sha256": sha256_of(path),
        "rows": len(frame),
        "first_ns": int(frame["time_ns"][0]),
        "last_ns": int(frame["time_ns"][-1]),
        "instruments": [listed],
    }
    write_manifest(path, manifest.model_copy(update=update))
    assert manifest_path(path).exists()
    return path


CASES: dict[str, Callable[[Path], Callable[[], Figures]]] = {
    "feed": partial(_on_tape, kind=Idle),
    "maker": partial(_on_tape, kind=Maker),
    "record": _record,
    "trades": _trades,
    "bars": _bars,
}
"""Cases of the driver that run the engine."""
