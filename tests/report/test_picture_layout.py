"""Goal: in pictures no text covers another, nor a legend what is drawn, with two runs and eight.

Method: made runs are laid out as for a PNG; boxes of all texts are compared.  Of Plotly's figures,
which a browser lays out, the places that were asked for.
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from simulator.report import cascade_static, static
from simulator.report.cascade_panels import pictures
from simulator.report.cascade_picture import Lying, Moment, Picture
from simulator.report.cascade_plots import cascade_figure
from simulator.report.result import RunResult

sys.path.insert(0, str(Path(__file__).parent))
import crowds
import made

VARIANTS = ("with a long name", "own book", "redemption", "with a fund")
LADDER = {"MARGIN_CALL": 1.5, "REDUCE_ONLY": 1.2, "LIQUIDATION": 1.05}


def boxes(figure: Figure) -> list[tuple[str, tuple[float, ...]]]:
    """Return all texts of a figure but those along its axes, each with its box in pixels."""
    figure.draw_without_rendering()
    texts: list[Text] = [*figure.texts]  # the title of all
    for axes in figure.axes:
        texts += [axes._left_title, *axes.texts, axes.xaxis.label, axes.yaxis.label]  # type: ignore[attr-defined]
        legend = axes.get_legend()
        texts += [] if legend is None else legend.get_texts()
    shown = [one for one in texts if one.get_visible() and one.get_text()]
    return [(one.get_text(), tuple(one.get_window_extent().extents.tolist())) for one in shown]


def check(figure: Figure) -> None:
    for (one, box), (other, its) in combinations(boxes(figure), 2):
        across = min(box[2], its[2]) - max(box[0], its[0])
        up = min(box[3], its[3]) - max(box[1], its[1])
        assert min(across, up) < 1.0, f"{one!r} covers {other!r}"
    for axes in figure.axes:
        legend = axes.get_legend()
        if legend is None:
            continue
        box, drawn = legend.get_window_extent(), axes.get_window_extent()
        assert box.y0 >= drawn.y1 - 1.0 or box.x0 >= drawn.x1 - 1.0, axes.get_title(loc="left")
        assert box.x1 <= figure.bbox.x1


@pytest.mark.parametrize("variants", [1, 4])
def test_overview_of_a_crowd(variants: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pictures that every run has one, two are enough: all of one kind are laid out alike."""

    def two_a_kind(results: list[RunResult]) -> list[Picture]:
        shown = pictures(results)
        kinds = Counter[str]()
        kept = []
        for one in shown:
            kind = one.key.split("-")[0]
            kinds[kind] += 1
            kept += [one] if kinds[kind] <= 2 else []
        return kept

    monkeypatch.setattr(cascade_static, "pictures", two_a_kind)
    runs = [run for name in VARIANTS[:variants] for run in crowds.both(name)]
    check(cascade_static.overview(runs))


@pytest.mark.parametrize("late", [False, True])
def test_moments_that_fall_together(late: bool) -> None:
    (picture,) = [one for one in pictures(crowds.both()) if one.key == "fund"]
    at = picture.span[1 if late else 0]
    moments = (Moment("auto-deleveraged 13:05:29 to 13:06:33", "red", at),
               Moment("liquidated 13:05:30", "blue", at))  # fmt: skip
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    drawn = Picture("legs", "Legs", "USDT", lines=picture.lines, moments=moments, span=picture.span)
    cascade_static.draw(figure.add_subplot(), drawn, 10.0)
    check(figure)
    axes = figure.axes[0].get_window_extent()
    inside = [box for text, box in boxes(figure) if text in {one.name for one in moments}]
    assert len(inside) == 2
    assert all(axes.x0 <= box[0] and box[2] <= axes.x1 for box in inside)


@pytest.mark.parametrize("runs", [2, 8])
def test_overview_of_accounts_side_by_side(runs: int) -> None:
    several: list[RunResult] = [
        made.made(("separated", "unified")[number % 2], account=f"trader_{number}",
                  thresholds=LADDER)
        for number in range(runs)
    ]  # fmt: skip
    check(static.overview(several))


def test_figures_stand_behind_bar_and_diamond() -> None:
    values, marks = np.array([5.0, 5.0, -5.0, -5.0]), np.array([7.0, 3.0, -7.0, np.nan])
    lying = Lying("run", "#123456", ("a", "b", "c", "d"), values, marks)
    assert lying.ends().tolist() == [7.0, 5.0, -7.0, -5.0]
    drawn = cascade_figure(Picture("losses", "Lost", "%", lying=(lying,)))
    low, high = drawn.layout.xaxis.range
    assert low < -7.0
    assert high > 7.0


def test_legends_of_the_page_stand_below_the_buttons() -> None:
    runs = [run for name in VARIANTS for run in crowds.both(name)]
    few, many = (
        cascade_figure(next(one for one in pictures(part) if one.key == "fund"))
        for part in (runs[:2], runs)
    )
    for figure in (few, many):
        assert figure.layout.legend.yref == "container"
        assert 20 < (1 - figure.layout.legend.y) * figure.layout.height < 40
    assert many.layout.height > few.layout.height
