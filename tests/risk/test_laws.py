"""Goal: the scenario requirement obeys the laws it claims, over all products.

Method: random pools under a rulebook that has every kind of component; each law compares two runs
of the model.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.risk.reference import PoolMargin, pool_margin
from simulator.risk.rules import MarginRules
from simulator.risk.state import PoolState, Position
from tests.risk.portfolios import EVERYTHING, LINEAR_SCAN, WITHOUT_TIERS, linear, pools

D = Decimal
SMALL = D("1e-18")

few = settings(max_examples=40)


def scaled(state: PoolState, k: int) -> PoolState:
    """Return the pool in a world whose coins cost ``k`` times as much."""
    return replace(
        state,
        assets={a: x * k if a == "USDT" else x for a, x in state.assets.items()},
        loans={a: x * k if a == "USDT" else x for a, x in state.loans.items()},
        index={a: x if a == "USDT" else x * k for a, x in state.index.items()},
        positions=tuple(
            replace(
                p,
                entry_price=p.entry_price * k,
                mark_price=p.mark_price * k,
                strike=p.strike * k,
                contract_size=p.contract_size * k if p.product == "inverse" else p.contract_size,
            )
            for p in state.positions
        ),
    )


def same(one: PoolMargin, other: PoolMargin, factor: int = 1) -> bool:
    """Whether every figure of one is ``factor`` times the other's."""
    gross = sum(abs(x) for x in one.components.values()) + abs(one.equity) + 1
    near = gross * factor * SMALL
    figures = ("equity", "adjusted_equity", "initial_margin", "maintenance_margin")
    return (
        all(abs(getattr(other, f) - factor * getattr(one, f)) <= near for f in figures)
        and list(one.components) == list(other.components)
        and all(abs(other.components[c] - factor * x) <= near for c, x in one.components.items())
    )


@few
@given(pools(), st.integers(2, 9))
def test_scaling_all_prices_scales_every_figure(state: PoolState, k: int) -> None:
    once, more = pool_margin(state, WITHOUT_TIERS), pool_margin(scaled(state, k), WITHOUT_TIERS)
    assert same(once, more, k)
    assert once.level == more.level


@few
@given(pools(), st.randoms(use_true_random=False))
def test_the_order_of_positions_and_assets_does_not_matter(
    state: PoolState, random: object
) -> None:
    order = list(state.positions)
    random.shuffle(order)  # type: ignore[attr-defined]
    turned = replace(
        state, positions=tuple(order), assets=dict(reversed(list(state.assets.items())))
    )
    assert same(pool_margin(state, EVERYTHING), pool_margin(turned, EVERYTHING))


@few
@given(pools(), st.integers(-300, 400))
def test_a_split_position_needs_what_the_whole_does(state: PoolState, percent: int) -> None:
    parts = []
    for p in state.positions:
        part = p.quantity * percent / 100
        parts += [replace(p, quantity=part), replace(p, quantity=p.quantity - part)]
    split = replace(state, positions=tuple(parts))
    assert same(pool_margin(state, EVERYTHING), pool_margin(split, EVERYTHING))


def merged(one: PoolState, other: PoolState) -> PoolState:
    """Return what two accounts hold, in one pool."""
    assets = {
        a: one.assets.get(a, D(0)) + other.assets.get(a, D(0))
        for a in dict.fromkeys((*one.assets, *other.assets))
    }
    return replace(one, assets=assets, positions=(*one.positions, *other.positions))


def scan(margin: PoolMargin) -> Decimal:
    return margin.components["scan_risk"]


@few
@given(pools(loans=False, most=3), pools(loans=False, most=3))
def test_merging_conserves_equity_and_never_raises_the_scan_risk(
    one: PoolState, other: PoolState
) -> None:
    a, b = pool_margin(one, EVERYTHING), pool_margin(other, EVERYTHING)
    both = pool_margin(merged(one, other), EVERYTHING)
    assert abs(both.equity - a.equity - b.equity) <= SMALL * (1 + abs(a.equity) + abs(b.equity))
    assert scan(both) <= scan(a) + scan(b) + SMALL * (1 + scan(a) + scan(b))


@st.composite
def linear_pools(draw: st.DrawFn) -> PoolState:
    state = draw(pools(loans=False, most=0))
    return replace(state, positions=tuple(draw(st.lists(linear(), max_size=4))))


@few
@given(linear_pools(), linear_pools())
def test_merging_linear_pools_never_raises_the_requirement(
    one: PoolState, other: PoolState
) -> None:
    other = replace(other, correlation=one.correlation)
    a, b = pool_margin(one, LINEAR_SCAN), pool_margin(other, LINEAR_SCAN)
    both = pool_margin(merged(one, other), LINEAR_SCAN)
    assert both.initial_margin <= a.initial_margin + b.initial_margin + SMALL * (
        1 + a.initial_margin + b.initial_margin
    )


@few
@given(pools(loans=False), st.sampled_from(("BTC", "ETH", "SOL")), st.integers(1, 100_000))
def test_holding_more_of_an_asset_never_raises_the_requirement(
    state: PoolState, asset: str, value: int
) -> None:
    more = dict(state.assets)
    more[asset] = more.get(asset, D(0)) + value / state.index[asset]
    before = pool_margin(state, EVERYTHING)
    after = pool_margin(replace(state, assets=more), EVERYTHING)
    assert after.initial_margin <= before.initial_margin * (1 + SMALL) + SMALL


@few
@given(pools(), st.sampled_from((EVERYTHING, LINEAR_SCAN)))
def test_weaker_correlation_never_lowers_the_requirement(
    state: PoolState, rules: MarginRules
) -> None:
    weaker = {pair: rho - D("0.3") for pair, rho in state.correlation.items()}
    before = pool_margin(state, rules).initial_margin
    after = pool_margin(replace(state, correlation=weaker), rules).initial_margin
    assert after >= before * (1 - SMALL)


def test_a_breakdown_of_correlation_raises_it() -> None:
    rules = LINEAR_SCAN
    state = PoolState({"USDT": D(9_000)}, {"USDT": D(1), "BTC": D(1), "ETH": D(1)})
    legs = tuple(
        Position(f"{coin}USDT", coin, "USDT", D(value), D(1), D(1))
        for coin, value in (("BTC", 50_000), ("ETH", -30_000))
    )
    state = replace(state, positions=legs)
    by_correlation = [
        pool_margin(replace(state, correlation={("ETH", "BTC"): D(rho)}), rules).initial_margin
        for rho in ("0.9", "0.8", "0.4", "0", "-0.5")
    ]
    assert by_correlation == [5_000, 5_000, 6_500, 8_000, 8_000]
