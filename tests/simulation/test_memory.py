"""A run that nobody holds any more is freed, whatever its strategy kept of what it was told."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from simulator import Context, Simulation, Strategy
from simulator.exchange import dropped

pytestmark = pytest.mark.hours


class Keeper(Strategy):
    """Keep a trade, a bar, a fill and an order update; each knows its market, which knows all."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, Any] = {}

    def on_start(self, ctx: Context) -> None:
        ctx.subscribe(ctx.market("um:BTCUSDT"), "trades")
        ctx.subscribe(ctx.market("um:BTCUSDT"), "bars", every=1)
        ctx.schedule(after=5)

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.buy(ctx.market("um:BTCUSDT"), 0.01)

    def on_trade(self, ctx: Context, trade: Any) -> None:
        self.kept["trade"] = trade

    def on_bar(self, ctx: Context, bar: Any) -> None:
        self.kept["bar"] = bar

    def on_fill(self, ctx: Context, fill: Any) -> None:
        self.kept["fill"] = fill

    def on_order(self, ctx: Context, update: Any) -> None:
        self.kept["update"] = update


def test_what_a_strategy_keeps_does_not_keep_its_run_alive() -> None:
    strategy = Keeper()
    run = Simulation(
        data="bundled:calm", mode="unified", strategies=strategy, instruments=["um:BTCUSDT"]
    )
    run.run()
    assert sorted(strategy.kept) == ["bar", "fill", "trade", "update"]
    itself, desk = weakref.ref(run), weakref.ref(run.desk)
    before = dropped._Dropped.bytes
    gc.disable()
    try:
        del run, strategy
        # In no cycle itself, it is gone at once, which is how the next run learns what it left.
        assert itself() is None
        assert dropped._Dropped.bytes > before + dropped.EACH
    finally:
        gc.enable()
    gc.collect()
    assert desk() is None
