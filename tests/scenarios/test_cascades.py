"""Goal: every bundled scenario of a cascade runs, and teaches what its page says.

Method: each with a few hundred accounts, which have together what those of the file have; what is
asserted is the lesson (which of two falls deeper, who is closed, in which order), not figures.
"""

from __future__ import annotations

import polars as pl
import pytest

from simulator.cli.scenario import load_scenario, scenario_names
from simulator.report.result import RunResult
from tests.scenarios.plays import played, told

pytestmark = pytest.mark.hours

FEW = 600
"""Accounts of a test; fewer than the file says, so that one takes a second or two."""

CASCADES = tuple(name for name in scenario_names() if load_scenario(name).crowded)

SEPARATED, UNIFIED = "separated", "unified"


def closings(run: RunResult) -> pl.DataFrame:
    assert run.cascade is not None
    return run.cascade.closings


def fall(name: str, mode: str, variant: str, instrument: str) -> float:
    found = told(name, mode, variant, FEW)
    return next(one.fall for one in found.falls if one.instrument == instrument)


def lost(name: str, mode: str, variant: str, group: str, accounts: int = FEW) -> float:
    found = told(name, mode, variant, accounts)
    share = next(one.lost for one in found.groups if one.group == group)
    assert share is not None
    return share


def test_the_seven_are_there() -> None:
    assert set(CASCADES) == {
        "cascade_seed",
        "collateral_loop",
        "correlation_break",
        "fund_runs_dry",
        "flash_crash",
        "march_2020",
        "october_2025",
    }


