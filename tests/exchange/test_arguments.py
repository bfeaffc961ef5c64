"""Goal: what a first script gets wrong is told in one line, and what is near enough works.

Method: each argument of ``Simulation`` in the forms that people try.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import replay_data
from simulator import InputError, Simulation, Strategy
from simulator.book.triggers import Triggers

SPAN = {"end_ns": 1_749_627_000_000_000_000 + 20 * 10**9, "mode": "unified"}


class Idle(Strategy):
    """Nothing."""


class Stops(Strategy):
    """Many conditional orders that wait."""

    def on_start(self, ctx: Any) -> None:
        ctx.schedule(after=5)

    def on_timer(self, ctx: Any, name: str) -> None:
        market = ctx.market("um:BTCUSDT")
        for i in range(40):
            ctx.submit(market, -1, 0.01, kind="stop", trigger=market.last * (0.95 - 0.001 * i))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"strategies": [Idle]}, r"Idle is a class; give an instance, Idle\(\)"),
        ({"strategies": "grid"}, "'grid' is no Strategy"),
        ({"data": []}, "must name at least one"),
        ({"deposits": {"USDT": "much"}}, "is not a number"),
        ({"deposits": {"USDT": float("nan")}}, "is not a number"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Simulation(**{"data": "bundled:calm", **SPAN, **given})


def test_near_enough_works() -> None:
    run = Simulation(
        data=str(replay_data.path("calm")),
        strategies=Idle(),
        deposits={"USDT": "50000"},
        latency=5,
        **SPAN,
    )
    result = run.run()
    assert result.summary.start_equity == 50_000
    assert result.data == ("bundled:calm",), "the same on every machine"
    with pytest.raises(InputError, match="has run"):
        run.run()


def test_many_conditional_orders_wait() -> None:
    """More than the first room of the columns."""
    run = Simulation(data="bundled:calm", strategies=Stops(), **SPAN)
    assert run.run().summary.orders == 40
    triggers = Triggers()
    for slot in range(1, 100):
        assert triggers.add(slot, -1, 1, 0, 100 + slot, 0, 0)
    assert triggers.on_price(0, 150) == 50  # sell stops at 150 and above


def test_fills_show_decimal_prices() -> None:
    class Taker(Stops):
        def on_timer(self, ctx: Any, name: str) -> None:
            ctx.buy(ctx.market("um:BTCUSDT"), 0.036)

    fills = Simulation(data="bundled:calm", strategies=Taker(), **SPAN).run().fills
    assert fills.height
    for price in fills["price"].to_list():
        assert Decimal(repr(price)) % Decimal("0.1") == 0
