"""Goal: the report's figures mean what docs/how-to/margin-document.md says.

Method: small documents whose figures can be had by hand, or by the venue's printed formula.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from simulator import margin
from simulator.calculator.figures import Figures

KEYS = {
    "pool",
    "currency",
    "equity",
    "account_equity",
    "adjusted_equity",
    "initial_margin",
    "maintenance_margin",
    "available",
    "ratio_name",
    "ratio",
    "level",
    "components",
    "positions",
    "assets",
}
POSITION_KEYS = {
    "instrument",
    "quantity",
    "notional",
    "unrealized_pnl",
    "initial_margin",
    "maintenance_margin",
    "liquidation_price",
    "bankruptcy_price",
}
ASSET_KEYS = {"asset", "balance", "loan", "value", "collateral_value"}

BRACKETS = {
    "BTCUSDT": [
        {"floor": 0, "cap": 50000, "mmr": "0.004", "max_leverage": 125},
        {"floor": 50000, "cap": 250000, "mmr": "0.005", "max_leverage": 100},
        {"floor": 250000, "cap": 10**9, "mmr": "0.01", "max_leverage": 50},
    ],
    "BTCUSD_PERP": [
        {"floor": 0, "cap": 5, "mmr": "0.004", "max_leverage": 125},
        {"floor": 5, "cap": 1000, "mmr": "0.005", "max_leverage": 100},
    ],
}


def binance(mode: str = "separated", **values: Any) -> Figures:
    return margin(
        {
            "mode": mode,
            "rulebook": "binance",
            "prices": {"index": {"USDT": 1, "BTC": 40000, "ETH": 3000}},
            "overrides": {"brackets": BRACKETS},
            **values,
        }
    )


def only(report: Figures) -> Figures:
    (pool,) = report.pools
    return Figures(pool)


def test_keys() -> None:
    report = binance(
        balances={"um": {"USDT": 5000}},
        positions=[{"instrument": "BTCUSDT", "quantity": 1, "entry_price": 41000}],
    )
    assert {"mode", "rulebook", "time", "pools", "total"} <= report.keys()
    pool = only(report)
    assert pool.keys() >= KEYS
    assert pool.positions[0].keys() >= POSITION_KEYS
    assert pool.assets[0].keys() >= ASSET_KEYS
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_um_position_by_hand() -> None:
    report = binance(
        balances={"um": {"USDT": 5000}},
        positions=[{"instrument": "BTCUSDT", "quantity": 1, "entry_price": 41000, "leverage": 10}],
    )
    pool = only(report)
    (row,) = pool.positions
    assert (row.notional, row.unrealized_pnl) == (40000, -1000)
    assert (row.initial_margin, row.maintenance_margin) == (4000, 160)
    assert (pool.equity, pool.available) == (4000, 0)
    assert (pool.ratio_name, pool.ratio) == ("margin ratio", 0.04)
    # (5,000 - 41,000) / (0.004 - 1); 36,000 is where nothing is left
    assert row.liquidation_price == pytest.approx(36000 / 0.996, rel=1e-15)
    assert row.bankruptcy_price == 36000


def liquidation_price(
    wallet: Decimal, legs: list[tuple[Decimal, Decimal]], rate: Decimal, cum: Decimal
) -> Decimal:
    """The venue's formula for legs (quantity, entry) of one symbol, all in one bracket."""
    fixed = wallet + sum((cum - q * entry for q, entry in legs), Decimal(0))
    slope = sum((abs(q) * rate - q for q, _ in legs), Decimal(0))
    return fixed / slope


def test_hedge_legs_share_one_liquidation_price() -> None:
    report = binance(
        balances={"um": {"USDT": 9000}},
        positions=[
            {"instrument": "BTCUSDT", "quantity": "1.1", "entry_price": 41000},
            {"instrument": "BTCUSDT", "quantity": "-0.1", "entry_price": 39000},
        ],
    )
    long, short = only(report).positions
    assert long.liquidation_price == short.liquidation_price
    # At about 32,000 both legs are in the first bracket.
    legs = [(Decimal("1.1"), Decimal(41000)), (Decimal("-0.1"), Decimal(39000))]
    wanted = liquidation_price(Decimal(9000), legs, Decimal("0.004"), Decimal(0))
    assert long.liquidation_price == pytest.approx(float(wanted), rel=1e-15)


