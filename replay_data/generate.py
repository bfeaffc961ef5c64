"""Make the bundled tapes: ``python -m replay_data.generate [--check] [NAME]...``.

NAME is ``calm``, ``crash``, ``calm_dated`` or ``crash_dated``; what is dated is made from the tape
of its hour as it stands.  The same parameters and seed give the same rows on every machine (see
replay_data/draws.py); with ``--check`` nothing is written and the tapes that are there are compared
row by row.  The data are SYNTHETIC.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from replay_data import DATED, FOLDER, NAMES, dated, path
from replay_data.books import Maker, Market
from replay_data.describe import dated_manifest, digest, manifest
from replay_data.paths import hidden_prices
from replay_data.rates import rates
from replay_data.rows import (
    Block,
    depth_block,
    joined,
    liquidation_block,
    rates_block,
    tape,
    trade_block,
)
from replay_data.series import load_dated
from replay_data.settings import Hour, load
from simulator.market.manifest import Manifest, write_manifest


def generator(hour: Hour, *stream: int) -> np.random.Generator:
    """Return a random stream of its own for each purpose and instrument."""
    seeds = np.random.SeedSequence([hour.values["seed"], *stream])
    return np.random.Generator(np.random.PCG64(seeds))


def markets(hour: Hour) -> list[Market]:
    """Generate books and trades of every instrument."""
    prices = hidden_prices(hour, generator(hour, 0))
    return [
        Maker(hour, listed, prices[i], generator(hour, 1, i)).run()
        for i, listed in enumerate(hour.listed)
    ]


def blocks(hour: Hour, made: list[Market]) -> list[Block]:
    """Rows of every instrument; contracts also have index, mark, funding and liquidations."""
    spots = {listed.base: i for i, listed in enumerate(hour.listed) if listed.market == "spot"}
    out = []
    for listed, market in zip(hour.listed, made, strict=True):
        parts = [depth_block(market, listed), trade_block(hour, market)]
        if listed.market != "spot":
            spot = spots[listed.base]
            found = rates(hour, listed, market, hour.listed[spot], made[spot])
            parts = [rates_block(hour, found), *parts, liquidation_block(hour, market)]
        out.append(joined(parts))
    return out


def generate(hour: Hour) -> pl.DataFrame:
    """Generate the tape of an hour."""
    found = markets(hour)
    return tape(hour, blocks(hour, found), [generator(hour, 2, i) for i in range(len(found))])


def made(name: str) -> tuple[pl.DataFrame, Callable[[Path], Manifest]]:
    """Generate a tape; the function describes it once it is written."""
    if name in DATED:
        chosen = load_dated(name)
        rows = dated.generate(chosen)
        return rows, lambda file: dated_manifest(rows, chosen, file)
    hour = load(name)
    rows = generate(hour)
    return rows, lambda file: manifest(rows, hour, file)


def write(name: str, rows: pl.DataFrame, described: Callable[[Path], Manifest], to: Path) -> Path:
    """Write a tape and its manifest into a folder."""
    file = to / f"{name}.parquet"
    rows.write_parquet(file, compression="zstd", compression_level=19, row_group_size=131_072)
    write_manifest(file, described(file))
    return file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 if ``--check`` finds a difference."""
    parser = argparse.ArgumentParser(prog="replay_data.generate", description=__doc__)
    parser.add_argument("names", nargs="*", help="all if none is named")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    chosen = parser.parse_args(arguments)
    different = 0
    for name in chosen.names or (*NAMES, *DATED):
        path(name)
        rows, described = made(name)
        if not chosen.check:
            file = write(name, rows, described, chosen.out)
            print(f"{file}: {rows.height} rows, digest {digest(rows)}")
        elif rows.equals(pl.read_parquet(chosen.out / f"{name}.parquet")):
            print(f"{name}: as committed, digest {digest(rows)}")
        else:
            print(f"{name}: differs from what the generator makes, digest {digest(rows)}")
            different = 1
    return different


if __name__ == "__main__":
    raise SystemExit(main())
