"""Goal: what strategies asked for is all that a run depends on beside its data and settings.

Method: a run is recorded; its commands are played in a run with stand-ins for the strategies.  All
batches must be the same, bit for bit.
"""

from __future__ import annotations

from typing import Any

import pytest

from simulator.cli.engine import make_engine
from simulator.cli.run import load_strategies
from simulator.cli.scenario import load_scenario, scenario_names
from simulator.cli.strategies import strategy_names
from simulator.simulation import Simulation
from simulator.store.difference import Difference
from simulator.store.recorded import Playback, stand_ins, told_of
from simulator.strategy.base import Strategy
from tests.simulation.busy import Busy
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


def of_scenario(name: str, mode: str, changes: dict[str, Any]) -> tuple[Any, Any]:
    """Return what makes the simulation of a scenario, with its own strategies or with others."""
    setting = load_scenario(name).model_copy(update=changes)
    setting = (setting.variants or (setting,))[0].model_copy(update=changes)

    def make(strategies: list[Any] | None = None) -> Any:
        if strategies is None:
            return make_engine(setting, mode, load_strategies(setting, False), {})
        kinds = [lambda one=one: one for one in strategies]
        return make_engine(setting.model_copy(update={"life": ()}), mode, kinds, {})

    return make, make()


SCENARIOS = [
    ("lifecycle", "separated", {}),
    ("fund_runs_dry", "separated", {"accounts": 150}),
    ("short_strangle", "unified", {}),
]


@pytest.mark.hours
@pytest.mark.parametrize(("name", "mode", "changes"), SCENARIOS, ids=lambda one: str(one)[:20])
def test_scenarios(name: str, mode: str, changes: dict[str, Any]) -> None:
    """A life with switches and loans, a cascade, options."""
    make, first = of_scenario(name, mode, changes)
    _, kept = recorded(first, 20_000)
    played_again(make, first, kept, 20_000)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted({*scenario_names()} - {*strategy_names()}))
def test_every_scenario(name: str, mode: str) -> None:
    crowded = bool(load_scenario(name).people)
    make, first = of_scenario(name, mode, {"accounts": 700} if crowded else {})
    _, kept = recorded(first, 20_000)
    played_again(make, first, kept, 20_000)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", strategy_names())
def test_every_strategy(name: str, mode: str) -> None:
    """Each in the scenario of its name where there is one, and with latency."""
    shown = name if name in scenario_names() else "crash"
    make, first = of_scenario(shown, mode, {"strategies": (name,), "latency": "2"})
    _, kept = recorded(first, 20_000)
    played_again(make, first, kept, 20_000)


class Rude(Strategy):
    """Cancels what another strategy sent, asks for things when it stops, and names its timers."""

    def on_start(self, ctx: Any) -> None:
        self.market = ctx.market("um:BTCUSDT")
        ctx.schedule(every=1.5, name="seconds")
        ctx.subscribe(self.market, "book")
        self.seen = 0

    def on_book(self, ctx: Any, market: Any) -> None:
        self.seen += 1
        if self.seen % 500 == 0:
            ctx.buy(market, 0.01, market.bid)

    def on_timer(self, ctx: Any, name: str) -> None:
        for order in ctx.account._desk.core.orders_of(0, self.market.number):
            ctx.cancel(order)

    def on_stop(self, ctx: Any) -> None:
        ctx.buy(self.market, 0.02)
        ctx.schedule(after=1.0)


def test_what_is_asked_for_at_the_end() -> None:
    def make(strategies: list[Any] | None = None) -> Simulation:
        chosen = [Busy(seed=1), Rude()] if strategies is None else strategies
        return busy_run("unified", seconds=20, strategies=chosen)

    first = make()
    _, kept = recorded(first)
    last = kept.batches[-1].tables["commands"]
    assert last["wake"][-1] == first.core.wakes  # type: ignore[union-attr]
    played_again(make, first, kept)


def test_a_command_too_many_is_found() -> None:
    first = busy_run("unified", seconds=10)
    _, kept = recorded(first)
    late = {name: column[-1:] for name, column in kept.commands()[-1].items()}
    late["wake"] = late["wake"] + 1_000_000
    playback = Playback([*kept.commands(), late])
    again = busy_run(
        "unified",
        seconds=10,
        strategies=[kind() for kind in stand_ins(playback, [told_of(s) for s in first.strategies])],
    )
    playback.attach(again)
    again.run()
    with pytest.raises(Difference, match="no such callback"):
        playback.end()
