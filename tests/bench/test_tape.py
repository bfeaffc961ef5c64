"""Goal: every engine gets the same market, and that market could be one.

Method: replay small tapes on the readable book, and read each engine's form back.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bench.recording import recorded_rows
from bench.synthetic import DEPTH, TRADE, Rows, synthetic_rows
from bench.tape import LOT, TICK, digest, read_about, write_forms
from simulator.book.reference import Book
from simulator.errors import InputError
from simulator.market.manifest import read_manifest

EVENTS = 20_000


@pytest.fixture(scope="module")
def rows() -> Rows:
    return synthetic_rows(EVENTS, seed=7)


def test_same_seed_same_rows(rows: Rows) -> None:
    assert digest(synthetic_rows(EVENTS, seed=7)) == digest(rows)
    assert digest(synthetic_rows(EVENTS, seed=8)) != digest(rows)


def test_book_is_never_crossed_and_trades_hit_its_best_price(rows: Rows) -> None:
    book = Book()
    depth = trades = 0
    columns = (rows.kind, rows.side, rows.price, rows.quantity, rows.last)
    for kind, side, price, lots, last in zip(*(c.tolist() for c in columns), strict=True):
        if kind == TRADE:
            trades += 1
            assert price == book.best(-side)
            assert 1 <= lots <= book.shown(-side, price)
        else:
            depth += 1
            book.set_level(side, price, lots)
        if last:
            assert 0 < book.best(1) < book.best(-1)
    assert (depth, trades) == (int((rows.kind == DEPTH).sum()), int((rows.kind == TRADE).sum()))
    assert 0.06 < trades / len(rows) < 0.10


def test_times_never_decrease_and_never_meet_a_timer(rows: Rows) -> None:
    assert (np.diff(rows.time_ns) >= 0).all()
    after_opening = rows.time_ns[rows.time_ns > rows.time_ns[0]]
    assert ((after_opening - rows.time_ns[0]) % 2 == 1).all()


def test_every_form_says_the_same(rows: Rows, tmp_path: Path) -> None:
    write_forms(rows, tmp_path, "test")
    tape = pl.read_parquet(tmp_path / "tape.parquet")
    events = np.load(tmp_path / "hftbacktest.npz")["data"]
    assert read_manifest(tmp_path / "tape.parquet").rows == len(tape) == len(events) == len(rows)
    assert (events["exch_ts"] == tape["time_ns"].to_numpy()).all()
    assert (events["local_ts"] == events["exch_ts"]).all()
    assert (np.rint(events["px"] / TICK) == tape["price"].to_numpy()).all()
    assert (np.rint(events["qty"] / LOT) == tape["quantity"].to_numpy()).all()
    is_trade = tape["kind"].to_numpy() == TRADE
    assert ((events["ev"] & 0xFF == 2) == is_trade).all()
    is_buy = events["ev"] >> 29 & 1 == 1
    assert (is_buy == (tape["side"].to_numpy() > 0)).all()
    trades = np.load(tmp_path / "trades.npy")
    assert (trades[:, 2] == tape["price"].to_numpy()[is_trade]).all()
    assert read_about(tmp_path)["sha256"] == digest(rows)


def recording(path: Path, *messages: object) -> Path:
    lines = [f"1 {json.dumps(message)}\n".encode() for message in messages]
    path.write_bytes(gzip.compress(b"".join(lines)))
    return path


SNAPSHOT = {"lastUpdateId": 5, "bids": [["10.0", "1.000"]], "asks": [["10.1", "2.000"]]}


def stream(event: str, time_ms: int, **fields: object) -> dict[str, object]:
    return {"stream": "btcusdt@x", "data": {"e": event, "E": time_ms, "T": time_ms, **fields}}


def test_recording_repeats_from_the_same_book(tmp_path: Path) -> None:
    path = recording(
        tmp_path / "r.gz",
        stream("depthUpdate", 1, u=4, b=[["9.9", "9.000"]], a=[]),  # before the snapshot
        SNAPSHOT,
        stream("depthUpdate", 2, u=6, b=[["10.0", "0.000"], ["9.8", "0.003"]], a=[]),
        stream("trade", 3, p="10.1", q="0.002", m=False),
    )
    rows = recorded_rows(path, 9)
    levels = list(zip(rows.side.tolist(), rows.price.tolist(), rows.quantity.tolist(), strict=True))
    opening, body = [(1, 100, 1000), (-1, 101, 2000)], [(1, 100, 0), (1, 98, 3), (1, 101, 2)]
    reset = [(1, 98, 0), (1, 100, 1000)]
    assert levels == [*opening, *body, *reset, *body][:9]
    assert (np.diff(rows.time_ns) >= 0).all()
    assert rows.last.tolist() == [False, True, False, True, True, False, True, False, True]


def test_recording_of_another_scale_is_refused(tmp_path: Path) -> None:
    trade = stream("trade", 3, p="10.11", q="0.002", m=False)
    update = stream("depthUpdate", 2, u=6, b=[["10.0", "0.000"]], a=[])
    with pytest.raises(InputError, match=r"10\.11 is not a multiple of 0\.1"):
        recorded_rows(recording(tmp_path / "r.gz", SNAPSHOT, update, trade), 9)


def test_recording_without_a_snapshot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no depth snapshot"):
        recorded_rows(recording(tmp_path / "r.gz", stream("trade", 3, p="1", q="1", m=True)), 9)


@pytest.mark.slow
def test_real_recording_never_crosses_the_book(shared_data: Path) -> None:
    path = shared_data / "binance_streams_raw" / "usdm" / "btcusdt_20240808.gz"
    if not path.exists():
        pytest.skip("the recording is not in this copy of the data")
    rows = recorded_rows(path, 100_000)
    book = Book()
    columns = (rows.kind, rows.side, rows.price, rows.quantity, rows.last)
    for kind, side, price, lots, last in zip(*(c.tolist() for c in columns), strict=True):
        if kind == DEPTH:
            book.set_level(side, price, lots)
        if last:
            assert book.best(1) < book.best(-1)