def test_liquidation_price_across_a_bracket() -> None:
    """The notional now is in the second bracket, at the liquidation price in the first."""
    report = binance(
        balances={"um": {"USDT": 16000}},
        positions=[{"instrument": "BTCUSDT", "quantity": "1.5", "entry_price": 40000}],
    )
    row = only(report).positions[0]
    assert row.maintenance_margin == 60000 * 0.005 - 50
    legs = [(Decimal("1.5"), Decimal(40000))]
    wanted = liquidation_price(Decimal(16000), legs, Decimal("0.004"), Decimal(0))
    assert row.liquidation_price == pytest.approx(float(wanted), rel=1e-15)
    assert row.liquidation_price * 1.5 < 50000


@pytest.mark.parametrize("quantity", [200, -200])
def test_cm_liquidation_price_by_formula(quantity: int) -> None:
    """LP = (|B| * MMR + B) / ((WB + cum) / CM + B / EP), see docs/rules.md."""
    report = binance(
        balances={"cm": {"BTC": "0.2"}},
        positions=[{"instrument": "BTCUSD_PERP", "quantity": quantity, "entry_price": 41000}],
    )
    pool = only(report)
    assert (pool.pool, pool.currency) == ("cm:BTC", "BTC")
    (row,) = pool.positions
    wanted = (200 * 0.004 + quantity) / (0.2 / 100 + quantity / 41000)
    assert row.liquidation_price == (pytest.approx(wanted, rel=1e-14) if wanted > 0 else None)
    assert row.unrealized_pnl == pytest.approx(quantity * 100 * (1 / 41000 - 1 / 40000), rel=1e-13)


def test_no_price_and_the_present_one() -> None:
    rich = binance(
        balances={"um": {"USDT": 50000}},
        positions=[{"instrument": "BTCUSDT", "quantity": 1, "entry_price": 40000}],
    )
    assert only(rich).positions[0].liquidation_price is None
    spent = binance(
        balances={"um": {"USDT": 100}},
        positions=[{"instrument": "BTCUSDT", "quantity": 1, "entry_price": 40000}],
    )
    pool = only(spent)
    assert (pool.level, pool.positions[0].liquidation_price) == ("LIQUIDATION", 40000)
    owing = binance(
        balances={"um": {"USDT": -100}},
        positions=[{"instrument": "BTCUSDT", "quantity": 1, "entry_price": 40000}],
    )
    pool = only(owing)
    assert (pool.level, pool.ratio) == ("BANKRUPT", None)
    assert pool.positions[0].bankruptcy_price == 40000


def test_ratio_is_null_without_maintenance() -> None:
    pool = only(binance(balances={"um": {"USDT": 100}}))
    assert (pool.ratio, pool.level, pool.maintenance_margin) == (None, "NORMAL", 0)
    assert only(binance(balances={"um": {"USDT": -1}})).level == "BANKRUPT"


def test_pools_of_the_separated_mode() -> None:
    report = binance(
        balances={
            "spot": {"USDT": 7},
            "margin": {"USDT": 1},
            "um": {"USDT": 1},
            "cm": {"BTC": 1, "ETH": 1},
            "options": {"USDT": 1},
        },
        positions=[
            {"instrument": "BTCUSDT", "quantity": 1, "isolated_wallet": 900},
            {"instrument": "BTCUSDT", "quantity": -1, "isolated_wallet": 800},
        ],
    )
    assert [pool.pool for pool in report.pools] == [
        "um",
        "cm:BTC",
        "cm:ETH",
        "um:BTCUSDT:LONG",
        "um:BTCUSDT:SHORT",
        "margin",
        "options",
    ]
    assert report.total.equity == 7 + 1 + 1 + 40000 + 3000 + 1 + 1700


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_isolated_wallets_join_the_unified_pool(mode: str) -> None:
    document = {
        "mode": mode,
        "rulebook": "textbook",
        "prices": {"index": {"BTC": 50000}},
        "balances": {"um": {"USDT": 1000}},
        "positions": [{"instrument": "BTCUSDT", "quantity": 1, "isolated_wallet": 6000}],
    }
    pools = margin(document, mode="separated").pools
    assert [pool.pool for pool in pools] == ["um", "um:BTCUSDT"]
    merged = margin(document, mode="unified")
    assert only(merged).equity == 7000
    assert "positions[0].isolated_wallet joins the unified pool" in merged.notes


