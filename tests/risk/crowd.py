"""A crowd of random accounts over all products, and the price moves of the bundled crash.

Balances, loans, positions and entries are put straight into the ledger, spread so that every level
occurs and many pools stand near a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from simulator.ledger.columns import Ledger
from simulator.market.tape import Kind
from simulator.risk.columns import (
    INVERSE,
    KINDS,
    LINEAR,
    OPTION,
    SPOT,
    Listing,
    MarginColumns,
    margin_columns,
)
from simulator.risk.options import black76
from simulator.risk.pools import Pools
from simulator.rulebook.load import load

ASSETS = ("USDT", "BTC", "ETH")
LOT = 0.001
FACE = {"BTC": 100.0, "ETH": 10.0}
"""USD of an inverse contract."""
START_NS = 1_760_283_000_000_000_000
"""First instant of the bundled crash."""

EXPIRY_NS = int(datetime(2025, 12, 26, 8, tzinfo=UTC).timestamp()) * 10**9
YEAR_NS = 365 * 86_400 * 10**9


def _listing(product: int, base: str, expiry_ns: int = 0, strike: float = 0.0) -> Listing:
    symbol = f"{base}USD_PERP" if product == INVERSE else f"{base}USDT"
    right = "C" if strike > 0 else "P"
    return Listing(
        name=f"{product}:{base}:{expiry_ns}:{strike}",
        symbol=symbol,
        product=product,
        underlying=base,
        settle=base if product == INVERSE else "USDT",
        lot=FACE[base] if product == INVERSE else LOT,
        leverage=20.0,
        expiry_ns=expiry_ns,
        strike=abs(strike),
        right=right if product == OPTION else "",  # type: ignore[arg-type]
    )


LISTINGS = (
    _listing(SPOT, "BTC"),
    _listing(SPOT, "ETH"),
    _listing(LINEAR, "BTC"),
    _listing(LINEAR, "ETH"),
    _listing(INVERSE, "BTC"),
    _listing(INVERSE, "ETH"),
    _listing(LINEAR, "BTC", EXPIRY_NS),
    _listing(LINEAR, "ETH", EXPIRY_NS),
    _listing(OPTION, "BTC", EXPIRY_NS, 120_000.0),
    _listing(OPTION, "BTC", EXPIRY_NS, -100_000.0),
    _listing(OPTION, "ETH", EXPIRY_NS, 4_000.0),
)
BASE = tuple(1 if one.underlying == "BTC" else 2 for one in LISTINGS)
FIRST_INDEX = len(LISTINGS)
PRICES = FIRST_INDEX + len(ASSETS)
VOLATILITY_AT = PRICES + len(LISTINGS)
TIME = VOLATILITY_AT + 2 * len(LISTINGS)
"""Numbers of factors: marks, indices, bases, volatilities, forwards, time."""

OPTIONS = tuple(i for i, one in enumerate(LISTINGS) if one.product == OPTION)
PRODUCTS = {
    "linear": (LINEAR,),
    "futures": (LINEAR, INVERSE),
    "all": (LINEAR, INVERSE, OPTION),
}
TAPE = Path(__file__).parents[2] / "replay_data" / "crash.parquet"


@dataclass(frozen=True)
class Crowd:
    """Pools of many accounts and the ledger under them."""

    ledger: Ledger
    pools: Pools


@dataclass(frozen=True)
class Moves:
    """Moves of factors: number, value, and the instant they belong to."""

    factor: npt.NDArray[np.int32]
    value: npt.NDArray[np.float64]
    instant: npt.NDArray[np.int32]

    def head(self, count: int) -> Moves:
        """Return the first ``count`` moves."""
        return Moves(self.factor[:count], self.value[:count], self.instant[:count])

    def each_alone(self) -> Moves:
        """Return the moves, each an instant of its own."""
        return Moves(self.factor, self.value, np.arange(len(self.factor), dtype="i4"))


@cache
def columns_of(rulebook: str, mode: str) -> MarginColumns:
    """Return a rulebook's columns for the crowd's instruments."""
    margin = load(rulebook).margin_rules("unified" if mode == "unified" else "separated")
    return margin_columns(margin, LISTINGS, ASSETS)


def wallets_of(mode: str) -> list[tuple[str, tuple[int, ...]]]:
    """Return the wallets of an account, each a pool: kind, and the instruments it margins."""
    futures = [i for i, one in enumerate(LISTINGS) if one.product == LINEAR]
    coins = [i for i, one in enumerate(LISTINGS) if one.product == INVERSE]
    if mode == "unified":
        return [("unified", (*futures, *coins, *OPTIONS))]
    found: list[tuple[str, tuple[int, ...]]] = [("margin", ())]
    found += [("um", (i,)) for i in futures] if mode == "isolated" else [("um", tuple(futures))]
    return [*found, *(("cm", (i,)) for i in coins), ("options", OPTIONS)]


def crowd(
    rulebook: str,
    mode: str,
    accounts: int,
    seed: int,
    prices: npt.ArrayLike,
    products: str = "all",
) -> Crowd:
    """Return random accounts; ``prices`` are the first values of marks, indices, bases (not read)
    and volatilities.
    """
    draw = np.random.default_rng(seed)
    at = np.asarray(prices, dtype=float)
    wallets = wallets_of(mode)
    units = [int(one.lot * 100 * 10**8) if one.product == INVERSE else 1 for one in LISTINGS]
    ledger = Ledger(
        accounts + 1,
        units,
        2 + accounts * len(wallets),
        len(ASSETS),
        [one.product for one in LISTINGS],
    )
    rows, pool_of = [], np.full((accounts + 1, len(LISTINGS)), -1, "i4")
    for account in range(1, accounts + 1):
        for number, (kind, held) in enumerate(wallets):
            pool_of[account, list(held)] = len(rows)
            alone = held[0] if mode == "isolated" and kind == "um" else -1
            coin = BASE[held[0]] if kind == "cm" else -1
            wallet = 2 + (account - 1) * len(wallets) + number
            rows.append((account, wallet, alone, KINDS.index(kind), coin))
    pools = Pools(ledger, rows, pool_of, columns_of(rulebook, mode))
    pools.advance(START_NS)
    for asset in range(len(ASSETS)):
        pools.set_index(asset, at[FIRST_INDEX + asset])
    for i in OPTIONS:
        pools.set_volatility(i, at[VOLATILITY_AT + i])
    for number, (account, wallet, _, kind, _) in enumerate(rows):
        held = [i for i in range(len(LISTINGS)) if pool_of[account, i] == number]
        held = [i for i in held if LISTINGS[i].product in PRODUCTS[products]]
        _open(draw, ledger, account, held, at)
        _fund(draw, ledger, account, wallet, KINDS[kind], held, at)
    return Crowd(ledger, pools)


def _open(
    draw: np.random.Generator,
    ledger: Ledger,
    account: int,
    held: list[int],
    at: npt.NDArray[np.float64],
) -> None:
    """Open positions of 1,000 to 3,000,000 USD at entries around the first prices."""
    for i in held:
        if draw.random() < 0.4:
            continue
        one = LISTINGS[i]
        index = at[FIRST_INDEX + BASE[i]]
        worth = one.lot if one.product == INVERSE else LOT * index
        lots = int(10 ** draw.uniform(3, 6.5) / worth) * int(draw.choice([-1, 1]))
        if one.expiry_ns and one.product == LINEAR and draw.random() < 0.4:
            # The dated contract hedges the perpetual, wholly or nearly.
            lots = int(-ledger.position_of(account, i - 4)[0] * draw.choice([1.0, 0.98, 0.5]))
        if lots:
            open_at(ledger, account, i, lots, at[i] * draw.uniform(0.95, 1.05))


def open_at(ledger: Ledger, account: int, i: int, lots: int, price: float) -> None:
    """Trade at a price: a tick is 1e-8 USDT of a lot, an inverse contract's 0.01 USD."""
    ticks = price * (100 if LISTINGS[i].product == INVERSE else LOT * 1e8)
    ledger.fill_position(account, i, lots, round(ticks))


