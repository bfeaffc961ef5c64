"""Goal: the bundled rulebooks, and one written by hand, give the figures that venues published.

Method: the readable margin model under each rulebook, on the positions of a published example.
"""

from __future__ import annotations

import json
import math
import os
from decimal import Decimal
from pathlib import Path

import pytest

from simulator import margin as calculate
from simulator.risk.brackets import maintenance_margin
from simulator.risk.levels import RiskLevel
from simulator.risk.reference import pool_margin
from simulator.risk.state import PoolState, Position
from simulator.rulebook.load import load

D = Decimal
DAY_NS = 86_400 * 10**9
DERIVE = Path(__file__).parent / "derive_pmrm.toml"


def perpetual(symbol: str, base: str, quantity: str, mark: str) -> Position:
    return Position(symbol, base, "USDT", D(quantity), D(mark), D(mark))


def test_textbook_two_opposite_perpetuals() -> None:
    """DESIGN 6: 5,000 + 3,000 - 1/3 x (3,000 + 3,000) = 6,000; 6,000 of equity is uniMMR 1.5."""
    state = PoolState(
        assets={"USDT": D(6000)},
        index={"USDT": D(1), "BTC": D(50_000), "ETH": D(3000)},
        positions=(
            perpetual("BTCUSDT", "BTC", "1", "50000"),
            perpetual("ETHUSDT", "ETH", "-10", "3000"),
        ),
    )
    margin = pool_margin(state, load("textbook").margin_rules("unified"))
    assert margin.initial_margin == 6000
    assert margin.ratio == D("1.5")
    assert margin.components["scan_risk"] == 8000
    assert margin.components["inter_credit"] == -2000
    parts = ("calendar_charge", "short_option_minimum", "concentration", "loans")
    assert all(margin.components[part] == 0 for part in parts)


def test_textbook_cash_loan_is_called_at_margin_level_1_1() -> None:
    """1 BTC bought with 20,000 USDT borrowed: assets / liabilities = 1.1 at an index of 22,000."""
    rules = load("textbook").margin_rules("separated")

    def level(index: int) -> RiskLevel:
        state = PoolState(
            assets={"BTC": D(1)},
            loans={"USDT": D(20_000)},
            index={"USDT": D(1), "BTC": D(index)},
            kind="margin",
        )
        return pool_margin(state, rules).level

    assert level(22_001) is RiskLevel.MARGIN_CALL
    assert level(22_000) is RiskLevel.LIQUIDATION


def test_binance_cross_margin() -> None:
    """Binance: "1.1 * 20,000 = 22,000 USDT" for 10,000 USDT of collateral and 20,000 borrowed."""
    rules = load("binance").margin_rules("separated")
    state = PoolState(
        assets={"BTC": D(1)},
        loans={"USDT": D(20_000)},
        index={"USDT": D(1), "BTC": D(22_000)},
        kind="margin",
    )
    margin = pool_margin(state, rules)
    assert margin.level is RiskLevel.LIQUIDATION
    ladder = rules.ladder_of("margin")
    assert ladder.ratio_shown(margin.equity, margin.maintenance_margin) == D("1.1")
    tenfold = rules.ladder_of("margin", 10)
    assert tenfold.ratio_shown(D(1000), D(1000)) == D("1.05")
    assert rules.loans is not None
    assert rules.loans.maintenance_rate == {3: D("0.1"), 5: D("0.1"), 10: D("0.05")}
    unified = load("binance").margin_rules("unified").loans
    assert unified is not None
    assert unified.maintenance_rate == {3: D("0.1"), 5: D("0.08"), 10: D("0.05")}


def test_the_margin_level_of_tenfold_leverage_is_its_own() -> None:
    """At 10x the account is closed at 1.05, and is shown that."""
    document = {
        "mode": "separated",
        "rulebook": "binance",
        "prices": {"index": {"USDT": 1, "BTC": 21_000}},
        "balances": {"margin": {"BTC": 1, "USDT": {"asset": 0, "loan": 20_000}}},
        "margin_leverage": 10,
    }
    pool = calculate(document).pools[0]
    assert (pool.ratio_name, float(pool.ratio), pool.level) == ("margin level", 1.05, "LIQUIDATION")


