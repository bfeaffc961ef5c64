"""The player: one total order over tapes, spans and choices, bounded memory, made books.

Merging is compared with a plain stable sort of all rows; memory is measured in its own process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.market.manifest import Latency, Listed, Manifest, sha256_of, write_manifest
from simulator.market.merge import Stream, merge
from simulator.market.tape import DERIVED, LAST, SCHEMA, Kind
from simulator.market.write import write_tape
from simulator.replay.player import DTYPES, Block, Player
from simulator.replay.synthetic import BookAssumption

Row = tuple[int, int, int, int, int, int]
"""Time, instrument, kind, side, price, quantity."""


def make_tape(
    path: Path,
    rows: list[Row],
    names: list[str],
    book: str = "depth",
    tick: str = "0.1",
    offset: int = 0,
    receive: int = 0,
) -> Path:
    """Write rows (in time order) as a tape; ``id`` counts them."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    frame = pl.DataFrame(
        {
            "time_ns": columns[0],
            "receive_ns": [receive and receive + time for time in columns[0]],
            "instrument": columns[1],
            "kind": columns[2],
            "flags": [LAST] * len(rows),
            "side": columns[3],
            "price": columns[4],
            "quantity": columns[5],
            "id": range(len(rows)),
        },
        schema=SCHEMA,
    )
    write_tape(iter([frame]), path)
    listed = [
        Listed(
            market=name.split(":")[0],  # type: ignore[arg-type]
            symbol=name.split(":")[1],
            base="BTC",
            quote="USDT",
            tick=Decimal(tick),
            lot=Decimal("0.001"),
            contract_size=Decimal(1),
            min_quantity=Decimal(0),
            min_notional=Decimal(0),
            max_quantity=Decimal(0),
            filters_from="test",
            book=book,  # type: ignore[arg-type]
            rows={},
        )
        for name in names
    ]
    manifest = Manifest(
        tape=path.name,
        sha256=sha256_of(path),
        rows=len(rows),
        first_ns=rows[0][0] if rows else 0,
        last_ns=rows[-1][0] if rows else 0,
        instruments=listed,
        sources=[],
        on_gap="stop",
        latency=Latency(offset=offset),
    )
    write_manifest(path, manifest)
    return path


def trades(times: list[int], price: int = 100) -> list[Row]:
    return [(time, 0, int(Kind.TRADE), 1, price, 5) for time in times]


def joined(blocks: Iterator[Block]) -> dict[str, list[int]]:
    parts = list(blocks)
    return {name: [x for b in parts for x in getattr(b, name).tolist()] for name in DTYPES}


TIMES = st.lists(st.lists(st.integers(0, 12), max_size=30).map(sorted), min_size=1, max_size=4)


@given(TIMES, st.integers(1, 7))
def test_merge_is_a_stable_sort(times: list[list[int]], size: int) -> None:
    frames = [
        pl.DataFrame({"time_ns": one, "of": [i] * len(one), "at": range(len(one))})
        for i, one in enumerate(times)
    ]
    streams = [
        Stream(one[0] if one else 0, lambda frame=frame: frame.iter_slices(size))
        for one, frame in zip(times, frames, strict=True)
    ]
    merged = [row for frame in merge(streams) for row in frame.iter_rows()]
    expected = sorted((row for frame in frames for row in frame.iter_rows()), key=lambda r: r[0])
    assert merged == expected