def _fund(
    draw: np.random.Generator,
    ledger: Ledger,
    account: int,
    wallet: int,
    kind: str,
    held: list[int],
    at: npt.NDArray[np.float64],
) -> None:
    """Put collateral into a pool's wallet, a random multiple of what its positions need."""
    gross, loss = 0.0, 0.0
    for i in held:
        lots, cost = ledger.position_of(account, i)
        if LISTINGS[i].product == INVERSE:
            index = at[FIRST_INDEX + BASE[i]]
            gross += abs(lots) * LISTINGS[i].lot
            loss += (cost / 1e8 + lots * LISTINGS[i].lot / at[i]) * index
        else:
            gross += abs(lots) * LOT * at[FIRST_INDEX + BASE[i]]
            value = lots * LOT * at[i]
            loss += -value if LISTINGS[i].product == OPTION else cost / 1e8 - value
    need = gross * draw.choice([0.005, 0.02, 0.05, 0.1, 0.2, 1.0]) * draw.uniform(0.5, 2.0) + loss
    if draw.random() < 0.03:
        need = 0.0
    share, asset = 0.0, int(draw.integers(1, 3))
    if kind == "cm":
        share, asset = 1.0, BASE[held[0]] if held else 1
    elif kind in ("unified", "margin"):
        share = float(draw.choice([0.0, 0.3, 1.0]))
    index = at[FIRST_INDEX + asset]
    coins = int(need * share / index * 1e8)
    ledger.move(0, wallet, 0, int(need * 1e8) - int(coins * index))
    ledger.move(0, wallet, asset, coins)
    if kind in ("unified", "margin") and draw.random() < 0.5:
        _borrow(draw, ledger, wallet, need if kind == "unified" else 50_000.0, at)