def test_binance_coin_margined_brackets() -> None:
    """Points that users report: 300 BTC stand at 12.5 % with cum 11.605; 0.4 BTC need 0.0016."""
    binance = load("binance")
    table = binance.brackets_of("BTCUSD_PERP")
    row = next(b for b in table if b.floor <= 300 < b.cap)
    assert (row.mmr, row.cum) == (D("0.125"), D("11.605"))
    assert maintenance_margin(D("0.4"), table) == D("0.0016")
    assert binance.brackets_of("BTCUSD_270326") == table
    assert binance.brackets_of("BTCUSDT_270326") == binance.brackets_of("BTCUSDT_261225")
    sure = {f.path: f.sure for f in binance.figures()}
    assert sure["brackets.cm.BTCUSD_PERP"] == "inferred"


def test_usd_margined_brackets_are_the_snapshot() -> None:
    """Every row of the snapshot of GET /fapi/v1/leverageBracket, and cum by recursion."""
    data = os.environ.get("UNIMARGIN_SHARED_DATA")
    path = Path(data or "").parent / "facts" / "brackets_um.json"
    if not data or not path.is_file():
        pytest.skip("the snapshot is not here; UNIMARGIN_SHARED_DATA names the folder beside it")
    binance = load("binance")
    tables = json.loads(path.read_text("utf-8"), parse_float=D)["brackets"]
    for name, table in tables.items():
        base, _, rest = name.partition("/")
        quote, _, expiry = rest.partition(":")[2].partition("-")
        symbol = f"{base}{quote}" + (f"_{expiry}" if expiry else "")
        ours = [(b.floor, b.cap, b.mmr, b.max_leverage, b.cum) for b in binance.brackets_of(symbol)]
        assert ours == [tuple(row) for row in table["rows"]], symbol


def test_okx_position_builder() -> None:
    """OKX API documentation: short 0.1 BTC, published mr1, mr4, mr6, mr7, mmr, imr."""
    index = D("1164.4109244719994") / D("0.12") / D("0.1")
    delta = D("9704.903689800001")
    state = PoolState(
        assets={"USDT": D(100_000)},
        index={"USDT": D(1), "BTC": index},
        positions=(perpetual("BTCUSDT", "BTC", "-0.1", str(delta * 10)),),
    )
    margin = pool_margin(state, load("okx_pm").margin_rules("unified"))
    expected = {
        "MR1": "1164.4109244719994", "MR2": "0", "MR3": "0", "MR4": "19.4098073796", "MR5": "0",
        "MR6": "1164.4109244720003", "MR7": "43.67206660410001",
    }  # fmt: skip
    for name, value in expected.items():
        assert float(margin.components[name]) == pytest.approx(float(value), abs=1e-6), name
    assert float(margin.maintenance_margin) == pytest.approx(1183.8207318516002, abs=1e-6)
    assert float(margin.initial_margin) == pytest.approx(1538.9669514070802, abs=1e-6)


def test_okx_units_are_added_up() -> None:
    state = PoolState(
        assets={"USDT": D(100_000)},
        index={"USDT": D(1), "BTC": D(50_000), "ETH": D(3000)},
        positions=(
            perpetual("BTCUSDT", "BTC", "1", "50000"),
            perpetual("ETHUSDT", "ETH", "-10", "3000"),
        ),
    )
    margin = pool_margin(state, load("okx_pm").margin_rules("unified"))
    # 12 % and 0.2 % of 80,000: nothing offsets between underlyings.
    assert margin.maintenance_margin == D("0.122") * 80_000


def test_deribit_simulate() -> None:
    """Deribit API reference, private/simulate: worst case, roll shock, matrix and 0.8 of it."""
    perp, future = D("0.314538364"), D("-0.001187534")
    time_ns = 1_718_619_740_501 * 10**6
    expiry = 1_719_561_600 * 10**9  # 2024-06-28 08:00 UTC

    def inverse(symbol: str, size: Decimal, mark: str, expiry_ns: int) -> Position:
        price = D(mark)
        return Position(symbol, "BTC", "BTC", size * price, price, price, None, "inverse",
                        D(1), expiry_ns)  # fmt: skip

    state = PoolState(
        assets={"BTC": D(1)},
        index={"BTC": D("65666.19")},
        positions=(
            inverse("BTCUSD_PERP", perp, "65910.57", 0),
            inverse("BTCUSD_240628", future, "67371.75", expiry),
        ),
        kind="cm",
        currency="BTC",
        time_ns=time_ns,
    )
    margin = pool_margin(state, load("deribit_pm").margin_rules("separated"))
    coin = {name: float(value / state.index["BTC"]) for name, value in margin.components.items()}
    assert coin["worst_case"] == pytest.approx(0.05968587238095239, abs=1e-9)
    assert coin["delta_shock"] == 0
    # The venue's deltas are in coin; ours are USD at the mark, over the index.
    assert coin["roll_shock"] == pytest.approx(0.00315725898, rel=5e-3)
    assert float(margin.maintenance_margin / margin.initial_margin) == pytest.approx(0.8)


