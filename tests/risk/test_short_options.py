"""Goal: short options and tiers are margined as Bybit's and BIT's published examples are.

Method: each example's rules are built from the numbers it states; the quote and source stand with
it.
"""

from __future__ import annotations

from decimal import Decimal

from simulator.risk.brackets import derive_brackets
from simulator.risk.components import OptionMarginRules
from simulator.risk.reference import PoolMargin, PoolState, Position, pool_margin
from simulator.risk.state import YEAR_NS
from tests.risk.building import bracket_rules

D = Decimal


def short_option(
    right: str, strike: str, quantity: str, mark: str, index: str, rates: OptionMarginRules
) -> PoolMargin:
    """Return the margin of one option alone under the bracket model, settled in USDT at 1."""
    option = Position(
        f"X-231117-{strike}-{right}",
        "X",
        "USDT",
        D(quantity),
        D(mark),
        D(mark),
        product="option",
        strike=D(strike),
        right="C" if right == "C" else "P",
        expiry_ns=YEAR_NS,
    )
    state = PoolState({"USDT": D(10_000)}, {"X": D(index), "USDT": D(1)}, (option,), kind="options")
    return pool_margin(state, bracket_rules({}, options=rates))


BIT = OptionMarginRules(D("0.15"), D("0.1"), D("0.075"))
BYBIT = OptionMarginRules(D("0.15"), D("0.1"), D("0.03"), D("0.002"))


def test_bit_short_put() -> None:
    """Quote: 'MM=max(157.35,7.5%* 2.4)+2.4=159.75; IM=max(max(314.7-248,209.8)+2.4,159.75)=212.2;
    Pos IM=50*212.2=10,610; Pos MM=50*159.75=7987.5'.  Source: BIT help 9771460.
    """
    margin = short_option("P", "1850", "-50", "2.4", "2098", BIT)
    assert margin.maintenance_margin == D("7987.5")
    assert margin.initial_margin == D(10_610)
    assert margin.components["options"] == D("7987.5")
    assert margin.equity == 10_000 - 120


def test_bybit_short_call() -> None:
    """Quote: '[Max (3% x 30,000, 3% x 300) + 300 + 0.2% x 30,000] x ABS (-1) = 1,260 USDC ...
    12.6%'.  Source: Bybit help, Initial & Maintenance Margin Calculations (Options).

    The margin balance of the quote is 10,000 with the premium taken out.
    """
    margin = short_option("C", "31000", "-1", "300", "30000", BYBIT)
    assert margin.maintenance_margin == 1_260
    assert margin.maintenance_margin / 10_000 == D("0.126")
    # OTM 1,000: max(4,500 - 1,000, 3,000) + 300.
    assert margin.initial_margin == 3_800


def test_deep_put_is_margined_by_its_mark_and_a_long_by_nothing() -> None:
    # Index 100, strike 2,000: the mark of 1,900 beats the index in the maintenance rate.
    margin = short_option("P", "2000", "-1", "1900", "100", BIT)
    assert margin.maintenance_margin == D("0.075") * 1900 + 1900 == margin.initial_margin
    long = short_option("P", "2000", "3", "1900", "100", BIT)
    assert long.maintenance_margin == long.initial_margin == 0
    assert long.equity == 10_000 + 5_700


def test_bybit_tiers() -> None:
    """Quote: '= (1,000 x 2%) + (1,000 x 2.5%) + (1,000 x 3%) + (500 x 3.5%) = 92.5 ... 257.5'.

    Source: Bybit help, Maintenance Margin (USDT Contract).
    """
    caps, rates = (1000, 2000, 3000, 4000, 5000), ("0.02", "0.025", "0.03", "0.035", "0.04")
    rows = [(D(cap - 1000), D(cap), D(rate), D(10)) for cap, rate in zip(caps, rates, strict=True)]
    rules = bracket_rules({"XUSDT": derive_brackets(rows)})
    position = Position("XUSDT", "X", "USDT", D(100), D(35), D(35), leverage=D(10))
    margin = pool_margin(PoolState({"USDT": D(350)}, {"USDT": D(1)}, (position,)), rules)
    assert position.notional == 3_500
    assert margin.initial_margin == 350
    assert margin.maintenance_margin == D("92.5")
    assert margin.initial_margin - margin.maintenance_margin == D("257.5")
