"""Goal: a run that goes on from an image of its state ends as the one that was never stopped.

Method: images at cuts of busy runs are put into fresh simulations, which run on to the end (from
two of them in the suite, from all in the soak): same digest, same frames, same figures; and the
image of what was restored is the image, byte by byte.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import replay_data
from simulator import Simulation
from simulator.cli.scenario import load_scenario
from simulator.cli.strategies import strategy_class, strategy_names
from simulator.store import image
from tests.simulation.busy import Busy
from tests.simulation.test_impact_runs import IMPACT
from tests.simulation.test_whole_venue import FIRST, MODES, SECONDS, busy_run
from tests.store.image_kit import assert_same, chosen, go_on, run_with_cuts

pytestmark = pytest.mark.slow


def assert_goes_on(make: Any, rows: int, every: int, first: int = 0) -> None:
    """Images at every so many-th cut lead to the end of the run that nobody took images of."""
    plain = make().run()
    watched, cuts = run_with_cuts(make(), rows, lambda n: n % every == first)
    assert_same(watched, plain)
    assert len(cuts) > 1
    assert all(cut.states is not None for cut in cuts)
    for cut in chosen(cuts):
        assert_same(go_on(make(), cut, rows), plain)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("rulebook", "latency", "seed"),
    [("textbook", "2", 3), ("binance", "sampled:3:0.5", 4), ("okx_pm", "none", 5)],
)
def test_busy_runs(mode: str, rulebook: str, latency: str, seed: int) -> None:
    def make() -> Simulation:
        return busy_run(
            mode, seed=seed, seconds=40, start=600 * seed, rulebook=rulebook, latency=latency
        )

    assert_goes_on(make, 97, 20, seed)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "options",
    [
        {"position_mode": "hedge", "rulebook": "binance"},
        {"margin_type": "cross", "leverage": 20, "rulebook": "binance"},
        {"impact": IMPACT},
        {"latency": "recorded", "alerts": ("ratio <= 3", "fall >= 1% in 60s")},
        {"bnb_fees": True, "queue_model": "power:2"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_other_settings(mode: str, options: dict[str, Any]) -> None:
    assert_goes_on(lambda: busy_run(mode, seed=9, seconds=30, start=1500, **options), 211, 12)


@pytest.mark.parametrize(("mode", "rulebook"), [("separated", "textbook"), ("unified", "binance")])
def test_through_liquidations(mode: str, rulebook: str) -> None:
    """Buying the fall with all there is: images between the first call and the last closing."""

    def make() -> Simulation:
        return Simulation(
            data=[replay_data.path("crash")],
            mode=mode,
            rulebook=rulebook,
            strategies=[Busy(seed=0, size=30_000.0, every=0.1, bias=0.97)],
            deposits={"USDT": Decimal(42_000), "BTC": Decimal("0.05")},
            start_ns=FIRST + 900 * SECONDS,
            end_ns=FIRST + 1300 * SECONDS,
            latency="2",
        )

    assert_goes_on(make, 1000, 15)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", strategy_names())
def test_bundled_strategies(name: str, mode: str) -> None:
    """Each strategy tells its state, on the scenario that it is shown on where there is one.

    The first half of the hour has the crash and most of what they do.
    """
    kind = strategy_class(name)
    shown = load_scenario(name) if name in SHOWN else load_scenario("crash")

    def make() -> Simulation:
        return Simulation(
            data=list(shown.data),
            mode=mode,
            strategies=[kind()],
            rulebook=shown.rulebook,
            deposits=dict(shown.deposits),
            instruments=shown.instruments or None,
            end_ns=FIRST + 1800 * SECONDS,
        )

    rows = make().rows // 24
    assert_goes_on(make, rows, 5, 2)


SHOWN = ("calendar_spread", "coin_carry", "covered_call", "short_strangle", "three_market_maker")


class Learning(Busy):
    """Keeps what cannot be written as it stands, and says by hand what it needs."""

    resumable = False

    def on_start(self, ctx: Any) -> None:
        super().on_start(ctx)
        self.model = iter(range(10**9))  # no image and no JSON could hold it
        self.steps = 0

    def on_timer(self, ctx: Any, name: str) -> None:
        self.steps = next(self.model)
        if self.steps % 7:
            super().on_timer(ctx, name)

    def state(self) -> dict[str, Any]:
        return {"draws": self.draws, "heard": self.heard, "clock": self.clock, "at": self.steps}

    def restore(self, state: dict[str, Any]) -> None:
        self.draws, self.heard, self.clock = state["draws"], state["heard"], state["clock"]
        self.steps = state["at"]
        self.model = iter(range(self.steps + 1, 10**9))


@pytest.mark.parametrize("mode", MODES)
def test_a_strategy_that_says_what_it_needs(mode: str) -> None:
    def make() -> Simulation:
        return Simulation(
            data=[replay_data.path("calm")],
            mode=mode,
            strategies=[Learning(seed=4), Busy(seed=5)],
            end_ns=replay_start() + 60 * SECONDS,
            latency="2",
        )

    assert_goes_on(make, 211, 9, 5)


def replay_start() -> int:
    """First instant of the calm hour."""
    return Simulation(data=[replay_data.path("calm")], mode="unified").span[0]


def test_one_strategy_that_cannot_tell_is_enough() -> None:
    class Silent(Busy):
        resumable = False

    run = Simulation(
        data=[replay_data.path("calm")],
        mode="unified",
        strategies=[Busy(), Silent()],
        end_ns=replay_start() + 5 * SECONDS,
    )
    run.run()
    assert image.states(run) is None