@given(TIMES)
def test_merge_opens_a_source_only_when_it_is_reached(times: list[list[int]]) -> None:
    latest = -1

    def opened(first: int, frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
        assert latest <= first
        yield from frame.iter_slices(3)

    streams = [
        Stream(one[0], lambda one=one: opened(one[0], pl.DataFrame({"time_ns": one})))
        for one in times
        if one
    ]
    for frame in merge(streams):
        latest = frame["time_ns"][-1]


def test_blocks_are_typed_contiguous_and_bounded(tmp_path: Path) -> None:
    path = make_tape(tmp_path / "a.parquet", trades(list(range(1000))), ["um:BTCUSDT"])
    blocks = list(Player([path], block_rows=300).blocks())
    assert [block.size for block in blocks] == [300, 300, 300, 100]
    for name, dtype in DTYPES.items():
        column = getattr(blocks[0], name)
        assert column.dtype == dtype
        assert column.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("prefetch", [False, True])
def test_ties_go_by_tape_and_instruments_are_numbered_over_all(
    tmp_path: Path, prefetch: bool
) -> None:
    a = make_tape(tmp_path / "a.parquet", trades([1, 2, 2]), ["um:BTCUSDT"])
    b = make_tape(tmp_path / "b.parquet", trades([2, 3]), ["spot:BTCUSDT"])
    player = Player([a, b])
    rows = joined(player.blocks(prefetch))
    assert rows["time_ns"] == [1, 2, 2, 2, 3]
    assert rows["instrument"] == [0, 0, 0, 1, 1]
    assert [one.name for one in player.instruments] == ["um:BTCUSDT", "spot:BTCUSDT"]
    assert (player.rows, player.span) == (5, (1, 3))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(None, None, [1, 2, 2, 5]), (2, 5, [2, 2]), (3, None, [5]), (None, 2, [1]), (6, 9, [])],
)
def test_a_span_includes_its_start_and_not_its_end(
    tmp_path: Path, start: int | None, end: int | None, expected: list[int]
) -> None:
    path = make_tape(tmp_path / "a.parquet", trades([1, 2, 2, 5]), ["um:BTCUSDT"])
    player = Player([path], start_ns=start, end_ns=end)
    assert joined(player.blocks())["time_ns"] == expected
    assert player.rows == len(expected)
    assert player.span == ((expected[0], expected[-1]) if expected else (0, 0))


def test_instruments_can_be_chosen_and_ordered(tmp_path: Path) -> None:
    rows = [(time, time % 3, int(Kind.TRADE), 1, 100, 5) for time in range(9)]
    names = ["um:AUSDT", "um:BUSDT", "um:CUSDT"]
    path = make_tape(tmp_path / "a.parquet", rows, names)
    out = joined(Player([path], instruments=["um:CUSDT", "um:AUSDT"]).blocks())
    assert out["time_ns"] == [0, 2, 3, 5, 6, 8]
    assert out["instrument"] == [1, 0, 1, 0, 1, 0]
    with pytest.raises(InputError, match="um:XUSDT: not on the tapes, which have um:AUSDT"):
        Player([path], instruments=["um:XUSDT"])


def test_one_instrument_on_two_tapes_has_the_finest_tick(tmp_path: Path) -> None:
    mark = (3, 0, int(Kind.MARK), 0, 777, 0)
    a = make_tape(tmp_path / "a.parquet", [*trades([1]), mark], ["um:BTCUSDT"])
    b = make_tape(tmp_path / "b.parquet", trades([2]), ["um:BTCUSDT"], tick="0.01")
    player = Player([a, b])
    assert [str(one.tick) for one in player.instruments] == ["0.01"]
    assert joined(player.blocks())["price"] == [1000, 100, 777]
    c = make_tape(tmp_path / "c.parquet", trades([2]), ["um:BTCUSDT"], tick="0.03")
    with pytest.raises(InputError, match="no multiples"):
        Player([a, c])


def test_receive_stamps_lose_the_clock_offset(tmp_path: Path) -> None:
    path = make_tape(
        tmp_path / "a.parquet", trades([100, 200]), ["um:BTCUSDT"], offset=-40, receive=-40
    )
    out = joined(Player([path]).blocks())
    assert out["receive_ns"] == out["time_ns"]
    none = make_tape(tmp_path / "b.parquet", trades([100]), ["um:BTCUSDT"], offset=-40)
    assert joined(Player([none]).blocks())["receive_ns"] == [0]


def test_a_book_of_quotes_gives_way_to_recorded_depth(tmp_path: Path) -> None:
    a = make_tape(tmp_path / "a.parquet", [(1, 0, 1, 1, 99, 5)], ["um:BTCUSDT"])
    b = make_tape(tmp_path / "b.parquet", [(2, 0, 1, 1, 98, 5)], ["um:BTCUSDT"], book="quote")
    frame = pl.read_parquet(b).with_columns(pl.lit(DERIVED | LAST, pl.UInt8).alias("flags"))
    frame.write_parquet(b)
    assert joined(Player([b]).blocks())["price"] == [98]
    assert joined(Player([a, b]).blocks())["price"] == [99]


def shown(blocks: Iterator[Block]) -> list[tuple[int, int, int, int]]:
    """Return ``(bid, its lots, ask, its lots)`` after each message of DEPTH."""
    book: dict[int, dict[int, int]] = {1: {}, -1: {}}
    seen = []
    for block in blocks:
        for i in range(block.size):
            if block.kind[i] != Kind.DEPTH:
                continue
            assert block.flags[i] & DERIVED
            side = book[int(block.side[i])]
            side.pop(int(block.price[i]), None)
            if block.quantity[i]:
                side[int(block.price[i])] = int(block.quantity[i])
            if block.flags[i] & LAST:
                ((bid, bids),) = book[1].items()
                ((ask, asks),) = book[-1].items()
                seen.append((bid, bids, ask, asks))
    return seen


