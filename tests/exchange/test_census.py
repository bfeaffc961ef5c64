"""Goal: looking at a crowd changes nothing, and what is seen is what there is.

Method: a made market that falls and comes back; the census beside sums over the ledger, beside
pools evaluated one by one, and beside a run that is not looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.accounts.crowd import FIRST
from simulator.cli.run import make_engine
from simulator.cli.scenario import load_scenario
from simulator.exchange import census as census_module
from simulator.exchange.census import MOVES, Census, thinned
from simulator.risk import survey
from simulator.risk.levels import RiskLevel

pytestmark = pytest.mark.hours

TEXT = """
seed = 4
accounts = 400

[market]
start = 2025-10-10T20:50:00Z
length = 00:04:00
instruments = ["spot:BTCUSDT", "um:BTCUSDT"]
source = "chosen for this test"

[market.paths.BTC]
first = 100_000
knots = [["00:00:00", 1.0], ["00:02:00", 0.85], ["00:04:00", 0.9]]

[[people]]
name = "longs"
share = 0.7
wealth = {law = "pareto", least = 1_000, alpha = 1.3, most = 100_000}
collateral = {USDT = 0.6, BTC = 0.4}
instruments = ["um:BTCUSDT"]
leverage = {law = "uniform", least = 2, most = 9}

[[people]]
name = "shorts"
share = 0.3
side = "short"
wealth = {law = "pareto", least = 1_000, alpha = 1.3, most = 100_000}
instruments = ["um:BTCUSDT"]
leverage = {law = "uniform", least = 2, most = 9}

