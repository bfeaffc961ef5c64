"""Goal: runs with impact repeat, whatever the pieces, and keep all invariants.

Method: the busy strategies of the whole-venue tests on the bundled crash, with composed books.
Compiled against uncompiled is in test_uncompiled.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from simulator.market.liquidity import Impact, Liquidity
from tests.simulation.busy import check_venue, pieces
from tests.simulation.test_whole_venue import MODES, busy_run

SECOND = 10**9
IMPACT = Impact(
    books={"um:BTCUSDT": Liquidity(profile="linear", depth=2e5, resilience="linear")},
    other=Liquidity(depth=1e5, permanent=0.2, flight=0.01, arbitrage_ns=20 * SECOND),
    own_weight={"BTC": 0.5},
)
TAPE = Impact(other=Liquidity(profile="tape", depth=1e6, scale=((0, 1.0), (30 * SECOND, 0.3))))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("impact", [IMPACT, TAPE], ids=["grid", "tape"])
def test_invariants_hold_in_composed_books(mode: str, impact: Impact) -> None:
    run = busy_run(mode, impact=impact, start=900)
    result = run.run(blocks=pieces(run, 97, checked=True))
    check_venue(run)
    assert result.summary.fills > 20
    liquidities = run.core.liquidities
    assert any(liquidities.state(i)[2] for i in range(len(run.player.instruments)))
    _, _, moves = liquidities.path()
    assert np.abs(moves).max() > 1e-7


def test_pieces_do_not_matter_and_impact_does() -> None:
    whole, parts, plain = (busy_run("unified", impact=x) for x in (IMPACT, IMPACT, None))
    digest = whole.run().digest
    assert parts.run(blocks=pieces(parts, 53, checked=False)).digest == digest
    assert plain.run().digest != digest


def test_without_feedback_nothing_is_displaced() -> None:
    run = busy_run("unified", impact=Impact(feedback=False))
    run.run()
    _, mids, moves = run.core.liquidities.path()
    assert not moves.any()
    assert (mids[-1] > 0).all()
