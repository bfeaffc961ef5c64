"""Goal: drawn accounts are the people that their group describes, the same in both modes, and none
begins at or below a margin call.

Method: a population with every kind of group; figures recomputed from wallets and positions with
the contracts' own formulas; pools of a sample by the readable margin model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulator.accounts.crowd import Crowd
from simulator.errors import InputError
from simulator.population.check import check
from simulator.population.describe import describe
from simulator.population.draw import draw, drawn, uniform
from simulator.population.laws import counts
from simulator.population.spec import Group, sizes
from tests.population import worlds

ACCOUNTS = 2200


def people(mode: worlds.Mode = "separated", rulebook: str = "textbook") -> Crowd:
    return draw(worlds.groups(), ACCOUNTS, worlds.first_moment(mode, rulebook))


def test_groups_have_their_sizes_and_ids_count_from_one() -> None:
    crowd = people()
    assert crowd.groups == ("retail", "carry", "pairs", "coin", "loans")
    assert np.bincount(crowd.group).tolist() == [1500, 300, 200, 100, 100]
    assert crowd.ids.tolist() == list(range(1, 2201))


def test_shares_divide_the_accounts_by_largest_remainders() -> None:
    tables = [
        worlds.with_(worlds.RETAIL, name=str(n), share=s) for n, s in enumerate((0.5, 0.3, 0.2))
    ]
    assert sizes(worlds.groups(*tables), 1001) == counts(1001, [0.5, 0.3, 0.2])
    assert sizes([*worlds.groups(*tables), Group(**worlds.COIN)], 110) == [5, 3, 2, 100]


@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
def test_the_same_people_in_both_modes(rulebook: str) -> None:
    apart, pooled = people("separated", rulebook), people("unified", rulebook)
    for name in ("ids", "group", "lots", "entry"):
        assert np.array_equal(getattr(apart, name), getattr(pooled, name)), name
    first = worlds.first_moment("separated", rulebook)
    assert worlds.worth(apart, first) == pytest.approx(worlds.worth(pooled, first), abs=0.01)
    owed = [one.loan["margin"] for one in (apart, pooled)]
    assert np.array_equal(*owed)


def test_mode_of_the_group_stands_above_the_runs() -> None:
    apart, pooled = people("separated"), people("unified")
    mixed = worlds.of_group(apart, "pairs")
    assert apart.unified[mixed].sum() == 60
    assert np.array_equal(apart.unified[mixed], pooled.unified[mixed])
    others = np.setdiff1d(np.arange(apart.size), mixed)
    assert not apart.unified[others].any()
    assert pooled.unified[others].all()


def test_wealth_is_what_was_drawn() -> None:
    crowd, first = people(), worlds.first_moment()
    rows = worlds.of_group(crowd, "retail")
    numbers = uniform(first.seed, "retail", "wealth", len(rows))
    beyond = (500 / 5e6) ** 1.2
    expected = 500 * (1 - numbers * (1 - beyond)) ** (-1 / 1.2)
    assert worlds.worth(crowd, first)[rows] == pytest.approx(expected, abs=0.02)


def test_sides_and_instruments_have_exact_shares() -> None:
    crowd = people()
    lots = crowd.lots[worlds.of_group(crowd, "retail")]
    held = lots.any(axis=1)
    assert held.mean() > 0.99  # but for those whose position is less than a lot
    group = worlds.with_(worlds.RETAIL, wealth=1e4, leverage=5)
    lots = draw(worlds.groups(group), 1000, worlds.first_moment()).lots
    assert [(lots[:, at] != 0).sum() for at in (2, 3)] == [700, 300]
    assert (lots > 0).any(axis=1).sum() == 800


def test_leverage_is_notional_over_margin() -> None:
    group = worlds.with_(worlds.RETAIL, wealth=1e5, leverage={"4": 0.5, "8": 0.5})
    crowd, first = draw(worlds.groups(group), 400, worlds.first_moment()), worlds.first_moment()
    notional = np.abs(crowd.lots) * 0.001 * np.array([0, 0, 100_050.0, 3_001.0, 0])
    margin = crowd.isolated / 1e8 + worlds.gains(crowd, first)
    found = notional.sum(axis=1) / margin.sum(axis=1)
    # Isolated margin is all of the futures share, so whole lots alone make a difference.
    assert margin.sum(axis=1) == pytest.approx(np.full(400, 5e4), abs=1e-3)
    assert np.round(np.sort(found), 1).tolist() == [4.0] * 200 + [8.0] * 200


@pytest.mark.parametrize("rulebook", ["textbook", "binance", "okx_pm", "deribit_pm", "bybit"])
@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_nobody_begins_at_a_margin_call(mode: worlds.Mode, rulebook: str) -> None:
    first = worlds.first_moment(mode, rulebook)
    found = check(draw(worlds.groups(), 1000, first), first, sample=150)
    assert (found.accounts, found.called) == (150, 0)
    assert found.lowest is not None


def test_leverage_beyond_the_rules_is_lowered_to_them_and_counted() -> None:
    group = worlds.with_(worlds.RETAIL, wealth=1e5, leverage={"5": 0.4, "50": 0.6}, entry=0)
    first = worlds.first_moment()
    crowd, tallies = drawn(worlds.groups(group), 100, first)
    assert tallies["retail"].lowered == 60
    notional = (np.abs(crowd.lots) * 0.001 * np.array([0, 0, 100_050.0, 3_001.0, 0])).sum(axis=1)
    # Textbook: a price range of 10 %, initial margin = margin call; 2 % of room.
    assert notional.max() <= 5e4 / 0.10 / 1.02
    assert notional.max() == pytest.approx(5e4 / 0.10 / 1.02, rel=1e-3)


def test_brackets_allow_a_large_position_less_leverage() -> None:
    # 5 million of margin at 50 times: the notional goes to the end of a bracket, or between two.
    group = worlds.with_(
        worlds.RETAIL, wealth=1e7, leverage=50, instruments=["um:BTCUSDT"], entry=0
    )
    first = worlds.first_moment("separated", "binance")
    crowd = draw(worlds.groups(group), 10, first)
    notional = float(abs(crowd.lots[0, 2]) * 0.001 * 100_050)
    table = first.margins["separated"].brackets["BTCUSDT"]
    best = max(min(float(b.max_leverage) * 5e6 / 1.02, float(b.cap)) for b in table)
    assert notional == pytest.approx(min(best, 50 * 5e6), rel=1e-3)
    assert notional < 50 * 5e6


def test_profit_at_the_start_leaves_something_of_the_margin() -> None:
    group = worlds.with_(
        worlds.RETAIL, wealth=1e5, leverage=9, entry={"-0.3": 0.5, "0.3": 0.5}, side="long"
    )
    first = worlds.first_moment()
    crowd, tallies = drawn(worlds.groups(group), 100, first)
    assert tallies["retail"].nearer == 50
    gain = worlds.gains(crowd, first).sum(axis=1)
    assert gain.max() <= 0.9 * 5e4 + 1
    assert gain.max() == pytest.approx(0.9 * 5e4, rel=1e-6)
    assert (crowd.isolated.sum(axis=1) > 0).all()
    assert gain.min() < -1e5  # a loss is made good by a larger wallet
    assert worlds.worth(crowd, first) == pytest.approx(np.full(100, 1e5), abs=0.01)


def test_spot_hedge_holds_the_coins_that_it_sold() -> None:
    crowd, first = people(), worlds.first_moment()
    rows = worlds.of_group(crowd, "carry")
    coins, sold = crowd.balance["spot"][rows, 1] / 1e8, -crowd.lots[rows, 2] * 0.001
    hedged = coins > 0
    assert hedged.sum() == 180
    assert (sold[hedged] > 0).all()
    assert coins[hedged] * 100_000 == pytest.approx(sold[hedged] * 100_050, rel=1e-6)
    assert (sold[~hedged] < 0).all()  # the others are long, as the group is by default
    assert check(crowd, first).called == 0


def test_hedge_by_another_contract_is_of_the_other_side() -> None:
    crowd = people()
    lots = crowd.lots[worlds.of_group(crowd, "pairs")]
    both = lots[:, 3] != 0
    assert both.sum() == 100
    assert (lots[both, 2] > 0).all()
    assert (lots[both, 3] < 0).all()
    long, short = lots[both, 2] * 100.05, -lots[both, 3] * 3.001
    assert long == pytest.approx(short, rel=0.01)
    # Both legs together have the leverage that was asked.
    assert long + short == pytest.approx(np.full(100, 5e5), rel=0.01)


def test_loan_bought_what_it_says() -> None:
    crowd = people()
    rows = worlds.of_group(crowd, "loans")
    owed = crowd.loan["margin"][rows]
    assert (owed[:, 0] > 0).sum() == 70
    assert not owed[:, 1:].any()
    held = crowd.balance["margin"][rows]
    some = owed[:, 0] > 0
    assert (held[some, 1] / 1e8 * 100_000) == pytest.approx(owed[some, 0] / 1e8)
    assert not held[~some].any()


def test_everyone_holding_all_divides_by_weight() -> None:
    crowd = people()
    lots = crowd.lots[worlds.of_group(crowd, "loans")]
    assert (lots[:, 2] * 100.05) == pytest.approx(3 * lots[:, 3] * 3.001, rel=0.01)


def test_coin_margined_margin_is_coins_in_the_coins_wallet() -> None:
    crowd = people()
    rows = worlds.of_group(crowd, "coin")
    assert (crowd.balance["cm"][rows, 1] > 0).all()
    assert not crowd.isolated[rows].any()
    own = worlds.with_(worlds.COIN, margin_type="isolated")
    apart = draw(worlds.groups(own), 0, worlds.first_moment())
    assert (apart.isolated[:, 4] > 0).all()
    assert "cm" not in apart.balance


def test_margin_is_of_the_settlement_asset_whatever_the_mix() -> None:
    group = worlds.with_(worlds.COIN, instruments=["um:BTCUSDT"], futures=0.5, entry=0)
    first = worlds.first_moment()
    crowd, tallies = drawn(worlds.groups(group), 0, first)
    assert tallies["coin"].converted == 100
    assert crowd.isolated[:, 2].tolist() == [10**12] * 100
    assert crowd.balance["spot"][:, 1].tolist() == [10**7] * 100
    pooled, tallies = drawn(worlds.groups(group), 0, worlds.first_moment("unified"))
    assert tallies["coin"].converted == 0
    assert pooled.balance["spot"][:, 1].tolist() == [2 * 10**7] * 100


def test_no_group_depends_on_another() -> None:
    first, alone = worlds.first_moment(), draw(worlds.groups(worlds.COIN), 0, worlds.first_moment())
    tables = [worlds.LOANS, worlds.COIN, worlds.PAIRS]
    several = draw(worlds.groups(*tables), 0, first)
    other = draw(worlds.groups(*reversed(tables)), 0, first)
    for crowd in (several, other):
        rows = worlds.of_group(crowd, "coin")
        assert np.array_equal(crowd.lots[rows], alone.lots)
        assert np.array_equal(crowd.entry[rows], alone.entry)
        assert np.array_equal(crowd.balance["cm"][rows], alone.balance["cm"])
    assert other.groups == tuple(reversed(several.groups))


def test_seed_and_name_decide_the_draw() -> None:
    one = uniform(1, "a", "wealth", 5)
    assert one.tolist() == uniform(1, "a", "wealth", 5).tolist()
    # The same numbers on every machine: the first of them is kept here.
    assert one[0] == pytest.approx(KEPT, abs=0)
    assert uniform(1, "a", "wealth", 9)[:5].tolist() == one.tolist()
    for other in ((2, "a", "wealth"), (1, "b", "wealth"), (1, "a", "entry")):
        assert set(uniform(*other, 5)).isdisjoint(one)


KEPT = 0.689187027379933


def test_description_adds_up() -> None:
    crowd, first = people("unified"), worlds.first_moment("unified")
    *parts, total = describe(crowd, first)
    assert [one.accounts for one in parts] == [1500, 300, 200, 100, 100]
    assert total.accounts == 2200
    for name in ("unified", "wealth", "long", "short", "with_position", "loans"):
        assert getattr(total, name) == pytest.approx(sum(getattr(one, name) for one in parts))
    assert total.wealth == pytest.approx(worlds.worth(crowd, first).sum())
    coin = parts[3]
    assert coin.leverage == pytest.approx((5, 5, 5), rel=0.01)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"instruments": ["um:SOLUSDT"]}, "people: coin: um:SOLUSDT: the data have no such"),
        ({"instruments": ["um:BTCUSD"]}, "(did you mean 'um:BTCUSDT'?)"),
        (
            {"collateral": {"SOL": 1}},
            "people: coin: SOL: the data have no price of it at the start",
        ),
        ({"loan": {"amount": 1, "into": "BTCX"}, "futures": 0.5}, "BTCX: the data have no price"),
    ],
    ids=str,
)
def test_what_the_data_do_not_have_is_told(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        draw(worlds.groups(worlds.with_(worlds.COIN, **changes)), 0, worlds.first_moment())
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shares_need_accounts_to_share() -> None:
    with pytest.raises(InputError, match=r"group retail has a share of them \(--accounts N\)"):
        draw(worlds.groups(), 0, worlds.first_moment())
    for few in (1, 700):  # the groups with a count have so many themselves
        with pytest.raises(InputError, match=f"accounts: {few} are not enough: .* have 700"):
            draw(worlds.groups(), few, worlds.first_moment())
    assert draw(worlds.groups(), 701, worlds.first_moment()).size == 701


def test_what_a_group_has_together_does_not_depend_on_how_many_it_is() -> None:
    for count in (10, 1000):
        table = worlds.with_(worlds.RETAIL, together=3_000_000)
        first = worlds.first_moment("separated", "textbook")
        rich = draw(worlds.groups(table), count, first)
        plain = draw(worlds.groups(worlds.RETAIL), count, first)
        shares = worlds.worth(rich, first) / worlds.worth(plain, first)
        assert worlds.worth(rich, first).sum() == pytest.approx(3_000_000, abs=0.02 * count)
        assert shares == pytest.approx(np.full(count, shares[0]), rel=1e-3)
