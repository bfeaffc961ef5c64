"""Every kind of archive file becomes the right rows, and what is wrong with it is named or counted.

Method: small files of the published layouts, written literally, and the rows expected of them.
"""

from __future__ import annotations

import gzip
import lzma
import zipfile
from pathlib import Path

import polars as pl
import pytest

from simulator.errors import InputError
from simulator.market.tape import DERIVED, LAST, Kind
from simulator.replay.archive import is_archive, read_archive
from simulator.replay.source import ReadOptions
from tests.replay.archive_files import read, values

UM = ReadOptions(market="um", symbol="BTCUSDT")
SPOT = ReadOptions(market="spot", symbol="BTCUSDT")
E8 = 10**8
T = 1704067200000
"""2024-01-01 00:00:00 in ms."""
NS = T * 10**6

TRADES = {
    "spot trades": f"5,42000.10000000,0.00500000,210.0005,{T},True,True\n"
    f"6,42000.20000000,1.00000000,42000.2,{T + 1},False,True\n",
    "spot aggTrades": f"5,42000.10000000,0.00500000,8,9,{T},True,True\n"
    f"6,42000.20000000,1.00000000,10,10,{T + 1},False,True\n",
    "um trades": f"5,42000.1,0.005,210.0005,{T},true\n6,42000.2,1,42000.2,{T + 1},false\n",
    "um aggTrades": f"5,42000.1,0.005,8,9,{T},true\n6,42000.2,1,10,10,{T + 1},false\n",
}
HEADERS = {
    "spot trades": "id,price,qty,quoteQty,time,isBuyerMaker,isBestMatch\n",
    "spot aggTrades": "agg_trade_id,price,quantity,first_trade_id,last_trade_id,"
    "transact_time,is_buyer_maker,is_best_match\n",
    "um trades": "id,price,qty,quote_qty,time,is_buyer_maker\n",
    "um aggTrades": "agg_trade_id,price,quantity,first_trade_id,last_trade_id,"
    "transact_time,is_buyer_maker\n",
}


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("name", list(TRADES))
@pytest.mark.parametrize("microseconds", [False, True])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_trades_with_and_without_header(
    tmp_path: Path, name: str, header: bool, microseconds: bool, ends: str
) -> None:
    market, kind = name.split()
    text = (HEADERS[name] if header else "") + TRADES[name]
    if microseconds:
        text = text.replace(str(T), f"{T}000").replace(str(T + 1), f"{T + 1}000")
    path = tmp_path / "x.csv"
    source, frame = read(path, text.replace("\n", ends), ReadOptions(market, "BTCUSDT"))
    assert (source.instrument, source.kind_name) == (f"{market}:BTCUSDT", kind)
    assert frame.rows() == [
        (NS, 0, Kind.TRADE, LAST, -1, 42000_10000000, 500000, 5),
        (NS + 10**6, 0, Kind.TRADE, LAST, 1, 42000_20000000, E8, 6),
    ]
    assert source.issues.rows == 2
    assert not source.issues.counts


def test_cm_trades_are_told_by_their_header_or_symbol(tmp_path: Path) -> None:
    row = f"5,42000.1,3,0.0000714,{T},true\n"
    text = "id,price,qty,base_qty,time,is_buyer_maker\n" + row
    assert (
        read(tmp_path / "BTCUSD_240329-trades-2024-01-01.csv", row, ReadOptions())[0].market == "cm"
    )
    source, frame = read(tmp_path / "a.csv", text, ReadOptions(symbol="BTCUSD_PERP"))
    assert source.instrument == "cm:BTCUSD_PERP"
    assert values(frame, "quantity_e8") == [(3 * E8,)]


def test_duplicates_holes_and_steps_back_are_counted(tmp_path: Path) -> None:
    ids = [10, 11, 11, 15, 13, 13, 9, 16, 10]
    text = "".join(f"{id},1,1,1,{T + at},true\n" for at, id in enumerate(ids))
    source, frame = read(tmp_path / "x.csv", text, UM)
    assert frame["id"].to_list() == [10, 11, 15, 13, 9, 16]
    assert source.issues.counts == {
        "duplicate_ids": 3,
        "id_gaps": 1,
        "missing_ids": 3,
        "ids_backwards": 2,
    }
    assert source.issues.rows == 9
    assert source.issues.examples["duplicate_ids"].endswith("x.csv, line 3")


