"""Our engine on the common tape; what touches the engine itself is in bench/ours.py.

Cases: ``feed`` (the tape through the book, nobody woken), ``maker`` (the market maker of
bench/market_maker.md in plain Python), ``record`` (the same, writing its state at each timer, not
timed), ``trades`` (woken on each trade) and ``bars`` (the crossing of two averages).  The book
without an engine around it: ``book-feed``, ``book-maker`` and ``book-restated``,
bench/ours_book.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.ours_book import BOOK_CASES
from bench.worker import Figures, serve


def prepare(folder: Path, case: str) -> Callable[[], Figures]:
    if case in BOOK_CASES:
        return BOOK_CASES[case](folder)
    try:
        from bench.ours import CASES
    except ImportError as error:
        raise SystemExit(f"our engine is not here: {error}") from None
    return CASES[case](folder)


if __name__ == "__main__":
    serve(prepare)
