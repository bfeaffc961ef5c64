"""How figures are written: for readers, and for JSON."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

MISSING = "–"
"""What stands where a figure does not exist."""


def finite(value: float | Decimal | None) -> float | None:
    """Return a number that JSON can hold; ``None`` for none, NaN and infinities.

    >>> finite(Decimal("0.5")), finite(float("nan")), finite(None)
    (0.5, None, None)
    """
    if value is None or not math.isfinite(value):
        return None
    return float(value)


def amount(value: float | Decimal | None, digits: int = 2) -> str:
    """Write an amount with thousands separators.

    >>> amount(1234567.891), amount(-0.001), amount(None)
    ('1,234,567.89', '0.00', '–')
    """
    number = finite(value)
    if number is None:
        return MISSING
    text = f"{number:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def compact(value: float | None) -> str:
    """Write a large amount with three or four figures: thousands as they are, then M and B.

    >>> compact(1234.5), compact(999_999.0), compact(35_289_798.9), compact(2.5e9), compact(None)
    ('1,234', '999,999', '35.3 M', '2.50 B', '–')
    """
    number = finite(value)
    if number is None:
        return MISSING
    for scale, letter in ((1e9, "B"), (1e6, "M")):
        if abs(number) >= scale:
            digits = 2 if abs(number) < 10 * scale else 1
            return f"{number / scale:,.{digits}f} {letter}"
    return amount(number, 0)


def signed(value: float | Decimal | None, digits: int = 2) -> str:
    """Write an amount with its sign, for gains and losses.

    >>> signed(5.0), signed(-5.0), signed(0.0)
    ('+5.00', '-5.00', '0.00')
    """
    text = amount(value, digits)
    return f"+{text}" if text[0].isdigit() and text.strip("0.,") else text


def count(value: int | None) -> str:
    """Write a count with thousands separators."""
    return MISSING if value is None else f"{value:,}"


def utc(time_ns: int) -> str:
    """Write an instant, ns since 1970, in UTC to the second.

    >>> utc(1_700_000_000_000_000_000)
    '2023-11-14 22:13:20 UTC'
    """
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"


def rate(events: int, seconds: float) -> float | None:
    """Return events per second; ``None`` where no time was taken."""
    return events / seconds if seconds > 0 else None
