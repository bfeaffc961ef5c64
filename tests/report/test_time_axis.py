"""Goal: pictures share one time axis without the breaks between recordings; no line goes there.

Method: made runs of two sessions far apart; tapes written with such times.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from simulator.replay.activity import active_ns
from simulator.report.files import write_files
from simulator.report.panels import RATIO_MAX, RATIO_MIN, break_notes, panels
from simulator.report.plots import figure
from simulator.report.result import RunResult
from simulator.report.span import breaks, span, squeezed, stretched

sys.path.insert(0, str(Path(__file__).parent))
import made

DAY_NS = 86_400 * 10**9
YEAR_NS = 365 * DAY_NS


def two_sessions() -> RunResult:
    """Return a run whose second half came a year later."""
    run = made.made(minutes=200)
    late = run.start_ns + 100 * made.MINUTE

    def moved(frame: pl.DataFrame) -> pl.DataFrame:
        at = pl.col("time_ns")
        return frame.with_columns(time_ns=pl.when(at >= late).then(at + YEAR_NS).otherwise(at))

    frames = {name: moved(getattr(run, name)) for name in made.FRAMES}
    return made.made(minutes=200, end_ns=run.end_ns + YEAR_NS, **frames)


def test_break_is_found_and_named() -> None:
    run = two_sessions()
    (found,) = breaks([run])
    assert found[1] - found[0] == pytest.approx((YEAR_NS + made.MINUTE) / 1e6)
    assert len(break_notes([run])) == 1
    assert breaks([made.made()]) == ()
    assert breaks([made.empty()]) == ()


def test_axis_without_breaks_goes_there_and_back() -> None:
    run = two_sessions()
    cut, whole = breaks([run]), span([run])
    times = run.prices["time_ns"].to_numpy() / 1e6
    drawn = squeezed(times, cut, whole)
    assert (np.diff(drawn) > 0).all()
    assert drawn[-1] - drawn[0] < 1.1 * 200 * made.MINUTE / 1e6
    assert stretched(drawn, cut, whole) == pytest.approx(times)


def test_lines_have_a_gap_at_a_break_and_markers_stay() -> None:
    whole = made.made(minutes=200)
    for cut, plain in zip(panels([two_sessions()]), panels([whole]), strict=True):
        for item, other in zip(cut.series, plain.series, strict=True):
            gaps = int(np.isnan(item.values).sum())
            assert gaps == (1 if item.kind in ("price", "step") else 0)
            assert item.values.size == other.values.size + gaps


def test_runs_with_a_break_are_drawn(tmp_path: Path) -> None:
    results = [two_sessions()]
    write_files(results, {}, tmp_path)
    assert (tmp_path / "report.png").stat().st_size > 10_000
    price = panels(results)[0]
    assert len(figure(price).layout.xaxis.rangebreaks) == 1


def test_ratio_ends_with_the_requirement_and_stays_in_the_picture() -> None:
    rows = [
        (1_000_000, "um", 10.0, 1.0, 1.0, 3.0, "NORMAL"),
        (2_000_000, "um", 10.0, 1.0, 1.0, 900.0, "NORMAL"),
        (3_000_000, "um", -1.0, 1.0, 1.0, -1.0, "BANKRUPT"),
        (4_000_000, "um", 10.0, 0.0, 0.0, None, "NORMAL"),
    ]
    run = made.made(history=made.frame("history", rows))
    (series,) = next(panel for panel in panels([run]) if panel.key == "ratio").series
    assert series.values[:3].tolist() == [3.0, RATIO_MAX, RATIO_MIN]
    assert np.isnan(series.values[3])


def test_active_time_leaves_out_breaks(tmp_path: Path) -> None:
    path = tmp_path / "tape.parquet"
    session = np.arange(0, 600) * 10**9
    times = np.concatenate([session, session + YEAR_NS])
    pl.DataFrame({"time_ns": times}).write_parquet(path)
    assert active_ns([path], (0, int(times[-1]))) == 2 * 599 * 10**9
    hours = np.arange(0, 24 * 30) * 3600 * 10**9
    pl.DataFrame({"time_ns": hours}).write_parquet(path)
    assert active_ns([path], (0, int(hours[-1]))) == int(hours[-1])
