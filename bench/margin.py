"""Speed of full margin revaluation, against numpy and against memory: ``python -m bench.margin``.

Two populations.  *Brackets*: every account has four USDT-margined positions under Binance's
tables.  *Scenarios*: every account has two futures and four options of two underlyings, under 21
scenarios of price and volatility.  Three ways in turn, one core, medians of processor time:

- ours: `simulator.risk.population.evaluate`, equity, initial and maintenance margin and level
- numpy: the same figures by whole-column expressions, in blocks that fit the cache
- memory: reading the columns that must be read once (a sum) and writing those written once

The bracket figures of ours and numpy must be equal to 1e-9 of gross, else the run fails.  Values of
options in scenarios are made once per change of a mark, before the clock starts, for both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from simulator.cli.bench_own import Line
from simulator.ledger.columns import Ledger
from simulator.risk import population
from simulator.risk.columns import KINDS, LINEAR, OPTION, Listing, margin_columns
from simulator.risk.components import Grid, Scenario, VolatilityShift
from simulator.risk.pools import Pools
from simulator.risk.rules import MarginRules
from simulator.risk.state import YEAR_NS
from simulator.rulebook.load import load

SEED = 20_261_122
COINS = ("BTC", "ETH", "SOL", "BNB")
MARKS = (50_000.0, 3_000.0, 150.0, 600.0)
LOTS = (0.001, 0.01, 1.0, 0.01)
BLOCK = 8192


@dataclass(slots=True)
class World:
    """A population and the numbers that numpy computes with."""

    pools: Pools
    ledger: Ledger
    balance: np.ndarray
    quantity: np.ndarray
    cost: np.ndarray


def brackets(accounts: int) -> tuple[World, MarginRules, list[str]]:
    rules = load("binance").margin_rules("separated")
    symbols = [f"{coin}USDT" for coin in COINS]
    listings = [
        Listing(symbol, symbol, LINEAR, coin, "USDT", lot, leverage=10.0)
        for symbol, coin, lot in zip(symbols, COINS, LOTS, strict=True)
    ]
    return made(accounts, rules, listings, "um", MARKS), rules, symbols


def scenarios(accounts: int) -> tuple[World, list[Listing]]:
    rules = load("textbook").margin_rules("unified")
    moves = [Fraction(step, 25) for step in range(-3, 4)]
    grid = Grid("scan", {"": tuple(Scenario(m, v) for m in moves for v in (-1, 0, 1))})
    shift = VolatilityShift(Fraction(2, 5), Fraction(1, 4), short_exponent=Fraction(3, 10))
    rules = replace(rules, scenario=replace(rules.scenario, components=(grid,), volatility=shift))
    listings = [Listing(f"{c}USDT", f"{c}USDT", LINEAR, c, "USDT", 0.001) for c in COINS[:2]]
    marks = list(MARKS[:2])
    for coin, price in zip(COINS[:2], MARKS[:2], strict=True):
        for share, right in ((0.95, "P"), (1.05, "C")):
            name = f"{coin}-{share}-{right}"
            listings.append(
                Listing(
                    name,
                    name,
                    OPTION,
                    coin,
                    "USDT",
                    0.01,
                    expiry_ns=YEAR_NS // 12,
                    strike=price * share,
                    right=right,
                )
            )
            marks.append(price * 0.03)
    return made(accounts, rules, listings, "unified", tuple(marks)), listings


def made(
    accounts: int,
    rules: MarginRules,
    listings: list[Listing],
    kind: str,
    marks: tuple[float, ...],
) -> World:
    draw = np.random.default_rng(SEED)
    assets = ["USDT", *COINS]
    # A margin wallet of these accounts holds cash only: the columns are as narrow as that.
    assets = ["USDT"] if kind == "um" else assets[: 1 + len({one.underlying for one in listings})]
    columns = margin_columns(rules, listings, assets)
    n = len(listings)
    lots = np.array([one.lot for one in listings])
    scale = 10.0 ** draw.uniform(2, 6, (accounts, n))
    sign = draw.choice([-1, 1], (accounts, n))
    quantity = (sign * scale / (lots * np.array(marks))).astype(np.int64)
    cost = (
        quantity * lots * np.array(marks) * draw.uniform(0.97, 1.03, (accounts, n)) * 1e8
    ).astype(np.int64)
    balance = np.zeros((accounts, len(assets)), dtype=np.int64)
    balance[:, 0] = (scale.sum(axis=1) * draw.uniform(0.02, 0.5, accounts) * 1e8).astype(np.int64)
    ledger = Ledger(accounts, [1] * n, accounts, len(assets))
    ledger.take_columns(balance, quantity, cost)
    each = np.arange(accounts, dtype=np.int32)
    rows = np.zeros((accounts, 5), dtype=np.int32)
    rows[:, 0] = rows[:, 1] = each
    rows[:, 2] = rows[:, 4] = -1
    rows[:, 3] = KINDS.index(kind)
    pools = Pools(ledger, rows, np.repeat(each[:, None], n, axis=1), columns)
    for number, price in enumerate(marks):
        pools.set_mark(number, price)
        pools.set_volatility(number, 0.6)
    for number, asset in enumerate(assets):
        pools.set_index(number, 1.0 if asset == "USDT" else MARKS[COINS.index(asset)])
    return World(pools, ledger, balance, quantity, cost)


def numpy_brackets(world: World, rules: MarginRules, symbols: list[str]) -> Callable[[], Any]:
    """Return the whole-column way: bracket by ``searchsorted``, block by block."""
    tables = [rules.brackets[symbol] for symbol in symbols]
    caps = [np.array([float(b.cap) for b in table[:-1]]) for table in tables]
    rates = [np.array([float(b.mmr) for b in table]) for table in tables]
    cums = [np.array([float(b.cum) for b in table]) for table in tables]
    accounts = len(world.balance)
    out = np.zeros((4, accounts))
    ladder = rules.ladder_of("um").to_array()

    def run() -> np.ndarray:
        for at in range(0, accounts, BLOCK):
            end = min(accounts, at + BLOCK)
            equity = world.balance[at:end, 0] * 1e-8
            initial = np.zeros(end - at)
            needed = np.zeros(end - at)
            for k in range(len(symbols)):
                value = world.quantity[at:end, k] * (LOTS[k] * MARKS[k])
                equity += value - world.cost[at:end, k] * 1e-8
                np.abs(value, out=value)
                b = np.searchsorted(caps[k], value, side="right")
                needed += value * rates[k][b] - cums[k][b]
                initial += value / 10.0
            level = np.zeros(end - at)
            for rung, threshold in enumerate(ladder, start=1):
                if threshold > 0:
                    level[equity <= threshold * needed] = rung
            level[equity <= 0] = 4
            out[:, at:end] = equity, initial, needed, level
        return out

    return run


def numpy_scenarios(world: World, listings: list[Listing]) -> Callable[[], Any]:
    """Return the whole-column way: a matrix product by underlying, then the worst column."""
    pools = world.pools
    accounts, n = world.quantity.shape
    moves = np.repeat(np.arange(-3, 4) / 25, 3)
    lots = np.array([one.lot for one in listings])
    gains = np.asarray(pools.scan.gains())
    rows = np.zeros((n, 21))
    for i, one in enumerate(listings):
        rows[i] = gains[i, :21] * lots[i] if one.product == OPTION else lots[i] * MARKS[i] * moves
    members = [[i for i, one in enumerate(listings) if one.underlying == c] for c in COINS[:2]]
    marks = np.array([pools.mark_price(i) for i in range(n)])
    future = np.array([one.product == LINEAR for one in listings])
    out = np.zeros((2, accounts))

    def run() -> np.ndarray:
        for at in range(0, accounts, BLOCK):
            end = min(accounts, at + BLOCK)
            lot = world.quantity[at:end].astype(np.float64)
            total = np.zeros(end - at)
            for columns in members:
                total += np.maximum(-(lot[:, columns] @ rows[columns]).min(axis=1), 0.0)
            equity = world.balance[at:end, 0] * 1e-8 + lot @ (lots * marks)
            equity -= (world.cost[at:end] * future).sum(axis=1) * 1e-8
            out[:, at:end] = equity, total
        return out

    return run


def memory(world: World) -> Callable[[], Any]:
    """Return reading every column once and writing every figure once."""
    read = (world.balance, world.quantity, world.cost)
    written = np.zeros(4 * len(world.balance))

    def run() -> int:
        total = sum(int(column.sum()) for column in read)
        written.fill(total & 1)
        return total

    return run


def timed(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each way, taken in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, run in ways.items():
            began = time.process_time()
            run()
            seconds[name].append(time.process_time() - began)
    return {name: statistics.median(found[1:]) for name, found in seconds.items()}


def line(what: str, accounts: int, seconds: dict[str, float]) -> dict[str, Any]:
    rate = {name: accounts / found for name, found in seconds.items()}
    return {
        "what": what,
        "accounts": accounts,
        "accounts_per_second": rate,
        "times_numpy": rate["ours"] / rate["numpy"],
        "share_of_memory_limit": rate["ours"] / rate["memory"],
    }


def measure(accounts: int, scenario_accounts: int, rounds: int) -> list[dict[str, Any]]:
    """Return a line of figures for each population."""
    world, rules, symbols = brackets(accounts)
    by_numpy = numpy_brackets(world, rules, symbols)
    assert population.evaluate(world.pools), "the population must go as rows"
    check(world.pools, by_numpy()[:3], world.quantity)
    ways = {
        "ours": lambda: population.evaluate(world.pools),
        "numpy": by_numpy,
        "memory": memory(world),
    }
    found = [line("4 positions by brackets", accounts, timed(ways, rounds))]
    other, listings = scenarios(scenario_accounts)
    population.evaluate(other.pools)
    by_numpy = numpy_scenarios(other, listings)
    ways = {
        "ours": lambda: population.evaluate(other.pools),
        "numpy": by_numpy,
        "memory": memory(other),
    }
    what = "2 futures and 4 options under 21 scenarios"
    return [*found, line(what, scenario_accounts, timed(ways, rounds))]


def check(pools: Pools, expected: np.ndarray, quantity: np.ndarray) -> None:
    """Raise ``SystemExit`` where ours and numpy differ."""
    ours = np.array([pools.figures(pool)[:3] for pool in range(0, len(quantity), 97)]).T
    gross = np.abs(expected).sum(axis=0)[::97] + 1.0
    if not (np.abs(ours - expected[:, ::97]) <= 1e-9 * gross).all():
        raise SystemExit("ours and numpy differ")


def margin_lines(accounts: int, scenario_accounts: int, rounds: int) -> tuple[list[Line], Any]:
    """Return the lines of the command's table, against numpy, and all figures."""
    found = measure(accounts, scenario_accounts, rounds)
    lines = []
    for one in found:
        rate = {name: value / 1e6 for name, value in one["accounts_per_second"].items()}
        what = f"margin, {one['accounts']:,} accounts of {one['what']} : numpy"
        note = f"{one['share_of_memory_limit']:.0%} of the memory's limit"
        lines.append(Line(what, one["times_numpy"], "x", 0, rate["ours"], rate["numpy"], note))
    return lines, found


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of full margin revaluation.")
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--scenario-accounts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.accounts, asked.scenario_accounts, asked.rounds)
    if asked.json:
        json.dump(found, sys.stdout, indent=2)
        print()
        return
    for one in found:
        rate = {name: value / 1e6 for name, value in one["accounts_per_second"].items()}
        print(
            f"{one['what']}, {one['accounts']:,} accounts: ours {rate['ours']:.2f} M/s, "
            f"numpy {rate['numpy']:.2f} M/s ({one['times_numpy']:.1f} x), memory "
            f"{rate['memory']:.2f} M/s (we reach {one['share_of_memory_limit']:.0%})"
        )


if __name__ == "__main__":
    main()
