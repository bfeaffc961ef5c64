"""Goal: a negative balance costs and is converted as the rules say, from the published figures on.

Method: amounts are put into a wallet by hand, the clock is moved, every figure is a literal.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from simulator.accounts.wallets import OUTSIDE
from simulator.events.outcomes import Outcome
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from simulator.risk.rules import CollateralRules
from tests.exchange.world import MILLISECOND, World

E8 = 10**8
DAY_MS = 86_400_000

DAILY = InterestRules(
    negative_pools=("unified",),
    default_negative_daily=Decimal("0.001"),
    free={"USDT": Decimal(10_000)},
)


def owing(asset: str, amount: str, rules: InterestRules, **words: object) -> World:
    """A unified account with 1 BTC at 100,000 that is ``amount`` below zero in an asset."""
    world = World("unified", "textbook", deposits={"BTC": "1"}, interest=rules, **words)  # type: ignore[arg-type]
    world.open_markets()
    for name, price in (("um:BTCUSDT", 100_000), ("um:ETHUSDT", 10_000)):
        world.row(Kind.INDEX, name, 0, price * E8)
    put(world, "unified", asset, "-" + amount)
    return world


def put(world: World, wallet: str, asset: str, amount: str) -> None:
    """Add to a wallet from outside, whatever that leaves."""
    number = world.partition.wallets.index(wallet)
    units = int(Decimal(amount) * E8)
    world.core.ledger.move(OUTSIDE, number, world.assets.index(asset), units)


# The first row is Binance's own example (worked example binance-pm-negbal-1): 50 beyond 10,000 at
# 0.1 % is 0.05.
INTEREST = """
    below           charged
    10050           0.05
    10000.00000001  0.00000001
    10000           0
    9999.99999999   0
    11000           1
"""


@pytest.mark.parametrize("row", [line.split() for line in INTEREST.strip().splitlines()[1:]])
def test_interest_of_a_day(row: list[str]) -> None:
    below, charged = row
    world = owing("USDT", below, DAILY)
    midnight = (world.now // MILLISECOND // DAY_MS + 1) * DAY_MS * MILLISECOND
    world.step((midnight - world.now) // MILLISECOND - 1)
    assert world.records(Outcome.NEGATIVE_INTEREST) == []
    world.step(1)
    world.step(1)
    assert world.balance("unified") == -int((Decimal(below) + Decimal(charged)) * E8)
    booked = [record[7] for record in world.records(Outcome.NEGATIVE_INTEREST)]
    assert booked == ([int(Decimal(charged) * E8)] if Decimal(charged) else [])
    assert world.desk.negative.charged == pytest.approx(float(charged))


def test_pools_that_are_not_named_pay_nothing() -> None:
    world = owing("USDT", "11000", replace(DAILY, negative_pools=("um",)))
    world.step(DAY_MS - 10_000)
    assert world.balance("unified") == -11_000 * E8


CONVERTING = InterestRules(convert={"unified": {"USDT": Decimal(5_000), "ETH": Decimal(5)}})

# Below the threshold the whole debt is paid out of BTC at 100,000 a coin, rounded up.
CONVERSION = """
    below          left  btc_sold
    5000           5000  0
    5000.00000001  0     0.05000001
    20000          0     0.2
    20000.0005     0     0.20000001
"""


@pytest.mark.parametrize("row", [line.split() for line in CONVERSION.strip().splitlines()[1:]])
def test_conversion_beyond_the_threshold(row: list[str]) -> None:
    below, left, sold = row
    world = owing("USDT", below, CONVERTING)
    world.step(2000)
    assert world.balance("unified") == -int(Decimal(left) * E8)
    assert world.balance("unified", "BTC") == E8 - int(Decimal(sold) * E8)


def test_the_published_exchange() -> None:
    """Worked example binance-multiasset-autoexchange-1: 20,000 / 97.5 % is 20,513 worth of BTC."""
    world = owing("USDT", "20000", CONVERTING)
    ratios = [Decimal("0.975") if asset == "BTC" else Decimal(1) for asset in world.assets]
    world.desk.negative._ratio[world.partition.wallet("unified")] = ratios
    world.step(2000)
    sold = E8 - world.balance("unified", "BTC")
    assert sold == 20_512_821  # 0.20512821 BTC, rounded up, at 100,000
    assert round(sold * 100_000 / E8) == 20_513
    assert world.balance("unified") == 0
    assert world.desk.negative.given_up == pytest.approx(512.821)


def test_the_asset_with_the_least_haircut_goes_first_and_all_go_if_needed() -> None:
    world = owing("USDT", "30000", CONVERTING)
    put(world, "unified", "ETH", "1")
    put(world, "unified", "BTC", "-0.9")
    ratios = [
        {"BTC": Decimal("0.5"), "ETH": Decimal("0.9")}.get(a, Decimal(1)) for a in world.assets
    ]
    world.desk.negative._ratio[world.partition.wallet("unified")] = ratios
    world.desk.negative.convert(world.partition.wallet("unified"), world.assets.index("USDT"))
    # 1 ETH gives 9,000 and 0.1 BTC gives 5,000: 16,000 is still owed.
    assert world.balance("unified", "ETH") == 0
    assert world.balance("unified", "BTC") == 0
    assert world.balance("unified") == -16_000 * E8
    sold = [record[6] for record in world.records(Outcome.CONVERTED) if record[7] < 0]
    assert [world.assets[asset] for asset in sold] == ["ETH", "BTC"]


def test_borrowed_assets_are_not_sold_for_it() -> None:
    world = owing("USDT", "20000", CONVERTING)
    put(world, "unified", "BTC", "-1")
    world.core.ledger.lend(world.desk.lender, world.partition.wallet("unified"), 1, E8)
    assert world.assets[1] == "BTC"
    world.desk.negative.convert(world.partition.wallet("unified"), world.assets.index("USDT"))
    assert world.balance("unified", "BTC") == E8
    assert world.balance("unified") == -20_000 * E8


def test_ratios_are_those_of_the_kind_of_pool() -> None:
    world = owing("USDT", "1", CONVERTING)
    negative = world.desk.negative
    margin = replace(
        world.margin, collaterals={"unified": CollateralRules(True, Decimal("0.5"), {})}
    )
    made = type(negative)(
        world.core,
        world.partition,
        world.assets,
        CONVERTING,
        margin,
        lender=world.desk.lender,
        roster=world.desk.roster,
        holders=world.desk.holders,
    )
    assert set(made._ratio[world.partition.wallet("unified")]) == {Decimal("0.5")}
