"""Numbers, times and words of a file are read exactly, and mistakes are named by line and field.

Decimals are compared with `decimal.Decimal` and `fractions.Fraction`; the other rules are tables.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.replay.archive_values import (
    Fields,
    decimals_e8,
    exact_e8,
    number_times_ns,
    text_times_ns,
)
from simulator.replay.source import Issues

SHORT = st.decimals(
    min_value=Decimal("-92233720368"), max_value=Decimal("92233720368"), places=8
).map(lambda value: f"{value:f}")

NUMBERS = st.one_of(
    SHORT,
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=12).map(lambda value: f"{value:f}"),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
)


def scaled(text: str) -> int | None:
    """Return what a decimal text is in 1e-8, by `Fraction`; None where int64 does not hold it."""
    value = round(Fraction(text) * 10**8)  # half to even
    return value if abs(value) < 2**63 else None


@given(st.lists(SHORT, min_size=1))
def test_decimals_with_eight_places_are_exact(texts: list[str]) -> None:
    values, rounded = decimals_e8(pl.Series(texts))
    assert values.to_list() == [int(Decimal(text).scaleb(8)) for text in texts]
    assert rounded == 0


@given(NUMBERS)
def test_any_number_is_what_fractions_say(text: str) -> None:
    assert decimals_e8(pl.Series([text]))[0].to_list() == [expected(text)]


def expected(text: str) -> int | None:
    """Return `scaled`, but none for exponents of three digits and more, which are refused."""
    _, _, exponent = text.lower().partition("e")
    if len(exponent.lstrip("+-")) > 2 or len(text) > 80:
        return None
    return scaled(text)


TABLE = """
    text                    value                 rounded
    0                       0                     no
    -0.0                    0                     no
    1                       100000000             no
    +1.50                   150000000             no
    .5                      50000000              no
    5.                      500000000             no
    1e-8                    1                     no
    1E+2                    10000000000           no
    0.000000001             0                     yes
    0.000000005             0                     yes
    0.000000015             2                     yes
    0.1000000000            10000000              no
    92233720368.54775807    9223372036854775807   no
    92233720368.54775808    none                  no
    -92233720368.54775807   -9223372036854775807  no
    9223372036854775808     none                  no
    1e99                    none                  no
    1e999                   none                  no
    nan                     none                  no
    inf                     none                  no
    1_000                   none                  no
    1,5                     none                  no
    0x10                    none                  no
    1.2.3                   none                  no
    --1                     none                  no
    ٣                       none                  no
"""


@pytest.mark.parametrize("row", [line.split() for line in TABLE.strip().splitlines()[1:]])
def test_decimal_row(row: list[str]) -> None:
    text, value, rounded = row
    known = None if value == "none" else int(value)
    assert exact_e8(text) == (known, rounded == "yes")
    values, count = decimals_e8(pl.Series([text]))
    assert values.to_list() == [known]
    assert count == (rounded == "yes")


def test_plain_and_other_decimals_mix_in_place() -> None:
    values, rounded = decimals_e8(pl.Series(["1", "1e-8", None, "2.5", "0.123456789", "x"]))
    assert values.to_list() == [100000000, 1, None, 250000000, 12345679, None]
    assert rounded == 1


TIMES = """
    stamp                unit   ns
    1704067200           auto   1704067200000000000
    1704067200000        auto   1704067200000000000
    1704067200000123     auto   1704067200000123000
    1704067200000000123  auto   1704067200000000123
    1704067200           s      1704067200000000000
    1704067200000        ms     1704067200000000000
    1704067200000        us     none
    1704067200000000     ms     none
    0                    auto   none
    -1                   auto   none
    9223372036854775807  auto   none
    1199999999           s      none
    1200000000           s      1200000000000000000
"""


@pytest.mark.parametrize("row", [line.split() for line in TIMES.strip().splitlines()[1:]])
def test_time_row(row: list[str]) -> None:
    stamp, unit, ns = row
    values = number_times_ns(pl.Series([int(stamp)]), None if unit == "auto" else unit)
    assert values.to_list() == [None if ns == "none" else int(ns)]


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2024-01-01 00:00:00", 1704067200000000000),
        ("2024-01-01T00:00:00Z", 1704067200000000000),
        ("2024-01-01 00:00:00.5+00:00", 1704067200500000000),
        ("2024-01-01", 1704067200000000000),
        ("2024-01-01 00:00:00.123456789", 1704067200123456789),
        ("2024-01-01 00:00:00+08:00", None),
        ("2024-02-30 00:00:00", None),
        ("yesterday", None),
        ("1970-01-01", None),
    ],
)
def test_text_time(text: str, ns: int | None) -> None:
    assert text_times_ns(pl.Series([text])).to_list() == [ns]


def fields(**columns: list[str | None]) -> Fields:
    height = len(next(iter(columns.values())))
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    frame = frame.with_columns(line=pl.int_range(7, 7 + height, dtype=pl.Int64))
    return Fields("x.csv", frame, {"price": "px"}, Issues())


def test_mistake_names_file_line_field_and_value() -> None:
    with pytest.raises(InputError, match=r"^x.csv, line 8, field px: 'abc' is no decimal number"):
        fields(price=["1", "abc", "also"]).decimal("price")
    with pytest.raises(InputError, match=r"^x.csv, line 7, field px: is empty$"):
        fields(price=[None]).decimal("price")
    with pytest.raises(InputError, match=r"line 8, field px: '-1' must be above 0$"):
        fields(price=["1", "-1"]).decimal("price", at_least=1)
    with pytest.raises(InputError, match=r"line 7, field id: '9223372036854775808' is no whole"):
        fields(id=["9223372036854775808"]).integer("id")
    with pytest.raises(InputError, match=r"line 7, field maker: 'yes' must be true or false"):
        fields(maker=["yes"]).boolean("maker")
    with pytest.raises(InputError, match=r"line 8, field side: 'long' must be buy or sell"):
        fields(side=["SELL", "long"]).side("side")
    with pytest.raises(InputError, match=r"line 8, field time: 'noon' is no whole number"):
        fields(time=["1704067200000", "noon"]).time("time")


def test_words_are_read_in_any_case() -> None:
    assert fields(maker=["true", "True", "FALSE", "0"]).boolean("maker").to_list() == [
        True,
        True,
        False,
        False,
    ]
    assert fields(side=["BUY", "sell", "Ask", "b"]).side("side").to_list() == [1, -1, -1, 1]


def test_seconds_with_decimals_are_exact() -> None:
    assert fields(time=["1675329600.138", "1675329600"]).time("time").to_list() == [
        1675329600138000000,
        1675329600000000000,
    ]
