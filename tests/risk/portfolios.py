"""Random pools over all products, for laws that hold of every one of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from simulator.risk.components import (
    BasisCharge,
    CalendarCharge,
    Concentration,
    ExpiryCharge,
    Grid,
    LoanCharge,
    Scenario,
    SizeCharge,
    VolatilityShift,
)
from simulator.risk.rules import MarginRules
from simulator.risk.state import YEAR_NS, PoolState, Position
from tests.risk.building import scenario_rules

D, F = Decimal, Fraction

INDEX = {"USDT": D("0.9995"), "BTC": D(40_000), "ETH": D(3_000), "SOL": D(150)}
COINS = ("BTC", "ETH", "SOL")
EXPIRIES = (YEAR_NS * 3 // 365, YEAR_NS * 40 // 365, YEAR_NS // 2)

usd = st.integers(-50_000, 50_000).filter(bool)
basis = st.decimals("0.97", "1.03", places=3)


@st.composite
def linear(draw: st.DrawFn) -> Position:
    """Draw a perpetual or a delivery future of up to 50,000 USD, margined in USDT."""
    coin, value, away = draw(st.sampled_from(COINS)), draw(usd), draw(basis)
    expiry = draw(st.sampled_from((0, 0, *EXPIRIES)))
    mark = INDEX[coin] * away
    quantity = (value / mark).quantize(D("0.001"))
    entry = INDEX[coin] * draw(basis)
    return Position(f"{coin}USDT_{expiry}", coin, "USDT", quantity, entry, mark, expiry_ns=expiry)


@st.composite
def inverse(draw: st.DrawFn) -> Position:
    """Draw a coin-margined perpetual or future in contracts of 10 USD."""
    coin, value, away = draw(st.sampled_from(COINS)), draw(usd), draw(basis)
    expiry = draw(st.sampled_from((0, *EXPIRIES)))
    return Position(
        f"{coin}USD_{expiry}",
        coin,
        coin,
        D(value // 10),
        INDEX[coin] * draw(basis),
        INDEX[coin] * away,
        product="inverse",
        contract_size=D(10),
        expiry_ns=expiry,
    )


@st.composite
def option(draw: st.DrawFn) -> Position:
    """Draw a European option with a volatility of its own."""
    coin, value, away = draw(st.sampled_from(COINS)), draw(usd), draw(basis)
    strike = (INDEX[coin] * (away * 10 - 9)).quantize(D(1))
    right = draw(st.sampled_from(("C", "P")))
    expiry = draw(st.sampled_from(EXPIRIES))
    mark = INDEX[coin] / 20
    return Position(
        f"{coin}-{expiry}-{strike}-{right}",
        coin,
        "USDT",
        (value / INDEX[coin]).quantize(D("0.01")),
        mark,
        mark,
        product="option",
        expiry_ns=expiry,
        strike=strike,
        right="C" if right == "C" else "P",
        volatility=draw(st.sampled_from((D("0.4"), D("0.8")))),
    )


positions = st.one_of(linear(), linear(), inverse(), option())
held = st.fixed_dictionaries(
    {"USDT": st.integers(-10_000, 60_000).map(D), "BTC": st.decimals(0, 2, places=3)},
    optional={"ETH": st.decimals(0, 20, places=2), "SOL": st.decimals(0, 200, places=1)},
)
owed = st.fixed_dictionaries(
    {}, optional={"ETH": st.decimals(0, 5, places=2), "USDT": st.integers(0, 5_000).map(D)}
)
correlations = st.dictionaries(
    st.sampled_from((("BTC", "ETH"), ("SOL", "BTC"), ("ETH", "SOL"))), st.decimals(-1, 1, places=2)
)


@st.composite
def pools(draw: st.DrawFn, *, loans: bool = True, most: int = 5) -> PoolState:
    """Draw a pool of the three coins."""
    return PoolState(
        assets=draw(held),
        index=INDEX,
        positions=tuple(draw(st.lists(positions, max_size=most))),
        loans=draw(owed) if loans else {},
        correlation=draw(correlations),
    )


SCENARIOS = tuple(Scenario(F(step, 2), vol) for step in range(-2, 3) for vol in (-1, 0, 1))

EVERYTHING: MarginRules = scenario_rules(
    credit_rate=F(1, 3),
    price_range={"USDT": F(0), "SOL": F(1, 5)},
    volatility=VolatilityShift(F(2, 5), F(1, 4), short_exponent=F(3, 10), long_exponent=F(13, 100)),
    components=(
        Grid("scan_risk", {"": SCENARIOS}, of_range=True),
        Grid("tail", {"": tuple(Scenario(F(m, 10), weight=F(1, 3)) for m in (-4, 4))}),
        CalendarCharge("calendar_charge", {"": F(1, 100)}),
        ExpiryCharge("roll", {"": F(1, 500)}, {"": F(1, 100)}),
        SizeCharge("short_option_minimum", "short_options", {"": F(1, 200)}, role="floor"),
        SizeCharge("size", "all", {"": F(1, 400)}, ((F(0), F(1)), (F(200), F(2)))),
        Concentration("concentration", ((F(20_000), F(1, 50)), (F(60_000), F(1, 20)))),
        LoanCharge("loans", {"": F(1, 50)}),
    ),
)
"""One rulebook with every kind of component, under which laws are tried."""

TAIL = tuple(Scenario(F(m, 100), 1) for m in (-66, -33, -5, 50, 200, 500))

FAR: MarginRules = replace(
    EVERYTHING,
    scenario=replace(
        EVERYTHING.scenario,
        components=(
            *EVERYTHING.scenario.components,
            Grid("extended", {"": TAIL}, dampener={"": F(500), "ETH": F(0)}),
            BasisCharge("basis", {"": F(1, 20)}, {"": F(1, 4)}, {"": F(1, 100)}),
            BasisCharge("rates", {"": F(1, 50)}, {"": F(1)}, role="charge"),
        ),
        factor_scope="worst",
    ),
)
"""The same with what is not of one piece with size or with other expiries: an extended table, basis
charges, and a factor of the worst losses alone.
"""

WITHOUT_TIERS: MarginRules = scenario_rules(
    credit_rate=F(1, 3),
    price_range={"USDT": F(0), "SOL": F(1, 5)},
    volatility=VolatilityShift(F(2, 5), F(1, 4), short_exponent=F(3, 10), long_exponent=F(13, 100)),
    components=tuple(
        c for c in EVERYTHING.scenario.components if c.name not in ("size", "concentration")
    ),
)
"""The same without what depends on absolute amounts."""

LINEAR_SCAN: MarginRules = scenario_rules(credit_rate=F(1, 2), price_range={"USDT": F(0)})
