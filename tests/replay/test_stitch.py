"""Stitching snapshots and depth updates: every rule of Binance's procedure, both sides of its edge.

Small recordings are written line by line, imported, and the displayed book is read off the tape.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from simulator.errors import InputError
from simulator.market.tape import DERIVED, Kind
from simulator.replay.verify import verify
from tests.replay.streams_kit import depth, imported, quote, snapshot, trade

BIDS = [("99.9", "1.000"), ("99.8", "2.000")]
ASKS = [("100.1", "1.000"), ("100.2", "2.000")]


def book(tape: Path, until: int | None = None) -> dict[tuple[int, int], int]:
    """Return the displayed levels after the tape's rows: ``(side, tick) -> lots``."""
    levels: dict[tuple[int, int], int] = {}
    for row in pl.read_parquet(tape).iter_rows(named=True):
        if until is not None and row["time_ns"] > until:
            break
        if row["kind"] == Kind.CLEAR:
            levels = {}
        elif row["kind"] == Kind.DEPTH:
            key = (row["side"], row["price"])
            levels.pop(key, None)
            if row["quantity"]:
                levels[key] = row["quantity"]
    return levels


# lastUpdateId is 100.  Columns: first U, its u, whether the recording joins there.
FUTURES = """
    U    u    joins
    90   99   late
    90   100  yes
    100  100  yes
    100  110  yes
    95   110  yes
    101  110  no
"""

SPOT = """
    U    u    joins
    90   100  late
    90   101  yes
    101  101  yes
    101  110  yes
    95   110  yes
    102  110  no
"""


def cases(table: str) -> list[list[str]]:
    return [row.split() for row in table.strip().splitlines()[1:]]


@pytest.mark.parametrize(("first", "last", "joins"), cases(FUTURES))
@pytest.mark.parametrize("early", [False, True], ids=["snapshot first", "snapshot later"])
def test_first_event_of_futures(
    tmp_path: Path, first: str, last: str, joins: str, early: bool
) -> None:
    shot = snapshot(0, 100, BIDS, ASKS)
    event = depth(10, int(first), int(last), 80, bids=[("99.9", "5.000")])
    lines = [event, shot] if early else [shot, event]
    check_first_event(tmp_path, [*lines, trade(20, 1)], joins)


@pytest.mark.parametrize(("first", "last", "joins"), cases(SPOT))
@pytest.mark.parametrize("early", [False, True], ids=["snapshot first", "snapshot later"])
def test_first_event_of_spot(
    tmp_path: Path, first: str, last: str, joins: str, early: bool
) -> None:
    shot = snapshot(0, 100, BIDS, ASKS)
    event = depth(10, int(first), int(last), bids=[("99.9", "5.000")])
    lines = [event, shot] if early else [shot, event]
    check_first_event(tmp_path, [*lines, trade(20, 1, M=True)], joins)


def check_first_event(folder: Path, lines: list[str], joins: str) -> None:
    if joins == "no":
        with pytest.raises(InputError, match=r"recording\.gz: line \d: .*gap after the snapshot"):
            imported(folder, lines)
        tape, manifest = imported(folder, lines, "resync")
        assert manifest.findings["snapshot_not_joined"].count == 1
        assert book(tape) == {}
        return
    tape, manifest = imported(folder, lines)
    assert manifest.findings == {}
    if joins == "late":
        assert book(tape) == {}
        assert manifest.left_out["depth_without_snapshot"].count == 1
        return
    listed = manifest.instruments[0]
    shown = {
        (side, float(price * listed.tick)): float(lots * listed.lot)
        for (side, price), lots in book(tape).items()
    }
    assert shown == {(1, 99.9): 5.0, (1, 99.8): 2.0, (-1, 100.1): 1.0, (-1, 100.2): 2.0}
    assert listed.book == "depth"


@pytest.mark.parametrize("futures", [True, False])
@pytest.mark.parametrize("step", [0, 1])
def test_later_events_follow_or_are_a_gap(tmp_path: Path, futures: bool, step: int) -> None:
    lines = [
        snapshot(0, 100, BIDS, ASKS),
        depth(10, 95, 110, 80 if futures else None),
        depth(20, 111 + step, 120, 110 + step if futures else None, bids=[("99.9", "0")]),
    ]
    if step == 0:
        tape, manifest = imported(tmp_path, lines)
        assert (1, 999) not in book(tape)
        assert manifest.findings == {}
        return
    with pytest.raises(InputError, match=r"line 3: .* gap in the depth updates: field (pu|U) is"):
        imported(tmp_path, lines)
    tape, manifest = imported(tmp_path, lines, "resync")
    assert manifest.findings["depth_gap"].count == 1
    assert book(tape) == {}


def test_resync_waits_for_the_next_snapshot(tmp_path: Path) -> None:
    lines = [
        snapshot(0, 100, BIDS, ASKS),
        depth(10, 95, 110, 80),
        depth(20, 121, 130, 120, bids=[("99.7", "7.000")]),
        snapshot(25, 125, [("99.5", "3.000")], ASKS),
        depth(30, 131, 140, 130, bids=[("99.6", "4.000")]),
    ]
    tape, manifest = imported(tmp_path, lines, "resync")
    assert manifest.findings["depth_gap"].first == [f"{tmp_path / 'recording.gz'}: line 3"]
    bids = {key: lots for key, lots in book(tape).items() if key[0] > 0}
    assert bids == {(1, 995): 3000, (1, 997): 7000, (1, 996): 4000}
    clears = pl.read_parquet(tape).filter(pl.col("kind") == int(Kind.CLEAR))
    assert [flags & DERIVED for flags in clears["flags"]] == [0, DERIVED, 0]


