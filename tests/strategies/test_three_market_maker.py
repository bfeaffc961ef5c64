"""Goal: one inventory in three books, within its limit, counted to the unit in coins and USDT.

Method: recompute inventory and balances from the fills of each book; both modes and hours.
"""

from __future__ import annotations

import polars as pl
import pytest

from simulator import InputError
from strategies.three_market_maker import ThreeMarketMaker
from tests.strategies.products import Run, scenario, start
from tests.strategies.runs import HOURS, MODES

SPOT, UM, CM = "spot:BTCUSDT", "um:BTCUSDT", "cm:BTCUSD_PERP"

every_run = pytest.mark.parametrize(("hour", "mode"), [(h, m) for h in HOURS for m in MODES])


def inventory(run: Run) -> pl.Series:
    """Coins after each fill: contracts of 100 USD at the price at which they were filled."""
    fills = run.result.fills
    coins = (
        pl.when(pl.col("instrument") == CM)
        .then(pl.col("quantity") * 100.0 / pl.col("price"))
        .otherwise(pl.col("quantity"))
    )
    return fills.select(at=(coins * pl.col("side")).cum_sum())["at"]


@every_run
def test_inventory_of_all_books_stays_within_the_limit(hour: str, mode: str) -> None:
    run = scenario("three_market_maker", mode, hour)
    most = ThreeMarketMaker.limit * ThreeMarketMaker.size
    # Six quotes may fill before the next timer, and contracts change their worth with the price.
    assert inventory(run).abs().max() < most + 4 * ThreeMarketMaker.size  # type: ignore[operator]
    assert run.result.summary.liquidations == 0


@every_run
def test_each_book_settles_in_its_own_asset(hour: str, mode: str) -> None:
    """Spot moves coins, CM's fees are coins; on UM nothing but USDT changes."""
    run = scenario("three_market_maker", mode, hour)
    fills = run.result.fills
    assets = {name: set(own["fee_asset"].unique()) for (name,), own in fills.group_by("instrument")}
    assert assets.get(UM, {"USDT"}) == {"USDT"}
    assert assets.get(CM, {"BTC"}) == {"BTC"}
    spot = run.fills(SPOT)
    traded = float((spot["side"] * spot["quantity"]).sum())
    contracts = run.fills(CM)
    coins = 1.0 + traded - run.fees("BTC")
    if contracts.is_empty():
        assert float(run.balance("BTC")) == pytest.approx(coins, abs=1e-7)
    else:
        # Realized profit and funding of CM are small beside what is traded on spot.
        assert float(run.balance("BTC")) == pytest.approx(coins, abs=0.01)


def test_all_three_books_are_filled_in_the_crash() -> None:
    run = scenario("three_market_maker", "unified", "crash")
    assert set(run.result.fills["instrument"].unique()) == {SPOT, UM, CM}


@every_run
def test_quotes_are_makers_and_only_shedding_takes(hour: str, mode: str) -> None:
    fills = scenario("three_market_maker", mode, hour).result.fills
    takers = fills.filter(pl.col("liquidity") == "taker")
    assert set(takers["instrument"].unique()) <= {UM}
    assert fills.height > takers.height


@pytest.mark.parametrize("hour", HOURS)
def test_one_pool_nets_the_books(hour: str) -> None:
    apart, one = (scenario("three_market_maker", mode, hour).result.summary for mode in MODES)
    assert one.peak_initial_margin <= apart.peak_initial_margin
    assert one.transfers == 0
    assert apart.transfers >= 2


def test_without_coins_only_bids_stand_on_spot() -> None:
    """A sale of coins that are not there is refused, and kept silent about; never a short."""
    from decimal import Decimal

    run = start("three_market_maker", "separated", "crash", deposits={"USDT": Decimal(60_000)})
    spot = run.fills(SPOT)
    assert (spot["side"] * spot["quantity"]).cum_sum().min() >= 0  # type: ignore[operator]
    assert run.balance("BTC") >= -1


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InputError, match="limit at least 1"):
        start("three_market_maker", "unified", limit=0.0)