def test_leverage_above_the_bracket_of_the_notional_is_noted() -> None:
    def notes(quantity: int, leverage: int) -> list[str]:
        held = {"instrument": "BTCUSDT", "quantity": quantity, "leverage": leverage}
        coin = {"instrument": "BTCUSD_PERP", "quantity": 400 * quantity, "leverage": leverage}
        report = binance(balances={"um": {"USDT": 10**6}}, positions=[held, coin])
        return [note for note in report.notes if "leverage" in note]

    assert notes(1, 100) == []  # 40,000 USDT and 1 BTC: first brackets, up to 125x
    assert notes(10, 60) == [  # 400,000 USDT stands in the third bracket, 10 BTC in the second
        "positions[0].leverage 60: the brackets allow at most 50 at a notional of 400,000 USDT"
    ]
    assert "at most 100 at a notional of 10 BTC" in notes(10, 125)[1]


def test_a_documents_bracket_with_more_leverage_than_its_rate_allows() -> None:
    """ETHUSDT long of freqtrade's Binance case: cum 135,365 at 10 %, printed 1,114.78."""
    rows = [
        {"floor": 0, "cap": 1_504_055, "mmr": "0.01", "max_leverage": 125},
        {"floor": 1_504_055, "cap": 10**8, "mmr": "0.1", "max_leverage": 125},
    ]
    report = binance(
        prices={"mark": {"ETHUSDT": 1400}},
        positions=[
            {
                "instrument": "ETHUSDT",
                "quantity": "3683.979",
                "entry_price": "1456.84",
                "isolated_wallet": "1535443.01",
                "leverage": 10,
            }
        ],
        overrides={"brackets": {"ETHUSDT": rows}},
    )
    # cum = 1,504,055 * (0.1 - 0.01) = 135,364.95
    assert only(report).positions[0].liquidation_price == pytest.approx(1114.78, abs=0.01)
    assert "brackets of ETHUSDT, row 2: max_leverage 125 taken as 10, which is 1 / mmr" in (
        report.notes
    )


def test_split_entries_are_one_position() -> None:
    whole = binance(
        balances={"um": {"USDT": 9000}},
        positions=[{"instrument": "BTCUSDT", "quantity": "1.5", "entry_price": 40000}],
    )
    split = binance(
        balances={"um": {"USDT": 9000}},
        positions=[
            {"instrument": "BTCUSDT", "quantity": "0.5", "entry_price": 42000},
            {"instrument": "BTCUSDT", "quantity": 1, "entry_price": 39000},
        ],
    )
    assert only(whole).positions == only(split).positions


def test_single_asset_and_multi_assets_mode() -> None:
    values: dict[str, Any] = {
        "balances": {"um": {"USDT": 1000, "BTC": "0.1"}},
        "positions": [{"instrument": "BTCUSDT", "quantity": 1, "entry_price": 40000}],
    }
    single, multi = only(binance(**values)), only(binance(multi_assets=True, **values))
    assert single.equity == multi.equity == 5000
    assert single.account_equity == 1000
    assert 1000 + 4000 * 0.9 < multi.account_equity < 5000