@pytest.mark.parametrize("name", CASCADES)
def test_scenario_says_what_it_is(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.title
    for one in scenario.variants or (scenario,):
        assert one.impact is not None
        assert one.accounts <= 20_000
        assert one.market is None or len(one.market.source) > 40


# One account, the seed


def test_a_dip_costs_the_separated_seed_its_margin_and_the_unified_one_nothing_more() -> None:
    apart, pooled = (lost("cascade_seed", mode, "dip", "the seed") for mode in (SEPARATED, UNIFIED))
    assert told("cascade_seed", UNIFIED, "dip", FEW).liquidated == 0
    assert apart > 3 * pooled > 0


def test_a_fall_leaves_the_separated_seed_its_coins_and_the_unified_one_nothing() -> None:
    apart, pooled = (
        lost("cascade_seed", mode, "fall", "the seed") for mode in (SEPARATED, UNIFIED)
    )
    assert apart < 0.65
    assert pooled == pytest.approx(1, abs=0.01)
    sold = told("cascade_seed", UNIFIED, "fall", FEW)
    assert sold.spot_sold > 1e6
    assert sold.bankruptcies >= 1
    assert told("cascade_seed", SEPARATED, "fall", FEW).spot_sold == 0


def test_the_seed_takes_others_along() -> None:
    found = told("cascade_seed", SEPARATED, "dip", FEW, beside=True)
    assert found.quiet is not None
    assert found.quiet.liquidated == 1
    assert found.liquidated > 20


# Collateral


def test_own_book_of_a_collateral_makes_a_loop_that_redemption_does_not() -> None:
    for mode in (SEPARATED, UNIFIED):
        own = fall("collateral_loop", mode, "own book", "spot:USDEUSDT")
        redeemed = fall("collateral_loop", mode, "redemption", "spot:USDEUSDT")
        assert redeemed == pytest.approx(0.07, abs=0.01)
        assert own > 3 * redeemed
        sold = told("collateral_loop", mode, "redemption", FEW).spot_sold
        assert sold < 0.1 * told("collateral_loop", mode, "own book", FEW).spot_sold


def test_only_one_pool_lets_the_collateral_reach_the_futures() -> None:
    apart, pooled = (told("collateral_loop", m, "own book", FEW) for m in (SEPARATED, UNIFIED))
    assert pooled.closed > 1.5 * apart.closed


# Inverse and linear


def test_inverse_contract_falls_deeper_than_the_linear_one() -> None:
    inverse = told("march_2020", SEPARATED, "inverse, BTC collateral", FEW, beside=True)
    linear = told("march_2020", SEPARATED, "linear, USDT collateral", FEW, beside=True)
    deep = next(one for one in inverse.falls if one.instrument == "cm:BTCUSD_PERP")
    flat = next(one for one in linear.falls if one.instrument == "um:BTCUSDT")
    assert deep.quiet_fall == pytest.approx(flat.quiet_fall, abs=1e-3)
    assert deep.fall > flat.fall + 0.02
    assert inverse.closed > 1.5 * linear.closed
    assert inverse.liquidated > 1.5 * linear.liquidated


# Correlation


def test_broken_correlation_costs_the_unified_hedgers_their_credit() -> None:
    breaks, holds = (told("correlation_break", UNIFIED, v, FEW) for v in ("breaks", "holds"))
    assert breaks.closed > 2 * holds.closed
    # Both legs are closed: bitcoin is sold, ether bought.
    assert min(breaks.closed_long, breaks.closed_short) > 0.2 * breaks.closed
    ether = fall("correlation_break", UNIFIED, "holds", "um:ETHUSDT")
    assert ether < 0.02


def hedged_together(mode: str, variant: str) -> pl.DataFrame:
    """Return equity, requirement and credit of all hedged accounts, in the order of time."""
    cascade = played("correlation_break", mode, variant, FEW).cascade
    assert cascade is not None
    return cascade.hedges.filter(pl.col("account").is_null()).sort("time_ns")


def test_requirement_jumps_when_the_credit_goes() -> None:
    breaks, holds = (hedged_together(UNIFIED, variant) for variant in ("breaks", "holds"))
    start = breaks.row(0, named=True)
    assert start["credit"] > 0.2 * start["maintenance_margin"]
    assert breaks["credit"][-1] == 0
    assert holds["credit"][-1] > 0
    assert breaks["maintenance_margin"].max() > 1.4 * start["maintenance_margin"]  # type: ignore[operator]
    assert hedged_together(SEPARATED, "breaks")["credit"].max() == 0
    cascade = played("correlation_break", UNIFIED, "breaks", FEW).cascade
    assert cascade is not None
    measured = cascade.correlations.drop_nulls().sort("time_ns")
    assert measured["correlation"][0] > 0.8
    assert measured["correlation"][-1] < 0


def test_separate_wallets_have_no_credit_to_lose() -> None:
    breaks, holds = (told("correlation_break", SEPARATED, v, FEW) for v in ("breaks", "holds"))
    assert breaks.closed == pytest.approx(holds.closed, rel=0.15)


# Fund and deleveraging


def hedged_lots(mode: str, variant: str) -> float:
    """Return what deleveraging closed of the hedged trader's short, in coins."""
    rows = closings(played("fund_runs_dry", mode, variant, FEW))
    mine = (pl.col("account") == 1) & (pl.col("stage") == "counterparty")
    return float(rows.filter(mine)["quantity"].sum())


def test_queue_takes_the_whole_hedge_of_the_separated_trader() -> None:
    assert hedged_lots(SEPARATED, "queue") == pytest.approx(8.0, abs=0.01)
    rows = closings(played("fund_runs_dry", SEPARATED, "queue", FEW))
    mine = rows.filter((pl.col("account") == 1) & (pl.col("stage") == "counterparty"))
    assert mine["fee"].sum() == 0
    # A short that is bought back below its entry: he is paid his profit, and his coins are left.
    assert (mine["price"] < 100_000).all()
    assert lost("fund_runs_dry", SEPARATED, "queue", "hedged trader") > 0.005
    assert abs(lost("fund_runs_dry", UNIFIED, "queue", "hedged trader")) < 0.001


def net_exposure(mode: str, variant: str) -> pl.Series:
    """Return what the legs of the hedged trader leave open, in the order of time."""
    cascade = played("fund_runs_dry", mode, variant, FEW).cascade
    assert cascade is not None
    mine = cascade.legs.filter(pl.col("account") == 1)
    return mine.group_by("time_ns").agg(pl.col("exposure").sum()).sort("time_ns")["exposure"]


def test_deleveraging_leaves_the_coins_without_their_hedge() -> None:
    apart, pooled = (net_exposure(mode, "queue") for mode in (SEPARATED, UNIFIED))
    assert abs(apart[0]) < 20_000
    assert apart[-1] > 600_000
    assert pooled.abs().max() < 20_000  # type: ignore[operator]


def test_pool_with_the_coins_in_it_ranks_lower_and_pro_rata_spares_nobody() -> None:
    assert hedged_lots(UNIFIED, "queue") == 0
    for mode in (SEPARATED, UNIFIED):
        assert 1 < hedged_lots(mode, "pro rata") < 7.9


def test_pro_rata_reaches_more_accounts_than_the_queue() -> None:
    queue, all_ = (told("fund_runs_dry", SEPARATED, v, FEW) for v in ("queue", "pro rata"))
    assert queue.deleveraged == pytest.approx(all_.deleveraged, rel=0.01)
    assert all_.deleveraged_accounts > queue.deleveraged_accounts


@pytest.mark.parametrize("name", ["fund_runs_dry", "october_2025"])
@pytest.mark.parametrize("mode", [SEPARATED, UNIFIED])
def test_nobody_is_deleveraged_before_a_liquidation(name: str, mode: str) -> None:
    variant = load_scenario(name).variants[0].variant
    rows = closings(played(name, mode, variant, FEW))
    deleveraged = rows.filter(pl.col("stage") == "deleverage")
    assert deleveraged.height
    # Whoever is deleveraged against was liquidated: every such row has its call at that instant.
    cascade = played(name, mode, variant, FEW).cascade
    assert cascade is not None
    called = cascade.calls.select("time_ns", "account").unique()
    assert deleveraged.join(called, on=["time_ns", "account"], how="anti").height == 0


# The crash


def test_feedback_makes_the_bundled_crash_deeper() -> None:
    for mode in (SEPARATED, UNIFIED):
        found = told("flash_crash", mode, "", FEW, beside=True)
        assert found.quiet is not None
        assert found.liquidated > found.quiet.liquidated > 0
        head = found.headline
        assert head is not None
        assert head.amplification is not None
        assert head.amplification > 1.1


def test_carry_traders_are_safe_in_one_pool() -> None:
    found = told("flash_crash", UNIFIED, "", FEW)
    carry = next(one for one in found.groups if one.group == "carry traders")
    assert carry.liquidated == 0
