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
CALL = Instrument("option", "BTC-261225-50000-C", "BTC", "USDT", Decimal(5), Decimal("0.01"))
ALL = [*INSTRUMENTS, COIN, CALL]
PM = ("margin", "um", "cm")
PARTITIONS = {
    "isolated": separated(ALL, isolated=True),
    "cross": separated(ALL, isolated=False),
    "hedge": separated(ALL, isolated=True, hedge=True),
    "unified": unified(ALL),
    "portfolio margin": unified(ALL, PM),
}


@pytest.mark.parametrize("made", PARTITIONS.values(), ids=PARTITIONS)
def test_every_market_has_its_place(made: Partition) -> None:
    assert made.wallets[:5] == list(VENUE_WALLETS)
    assert len(set(made.wallets)) == len(made.wallets)
    assert len(made.cash) == len(made.cash_pool) == len(ALL)
    assert len(made.margin) == len(made.pool_of) == len(ALL) * (2 if made.hedge else 1)
    for number, one in enumerate(ALL):
        for slot in made.slots(number):
            pool = made.pool_of[slot]
            assert (pool < 0) == (one.market == "spot")
            if pool >= 0:
                _, wallet, isolated = made.pools[pool]
                assert wallet == made.margin[slot], "profit goes to the wallet that margins it"
                assert isolated in (-1, slot)
        assert (made.lending[number] >= 0) == (one.market == "spot")
    owned = {wallet for _, wallet, _ in made.pools}
    assert len(owned) == len(made.pools), "no two pools share a wallet"
    apart = set(range(len(VENUE_WALLETS), len(made.wallets))) - owned
    assert [made.wallets[wallet] for wallet in apart] in ([], ["spot"]), "only spot is in no pool"


POOLS = [
    ("isolated", ["um", "um:BTCUSDT", "um:ETHUSDT", "margin", "cm:BTC", "options"], "spot"),
    ("cross", ["um", "margin", "cm:BTC", "options"], "spot"),
    ("unified", ["unified"], "unified"),
    ("portfolio margin", ["unified", "options"], "spot"),
    (
        "hedge",
        [
            "um",
            "um:BTCUSDT",
            "um:BTCUSDT:SHORT",
            "um:ETHUSDT",
            "um:ETHUSDT:SHORT",
            "margin",
            "cm:BTC",
            "options",
        ],
        "spot",
    ),
]


@pytest.mark.parametrize(("name", "pools", "deposits"), POOLS)
def test_pools_and_where_deposits_go(name: str, pools: list[str], deposits: str) -> None:
    made = PARTITIONS[name]
    assert [pool for pool, _, _ in made.pools] == pools
    assert made.wallets[made.deposits_to] == deposits
    kinds = {"um", "margin", "cm", "options", "unified"}
    assert {made.kind_of(pool) for pool in range(len(pools))} <= kinds


def test_isolated_positions_have_wallets_of_their_own() -> None:
    made = PARTITIONS["isolated"]
    assert made.wallet("um:BTCUSDT") == made.margin[1] != made.cash[1] == made.wallet("um")


def test_lines_that_share_a_wallet_are_found_by_their_own_names() -> None:
    made = PARTITIONS["portfolio margin"]
    for line in ("margin", "um", "um:BTCUSDT", "cm:BTC", "unified"):
        assert made.wallets[made.wallet(line)] == "unified"
    assert made.wallets[made.wallet("options")] == "options"


def test_only_what_there_is_has_wallets() -> None:
    assert separated([INSTRUMENTS[1]], isolated=False).wallets[5:] == ["spot", "um"]
    assert separated([COIN], isolated=False).wallets[5:] == ["spot", "um", "cm:BTC"]


@pytest.mark.parametrize(("name", "wallet"), [("cross", "um:BTCUSDT"), ("unified", "x")])
def test_a_wallet_that_is_not_there(name: str, wallet: str) -> None:
    with pytest.raises(KeyError):
        PARTITIONS[name].wallet(wallet)
