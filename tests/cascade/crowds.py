"""Random small crowds and markets, drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.replay.made import MadeMarket
from tests.cascade.kit import Holder, falling, market

BTC, ETH, SPOT = "um:BTCUSDT", "um:ETHUSDT", "spot:BTCUSDT"
FIRST = {BTC: 100_000.0, ETH: 4_000.0, SPOT: 100_000.0}
LOT = {BTC: 0.01, ETH: 0.1, SPOT: 0.01}
TICK = {BTC: 0.5, ETH: 0.05, SPOT: 0.5}
FILTERS = {name: {"tick": str(TICK[name]), "lot": str(LOT[name])} for name in FIRST}


def falling_market(
    seed: int, instruments: Sequence[str] = (BTC, ETH), seconds: int = 90
) -> MadeMarket:
    """Prices that fall by 4 to 12 % in steps, come back a little, with noise."""
    draw = np.random.default_rng(seed)
    paths = {}
    for asset, first in (("BTC", FIRST[BTC]), ("ETH", FIRST[ETH])):
        if any(asset in name for name in instruments):
            low = 1 - draw.uniform(0.04, 0.12)
            middle = int(draw.integers(15, 40))
            knots = [(middle, low), (middle + 20, low + 0.015), (seconds, low + 0.02)]
            paths[asset] = falling(first, *knots, volatility=float(draw.uniform(0.2, 1.5)))
    return market(
        seconds, paths, instruments, filters={name: FILTERS[name] for name in instruments}
    )


def separated_crowd(seed: int, count: int, instruments: Sequence[str] = (BTC, ETH)) -> list[Holder]:
    """Isolated and cross holders, long and short, of leverage 4 to 18; entries near the start."""
    draw = np.random.default_rng(1000 + seed)
    holders = []
    for number in draw.choice(np.arange(1, 10 * count), count, replace=False).tolist():
        isolated = draw.random() < 0.5
        both = len(instruments) > 1 and draw.random() < 0.4
        names = list(instruments) if both else [instruments[int(draw.integers(len(instruments)))]]
        lots, entry, margin = {}, {}, {}
        for name in names:
            side = 1 if draw.random() < 0.65 else -1
            lots[name] = side * int(draw.integers(1, 60))
            entry[name] = round(FIRST[name] * draw.uniform(0.97, 1.03) / TICK[name]) * TICK[name]
            need = abs(lots[name]) * LOT[name] * FIRST[name] / draw.uniform(4, 18)
            loss = lots[name] * LOT[name] * (entry[name] - FIRST[name])
            margin[name] = round(need + max(0.0, loss), int(draw.integers(0, 8)))
        spare = round(float(draw.uniform(0, 500)), 4)
        cross = 0.0 if isolated else sum(margin.values())
        holders.append(
            Holder(
                number,
                lots,
                entry,
                margin if isolated else {},
                {"um": {"USDT": round(cross + spare, 8)}, "spot": {"USDT": 1000.0}},
                group="isolated" if isolated else "cross",
            )
        )
    return holders