def test_bybit_short_option() -> None:
    """Bybit: [max(3% x 30,000, 3% x 300) + 300 + 0.2% x 30,000] x 1 = 1,260; 12.6 % of 10,000."""
    option = Position("BTC-220631-31000-C", "BTC", "USDT", D(-1), D(300), D(300), None, "option",
                      strike=D(31_000), right="C", expiry_ns=30 * DAY_NS,
                      volatility=D("0.6"))  # fmt: skip
    state = PoolState(
        assets={"USDT": D(10_300)},
        index={"USDT": D(1), "BTC": D(30_000)},
        positions=(option,),
        kind="options",
    )
    rules = load("bybit").margin_rules("separated")
    margin = pool_margin(state, rules)
    assert margin.maintenance_margin == 1260
    assert rules.ladder_of("options").ratio_shown(D(10_000), D(1260)) == D("0.126")


def test_bybit_deductions() -> None:
    """The published "maintenance margin deduction" of BTCUSDT's last level."""
    assert load("bybit").brackets_of("BTCUSDT")[-1].cum == 1_482_000


def test_derive_by_hand_perpetual_and_base() -> None:
    """Long 2 BTC perpetual at 50,000: 15 % + 2 % of 100,000; 3 BTC held add 2 % of 150,000."""
    rules = load(DERIVE).margin_rules("unified")
    state = PoolState(
        assets={"USDC": D(100_000)},
        index={"USDC": D(1), "USDT": D(1), "BTC": D(50_000)},
        positions=(perpetual("BTCUSDT", "BTC", "2", "50000"),),
    )
    margin = pool_margin(state, rules)
    assert margin.maintenance_margin == 17_000
    assert margin.initial_margin == 17_000 * D("1.3")
    held = PoolState(assets={"BTC": D(3)}, index=state.index, positions=state.positions)
    assert pool_margin(held, rules).components["base_contingency"] == 3000


def black76_call(forward: float, strike: float, years: float, volatility: float) -> float:
    deviation = volatility * math.sqrt(years)
    d1 = (math.log(forward / strike) + deviation * deviation / 2) / deviation

    def normal(x: float) -> float:
        return (1 + math.erf(x / math.sqrt(2))) / 2

    return forward * normal(d1) - strike * normal(d1 - deviation)


def test_derive_by_hand_short_call() -> None:
    """Short call of 10 days: the worst of 21 revaluations written out here, plus 1 % of spot."""
    rules = load(DERIVE).margin_rules("unified")
    volatility, spot, strike, days = 0.6, 50_000.0, 55_000.0, 10
    years = days / 365
    now = black76_call(spot, strike, years, volatility)
    option = Position("BTC-700111-55000-C", "BTC", "USDT", D(-1), D(str(now)), D(str(now)), None,
                      "option", strike=D(55_000), right="C", expiry_ns=days * DAY_NS,
                      volatility=D("0.6"))  # fmt: skip
    state = PoolState(
        assets={"USDT": D(50_000)}, index={"USDT": D(1), "BTC": D(50_000)}, positions=(option,)
    )
    scale = (30 / days) ** 0.30
    worst = max(
        black76_call(spot * (1 + move / 100), strike, years, volatility * (1 + shift * scale)) - now
        for move in (-15, -10, -5, 0, 5, 10, 15)
        for shift in (0.45, 0.0, -0.30)
    )
    margin = pool_margin(state, rules)
    assert float(margin.components["worst_scenario"]) == pytest.approx(worst, rel=1e-9)
    assert margin.components["option_contingency"] == 500
    assert float(margin.maintenance_margin) == pytest.approx(worst + 500, rel=1e-9)