def test_time_that_runs_backwards_is_raised_and_counted(tmp_path: Path) -> None:
    stamps = [T + 5, T, T + 7]
    text = "".join(f"{at},1,1,1,{stamp},true\n" for at, stamp in enumerate(stamps))
    source, frame = read(tmp_path / "x.csv", text, UM)
    assert frame["time_ns"].to_list() == [NS + 5 * 10**6] * 2 + [NS + 7 * 10**6]
    assert source.issues.counts == {"time_backwards": 1}


def test_void_prints_are_dropped_and_counted(tmp_path: Path) -> None:
    text = f"5,1,1,8,8,{T},true\n6,0,0,-1,-1,{T},true\n7,1,1,9,9,{T},true\n"
    source, frame = read(tmp_path / "x.csv", text, UM)
    assert frame["id"].to_list() == [5, 7]
    assert source.issues.counts == {"zero_quantity": 1}


def test_symbol_and_market_that_nothing_tells_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing tells the symbol; give --symbol"):
        read(tmp_path / "x.csv", TRADES["um trades"], ReadOptions())
    with pytest.raises(InputError, match="nothing tells the market; give --market"):
        read(tmp_path / "BTCUSDT-trades-2024-01-01.csv", TRADES["um trades"], ReadOptions())
    with pytest.raises(InputError, match="holds spot data, not --market um"):
        read(tmp_path / "x.csv", TRADES["spot trades"], UM)
    with pytest.raises(InputError, match="holds trades by its columns, not --kind klines"):
        read(tmp_path / "x.csv", TRADES["um trades"], ReadOptions("um", "BTCUSDT", "klines"))


QUOTES_HEADER = (
    "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,"
    "transaction_time,event_time\n"
)


@pytest.mark.parametrize("header", ["", QUOTES_HEADER])
def test_quotes_set_a_book_of_one_level(tmp_path: Path, header: str) -> None:
    text = (
        f"1,100,5,101,6,{T},{T + 1}\n"
        f"2,100,4,101,6,{T + 2},{T + 3}\n"
        f"3,101,1,102,2,{T + 4},{T + 5}\n"
        f"4,101,1,0,0,{T + 6},{T + 7}\n"
    )
    source, frame = read(tmp_path / "x.csv", header + text, UM)
    assert source.derived_book
    rows = [
        (id, Kind(kind).name, flags, side, price // E8, quantity // E8)
        for id, kind, flags, side, price, quantity in frame.select(
            "id", "kind", "flags", "side", "price_e8", "quantity_e8"
        ).iter_rows()
    ]
    assert rows == [
        (1, "CLEAR", DERIVED, 0, 0, 0),
        (1, "DEPTH", DERIVED, 1, 100, 5),
        (1, "DEPTH", DERIVED, -1, 101, 6),
        (1, "QUOTE", 0, 1, 100, 5),
        (1, "QUOTE", LAST, -1, 101, 6),
        (2, "DEPTH", DERIVED, 1, 100, 4),
        (2, "QUOTE", 0, 1, 100, 4),
        (2, "QUOTE", LAST, -1, 101, 6),
        (3, "DEPTH", DERIVED, 1, 100, 0),
        (3, "DEPTH", DERIVED, -1, 101, 0),
        (3, "DEPTH", DERIVED, 1, 101, 1),
        (3, "DEPTH", DERIVED, -1, 102, 2),
        (3, "QUOTE", 0, 1, 101, 1),
        (3, "QUOTE", LAST, -1, 102, 2),
        (4, "DEPTH", DERIVED, -1, 102, 0),
        (4, "QUOTE", 0, 1, 101, 1),
        (4, "QUOTE", LAST, -1, 0, 0),
    ]
    assert not source.issues.counts


def test_crossed_quotes_are_counted(tmp_path: Path) -> None:
    source, _ = read(tmp_path / "x.csv", f"1,101,5,101,6,{T},{T}\n", UM)
    assert source.issues.counts == {"crossed_quotes": 1}


def test_bands_of_a_time_are_one_message(tmp_path: Path) -> None:
    text = (
        "timestamp,percentage,depth,notional\n"
        "2024-01-01 00:00:30,-5,3,1\n2024-01-01 00:00:30,0.20,1.5,1\n"
        "2024-01-01 00:00:00,1.00,2,1\n2024-01-01 00:00:00,-1,2.25,1\n"
    )
    source, frame = read(tmp_path / "x.csv", text, UM)
    assert values(frame, "time_ns", "kind", "flags", "side", "price_e8", "quantity_e8") == [
        (NS, Kind.BAND, 0, 1, -E8, 2_25000000),
        (NS, Kind.BAND, LAST, -1, E8, 2 * E8),
        (NS + 30 * 10**9, Kind.BAND, 0, 1, -5 * E8, 3 * E8),
        (NS + 30 * 10**9, Kind.BAND, LAST, -1, 20000000, 1_50000000),
    ]
    assert source.issues.counts == {"time_backwards": 2}


def test_funding_stands_at_the_full_hour(tmp_path: Path) -> None:
    hour = 3_600_000
    text = (
        "calc_time,funding_interval_hours,last_funding_rate\n"
        f"{T + 1},8,0.00037409\n{T + 8 * hour - 900},8,-0.0001\n"
        f"{T + 16 * hour},8,0.0001\n{T + 20 * hour + 1500},4,0.0002\n"
    )
    source, frame = read(tmp_path / "x.csv", text, UM)
    assert values(frame, "time_ns", "kind", "price_e8") == [
        (NS, Kind.FUNDING, 37409),
        (NS + 8 * hour * 10**6, Kind.FUNDING, -10000),
        (NS + 16 * hour * 10**6, Kind.FUNDING, 10000),
        (NS + (20 * hour + 1500) * 10**6, Kind.FUNDING, 20000),
    ]
    assert source.issues.counts == {"rounded_times": 2, "odd_times": 1}


LIQUIDATIONS = (
    "1687656471926,BUY,LIMIT,IOC,7,30741.3,30631.6,FILLED,6,7\n"
    "1687656400000,SELL,LIMIT,IOC,2,30000,30100.5,FILLED,2,2\n"
)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,"
        "last_fill_quantity,accumulated_fill_quantity\n",
    ],
)
def test_liquidations_come_once_and_in_order(tmp_path: Path, header: str) -> None:
    text = header + LIQUIDATIONS + LIQUIDATIONS
    source, frame = read(tmp_path / "x.csv", text, ReadOptions(symbol="BTCUSD_PERP"))
    assert source.instrument == "cm:BTCUSD_PERP"
    assert values(frame, "time_ns", "kind", "side", "price_e8", "quantity_e8") == [
        (1687656400000 * 10**6, Kind.LIQUIDATION, -1, 30100_50000000, 2 * E8),
        (1687656471926 * 10**6, Kind.LIQUIDATION, 1, 30631_60000000, 7 * E8),
    ]
    assert source.issues.counts == {"duplicate_rows": 2, "time_backwards": 1}
    assert source.issues.rows == 4


