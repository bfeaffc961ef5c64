"""Order-by-order records: what each becomes, what is counted, and the recording of Bitstamp.

The rule table is exact; a random test holds the rows against a plain account of every order.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.book.columns import Book
from simulator.errors import InputError
from simulator.market.manifest import Manifest
from simulator.market.tape import DERIVED, LAST, Kind
from simulator.replay.importer import import_paths
from simulator.replay.orders import ADD, CHANGE, DELETE, FILL, LiveOrders, Record
from simulator.replay.verify import verify

A, C, F, P = Kind.ORDER_ADD, Kind.ORDER_CANCEL, Kind.ORDER_FILL, Kind.AGG_TRADE
T = 1_704_067_200_000
COLUMNS = "time=t,id=i,price=p,quantity=q,side=s,action=a"
HEAD = "t,i,p,q,s,a\n"

Short = tuple[object, ...]


def brought_in(
    folder: Path, text: str, name: str = "orders.csv", **options: object
) -> tuple[Manifest, list[Short]]:
    """Import a table; returns the manifest and (kind, side, price, quantity, id) of the rows."""
    path = folder / name
    path.write_text(text)
    columns = dict(pair.split("=") for pair in COLUMNS.split(","))
    chosen = {"columns": columns, "kind": "orders", "symbol": "BTCUSD", "market": "spot"}
    tape = folder / "tape.parquet"
    manifest = import_paths([path], tape, **(chosen | options))  # type: ignore[arg-type]
    names = ("kind", "side", "price", "quantity", "id")
    return manifest, pl.read_parquet(tape).select(names).rows()


def test_an_order_is_added_reduced_filled_and_cancelled(tmp_path: Path) -> None:
    manifest, rows = brought_in(
        tmp_path,
        HEAD
        + f"{T},7,100.5,9,bid,Created\n{T + 1},8,101,4,sell,add\n"
        + f"{T + 2},7,100.5,6,b,changed\n{T + 3},8,,1,,trade\n{T + 4},7,,,,done\n",
    )
    assert rows == [
        (A, 1, 1005, 9, 7),
        (A, -1, 1010, 4, 8),
        (C, 1, 1005, 3, 7),
        (F, -1, 1010, 1, 8),
        (C, 1, 1005, 6, 7),
    ]
    (listed,) = manifest.instruments
    assert (listed.book, listed.base, listed.quote) == ("orders", "BTC", "USD")
    assert (listed.tick, listed.lot) == (Decimal("0.1"), Decimal(1))
    assert (manifest.findings, manifest.left_out) == ({}, {})


FOUND = [
    ("1,9,1,changed", [(A, 1, 1, 2, 5)], {}, {"unknown_orders": 1}),
    ("5,1,3,changed", [(A, 1, 1, 2, 5), (C, 1, 1, 2, 5), (A, 1, 1, 3, 5)], "replaced_orders", {}),
    ("5,2,1,changed", [(A, 1, 1, 2, 5), (C, 1, 1, 2, 5), (A, 1, 2, 1, 5)], "replaced_orders", {}),
    ("5,1,2,changed", [(A, 1, 1, 2, 5)], {}, {"changes_without_effect": 1}),
    ("5,1,0,changed", [(A, 1, 1, 2, 5), (C, 1, 1, 2, 5)], {}, {}),
    ("5,1,7,fill", [(A, 1, 1, 2, 5), (F, 1, 1, 2, 5)], "fills_above_quantity", {}),
    ("5,1,0,fill", [(A, 1, 1, 2, 5)], {}, {"zero_quantity": 1}),
    ("5,3,4,new", [(A, 1, 1, 2, 5), (C, 1, 1, 2, 5), (A, 1, 3, 4, 5)], "double_adds", {}),
    ("6,3,0,new", [(A, 1, 1, 2, 5)], {}, {"zero_quantity": 1}),
]


@pytest.mark.parametrize(("record", "expected", "found", "left_out"), FOUND)
def test_what_is_found_has_a_name(
    tmp_path: Path,
    record: str,
    expected: list[Short],
    found: str | dict[str, int],
    left_out: dict[str, int],
) -> None:
    id_, price, quantity, action = record.split(",")
    line = f"{T + 1},{id_},{price},{quantity},buy,{action}\n"
    manifest, rows = brought_in(tmp_path, HEAD + f"{T},5,1,2,buy,add\n" + line)
    assert rows == expected
    names = {found: 1} if isinstance(found, str) else found
    assert {name: one.count for name, one in manifest.findings.items()} == names
    assert {name: one.count for name, one in manifest.left_out.items()} == left_out
    for one in (*manifest.findings.values(), *manifest.left_out.values()):
        assert one.first[0].endswith("line 3")


def test_an_end_recorded_before_its_add_leaves_no_order(tmp_path: Path) -> None:
    text = HEAD + f"{T},5,1,2,buy,cancel\n{T},5,1,2,buy,new\n{T},6,1,1,buy,new\n"
    manifest, rows = brought_in(tmp_path, text)
    assert rows == [(A, 1, 1, 1, 6)]
    assert manifest.left_out["add_after_end"].count == 1


def test_a_fill_may_tell_what_remains(tmp_path: Path) -> None:
    text = HEAD + f"{T},5,1,9,buy,add\n{T},5,1,7,buy,match\n{T},5,1,0,buy,match\n"
    _, rows = brought_in(tmp_path, text, fill_quantity="remaining")
    assert rows[1:] == [(F, 1, 1, 2, 5), (F, 1, 1, 7, 5)]
    with pytest.raises(InputError, match="--fill-quantity rest: must be filled or remaining"):
        brought_in(tmp_path, text, fill_quantity="rest")


WRONG = [
    ("7,1,2,buy,amended", "field a: 'amended' must be add, change, delete or fill"),
    ("7,1,2,,add", "field s: is empty"),
    ("7,0,2,buy,add", "field p: '0' must be above 0"),
    ("7,1,,buy,change", "field q: is empty"),
    ("x,1,2,buy,add", "field i: 'x' is no whole number"),
    ("7,1,-2,buy,add", "field q: '-2' must not be negative"),
]


@pytest.mark.parametrize(("record", "message"), WRONG)
def test_a_wrong_field_is_named(tmp_path: Path, record: str, message: str) -> None:
    with pytest.raises(InputError, match="line 2, field") as caught:
        brought_in(tmp_path, HEAD + f"{T},{record}\n")
    assert message in str(caught.value)


def test_assets_that_no_symbol_tells_are_asked_for(tmp_path: Path) -> None:
    text = HEAD + f"{T},5,1,9,buy,add\n"
    with pytest.raises(InputError, match="name its assets with --base and --quote"):
        brought_in(tmp_path, text, symbol="AAPL")
    manifest, _ = brought_in(tmp_path, text, symbol="AAPL", pair=("AAPL", "USD"))
    assert (manifest.instruments[0].base, manifest.instruments[0].quote) == ("AAPL", "USD")


def test_a_parquet_file_of_orders(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    frame = {"t": [T, T + 1], "i": [5, 5], "p": [1.5, None], "q": [2.0, None]}
    pl.DataFrame(frame | {"s": ["ask", None], "a": ["open", "done"]}).write_parquet(path)
    columns = dict(pair.split("=") for pair in COLUMNS.split(","))
    tape = tmp_path / "tape.parquet"
    import_paths([path], tape, columns=columns, kind="l3", symbol="BTCUSD", market="spot")
    rows = pl.read_parquet(tape).select("kind", "side", "price", "quantity").rows()
    assert rows == [(A, -1, 15, 2), (C, -1, 15, 2)]


def test_lots_too_fine_to_be_booked_are_rounded_up_and_nothing_stays(tmp_path: Path) -> None:
    left = [f"{T},5,100.01,0.00000150,buy,add", f"{T},5,,0.00000140,buy,change"]
    left += [f"{T},5,,0.00000060,,fill", f"{T},5,,,,delete", f"{T},6,100.02,3,sell,add"]
    manifest, rows = brought_in(tmp_path, HEAD + "\n".join(left) + "\n")
    (listed,) = manifest.instruments
    assert listed.lot == Decimal("0.000001")
    assert "as fine as can be booked" in listed.filters_from
    # 1.5, 1.4, 0.8 and 0 lots left: shown as 2, 2, 1 and 0.
    expected = [(A, 1, 10001, 2, 5), (F, 1, 10001, 1, 5), (C, 1, 10001, 1, 5)]
    assert rows == [*expected, (A, -1, 10002, 3_000_000, 6)]
    assert manifest.findings["rounded_up_to_lot"].count == 4


RECORDS = st.lists(
    st.tuples(
        st.sampled_from([ADD, CHANGE, DELETE, FILL]),
        st.integers(1, 4),
        st.sampled_from([-1, 1]),
        st.integers(1, 3),
        st.integers(0, 5),
    ),
    max_size=40,
)


@given(RECORDS)
def test_rows_take_off_exactly_what_was_added(records: list[Record]) -> None:
    book, held = Book(3), dict[int, tuple[int, int, int]]()
    for _, kind, _, side, price, quantity, id_ in LiveOrders().rows(records):
        if kind == A:
            assert id_ not in held
            held[id_] = (side, price, quantity)
            book.add_order(side, price, quantity, id_)
        else:
            assert (side, price) == held[id_][:2]
            left = held[id_][2] - quantity
            assert left >= 0
            held[id_] = (side, price, left)
            if not left:
                del held[id_]
            (book.cancel_order if kind == C else book.fill_order)(*((id_, quantity)))
    for side in (-1, 1):
        for at in (1, 2, 3):
            shown = sum(q for s, p, q in held.values() if (s, p) == (side, at))
            assert book.shown(side, at) == shown


BITSTAMP = "id,timestamp,exchange.timestamp,price,volume,action,direction\n"


def bitstamp(folder: Path, *lines: str) -> tuple[Manifest, list[Short]]:
    text = BITSTAMP + "".join(f"{line}\n" for line in lines)
    return brought_in(folder, text, columns=None, kind=None, market=None)


def test_bitstamp_aggressor_is_shown_only_with_what_rests(tmp_path: Path) -> None:
    manifest, rows = bitstamp(
        tmp_path,
        f"1,{T},{T},236.47,200000000,created,ask",
        f"2,{T + 100},{T},236.50,500000000,created,bid",
        f"1,{T + 150},{T},236.47,0,deleted,ask",
        f"2,{T + 151},{T},236.47,299999999,changed,bid",
        f"2,{T + 900},{T},236.50,299999999,deleted,bid",
    )
    # The feed prints rounded floats: 2.00000000 on one side, 2.00000001 on the other.  Lots are
    # 0.000001, the finest that can be booked at a tick of 0.01, and round up.
    assert rows == [
        (A, -1, 23647, 2000000, 1),
        (F, -1, 23647, 2000000, 1),
        (P, 1, 23647, 2000001, 0),
        (A, 1, 23650, 3000000, 2),
        (C, 1, 23650, 3000000, 2),
    ]
    flags = pl.read_parquet(tmp_path / "tape.parquet")["flags"].to_list()
    assert flags == [LAST, LAST, LAST | DERIVED, LAST, LAST]
    assert manifest.instruments[0].book == "orders"
    assert "TRADE" not in manifest.instruments[0].rows


def test_bitstamp_fill_without_its_other_side_stays_one(tmp_path: Path) -> None:
    manifest, rows = bitstamp(
        tmp_path,
        f"1,{T},{T},236.47,30100,created,ask",
        f"2,{T + 1},{T},230,90000,created,bid",
        f"1,{T + 10},{T},236.47,10100,changed,ask",
        f"2,{T + 2000},{T},230,69700,changed,bid",
    )
    assert rows[2:] == [(F, -1, 23647, 200, 1), (F, 1, 23000, 203, 2)]
    assert manifest.findings["unpaired_fills"].count == 2


def test_bitstamp_trade_with_an_order_from_before_the_recording(tmp_path: Path) -> None:
    manifest, rows = bitstamp(
        tmp_path,
        f"1,{T},{T},230,100,created,bid",
        f"9,{T},{T},236.47,30000,created,ask",
        f"3,{T + 10},{T},236.47,0,deleted,bid",
        f"9,{T + 11},{T},236.47,0,deleted,ask",
    )
    assert rows == [(A, 1, 23000, 1, 1), (P, -1, 23647, 300, 0)]
    assert manifest.left_out["unknown_orders"].count == 1


def test_bitstamp_needs_a_symbol(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(BITSTAMP + f"1,{T},{T},236.47,30000,created,ask\n")
    with pytest.raises(InputError, match="--symbol"):
        import_paths([tmp_path / "orders.csv"], tmp_path / "tape.parquet")


def test_recorded_bitstamp_book_is_hardly_ever_crossed(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "bitstamp_l3_2015" / "orders.csv.xz"
    if not path.is_file():
        pytest.skip("no recorded bitstamp orders.csv.xz")
    tape = tmp_path / "tape.parquet"
    manifest = import_paths([path], tape, instrument="spot:BTCUSD")
    listed = manifest.instruments[0]
    assert (listed.tick, listed.lot) == (Decimal("0.01"), Decimal("0.000001"))
    assert listed.rows["ORDER_ADD"] == 24_597
    assert manifest.findings["unpaired_fills"].count == 21
    checks = {check.name: check for check in verify(tape)}
    assert all(check.holds for check in checks.values())
    assert checks["spot:BTCUSD crossed book"].detail.endswith("150 ms at most")
