"""Goal: what borrowing costs shows in the result of a run, and a run with loans repeats.

Method: a short by loan on two minutes of the bundled calm hour, opened and covered.
"""

from __future__ import annotations

from typing import Any

import pytest

import replay_data
from simulator.errors import InputError
from simulator.replay.player import Player
from simulator.simulation import Simulation
from simulator.strategy.base import Strategy

SECOND = 10**9
FIRST = Player([replay_data.path("calm")]).span[0]


class ShortByLoan(Strategy):
    owed = 0.0

    def on_start(self, ctx: Any) -> None:
        ctx.transfer("USDT", 50_000, "spot", "margin")
        ctx.schedule(after=10, name="open")
        ctx.schedule(after=60, name="close")

    def on_timer(self, ctx: Any, name: str) -> None:
        spot = ctx.market("spot:BTCUSDT")
        if name == "open":
            ctx.submit(spot, -1, 0.1, wallet="margin", side_effect="auto_borrow")
        else:
            self.owed = ctx.loan("BTC") + ctx.interest("BTC")
            ctx.submit(spot, 1, self.owed * 1.01, wallet="margin", side_effect="auto_repay")


def run(mode: str, rulebook: str, **options: Any) -> tuple[ShortByLoan, Any, Simulation]:
    strategy = ShortByLoan()
    simulation = Simulation(
        data=replay_data.path("calm"),
        mode=mode,
        strategies=strategy,
        rulebook=rulebook,
        start_ns=FIRST,
        end_ns=FIRST + 90 * SECOND,
        **options,
    )
    return strategy, simulation.run(), simulation


@pytest.mark.parametrize("mode", ["separated", "unified"])
@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
def test_interest_shows_in_the_result(mode: str, rulebook: str) -> None:
    strategy, result, simulation = run(mode, rulebook)
    # An hour of 0.1 BTC at 0.00013233 a day, rounded up: 0.00000056 BTC.
    assert strategy.owed == pytest.approx(0.10000056, abs=1e-12)
    price = simulation.core.pools.index_price(simulation.assets.index("BTC"))
    assert result.summary.pnl["interest"] == pytest.approx(-0.00000056 * price, rel=0.01)
    assert simulation.desk.loans.of(simulation.assets.index("BTC")) == (0.0, 0.0)
    assert run(mode, rulebook)[1].digest == result.digest


def test_choices_are_checked_at_the_border() -> None:
    with pytest.raises(InputError, match="margin_leverage 4: must be 3, 5, 10"):
        run("separated", "binance", margin_leverage=4)
    with pytest.raises(InputError, match="multi_assets: is of separated accounts"):
        run("unified", "binance", multi_assets=True)
