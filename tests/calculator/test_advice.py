"""Goal: the advice on a document follows from its own figures, and moves as they do.

Method: whole accounts with the verdict that each must hear; what a sentence says is compared with
`simulator.margin`; relations between accounts (scaled, hedged, moved) that hold whatever they are.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import InputError, advise, margin
from simulator.calculator.figures import Figures
from tests.house.tree import ROOT

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yaml"))
SKILLED = {"futures_trades": 100, "futures_volume": 1_000_000, "age_days": 900}
Document = dict[str, Any]


def account(positions: dict[str, float], **wallets: Any) -> Document:
    return {
        "rulebook": "textbook",
        "time": "2026-11-22T00:00:00Z",
        "prices": {"index": {"USDT": 1, "BTC": 50_000, "ETH": 3_000}},
        "volatility": {"BTC": 0.55},
        "balances": wallets,
        "positions": [{"instrument": name, "quantity": q} for name, q in positions.items()],
    }


HEDGED = account({"BTCUSDT": -2}, spot={"BTC": 2}, um={"USDT": 40_000})
CONCENTRATED = account({"BTCUSDT": 8}, spot={"BTC": 1}, um={"USDT": 60_000})


def every_sentence(advice: Figures) -> list[str]:
    verdict = advice.verdict
    return [verdict.says, *(one.says for one in verdict.reasons), *verdict.hints]


def test_a_hedged_account_of_two_products_hears_what_it_saves() -> None:
    advice = advise(HEDGED, profile=SKILLED)
    assert (advice.verdict.code, advice.verdict.mode) == ("unified", "unified")
    needed = margin(HEDGED, mode="separated").total.initial_margin
    saved = needed - margin(HEDGED, mode="unified").total.initial_margin
    assert (needed, saved) == (10_000, 10_000)
    assert advice.margin.saved == saved
    assert "10,000.00 USD saved (100.0 %)" in advice.verdict.says
    assert "spot, um" in advice.verdict.says
    assert "hedged to 100.0 %" in advice.verdict.says
    assert advice.eligibility.eligible is True


def test_one_product_gains_little() -> None:
    single = account({"BTCUSDT": 1}, um={"USDT": 200_000})
    advice = advise(single, profile=SKILLED)
    assert (advice.verdict.code, advice.verdict.rule) == ("gains_little", "one_product")
    assert "one product (um)" in advice.verdict.says
    assert "nothing saved (0.00 USD)" in advice.verdict.says


@pytest.mark.parametrize(("cash", "rule"), [(0, "hedged"), (-1, "small")])
def test_a_small_account_gains_little(cash: int, rule: str) -> None:
    """2 BTC hedged by 2 short: net assets are 100,000 + cash, and 100,000 are not small."""
    small = account({"BTCUSDT": -2}, spot={"BTC": 2, "USDT": 1}, um={"USDT": cash - 1})
    advice = advise(small, profile=SKILLED)
    assert advice.verdict.rule == rule
    assert advice.eligibility.net_assets == 100_000 + cash


def test_where_margins_only_add_up_the_pool_may_still_carry() -> None:
    """Under brackets no margin is saved, but coins in the pool carry the short that they hedge."""
    hedged = account({"BTCUSDT": -3}, margin={"BTC": 3}, um={"USDT": 10_000})
    advice = advise(hedged, rulebook="binance", profile=SKILLED)
    assert (advice.verdict.code, advice.verdict.rule) == ("unified", "carries")
    assert advice.margin.saved == 0
    assert "at prices +10% separate wallets are liquidated (um)" in advice.verdict.says
    carried = next(one for one in advice.shocks if one.shock == "prices +10%").unified
    assert f"uniMMR {carried.equity_over_maintenance:,.4f}" in advice.verdict.says
    # The 100,000 USDT are there, but the rulebook wants no positions at the switch.
    assert advice.eligibility.eligible is False
    assert "An application would be refused now: 1 open position" in advice.verdict.hints[0]
    richer = account({"BTCUSDT": -3}, margin={"BTC": 3}, um={"USDT": 60_000})
    assert advise(richer, rulebook="binance", profile=SKILLED).verdict.rule == "no_gain"


def test_an_unhedged_account_hears_that_its_spot_is_at_risk() -> None:
    advice = advise(CONCENTRATED, profile=SKILLED)
    assert (advice.verdict.code, advice.verdict.mode) == ("spot_at_risk", "separated")
    for figure in ("1 BTC", "at prices -20%", "0.0 % of the exposure is hedged", "100.0 %"):
        assert figure in advice.verdict.says
    (shock,) = [one for one in advice.shocks if one.shock == "prices -20%"]
    assert shock.unified.liquidated == ["unified"]
    assert shock.separated.liquidated == ["um"]
    assert [(one.asset, one.amount) for one in shock.unified_only_at_risk] == [("BTC", 1)]
    assert shock.unified_only_at_risk_usd == 40_000
    # Its margin needs cash that a smaller position leaves: then nothing is at risk.
    smaller = account({"BTCUSDT": 1}, spot={"BTC": 1}, um={"USDT": 60_000})
    assert advise(smaller, profile=SKILLED).verdict.code != "spot_at_risk"


def test_an_inexperienced_account_practises_first() -> None:
    new = {"age_days": 3, "futures_trades": 2}
    advice = advise(HEDGED, profile=new)
    assert (advice.verdict.code, advice.verdict.mode) == ("practise_separated", "separated")
    assert "account age 3 days (asked: 30 days)" in advice.verdict.says
    assert "futures trades 2 in 30 days (asked: 10 in 30 days)" in advice.verdict.says
    assert advise(HEDGED).verdict.code == "unified"
    assert advise(HEDGED).eligibility.unknown == [
        "KYC", "ACCOUNT_AGE", "FUTURES_TRADES", "FUTURES_VOLUME"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("days", "trades", "code"),
    [(30, 10, "unified"), (29, 10, "practise_separated"), (30, 9, "practise_separated")],
)
@pytest.mark.parametrize("rulebook", ["textbook", "okx_pm"])
def test_experience_has_edges_with_and_without_the_rulebooks(
    days: int, trades: int, code: str, rulebook: str
) -> None:
    """Where a rulebook asks for no experience the advice asks for as much as the textbook."""
    profile = {"age_days": days, "futures_trades": trades, "futures_volume": 10_000}
    advice = advise(HEDGED, rulebook=rulebook, profile=profile)
    practises = advice.verdict.code == "practise_separated"
    assert practises is (code == "practise_separated")


def test_a_merge_that_a_switch_would_refuse_is_no_advice() -> None:
    """A hedge of two products with so little equity that the pool starts at a margin call."""
    hedge = account({"BTCUSDT": 40, "ETHUSDT": -600, "BTCUSD_PERP": -1},
                    um={"USDT": 100_100}, cm={"BTC": "0.002"})  # fmt: skip
    advice = advise(hedge, profile=SKILLED)
    assert advice.verdict.code == "merge_unsafe"
    merged = margin(hedge, mode="unified").pools[0]
    assert merged.ratio <= 1.5
    assert f"{merged.ratio:.3f}" in advice.verdict.says


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
def test_every_sentence_carries_a_figure(path: Any, rulebook: str) -> None:
    advice = advise(path, rulebook=rulebook)
    for said in every_sentence(advice):
        assert re.search(r"\d", said), said
    assert len(advice.shocks) == 8


def test_figures_of_both_modes_are_those_of_the_calculator() -> None:
    for path in EXAMPLES:
        advice = advise(path)
        for mode in ("separated", "unified"):
            report = margin(path, mode=mode, rulebook=advice.rulebook)
            side = advice.margin[mode]
            for key in ("equity", "initial_margin", "maintenance_margin"):
                assert side[key] == report.total[key]


def test_shocks_are_the_calculators_what_ifs() -> None:
    from simulator.calculator.read import parse
    from simulator.calculator.what_if import moved
    from simulator.calculator.what_if import parse as moves

    document = parse(CONCENTRATED, "document")
    fallen = moved(document, moves("BTC=-20%,ETH=-20%"))
    shock = next(one for one in advise(CONCENTRATED).shocks if one.shock == "prices -20%")
    for mode in ("separated", "unified"):
        report = margin(fallen, mode=mode)
        after = sum(max(pool.equity, 0) for pool in report.pools)
        after += sum(row.value for row in report.outside)
        assert shock[mode].equity == pytest.approx(after)
        assert shock[mode].level == max(
            (pool.level for pool in report.pools),
            key=("NORMAL", "MARGIN_CALL", "REDUCE_ONLY", "LIQUIDATION", "BANKRUPT").index,
        )


def test_a_wallet_that_is_lost_takes_no_more_than_is_in_it() -> None:
    """8 BTC lose 120,000 at -30 %: 60,000 of the wallet, and 60,000 that others pay."""
    shock = next(one for one in advise(CONCENTRATED).shocks if one.shock == "prices -30%")
    assert shock.separated.lost == 60_000 + 15_000
    assert shock.separated.shortfall == 60_000
    assert shock.unified.lost == 110_000
    assert shock.unified.at_risk_usd == 60_000 + 35_000


def test_a_broken_correlation_moves_both_legs_against_the_account() -> None:
    pair = account({"BTCUSDT": 1, "ETHUSD_PERP": -5_000}, um={"USDT": 100_000}, cm={"ETH": 20})
    shock = next(one for one in advise(pair).shocks if one.shock == "correlation break")
    # BTC falls 5,000; ETH: 60,000 of collateral less 50,000 short are 10,000 long, and fall.
    assert shock.unified.lost == pytest.approx(5_000 + 1_000)
    assert shock.unified.lost == pytest.approx(shock.separated.lost)


def scaled(document: Document, k: int) -> Document:
    made = {**document, "balances": {}, "positions": []}
    for wallet, held in document["balances"].items():
        made["balances"][wallet] = {a: Decimal(str(x)) * k for a, x in held.items()}
    for one in document["positions"]:
        made["positions"].append({**one, "quantity": Decimal(str(one["quantity"])) * k})
    return made


@settings(max_examples=25, deadline=None)
@given(
    futures=st.integers(-30, 30),
    coins=st.integers(0, 30),
    cash=st.integers(1_000, 200_000),
    k=st.sampled_from([2, 3, 7]),
)
def test_scaling_scales_margins_and_keeps_the_verdict(
    futures: int, coins: int, cash: int, k: int
) -> None:
    """Below the notional from which concentration counts; ``small`` is the one rule of size."""
    document = account({"BTCUSDT": futures / 10}, spot={"BTC": coins / 10}, um={"USDT": cash})
    one, many = advise(document, profile=SKILLED), advise(scaled(document, k), profile=SKILLED)
    assert many.margin.saved == pytest.approx(k * one.margin.saved)
    assert many.margin.unified.initial_margin == pytest.approx(
        k * one.margin.unified.initial_margin
    )
    assert many.exposure.hedged == pytest.approx(one.exposure.hedged)
    for first, other in zip(one.shocks, many.shocks, strict=True):
        assert other.unified.level == first.unified.level
        assert other.separated.lost == pytest.approx(k * first.separated.lost)
    if one.verdict.rule != "small":
        assert many.verdict.rule == one.verdict.rule
    elif k * one.eligibility.net_assets < 100_000:
        assert many.verdict.rule == "small"


@settings(max_examples=25, deadline=None)
@given(
    long=st.integers(1, 20),
    steps=st.lists(st.integers(0, 100), min_size=2, max_size=2).map(sorted),
    market=st.sampled_from(["cm", "dated"]),
)
def test_adding_a_hedge_never_lowers_the_margin_saved(
    long: int, steps: list[int], market: str
) -> None:
    """Shares of a long position that a coin-margined short, or spot sold short, hedges."""

    def saved(share: int) -> float:
        if market == "cm":
            contracts = long * 500 * share // 100
            held = account({"BTCUSDT": long, "BTCUSD_PERP": -contracts}, um={"USDT": 10**6})
        else:
            spot = Decimal(long) * share / 100
            held = account({"BTCUSDT": -long}, spot={"BTC": spot}, um={"USDT": 10**6})
        return float(advise(held).margin.saved)

    less, more = (saved(share) for share in steps)
    assert more >= less - 1e-6


def test_moving_cash_between_wallets_changes_the_separated_side_only() -> None:
    apart = account({"BTCUSDT": -2}, spot={"BTC": 2, "USDT": 39_000}, um={"USDT": 1_000})
    one, other = advise(HEDGED), advise(apart)
    assert one.margin.unified == other.margin.unified
    assert [s.unified.level for s in one.shocks] == [s.unified.level for s in other.shocks]
    assert [s.separated.level for s in one.shocks] != [s.separated.level for s in other.shocks]
    worst = other.transfers
    assert worst.shock == "prices +20%"  # the wallet lacks more than after any other
    assert worst.separated.wallets[0].pool == "um"
    # 2 short lose 20,000 of 1,000, and need 12,000 at 60,000.
    assert worst.separated.usd == pytest.approx(19_000 + 12_000)
    assert worst.unified.usd == 0


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    ("nothing.yaml", {}, "nothing.yaml: no such file"),
    ({"positons": []}, {}, "did you mean 'positions'?"),
    (account({"BTCUSDT": 1}), {"rulebook": "binanze"}, "did you mean 'binance'?"),
    (account({"BTCUSDT": 1}), {"profile": {"kyc": "much"}}, "none, basic, advanced"),
    (account({"BTCUSDT": 1}), {"profile": {"age": 3}}, "profile age: unknown"),
    (account({"FOOUSDT": 1}), {}, "prices.index.FOO: missing"),
    ({**account({"BTCUSDT": 1}), "positions": [{"quantity": 1}]}, {}, "instrument: missing"),
]


@pytest.mark.parametrize(("source", "more", "message"), WRONG, ids=[text for *_, text in WRONG])
def test_mistakes_are_one_line(source: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        advise(source, **more)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
