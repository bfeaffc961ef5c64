"""Goal: the search for the least capital finds a known edge, above and below the deposits.

Method: made runs that are liquidated below a share that the test chooses.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import pytest

from simulator.cli.least_capital import least_share
from simulator.report.result import RunResult

sys.path.insert(0, str(Path(__file__).parent.parent / "report"))
import made


@pytest.mark.parametrize("edge", [0.25, 0.8, 3.0, 14.0])
def test_edge_is_found(edge: float) -> None:
    def run(share: Decimal) -> RunResult:
        return made.made(summary=made.summary(liquidations=int(share < edge)))

    found = least_share(run, run(Decimal(1)))
    assert found is not None
    assert edge <= found <= edge * 1.01


def test_no_capital_does() -> None:
    def run(share: Decimal) -> RunResult:
        return made.made(summary=made.summary(liquidations=1))

    assert least_share(run, run(Decimal(1))) is None
