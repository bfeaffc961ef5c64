"""Goal: a file of accounts comes back as it was written, and every mistake is one line that names
file, row and column.

Method: a drawn population written and read; small frames with one thing wrong each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from simulator.errors import InputError
from simulator.population.draw import draw
from simulator.population.parquet import population, read, write
from tests.population import worlds

RIGHT: dict[str, Any] = {
    "id": [7, 3],
    "group": ["a", "b"],
    "mode": ["run", "unified"],
    "spot.USDT": [1.5, None],
    "um.USDT": [0, 100],
    "cm.BTC": [0.5, 0.0],
    "loan.USDT": [0.25, 0.0],
    "um:BTCUSDT.quantity": [0.003, -2],
    "um:BTCUSDT.entry": [99_000.5, 101_000.0],
    "um:BTCUSDT.margin": [40.0, None],
}


def written(tmp_path: Path, **changes: Any) -> Path:
    columns = {**RIGHT, **changes}
    path = tmp_path / "crowd.parquet"
    kept = {name: values for name, values in columns.items() if values is not ...}
    pl.DataFrame(kept, strict=False).write_parquet(path)
    return path


def test_file_is_read_as_written(tmp_path: Path) -> None:
    crowd = population(written(tmp_path))(worlds.first_moment())
    assert crowd.ids.tolist() == [7, 3]
    assert [crowd.groups[number] for number in crowd.group] == ["a", "b"]
    assert crowd.unified.tolist() == [False, True]
    assert crowd.balance["spot"].tolist() == [[150_000_000, 0, 0], [0, 0, 0]]
    assert crowd.balance["um"][1, 0] == 10**10
    assert crowd.balance["cm"][0, 1] == 50_000_000
    assert crowd.loan["margin"][0, 0] == 25_000_000
    assert crowd.lots[:, 2].tolist() == [3, -2000]
    assert crowd.entry[:, 2].tolist() == [99_000.5, 101_000.0]
    assert crowd.isolated[:, 2].tolist() == [4 * 10**9, 0]


def test_mode_of_the_run_is_taken_where_the_file_says_so(tmp_path: Path) -> None:
    crowd = population(written(tmp_path))(worlds.first_moment("unified"))
    assert crowd.unified.tolist() == [True, True]


def test_group_and_mode_may_be_missing(tmp_path: Path) -> None:
    crowd = population(written(tmp_path, group=..., mode=...))(worlds.first_moment())
    assert crowd.groups == ("all",)
    assert crowd.unified.tolist() == [False, False]


def test_drawn_population_comes_back_exactly(tmp_path: Path) -> None:
    first = worlds.first_moment()
    made = draw(worlds.groups(), 1500, first)
    path = tmp_path / "folder" / "drawn.parquet"
    run = np.isin(made.group, [made.groups.index(n) for n in made.groups if n != "pairs"])
    write(made, path, first.instruments, run)
    found = population(path)(first)
    assert found.groups == made.groups
    for name in ("ids", "group", "unified", "lots", "entry", "isolated"):
        assert np.array_equal(getattr(found, name), getattr(made, name)), name
    assert found.balance.keys() == made.balance.keys()
    for line, amounts in made.balance.items():
        assert np.array_equal(found.balance[line], amounts), line
    assert np.array_equal(found.loan["margin"], made.loan["margin"])
    pooled = population(path)(worlds.first_moment("unified"))
    assert pooled.unified.sum() == made.size - 140  # `pairs` have modes of their own: 60 of 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": ...}, "crowd.parquet: has no column id; it has group, mode"),
        ({"id": [1.5, 2.5]}, "column id: must hold whole numbers, not Float64"),
        ({"id": [0, 1]}, "row 1, column id: must be above 0, not 0"),
        ({"id": [5, 5]}, "row 2, column id: 5 is there already"),
        ({"id": [1, 2**64 - 1]}, "row 2, column id: must be at most 9223372036854775807, not 1844"),
        ({"id": [5, None]}, "row 2, column id: is empty"),
        ({"mode": ["run", "pooled"]}, "row 2, column mode: must be one of run, separated, unified"),
        ({"group": [1, 2]}, "column group: must hold text, not Int64"),
        ({"spot.USDT": [1.0, -2.0]}, "row 2, column spot.USDT: must not be below 0, not -2.0"),
        ({"spot.USDT": [1.0, float("nan")]}, "row 2, column spot.USDT: must be a number, not nan"),
        ({"spot.USDT": [1e11, 0.0]}, "row 1, column spot.USDT: must be at most 90,000,000,000"),
        ({"spot.USDT": ["1", "2"]}, "column spot.USDT: must hold numbers, not String"),
        ({"sopt.USDT": [1, 1]}, "sopt.USDT: no such column (did you mean 'spot.USDT'?)"),
        ({"wealth": [1, 1]}, "column wealth: no such column"),
        ({"um:BTCUSDT.qty": [1, 1]}, "um:BTCUSDT.qty: no such column"),
        ({"spot:BTCUSDT.quantity": [1, 1]}, "coins are a balance, as spot.BTC"),
        ({"um:BTCUSDT.quantity": ...}, "column um:BTCUSDT.quantity: is missing"),
        ({"um:BTCUSDT.entry": ...}, "row 1, column um:BTCUSDT.entry: a position needs an entry"),
        ({"um:BTCUSDT.entry": [0.0, 1.0]}, "row 1, column um:BTCUSDT.entry: a position needs"),
        (
            {"um:BTCUSDT.quantity": [0, 1]},
            "row 1, column um:BTCUSDT.margin: 40.0 is margin of no position",
        ),
        (
            {"um:BTCUSDT.quantity": [0.0005, 1]},
            "row 1, column um:BTCUSDT.quantity: must be a multiple of 0.001, not 0.0005",
        ),
        ({"um:BTCUSDT.quantity": [1e14, 1]}, "row 1, column um:BTCUSDT.quantity: "),
        (
            {"um:SOLUSDT.quantity": [1, 1], "um:SOLUSDT.entry": [1, 1]},
            "column um:SOLUSDT.quantity: the data have no um:SOLUSDT",
        ),
        ({"spot.SOL": [1, 1]}, "SOL: the data know only USDT, BTC, ETH"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        population(path)(worlds.first_moment())
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_no_parquet_no_rows(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.parquet: no such file"):
        read(tmp_path / "nowhere.parquet")
    text = tmp_path / "text.parquet"
    text.write_text("id,group\n", encoding="utf-8")
    with pytest.raises(InputError, match="not a Parquet file"):
        read(text)
    empty = tmp_path / "empty.parquet"
    pl.DataFrame({"id": []}, schema={"id": pl.Int64}).write_parquet(empty)
    with pytest.raises(InputError, match="has no rows"):
        read(empty)


def test_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    first = worlds.first_moment()
    crowd = draw(worlds.groups(worlds.COIN), 0, first)
    with pytest.raises(InputError, match="cannot write"):
        write(crowd, tmp_path / "file" / "x.parquet", first.instruments, crowd.unified)
