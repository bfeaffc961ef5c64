"""Small made recordings for tests: each function returns one line of a stream file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

from simulator.market.manifest import Manifest
from simulator.replay.batch import OnGap
from simulator.replay.importer import import_paths

T0 = 1_700_000_000_000
"""Exchange time of the first message, ms."""

Levels = Sequence[tuple[str, str]]


def line(message: dict[str, object], at: int, stream: str = "x") -> str:
    """Wrap a message as a combined stream does, received 3 ms after ``T0 + at`` ms."""
    body = json.dumps({"stream": stream, "data": message}, separators=(",", ":"))
    return f"{(T0 + at + 3) * 1_000_000} {body}"


def depth(
    at: int,
    first: int,
    last: int,
    previous: int | None = None,
    bids: Levels = (),
    asks: Levels = (),
    symbol: str = "BTCUSDT",
) -> str:
    message: dict[str, object] = {"e": "depthUpdate", "E": T0 + at, "s": symbol}
    message |= {"U": first, "u": last}
    if previous is not None:
        message["pu"] = previous
    return line(message | {"b": [*bids], "a": [*asks]}, at)


def snapshot(at: int, last: int, bids: Levels, asks: Levels) -> str:
    body = json.dumps({"lastUpdateId": last, "bids": [*bids], "asks": [*asks]})
    return f"{(T0 + at + 3) * 1_000_000} {body}"


def trade(at: int, id_: int, price: str = "100.0", quantity: str = "1.000", **more: object) -> str:
    message: dict[str, object] = {"e": "trade", "E": T0 + at, "s": "BTCUSDT", "t": id_}
    message |= {"p": price, "q": quantity, "X": "MARKET", "m": True}
    return line(message | more, at)


def quote(at: int, u: int, bid: tuple[str, str], ask: tuple[str, str], futures: bool = True) -> str:
    message: dict[str, object] = {"u": u, "s": "BTCUSDT"}
    message |= {"b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    if futures:
        message |= {"e": "bookTicker", "E": T0 + at}
    return line(message, at)


def record(folder: Path, lines: Sequence[str], name: str = "recording.gz") -> Path:
    """Write lines as a recording, compressed if its name ends in .gz."""
    path = folder / name
    data = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def imported(folder: Path, lines: Sequence[str], on_gap: OnGap = "stop") -> tuple[Path, Manifest]:
    """Import lines as one recording; returns the tape and its manifest."""
    tape = folder / "tape.parquet"
    return tape, import_paths([record(folder, lines)], tape, on_gap=on_gap)
