"""Margin is checked whenever a price comes that somebody's margin depends on, and only then."""

from __future__ import annotations

import pytest

from simulator import Simulation, Strategy

pytestmark = pytest.mark.hours


class ShortCall(Strategy):
    """Write one option of sixteen, hold a perpetual against it."""

    def on_start(self, ctx):
        ctx.transfer("USDT", 50_000, "spot", "options")
        ctx.transfer("USDT", 20_000, "spot", "um")
        ctx.schedule(after=30)

    def on_timer(self, ctx, name):
        call = next(m for m in ctx.markets if m.kind == "option" and m.symbol.endswith("-C"))
        ctx.sell(call, 0.5)
        ctx.buy(ctx.market("um:BTCUSDT"), 0.2)


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_checks_that_are_skipped_would_have_found_nothing(mode: str) -> None:
    """The same run, with every mark checked: digest, history and worst ratio are equal."""

    def run(always: bool):
        made = Simulation(
            data=["bundled:crash", "bundled:crash_dated"], mode=mode, strategies=ShortCall()
        )
        if always:
            made.desk.upkeep.always_check()
        return made.run()

    lazy, eager = run(False), run(True)
    assert lazy.summary.fills >= 2
    assert lazy.digest == eager.digest
    assert lazy.history.equals(eager.history)
    assert lazy.summary.worst_ratio == eager.summary.worst_ratio
    assert lazy.summary.peak_initial_margin == eager.summary.peak_initial_margin