def test_a_snapshot_taken_before_the_gap_showed_is_used(tmp_path: Path) -> None:
    lines = [
        snapshot(0, 100, BIDS, ASKS),
        depth(10, 95, 110, 80),
        snapshot(15, 125, [("99.5", "3.000")], ASKS),
        depth(20, 121, 130, 120, bids=[("99.7", "7.000")]),
    ]
    tape, _ = imported(tmp_path, lines, "resync")
    assert {key for key in book(tape) if key[0] > 0} == {(1, 995), (1, 997)}


def test_a_snapshot_while_synced_changes_nothing(tmp_path: Path) -> None:
    lines = [
        snapshot(0, 100, BIDS, ASKS),
        depth(10, 95, 110, 80),
        snapshot(15, 105, [("99.5", "3.000")], ASKS),
        depth(20, 111, 130, 110),
    ]
    tape, manifest = imported(tmp_path, lines)
    assert (1, 999) in book(tape)
    assert manifest.left_out["snapshot_while_synced"].count == 1


def test_a_second_snapshot_soon_after_one_too_old_is_a_retry(tmp_path: Path) -> None:
    lines = [
        depth(10, 101, 110, 90),
        snapshot(11, 80, BIDS, ASKS),
        snapshot(900, 105, BIDS, ASKS),
        depth(910, 111, 120, 110),
    ]
    tape, manifest = imported(tmp_path, lines)
    assert manifest.left_out["snapshot_too_old"].count == 1
    assert (1, 999) in book(tape)


def test_a_line_that_comes_twice_is_dropped_and_counted(tmp_path: Path) -> None:
    again = depth(20, 111, 120, 110, bids=[("99.7", "7.000")])
    lines = [snapshot(0, 100, BIDS, ASKS), depth(10, 95, 110, 80), again, again]
    lines += [depth(30, 121, 130, 120)]
    tape, manifest = imported(tmp_path, lines)
    assert manifest.left_out["depth_repeated"].count == 1
    assert pl.read_parquet(tape).filter(pl.col("id") == 120).height == 1


@pytest.mark.parametrize(("price", "crosses"), [("100.0", False), ("100.1", True)])
def test_a_crossed_book_is_a_break(tmp_path: Path, price: str, crosses: bool) -> None:
    lines = [
        snapshot(0, 100, BIDS, ASKS),
        depth(10, 95, 110, 80),
        depth(20, 111, 120, 110, bids=[(price, "1.000")]),
        depth(30, 121, 130, 120, bids=[("99.0", "1.000")]),
    ]
    if not crosses:
        tape, _ = imported(tmp_path, lines)
        assert (1, 1000) in book(tape)
        return
    with pytest.raises(InputError, match=r"line 3: .*crossed book"):
        imported(tmp_path, lines)
    tape, manifest = imported(tmp_path, lines, "resync")
    assert manifest.findings["crossed_book"].count == 1
    assert book(tape) == {}


def test_book_of_quotes_where_there_is_no_snapshot(tmp_path: Path) -> None:
    lines = [
        quote(0, 101, ("99.9", "1.000"), ("100.1", "1.000")),
        depth(5, 95, 101, 80),
        quote(10, 102, ("99.9", "3.000"), ("100.1", "1.000")),
        quote(20, 103, ("100.1", "2.000"), ("100.2", "5.000")),
    ]
    tape, manifest = imported(tmp_path, lines)
    assert manifest.instruments[0].book == "quote"
    assert book(tape) == {(1, 1001): 2000, (-1, 1002): 5000}
    derived = pl.read_parquet(tape).filter(pl.col("kind") == int(Kind.DEPTH))
    assert set(derived["flags"].to_list()) <= {DERIVED, DERIVED | 1}
    assert all(check.holds for check in verify(tape))


def test_quotes_make_the_book_only_until_the_snapshot(tmp_path: Path) -> None:
    lines = [
        quote(0, 90, ("99.0", "9.000"), ("101.0", "9.000")),
        depth(10, 95, 110, 80),
        snapshot(12, 100, BIDS, ASKS),
        quote(30, 111, ("50.0", "1.000"), ("150.0", "1.000")),
    ]
    tape, manifest = imported(tmp_path, lines)
    assert set(book(tape)) == {(1, 999), (1, 998), (-1, 1001), (-1, 1002)}
    assert manifest.instruments[0].rows["DEPTH"] == 2 + 4


def test_tops_are_compared_by_update_id(tmp_path: Path) -> None:
    lines = [
        snapshot(0, 100, BIDS, ASKS),
        quote(9, 110, ("99.9", "5.000"), ("100.1", "1.000")),
        depth(10, 95, 110, 80, bids=[("99.9", "5.000")]),
        depth(20, 111, 120, 110, bids=[("99.9", "6.000")]),
        quote(21, 120, ("99.9", "5.000"), ("100.1", "1.000")),
        quote(22, 121, ("99.9", "5.000"), ("100.1", "1.000")),
    ]
    tape, manifest = imported(tmp_path, lines)
    tops = manifest.instruments[0].tops
    assert (tops.compared, tops.agreed) == (2, 1)
    assert manifest.findings["top_mismatch"].count == 1
    failed = [check.name for check in verify(tape) if not check.holds]
    assert failed == ["um:BTCUSDT tops"]
