"""Recorded files of the archive give the figures that were found in them by other means."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from simulator.replay.archive import read_archive
from simulator.replay.source import ReadOptions

SPOT = ReadOptions(market="spot", symbol="BTCUSDT")

RECORDED = [
    # file, options, instrument, lines, rows, findings: as ../shared/data/README.md states them
    (
        "binance_spot_aggtrades_2025/BTCUSDC-aggTrades-2025-10-04.zip",
        ReadOptions(),
        "spot:BTCUSDC",
        (140_489, 140_489, {}),
    ),
    (
        "crash_2025-10-10/markprice_cm_1m/BTCUSD_PERP-1m-2025-10-10.zip",
        ReadOptions(),
        "cm:BTCUSD_PERP",
        (1_440, 5_760, {}),
    ),
    (
        "crash_2025-10-10/trades_cm/binance-delivery_trades_2025-10-10_DOTUSD_PERP.csv.gz",
        ReadOptions(),
        "cm:DOTUSD_PERP",
        (206_062, 206_062, {"id_gaps": 430, "missing_ids": 2_937}),
    ),
    (
        "crash_2025-10-10/bookdepth_um/BTCUSDT-bookDepth-2025-10-10.csv.gz",
        ReadOptions(),
        "um:BTCUSDT",
        (28_790, 28_790, {}),
    ),
    (
        "btcusdt_1h_5y/btcusdt_1h_20210403_20260404.csv.xz",
        SPOT,
        "spot:BTCUSDT",
        (43_837, 175_348, {"time_gaps": 5, "missing_bars": 12}),
    ),
    (
        "nautilus_samples/tardis_binance-futures_trades_BTCUSDT_20200222.csv.gz",
        ReadOptions(),
        "um:BTCUSDT",
        (9_999, 9_999, {}),
    ),
]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: Path(recorded[0]).name)
def test_recorded_file(
    shared_data: Path,
    recorded: tuple[str, ReadOptions, str, tuple[int, int, dict[str, int]]],
) -> None:
    name, options, instrument, (lines, rows, findings) = recorded
    path = shared_data / name
    if not path.is_file():
        pytest.skip(f"no {name} in the recorded data")
    (source,) = read_archive(path, options)
    frame = pl.concat(source.frames)
    assert source.instrument == instrument
    assert (source.issues.rows, frame.height, dict(source.issues.counts)) == (lines, rows, findings)
    assert frame["time_ns"].is_sorted()


def test_recorded_mark_price_shows_the_crash(shared_data: Path) -> None:
    path = shared_data / "crash_2025-10-10/markprice_cm_1m/BTCUSD_PERP-1m-2025-10-10.zip"
    if not path.is_file():
        pytest.skip("no recorded mark prices of the crash")
    (source,) = read_archive(path)
    frame = pl.concat(source.frames)
    lowest = frame.row(frame["price_e8"].arg_min() or 0, named=True)
    assert lowest["price_e8"] == 102497_48513403
    assert lowest["time_ns"] // 60_000_000_000 * 60 == 1760131200  # 2025-10-10 21:20