def test_max_withdraw_and_borrow_of_the_unified_pool() -> None:
    """USD value of withdrawals <= account equity - 1.2 * maintenance; loans (L - 1) times that."""
    report = binance(
        mode="unified",
        balances={"margin": {"USDT": 10000, "BTC": "0.1"}, "um": {"USDT": 0}},
        margin_leverage=5,
        positions=[{"instrument": "BTCUSDT", "quantity": 5, "entry_price": 40000}],
    )
    pool = only(report)
    free = pool.account_equity - 1.2 * pool.maintenance_margin
    usdt, btc = pool.assets
    assert usdt.max_withdraw == 10000
    assert btc.max_withdraw == 0.1
    assert usdt.max_borrow == pytest.approx(4 * free)
    assert btc.max_borrow == pytest.approx(4 * free / 40000)


def test_cross_margin_levels() -> None:
    """Assets 30,000, owed 10,000: level 3; out to a level of 2: 10,000; 3x lends 2 * 20,000."""
    report = binance(balances={"margin": {"USDT": {"asset": 30000, "loan": 9900, "interest": 100}}})
    pool = only(report)
    assert (pool.pool, pool.ratio_name, pool.ratio) == ("margin", "margin level", 3)
    (row,) = pool.assets
    assert row.max_withdraw == 10000
    assert row.max_borrow == 30000


def test_withdrawing_an_offset_takes_it_along() -> None:
    report = margin(
        {
            "rulebook": "textbook",
            "prices": {"index": {"USDT": 1, "ETH": 3000}},
            "balances": {"spot": {"ETH": 10}, "um": {"USDT": 1000}},
            "positions": [{"instrument": "ETHUSDT", "quantity": -10}],
        }
    )
    pool = only(report)
    assert pool.initial_margin == 0
    eth = next(row for row in pool.assets if row.asset == "ETH")
    # x ETH out: 31,000 - 3,000 x left, 300 x needed.
    assert eth.max_withdraw == pytest.approx(31000 / 3300)


def test_borrowed_assets_raise_no_equity() -> None:
    report = binance(
        mode="unified",
        balances={"margin": {"USDT": {"asset": 20000, "loan": 10000}}},
    )
    pool = only(report)
    assert pool.equity == 10000
    assert pool.components["loans"] == 10000 * 0.1


def test_explain_has_numbers_rules_and_sources() -> None:
    report = margin(
        {
            "mode": "unified",
            "rulebook": "binance",
            "prices": {"index": {"USDT": 1, "BTC": 40000}},
            "balances": {"margin": {"BTC": 1}},
            "positions": [{"instrument": "BTCUSDT", "quantity": 1, "entry_price": 40000}],
        },
        explain=True,
    )
    (pool,) = report["explain"]
    lines = {line.name: line for line in pool.steps}
    counted = lines["BTC: collateral value"]
    assert (counted.rule, counted.result) == ("collateral.ratio.BTC", 38000)
    assert counted.value == "0.95"
    assert counted.sure == "inferred"
    assert "Multi-Assets" in counted.source
    assert lines["available"].result == only(report).available
    assert lines["value that may be withdrawn"].result == 38000 - 1.2 * 160
    assert lines["ratio"].result == pytest.approx(only(report).ratio)
    for line in pool.steps:
        assert (line.source is None) == (line.sure is None)
    json.dumps(report, allow_nan=False)


def test_option_marks_and_volatilities_follow_from_each_other() -> None:
    option = "BTC-261225-50000-C"
    values: dict[str, Any] = {
        "time": "2026-11-22T00:00:00Z",
        "balances": {"options": {"USDT": 50000}},
        "positions": [{"instrument": option, "quantity": -1}],
    }
    given = margin({**values, "prices": {"index": {"BTC": 50000}}, "volatility": {"BTC": "0.55"}})
    mark = only(given).positions[0].mark_price
    implied = margin({**values, "prices": {"index": {"BTC": 50000}, "mark": {option: mark}}})
    assert only(implied).initial_margin == pytest.approx(only(given).initial_margin, rel=1e-8)
    assert any("implies 0.5500" in note for note in implied.notes)
