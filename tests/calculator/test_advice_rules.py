"""Goal: the verdict is the first rule that holds, each edge where it is said, each with figures.

Method: a table of rules with both sides of every edge, on findings that are otherwise those of a
hedged account that the unified mode suits.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any, get_args

import pytest

from simulator.accounts.conditions import Condition
from simulator.calculator.advice_history import History
from simulator.calculator.advice_reasons import rushes
from simulator.calculator.advice_verdict import (
    CODES,
    Carried,
    Code,
    Danger,
    Findings,
    Rule,
    amounts,
    rule_of,
    sentence,
)

MET = Condition("UNIMMR_AFTER", True, "30.0000 (equity 120,000.00 USDT)", "above 1.5")
UNMET = replace(MET, met=False, have="1.5000 (equity 6,000.00 USDT)")
FEW = Condition("FUTURES_TRADES", False, "9 in 30 days", "10 in 30 days")

SUITED = Findings(
    products=("spot", "um"),
    net_assets=Decimal(120_000),
    asked=Decimal(100_000),
    separated=Decimal(8000),
    unified=Decimal(6000),
    merged=MET,
    hedged=Decimal("0.9"),
    largest=("BTC", Decimal("0.8")),
)

# saved is what the unified mode needs less of 8,000; danger: hedged share against the shock that
# is one; carried: whether a wallet is liquidated that the pool carries.
TABLE = """
    products net    saved hedged danger carried lacking liq merged rule          code
    spot,um  120000 2000  0.9    -      -       -       0   yes    hedged        unified
    spot,um  120000 800   0.9    -      -       -       0   yes    hedged        unified
    spot,um  120000 799   0.9    -      -       -       0   yes    no_gain       gains_little
    spot,um  120000 -500  0.9    -      -       -       0   yes    no_gain       gains_little
    spot,um  100000 2000  0.9    -      -       -       0   yes    hedged        unified
    spot,um  99999  2000  0.9    -      -       -       0   yes    small         gains_little
    um       120000 2000  0.9    -      -       -       0   yes    one_product   gains_little
    -        120000 2000  0.9    -      -       -       0   yes    one_product   gains_little
    um,cm    120000 2000  0.9    -      -       -       0   yes    hedged        unified
    spot,um  120000 0     0.9    -      yes     -       0   yes    carries       unified
    spot,um  120000 0     0.5    -      yes     -       0   yes    carries       unified
    spot,um  120000 0     0.49   -      yes     -       0   yes    no_gain       gains_little
    spot,um  120000 2000  0.9    0.5    -       -       0   yes    hedged        unified
    spot,um  120000 2000  0.9    0.49   -       -       0   yes    spot_at_risk  spot_at_risk
    um       5000   0     0.0    0.0    yes     -       0   yes    spot_at_risk  spot_at_risk
    spot,um  120000 2000  0.9    -      -       -       0   no     merge_unsafe  merge_unsafe
    um       120000 2000  0.9    -      -       -       0   no     one_product   gains_little
    spot,um  120000 2000  0.9    -      -       yes     0   yes    inexperienced practise_separated
    spot,um  120000 2000  0.9    -      -       -       1   yes    inexperienced practise_separated
    spot,um  120000 2000  0.0    0.0    -       yes     0   no     inexperienced practise_separated
"""
HEAD, *ROWS = [line.split() for line in TABLE.strip().splitlines()]


def found(row: dict[str, str]) -> Findings:
    products = () if row["products"] == "-" else tuple(row["products"].split(","))
    danger, carried = row["danger"], row["carried"] == "yes"
    return replace(
        SUITED,
        products=products,
        net_assets=Decimal(row["net"]),
        unified=Decimal(8000) - Decimal(row["saved"]),
        hedged=Decimal(row["hedged"]),
        dangers=()
        if danger == "-"
        else (Danger("prices -20%", Decimal(danger), Decimal(9000), Decimal("0.05"), "0.5 BTC"),),
        carried=(Carried("prices -10%", ("um",), Decimal(4)),) if carried else (),
        lacking=(FEW,) if row["lacking"] == "yes" else (),
        liquidations=int(row["liq"]),
        merged=MET if row["merged"] == "yes" else UNMET,
    )


@pytest.mark.parametrize("cells", ROWS, ids=[" ".join(row) for row in ROWS])
def test_row(cells: list[str]) -> None:
    row = dict(zip(HEAD, cells, strict=True))
    findings = found(row)
    rule = rule_of(findings)
    assert (rule, CODES[rule]) == (row["rule"], row["code"])
    said = sentence(findings, rule)
    assert re.search(r"\d", said)
    saved = abs(findings.saved)
    assert ("nothing saved (0.00 USD)" if saved == 0 else f"{saved:,.2f} USD") in said


def test_without_any_requirement_nothing_is_gained() -> None:
    flat = replace(SUITED, separated=Decimal(0), unified=Decimal(0))
    assert rule_of(flat) == "nothing"
    assert "0.00 USD unified and 0.00 USD separated" in sentence(flat, "nothing")
    assert rule_of(replace(flat, unified=Decimal("0.01"))) != "nothing"


def test_the_table_has_every_rule_and_verdict() -> None:
    rules = {row[HEAD.index("rule")] for row in ROWS} | {"nothing"}
    assert rules == set(get_args(Rule)) == set(CODES)
    assert {row[HEAD.index("code")] for row in ROWS} == set(get_args(Code))


def test_a_verdict_names_what_it_stands_on() -> None:
    danger = replace(
        SUITED,
        dangers=(Danger("prices -30%", Decimal("0.1"), Decimal(50_000), Decimal("0.4"), "1 BTC"),),
    )
    said = sentence(danger, "spot_at_risk")
    for figure in (
        "prices -30%",
        "1 BTC",
        "50,000.00 USD (40.0 % of the equity)",
        "10.0 %",
        "80.0 % of the net",
    ):
        assert figure in said
    few = sentence(replace(SUITED, lacking=(FEW,), liquidations=2), "inexperienced")
    assert "futures trades 9 in 30 days (asked: 10 in 30 days), liquidations 2" in few
    assert "1.5000" in sentence(replace(SUITED, merged=UNMET), "merge_unsafe")


LIVED = History(
    mode="separated", days=1, products=("um",), orders=20, trades=20, futures_trades=20,
    futures_volume=Decimal(0), transfers=0, margin_calls=0, liquidations=0, losses=4, opened=12,
    after_loss=3, start_equity=1e5, end_equity=1e5, worst_ratio=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("after", "opened", "hinted"),
    [(3, 12, True), (3, 13, False), (2, 4, False), (4, 12, True), (0, 0, False)],
)
def test_cool_off_from_so_many_and_so_large_a_share(after: int, opened: int, hinted: bool) -> None:
    lived: dict[str, Any] = {"after_loss": after, "opened": opened}
    assert rushes(replace(LIVED, **lived)) is hinted


def test_a_stake_of_a_twentieth_is_at_risk_and_less_is_not() -> None:
    danger = Danger("prices -30%", Decimal(0), Decimal(50_000), Decimal("0.05"), "1 BTC")
    assert rule_of(replace(SUITED, dangers=(danger,))) == "spot_at_risk"
    small = replace(danger, share=Decimal("0.0499"))
    assert rule_of(replace(SUITED, dangers=(small,))) == "hedged"
    assert rule_of(replace(SUITED, dangers=(small, danger))) == "spot_at_risk"


def test_many_assets_are_cut_short() -> None:
    held = {name: Decimal(1) for name in "ABCDEF"}
    assert amounts(held) == "1 A, 1 B, 1 C, 1 D, 2 more"
