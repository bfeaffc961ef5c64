"""lrvx's liquidation engine through the marks of bench/holders.py.

Cases: ``walk`` (nobody near liquidation), ``flat`` (a fall; positions closed at the mark, no book),
``book`` (a fall; positions closed by market orders on lrvx's simulated executor).  Opening is not
timed.  A run ends after ``MOST_SECONDS``, at the end of a mark; its figures say how far it came.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import lrvx
import numpy as np

from bench.worker import Figures, serve

MOST_SECONDS = {"walk": 5.0, "flat": 20.0, "book": 20.0}
TICK, LOT, UNIT, ENTRY, MAINTENANCE = 0.1, 0.001, 1e-8, 100_000.0, 0.004
OFFERED = 1_000_000.0
FUND = 1e12


def prepare(folder: Path, case: str) -> Callable[[], Figures]:
    columns = np.load(folder / "holders.npz")
    held = (columns["lots"] * LOT).tolist()
    margin = (columns["far" if case == "walk" else "near"] * UNIT).tolist()
    marks = np.load(folder / f"{'walk' if case == 'walk' else 'fall'}.npy").tolist()
    log = folder / f"liquidated-lrvx-{case}.npy"

    def run() -> Figures:
        engine = lrvx.LiquidationEngine()
        engine.add_tier(0.0, MAINTENANCE)
        engine.set_insurance_fund_capital(FUND)
        engine.set_liquidation_slippage_bps(0.0)
        book = lrvx.SimulatedExecutor() if case == "book" else None
        engine.set_executor(book)
        for account, (size, equity) in enumerate(zip(held, margin, strict=True)):
            engine.open_position(account, 0, size, ENTRY, equity)
        found = []
        began = (time.process_time(), time.perf_counter())
        for mark in marks:
            price = mark * TICK
            if book is not None:
                book.on_book_snapshot(0, [(price, OFFERED)], [(price + TICK, OFFERED)])
            found.append(engine.on_mark(0, price)["liquidated"])
            if time.process_time() - began[0] > MOST_SECONDS[case]:
                break
        ended = (time.process_time(), time.perf_counter())
        rows = [(at, account) for at, some in enumerate(found) for account in some]
        np.save(log, np.array(rows, np.int64).reshape(len(rows), 2))
        return {
            "events": len(found) if case == "walk" else len(rows),
            "seconds": ended[0] - began[0],
            "wall_seconds": ended[1] - began[1],
            "marks": len(found),
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "log": log.name,
        }

    return run


if __name__ == "__main__":
    serve(prepare)
