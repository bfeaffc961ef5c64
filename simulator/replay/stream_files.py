"""Which files are recorded streams, which belong to one recording, and whose lines they hold."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from simulator.replay.lines import head_of

PEEK_BYTES = 1 << 20

LINE = re.compile(rb"^\s*(\d+)\s*[\{\[]")
SYMBOL = re.compile(rb'"(?:s|symbol)"\s*:\s*"([^"\s]{1,40})"')
COIN_MARGINED = r"USD_(PERP|\d{6})$"


def detect(head: bytes, path: Path) -> bool:
    """Whether a file's first bytes are ``stamp {json}``; a later line may be broken."""
    del path  # told by content
    lines = [line for line in head.split(b"\n")[:20] if line.strip()]
    return any(LINE.match(line) and b'"' in line for line in lines)


def group(paths: list[Path]) -> list[list[Path]]:
    """Return the files of each recording in the order of their first stamps.

    Files that have a symbol of a market in common are of one recording.  A file without any, such
    as a snapshot alone, goes with the recording if there is only one.
    """
    heads = [(path, *_peek(path)) for path in sorted(paths)]
    groups: list[tuple[set[str], list[tuple[int, Path]]]] = []
    for path, stamp, names in heads:
        if not names:
            continue
        mine: tuple[set[str], list[tuple[int, Path]]] = (set(names), [(stamp, path)])
        for other in [other for other in groups if other[0] & names]:
            mine[0].update(other[0])
            mine[1].extend(other[1])
            groups.remove(other)
        groups.append(mine)
    unnamed = [(stamp, path) for path, stamp, names in heads if not names]
    if len(groups) == 1:
        groups[0][1].extend(unnamed)
    elif unnamed:
        groups.append((set(), unnamed))
    groups.sort(key=lambda one: min(one[0], default="~"))
    return [[path for _, path in sorted(files)] for _, files in groups]


def _peek(path: Path) -> tuple[int, set[str]]:
    head = head_of(path, PEEK_BYTES)
    first = next((found for line in head.split(b"\n") if (found := LINE.match(line))), None)
    market = "cm" if b'"ps"' in head else "um" if b'"pu"' in head else "spot"
    names = {f"{market}:{symbol.decode(errors='replace')}" for symbol in SYMBOL.findall(head)}
    digits = first[1].decode()[:19] if first else "0"
    return int(digits.ljust(19, "0")), names


@dataclass(slots=True)
class Markets:
    """Which markets the symbols of one file trade on, by what its lines say.

    ``ps`` or a coin-margined name means ``cm``; ``pu``, ``X``, mark prices and liquidations ``um``;
    ``M`` or depth without ``pu`` ``spot``.  A line that does not say (a bookTicker without ``e``, a
    trade with neither ``M`` nor ``X``) is of the one market that the symbol's other lines say, else
    of the spot market.
    """

    said: dict[str, set[str]] = field(default_factory=dict)

    def name(self, frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """Return the frames with a column ``name``, ``market:symbol``."""
        told = {
            kind: frame.with_columns(_market(kind, frame).alias("market"))
            for kind, frame in frames.items()
            if kind != "snapshot"
        }
        for frame in told.values():
            pairs = frame.filter(pl.col("market").is_not_null()).select("s", "market").unique()
            for symbol, market in pairs.iter_rows():
                self.said.setdefault(symbol, set()).add(market)
        named = {}
        for kind, frame in told.items():
            if frame["market"].null_count():
                fallback = {symbol: self._likely(symbol, kind) for symbol in frame["s"].unique()}
                other = frame["s"].replace_strict(fallback, return_dtype=pl.String)
                frame = frame.with_columns(pl.col("market").fill_null(other))
            named[kind] = frame.with_columns(
                pl.concat_str("market", pl.lit(":"), "s").alias("name")
            ).drop("market")
        return named

    def _likely(self, symbol: str, kind: str) -> str:
        said = self.said.get(symbol, set())
        if len(said) == 1:
            return next(iter(said))
        # Spot's own aggregate trades always say M.
        return "um" if kind == "aggTrade" and "spot" not in said else "spot"


def _market(kind: str, frame: pl.DataFrame) -> pl.Series:
    coin = pl.col("s").str.contains(COIN_MARGINED)
    if kind in ("depthUpdate", "bookTicker", "partialUpdate"):
        coin |= pl.col("ps").is_not_null()
    um, spot, unsaid = pl.lit("um"), pl.lit("spot"), pl.lit(None, pl.String)
    rest = um
    if kind == "depthUpdate":
        rest = pl.when(pl.col("pu").is_not_null()).then(um).otherwise(spot)
    elif kind == "partialDepth":
        rest = unsaid
    elif kind == "bookTicker":
        rest = pl.when(pl.col("e").is_not_null()).then(um).otherwise(unsaid)
    elif kind == "trade":
        by_x = pl.when(pl.col("X").is_not_null()).then(um).otherwise(unsaid)
        rest = pl.when(pl.col("M").is_not_null()).then(spot).otherwise(by_x)
    elif kind == "aggTrade":
        rest = pl.when(pl.col("M").is_not_null()).then(spot).otherwise(unsaid)
    return frame.select(pl.when(coin).then(pl.lit("cm")).otherwise(rest)).to_series()
