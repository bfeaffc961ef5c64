"""Goal: accounts of a crowd are accounts like any other: every wallet, position and figure is what
it is by hand, in both modes side by side.

Method: a few people by hand in the small world; balances in smallest units; the invariants of the
venue after every row of the tape.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from simulator.accounts.crowd import FIRST, fitted
from simulator.accounts.wallets import INSURANCE
from simulator.errors import InputError
from simulator.events.outcomes import Outcome
from simulator.instruments.instrument import Instrument
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from simulator.risk.levels import RiskLevel
from tests.exchange.crowds import Person, account_of, crowd_of
from tests.exchange.world import INSTRUMENTS, START, World

ASSETS = ("USDT", "BTC", "ETH")
E8 = 10**8

PEOPLE = (
    Person(
        7,
        held={"um USDT": "1000", "spot USDT": "50"},
        positions={"um:BTCUSDT": (100, 100_000.0)},
        isolated={"um:BTCUSDT": "1500"},
    ),
    Person(
        3,
        "unified",
        held={"spot BTC": "1", "um USDT": "500"},
        positions={"um:BTCUSDT": (-500, 99_000.0), "um:ETHUSDT": (1000, 10_000.5)},
    ),
    Person(5, held={"margin USDT": "300", "margin BTC": "0.5"}, owed={"margin USDT": "200"}),
    Person(4, "unified", held={"spot BTC": "2"}, owed={"margin USDT": "0"}),
)


def world(people: tuple[Person, ...] = PEOPLE, **asked: object) -> World:
    instruments = asked.pop("instruments", INSTRUMENTS)
    assets = asked.pop("assets", ASSETS)
    crowd = fitted(crowd_of(people, instruments, assets), [i.name for i in instruments], assets)
    made = World(crowd=crowd, instruments=instruments, **asked)  # type: ignore[arg-type]
    made.desk.verify()
    return made


def wallet(made: World, person: int, pool: str) -> int:
    """Number of the wallet behind a pool of a person."""
    account = account_of(PEOPLE, person)
    for row, (owner, number, *_) in enumerate(made.roster.pools.tolist()):
        if owner == account and made.roster.name_of_pool(made.roster.own_pools + row) == pool:
            return int(number)
    raise LookupError(pool)


def pool(made: World, person: int, name: str) -> int:
    account = account_of(PEOPLE, person)
    for row in range(len(made.roster.pools)):
        number = made.roster.own_pools + row
        if made.roster.pools[row, 0] == account and made.roster.name_of_pool(number) == name:
            return number
    raise LookupError(name)


def test_wallets_are_those_of_each_mode() -> None:
    made = world()
    ledger, roster = made.core.ledger, made.roster
    assert [roster.id_of(n) for n in range(roster.accounts)] == [None, 0, 3, 4, 5, 7, -1]
    assert [roster.mode_of(n) for n in range(2, 6)] == [
        "unified",
        "unified",
        "separated",
        "separated",
    ]
    assert ledger.balance_of(wallet(made, 7, "um"), 0) == 1000 * E8
    assert ledger.balance_of(wallet(made, 7, "um:BTCUSDT"), 0) == 1500 * E8
    assert ledger.balance_of(wallet(made, 3, "unified"), 0) == 500 * E8
    assert ledger.balance_of(wallet(made, 3, "unified"), 1) == E8
    assert ledger.balance_of(wallet(made, 5, "margin"), 0) == 300 * E8
    assert ledger.loan_of(wallet(made, 5, "margin"), 0) == (200 * E8, 0)
    # Outside gave all but the loan, which the lender gave; 100,000 to the account that trades.
    assert ledger.balance_of(2, 0) == -(100_000 + 50 + 1000 + 1500 + 500 + 300 - 200) * E8
    assert ledger.balance_of(made.desk.lender, 0) == -200 * E8
    assert ledger.loan_of(made.desk.lender, 0) == (-200 * E8, 0)


def test_positions_stand_at_their_entry_against_the_market() -> None:
    made = world()
    ledger = made.core.ledger
    btc, eth = made.number("um:BTCUSDT"), made.number("um:ETHUSDT")
    assert ledger.position_of(account_of(PEOPLE, 7), btc) == (100, 10_000 * E8)
    assert ledger.position_of(account_of(PEOPLE, 3), btc) == (-500, -49_500 * E8)
    assert ledger.position_of(account_of(PEOPLE, 3), eth) == (1000, 1_000_050 * E8 // 100)
    assert ledger.position_of(0, btc) == (400, 39_500 * E8)
    assert ledger.position_of(0, eth) == (-1000, -1_000_050 * E8 // 100)


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_figures_are_those_of_the_account_that_trades(mode: str) -> None:
    """An account of the crowd has the figures that the own account has with the same holdings."""
    person = Person(1, mode, held={"um USDT": "5000"}, positions={"um:BTCUSDT": (200, 100_000.5)})
    crowd = world((person,), mode=mode, rulebook="binance")
    crowd.open_markets()
    own = World(mode, "binance", deposits={"USDT": "5000"}, margin_type=None)
    own.open_markets()
    if mode == "separated":
        own.transfer(5000)
    number = own.number("um:BTCUSDT")
    ledger = own.core.ledger
    wallet = own.partition.wallets.index("um" if mode == "separated" else "unified")
    ledger.trade(1, number, 200, 2_000_010 * E8 // 100)
    ledger.trade(0, number, -200, -2_000_010 * E8 // 100)
    assert ledger.balance_of(wallet, 0) == 5000 * E8
    names = [name for name, _, _ in own.partition.pools]
    shared = names.index("um" if mode == "separated" else "unified")
    own.core.pools.evaluate(shared)
    expected = own.core.pools.figures(shared)
    number = crowd.roster.own_pools
    crowd.core.pools.evaluate(number)
    found = crowd.core.pools.figures(number)
    assert found[0] == expected[0]
    assert found[2] == expected[2]


def test_both_modes_stand_side_by_side_by_their_own_ladders() -> None:
    people = (
        Person(1, held={"um USDT": "1100"}, positions={"um:BTCUSDT": (100, 100_000.0)}),
        Person(2, "unified", held={"um USDT": "1100"}, positions={"um:BTCUSDT": (100, 100_000.0)}),
    )
    for mode in ("separated", "unified"):
        made = world(people, mode=mode, rulebook="binance")
        made.open_markets()
        pools = made.core.pools
        separated, unified = made.roster.own_pools, made.roster.own_pools + 1
        figures = [pools.figures(one) for one in (separated, unified)]
        assert figures[0][0] == figures[1][0]
        assert figures[0][2] == figures[1][2]
        for percent in range(90, 200):
            # binance: a separated futures wallet is called at balance = maintenance, a unified one
            # at uniMMR 1.05, restricted at 1.2, warned at 1.5.
            levels = [pools.level_of(one, percent / 100, 1.0) for one in (separated, unified)]
            assert (levels[0] >= RiskLevel.LIQUIDATION) == (percent <= 100)
            assert (levels[1] >= RiskLevel.LIQUIDATION) == (percent <= 105)
            assert (levels[1] >= RiskLevel.REDUCE_ONLY) == (percent <= 120)
            assert (levels[1] >= RiskLevel.MARGIN_CALL) == (percent <= 150)


def test_funding_is_paid_by_everybody() -> None:
    made = world()
    made.open_markets()
    before = {
        p: made.core.ledger.balance_of(wallet(made, *p), 0)
        for p in ((7, "um:BTCUSDT"), (3, "unified"))
    }
    market = made.core.ledger.balance_of(0, 0)
    made.mark("um:BTCUSDT", "100000")
    made.row(Kind.FUNDING, "um:BTCUSDT", price=10_000)  # 0.01 %
    after = {p: made.core.ledger.balance_of(wallet(made, *p), 0) for p in before}
    assert after[7, "um:BTCUSDT"] - before[7, "um:BTCUSDT"] == -1 * E8
    assert after[3, "unified"] - before[3, "unified"] == 5 * E8
    assert made.core.ledger.balance_of(0, 0) - market == -4 * E8
    rows = made.records(Outcome.FUNDING)
    assert [(row[2], row[7]) for row in rows] == [
        (account_of(PEOPLE, 3), -5 * E8),
        (account_of(PEOPLE, 7), 1 * E8),
    ]


def test_loans_bear_interest() -> None:
    rules = InterestRules(default_daily=Decimal("0.0024"))
    made = world(start=START // (3600 * E8 * 10) * (3600 * E8 * 10) + 3590 * 10**9, interest=rules)
    made.open_markets()
    made.step(20_000)
    # 0.01 % an hour of 200 USDT.
    assert made.core.ledger.loan_of(wallet(made, 5, "margin"), 0) == (200 * E8, 2_000_000)
    assert made.records(Outcome.INTEREST)[0][2] == account_of(PEOPLE, 5)


def test_contracts_of_a_crowd_expire() -> None:
    expiry = START + 10**10
    dated = Instrument(
        "um", "BTCUSDT_X", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), expiry_ns=expiry
    )
    spot = INSTRUMENTS[0]
    people = (
        Person(1, "unified", held={"um USDT": "1000"}, positions={"um:BTCUSDT_X": (10, 99_000.0)}),
        Person(
            2,
            held={"um USDT": "1"},
            positions={"um:BTCUSDT_X": (-30, 99_000.0)},
            isolated={"um:BTCUSDT_X": "500"},
        ),
    )
    made = world(people, instruments=(spot, dated), assets=("USDT", "BTC"), fees=False)
    made.book(spot.name, 1_000_000, 1_000_001)
    made.row(Kind.SETTLEMENT, dated.name, price=100_000 * E8)
    made.step(15_000)
    ledger = made.core.ledger
    assert [ledger.position_of(FIRST + n, 1)[0] for n in (0, 1)] == [0, 0]
    assert ledger.balance_of(made.roster.first_wallet, 0) == 1010 * E8
    # The isolated wallet gave back what the loss left: 500 - 30.
    shared, apart = made.roster.pools[1:, 1].tolist()
    assert (ledger.balance_of(shared, 0), ledger.balance_of(apart, 0)) == (471 * E8, 0)
    assert len(made.records(Outcome.SETTLED)) == 2


def test_what_the_fund_pays_at_an_expiry_is_not_told_of_the_account_that_trades() -> None:
    dated = Instrument(
        "um", "BTCUSDT_X", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), expiry_ns=START + 10**10
    )
    person = Person(
        1,
        held={"um USDT": "1"},
        positions={"um:BTCUSDT_X": (-30, 99_000.0)},
        isolated={"um:BTCUSDT_X": "500"},
    )
    made = world((person,), instruments=(INSTRUMENTS[0], dated), assets=("USDT", "BTC"), fees=False)
    made.book(INSTRUMENTS[0].name, 990_000, 990_001)
    made.row(Kind.SETTLEMENT, dated.name, price=120_000 * E8)
    made.step(15_000)
    ledger = made.core.ledger
    shared, apart = made.roster.pools[:, 1].tolist()
    # 30 lots lose 630 of 500: the position's margin, and nothing else of the account.
    assert (ledger.balance_of(shared, 0), ledger.balance_of(apart, 0)) == (1 * E8, 0)
    assert ledger.balance_of(INSURANCE, 0) == -130 * E8
    assert made.core.shortfall == 0


def test_rows_may_stand_in_any_order() -> None:
    digests = set()
    for turn in range(4):
        people = PEOPLE[turn:] + PEOPLE[:turn]
        made = world(people)
        made.open_markets()
        made.mark("um:BTCUSDT", "88000")
        made.step(1500)
        digests.add(made.core.records.digest())
    assert len(digests) == 1


def test_a_crowd_is_part_of_the_digest() -> None:
    digests = set()
    for amount in ("50", "50.00000001"):
        changed = replace(PEOPLE[0], held={"um USDT": "1000", "spot USDT": amount})
        digests.add(world((changed, *PEOPLE[1:])).core.records.digest())
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("person", "sentence"),
    [
        (Person(0), "ids must be 1 or more"),
        (Person(9, isolated={"um:BTCUSDT": "5"}), "isolated margin without a position"),
        (Person(9, positions={"spot:BTCUSDT": (5, 1.0)}), "spot is held as a balance"),
        (Person(9, positions={"um:BTCUSDT": (5, 0.0)}), "needs an entry price above 0"),
        (Person(9, held={"um USDT": "-1"}), "balance.um is below 0"),
        (Person(9, held={"spot USDT": "1"}, owed={"spot USDT": "1"}), "loans are of the margin"),
        (Person(9, held={"options USDT": "1"}), "no wallet options"),
        (Person(9, held={"gold USDT": "1"}), "no product line gold"),
        (Person(9, positions={"um:BTCUSDT": (10**15, 1e9)}), "more than the ledger holds"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(person: Person, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as refused:
        world((person,))
    assert "\n" not in str(refused.value)


def test_columns_are_fitted_by_name() -> None:
    crowd = crowd_of(PEOPLE, INSTRUMENTS, ASSETS)
    turned = fitted(crowd, [i.name for i in INSTRUMENTS[::-1]], ("BTC", "ETH", "USDT", "BNB"))
    assert turned.ids.tolist() == [3, 4, 5, 7]
    assert turned.lots[3].tolist() == [0, 0, 100, 0]
    assert turned.balance["um"][:, 2].tolist() == [500 * E8, 0, 0, 1000 * E8]
    with pytest.raises(InputError, match="which the run's data do not have"):
        fitted(crowd, ["spot:BTCUSDT"], ASSETS)
    with pytest.raises(InputError, match="each once"):
        fitted(replace(crowd, ids=np.array([1, 2, 2, 3])), crowd.instruments, ASSETS)


def test_the_account_beside_a_crowd_stays_in_its_mode() -> None:
    made = world(deposits={"USDT": "200000"}, both=True)
    made.open_markets()
    made.ctx.account.apply_unified()
    made.step()
    refused = made.desk.modes.events[-1].refusal
    assert refused is not None
    assert refused.name == "ONE_MODE_ONLY"
