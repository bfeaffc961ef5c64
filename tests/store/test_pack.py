"""Goal: a packed batch gives back the same columns to the bit, and nothing else passes as one.

Method: columns of all widths, drawn and at the edges of int64; bytes cut and changed.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.store.batch import Batch
from simulator.store.pack import pack, unpack
from tests.store.made import batches_of, same

LEAST, MOST = -(2**63), 2**63 - 1


@given(st.integers(0, 2**32), st.integers(0, 60))
def test_all_tables_come_back(seed: int, rows: int) -> None:
    (batch,) = batches_of(1, rows, seed)
    again = Batch(0, 100, 0, f"{0:064x}", "", unpack(pack(batch.tables)))
    assert same(batch, again)


@given(st.lists(st.integers(LEAST, MOST) | st.sampled_from([LEAST, -1, 0, 255, 256, MOST])))
def test_numbers_of_every_size(numbers: list[int]) -> None:
    column = np.array(numbers, dtype="i8")
    names: list[str | None] = [None] * len(numbers)
    tables = unpack(pack({"names": {"kind": names, "number": column, "name": names}}))
    assert (not numbers and not tables) or np.array_equal(tables["names"]["number"], column)


@given(st.lists(st.floats(), min_size=1))
def test_floats_keep_their_bits(numbers: list[float]) -> None:
    whole = np.arange(len(numbers))
    column = np.array(numbers)
    fund = {"time_ns": whole, "asset": whole, "balance": whole, "inventory": column}
    again = unpack(pack({"insurance_fund": fund}))["insurance_fund"]["inventory"]
    assert np.asarray(again).tobytes() == column.tobytes()


def test_narrow_numbers_take_few_bytes() -> None:
    whole = np.arange(1000)
    columns = {name: whole for name in ("entry", "time_ns", "what", "wallet", "asset")}
    size = len(pack({"postings": {**columns, "amount": np.full(1000, MOST)}}))
    assert 5 * 2000 < size < 5 * 2000 + 300


def test_only_what_is_wanted() -> None:
    (batch,) = batches_of(1, 50)
    found = unpack(pack(batch.tables), ["outcomes"])
    assert list(found) == ["outcomes"]


@pytest.mark.parametrize("keep", [0, 3, 10, -1])
def test_cut_bytes_are_refused(keep: int) -> None:
    whole = pack(batches_of(1)[0].tables)
    with pytest.raises(ValueError, match=r"packed batch|middle of a column"):
        unpack(whole[:keep])


@given(st.data())
def test_changed_bytes_give_values_or_are_refused(data: st.DataObject) -> None:
    whole = bytearray(pack(batches_of(1, 5)[0].tables))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    with suppress(ValueError):
        unpack(bytes(whole))


def test_wrong_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="columns of names"):
        pack({"names": {"number": np.array([1])}})
    with pytest.raises(ValueError, match="unequal lengths"):
        pack({"names": {"kind": ["a"], "number": np.array([1, 2]), "name": ["b"]}})
