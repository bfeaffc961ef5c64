"""Goal: bracket margin equals the venue's published figures and its own definition.

Method: published examples as literals with quote and source; both sides of every edge; the kernel
against Decimal on random tables.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.risk import kernels
from simulator.risk.brackets import (
    Bracket,
    bracket_columns,
    bracket_of,
    derive_brackets,
    maintenance_margin,
)
from simulator.rulebook.load import load

BINANCE = load("binance").margin_rules("unified").brackets
D = Decimal


def table(*rows: tuple[str, str, str, str]) -> tuple[Bracket, ...]:
    return derive_brackets([(D(a), D(b), D(c), D(d)) for a, b, c, d in rows])


@st.composite
def tables(draw: st.DrawFn) -> tuple[Bracket, ...]:
    count = draw(st.integers(1, 8))
    widths = draw(st.lists(st.integers(1, 10**7), min_size=count, max_size=count))
    rates = sorted(draw(st.sets(st.integers(1, 999), min_size=count, max_size=count)))
    rows, floor = [], 0
    for width, rate in zip(widths, rates, strict=True):
        rows.append((D(floor), D(floor + width), D(rate) / 1000, D(1)))
        floor += width
    return derive_brackets(rows)


def test_cum_of_level_3() -> None:
    """Quote: "the Maintenance Amount on Level 3 = 250,000 * (1% - 0.5%) + 50 USDT = 1,300 USDT".

    Source: binance.com/en-NG/support/faq/b3c689c1f50a44cabb3a84e663b81d93.
    """
    brackets = table(
        ("0", "50000", "0.004", "125"),
        ("50000", "250000", "0.005", "100"),
        ("250000", "1000000", "0.01", "50"),
    )
    assert [b.cum for b in brackets] == [0, 50, 1300]


def test_margin_is_marginal_by_tier() -> None:
    """Quote: "(1,000 x 2%) + (1,000 x 2.5%) + (1,000 x 3%) + (500 x 3.5%) = 92.5".

    Source: Bybit's help on tiered maintenance margin (fourbit.net/zh-MY/help-center/article/
    Maintenance-Margin-USDT-Contract), the same arithmetic.
    """
    brackets = table(
        ("0", "1000", "0.02", "25"),
        ("1000", "2000", "0.025", "25"),
        ("2000", "3000", "0.03", "25"),
        ("3000", "4000", "0.035", "25"),
        ("4000", "5000", "0.04", "25"),
    )
    assert maintenance_margin(D(100) * 35, brackets) == D("92.5")
    assert kernels.bracket_initial_margin(3500.0, 10.0) == 350.0


# Bracket that holds a notional of BTCUSDT: both sides of edges, and past the end.
EDGES = [
    ("0", "0.004"),
    ("299999.99", "0.004"),
    ("300000", "0.005"),
    ("799999.99", "0.005"),
    ("800000", "0.0065"),
    ("1199999999", "0.25"),
    ("1200000000", "0.5"),
    ("1800000000", "0.5"),
    ("9900000000", "0.5"),
]


@pytest.mark.parametrize(("notional", "mmr"), EDGES)
def test_bracket_of(notional: str, mmr: str) -> None:
    assert bracket_of(D(notional), BINANCE["BTCUSDT"]).mmr == D(mmr)


@pytest.mark.parametrize("symbol", sorted(BINANCE))
def test_margin_is_continuous_at_every_edge(symbol: str) -> None:
    brackets = BINANCE[symbol]
    for below, above in pairwise(brackets):
        at = below.cap
        assert at * below.mmr - below.cum == at * above.mmr - above.cum


@given(tables(), st.decimals(0, 10**8, places=2))
def test_margin_equals_the_sum_of_slices(brackets: tuple[Bracket, ...], notional: Decimal) -> None:
    slices = sum(
        (max(min(notional, b.cap) - b.floor, D(0)) * b.mmr for b in brackets),
        max(notional - brackets[-1].cap, D(0)) * brackets[-1].mmr,
    )
    assert maintenance_margin(notional, brackets) == slices


@given(
    st.lists(tables(), min_size=1, max_size=4),
    st.data(),
    st.decimals(0, 10**8, places=2),
)
def test_kernel_equals_decimal(
    choices: list[tuple[Bracket, ...]], data: st.DataObject, notional: Decimal
) -> None:
    by_symbol = {f"S{n}": brackets for n, brackets in enumerate(choices)}
    symbols = list(by_symbol)
    columns = bracket_columns(by_symbol, symbols)
    i = data.draw(st.integers(0, len(symbols) - 1))
    got = kernels.bracket_maintenance_margin(
        float(notional),
        columns.cap,
        columns.rate,
        columns.cum,
        columns.first[i],
        columns.first[i + 1],
    )
    expected = float(maintenance_margin(notional, by_symbol[symbols[i]]))
    assert abs(got - expected) <= 1e-9 * max(float(notional), float(choices[i][-1].cum), 1.0)


def test_columns_hold_the_symbols_in_the_order_asked() -> None:
    columns = bracket_columns(BINANCE, ["ETHUSDT", "BTCUSDT"])
    assert columns.first.tolist() == [0, 12, 24]
    assert columns.cap[4] == 50_000_000
    assert columns.cap[12 + 4] == 70_000_000
    assert columns.max_leverage[0] == 150
    with pytest.raises(KeyError):
        bracket_columns(BINANCE, ["NOPEUSDT"])


WRONG = [
    ([], "at least one row"),
    ([("1", "2", "0.1", "1")], "bracket 1: floor must be 0"),
    ([("0", "2", "0.1", "1"), ("3", "4", "0.2", "1")], "bracket 2: floor must be 2"),
    ([("0", "0", "0.1", "1")], "cap 0 must lie above"),
    ([("0", "2", "0.1", "1"), ("2", "4", "0.1", "1")], "bracket 2: mmr must lie above 0.1"),
    ([("0", "2", "1", "1")], "below 1"),
    ([("0", "2", "0.1", "11")], "max_leverage must lie between 1 and 1 / mmr = 10, not 11"),
]


@pytest.mark.parametrize(("rows", "message"), WRONG)
def test_a_broken_table_is_refused(rows: list[tuple[str, str, str, str]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table(*rows)
