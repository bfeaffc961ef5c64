"""backtesting.py on bars: the crossing of two moving averages, its own first example.

Case ``bars``: averages of 10 and 30 bars through ``self.I``, a position always in the market
after the first cross.  Building the data frame is not timed; ``Backtest.run`` is, with its
indicators and statistics, because it has no way to leave them out.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.market_maker import FAST_BARS, SLOW_BARS
from bench.worker import serve, timed


def average(values: Any, bars: int) -> Any:
    return pd.Series(values).rolling(bars).mean()


class Cross(Strategy):
    """Long above, short below."""

    def init(self) -> None:
        self.fast = self.I(average, self.data.Close, FAST_BARS)
        self.slow = self.I(average, self.data.Close, SLOW_BARS)

    def next(self) -> None:
        if crossover(self.fast, self.slow):
            self.position.close()
            self.buy(size=1)
        elif crossover(self.slow, self.fast):
            self.position.close()
            self.sell(size=1)


def prepare(folder: Path, case: str) -> Any:
    if case != "bars":
        raise SystemExit(f"backtesting.py has no case {case}")
    bars = np.load(folder / "bars.npy")
    frame = pd.DataFrame(
        bars[:, 1:],
        index=pd.to_datetime(bars[:, 0].astype(np.int64)),
        columns=["Open", "High", "Low", "Close", "Volume"],
    )
    warnings.simplefilter("ignore")

    def play(data: Any) -> dict[str, Any]:
        backtest = Backtest(data, Cross, cash=10_000_000, commission=0.0005, margin=0.1)
        statistics, times = timed(backtest.run)
        return {"events": len(data), **times, "trades": int(statistics["# Trades"])}

    play(frame[:1000])
    return lambda: play(frame)


if __name__ == "__main__":
    serve(prepare)
