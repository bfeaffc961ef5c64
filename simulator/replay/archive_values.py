"""Columns of strings as exact integers: decimals, ids, times, sides; mistakes by line and field.

Decimals become integers of 1e-8 without passing through a float.  A figure with more than 8
decimals is rounded half to even, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal

import polars as pl

from simulator.errors import InputError
from simulator.market.tape import LAST_NS
from simulator.replay.source import Issues, printable

INT64_MAX = 2**63 - 1

PLAIN = r"^-?[0-9]{1,10}(\.[0-9]{1,8})?$"
"""Decimals that are exact in 1e-8 and fit int64 whatever their digits."""

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")

EXACT = Context(prec=200)
"""Wide enough for any text that `exact_e8` accepts."""

TIME_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
"""Nanoseconds of each unit."""

TIME_FLOOR_NS, TIME_CAP_NS = 1_200_000_000 * 10**9, LAST_NS
"""2008-01-10 to 2103-02-04: within it a stamp's size tells its unit, as the ranges do not meet."""

BOOLEANS = {"true": 1, "false": 0, "1": 1, "0": 0}

SIDES = {"buy": 1, "sell": -1, "b": 1, "s": -1, "bid": 1, "ask": -1, "1": 1, "-1": -1}
"""What a side column may hold, in any case: +1 buy, -1 sell."""


@dataclass(slots=True)
class Fields:
    """Some lines of a file as columns of strings, under our names, with ``line`` numbers.

    ``labels`` gives the file's own name of each column, for messages.
    """

    name: str
    frame: pl.DataFrame
    labels: Mapping[str, str]
    issues: Issues
    time_unit: str | None = None
    _parsed: dict[str, pl.Series] = field(default_factory=dict)

    def has(self, column: str) -> bool:
        """Whether the file has this column."""
        return column in self.frame.columns

    def decimal(self, column: str, at_least: int | None = None) -> pl.Series:
        """Return a column in 1e-8; ``at_least`` (1e-8) is the smallest right value."""
        values = self._parsed.get(column)
        if values is None:
            values, rounded = decimals_e8(self.frame[column])
            right = "is no decimal number within ±92233720368.54775807"
            self.refuse(column, values.is_null(), right)
            self.issues.add("rounded_values", rounded, f"{self.name}, field {self.label(column)}")
            self._parsed[column] = values
        if at_least is not None:
            right = "must be above 0" if at_least else "must not be negative"
            self.refuse(column, values < at_least, right)
        return values

    def integer(self, column: str) -> pl.Series:
        """Return a column of ids: whole numbers of int64, not negative."""
        values = self._parsed.get(column)
        if values is None:
            values = self.frame[column].cast(pl.Int64, strict=False)
            self.refuse(column, values.is_null(), "is no whole number within 64 bits")
            self.refuse(column, values < 0, "must not be negative")
            self._parsed[column] = values
        return values

    def time(self, column: str) -> pl.Series:
        """Return a column of times in ns: numbers in the file's unit, or UTC text."""
        text = self.frame[column]
        numbers = text.cast(pl.Int64, strict=False)
        if numbers.null_count() and self.time_unit in (None, "s"):
            seconds = decimal_times_ns(text)
            if not seconds.null_count():
                return seconds
        if numbers.null_count() == len(numbers):
            values = text_times_ns(text)
            self.refuse(column, values.is_null(), "is no time such as 2024-01-31 23:59:59 (UTC)")
        else:
            self.refuse(column, numbers.is_null(), "is no whole number of a time")
            values = number_times_ns(numbers, self.time_unit)
            unit = self.time_unit or "s, ms, us or ns"
            self.refuse(
                column, values.is_null(), f"is no time in {unit} between 2008-01-10 and 2103-02-04"
            )
        return values

    def boolean(self, column: str) -> pl.Series:
        """Return a column of true/false, in any case."""
        return self.words(column, BOOLEANS, "must be true or false").cast(pl.Boolean)

    def side(self, column: str) -> pl.Series:
        """Return a column of sides as +1 (buy) and -1 (sell)."""
        return self.words(column, SIDES, "must be buy or sell")

    def keep(self, mask: pl.Series) -> None:
        """Keep only some lines."""
        self.frame = self.frame.filter(mask)
        self._parsed = {name: values.filter(mask) for name, values in self._parsed.items()}

    def line(self, row: int) -> str:
        """Return where a row stands, for messages."""
        return f"{self.name}, line {self.frame['line'][row]}"

    def label(self, column: str) -> str:
        """Return the file's own name of a column."""
        return printable(self.labels.get(column, column))

    def fail(self, column: str, row: int, right: str) -> InputError:
        """Return the error that says which line and field is wrong."""
        value = self.frame[column][row]
        shown = "is empty" if value is None else f"{str(value)[:60]!r} {right}"
        return InputError(f"{self.line(row)}, field {self.label(column)}: {shown}")

    def words(self, column: str, words: Mapping[str, int], right: str) -> pl.Series:
        """Return a column of words, in any case, as the numbers that ``words`` gives them."""
        values = (
            self.frame[column]
            .str.to_lowercase()
            .replace_strict(words, default=None, return_dtype=pl.Int8)
        )
        self.refuse(column, values.is_null(), right)
        return values

    def refuse(self, column: str, bad: pl.Series, right: str) -> None:
        """Raise `InputError` for the first line that is bad, if there is one."""
        if bad.any():
            first = bad.arg_max()
            assert first is not None
            raise self.fail(column, first, right)


