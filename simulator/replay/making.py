"""Turn a made market into a tape: one print a second of each instrument, INDEX rows where told.

Between two knots the path of an asset is a straight line times a bridge: a random walk of the
path's volatility (the product of its steps), over the straight line between its values at the
knots, so that the price at a knot is the knot's.  Steps of several assets are correlated by the
Cholesky factor of the correlations at their instant.  Draws come from a Philox generator of each
asset, keyed by the seed and its name: a path does not change when another asset is added.  Only
``+ - * /`` and square roots are used, in a fixed order, so that every machine makes the same rows.
A normal draw is twelve uniforms less six.

There are no marks, no funding and no depth on the tape: the venue computes marks by its formula,
funding from the premium, and the player makes the one-tick book around the prints
(`simulator.replay.synthetic`), or the run's impact model the book.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.instruments.instrument import Instrument
from simulator.market.manifest import (
    Listed,
    Manifest,
    Source,
    sha256_of,
    write_manifest,
)
from simulator.market.read import is_tape
from simulator.market.tape import LAST, SCHEMA, Kind
from simulator.market.write import write_tape
from simulator.replay.catalogue import cache_folder
from simulator.replay.made import MadeMarket

VERSION = 1
"""Of the rules by which rows are made; a higher one makes cached tapes be made anew."""

YEAR_S = 365 * 86_400
SECOND_NS = 10**9
UNIT = 10**8
MOST = 2**62

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def made_tape(market: MadeMarket, seed: int) -> Path:
    """Return the tape of a market and a seed, made once and kept in the cache.

    Raises ``InputError`` for a market that cannot be made (a path that leaves the ticks, noises
    that cannot be correlated so) and where the cache cannot be written.
    """
    told = f"{VERSION}\n{seed}\n{market.model_dump_json()}"
    tape = cache_folder() / f"made-{hashlib.sha256(told.encode()).hexdigest()[:32]}.parquet"
    if is_tape(tape):
        return tape
    frame = rows(market, seed)
    try:
        tape.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{tape.parent}: no made market can be kept there ({error.strerror}); "
            "set UNIMARGIN_CACHE to a folder that can be written"
        ) from None
    write_tape(iter([frame]), tape)
    write_manifest(tape, _manifest(market, seed, tape, frame, told))
    return tape


def rows(market: MadeMarket, seed: int) -> pl.DataFrame:
    """Return the rows of a market and a seed in the tape's columns, in order of time."""
    usd = paths(market, seed)
    parts = []
    for number, (one, _) in enumerate(market.listed()):
        ticks = _ticks(market, one, usd)
        parts.append(_prints(market, number, one, ticks))
    told: set[str] = set()
    for number, (one, _) in enumerate(market.listed()):
        # An index is the asset's: the first instrument of it tells it.
        if market.paths[one.base].index and one.base not in told:
            told.add(one.base)
            parts.append(_index(market, number, one, usd))
    frame = pl.concat(parts)
    return frame[np.argsort(frame["time_ns"].to_numpy(), kind="stable")]


def paths(market: MadeMarket, seed: int) -> dict[str, Floats]:
    """Return the price of each asset in USD, once a second, ``[second]``, both ends included."""
    size = market.length + 1
    at = np.arange(size, dtype=np.float64)
    names = sorted(market.paths)
    own = np.stack([_normals(seed, name, size) for name in names])
    shocks = _correlated(market, names, own, at)
    out = {}
    for name, shock in zip(names, shocks, strict=True):
        path = market.paths[name]
        step = _along(path.volatility, at) * np.sqrt(1.0 / YEAR_S) * shock
        step[0] = 0.0
        walk = np.cumprod(1.0 + step)
        knots = [second for second, _ in path.knots]
        line = _along(tuple((second, float(walk[second])) for second in knots), at)
        # After the last knot the walk is free, and goes on from there.
        out[name] = path.first * _along(path.knots, at) * (1.0 + walk - line)
    return out


def _normals(seed: int, asset: str, size: int) -> Floats:
    key = hashlib.blake2b(f"{seed}\n{asset}".encode(), digest_size=16).digest()
    generator = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
    total = np.zeros(size)
    for _ in range(12):
        total += generator.random(size)
    return total - 6.0


def _along(knots: tuple[tuple[int, float], ...], at: Floats) -> Floats:
    """Return straight lines between knots at instants; the last value after the last knot."""
    if len(knots) == 1:
        return np.full(at.size, knots[0][1])
    x = np.array([float(second) for second, _ in knots])
    y = np.array([value for _, value in knots])
    after = np.clip(np.searchsorted(x, at, side="right"), 1, x.size - 1)
    share = (at - x[after - 1]) / (x[after] - x[after - 1])
    found = y[after - 1] + (y[after] - y[after - 1]) * share
    ended: Floats = np.where(at >= x[-1], y[-1], found)
    return ended


