"""Goal: uncompiled, the same files give the same run, outcome for outcome.

Method: a minute of the bundled crash with orders of several kinds, here and in a copy of the tree
without extension modules, in both modes; the digests are compared.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simulator import build_info

ROOT = Path(__file__).resolve().parent.parent

RUN = """
import replay_data
from simulator import Simulation, Strategy
from simulator.build_info import compiled_modules


class Busy(Strategy):
    def on_start(self, ctx):
        self.spot, self.perp = ctx.market("spot:BTCUSDT"), ctx.market("um:BTCUSDT")
        ctx.transfer("USDT", 20_000, "spot", "um")
        ctx.schedule(every=1)
        self.beats = 0

    def on_timer(self, ctx, name):
        self.beats += 1
        if not self.perp.mark or not self.spot.bid:
            return
        if self.beats % 5 == 0:
            ctx.cancel_all()
            ctx.sell(self.perp, 0.02)
            ctx.submit(self.perp, 1, 0.01, kind="trailing_stop", callback_rate=0.001)
        ctx.buy(self.spot, 0.01, self.spot.bid * 0.9999)
        ctx.buy(self.perp, 0.01, self.perp.bid, "GTX")
        ctx.sell(self.perp, 0.01, self.perp.bid * 0.9999, "IOC")


for mode in ("separated", "unified"):
    simulation = Simulation(
        data=[replay_data.path("crash")],
        mode=mode,
        strategies=[Busy()],
        latency="3/5/7",
        queue_model="power:3",
        start_ns=1_760_284_440_000_000_000,
        end_ns=1_760_284_500_000_000_000,
    )
    result = simulation.run()
    print(mode, result.summary.fills, result.digest, bool(compiled_modules()))
"""


def runs(folder: Path) -> list[list[str]]:
    """Return mode, fills, digest and whether anything is compiled, one list a run."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", RUN]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_uncompiled_run_has_the_same_digest(tmp_path: Path) -> None:
    if not build_info.compiled_modules():
        pytest.skip("nothing is compiled here")
    for package in ("simulator", "strategies", "replay_data"):
        unwanted = shutil.ignore_patterns("*.so", "__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=unwanted)
    here, there = runs(ROOT), runs(tmp_path)
    assert [run[3] for run in here + there] == ["True", "True", "False", "False"]
    assert [run[:3] for run in here] == [run[:3] for run in there]
    assert all(int(run[1]) > 50 for run in here), "too few fills to compare"
