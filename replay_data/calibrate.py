"""Measure the real recordings and write ``measured.json``, from which the generator draws.

``python -m replay_data.calibrate DATA`` reads the folders ``binance_streams_raw`` and
``crash_2025-10-10`` below DATA.  Neither is part of the project; the figures are.  See
docs/bundled-data.md for their sources.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from replay_data import FOLDER, measure
from replay_data.recordings import Sampled, read

Row = tuple[list[str], float, float, float]

RECORDINGS: dict[str, Row] = {
    "spot:BTCUSDT": (["spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"], 0.01, 1e-5, 0),
    "spot:ETHUSDT": (["spot/ethusdt_20240808.gz", "spot/ethusdt_20240809.gz"], 0.01, 1e-4, 0),
    "um:BTCUSDT": (["usdm/btcusdt_20240808.gz"], 0.1, 1e-3, 0),
    "um:ETHUSDT": (["usdm/ethusdt_20240808.gz"], 0.01, 1e-3, 0),
    "cm:BTCUSD_PERP": (["cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz"], 0.1, 1, 100),
    "cm:ETHUSD_PERP": (["cm/ethusd_perp_20240808.gz", "cm/ethusd_perp_20240809.gz"], 0.01, 1, 10),
}
"""Files, tick, lot and face value (USD a contract) of each instrument."""

MARKED: Row = (["usdm/btcusdt_20230404.dat.gz", "usdm/btcusdt_20230405.dat.gz"], 0.1, 1e-3, 0)
"""The recording of 2023 that holds mark prices; a quiet market."""

BASES = (
    ("um:BTCUSDT", "spot:BTCUSDT"),
    ("cm:BTCUSD_PERP", "spot:BTCUSDT"),
    ("um:ETHUSDT", "spot:ETHUSDT"),
    ("cm:ETHUSD_PERP", "spot:ETHUSDT"),
)
PAIRS = (("um:BTCUSDT", "um:ETHUSDT"), ("spot:BTCUSDT", "spot:ETHUSDT"), *BASES)

START_MINUTE = 20 * 60 + 50  # 2025-10-10 20:50 UTC, where the fall began


def market_figures(books: dict[str, Sampled]) -> dict[str, Any]:
    """Figures of each instrument and of pairs, the same for recordings and tapes."""
    return {
        "instruments": {name: measure.instrument_figures(s) for name, s in books.items()},
        "basis": {f"{a} over {b}": measure.basis_figures(books[a], books[b]) for a, b in BASES},
        "pairs": {f"{a} and {b}": measure.pair_figures(books[a], books[b]) for a, b in PAIRS},
    }


def crash_prices(folder: Path) -> dict[str, Any]:
    """Shape of the crash: CM mark price by minute from 20:50, relative to its first, and lows."""
    archive = zipfile.ZipFile(folder / "markprice_cm_1m" / "BTCUSD_PERP-1m-2025-10-10.zip")
    with archive.open(archive.namelist()[0]) as file:
        rows = list(csv.reader(io.TextIOWrapper(file)))[1:]
    hour = np.array(rows[START_MINUTE : START_MINUTE + 60], float)
    relative = hour[:, 4] / hour[0, 1]
    minute_returns = np.abs(hour[:, 4] / hour[:, 1] - 1)
    return {
        "cm_mark_first": float(hour[0, 1]),
        "cm_mark_low": float(hour[:, 3].min()),
        "cm_mark_low_minute": int(hour[:, 3].argmin()),
        "fall": float(hour[:, 3].min() / hour[0, 1] - 1),
        "end_over_first": float(relative[-1]),
        "recovered_share": float((relative[-1] - relative.min()) / (1 - relative.min())),
        "largest_minute_move": float(minute_returns.max()),
        "close_by_minute": [round(float(x), 4) for x in relative],
    }


def crash_rates(folder: Path) -> dict[str, Any]:
    """Trades a minute in the crash hour over those of the day before it."""
    found = {}
    futures = "trades_cm/binance-delivery_trades_2025-10-10"
    for name, path in {
        "binance spot TRXUSDT": "trades_spot/binance_trades_2025-10-10_TRXUSDT.csv.gz",
        "binance CM AVAXUSD_PERP": f"{futures}_AVAXUSD_PERP.csv.gz",
        "gemini BTCUSD": "trades_other/gemini_trades_2025-10-10_BTCUSD.csv.gz",
    }.items():
        minutes: Counter[int] = Counter()
        with gzip.open(folder / path, "rt") as file:
            for row in csv.DictReader(file):
                minutes[int(row["timestamp"]) // 60_000_000 % 1440] += 1
        before = sum(minutes[m] for m in range(START_MINUTE)) / START_MINUTE
        hour = [minutes[START_MINUTE + m] / before for m in range(60)]
        found[name] = {"peak": max(hour), "mean": sum(hour) / 60}
    return found


def calibrate(data: Path) -> dict[str, Any]:
    """Measure everything below ``data``."""
    raw = data / "binance_streams_raw"
    books = {
        name: read([raw / file for file in files], tick, lot, face)
        for name, (files, tick, lot, face) in RECORDINGS.items()
    }
    files, tick, lot, face = MARKED
    quiet = read([raw / file for file in files], tick, lot, face)
    crash = data / "crash_2025-10-10"
    return {
        **market_figures(books),
        "quiet": measure.instrument_figures(quiet),
        "mark": measure.mark_figures(quiet),
        "crash": crash_prices(crash) | {"trade_rate": crash_rates(crash)},
    }


def rounded(value: Any) -> Any:
    """Round every number to six figures, so that the file is short and its diffs are honest."""
    if isinstance(value, dict):
        return {key: rounded(x) for key, x in value.items()}
    if isinstance(value, list):
        return [rounded(x) for x in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def dump(value: Any, indent: str = "") -> str:
    """JSON with one line for each key, lists of numbers on one line."""
    if not isinstance(value, dict):
        return json.dumps(value)
    inner = indent + " "
    items = (f"{inner}{json.dumps(key)}: {dump(x, inner)}" for key, x in value.items())
    return "{\n" + ",\n".join(items) + f"\n{indent}}}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="replay_data.calibrate", description=__doc__)
    parser.add_argument("data", type=Path, help="folder that holds the recordings")
    parser.add_argument("--out", type=Path, default=FOLDER / "measured.json")
    chosen = parser.parse_args(arguments)
    chosen.out.write_text(dump(rounded(calibrate(chosen.data))) + "\n")


if __name__ == "__main__":
    main()
