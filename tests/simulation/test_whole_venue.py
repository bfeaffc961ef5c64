"""Goal: whatever a strategy does, in either mode, the venue's books stay right and runs repeat.

Method: a strategy that acts at random, from a seed, on a slice of the bundled crash; all invariants
after every few rows.  A failure names the seed.  Digests compare runs in pieces of any size.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import replay_data
from simulator.replay.player import Player
from simulator.simulation import Simulation
from tests.simulation.busy import Busy, check_venue, pieces

SECONDS = 10**9
FIRST = Player([replay_data.path("crash")]).span[0]
MODES = ["separated", "unified"]


def busy_run(
    mode: str, *, seed: int = 1, seconds: int = 60, start: int = 0, **options: Any
) -> Simulation:
    return Simulation(
        data=[replay_data.path("crash")],
        mode=mode,
        deposits={"USDT": Decimal(80_000), "BTC": Decimal("0.2"), "ETH": Decimal(3)},
        start_ns=FIRST + start * SECONDS,
        end_ns=FIRST + (start + seconds) * SECONDS,
        **{
            "latency": "2",
            "strategies": [Busy(seed=seed), Busy(seed=seed + 1000, every=0.3)],
            **options,
        },
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_invariants_hold_after_every_few_rows(mode: str, rulebook: str, seed: int) -> None:
    latency = ("none", "5", "sampled:3:0.5")[seed % 3]
    run = busy_run(mode, seed=seed, rulebook=rulebook, latency=latency, start=600 * seed)
    result = run.run(blocks=pieces(run, 97, checked=True))
    check_venue(run)
    assert result.summary.fills > 20, f"seed {seed}"
    parts = sum(result.summary.pnl.values())
    assert parts == pytest.approx(result.summary.end_equity - result.summary.start_equity)


@pytest.mark.parametrize(("mode", "rulebook"), [("separated", "textbook"), ("unified", "binance")])
def test_invariants_hold_through_liquidations(mode: str, rulebook: str) -> None:
    """Buying the fall with all there is: positions are closed by force, and all sums still hold."""
    run = Simulation(
        data=[replay_data.path("crash")],
        mode=mode,
        rulebook=rulebook,
        strategies=[Busy(seed=0, size=30_000.0, every=0.1, bias=0.97)],
        deposits={"USDT": Decimal(42_000), "BTC": Decimal("0.05")},
        start_ns=FIRST + 900 * SECONDS,
        end_ns=FIRST + 1500 * SECONDS,
        latency="2",
    )
    result = run.run(blocks=pieces(run, 211, checked=True))
    assert result.summary.liquidations > 0
    assert result.summary.pnl["clearance fees"] < 0
    assert (result.fills["reason"] == "liquidation").any()
    assert any("liquidation" in note for note in result.notes)
    assert result.liquidations.height == result.summary.liquidations


@pytest.mark.parametrize("mode", MODES)
def test_a_run_repeats(mode: str) -> None:
    first, second = busy_run(mode), busy_run(mode)
    digests = {first.run().digest, second.run().digest}
    assert len(digests) == 1
    assert first.strategies[0].heard == second.strategies[0].heard  # type: ignore[attr-defined]
    assert busy_run(mode, seed=2).run().digest not in digests


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("latency", ["none", "4", "recorded", "sampled:3:0.5"])
def test_the_size_of_blocks_does_not_matter(mode: str, latency: str) -> None:
    heard: list[list[str]] = []
    digests = set()
    for rows in (1, 7, 1000, 10**9):
        run = busy_run(mode, latency=latency, seconds=20)
        digests.add(run.run(blocks=pieces(run, rows)).digest)
        heard.append(run.strategies[0].heard)  # type: ignore[attr-defined]
    assert len(digests) == 1
    assert all(one == heard[0] for one in heard)
    assert len(heard[0]) > 20


def test_price_profit_is_what_fills_and_last_prices_say() -> None:
    """An oracle that knows only fills and final prices finds the same profit."""
    run = busy_run("unified", seconds=120)
    result = run.run()
    funding, fees = result.summary.pnl["funding"], result.summary.pnl["fees"]
    start = {asset: Decimal(0) for asset in run.assets}
    for asset, amount in {"USDT": 80_000, "BTC": Decimal("0.2"), "ETH": 3}.items():
        start[asset] += amount
    cash, coins = 0.0, {asset: float(amount) for asset, amount in start.items()}
    futures = 0.0
    for fill in result.fills.iter_rows(named=True):
        number = [one.name for one in run.player.instruments].index(fill["instrument"])
        listed = run.player.instruments[number]
        signed = fill["side"] * fill["quantity"]
        coins[fill["fee_asset"]] -= fill["fee"]
        if listed.market == "spot":
            coins[listed.base] += signed
            coins[listed.quote] -= signed * fill["price"]
        else:
            futures += signed * (run.core.pools.mark_price(number) - fill["price"])
    for asset, amount in coins.items():
        cash += amount * run.core.pools.index_price(run.desk.asset(asset))
    assert result.summary.end_equity == pytest.approx(cash + futures + funding, abs=1e-4)
    assert fees < 0