@pytest.mark.parametrize("block_rows", [1, 2, 100])
def test_the_one_tick_book_follows_the_prints(tmp_path: Path, block_rows: int) -> None:
    kind = int(Kind.TRADE)
    rows = [(1, 0, kind, 1, 100, 5), (2, 0, kind, -1, 99, 7), (3, 0, kind, -1, 90, 2)]
    path = make_tape(tmp_path / "a.parquet", rows, ["um:BTCUSDT"], book="trade")
    blocks = list(Player([path], block_rows=block_rows).blocks())
    assert shown(iter(blocks)) == [(99, 5, 100, 5), (99, 7, 100, 7), (90, 2, 91, 2)]
    kinds = joined(iter(blocks))["kind"]
    assert [i for i, one in enumerate(kinds) if one == kind] == [0, 3, 6]
    fixed = Player([path], assumption=BookAssumption(shown=11))
    assert {row[1] for row in shown(fixed.blocks())} == {11}
    assert joined(Player([path], assumption=None).blocks())["kind"] == [kind] * 3


@pytest.mark.parametrize("block_rows", [1, 3, 100])
def test_bars_show_a_share_of_the_volume_before(tmp_path: Path, block_rows: int) -> None:
    path_of_bar = [Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE]
    rows = [
        (4 * bar + i, 0, int(kind), 0, price, volume if kind == Kind.BAR_CLOSE else 0)
        for bar, (prices, volume) in enumerate([((10, 12, 9, 11), 100), ((11, 15, 11, 14), 50)])
        for i, (kind, price) in enumerate(zip(path_of_bar, prices, strict=True))
    ]
    path = make_tape(tmp_path / "a.parquet", rows, ["um:BTCUSDT"], book="bar")
    seen = shown(Player([path], block_rows=block_rows).blocks())
    assert [(bid, ask) for bid, _, ask, _ in seen[:4]] == [(9, 10), (11, 12), (9, 10), (10, 11)]
    assert [lots for _, lots, _, _ in seen] == [1, 1, 1, 1, 10, 10, 10, 10]


@pytest.mark.parametrize("values", [{"shown": 0}, {"volume_share": 0}, {"volume_share": 1.5}])
def test_an_assumption_has_sensible_parameters(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        BookAssumption(**values)  # type: ignore[arg-type]


MEASURE = """
import resource, sys
from pathlib import Path
from simulator.replay.player import Player

def peak():
    # Linux counts the memory of who started a process into its ru_maxrss, but not here.
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.read_text().split("VmHWM:")[1].split()[0])

paths = [Path(path) for path in sys.argv[1:]]
next(iter(Player(paths[:1]).blocks()))
before = peak()
rows = sum(block.size for block in Player(paths).blocks())
print(rows, (peak() - before) * 1024)
"""


def test_a_tape_larger_than_the_memory_it_takes(tmp_path: Path) -> None:
    n, parts = 100_000, 120

    def frames() -> Iterator[pl.DataFrame]:
        for part in range(parts):
            times = np.arange(part * n, (part + 1) * n, dtype=np.int64)
            zeros = {name: pl.lit(0).cast(kind).alias(name) for name, kind in SCHEMA.items()}
            zeros["kind"] = pl.lit(int(Kind.QUOTE), pl.UInt8).alias("kind")
            frame = pl.DataFrame({"time_ns": times}).with_columns(
                [zeros[name] for name in SCHEMA if name != "time_ns"]
            )
            yield frame.select(list(SCHEMA))

    paths = []
    for name in ("a", "b"):
        path = make_tape(tmp_path / f"{name}.parquet", trades([0]), [f"um:{name.upper()}USDT"])
        write_tape(frames(), path)
        paths.append(str(path))
    command = [sys.executable, "-c", MEASURE, *paths]
    threads = {**os.environ, "POLARS_MAX_THREADS": "2"}  # each has memory of its own
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=threads)
    rows, grown = map(int, done.stdout.split())
    assert rows == 2 * n * parts
    in_memory = rows * 46  # bytes of a row's columns
    assert grown < in_memory / 4  # about 120 MB, however long the tapes
