"""Goal: the outcome of a run changes only when somebody means it to.

Method: the digest and the tail of short runs on the bundled crash are kept in ``golden.json``.
``UNIMARGIN_UPDATE_GOLDEN=1`` writes it anew; the change then shows in review.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.test_whole_venue import MODES, busy_run

KEPT = Path(__file__).parent / "golden.json"
TAIL = 5


def outcome(mode: str) -> dict[str, Any]:
    run = busy_run(mode, seed=11, seconds=90, start=1500)
    result = run.run()
    return {
        "digest": result.digest,
        "orders": result.summary.orders,
        "fills": result.summary.fills,
        "rejections": result.summary.rejections,
        "end_equity": round(result.summary.end_equity, 6),
        "tail": [
            f"{f['time_ns']} {f['instrument']} {f['side']:+d} {f['quantity']:g} at {f['price']:g}"
            for f in result.fills.tail(TAIL).iter_rows(named=True)
        ],
    }


@pytest.mark.golden
@pytest.mark.parametrize("mode", MODES)
def test_a_kept_run(mode: str) -> None:
    found = outcome(mode)
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    if os.environ.get("UNIMARGIN_UPDATE_GOLDEN") == "1":
        kept[mode] = found
        KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert found == kept.get(mode), "UNIMARGIN_UPDATE_GOLDEN=1 keeps the new outcome"
