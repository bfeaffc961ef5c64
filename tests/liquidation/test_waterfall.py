"""Goal: a loss goes down the waterfall to the unit: equity, the fund within its capacity, positions
in profit on the other side by rank, the fund all the same; nobody else pays or gains.

Method: a few accounts by hand, round numbers computed beforehand; both sides of each edge.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.events.outcomes import Outcome
from simulator.exchange.messages import DeleveragingEvent, LiquidationEvent
from simulator.liquidation.ranking import shares_of, shares_of_many
from simulator.liquidation.rules import InsuranceRules, LiquidationRules
from tests.exchange.world import Watcher
from tests.liquidation.crowd_kit import E8, ETH, LONG, SHORT, SPOT, UM, CrowdWorld, Person

LOST = Person(1, [(UM, 3000, 100_000.0, 30_000.0)])
"""Long 3 BTC at 100,000 with 30,000: bankrupt at 90,000."""

UNIT = 10_000
"""What a lot is worth per tick, in 1e-8 USDT."""


def rules(balance: str | None = None, **other: Any) -> LiquidationRules:
    """Rules of a fund that has so much USDT; None: no limit."""
    given = {} if balance is None else {"USDT": Decimal(balance)}
    fund = InsuranceRules(balance=given, **{k: other.pop(k) for k in ("capacity",) if k in other})
    return LiquidationRules(**{"fee_e8": 500_000, "insurance": fund, **other})


def gap(world: CrowdWorld, bid: int = 880_000) -> None:
    """BTC falls to a bid with nothing bought on the way."""
    world.book(UM, bid, bid + 1)
    world.mark(UM, str(bid / 10))


def short(number: int, lots: int, entry: float, margin: float) -> Person:
    """A short of BTC with margin of its own."""
    return Person(number, [(UM, -lots, entry, margin)])


# The fund


def test_the_fund_takes_a_bankrupt_position_at_its_bankruptcy_price() -> None:
    world = CrowdWorld([LOST], liquidation=rules())
    gap(world)
    assert world.lots_of(1) == 0
    assert world.wealth(1) == 0
    assert world.fund() == (3000, 3000 * 900_000 * UNIT)
    assert world.insurance() == 0, "no fee on what no order closed"
    (taken,) = world.records(Outcome.TAKEN_OVER)
    assert taken[2:] == (world.account(1), world.number(UM), *taken[4:5], LONG, 270_000 * E8, 3000)
    assert [row[7] for row in world.records(Outcome.SHORTFALL)] == [6_000 * E8]
    (row,) = world.engine.closings()
    assert (row["stage"], row["side"], row["lots"]) == (1, -1, 3000)
    assert row["amount"] == 270_000 * E8
    (call,) = world.engine.calls()
    assert (call["account"], call["bankrupt"]) == (world.account(1), 1)
    assert (call["equity"], call["equity_after"]) == pytest.approx((-6_000, 0))


def test_the_fund_sells_what_it_took_a_little_each_step() -> None:
    world = CrowdWorld([LOST], liquidation=rules())
    world.book(UM, 880_000, 880_001, lots=10_000)
    world.mark(UM, "88000")
    assert world.fund()[0] == 3000
    world.step(1000)
    assert world.fund()[0] == 2000, "a tenth of 10,000 displayed"
    assert world.insurance() == -1000 * 20_000 * UNIT
    world.book(UM, 800_000, 880_001, lots=10_000, after=1)
    world.step(1000)
    assert world.fund()[0] == 2000, "nothing within a hundredth of the mark"
    world.book(UM, 880_000, 880_001, lots=10**6, after=1)
    world.step(2000)
    assert world.fund() == (0, 0)
    assert world.insurance() == -6_000 * E8
    history = world.engine.fund_history()
    assert history["balance"].tolist()[-1] == -6_000 * E8
    assert history["inventory"].tolist()[0] == pytest.approx(176_000)
    assert history["inventory"].tolist()[-1] == 0


@pytest.mark.parametrize(("balance", "taken"), [("264000", 3000), ("263999.99999999", 2999)])
def test_capacity_is_met_exactly_or_by_one_lot_more(balance: str, taken: int) -> None:
    """3,000 lots are worth 264,000 at the mark of 88,000."""
    world = CrowdWorld([LOST, short(2, 9000, 100_000.0, 200_000.0)], liquidation=rules(balance))
    gap(world)
    assert world.fund()[0] == taken
    assert world.lots_of(2) == -9000 + 3000 - taken


def test_what_the_fund_holds_already_counts_against_its_capacity() -> None:
    people = [LOST, Person(2, [(UM, 1000, 100_000.0, 10_000.0)]), short(9, 9000, 100_000.0, 2e5)]
    world = CrowdWorld(people, liquidation=rules("308000"))  # 3,500 lots
    gap(world)
    assert world.fund()[0] == 3500
    assert world.lots_of(9) == -8500


# Auto-deleveraging


def test_profitable_shorts_are_closed_by_rank_to_the_unit() -> None:
    """The fund has room for 1,000 of 3,000 lots; then leverage times profit decides.

    Account 2: 18,000 / 20,000 x 8,800 / 38,000 = 0.208.  Account 3: 35,000 / 100,000 x 29,333 /
    135,000 = 0.076.  Account 4 has no profit at 88,000.
    """
    people = [
        LOST,
        short(2, 1500, 100_000.0, 20_000.0),
        short(3, 5000, 95_000.0, 100_000.0),
        short(4, 1000, 87_000.0, 25_000.0),
    ]
    world = CrowdWorld(people, liquidation=rules("88000"))
    gap(world)
    assert world.fund() == (1000, 1000 * 900_000 * UNIT)
    assert [world.lots_of(n) for n in (1, 2, 3, 4)] == [0, 0, -4500, -1000]
    assert world.wealth(1) == 0
    assert world.wealth(2) == (20_000 + 15_000) * E8, "1.5 BTC from 100,000 to 90,000"
    assert world.wealth(3) == (100_000 + 2_500) * E8, "0.5 BTC from 95,000 to 90,000"
    assert world.wealth(4) == 25_000 * E8
    assert world.insurance() == 88_000 * E8
    rows = world.records(Outcome.DELEVERAGED)
    assert [(row[2], row[5], row[6], row[7]) for row in rows] == [
        (world.account(2), SHORT, 135_000 * E8, 1500),
        (world.account(3), SHORT, 45_000 * E8, 500),
    ]
    stages = world.engine.closings()["stage"].tolist()
    assert stages == [1, 2, 3, 2, 3]
    order = [row[1] for row in world.records(Outcome.LIQUIDATED, Outcome.DELEVERAGED)]
    assert order[0] == Outcome.LIQUIDATED, "liquidation before deleveraging"


@pytest.mark.parametrize(("margin", "given"), [(19_900.0, 1000), (19_899.0, 0)])
@pytest.mark.parametrize("way", ["queue", "pro_rata"])
def test_nobody_is_made_bankrupt_for_another(way: str, margin: float, given: int) -> None:
    """A loss of 60,000 is 20,000 a BTC beside the mark; the thin short has 100 and its margin."""
    lost = Person(1, [(UM, 3000, 130_000.0, 30_000.0)])
    thin, rich = short(2, 1000, 100_100.0, margin), short(3, 3000, 100_100.0, 400_000.0)
    world = CrowdWorld([lost, thin, rich], liquidation=rules("0", deleveraging=way))
    world.step()
    assert world.lots_of(1) == 0
    taken = world.lots_of(2) + 1000
    assert (taken > 0) == (given > 0), (taken, given)
    assert world.lots_of(3) + 3000 == 3000 - taken
    assert world.wealth(2) >= 0
    assert world.insurance() == 0


def test_ties_of_rank_go_to_the_lower_account_whatever_the_order_they_came_in() -> None:
    same = [short(number, 2000, 100_000.0, 30_000.0) for number in (7, 3, 5)]
    world = CrowdWorld([*same, LOST], liquidation=rules("0"))
    gap(world)
    assert [world.lots_of(n) for n in (3, 5, 7)] == [0, -1000, -2000]


def test_pro_rata_takes_whole_lots_by_the_largest_remainder() -> None:
    """3,000 lots over 4,000, 3,000 and 2,000: thirds of 4,000, 3,000, 2,000."""
    sizes = {2: 4000, 3: 3000, 4: 2000}
    people = [short(n, size, 100_000.0, 60.0 * size) for n, size in sizes.items()]
    given = rules("0", deleveraging="pro_rata")
    world = CrowdWorld([LOST, *people], liquidation=given)
    gap(world)
    assert [sizes[n] + world.lots_of(n) for n in (2, 3, 4)] == [1333, 1000, 667]
    profit = [world.wealth(n) - round(60.0 * sizes[n] * E8) for n in (2, 3, 4)]
    assert sum(profit) == 30_000 * E8, "3 BTC from 100,000 to 90,000, to the unit"


def test_where_nobody_is_left_the_fund_takes_it_all_the_same() -> None:
    world = CrowdWorld([LOST, short(2, 1000, 100_000.0, 60_000.0)], liquidation=rules("0"))
    gap(world)
    assert world.lots_of(2) == 0
    assert world.fund()[0] == 2000
    # A third of the loss of 6,000 is the other's lower profit.
    assert [row[7] for row in world.records(Outcome.SHORTFALL)] == [4_000 * E8]
    world.step(2000)
    assert world.insurance() == -4_000 * E8


class Hedged(Watcher):
    """Hears of deleveraging."""

    def on_deleveraging(self, ctx: Any, event: DeleveragingEvent) -> None:
        self.calls.append((ctx.now_ns, event))


def test_a_deleveraged_account_loses_its_orders_and_its_hedge_is_open() -> None:
    strategy = Hedged()
    world = CrowdWorld([LOST], "unified", liquidation=rules("0"), strategies=[strategy])
    world.ctx.buy(world.market(ETH), 1.0)
    world.ctx.sell(world.market(UM), 4.0)
    world.ctx.buy(world.market(UM), 0.1, 80_000.0)
    world.ctx.buy(world.market(ETH), 1.0, 8_000.0)
    world.step()
    gap(world)
    world.step()
    assert world.lots(UM) == -1000
    assert world.market(UM).position == pytest.approx(-1.0), "as the strategy knows it"
    assert len(world.ctx.orders(world.market(UM))) == 0
    assert len(world.ctx.orders(world.market(ETH))) == 1
    (event,) = [call for _, call in strategy.calls if isinstance(call, DeleveragingEvent)]
    assert (event.price, event.quantity, event.profit) == pytest.approx((90_000, -3, 30_000))
    assert world.lots(ETH) == 1000


def test_the_account_that_trades_knows_what_was_taken_over() -> None:
    world = CrowdWorld([short(2, 1, 100_000.0, 100.0)], liquidation=rules())
    world.transfer(30_001)
    world.ctx.buy(world.market(UM), 3.0)
    world.step()
    gap(world)
    world.step(1)
    assert world.market(UM).position == 0
    kinds = [type(call) for _, call in world.seen.calls]
    assert LiquidationEvent in kinds
    assert world.core.fills()[-1][10] != 0, "its reason is the liquidation"


# Orders first


@pytest.mark.parametrize(("bid", "taken"), [(900_000, 0), (899_999, 3000)])
def test_an_order_goes_to_the_bankruptcy_price_and_no_tick_further(bid: int, taken: int) -> None:
    """Called at 93,333 and below; the mark is 92,000, its bankruptcy price 90,000."""
    world = CrowdWorld([LOST], liquidation=rules(partial="whole"))
    world.book(UM, bid, 920_001)
    world.mark(UM, "92000")
    assert world.lots_of(1) == 0
    assert world.fund()[0] == taken
    assert world.wealth(1) == 0


def test_clearance_fee_is_what_equity_covers_and_no_more() -> None:
    """At 90,010 of 3 BTC 30 are left; the fee would be 1,350."""
    world = CrowdWorld([LOST], liquidation=rules(partial="whole"))
    world.book(UM, 900_100, 920_001)
    world.mark(UM, "92000")
    assert world.wealth(1) == 0
    assert world.insurance() == 30 * E8
    world = CrowdWorld([LOST], liquidation=rules())
    world.book(UM, 920_000, 920_001)
    world.mark(UM, "92000")
    closed = 3000 - world.lots_of(1)
    assert 0 < closed < 3000
    assert world.insurance() == pytest.approx(closed * 92 * 0.005 * E8, abs=100)


@pytest.mark.parametrize(("bound", "left"), [(0.01, 3000), (0.02, 0)])
def test_an_order_stays_within_the_bound_of_the_mark(bound: float, left: int) -> None:
    """The bid is 2 % under the mark of 92,000, before the bankruptcy price: equity is left, so
    what is beyond the bound waits.
    """
    world = CrowdWorld([LOST], liquidation=rules(bound=bound, partial="whole"))
    world.book(UM, 901_600, 920_001)
    world.mark(UM, "92000")
    assert world.lots_of(1) == left
    assert world.fund()[0] == 0


def test_a_cross_pool_hands_over_all_positions_and_ends_at_zero() -> None:
    """2 BTC long, 10 ETH short: 30,000 less 24,000 less 10,000 is -4,000, shared 176 : 110."""
    both = Person(1, [(UM, 2000, 100_000.0, 0), (ETH, -10_000, 10_000.0, 0)], {("um", "USDT"): 3e4})
    world = CrowdWorld([both], liquidation=rules())
    world.book(ETH, 109_999, 110_000)
    world.mark(ETH, "11000")
    gap(world)
    assert [world.lots_of(1), world.lots_of(1, ETH)] == [0, 0]
    assert world.wealth(1) == 0
    (lots, cost), (other, received) = world.fund(), world.fund(ETH)
    assert (lots, other) == (2000, -10_000)
    worse = cost - 176_000 * E8, received + 110_000 * E8
    assert sum(worse) == 4_000 * E8
    assert worse[0] == pytest.approx(4_000 * E8 * 176 / 286, abs=1)


@pytest.mark.parametrize("mark", [10**6, 39 * 10**8, 41 * 10**8, 10**10, 9 * 10**10])
def test_a_pool_of_several_assets_ends_at_nothing_at_a_wild_mark_too(mark: int) -> None:
    """10 BTC short are worth 4e18 units at a mark of 4e9, and 2**63 at 9.2e9: neither what they
    count nor what the pool gives fits then, only what is between them: what they were sold for, the
    pool's dollars and its coin.
    """
    wild = Person(
        1,
        [(UM, -10_000, 100_000.0, 0)],
        {("margin", "BTC"): 1.0, ("um", "USDT"): 2e5},
        unified=True,
    )
    world = CrowdWorld([wild], liquidation=rules())
    coin = float(world.core.pools.index_price(world.assets.index("BTC")))
    gap(world, mark * 10)
    (taken,) = world.records(Outcome.TAKEN_OVER)
    near = 1e-8 + mark * 10 * 2e-15  # dollars: floats of what the position is worth
    assert taken[7] == 10_000
    assert taken[6] / E8 == pytest.approx(-1e6 - 2e5 - coin, abs=near)
    assert (world.lots_of(1), world.wealth(1, "BTC")) == (0, 0), "the coin pays for the dollars"
    assert 0 <= world.wealth(1) < E8
    world.desk.verify()


# Debts


def test_unified_sells_a_coin_for_its_loan_as_far_as_the_target_asks() -> None:
    """1 BTC owes 95,000 USDT under binance: called at 1.05, sold until above it."""
    borrower = Person(
        1, balance={("margin", "BTC"): 1.0}, loan={("margin", "USDT"): 70_000.0}, unified=True
    )
    world = CrowdWorld([borrower], rulebook="binance")
    world.book(SPOT, 700_000, 700_001)
    world.step(2000)
    left = world.wealth(1, "BTC")
    sold = [row for row in world.engine.closings() if row["stage"] == 4]
    assert sold, "the loan was called"
    assert all(row["side"] == -1 for row in sold)
    assert left == E8 - sum(int(row["lots"]) for row in sold) * 10**5


def test_a_loan_that_the_book_repays_in_parts_is_one_liquidation() -> None:
    """Each second shows bids for 10 lots: one call, one record, though nothing is held but coins.

    1 BTC at 70,500 for a loan of 70,000, with a haircut of 5 %: far below the threshold.
    """
    borrower = Person(
        1, balance={("margin", "BTC"): 1.0}, loan={("margin", "USDT"): 70_000.0}, unified=True
    )
    world = CrowdWorld([borrower], rulebook="binance")
    for _ in range(5):
        world.book(SPOT, 705_000, 705_001, lots=10)
        world.step(1000)
    assert [row["lots"] for row in world.engine.closings()] == [10] * 5
    (call,) = world.engine.calls()
    assert call["equity_after"] > call["equity"]
    assert len(world.records(Outcome.LIQUIDATED)) == 1


@given(
    lots=st.integers(1, 10**6) | st.integers(10**9, 10**12),
    free=st.lists(st.integers(0, 50) | st.integers(0, 10**10), min_size=1, max_size=30),
)
def test_shares_of_a_column_are_the_readable_ones(lots: int, free: list[int]) -> None:
    """Wide products too, which int64 does not hold."""
    found = shares_of_many(lots, np.array(free, dtype=np.int64))
    assert found.tolist() == shares_of(lots, free)
    assert found.sum() == min(lots, sum(free))
