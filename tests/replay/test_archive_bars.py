"""Klines of every kind become a path of prices; holes and contradictions are counted."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from simulator.errors import InputError
from simulator.market.tape import DERIVED, LAST, Kind
from simulator.replay.source import ReadOptions
from tests.replay.archive_files import read, values

UM = ReadOptions(market="um", symbol="BTCUSDT")
SPOT = ReadOptions(market="spot", symbol="BTCUSDT")
E8 = 10**8
T = 1704067200000
"""2024-01-01 00:00:00 in ms."""
NS = T * 10**6

KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


def kline(at: int, prices: str, volume: str = "0", count: str = "60") -> str:
    opened = T + at * 60_000
    return f"{opened},{prices},{volume},{opened + 59_999},0,{count},0,0,0\n"


@pytest.mark.parametrize("header", ["", KLINE_HEADER])
def test_klines_become_a_path(tmp_path: Path, header: str) -> None:
    rising = kline(0, "100,103,99.5,102", "12.5", "3")
    falling = kline(1, "102,103,98,99", "1", "2")
    source, frame = read(tmp_path / "x.csv", header + rising + falling, UM)
    assert source.kind_name == "klines"
    third = (59_999 * 10**6) // 3
    bar = NS + 60_000 * 10**6
    both = LAST | DERIVED
    assert values(frame, "time_ns", "kind", "flags", "price_e8", "quantity_e8") == [
        (NS, Kind.BAR_OPEN, LAST, 100 * E8, 0),
        (NS + third, Kind.BAR_LOW, both, 99_50000000, 0),
        (NS + 2 * third, Kind.BAR_HIGH, both, 103 * E8, 0),
        (NS + 59_999 * 10**6, Kind.BAR_CLOSE, LAST, 102 * E8, 12_50000000),
        (bar, Kind.BAR_OPEN, LAST, 102 * E8, 0),
        (bar + third, Kind.BAR_HIGH, both, 103 * E8, 0),
        (bar + 2 * third, Kind.BAR_LOW, both, 98 * E8, 0),
        (bar + 59_999 * 10**6, Kind.BAR_CLOSE, LAST, 99 * E8, E8),
    ]


def test_spot_klines_in_microseconds(tmp_path: Path) -> None:
    text = f"{T}000,1,2,1,2,5,{T + 59_999}999,7,3,1,1,0\n"
    _, frame = read(tmp_path / "x.csv", text, SPOT)
    assert frame["time_ns"].to_list()[::3] == [NS, NS + 59_999_999_000]


def test_holes_between_bars_are_counted(tmp_path: Path) -> None:
    bars = [kline(at, "1,2,1,2", "5") for at in (0, 1, 1, 5, 6)]
    source, frame = read(tmp_path / "x.csv", "".join(bars), UM)
    assert frame.height == 16
    assert source.issues.counts == {"duplicate_rows": 1, "time_gaps": 1, "missing_bars": 3}
    assert source.issues.examples["time_gaps"].endswith("line 4: none from 2024-01-01 00:02:00")


def test_bars_that_contradict_themselves_are_counted(tmp_path: Path) -> None:
    source, _ = read(tmp_path / "x.csv", kline(0, "1,1.5,1,2", "5"), UM)
    assert source.issues.counts == {"inconsistent_bars": 1}


@pytest.mark.parametrize(
    ("kind_name", "kind", "prices"),
    [
        ("markPriceKlines", Kind.MARK, "100,103,99.00000001,102"),
        ("indexPriceKlines", Kind.INDEX, "100,103,99.00000001,102"),
        ("premiumIndexKlines", Kind.PREMIUM, "-0.00010000,0.0003,-0.0002,0.00000001"),
    ],
)
def test_price_klines_by_option_and_by_folder(
    tmp_path: Path, kind_name: str, kind: Kind, prices: str
) -> None:
    text = KLINE_HEADER + kline(0, prices)
    options = ReadOptions(market="um", symbol="BTCUSDT", kind=kind_name)
    path = f"futures/um/daily/{kind_name}/BTCUSDT/1m/BTCUSDT-1m-2024-01-01.csv"
    for source, frame in (
        read(tmp_path / "x.csv", text, options),
        read(tmp_path / path, text, ReadOptions()),
    ):
        assert (source.instrument, source.kind_name) == ("um:BTCUSDT", kind_name)
        assert frame["kind"].to_list() == [kind] * 4
        opened, high, low, close = prices.split(",")
        expected = [round(float(text) * E8) for text in (opened, low, high, close)]
        assert frame["price_e8"].to_list() == expected
        assert frame["quantity_e8"].to_list() == [0] * 4


def test_klines_that_nothing_tells_apart_ask_for_the_kind(tmp_path: Path) -> None:
    text = KLINE_HEADER + kline(0, "1,1,1,1")
    with pytest.raises(InputError, match="give --kind klines, markPriceKlines"):
        read(tmp_path / "BTCUSDT-1m-2024-01-01.csv", text, UM)
    traded = KLINE_HEADER + kline(0, "1,1,1,1", "5")
    with pytest.raises(InputError, match="holds klines by its columns, not --kind markPrice"):
        read(tmp_path / "x.csv", traded, ReadOptions("um", "BTCUSDT", "mark"))


def test_index_of_a_coin_margined_pair_goes_to_its_perpetual(tmp_path: Path) -> None:
    path = tmp_path / "futures/cm/daily/indexPriceKlines/BTCUSD/1m/BTCUSD-1m-2024-01-01.csv"
    source, _ = read(path, KLINE_HEADER + kline(0, "1,1,1,1"), ReadOptions())
    assert source.instrument == "cm:BTCUSD_PERP"
    assert "BTCUSD_PERP" in source.issues.notes[0]


def test_ohlcv_takes_the_spacing_of_its_rows(tmp_path: Path) -> None:
    text = (
        "timestamp,open,high,low,close,volume\n2024-01-01T00:00:00,1,2,1,2,7\n"
        "2024-01-01T01:00:00,2,2,1,1,8\n2024-01-01T03:00:00,1,1,1,1,9\n"
    )
    source, frame = read(tmp_path / "x.csv", text, SPOT)
    closes = frame.filter(pl.col("kind") == Kind.BAR_CLOSE)
    hour = 3600 * 10**9
    assert values(closes, "time_ns", "quantity_e8") == [
        (NS + hour - 10**6, 7 * E8),
        (NS + 2 * hour - 10**6, 8 * E8),
        (NS + 4 * hour - 10**6, 9 * E8),
    ]
    assert source.issues.counts == {"time_gaps": 1, "missing_bars": 1}


def test_bars_that_overlap_are_counted_and_times_still_rise(tmp_path: Path) -> None:
    long = f"{T},1,2,1,2,5,{T + 90_000},0,4,0,0,0\n"
    source, frame = read(tmp_path / "x.csv", long + kline(1, "1,2,1,2", "5"), UM)
    assert source.issues.counts == {"overlapping_bars": 1}
    third = 59_999 * 10**6 // 3
    assert frame["time_ns"].to_list()[3:] == [
        NS + 90_000 * 10**6,
        NS + 90_000 * 10**6,
        NS + 90_000 * 10**6,
        NS + 60_000 * 10**6 + 2 * third,
        NS + 119_999 * 10**6,
    ]


def test_price_klines_are_not_taken_for_another_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give --kind klines, markPriceKlines"):
        read(tmp_path / "x.csv", kline(0, "1,1,1,1"), ReadOptions("um", "BTCUSDT", "trades"))
