"""Alerts in a run: strategies hear them, the run keeps them, and nothing is changed by looking."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import Alert, InputError, Simulation, Strategy
from simulator.risk.reference import pool_margin

pytestmark = pytest.mark.hours


class Long(Strategy):
    """Buy one BTC with little money and hold on."""

    def on_start(self, ctx):
        self.heard: list[Alert] = []
        ctx.alert(ratio=2.0)
        ctx.alert(fall=0.2, seconds=600)
        ctx.schedule(after=5)

    def on_timer(self, ctx, name):
        ctx.buy(ctx.market("um:BTCUSDT"), 1.0)

    def on_alert(self, ctx, alert):
        self.heard.append(alert)


class Quiet(Long):
    def on_start(self, ctx):
        self.heard = []
        ctx.schedule(after=5)


def run(kind: type[Long], alerts: tuple[str, ...] = ()):
    strategy = kind()
    simulation = Simulation(
        data="bundled:crash",
        mode="unified",
        strategies=strategy,
        deposits={"USDT": 13_000},
        alerts=alerts,
    )
    return strategy, simulation.run()


def test_strategies_and_the_run_are_told_before_the_liquidation() -> None:
    strategy, result = run(Long, ("distance<=5%", "level>=LIQUIDATION"))
    assert {a.condition for a in strategy.heard} == {"ratio <= 2", "fall >= 20% in 600s"}
    kept = result.alerts
    assert set(kept["asked_by"]) == {"Long", "run"}
    first = {row["condition"]: row["time_ns"] for row in reversed(kept.to_dicts())}
    liquidated = result.liquidations["time_ns"][0]
    assert first["distance <= 5%"] < first["level >= LIQUIDATION"] == liquidated
    assert first["ratio <= 2"] < liquidated


def test_watching_changes_nothing() -> None:
    _, watched = run(Long, ("distance<=5%",))
    _, quiet = run(Quiet)
    assert watched.digest == quiet.digest
    assert watched.history.equals(quiet.history)


def test_the_fall_to_the_liquidation_was_the_price_of_bitcoin() -> None:
    _, result = run(Quiet)
    whole = result.moves.filter(result.moves["item"].is_null())
    parts = dict(zip(whole["factor"], whole["equity"], strict=True))
    assert parts["price BTC"] < -1000
    assert abs(parts["price BTC"]) > 0.9 * sum(abs(value) for value in parts.values())


def test_a_pool_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no margin pool um; there are unified"):
        run(Quiet, ("um ratio<=2",))


QUICK = """
name = "quick"
title = "The textbook, measuring within minutes"
extends = "textbook"

[scenario]
half_life_seconds = 600
"""


class Hedge(Strategy):
    """BTC long against ETH short: what the credit is for."""

    def on_start(self, ctx):
        ctx.schedule(after=5)

    def on_timer(self, ctx, name):
        ctx.buy(ctx.market("um:BTCUSDT"), 0.5)
        ctx.sell(ctx.market("um:ETHUSDT"), 12.0)


def test_states_of_the_run_have_the_margin_that_the_run_had(tmp_path: Path) -> None:
    """The readable model finds on a snapshot what the compiled pools found, as then measured."""
    rules = tmp_path / "quick.toml"
    rules.write_text(QUICK, encoding="utf-8")
    made = Simulation(data="bundled:crash", mode="unified", strategies=Hedge(), rulebook=str(rules))
    made.run()
    kept = made.desk.snapshots
    widened = 0
    for one in kept.kept[1:]:
        found = pool_margin(kept.state(one, 0), made.margin)
        equity, maintenance = one.figures[0]
        assert float(found.adjusted_equity) == pytest.approx(equity, rel=1e-9)
        assert float(found.maintenance_margin) == pytest.approx(maintenance, rel=1e-9)
        widened += bool(one.correlation) and maintenance > 0
    assert widened > 10
