"""Runs of the bundled strategies, each made once for all tests that look at it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl

import replay_data
from simulator import RunResult, Simulation, Strategy
from strategies.btc_eth_pair import BtcEthPair
from strategies.cash_and_carry import CashAndCarry
from strategies.grid import Grid
from strategies.market_maker import MarketMaker
from strategies.trend_follower import TrendFollower

KINDS: tuple[type[Strategy], ...] = (CashAndCarry, BtcEthPair, MarketMaker, Grid, TrendFollower)
HOURS = ("calm", "crash")
MODES = ("separated", "unified")


def run(
    mode: str,
    strategies: Sequence[Strategy],
    data: Sequence[str | Path],
    capital: int = 100_000,
    latency: str | None = None,
    rulebook: str = "textbook",
) -> RunResult:
    """Run strategies on one account that starts with USDT only."""
    simulation = Simulation(
        data=data,
        mode=mode,
        strategies=strategies,
        deposits={"USDT": Decimal(capital)},
        latency=latency,
        rulebook=rulebook,
    )
    return simulation.run()


@cache
def hour(kind: type[Strategy], name: str, mode: str) -> RunResult:
    """Return the run of a strategy as it comes, over a bundled hour."""
    return run(mode, [kind()], [replay_data.path(name)])


def held(result: RunResult, instrument: str) -> pl.DataFrame:
    """Return the sampled positions of an instrument."""
    return result.inventory.filter(pl.col("instrument") == instrument)


def last(frame: pl.DataFrame, column: str) -> float:
    """Return the last value of a column as a float."""
    return float(frame[column].to_list()[-1])
