"""Goal: the bundled rulebooks, and one written by hand, give the figures that venues published.

Method: the readable margin model under each rulebook, on the positions of a published example.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from simulator import margin as calculate
from simulator.risk.brackets import maintenance_margin
from simulator.risk.components import Grid, Scenario
from simulator.risk.levels import RiskLevel
from simulator.risk.reference import pool_margin
from simulator.risk.reference_grid import units_of, worst_of
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
    assert coin["delta_shock"] == coin["extended"] == 0
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


def coin_perpetual(coin: str, size: str, mark: str, index: str) -> PoolState:
    """A pool kept in coin with one perpetual of ``size`` coins."""
    price = D(mark)
    position = Position(f"{coin}USD_PERP", coin, coin, D(size) * price, price, price, None,
                        "inverse", D(1))  # fmt: skip
    return PoolState({coin: D(1)}, {coin: D(index)}, (position,), kind="cm", currency=coin)


def test_deribit_simulate_ether() -> None:
    """Deribit's reply of private/pme/simulate to a short of 1 ETH (2026-02-15)."""
    state = coin_perpetual("ETH", "-0.999487053", "1949.49", "1949.34")
    margin = pool_margin(state, load("deribit_pm").margin_rules("separated"))
    coin = {name: float(value / state.index["ETH"]) for name, value in margin.components.items()}
    assert coin["worst_case"] == pytest.approx(0.15246412672881357, abs=1e-12)
    assert coin["roll_shock"] == pytest.approx(0.004997435265, abs=1e-12)
    assert (coin["extended"], coin["delta_shock"]) == (0, 0)
    assert float(margin.initial_margin / state.index["ETH"]) == pytest.approx(0.157461562265)
    assert float(margin.maintenance_margin / state.index["ETH"]) == pytest.approx(0.125969249812)


MOVES = (-66, -33, 50, 100, 200, 300, 400, 500)


@pytest.mark.parametrize(
    ("coin", "size", "mark", "down", "up"),
    [
        ("BTC", "0.314538364", "65910.57", -0.05991206933333334, 0.04338460193103449),
        ("BTC", "-0.001187534", "67371.75", 0.0002261969523809524, -0.0001637977931034483),
        ("ETH", "-0.999487053", "1949.49", 0.21939959699999997, -0.15246412672881357),
    ],
)
def test_deribit_extended_vectors_of_futures(
    coin: str, size: str, mark: str, down: float, up: float
) -> None:
    """Deribit, private/pme/simulate: "extended" has the same figure for all falls, and all rises,
    that "standard" has at the end of the price range; before the dampener.
    """
    state = coin_perpetual(coin, size, mark, "60000")
    rules = load("deribit_pm").margin_rules("separated").scenario
    unit = units_of(state, rules)[coin]
    for move in MOVES:
        grid = Grid("one", {"": (Scenario(Fraction(move, 100), 1),)}, dampener={"": Fraction(0)})
        loss = worst_of(unit, grid, state, rules).loss / 60_000
        assert float(loss) == pytest.approx(max(-(down if move < 0 else up), 0), abs=1e-12)


def test_deribit_extended_short_call() -> None:
    """1,000 calls short at three times the price: hardly a loss at 16 %, a large one beyond."""
    volatility, spot, strike, days, count = 0.8, 50_000.0, 150_000.0, 30, 1000
    now = black76_call(spot, strike, days / 365, volatility)
    option = Position("BTC-700131-150000-C", "BTC", "USDT", D(-count), D(str(now)), D(str(now)),
                      None, "option", strike=D(150_000), right="C", expiry_ns=days * DAY_NS,
                      volatility=D("0.8"))  # fmt: skip
    state = PoolState({"USDT": D(1)}, {"USDT": D(1), "BTC": D(50_000)}, (option,))
    margin = pool_margin(state, load("deribit_pm").margin_rules("unified"))

    def loss(move: float) -> float:
        then = black76_call(spot * (1 + move), strike, days / 365, volatility * 1.5)
        return count * (then - now) * 0.16 / abs(move) - 100_000 * (abs(move) / 0.16 - 1)

    worst = max(loss(move / 100) for move in MOVES)
    assert worst > 10 * float(margin.components["worst_case"])
    assert float(margin.components["extended"]) == pytest.approx(worst, rel=1e-9)
    charges = margin.components["roll_shock"] + margin.components["delta_shock"]
    assert float(margin.initial_margin) == pytest.approx(worst + float(charges), rel=1e-9)


def test_derive_by_hand_basis() -> None:
    """Calls of two expiries, one long and one short, that the scenarios nearly set off: each
    expiry's forward may move alone by 5 %, at a quarter of the loss and 1 % a year.
    """
    rules = load(DERIVE).margin_rules("unified")
    volatility, spot, strike = 0.1, 50_000.0, 20_000.0
    legs = {40: 1, 400: -1}
    marks = {days: black76_call(spot, strike, days / 365, volatility) for days in legs}
    positions = tuple(
        Position(f"BTC-{days}-20000-C", "BTC", "USDT", D(size), D(str(marks[days])),
                 D(str(marks[days])), None, "option", strike=D(20_000), right="C",
                 expiry_ns=days * DAY_NS, volatility=D("0.1"))
        for days, size in legs.items()
    )  # fmt: skip
    state = PoolState({"USDT": D(50_000)}, {"USDT": D(1), "BTC": D(50_000)}, positions)
    expected = 0.0
    for days, size in legs.items():
        gains = [
            size * (black76_call(spot * (1 + move), strike, days / 365, volatility) - marks[days])
            for move in (-0.05, 0.05)
        ]
        expected += max(-min(gains), 0) * (0.25 + 0.01 * days / 365)
    margin = pool_margin(state, rules)
    # Deep in the money: 2,500 a leg, a quarter of each and a little for the time.
    assert expected == pytest.approx(1250, rel=0.05)
    assert float(margin.components["basis_contingency"]) == pytest.approx(expected, rel=1e-9)
    assert float(margin.components["worst_scenario"]) < expected
    assert float(margin.maintenance_margin) == pytest.approx(expected + 500, rel=1e-9)


def test_factor_of_the_worst_loss_alone() -> None:
    """2 BTC at 50,000: 15,000 at 15 % and 2,000 of contingency; 1.3 x 15,000 + 2,000 = 21,500."""
    rules = load(DERIVE).margin_rules("unified")
    alone = replace(rules, scenario=replace(rules.scenario, factor_scope="worst"))
    state = PoolState(
        assets={"USDC": D(100_000)},
        index={"USDC": D(1), "USDT": D(1), "BTC": D(50_000)},
        positions=(perpetual("BTCUSDT", "BTC", "2", "50000"),),
    )
    margin = pool_margin(state, alone)
    assert (margin.maintenance_margin, margin.initial_margin) == (17_000, 21_500)
