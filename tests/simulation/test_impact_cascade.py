"""Goal: a cascade of identical accounts ends where pencil and paper say.

Method: accounts of one lot each, one of which falls due with each tick that the mark falls (n a
tick); a made market that stands still; a constant book of q lots a tick that keeps what it gives; a
first sale that moves s ticks.  The fall x solves x = s + x n / q, so x = s / (1 - n / q).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator import Impact, Liquidity, Simulation, Strategy
from simulator.accounts.crowd import Crowd, Setting
from simulator.replay.made import MadeMarket
from simulator.replay.making import made_tape

pytestmark = pytest.mark.hours

UM = "um:BTCUSDT"
PRICE, TICK, LOT = 100_000.0, 0.1, 0.001
SHOCK = 200  # ticks
ACCOUNTS = 10_000
MAINTENANCE = 0.1 / 1.5  # textbook: a range of 10 % for BTC


class Shock(Strategy):
    lots: int = 0

    def on_start(self, ctx: Any) -> None:
        ctx.transfer("USDT", 500_000, "spot", "um")
        ctx.schedule(after=60)

    def on_timer(self, ctx: Any, name: str) -> None:
        ctx.sell(ctx.market(UM), self.lots * LOT)


def ladder(each: float) -> Any:
    """Accounts of which ``each`` fall due with a tick of fall."""

    def people(setting: Setting) -> Crowd:
        names = tuple(one.name for one in setting.instruments)
        start = setting.prices[UM]
        due = start - TICK * np.arange(1, ACCOUNTS + 1) / each
        margin = LOT * (MAINTENANCE * due + (start - due))
        balance = np.zeros((ACCOUNTS, len(setting.assets)), dtype=np.int64)
        balance[:, setting.assets.index("USDT")] = np.rint(margin * 1e8)
        return Crowd(
            ids=np.arange(1, ACCOUNTS + 1),
            group=np.zeros(ACCOUNTS, dtype=np.int32),
            groups=("ladder",),
            unified=np.zeros(ACCOUNTS, dtype=bool),
            instruments=names,
            assets=tuple(setting.assets),
            lots=np.ones((ACCOUNTS, 1), dtype=np.int64),
            entry=np.full((ACCOUNTS, 1), start),
            isolated=np.zeros((ACCOUNTS, 1), dtype=np.int64),
            balance={"um": balance},
        )

    return people


def fall(each: float, a_tick: float, *, feedback: bool = True) -> tuple[float, int]:
    """Return how far the book ends below its reference, in ticks, and how many were closed."""
    depth = a_tick * LOT * PRICE * PRICE / TICK * 0.01
    market = MadeMarket(
        start="2025-10-10T20:50:00Z",
        length="00:10:00",
        instruments=[UM],
        source="chosen for this test",
        paths={"BTC": {"first": PRICE, "volatility": 0}},
    )
    shock = Shock()
    shock.lots = round(SHOCK * a_tick)
    run = Simulation(
        data=[made_tape(market, 1)],
        mode="separated",
        strategies=shock,
        margin_type="cross",
        deposits={"USDT": Decimal(1_000_000)},
        population=ladder(each),
        impact=Impact(
            other=Liquidity(depth=depth, resilience="none", spread=0.0, levels=2000, reach=0.1),
            feedback=feedback,
        ),
    )
    run.run()
    reference, share, _ = run.core.liquidities.state(0)
    closed = ACCOUNTS - sum(
        run.core.ledger.position_of(account, 0)[0] for account in range(2, ACCOUNTS + 2)
    )
    return -share * reference / TICK, closed


@pytest.mark.parametrize(
    ("each", "a_tick"), [(0.5, 2.0), (1.0, 2.0), (1.5, 2.0), (4.0, 5.0), (8.0, 10.0)]
)
def test_the_fall_ends_at_the_fixed_point(each: float, a_tick: float) -> None:
    ticks, closed = fall(each, a_tick)
    expected = SHOCK / (1 - each / a_tick)
    assert ticks == pytest.approx(expected, rel=0.01, abs=1)  # marks are of half a tick
    assert closed == pytest.approx(each * expected, rel=0.01, abs=2)


def test_without_feedback_nobody_falls_due() -> None:
    assert fall(1.0, 2.0, feedback=False) == (0.0, 0)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIMARGIN_CACHE", str(tmp_path / "cache"))
