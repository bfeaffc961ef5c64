"""Goal: an account mode is a partition: every position and every unit of money is in one place.

Method: both modes on all kinds of markets; what each partition says of each market.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulator.accounts.wallets import VENUE_WALLETS, Partition, separated, unified
from simulator.instruments.instrument import Instrument
from tests.exchange.world import INSTRUMENTS

COIN = Instrument("cm", "BTCUSD_PERP", "BTC", "USD", Decimal("0.1"), Decimal(1))
ALL = [*INSTRUMENTS, COIN]
PARTITIONS = {
    "isolated": separated(ALL, isolated=True),
    "cross": separated(ALL, isolated=False),
    "unified": unified(ALL),
}


@pytest.mark.parametrize("made", PARTITIONS.values(), ids=PARTITIONS)
def test_every_market_has_its_place(made: Partition) -> None:
    assert made.wallets[:5] == list(VENUE_WALLETS)
    assert len(set(made.wallets)) == len(made.wallets)
    assert (
        len(made.cash) == len(made.margin) == len(made.pool_of) == len(made.cash_pool) == len(ALL)
    )
    for number, one in enumerate(ALL):
        pool = made.pool_of[number]
        assert (pool < 0) == (one.market == "spot")
        if pool >= 0:
            _, wallet, isolated = made.pools[pool]
            assert wallet == made.margin[number], "profit goes to the wallet that margins it"
            assert isolated in (-1, number)
    owned = {wallet for _, wallet, _ in made.pools}
    assert len(owned) == len(made.pools), "no two pools share a wallet"


def test_isolated_positions_have_wallets_of_their_own() -> None:
    made = PARTITIONS["isolated"]
    assert [name for name, _, isolated in made.pools if isolated >= 0] == [
        "um:BTCUSDT",
        "um:ETHUSDT",
    ]
    assert made.wallet("um:BTCUSDT") == made.margin[1] != made.cash[1] == made.wallet("um")


def test_cross_and_unified_share() -> None:
    assert [name for name, _, _ in PARTITIONS["cross"].pools] == ["um"]
    made = PARTITIONS["unified"]
    assert [name for name, _, _ in made.pools] == ["unified"]
    assert set(made.cash) == set(made.margin) == {made.deposits_to}


def test_a_wallet_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        PARTITIONS["unified"].wallet("spot")
