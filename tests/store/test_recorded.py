"""Goal: what strategies asked for is all that a run depends on beside its data and settings.

Method: a run is recorded; its commands are played in a run with stand-ins for the strategies.  All
batches must be the same, bit for bit.
"""

from __future__ import annotations

from typing import Any

import pytest

from simulator.simulation import Simulation
from tests.simulation.test_whole_venue import MODES, busy_run
from tests.store.keeping import played_again, recorded


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
@pytest.mark.parametrize("latency", ["none", "5", "sampled:3:0.5"])
def test_busy_strategies(mode: str, rulebook: str, latency: str) -> None:
    def make(strategies: list[Any] | None = None) -> Simulation:
        given: dict[str, Any] = {} if strategies is None else {"strategies": strategies}
        return busy_run(mode, seed=3, rulebook=rulebook, latency=latency, start=1500, **given)

    first = make()
    digest, kept = recorded(first)
    assert digest == make().run().digest, "to record changes nothing"
    assert sum(len(part["wake"]) for part in kept.commands()) > 100
    played_again(make, first, kept)