def decimals_e8(text: pl.Series) -> tuple[pl.Series, int]:
    """Return decimal strings as integers of 1e-8, and how many had to be rounded.

    A string that is no finite decimal number or leaves int64 becomes null.

    >>> decimals_e8(pl.Series(["0.1", "-2.00000001", "1e-5", "x"]))[0].to_list()
    [10000000, -200000001, 1000, None]
    """
    plain = text.str.contains(PLAIN).fill_null(False)
    if plain.all():
        return _plain_e8(text), 0
    found = [exact_e8(value) for value in text.filter(~plain).to_list()]
    values = _plain_e8(pl.select(pl.when(plain).then(text)).to_series())
    others = pl.Series([pair[0] for pair in found], dtype=pl.Int64)
    return values.scatter((~plain).arg_true(), others), sum(pair[1] for pair in found)


def _plain_e8(text: pl.Series) -> pl.Series:
    return text.cast(pl.Decimal(38, 8)).to_physical().cast(pl.Int64)


def exact_e8(text: str | None) -> tuple[int | None, bool]:
    """Return a decimal string in 1e-8 and whether it was rounded; ``(None, False)`` if it is none.

    >>> exact_e8("0.000000015")
    (2, True)
    """
    if text is None or len(text) > 80 or not NUMBER.fullmatch(text):
        return None, False
    scaled = EXACT.scaleb(Decimal(text), 8)
    whole = int(EXACT.to_integral_value(scaled)) if scaled.is_finite() else INT64_MAX + 1
    if abs(whole) > INT64_MAX:
        return None, False
    return whole, scaled != whole


def number_times_ns(numbers: pl.Series, unit: str | None) -> pl.Series:
    """Return stamps in ns; without ``unit`` a stamp's size tells its own.  Wrong ones are null."""
    result = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(numbers))
    for name, factor in TIME_UNITS.items():
        if unit in (None, name):
            right = numbers.is_between(TIME_FLOOR_NS // factor, TIME_CAP_NS // factor)
            if right.all() and not numbers.null_count():
                return numbers * factor
            if not right.any():
                continue
            # zero where it is not this unit, as the product could leave int64
            scaled = pl.select(pl.when(right).then(numbers).otherwise(0)).to_series() * factor
            result = pl.select(pl.when(right).then(scaled).otherwise(result)).to_series()
    return result


def decimal_times_ns(text: pl.Series) -> pl.Series:
    """Return stamps in seconds with decimals in ns; others null."""
    seconds, _ = decimals_e8(text)
    right = seconds.is_between(TIME_FLOOR_NS // 10, TIME_CAP_NS // 10)
    return pl.select(pl.when(right).then(seconds).otherwise(None)).to_series() * 10


def text_times_ns(text: pl.Series) -> pl.Series:
    """Return UTC text such as ``2024-01-31 23:59:59.5`` or ``2024-01-31`` in ns; else null."""
    clean = text.str.replace("T", " ", literal=True).str.replace(r"(Z|\+00:?00| UTC)$", "")
    dates = clean.str.contains(r"^\d{4}-\d{2}-\d{2}$").fill_null(False)
    full = pl.select(pl.when(dates).then(clean + " 00:00:00").otherwise(clean)).to_series()
    times = full.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ns", strict=False)
    values = times.cast(pl.Int64)
    right = values.is_between(TIME_FLOOR_NS, TIME_CAP_NS)
    return pl.select(pl.when(right).then(values)).to_series()
