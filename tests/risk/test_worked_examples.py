"""Goal: the model gives the published figures of Binance, OKX and Deribit, to the digits printed.

Method: each example's rules are built from the numbers it states, its pool from its positions; the
quote and source stand with it.  Liquidation prices and short options have their own files.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from simulator.risk.brackets import derive_brackets
from simulator.risk.components import (
    CalendarCharge,
    Component,
    ExpiryCharge,
    Grid,
    Scenario,
    SizeCharge,
)
from simulator.risk.levels import Ladder, Rung
from simulator.risk.reference import (
    PoolMargin,
    PoolState,
    Position,
    liquidation_price,
    net_amounts,
    pool_margin,
)
from simulator.risk.reference_grid import units_of, worst_of
from simulator.risk.reference_revaluation import profit
from simulator.risk.rules import CollateralRules, LoanRules
from simulator.risk.state import YEAR_NS
from tests.risk.building import bracket_rules, inverse, one_bracket, scenario_rules

D, F = Decimal, Fraction


def near(got: Decimal | Fraction | None, expected: str | float, within: str) -> bool:
    """Whether a figure is a published one, to this absolute tolerance."""
    assert got is not None
    return abs(F(got) - F(str(expected))) <= F(within)


# --- Binance, COIN-M -------------------------------------------------------------------------


def test_coin_margined_maintenance_margin() -> None:
    """Quote: '100 * 100 / 25,000 = 0.4 BTC ... Maintenance Margin = 100 * 100 / 25,000 * 0.4% - 0 =
    0.0016 BTC'.  Source: Binance FAQ ceccfcfb4e3a45e3b48b0b1bb1a8ae46.
    """
    rules = bracket_rules({"BTCUSD_PERP": one_bracket("0.004")})
    position = inverse("BTCUSD_PERP", D(100), D(100), D(25_000), D(25_000))
    assert position.notional == D("0.4")
    state = PoolState({"BTC": D(1)}, {"BTC": D(25_000)}, (position,), kind="cm", currency="BTC")
    assert pool_margin(state, rules).maintenance_margin == D("0.0016") * 25_000


def test_coin_margined_cum() -> None:
    """Quote: '= 50 BTC * (5% -2.5%) + 0.56 BTC = 1.81 BTC'.  Source: as above, 2021."""
    rows = [(D(0), D(50), D("0.025"), D(20)), (D(50), D(100), D("0.05"), D(10))]
    assert derive_brackets(rows)[1].cum + D("0.56") == D("1.81")


def test_coin_margined_profit_of_the_portfolio_margin_example() -> None:
    """10,000 USD long from 50,000 at 40,000: 10,000 x (1 / 50,000 - 1 / 40,000) = -0.05 BTC."""
    position = inverse("BTCUSD_PERP", D(100), D(100), D(50_000), D(40_000))
    assert position.unrealized_pnl == D("-0.05")
    state = PoolState({"BTC": D("0.1")}, {"BTC": D(40_000)}, (position,))
    assert net_amounts(state) == {"BTC": D("0.05")}


# --- Binance, cross margin -------------------------------------------------------------------

CROSS = Ladder("margin level", Rung(D(1)), D(1), shown="assets / liabilities", loan_rate=D("0.1"))
CROSS_LOANS = LoanRules(3, {3: D("0.1"), 5: D("0.1"), 10: D("0.05")})


@pytest.mark.parametrize(("price", "level"), [("22000", "1.1"), ("22001", None), ("30000", "1.5")])
def test_cross_margin_liquidation_at_22000(price: str, level: str | None) -> None:
    """Quote: 'User A has 10,000 USDT as collateral and he borrowed 20,000 USDT to purchase 1 BTC
    ... = 1.1 * 20,000 = 22,000 USDT'.

    Source: Binance announcement f6b010588e55413aa58b7d63ee0125ed.  Both of the user's 30,000 USDT
    went into the coin.
    """
    rules = replace(bracket_rules({}, loans=CROSS_LOANS), ladders={"margin": CROSS})
    state = PoolState(
        {"BTC": D(1)}, {"BTC": D(price), "USDT": D(1)}, loans={"USDT": D(20_000)}, kind="margin"
    )
    margin = pool_margin(state, rules)
    shown = CROSS.ratio_shown(margin.adjusted_equity, margin.maintenance_margin)
    assert shown == D(price) / 20_000
    assert (margin.level.name == "LIQUIDATION") == (price == "22000")
    if level:
        assert shown == D(level)


def test_interest_is_owed_like_the_loan() -> None:
    rules = replace(bracket_rules({}, loans=CROSS_LOANS), ladders={"margin": CROSS})
    state = PoolState(
        {"BTC": D(1)},
        {"BTC": D(30_000), "USDT": D(1)},
        loans={"USDT": D(20_000)},
        interest={"USDT": D(100)},
        kind="margin",
        margin_leverage=10,
    )
    margin = pool_margin(state, rules)
    assert margin.equity == 9_900
    assert margin.maintenance_margin == D(20_100) * D("0.05")
    assert margin.initial_margin == D(20_100) / 9


def test_multi_assets_pool_counts_coins_with_a_haircut() -> None:
    """Quote: '20,000 BUSD / 97.5% = 20,513 BUSD of the BTC': that much BTC brings equity to 0."""
    rules = replace(
        bracket_rules({}),
        collaterals={"um": CollateralRules(True, D(0), {"BTC": D("0.975"), "BUSD": D(1)})},
    )
    bitcoin = D(20_000) / D("0.975")
    assert round(bitcoin) == 20_513
    state = PoolState({"BUSD": D(-20_000), "BTC": bitcoin}, {"BUSD": D(1), "BTC": D(1)}, kind="um")
    assert abs(pool_margin(state, rules).account_equity) < D("1e-20")


def test_collateral_tiers_count_slice_by_slice() -> None:
    """Portfolio Margin Pro, rank 8: 0-200k 100 %, 200-400k 80 %, 400-800k 70 %, 800k-1M 40 %,
    above 20 %.  Source: Binance square post 29369029627617.
    """
    floors = [("0", "1"), ("200000", "0.8"), ("400000", "0.7"), ("800000", "0.4"), ("1e6", "0.2")]
    tiers = tuple((D(floor), D(ratio)) for floor, ratio in floors)
    collateral = CollateralRules(True, D(0), tiers={"X": tiers})
    rules = replace(bracket_rules({}), collateral=collateral)

    def counted(value: int) -> Decimal:
        return pool_margin(PoolState({"X": D(value)}, {"X": D(1)}), rules).account_equity

    assert counted(300_000) == 200_000 + 80_000
    assert counted(1_100_000) == 200_000 + 160_000 + 280_000 + 80_000 + 20_000
    assert counted(-500) == -500


# --- OKX -------------------------------------------------------------------------------------

MOVES = [F(n, 100) for n in (-12, -8, -4, 0, 4, 8, 12)]
MR7_2021 = ((F(0), F(1)), (F(10_000), F(2)), (F(70_000), F(4)))


def okx(mr4: str, mr7: str, tiers: tuple[tuple[Fraction, Fraction], ...]) -> tuple[Component, ...]:
    """Return MR1, MR2, MR4, MR6 and MR7 with these rates."""
    price_and_volatility = tuple(Scenario(m, v) for m in MOVES for v in (-1, 0, 1))
    extreme = tuple(Scenario(F(n, 100), weight=F(1, 2)) for n in (-24, 24))
    return (
        Grid("MR1", {"": price_and_volatility}),
        Grid("MR2", {"": (Scenario(F(0), days=F(1)),)}),
        ExpiryCharge("MR4", {"": F(mr4)}),
        Grid("MR6", {"": extreme}),
        SizeCharge("MR7", "all", {"": F(mr7)}, tiers, measure="delta", role="floor"),
    )


def test_okx_position_builder() -> None:
    """Quote: '"mr1": "1164.4109244719994" ... "mr4": "19.4098073796" ... "mr6":
    "1164.4109244720003" ... "mr7": "43.67206660410001" ... "mmr": "1183.8207318516002" ... "imr":
    "1538.9669514070802"'.

    Source: OKX API docs, POST /api/v5/account/position-builder, example.  Short 0.1 BTC from
    100,000 at 97,093.7; 1 USDT is 0.99954 USD, as delta over quantity over mark says; the index
    that the scenarios move is the one of 'mr1' at 4 %.
    """
    usdt = D("9704.9036898") / D("0.1") / D("97093.7")
    assert usdt == D("0.99954")
    index = D("388.1369748240002") / D("0.04") / D("0.1")
    short = Position("BTC-USDT-SWAP", "BTC", "USDT", D("-0.1"), D(100_000), D("97093.7"))
    state = PoolState({"USDT": D(10_000)}, {"BTC": index, "USDT": usdt}, (short,))
    rules = scenario_rules(
        components=okx("0.002", "0.0045", MR7_2021),
        total_is="maintenance",
        initial_over_maintenance=D("1.3"),
        moved_price="index",
        floor_scope="unit",
    )
    margin = pool_margin(state, rules)
    published = {
        "MR1": "1164.4109244719994",
        "MR2": "0",
        "MR4": "19.4098073796",
        "MR6": "1164.4109244720003",
        "MR7": "43.67206660410001",
    }
    assert list(margin.components) == list(published)
    for name, figure in published.items():
        assert near(margin.components[name], figure, "1e-6"), name
    assert near(margin.maintenance_margin, "1183.8207318516002", "1e-6")
    assert near(margin.initial_margin, "1538.9669514070802", "1e-6")
    assert near(short.unrealized_pnl, "290.63", "1e-6")
    by_move = {
        "0.04": "-388.1369748240002",
        "0.08": "-776.2739496480004",
        "0.12": "-1164.4109244719994",
        "-0.12": "1164.4109244719994",
    }
    for move, expected in by_move.items():
        gain = profit(short, Scenario(F(move)), F(move), state, rules.scenario)
        assert near(gain, expected, "1e-6")
    worst = worst_of(units_of(state, rules.scenario)["BTC"], _mr6(), state, rules.scenario)
    assert near(2 * worst.loss, "2328.8218489440005", "1e-6")


def _mr6() -> Grid:
    grid = okx("0", "0", MR7_2021)[3]
    assert isinstance(grid, Grid)
    return grid


def test_okx_minimum_charge_by_tiers() -> None:
    """Quote: 'MR7_adj = 10,000 + (30,000-10,000)*2 = 50,000USD; MMR ... max(MR, MR7_adj) = 50,000
    USD'.  Source: OKX support 4417291853837, 2021.

    A long of 1,000,000 USD whose worst loss at 4 % is 40,000 and whose raw charge at 3 % is
    30,000.
    """
    long = Position("BTC-USDT-SWAP", "BTC", "USDT", D(20), D(50_000), D(50_000))
    state = PoolState({"USDT": D(100_000)}, {"BTC": D(50_000), "USDT": D(1)}, (long,))

    def maintenance(tiers: tuple[tuple[Fraction, Fraction], ...]) -> PoolMargin:
        rules = scenario_rules(
            components=(
                Grid("MR1", {"": (Scenario(F(-4, 100)), Scenario(F(4, 100)))}),
                SizeCharge("MR7", "all", {"": F(3, 100)}, tiers, role="floor"),
            ),
            total_is="maintenance",
            floor_scope="unit",
        )
        return pool_margin(state, rules)

    before, after = maintenance(((F(0), F(1)),)), maintenance(MR7_2021)
    assert before.components == {"MR1": D(40_000), "MR7": D(30_000)}
    assert before.maintenance_margin == 40_000
    assert after.components["MR7"] == after.maintenance_margin == 50_000


# --- Deribit ---------------------------------------------------------------------------------


def deribit_state() -> PoolState:
    """Return the pool of the example: sizes in BTC as positions in contracts of 1 USD."""
    marks = {"BTC-PERPETUAL": "65910.57", "BTC-28JUN24": "67371.75"}
    sizes = {"BTC-PERPETUAL": "0.314538364", "BTC-28JUN24": "-0.001187534"}
    now = 1_718_619_740_501 * 10**6
    expiry = 1_719_561_600_000 * 10**6  # 2024-06-28 08:00 UTC
    positions = tuple(
        replace(
            inverse(symbol, D(size) * D(marks[symbol]), D(1), D(marks[symbol]), D(marks[symbol])),
            expiry_ns=0 if symbol == "BTC-PERPETUAL" else expiry,
        )
        for symbol, size in sizes.items()
    )
    index = D("65666.19")
    return PoolState(
        {"BTC": D(1)},
        {"BTC": index},
        positions,
        kind="cm",
        currency="BTC",
        time_ns=now,
        order_margin=(D("0.06") + D("0.000018212")) * index,
    )


def test_deribit_portfolio_margin() -> None:
    """Quote: 'worst_case: 0.05968587238095239 ... roll_shock: 0.00315725898 ...
    risk_matrix_margin: 0.06284313098 ... mmp_margin: 0.06 ... open_orders_margin: 0.000018212 ...
    initial_margin: 0.122861343 ... maintenance_margin: 0.050274504784'.

    Source: Deribit API docs, private/pme/simulate, response example.
    """
    state = deribit_state()
    moves = [F(n, 100) for n in range(-16, 17, 4)]
    rules = scenario_rules(
        components=(
            Grid("worst_case", {"BTC": tuple(Scenario(m, v) for m in moves for v in (-1, 0, 1))}),
            ExpiryCharge("roll_shock", {"BTC": F(1, 100)}, {"BTC": F(75, 1000)}),
        ),
        initial_over_maintenance=D("1.25"),
    )
    margin = pool_margin(state, rules)
    index = state.index["BTC"]
    assert near(margin.components["worst_case"] / index, "0.05968587238095239", "1e-9")
    assert near(margin.components["roll_shock"] / index, "0.00315725898", "1e-9")
    assert near(margin.maintenance_margin / index, "0.050274504784", "1e-9")
    assert near(margin.initial_margin / index, "0.122861343", "1e-9")
    without_orders = pool_margin(replace(state, order_margin=D(0)), rules).initial_margin
    assert near(without_orders / index, "0.06284313098", "1e-9")
    perpetual = {
        "-0.16": "-0.05991206933333334",
        "-0.12": "-0.04289159509090909",
        "-0.08": "-0.027351162086956524",
        "-0.04": "-0.013105765166666668",
        "0": "0",
        "0.04": "0.012097629384615385",
        "0.16": "0.043384601931034494",
    }
    future = {"-0.16": "0.0002261969523809524", "0.16": "-0.00016379779310344832"}
    for position, vector in zip(state.positions, (perpetual, future), strict=True):
        for move, expected in vector.items():
            gain = profit(position, Scenario(F(move)), F(move), state, rules.scenario)
            assert near(gain / F(index), expected, "1e-9"), (position.symbol, move)


@pytest.mark.parametrize(("rate", "charge"), [("0.01", "1"), ("0.02", "2")])
def test_deribit_charge_on_offsetting_futures(rate: str, charge: str) -> None:
    """Quote: 'long 100 BTC in Future A, and short 100 BTC in Future B, then 1.00%*100 BTC will be
    added' (an older page: 2 %).  Source: deribit.com/pages/docs/portfoliomargin.
    """
    price = D(50_000)
    legs = [
        replace(inverse(name, D(n) * price, D(1), price, price), expiry_ns=days * YEAR_NS // 365)
        for name, n, days in (("BTC-A", 100, 30), ("BTC-B", -100, 60))
    ]
    state = PoolState(
        {"BTC": D(10)}, {"BTC": price}, tuple(legs), kind="cm", currency="BTC", time_ns=0
    )
    rules = scenario_rules(
        components=(
            Grid("worst_case", {"": tuple(Scenario(F(n, 100)) for n in (-10, 0, 10))}),
            CalendarCharge("futures_contingency", {"": F(rate)}),
        )
    )
    margin = pool_margin(state, rules)
    assert margin.components["worst_case"] == 0
    assert margin.components["futures_contingency"] / price == D(charge)
    assert margin.initial_margin == margin.components["futures_contingency"]


def test_scenario_pool_liquidates_where_its_requirement_meets_equity() -> None:
    """Deribit's example long: in coin, 0.3145 (1 / p0 - 1 / p) x p0 + 1 = its requirement."""
    state = replace(deribit_state(), order_margin=D(0))
    rules = scenario_rules(
        components=(Grid("worst_case", {"": (Scenario(F(-16, 100)), Scenario(F(16, 100)))}),),
        initial_over_maintenance=D("1.25"),
    )
    price = liquidation_price(state, rules, "BTC-PERPETUAL")
    assert price is not None
    moved = replace(state.positions[0], mark_price=price)
    at = pool_margin(replace(state, positions=(moved, state.positions[1])), rules)
    assert abs(at.adjusted_equity - at.maintenance_margin) < D("1e-18")
