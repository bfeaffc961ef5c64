"""Recorded streams: what each kind of line becomes, what is refused, and the real recordings."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import polars as pl
import pytest

from simulator.errors import InputError
from simulator.market.manifest import Manifest
from simulator.market.tape import DERIVED, Kind
from simulator.replay.importer import import_paths
from simulator.replay.verify import verify
from tests.replay.streams_kit import T0, depth, imported, line, quote, record, snapshot, trade

MS = 1_000_000


def rows(tape: Path, kind: Kind) -> list[dict[str, int]]:
    return pl.read_parquet(tape).filter(pl.col("kind") == int(kind)).to_dicts()


def test_a_trade_is_one_row(tmp_path: Path) -> None:
    tape, manifest = imported(tmp_path, [trade(5, 7, "100.10", "0.250", m=False)])
    (row,) = pl.read_parquet(tape).to_dicts()
    assert manifest.instruments[0].name == "um:BTCUSDT"
    assert row == {
        "time_ns": (T0 + 5) * MS,
        "receive_ns": (T0 + 8) * MS,
        "instrument": 0,
        "kind": Kind.TRADE,
        "flags": 1,
        "side": 1,
        "price": 1001,
        "quantity": 250,
        "id": 7,
    }


def test_trades_that_come_twice_are_dropped_and_counted(tmp_path: Path) -> None:
    tape, manifest = imported(tmp_path, [trade(0, 1), trade(1, 2), trade(1, 2), trade(3, 4)])
    assert [row["id"] for row in rows(tape, Kind.TRADE)] == [1, 2, 4]
    assert manifest.left_out["duplicate_trade_id"].count == 1
    assert manifest.left_out["duplicate_trade_id"].first == [
        f"{tmp_path / 'recording.gz'}: line 3",
    ]
    assert manifest.findings["trade_id_gap"].first == [f"{tmp_path / 'recording.gz'}: line 4"]


def test_trades_outside_the_book_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    lines = [trade(0, 1), trade(1, 2, X="INSURANCE_FUND"), trade(2, 3, "0", "0", X="MARKET")]
    tape, manifest = imported(tmp_path, lines)
    assert len(rows(tape, Kind.TRADE)) == 1
    assert manifest.left_out["trade_outside_book"].count == 1
    assert manifest.left_out["empty_print"].count == 1
    assert manifest.findings == {}


@pytest.mark.parametrize("with_trades", [False, True])
def test_agg_trades_are_trades_only_where_there_are_no_single_ones(
    tmp_path: Path, with_trades: bool
) -> None:
    agg = {"e": "aggTrade", "E": T0, "s": "BTCUSDT", "a": 5, "p": "100.0", "q": "2", "m": False}
    lines = [line(agg, 0)] + ([trade(1, 1)] if with_trades else [])
    _, manifest = imported(tmp_path, lines)
    expected = {"AGG_TRADE": 1, "TRADE": 1} if with_trades else {"TRADE": 1}
    assert manifest.instruments[0].rows == expected
    assert manifest.instruments[0].book == "trade"


def mark(at: int, due: int, rate: str) -> str:
    message = {"e": "markPriceUpdate", "E": T0 + at, "s": "BTCUSDT", "p": "100.5", "i": "100.25"}
    return line(message | {"P": "100.1", "r": rate, "T": T0 + due}, at)


def test_mark_prices_and_funding(tmp_path: Path) -> None:
    lines = [mark(0, 1500, "0.0001"), mark(1000, 1500, "-0.0002"), mark(2000, 9000, "0.0003")]
    tape, _ = imported(tmp_path, lines)
    assert [row["price"] for row in rows(tape, Kind.MARK)] == [10_050_000_000] * 3
    assert [row["price"] for row in rows(tape, Kind.INDEX)] == [10_025_000_000] * 3
    estimates = [(r["price"], r["quantity"]) for r in rows(tape, Kind.FUNDING_ESTIMATE)]
    assert estimates[1] == (-20_000, (T0 + 1500) * MS)
    (paid,) = rows(tape, Kind.FUNDING)
    assert (paid["time_ns"], paid["price"]) == ((T0 + 1500) * MS, -20_000)
    assert paid["flags"] & DERIVED


def test_an_array_of_mark_prices_and_a_delivery_contract(tmp_path: Path) -> None:
    one = {"e": "markPriceUpdate", "E": T0, "s": "BTCUSDT", "p": "100.5", "r": "0.1", "T": T0 + 1}
    other = {"e": "markPriceUpdate", "E": T0, "s": "BTCUSD_250328", "p": "99.5", "r": "", "T": 0}
    body = json.dumps({"stream": "!markPrice@arr", "data": [one, other]})
    _, manifest = imported(tmp_path, [f"{T0 * MS} {body}"])
    kinds = {listed.name: listed.rows for listed in manifest.instruments}
    assert kinds["um:BTCUSDT"] == {"MARK": 1, "FUNDING_ESTIMATE": 1}
    assert kinds["cm:BTCUSD_250328"] == {"MARK": 1}


def test_a_liquidation(tmp_path: Path) -> None:
    order = {"s": "BTCUSDT", "S": "SELL", "q": "0.014", "p": "9910", "ap": "9910.37", "z": "0.010"}
    force = line({"e": "forceOrder", "E": T0, "o": order | {"o": "LIMIT", "X": "FILLED"}}, 0)
    tape, _ = imported(tmp_path, [force, trade(1, 1, "9910.1")])
    (row,) = rows(tape, Kind.LIQUIDATION)
    assert (row["side"], row["price"], row["quantity"]) == (-1, 99104, 10)


def test_spot_quotes_take_the_latest_event_time_of_their_symbol(tmp_path: Path) -> None:
    lines = [
        quote(0, 5, ("99", "1"), ("101", "1"), futures=False),
        trade(10, 1, X=None, M=True),
        quote(12, 6, ("99", "1"), ("101", "1"), futures=False),
        quote(15, 7, ("99", "1"), ("101", "1"), futures=False),
        trade(20, 2, X=None, M=True),
        quote(22, 8, ("99", "1"), ("101", "1"), futures=False),
    ]
    tape, manifest = imported(tmp_path, lines)
    assert manifest.instruments[0].name == "spot:BTCUSDT"
    times = [row["time_ns"] // MS - T0 for row in rows(tape, Kind.QUOTE)[::2]]
    assert times == [10, 10, 10, 20]


def test_equal_times_keep_the_recorded_order(tmp_path: Path) -> None:
    lines = [
        trade(0, 1),
        quote(0, 5, ("99", "1"), ("101", "1")),
        trade(0, 2),
        quote(0, 6, ("99", "1"), ("101", "1")),
    ]
    tape, _ = imported(tmp_path, lines)
    informing = pl.read_parquet(tape).filter(pl.col("kind") != int(Kind.DEPTH))
    assert informing["id"].to_list() == [1, 5, 5, 2, 6, 6]


def test_time_that_runs_backwards_within_a_stream(tmp_path: Path) -> None:
    lines = [trade(10, 1), trade(8, 2), quote(5, 5, ("99", "1"), ("101", "1")), trade(12, 3)]
    with pytest.raises(InputError, match=r"line 2: um:BTCUSDT: field E: time of trade runs back"):
        imported(tmp_path, lines)
    tape, manifest = imported(tmp_path, lines, "resync")
    assert manifest.findings["time_backwards"].count == 1
    assert [r["time_ns"] // MS - T0 for r in rows(tape, Kind.TRADE)] == [10, 10, 12]


@pytest.mark.parametrize("digits", [13, 16, 19])
def test_receive_stamps_of_any_unit(tmp_path: Path, digits: int) -> None:
    text = trade(0, 1)
    stamp, body = text.split(" ", 1)
    tape, _ = imported(tmp_path, [f"{stamp[:digits]} {body}"])
    assert rows(tape, Kind.TRADE)[0]["receive_ns"] == (T0 + 3) * MS


GOOD = trade(0, 1)
BROKEN = [
    ("no stamp", GOOD.split(" ", 1)[1], "receive_ns"),
    ("stamp no number", "12a4 " + GOOD.split(" ", 1)[1], "receive_ns"),
    ("no JSON", f"{T0 * MS} hello", "no JSON object"),
    ("cut short", GOOD[:-20], "not valid JSON"),
    ("field missing", GOOD.replace('"p":"100.0",', ""), "field p: is missing"),
    ("price no number", GOOD.replace('"100.0"', '"1x0"'), "field p: '1x0'"),
    ("negative", GOOD.replace('"100.0"', '"-1"'), "field p: '-1'"),
    ("too many decimals", GOOD.replace('"100.0"', '"1.123456789"'), "field p"),
    ("id no integer", GOOD.replace('"t":1,', '"t":"one",'), "field t: 'one'"),
    ("no time", GOOD.replace(f'"E":{T0}', '"E":5'), "field E"),
    ("level too short", depth(0, 1, 2, 0, [["99"]]), "field b: a level"),  # type: ignore[list-item]
    ("level no number", depth(0, 1, 2, 0, [("99", "q")]), "field b: 'q'"),
    ("price zero", depth(0, 1, 2, 0, [("0", "1")]), "field b: a price"),
]


@pytest.mark.parametrize(("broken", "said"), [case[1:] for case in BROKEN], ids=lambda x: x[:12])
def test_a_corrupt_line_names_file_line_and_field(tmp_path: Path, broken: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        imported(tmp_path, [GOOD, trade(1, 2), broken, trade(2, 3)])
    assert str(caught.value).startswith(f"{tmp_path / 'recording.gz'}: line 3: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "tape.parquet").exists()


def test_damaged_compression_is_refused(tmp_path: Path) -> None:
    whole = record(tmp_path, [trade(i, i) for i in range(5000)])
    whole.write_bytes(whole.read_bytes()[:-2000])
    with pytest.raises(InputError, match="damaged compressed data"):
        import_paths([whole], tmp_path / "tape.parquet")


def test_lines_without_place_on_the_tape_are_counted(tmp_path: Path) -> None:
    lines = [
        trade(0, 1),
        f'{T0 * MS} {{"result":null,"id":1}}',
        line({"e": "kline", "E": T0, "s": "BTCUSDT", "k": {}}, 1),
        "",
    ]
    _, manifest = imported(tmp_path, lines)
    counts = {name: found.count for name, found in manifest.left_out.items()}
    assert counts == {"blank_line": 1, "control_message": 1, "kline": 1}


@pytest.mark.parametrize("name", ["plain", "odd.name", "xz"])
def test_files_are_told_by_content(tmp_path: Path, name: str) -> None:
    data = (trade(0, 1) + "\n" + trade(1, 2)).encode()
    pack = {"plain": bytes, "odd.name": gzip.compress, "xz": lzma.compress}[name]
    path = tmp_path / name
    path.write_bytes(pack(data))
    assert import_paths([path], tmp_path / "tape.parquet").rows == 2


def test_several_symbols_in_one_file(tmp_path: Path) -> None:
    levels = [("99.9", "1.000")], [("100.1", "1.000")]
    lines = [
        depth(0, 95, 110, 80),
        depth(0, 595, 610, 580, symbol="ETHUSDT"),
        snapshot(1, 600, *levels),
        snapshot(2, 100, *levels),
        depth(5, 611, 620, 610, symbol="ETHUSDT"),
        depth(5, 111, 120, 110),
    ]
    _, manifest = imported(tmp_path, lines)
    assert {listed.name: listed.book for listed in manifest.instruments} == {
        "um:BTCUSDT": "depth",
        "um:ETHUSDT": "depth",
    }


def test_a_recording_goes_on_in_the_next_file(tmp_path: Path) -> None:
    first = [snapshot(0, 100, [("99.9", "1")], [("100.1", "1")]), depth(5, 95, 110, 80)]
    record(tmp_path, first, "b.gz")
    record(tmp_path, [depth(86_400_000, 111, 120, 110, [("99.8", "1")])], "a.gz")
    manifest = import_paths([tmp_path], tmp_path / "tape.parquet")
    assert manifest.findings == {}
    assert manifest.instruments[0].rows["DEPTH"] == 3
    assert [source.name for source in manifest.sources] == ["a.gz", "b.gz"]


def test_a_jump_at_a_file_with_its_own_snapshot_is_a_new_recording(tmp_path: Path) -> None:
    for day, base in ((0, 100), (1, 900)):
        shot = snapshot(day * 1000, base, [("99.9", "1")], [("100.1", "1")])
        event = depth(day * 1000 + 5, base, base + 10, base - 20)
        record(tmp_path, [shot, event], f"{day}.gz")
    manifest = import_paths([tmp_path], tmp_path / "tape.parquet")
    assert manifest.findings["new_recording"].count == 1
    assert manifest.instruments[0].rows["CLEAR"] == 3


def test_the_same_file_twice_is_read_once(tmp_path: Path) -> None:
    record(tmp_path, [trade(0, 1)], "a.gz")
    (tmp_path / "b.gz").write_bytes((tmp_path / "a.gz").read_bytes())
    manifest = import_paths([tmp_path], tmp_path / "tape.parquet")
    assert manifest.rows == 1
    assert manifest.left_out["duplicate_file"].count == 1


def test_a_small_chunk_gives_the_same_tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [depth(0, 95, 110, 80), snapshot(1, 100, [("99.9", "1")], [("100.1", "1")])]
    for i in range(200):
        lines.append(depth(10 + i, 111 + i, 111 + i, 110 + i, [("99.8", f"{i % 7}.000")]))
        lines.append(quote(10 + i, 111 + i, ("99.9", "1.000"), ("100.1", "1.000")))
        lines.append(trade(10 + i, i))
    whole, manifest = imported(tmp_path, lines)
    expected = pl.read_parquet(whole)
    monkeypatch.setattr("simulator.replay.streams.CHUNK_BYTES", 2000)
    again, other = imported(tmp_path, lines)
    assert pl.read_parquet(again).equals(expected)
    assert other.instruments == manifest.instruments
    assert manifest.instruments[0].tops.compared == 200


# Comparisons of tops with quotes of equal update id, and files, of the recordings held for tests.
RECORDED = """
    folder  files                 tops
    usdm    btcusdt_2023          1565
    usdm    btcusdt_20240808      629
    usdm    ethusdt_20240808      551
    cm      btcusd_perp           1885
    cm      ethusd_perp           2278
    spot    btcusdt_2024          1072
    spot    ethusdt               1056
