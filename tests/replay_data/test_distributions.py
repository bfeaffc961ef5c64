"""Goal: the calm hour is like the recordings, the crash has the known shape, the page says so.

Method: the figures of replay_data/measure.py on tape and recordings; tolerances in the table below.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from replay_data import FOLDER, calibrate, compare
from replay_data.recordings import Sampled

Books = Callable[[str], dict[str, Sampled]]

PAGE = FOLDER.parent / "docs" / "bundled-data.md"

# Least and greatest generated / recorded, on each of the six instruments (docs/bundled-data.md).
RATIOS = """
    spread_one_tick_share           0.99  1.01
    spread_bp_mean                  0.7   1.3
    best_moved_share                0.75  1.25
    best_quantity_autocorrelation   0.75  1.25
    rows_per_step                   0.3   0.6
    orders_per_s                    0.5   0.75
    order_size_mean                 0.6   1.8
    volume_usd_per_s                0.4   1.2
    volatility_1s_bp                0.8   1.25
    volatility_10s_bp               0.75  1.4
    latency_ms_mean                 0.9   1.2
"""


@pytest.fixture(scope="module")
def figures(books_of: Books) -> dict[str, dict[str, dict[str, float]]]:
    return calibrate.market_figures(books_of("calm"))


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]]
    found = json.loads((FOLDER / "measured.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("row", [line.split() for line in RATIOS.strip().splitlines()])
def test_calm_hour_is_like_the_recordings(
    row: list[str],
    figures: dict[str, dict[str, dict[str, float]]],
    measured: dict[str, dict[str, dict[str, float]]],
) -> None:
    key, least, greatest = row[0], float(row[1]), float(row[2])
    for name, real in measured["instruments"].items():
        ratio = figures["instruments"][name][key] / real[key]
        assert least <= ratio <= greatest, f"{name} {key}: {ratio:.3f} of the recorded"


def test_depth_by_level_is_like_the_recordings(
    figures: dict[str, dict[str, dict[str, list[float]]]],
    measured: dict[str, dict[str, dict[str, list[float]]]],
) -> None:
    for name, real in measured["instruments"].items():
        made = figures["instruments"][name]["depth_mean_by_level"]
        for level, (one, other) in enumerate(zip(made, real["depth_mean_by_level"], strict=True)):
            # Levels 2 to 5 are drawn from one table, all others each from its own.
            wide = 1 <= level <= 4
            assert (0.6 if wide else 0.9) < one / other < (2.1 if wide else 1.15), (name, level)


def test_orders_cost_what_they_would_have_cost(
    figures: dict[str, dict[str, dict[str, list[float]]]],
    measured: dict[str, dict[str, dict[str, list[float]]]],
) -> None:
    """Market orders of 30,000 to 1,000,000 USD fill in the calm hour, at a like cost."""
    for name, real in measured["instruments"].items():
        made = figures["instruments"][name]
        for one, other in zip(made["sale_cost_bp"], real["sale_cost_bp"], strict=True):
            assert 0.4 < one / other < 1.3, name
        assert max(made["sale_unfilled_share"]) < 0.01, name


def test_pairs_are_like_the_recordings(
    figures: dict[str, dict[str, dict[str, float]]],
    measured: dict[str, dict[str, dict[str, float]]],
) -> None:
    for pair, real in measured["pairs"].items():
        made = figures["pairs"][pair]
        assert made["correlation_1s"] == pytest.approx(real["correlation_1s"], abs=0.16)
        assert made["correlation_10s"] == pytest.approx(real["correlation_10s"], abs=0.12)
    for pair, real in measured["basis"].items():
        made = figures["basis"][pair]
        assert made["basis_bp_std"] == pytest.approx(real["basis_bp_std"], rel=0.25)


def test_crash_has_its_shape(books_of: Books) -> None:
    found = compare.crash_figures(books_of("crash"))
    assert -0.135 < found["fall"] < -0.115
    assert -0.135 < found["um_fall"] < -0.12
    assert -0.16 < found["eth_fall"] < -0.12
    assert 24 <= found["cm_mark_low_minute"] <= 28
    assert 0.5 < found["recovered_share"] < 0.85
    assert found["trades_peak"] > 7
    assert found["depth_left"] < 0.1
    assert found["spread_peak_bp"] > 3
    assert found["basis_low_bp"] < -100
    assert found["sale_cost_bp"] > 5


def test_page_shows_what_is_measured(books_of: Books) -> None:
    text = PAGE.read_text(encoding="utf-8")
    tables = compare.report(books_of("calm"), books_of("crash"))
    assert compare.updated(text, tables) == text


@pytest.mark.slow
def test_measured_file_is_what_the_recordings_give(shared_data: Path) -> None:
    found = calibrate.rounded(calibrate.calibrate(shared_data))
    assert calibrate.dump(found) + "\n" == (FOLDER / "measured.json").read_text(encoding="utf-8")
