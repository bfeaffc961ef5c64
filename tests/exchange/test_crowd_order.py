"""Goal: who is liquidated first does not depend on how the crowd was made or looked at: the worst
ratio first, then by account and pool; safe bands and recomputing everything give the same events.

Method: random crowds in the small world, prices that fall and come back, funding and interest on
the way; digests against each other, and the order of the records against the ratios.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from simulator.accounts.crowd import fitted
from simulator.events.outcomes import Outcome
from simulator.exchange import upkeep
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from tests.exchange.crowds import Person, crowd_of
from tests.exchange.world import INSTRUMENTS, World

ASSETS = ("USDT", "BTC", "ETH")
NAMES = [one.name for one in INSTRUMENTS]


def people(draw: np.random.Generator, count: int) -> list[Person]:
    """Return accounts near their limits, in both modes, with spot, loans and two contracts."""
    made = []
    for number in range(1, count + 1):
        mode = "unified" if draw.random() < 0.5 else "separated"
        lots = int(draw.integers(10, 200)) * int(draw.choice([-1, 1]))
        margin = abs(lots) * 100.0 / float(draw.uniform(3, 30))
        held = {"um USDT": f"{margin:.2f}", "margin USDT": f"{draw.uniform(0, 500):.2f}"}
        owed = {"margin USDT": "300"} if draw.random() < 0.3 else {}
        if owed:
            held["margin BTC"] = "0.004"
        positions = {"um:BTCUSDT": (lots, 100_000.0)}
        isolated = {}
        if draw.random() < 0.4:
            positions["um:ETHUSDT"] = (-10 * lots, 10_000.0)
        if draw.random() < 0.4:
            isolated = {"um:BTCUSDT": f"{margin / 2:.2f}"}
        made.append(Person(number, mode, "all", held, owed, positions, isolated))
    return made


def live(crowd: list[Person], rulebook: str, seed: int) -> World:
    """Run a crowd through a fall and a rise of both markets."""
    interest = InterestRules(
        default_daily=Decimal("0.01"), convert={"unified": {"USDT": Decimal(20)}}
    )
    draw = np.random.default_rng(seed)
    world = World(
        rulebook=rulebook,
        interest=interest,
        crowd=fitted(crowd_of(crowd, INSTRUMENTS, ASSETS), NAMES, ASSETS),
    )
    world.open_markets(lots=3000)
    btc, eth = 1_000_000, 100_000
    for step in range(60):
        btc = int(btc * (1 + draw.normal(-0.004 if step < 40 else 0.006, 0.004)))
        eth = int(eth * (1 + draw.normal(-0.004 if step < 40 else 0.006, 0.006)))
        for name, price in (("BTCUSDT", btc), ("ETHUSDT", eth)):
            world.book(f"spot:{name}", price - 5, price + 5, 3000)
            world.book(f"um:{name}", price - 5, price + 5, 3000)
            world.mark(f"um:{name}", str(Decimal(price) / 10))
        if step % 20 == 10:
            world.row(Kind.FUNDING, "um:BTCUSDT", price=100_000)
        world.step(1000)
    return world


@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
@pytest.mark.parametrize("seed", [1, 2])
def test_bands_and_recomputing_everything_agree(
    rulebook: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = people(np.random.default_rng(seed), 60)
    digests, records = [], []
    for bands_from in (0, 10**6):
        monkeypatch.setattr(upkeep, "BANDS_FROM", bands_from)
        world = live(crowd, rulebook, seed)
        assert (world.desk.upkeep.bands is None) == (bands_from > 0)
        digests.append(world.core.records.digest())
        records.append(world.records())
    for first, second in zip(*records, strict=True):
        assert first == second
    assert digests[0] == digests[1]
    assert {row[1] for row in records[0]} >= {Outcome.LEVEL_CHANGED, Outcome.FUNDING}


def test_the_order_of_rows_does_not_matter() -> None:
    crowd = people(np.random.default_rng(5), 40)
    shuffled = [crowd[at] for at in np.random.default_rng(6).permutation(len(crowd))]
    worlds = [live(one, "binance", 3) for one in (crowd, shuffled)]
    assert worlds[0].records() == worlds[1].records()
    assert worlds[0].core.records.digest() == worlds[1].core.records.digest()
