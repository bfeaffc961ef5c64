"""Our engine in a cascade; what touches the engine itself is in bench/cascade_ours.py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.worker import Figures, serve


def prepare(folder: Path, case: str) -> Callable[[], Figures]:
    from bench.cascade_ours import CASES

    return CASES[case](folder)


if __name__ == "__main__":
    serve(prepare)