def _correlated(market: MadeMarket, names: list[str], own: Floats, at: Floats) -> Floats:
    """Return shocks ``[asset, second]`` with the market's correlations, of unit variance."""
    n = len(names)
    rho = np.zeros((n, n, at.size))
    for pair, knots in market.correlation.items():
        i, j = sorted(names.index(name) for name in pair.split())
        rho[j, i] = _along(knots, at)
    factor = np.zeros((n, n, at.size))
    for i in range(n):
        for j in range(i):
            found = rho[i, j].copy()
            for k in range(j):
                found -= factor[i, k] * factor[j, k]
            pivot = np.where(factor[j, j] > 1e-6, factor[j, j], np.inf)
            factor[i, j] = found / pivot
        left = 1.0 - (factor[i, :i] ** 2).sum(axis=0) if i else np.ones(at.size)
        if (left < -1e-9).any():
            raise InputError(
                f"market.correlation: no noises can be correlated so ({', '.join(names)}): "
                "what two paths have in common with a third leaves them less room"
            )
        factor[i, i] = np.sqrt(np.maximum(left, 0.0))
    out = np.zeros_like(own)
    for i in range(n):
        for j in range(i + 1):
            out[i] += factor[i, j] * own[j]
    return out


def _ticks(market: MadeMarket, one: Instrument, usd: dict[str, Floats]) -> Ints:
    """Return an instrument's price each second, in ticks of at least 1."""
    at = np.arange(market.length + 1, dtype=np.float64)
    price = usd[one.base] * (1.0 + _along(market.basis.get(one.name, ((0, 0.0),)), at))
    if one.quote in usd:
        price = price / usd[one.quote]
    stepped = np.floor(price / float(one.tick) + 0.5)
    bad = np.flatnonzero((stepped < 1) | (stepped * float(one.tick) * UNIT > MOST))
    if bad.size:
        second = int(bad[0])
        raise InputError(
            f"market: {one.name} costs {price[second]:g} after {second} s, which is no price in "
            f"ticks of {one.tick}"
        )
    return stepped.astype(np.int64)


def _prints(market: MadeMarket, number: int, one: Instrument, ticks: Ints) -> pl.DataFrame:
    """Return a print a second: by a buyer, or by a seller where the price has fallen."""
    price = ticks * float(one.tick)
    each = float(one.lot * one.contract_size)
    notional = np.full(price.size, each) if one.inverse else price * each
    lots = np.maximum(np.floor(market.print_notional / notional), 1.0).astype(np.int64)
    before = np.concatenate([ticks[:1], ticks[:-1]])
    side = np.where(ticks < before, -1, 1)
    return _frame(market, number, Kind.TRADE, side, ticks, lots, np.arange(1, ticks.size + 1))


def _index(
    market: MadeMarket, number: int, one: Instrument, usd: dict[str, Floats]
) -> pl.DataFrame:
    path = market.paths[one.base]
    at = np.arange(market.length + 1, dtype=np.float64)
    price = path.first * _along(path.index or ((0, 1.0),), at)
    if one.quote in usd:
        price = price / usd[one.quote]
    nothing = np.zeros(at.size, dtype=np.int64)
    in_e8 = np.floor(price * UNIT + 0.5).astype(np.int64)
    return _frame(market, number, Kind.INDEX, nothing, in_e8, nothing, nothing)


def _frame(
    market: MadeMarket, number: int, kind: Kind, side: Ints, price: Ints, quantity: Ints, ids: Ints
) -> pl.DataFrame:
    size = price.size
    columns = {
        "time_ns": market.start + np.arange(size, dtype=np.int64) * SECOND_NS,
        "receive_ns": np.zeros(size, dtype=np.int64),
        "instrument": np.full(size, number),
        "kind": np.full(size, int(kind)),
        "flags": np.full(size, LAST),
        "side": side,
        "price": price,
        "quantity": quantity,
        "id": ids,
    }
    series = [pl.Series(name, columns[name]).cast(dtype) for name, dtype in SCHEMA.items()]
    return pl.DataFrame(series)


def _manifest(
    market: MadeMarket, seed: int, tape: Path, frame: pl.DataFrame, told: str
) -> Manifest:
    listed = []
    for number, (one, source) in enumerate(market.listed()):
        kinds = frame.filter(pl.col("instrument") == number)["kind"].to_numpy()
        counts = {Kind(k).name: int((kinds == k).sum()) for k in np.unique(kinds).tolist()}
        amounts = ("contract_size", "min_quantity", "min_notional", "max_quantity")
        listed.append(
            Listed(
                market=one.market,
                symbol=one.symbol,
                base=one.base,
                quote=one.quote,
                tick=one.tick,
                lot=one.lot,
                **{name: getattr(one, name) for name in amounts},
                filters_from=source,
                book="trade",
                rows=counts,
                expiry_ns=one.expiry_ns,
            )
        )
    return Manifest(
        tape=tape.name,
        sha256=sha256_of(tape),
        rows=frame.height,
        first_ns=market.start,
        last_ns=market.start + market.length * SECOND_NS,
        instruments=listed,
        sources=[
            Source(
                name="[market] of a scenario",
                sha256=hashlib.sha256(told.encode()).hexdigest(),
                size=len(told.encode()),
            )
        ],
        on_gap="stop",
        notes=[
            f"MADE from knots, seed {seed}: no row was ever traded",
            market.source,
        ],
    )