def test_tardis_trades_tell_symbol_and_market(tmp_path: Path) -> None:
    header = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
    row = f"binance-futures,BTCUSDT,{T}000,{T}005,7,sell,100.5,2\n"
    source, frame = read(tmp_path / "x.csv", header + row, ReadOptions())
    assert source.instrument == "um:BTCUSDT"
    assert frame.rows() == [(NS, NS + 5000, Kind.TRADE, LAST, -1, 100_50000000, 2 * E8, 7)]
    other = f"binance-futures,ETHUSDT,{T}000,{T}005,8,sell,100.5,2\n"
    with pytest.raises(InputError, match="line 3, field symbol: 'ETHUSDT' differs from 'BTCUSDT'"):
        read(tmp_path / "y.csv", header + row + other, ReadOptions())


def test_same_rows_from_every_compression(tmp_path: Path) -> None:
    text = TRADES["um trades"].encode()
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + text)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text))
    (tmp_path / "a.csv.xz").write_bytes(lzma.compress(text))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-trades-2024-01-01.csv", text)
        archive.writestr("BTCUSDT-trades-2024-01-02.csv", text)
    frames = []
    for path in sorted(tmp_path.iterdir()):
        assert is_archive(path)
        frames += [pl.concat(source.frames) for source in read_archive(path, UM)]
    assert len(frames) == 5
    assert all(frame.equals(frames[0]) for frame in frames)


def test_blank_lines_are_counted_and_keep_line_numbers(tmp_path: Path) -> None:
    text = f"\n5,1,1,1,{T},true\n\n\n6,x,1,1,{T},true\n"
    (tmp_path / "x.csv").write_text(text)
    (source,) = read_archive(tmp_path / "x.csv", UM)
    with pytest.raises(InputError, match=r"x.csv, line 5, field 2 \(price\): 'x' is no decimal"):
        list(source.frames)
    assert source.issues.counts["blank_lines"] == 3


def test_a_header_alone_is_no_rows(tmp_path: Path) -> None:
    source, frame = read(tmp_path / "x.csv", HEADERS["um trades"], UM)
    assert frame.height == 0
    assert source.issues.rows == 0
