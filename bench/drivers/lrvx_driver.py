"""lrvx's liquidation engine on marks: a request on stdin, its rate on stdout.

Every position is opened with its share of the account's equity, because the engine margins
positions one by one.  Opening is not timed; ``on_mark`` is, until the marks or the seconds are used
up.
"""

from __future__ import annotations

import json
import sys
import time

import lrvx


def main() -> None:
    asked = json.load(sys.stdin)
    engine = lrvx.LiquidationEngine.binance_um_futures()
    for account, (sizes, equity) in enumerate(zip(asked["lots"], asked["equity"], strict=True)):
        worth = [abs(size) * price for size, price in zip(sizes, asked["prices"], strict=True)]
        for symbol, size in enumerate(sizes):
            engine.open_position(
                account,
                symbol,
                size,
                asked["prices"][symbol],
                equity * worth[symbol] / sum(worth),
            )
    done = 0
    began = time.process_time()
    for symbol, price in zip(asked["factor"], asked["value"], strict=True):
        engine.on_mark(symbol, price)
        done += 1
        if time.process_time() - began > asked["seconds"]:
            break
    seconds = time.process_time() - began
    print(json.dumps({"marks_per_second": round(done / seconds, 1), "marks": done}))


if __name__ == "__main__":
    main()
