"""A column map turns any CSV or Parquet file into the same rows as the archive's own layout."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import simulator.replay.generic as generic
from simulator.errors import InputError
from simulator.market.tape import LAST, Kind
from simulator.replay.generic import parse_columns, read_generic
from simulator.replay.source import ReadOptions, Source, StepFinder, tape_columns

T = 1704067200000
NS = T * 10**6
E8 = 10**8

TRADE_MAP = "time=ts,price=px,quantity=qty,side=taker_side,id=trade_id"
TRADE_ROWS = [
    (NS, 0, Kind.TRADE, LAST, 1, 42000_10000000, 500000, 7),
    (NS + 1_000_000, 0, Kind.TRADE, LAST, -1, 42000_20000000, E8, 8),
]


def options(columns: str, kind: str = "trade", unit: str | None = None) -> ReadOptions:
    return ReadOptions("um", "BTCUSDT", kind, parse_columns(columns), unit)


def rows(path: Path, read_options: ReadOptions) -> tuple[Source, list[tuple[object, ...]]]:
    (source,) = read_generic(path, read_options)
    return source, [row for frame in source.frames for row in frame.rows()]


def test_trades_from_csv_in_any_column_order(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "note,trade_id,px,taker_side,ts,qty\n"
        f'"a, b",7,42000.1,buy,{T},0.005\n,8,42000.2,SELL,{T + 1},1.0\n'
    )
    source, found = rows(path, options(TRADE_MAP, unit="ms"))
    assert (source.instrument, source.kind_name) == ("um:BTCUSDT", "trades")
    assert found == TRADE_ROWS


def test_columns_by_number_where_there_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{T},7,42000.1,0.005,b\n{T + 1},8,42000.2,1,s\n")
    assert rows(path, options("time=1,id=2,price=3,quantity=4,side=5"))[1] == TRADE_ROWS


@pytest.mark.parametrize("numbers", ["float", "decimal", "text"])
@pytest.mark.parametrize("times", ["integer", "float", "naive", "zoned"])
def test_trades_from_parquet_of_many_types(tmp_path: Path, numbers: str, times: str) -> None:
    moments = [datetime.fromtimestamp(stamp / 1000, UTC) for stamp in (T, T + 1)]
    zoned = pl.Series(moments, dtype=pl.Datetime("us", "UTC"))
    stamps = {
        "integer": pl.Series([T, T + 1]),
        "float": pl.Series([float(T), float(T + 1)]),
        "naive": zoned.dt.replace_time_zone(None),
        "zoned": zoned.dt.convert_time_zone("Asia/Singapore"),
    }[times]
    texts = [["42000.1", "42000.2"], ["0.005", "1"]]
    made = {"float": float, "decimal": Decimal, "text": str}[numbers]
    price, quantity = (pl.Series([made(text) for text in column]) for column in texts)
    frame = pl.DataFrame(
        {
            "ts": stamps,
            "px": price,
            "qty": quantity,
            "taker_side": ["buy", "sell"],
            "trade_id": [7, 8],
        }
    )
    frame.write_parquet(tmp_path / "x.parquet")
    assert rows(tmp_path / "x.parquet", options(TRADE_MAP))[1] == TRADE_ROWS


def test_parquet_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generic, "ROWS_A_FRAME", 7)
    count = 50
    pl.DataFrame({"t": [T + at for at in range(count)], "p": [1.5] * count}).write_parquet(
        tmp_path / "x.parquet", row_group_size=9
    )
    (source,) = read_generic(tmp_path / "x.parquet", options("time=t,price=p", "mark"))
    frames = list(source.frames)
    assert [frame.height for frame in frames] == [7] * 7 + [1]
    assert pl.concat(frames)["time_ns"].to_list() == [NS + at * 10**6 for at in range(count)]
    assert source.issues.rows == count


def test_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"t,v\n{T},-0.0001\n")
    assert rows(path, options("time=t,price=v", "funding"))[1] == [
        (NS, 0, Kind.FUNDING, LAST, 0, -10000, 0, 0)
    ]
    assert rows(path, options("time=t,price=v", "premium"))[1] == [
        (NS, 0, Kind.PREMIUM, LAST, 0, -10000, 0, 0)
    ]
    path.write_text(f"t,b,bq,a,aq\n{T},100,1,101,2\n")
    quote = "time=t,bid_price=b,bid_quantity=bq,ask_price=a,ask_quantity=aq"
    source, found = rows(path, options(quote, "quote"))
    assert source.derived_book
    assert [row[2] for row in found] == [2, 1, 1, 4, 4]
    path.write_text(f"t,o,h,l,c\n{T},1,2,1,2\n")
    bars = "time=t,open=o,high=h,low=l,close=c"
    kinds = [Kind.BAR_OPEN, Kind.BAR_LOW, Kind.BAR_HIGH, Kind.BAR_CLOSE]
    assert [row[2] for row in rows(path, options(bars, "bar"))[1]] == kinds
    assert [row[2] for row in rows(path, options(bars, "index"))[1]] == [Kind.INDEX] * 4


REFUSED = [
    ("time=t,price", "trade", "'price' must be like time=NAME"),
    ("time=t,time=u", "trade", "time is named twice"),
    ("time=t,price=p", "trade", "trades needs time, price, quantity"),
    ("time=t,price=p,quantity=q,maker=m", "trade", "trades has no maker; it has"),
    ("time=t,price=p,quantity=nope", "trade", "has no column nope; its first line is t,p,q"),
    ("time=t,price=p,quantity=p", "trade", "names one column of the file twice"),
    ("time=t,price=p,quantity=q", "candle", "--kind candle: must be one of trades"),
]


@pytest.mark.parametrize(("columns", "kind", "message"), REFUSED)
def test_wrong_maps_are_refused(tmp_path: Path, columns: str, kind: str, message: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"t,p,q\n{T},1,1\n")
    with pytest.raises(InputError, match=message):
        rows(path, options(columns, kind))


def test_what_no_column_tells_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs --kind, --symbol and --market"):
        read_generic(tmp_path / "x.csv", ReadOptions(columns={"time": "t"}))
    with pytest.raises(InputError, match="must be spot, um, cm or option"):
        ReadOptions(market="futures")
    with pytest.raises(InputError, match="must be s, ms, us or ns"):
        ReadOptions(time_unit="minutes")


def test_broken_parquet_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    frame = pl.DataFrame({"t": [T] * 1000, "p": [float(at) + 0.5 for at in range(1000)]})
    frame.write_parquet(path)
    whole = path.read_bytes()
    chosen = options("time=t,price=p", "mark")
    for cut in (4, 50, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match="cannot be read") as caught:
            rows(path, chosen)
        assert "\n" not in str(caught.value)
    frame.with_columns(p=pl.lit([1.5])).write_parquet(path)
    with pytest.raises(InputError, match="column p is of type List"):
        rows(path, chosen)
    frame.with_columns(p=pl.lit(float("nan"))).write_parquet(path)
    with pytest.raises(InputError, match="line 1, field p: 'NaN' is no decimal number"):
        rows(path, chosen)


WHOLE = pl.DataFrame({"t": [T, T + 1] * 40, "p": [1.5, 2.5] * 40})


@settings(
    max_examples=10,  # each is a process
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_spoilt_parquet_is_read_or_refused_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "x.parquet"
    WHOLE.write_parquet(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        rows(path, options("time=t,price=p", "mark"))
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both outcomes are right


def test_decoder_that_dies_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    WHOLE.write_parquet(path)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(InputError, match="it is damaged, or needs too much memory"):
        rows(path, options("time=t,price=p", "mark"))


def test_steps_and_tape_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"t,p,q\n{T},100.5,0.020\n{T},99.25,3\n")
    (source,) = read_generic(path, options("time=t,price=p,quantity=q"))
    frame = pl.concat(source.frames)
    steps = StepFinder()
    steps.add(frame)
    assert (steps.tick, steps.lot) == (Decimal("0.01"), Decimal("0.01"))
    tape = tape_columns(frame, 3, steps.tick, steps.lot, source.name)
    assert tape.select("instrument", "price", "quantity").rows() == [(3, 10050, 2), (3, 9925, 300)]
    with pytest.raises(InputError, match=r"price 99.25 is not a multiple of the tick 0.1"):
        tape_columns(frame, 3, Decimal("0.1"), steps.lot, source.name)
    with pytest.raises(InputError, match=r"not a multiple of 0\.00000001"):
        tape_columns(frame, 3, Decimal("1e-9"), steps.lot, source.name)


def test_recorded_public_trades(shared_data: Path) -> None:
    path = shared_data / "freqtrade_testdata" / "public_trades_list.csv"
    if not path.is_file():
        pytest.skip("no recorded public_trades_list.csv")
    source, found = rows(
        path, options("time=timestamp,id=id,side=side,price=price,quantity=amount", unit="ms")
    )
    assert source.issues.rows == len(found) == 1000
    assert found[0] == (
        1675329600138 * 10**6,
        0,
        Kind.TRADE,
        LAST,
        1,
        1666_80000000,
        26_06200000,
        1206419187,
    )
