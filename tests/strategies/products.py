"""Runs of the scenarios that trade what expires and what settles in coins, each made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import polars as pl

import replay_data
from simulator import RunResult, Simulation, Strategy
from simulator.cli.scenario import load_scenario
from simulator.cli.strategies import strategy_class
from simulator.market.manifest import read_manifest
from simulator.market.tape import Kind

SCENARIOS = (
    "coin_carry",
    "calendar_spread",
    "covered_call",
    "short_strangle",
    "three_market_maker",
)
UNIT = 1e-8


@dataclass(frozen=True)
class Run:
    """A finished simulation with its strategy and result."""

    simulation: Simulation
    strategy: Any
    result: RunResult

    def balance(self, asset: str) -> Decimal:
        """What all wallets of the account hold of an asset, exact."""
        desk = self.simulation.desk
        wallets = self.simulation.partition.wallets
        number = desk.asset(asset)
        return sum(
            (
                Decimal(self.simulation.core.ledger.balance_of(wallet, number))
                for wallet in range(5, len(wallets))
            ),
            Decimal(0),
        ).scaleb(-8)

    def fills(self, instrument: str) -> pl.DataFrame:
        """Fills of an instrument."""
        return self.result.fills.filter(pl.col("instrument") == instrument)

    def fees(self, asset: str) -> float:
        """Fees paid in an asset."""
        return float(self.result.fills.filter(pl.col("fee_asset") == asset)["fee"].sum())

    def held(self, instrument: str) -> pl.DataFrame:
        """Sampled positions of an instrument."""
        return self.result.inventory.filter(pl.col("instrument") == instrument)


def start(
    name: str,
    mode: str,
    hour: str = "",
    deposits: dict[str, Decimal] | None = None,
    instruments: Sequence[str] | None = None,
    strategies: Sequence[Strategy] | None = None,
    **parameters: object,
) -> Run:
    """Run a scenario, if need be over another hour, from other deposits or with parameters."""
    chosen = load_scenario(name)
    data = [one.removeprefix("bundled:") for one in chosen.data]
    if hour:
        data = [one.replace(data[0], hour) for one in data]
    names: Sequence[str] | None = chosen.instruments or None
    if hour and names:
        dated = {"calm": "250627", "crash": "251226"}
        names = [one.replace(dated[data[0]], dated[hour]) for one in names]
        names = [one.replace("251226", dated[hour]).replace("250627", dated[hour]) for one in names]
    strategy = strategy_class(chosen.strategies[0])(**parameters)
    simulation = Simulation(
        data=[replay_data.path(one) for one in data],
        mode=mode,
        strategies=strategies or [strategy],
        rulebook=chosen.rulebook,
        deposits=deposits or dict(chosen.deposits),
        instruments=instruments or names,
    )
    return Run(simulation, strategy, simulation.run())


@cache
def scenario(name: str, mode: str, hour: str = "") -> Run:
    """Return the run of a scenario as it comes, over its hour or another."""
    return start(name, mode, hour)


@cache
def stated(tape: str, kind: Kind) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Times (ns) and values of a tape's rows of a kind, by instrument; prices in quote asset."""
    rows = pl.read_parquet(replay_data.path(tape)).filter(pl.col("kind") == kind)
    found = {}
    for number, listed in enumerate(read_manifest(replay_data.path(tape)).instruments):
        own = rows.filter(pl.col("instrument") == number)
        found[listed.name] = (own["time_ns"].to_numpy(), own["price"].to_numpy() * UNIT)
    return found


def at(series: tuple[np.ndarray, np.ndarray], time_ns: int) -> float:
    """Return the last value at or before an instant."""
    return float(series[1][np.searchsorted(series[0], time_ns, side="right") - 1])