def _borrow(
    draw: np.random.Generator,
    ledger: Ledger,
    wallet: int,
    size: float,
    at: npt.NDArray[np.float64],
) -> None:
    """Borrow an asset and turn it into another, with some equity of its own."""
    one, other = (int(x) for x in draw.permutation(3)[:2])
    owed = int(abs(size) * draw.uniform(0.1, 0.9) / at[FIRST_INDEX + one] * 1e8)
    ledger.lend(1, wallet, one, owed)
    ledger.accrue(1, wallet, one, owed // 1000)
    ledger.move(wallet, 0, one, owed)
    worth = owed * at[FIRST_INDEX + one] / at[FIRST_INDEX + other]
    ledger.move(0, wallet, other, int(worth * draw.uniform(1.0, 1.4)))


@cache
def crash_moves() -> tuple[Moves, npt.NDArray[np.float64]]:
    """Return the tape's mark and index moves with option marks and volatilities that follow them,
    and the first value of every factor.
    """
    rows = (
        pl.scan_parquet(TAPE)
        .filter(
            pl.col("kind").is_in([int(Kind.MARK), int(Kind.INDEX)])
            & pl.col("instrument").is_in([2, 3, 4, 5])
        )
        .select("time_ns", "instrument", "kind", "price")
        .collect()
    )
    draw = np.random.default_rng(7)
    first = np.ones(TIME + 1)
    volatility = 0.6
    found: list[tuple[int, float, int]] = []
    for number, (time_ns, instrument, kind, price) in enumerate(rows.iter_rows()):
        if kind == int(Kind.INDEX) and instrument >= 4:
            continue  # the coin-margined contracts have the same index
        value = price * 1e-8
        if not found or found[-1][2] != time_ns:
            found.append((TIME, time_ns / YEAR_NS, time_ns))
        if kind == int(Kind.INDEX):
            found.append((FIRST_INDEX + BASE[instrument], value, time_ns))
            if instrument == 3:
                volatility *= float(np.exp(0.01 * draw.standard_normal()))
                found += [(VOLATILITY_AT + i, volatility, time_ns) for i in OPTIONS[:1]]
            for i in OPTIONS:
                if BASE[i] == BASE[instrument] and number % 3 == 0:
                    mark = option_mark(i, value, volatility, time_ns)
                    found.append((i, mark, time_ns))
            continue
        found.append((instrument, value, time_ns))
        if instrument < 4:
            basis = 1.01 + 0.0005 * draw.standard_normal()
            found.append((instrument + 4, value * basis, time_ns))
    factor = np.array([row[0] for row in found], "i4")
    value_of = np.array([row[1] for row in found])
    for at in range(len(first)):
        moves = np.flatnonzero(factor == at)
        if len(moves):
            first[at] = value_of[moves[0]]
    first[[VOLATILITY_AT + i for i in OPTIONS]] = 0.6
    instant = np.unique([row[2] for row in found], return_inverse=True)[1].astype("i4")
    return Moves(factor, value_of, instant), first


def option_mark(i: int, index: float, volatility: float, time_ns: int = START_NS) -> float:
    """Return an option's Black-76 price at an index price."""
    one = LISTINGS[i]
    years = (one.expiry_ns - time_ns) / YEAR_NS
    return float(black76(index, one.strike, volatility, years, 0.0, one.right == "C"))