[impact]
depth = 3_000_000
"""


def engine(folder: Path, mode: str) -> Any:
    path = folder / "made.toml"
    path.write_text(TEXT)
    return make_engine(load_scenario(str(path)), mode, [], {})


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIMARGIN_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_looking_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    seen = engine(tmp_path, mode).run(None)
    assert seen.cascade.calls.height > 0
    monkeypatch.setattr(Census, "_look_at_ratios", lambda self, now: None)
    monkeypatch.setattr(Census, "_look_ahead", lambda self, now: None)
    unseen = engine(tmp_path, mode).run(None)
    assert unseen.cascade.heat.height == 0
    assert seen.digest == unseen.digest
    assert seen.cascade.closings.equals(unseen.cascade.closings)


def test_a_run_that_nobody_draws_has_paths_and_wealth_alone(tmp_path: Path) -> None:
    drawn, spared = engine(tmp_path, "unified"), engine(tmp_path, "unified")
    spared.spare_pictures()
    seen, unseen = drawn.run(None), spared.run(None)
    assert seen.digest == unseen.digest
    assert seen.cascade.fan.height > 0 < seen.cascade.heat.height
    assert unseen.cascade.fan.height == unseen.cascade.heat.height == 0
    assert unseen.cascade.paths.equals(seen.cascade.paths)
    assert unseen.cascade.groups.equals(seen.cascade.groups)


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_a_survey_is_what_pools_say_one_by_one(tmp_path: Path, mode: str) -> None:
    run = engine(tmp_path, mode)
    run._open()
    pools, roster = run.core.pools, run.roster
    which = np.arange(roster.own_pools, pools.count, dtype=np.int32)
    run.core.pools.set_mark(1, run.core.pools.mark_price(1) * 0.85)
    ratios, called = survey.ratios(pools, which), survey.called(pools, which)
    for k, pool in enumerate(which.tolist()):
        pools.evaluate(pool)
        equity, _, maintenance, level = pools.figures(pool)
        assert ratios[k] == equity / maintenance if maintenance else np.isnan(ratios[k])
        assert called[k] == (level >= RiskLevel.LIQUIDATION)
    assert 0 < called.sum() < len(which)
    weight = np.linspace(1.0, 2.0, len(which))
    lots = run.core.ledger.columns()[2][FIRST : roster.fund, 1]
    margined = roster.pool_of[:, 1] >= 0
    times = np.zeros(roster.size)
    times[margined] = weight[roster.pool_of[margined, 1] - roster.own_pools]
    long, short = survey.notional(pools, which, weight, np.array([0.0, 3.0]))
    assert long == pytest.approx(3 * (times * lots.clip(min=0)).sum())
    assert short == pytest.approx(3 * (times * -lots.clip(max=0)).sum())


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_wealth_is_what_the_ledger_says(tmp_path: Path, mode: str) -> None:
    run = engine(tmp_path, mode)
    run.run(None)
    core, roster = run.core, run.roster
    found = run.desk.census.wealth()
    for row in range(0, roster.size, 37):
        account = FIRST + row
        total = 0.0
        for wallet in np.flatnonzero(roster.wallet_account == account) + roster.first_wallet:
            for asset in range(len(run.assets)):
                units = core.ledger.balance_of(int(wallet), asset)
                owed = sum(core.ledger.loan_of(int(wallet), asset))
                total += (units - owed) * 1e-8 * core.pools.index_price(asset)
        for slot in range(core.ledger.slots):
            total += core.pools.position_value(account, slot)
        assert found[row] == pytest.approx(total, rel=1e-9, abs=1e-6)


def test_wealth_at_the_end_is_what_is_left(tmp_path: Path) -> None:
    run = engine(tmp_path, "separated")
    groups = run.run(None).cascade.groups
    assert groups["wealth_end"].sum() == pytest.approx(run.desk.census.wealth().sum())
    assert groups["wealth_start"].sum() == pytest.approx(run.desk.census.wealth_start.sum())


def test_median_of_the_fan_is_that_of_the_pools(tmp_path: Path) -> None:
    run = engine(tmp_path, "separated")
    last = run.run(None).cascade.fan.row(-1, named=True)
    pools, ratios = run.core.pools, []
    for pool in range(run.roster.own_pools, pools.count):
        pools.evaluate(pool)
        equity, _, maintenance, _ = pools.figures(pool)
        if maintenance > 0:
            ratios.append(equity / maintenance)
    assert last["p50"] == pytest.approx(np.percentile(ratios, 50))
    assert last["p05"] == pytest.approx(np.percentile(ratios, 5))


def test_a_map_is_what_is_liquidated_there(tmp_path: Path) -> None:
    run = engine(tmp_path, "separated")
    first = run.run(None).cascade.heat
    again = engine(tmp_path, "separated")
    again._open()
    pools, roster = again.core.pools, again.roster
    at = 5
    with census_module.ExitStack() as moved:
        again.desk.census._move_all(moved, 1.0 - MOVES[at])
        hit = []
        for pool in range(roster.own_pools, pools.count):
            pools.evaluate(pool)
            if pools.figures(pool)[3] >= RiskLevel.LIQUIDATION:
                hit.append(pool)
    long = 0.0
    for pool in hit:
        account = pools.account_of(pool)
        for slot in range(again.core.ledger.slots):
            lots = again.core.ledger.position_of(account, slot)[0]
            if lots > 0 and pool == roster.pool_of[account - FIRST, slot]:
                long += pools.notional(slot % len(again.player.instruments), float(lots))
    expected = long
    rows = [row for row in first.iter_rows() if row[0] == first["time_ns"][0]]
    found = sum(row[3] for row in rows if row[2] == 1 and -MOVES[at] <= row[1] < 0)
    assert found == pytest.approx(expected)
    assert expected > 0


def test_maps_of_a_sample_stand_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = engine(tmp_path, "separated")
    whole._open()
    monkeypatch.setattr(census_module, "HEAT_POOLS", 200)
    part = engine(tmp_path, "separated")
    part._open()
    sums = [
        sum(row[3] for row in run.desk.census.heat if row[1] < 0 and row[2] == 1)
        for run in (whole, part)
    ]
    assert sums[1] == pytest.approx(sums[0], rel=0.05)
    assert len(part.desk.census._heat_pools) == 200


def test_prices_that_move_have_more_maps(tmp_path: Path) -> None:
    run = engine(tmp_path, "separated")
    times = run.run(None).cascade.heat["time_ns"].n_unique()
    assert census_module.HEATS < times <= 2 * census_module.HEATS + 1


def test_thinned_keeps_the_ends() -> None:
    assert thinned(np.arange(1000), 10).tolist()[::9] == [0, 999]
