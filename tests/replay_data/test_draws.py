"""Goal: draws are the same on every machine, and the functions are what their names say.

Method: known bits of PCG64, closed forms, and hand-made books and recordings.
"""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

from replay_data import draws
from replay_data.recordings import collected, reaches, read, thin


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_uniforms_are_the_upper_bits_of_pcg64() -> None:
    raw = np.random.PCG64(1).random_raw(1000)
    expected = [int(number) // 2**11 / 2**53 for number in raw]
    assert draws.uniforms(generator(), 1000).tolist() == expected


def test_normals_have_their_moments() -> None:
    x = draws.normals(generator(), 100_000)
    assert abs(x.mean()) < 0.02
    assert x.std() == pytest.approx(1, abs=0.02)
    assert (x**4).mean() == pytest.approx(2.9, abs=0.1)


@pytest.mark.parametrize("x", [-25.0, -3.0, -0.1, 0.0, 0.5, 2.0, 10.0])
def test_exponential_error_is_below_its_bound(x: float) -> None:
    found = float(draws.exponential(np.array([x]))[0])
    assert found / math.exp(x) == pytest.approx(1, abs=x * x / 2**21 + 1e-9)


def test_path_is_straight_between_points_and_flat_after() -> None:
    at = np.array([0.0, 5.0, 10.0, 15.0, 99.0])
    assert draws.path([[0, 1], [10, 3], [20, 3.5]], at).tolist() == [1.0, 2.0, 3.0, 3.25, 3.5]


def test_lookup_is_the_quantile_function() -> None:
    table = draws.lookup([0.0, 0.5, 1.0], [0.0, 100.0, 300.0], 0.5)
    assert len(table) == draws.CELLS
    assert table == sorted(table)
    assert table[0] == 1  # never 0 lots
    assert table[draws.CELLS // 2] == pytest.approx(200, abs=1)
    assert table[-1] == pytest.approx(600, abs=1)


@pytest.mark.parametrize(
    ("value", "kept"), [(7.4, 7), (999, 999), (12_345, 12_300), (99_960, 100_000)]
)
def test_coarse_keeps_three_digits(value: float, kept: int) -> None:
    assert draws.coarse(value) == kept


def test_thinning_loses_no_quantity_within_reach() -> None:
    """Each collected level holds what stands between it and the level before."""
    reach = reaches(100.0, 0.01)
    assert reach == [(2, 2), (4, 4), (8, 8), (16, 16), (32, 32)]
    bids = {10_000 - i: 1 for i in range(40)}
    levels = thin(bids, reach, 1)
    assert [price for price, _ in levels[:5]] == [10_000, 9_999, 9_998, 9_997, 9_996]
    prices = [price for price, _ in levels]
    assert prices == sorted(prices, reverse=True)
    assert sum(quantity for _, quantity in levels) == sum(
        q for p, q in bids.items() if p >= prices[-1]
    )
    asks = {10_001 + i: 1 for i in range(40)}
    mirrored = thin(asks, reach, -1)
    assert [price for price, _ in mirrored[:5]] == [10_001, 10_002, 10_003, 10_004, 10_005]
    assert all(quantity >= 0 for _, quantity in mirrored)


def test_collected_levels_stay_below_the_fifth() -> None:
    assert collected(1000, 900, [(10, 10), (20, 20)]) == [890, 880]
    assert collected(-1000, -1004, [(10, 10), (20, 20)]) == [-1010, -1020]


def message(stamp: int, stream: str, **data: object) -> str:
    return f"{stamp} {json.dumps({'stream': stream, 'data': data})}"


def test_reader_follows_snapshot_and_changes(tmp_path: Path) -> None:
    levels = [[f"{100 - i}.0", "1.0"] for i in range(8)]
    asks = [[f"{101 + i}.0", "1.0"] for i in range(8)]
    snapshot = f"1 {json.dumps({'lastUpdateId': 5, 'bids': levels, 'asks': asks})}"
    change = {"e": "depthUpdate", "s": "X"}
    lines = [
        message(7_000_000, "x@depth", E=0, u=5, b=[["100.0", "9.0"]], a=[], **change),  # before it
        snapshot,
        message(1_020_000_000, "x@depth", E=1000, u=6, b=[["100.0", "0"]], a=[], **change),
        message(1_300_000_000, "x@trade", e="trade", E=1260, T=1260, p="99.0", q="0.5", m=True),
        message(1_600_000_000, "x@depth", E=1600, u=7, b=[], a=[["101.0", "3.0"]], **change),
    ]
    file = tmp_path / "x.gz"
    with gzip.open(file, "wt") as out:
        out.write("\n".join(lines) + "\n")
    found = read([file], tick=1.0, lot=0.5)
    assert found.time_ms.tolist() == [1250, 1500]
    assert found.price[0, 0, :2].tolist() == [99, 98]
    assert found.quantity[0, 1, 0] == 2
    assert (found.trade_side[0], found.trade_price[0], found.trade_quantity[0]) == (-1, 99, 1)
    assert found.latency_ns.tolist() == [7_000_000, 20_000_000, 40_000_000, 0]