"""


@pytest.mark.parametrize(
    "row", [r.split() for r in RECORDED.strip().splitlines()[1:]], ids=" ".join
)
def test_recorded_books_equal_their_book_tickers(
    row: list[str], shared_data: Path, tmp_path: Path
) -> None:
    folder, files, expected = row
    paths = sorted((shared_data / "binance_streams_raw" / folder).glob(f"{files}*"))
    tape = tmp_path / "tape.parquet"
    manifest = import_paths(paths, tape)
    listed = manifest.instruments[0]
    assert (listed.tops.compared, listed.tops.agreed) == (int(expected), int(expected))
    assert listed.book == "depth"
    assert manifest.findings == {}
    assert all(check.holds for check in verify(tape))


def test_recorded_funding(shared_data: Path, tmp_path: Path) -> None:
    paths = sorted((shared_data / "binance_streams_raw" / "usdm").glob("btcusdt_2023*"))
    tape = tmp_path / "tape.parquet"
    manifest: Manifest = import_paths(paths, tape)
    assert manifest.instruments[0].rows["MARK"] == 514
    (paid,) = rows(tape, Kind.FUNDING)
    assert paid["time_ns"] == 1_680_652_800_000 * MS


def test_recorded_spot_without_snapshot_has_a_book_of_quotes(
    shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "binance_streams_raw" / "spot" / "btcusdt_20230405.dat.gz"
    tape = tmp_path / "tape.parquet"
    manifest = import_paths([path], tape)
    assert manifest.instruments[0].book == "quote"
    assert manifest.left_out["depth_without_snapshot"].count == 3929
    assert all(check.holds for check in verify(tape))


def test_filters_are_the_catalogues_where_the_data_fit_them(tmp_path: Path) -> None:
    only_marks, fits, finer = (
        imported(tmp_path, lines)[1].instruments[0]
        for lines in ([mark(0, 1, "0.0001")], [trade(0, 1, "100", "1")], [trade(0, 1, "100.05")])
    )
    assert [str(one.tick) for one in (only_marks, fits, finer)] == ["0.1", "0.1", "0.01"]
    assert [str(one.lot) for one in (only_marks, fits, finer)] == ["0.001", "0.001", "0.001"]
    assert "exchangeInfo" in fits.filters_from
    assert finer.filters_from.startswith("inferred")


@pytest.mark.parametrize(
    ("symbol", "price", "expected"),
    [
        ("PEPEUSDT", "0.00001234", ("PEPE", "USDT", "0.00000001", "1")),
        ("FOOBTC", "12.500", ("FOO", "BTC", "0.1", "0.1")),
        ("FOOUSD_PERP", "1250", ("FOO", "USD", "1", "0.1")),
    ],
)
def test_unknown_instruments_are_inferred(
    tmp_path: Path, symbol: str, price: str, expected: tuple[str, ...]
) -> None:
    lines = [trade(0, 1, price, "2.50000000", s=symbol), trade(1, 2, price, "30", s=symbol)]
    _, manifest = imported(tmp_path, lines)
    one = manifest.instruments[0]
    assert (one.base, one.quote, f"{one.tick:f}", f"{one.lot:f}") == expected
    assert one.filters_from.startswith("inferred")
    assert one.contract_size == (10 if symbol.endswith("PERP") else 1)


def test_a_symbol_without_known_quote_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="um:FOOBAR: its quote asset is none of USDT"):
        imported(tmp_path, [trade(0, 1, s="FOOBAR")])


def test_partial_depth_is_no_update(tmp_path: Path) -> None:
    top = depth(0, 1, 2, 0, [("99.9", "1")]).replace('"stream":"x"', '"stream":"x@depth20@100ms"')
    _, manifest = imported(tmp_path, [top, trade(0, 1)])
    assert manifest.instruments[0].book == "quote"
    assert manifest.instruments[0].rows == {"TRADE": 1, "CLEAR": 1, "DEPTH": 1}


def test_only_one_instrument_of_a_recording(tmp_path: Path) -> None:
    path = record(tmp_path, [trade(0, 1), trade(1, 2, s="ETHUSDT"), trade(2, 3, s="ETHUSDT")])
    out = tmp_path / "tape.parquet"
    manifest = import_paths([path], out, instrument="um:ETHUSDT")
    assert [one.name for one in manifest.instruments] == ["um:ETHUSDT"]
    assert manifest.left_out["other_instrument"].count == 1


def test_a_snapshot_that_nothing_names_is_refused(tmp_path: Path) -> None:
    shot = snapshot(0, 100, [("99.9", "1")], [("100.1", "1")])
    with pytest.raises(InputError, match=r"line 1: the snapshot names no symbol"):
        imported(tmp_path, [shot])


def test_quotes_take_over_after_a_gap_and_depth_after_the_next_snapshot(tmp_path: Path) -> None:
    lines = [
        snapshot(0, 100, [("99.9", "1")], [("100.1", "1")]),
        depth(5, 95, 110, 80),
        quote(6, 111, ("99.8", "4"), ("100.1", "1")),
        depth(10, 121, 130, 120),
        quote(11, 131, ("99.7", "5"), ("100.3", "6")),
        depth(15, 131, 140, 130, [("99.6", "2")]),
        snapshot(16, 135, [("99.5", "3")], [("100.4", "7")]),
        quote(20, 141, ("99.6", "2"), ("100.4", "7")),
    ]
    tape, _ = imported(tmp_path, lines, "resync")
    frame = pl.read_parquet(tape).filter(pl.col("kind").is_in([1, 2]))
    at = {t // MS - T0: part for (t,), part in frame.partition_by("time_ns", as_dict=True).items()}
    assert sorted(at) == [5, 10, 11, 15]
    assert at[10]["kind"].to_list() == [int(Kind.CLEAR)]
    assert at[11].select("side", "price", "flags").rows() == [(1, 997, 2), (-1, 1003, 3)]
    assert at[15]["price"].to_list() == [0, 995, 1004, 996]
