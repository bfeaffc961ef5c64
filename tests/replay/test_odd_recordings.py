"""Recordings as others make them: cut off, of other streams, of lists, with partial depth.

A reader must bring in what it can tell, name what it leaves out, and refuse in one line.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from simulator.errors import InputError
from simulator.market.manifest import Manifest
from simulator.market.tape import DERIVED, Kind
from simulator.replay.importer import import_paths
from simulator.replay.verify import verify
from tests.replay.streams_kit import T0, depth, imported, line, quote, snapshot, trade

BOOK = [
    snapshot(0, 10, [("99", "1")], [("101", "2")]),
    depth(1, 9, 10, 8, [("99.5", "1")]),
    depth(2, 11, 12, 10, [], [("101", "3")]),
    quote(3, 12, ("99.5", "1"), ("101", "3")),
    depth(9, 13, 14, 12, [("98", "2")]),
]
TEXT = "\n".join(BOOK).encode()


def brought_in(folder: Path, data: bytes, name: str = "recording.txt") -> Manifest:
    (folder / name).write_bytes(data)
    tape = folder / "tape.parquet"
    manifest = import_paths([folder / name], tape)
    assert all(one.tops.compared == one.tops.agreed for one in manifest.instruments)
    assert all(check.holds for check in verify(tape))
    return manifest


def left_out(manifest: Manifest) -> dict[str, int]:
    return {name: one.count for name, one in manifest.left_out.items()}


def restamped(divisor: int) -> bytes:
    lines = [one.split(" ", 1) for one in BOOK]
    return "\n".join(f"{int(stamp) // divisor} {body}" for stamp, body in lines).encode()


def unwrapped() -> bytes:
    lines = [one.split(" ", 1) for one in BOOK]
    bodies = [json.loads(body) for _, body in lines]
    pairs = zip(lines, bodies, strict=True)
    return "\n".join(f"{s} {json.dumps(b.get('data', b))}" for (s, _), b in pairs).encode()


SAME = {
    "no last line end": TEXT,
    "line ends of Windows": TEXT.replace(b"\n", b"\r\n") + b"\r\n",
    "byte order mark": b"\xef\xbb\xbf" + TEXT,
    "compressed byte order mark": gzip.compress(b"\xef\xbb\xbf" + TEXT),
    "stamps in us": restamped(10**3),
    "stamps in ms": restamped(10**6),
    "stamps in s": restamped(10**9),
    "raw streams": unwrapped(),
    "two gzip members": gzip.compress(TEXT[:300]) + gzip.compress(TEXT[300:]),
}


@pytest.mark.parametrize("data", SAME.values(), ids=SAME.keys())
def test_the_same_book_in_other_clothes(tmp_path: Path, data: bytes) -> None:
    manifest = brought_in(tmp_path, data)
    (listed,) = manifest.instruments
    assert (listed.name, listed.tops.compared) == ("um:BTCUSDT", 1)
    assert listed.rows == {"DEPTH": 5, "CLEAR": 1, "QUOTE": 2}
    assert (manifest.findings, manifest.left_out) == ({}, {})


TICKERS = [{"e": "24hrTicker", "E": T0, "s": name, "c": "1"} for name in ("BTCUSDT", "ETHUSDT")]
KLINE = {"e": "kline", "E": T0, "s": "BTCUSDT", "k": {"t": 1}}
EXTRA = [
    (line(KLINE, 3), {"kline": 1}),
    (f"{T0}000000 " + json.dumps({"stream": "!ticker@arr", "data": TICKERS}), {"24hrTicker": 2}),
    (f"{T0}000000 " + json.dumps(TICKERS), {"24hrTicker": 2}),
    (f'{T0}000000 {{"result":null,"id":1}}', {"control_message": 1}),
    ("   ", {"blank_line": 1}),
    (BOOK[2], {"depth_repeated": 1}),
    (snapshot(5, 12, [("90", "1")], [("110", "1")]), {"snapshot_while_synced": 1}),
]


@pytest.mark.parametrize(("extra", "names"), EXTRA)
def test_what_is_no_market_data_is_left_out_by_name(
    tmp_path: Path, extra: str, names: dict[str, int]
) -> None:
    lines = [*BOOK[:4], extra, BOOK[4]]
    manifest = brought_in(tmp_path, "\n".join(lines).encode() + b"\n")
    assert left_out(manifest) == names
    assert manifest.instruments[0].rows == {"DEPTH": 5, "CLEAR": 1, "QUOTE": 2}


def test_a_last_line_cut_off_is_left_out(tmp_path: Path) -> None:
    for data in (TEXT[:-20], gzip.compress(TEXT[:-20])):
        manifest = brought_in(tmp_path, data)
        assert left_out(manifest) == {"line_cut_off": 1}
        assert manifest.left_out["line_cut_off"].first[0].endswith("line 5")
    with pytest.raises(InputError, match="line 5: not valid JSON"):
        brought_in(tmp_path, TEXT[:-20] + b"\n")


REFUSED = {
    "gzip cut off": (gzip.compress(TEXT * 50)[:-30], "recording.txt: damaged compressed data"),
    "gzip cut in its head": (gzip.compress(TEXT)[:5], "recording.txt: damaged compressed data"),
    "nothing compressed": (gzip.compress(b""), "recording.txt: is empty"),
    "blank lines only": (b"\n \n\n", "recording.txt: is empty"),
    "garbage": (TEXT + b"\nhello\n", "line 6: no JSON object in the line"),
    "no snapshot": (TEXT.split(b"\n")[1], r"no market data .*depth_without_snapshot 1"),
    "out of order": (
        b"\n".join([TEXT.split(b"\n")[at] for at in (0, 1, 4, 2)]),
        r"line \d: um:BTC",
    ),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_is_refused_in_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        brought_in(tmp_path, data)
    assert "\n" not in str(caught.value)


def test_a_raw_list_of_mark_prices(tmp_path: Path) -> None:
    marks = [
        {"e": "markPriceUpdate", "E": T0, "s": name, "p": "9.5", "i": "9.4", "r": "0", "T": T0 + 9}
        for name in ("BTCUSDT", "ETHUSDT")
    ]
    manifest = brought_in(tmp_path, f"{T0}000000 {json.dumps(marks)}".encode())
    assert [one.name for one in manifest.instruments] == ["um:BTCUSDT", "um:ETHUSDT"]


def test_a_zip_of_several_tables_is_read(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-trades-2024-01.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in (1, 2):
            text = f"{number},100.5,2,201,{1_704_067_200_000 + number},true\n"
            archive.writestr(f"BTCUSDT-trades-2024-01-0{number}.csv", text)
    assert import_paths([path], tmp_path / "tape.parquet", market="um").rows == 2


def partial(at: int, u: int, bids: list[list[str]], asks: list[list[str]], spot: bool) -> str:
    body: dict[str, object] = {"lastUpdateId": u, "bids": bids, "asks": asks}
    if not spot:
        body = {"e": "depthUpdate", "E": T0 + at, "s": "BTCUSDT", "U": u - 1, "u": u, "pu": u - 2}
        body |= {"b": bids, "a": asks}
    return line(body, at, "btcusdt@depth20@100ms")


@pytest.mark.parametrize("spot", [False, True])
def test_partial_depth_is_a_book_where_there_is_no_other(tmp_path: Path, spot: bool) -> None:
    mark = {"X": None, "M": True} if spot else {}
    lines = [
        trade(0, 1, "99", "1", **mark),
        partial(1, 5, [["99", "1"], ["98", "4"]], [["101", "1"]], spot),
        trade(2, 2, "99", "1", **mark),
        partial(3, 8, [["98", "4"]], [["100", "3"], ["101", "1"]], spot),
        quote(4, 8, ("98", "4"), ("100", "3"), futures=not spot),
    ]
    tape, manifest = imported(tmp_path, lines)
    (listed,) = manifest.instruments
    assert (listed.book, listed.tops.compared, listed.tops.agreed) == ("quote", 1, 1)
    kinds = [int(Kind.DEPTH), int(Kind.CLEAR)]
    rows = pl.read_parquet(tape).filter(pl.col("kind").is_in(kinds))
    assert all(flags & DERIVED for flags in rows["flags"])
    tick, lot = listed.tick, listed.lot
    levels = [
        (kind, side, int(price * tick), int(quantity * lot))
        for kind, side, price, quantity in rows.select("kind", "side", "price", "quantity").rows()
    ]
    first = [(1, 1, 99, 1), (1, 1, 98, 4), (1, -1, 101, 1)]
    assert levels == [(2, 0, 0, 0), *first, (1, 1, 99, 0), (1, -1, 100, 3)]
    assert all(check.holds for check in verify(tape))


def test_partial_depth_is_left_out_beside_the_whole(tmp_path: Path) -> None:
    lines = [*BOOK, partial(9, 14, [["1", "1"]], [["2", "1"]], False)]
    tape, manifest = imported(tmp_path, lines)
    assert left_out(manifest) == {"partial_depth": 1}
    assert not any(pl.read_parquet(tape)["flags"] & DERIVED)
