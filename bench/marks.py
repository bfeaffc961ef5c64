"""Marks a second with safe bands, by the number of positions: ``python -m bench.marks``.

Accounts of four USDT-margined positions each (BTC, ETH, SOL, BNB) in one cross-margin pool under
Binance's brackets.  A mark is one price of one instrument; after it every pool's level is known.
Two streams: a random walk (half a basis point a mark, rounded to the tick), and the marks of the
bundled crash, second by second (SOL and BNB move as ETH does).

- bands: ``Bands.marks``, a compiled loop over the stream, processor time
- called: the same marks, each a call of ``Bands.mark`` from Python
- full: every pool recomputed on every mark
- peer: PyPI ``lrvx``, ``LiquidationEngine.on_mark``, the same positions and random walk, each
  position with its share of the account's equity; it has no accounts, levels or boxes

The levels that bands and full recomputing find after the last mark must be equal, else the run
fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bench.peers import PEERS, set_up
from simulator.cli.bench_own import Line
from simulator.ledger.columns import Ledger
from simulator.market.tape import Kind
from simulator.risk.bands import Bands
from simulator.risk.columns import KINDS, LINEAR, Listing, margin_columns
from simulator.risk.pools import Pools
from simulator.rulebook.load import load

SEED = 20_261_122
COINS = ("BTC", "ETH", "SOL", "BNB")
PRICES = (116_000.0, 4_000.0, 200.0, 1_100.0)
TICKS = (0.1, 0.01, 0.01, 0.01)
LOT = 0.001
STEP = 0.5e-4
"""Typical move of a mark, as a share of the price."""

SIZES = (1_000, 10_000, 100_000, 1_000_000)
MARKS = 200_000
PEER = PEERS["lrvx"]
PEER_SECONDS = 5.0
TAPE = Path(__file__).parents[1] / "replay_data" / "crash.parquet"

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Population:
    """Signed lots [account, coin] and equity of accounts."""

    lots: npt.NDArray[np.int64]
    equity: Floats


def population(accounts: int, draw: np.random.Generator) -> Population:
    """Return accounts of 1,000 to 100,000 USDT a position, at a leverage of 1 to 30 or so."""
    worth = 10 ** draw.uniform(3, 5, (accounts, len(COINS)))
    lots = (worth / np.array(PRICES) / LOT).astype("i8") + 1
    leverage = np.exp(draw.normal(np.log(5.0), 0.7, accounts))
    gross = (lots * LOT * np.array(PRICES)).sum(axis=1)
    return Population(lots * draw.choice([-1, 1], lots.shape), gross / leverage)


def made(people: Population) -> Bands:
    """Return the pools of a population with their bands, at the first prices."""
    rules = load("binance").margin_rules("separated")
    listings = [Listing(f"{c}USDT", f"{c}USDT", LINEAR, c, "USDT", LOT, 10.0) for c in COINS]
    accounts = len(people.equity)
    ledger = Ledger(accounts + 1, [1] * len(COINS), accounts + 1, 1 + len(COINS))
    pools = np.zeros((accounts, 5), "i4")
    pools[:, 0] = pools[:, 1] = np.arange(1, accounts + 1)
    pools[:, 2] = pools[:, 4] = -1
    pools[:, 3] = KINDS.index("um")
    pool_of = np.repeat(np.arange(-1, accounts, dtype="i4")[:, None], len(COINS), axis=1)
    found = Pools(ledger, pools, pool_of, margin_columns(rules, listings, ["USDT", *COINS]))
    found.set_index(0, 1.0)
    ticks = [round(price * LOT * 1e8) for price in PRICES]
    for account, (row, equity) in enumerate(
        zip(people.lots.tolist(), people.equity.tolist(), strict=True), start=1
    ):
        ledger.move(0, account, 0, int(equity * 1e8))
        for coin, lots in enumerate(row):
            ledger.fill_position(account, coin, lots, ticks[coin])
    bands = Bands(found)
    for coin, price in enumerate(PRICES):
        bands.mark(coin, price)
    return bands


def walk(count: int, draw: np.random.Generator) -> tuple[Ints, Floats]:
    """Return a random walk of all prices, one instrument a mark in turn."""
    coin = np.arange(count) % len(COINS)
    value = np.zeros(count)
    for at, (price, tick) in enumerate(zip(PRICES, TICKS, strict=True)):
        steps = STEP * draw.standard_normal((coin == at).sum())
        value[coin == at] = np.round(price * np.exp(np.cumsum(steps)) / tick) * tick
    return coin.astype("i4"), value


def crash() -> tuple[Ints, Floats]:
    """Return the bundled crash's marks as moves of our prices."""
    rows = pl.scan_parquet(TAPE).filter(pl.col("kind") == int(Kind.MARK))
    seconds = [
        rows.filter(pl.col("instrument") == at).collect()["price"].to_numpy() for at in (2, 3)
    ]
    moves = [path / path[0] for path in (seconds[0], seconds[1], seconds[1], seconds[1])]
    value = np.stack([move * price for move, price in zip(moves, PRICES, strict=True)], axis=1)
    return np.tile(np.arange(len(COINS), dtype="i4"), len(value)), value.ravel()


