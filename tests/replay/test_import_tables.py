"""What an import makes of several tables: ids from file to file, limits, notes, known filters."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from simulator.errors import InputError
from simulator.market.manifest import Manifest
from simulator.replay.importer import import_paths
from simulator.replay.lines import Limits
from tests.replay.streams_kit import record, trade

T = 1_704_067_200_000
DAY = 86_400_000


def day(folder: Path, number: int, ids: range, first_time: int | None = None) -> Path:
    """Write a daily file of UM trades as the archive has them."""
    path = folder / "futures" / "um" / f"BTCUSDT-trades-2024-01-0{number}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    begin = T + number * DAY if first_time is None else first_time
    path.write_text("".join(f"{i},100.5,2,201,{begin + i},true\n" for i in ids))
    return path


def brought_in(folder: Path, *paths: Path, limits: Limits | None = None) -> Manifest:
    return import_paths([*paths], folder / "tape.parquet", limits=limits or Limits())


def counts(manifest: Manifest) -> tuple[dict[str, int], dict[str, int]]:
    return (
        {name: one.count for name, one in manifest.findings.items()},
        {name: one.count for name, one in manifest.left_out.items()},
    )


def test_daily_files_that_follow_each_other_have_nothing_to_find(tmp_path: Path) -> None:
    days = [day(tmp_path, 1, range(10, 20)), day(tmp_path, 2, range(20, 30))]
    assert counts(brought_in(tmp_path, *days)) == ({}, {})


def test_a_hole_between_two_daily_files_is_found(tmp_path: Path) -> None:
    days = [day(tmp_path, 1, range(10, 20)), day(tmp_path, 2, range(25, 30))]
    manifest = brought_in(tmp_path, *days)
    assert counts(manifest) == ({"id_gaps": 1, "missing_ids": 5}, {})
    assert manifest.findings["id_gaps"].first[0].endswith("2024-01-02.csv: ids 20 to 24")


def test_trades_that_two_files_have_are_left_out_once(tmp_path: Path) -> None:
    days = [
        day(tmp_path, 1, range(10, 20), T),
        day(tmp_path, 2, range(15, 30), T),
        day(tmp_path, 3, range(10, 31), T),
    ]
    manifest = brought_in(tmp_path, *days)
    assert counts(manifest) == ({}, {"duplicate_ids": 25})
    ids = pl.read_parquet(tmp_path / "tape.parquet")["id"].to_list()
    assert ids == list(range(10, 31))


def test_a_file_whose_ids_begin_earlier_stands_by_itself(tmp_path: Path) -> None:
    days = [day(tmp_path, 1, range(100, 110)), day(tmp_path, 2, range(10, 20))]
    assert counts(brought_in(tmp_path, *days)) == ({}, {})


@pytest.mark.hours
@pytest.mark.parametrize("stream", [False, True])
def test_limits_are_the_users(tmp_path: Path, stream: bool) -> None:
    if stream:
        path = record(tmp_path, [trade(0, 1, note="x" * 20_000_000)])
    else:
        path = tmp_path / "BTCUSDT-trades-2024-01-01.csv.gz"
        head = f"1,100.5,2,201,{T},true\n"
        path.write_bytes(gzip.compress(head.encode() + b"\n" * 20_000_000))
    out = tmp_path / "tape.parquet"
    with pytest.raises(InputError, match="250 times its size; raise --max-ratio"):
        import_paths([path], out, market="um")
    with pytest.raises(InputError, match="more than 1000000 bytes of text; raise --max-bytes"):
        import_paths([path], out, market="um", limits=Limits(10**6, 10**6))
    manifest = import_paths([path], out, market="um", limits=Limits(max_ratio=10**6))
    assert manifest.rows == 1
    with pytest.raises(InputError, match="--max-ratio 0: must be at least 1"):
        Limits(max_ratio=0)


KLINES = f"{T},100,101,99,100,0,{T + 59_999},0,1,0,0,0\n"


def test_marks_alone_take_tick_and_lot_from_the_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(KLINES)
    out = tmp_path / "tape.parquet"
    manifest = import_paths([path], out, kind="mark", market="um", symbol="BTCUSDT")
    (listed,) = manifest.instruments
    assert (listed.tick, listed.lot) == (Decimal("0.1"), Decimal("0.001"))
    assert "exchangeInfo" in listed.filters_from
    manifest = import_paths([path], out, kind="mark", market="um", symbol="NOBODYUSDT")
    (listed,) = manifest.instruments
    assert (listed.tick, listed.lot, listed.filters_from) == (1, 1, "inferred")


def test_what_a_reader_took_for_granted_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "futures" / "cm" / "indexPriceKlines" / "BTCUSD-1m-2024-01-01.csv"
    path.parent.mkdir(parents=True)
    path.write_text(KLINES)
    manifest = brought_in(tmp_path, path)
    assert manifest.notes == [f"{path}: index of the pair BTCUSD put with BTCUSD_PERP"]
    assert manifest.instruments[0].name == "cm:BTCUSD_PERP"
