"""Goal: the engine's margin figures are those of the reference, in every mode and rulebook.

Method: random balances, positions and prices, put straight into the columns; both sides compared.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.risk.reference import PoolState, Position, pool_margin
from tests.exchange.world import INSTRUMENTS, World

COMBINATIONS = [
    (rulebook, mode) for rulebook in ("textbook", "binance") for mode in ("separated", "unified")
]

UNITS = st.integers(-(10**13), 10**13)
LOTS = st.integers(-20_000, 20_000)
TICKS = st.integers(1_000, 2_000_000)


@pytest.mark.parametrize(("rulebook", "mode"), COMBINATIONS)
@settings(max_examples=40)
@given(
    usdt=UNITS,
    btc=st.integers(-(10**8), 10**10),
    lots=st.tuples(LOTS, LOTS),
    entries=st.tuples(TICKS, TICKS),
    marks=st.tuples(TICKS, TICKS),
)
def test_figures_equal_the_reference(
    rulebook: str,
    mode: str,
    usdt: int,
    btc: int,
    lots: tuple[int, int],
    entries: tuple[int, int],
    marks: tuple[int, int],
) -> None:
    world = World(mode, rulebook, check=False)
    core, pools = world.core, world.core.pools
    futures = [world.number("um:BTCUSDT"), world.number("um:ETHUSDT")]
    index = {"USDT": Decimal(1), "BTC": Decimal(marks[0]) / 10, "ETH": Decimal(marks[1]) / 10}
    for asset, price in index.items():
        pools.set_index(world.desk.asset(asset), float(price))
    for instrument, size, entry, mark in zip(futures, lots, entries, marks, strict=True):
        world.desk.upkeep.row(instrument, 5, 0, mark * 10**7, 0, 0)
        core.ledger.fill_position(1, instrument, size, entry)
    for number, (name, wallet, isolated) in enumerate(world.partition.pools):
        assert world.partition.pools[number][0] == name
        amounts = {"USDT": usdt, "BTC": 0 if isolated >= 0 else btc}
        for asset, units in amounts.items():
            own = core.ledger.balance_of(wallet, world.desk.asset(asset))
            core.ledger.move(2, wallet, world.desk.asset(asset), units - own)
        state = PoolState(
            assets={asset: Decimal(units) / 10**8 for asset, units in amounts.items()},
            index=index,
            positions=tuple(
                Position(
                    INSTRUMENTS[instrument].symbol,
                    INSTRUMENTS[instrument].base,
                    "USDT",
                    Decimal(size) / 1000,
                    Decimal(entry) / 10,
                    Decimal(mark) / 10,
                )
                for instrument, size, entry, mark in zip(futures, lots, entries, marks, strict=True)
                if world.partition.pool_of[instrument] == number and size
            ),
        )
        expected = pool_margin(state, world.margin)
        figures = world.desk.pool_figures(name)
        scale = 1e-9 * float(abs(expected.adjusted_equity) + expected.initial_margin + 10**6)
        assert figures.equity == pytest.approx(float(expected.adjusted_equity), abs=scale)
        assert figures.maintenance_margin == pytest.approx(
            float(expected.maintenance_margin), abs=scale
        )
        if expected.maintenance_margin:
            gap = abs(expected.adjusted_equity / expected.maintenance_margin)
            edges = world.margin.ladder.thresholds().values()
            if all(abs(float(gap) - edge) > 1e-6 for edge in (0.0, *edges)):
                assert figures.level == expected.level
        if not small_leverage(world, state):
            assert figures.initial_margin == pytest.approx(
                float(expected.initial_margin), abs=scale
            )


def small_leverage(world: World, state: PoolState) -> bool:
    """Whether the reference lowers a leverage for its notional; admission never lets it."""
    return world.margin.default_leverage is not None and any(
        world.margin.leverage_of(p.symbol, p.underlying, p.notional)
        != world.margin.leverage_of(p.symbol, p.underlying, Decimal(0))
        for p in state.positions
    )
