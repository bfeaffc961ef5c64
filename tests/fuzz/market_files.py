"""Targets that read market data: tables, recordings, compressed files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

from simulator.replay.generic import parse_columns
from tests.fuzz import mutate, texts, written
from tests.fuzz.samples import COLUMNS, TABLES, recordings
from tests.fuzz.tapes import imported
from tests.fuzz.target import Target


def _read_table(data: bytes, folder: Path) -> None:
    path = folder / "BTCUSDT-1m-2024-01.csv"
    path.write_bytes(data)
    imported(path, folder, market="um" if b"binance-" in data or len(data) % 2 else None)


def _read_columns(data: bytes, folder: Path) -> None:
    head, _, text = data.partition(b"\n")
    kind, _, columns = head.decode(errors="replace").partition(" ")
    path = folder / "mine.csv"
    path.write_bytes(text)
    units = (None, None, "s", "ms", "us", "ns")
    imported(
        path,
        folder,
        columns=parse_columns(columns),
        kind=kind,
        market="um",
        symbol="BTCUSDT",
        time_unit=units[len(data) % 6] if b"x" in data else None,
        fill_quantity=("filled", "remaining")[len(data) % 2],
    )


def _changed_columns(data: bytes, random: Random) -> bytes:
    head, _, text = data.decode(errors="replace").partition("\n")
    if random.random() < 0.15:
        head = mutate.changed_text(head, random)
    return written.encoded(f"{head}\n{texts.changed_csv(text, random)}", random)


def _changed_table(data: bytes, random: Random) -> bytes:
    return written.encoded(texts.changed_csv(data.decode(errors="replace"), random), random)


def _read_stream(data: bytes, folder: Path) -> None:
    path = folder / "recording.txt"
    path.write_bytes(data)
    imported(
        path,
        folder,
        on_gap="resync" if len(data) % 2 else "stop",
        instrument="um:BTCUSDT" if len(data) % 5 == 0 else None,
    )


def _changed_stream(data: bytes, random: Random) -> bytes:
    return written.encoded(texts.changed_stream(data.decode(errors="replace"), random), random)


@cache
def packed() -> tuple[bytes, ...]:
    """Return tables and recordings, each compressed in each way."""
    texts = [TABLES[0].encode(), TABLES[3].encode(), recordings()[0]]
    return tuple(pack(text) for text in texts for pack in written.PACKED)


def _read_packed(data: bytes, folder: Path) -> None:
    path = folder / "BTCUSDT-1m-2024-01.csv.gz"
    path.write_bytes(data)
    imported(path, folder, market="um")


def _encoded(*texts: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple(text.encode() for text in texts)


TARGETS = (
    Target("tables", _encoded(*TABLES), _changed_table, _read_table, 190),
    Target(
        "columns",
        _encoded(*(f"{kind} {columns}\n{text}" for kind, columns, text in COLUMNS)),
        _changed_columns,
        _read_columns,
        90,
    ),
    Target("streams", recordings, _changed_stream, _read_stream, 40),
    Target("packed", packed, written.changed_bytes, _read_packed, 209, raw=0.0),
)
