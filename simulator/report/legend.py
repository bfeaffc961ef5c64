"""A legend above its picture, between title and axes, so that it covers nothing of either.

Sizes are points, as matplotlib counts fonts: 72 an inch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FONT = 8.0
PAD, ROWS_APART, COLUMNS_APART, HANDLE, HANDLE_APART = 0.4, 0.4, 1.8, 2.0, 0.6
"""Room around, between rows and columns, of a handle, and behind it; in sizes of the font."""


def legend_above(axes: Any, width: float) -> None:
    """Put the legend in as few rows as ``width`` points hold, and the title above it."""
    handles, names = axes.get_legend_handles_labels()
    if not handles:
        return
    columns = columns_within(width, [_text_width(axes, name) for name in names])
    rows = -(-len(names) // columns)
    axes.legend(
        handles, names, fontsize=FONT, frameon=False, ncols=columns, loc="lower left",
        bbox_to_anchor=(0.0, 1.0), borderaxespad=0.0, borderpad=PAD, labelspacing=ROWS_APART,
        columnspacing=COLUMNS_APART, handlelength=HANDLE, handletextpad=HANDLE_APART,
    )  # fmt: skip
    # A row of a legend is a little higher than its font.
    high = FONT * (2 * PAD + 1.15 * rows + ROWS_APART * (rows - 1))
    axes.set_title(axes.get_title(loc="left"), loc="left", fontsize=11, fontweight="bold", pad=high)


def columns_within(width: float, names: list[float]) -> int:
    """Return in how many columns names of these widths stand within a width; at least one.

    Columns are filled one after the other, the first ones with one more where they differ.

    >>> columns_within(200.0, [40.0, 40.0, 40.0])
    2
    >>> columns_within(250.0, [40.0, 40.0, 40.0, 40.0])
    2
    >>> columns_within(20.0, [40.0, 40.0, 40.0])
    1
    """
    for columns in range(len(names), 1, -1):
        parts = np.array_split(np.array(names), columns)
        wide = sum(float(part.max()) for part in parts)
        wide += FONT * columns * (HANDLE + HANDLE_APART)
        wide += FONT * ((columns - 1) * COLUMNS_APART + 2 * PAD)
        if wide <= width:
            rows = -(-len(names) // columns)
            return -(-len(names) // rows)  # rows of about the same length
    return 1


def _text_width(axes: Any, text: str) -> float:
    """Return how wide a text of the legend's font is."""
    figure = axes.figure
    drawn = axes.text(0, 0, text, fontsize=FONT)
    width = float(drawn.get_window_extent(figure.canvas.get_renderer()).width)
    drawn.remove()
    return width * 72.0 / float(figure.dpi)
