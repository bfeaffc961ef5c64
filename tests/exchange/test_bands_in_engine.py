"""Goal: a run goes on event for event as before where safe bands decide which pools to recompute.

Method: busy runs on the bundled crash with bands from the first pool on, against runs without.
"""

from __future__ import annotations

import pytest

from simulator.exchange import upkeep
from tests.simulation.test_whole_venue import MODES, busy_run


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", [3, 11])
def test_a_busy_run_is_the_same_with_bands(
    mode: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {}
    for bands_from in (10**6, 0):
        monkeypatch.setattr(upkeep, "BANDS_FROM", bands_from)
        run = busy_run(mode, seed=seed, seconds=60, start=1500)
        runs[bands_from] = run.run()
    plain, lazy = runs[10**6], runs[0]
    assert lazy.digest == plain.digest
    for frame in ("fills", "history", "prices", "inventory", "liquidations"):
        assert getattr(lazy, frame).equals(getattr(plain, frame)), frame
    assert lazy.summary.end_equity == plain.summary.end_equity
    assert lazy.summary.orders == plain.summary.orders
