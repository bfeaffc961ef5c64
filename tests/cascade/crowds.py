"""Random small crowds and markets, drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.replay.made import MadeMarket
from tests.cascade.kit import Holder, falling, market

BTC, ETH, SPOT, COIN = "um:BTCUSDT", "um:ETHUSDT", "spot:BTCUSDT", "cm:BTCUSD_PERP"
FIRST = {BTC: 100_000.0, ETH: 4_000.0, SPOT: 100_000.0}
LOT = {BTC: 0.001, ETH: 0.001}
TICK = {BTC: 0.1, ETH: 0.01}
SCALE = {BTC: 10, ETH: 100}
"""Lots of which accounts hold some, so that both contracts weigh."""


def falling_market(
    seed: int, instruments: Sequence[str] = (BTC, ETH), seconds: int = 70
) -> MadeMarket:
    """Prices that fall by 7 to 15 % in steps, come back a little, with noise."""
    draw = np.random.default_rng(seed)
    paths = {}
    for asset, first in (("BTC", FIRST[BTC]), ("ETH", FIRST[ETH])):
        if any(asset in name for name in instruments):
            low = 1 - draw.uniform(0.07, 0.15)
            middle = int(seconds * draw.uniform(0.2, 0.6))
            knots = [(middle, low), (middle + seconds // 4, low + 0.015), (seconds, low + 0.02)]
            paths[asset] = falling(first, *knots, volatility=float(draw.uniform(0.2, 1.5)))
    return market(seconds, paths, instruments)


def separated_crowd(seed: int, count: int, instruments: Sequence[str] = (BTC, ETH)) -> list[Holder]:
    """Isolated and cross holders, long and short, of leverage 6 to 22; entries near the start."""
    draw = np.random.default_rng(1000 + seed)
    holders = []
    for number in draw.choice(np.arange(1, 10 * count), count, replace=False).tolist():
        isolated = draw.random() < 0.5
        both = len(instruments) > 1 and draw.random() < 0.4
        names = list(instruments) if both else [instruments[int(draw.integers(len(instruments)))]]
        lots, entry, margin = {}, {}, {}
        for name in names:
            side = 1 if draw.random() < 0.65 else -1
            lots[name] = side * int(draw.integers(1, 60 * SCALE[name]))
            entry[name] = round(FIRST[name] * draw.uniform(0.97, 1.03) / TICK[name]) * TICK[name]
            need = abs(lots[name]) * LOT[name] * FIRST[name] / draw.uniform(6, 22)
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


def mixed_crowd(seed: int, count: int) -> list[Holder]:
    """Two thirds separated, one third unified with coins, loans and hedges."""
    draw = np.random.default_rng(2000 + seed)
    apart = separated_crowd(seed, count - count // 3)
    numbers = [n for n in range(1, 20 * count) if n not in {one.id for one in apart}]
    chosen = draw.choice(numbers, count // 3, replace=False).tolist()
    return apart + [unified_holder(draw, number) for number in chosen]


def unified_crowd(seed: int, count: int) -> list[Holder]:
    """Unified accounts without loans, beside a few separated ones that stand against them."""
    draw = np.random.default_rng(3000 + seed)
    apart = separated_crowd(seed, count // 3)
    numbers = [n for n in range(1, 20 * count) if n not in {one.id for one in apart}]
    chosen = draw.choice(numbers, count - count // 3, replace=False).tolist()
    return apart + [unified_holder(draw, number, loans=0.0) for number in chosen]


def unified_holder(draw: np.random.Generator, number: int, loans: float = 0.3) -> Holder:
    """Coins and USDT behind a BTC position and perhaps an ETH one, perhaps a loan."""
    lots = {BTC: (1 if draw.random() < 0.65 else -1) * int(draw.integers(50, 1200))}
    if draw.random() < 0.5:
        lots[ETH] = (1 if draw.random() < 0.5 else -1) * int(draw.integers(500, 12000))
    entry = {
        name: round(FIRST[name] * draw.uniform(0.97, 1.03) / TICK[name]) * TICK[name]
        for name in lots
    }
    gross = sum(abs(n) * LOT[name] * FIRST[name] for name, n in lots.items())
    wealth = gross / draw.uniform(5, 16)
    coins = round(wealth * draw.uniform(0, 1) / FIRST[BTC], 6)
    cash = round(max(0.0, wealth - coins * FIRST[BTC]) + gross * 0.01, 4)
    loan = round(wealth * 0.5, 4) if draw.random() < loans else 0.0
    extra = round(loan / FIRST[BTC], 6)
    return Holder(
        number,
        lots,
        entry,
        balance={"margin": {"USDT": cash, "BTC": coins + extra}},
        loan={"margin": {"USDT": loan}} if loan else {},
        unified=True,
        group="unified",
    )


def coin_crowd(seed: int, count: int) -> list[Holder]:
    """Coin-margined perpetuals: longs and shorts whose margin falls with the price."""
    draw = np.random.default_rng(4000 + seed)
    holders = []
    for number in range(1, count + 1):
        contracts = (1 if draw.random() < 0.65 else -1) * int(draw.integers(10, 2000))
        margin = abs(contracts) * 100 / FIRST[BTC] / draw.uniform(6, 40)
        entry = round(FIRST[BTC] * draw.uniform(0.99, 1.01), 1)
        isolated = draw.random() < 0.4
        cross = 0.0 if isolated else round(margin, 8)
        holders.append(
            Holder(
                number,
                {COIN: contracts},
                {COIN: entry},
                {COIN: round(margin, 8)} if isolated else {},
                {"cm": {"BTC": cross + round(margin / 10, 8)}, "spot": {"BTC": 0.5}},
                unified=bool(draw.random() < 0.3) and not isolated,
                group="coin",
            )
        )
    return holders
