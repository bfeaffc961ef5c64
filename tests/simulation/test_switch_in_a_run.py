"""Goal: a run whose account switches tells of every pool while it existed, and repeats itself.

Method: a strategy merges the wallets in the middle of the crash, goes on trading, and parts them
again; engine functions do the switch, so that no condition stands in the way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from simulator import RunResult, Simulation, Strategy
from simulator.exchange import upkeep

pytestmark = pytest.mark.hours


class Merger(Strategy):
    """Buy, merge after ten minutes, sell, and part the wallets ten minutes later."""

    desk: Any

    def on_start(self, ctx: Any) -> None:
        ctx.transfer("USDT", 40_000.0, "spot", "um")
        self.market = ctx.market("um:BTCUSDT")
        for name, minutes in (("buy", 5), ("merge", 10), ("sell", 20), ("part", 30), ("again", 35)):
            ctx.schedule(after=60 * minutes, name=name)

    def on_timer(self, ctx: Any, name: str) -> None:
        switching = self.desk.switching
        if name == "buy":
            ctx.buy(self.market, 0.5)
        elif name == "sell":
            ctx.sell(self.market, 0.5)
        elif name == "again" and ctx.mode == "separated":
            ctx.transfer("USDT", 10_000.0, "spot", "um")
            ctx.buy(self.market, 0.1)
        elif name in ("merge", "part"):
            mode = "unified" if name == "merge" else "separated"
            if self.desk.partition.mode != mode:
                switching.cancel_orders()
                switching.execute(mode)


def run(rulebook: str, mode: str = "separated") -> tuple[Simulation, RunResult]:
    merger = Merger()
    made = Simulation(data="bundled:crash", mode=mode, rulebook=rulebook, strategies=merger, seed=3)
    merger.desk = made.desk
    return made, made.run()


def test_pools_are_told_of_while_they_exist() -> None:
    made, result = run("textbook")
    assert made.desk.partition.mode == "separated"
    history = result.history
    times = history.filter(pl.col("pool") == "account")["time_ns"].to_numpy()
    unified = np.asarray(made.desk.samples()["unified"])
    spell = times[: len(unified)][unified == 1]
    rows = history.filter(pl.col("pool") == "unified")["time_ns"].to_numpy()
    assert rows.tolist() == spell.tolist()
    assert 590 < (spell[0] - times[0]) / 10**9 < 620
    assert 1100 < (spell[-1] - spell[0]) / 10**9 < 1220
    um = set(history.filter(pl.col("pool") == "um")["time_ns"].to_list())
    assert um == set(times.tolist()) - set(spell.tolist())
    whole = history.filter(pl.col("pool") == "account")["initial_margin"].to_numpy()
    parts = history.filter(pl.col("pool") != "account").group_by("time_ns", maintain_order=True)
    assert parts.agg(pl.col("initial_margin").sum())["initial_margin"].to_numpy() == pytest.approx(
        whole
    )


def test_falls_lie_within_one_mode() -> None:
    made, result = run("textbook")
    kept = {one.time_ns: one.mode for one in made.desk.snapshots.kept}
    assert set(kept.values()) == {"separated", "unified"}
    assert "unified" in set(result.moves["pool"])
    for row in result.moves.iter_rows(named=True):
        modes = {kept[at] for at in kept if row["start_ns"] <= at <= row["end_ns"]}
        assert len(modes) == 1


@pytest.mark.parametrize("rulebook", ["textbook", "binance", "okx_pm", "deribit_pm", "bybit"])
@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_the_same_run_has_the_same_digest_with_bands_or_without(
    rulebook: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plain = run(rulebook, mode)
    _, again = run(rulebook, mode)
    monkeypatch.setattr(upkeep, "BANDS_FROM", 0)
    _, banded = run(rulebook, mode)
    assert plain.digest == again.digest == banded.digest
    assert plain.summary.end_equity == banded.summary.end_equity
    assert plain.summary.fills >= 2
