"""Our engine through the marks of bench/holders.py.

Cases without a venue around, margin alone (`simulator.risk.bands`): ``boxes`` (random walk, nobody
near a threshold) and ``levels`` (the fall; pools are found, nobody is closed).  Cases of the whole
engine, a `Simulation` with the accounts as its population: ``venue`` (the walk) and ``whole`` (the
fall: calls, orders on the book, fills, ledger, insurance fund).
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.holders import ENTRY, FIRST_NS, LOT, SECOND_NS, TICK, UNIT, Holders, read
from bench.ours import MARKET, Idle
from bench.worker import Figures, timed
from simulator.accounts.crowd import FIRST, Crowd
from simulator.ledger.columns import Ledger
from simulator.risk.bands import Bands
from simulator.risk.columns import KINDS, LINEAR, Listing, margin_columns
from simulator.risk.levels import RiskLevel
from simulator.risk.pools import Pools
from simulator.rulebook.load import load
from simulator.simulation import Simulation

Ints = npt.NDArray[np.int64]
RULEBOOK = "binance"
LAPS = 250
"""Times that margin alone walks: once takes less than a millisecond."""


def crowd(people: Holders, near: bool) -> Crowd:
    """Return the accounts as a population; ids count from 1."""
    count = len(people.lots)
    margin = people.near if near else people.far
    return Crowd(
        ids=np.arange(1, count + 1),
        group=np.zeros(count, np.int32),
        groups=("holders",),
        unified=np.zeros(count, np.bool_),
        instruments=(MARKET,),
        assets=("USDT",),
        lots=people.lots[:, None].copy(),
        entry=np.full((count, 1), ENTRY),
        isolated=margin[:, None].copy(),
    )


def pools(people: Holders, near: bool) -> Bands:
    """Return the accounts' pools with their safe bands, at the entry price."""
    count = len(people.lots)
    listing = Listing("BTCUSDT", "BTCUSDT", LINEAR, "BTC", "USDT", LOT, 1.0)
    columns = margin_columns(load(RULEBOOK).margin_rules("separated"), [listing], ["USDT"])
    ledger = Ledger(count, [1], count, 1)
    margin = people.near if near else people.far
    ledger.take_columns(
        margin[:, None].copy(),
        people.lots[:, None].copy(),
        (people.lots * round(ENTRY * LOT / UNIT))[:, None].copy(),
    )
    each = np.arange(count, dtype=np.int32)
    rows = np.zeros((count, 5), np.int32)
    rows[:, 0] = rows[:, 1] = each
    rows[:, 3] = KINDS.index("um")
    rows[:, 4] = -1
    found = Pools(ledger, rows, each[:, None].copy(), columns)
    found.set_mark(0, ENTRY)
    found.set_index(0, 1.0)
    return Bands(found)


def _memory() -> float:
    """Return the most memory that the process has had resident, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _alone(folder: Path, near: bool) -> Callable[[], Figures]:
    """Prepare margin alone; boxes of the entry price are made before the clock starts."""
    people = read(folder)
    ticks = np.load(folder / "fall.npy") if near else np.tile(np.load(folder / "walk.npy"), LAPS)
    value = ticks * TICK
    which = np.zeros(len(ticks), np.int32)
    instant = np.arange(len(ticks), dtype=np.int32)
    name = f"liquidated-ours-{'levels' if near else 'boxes'}.npy"

    def run() -> Figures:
        bands = pools(people, near)
        bands.settle()
        bands.changes_found()
        _, times = timed(lambda: bands.marks(which, value, instant))
        changes = bands.changes_found()
        log = first_calls(changes)
        np.save(folder / name, log)
        return {
            "events": len(log) if near else len(ticks),
            **times,
            "marks": len(ticks),
            "megabytes": _memory(),
            "log": name,
        }

    return run


def first_calls(changes: Ints) -> Ints:
    """Return (mark, account) of the first time that each pool is due for liquidation.

    ``changes`` are rows (mark, pool, old level, new level) in their order.

    >>> first_calls(np.array([[0, 7, 0, 3], [1, 4, 0, 1], [2, 7, 3, 4], [3, 4, 1, 4]])).tolist()
    [[0, 7], [3, 4]]
    """
    calls = changes[changes[:, 3] >= RiskLevel.LIQUIDATION]
    _, first = np.unique(calls[:, 1], return_index=True)
    return calls[np.sort(first), :2]


def _engine(folder: Path, near: bool) -> Callable[[], Figures]:
    """Prepare the whole engine; the accounts have been looked at once when the clock starts."""
    people = read(folder)
    name = f"liquidated-ours-{'whole' if near else 'venue'}.npy"
    tape = folder / ("fall" if near else "walk") / "tape.parquet"
    marks = len(np.load(folder / f"{tape.parent.name}.npy"))

    def run() -> Figures:
        watch = Watch()
        made = Simulation(
            data=[tape],
            mode="separated",
            rulebook=RULEBOOK,
            strategies=[watch],
            population=crowd(people, near),
        )
        looks = Looks(made, watch)
        made.run(blocks=iter(list(made.player.blocks())))
        log = liquidated(made)
        np.save(folder / name, log)
        times = watch.times()
        return {
            "events": len(log) if near else marks,
            "seconds": times["seconds"] - looks.seconds,
            "wall_seconds": times["wall_seconds"],
            "looking": looks.seconds,
            "marks": marks,
            "megabytes": _memory(),
            "log": name,
        }

    return run


def liquidated(run: Simulation) -> Ints:
    """Return (mark, account) of each account's first liquidation, marks and accounts from 0."""
    calls = run.desk.liquidator.engine.calls()
    _, first = np.unique(calls["account"], return_index=True)
    calls = calls[np.sort(first)]
    mark = (calls["time_ns"] - FIRST_NS) // SECOND_NS
    return np.column_stack([mark, calls["account"] - FIRST])


class Looks:
    """Processor time of looking at the crowd for the report's pictures: so many times a run,
    however long it is.  It is told apart from what the marks cost.
    """

    def __init__(self, run: Simulation, watch: Watch) -> None:
        self.seconds = 0.0
        self.look = run.desk.census.sampled
        self.watch = watch
        vars(run.desk.census)["sampled"] = self

    def __call__(self) -> None:
        began = time.process_time()
        self.look()
        if self.watch.runs:
            self.seconds += time.process_time() - began


class Watch(Idle):
    """Take the time from the first mark on, when the engine has looked at every account."""

    runs = False

    def on_start(self, ctx: Any) -> None:
        ctx.schedule(after=0.5)

    def on_timer(self, ctx: Any, name: str) -> None:
        self.runs = True
        super().on_start(ctx)

    def on_stop(self, ctx: Any) -> None:
        super().on_stop(ctx)
        self.runs = False


CASES: dict[str, Callable[[Path], Callable[[], Figures]]] = {
    "boxes": partial(_alone, near=False),
    "levels": partial(_alone, near=True),
    "venue": partial(_engine, near=False),
    "whole": partial(_engine, near=True),
}
"""Cases of the driver."""