def rate_of(bands: Bands, factor: Ints, value: Floats) -> dict[str, float]:
    """Return marks a second of processor time, and how many pools a mark recomputed."""
    instant = np.arange(len(factor), dtype="i4")
    before, began = bands.recomputed, time.process_time()
    changes = bands.marks(factor, value, instant)
    seconds = time.process_time() - began
    bands.changes_found()
    return {
        "marks_per_second": len(factor) / seconds,
        "recomputed_per_mark": (bands.recomputed - before) / len(factor),
        "changes": changes,
    }


def measure(positions: int, marks: int) -> dict[str, Any]:
    """Return all figures of one number of positions."""
    draw = np.random.default_rng(SEED)
    people = population(positions // len(COINS), draw)
    bands = made(people)
    began = time.process_time()
    bands.void_all()
    bands.settle()
    figures: dict[str, Any] = {"positions": positions, "first_boxes": time.process_time() - began}
    factor, value = walk(marks, draw)
    warm = marks // 10
    rate_of(bands, factor[:warm], value[:warm])
    figures["walk"] = rate_of(bands, factor[warm:], value[warm:])
    again = min(marks, 50_000)
    pairs = list(zip(factor[-again:].tolist(), (value[-again:] * 1.0).tolist(), strict=True))
    began = time.process_time()
    for one, price in pairs:
        bands.mark(one, price)
    figures["called"] = again / (time.process_time() - began)
    bands.changes_found()
    for coin, price in enumerate(PRICES):
        bands.mark(coin, price)
    factor, value = crash()
    figures["crash"] = rate_of(bands, factor, value)
    figures["megabytes"] = bands.bytes() / 1e6
    found = bands.levels()
    count = max(2, min(1000, 4_000_000 // positions))
    began = time.process_time()
    bands.marks_all(factor[-count:], value[-count:], np.arange(count, dtype="i4"))
    figures["full"] = count / (time.process_time() - began)
    if not np.array_equal(found, bands.levels()):
        raise SystemExit(f"{positions} positions: bands and full recomputing disagree")
    figures["levels"] = np.bincount(found, minlength=5).tolist()
    return figures


def peer_rates(sizes: list[int]) -> dict[str, Any]:
    """Return the peer's marks a second by number of positions, or the reason why not."""
    setup = set_up(PEER)
    if not setup.works:
        return {"reason": setup.reason}
    rates: dict[str, Any] = {"version": setup.version}
    for positions in sizes:
        draw = np.random.default_rng(SEED)
        people = population(positions // len(COINS), draw)
        factor, value = walk(MARKS, draw)
        request = {
            "lots": (people.lots * LOT).tolist(),
            "equity": people.equity.tolist(),
            "prices": PRICES,
            "factor": factor[:20_000].tolist(),
            "value": value[:20_000].tolist(),
            "seconds": PEER_SECONDS,
        }
        done = subprocess.run(
            [str(PEER.python), str(PEER.driver)],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            rates[str(positions)] = {"reason": done.stderr.strip().splitlines()[-1]}
        else:
            rates[str(positions)] = json.loads(done.stdout)
    return rates


def marks_line(positions: int, with_peer: bool) -> tuple[Line, dict[str, Any]]:
    """Return the line of the command's table for a number of positions, and all figures."""
    row = measure(positions, MARKS)
    peer = peer_rates([positions]) if with_peer else {"reason": "not asked for"}
    theirs = peer.get(str(positions), {})
    reason = theirs.get("reason") or peer.get("reason")
    ours = row["walk"]["marks_per_second"] / 1e6
    rate = None if reason else theirs["marks_per_second"] / 1e6
    note = f"{PEER.name}: {reason}" if reason else f"{PEER.name} {peer['version']}"
    what = f"marks, {positions:,} positions in pools of {len(COINS)} : {PEER.name}"
    ratio = None if rate is None else ours / rate
    return Line(what, ratio, "x", 0, ours, rate, note), {"ours": row, "peer": peer}


def main() -> None:
    parser = argparse.ArgumentParser(description="Marks a second with safe bands.")
    parser.add_argument("--quick", action="store_true", help="up to 10,000 positions")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    sizes = list(SIZES[:2] if asked.quick else SIZES)
    rows = []
    for positions in sizes:
        print(f"{positions:,} positions", file=sys.stderr)
        rows.append(measure(positions, MARKS))
    peer = {} if asked.no_peer else peer_rates([size for size in sizes if size <= 100_000])
    ratio = rows[-1]["walk"]["marks_per_second"] / rows[0]["walk"]["marks_per_second"]
    if asked.json:
        print(json.dumps({"rows": rows, "peer": peer, "last_over_first": ratio}, indent=1))
        return
    print(
        f"{'positions':>10} {'walk':>12} {'a mark':>8} {'called':>12} {'crash':>12} "
        f"{'a mark':>8} {'full':>10} {'MB':>7}  peer"
    )
    for row in rows:
        theirs = peer.get(str(row["positions"]), {})
        print(
            f"{row['positions']:>10,} {row['walk']['marks_per_second']:>12,.0f} "
            f"{row['walk']['recomputed_per_mark']:>8.3f} {row['called']:>12,.0f} "
            f"{row['crash']['marks_per_second']:>12,.0f} "
            f"{row['crash']['recomputed_per_mark']:>8.3f} {row['full']:>10,.0f} "
            f"{row['megabytes']:>7.1f}  {theirs.get('marks_per_second', peer.get('reason', '-'))}"
        )
    print(f"walk, {rows[-1]['positions']:,} against {rows[0]['positions']:,}: {ratio:.3f}")


if __name__ == "__main__":
    main()
