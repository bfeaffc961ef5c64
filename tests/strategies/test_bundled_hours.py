"""Goal: every bundled strategy does on both hours, in both modes, what its docstring says.

Method: run each once as it comes; recompute profit and positions from its fills alone; hold
positions against the bounds that its parameters set; compare the modes.
"""

from __future__ import annotations

import polars as pl
import pytest

import replay_data
from simulator import Strategy
from strategies.btc_eth_pair import BtcEthPair
from strategies.cash_and_carry import CashAndCarry
from strategies.grid import Grid
from strategies.market_maker import MarketMaker
from strategies.trend_follower import TrendFollower
from tests.strategies.runs import HOURS, KINDS, MODES, held, hour, last, run

LOT = 0.001
BTC, ETH, COINS = "um:BTCUSDT", "um:ETHUSDT", "spot:BTCUSDT"

every_run = pytest.mark.parametrize(
    ("kind", "name", "mode"),
    [(kind, name, mode) for kind in KINDS for name in HOURS for mode in MODES],
)
every_hour = pytest.mark.parametrize("name", HOURS)
every_mode = pytest.mark.parametrize("mode", MODES)


@every_run
def test_trades_without_refusal_or_liquidation(kind: type[Strategy], name: str, mode: str) -> None:
    summary = hour(kind, name, mode).summary
    assert summary.fills > 0
    assert summary.rejections == {}
    assert summary.liquidations == 0


@every_run
def test_same_run_has_the_same_digest(kind: type[Strategy], name: str, mode: str) -> None:
    again = run(mode, [kind()], [replay_data.path(name)])
    assert again.digest == hour(kind, name, mode).digest


@every_run
def test_profit_is_what_the_fills_say(kind: type[Strategy], name: str, mode: str) -> None:
    result = hour(kind, name, mode)
    in_coins = pl.col("fee_asset") != "USDT"
    rows = result.fills.select(
        "instrument",
        cash=-pl.col("side") * pl.col("price") * pl.col("quantity"),
        quantity=pl.col("side") * pl.col("quantity")
        - pl.when(in_coins).then(pl.col("fee")).otherwise(0.0),
        fee=pl.when(in_coins).then(0.0).otherwise(pl.col("fee")),
    )
    total = rows["cash"].sum() - rows["fee"].sum() + result.summary.pnl["funding"]
    for instrument, quantity in rows.group_by("instrument").agg(pl.sum("quantity")).iter_rows():
        prices = result.prices.filter(pl.col("instrument") == instrument)
        total += quantity * last(prices, "price")
    gained = result.summary.end_equity - result.summary.start_equity
    # Coins count at the index in the account and at the mid here: some basis points of them.
    coins = abs(last(held(result, COINS), "quantity"))
    assert gained == pytest.approx(total, abs=0.01 + coins * 100)
    assert gained == pytest.approx(sum(result.summary.pnl.values()), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@every_hour
def test_modes_differ_in_margin_and_not_in_fills(kind: type[Strategy], name: str) -> None:
    apart, one = (hour(kind, name, mode) for mode in MODES)
    assert apart.fills.equals(one.fills)
    assert one.summary.transfers == 0
    assert apart.summary.transfers > 0
    assert one.summary.peak_initial_margin <= apart.summary.peak_initial_margin
    assert apart.summary.worst_ratio is not None
    assert one.summary.worst_ratio is not None
    assert one.summary.worst_ratio > apart.summary.worst_ratio


@every_hour
def test_pair_earns_the_credit_of_a_third(name: str) -> None:
    """10 % of 50,000 and 30,000 is 8,000; 1/3 of 3,000 on both legs is credited."""
    apart, one = (hour(BtcEthPair, name, mode).summary for mode in MODES)
    assert apart.peak_initial_margin == pytest.approx(8_000, rel=0.02)
    assert one.peak_initial_margin == pytest.approx(6_000, rel=0.02)


@every_hour
@every_mode
def test_carry_is_hedged_throughout(name: str, mode: str) -> None:
    result = hour(CashAndCarry, name, mode)
    both = held(result, COINS).join(held(result, BTC), on="time_ns", suffix="_short")
    price = last(result.prices.filter(pl.col("instrument") == BTC), "price")
    delta = (both["quantity"] + both["quantity_short"]).abs()
    # A lot, or the smallest order of 100 USDT; while a slice is under way nothing more.
    assert delta.max() <= LOT + 100 / price
    assert last(held(result, BTC), "quantity") == pytest.approx(-0.5, abs=2 * LOT)


@every_hour
def test_carry_needs_next_to_no_margin_in_unified(name: str) -> None:
    apart, one = (hour(CashAndCarry, name, mode).summary for mode in MODES)
    assert one.peak_initial_margin < 0.01 * apart.peak_initial_margin


@every_hour
def test_positions_stay_within_their_parameters(name: str) -> None:
    def most(kind: type[Strategy], instrument: str) -> float:
        return float(held(hour(kind, name, "unified"), instrument)["quantity"].abs().max())  # type: ignore[arg-type]

    assert most(MarketMaker, BTC) <= MarketMaker.limit * MarketMaker.size + LOT / 2
    assert most(Grid, BTC) <= Grid.levels * Grid.size + LOT / 2
    trend = hour(TrendFollower, name, "unified")
    notional = held(trend, BTC).join(trend.prices, on=["time_ns", "instrument"])
    worth = (notional["quantity"] * notional["price"]).abs().max()
    assert worth < 1.15 * TrendFollower.leverage * trend.summary.end_equity
    pair = hour(BtcEthPair, name, "unified")
    signs = held(pair, BTC).join(held(pair, ETH), on="time_ns", suffix="_eth")
    assert (signs["quantity"] * signs["quantity_eth"]).max() <= 0


def test_funding_is_earned_by_the_short_where_the_rate_is_positive() -> None:
    assert hour(CashAndCarry, "calm", "unified").summary.pnl["funding"] > 0
    assert hour(CashAndCarry, "crash", "unified").summary.pnl["funding"] < 0
