"""Kinds of values that rulebook files are made of: exact numbers, never floats.

Files are read with decimal fractions kept as written (``0.1`` is one tenth), and a value such as
one third is written ``"1/3"``.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

RATE_UNITS = 10**8
"""Rates are integers of 1e-8 wherever money moves."""


DIGITS_MAX = 40
"""Most digits of a number, before and after the point; no rule of a venue has half as many.

A number such as 1e999999999 is short to write and takes gigabytes to be computed with.
"""


def _exact(value: object) -> object:
    if isinstance(value, float | bool):
        raise ValueError(f"must be a number, not {value}")
    if isinstance(value, int | str | Decimal):
        _bounded(value)
    return value


def _bounded(value: int | str | Decimal) -> None:
    """Raise ``ValueError`` for a number that is too long; what is no number is left to others."""
    try:
        number = Decimal(value)
    except ArithmeticError:
        return
    if not number.is_finite() or -DIGITS_MAX <= number.adjusted() < DIGITS_MAX:
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or exponent >= -DIGITS_MAX:
            return
    if number:
        raise ValueError(f"must have at most {DIGITS_MAX} digits either side, not {number:.6g}")


def _fraction(value: object) -> Fraction:
    if isinstance(value, int | str | Decimal | Fraction) and not isinstance(value, bool):
        for part in value.split("/") if isinstance(value, str) else [value]:
            if not isinstance(part, Fraction):
                _bounded(part)
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError, OverflowError):
            pass
    raise ValueError(f'must be a number or a fraction such as "1/3", not {value!r}')


def _share_of_e8(value: Decimal) -> Decimal:
    scaled = value * RATE_UNITS
    if scaled != scaled.to_integral_value():
        raise ValueError(f"must be a multiple of 0.00000001, not {value}")
    return value


def plain(value: Decimal | Fraction) -> str:
    """Return a number the way a person writes it: ``0.1``, ``300000``, ``1/3``.

    >>> plain(Decimal("3E+5")), plain(Fraction(1, 10)), plain(Fraction(1, 3))
    ('300000', '0.1', '1/3')
    """
    if isinstance(value, Fraction):
        decimal = Decimal(value.numerator) / Decimal(value.denominator)
        if Fraction(decimal) != value:
            return str(value)
        value = decimal
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def e8(rate: Decimal) -> int:
    """Return a rate in integer units of 1e-8."""
    return int(rate * RATE_UNITS)


_TEXT = PlainSerializer(plain, return_type=str)

Number = Annotated[Decimal, BeforeValidator(_exact), _TEXT]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Rate = Annotated[Number, Field(gt=-1, lt=1), AfterValidator(_share_of_e8)]
Ratio = Annotated[Fraction, BeforeValidator(_fraction), _TEXT]


def _by_default(value: object) -> object:
    """Accept a bare number as the entry ``default``."""
    return value if isinstance(value, dict) else {"default": value}


Table = Annotated[dict[str, Ratio], BeforeValidator(_by_default)]
"""Shares by underlying, asset or tier; ``default`` is the rest."""

Daily = Annotated[dict[str, Rate], BeforeValidator(_by_default)]
"""Rates by asset; ``default`` is the rest."""
